//! Certificates: what can be said of a flow without trusting a plot of it.
//!
//! The problem, in symbols. Given `ẋ = F(x)`, find a rate `c` and a norm with
//!
//! ```text
//! ‖x(t) − y(t)‖_P ≤ e^{−ct} ‖x(0) − y(0)‖_P     for all solutions x, y,
//! ```
//!
//! or a function `V` that never increases along any solution. A certificate is
//! a value: what was shown, for which set, in which norm, with which margin and
//! by which [`Argument`]. A sampled check never calls itself a proof.
//!
//! ```
//! use ebm_control::contraction::{Form, Verdict, symmetric_network};
//! use ebm_core::coupling::DenseCoupling;
//!
//! // Eigenvalues 0.8 and −0.4: any network with these weights and slopes in
//! // [0, 1] contracts at rate 1 − 0.8.
//! let weights = DenseCoupling::from_column_major(2, vec![0.2, 0.6, 0.6, 0.2])?;
//! let Verdict::Contracting(certificate) = symmetric_network(&weights, 1.0, Form::FiringRate)?
//! else { panic!("not contracting") };
//! assert!((certificate.rate - 0.2).abs() < 1e-12);
//! # Ok::<(), ebm_control::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod contraction;
mod error;
pub mod log_norm;
pub mod lyapunov_descent;

pub use ebm_core;
pub use error::Error;

/// By which kind of argument a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// A theorem whose hypothesis was checked by an eigenvalue computation, up
    /// to the rounding of that computation.
    Eigenvalue,
    /// The property held at every sampled point; nothing is claimed between.
    Sampled,
}
