//! The activations of the layers that a synapse joins.
//!
//! ```text
//! G = [G₁; …; G_L],      Gₗ ∈ ℝ^{nₗ × B}, contiguous, one state a column
//! ```
//!
//! Layer after layer, not state after state: what a synapse does to a batch is
//! then a matrix product on each of its layers.

use ebm_core::{Batch, BatchMut};

/// The activations of the layers of one synapse, for a batch of states. A slot
/// is the place of a layer in the synapse; two slots may be the same layer.
#[derive(Debug, Clone, Copy)]
pub struct Activations<'a> {
    data: &'a [f64],
    offsets: &'a [usize],
    layers: &'a [usize],
    count: usize,
}

/// Mutable [`Activations`], to which a synapse adds.
#[derive(Debug)]
pub struct ActivationsMut<'a> {
    data: &'a mut [f64],
    offsets: &'a [usize],
    layers: &'a [usize],
    count: usize,
}

impl<'a> Activations<'a> {
    /// Views `data`, `count` states of all layers, whose layer `l` begins after
    /// `offsets[l]` entries of every state.
    pub(super) fn new(
        data: &'a [f64],
        offsets: &'a [usize],
        layers: &'a [usize],
        count: usize,
    ) -> Self {
        Self { data, offsets, layers, count }
    }

    /// Number of states.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The activations of the layer in `slot`, one state a column.
    ///
    /// # Panics
    /// If the synapse has no such slot.
    #[must_use]
    pub fn layer(&self, slot: usize) -> Batch<'a> {
        let layer = self.layers[slot];
        let (start, end) = (self.offsets[layer], self.offsets[layer + 1]);
        columns(&self.data[start * self.count..end * self.count], end - start)
    }
}

impl<'a> ActivationsMut<'a> {
    /// As [`Activations::new`].
    pub(super) fn new(
        data: &'a mut [f64],
        offsets: &'a [usize],
        layers: &'a [usize],
        count: usize,
    ) -> Self {
        Self { data, offsets, layers, count }
    }

    /// Number of states.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// What belongs to the layer in `slot`, one state a column.
    ///
    /// # Panics
    /// If the synapse has no such slot.
    pub fn layer_mut(&mut self, slot: usize) -> BatchMut<'_> {
        let layer = self.layers[slot];
        let (start, end) = (self.offsets[layer], self.offsets[layer + 1]);
        columns_mut(&mut self.data[start * self.count..end * self.count], end - start)
    }
}

/// `data`, known to be whole columns of length `dim > 0`.
pub(super) fn columns(data: &[f64], dim: usize) -> Batch<'_> {
    Batch::new(data, dim).expect("whole columns")
}

/// As [`columns`].
pub(super) fn columns_mut(data: &mut [f64], dim: usize) -> BatchMut<'_> {
    BatchMut::new(data, dim).expect("whole columns")
}
