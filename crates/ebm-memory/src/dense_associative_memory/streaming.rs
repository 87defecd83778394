//! One update of a block of states, streamed over tiles of patterns with a
//! running log-sum-exp: memory grows neither with the number of patterns nor
//! with that of cues.
//!
//! ```text
//! per tile, per state:  e_μ = exponents of the tile,   m⁺ = max(m, max_μ e_μ)
//!                       y ← y e^{m−m⁺} + Σ_μ ξ^μ e^{e_μ−m⁺},   Z ← Z e^{m−m⁺} + Σ_μ e^{e_μ−m⁺}
//! at the end:           x⁺ = y / Z,   ln Σ_μ exp(e_μ) = m + ln Z
//! ```
//!
//! A weight `e^{e_μ−m}` below `negligible/2K` of the largest is not read out;
//! where that holds for a whole tile, not even exponentials are taken. At useful
//! inverse temperatures nearly all weights are that small, and the second
//! product disappears. Because the energy descends, it bounds the largest
//! exponent of the next update from below before that begins.
//!
//! Source of the running log-sum-exp: M. Milakov and N. Gimelshein, *Online
//! normalizer calculation for softmax* (2018), arXiv 1805.02867.

use ebm_core::linalg::{self, InnerProducts};
use ebm_core::vector_math::kernel::{Kernel, run};
use ebm_core::vector_math::{Level, VectorMath, exp_in_place};

use super::similarity::{self, Similarity};
use super::{Cues, LogSumExpMemory, norms::half_square};

/// Patterns in a tile: its exponents for a block of states, and what the
/// product needs beside them, stay in the second-level cache.
const TILE: usize = 256;

/// Patterns are read out one by one if they are fewer than one in this many:
/// a product handles one several times as fast.
const SPARSE: usize = 8;

/// Sums and maxima kept side by side, so that they fill vector registers.
const LANES: usize = 16;

/// What does not change from update to update.
pub(super) struct Comparison<'a, T> {
    pub(super) memory: &'a LogSumExpMemory<T>,
    pub(super) cues: Cues<'a, T>,
    /// State-independent parts of the exponents, for a mask that all cues
    /// share; otherwise those of the memory.
    pub(super) offsets: &'a [T],
    /// Weight that may be left out.
    pub(super) negligible: f64,
    /// Weights below this, relative to the largest, are not read out.
    pub(super) least_weight: f64,
    /// Whole tiles that are this far below the largest exponent are skipped.
    pub(super) cutoff: f64,
    /// The largest of the factors `β_μ/β`.
    pub(super) largest_rate: f64,
}

impl<T: VectorMath> Comparison<'_, T> {
    /// Lower bound on the largest exponent of a state from an upper bound on
    /// its energy: `ln K` below the log-sum-exp.
    fn least_first(&self, energy: f64, half: f64) -> f64 {
        if self.memory.similarity() == Similarity::Manhattan {
            return f64::NEG_INFINITY;
        }
        let log_sum = self.memory.log_sum_from(energy, half);
        // Rounding of similarities and of the sums over them, and what was left
        // out of the update that led here.
        let rounding = 256.0 * T::EPSILON.to_f64() * (half + energy.abs());
        let neglect = 4.0 * self.negligible * self.memory.radius() * self.memory.radius();
        let slack = 1.0 + self.memory.beta() * (rounding + neglect);
        log_sum - (self.memory.patterns().count() as f64).ln() - slack
    }
}

/// What the stream has seen for one state. All sums are relative to the
/// largest exponent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    /// Memory of the largest exponent.
    pub(super) best: usize,
    /// The largest exponent.
    pub(super) first: f64,
    /// The next to largest.
    pub(super) second: f64,
    /// `Σ_{μ≠best} exp(e_μ − first)` where it was summed.
    pub(super) others: f64,
    /// The same with the factors `β_μ/β`.
    pub(super) weighted: f64,
    /// `β_μ/β` of the best.
    pub(super) rate: f64,
    /// Upper bound on the rest of `others`.
    pub(super) skipped: f64,
    /// A similarity overflowed.
    pub(super) overflow: bool,
    /// The current tile was skipped.
    idle: bool,
    /// `first` is still the bound that the stream began with.
    virtual_first: bool,
    /// Something was read out.
    touched: bool,
}

/// A memory to be read out.
#[derive(Debug, Clone, Copy)]
struct Pick<T> {
    column: u32,
    mu: usize,
    /// Relative to the exponent `first`.
    weight: T,
    first: f64,
}

impl Running {
    const START: Self = Self {
        best: 0,
        first: f64::NEG_INFINITY,
        virtual_first: true,
        touched: false,
        second: f64::NEG_INFINITY,
        others: 0.0,
        weighted: 0.0,
        rate: 0.0,
        skipped: 0.0,
        overflow: false,
        idle: false,
    };

    /// Makes `best` the one that sums are relative to; returns what they shrink
    /// by.
    fn climb(&mut self, best: usize, first: f64, rate: f64) -> f64 {
        let shrink = (self.first - first).exp();
        let counted = if self.virtual_first { 0.0 } else { 1.0 };
        self.others = (self.others + counted) * shrink;
        self.weighted = (self.weighted + self.rate) * shrink;
        self.skipped *= shrink;
        (self.best, self.first, self.rate) = (best, first, rate);
        self.virtual_first = false;
        shrink
    }
}

/// Buffers of one worker, sized once.
pub(super) struct Stream<T> {
    exponents: Vec<T>,
    compared: Vec<T>,
    /// The compared states, laid out for products with tile after tile; empty
    /// where similarities are no products.
    products: InnerProducts<T>,
    halves: Vec<T>,
    running: Vec<Running>,
    picks: Vec<Pick<T>>,
    /// Masks as numbers, squared patterns of a tile and their products with
    /// the masks; empty where not needed.
    known: Vec<T>,
    squares: Vec<T>,
    norms: Vec<T>,
}

impl<T: VectorMath> Stream<T> {
    pub(super) fn new(comparison: &Comparison<'_, T>, width: usize) -> Self {
        let patterns = comparison.memory.patterns();
        let (dim, tile) = (patterns.dim(), TILE.min(patterns.count()));
        let (masked, square) = match comparison.memory.similarity() {
            Similarity::DotProduct => (false, false),
            Similarity::SquaredDistance => (comparison.cues.known_each(), true),
            Similarity::Manhattan => (!comparison.cues.known_of(0).is_empty(), false),
        };
        let product = comparison.memory.similarity() != Similarity::Manhattan;
        let zeros = |needed: bool, len: usize| vec![T::ZERO; if needed { len } else { 0 }];
        Self {
            exponents: zeros(true, tile * width),
            compared: zeros(true, dim * width),
            products: InnerProducts::new(dim, if product { width } else { 0 }, tile),
            halves: zeros(true, width),
            running: vec![Running::START; width],
            picks: Vec::with_capacity(2 * (tile * width / SPARSE) + 1),
            known: zeros(masked, dim * width),
            squares: zeros(masked && square, dim * tile),
            norms: zeros(masked && square, tile * width),
        }
    }

    /// What the last update has seen of a column.
    pub(super) fn seen(&self, column: usize) -> &Running {
        &self.running[column]
    }

    /// `½‖x‖²` over the known entries of a column.
    pub(super) fn half_square(&self, column: usize) -> f64 {
        self.halves[column].to_f64()
    }

    /// `next ← Ξ w(x)` for every column of `x`. Column `j` belongs to cue
    /// `cues[j].0` and has an energy of at most `cues[j].1`.
    pub(super) fn update(
        &mut self,
        comparison: &Comparison<'_, T>,
        x: &[T],
        cues: impl Iterator<Item = (usize, f64)>,
        next: &mut [T],
    ) {
        self.load(comparison, x, cues);
        self.stream(comparison, next);
        let width = x.len() / comparison.memory.patterns().dim();
        let bound_held = |seen: &Running| !seen.virtual_first || seen.overflow;
        if !self.running[..width].iter().all(bound_held) {
            // Rounding put a bound above the largest exponent.
            self.running[..width].fill(Running::START);
            self.stream(comparison, next);
        }
    }

    /// The update of the states that are loaded.
    fn stream(&mut self, comparison: &Comparison<'_, T>, next: &mut [T]) {
        let memory = comparison.memory;
        let (data, dim) = (memory.patterns().as_batch().as_slice(), memory.patterns().dim());
        let width = next.len() / dim;
        next.fill(T::ZERO);
        self.picks.clear();
        for (tile, patterns) in data.chunks(dim * TILE).enumerate() {
            let count = patterns.len() / dim;
            self.compare(comparison, patterns, width);
            let (before, limit) = (self.picks.len(), count * width / SPARSE);
            let mut sparse = true;
            for (column, next) in next.chunks_exact_mut(dim).enumerate() {
                self.weigh(comparison, tile * TILE, count, column, next);
                sparse =
                    sparse && self.pick(comparison, tile * TILE, column, before + limit, count);
            }
            if !sparse {
                self.picks.truncate(before);
                let weights = &mut self.exponents[..count * width];
                for (weights, seen) in weights.chunks_exact_mut(count).zip(&mut self.running) {
                    seen.touched = true;
                    if seen.idle {
                        weights.fill(T::ZERO);
                    }
                }
                linalg::add_multiply(T::ONE, patterns, weights, next, dim);
            } else if self.picks.len() > limit {
                self.settle(comparison, limit, next);
            }
        }
        self.settle(comparison, 0, next);
        for (next, seen) in next.chunks_exact_mut(dim).zip(&self.running) {
            let total = if seen.overflow { f64::NAN } else { seen.rate + seen.weighted };
            let scale = T::from_f64(1.0 / total);
            next.iter_mut().for_each(|y| *y *= scale);
        }
    }

    /// Forgets the picks that have become negligible; reads out the rest if
    /// they are still more than `limit`.
    fn settle(&mut self, comparison: &Comparison<'_, T>, limit: usize, next: &mut [T]) {
        let Self { picks, running, .. } = self;
        picks.retain_mut(|pick| {
            let first = running[pick.column as usize].first;
            if pick.first < first {
                pick.weight *= T::from_f64((pick.first - first).exp());
                pick.first = first;
            }
            pick.weight.to_f64() > comparison.least_weight
        });
        if picks.len() <= limit {
            return;
        }
        let patterns = comparison.memory.patterns();
        for Pick { column, mu, weight, .. } in picks.drain(..) {
            let out = &mut next[column as usize * patterns.dim()..][..patterns.dim()];
            run(Level::detect(), AddScaled { weight, pattern: patterns.pattern(mu), out });
            running[column as usize].touched = true;
        }
    }

    /// Takes the known entries of the states, and what their energies say.
    fn load(
        &mut self,
        comparison: &Comparison<'_, T>,
        x: &[T],
        cues: impl Iterator<Item = (usize, f64)>,
    ) {
        let dim = comparison.memory.patterns().dim();
        let columns = self.compared.chunks_exact_mut(dim).zip(x.chunks_exact(dim));
        for (column, ((compared, x), (cue, energy))) in columns.zip(cues).enumerate() {
            let known = comparison.cues.known_of(cue);
            if known.is_empty() {
                compared.copy_from_slice(x);
            } else {
                for ((compared, x), known) in compared.iter_mut().zip(x).zip(known) {
                    *compared = if *known { *x } else { T::ZERO };
                }
            }
            if !self.known.is_empty() {
                let numbers = &mut self.known[column * dim..(column + 1) * dim];
                for (number, known) in numbers.iter_mut().zip(known) {
                    *number = if *known { T::ONE } else { T::ZERO };
                }
            }
            let half = half_square(compared);
            self.halves[column] = half;
            let first = comparison.least_first(energy, half.to_f64());
            self.running[column] = Running { first, ..Running::START };
        }
        if comparison.memory.similarity() != Similarity::Manhattan {
            self.products.load(&self.compared[..x.len()]);
        }
    }

    /// Similarities of a tile of patterns.
    fn compare(&mut self, comparison: &Comparison<'_, T>, patterns: &[T], width: usize) {
        let dim = comparison.memory.patterns().dim();
        let count = patterns.len() / dim;
        let similarities = &mut self.exponents[..count * width];
        let x = &self.compared[..dim * width];
        let known = &self.known[..self.known.len().min(x.len())];
        if comparison.memory.similarity() == Similarity::Manhattan {
            return similarity::manhattan(patterns, x, known, dim, similarities);
        }
        self.products.multiply_transposed(patterns, similarities);
        if !known.is_empty() {
            let squares = &mut self.squares[..patterns.len()];
            squares.iter_mut().zip(patterns).for_each(|(s, p)| *s = *p * *p);
            let norms = &mut self.norms[..count * width];
            linalg::multiply_transposed(squares, known, norms, dim);
            let half = T::from_f64(0.5);
            similarities.iter_mut().zip(norms).for_each(|(s, norm)| *s -= half * *norm);
        }
    }

    /// From similarities to weights for one column of a tile that starts at
    /// memory `start`.
    fn weigh(
        &mut self,
        comparison: &Comparison<'_, T>,
        start: usize,
        count: usize,
        column: usize,
        next: &mut [T],
    ) {
        let memory = comparison.memory;
        let weights = &mut self.exponents[column * count..(column + 1) * count];
        let offsets = &comparison.offsets[start..start + count];
        memory.exponents_from(weights, start, offsets, self.halves[column]);
        let seen = &mut self.running[column];
        let peaks = run(Level::detect(), Peaks { values: weights });
        let (first, second) = (peaks.first.to_f64(), peaks.second.to_f64());
        seen.overflow |= peaks.overflow;
        let mut winner = None;
        if first > seen.first {
            let next_best = if seen.virtual_first { seen.second } else { seen.first };
            seen.second = next_best.max(second);
            let at = weights.iter().position(|w| *w == peaks.first).unwrap_or(0);
            let rate = memory.rates().get(start + at).map_or(1.0, |r| r.to_f64());
            let shrink = seen.climb(start + at, first, rate);
            if seen.touched {
                let shrink = T::from_f64(shrink);
                next.iter_mut().for_each(|y| *y *= shrink);
            }
            winner = Some(at);
        } else {
            seen.second = seen.second.max(first);
        }
        seen.idle = winner.is_none() && first < seen.first - comparison.cutoff;
        if seen.idle {
            seen.skipped += count as f64 * (first - seen.first).exp();
            return;
        }
        let shift = T::from_f64(seen.first);
        weights.iter_mut().for_each(|w| *w -= shift);
        exp_in_place(weights);
        // Without the one of the winner, which would swallow them.
        if let Some(at) = winner {
            weights[at] = T::ZERO;
        }
        let sum = run(Level::detect(), Sum { values: weights }).to_f64();
        seen.others += sum;
        if memory.rates().is_empty() {
            seen.weighted += sum;
        } else {
            let rates = &memory.rates()[start..start + count];
            weights.iter_mut().zip(rates).for_each(|(w, rate)| *w *= *rate);
            seen.weighted += run(Level::detect(), Sum { values: weights }).to_f64();
        }
        if let Some(at) = winner {
            weights[at] = T::from_f64(seen.rate);
        }
    }

    /// Notes the memories whose weight counts; false if there are more than
    /// `limit` in all.
    fn pick(
        &mut self,
        comparison: &Comparison<'_, T>,
        start: usize,
        column: usize,
        limit: usize,
        count: usize,
    ) -> bool {
        let Running { idle, first, .. } = self.running[column];
        if idle {
            return true;
        }
        let least = T::from_f64(comparison.least_weight);
        let weights = &self.exponents[column * count..(column + 1) * count];
        for (chunk, weights) in weights.chunks(LANES).enumerate() {
            if !weights.iter().fold(false, |any, w| any | (*w > least)) {
                continue;
            }
            for (at, &weight) in weights.iter().enumerate() {
                if weight > least {
                    if self.picks.len() == limit {
                        return false;
                    }
                    let (column, mu) = (column as u32, start + chunk * LANES + at);
                    self.picks.push(Pick { column, mu, weight, first });
                }
            }
        }
        true
    }
}

/// The two largest values, and whether one is NaN or +∞.
struct Peaks<'a, T> {
    values: &'a [T],
}

struct Found<T> {
    first: T,
    second: T,
    overflow: bool,
}

impl<T: VectorMath> Kernel for Peaks<'_, T> {
    type Output = Found<T>;

    #[inline(always)]
    fn run(self) -> Found<T> {
        let mut first = [T::NEG_INFINITY; LANES];
        let mut second = first;
        let mut bad = [T::ZERO; LANES];
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let x = chunk[lane];
                let lower = if x > first[lane] { first[lane] } else { x };
                first[lane] = if x > first[lane] { x } else { first[lane] };
                second[lane] = if lower > second[lane] { lower } else { second[lane] };
                // NaN from NaN and from infinities.
                bad[lane] += x * T::ZERO;
            }
        }
        for (lane, x) in rest.iter().enumerate() {
            let lower = if *x > first[lane] { first[lane] } else { *x };
            first[lane] = if *x > first[lane] { *x } else { first[lane] };
            second[lane] = if lower > second[lane] { lower } else { second[lane] };
            bad[lane] += *x * T::ZERO;
        }
        let (mut one, mut two) = (T::NEG_INFINITY, T::NEG_INFINITY);
        for x in first.into_iter().chain(second) {
            let lower = if x > one { one } else { x };
            one = if x > one { x } else { one };
            two = if lower > two { lower } else { two };
        }
        let overflow = bad.into_iter().any(|b| b != T::ZERO);
        Found { first: one, second: two, overflow }
    }
}

/// The sum, in a fixed order.
struct Sum<'a, T> {
    values: &'a [T],
}

impl<T: VectorMath> Kernel for Sum<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let mut sums = [T::ZERO; LANES];
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += *x;
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += *x;
        }
        sums.into_iter().sum()
    }
}

/// `out ← out + weight · pattern`.
struct AddScaled<'a, T> {
    weight: T,
    pattern: &'a [T],
    out: &'a mut [T],
}

impl<T: VectorMath> Kernel for AddScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, x) in self.out.iter_mut().zip(self.pattern) {
            *out += self.weight * *x;
        }
    }
}
