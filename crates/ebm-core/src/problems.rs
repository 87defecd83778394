//! Test problems with known answers, shared by tests, benchmarks and docs.

use crate::{Curvature, Energy, Gradient, Workspace};

/// The separable double well `E(x) = Σᵢ xᵢ⁴/4 − xᵢ²/2`, minima at `±1` in every
/// coordinate with energy `−1/4` each, saddles and the maximum at 0.
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
}

impl Curvature for DoubleWell {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for ((x, v), h) in x.iter().zip(v).zip(out) {
            *h = (3.0 * x * x - 1.0) * v;
        }
    }
}
