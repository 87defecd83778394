//! A network of which some neurons are held.
//!
//! ```text
//! hᵢ = sᵢ · ∞   where neuron i is held
//! ```
//!
//! The others see them as ever, so the dynamics descend in the energy over the
//! states that agree with the cue in the held neurons.

use ebm_core::{Batch, BatchMut, validate};

use super::LocalFields;
use crate::Error;

/// A network of binary neurons, some of which keep the state of their cue; for
/// [`Recall`](super::Recall) and [`Glauber`](super::Glauber).
///
/// ```
/// use ebm_memory::{Batch, Clamped, HopfieldNetwork, Patterns, Recall};
/// let patterns = Patterns::random_signs(100, 4, 1)?;
/// let network = HopfieldNetwork::hebb(&patterns)?;
/// // The first forty entries are certain, the others a guess.
/// let held: Vec<bool> = (0..100).map(|i| i < 40).collect();
/// let mut cue = patterns.pattern(2).to_vec();
/// cue[40..].fill(1.0);
/// let found = Recall::default().retrieve(&Clamped::new(&network, &held)?, Batch::single(&cue)?)?;
/// assert_eq!(found.state(0)[..40], cue[..40]);
/// assert_eq!(found.state(0), patterns.pattern(2));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Clamped<'a, N> {
    network: &'a N,
    held: &'a [bool],
}

impl<'a, N: LocalFields> Clamped<'a, N> {
    /// Holds the neurons where `held` is true.
    ///
    /// # Errors
    /// If there is not one entry for each neuron.
    pub fn new(network: &'a N, held: &'a [bool]) -> Result<Self, Error> {
        validate::dimension("mask of held neurons", network.dim(), held.len())?;
        Ok(Self { network, held })
    }
}

impl<N: LocalFields> LocalFields for Clamped<'_, N> {
    type Scratch = N::Scratch;

    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn kept(&self) -> usize {
        self.network.kept()
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], scratch: &mut Self::Scratch) {
        self.network.keep(states, kept, scratch);
    }

    fn tie(&self, kept: &[f64]) -> f64 {
        self.network.tie(kept)
    }

    fn field(&self, i: usize, state: &[f64], kept: &[f64]) -> f64 {
        if self.held[i] { state[i] * f64::INFINITY } else { self.network.field(i, state, kept) }
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], scratch: &mut Self::Scratch) {
        self.network.flip(i, state, kept, scratch);
    }

    fn energy_kept(&self, state: &[f64], kept: &[f64]) -> f64 {
        self.network.energy_kept(state, kept)
    }

    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        mut next: BatchMut<'_>,
        scratch: &mut Self::Scratch,
    ) {
        self.network.update_all(states, kept, next.reborrow(), scratch);
        for (next, state) in next.columns_mut().zip(states.columns()) {
            for ((next, s), held) in next.iter_mut().zip(state).zip(self.held) {
                if *held {
                    *next = *s;
                }
            }
        }
    }

    fn advance(&self, next: Batch<'_>, kept: &mut [f64], scratch: &mut Self::Scratch) {
        // What the network left is that of the states without the clamp.
        self.network.keep(next, kept, scratch);
    }
}
