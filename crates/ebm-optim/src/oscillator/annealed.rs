//! The oscillator network with its schedules, as a vector field with noise.
//!
//! ```text
//! dθ = −∇E(θ; K_s(t)) dt + σ(t) dW
//! ```
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1903.07163.

use ebm_core::{Batch, BatchMut, Diffusion, NoiseKind, VectorField, Workspace, validate};

use super::energy;
use crate::schedule::Schedule;
use crate::{Error, Ising};

/// The flow of an oscillator Ising machine over `duration`, for any ODE
/// integrator (noise ignored) or SDE integrator.
#[derive(Debug, Clone)]
pub struct AnnealedOscillators<'a> {
    problem: &'a Ising,
    coupling: f64,
    locking: Schedule,
    noise: Schedule,
    duration: f64,
}

impl<'a> AnnealedOscillators<'a> {
    /// The flow with coupling strength `K`, and the locking strength `K_s` and
    /// noise amplitude `σ` scheduled over the time from 0 to `duration`.
    ///
    /// # Errors
    /// A strength that is negative or not finite, a schedule with a negative
    /// value, a duration that is not
    /// positive.
    pub fn new(
        problem: &'a Ising,
        coupling: f64,
        locking: Schedule,
        noise: Schedule,
        duration: f64,
    ) -> Result<Self, Error> {
        validate::non_negative("coupling strength K", coupling)?;
        validate::positive("duration", duration)?;
        locking.non_negative("locking strength K_s")?;
        noise.non_negative("noise amplitude")?;
        Ok(Self { problem, coupling, locking, noise, duration })
    }

    /// The energy at the schedule's values at time `t`.
    ///
    /// # Errors
    /// A locking strength that the schedule makes negative.
    pub fn energy_at_time(&self, t: f64) -> Result<energy::OscillatorEnergy<'a>, Error> {
        energy::OscillatorEnergy::new(self.problem, self.coupling, self.locking_at(t))
    }

    fn locking_at(&self, t: f64) -> f64 {
        self.locking.at(t / self.duration)
    }
}

impl VectorField for AnnealedOscillators<'_> {
    fn dim(&self) -> usize {
        self.problem.spins()
    }

    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let locking = self.locking_at(t);
        energy::gradient(self.problem, self.coupling, x.len(), |_| locking, x, dx, ws);
        dx.iter_mut().for_each(|v| *v = -*v);
    }

    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (dim, x, dx) = (x.dim(), x.as_slice(), dx.as_mut_slice());
        let locking = |column: usize| self.locking_at(t[column]);
        energy::gradient(self.problem, self.coupling, dim, locking, x, dx, ws);
        dx.iter_mut().for_each(|v| *v = -*v);
    }
}

impl Diffusion for AnnealedOscillators<'_> {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }

    fn add_noise(&self, t: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        let sigma = self.noise.at(t / self.duration);
        for (out, dw) in out.iter_mut().zip(dw) {
            *out += sigma * dw;
        }
    }
}
