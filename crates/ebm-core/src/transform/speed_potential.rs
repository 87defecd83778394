//! The speed potential of a vector field.
//!
//! ```text
//! E(x) = ½ ‖F(x)‖²,      ∇E = JᵀF,      E = 0 exactly at equilibria
//! ```
//!
//! It turns the search for equilibria and slow points of any field, stable or
//! not, into minimization.
//!
//! Source: D. Sussillo and O. Barak, Neural Computation 25, 626 (2013).

use crate::{Batch, BatchMut, Energy, Gradient, Jacobian, Workspace};

/// `½ ‖F(0, x)‖²` of an autonomous field. Its Hessian needs second derivatives
/// of `F`; [`gauss_newton_vec`](Self::gauss_newton_vec) is the part that does
/// not.
///
/// ```
/// use ebm_core::{Energy, flow::GradientFlow, problems::DoubleWell, transform::SpeedPotential};
/// let speed = SpeedPotential(GradientFlow(DoubleWell { dim: 1 }));
/// assert_eq!(speed.energy_at(&[0.0]), 0.0); // the saddle of the double well
/// assert_eq!(speed.energy_at(&[2.0]), 18.0); // ½ (8 − 2)²
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeedPotential<F>(pub F);

impl<F: Jacobian> SpeedPotential<F> {
    /// Writes `JᵀJ v` to `out`: positive semidefinite, and equal to the Hessian
    /// where `F = 0`.
    pub fn gauss_newton_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (product, ws) = ws.take(x.len());
        self.0.jvp(0.0, x, v, product, ws);
        self.0.vjp(0.0, x, product, out, ws);
    }
}

fn half_square(velocity: &[f64]) -> f64 {
    0.5 * velocity.iter().map(|v| v * v).sum::<f64>()
}

impl<F: Jacobian> SpeedPotential<F> {
    /// Writes `F` of every column to `velocities`.
    fn velocities(&self, x: Batch<'_>, velocities: &mut [f64], ws: &mut Workspace) {
        let (times, ws) = ws.take(x.count());
        times.fill(0.0);
        self.0.eval_batch(times, x, BatchMut::view(velocities, x.dim()), ws);
    }
}

impl<F: Jacobian> Energy for SpeedPotential<F> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (velocity, ws) = ws.take(x.len());
        self.0.eval(0.0, x, velocity, ws);
        half_square(velocity)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (velocities, ws) = ws.take(x.as_slice().len());
        self.velocities(x, velocities, ws);
        for (velocity, out) in velocities.chunks_exact(x.dim()).zip(out) {
            *out = half_square(velocity);
        }
    }
}

impl<F: Jacobian> Gradient for SpeedPotential<F> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (velocities, ws) = ws.take(x.as_slice().len());
        self.velocities(x, velocities, ws);
        let columns = x.columns().zip(velocities.chunks_exact(x.dim())).zip(out.columns_mut());
        for ((x, velocity), out) in columns {
            self.0.vjp(0.0, x, velocity, out, ws);
        }
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (velocity, ws) = ws.take(x.len());
        self.0.eval(0.0, x, velocity, ws);
        self.0.vjp(0.0, x, velocity, out, ws);
        half_square(velocity)
    }
}
