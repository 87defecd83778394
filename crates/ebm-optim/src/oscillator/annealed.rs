//! The oscillator network with its schedules, as a vector field with noise.
//!
//! ```text
//! dθᵢ = −μᵢ ∂E/∂θᵢ(θ; K(t), K_s(t)) dt + σ(t) √μᵢ dWᵢ
//! ```
//!
//! Mobilities `μ > 0` set the pace of each oscillator. They change neither the
//! energy, which falls along the noise-free flow at constant strengths, nor the
//! stationary law `exp(−2E/σ²)`.
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1903.07163.

use ebm_core::{Batch, BatchMut, Diffusion, NoiseKind, VectorField, Workspace, validate};

use super::energy::{Network, OscillatorEnergy, check_frequencies};
use super::{CouplingShape, Drive};
use crate::{Error, Ising};

/// The flow of an oscillator Ising machine over `duration`, for any ODE
/// integrator (noise ignored) or SDE integrator.
///
/// ```
/// use ebm_optim::ebm_core::{Snapshot, sde};
/// use ebm_optim::{Ising, oscillator::{AnnealedOscillators, Drive}};
/// use std::ops::ControlFlow;
///
/// let chain = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, -1.0)])?;
/// let machine = AnnealedOscillators::new(&chain, Drive::default(), 200.0)?;
/// let options = sde::Options { step: 0.05, seed: 1, ..Default::default() };
/// let mut ignore = |_: &Snapshot<'_>| ControlFlow::Continue(());
/// let start = [0.3, 1.0, 2.0];
/// let end = sde::integrate(
///     &machine, &sde::EulerMaruyama, (0.0, 200.0), &start, &options, &mut ignore,
/// )?;
/// let spins: Vec<i8> = end.x.iter().map(|x| if x.cos() >= 0.0 { 1 } else { -1 }).collect();
/// assert_eq!(chain.energy(&spins)?, -2.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AnnealedOscillators<'a> {
    problem: &'a Ising,
    drive: Drive,
    duration: f64,
    shape: CouplingShape,
    frequencies: Vec<f64>,
    mobilities: Vec<f64>,
}

impl<'a> AnnealedOscillators<'a> {
    /// The flow with `drive` spread over the time from 0 to `duration`; `K` is
    /// taken as it is, not in units of
    /// [`natural_strength`](super::natural_strength).
    ///
    /// # Errors
    /// A schedule with a negative value, a duration that is not positive.
    pub fn new(problem: &'a Ising, drive: Drive, duration: f64) -> Result<Self, Error> {
        validate::positive("duration", duration)?;
        drive.validate()?;
        let shape = CouplingShape::Sine;
        Ok(Self { problem, drive, duration, shape, frequencies: vec![], mobilities: vec![] })
    }

    /// The same flow with another shape of the coupling.
    ///
    /// # Errors
    /// A shape with an invalid parameter.
    pub fn with_shape(mut self, shape: CouplingShape) -> Result<Self, Error> {
        shape.validate()?;
        self.shape = shape;
        Ok(self)
    }

    /// The same flow with deviations `Ω` of the natural frequencies, one for
    /// each oscillator; empty for none.
    ///
    /// # Errors
    /// A wrong length or a value that is not finite.
    pub fn with_frequencies(mut self, frequencies: Vec<f64>) -> Result<Self, Error> {
        check_frequencies(self.problem, &frequencies)?;
        self.frequencies = frequencies;
        Ok(self)
    }

    /// The same flow with mobilities `μ`, one for each oscillator; empty for one
    /// each.
    ///
    /// # Errors
    /// A wrong length or a value that is not positive and finite.
    pub fn with_mobilities(mut self, mobilities: Vec<f64>) -> Result<Self, Error> {
        if !mobilities.is_empty() {
            validate::dimension("mobilities", self.problem.spins(), mobilities.len())?;
            mobilities.iter().try_for_each(|mu| validate::positive("mobility", *mu))?;
        }
        self.mobilities = mobilities;
        Ok(self)
    }

    /// The energy at the schedule's values at time `t`.
    ///
    /// # Errors
    /// A time that is NaN.
    pub fn energy_at_time(&self, t: f64) -> Result<OscillatorEnergy<'_>, Error> {
        // Before the start and after the end schedules are constant.
        if t.is_nan() {
            validate::finite("time", &[t])?;
        }
        let (coupling, locking) = self.strengths_at(t);
        OscillatorEnergy::new(self.problem, coupling, locking)?
            .with_shape(self.shape)?
            .with_frequencies(&self.frequencies)
    }

    fn strengths_at(&self, t: f64) -> (f64, f64) {
        let fraction = t / self.duration;
        (self.drive.coupling.at(fraction), self.drive.locking.at(fraction))
    }

    fn network(&self) -> Network<'_> {
        Network { problem: self.problem, shape: self.shape, frequencies: &self.frequencies }
    }

    fn descend(&self, dim: usize, dx: &mut [f64]) {
        dx.iter_mut().for_each(|v| *v = -*v);
        if !self.mobilities.is_empty() {
            for dx in dx.chunks_exact_mut(dim) {
                dx.iter_mut().zip(&self.mobilities).for_each(|(v, mu)| *v *= mu);
            }
        }
    }
}

impl VectorField for AnnealedOscillators<'_> {
    fn dim(&self) -> usize {
        self.problem.spins()
    }

    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let strengths = self.strengths_at(t);
        self.network().gradient(|_| strengths, x.len(), x, dx, ws);
        self.descend(x.len(), dx);
    }

    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (dim, x, dx) = (x.dim(), x.as_slice(), dx.as_mut_slice());
        self.network().gradient(|column| self.strengths_at(t[column]), dim, x, dx, ws);
        self.descend(dim, dx);
    }
}

impl Diffusion for AnnealedOscillators<'_> {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }

    fn add_noise(&self, t: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        let sigma = self.drive.noise.at(t / self.duration);
        if self.mobilities.is_empty() {
            out.iter_mut().zip(dw).for_each(|(out, dw)| *out += sigma * dw);
        } else {
            for ((out, dw), mu) in out.iter_mut().zip(dw).zip(&self.mobilities) {
                *out += sigma * mu.sqrt() * dw;
            }
        }
    }
}
