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

use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Real, Workspace, linalg, validate};

use super::centered::Centered;
use super::norms::{self, half_square, norms_over};
use super::{RegularizedArgmax, Similarity, SparseReport};
use crate::patterns::check_removal;
use crate::{Error, Patterns};

/// The energy of a Hopfield–Fenchel–Young memory; see the [module](self) for
/// the formulas. In `f32` it offers retrieval at half the memory, in `f64` the
/// energy and its derivatives as well; weights are computed in `f64` in both.
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
/// let found = Cccp::default().retrieve(&memory, Batch::single(&cue)?)?;
/// assert_eq!(found.state(0), patterns.pattern(7));
/// assert_eq!((found.reports()[0].iterations, found.reports()[0].spill), (1, 0.0));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::FenchelYoung<T>",
        bound(deserialize = "T: ebm_core::Real + serde::Deserialize<'de>")
    )
)]
pub struct FenchelYoungMemory<T = f64> {
    patterns: Patterns<T>,
    beta: f64,
    similarity: Similarity,
    map: RegularizedArgmax,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    radius: f64,
    /// `β (s_μ(x) − ξ^μ·x)`.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    offsets: Vec<T>,
    /// Does the work where patterns lie too far from the origin.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    centered: Option<Box<Centered<T, Self>>>,
}

impl<T: Real> FenchelYoungMemory<T> {
    /// Stores `patterns` at inverse temperature `beta`. For squared distances of
    /// patterns so far from the origin that rounding would blur them, it stores
    /// them relative to their mean as well, which doubles the memory they take.
    ///
    /// # Errors
    /// If `beta` is not a finite number above zero, a pattern is so long that
    /// its squared norm or scores overflow, a parameter of `map` is out of
    /// range, or the similarity is the Manhattan distance, for which updates do
    /// not descend.
    pub fn new(
        patterns: Patterns<T>,
        beta: f64,
        similarity: Similarity,
        map: RegularizedArgmax,
    ) -> Result<Self, Error> {
        let mut memory = Self::as_given(patterns, beta, similarity, map)?;
        memory.center()?;
        Ok(memory)
    }

    /// Stores the patterns relative to their mean as well, if they need it.
    fn center(&mut self) -> Result<(), Error> {
        let make = |patterns| Self::as_given(patterns, self.beta, self.similarity, self.map);
        self.centered = Centered::new(&self.patterns, self.similarity, make)?;
        Ok(())
    }

    /// The memory that compares states with `patterns` where they are.
    fn as_given(
        patterns: Patterns<T>,
        beta: f64,
        similarity: Similarity,
        map: RegularizedArgmax,
    ) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        map.check(patterns.count())?;
        if similarity == Similarity::Manhattan {
            return Err(Error::Similarity { found: similarity });
        }
        let radius = norms::radius(&patterns)?;
        let offsets = offsets(&patterns, beta, similarity, None)?;
        norms::check_scores::<T>(beta, similarity, radius, patterns.dim())?;
        Ok(Self { patterns, beta, similarity, map, radius, offsets, centered: None })
    }

    /// Stores one more pattern behind the others. The memory is that which
    /// [`new`](Self::new) makes of all patterns, to the bit, so that removing it
    /// leaves no trace.
    ///
    /// Takes `O(N)`. With squared distances it takes `O(N K)`, as a query does,
    /// since the mean of the patterns changes: [`extend`](Self::extend) adds many
    /// at that cost.
    ///
    /// ```
    /// use ebm_memory::{FenchelYoungMemory, Patterns, RegularizedArgmax, Similarity};
    /// let patterns = Patterns::random_signs(20, 50, 1)?;
    /// let (map, similarity) = (RegularizedArgmax::KSubset { k: 2 }, Similarity::DotProduct);
    /// let mut memory = FenchelYoungMemory::new(patterns, 2.0, similarity, map)?;
    /// let before = memory.clone();
    /// memory.add(&[0.5; 20])?;
    /// assert_eq!(memory.patterns().count(), 51);
    /// memory.remove(50)?;
    /// assert_eq!(memory, before);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the pattern has another length, is not finite or so long that its
    /// squared norm or scores overflow, or there is no memory for it. Nothing is
    /// changed then.
    pub fn add(&mut self, pattern: &[T]) -> Result<(), Error> {
        validate::dimension("pattern", self.patterns.dim(), pattern.len())?;
        validate::finite("pattern", pattern)?;
        self.append(Patterns::new(pattern.to_vec(), pattern.len())?)
    }

    /// Stores more patterns behind the others.
    ///
    /// # Errors
    /// As [`add`](Self::add), and if there are none.
    pub fn extend(&mut self, patterns: Batch<'_, T>) -> Result<(), Error> {
        validate::dimension("patterns", self.patterns.dim(), patterns.dim())?;
        self.append(Patterns::new(patterns.as_slice().to_vec(), patterns.dim())?)
    }

    fn append(&mut self, more: Patterns<T>) -> Result<(), Error> {
        let (count, radius) = (self.offsets.len(), self.radius);
        let further = norms::radius(&more)?;
        norms::check_scores::<T>(self.beta, self.similarity, further, more.dim())?;
        let offsets = offsets(&more, self.beta, self.similarity, None)?;
        self.patterns.extend(more.as_batch())?;
        self.offsets.extend(offsets);
        self.radius = radius.max(further);
        self.center().inspect_err(|_| {
            self.patterns.truncate(count);
            self.offsets.truncate(count);
            self.radius = radius;
        })
    }

    /// Removes pattern `index`; those after it move up by one. Takes `O(N K)`.
    ///
    /// # Errors
    /// If there is no such pattern, fewer would be left than the map retrieves
    /// together, or there is no memory for the others relative to their mean.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        check_removal(index, self.patterns.count())?;
        self.map.check(self.patterns.count() - 1)?;
        self.patterns.remove(index)?;
        self.offsets.remove(index);
        self.radius = norms::radius(&self.patterns)?;
        // Without room for it the memory is that of the patterns as given.
        self.center().inspect_err(|_| self.centered = None)
    }

    /// The same memory around the mean of its patterns, where it needs that.
    pub(super) fn centered(&self) -> Option<&Centered<T, Self>> {
        self.centered.as_deref()
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
        if let Some(centered) = &self.centered {
            return centered.memory.exact_radius(set);
        }
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
                *mean += x.to_f64() / set.len() as f64;
            }
        }
        let lead = self.map.margin() / self.beta;
        let mut least = f64::INFINITY;
        for &mu in set {
            let own = self.patterns.pattern(mu);
            for nu in (0..bound).filter(|nu| !member[*nu]) {
                let (mut gap, mut square) = (0.0, 0.0);
                for ((a, b), x) in own.iter().zip(self.patterns.pattern(nu)).zip(&mean) {
                    let difference = a.to_f64() - b.to_f64();
                    gap += difference * x;
                    square += difference * difference;
                }
                gap += (self.offsets[mu].to_f64() - self.offsets[nu].to_f64()) / self.beta;
                least = least.min((gap - lead) / square.sqrt());
            }
        }
        Ok((least >= 0.0 && self.map != RegularizedArgmax::Softmax).then_some(least))
    }

    /// Upper bound on the distance of a retrieved state to the pattern that its
    /// report names, for k-subsets to the mean of the first k of its
    /// [support](SparseReport::support): `residual + 2 · spill · max_μ‖ξ^μ‖`.
    #[must_use]
    pub fn distance_bound(&self, report: &SparseReport) -> f64 {
        norms::distance_bound(report.residual, report.spill, self.radius)
    }

    /// `Ξ w`, skipping zero weights.
    pub(super) fn readout(&self, weights: &[f64], out: &mut [T]) {
        out.fill(T::ZERO);
        for (pattern, w) in self.patterns.as_batch().columns().zip(weights) {
            if *w != 0.0 {
                let w = T::from_f64(*w);
                out.iter_mut().zip(pattern).for_each(|(out, p)| *out += w * *p);
            }
        }
    }
}

/// `β (s_μ(x) − ξ^μ·x)`, where patterns are compared over the `known` entries.
pub(super) fn offsets<T: Real>(
    patterns: &Patterns<T>,
    beta: f64,
    similarity: Similarity,
    known: Option<&[bool]>,
) -> Result<Vec<T>, Error> {
    let norms = norms_over(patterns, similarity, known);
    let offsets: Vec<T> = norms.map(|norm| T::from_f64(-0.5 * beta * norm)).collect();
    validate::finite("beta times the squared norms", &offsets)?;
    Ok(offsets)
}

impl FenchelYoungMemory {
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
}

impl Energy for FenchelYoungMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.energy(y, ws);
        }
        let (exponents, ws) = ws.take(self.offsets.len());
        let (weights, _) = ws.take(self.offsets.len());
        self.exponents(x, exponents);
        half_square(x) - self.map.weights(exponents, weights) / self.beta
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.as_slice().len());
            centered.relative(x.as_slice(), y);
            let y = Batch::new(y, x.dim()).expect("as the states");
            return centered.memory.energy_batch(y, out, ws);
        }
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
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.as_slice().len());
            centered.relative(x.as_slice(), y);
            let y = Batch::new(y, x.dim()).expect("as the states");
            return centered.memory.gradient_batch(y, out, ws);
        }
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
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.energy_gradient(y, out, ws);
        }
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
        if let Some(centered) = &self.centered {
            let (y, ws) = ws.take(x.len());
            centered.relative(x, y);
            return centered.memory.hessian_vec(y, v, out, ws);
        }
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
