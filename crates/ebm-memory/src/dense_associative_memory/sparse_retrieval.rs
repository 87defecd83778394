//! Retrieval from sparse memories, for a batch of cues with masks.
//!
//! ```text
//! x ← Ξ ŷ(β s(x)),      s_μ(x) = Σ_i k_i ξ_i^μ x_i − ½ ν_μ,      x_i stays where f_i = 1
//! ```
//!
//! `ŷ` depends on all scores at once, by a threshold that is not known before
//! the last of them, so that the scores of a block of queries are kept: one
//! matrix product an update. The patterns read out are few.

use std::ops::ControlFlow;

use ebm_core::vector_math::VectorMath;
use ebm_core::{Outcome, linalg};
use rayon::prelude::*;

use super::cccp::{self, Cccp, ConcaveConvex, Watch};
use super::fenchel_young::offsets;
use super::norms::{TILE, add_norms, half_square};
use super::{Cues, FenchelYoungMemory, RegularizedArgmax, Similarity};
use crate::{Error, Retrieved};

/// Most queries that share a matrix product.
const WIDEST: usize = 32;

/// Scores that a block may keep, unless a single query needs more.
const SCORES: usize = 1 << 21;

/// Queries that share a product. Depends on the memory alone, so that results
/// do not depend on the number of threads.
fn block(count: usize) -> usize {
    (SCORES / count).clamp(1, WIDEST)
}

/// How the retrieval of one query from a sparse memory ended.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SparseReport {
    /// The stored pattern of largest score.
    pub pattern: usize,
    /// `β` times the lead of its score over the next; for k-subsets that of the
    /// k-th largest score. Infinite where there are no more patterns.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub margin: f64,
    /// Weight of all other patterns in the next update; for k-subsets that beyond
    /// k patterns. Exactly zero where the pattern, or the mean of k, is exact.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub spill: f64,
    /// `‖x⁺ − x‖`: how far the next update would move the retrieved state.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// `E(x)` at the retrieved state; over the known entries if they are
    /// masked.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// Updates made.
    pub iterations: usize,
    /// Converged, out of iterations, or overflowed.
    pub outcome: Outcome,
    /// The patterns that the next update is a mean of, with their weights, the
    /// heaviest first. Empty for softmax, where all patterns have weight, and
    /// where scores overflowed.
    pub support: Vec<(usize, f64)>,
}

impl<T: VectorMath> cccp::sealed::Sealed for FenchelYoungMemory<T> {}

/// [`negligible`](Cccp::negligible) plays no part.
///
/// The rest of a picture, exactly, from the half that is known:
///
/// ```
/// use ebm_memory::{Cccp, Cues, FenchelYoungMemory, Patterns, RegularizedArgmax, Similarity};
///
/// let pictures: Patterns<f32> = Patterns::random_signs(100, 50, 1)?.to_precision()?;
/// let (map, similarity) = (RegularizedArgmax::Sparsemax, Similarity::SquaredDistance);
/// let memory = FenchelYoungMemory::new(pictures.clone(), 1.0, similarity, map)?;
/// let mut cue = pictures.pattern(7).to_vec();
/// cue[50..].fill(f32::NAN);
/// let known: Vec<bool> = (0..100).map(|pixel| pixel < 50).collect();
///
/// let cue = Cues::new(&cue, 100)?.with_known(&known)?;
/// let found = Cccp::default().retrieve(&memory, cue)?;
/// assert_eq!(found.state(0), pictures.pattern(7));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// A mean of two patterns, from a noisy one, and which two they are:
///
/// ```
/// use ebm_memory::{Batch, Cccp, FenchelYoungMemory, Patterns, RegularizedArgmax, Similarity};
///
/// let patterns = Patterns::random_signs(200, 50, 1)?;
/// let pairs = RegularizedArgmax::KSubset { k: 2 };
/// let memory = FenchelYoungMemory::new(patterns, 0.1, Similarity::DotProduct, pairs)?;
/// let (a, b) = (memory.patterns().pattern(3), memory.patterns().pattern(8));
/// let cue: Vec<f64> = a.iter().zip(b).map(|(a, b)| 0.4 * a + 0.6 * b + 0.1).collect();
///
/// let found = Cccp::default().retrieve(&memory, Batch::single(&cue)?)?;
/// let report = &found.reports()[0];
/// assert_eq!(report.support, [(3, 0.5), (8, 0.5)]);
/// assert!(report.margin > pairs.margin() && report.spill == 0.0);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
impl<T: VectorMath> ConcaveConvex for FenchelYoungMemory<T> {
    type Scalar = T;
    type Report = SparseReport;

    fn retrieve_by(
        &self,
        method: &Cccp,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<SparseReport, T>, Error> {
        method.retrieve_by_sparse_weights(self, cues, watch)
    }
}

impl Cccp {
    fn retrieve_by_sparse_weights<T: VectorMath>(
        &self,
        memory: &FenchelYoungMemory<T>,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<SparseReport, T>, Error> {
        if let Some(centered) = memory.centered() {
            return centered.retrieve(cues, watch, |memory, cues, watch| {
                self.retrieve_by_sparse_weights(memory, cues, watch)
            });
        }
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let mut states = self.start(dim, &cues)?;
        let total = states.len() / dim;
        let block = block(count);
        let width = block.min(total);
        let comparison = Comparison::new(memory, cues)?;
        let mut reports = vec![SparseReport::BLANK; total];
        if let Some(watch) = watch {
            let mut scratch = Scratch::new(&comparison, width);
            let blocks = states.chunks_mut(dim * block).zip(reports.chunks_mut(block));
            for (index, (states, reports)) in blocks.enumerate() {
                let first = index * block;
                let (scratch, watch) = (&mut scratch, &mut *watch);
                self.retrieve_sparse_block(&comparison, first, states, reports, scratch, watch);
            }
            return Ok(Retrieved { states, dim, reports });
        }
        let go_on = |_: usize, _: usize, _: &[T]| ControlFlow::Continue(());
        states
            .par_chunks_mut(dim * block)
            .zip(reports.par_chunks_mut(block))
            .enumerate()
            .for_each_init(
                || Scratch::new(&comparison, width),
                |scratch, (index, (states, reports))| {
                    let first = index * block;
                    self.retrieve_sparse_block(&comparison, first, states, reports, scratch, go_on);
                },
            );
        Ok(Retrieved { states, dim, reports })
    }

    /// Retrieves one block in place, whose first cue is `first`.
    fn retrieve_sparse_block<T: VectorMath>(
        &self,
        comparison: &Comparison<'_, T>,
        first: usize,
        states: &mut [T],
        reports: &mut [SparseReport],
        scratch: &mut Scratch<T>,
        mut watch: impl FnMut(usize, usize, &[T]) -> ControlFlow<()>,
    ) {
        let memory = comparison.memory;
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let tolerance = self.tolerance.max(16.0 * T::EPSILON.to_f64()) * memory.radius();
        comparison.load_norms(first, reports.len(), scratch);
        let Scratch { compared, next, products, scores, weights, ranked, norms, active, .. } =
            scratch;
        active.clear();
        active.extend(0..reports.len());
        for iteration in 0..=self.max_iterations {
            for (column, &query) in compared.chunks_exact_mut(dim).zip(&*active) {
                let known = comparison.cues.known_of(first + query);
                column.copy_from_slice(&states[query * dim..(query + 1) * dim]);
                for (x, known) in column.iter_mut().zip(known) {
                    *x = if *known { *x } else { T::ZERO };
                }
            }
            let running = active.len();
            let compared = &compared[..running * dim];
            let products = &mut products[..running * count];
            let data = memory.patterns().as_batch().as_slice();
            linalg::multiply_transposed(data, compared, products, dim);
            let mut columns = compared.chunks_exact(dim).zip(products.chunks_exact(count));
            active.retain(|&query| {
                let Some((compared, products)) = columns.next() else { return false };
                let own = norms.get(query * count..(query + 1) * count);
                let offsets = own.unwrap_or(&comparison.offsets);
                let beta = T::from_f64(memory.beta());
                for ((score, s), offset) in scores.iter_mut().zip(products).zip(offsets) {
                    *score = (beta * *s + *offset).to_f64();
                }
                let value = memory.map().weights(scores, weights);
                memory.readout(weights, next);
                let x = &states[query * dim..(query + 1) * dim];
                cccp::hold(comparison.cues.fixed_of(first + query), x, next);
                let report = &mut reports[query];
                *report = describe(memory.map(), scores, weights, ranked);
                report.iterations = iteration;
                report.energy = half_square(compared).to_f64() - value / memory.beta();
                report.residual = cccp::distance(x, next);
                if watch(first + query, iteration, x).is_break() {
                    report.outcome = Outcome::Stopped;
                } else if let Some(index) = next.iter().position(|y| !y.is_finite()) {
                    report.outcome = Outcome::NotFinite { t: iteration as f64, index };
                } else if report.residual <= tolerance {
                    report.outcome = Outcome::Converged;
                } else if iteration < self.max_iterations {
                    states[query * dim..(query + 1) * dim].copy_from_slice(next);
                    return true;
                }
                report.support = support(memory.map(), weights);
                false
            });
            if active.is_empty() {
                return;
            }
        }
    }
}

/// What does not change from update to update.
struct Comparison<'a, T> {
    memory: &'a FenchelYoungMemory<T>,
    cues: Cues<'a, T>,
    /// `−½ β ν` for a mask that all cues share, or none.
    offsets: Vec<T>,
    /// Whether `ν` differs between cues.
    own_norms: bool,
}

impl<'a, T: VectorMath> Comparison<'a, T> {
    fn new(memory: &'a FenchelYoungMemory<T>, cues: Cues<'a, T>) -> Result<Self, Error> {
        let known = cues.known_by_all();
        let similarity = memory.similarity();
        let offsets = offsets(memory.patterns(), memory.beta(), similarity, known)?;
        let own_norms = cues.known_each() && similarity == Similarity::SquaredDistance;
        Ok(Self { memory, cues, offsets, own_norms })
    }

    /// `−½ β ν` of every query of a block, where each has its own.
    fn load_norms(&self, first: usize, width: usize, scratch: &mut Scratch<T>) {
        if !self.own_norms {
            return;
        }
        let patterns = self.memory.patterns();
        let (dim, count) = (patterns.dim(), patterns.count());
        let Scratch { compared: known, products: sums, norms, squares, .. } = scratch;
        for (query, numbers) in known.chunks_exact_mut(dim).take(width).enumerate() {
            let mask = self.cues.known_of(first + query);
            for (number, known) in numbers.iter_mut().zip(mask) {
                *number = if *known { T::ONE } else { T::ZERO };
            }
        }
        let known = &known[..dim * width];
        let scale = T::from_f64(-0.5 * self.memory.beta());
        let norms = &mut norms[..count * width];
        norms.fill(T::ZERO);
        add_norms(patterns, known, scale, (squares, sums), norms);
    }
}

impl SparseReport {
    const BLANK: Self = Self {
        pattern: 0,
        margin: 0.0,
        spill: 0.0,
        residual: 0.0,
        energy: 0.0,
        iterations: 0,
        outcome: Outcome::MaxSteps,
        support: Vec::new(),
    };
}

/// What the scores and weights at a state say; `ranked` is scratch.
fn describe(
    map: RegularizedArgmax,
    scores: &[f64],
    weights: &[f64],
    ranked: &mut [f64],
) -> SparseReport {
    let (mut pattern, mut first, mut second) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (mu, &score) in scores.iter().enumerate() {
        if score > first {
            (pattern, second, first) = (mu, first, score);
        } else if score > second {
            second = score;
        }
    }
    if map.winners() == 1 {
        let others = weights[..pattern].iter().chain(&weights[pattern + 1..]);
        let (margin, spill) = (first - second, others.sum());
        return SparseReport { pattern, margin, spill, ..SparseReport::BLANK };
    }
    // The last of the winners, and the best of the others.
    ranked.copy_from_slice(scores);
    let (_, last, others) = ranked.select_nth_unstable_by(map.winners() - 1, |a, b| b.total_cmp(a));
    let margin = *last - others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    ranked.copy_from_slice(weights);
    let (_, _, others) = ranked.select_nth_unstable_by(map.winners() - 1, |a, b| b.total_cmp(a));
    SparseReport { pattern, margin, spill: others.iter().sum(), ..SparseReport::BLANK }
}

/// The patterns with weight, the heaviest first; none for softmax, where all
/// have it.
fn support(map: RegularizedArgmax, weights: &[f64]) -> Vec<(usize, f64)> {
    if map == RegularizedArgmax::Softmax {
        return vec![];
    }
    let mut support = Vec::with_capacity(weights.iter().filter(|w| **w > 0.0).count());
    support.extend(weights.iter().copied().enumerate().filter(|(_, w)| *w > 0.0));
    support.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    support
}

/// Memory of one worker, sized once.
struct Scratch<T> {
    /// Known entries of the states that still run, zeros elsewhere.
    compared: Vec<T>,
    next: Vec<T>,
    products: Vec<T>,
    /// `β s` and `ŷ` of one query.
    scores: Vec<f64>,
    weights: Vec<f64>,
    /// Scores or weights, reordered.
    ranked: Vec<f64>,
    /// State-independent parts of the scores; empty unless each cue has its own.
    norms: Vec<T>,
    squares: Vec<T>,
    active: Vec<usize>,
}

impl<T: VectorMath> Scratch<T> {
    fn new(comparison: &Comparison<'_, T>, width: usize) -> Self {
        let patterns = comparison.memory.patterns();
        let (dim, count) = (patterns.dim(), patterns.count());
        let own = |len: usize| vec![T::ZERO; if comparison.own_norms { len } else { 0 }];
        Self {
            compared: vec![T::ZERO; dim * width],
            next: vec![T::ZERO; dim],
            products: vec![T::ZERO; count * width],
            scores: vec![0.0; count],
            weights: vec![0.0; count],
            ranked: vec![0.0; count],
            norms: own(count * width),
            squares: own(dim * TILE.min(count)),
            active: Vec::with_capacity(width),
        }
    }
}
