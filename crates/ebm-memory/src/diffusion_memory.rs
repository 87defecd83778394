//! Diffusion models as memories: the energy whose descent is the denoising of
//! an exact score.
//!
//! ```text
//! p_t(x) = (1/K) Σ_μ N(x; ξ^μ, σ²t I),      x_t = x_0 + σ W_t
//! E(x, t) = −2σ²t ln Σ_μ exp(−‖x − ξ^μ‖² / (2σ²t)),      ∇ ln p_t = −∇E / (2σ²t)
//! ```
//!
//! At a fixed time this is twice the [log-sum-exp memory](LogSumExpMemory) of
//! the squared distance at inverse temperature `1/(σ²t)`. With few data every
//! sample is a minimum: the model *memorizes*. With more, wells of neighbors
//! merge to minima that are no sample: *spurious* states. With many, the wells
//! merge to a valley along the set that the data came from: the model
//! *generalizes*.
//!
//! Source: B. Pham, G. Raya, M. Negri, M. J. Zaki, L. Ambrogioni and D. Krotov,
//! *Memorization to Generalization: Emergence of Diffusion Models from
//! Associative Memory* (2025), arXiv 2505.21777.

use std::f64::consts::TAU;

use ebm_core::linalg::SymmetricEigen;
use ebm_core::transform::Scaled;
use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Outcome, Workspace, random, validate,
};
use rand::RngExt;

use crate::patterns::allocate_for;
use crate::{Cccp, Error, LogSumExpMemory, Patterns, Similarity};

/// The empirical-score energy at one time; see the [module](self).
///
/// ```
/// use ebm_memory::{DiffusionMemory, LandscapeSearch, MinimumKind, Patterns};
///
/// // Two points a distance of 2 apart, at noise of variance 0.25: memorized.
/// let points = Patterns::new(vec![1.0, 0.0, -1.0, 0.0], 2)?;
/// let search = LandscapeSearch::default();
/// let memory = DiffusionMemory::new(points.clone(), 0.25)?;
/// let minima = memory.landscape(&search)?.minima;
/// assert_eq!(minima.len(), 2);
/// assert!(minima.iter().all(|m| m.kind == MinimumKind::Stored));
///
/// // At variance 1.5 their wells have merged.
/// let minima = DiffusionMemory::new(points, 1.5)?.landscape(&search)?.minima;
/// assert_eq!((minima.len(), minima[0].kind), (1, MinimumKind::Spurious));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(into = "crate::serialized::Diffusion", try_from = "crate::serialized::Diffusion")
)]
pub struct DiffusionMemory {
    half: LogSumExpMemory,
    variance: f64,
}

impl DiffusionMemory {
    /// The energy of `data` at noise of variance `σ²t` in every coordinate.
    ///
    /// # Errors
    /// If `variance` is not a finite number above zero, or so small that the
    /// energy overflows.
    pub fn new(data: Patterns, variance: f64) -> Result<Self, Error> {
        validate::positive("variance of the noise", variance)?;
        let half = LogSumExpMemory::new(data, 1.0 / variance, Similarity::SquaredDistance)?;
        Ok(Self { half, variance })
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &Patterns {
        self.half.patterns()
    }

    /// `σ²t`.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// `β = 1/(2σ²t)`, of which `E = −(1/β) ln Σ_μ exp(−β‖x − ξ^μ‖²)`.
    #[must_use]
    pub fn inverse_temperature(&self) -> f64 {
        0.5 / self.variance
    }

    /// The log-sum-exp memory of which the energy is twice; its
    /// [`Cccp`] update moves a state to the mean of the data given the state.
    #[must_use]
    pub fn log_sum_exp(&self) -> &LogSumExpMemory {
        &self.half
    }

    /// Writes the score `∇ ln p_t(x)` to `out`.
    pub fn score(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.half.gradient(x, out, ws);
        out.iter_mut().for_each(|s| *s /= -self.variance);
    }

    fn scaled(&self) -> Scaled<&LogSumExpMemory> {
        Scaled::new(&self.half, 2.0).expect("two is positive")
    }

    /// The minima of the energy, by descent from samples of `p_t`.
    ///
    /// # Errors
    /// If a parameter of the search is out of range, or the starts do not fit
    /// into memory.
    pub fn landscape(&self, search: &LandscapeSearch) -> Result<Landscape, Error> {
        search.validate()?;
        let (n, noise) = (self.dim(), self.variance.sqrt());
        let mut starts = allocate_for("starts", n, search.starts)?;
        starts.resize(n * search.starts, 0.0);
        for (j, start) in starts.chunks_exact_mut(n).enumerate() {
            let mut rng = random::stream(search.seed, j as u64);
            let origin = self.data().pattern(rng.random_range(0..self.data().count()));
            random::fill_normal(&mut rng, start);
            start.iter_mut().zip(origin).for_each(|(x, o)| *x = o + noise * *x);
        }
        // `Cccp` measures its tolerance in units of the longest pattern.
        let relative = search.tolerance * noise / self.half.radius();
        let cccp = Cccp {
            max_iterations: search.max_iterations,
            // Data at the origin are reached exactly.
            tolerance: if relative.is_finite() { relative.max(f64::EPSILON) } else { 1.0 },
            ..Cccp::default()
        };
        let found = cccp.retrieve(&self.half, Batch::new(&starts, n)?)?;
        let mut landscape = Landscape { minima: vec![], unsettled: 0 };
        let ws = &mut Workspace::new();
        let (mut hessian, mut eigen) = (vec![0.0; n * n], SymmetricEigen::new(n));
        for (x, query) in found.states().columns().zip(found.reports()) {
            if query.outcome != Outcome::Converged {
                landscape.unsettled += 1;
                continue;
            }
            let near = |m: &&mut Minimum| {
                let squared: f64 = m.x.iter().zip(x).map(|(a, b)| (a - b) * (a - b)).sum();
                squared.sqrt() <= search.merge * noise
            };
            if let Some(known) = landscape.minima.iter_mut().find(near) {
                known.hits += 1;
                continue;
            }
            self.half.hessian(x, &mut hessian, ws);
            let curvature = eigen.eigenvalues(&hessian)?[0];
            let kind = if curvature < search.flat {
                MinimumKind::Continuous
            } else if query.spill < 1.0 / 3.0 {
                MinimumKind::Stored
            } else {
                MinimumKind::Spurious
            };
            landscape.minima.push(Minimum {
                x: x.to_vec(),
                kind,
                energy: 2.0 * query.energy,
                curvature,
                nearest: query.pattern,
                weight: 1.0 - query.spill,
                hits: 1,
            });
        }
        Ok(landscape)
    }
}

impl Energy for DiffusionMemory {
    fn dim(&self) -> usize {
        self.half.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.scaled().energy(x, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        self.scaled().energy_batch(x, out, ws);
    }
}

impl Gradient for DiffusionMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.scaled().gradient(x, out, ws);
    }
    fn gradient_batch(&self, x: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
        self.scaled().gradient_batch(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        self.scaled().energy_gradient(x, out, ws)
    }
}

impl Curvature for DiffusionMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.scaled().hessian_vec(x, v, out, ws);
    }
}

/// How to look for the minima of a [`DiffusionMemory`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LandscapeSearch {
    /// Samples of `p_t` to descend from, ≥ 1.
    pub starts: usize,
    /// Seed of the samples; sample `j` comes from stream `j`.
    pub seed: u64,
    /// Ends within this distance are one minimum, > 0, in units of the noise
    /// `σ√t`.
    pub merge: f64,
    /// A minimum whose least curvature is below this share of that of a single
    /// sample is part of a valley, from 0 to 1.
    pub flat: f64,
    /// Updates after which a start is given up, ≥ 1.
    pub max_iterations: usize,
    /// Largest update of a state at rest, > 0, in units of the noise `σ√t`.
    pub tolerance: f64,
}

impl Default for LandscapeSearch {
    /// 300 starts find a basin of 2 % with a failure of 1 in 400. Minima a tenth
    /// of the noise apart are no different for a sampler at that noise. At a
    /// fifth of the curvature of a well, the samples `p_t` around a minimum
    /// spread over more than twice the noise: a valley. An update shrinks the
    /// distance to a minimum by the share of the curvature that is missing: even
    /// at 1 %, twenty thousand of them are two hundred decay times.
    fn default() -> Self {
        Self {
            starts: 300,
            seed: 0,
            merge: 0.1,
            flat: 0.2,
            max_iterations: 20_000,
            tolerance: 1e-7,
        }
    }
}

impl LandscapeSearch {
    /// Checks the fields.
    ///
    /// # Errors
    /// If one is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        validate::at_least_one("starts", self.starts)?;
        validate::positive("merging distance", self.merge)?;
        validate::non_negative("flatness", self.flat)?;
        validate::at_least_one("max_iterations", self.max_iterations)?;
        Ok(validate::positive("tolerance", self.tolerance)?)
    }
}

/// What a minimum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum MinimumKind {
    /// One sample has more than twice the weight of all others together.
    Stored,
    /// A well that several samples share.
    Spurious,
    /// A point of a valley along which the energy hardly changes.
    Continuous,
}

/// A minimum of a [`DiffusionMemory`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Minimum {
    /// Where it is.
    pub x: Vec<f64>,
    /// What it is.
    pub kind: MinimumKind,
    /// `E` there.
    pub energy: f64,
    /// Least eigenvalue of the Hessian, in units of that of a single sample: at
    /// most 1.
    pub curvature: f64,
    /// The nearest sample.
    pub nearest: usize,
    /// Its probability given the state.
    pub weight: f64,
    /// Starts that ended there.
    pub hits: usize,
}

/// The minima found, and what the search missed.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct Landscape {
    /// In the order in which they were found.
    pub minima: Vec<Minimum>,
    /// Starts that did not come to rest.
    pub unsettled: usize,
}

impl Landscape {
    /// Number of minima of this kind.
    #[must_use]
    pub fn count(&self, kind: MinimumKind) -> usize {
        self.minima.iter().filter(|m| m.kind == kind).count()
    }

    /// Share of the starts that ended at a minimum of this kind; starts that
    /// did not come to rest count for none.
    #[must_use]
    pub fn share(&self, kind: MinimumKind) -> f64 {
        let hits = |m: &Minimum| m.hits;
        let all = self.unsettled + self.minima.iter().map(hits).sum::<usize>();
        let kind = self.minima.iter().filter(|m| m.kind == kind).map(hits).sum::<usize>();
        kind as f64 / all as f64
    }
}

/// The energy of infinitely many data on the unit circle, at distance `radius`
/// from its center, without the constant `−(1/β) ln K`:
///
/// ```text
/// E(R) = R² + 1 − (1/β) ln I₀(2βR) → (R − 1)²  for  β = 1/(2σ²t) → ∞
/// ```
///
/// ```
/// use ebm_memory::diffusion_memory::circle_energy;
/// assert!((circle_energy(1.5, 1e-6)? - 0.25).abs() < 1e-4);
/// // Loud noise leaves a single well, at the center.
/// assert!(circle_energy(0.0, 2.0)? < circle_energy(0.5, 2.0)?);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If `radius` is negative, `variance` not positive, or one or the energy not
/// finite.
pub fn circle_energy(radius: f64, variance: f64) -> Result<f64, Error> {
    validate::non_negative("radius", radius)?;
    validate::positive("variance of the noise", variance)?;
    let energy = radius * radius + 1.0 - 2.0 * variance * ln_bessel_i0(radius / variance);
    validate::finite("energy of a circle", &[energy])?;
    Ok(energy)
}

/// `ln I₀(z)` for `z ≥ 0`, to rounding.
fn ln_bessel_i0(z: f64) -> f64 {
    if z > 500.0 {
        // Σ_k ((2k−1)!!)² / (k! (8z)^k); the first term left out is below 1e-15.
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..6 {
            let odd = f64::from(2 * k - 1);
            term *= odd * odd / (8.0 * f64::from(k) * z);
            sum += term;
        }
        return z - 0.5 * (TAU * z).ln() + f64::ln(sum);
    }
    // Σ_k (z²/4)^k / (k!)², all terms positive.
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while term > f64::EPSILON * 1e-2 * sum {
        k += 1.0;
        term *= 0.25 * z * z / (k * k);
        sum += term;
    }
    sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bessel_agrees_with_its_integral() {
        // I₀(z) = (1/2π)∫ exp(z cos φ) dφ; the trapezoidal rule converges
        // exponentially.
        for z in [0.0, 1e-3, 0.5, 3.0, 20.0, 100.0, 499.0, 501.0, 2000.0, 1e5] {
            let count = 4000;
            let mean = (0..count)
                .map(|k| (z * ((TAU * f64::from(k) / f64::from(count)).cos() - 1.0)).exp())
                .sum::<f64>()
                / f64::from(count);
            let expected = z + mean.ln();
            let error = (ln_bessel_i0(z) - expected).abs();
            assert!(error < 4e-14 * (1.0 + expected.abs()), "{z}: {error}");
        }
    }
}
