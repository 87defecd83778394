//! RetrievalReport from sparse memories, for a batch of cues with masks.
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
use super::norms::half_square;
use super::{Cues, FenchelYoungMemory, RetrievalReport, Similarity};
use crate::{Error, Retrieved};

/// Most queries that share a matrix product.
const WIDEST: usize = 32;

/// Scores that a block may keep, unless a single query needs more.
const SCORES: usize = 1 << 21;

/// Patterns whose squares are kept together.
const TILE: usize = 256;

/// Queries that share a product. Depends on the memory alone, so that results
/// do not depend on the number of threads.
fn block(count: usize) -> usize {
    (SCORES / count).clamp(1, WIDEST)
}

impl<T: VectorMath> cccp::sealed::Sealed for FenchelYoungMemory<T> {}

/// In the reports `margin` is `β` times the difference of the two largest
/// scores, and `spill` is exactly zero where the pattern has all the weight;
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
impl<T: VectorMath> ConcaveConvex for FenchelYoungMemory<T> {
    type Scalar = T;

    fn retrieve_by(
        &self,
        method: &Cccp,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<RetrievalReport, T>, Error> {
        method.retrieve_by_sparse_weights(self, cues, watch)
    }
}

impl Cccp {
    fn retrieve_by_sparse_weights<T: VectorMath>(
        &self,
        memory: &FenchelYoungMemory<T>,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
    ) -> Result<Retrieved<RetrievalReport, T>, Error> {
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let mut states = self.start(dim, &cues)?;
        let total = states.len() / dim;
        let block = block(count);
        let width = block.min(total);
        let comparison = Comparison::new(memory, cues)?;
        let mut reports = vec![RetrievalReport::BLANK; total];
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
        reports: &mut [RetrievalReport],
        scratch: &mut Scratch<T>,
        mut watch: impl FnMut(usize, usize, &[T]) -> ControlFlow<()>,
    ) {
        let memory = comparison.memory;
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let tolerance = self.tolerance.max(16.0 * T::EPSILON.to_f64()) * memory.radius();
        comparison.load_norms(first, reports.len(), scratch);
        let Scratch { compared, next, products, scores, weights, norms, active, .. } = scratch;
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
                *report = describe(scores, weights);
                report.iterations = iteration;
                report.energy = half_square(compared).to_f64() - value / memory.beta();
                report.residual = cccp::distance(x, next);
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
        let Scratch { compared: known, products, norms, squares, .. } = scratch;
        for (query, numbers) in known.chunks_exact_mut(dim).take(width).enumerate() {
            let mask = self.cues.known_of(first + query);
            for (number, known) in numbers.iter_mut().zip(mask) {
                *number = if *known { T::ONE } else { T::ZERO };
            }
        }
        let known = &known[..dim * width];
        let scale = T::from_f64(-0.5 * self.memory.beta());
        for (tile, patterns) in patterns.as_batch().as_slice().chunks(dim * TILE).enumerate() {
            let squares = &mut squares[..patterns.len()];
            squares.iter_mut().zip(patterns).for_each(|(s, p)| *s = *p * *p);
            let size = patterns.len() / dim;
            let sums = &mut products[..size * width];
            linalg::multiply_transposed(squares, known, sums, dim);
            for (query, sums) in sums.chunks_exact(size).enumerate() {
                let at = query * count + tile * TILE;
                for (norm, sum) in norms[at..at + size].iter_mut().zip(sums) {
                    *norm = scale * *sum;
                }
            }
        }
    }
}

/// What the scores and weights at a state say.
fn describe(scores: &[f64], weights: &[f64]) -> RetrievalReport {
    let (mut pattern, mut first, mut second) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (mu, &score) in scores.iter().enumerate() {
        if score > first {
            (pattern, second, first) = (mu, first, score);
        } else if score > second {
            second = score;
        }
    }
    let others = weights[..pattern].iter().chain(&weights[pattern + 1..]);
    RetrievalReport {
        pattern,
        margin: first - second,
        spill: others.sum(),
        ..RetrievalReport::BLANK
    }
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
            norms: own(count * width),
            squares: own(dim * TILE.min(count)),
            active: Vec::with_capacity(width),
        }
    }
}
