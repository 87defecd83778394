//! The energy of an oscillator memory, from its overlaps.
//!
//! ```text
//! m_μ = (1/N) Σⱼ ξⱼ^μ e^{iθⱼ},      q = (1/N) Σⱼ e^{2iθⱼ}
//! E(θ) = −N Σ_μ (J₂/2 |m_μ|² + J₄/4 |m_μ|⁴) − (εN/4) |q|²,      θ̇ = −∇E
//! ```
//!
//! With `J₂ = 1`, `J₄ = 0` this is the Hebbian network,
//! `E = −½ Σ_ij C_ij cos(θᵢ − θⱼ) − (ε/4N) Σ_ij cos 2(θᵢ − θⱼ)`, sums over all
//! ordered pairs including `i = j`, whose terms are constant. The quartic term
//! couples four oscillators at a time, as the dense associative memory of
//! degree four couples four spins, in the form that leaves the energy invariant
//! under a common shift of all phases.
//!
//! Neither needs a matrix: an evaluation takes two products with the patterns,
//! `O(NP)` for a state.

use ebm_core::vector_math::sin_cos;
use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Workspace, linalg, validate};

use crate::patterns::check_signs;
use crate::{Error, Patterns};

/// How strongly oscillators are coupled, and in which harmonics.
///
/// With quartic couplings there may be more patterns than oscillators:
///
/// ```
/// use ebm_memory::{OscillatorMemory, Patterns};
/// use ebm_memory::oscillator_memory::OscillatorCouplings;
/// let dense = OscillatorCouplings { pairwise: 0.0, quartic: 1.0, second_harmonic: 0.0 };
/// let memory = OscillatorMemory::new(Patterns::random_signs(80, 200, 2)?, dense)?;
/// let pattern = memory.patterns().pattern(0);
/// assert!(memory.stability_threshold(pattern)?.second_harmonic < 0.0); // it attracts
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct OscillatorCouplings {
    /// `J₂ ≥ 0`, Hebbian coupling of pairs.
    pub pairwise: f64,
    /// `J₄ ≥ 0`, coupling of four oscillators at a time.
    pub quartic: f64,
    /// `ε ≥ 0`, second harmonic: pulls phase differences to 0 and π.
    pub second_harmonic: f64,
}

impl Default for OscillatorCouplings {
    /// The Hebbian network with `ε = 0.3`: up to a load of about 0.05 cues with a
    /// tenth of their signs flipped come home. Up to twice that load it is above
    /// the threshold of the stored patterns, but fewer of their cues do.
    fn default() -> Self {
        Self { pairwise: 1.0, quartic: 0.0, second_harmonic: 0.3 }
    }
}

impl OscillatorCouplings {
    /// Checks the fields.
    ///
    /// # Errors
    /// If one is negative or not finite.
    pub fn validate(&self) -> Result<(), Error> {
        validate::non_negative("pairwise coupling", self.pairwise)?;
        validate::non_negative("quartic coupling", self.quartic)?;
        Ok(validate::non_negative("second harmonic", self.second_harmonic)?)
    }
}

/// Energy of an oscillator memory; its
/// [`GradientFlow`](ebm_core::flow::GradientFlow) is the network. See the
/// [module](super) for the model.
///
/// States are `N` phases in radians, on the real line; energies and forces are
/// periodic in each.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::oscillator_memory::{
///     OscillatorCouplings, OscillatorMemory, PhaseRetrieval, binary_phases,
/// };
/// use ebm_memory::{Corruption, Patterns, corrupt};
///
/// let patterns = Patterns::random_signs(200, 4, 1)?;
/// let memory = OscillatorMemory::new(patterns, OscillatorCouplings::default())?;
/// let cues = corrupt(memory.patterns().as_batch(), 0.2, Corruption::FlipSign, 2)?;
/// let cues = binary_phases(cues.as_batch())?;
/// let found = PhaseRetrieval::default().retrieve(&memory, cues.as_batch())?;
/// for (mu, query) in found.reports().iter().enumerate() {
///     assert_eq!((query.pattern, query.wrong), (mu, 0));
/// }
/// assert!(memory.energy_at(found.state(0)) < memory.energy_at(cues.pattern(0)));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Oscillators"))]
pub struct OscillatorMemory {
    patterns: Patterns,
    couplings: OscillatorCouplings,
}

impl OscillatorMemory {
    /// Stores ±1 `patterns`.
    ///
    /// # Errors
    /// If a pattern has an entry other than ±1, or a coupling is negative or
    /// not finite.
    pub fn new(patterns: Patterns, couplings: OscillatorCouplings) -> Result<Self, Error> {
        couplings.validate()?;
        patterns.check_signs()?;
        Ok(Self { patterns, couplings })
    }

    /// The stored patterns.
    #[must_use]
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// The couplings.
    #[must_use]
    pub fn couplings(&self) -> OscillatorCouplings {
        self.couplings
    }

    /// The complex overlap `m_μ` with pattern `mu` as modulus, from 0 to 1, and
    /// argument, the global phase at which the pattern is held.
    ///
    /// # Panics
    /// If there is no such pattern or `phases` has another length.
    #[must_use]
    pub fn overlap(&self, mu: usize, phases: &[f64]) -> (f64, f64) {
        assert_eq!(phases.len(), self.dim(), "a state has the length of the patterns");
        let (mut re, mut im) = (0.0, 0.0);
        for (s, theta) in self.patterns.pattern(mu).iter().zip(phases) {
            let (sin, cos) = theta.sin_cos();
            re += s * cos;
            im += s * sin;
        }
        (re.hypot(im) / self.dim() as f64, im.atan2(re))
    }

    /// `d/dr` of `½J₂ r + ¼J₄ r²` times two, at `r = |m|²`: the weight that a
    /// pattern has in the forces.
    pub(super) fn weight(&self, r: f64) -> f64 {
        self.couplings.pairwise + self.couplings.quartic * r
    }

    /// `Ξᵀ X`.
    pub(super) fn project(&self, x: &[f64], out: &mut [f64]) {
        let dim = self.dim();
        linalg::multiply_transposed(self.patterns.as_batch().as_slice(), x, out, dim);
    }

    /// `Ξ M`.
    pub(super) fn combine(&self, m: &[f64], out: &mut [f64]) {
        linalg::multiply(self.patterns.as_batch().as_slice(), m, out, self.dim());
    }

    /// `E` of a column from its waves and sums.
    fn energy_of(&self, waves: &[f64], sums: &[f64]) -> f64 {
        let n = self.dim() as f64;
        let (c, s) = sums.split_at(self.patterns.count());
        let OscillatorCouplings { pairwise, quartic, second_harmonic } = self.couplings;
        let mut patterns = 0.0;
        for (c, s) in c.iter().zip(s) {
            let r = (c * c + s * s) / (n * n);
            patterns += (0.5 * pairwise + 0.25 * quartic * r) * r;
        }
        let (c2, s2) = second_sums(waves);
        -n * patterns - 0.25 * second_harmonic / n * (c2 * c2 + s2 * s2)
    }

    /// Waves and sums of every column of `x`, at the front of `ws`.
    fn prepare<'w>(
        &self,
        x: &[f64],
        ws: &'w mut Workspace,
    ) -> (&'w mut [f64], &'w mut [f64], &'w mut Workspace) {
        let n = self.dim();
        let (waves, ws) = ws.take(2 * x.len());
        for (x, waves) in x.chunks_exact(n).zip(waves.chunks_exact_mut(2 * n)) {
            let (cos, sin) = waves.split_at_mut(n);
            sin_cos(x, sin, cos);
        }
        let (sums, ws) = ws.take(2 * self.patterns.count() * (x.len() / n));
        self.project(waves, sums);
        (waves, sums, ws)
    }

    /// Gradients from waves and sums; the sums are overwritten.
    fn forces(&self, waves: &[f64], sums: &mut [f64], out: &mut [f64], ws: &mut Workspace) {
        let (n, count) = (self.dim(), self.patterns.count());
        let inverse = 1.0 / n as f64;
        for sums in sums.chunks_exact_mut(2 * count) {
            let (c, s) = sums.split_at_mut(count);
            for (c, s) in c.iter_mut().zip(s) {
                let weight = inverse * self.weight((*c * *c + *s * *s) * inverse * inverse);
                *c *= weight;
                *s *= weight;
            }
        }
        let (fields, _) = ws.take(waves.len());
        self.combine(sums, fields);
        let columns = waves.chunks_exact(2 * n).zip(fields.chunks_exact(2 * n));
        for ((waves, fields), out) in columns.zip(out.chunks_exact_mut(n)) {
            let (cos, sin) = waves.split_at(n);
            let (along, across) = fields.split_at(n);
            let (c2, s2) = second_sums(waves);
            let (c2, s2) = [c2, s2].map(|z| self.couplings.second_harmonic * inverse * z).into();
            for i in 0..n {
                let (c, s) = (cos[i], sin[i]);
                let pairs = s * along[i] - c * across[i];
                out[i] = pairs + 2.0 * s * c * c2 - (c * c - s * s) * s2;
            }
        }
    }
}

/// `Σ cos 2θ` and `Σ sin 2θ` of one column of cosines and sines.
fn second_sums(waves: &[f64]) -> (f64, f64) {
    let (cos, sin) = waves.split_at(waves.len() / 2);
    let (mut c2, mut s2) = (0.0, 0.0);
    for (c, s) in cos.iter().zip(sin) {
        c2 += c * c - s * s;
        s2 += 2.0 * s * c;
    }
    (c2, s2)
}

impl Energy for OscillatorMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (waves, sums, _) = self.prepare(x, ws);
        self.energy_of(waves, sums)
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (n, count) = (self.dim(), self.patterns.count());
        let (waves, sums, _) = self.prepare(x.as_slice(), ws);
        let columns = waves.chunks_exact(2 * n).zip(sums.chunks_exact(2 * count));
        for (out, (waves, sums)) in out.iter_mut().zip(columns) {
            *out = self.energy_of(waves, sums);
        }
    }
}

impl Gradient for OscillatorMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (waves, sums, ws) = self.prepare(x, ws);
        self.forces(waves, sums, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (waves, sums, ws) = self.prepare(x.as_slice(), ws);
        self.forces(waves, sums, out.as_mut_slice(), ws);
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (waves, sums, ws) = self.prepare(x, ws);
        let energy = self.energy_of(waves, sums);
        self.forces(waves, sums, out, ws);
        energy
    }
}

impl Curvature for OscillatorMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (n, count) = (x.len(), self.patterns.count());
        let inverse = 1.0 / n as f64;
        let (waves, ws) = ws.take(4 * n);
        let (sums, ws) = ws.take(4 * count);
        let (fields, _) = ws.take(4 * n);
        // cos θ, sin θ and their derivatives along v.
        let (plain, moved) = waves.split_at_mut(2 * n);
        let (cos, sin) = plain.split_at_mut(n);
        sin_cos(x, sin, cos);
        let (dcos, dsin) = moved.split_at_mut(n);
        for i in 0..n {
            dcos[i] = -sin[i] * v[i];
            dsin[i] = cos[i] * v[i];
        }
        self.project(waves, sums);
        for mu in 0..count {
            let [c, s, dc, ds] = [0, 1, 2, 3].map(|k| sums[mu + k * count]);
            let r = (c * c + s * s) * inverse * inverse;
            let weight = inverse * self.weight(r);
            let change = 2.0 * self.couplings.quartic * (c * dc + s * ds) * inverse.powi(3);
            let scaled =
                [weight * c, weight * s, weight * dc + change * c, weight * ds + change * s];
            for (k, value) in scaled.into_iter().enumerate() {
                sums[mu + k * count] = value;
            }
        }
        self.combine(sums, fields);
        let (cos, sin) = (&waves[..n], &waves[n..2 * n]);
        let (c2, s2) = second_sums(&waves[..2 * n]);
        let (mut dc2, mut ds2) = (0.0, 0.0);
        for i in 0..n {
            dc2 -= 4.0 * sin[i] * cos[i] * v[i];
            ds2 += 2.0 * (cos[i] * cos[i] - sin[i] * sin[i]) * v[i];
        }
        let strength = self.couplings.second_harmonic * inverse;
        for i in 0..n {
            let (c, s) = (cos[i], sin[i]);
            let (double_cos, double_sin) = (c * c - s * s, 2.0 * s * c);
            let pairs = v[i] * (c * fields[i] + s * fields[n + i]) + s * fields[2 * n + i]
                - c * fields[3 * n + i];
            let second = 2.0 * v[i] * (double_cos * c2 + double_sin * s2) + double_sin * dc2
                - double_cos * ds2;
            out[i] = pairs + strength * second;
        }
    }
}

/// Phases 0 for +1 and π for −1, for every column of ±1 `states`.
///
/// Every binary state is an equilibrium of every oscillator memory, stable or
/// not: a flow that is to leave it needs a small perturbation.
///
/// # Errors
/// If there are no states, or an entry is not ±1.
pub fn binary_phases(states: Batch<'_>) -> Result<Patterns, Error> {
    check_signs("state", states)?;
    let phase = |s: &f64| if *s > 0.0 { 0.0 } else { std::f64::consts::PI };
    Patterns::new(states.as_slice().iter().map(phase).collect(), states.dim())
}
