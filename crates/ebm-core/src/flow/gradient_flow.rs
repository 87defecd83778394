//! Gradient flow.
//!
//! ```text
//! ẋ = −∇E(x),      Ė = −‖∇E(x)‖²
//! ```

use crate::{Batch, BatchMut, Curvature, Gradient, Jacobian, Lyapunov, VectorField, Workspace};

use super::negate;

/// Steepest descent in continuous time on the energy `E`.
///
/// ```
/// use ebm_core::{problems::DoubleWell, flow::GradientFlow, VectorField};
/// let flow = GradientFlow(DoubleWell::default());
/// assert_eq!(flow.eval_at(0.0, &[2.0]), [-6.0]); // −(x³ − x)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientFlow<E>(pub E);

impl<E: Gradient> VectorField for GradientFlow<E> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.0.gradient(x, dx, ws);
        negate(dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        self.0.gradient_batch(x, dx.reborrow(), ws);
        negate(dx.as_mut_slice());
    }
}

impl<E: Curvature> Jacobian for GradientFlow<E> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.0.hessian_vec(x, v, out, ws);
        negate(out);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        // The Hessian is symmetric.
        self.jvp(t, x, v, out, ws);
    }
    fn jacobian(&self, _t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.0.hessian(x, out, ws);
        negate(out);
    }
}

impl<E: Gradient> Lyapunov for GradientFlow<E> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.0.energy(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (gradient, ws) = ws.take(x.len());
        self.0.gradient(x, gradient, ws);
        -gradient.iter().map(|g| g * g).sum::<f64>()
    }
}
