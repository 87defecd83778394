//! Integration tests, one binary; one module per concept.

mod dense_associative_memory;
mod hopfield;
mod layered;
