//! Integration tests, one binary; one module per concept.

mod sde;
