//! Integration tests, one binary; one module per concept.

mod contract;
mod coupling;
mod coupling_input;
mod network;
mod problems;
mod sde;
mod stiff;
mod support;
