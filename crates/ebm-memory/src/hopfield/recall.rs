//! Recall: run the network from cues until nothing changes.
//!
//! ```text
//! sᵢ ← sgn(hᵢ),  h = W s,      and sᵢ stays where hᵢ = 0
//! ```
//!
//! A neuron without a field keeps its state; a field counts as zero when it is
//! within the rounding of its own sum, for a dense matrix `N^{3/2} ε ρ(W)`. With
//! asynchronous updates every flip then lowers the energy strictly, by `2|hᵢ|`,
//! so recall ends in a state that no single flip improves. (Other texts set `sgn(0) = +1`; that can flip
//! a neuron at no gain.) Synchronous updates end in a fixed point or in a cycle,
//! with symmetric couplings of length two (E. Goles et al., Discrete Applied
//! Mathematics 12 (1985)).

use std::ops::ControlFlow;

use ebm_core::{Batch, Observer, Snapshot, random::stream, validate};
use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::LocalFields;
use super::asynchronous::Asynchronous;
use super::synchronous::Synchronous;
use crate::{Error, Retrieved, checks};

/// Most cues that share a matrix product.
const WIDEST: usize = 64;

/// Numbers that are kept of the cues of a block, unless one needs more.
const KEPT: usize = 1 << 22;

/// Cues of a block. Depends on the network alone, so that results do not depend
/// on the number of threads.
fn block<N: LocalFields>(network: &N) -> usize {
    (KEPT / network.kept().max(1)).clamp(1, WIDEST)
}

/// Which neurons are updated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Update {
    /// One after the other; the energy never rises.
    Asynchronous(Order),
    /// All at once; may end in a cycle, of length two in a Hopfield network.
    Synchronous,
}

/// The order of asynchronous updates within a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Order {
    /// Neuron 0 first.
    Fixed,
    /// A fresh random permutation every sweep.
    Random,
}

/// How cues are run.
///
/// ```
/// use ebm_memory::ebm_core::coupling::DenseCoupling;
/// use ebm_memory::{Batch, HopfieldNetwork, Order, Recall, RecallOutcome, Update};
/// // Two neurons that are to disagree.
/// let coupling = DenseCoupling::from_fn(2, |i, j| if i == j { 0.0 } else { -1.0 })?;
/// let network = HopfieldNetwork::new(coupling)?;
/// let cue = [1.0, 1.0];
/// let recall = |update| Recall { update, ..Recall::default() }.retrieve(&network, Batch::single(&cue)?);
/// // Both change at once, and again.
/// let together = recall(Update::Synchronous)?;
/// assert_eq!(together.reports()[0].outcome, RecallOutcome::TwoCycle);
/// // The first one changes, and the second is content.
/// let one_by_one = recall(Update::Asynchronous(Order::Fixed))?;
/// assert_eq!(one_by_one.state(0), [-1.0, 1.0]);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Recall {
    /// Which neurons are updated together.
    pub update: Update,
    /// Sweeps over all neurons after which a cue is given up, ≥ 1.
    pub max_sweeps: usize,
    /// Seed of the random order; cue `j` draws from stream `j`.
    pub seed: u64,
}

impl Default for Recall {
    /// Asynchronous in random order, the original dynamics, which cannot
    /// cycle; 1000 sweeps, where recall takes about ten.
    fn default() -> Self {
        Self { update: Update::Asynchronous(Order::Random), max_sweeps: 1000, seed: 0 }
    }
}

/// Why the recall of a cue ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum RecallOutcome {
    /// No update changes the state.
    FixedPoint,
    /// The state returned after two synchronous updates, not after one.
    TwoCycle,
    /// The state returned after more than two synchronous updates, and not
    /// before; networks of pairwise couplings never do.
    Cycle {
        /// States in the cycle, ≥ 3.
        length: usize,
    },
    /// The sweeps ran out.
    MaxSweeps,
    /// A field overflowed.
    NotFinite,
    /// An observer asked to stop.
    Stopped,
}

/// How the recall of one cue went.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RecallReport {
    /// `E` of the final state.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// Sweeps that changed the state.
    pub sweeps: usize,
    /// Single changes of a neuron.
    pub flips: usize,
    /// Why it ended.
    pub outcome: RecallOutcome,
}

impl RecallReport {
    pub(super) const START: Self =
        Self { energy: 0.0, sweeps: 0, flips: 0, outcome: RecallOutcome::MaxSweeps };
}

impl Recall {
    /// Runs `network` from every column of `cues`, in parallel over fixed
    /// blocks of cues.
    ///
    /// On a dense matrix, synchronous sweeps cost one matrix product for a
    /// block; asynchronous ones start from one and then keep the fields up to
    /// date, a row of `W` for every flip. On a
    /// [`LowRankHopfield`](super::LowRankHopfield) every sweep reads the
    /// patterns once, for a block of cues or for each of them. Beside the states
    /// a thread keeps 32 MiB at most, or what one cue needs where that is more:
    /// eight bytes a pattern in a [`DiscreteMemory`](crate::DiscreteMemory).
    ///
    /// # Errors
    /// If the cues are empty, of another dimension than the network or not ±1,
    /// or `max_sweeps` is zero.
    pub fn retrieve<N: LocalFields>(
        &self,
        network: &N,
        cues: Batch<'_>,
    ) -> Result<Retrieved<RecallReport>, Error> {
        let mut recalled = self.start(network, cues)?;
        let dim = recalled.dim;
        let size = block(network);
        let width = size.min(cues.count());
        let states = recalled.states.par_chunks_mut(dim * size);
        let blocks = states.zip(recalled.reports.par_chunks_mut(size));
        let go_on = |_: usize, _: usize, _: &[f64]| ControlFlow::Continue(());
        match self.update {
            Update::Synchronous => blocks.for_each_init(
                || Synchronous::new(network, width),
                |method, (states, reports)| {
                    method.run(network, self.max_sweeps, states, reports, go_on);
                },
            ),
            Update::Asynchronous(order) => blocks.enumerate().for_each_init(
                || Asynchronous::new(network, width),
                |method, (block, (states, reports))| {
                    let order = |column, sites: &mut [usize]| {
                        self.shuffler(order, block * size + column, sites)
                    };
                    method.run(network, self.max_sweeps, states, reports, order, go_on);
                },
            ),
        }
        Ok(recalled)
    }

    /// [`retrieve`](Self::retrieve) on one thread, block after block, showing every cue
    /// and every state after a sweep that changed it to an observer: `step`
    /// and `t` are the sweep, `trajectory` is the cue. Breaking ends the
    /// recall of that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::Trace;
    /// use ebm_memory::{Corruption, HopfieldNetwork, Patterns, Recall, corrupt};
    /// let patterns = Patterns::random_signs(100, 5, 1)?;
    /// let network = HopfieldNetwork::hebb(&patterns)?;
    /// let cue = corrupt(patterns.subset(&[2])?.as_batch(), 0.2, Corruption::FlipSign, 2)?;
    /// let mut trace = Trace::new();
    /// let found = Recall::default().retrieve_watched(&network, cue.as_batch(), &mut trace)?;
    /// assert_eq!(trace.len(), found.reports()[0].sweeps + 1);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched<N: LocalFields>(
        &self,
        network: &N,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<RecallReport>, Error> {
        let mut recalled = self.start(network, cues)?;
        let (dim, size) = (recalled.dim, block(network));
        let width = size.min(cues.count());
        let blocks = recalled.states.chunks_mut(dim * size).zip(recalled.reports.chunks_mut(size));
        let mut watch = |block: usize, column: usize, sweep: usize, x: &[f64]| {
            let trajectory = block * size + column;
            observer.observe(&Snapshot { step: sweep, t: sweep as f64, trajectory, x })
        };
        match self.update {
            Update::Synchronous => {
                let mut method = Synchronous::new(network, width);
                for (block, (states, reports)) in blocks.enumerate() {
                    let watch =
                        |column: usize, sweep: usize, x: &[f64]| watch(block, column, sweep, x);
                    method.run(network, self.max_sweeps, states, reports, watch);
                }
            }
            Update::Asynchronous(order) => {
                let mut method = Asynchronous::new(network, width);
                for (block, (states, reports)) in blocks.enumerate() {
                    let watch =
                        |column: usize, sweep: usize, x: &[f64]| watch(block, column, sweep, x);
                    let order = |column, sites: &mut [usize]| {
                        self.shuffler(order, block * size + column, sites)
                    };
                    method.run(network, self.max_sweeps, states, reports, order, watch);
                }
            }
        }
        Ok(recalled)
    }

    /// The cues, checked, with empty reports.
    fn start<N: LocalFields>(
        &self,
        network: &N,
        cues: Batch<'_>,
    ) -> Result<Retrieved<RecallReport>, Error> {
        let dim = network.dim();
        validate::at_least_one("max_sweeps", self.max_sweeps)?;
        checks::sign_cues(dim, cues)?;
        let reports = vec![RecallReport::START; cues.count()];
        Ok(Retrieved { states: cues.as_slice().to_vec(), dim, reports })
    }

    /// Puts the neurons into the order of the next sweep.
    fn shuffler(
        &self,
        order: Order,
        cue: usize,
        sites: &mut [usize],
    ) -> impl FnMut(&mut [usize]) + use<> {
        sites.iter_mut().enumerate().for_each(|(i, site)| *site = i);
        let mut rng = stream(self.seed, cue as u64);
        move |sites: &mut [usize]| {
            if order == Order::Random {
                shuffle(&mut rng, sites);
            }
        }
    }
}

/// A uniformly random permutation of `sites`.
pub(super) fn shuffle(rng: &mut impl Rng, sites: &mut [usize]) {
    for k in (1..sites.len()).rev() {
        sites.swap(k, rng.random_range(0..=k));
    }
}
