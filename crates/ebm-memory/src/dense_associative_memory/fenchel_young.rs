//! Hopfield–Fenchel–Young memories: sparse relatives of the log-sum-exp memory
//! that retrieve patterns, or means of k patterns, exactly.
//!
//! ```text
//! E(x) = −(1/β) Ω*(β s(x)) + ½‖x‖²,      x ← Ξ ŷ(β s(x)),      ∇E = x − Ξ ŷ
//! s_μ(x) = ξ^μ·x   or   ξ^μ·x − ½‖ξ^μ‖²
//! ∇²E = I − β Ξ (diag s − s sᵀ/Σs) Ξᵀ
//! ```
//!
//! with `Ω*`, `ŷ` and `s` of a [`RegularizedArgmax`]; for softmax it is the
//! [`LogSumExpMemory`](super::LogSumExpMemory). As `Ω*` is convex, an update
//! descends: `E(x⁺) ≤ E(x) − ½‖x⁺ − x‖²`.
//!
//! An update is exact, `x⁺ = (1/k) Σ_{μ∈S} ξ^μ` in every bit that the sum has,
//! if and only if every pattern of `S` leads every other one by the margin `m`
//! of the map: `s_μ(x) − s_ν(x) ≥ m/β`. These are half-spaces, so the largest
//! ball of such cues around the mean `ξ^S` of `S` has the radius
//!
//! ```text
//! r_S = min_{μ∈S, ν∉S} (s_μ(ξ^S) − s_ν(ξ^S) − m/β) / ‖ξ^μ − ξ^ν‖
//! ```
//!
//! Sources: S. J. R. dos Santos, V. Niculae, D. McNamee and A. F. T. Martins
//! (2024), arXiv 2402.13725 and arXiv 2411.08590. They bound `‖ξ^μ − ξ^ν‖` by
//! twice the norm of the longest pattern. Their k-subsets retrieve the sum of
//! the patterns; the mean, which is taken here, lies among the patterns.

use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Outcome, Workspace, linalg, validate,
};
use rayon::prelude::*;

use super::log_sum_exp::half_square;
use super::{Cccp, RegularizedArgmax, Retrieval, Retrieved, Similarity};
use crate::{Error, Patterns};

/// Queries that share a matrix product. Fixed, so that results do not depend
/// on the number of threads; small, because all scores of a block are kept.
const BLOCK: usize = 32;

/// The energy of a Hopfield–Fenchel–Young memory; see the [module](self) for
/// the formulas.
///
/// A softmax never gets rid of the other patterns; sparsemax does, in one
/// update from every cue closer than [`exact_radius`](Self::exact_radius):
///
/// ```
/// use ebm_memory::dense_associative_memory::{FenchelYoungMemory, RegularizedArgmax};
/// use ebm_memory::{Batch, Cccp, Patterns, Similarity};
///
/// let patterns = Patterns::random_signs(64, 100, 1)?;
/// let (map, similarity) = (RegularizedArgmax::Sparsemax, Similarity::DotProduct);
/// let memory = FenchelYoungMemory::new(patterns.clone(), 0.5, similarity, map)?;
/// assert!(memory.exact_radius(&[7])?.is_some_and(|radius| radius > 2.0));
/// let mut cue = patterns.pattern(7).to_vec();
/// cue[..4].fill(0.0); // at distance 2
///
/// let found = Cccp::default().retrieve_sparse(&memory, Batch::single(&cue)?)?;
/// assert_eq!(found.state(0), patterns.pattern(7));
/// assert_eq!((found.queries()[0].iterations, found.queries()[0].spill), (1, 0.0));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FenchelYoungMemory {
    patterns: Patterns,
    beta: f64,
    similarity: Similarity,
    map: RegularizedArgmax,
    radius: f64,
    /// `β (s_μ(x) − ξ^μ·x)`.
    offsets: Vec<f64>,
}

impl FenchelYoungMemory {
    /// Stores `patterns` at inverse temperature `beta`.
    ///
    /// # Errors
    /// If `beta` is not a finite number above zero, a pattern is so long that
    /// its squared norm times `beta` overflows, a parameter of `map` is out of
    /// range, or the similarity is the Manhattan distance, for which updates do
    /// not descend.
    pub fn new(
        patterns: Patterns,
        beta: f64,
        similarity: Similarity,
        map: RegularizedArgmax,
    ) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        map.check(patterns.count())?;
        let norms: Vec<f64> = patterns.as_batch().columns().map(|p| 2.0 * half_square(p)).collect();
        validate::finite("squared norms of the patterns", &norms)?;
        let radius = norms.iter().copied().fold(0.0, f64::max).sqrt();
        let offsets: Vec<f64> = match similarity {
            Similarity::DotProduct => vec![0.0; norms.len()],
            Similarity::SquaredDistance => norms.iter().map(|n| -0.5 * beta * n).collect(),
            Similarity::Manhattan => return Err(Error::Similarity { found: similarity }),
        };
        validate::finite("beta times the squared norms", &offsets)?;
        Ok(Self { patterns, beta, similarity, map, radius, offsets })
    }

    /// The stored patterns.
    #[must_use]
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Inverse temperature `β`.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// How states are compared with patterns.
    #[must_use]
    pub fn similarity(&self) -> Similarity {
        self.similarity
    }

    /// How scores become weights.
    #[must_use]
    pub fn map(&self) -> RegularizedArgmax {
        self.map
    }

    /// Norm of the longest pattern, `max_μ ‖ξ^μ‖`.
    #[must_use]
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// Radius of the ball around the mean of the patterns in `set` within which
    /// one update retrieves this mean exactly: no larger ball has that
    /// property. Nothing if the mean itself is not retrieved, as always for
    /// softmax; infinite if there are no other patterns.
    ///
    /// # Errors
    /// If `set` does not name as many patterns as the map retrieves together
    /// (one, or the k of k-subsets), names one twice, or one that does not
    /// exist.
    pub fn exact_radius(&self, set: &[usize]) -> Result<Option<f64>, Error> {
        validate::dimension("set of patterns", self.map.winners(), set.len())?;
        let (what, bound) = ("set of patterns", self.patterns.count());
        let mut member = vec![false; bound];
        let mut mean = vec![0.0; self.patterns.dim()];
        for (index, &mu) in set.iter().enumerate() {
            if mu >= bound {
                return Err(ebm_core::Error::OutOfRange { what, index: mu, bound }.into());
            }
            if std::mem::replace(&mut member[mu], true) {
                let (expected, value) = ("a pattern not named before", mu as f64);
                return Err(ebm_core::Error::Entry { what, index, expected, value }.into());
            }
            for (mean, x) in mean.iter_mut().zip(self.patterns.pattern(mu)) {
                *mean += x / set.len() as f64;
            }
        }
        let lead = self.map.margin() / self.beta;
        let mut least = f64::INFINITY;
        for &mu in set {
            let own = self.patterns.pattern(mu);
            for nu in (0..bound).filter(|nu| !member[*nu]) {
                let (mut gap, mut square) = (0.0, 0.0);
                for ((a, b), x) in own.iter().zip(self.patterns.pattern(nu)).zip(&mean) {
                    gap += (a - b) * x;
                    square += (a - b) * (a - b);
                }
                gap += (self.offsets[mu] - self.offsets[nu]) / self.beta;
                least = least.min((gap - lead) / square.sqrt());
            }
        }
        Ok((least >= 0.0 && self.map != RegularizedArgmax::Softmax).then_some(least))
    }

    /// Upper bound on the distance of a retrieved state to the pattern that its
    /// report names: `residual + 2 · spill · max_μ‖ξ^μ‖`.
    #[must_use]
    pub fn distance_bound(&self, report: &Retrieval) -> f64 {
        report.residual + 2.0 * report.spill * self.radius
    }

    /// `β s` of every column of `x`, into `out` (`K × count`): one product.
    fn exponents(&self, x: &[f64], out: &mut [f64]) {
        let data = self.patterns.as_batch().as_slice();
        linalg::multiply_transposed(data, x, out, self.patterns.dim());
        for column in out.chunks_exact_mut(self.offsets.len()) {
            for (s, offset) in column.iter_mut().zip(&self.offsets) {
                *s = self.beta * *s + offset;
            }
        }
    }

    /// `Ξ w`, skipping zero weights.
    fn readout(&self, weights: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (pattern, w) in self.patterns.as_batch().columns().zip(weights) {
            if *w != 0.0 {
                out.iter_mut().zip(pattern).for_each(|(out, p)| *out += w * p);
            }
        }
    }

    /// What the exponents and weights at a state say.
    fn report(&self, exponents: &[f64], weights: &[f64]) -> Retrieval {
        let (mut pattern, mut first, mut second) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (mu, &exponent) in exponents.iter().enumerate() {
            if exponent > first {
                (pattern, second, first) = (mu, first, exponent);
            } else if exponent > second {
                second = exponent;
            }
        }
        let others = weights[..pattern].iter().chain(&weights[pattern + 1..]);
        Retrieval {
            pattern,
            margin: first - second,
            spill: others.sum(),
            residual: 0.0,
            energy: 0.0,
            iterations: 0,
            outcome: Outcome::MaxSteps,
        }
    }

    /// Retrieves one block in place.
    fn retrieve_block(
        &self,
        options: &Cccp,
        states: &mut [f64],
        queries: &mut [Retrieval],
        scratch: &mut Scratch,
    ) {
        let dim = self.patterns.dim();
        let count = self.patterns.count();
        let tolerance = options.tolerance.max(16.0 * f64::EPSILON) * self.radius;
        let Scratch { x, next, exponents, weights, active } = scratch;
        active.clear();
        active.extend(0..queries.len());
        for iteration in 0..=options.max_iterations {
            for (column, &query) in x.chunks_exact_mut(dim).zip(&*active) {
                column.copy_from_slice(&states[query * dim..(query + 1) * dim]);
            }
            let (x, exponents) = (&x[..active.len() * dim], &mut exponents[..active.len() * count]);
            self.exponents(x, exponents);
            let mut columns = x.chunks_exact(dim).zip(exponents.chunks_exact(count));
            active.retain(|&query| {
                let Some((x, exponents)) = columns.next() else { return false };
                let value = self.map.weights(exponents, weights);
                self.readout(weights, next);
                let report = &mut queries[query];
                *report = self.report(exponents, weights);
                report.iterations = iteration;
                report.energy = half_square(x) - value / self.beta;
                let square = |(a, b): (&f64, &f64)| (a - b) * (a - b);
                report.residual = x.iter().zip(&*next).map(square).sum::<f64>().sqrt();
                if let Some(index) = next.iter().position(|y| !y.is_finite()) {
                    report.outcome = Outcome::NotFinite { t: iteration as f64, index };
                    return false;
                }
                if report.residual <= tolerance {
                    report.outcome = Outcome::Converged;
                    return false;
                }
                if iteration < options.max_iterations {
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

impl Cccp {
    /// Retrieves every one of `cues` from a sparse memory, in parallel over
    /// fixed blocks of queries; [`negligible`](Self::negligible) plays no part.
    ///
    /// In the reports `margin` is `β` times the difference of the two largest
    /// scores, and `spill` is exactly zero where the pattern has all the
    /// weight. Each thread needs memory for 32 scores a pattern.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the memory.
    pub fn retrieve_sparse(
        &self,
        memory: &FenchelYoungMemory,
        cues: Batch<'_>,
    ) -> Result<Retrieved, Error> {
        let (dim, count) = (memory.patterns.dim(), memory.patterns.count());
        validate::positive("maximal number of iterations", self.max_iterations as f64)?;
        validate::positive("tolerance", self.tolerance)?;
        validate::dimension("cues", dim, cues.dim())?;
        if cues.count() == 0 {
            return Err(ebm_core::Error::Empty { what: "cues" }.into());
        }
        validate::finite("cues", cues.as_slice())?;
        let mut states = cues.as_slice().to_vec();
        let blank = memory.report(&vec![0.0; count], &vec![0.0; count]);
        let mut queries = vec![blank; cues.count()];
        let width = BLOCK.min(cues.count());
        states.par_chunks_mut(dim * BLOCK).zip(queries.par_chunks_mut(BLOCK)).for_each_init(
            || Scratch::new(dim, count, width),
            |scratch, (states, queries)| memory.retrieve_block(self, states, queries, scratch),
        );
        Ok(Retrieved { states, dim, queries })
    }
}

/// Memory of one worker, sized once.
struct Scratch {
    x: Vec<f64>,
    next: Vec<f64>,
    exponents: Vec<f64>,
    weights: Vec<f64>,
    active: Vec<usize>,
}

impl Scratch {
    fn new(dim: usize, count: usize, width: usize) -> Self {
        Self {
            x: vec![0.0; dim * width],
            next: vec![0.0; dim],
            exponents: vec![0.0; count * width],
            weights: vec![0.0; count],
            active: Vec::with_capacity(width),
        }
    }
}

impl Energy for FenchelYoungMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (exponents, ws) = ws.take(self.offsets.len());
        let (weights, _) = ws.take(self.offsets.len());
        self.exponents(x, exponents);
        half_square(x) - self.map.weights(exponents, weights) / self.beta
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let count = self.offsets.len();
        let (exponents, ws) = ws.take(count * x.count());
        let (weights, _) = ws.take(count);
        self.exponents(x.as_slice(), exponents);
        for ((out, x), column) in out.iter_mut().zip(x.columns()).zip(exponents.chunks(count)) {
            *out = half_square(x) - self.map.weights(column, weights) / self.beta;
        }
    }
}

impl Gradient for FenchelYoungMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let count = self.offsets.len();
        let (exponents, ws) = ws.take(count * x.count());
        let (weights, _) = ws.take(count);
        self.exponents(x.as_slice(), exponents);
        for ((x, out), column) in x.columns().zip(out.columns_mut()).zip(exponents.chunks(count)) {
            self.map.weights(column, weights);
            self.readout(weights, out);
            out.iter_mut().zip(x).for_each(|(out, x)| *out = x - *out);
        }
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (exponents, ws) = ws.take(self.offsets.len());
        let (weights, _) = ws.take(self.offsets.len());
        self.exponents(x, exponents);
        let value = self.map.weights(exponents, weights);
        self.readout(weights, out);
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x - *out);
        half_square(x) - value / self.beta
    }
}

/// Where a weight of a sparse map just vanishes the second derivative jumps:
/// it is that of the present support.
impl Curvature for FenchelYoungMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let count = self.offsets.len();
        let (along, ws) = ws.take(count);
        let (slopes, _) = ws.take(count);
        self.exponents(x, along);
        self.map.weights(along, slopes);
        self.map.slopes(slopes);
        linalg::multiply_transposed(self.patterns.as_batch().as_slice(), v, along, v.len());
        let total: f64 = slopes.iter().sum();
        let dot: f64 = slopes.iter().zip(&*along).map(|(s, a)| s * a).sum();
        let mean = if total == 0.0 { 0.0 } else { dot / total };
        for (slope, along) in slopes.iter_mut().zip(along) {
            *slope *= self.beta * (*along - mean);
        }
        self.readout(slopes, out);
        out.iter_mut().zip(v).for_each(|(out, v)| *out = v - *out);
    }
}
