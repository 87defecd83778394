//! Ordinary differential equations `ẋ = F(t, x)`.

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
