//! The Lyapunov function of an oscillator network under second-harmonic
//! injection locking.
//!
//! ```text
//! E(θ)   = −(K/2) Σᵢⱼ Jᵢⱼ cos(θᵢ − θⱼ) − K Σᵢ hᵢ cos θᵢ − (K_s/2) Σᵢ cos 2θᵢ
//! ∂E/∂θᵢ = K [sin θᵢ (J cos θ)ᵢ − cos θᵢ (J sin θ)ᵢ + hᵢ sin θᵢ] + K_s sin 2θᵢ
//! ```
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1903.07163.

use ebm_core::{Batch, BatchMut, Coupling, Curvature, Energy, Gradient, Workspace, validate};

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
    problem: &'a Ising,
    coupling: f64,
    locking: f64,
}

impl<'a> OscillatorEnergy<'a> {
    /// The energy with coupling strength `K` and locking strength `K_s`.
    ///
    /// # Errors
    /// A strength that is negative or not finite.
    pub fn new(problem: &'a Ising, coupling: f64, locking: f64) -> Result<Self, Error> {
        validate::non_negative("coupling strength K", coupling)?;
        validate::non_negative("locking strength K_s", locking)?;
        Ok(Self { problem, coupling, locking })
    }

    /// An upper bound on the curvature `‖∇²E‖`: gradient descent with steps up
    /// to `2 /` this bound never raises the energy.
    #[must_use]
    pub fn curvature_bound(&self) -> f64 {
        let row = |i: usize| {
            let (_, weights) = self.problem.couplings().neighbors(i);
            2.0 * weights.iter().map(|w| w.abs()).sum::<f64>() + self.problem.fields()[i].abs()
        };
        let largest = (0..self.problem.spins()).map(row).fold(0.0, f64::max);
        self.coupling * largest + 2.0 * self.locking
    }
}

impl Energy for OscillatorEnergy<'_> {
    fn dim(&self) -> usize {
        self.problem.spins()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let n = x.len();
        let (cos, ws) = ws.take(n);
        let (sin, ws) = ws.take(n);
        sin_cos(x, sin, cos);
        let pairs = self.problem.couplings().quadratic(cos, ws)
            + self.problem.couplings().quadratic(sin, ws);
        let (mut field, mut lock) = (0.0, 0.0);
        for ((s, c), h) in sin.iter().zip(&*cos).zip(self.problem.fields()) {
            field += h * c;
            lock += 1.0 - 2.0 * s * s;
        }
        -self.coupling * (0.5 * pairs + field) - 0.5 * self.locking * lock
    }
}

impl Gradient for OscillatorEnergy<'_> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let locking = self.locking;
        gradient(self.problem, self.coupling, x.len(), |_| locking, x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (dim, x, out) = (x.dim(), x.as_slice(), out.as_mut_slice());
        let locking = self.locking;
        gradient(self.problem, self.coupling, dim, |_| locking, x, out, ws);
    }
}

impl Curvature for OscillatorEnergy<'_> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = x.len();
        let (cos, ws) = ws.take(n);
        let (sin, _) = ws.take(n);
        sin_cos(x, sin, cos);
        let fields = self.problem.fields();
        for i in 0..n {
            let (neighbors, weights) = self.problem.couplings().neighbors(i);
            let mut pull = fields[i] * cos[i] * v[i];
            for (&j, w) in neighbors.iter().zip(weights) {
                let j = j as usize;
                pull += w * (cos[i] * cos[j] + sin[i] * sin[j]) * (v[i] - v[j]);
            }
            let double = 1.0 - 2.0 * sin[i] * sin[i];
            out[i] = self.coupling * pull + 2.0 * self.locking * double * v[i];
        }
    }
}

/// `∇E` of every column; `locking(column)` is the column's `K_s`.
pub(super) fn gradient(
    problem: &Ising,
    coupling: f64,
    dim: usize,
    locking: impl Fn(usize) -> f64,
    x: &[f64],
    out: &mut [f64],
    ws: &mut Workspace,
) {
    let len = x.len();
    let (cos, ws) = ws.take(len);
    let (sin, ws) = ws.take(len);
    let (coupled_cos, ws) = ws.take(len);
    sin_cos(x, sin, cos);
    apply(problem, dim, cos, coupled_cos, ws);
    apply(problem, dim, sin, out, ws);
    let columns = out.chunks_exact_mut(dim).zip(coupled_cos.chunks_exact(dim));
    let phases = sin.chunks_exact(dim).zip(cos.chunks_exact(dim));
    for (column, ((out, jc), (sin, cos))) in columns.zip(phases).enumerate() {
        let locking = locking(column);
        for i in 0..dim {
            let (s, c) = (sin[i], cos[i]);
            let pull = s * (jc[i] + problem.fields()[i]) - c * out[i];
            out[i] = coupling * pull + locking * 2.0 * s * c;
        }
    }
}

fn apply(problem: &Ising, dim: usize, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
    if let (Ok(x), Ok(out)) = (Batch::new(x, dim), BatchMut::new(out, dim)) {
        problem.couplings().apply_batch(x, out, ws);
    }
}

fn sin_cos(x: &[f64], sin: &mut [f64], cos: &mut [f64]) {
    ebm_core::vector_math::sin_cos(x, sin, cos);
}
