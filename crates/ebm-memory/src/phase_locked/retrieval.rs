//! Retrieval by the flow of a phase-locked memory, until the phases rest.
//!
//! ```text
//! θ(0) = cue,      θ̇ = −∇E(θ),      ‖θ̇‖∞ ≤ tolerance at the end
//! ```

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, SteadyState, Tolerance};
use ebm_core::{Batch, Observer, Outcome, validate};

use super::PhaseLockedMemory;
use crate::{Error, Retrieved, checks, watched};

/// Retrieval by letting phases go until they rest.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PhaseLocking {
    /// Largest `‖θ̇‖∞` of a state at rest, > 0.
    pub tolerance: f64,
    /// Time after which a state is given up, > 0, in units of the inverse
    /// coupling.
    pub max_time: f64,
    /// Least [`margin`](super::LockStability::margin) of a stable state, > 0:
    /// separates it from the marginal ones at differences of π/2.
    pub least_margin: f64,
}

impl Default for PhaseLocking {
    /// 1e-6 within time 2000: a ring of 40 relaxes at a rate of 0.02, so that
    /// even there the phases have a hundred relaxation times. The margin of 1e-4
    /// is below those of rings of up to a hundred, 4 sin²(π/n) cos(2πq/n), and
    /// above the error of phases at rest.
    fn default() -> Self {
        Self { tolerance: 1e-6, max_time: 2000.0, least_margin: 1e-4 }
    }
}

/// How one cue came to rest.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LockReport {
    /// Winding numbers of the final phases, one a cycle.
    pub windings: Vec<i32>,
    /// [`Converged`](Outcome::Converged) at rest.
    pub outcome: Outcome,
}

impl PhaseLocking {
    /// Lets every column of `cues`, phases in radians, go, in parallel; each
    /// stops on its own.
    ///
    /// ```
    /// use ebm_memory::{Batch, CycleGraph, PhaseLockedMemory, PhaseLocking};
    /// let memory = PhaseLockedMemory::new(CycleGraph::ring(8)?)?;
    /// let mut cue = memory.seed(&[-1])?;
    /// cue[3] += 0.5;
    /// let found = PhaseLocking::default().retrieve(&memory, Batch::single(&cue)?)?;
    /// assert!(found.reports()[0].outcome.is_success());
    /// assert_eq!(found.reports()[0].windings, [-1]);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the graph.
    pub fn retrieve(
        &self,
        memory: &PhaseLockedMemory,
        cues: Batch<'_>,
    ) -> Result<Retrieved<LockReport>, Error> {
        self.integrate(memory, cues, None)
    }

    /// [`retrieve`](Self::retrieve) one cue after the other, showing each cue
    /// and every step of its flow to an observer: `trajectory` is the cue.
    /// Breaking ends that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::EnergyMonitor;
    /// use ebm_memory::{Batch, CycleGraph, PhaseLockedMemory, PhaseLocking};
    /// let memory = PhaseLockedMemory::new(CycleGraph::ring(8)?)?;
    /// let mut cue = memory.seed(&[1])?;
    /// cue[3] += 0.5;
    ///
    /// let mut monitor = EnergyMonitor::new(&memory);
    /// let cue = Batch::single(&cue)?;
    /// let _ends = PhaseLocking::default().retrieve_watched(&memory, cue, &mut monitor)?;
    /// let energies: Vec<f64> = monitor.readings().iter().map(|now| now.energy).collect();
    /// assert!(energies[energies.len() - 1] < energies[0]);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched(
        &self,
        memory: &PhaseLockedMemory,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<LockReport>, Error> {
        self.integrate(memory, cues, Some(observer))
    }

    fn integrate(
        &self,
        memory: &PhaseLockedMemory,
        cues: Batch<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Retrieved<LockReport>, Error> {
        validate::positive("least margin", self.least_margin)?;
        checks::real_cues(memory.graph().nodes(), cues)?;
        let options = ode::Options {
            // Explicit steps leave rates of the order of this accuracy.
            tolerance: Tolerance { rtol: 0.001 * self.tolerance, atol: 0.02 * self.tolerance },
            steady_state: Some(SteadyState { tolerance: self.tolerance, ..SteadyState::default() }),
            ..ode::Options::default()
        };
        let span = (0.0, self.max_time);
        let ends = watched::integrate(&GradientFlow(memory), span, cues, &options, observer)?;
        let report = |end: &ode::Solution| {
            let (windings, outcome) = (memory.windings(&end.x), end.outcome);
            LockReport { windings, outcome }
        };
        let reports = ends.iter().map(report).collect();
        let states = ends.into_iter().flat_map(|end| end.x).collect();
        Ok(Retrieved { states, dim: cues.dim(), reports })
    }
}
