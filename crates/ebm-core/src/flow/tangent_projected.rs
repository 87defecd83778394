//! Gradient flow projected on the tangent cones of a box.
//!
//! ```text
//! ẋ = Π_{T_C(x)}(−∇E(x)),      Ė = −‖ẋ‖²
//! ```
//!
//! A component at a bound moves only inward. The right-hand side is
//! discontinuous at the bounds: use a fixed-step method and project after each
//! step, or the globally [`Projected`](super::Projected) form.
//!
//! Source: A. Nagurney and D. Zhang, *Projected Dynamical Systems* (1996).

use crate::prox::BoxConstraint;
use crate::{Batch, BatchMut, Energy, Error, Gradient, Lyapunov, VectorField, Workspace, validate};

/// Steepest descent of `E` inside a box.
///
/// ```
/// use ebm_core::{VectorField, flow::TangentProjected, problems::DoubleWell, prox::BoxConstraint};
/// let cube = BoxConstraint::cube(2, -0.5, 0.5)?;
/// let flow = TangentProjected::new(DoubleWell { dim: 2 }, cube)?;
/// // The first coordinate is at its bound and pushes outward.
/// assert_eq!(flow.eval_at(0.0, &[0.5, 0.25]), [0.0, 0.234375]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TangentProjected<E> {
    energy: E,
    set: BoxConstraint,
}

impl<E: Gradient> TangentProjected<E> {
    /// The flow of `energy` in the box `set`.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn new(energy: E, set: BoxConstraint) -> Result<Self, Error> {
        validate::dimension("box", energy.dim(), set.dim())?;
        Ok(Self { energy, set })
    }

    /// Turns the gradient at `x` into the velocity.
    fn project(&self, x: &[f64], gradient: &mut [f64]) {
        for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
            let outward =
                *x <= self.set.lower()[i] && *g > 0.0 || *x >= self.set.upper()[i] && *g < 0.0;
            *g = if outward { 0.0 } else { -*g };
        }
    }
}

impl<E: Gradient> VectorField for TangentProjected<E> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.energy.gradient(x, dx, ws);
        self.project(x, dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        self.energy.gradient_batch(x, dx.reborrow(), ws);
        for (x, dx) in x.columns().zip(dx.columns_mut()) {
            self.project(x, dx);
        }
    }
}

impl<E: Gradient> Lyapunov for TangentProjected<E> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.energy.energy(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (dx, ws) = ws.take(x.len());
        self.eval(0.0, x, dx, ws);
        -dx.iter().map(|v| v * v).sum::<f64>()
    }
}
