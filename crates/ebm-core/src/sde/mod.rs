//! Stochastic differential equations.
//!
//! ```text
//! dx = F(t, x) dt + G(t, x) dW
//! ```
//!
//! The equation is a [`Diffusion`](crate::Diffusion), the method a [`Scheme`],
//! the noise a [`BrownianPath`] that is a function of the seed and the number of
//! the trajectory. Refining the step keeps the path, so that errors along a path
//! can be measured; the number of threads does not change a bit.
//!
//! | scheme | equation | strong order | weak order | drifts a step |
//! |---|---|---|---|---|
//! | [`EulerMaruyama`] | Itô | 0.5; 1 for additive noise | 1 | 1 |
//! | [`StochasticHeun`] | Stratonovich | 1; 0.5 for non-commuting noise | 1; 2 for additive noise | 2 |
//! | [`StochasticRungeKutta`] | additive noise | 1.5 | 2 | 2 |

mod block;
mod brownian;
mod euler_maruyama;
mod integrate;
mod options;
mod scheme;
mod stochastic_heun;
mod stochastic_runge_kutta;

pub use brownian::{BrownianPath, MAX_LEVEL};
pub use euler_maruyama::EulerMaruyama;
pub use integrate::{BatchSolution, Solution, integrate, integrate_batch};
pub use options::Options;
pub use scheme::{Increment, Scheme};
pub use stochastic_heun::StochasticHeun;
pub use stochastic_runge_kutta::StochasticRungeKutta;
