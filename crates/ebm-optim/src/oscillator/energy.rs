//! The Lyapunov function of an oscillator network under second-harmonic
//! injection locking.
//!
//! ```text
//! E(θ)   = −(K/2) Σᵢⱼ Jᵢⱼ G(θᵢ − θⱼ) − K Σᵢ hᵢ G(θᵢ) − (K_s/2) Σᵢ cos 2θᵢ − Σᵢ Ωᵢ θᵢ
//! ∂E/∂θᵢ = K [Σⱼ Jᵢⱼ g(θᵢ − θⱼ) + hᵢ g(θᵢ)] + K_s sin 2θᵢ − Ωᵢ
//! ```
//!
//! `g` is the torque of a [`CouplingShape`] and `G` its potential. For the sine
//! the sum over `j` is `sin θᵢ (J cos θ)ᵢ − cos θᵢ (J sin θ)ᵢ`: two products with
//! `J`. A spread `Ω` of the natural frequencies tilts the energy, which then has
//! no lower bound, but still falls along the flow.
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1903.07163.

use ebm_core::{Batch, BatchMut, Coupling, Curvature, Energy, Gradient, Workspace, validate};

use super::CouplingShape;
use crate::{Error, Ising};

/// The energy of the phases `θ` of a problem at fixed `K` and `K_s`.
///
/// ```
/// use ebm_core::{Energy, Lyapunov, Workspace, flow::GradientFlow};
/// use ebm_optim::{Ising, oscillator::OscillatorEnergy};
/// use std::f64::consts::PI;
///
/// let pair = Ising::from_couplings(2, &[(0, 1, -1.0)])?;
/// let energy = OscillatorEnergy::new(&pair, 1.0, 0.5)?;
/// // At binary phases E = K·H − n·K_s/2, here for s = (+1, −1).
/// assert!((energy.energy_at(&[0.0, PI]) - (-1.0 - 0.5)).abs() < 1e-12);
/// let flow = GradientFlow(energy);
/// assert!(flow.lyapunov_rate(&[0.3, 1.0], &mut Workspace::new()) < 0.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OscillatorEnergy<'a> {
    network: Network<'a>,
    coupling: f64,
    locking: f64,
}

impl<'a> OscillatorEnergy<'a> {
    /// The energy with coupling strength `K` and locking strength `K_s`, sine
    /// coupling and equal natural frequencies.
    ///
    /// # Errors
    /// A strength that is negative or not finite.
    pub fn new(problem: &'a Ising, coupling: f64, locking: f64) -> Result<Self, Error> {
        validate::non_negative("coupling strength K", coupling)?;
        validate::non_negative("locking strength K_s", locking)?;
        let network = Network { problem, shape: CouplingShape::Sine, frequencies: &[] };
        Ok(Self { network, coupling, locking })
    }

    /// The same energy with another shape of the coupling.
    ///
    /// ```
    /// use ebm_core::Energy;
    /// use ebm_optim::{Ising, oscillator::{CouplingShape, OscillatorEnergy}};
    /// let pair = Ising::from_couplings(2, &[(0, 1, 1.0)])?;
    /// let square = CouplingShape::SquareWave { sharpness: 10.0 };
    /// let energy = OscillatorEnergy::new(&pair, 1.0, 0.0)?.with_shape(square)?;
    /// // At binary phases the Ising energy times G(0).
    /// assert!((energy.energy_at(&[0.0, 0.0]) + square.potential(0.0)).abs() < 1e-12);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// A shape with an invalid parameter.
    pub fn with_shape(mut self, shape: CouplingShape) -> Result<Self, Error> {
        shape.validate()?;
        self.network.shape = shape;
        Ok(self)
    }

    /// The same energy with deviations `Ω` of the natural frequencies from their
    /// mean, one for each oscillator; empty for none.
    ///
    /// # Errors
    /// A wrong length or a value that is not finite.
    pub fn with_frequencies(mut self, frequencies: &'a [f64]) -> Result<Self, Error> {
        check_frequencies(self.network.problem, frequencies)?;
        self.network.frequencies = frequencies;
        Ok(self)
    }

    /// An upper bound on the curvature `‖∇²E‖`: gradient descent with steps up
    /// to `2 /` this bound never raises the energy.
    #[must_use]
    pub fn curvature_bound(&self) -> f64 {
        let problem = self.network.problem;
        let row = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            2.0 * weights.iter().map(|w| w.abs()).sum::<f64>() + problem.fields()[i].abs()
        };
        let largest = (0..problem.spins()).map(row).fold(0.0, f64::max);
        self.coupling * self.network.shape.steepest() * largest + 2.0 * self.locking
    }

    fn square_energy(&self, x: &[f64]) -> f64 {
        let Network { problem, shape, .. } = self.network;
        let mut coupled = 0.0;
        let mut lock = 0.0;
        for (i, (phase, field)) in x.iter().zip(problem.fields()).enumerate() {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            let first = neighbors.partition_point(|&j| j as usize <= i);
            for (&j, w) in neighbors[first..].iter().zip(&weights[first..]) {
                coupled += w * shape.potential(phase - x[j as usize]);
            }
            if *field != 0.0 {
                coupled += field * shape.potential(*phase);
            }
            lock += (2.0 * phase).cos();
        }
        -self.coupling * coupled - 0.5 * self.locking * lock
    }

    fn sine_energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let problem = self.network.problem;
        let (cos, ws) = ws.take(x.len());
        let (sin, ws) = ws.take(x.len());
        sin_cos(x, sin, cos);
        let pairs = problem.couplings().quadratic(cos, ws) + problem.couplings().quadratic(sin, ws);
        let (mut field, mut lock) = (0.0, 0.0);
        for ((s, c), h) in sin.iter().zip(&*cos).zip(problem.fields()) {
            field += h * c;
            lock += 1.0 - 2.0 * s * s;
        }
        -self.coupling * (0.5 * pairs + field) - 0.5 * self.locking * lock
    }
}

impl Energy for OscillatorEnergy<'_> {
    fn dim(&self) -> usize {
        self.network.problem.spins()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let tilt: f64 = self.network.frequencies.iter().zip(x).map(|(w, x)| w * x).sum();
        let untilted = match self.network.shape {
            CouplingShape::Sine => self.sine_energy(x, ws),
            CouplingShape::SquareWave { .. } => self.square_energy(x),
        };
        untilted - tilt
    }
}

impl Gradient for OscillatorEnergy<'_> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let strengths = (self.coupling, self.locking);
        self.network.gradient(|_| strengths, x.len(), x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let strengths = (self.coupling, self.locking);
        self.network.gradient(|_| strengths, x.dim(), x.as_slice(), out.as_mut_slice(), ws);
    }
}

impl Curvature for OscillatorEnergy<'_> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let Network { problem, shape, .. } = self.network;
        let n = x.len();
        let (cos, ws) = ws.take(n);
        let (sin, _) = ws.take(n);
        sin_cos(x, sin, cos);
        for i in 0..n {
            let (s, c) = (sin[i], cos[i]);
            let (neighbors, weights) = problem.couplings().neighbors(i);
            let mut pull = problem.fields()[i] * shape.stiffness(s, c) * v[i];
            for (&j, w) in neighbors.iter().zip(weights) {
                let j = j as usize;
                let stiffness = shape.stiffness(s * cos[j] - c * sin[j], c * cos[j] + s * sin[j]);
                pull += w * stiffness * (v[i] - v[j]);
            }
            let double = 1.0 - 2.0 * s * s;
            out[i] = self.coupling * pull + 2.0 * self.locking * double * v[i];
        }
    }
}

/// What does not change during a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) problem: &'a Ising,
    pub(super) shape: CouplingShape,
    /// `Ω`, empty for none.
    pub(super) frequencies: &'a [f64],
}

impl Network<'_> {
    /// `∇E` of every column; `strengths(column)` are the column's `K` and `K_s`.
    pub(super) fn gradient(
        &self,
        strengths: impl Fn(usize) -> (f64, f64),
        dim: usize,
        x: &[f64],
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let (cos, ws) = ws.take(x.len());
        let (sin, ws) = ws.take(x.len());
        sin_cos(x, sin, cos);
        match self.shape {
            CouplingShape::Sine => self.sine_torques(dim, sin, cos, out, ws),
            CouplingShape::SquareWave { .. } => self.square_torques(dim, sin, cos, out),
        }
        let phases = sin.chunks_exact(dim).zip(cos.chunks_exact(dim));
        for (column, (out, (sin, cos))) in out.chunks_exact_mut(dim).zip(phases).enumerate() {
            let (coupling, locking) = strengths(column);
            for i in 0..dim {
                out[i] = coupling * out[i] + locking * 2.0 * sin[i] * cos[i];
            }
            for (out, frequency) in out.iter_mut().zip(self.frequencies) {
                *out -= frequency;
            }
        }
    }

    fn sine_torques(
        &self,
        dim: usize,
        sin: &[f64],
        cos: &[f64],
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let (coupled_cos, ws) = ws.take(cos.len());
        self.apply(dim, cos, coupled_cos, ws);
        self.apply(dim, sin, out, ws);
        let phases = sin.chunks_exact(dim).zip(cos.chunks_exact(dim));
        let columns = out.chunks_exact_mut(dim).zip(coupled_cos.chunks_exact(dim));
        for ((out, jc), (sin, cos)) in columns.zip(phases) {
            for i in 0..dim {
                out[i] = sin[i] * (jc[i] + self.problem.fields()[i]) - cos[i] * out[i];
            }
        }
    }

    fn square_torques(&self, dim: usize, sin: &[f64], cos: &[f64], out: &mut [f64]) {
        let phases = sin.chunks_exact(dim).zip(cos.chunks_exact(dim));
        for (out, (sin, cos)) in out.chunks_exact_mut(dim).zip(phases) {
            for i in 0..dim {
                let (neighbors, weights) = self.problem.couplings().neighbors(i);
                let mut sum = self.problem.fields()[i] * self.shape.torque(sin[i]);
                for (&j, w) in neighbors.iter().zip(weights) {
                    let j = j as usize;
                    sum += w * self.shape.torque(sin[i] * cos[j] - cos[i] * sin[j]);
                }
                out[i] = sum;
            }
        }
    }

    fn apply(&self, dim: usize, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        if let (Ok(x), Ok(out)) = (Batch::new(x, dim), BatchMut::new(out, dim)) {
            self.problem.couplings().apply_batch(x, out, ws);
        }
    }
}

/// None, or one finite number for each oscillator.
pub(super) fn check_frequencies(problem: &Ising, frequencies: &[f64]) -> Result<(), Error> {
    if !frequencies.is_empty() {
        validate::dimension("natural frequencies", problem.spins(), frequencies.len())?;
        validate::finite("natural frequencies", frequencies)?;
    }
    Ok(())
}

fn sin_cos(x: &[f64], sin: &mut [f64], cos: &mut [f64]) {
    ebm_core::vector_math::sin_cos(x, sin, cos);
}
