//! The distance memory compressed by random features: its size does not depend
//! on the number of patterns, and a pattern is added by adding a vector.
//!
//! ```text
//! E(x) = −(1/β) ln Σ_μ exp(−½β‖x − ξ^μ‖²) ≈ −(1/β) ln S(x),      S(x) = Φ(√β x)·T,      T = Σ_μ Φ(√β ξ^μ)
//!
//! trigonometric   Φ(z) = Y^{−½} (cos ω_1·z, sin ω_1·z, …, cos ω_Y·z, sin ω_Y·z)
//! positive        Φ(z) = Y^{−½} (exp(ω_1·z − ‖z‖²), …, exp(ω_Y·z − ‖z‖²))
//! ```
//!
//! with `ω ~ N(0, I)`, for which `⟨Φ(z)·Φ(z′)⟩ = exp(−½‖z − z′‖²)`. The error of
//! `S` falls like `1/√Y`. That of trigonometric features is bounded, `|S − ⟨S⟩|
//! ≲ K/√Y`, so they are right where the state is near patterns; far away the
//! noise wins and may make `S` negative. Below a floor `ε` the logarithm is
//! continued by its tangent, so the energy stays finite and differentiable:
//!
//! ```text
//! E = −(1/β) (ln ε + S/ε − 1)   for S < ε
//! ```
//!
//! Positive features need no floor, but their relative variance grows like
//! `exp(β‖x + ξ‖²)`: they suit short vectors. Data far from zero are taken
//! relative to a point among them, such as their mean
//! ([`with_origin`](RandomFeatureMemory::with_origin)): no distance changes.
//!
//! Sources: B. Hoover et al., *Dense Associative Memory Through the Lens of
//! Random Features* (2024), arXiv 2410.24153; A. Rahimi and B. Recht (2007) for
//! trigonometric, K. Choromanski et al. (2021), arXiv 2009.14794, for positive
//! features.

use ebm_core::random::{fill_normal, stream};
use ebm_core::vector_math::{log_sum_exp, sin_cos, softmax_in_place};
use ebm_core::{Energy, Gradient, Workspace, linalg, validate};

use crate::Error;
use crate::patterns::allocate_for;

/// The kind of random features; see the [module](self) for the formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Features {
    /// Cosines and sines: bounded error.
    Trigonometric,
    /// Exponentials: never negative.
    Positive,
}

/// How features are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RandomFeatures {
    /// Their kind.
    pub kind: Features,
    /// Number `Y` of directions, ≥ 1.
    pub count: usize,
    /// Where the logarithm is continued by its tangent, > 0; for trigonometric
    /// features.
    pub floor: f64,
    /// Seed of the directions: direction `y` comes from stream `y`.
    pub seed: u64,
}

impl Default for RandomFeatures {
    /// 4096 trigonometric features: an error of about one percent of a pattern
    /// for each that is near. The sum is at least one at a pattern and passes
    /// the floor of 0.01 three kernel widths (`3/√β`) away from it.
    fn default() -> Self {
        Self { kind: Features::Trigonometric, count: 4096, floor: 0.01, seed: 0 }
    }
}

/// A distance memory of fixed size; see the [module](self) for the formulas.
///
/// ```
/// use ebm_memory::dense_associative_memory::{RandomFeatureMemory, RandomFeatures};
/// use ebm_memory::{Batch, SteepestDescent};
///
/// let mut memory = RandomFeatureMemory::new(2, 20.0, RandomFeatures::default())?;
/// let size = memory.len();
/// memory.add(&[1.0, 0.0])?;
/// memory.add(&[0.0, 1.0])?;
/// memory.add(&[-1.0, 0.0])?;
/// assert_eq!((memory.patterns_added(), memory.len()), (3, size));
///
/// // Descend from a cue near the second pattern.
/// let found = SteepestDescent::default().retrieve(&memory, Batch::single(&[0.1, 0.8])?)?;
/// let x = found.state(0);
/// assert!(x[0].abs() < 0.05 && (x[1] - 1.0).abs() < 0.05);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Compressed"))]
pub struct RandomFeatureMemory {
    dim: usize,
    beta: f64,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    root_beta: f64,
    features: RandomFeatures,
    /// What patterns and states are relative to.
    origin: Vec<f64>,
    /// `ω_1 … ω_Y`, one a column.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    directions: Vec<f64>,
    /// `T √Y`: of cosines, then of sines; or the logarithm of that of
    /// exponentials.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    memory: Vec<f64>,
    added: u64,
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::Compressed> for RandomFeatureMemory {
    type Error = Error;

    fn try_from(written: crate::serialized::Compressed) -> Result<Self, Error> {
        let crate::serialized::Compressed { dim, beta, features, origin, memory, added } = written;
        let empty = Self::new(dim, beta, features)?.with_origin(&origin)?;
        let what = "sums of the features";
        validate::dimension(what, empty.memory.len(), memory.len())?;
        for (index, value) in memory.iter().copied().enumerate() {
            // The logarithm of nothing is −∞.
            let nothing = value == f64::NEG_INFINITY && features.kind == Features::Positive;
            if !value.is_finite() && !nothing {
                return Err(ebm_core::Error::NotFinite { what, index, value }.into());
            }
        }
        Ok(Self { memory, added, ..empty })
    }
}

impl RandomFeatureMemory {
    /// An empty memory for states of length `dim`, at inverse temperature
    /// `beta`. Its energy is that of no pattern: constant for trigonometric
    /// features, infinite for positive ones.
    ///
    /// # Errors
    /// If `dim` or the number of features is zero or too large for the memory,
    /// or `beta` or the floor is not a finite number above zero.
    pub fn new(dim: usize, beta: f64, features: RandomFeatures) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        validate::positive("floor", features.floor)?;
        let mut directions = allocate_for("random features", dim, features.count)?;
        directions.resize(dim * features.count, 0.0);
        for (y, direction) in (0..).zip(directions.chunks_exact_mut(dim)) {
            fill_normal(&mut stream(features.seed, y), direction);
        }
        let memory = match features.kind {
            Features::Trigonometric => vec![0.0; 2 * features.count],
            Features::Positive => vec![f64::NEG_INFINITY; features.count],
        };
        let (root_beta, origin) = (beta.sqrt(), vec![0.0; dim]);
        Ok(Self { dim, beta, root_beta, features, origin, directions, memory, added: 0 })
    }

    /// Takes patterns and states relative to `origin`, for data that lie around
    /// it and not around zero.
    ///
    /// ```
    /// use ebm_memory::{Batch, RandomFeatureMemory, RandomFeatures, SteepestDescent};
    ///
    /// // Temperatures in kelvin.
    /// let memory = RandomFeatureMemory::new(1, 4.0, RandomFeatures::default())?;
    /// let mut memory = memory.with_origin(&[300.0])?;
    /// memory.add(&[299.8])?;
    /// let found = SteepestDescent::default().retrieve(&memory, Batch::single(&[300.2])?)?;
    /// assert!((found.state(0)[0] - 299.8).abs() < 0.05);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it has another length than the patterns or is not finite, or patterns
    /// were added already.
    pub fn with_origin(self, origin: &[f64]) -> Result<Self, Error> {
        validate::dimension("origin", self.dim, origin.len())?;
        validate::finite("origin", origin)?;
        if self.added > 0 {
            let (what, expected) = ("number of patterns before the origin", "0");
            let value = self.added as f64;
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        Ok(Self { origin: origin.to_vec(), ..self })
    }

    /// What patterns and states are relative to; zero unless it was given.
    #[must_use]
    pub fn origin(&self) -> &[f64] {
        &self.origin
    }

    /// `x` relative to the origin.
    fn relative(&self, x: &[f64], y: &mut [f64]) {
        y.iter_mut().zip(x).zip(&self.origin).for_each(|((y, x), o)| *y = x - o);
    }

    /// Adds a pattern, in time and memory that do not depend on how many there
    /// are.
    ///
    /// # Errors
    /// If the pattern has another length or is not finite, or `√β ω·ξ` or
    /// `β‖ξ‖²` overflows.
    pub fn add(&mut self, pattern: &[f64]) -> Result<(), Error> {
        let count = self.features.count;
        validate::dimension("pattern", self.dim, pattern.len())?;
        validate::finite("pattern", pattern)?;
        let mut relative = vec![0.0; self.dim];
        self.relative(pattern, &mut relative);
        let phases = self.phases(&relative)?;
        match self.features.kind {
            Features::Trigonometric => {
                let (mut sin, mut cos) = (vec![0.0; count], vec![0.0; count]);
                sin_cos(&phases, &mut sin, &mut cos);
                for (t, f) in self.memory.iter_mut().zip(cos.iter().chain(&sin)) {
                    *t += f;
                }
            }
            Features::Positive => {
                let square = self.scaled_square(&relative);
                for (t, phase) in self.memory.iter_mut().zip(phases) {
                    *t = log_sum_exp(&[*t, phase - square]);
                }
            }
        }
        self.added += 1;
        Ok(())
    }

    /// `√β ω·ξ` of a pattern relative to the origin, checked.
    fn phases(&self, pattern: &[f64]) -> Result<Vec<f64>, Error> {
        validate::finite("beta times the squared norm", &[self.scaled_square(pattern)])?;
        let mut phases = vec![0.0; self.features.count];
        self.project(pattern, &mut phases);
        validate::finite("phases of the pattern", &phases)?;
        Ok(phases)
    }

    /// Inverse temperature `β`.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// How the features were drawn.
    #[must_use]
    pub fn features(&self) -> RandomFeatures {
        self.features
    }

    /// How many patterns were added.
    #[must_use]
    pub fn patterns_added(&self) -> u64 {
        self.added
    }

    /// Numbers that hold the patterns, `2Y` or `Y`. The directions are `NY`
    /// more, and can be drawn again from the seed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether no pattern was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added == 0
    }

    /// `S(x)`, the estimate of `Σ_μ exp(−½β‖x − ξ^μ‖²)`.
    ///
    /// # Panics
    /// If `x` has another length than the patterns.
    #[must_use]
    pub fn kernel_sum(&self, x: &[f64]) -> f64 {
        assert_eq!(x.len(), self.dim, "a state has the length of the patterns");
        let ws = &mut Workspace::new();
        match self.features.kind {
            Features::Trigonometric => self.trigonometric(x, None, ws),
            Features::Positive => self.positive(x, None, ws).exp(),
        }
    }

    fn project(&self, x: &[f64], out: &mut [f64]) {
        linalg::multiply_transposed(&self.directions, x, out, self.dim);
        out.iter_mut().for_each(|phase| *phase *= self.root_beta);
    }

    fn scaled_square(&self, x: &[f64]) -> f64 {
        x.iter().map(|x| (self.root_beta * x) * (self.root_beta * x)).sum()
    }

    /// `S(x)`, and its gradient where there is room for it.
    fn trigonometric(&self, x: &[f64], gradient: Option<&mut [f64]>, ws: &mut Workspace) -> f64 {
        let count = self.features.count;
        let (y, ws) = ws.take(self.dim);
        self.relative(x, y);
        let (phases, ws) = ws.take(count);
        let (sin, ws) = ws.take(count);
        let (cos, _) = ws.take(count);
        self.project(y, phases);
        sin_cos(phases, sin, cos);
        let (even, odd) = self.memory.split_at(count);
        let mut sum = 0.0;
        for y in 0..count {
            sum += even[y] * cos[y] + odd[y] * sin[y];
            phases[y] = odd[y] * cos[y] - even[y] * sin[y];
        }
        if let Some(out) = gradient {
            linalg::multiply(&self.directions, phases, out, self.dim);
            let scale = self.root_beta / count as f64;
            out.iter_mut().for_each(|g| *g *= scale);
        }
        sum / count as f64
    }

    /// `ln S(x)`, and its gradient where there is room for it.
    fn positive(&self, x: &[f64], gradient: Option<&mut [f64]>, ws: &mut Workspace) -> f64 {
        let (y, ws) = ws.take(self.dim);
        let (weights, _) = ws.take(self.features.count);
        self.relative(x, y);
        self.project(y, weights);
        weights.iter_mut().zip(&self.memory).for_each(|(w, t)| *w += t);
        let log_sum = softmax_in_place(weights);
        if let Some(out) = gradient {
            linalg::multiply(&self.directions, weights, out, self.dim);
            for (g, y) in out.iter_mut().zip(&*y) {
                *g = self.root_beta * *g - 2.0 * self.beta * y;
            }
        }
        log_sum - self.scaled_square(y) - (self.features.count as f64).ln()
    }

    /// `−(1/β) ln S`, continued below the floor, and the factor from `∇S` to
    /// `∇E`.
    fn continued(&self, sum: f64) -> (f64, f64) {
        let floor = self.features.floor;
        let log = if sum < floor { floor.ln() + sum / floor - 1.0 } else { sum.ln() };
        (-log / self.beta(), -1.0 / (self.beta() * if sum < floor { floor } else { sum }))
    }
}

impl Energy for RandomFeatureMemory {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        match self.features.kind {
            Features::Trigonometric => self.continued(self.trigonometric(x, None, ws)).0,
            Features::Positive => -self.positive(x, None, ws) / self.beta(),
        }
    }
}

impl Gradient for RandomFeatureMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (energy, factor) = match self.features.kind {
            Features::Trigonometric => self.continued(self.trigonometric(x, Some(out), ws)),
            Features::Positive => {
                (-self.positive(x, Some(out), ws) / self.beta(), -1.0 / self.beta())
            }
        };
        out.iter_mut().for_each(|g| *g *= factor);
        energy
    }
}
