//! Boltzmann machines: sampling, contrastive divergence, likelihood.
#![forbid(unsafe_code)]
