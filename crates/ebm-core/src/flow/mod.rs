//! Flows: the ways an energy becomes a vector field.

mod gradient_flow;

pub use gradient_flow::GradientFlow;
