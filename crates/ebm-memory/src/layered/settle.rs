//! Settling: the flow from a cue to the fixed point of its basin.
//!
//! ```text
//! x(0) = cue,      ẋ = F(x) until r ≤ arrival,      then Newton until r ≤ tolerance
//! r(x) = ‖∂E/∂g‖∞ / max(1, ‖x‖∞) = ‖τ ẋ‖∞ / max(1, ‖x‖∞),      free layers only
//! ```
//!
//! The flow chooses the basin, Newton's method the last digits: an explicit
//! integrator alone hovers around the fixed point at the size of its tolerance,
//! and a solver of `F(x) = 0` alone leaps between basins. Where it finds no
//! fixed point nearby, the flow goes on.
//!
//! The steps are explicit, hence no longer than a few times the smallest time
//! constant: model B with `τ = 0.001` takes some ten thousand evaluations a
//! query. [`eliminate`](LayeredMemory::eliminate) such a layer, which is the
//! limit of an infinitely fast one.

use std::ops::ControlFlow;

use ebm_core::equilibrium::{self, Method, NewtonKrylov};
use ebm_core::ode::{self, Norm, Tolerance};
use ebm_core::{Batch, Energy, Observer, Outcome, Snapshot, Workspace, validate};
use rayon::prelude::*;

use super::LayeredMemory;
use crate::{Error, Retrieved, checks, watched};

/// How to settle.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Settle {
    /// Time after which a query that still moves is given up, > 0.
    pub max_time: f64,
    /// Residual `r` at which the flow has arrived and Newton's method is tried,
    /// at least 1e-5. A query that lingers at a saddle has arrived there.
    pub arrival: f64,
    /// Residual `r` of the fixed point, > 0.
    pub tolerance: f64,
}

impl Default for Settle {
    /// A thousand units of time, for passages by saddles; arrival at 1e-4, well
    /// above the 1e-6 to which the flow is integrated; 1e-11, which leaves
    /// derivatives through the fixed point right to about ten digits and lies
    /// above the rounding of sums over thousands of neurons.
    fn default() -> Self {
        Self { max_time: 1000.0, arrival: 1e-4, tolerance: 1e-11 }
    }
}

/// The flow is looked at after this time, then after twice that, and so on.
const FIRST_LOOK: f64 = 4.0;
/// Relative error of a step of the flow.
const ACCURACY: f64 = 1e-6;
/// The flow hovers at about its [`ACCURACY`], so that arrival must lie above.
const LEAST_ARRIVAL: f64 = 10.0 * ACCURACY;
/// A polishing longer than this, relative to `max(1, ‖x‖∞)`, goes to some other
/// fixed point.
const LEAP: f64 = 0.1;

/// How one query settled.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SettleReport {
    /// `E` at the final state.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// `r` at the final state.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// Time for which the flow was followed.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub time: f64,
    /// Evaluations of the flow and products with its Jacobian.
    pub evaluations: usize,
    /// [`Converged`](Outcome::Converged); [`MaxSteps`](Outcome::MaxSteps) if it
    /// did not arrive in time; [`Stalled`](Outcome::Stalled) if it arrived, but
    /// Newton's method found no fixed point nearby; [`Stopped`](Outcome::Stopped)
    /// by an observer; the end of the integration if that failed, such as
    /// [`NotFinite`](Outcome::NotFinite).
    pub outcome: Outcome,
}

impl Settle {
    /// Settles from every column of `cues`, which are states of all layers (see
    /// [`LayeredMemory::states`]); blocks of queries run in parallel, and the
    /// result does not depend on the number of threads.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the state.
    pub fn retrieve(
        &self,
        memory: &LayeredMemory,
        cues: Batch<'_>,
    ) -> Result<Retrieved<SettleReport>, Error> {
        self.settle(memory, cues, None)
    }

    /// [`retrieve`](Self::retrieve) from cues of one layer, such as the visible
    /// one; the others start at their inputs, as in [`LayeredMemory::states`].
    /// The states retrieved are those of all layers.
    ///
    /// ```
    /// use ebm_memory::layered::{LayeredMemory, Settle};
    /// use ebm_memory::{Corruption, Patterns, corrupt};
    /// let patterns = Patterns::random_signs(40, 60, 1)?;
    /// let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2)?;
    /// let memory = LayeredMemory::model_b(&patterns, 0.5, 0.1)?;
    /// let settled = Settle::default().retrieve_from_layer(&memory, 0, cues.as_batch())?;
    /// for (mu, report) in settled.reports().iter().enumerate() {
    ///     assert!(report.outcome.is_success());
    ///     assert_eq!(patterns.best_overlap(&settled.state(mu)[memory.range(0)]).0, mu);
    /// }
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve), of cues of that layer; if there is no
    /// such layer.
    pub fn retrieve_from_layer(
        &self,
        memory: &LayeredMemory,
        layer: usize,
        cues: Batch<'_>,
    ) -> Result<Retrieved<SettleReport>, Error> {
        self.retrieve(memory, memory.states(layer, cues)?.as_batch())
    }

    /// [`retrieve`](Self::retrieve) on one thread, showing each cue, every step
    /// of its flow and the fixed point to an observer: `trajectory` is the cue.
    /// The cues take turns. Breaking ends the one that is shown.
    ///
    /// ```
    /// use ebm_memory::ebm_core::Energy;
    /// use ebm_memory::experiment::RetrievalTrace;
    /// use ebm_memory::layered::{LayeredMemory, Settle};
    /// use ebm_memory::{Batch, Patterns};
    /// let patterns = Patterns::random_signs(40, 60, 1)?;
    /// let memory = LayeredMemory::model_b(&patterns, 0.5, 0.1)?;
    /// let cue = memory.state(&[(0, patterns.pattern(7))])?;
    ///
    /// let energy = |x: &[f64]| memory.energy_at(x);
    /// let mut trace = RetrievalTrace::new(&patterns, energy).over(memory.range(0));
    /// let cue = Batch::single(&cue)?;
    /// let found = Settle::default().retrieve_watched(&memory, cue, &mut trace)?;
    /// let run = &trace.trajectories()[0];
    /// assert_eq!(run.energies.last(), Some(&found.reports()[0].energy));
    /// assert!(run.energies.windows(2).all(|e| e[1] <= e[0] + 1e-9));
    /// assert!(run.overlap(7).last().is_some_and(|m| (m - 1.0).abs() < 1e-3));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched(
        &self,
        memory: &LayeredMemory,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<SettleReport>, Error> {
        self.settle(memory, cues, Some(observer))
    }

    fn settle(
        &self,
        memory: &LayeredMemory,
        cues: Batch<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Retrieved<SettleReport>, Error> {
        validate::positive("longest time", self.max_time)?;
        validate::positive("tolerance", self.tolerance)?;
        if !(self.arrival.is_finite() && self.arrival >= LEAST_ARRIVAL) {
            let expected = "a finite number >= 1e-5";
            let value = self.arrival;
            return Err(ebm_core::Error::Parameter { what: "arrival", expected, value }.into());
        }
        let dim = memory.dim();
        checks::real_cues(dim, cues)?;

        let mut states = cues.as_slice().to_vec();
        let blank = SettleReport {
            energy: f64::NAN,
            residual: f64::NAN,
            time: 0.0,
            evaluations: 0,
            outcome: Outcome::MaxSteps,
        };
        let mut reports = vec![blank; cues.count()];
        let mut moving: Vec<usize> = (0..reports.len()).collect();
        let (mut start, mut look) = (0.0, FIRST_LOOK.min(self.max_time));
        let mut shown = observer.map(|observer| Shown { observer, steps: vec![0; cues.count()] });
        while !moving.is_empty() && start < look {
            let columns: Vec<f64> =
                moving.iter().flat_map(|q| &states[q * dim..][..dim]).copied().collect();
            let columns = Batch::new(&columns, dim)?;
            let ends = {
                let mut turn = shown.as_mut().map(|shown| shown.turn(&moving, start));
                let observer = turn.as_mut().map(|turn| turn as &mut dyn Observer);
                follow(memory, columns, (start, look), observer)?
            };
            let ends: Vec<(Vec<f64>, SettleReport)> = ends
                .into_par_iter()
                .map_init(Workspace::new, |ws, end| self.polish(memory, end, ws))
                .collect::<Result<_, Error>>()?;
            let mut ends = ends.into_iter();
            moving.retain(|&q| {
                let Some((x, report)) = ends.next() else { return false };
                states[q * dim..][..dim].copy_from_slice(&x);
                let evaluations = reports[q].evaluations + report.evaluations;
                reports[q] = SettleReport { evaluations, ..report };
                if let (Some(shown), Outcome::Converged) = (&mut shown, report.outcome) {
                    shown.end(q, report.time, &x);
                }
                matches!(report.outcome, Outcome::MaxSteps | Outcome::Stalled)
            });
            (start, look) = (look, (2.0 * look).min(self.max_time));
        }
        Ok(Retrieved { states, dim, reports })
    }

    /// Takes the end of a flow to the fixed point next to it, if it has arrived
    /// and there is one.
    fn polish(
        &self,
        memory: &LayeredMemory,
        end: ode::Solution,
        ws: &mut Workspace,
    ) -> Result<(Vec<f64>, SettleReport), Error> {
        let mut report = SettleReport {
            energy: memory.energy(&end.x, ws),
            residual: residual(memory, &end.x, ws),
            time: end.t,
            evaluations: end.stats.evaluations,
            outcome: if end.outcome == Outcome::Reached { Outcome::MaxSteps } else { end.outcome },
        };
        if end.outcome != Outcome::Reached || report.residual > self.arrival {
            return Ok((end.x, report));
        }
        report.outcome = Outcome::Stalled;
        let size = Norm::Max.of(&end.x).max(1.0);
        let slowest = memory.layers().iter().fold(0.0, |m: f64, l| m.max(l.time_constant()));
        let options = equilibrium::Options {
            method: Method::NewtonKrylov(NewtonKrylov::default()),
            tolerance: (0.5 * self.tolerance * size / slowest).max(f64::MIN_POSITIVE),
            ..equilibrium::Options::default()
        };
        let found = equilibrium::solve_with_jacobian(memory, &end.x, &options, &mut ())?;
        report.evaluations += found.stats.evaluations + found.stats.products;
        let steps = found.x.iter().zip(&end.x).map(|(a, b)| (a - b).abs());
        let polished = residual(memory, &found.x, ws);
        if steps.fold(0.0, f64::max) > LEAP * size || polished > self.tolerance {
            return Ok((end.x, report));
        }
        report.energy = memory.energy(&found.x, ws);
        report.residual = polished;
        report.outcome = Outcome::Converged;
        Ok((found.x, report))
    }
}

/// Follows the flow over a span of time.
fn follow(
    memory: &LayeredMemory,
    states: Batch<'_>,
    span: (f64, f64),
    observer: Option<&mut dyn Observer>,
) -> Result<Vec<ode::Solution>, Error> {
    let options = ode::Options {
        tolerance: Tolerance { rtol: ACCURACY, atol: ACCURACY },
        ..ode::Options::default()
    };
    watched::integrate(memory, span, states, &options, observer)
}

/// An observer, and the steps of each query that it has seen.
struct Shown<'a> {
    observer: &'a mut dyn Observer,
    steps: Vec<usize>,
}

impl Shown<'_> {
    /// Shows the queries in `moving` from time `start` on, where all but the
    /// first turn begins with a state that was seen.
    fn turn(&mut self, moving: &[usize], start: f64) -> impl Observer {
        let Self { observer, steps } = self;
        move |now: &Snapshot<'_>| {
            let query = moving[now.trajectory];
            if now.step > 0 {
                steps[query] += 1;
            } else if start > 0.0 {
                return ControlFlow::Continue(());
            }
            observer.observe(&Snapshot { step: steps[query], trajectory: query, ..*now })
        }
    }

    /// Shows the fixed point.
    fn end(&mut self, query: usize, t: f64, x: &[f64]) {
        let step = self.steps[query] + 1;
        // It is the end in any case.
        let _ = self.observer.observe(&Snapshot { step, t, trajectory: query, x });
    }
}

/// `r(x)`; NaN if anything is.
fn residual(memory: &LayeredMemory, x: &[f64], ws: &mut Workspace) -> f64 {
    let (g, ws) = ws.take(x.len());
    let (slope, ws) = ws.take(x.len());
    memory.activate(x, g, 1, ws);
    memory.activation_gradient(x, g, slope, 1, ws);
    memory.silence_clamped(slope);
    Norm::Max.of(slope) / Norm::Max.of(x).max(1.0)
}
