//! Retrieval by steepest descent, for memories that have an energy and no update
//! of their own.
//!
//! ```text
//! x ← x − s ∇E(x),      s the largest of 1, ½, ¼, … with E(x⁺) ≤ E(x) − ¼ s ‖∇E(x)‖²
//! ```
//!
//! At `s = 1` this is the [update](super::Cccp) of a distance memory, which is
//! taken wherever the energy behaves like one. Source of the condition: L.
//! Armijo, Pacific J. Math. 16, 1 (1966), doi:10.2140/pjm.1966.16.1.

use std::ops::ControlFlow;

use ebm_core::{Batch, Gradient, Observer, Outcome, Snapshot, Workspace, validate};
use rayon::prelude::*;

use crate::{Error, Retrieved, checks};

/// Steepest descent with steps of one, halved where that is too far.
///
/// ```
/// use ebm_memory::dense_associative_memory::{RandomFeatureMemory, RandomFeatures};
/// use ebm_memory::{Batch, SteepestDescent};
/// let mut memory = RandomFeatureMemory::new(2, 20.0, RandomFeatures::default())?;
/// memory.add(&[1.0, 0.0])?;
/// memory.add(&[0.0, 1.0])?;
/// let found = SteepestDescent::default().retrieve(&memory, Batch::single(&[0.1, 0.8])?)?;
/// assert!(found.reports()[0].outcome.is_success());
/// assert!((found.state(0)[1] - 1.0).abs() < 0.05);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SteepestDescent {
    /// Steps after which a query is given up, ≥ 1.
    pub max_iterations: usize,
    /// `‖∇E‖` at which a query has converged, > 0.
    pub tolerance: f64,
}

impl Default for SteepestDescent {
    /// A thousand steps, where a distance memory takes a few tens, and 1e-8 of
    /// its units of length.
    fn default() -> Self {
        Self { max_iterations: 1000, tolerance: 1e-8 }
    }
}

/// How the descent of one query went.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct DescentReport {
    /// `E` at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// `‖∇E‖` at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// Steps made.
    pub iterations: usize,
    /// [`Outcome::Converged`]; [`Outcome::MaxSteps`];
    /// [`Outcome::Stalled`] where no step lowers the energy, as at the level of
    /// its rounding; [`Outcome::NotFinite`] where energy or gradient is not;
    /// [`Outcome::Stopped`] by an observer.
    pub outcome: Outcome,
}

/// Halvings of a step after which none is taken: beyond, it is lost in rounding.
const HALVINGS: u32 = 60;

impl SteepestDescent {
    /// Descends from every one of `cues`, in parallel; each stops on its own.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the energy.
    pub fn retrieve<E: Gradient + ?Sized>(
        &self,
        energy: &E,
        cues: Batch<'_>,
    ) -> Result<Retrieved<DescentReport>, Error> {
        let mut found = self.start(energy.dim(), cues)?;
        let dim = found.dim;
        let go_on = |_: usize, _: &[f64]| ControlFlow::Continue(());
        found.states.par_chunks_exact_mut(dim).zip(&mut found.reports).for_each_init(
            || Scratch::new(dim),
            |scratch, (x, report)| self.descend(energy, x, report, scratch, go_on),
        );
        Ok(found)
    }

    /// [`retrieve`](Self::retrieve) one cue after the other, showing each cue
    /// and every step to an observer: `step` and `t` are the iteration,
    /// `trajectory` is the cue. Breaking ends that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::EnergyMonitor;
    /// use ebm_memory::{LogSumExpMemory, Patterns, Similarity, SteepestDescent};
    /// let patterns = Patterns::spherical(20, 100, 1)?;
    /// let cues = Patterns::spherical(20, 5, 2)?;
    /// let memory = LogSumExpMemory::new(patterns, 0.5, Similarity::SquaredDistance)?;
    ///
    /// let (descent, mut monitor) = (SteepestDescent::default(), EnergyMonitor::new(&memory));
    /// let found = descent.retrieve_watched(&memory, cues.as_batch(), &mut monitor)?;
    /// let steps: usize = found.reports().iter().map(|r| r.iterations).sum();
    /// assert_eq!(monitor.readings().len(), steps + 5);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched<E: Gradient + ?Sized>(
        &self,
        energy: &E,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<DescentReport>, Error> {
        let mut found = self.start(energy.dim(), cues)?;
        let mut scratch = Scratch::new(found.dim);
        let cues = found.states.chunks_exact_mut(found.dim).zip(&mut found.reports);
        for (trajectory, (x, report)) in cues.enumerate() {
            let watch = |step: usize, x: &[f64]| {
                observer.observe(&Snapshot { step, t: step as f64, trajectory, x })
            };
            self.descend(energy, x, report, &mut scratch, watch);
        }
        Ok(found)
    }

    /// The cues, checked, with empty reports.
    fn start(&self, dim: usize, cues: Batch<'_>) -> Result<Retrieved<DescentReport>, Error> {
        validate::at_least_one("max_iterations", self.max_iterations)?;
        validate::positive("tolerance", self.tolerance)?;
        checks::real_cues(dim, cues)?;
        let blank =
            DescentReport { energy: 0.0, residual: 0.0, iterations: 0, outcome: Outcome::MaxSteps };
        let reports = vec![blank; cues.count()];
        Ok(Retrieved { states: cues.as_slice().to_vec(), dim, reports })
    }

    fn descend<E: Gradient + ?Sized>(
        &self,
        energy: &E,
        x: &mut [f64],
        report: &mut DescentReport,
        Scratch { slope, next, ws }: &mut Scratch,
        mut watch: impl FnMut(usize, &[f64]) -> ControlFlow<()>,
    ) {
        loop {
            report.energy = energy.energy_gradient(x, slope, ws);
            let square: f64 = slope.iter().map(|g| g * g).sum();
            report.residual = square.sqrt();
            let bad = slope.iter().position(|g| !g.is_finite());
            if let Some(index) = bad.or((!report.energy.is_finite()).then_some(0)) {
                report.outcome = Outcome::NotFinite { t: report.iterations as f64, index };
                return;
            }
            if watch(report.iterations, x).is_break() {
                report.outcome = Outcome::Stopped;
                return;
            }
            if report.residual <= self.tolerance {
                report.outcome = Outcome::Converged;
                return;
            }
            if report.iterations == self.max_iterations {
                return;
            }
            // To within the rounding of the energy.
            let slack = 4.0 * f64::EPSILON * report.energy.abs();
            let lower = (0..HALVINGS).map(|k| 0.5_f64.powi(k.cast_signed())).any(|step| {
                for ((next, x), g) in next.iter_mut().zip(&*x).zip(&*slope) {
                    *next = x - step * g;
                }
                energy.energy(next, ws) <= report.energy + slack - 0.25 * step * square
            });
            if !lower {
                report.outcome = Outcome::Stalled;
                return;
            }
            x.copy_from_slice(next);
            report.iterations += 1;
        }
    }
}

/// Memory of one worker.
struct Scratch {
    slope: Vec<f64>,
    next: Vec<f64>,
    ws: Workspace,
}

impl Scratch {
    fn new(dim: usize) -> Self {
        Self { slope: vec![0.0; dim], next: vec![0.0; dim], ws: Workspace::new() }
    }
}
