//! A network whose couplings differ in the two directions.
//!
//! ```text
//! hᵢ = Σ_j W_ij s_j,      sᵢ ← sgn(hᵢ),      W_ii = 0,  W_ij ≠ W_ji
//! ```
//!
//! Every neuron has couplings of its own, so there is no energy and nothing
//! that recall has to descend: from far cues it may run in a cycle. What is
//! bought with that is capacity, see [`MinOver`](super::MinOver).
//!
//! Source: E. Gardner, J. Phys. A 21, 257 (1988),
//! doi:10.1088/0305-4470/21/1/030.

use ebm_core::{Batch, BatchMut, linalg, validate};

use super::LocalFields;
use super::local_field::align;
use super::network::energy_from;
use crate::{Error, patterns};

/// ±1 neurons with couplings `W_ij` from `j` to `i` of any sign and size.
///
/// [`Recall`](super::Recall) runs it. The energies in its reports are
/// `−½ s·h`, which is not what the dynamics lower, and
/// [`Glauber`](super::Glauber) dynamics has no known law. Asynchronous recall
/// that never comes to rest ends after `max_sweeps`.
///
/// ```
/// use ebm_memory::{AsymmetricNetwork, Batch, Recall, RecallOutcome, Update};
/// // A ring that hands its state on.
/// let ring = AsymmetricNetwork::new(vec![0., 1., 0., 0., 0., 1., 1., 0., 0.], 3)?;
/// let recall = Recall { update: Update::Synchronous, ..Recall::default() };
/// let found = recall.retrieve(&ring, Batch::single(&[1.0, -1.0, -1.0])?)?;
/// assert_eq!(found.reports()[0].outcome, RecallOutcome::Cycle { length: 3 });
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Asymmetric"))]
pub struct AsymmetricNetwork {
    dim: usize,
    /// `W`, column by column: what neuron `j` gives to all.
    entries: Vec<f64>,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    tie: f64,
}

impl AsymmetricNetwork {
    /// From the entries of `W` for `dim` neurons, column by column: `W_ij` is
    /// at `i + j·dim`.
    ///
    /// # Errors
    /// If there are none or not `dim²`, one is not finite, or
    /// [`Error::SelfCoupling`] if an entry of the diagonal is not zero.
    pub fn new(entries: Vec<f64>, dim: usize) -> Result<Self, Error> {
        if dim == 0 {
            return Err(ebm_core::Error::Empty { what: "couplings" }.into());
        }
        let (what, limit) = ("couplings", usize::MAX.isqrt());
        if dim > limit {
            return Err(ebm_core::Error::TooLarge { what, size: dim, limit }.into());
        }
        validate::dimension(what, dim * dim, entries.len())?;
        validate::finite(what, &entries)?;
        for index in 0..dim {
            let value = entries[index * (dim + 1)];
            if value != 0.0 {
                return Err(Error::SelfCoupling { index, value });
            }
        }
        let mut sums = patterns::allocate(dim, 1)?;
        sums.resize(dim, 0.0_f64);
        for column in entries.chunks_exact(dim) {
            sums.iter_mut().zip(column).for_each(|(sum, w)| *sum += w.abs());
        }
        let tie = dim as f64 * f64::EPSILON * sums.iter().copied().fold(0.0, f64::max);
        Ok(Self { dim, entries, tie })
    }

    /// `W`, column by column.
    #[must_use]
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }
}

impl LocalFields for AsymmetricNetwork {
    type Scratch = ();

    fn dim(&self) -> usize {
        self.dim
    }

    fn kept(&self) -> usize {
        self.dim
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], _: &mut ()) {
        linalg::multiply(&self.entries, states.as_slice(), kept, self.dim);
    }

    /// Of the largest row, `N ε Σ_j |W_ij|`.
    fn tie(&self, _: &[f64]) -> f64 {
        self.tie
    }

    fn field(&self, i: usize, _: &[f64], kept: &[f64]) -> f64 {
        kept[i]
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], _: &mut ()) {
        state[i] = -state[i];
        let twice = 2.0 * state[i];
        let column = &self.entries[i * self.dim..(i + 1) * self.dim];
        kept.iter_mut().zip(column).for_each(|(h, w)| *h += twice * w);
    }

    fn energy_kept(&self, state: &[f64], kept: &[f64]) -> f64 {
        energy_from(state, kept)
    }

    fn update_all(&self, states: Batch<'_>, kept: &mut [f64], mut next: BatchMut<'_>, _: &mut ()) {
        let next = next.as_mut_slice().iter_mut();
        for ((next, s), h) in next.zip(states.as_slice()).zip(kept) {
            *next = align(*s, *h, self.tie);
        }
    }

    fn advance(&self, next: Batch<'_>, kept: &mut [f64], scratch: &mut ()) {
        self.keep(next, kept, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HopfieldNetwork, Order, Patterns, Recall, RecallOutcome, Update};

    #[test]
    fn symmetric_couplings_are_those_of_a_hopfield_network() {
        let patterns = Patterns::random_signs(40, 4, 1).unwrap();
        let hopfield = HopfieldNetwork::hebb(&patterns).unwrap();
        let n = 40;
        let entry = |i: usize, j: usize| {
            let sum: f64 = patterns.as_batch().columns().map(|p| p[i] * p[j]).sum();
            if i == j { 0.0 } else { sum / n as f64 }
        };
        let entries: Vec<f64> = (0..n * n).map(|at| entry(at % n, at / n)).collect();
        let network = AsymmetricNetwork::new(entries, n).unwrap();
        let cues = Patterns::random_signs(n, 70, 2).unwrap();
        for update in [Update::Asynchronous(Order::Random), Update::Synchronous] {
            let recall = Recall { update, ..Recall::default() };
            let a = recall.retrieve(&network, cues.as_batch()).unwrap();
            let b = recall.retrieve(&hopfield, cues.as_batch()).unwrap();
            assert_eq!(a.states(), b.states());
            for (a, b) in a.reports().iter().zip(b.reports()) {
                assert_eq!((a.sweeps, a.flips, a.outcome), (b.sweeps, b.flips, b.outcome));
                assert!((a.energy - b.energy).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_neuron_that_chases_another_never_rests() {
        // Neuron 0 follows neuron 1, which shuns neuron 0.
        let network = AsymmetricNetwork::new(vec![0.0, -1.0, 1.0, 0.0], 2).unwrap();
        let recall = Recall { max_sweeps: 30, ..Recall::default() };
        let found = recall.retrieve(&network, Batch::single(&[1.0, 1.0]).unwrap()).unwrap();
        assert_eq!(found.reports()[0].outcome, RecallOutcome::MaxSweeps);
        let recall = Recall { update: Update::Synchronous, ..recall };
        let found = recall.retrieve(&network, Batch::single(&[1.0, 1.0]).unwrap()).unwrap();
        assert_eq!(found.reports()[0].outcome, RecallOutcome::Cycle { length: 4 });
    }

    #[test]
    fn rejects_bad_couplings() {
        assert!(AsymmetricNetwork::new(vec![], 0).is_err());
        assert!(AsymmetricNetwork::new(vec![], usize::MAX).is_err());
        assert!(AsymmetricNetwork::new(vec![0.0; 3], 2).is_err());
        assert!(AsymmetricNetwork::new(vec![0.0, f64::NAN, 0.0, 0.0], 2).is_err());
        let own = AsymmetricNetwork::new(vec![0.0, 0.0, 0.0, 2.0], 2);
        assert_eq!(own.unwrap_err(), Error::SelfCoupling { index: 1, value: 2.0 });
    }
}
