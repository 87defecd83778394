//! The dense synapse between two layers.
//!
//! ```text
//! E(g, f) = −gᵀ Ξ f,      ∂E/∂g = −Ξ f,      ∂E/∂f = −Ξᵀ g
//! ```
//!
//! With the patterns as the columns of `Ξ`, `g` visible and `f` hidden, every
//! hidden neuron stands for a memory and needs pairwise synapses only.
//!
//! Source: D. Krotov and J. J. Hopfield, arXiv:2008.06996.

use ebm_core::random::{fill_normal, stream};
use ebm_core::{Batch, Workspace, linalg, validate};

use super::synapse::{dot, subtract};
use super::{Activations, ActivationsMut, Synapse};
use crate::{Error, Patterns, patterns};

/// A matrix of weights between the layers in its two slots. Its parameters are
/// the entries of `Ξ`, column by column.
///
/// The two slots may be the same layer; `Ξ` need not be symmetric then.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseSynapse {
    weights: Vec<f64>,
    dims: [usize; 2],
}

impl DenseSynapse {
    /// From the entries of `Ξ`, column by column, with as many rows as the
    /// first layer has units.
    ///
    /// # Errors
    /// If there are no rows or columns, an incomplete column, or an entry is
    /// not finite.
    pub fn new(weights: Vec<f64>, rows: usize) -> Result<Self, Error> {
        let columns = Batch::new(&weights, rows)?.count();
        if columns == 0 {
            return Err(ebm_core::Error::Empty { what: "weights of the synapse" }.into());
        }
        validate::finite("weights of the synapse", &weights)?;
        Ok(Self { weights, dims: [rows, columns] })
    }

    /// The patterns as the columns of `Ξ`.
    #[must_use]
    pub fn from_patterns(patterns: &Patterns) -> Self {
        Self {
            weights: patterns.as_batch().as_slice().to_vec(),
            dims: [patterns.dim(), patterns.count()],
        }
    }

    /// Independent normal weights of standard deviation `scale ≥ 0`; column `j`
    /// comes from stream `j` of `seed`.
    ///
    /// # Errors
    /// If a size is zero, the matrix does not fit into memory, or the scale is
    /// negative or not finite.
    pub fn random(rows: usize, columns: usize, scale: f64, seed: u64) -> Result<Self, Error> {
        validate::non_negative("scale of the weights", scale)?;
        let mut weights = patterns::allocate_for("weights of the synapse", rows, columns)?;
        weights.resize(rows * columns, 0.0);
        for (j, column) in (0..).zip(weights.chunks_exact_mut(rows)) {
            fill_normal(&mut stream(seed, j), column);
            column.iter_mut().for_each(|w| *w *= scale);
        }
        Self::new(weights, rows)
    }

    /// The entries of `Ξ`, column by column.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// `out ← out − (Ξ f, Ξᵀ g)`.
    fn pull(&self, g: Activations<'_>, mut out: ActivationsMut<'_>, ws: &mut Workspace) {
        let [rows, columns] = self.dims;
        let (first, second) = (g.layer(0).as_slice(), g.layer(1).as_slice());
        linalg::add_multiply(-1.0, &self.weights, second, out.layer_mut(0).as_mut_slice(), rows);
        let (drive, _) = ws.take(columns * g.count());
        linalg::multiply_transposed(&self.weights, first, drive, rows);
        subtract(drive, out.layer_mut(1).as_mut_slice());
    }
}

impl Synapse for DenseSynapse {
    fn dims(&self) -> &[usize] {
        &self.dims
    }

    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace) {
        let [rows, columns] = self.dims;
        let (drive, _) = ws.take(columns * g.count());
        linalg::multiply_transposed(&self.weights, g.layer(0).as_slice(), drive, rows);
        let pairs = g.layer(1).columns().zip(drive.chunks_exact(columns));
        for (out, (f, drive)) in out.iter_mut().zip(pairs) {
            *out -= dot(f, drive);
        }
    }

    fn add_gradient(&self, g: Activations<'_>, out: ActivationsMut<'_>, ws: &mut Workspace) {
        self.pull(g, out, ws);
    }

    fn add_hessian_vec(
        &self,
        _g: Activations<'_>,
        v: Activations<'_>,
        out: ActivationsMut<'_>,
        ws: &mut Workspace,
    ) {
        // Bilinear: the Hessian is the gradient at `v`.
        self.pull(v, out, ws);
    }

    fn parameter_count(&self) -> usize {
        self.weights.len()
    }

    fn parameters(&self, out: &mut [f64]) {
        out.copy_from_slice(&self.weights);
    }

    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error> {
        validate::dimension("weights of the synapse", self.weights.len(), parameters.len())?;
        validate::finite("weights of the synapse", parameters)?;
        self.weights.copy_from_slice(parameters);
        Ok(())
    }

    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        _ws: &mut Workspace,
    ) {
        let count = g.count();
        let (first, second) = (g.layer(0).as_slice(), g.layer(1).as_slice());
        linalg::add_outer(-1.0, v.layer(0).as_slice(), second, out, count);
        linalg::add_outer(-1.0, first, v.layer(1).as_slice(), out, count);
    }

    fn dense_weights(&self) -> Option<&[f64]> {
        Some(&self.weights)
    }
}
