//! Stochastic differential equations.
//!
//! ```text
//! dx = F(t, x) dt + G(t, x) dW
//! ```
//!
//! The equation is a [`Diffusion`](crate::Diffusion), the method a [`Scheme`],
//! the noise a [`BrownianPath`] that is a function of the seed and the number of
//! the trajectory. Refining the step keeps the path, so that errors along a path
//! can be measured; the number of threads does not change a bit. Initial states
//! may be drawn from [`random::stream`](crate::random::stream) with the same seed
//! and number: the path leaves the first 2⁶⁰ words of the stream alone.
//!
//! Sampling a double well at temperature 0.3:
//!
//! ```
//! use ebm_core::sde::{self, Options, StochasticRungeKutta};
//! use ebm_core::{Batch, flow::Langevin, problems::DoubleWell};
//!
//! let field = Langevin::new(DoubleWell::default(), 0.3)?;
//! let (scheme, walkers) = (StochasticRungeKutta, [1.0; 4000]);
//! let options = Options { step: 0.05, seed: 7, ..Options::default() };
//! let x0 = Batch::new(&walkers, 1)?;
//! let end = sde::integrate_batch(&field, &scheme, (0.0, 10.0), x0, &options, |_| ())?;
//!
//! let square = end.x.iter().map(|x| x * x).sum::<f64>() / 4000.0;
//! assert!((square - 0.8405).abs() < 0.042); // quadrature, 4 standard errors
//! # Ok::<(), ebm_core::Error>(())
//! ```
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
