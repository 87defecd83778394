//! Integration tests, one binary; one module per concept.

mod contract;
mod coupling;
mod coupling_input;
mod discrete_gradient;
mod equilibrium;
mod flow;
mod lagrangian;
mod network;
mod ode;
mod problems;
mod prox;
mod sde;
mod stiff;
mod support;
mod transform;
