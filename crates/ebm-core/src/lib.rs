//! Energies, vector fields, couplings, integrators and random streams: the
//! foundation of the `ebm` crates.
//!
//! The problem, in symbols. Given an energy `E : ℝⁿ → ℝ` (or a vector field
//! `F`), compute by letting a state flow downhill,
//!
//! ```text
//! dx = −M ∇E(x) dt + √(2T) dW,      Ė = −∇Eᵀ M ∇E ≤ 0  at T = 0,
//! ```
//!
//! with one trait per level of knowledge: [`Energy`], [`Gradient`],
//! [`Curvature`] for energies; [`VectorField`], [`Jacobian`], [`Diffusion`],
//! [`Lyapunov`] for flows; [`Prox`] for non-smooth terms; [`Coupling`] for the
//! symmetric matrices inside them.
#![deny(unsafe_code)]

mod batch;
pub mod check;
pub mod coupling;
mod energy;
pub mod equilibrium;
mod error;
mod field;
pub mod flow;
pub mod lagrangian;
pub mod linalg;
pub mod network;
pub mod npy;
pub mod observer;
pub mod ode;
pub mod problems;
pub mod prox;
pub mod random;
mod real;
mod report;
pub mod sde;
pub mod statistics;
pub mod transform;
pub mod validate;
mod vector;
pub mod vector_math;
mod workspace;

pub use batch::{Batch, BatchMut};
pub use coupling::Coupling;
pub use energy::{Curvature, Energy, Gradient};
pub use error::Error;
pub use faer;
pub use field::{Diffusion, Jacobian, Lyapunov, NoiseKind, VectorField};
pub use observer::{Observer, Snapshot};
pub use prox::Prox;
pub use real::Real;
pub use report::{Outcome, Stats};
pub use workspace::Workspace;
