//! Retrieval by the concave–convex procedure: minimize the convex part plus the
//! linearized concave part of the energy, which for the log-sum-exp memory is
//! one step of attention.
//!
//! ```text
//! x ← Ξ softmax(β s(x)),      E(x⁺) ≤ E(x) − ½‖x⁺ − x‖²,      x⁺ − x = −∇E(x)
//! ```
//!
//! A batch of queries costs two matrix products an iteration, and every query
//! stops on its own. Sources: A. L. Yuille and A. Rangarajan, *The
//! Concave–Convex Procedure*, Neural Computation 15 (2003); H. Ramsauer et al.
//! (2020), arXiv 2008.02217.

use ebm_core::{Batch, Outcome, validate, vector_math};
use rayon::prelude::*;

use super::LogSumExpMemory;
use crate::Error;

/// Queries that share a matrix product. Fixed, so that results do not depend
/// on the number of threads.
const BLOCK: usize = 64;

/// The concave–convex procedure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cccp {
    /// Updates after which a query is given up, ≥ 1.
    pub max_iterations: usize,
    /// A query has converged when `‖∇E(x)‖ ≤ tolerance · max_μ‖ξ^μ‖`; > 0.
    pub tolerance: f64,
}

impl Default for Cccp {
    /// 100 updates and 1e-10: separated patterns take two or three updates, so
    /// a query that needs more sits on a metastable average of patterns; 1e-10
    /// is well above the rounding of sums over thousands of patterns.
    fn default() -> Self {
        Self { max_iterations: 100, tolerance: 1e-10 }
    }
}

/// How the retrieval of one query ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retrieval {
    /// The stored pattern of largest weight.
    pub pattern: usize,
    /// `ln(p₁/p₂)`: log odds of that pattern against the runner-up; infinite if
    /// there is only one pattern.
    pub margin: f64,
    /// `1 − p₁`: weight on all other patterns, accurate also where tiny.
    pub spill: f64,
    /// `‖∇E(x)‖` at the retrieved state.
    pub residual: f64,
    /// `E(x)` at the retrieved state.
    pub energy: f64,
    /// Updates made.
    pub iterations: usize,
    /// Converged, out of iterations, or overflowed.
    pub outcome: Outcome,
}

impl Retrieval {
    /// Upper bound on the distance of the retrieved state to the pattern it
    /// names, for the `memory` that was queried:
    /// `‖x − ξ‖ ≤ ‖∇E(x)‖ + 2·(1 − p₁)·max_μ‖ξ^μ‖`.
    ///
    /// It holds in exact arithmetic; rounding adds a relative error of the
    /// order of the machine precision.
    #[must_use]
    pub fn distance_bound(&self, memory: &LogSumExpMemory) -> f64 {
        self.residual + 2.0 * self.spill * memory.radius()
    }
}

/// The retrieved states, with a report for each.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Retrieved {
    states: Vec<f64>,
    dim: usize,
    queries: Vec<Retrieval>,
}

impl Retrieved {
    /// The retrieved states, one a column, in the order of the cues.
    #[must_use]
    pub fn states(&self) -> Batch<'_> {
        Batch::new(&self.states, self.dim).expect("as the cues")
    }

    /// State retrieved for cue `index`.
    ///
    /// # Panics
    /// If there is no such cue.
    #[must_use]
    pub fn state(&self, index: usize) -> &[f64] {
        self.states().column(index)
    }

    /// The reports, in the order of the cues.
    #[must_use]
    pub fn queries(&self) -> &[Retrieval] {
        &self.queries
    }
}

impl Cccp {
    /// Retrieves every column of `cues` from `memory`, in parallel over fixed
    /// blocks of queries.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the memory.
    pub fn retrieve(&self, memory: &LogSumExpMemory, cues: Batch<'_>) -> Result<Retrieved, Error> {
        let dim = memory.patterns().dim();
        validate::positive("maximal number of iterations", self.max_iterations as f64)?;
        validate::positive("tolerance", self.tolerance)?;
        validate::dimension("cues", dim, cues.dim())?;
        if cues.count() == 0 {
            return Err(ebm_core::Error::Empty { what: "cues" }.into());
        }
        validate::finite("cues", cues.as_slice())?;

        let mut states = cues.as_slice().to_vec();
        let blank = Retrieval {
            pattern: 0,
            margin: 0.0,
            spill: 0.0,
            residual: 0.0,
            energy: 0.0,
            iterations: 0,
            outcome: Outcome::MaxSteps,
        };
        let mut queries = vec![blank; cues.count()];
        let width = BLOCK.min(cues.count());
        states.par_chunks_mut(dim * BLOCK).zip(queries.par_chunks_mut(BLOCK)).for_each_init(
            || Scratch::new(memory, width),
            |scratch, (states, queries)| self.retrieve_block(memory, states, queries, scratch),
        );
        Ok(Retrieved { states, dim, queries })
    }

    /// Retrieves one block in place.
    fn retrieve_block(
        &self,
        memory: &LogSumExpMemory,
        states: &mut [f64],
        queries: &mut [Retrieval],
        scratch: &mut Scratch,
    ) {
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let tolerance = self.tolerance * memory.radius();
        let Scratch { x, next, weights, active } = scratch;
        active.clear();
        active.extend(0..queries.len());
        for iteration in 0..=self.max_iterations {
            // Queries that still run, side by side.
            for (column, &query) in x.chunks_exact_mut(dim).zip(&*active) {
                column.copy_from_slice(&states[query * dim..(query + 1) * dim]);
            }
            let running = active.len();
            let (x, next) = (&x[..running * dim], &mut next[..running * dim]);
            let weights = &mut weights[..running * count];
            memory.scores(x, weights);
            let columns = weights.chunks_exact_mut(count).zip(x.chunks_exact(dim)).zip(&*active);
            for ((weights, x), &query) in columns {
                weigh(memory, weights, x, &mut queries[query]);
            }
            memory.readout(weights, next);
            let mut column = 0;
            active.retain(|&query| {
                let range = column * dim..(column + 1) * dim;
                column += 1;
                let (x, next) = (&x[range.clone()], &next[range]);
                let report = &mut queries[query];
                report.iterations = iteration;
                report.residual =
                    x.iter().zip(next).map(|(x, y)| (y - x) * (y - x)).sum::<f64>().sqrt();
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

/// Turns the scores of `x` into weights and notes what they say.
fn weigh(memory: &LogSumExpMemory, scores: &mut [f64], x: &[f64], report: &mut Retrieval) {
    let (mut best, mut first, mut second) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (mu, &score) in scores.iter().enumerate() {
        if score > first {
            (best, first, second) = (mu, score, first);
        } else if score > second {
            second = score;
        }
    }
    scores.iter_mut().for_each(|score| *score -= first);
    vector_math::exp_in_place(scores);
    // Without the 1 of the winner, which would swallow them. A NaN score is
    // never the winner, but reaches the sum.
    let others = scores[..best].iter().sum::<f64>() + scores[best + 1..].iter().sum::<f64>();
    let sum = 1.0 + others;
    let scale = 1.0 / sum;
    scores.iter_mut().for_each(|w| *w *= scale);
    report.pattern = best;
    report.margin = first - second;
    report.spill = others * scale;
    report.energy = 0.5 * x.iter().map(|x| x * x).sum::<f64>() - (first + sum.ln()) / memory.beta();
}

/// Memory of one worker, sized once.
struct Scratch {
    x: Vec<f64>,
    next: Vec<f64>,
    weights: Vec<f64>,
    active: Vec<usize>,
}

impl Scratch {
    fn new(memory: &LogSumExpMemory, width: usize) -> Self {
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        Self {
            x: vec![0.0; dim * width],
            next: vec![0.0; dim * width],
            weights: vec![0.0; count * width],
            active: Vec::with_capacity(width),
        }
    }
}
