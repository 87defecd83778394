//! Synapses: scalar energies of the activations of the layers they join.
//!
//! ```text
//! E(g₁, …, g_k; θ),    ∂E/∂gₖ,    (∂²E/∂g²) v,    ∂/∂θ (v·∂E/∂g)
//! ```
//!
//! The last one, linear in `v`, is what learning through a fixed point needs:
//! how the pull of the synapse on its layers depends on its parameters.

use ebm_core::{Workspace, validate};

use super::{Activations, ActivationsMut};
use crate::Error;

/// An energy of the activations of one or more layers, with parameters `θ`.
///
/// Every method adds to its output, for all states of a batch at once, and
/// takes scratch memory from the workspace.
pub trait Synapse: Send + Sync {
    /// Numbers of units of the layers it joins, slot by slot.
    fn dims(&self) -> &[usize];

    /// Adds the energy of state `j` to `out[j]`.
    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace);

    /// Adds `∂E/∂gₖ` to every slot `k` of `out`.
    fn add_gradient(&self, g: Activations<'_>, out: ActivationsMut<'_>, ws: &mut Workspace);

    /// Adds `Σₘ (∂²E/∂gₖ∂gₘ) vₘ` to every slot `k` of `out`.
    fn add_hessian_vec(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: ActivationsMut<'_>,
        ws: &mut Workspace,
    );

    /// Number of parameters.
    fn parameter_count(&self) -> usize;

    /// Writes the parameters to `out`, as long as their number.
    fn parameters(&self, out: &mut [f64]);

    /// Replaces the parameters.
    ///
    /// # Errors
    /// If there is not the right number of them, or one is not finite.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error>;

    /// Adds `∂/∂θ Σₖ vₖ·∂E/∂gₖ`, summed over the states, to `out`.
    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        ws: &mut Workspace,
    );

    /// The matrix of a [`DenseSynapse`](super::DenseSynapse), for
    /// [`LayeredMemory::eliminate`](super::LayeredMemory::eliminate); none for
    /// other synapses.
    fn dense_weights(&self) -> Option<&[f64]> {
        None
    }
}

/// `all`, cut into pieces of the given lengths.
pub(super) fn cut(
    lengths: impl Iterator<Item = usize>,
    all: &[f64],
) -> impl Iterator<Item = &[f64]> {
    lengths.scan(all, |rest, length| {
        let (mine, others) = rest.split_at(length);
        *rest = others;
        Some(mine)
    })
}

/// As [`cut`].
pub(super) fn cut_mut(
    lengths: impl Iterator<Item = usize>,
    all: &mut [f64],
) -> impl Iterator<Item = &mut [f64]> {
    lengths.scan(all, |rest, length| {
        let (mine, others) = std::mem::take(rest).split_at_mut(length);
        *rest = others;
        Some(mine)
    })
}

/// The matrices of a synapse, one for each slot, whose entries are its
/// parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrices(pub(super) Vec<Vec<f64>>);

impl Matrices {
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(Vec::len)
    }

    /// Number of all entries.
    pub(super) fn count(&self) -> usize {
        self.lengths().sum()
    }

    /// Writes the entries, one matrix after the other.
    pub(super) fn write(&self, out: &mut [f64]) {
        for (matrix, out) in self.0.iter().zip(self.cut_mut(out)) {
            out.copy_from_slice(matrix);
        }
    }

    /// Replaces the entries.
    ///
    /// # Errors
    /// If there is not the right number of them, or one is not finite.
    pub(super) fn replace(&mut self, what: &'static str, entries: &[f64]) -> Result<(), Error> {
        validate::dimension(what, self.count(), entries.len())?;
        validate::finite(what, entries)?;
        let lengths: Vec<usize> = self.lengths().collect();
        for (matrix, entries) in self.0.iter_mut().zip(cut(lengths.into_iter(), entries)) {
            matrix.copy_from_slice(entries);
        }
        Ok(())
    }

    /// The part of `all` for every matrix.
    pub(super) fn cut_mut<'a>(&self, all: &'a mut [f64]) -> impl Iterator<Item = &'a mut [f64]> {
        cut_mut(self.lengths(), all)
    }
}

/// `y ← y − x`.
pub(super) fn subtract(x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y -= x;
    }
}

/// `y ← y + x`.
pub(super) fn add(x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// `x·y`.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
