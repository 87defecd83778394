//! Lagrangians: convex functions of a layer's state whose gradient is its
//! activation.
//!
//! ```text
//! g = ∂L(x)/∂x,      ∇²L(x) ⪰ 0
//! ```
//!
//! | Lagrangian | activation |
//! |---|---|
//! | [`Elementwise`] linear: `½Σxᵢ²` | `x` |
//! | [`Elementwise`] rectified power: `(1/n)Σ max(xᵢ,0)ⁿ` | `max(x,0)^{n−1}` |
//! | [`Elementwise`] tanh: `(1/β)Σ ln cosh βxᵢ` | `tanh βx` |
//! | [`Elementwise`] logistic: `(1/β)Σ ln(1 + e^{βxᵢ})` | `1/(1 + e^{−βx})` |
//! | [`LogSumExp`]: `(1/β) ln Σ e^{βxᵢ}` | `softmax(βx)` |
//! | [`Spherical`]: `γ √(‖x‖² + ε)` | `γ x / √(‖x‖² + ε)` |
//! | [`LayerNorm`]: `nγ √(var(x) + ε) + δ·x` | `γ (x − x̄)/√(var(x) + ε) + δ` |
//!
//! [`Replicated`] has one of them for each of several groups of units.
//!
//! Source: D. Krotov and J. J. Hopfield, arXiv:2008.06996; the catalogue as in
//! B. Hoover et al., arXiv:2306.05736.

mod elementwise;
mod layer_norm;
mod log_sum_exp;
mod replicated;
mod spherical;

pub use elementwise::Elementwise;
pub use layer_norm::LayerNorm;
pub use log_sum_exp::LogSumExp;
pub use replicated::Replicated;
pub use spherical::Spherical;

use crate::Curvature;

/// A convex energy of a layer: its value is `L(x)`, its gradient the activation
/// `g`, its Hessian positive semidefinite.
pub trait Lagrangian: Curvature {}

impl<L: Lagrangian + ?Sized> Lagrangian for &L {}
