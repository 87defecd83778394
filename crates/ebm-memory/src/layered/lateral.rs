//! The lateral synapse inside one layer.
//!
//! ```text
//! E(g) = −½ gᵀ W g,      ∂E/∂g = −W g,      W = Wᵀ
//! ```
//!
//! On a tanh layer this is the continuous Hopfield network.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, Coupling, Workspace, validate};

use super::activations::columns_mut;
use super::synapse::{dot, subtract};
use super::{Activations, ActivationsMut, Synapse};
use crate::Error;

/// A symmetric matrix of weights inside a layer. Its parameters are the entries
/// `W_ij`, `i ≤ j`, column by column, so that `W` stays symmetric in learning.
#[derive(Debug, Clone, PartialEq)]
pub struct LateralSynapse {
    coupling: DenseCoupling,
    dim: usize,
}

impl LateralSynapse {
    /// The synapse with matrix `W`.
    #[must_use]
    pub fn new(coupling: DenseCoupling) -> Self {
        let dim = coupling.dim();
        Self { coupling, dim }
    }

    /// `out ← W x` for every column.
    fn multiply(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        if x.count() == 1 {
            self.coupling.apply(x.as_slice(), out, ws);
        } else {
            self.coupling.apply_batch(x, columns_mut(out, self.dim), ws);
        }
    }
}

impl Synapse for LateralSynapse {
    fn dims(&self) -> &[usize] {
        std::slice::from_ref(&self.dim)
    }

    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (product, ws) = ws.take(self.dim * g.count());
        self.multiply(g.layer(0), product, ws);
        let pairs = g.layer(0).columns().zip(product.chunks_exact(self.dim));
        for (out, (g, product)) in out.iter_mut().zip(pairs) {
            *out -= 0.5 * dot(g, product);
        }
    }

    fn add_gradient(&self, g: Activations<'_>, mut out: ActivationsMut<'_>, ws: &mut Workspace) {
        let (product, ws) = ws.take(self.dim * g.count());
        self.multiply(g.layer(0), product, ws);
        subtract(product, out.layer_mut(0).as_mut_slice());
    }

    fn add_hessian_vec(
        &self,
        _g: Activations<'_>,
        v: Activations<'_>,
        out: ActivationsMut<'_>,
        ws: &mut Workspace,
    ) {
        self.add_gradient(v, out, ws);
    }

    fn parameter_count(&self) -> usize {
        self.dim * (self.dim + 1) / 2
    }

    fn parameters(&self, out: &mut [f64]) {
        let mut start = 0;
        for j in 0..self.dim {
            out[start..=start + j].copy_from_slice(&self.coupling.column(j)[..=j]);
            start += j + 1;
        }
    }

    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error> {
        validate::dimension("weights of the synapse", self.parameter_count(), parameters.len())?;
        let entry = |i: usize, j: usize| parameters[j * (j + 1) / 2 + i];
        self.coupling = DenseCoupling::from_fn(self.dim, |i, j| entry(i.min(j), i.max(j)))?;
        Ok(())
    }

    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        _ws: &mut Workspace,
    ) {
        for (g, v) in g.layer(0).columns().zip(v.layer(0).columns()) {
            let mut entries = out.iter_mut();
            for j in 0..self.dim {
                for (i, out) in (0..=j).zip(&mut entries) {
                    // Off the diagonal the parameter stands for two entries.
                    *out -= if i == j { v[i] * g[i] } else { v[i] * g[j] + v[j] * g[i] };
                }
            }
        }
    }
}
