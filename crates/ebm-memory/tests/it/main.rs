//! Integration tests, one binary; one module per concept.

mod dense_associative_memory;
mod hopfield;
mod input_driven_plasticity;
mod layered;
