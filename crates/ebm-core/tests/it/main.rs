//! Integration tests, one binary; one module per concept.

mod coupling;
mod coupling_input;
mod sde;
