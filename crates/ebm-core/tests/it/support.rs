//! What several modules of the tests share.

use ebm_core::random::stream;
use ebm_core::{Batch, BatchMut, Coupling, Workspace};
use rand_distr::{Distribution, StandardNormal};

/// A dense symmetric matrix by plain loops: the oracle couplings are tested
/// against.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    pub(crate) dim: usize,
    pub(crate) entries: Vec<f64>,
}

impl Plain {
    /// Gaussian entries, scaled so that the spectral radius is near `radius`.
    pub(crate) fn random(dim: usize, radius: f64, seed: u64) -> Self {
        let raw = normals(dim * dim, seed);
        let scale = radius / (2.0 * dim as f64).sqrt() / 2.0_f64.sqrt();
        let entries =
            (0..dim * dim).map(|k| scale * (raw[k] + raw[k % dim * dim + k / dim])).collect();
        Self { dim, entries }
    }
}

impl Coupling for Plain {
    fn dim(&self) -> usize {
        self.dim
    }
    fn apply(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (i, o) in out.iter_mut().enumerate() {
            *o = self.row_dot(i, x);
        }
    }
    fn apply_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        for (x, out) in x.columns().zip(out.columns_mut()) {
            self.apply(x, out, ws);
        }
    }
    fn row(&self, i: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.entries[i * self.dim..(i + 1) * self.dim]);
    }
    fn row_dot(&self, i: usize, x: &[f64]) -> f64 {
        self.entries[i * self.dim..(i + 1) * self.dim].iter().zip(x).map(|(a, b)| a * b).sum()
    }
    fn diagonal(&self, out: &mut [f64]) {
        for (i, o) in out.iter_mut().enumerate() {
            *o = self.entries[i * self.dim + i];
        }
    }
    fn norm_bound(&self) -> f64 {
        self.entries
            .chunks(self.dim)
            .map(|row| row.iter().map(|w| w.abs()).sum())
            .fold(0.0, f64::max)
    }
}

/// Standard normal numbers.
pub(crate) fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 0);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}
