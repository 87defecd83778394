//! The double well, the smallest energy with two memories.
//!
//! ```text
//! E(x) = Σᵢ xᵢ⁴/4 − xᵢ²/2
//! ```

use crate::{Batch, BatchMut, Curvature, Energy, Gradient, Workspace};

/// The separable double well `E(x) = Σᵢ xᵢ⁴/4 − xᵢ²/2`, minima at `±1` in every
/// coordinate with energy `−1/4` each, saddles and the maximum at 0.
///
/// ```
/// use ebm_core::{Energy, Gradient, problems::DoubleWell};
/// assert_eq!(DoubleWell { dim: 2 }.energy_at(&[1.0, -1.0]), -0.5);
/// assert_eq!(DoubleWell { dim: 2 }.gradient_at(&[1.0, -1.0]), [0.0, 0.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubleWell {
    /// Number of coordinates.
    pub dim: usize,
}

impl Default for DoubleWell {
    /// One coordinate.
    fn default() -> Self {
        Self { dim: 1 }
    }
}

impl Energy for DoubleWell {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        x.iter().map(|x| x * x * (0.25 * x * x - 0.5)).sum()
    }
}

impl Gradient for DoubleWell {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (x, g) in x.iter().zip(out) {
            *g = x * x * x - x;
        }
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.gradient(x.as_slice(), out.as_mut_slice(), ws);
    }
}

impl Curvature for DoubleWell {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for ((x, v), h) in x.iter().zip(v).zip(out) {
            *h = (3.0 * x * x - 1.0) * v;
        }
    }
}
