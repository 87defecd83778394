//! Ising machines, proximal flows and relaxation-based learning.
#![forbid(unsafe_code)]
