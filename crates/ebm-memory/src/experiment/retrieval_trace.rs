//! Energies and overlaps along a retrieval.
//!
//! ```text
//! E(x(t)),      m_μ(x(t)) = ξ^μ·x(t) / N      for every step t, every pattern μ
//! ```

use std::ops::{ControlFlow, Range};

use ebm_core::{Observer, Snapshot};

use crate::Patterns;

/// What was recorded of one cue.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Trajectory {
    /// Time, sweep or iteration of each record.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub times: Vec<f64>,
    /// The energy then.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub energies: Vec<f64>,
    /// The overlaps then, one for every pattern.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real_rows"))]
    pub overlaps: Vec<Vec<f64>>,
}

impl Trajectory {
    /// The overlap with one pattern over time.
    ///
    /// # Panics
    /// If there is no such pattern.
    #[must_use]
    pub fn overlap(&self, pattern: usize) -> Vec<f64> {
        self.overlaps.iter().map(|m| m[pattern]).collect()
    }
}

/// An observer that records energies and overlaps, for the `retrieve_watched` of
/// every method of retrieval and for the integrators and equilibrium solvers of
/// `ebm-core`.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::experiment::RetrievalTrace;
/// use ebm_memory::{Corruption, HopfieldNetwork, Patterns, Recall, corrupt};
/// let patterns = Patterns::random_signs(200, 8, 1)?;
/// let network = HopfieldNetwork::hebb(&patterns)?;
/// let cues = corrupt(patterns.as_batch(), 0.25, Corruption::FlipSign, 2)?;
/// let mut trace = RetrievalTrace::new(&patterns, |x| network.energy_at(x));
/// let found = Recall::default().retrieve_watched(&network, cues.as_batch(), &mut trace)?;
/// let third = &trace.trajectories()[3];
/// assert_eq!(third.overlap(3)[0], 0.5);
/// assert!(third.energies.is_sorted_by(|a, b| a > b));
/// assert_eq!(third.times.len(), found.reports()[3].sweeps + 1);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RetrievalTrace<'a, E> {
    patterns: &'a Patterns,
    energy: E,
    part: Option<Range<usize>>,
    trajectories: Vec<Trajectory>,
}

impl<'a, E: FnMut(&[f64]) -> f64> RetrievalTrace<'a, E> {
    /// Records the overlaps with `patterns` and the values of `energy`.
    pub fn new(patterns: &'a Patterns, energy: E) -> Self {
        Self { patterns, energy, part: None, trajectories: vec![] }
    }

    /// Takes the overlaps over a part of each state, such as the visible layer of
    /// a [`LayeredMemory`](crate::LayeredMemory), which is its `range(0)`. The
    /// energy is still that of the whole.
    #[must_use]
    pub fn over(self, part: Range<usize>) -> Self {
        Self { part: Some(part), ..self }
    }

    /// What was recorded, in the order of the cues; empty for a cue that was
    /// not shown.
    #[must_use]
    pub fn trajectories(&self) -> &[Trajectory] {
        &self.trajectories
    }
}

/// States, or parts of them, of another length than the patterns are recorded
/// with NaN overlaps.
impl<E: FnMut(&[f64]) -> f64> Observer for RetrievalTrace<'_, E> {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        if self.trajectories.len() <= snapshot.trajectory {
            self.trajectories.resize(snapshot.trajectory + 1, Trajectory::default());
        }
        let trajectory = &mut self.trajectories[snapshot.trajectory];
        let part = match &self.part {
            Some(part) => snapshot.x.get(part.clone()).unwrap_or(&[]),
            None => snapshot.x,
        };
        let fits = part.len() == self.patterns.dim();
        let overlap = |mu| if fits { self.patterns.overlap(mu, part) } else { f64::NAN };
        trajectory.times.push(snapshot.t);
        trajectory.energies.push((self.energy)(snapshot.x));
        trajectory.overlaps.push((0..self.patterns.count()).map(overlap).collect());
        ControlFlow::Continue(())
    }
}
