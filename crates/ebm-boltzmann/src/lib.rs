//! Boltzmann machines: sampling, contrastive divergence, likelihood.
//!
//! The problem, in symbols. Given data `v₁ … v_R`, find an energy whose Gibbs
//! distribution makes them likely, and draw from it:
//!
//! ```text
//! P(v) = e^{−F(v)} / Z,      maximize (1/R) Σ_r ln P(v_r),      v ~ P
//! ```
//!
//! - [`Rbm`]: the machine; its free energy is an [`Energy`](ebm_core::Energy).
//! - [`GibbsChains`]: block Gibbs sampling of many chains.
//! - [`ContrastiveDivergence`], [`Training`]: learning by CD-k.
//! - [`ExactLikelihood`]: `ln Z`, likelihood and gradient by enumeration.
//! - [`bars_and_stripes()`]: a data set small enough for all of it to be exact.
//!
//! ```
//! use ebm_boltzmann::{GibbsChains, Rbm};
//!
//! // Two units tied by a hidden one agree in most samples.
//! let rbm = Rbm::new(vec![6.0, 6.0], vec![-3.0, -3.0], vec![-6.0])?;
//! let mut chains = GibbsChains::uniform(&rbm, 500, 1)?;
//! chains.sweep(&rbm, 30)?;
//! let equal = chains.visible().columns().filter(|v| v[0] == v[1]).count();
//! assert!(equal > 400);
//! # Ok::<(), ebm_boltzmann::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod bars_and_stripes;
pub mod contrastive_divergence;
mod error;
pub mod gibbs;
pub mod partition_function;
pub mod rbm;

pub use bars_and_stripes::{Multiplicity, bars_and_stripes};
pub use contrastive_divergence::{ContrastiveDivergence, EpochReport, Training, TrainingState};
pub use ebm_core;
pub use ebm_core::Batch;
pub use error::Error;
pub use gibbs::GibbsChains;
pub use partition_function::{ExactLikelihood, MAX_UNITS};
pub use rbm::{Layer, Rbm, RbmGradient};
