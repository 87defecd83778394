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
//! [`GradientFlow`](ebm_core::flow::GradientFlow) of this energy. For the
//! Manhattan distance `E = −(1/β) ln Σ_μ exp(−β‖x − ξ^μ‖₁)`, with the gradient
//! `Σ_μ p_μ sgn(x − ξ^μ)` where no entry equals that of a pattern, and with
//! `sgn 0 = 0` elsewhere.
//!
//! Memories may differ in prior weight `π_μ` and in inverse temperature `β_μ`:
//!
//! ```text
//! E(x) = −(1/β) ln Σ_μ π_μ exp(β_μ (s_μ(x) − ½‖x‖²)),      p_μ ∝ π_μ exp(β_μ (s_μ(x) − ½‖x‖²))
//! ∇E   = (1/β) Σ_μ p_μ β_μ (x − ξ^μ)
//! ```
//!
//! which for the squared distance is the log density of a mixture of Gaussians
//! of variance `1/β_μ` (up to their normalization, which belongs into `π_μ`).
//! `β` remains the unit of the energy.
//!
//! Source: H. Ramsauer et al., *Hopfield Networks is All You Need* (2020),
//! arXiv 2008.02217.

mod adding;

use ebm_core::vector_math::kernel::{Kernel, run};
use ebm_core::vector_math::{Level, VectorMath, log_sum_exp, softmax_in_place};
use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Real, Workspace, linalg, validate};

use super::centered::Centered;
use super::norms::{self, half_square, norms_over};
use super::similarity::{self, Similarity};
use crate::{Error, Patterns};

/// The energy of a log-sum-exp memory; see the [module](self) for the formulas.
///
/// ```
/// use ebm_memory::ebm_core::{Batch, Energy, flow::GradientFlow, VectorField};
/// use ebm_memory::{Cccp, LogSumExpMemory, Patterns, Similarity};
///
/// let patterns = Patterns::random_signs(64, 1000, 1)?; // far above 0.138 · 64
/// let memory = LogSumExpMemory::new(patterns.clone(), 0.5, Similarity::DotProduct)?;
/// let mut cue = patterns.pattern(7).to_vec();
/// for x in &mut cue[..8] {
///     *x = 0.0;
/// }
/// let recalled = Cccp::default().retrieve(&memory, Batch::single(&cue)?)?;
/// assert_eq!(recalled.reports()[0].pattern, 7);
/// assert!(memory.energy_at(recalled.state(0)) < memory.energy_at(&cue));
///
/// // The same memory as an ordinary differential equation.
/// let field = GradientFlow(&memory);
/// assert!(field.eval_at(0.0, &cue)[0] * patterns.pattern(7)[0] > 0.9);
///
/// // And in single precision, for retrieval at half the memory and time.
/// let single = LogSumExpMemory::new(patterns.to_precision()?, 0.5, Similarity::DotProduct)?;
/// let cue: Vec<f32> = cue.iter().map(|x| *x as f32).collect();
/// let recalled = Cccp::default().retrieve(&single, Batch::single(&cue)?)?;
/// assert_eq!(recalled.reports()[0].pattern, 7);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::LogSumExp<T>",
        bound(deserialize = "T: ebm_core::Real + serde::Deserialize<'de>")
    )
)]
pub struct LogSumExpMemory<T = f64> {
    patterns: Patterns<T>,
    beta: f64,
    similarity: Similarity,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    radius: f64,
    /// `ln π_μ`; empty where all are zero.
    log_priors: Vec<f64>,
    /// `β_μ/β`; empty where all are one.
    rates: Vec<T>,
    /// The part of the exponents that does not depend on the state:
    /// `β_μ (s_μ(x) − ξ^μ·x) + ln π_μ`.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    offsets: Vec<T>,
    /// Does the work where patterns lie too far from the origin.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    centered: Option<Box<Centered<T, Self>>>,
}

impl<T: Real> LogSumExpMemory<T> {
    /// Stores `patterns` at inverse temperature `beta`. For squared distances of
    /// patterns so far from the origin that rounding would blur them, it stores
    /// them relative to their mean as well, which doubles the memory they take.
    ///
    /// # Errors
    /// If `beta` is not a finite number above zero, or a pattern is so long
    /// that its squared norm, or the scores of patterns, overflow.
    pub fn new(patterns: Patterns<T>, beta: f64, similarity: Similarity) -> Result<Self, Error> {
        let mut memory = Self::as_given(patterns, beta, similarity)?;
        memory.center()?;
        Ok(memory)
    }

    /// The memory that compares states with `patterns` where they are.
    pub(super) fn as_given(
        patterns: Patterns<T>,
        beta: f64,
        similarity: Similarity,
    ) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        let radius = norms::radius(&patterns)?;
        let (log_priors, rates, offsets, centered) = (vec![], vec![], vec![], None);
        let memory =
            Self { patterns, beta, similarity, radius, log_priors, rates, offsets, centered };
        memory.with_offsets()
    }

    /// Gives every memory its own weight `π_μ > 0`, by its logarithm: a memory
    /// of larger weight wins from cues further away. The weights need not sum
    /// up to one.
    ///
    /// # Errors
    /// If there is not one for each pattern, or one is not finite.
    pub fn with_log_priors(self, log_priors: &[f64]) -> Result<Self, Error> {
        validate::dimension("log priors", self.patterns.count(), log_priors.len())?;
        validate::finite("log priors", log_priors)?;
        let mut memory = Self { log_priors: log_priors.to_vec(), ..self };
        memory.simplify();
        memory.with_offsets()
    }

    /// Gives every memory its own inverse temperature `β_μ`, in place of `β`.
    ///
    /// ```
    /// use ebm_memory::{Batch, Cccp, LogSumExpMemory, Patterns, Similarity};
    /// let patterns = Patterns::new(vec![-1.0, 1.0], 1)?;
    /// let memory = LogSumExpMemory::new(patterns, 10.0, Similarity::SquaredDistance)?;
    /// // The memory at 1 is precise, so the one at −1 attracts from beyond the middle.
    /// let memory = memory.with_inverse_temperatures(&[10.0, 40.0])?;
    /// let found = Cccp::default().retrieve(&memory, Batch::single(&[0.2])?)?;
    /// assert!(found.state(0)[0] < -0.999_999);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is not one for each pattern, one is not finite and above zero, or
    /// the scores of patterns overflow.
    pub fn with_inverse_temperatures(self, betas: &[f64]) -> Result<Self, Error> {
        validate::dimension("inverse temperatures", self.patterns.count(), betas.len())?;
        validate::all_positive("inverse temperatures", betas)?;
        let rates = betas.iter().map(|b| T::from_f64(b / self.beta)).collect();
        self.with_rates(rates)
    }

    /// Gives every memory the inverse temperature `β_μ`, by `β_μ/β`.
    pub(crate) fn with_rates(self, rates: Vec<T>) -> Result<Self, Error> {
        let what = "inverse temperatures over beta";
        validate::dimension(what, self.patterns.count(), rates.len())?;
        validate::finite(what, &rates)?;
        if let Some(index) = rates.iter().position(|rate| *rate <= T::ZERO) {
            let (expected, value) = ("a number above zero", rates[index].to_f64());
            return Err(ebm_core::Error::Entry { what, index, expected, value }.into());
        }
        let mut memory = Self { rates, ..self };
        memory.simplify();
        memory.with_offsets()
    }

    fn with_offsets(mut self) -> Result<Self, Error> {
        self.offsets = self.offsets_over(None)?;
        self.check_scores()?;
        self.weigh_centered()?;
        Ok(self)
    }

    /// The scores of the patterns do not overflow.
    fn check_scores(&self) -> Result<(), Error> {
        let rate = self.rates.iter().map(|rate| rate.to_f64()).fold(1.0, f64::max);
        norms::check_scores::<T>(
            self.beta * rate,
            self.similarity,
            self.radius,
            self.patterns.dim(),
        )
    }

    /// Weights and rates that are those of a memory without any are none.
    fn simplify(&mut self) {
        if self.log_priors.iter().all(|log| *log == 0.0) {
            self.log_priors.clear();
        }
        if self.rates.iter().all(|rate| *rate == T::ONE) {
            self.rates.clear();
        }
    }

    /// Stores the patterns relative to their mean as well, if they need it.
    fn center(&mut self) -> Result<(), Error> {
        let make = |patterns| Self::as_given(patterns, self.beta, self.similarity);
        self.centered = Centered::new(&self.patterns, self.similarity, make)?;
        self.weigh_centered()
    }

    fn weigh_centered(&mut self) -> Result<(), Error> {
        if let Some(centered) = &mut self.centered {
            let inner = &mut centered.memory;
            inner.log_priors.clone_from(&self.log_priors);
            inner.rates.clone_from(&self.rates);
            inner.offsets = inner.offsets_over(None)?;
        }
        Ok(())
    }

    /// The part of the exponents that does not depend on the state, where
    /// patterns are compared over the `known` entries.
    pub(super) fn offsets_over(&self, known: Option<&[bool]>) -> Result<Vec<T>, Error> {
        let norms = norms_over(&self.patterns, self.similarity, known);
        let offset = |(mu, norm): (usize, f64)| {
            let rate = self.rates.get(mu).map_or(1.0, |r| r.to_f64());
            T::from_f64(-0.5 * self.beta * rate * norm + self.log_prior(mu))
        };
        let offsets: Vec<T> = norms.enumerate().map(offset).collect();
        validate::finite("beta times the squared norms", &offsets)?;
        Ok(offsets)
    }

    /// The stored patterns.
    #[must_use]
    pub fn patterns(&self) -> &Patterns<T> {
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

    /// The same memory around the mean of its patterns, where it needs that.
    pub(super) fn centered(&self) -> Option<&Centered<T, Self>> {
        self.centered.as_deref()
    }

    /// `ln π_μ`.
    pub(super) fn log_prior(&self, mu: usize) -> f64 {
        self.log_priors.get(mu).copied().unwrap_or(0.0)
    }

    /// `β_μ/β`; empty where all are one.
    pub(super) fn rates(&self) -> &[T] {
        &self.rates
    }

    /// The part of the exponents that does not depend on the state.
    pub(super) fn offsets(&self) -> &[T] {
        &self.offsets
    }

    /// Exponents from similarities: `s ← β_μ (s − h) + o_μ` for the memories
    /// from `first` on, where `h` is `½‖x‖²` and matters only if the inverse
    /// temperatures differ.
    pub(super) fn exponents_from(&self, s: &mut [T], first: usize, offsets: &[T], half: T) {
        let beta = T::from_f64(self.beta);
        let half = if self.similarity == Similarity::Manhattan { T::ZERO } else { half };
        let rates = if self.rates.is_empty() { &[] } else { &self.rates[first..][..s.len()] };
        run(Level::detect(), Exponents { s, offsets, rates, beta, half });
    }

    /// The exponents of every column of `x`, into `out` (`K × count`): one
    /// product. A term that all memories share is left out.
    fn exponents(&self, x: &[T], out: &mut [T]) {
        let (data, dim) = (self.patterns.as_batch().as_slice(), self.patterns.dim());
        match self.similarity {
            Similarity::Manhattan => similarity::manhattan(data, x, &[], dim, out),
            _ => linalg::multiply_transposed(data, x, out, dim),
        }
        for (column, x) in out.chunks_exact_mut(self.offsets.len()).zip(x.chunks_exact(dim)) {
            self.exponents_from(column, 0, &self.offsets, half_square(x));
        }
    }

    /// `Ξ w` of every column of weights `w` (`K × count`): one product.
    fn readout(&self, weights: &[T], out: &mut [T]) {
        linalg::multiply(self.patterns.as_batch().as_slice(), weights, out, self.patterns.dim());
    }

    /// The energy from `ln Σ_μ exp(exponent_μ)` and `½‖x‖²`.
    pub(super) fn energy_from(&self, log_sum: f64, half: f64) -> f64 {
        let constant = if self.shares_half() { half } else { 0.0 };
        constant - log_sum / self.beta
    }

    /// `ln Σ_μ exp(exponent_μ)` from the energy and `½‖x‖²`.
    pub(super) fn log_sum_from(&self, energy: f64, half: f64) -> f64 {
        self.beta * if self.shares_half() { half - energy } else { -energy }
    }

    /// Whether `½‖x‖²` is left out of the exponents, because all share it.
    fn shares_half(&self) -> bool {
        self.rates.is_empty() && self.similarity != Similarity::Manhattan
    }
}

/// `s ← β s + o`, or `s ← β r (s − h) + o` where there are factors.
struct Exponents<'a, T> {
    s: &'a mut [T],
    offsets: &'a [T],
    rates: &'a [T],
    beta: T,
    half: T,
}

impl<T: Real> Kernel for Exponents<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { s, offsets, rates, beta, half } = self;
        if rates.is_empty() {
            for (s, offset) in s.iter_mut().zip(offsets) {
                *s = beta * *s + *offset;
            }
        } else {
            for ((s, offset), rate) in s.iter_mut().zip(offsets).zip(rates) {
                *s = beta * *rate * (*s - half) + *offset;
            }
        }
    }
}

impl<T: VectorMath> LogSumExpMemory<T> {
    /// Weights `w` of the memories in an update, `x⁺ = Ξ w`, for every column of
    /// `x`, into `out` (`K × count`): `w_μ ∝ β_μ p_μ`, which is
    /// `softmax(β s(x))` for one inverse temperature.
    ///
    /// # Panics
    /// If `x` does not have the dimension of the memory or `out` not the
    /// length `K × count`.
    pub fn weights(&self, x: Batch<'_, T>, out: &mut [T]) {
        if let Some(centered) = &self.centered {
            let mut y = vec![T::ZERO; x.as_slice().len()];
            centered.relative(x.as_slice(), &mut y);
            let y = Batch::new(&y, x.dim()).expect("as the states");
            return centered.memory.weights(y, out);
        }
        self.exponents(x.as_slice(), out);
        self.normalize(out);
    }

    /// From exponents to weights, column by column.
    pub(super) fn normalize(&self, columns: &mut [T]) {
        for column in columns.chunks_exact_mut(self.patterns.count()) {
            softmax_in_place(column);
            if !self.rates.is_empty() {
                column.iter_mut().zip(&self.rates).for_each(|(w, rate)| *w *= *rate);
                let scale = T::ONE / column.iter().copied().sum::<T>();
                column.iter_mut().for_each(|w| *w *= scale);
            }
        }
    }
}

impl LogSumExpMemory {
    /// `∇E` for the memories' probabilities `p` at `x`, which are used up.
    fn gradient_from(&self, p: &mut [f64], x: &[f64], out: &mut [f64]) {
        for (p, rate) in p.iter_mut().zip(&self.rates) {
            *p *= rate;
        }
        if self.similarity == Similarity::Manhattan {
            return self.sum_of_signs(p, x, out);
        }
        self.readout(p, out);
        let total = if self.rates.is_empty() { 1.0 } else { p.iter().sum() };
        for (out, x) in out.iter_mut().zip(x) {
            *out = total * x - *out;
        }
    }

    /// `Σ_μ w_μ sgn(x − ξ^μ)`, with `sgn 0 = 0`.
    fn sum_of_signs(&self, w: &[f64], x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (pattern, w) in self.patterns.as_batch().columns().zip(w) {
            for ((out, x), p) in out.iter_mut().zip(x).zip(pattern) {
                *out += w * sign(x - p);
            }
        }
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

impl Energy for LogSumExpMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.energy(y, ws);
        }
        let (exponents, _) = ws.take(self.patterns.count());
        self.exponents(x, exponents);
        self.energy_from(log_sum_exp(exponents), half_square(x))
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.as_slice().len());
            centered.relative(x.as_slice(), y);
            let y = Batch::new(y, x.dim()).expect("as the states");
            return centered.memory.energy_batch(y, out, ws);
        }
        let count = self.patterns.count();
        let (exponents, _) = ws.take(count * x.count());
        self.exponents(x.as_slice(), exponents);
        for ((out, x), column) in out.iter_mut().zip(x.columns()).zip(exponents.chunks(count)) {
            *out = self.energy_from(log_sum_exp(column), half_square(x));
        }
    }
}

impl Gradient for LogSumExpMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.as_slice().len());
            centered.relative(x.as_slice(), y);
            let y = Batch::new(y, x.dim()).expect("as the states");
            return centered.memory.gradient_batch(y, out, ws);
        }
        let count = self.patterns.count();
        let (weights, _) = ws.take(count * x.count());
        self.exponents(x.as_slice(), weights);
        weights.chunks_exact_mut(count).for_each(|column| {
            softmax_in_place(column);
        });
        if !self.rates.is_empty() || self.similarity == Similarity::Manhattan {
            let columns = weights.chunks_exact_mut(count).zip(x.columns()).zip(out.columns_mut());
            return columns.for_each(|((p, x), out)| self.gradient_from(p, x, out));
        }
        self.readout(weights, out.as_mut_slice());
        for (out, x) in out.as_mut_slice().iter_mut().zip(x.as_slice()) {
            *out = x - *out;
        }
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.energy_gradient(y, out, ws);
        }
        let (p, _) = ws.take(self.patterns.count());
        self.exponents(x, p);
        let log_sum = softmax_in_place(p);
        self.gradient_from(p, x, out);
        self.energy_from(log_sum, half_square(x))
    }
}

/// For the Manhattan distance, the second derivative where it exists.
impl Curvature for LogSumExpMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.hessian_vec(y, v, out, ws);
        }
        let count = self.patterns.count();
        let (p, ws) = ws.take(count);
        let (slopes, _) = ws.take(count);
        self.exponents(x, p);
        softmax_in_place(p);
        // How fast every exponent grows along v.
        let manhattan = self.similarity == Similarity::Manhattan;
        if manhattan {
            for (slope, pattern) in slopes.iter_mut().zip(self.patterns.as_batch().columns()) {
                let signs = x.iter().zip(pattern).map(|(x, p)| sign(x - p));
                *slope = -signs.zip(v).map(|(s, v)| s * v).sum::<f64>();
            }
        } else {
            linalg::multiply_transposed(self.patterns.as_batch().as_slice(), v, slopes, v.len());
            let along: f64 = x.iter().zip(v).map(|(x, v)| x * v).sum();
            slopes.iter_mut().for_each(|slope| *slope -= along);
        }
        let rate = |mu: usize| self.rates.get(mu).copied().unwrap_or(1.0);
        for (mu, slope) in slopes.iter_mut().enumerate() {
            *slope *= self.beta * rate(mu);
        }
        let mean: f64 = p.iter().zip(&*slopes).map(|(p, s)| p * s).sum();
        // Derivatives of the weights along v.
        for (mu, slope) in slopes.iter_mut().enumerate() {
            *slope = p[mu] * rate(mu) * (*slope - mean);
        }
        if manhattan {
            return self.sum_of_signs(slopes, x, out);
        }
        self.readout(slopes, out);
        let weight: f64 = (0..count).map(|mu| p[mu] * rate(mu)).sum();
        let change: f64 = slopes.iter().sum();
        for ((out, v), x) in out.iter_mut().zip(v).zip(x) {
            *out = weight * v + change * x - *out;
        }
    }
}
