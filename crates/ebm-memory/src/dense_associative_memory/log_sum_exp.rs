//! The log-sum-exp memory, whose fixed-point update is attention.
//!
//! ```text
//! E(x)   = −(1/β) ln Σ_μ exp(β s_μ(x)) + ½‖x‖²
//! s_μ(x) = ξ^μ·x                 dot product
//! s_μ(x) = ξ^μ·x − ½‖ξ^μ‖²       squared distance: E = −(1/β) ln Σ_μ exp(−½β‖x − ξ^μ‖²)
//! p(x)   = softmax(β s(x)),      ∇E = x − Ξ p,      ∇²E = I − β Ξ (diag p − ppᵀ) Ξᵀ
//! ```
//!
//! with the patterns `ξ^μ` as the columns of `Ξ` (`N × K`). The constants
//! `(1/β) ln K + ½ max‖ξ‖²` that the source adds to make the energy
//! non-negative are left out. The flow `τẋ = Ξp(x) − x` is the
//! [`GradientFlow`](ebm_core::flow::GradientFlow) of this energy.
//!
//! Source: H. Ramsauer et al., *Hopfield Networks is All You Need* (2020),
//! arXiv 2008.02217.

use ebm_core::vector_math::{log_sum_exp, softmax_in_place};
use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Workspace, linalg, validate};

use crate::{Error, Patterns};

/// How a state is compared with a stored pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Similarity {
    /// `ξ·x`. Favors patterns of large norm: use it where all norms are about
    /// equal, such as for ±1 patterns.
    DotProduct,
    /// `−½‖x − ξ‖²` up to a term that all patterns share. Right for patterns
    /// of unequal norm, such as raw pictures.
    SquaredDistance,
}

/// The energy of a log-sum-exp memory; see the [module](self) for the formulas.
///
/// ```
/// use ebm_core::{Batch, Energy, flow::GradientFlow, VectorField};
/// use ebm_memory::{Cccp, LogSumExpMemory, Patterns, Similarity};
///
/// let patterns = Patterns::random_signs(64, 1000, 1)?; // far above 0.138 · 64
/// let memory = LogSumExpMemory::new(patterns.clone(), 0.5, Similarity::DotProduct)?;
/// let mut cue = patterns.pattern(7).to_vec();
/// for x in &mut cue[..8] {
///     *x = 0.0;
/// }
/// let recalled = Cccp::default().retrieve(&memory, Batch::single(&cue)?)?;
/// assert_eq!(recalled.queries()[0].pattern, 7);
/// assert!(memory.energy_at(recalled.state(0)) < memory.energy_at(&cue));
///
/// // The same memory as an ordinary differential equation.
/// let field = GradientFlow(&memory);
/// assert!(field.eval_at(0.0, &cue)[0] * patterns.pattern(7)[0] > 0.9);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogSumExpMemory {
    patterns: Patterns,
    /// `β·(s_μ(x) − ξ^μ·x)`, zero for the dot product.
    offsets: Vec<f64>,
    beta: f64,
    similarity: Similarity,
    radius: f64,
}

impl LogSumExpMemory {
    /// Stores `patterns` at inverse temperature `beta`.
    ///
    /// # Errors
    /// If `beta` is not a finite number above zero, or a pattern is so long
    /// that its squared norm overflows.
    pub fn new(patterns: Patterns, beta: f64, similarity: Similarity) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        let squared_norms: Vec<f64> =
            patterns.as_batch().columns().map(|p| p.iter().map(|x| x * x).sum()).collect();
        validate::finite("squared norms of the patterns", &squared_norms)?;
        let radius = squared_norms.iter().fold(0.0, |m: f64, s| m.max(*s)).sqrt();
        let mut offsets = squared_norms;
        for offset in &mut offsets {
            *offset = match similarity {
                Similarity::DotProduct => 0.0,
                Similarity::SquaredDistance => -0.5 * beta * *offset,
            };
        }
        validate::finite("beta times the squared norms", &offsets)?;
        Ok(Self { patterns, offsets, beta, similarity, radius })
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

    /// Norm of the longest pattern, `max_μ ‖ξ^μ‖`.
    #[must_use]
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// `β s(x)` of every column of `x`, into `out` (`K × count`): one product.
    pub(crate) fn scores(&self, x: &[f64], out: &mut [f64]) {
        linalg::multiply_transposed(
            self.patterns.as_batch().as_slice(),
            x,
            out,
            self.patterns.dim(),
        );
        for column in out.chunks_exact_mut(self.offsets.len()) {
            for (score, offset) in column.iter_mut().zip(&self.offsets) {
                *score = self.beta * *score + offset;
            }
        }
    }

    /// `Ξ p` of every column of weights `p` (`K × count`): one product.
    pub(crate) fn readout(&self, weights: &[f64], out: &mut [f64]) {
        linalg::multiply(self.patterns.as_batch().as_slice(), weights, out, self.patterns.dim());
    }

    /// `E` from the scores of a state.
    pub(crate) fn energy_from(&self, scores: &[f64], x: &[f64]) -> f64 {
        0.5 * x.iter().map(|x| x * x).sum::<f64>() - log_sum_exp(scores) / self.beta
    }

    /// `softmax(β s(x))` of every column, into `out` (`K × count`).
    ///
    /// # Panics
    /// If `x` does not have the dimension of the memory or `out` not the
    /// length `K × count`.
    pub fn weights(&self, x: Batch<'_>, out: &mut [f64]) {
        self.scores(x.as_slice(), out);
        out.chunks_exact_mut(self.patterns.count()).for_each(|column| {
            softmax_in_place(column);
        });
    }
}

impl Energy for LogSumExpMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (scores, _) = ws.take(self.patterns.count());
        self.scores(x, scores);
        self.energy_from(scores, x)
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let count = self.patterns.count();
        let (scores, _) = ws.take(count * x.count());
        self.scores(x.as_slice(), scores);
        for ((out, x), scores) in out.iter_mut().zip(x.columns()).zip(scores.chunks_exact(count)) {
            *out = self.energy_from(scores, x);
        }
    }
}

impl Gradient for LogSumExpMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (weights, _) = ws.take(self.patterns.count() * x.count());
        self.weights(x, weights);
        self.readout(weights, out.as_mut_slice());
        for (out, x) in out.as_mut_slice().iter_mut().zip(x.as_slice()) {
            *out = x - *out;
        }
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (weights, _) = ws.take(self.patterns.count());
        self.scores(x, weights);
        let energy = self.energy_from(weights, x);
        softmax_in_place(weights);
        self.readout(weights, out);
        for (out, x) in out.iter_mut().zip(x) {
            *out = x - *out;
        }
        energy
    }
}

impl Curvature for LogSumExpMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let count = self.patterns.count();
        let (weights, ws) = ws.take(count);
        let (along, _) = ws.take(count);
        self.scores(x, weights);
        softmax_in_place(weights);
        linalg::multiply_transposed(self.patterns.as_batch().as_slice(), v, along, v.len());
        let mean: f64 = weights.iter().zip(&*along).map(|(p, a)| p * a).sum();
        for (a, p) in along.iter_mut().zip(&*weights) {
            *a = p * (*a - mean);
        }
        self.readout(along, out);
        for (out, v) in out.iter_mut().zip(v) {
            *out = v - self.beta * *out;
        }
    }
}
