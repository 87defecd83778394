//! Checks that a model's own author can run on it: derivatives against finite
//! differences, observed orders of convergence, descent along a trajectory.
//!
//! Every check measures and returns what it found; none decides for the caller
//! what is good enough, and none panics.

mod convergence_order;
mod descent;
pub mod finite_difference;

pub use convergence_order::{Order, observed_order, order_of};
pub use descent::{Descent, descent, energy_descent, lyapunov_descent};
pub use finite_difference::Deviation;
