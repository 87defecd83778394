//! Retrieval by the concave–convex procedure: minimize the convex part plus the
//! linearized concave part of the energy, which for the log-sum-exp memory is
//! one step of attention.
//!
//! ```text
//! x ← Ξ softmax(β s(x)),      E(x⁺) ≤ E(x) − ½‖x⁺ − x‖²,      x⁺ − x = −∇E(x)
//! ```
//!
//! With an inverse temperature `β_μ` for each memory the update is
//! `x⁺ = Σ β_μp_μ ξ^μ / Σ β_μp_μ`, and descends by `½ (Σ β_μp_μ/β) ‖x⁺ − x‖²`.
//! For the Manhattan distance it is the read-out of universal Hopfield
//! networks, which has no such guarantee.
//!
//! A batch of queries costs two matrix products an iteration, or little more
//! than one where nearly all weights are negligible, and every query stops on
//! its own. Sources: A. L. Yuille and A. Rangarajan, *The Concave–Convex
//! Procedure*, Neural Computation 15 (2003); H. Ramsauer et al. (2020), arXiv
//! 2008.02217; for unequal inverse temperatures D. Comaniciu et al., *The
//! Variable Bandwidth Mean Shift*, ICCV (2001).

use std::ops::ControlFlow;

use ebm_core::vector_math::VectorMath;
use ebm_core::{Observer, Outcome, Real, Snapshot, validate};
use rayon::prelude::*;

use super::streaming::{Comparison, Stream};
use super::{Cues, LogSumExpMemory, RetrievalReport};
use crate::{Error, Retrieved, checks};

/// Queries that share a matrix product. Fixed, so that results do not depend
/// on the number of threads; whole groups of the product's kernel.
const BLOCK: usize = 144;

/// The concave–convex procedure.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Cccp {
    /// Updates after which a query is given up, ≥ 1.
    pub max_iterations: usize,
    /// A query has converged when `‖x⁺ − x‖ ≤ tolerance · max_μ‖ξ^μ‖`; > 0.
    /// Squared distances of patterns far from the origin are taken relative to
    /// their mean, and so is the norm here. Raised to 16 times the machine precision where it is less.
    pub tolerance: f64,
    /// Softmax weight that an update may leave out, in `[0, 1)`: a memory whose
    /// weight is below `negligible/2K` is not read out. A state changes by at
    /// most `negligible · max_μ‖ξ^μ‖`, an energy by `negligible/β`. Zero leaves
    /// out only what underflows.
    pub negligible: f64,
}

impl Default for Cccp {
    /// 100 updates and 1e-10: separated patterns take two or three updates, so
    /// a query that needs more sits on a metastable average of patterns; 1e-10
    /// is well above the rounding of sums over thousands of patterns. Weights
    /// of 1e-16 together are below the rounding of `f64`.
    fn default() -> Self {
        Self { max_iterations: 100, tolerance: 1e-10, negligible: 1e-16 }
    }
}

/// A memory that [`Cccp`] retrieves from: its energy is `½‖x‖²` less a convex
/// function, or, with the Manhattan distance, its update the one of such an
/// energy.
pub trait ConcaveConvex: sealed::Sealed {
    /// The precision of patterns and states.
    type Scalar: VectorMath;

    /// What is said of every query.
    type Report;

    #[doc(hidden)]
    fn retrieve_by(
        &self,
        method: &Cccp,
        cues: Cues<'_, Self::Scalar>,
        watch: Option<&mut Watch<'_, Self::Scalar>>,
    ) -> Result<Retrieved<Self::Report, Self::Scalar>, Error>;
}

/// Sees `x` of query `q` after `k` updates, as `(q, k, x)`, and may end the query.
pub(super) type Watch<'w, T> = dyn FnMut(usize, usize, &[T]) -> ControlFlow<()> + 'w;

/// Updates and their blocks are those of the crate.
pub(super) mod sealed {
    pub trait Sealed {}
}

impl<T: VectorMath> sealed::Sealed for LogSumExpMemory<T> {}

impl<T: VectorMath> ConcaveConvex for LogSumExpMemory<T> {
    type Scalar = T;
    type Report = RetrievalReport;

    fn retrieve_by(
        &self,
        method: &Cccp,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<RetrievalReport, T>, Error> {
        method.retrieve_by_softmax(self, cues, watch)
    }
}

impl Cccp {
    /// Retrieves every one of `cues` from a [`LogSumExpMemory`] or a
    /// [`FenchelYoungMemory`](super::FenchelYoungMemory), in parallel over fixed
    /// blocks of queries. Plain cues are a [`Batch`](ebm_core::Batch); [`Cues`]
    /// add masks.
    ///
    /// Beside the states a log-sum-exp memory needs room for some hundred states
    /// and patterns in each thread, however many there are; a sparse one for
    /// some two million scores, or those of one query where there are more
    /// patterns.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the memory.
    pub fn retrieve<'a, M: ConcaveConvex>(
        &self,
        memory: &M,
        cues: impl Into<Cues<'a, M::Scalar>>,
    ) -> Result<Retrieved<M::Report, M::Scalar>, Error>
    where
        M::Scalar: 'a,
    {
        memory.retrieve_by(self, cues.into(), None)
    }

    /// [`retrieve`](Self::retrieve) on one thread, block after block, showing
    /// every cue and every update to an observer: `step` and `t` are the update,
    /// `trajectory` is the cue. Where nothing is known of a cue it is shown with
    /// zeros, or with the mean of the patterns if these lie far from the origin.
    /// Breaking ends that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::EnergyMonitor;
    /// use ebm_memory::{Batch, Cccp, LogSumExpMemory, Patterns, Similarity};
    /// let patterns = Patterns::spherical(20, 100, 1)?;
    /// let cue: Vec<f64> = patterns.pattern(3).iter().map(|x| 0.5 * x).collect();
    /// let memory = LogSumExpMemory::new(patterns, 0.5, Similarity::DotProduct)?;
    ///
    /// let mut monitor = EnergyMonitor::new(&memory);
    /// let found = Cccp::default().retrieve_watched(&memory, Batch::single(&cue)?, &mut monitor)?;
    /// assert_eq!(monitor.readings().len(), found.reports()[0].iterations + 1);
    /// assert!(monitor.largest_rise().is_none_or(|rise| rise.amount < 1e-12));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched<'a, M: ConcaveConvex>(
        &self,
        memory: &M,
        cues: impl Into<Cues<'a, M::Scalar>>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<M::Report, M::Scalar>, Error>
    where
        M::Scalar: 'a,
    {
        let cues = cues.into();
        let mut wide = vec![0.0; cues.batch().dim()];
        let mut watch = |trajectory: usize, step: usize, x: &[M::Scalar]| {
            wide.iter_mut().zip(x).for_each(|(wide, x)| *wide = x.to_f64());
            observer.observe(&Snapshot { step, t: step as f64, trajectory, x: &wide })
        };
        memory.retrieve_by(self, cues, Some(&mut watch))
    }

    fn retrieve_by_softmax<T: VectorMath>(
        &self,
        memory: &LogSumExpMemory<T>,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<RetrievalReport, T>, Error> {
        let dim = memory.patterns().dim();
        if let Some(centered) = memory.centered() {
            return centered.retrieve(cues, watch, |memory, cues, watch| {
                self.retrieve_by_softmax(memory, cues, watch)
            });
        }
        if !(0.0..1.0).contains(&self.negligible) {
            let (what, expected) = ("negligible weight", "0 to 1, without 1");
            let value = self.negligible;
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        let mut states = self.start(dim, &cues)?;

        let masked = masked_offsets(memory, &cues)?;
        // Weights are relative to that of the best memory, which has the factor
        // `low` at least.
        let rates = memory.rates().iter().map(|r| r.to_f64());
        let (low, high) = rates.fold((1.0, 1.0), |(l, h): (f64, f64), r| (l.min(r), h.max(r)));
        // What is left out is missing among the patterns and, in whole tiles,
        // in the sum of the weights: it counts twice.
        let least_weight = 0.5 * self.negligible / memory.patterns().count() as f64 * low;
        let comparison = Comparison {
            memory,
            cues,
            offsets: masked.as_deref().unwrap_or(memory.offsets()),
            negligible: self.negligible,
            least_weight,
            cutoff: (high / least_weight).ln(),
            largest_rate: high,
        };

        let total = states.len() / dim;
        let mut reports = vec![RetrievalReport::BLANK; total];
        let width = BLOCK.min(total);
        if let Some(watch) = watch {
            let mut scratch = Scratch::new(&comparison, width);
            let blocks = states.chunks_mut(dim * BLOCK).zip(reports.chunks_mut(BLOCK));
            for (block, (states, reports)) in blocks.enumerate() {
                let first = block * BLOCK;
                let (scratch, watch) = (&mut scratch, &mut *watch);
                self.retrieve_block(&comparison, first, states, reports, scratch, watch);
            }
            return Ok(Retrieved { states, dim, reports });
        }
        let go_on = |_: usize, _: usize, _: &[T]| ControlFlow::Continue(());
        states
            .par_chunks_mut(dim * BLOCK)
            .zip(reports.par_chunks_mut(BLOCK))
            .enumerate()
            .for_each_init(
                || Scratch::new(&comparison, width),
                |scratch, (block, (states, reports))| {
                    let first = block * BLOCK;
                    self.retrieve_block(&comparison, first, states, reports, scratch, go_on);
                },
            );
        Ok(Retrieved { states, dim, reports })
    }

    /// The states to start from: those of the cues, checked, with zeros where
    /// nothing is known and nothing fixed.
    pub(super) fn start<T: Real>(&self, dim: usize, cues: &Cues<'_, T>) -> Result<Vec<T>, Error> {
        validate::at_least_one("max_iterations", self.max_iterations)?;
        validate::positive("tolerance", self.tolerance)?;
        let batch = cues.batch();
        checks::shape("cues", dim, batch)?;
        cues.check_finite("cue")?;
        let mut states = batch.as_slice().to_vec();
        if cues.known_each() || cues.known_by_all().is_some() {
            for (cue, state) in states.chunks_exact_mut(dim).enumerate() {
                let (known, fixed) = (cues.known_of(cue), cues.fixed_of(cue));
                for (i, x) in state.iter_mut().enumerate() {
                    if !known[i] && !fixed.get(i).is_some_and(|f| *f) {
                        *x = T::ZERO;
                    }
                }
            }
        }
        Ok(states)
    }

    /// Retrieves one block in place, whose first cue is `first`.
    fn retrieve_block<T: VectorMath>(
        &self,
        comparison: &Comparison<'_, T>,
        first: usize,
        states: &mut [T],
        reports: &mut [RetrievalReport],
        scratch: &mut Scratch<T>,
        mut watch: impl FnMut(usize, usize, &[T]) -> ControlFlow<()>,
    ) {
        let memory = comparison.memory;
        let dim = memory.patterns().dim();
        let tolerance = self.tolerance.max(16.0 * T::EPSILON.to_f64()) * memory.radius();
        let Scratch { x, next, stream, active } = scratch;
        active.clear();
        active.extend(0..reports.len());
        for iteration in 0..=self.max_iterations {
            // Queries that still run, side by side.
            for (column, &query) in x.chunks_exact_mut(dim).zip(&*active) {
                column.copy_from_slice(&states[query * dim..(query + 1) * dim]);
            }
            let running = active.len();
            let (x, next) = (&x[..running * dim], &mut next[..running * dim]);
            let cues = active.iter().map(|&query| {
                let bound = if iteration > 0 { reports[query].energy } else { f64::INFINITY };
                (first + query, bound)
            });
            stream.update(comparison, x, cues, next);
            let mut column = 0;
            active.retain(|&query| {
                let range = column * dim..(column + 1) * dim;
                let (x, next) = (&x[range.clone()], &mut next[range]);
                hold(comparison.cues.fixed_of(first + query), x, next);
                let report = &mut reports[query];
                *report = describe(comparison, stream, column);
                column += 1;
                report.iterations = iteration;
                report.residual = distance(x, next);
                if watch(first + query, iteration, x).is_break() {
                    report.outcome = Outcome::Stopped;
                    return false;
                }
                if let Some(index) = next.iter().position(|y| !y.is_finite()) {
                    report.outcome = Outcome::NotFinite { t: iteration as f64, index };
                    return false;
                }
                if report.residual <= tolerance {
                    report.outcome = Outcome::Converged;
                    return false;
                }
                if iteration < self.max_iterations {
                    states[query * dim..(query + 1) * dim].copy_from_slice(next);
                }
                true
            });
            if active.is_empty() {
                return;
            }
        }
    }
}

/// State-independent parts of the exponents, where a mask changes them for all
/// cues alike.
pub(super) fn masked_offsets<T: Real>(
    memory: &LogSumExpMemory<T>,
    cues: &Cues<'_, T>,
) -> Result<Option<Vec<T>>, Error> {
    if let Some(known) = cues.known_by_all() {
        return memory.offsets_over(Some(known)).map(Some);
    }
    if cues.known_each() {
        // Norms over the known entries differ from cue to cue.
        let prior = |mu| T::from_f64(memory.log_prior(mu));
        return Ok(Some((0..memory.patterns().count()).map(prior).collect()));
    }
    Ok(None)
}

/// What the last update says of the state that it started from.
fn describe<T: VectorMath>(
    comparison: &Comparison<'_, T>,
    stream: &Stream<T>,
    column: usize,
) -> RetrievalReport {
    let seen = stream.seen(column);
    let others = seen.weighted + comparison.largest_rate * seen.skipped;
    let log_sum = seen.first + (1.0 + seen.others).ln();
    RetrievalReport {
        pattern: seen.best,
        margin: seen.first - seen.second,
        spill: (others / (seen.rate + seen.weighted)).min(1.0),
        energy: comparison.memory.energy_from(log_sum, stream.half_square(column)),
        ..RetrievalReport::BLANK
    }
}

/// Keeps the fixed entries of a state; the mask is empty where there are none.
pub(super) fn hold<T: Copy>(fixed: &[bool], x: &[T], next: &mut [T]) {
    for ((next, x), fixed) in next.iter_mut().zip(x).zip(fixed) {
        if *fixed {
            *next = *x;
        }
    }
}

/// `‖a − b‖`.
pub(super) fn distance<T: Real>(a: &[T], b: &[T]) -> f64 {
    let square = |(a, b): (&T, &T)| {
        let difference = b.to_f64() - a.to_f64();
        difference * difference
    };
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

/// Memory of one worker, sized once.
struct Scratch<T> {
    x: Vec<T>,
    next: Vec<T>,
    stream: Stream<T>,
    active: Vec<usize>,
}

impl<T: VectorMath> Scratch<T> {
    fn new(comparison: &Comparison<'_, T>, width: usize) -> Self {
        let dim = comparison.memory.patterns().dim();
        Self {
            x: vec![T::ZERO; dim * width],
            next: vec![T::ZERO; dim * width],
            stream: Stream::new(comparison, width),
            active: Vec::with_capacity(width),
        }
    }
}
