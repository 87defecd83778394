//! Integrators of ordinary differential equations.

mod allocation;
mod bad_input;
mod batch;
mod dense_output;
mod events;
mod fields;
mod orders;
mod outcomes;
mod statistics;
