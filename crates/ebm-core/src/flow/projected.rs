//! Globally projected gradient flow.
//!
//! ```text
//! ẋ = −x + Π_C(x − γ∇E(x)),      Ė = ∇E·ẋ ≤ −‖ẋ‖²/γ  on C
//! ```
//!
//! The proximal flow with `g` the indicator of the convex set `C`; continuous,
//! unlike the form projected on tangent cones.
//!
//! Source: Y. S. Xia and J. Wang, IEEE Trans. Neural Networks 11 (2000); T. L.
//! Friesz et al., Operations Research 42 (1994).

use crate::prox::{Indicator, ProxJacobian};
use crate::{
    Batch, BatchMut, Curvature, Error, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
};

use super::Proximal;

/// The globally projected flow of `E` on the set `C`, which is invariant and
/// attracts solutions from outside. Its Lyapunov function is `E` on `C` and
/// `+∞` outside.
///
/// ```
/// use ebm_core::{VectorField, flow::Projected, problems::DoubleWell, prox::NonNegative};
/// let flow = Projected::new(DoubleWell { dim: 1 }, NonNegative { dim: 1 }, 0.5)?;
/// assert_eq!(flow.eval_at(0.0, &[0.0]), [0.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Projected<E, S>(Proximal<E, S>);

impl<E: Gradient, S: Indicator> Projected<E, S> {
    /// The flow of `energy` on `set`, with gradient steps of `gamma > 0` before
    /// the projection.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::Parameter`].
    pub fn new(energy: E, set: S, gamma: f64) -> Result<Self, Error> {
        Proximal::new(energy, set, gamma).map(Self)
    }

    /// `E`.
    #[must_use]
    pub fn energy(&self) -> &E {
        self.0.smooth()
    }

    /// The indicator of `C`.
    #[must_use]
    pub fn set(&self) -> &S {
        self.0.nonsmooth()
    }
}

impl<E: Gradient, S: Indicator> VectorField for Projected<E, S> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.0.eval(t, x, dx, ws);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, dx: BatchMut<'_>, ws: &mut Workspace) {
        self.0.eval_batch(t, x, dx, ws);
    }
}

impl<E: Curvature, S: Indicator + ProxJacobian> Jacobian for Projected<E, S> {
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.0.jvp(t, x, v, out, ws);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.0.vjp(t, x, v, out, ws);
    }
}

impl<E: Gradient, S: Indicator> Lyapunov for Projected<E, S> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.0.lyapunov(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.0.lyapunov_rate(x, ws)
    }
}
