//! Ordinary differential equations `ẋ = F(t, x)`.

mod stepper;

pub use stepper::{Attempt, Context, Stepper, Tolerance};
