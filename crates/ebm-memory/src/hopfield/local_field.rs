//! Local fields that are kept up to date while neurons change.
//!
//! ```text
//! hᵢ = Σⱼ W_ij sⱼ,      flip sᵢ where sᵢhᵢ < −τ,      E = −½ Σᵢ sᵢhᵢ
//! dense W:     keep h,            field O(1), flip O(N)
//! low rank W:  keep overlaps m,   field O(K), flip O(K)
//! ```
//!
//! The dynamics of binary networks ask for nothing else, so each is written
//! once for all forms of the coupling. `τ` bounds the rounding of a field: a
//! tie is then recognized as one, and rounding cannot make a network run
//! forever.

use ebm_core::{Batch, BatchMut, Coupling, Workspace};

use super::HopfieldNetwork;
use super::network::{energy_from, tie};

/// A network of ±1 neurons with symmetric couplings and none of a neuron to
/// itself, as its dynamics see it.
///
/// What is kept of a state are [`kept`](Self::kept) numbers of the network's
/// choice, which [`keep`](Self::keep) computes afresh and [`flip`](Self::flip)
/// keeps up to date.
///
/// # Panics
/// Slices must have the lengths stated; the methods panic otherwise, as slice
/// indexing does.
pub trait LocalFields: Send + Sync {
    /// Memory that the methods share, empty to begin with.
    type Scratch: Default + Send;

    /// `N`.
    fn dim(&self) -> usize;

    /// Numbers kept for a state.
    fn kept(&self) -> usize;

    /// Computes what is kept, [`kept`](Self::kept) numbers for every column.
    fn keep(&self, states: Batch<'_>, kept: &mut [f64], scratch: &mut Self::Scratch);

    /// `τ`, a bound on the rounding of a field of the state.
    fn tie(&self, kept: &[f64]) -> f64;

    /// `hᵢ`.
    fn field(&self, i: usize, state: &[f64], kept: &[f64]) -> f64;

    /// `sᵢ ← −sᵢ`.
    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], scratch: &mut Self::Scratch);

    /// `E` of a state.
    fn energy_kept(&self, state: &[f64], kept: &[f64]) -> f64;

    /// Writes `sgn(h)` of every column to `next`, where ties keep their state.
    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        next: BatchMut<'_>,
        scratch: &mut Self::Scratch,
    );

    /// Computes what is kept of `next`, the states that
    /// [`update_all`](Self::update_all) made, from what it left in `kept`.
    fn advance(&self, next: Batch<'_>, kept: &mut [f64], scratch: &mut Self::Scratch);
}

/// The new state of a neuron in the field `h`.
pub(super) fn align(s: f64, h: f64, tie: f64) -> f64 {
    if h.abs() <= tie { s } else { h.signum() }
}

impl<C: Coupling> LocalFields for HopfieldNetwork<C> {
    type Scratch = Workspace;

    fn dim(&self) -> usize {
        self.coupling().dim()
    }

    fn kept(&self) -> usize {
        self.coupling().dim()
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], ws: &mut Workspace) {
        let fields = BatchMut::new(kept, states.dim()).expect("a field for every neuron");
        if states.count() == 1 {
            self.coupling().apply(states.column(0), kept, ws);
        } else {
            self.coupling().apply_batch(states, fields, ws);
        }
    }

    fn tie(&self, _: &[f64]) -> f64 {
        tie(self.coupling())
    }

    fn field(&self, i: usize, _: &[f64], kept: &[f64]) -> f64 {
        kept[i]
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], ws: &mut Workspace) {
        let (row, _) = ws.take(state.len());
        self.coupling().row(i, row);
        state[i] = -state[i];
        let twice = 2.0 * state[i];
        for (h, w) in kept.iter_mut().zip(row) {
            *h += twice * *w;
        }
    }

    fn energy_kept(&self, state: &[f64], kept: &[f64]) -> f64 {
        energy_from(state, kept)
    }

    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        mut next: BatchMut<'_>,
        _: &mut Workspace,
    ) {
        let tie = tie(self.coupling());
        let next = next.as_mut_slice().iter_mut();
        for ((next, s), h) in next.zip(states.as_slice()).zip(kept) {
            *next = align(*s, *h, tie);
        }
    }

    fn advance(&self, next: Batch<'_>, kept: &mut [f64], ws: &mut Workspace) {
        self.keep(next, kept, ws);
    }
}
