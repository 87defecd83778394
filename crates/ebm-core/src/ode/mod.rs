//! Ordinary differential equations.
//!
//! ```text
//! ẋ = F(t, x),    x(t₀) = x₀,    t₀ ≤ t ≤ t_end
//! ```
//!
//! Four values meet in a run: the problem (a [`VectorField`](crate::VectorField),
//! a span and an initial state), the method (a [`Stepper`], which also holds
//! its stage memory), the [`Options`], and the [`Solution`] that comes back.
//! [`integrate`] runs one trajectory; [`integrate_watched`] also samples it,
//! locates events on it and shows it to an observer; [`integrate_batch`]
//! advances many together, with one matrix product per stage.
//!
//! # Which method
//!
//! | Problem | Method |
//! |---|---|
//! | smooth, `rtol` from 1e-4 to 1e-8 | [`TSITOURAS`]; [`DORMAND_PRINCE`] to compare with other systems |
//! | smooth, `rtol` of 1e-8 and below, or few samples | [`DOP853`] |
//! | kinks (rectified units, projections), `rtol` of 1e-3 | [`BOGACKI_SHAMPINE`] |
//! | stiff: time scales far apart, or steps limited by stability | [`Rosenbrock`]; [`Sdirk`] where the Jacobian is dear |
//! | fast leak and slow input, `ẋ = −Λx + g` | [`ExponentialEuler`] |
//! | the energy must not rise at any step size | [`DiscreteGradient`], [`ItohAbe`] |
//! | a prescribed time grid | [`RUNGE_KUTTA4`], [`HEUN`], [`EULER`] with [`StepSize::Fixed`] |
//!
//! An explicit method that needs far more steps than the solution has features
//! has met a stiff problem. An *equilibrium* is not found by integrating until
//! nothing moves: error control keeps an explicit method at its stability
//! boundary there. [`SteadyState`] ends a run that has arrived.
//!
//! # Step control
//!
//! A step is accepted when the root mean square of its error estimate, in units
//! of the [`Tolerance`], is at most one; the next step follows from this error
//! and the one before. Sampled output comes from the dense output of the
//! method: it never shortens a step, does not change the trajectory, and at the
//! end of the span has the bits of the final state.
//!
//! What goes wrong numerically (a state that diverges, a step at the rounding
//! of `t`, a budget that runs out) is the [`Outcome`](crate::Outcome) of the
//! run and leaves the last good state in the solution. Errors are for input
//! that cannot be run.

mod batch;
mod bogacki_shampine;
mod combination;
mod discrete_gradient;
mod dop853;
mod dormand_prince;
mod euler;
mod event;
#[cfg(test)]
mod explicit_order_conditions;
mod explicit_runge_kutta;
mod exponential_euler;
mod heun;
mod integrate;
mod itoh_abe;
mod options;
#[cfg(test)]
mod order_conditions;
mod progress;
mod rosenbrock;
mod runge_kutta4;
mod sdirk;
mod solution;
mod steady_state;
mod step_control;
mod stepper;
mod tsitouras;

pub use batch::{BatchControl, integrate_batch, integrate_batch_sampled};
pub use bogacki_shampine::BOGACKI_SHAMPINE;
pub use discrete_gradient::DiscreteGradient;
pub use dop853::DOP853;
pub use dormand_prince::DORMAND_PRINCE;
pub use euler::EULER;
pub use event::{Crossing, Direction, Event};
pub use explicit_runge_kutta::{ExplicitRungeKutta, Tableau};
pub use exponential_euler::{ExponentialEuler, ExponentialRungeKutta, Leaky};
pub use heun::HEUN;
pub use integrate::{integrate, integrate_watched};
pub use itoh_abe::ItohAbe;
pub use options::{Options, StepSize};
pub use rosenbrock::Rosenbrock;
pub use runge_kutta4::RUNGE_KUTTA4;
pub use sdirk::{NewtonOptions, Sdirk};
pub use solution::{Solution, Watch};
pub use steady_state::{Norm, SteadyState};
pub use stepper::{Attempt, Context, Stepper, Tolerance};
pub use tsitouras::TSITOURAS;
