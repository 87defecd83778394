//! The motion of a coherent Ising machine with its schedules, as a vector field
//! with noise. Equation and sources as in [the module](super).

use ebm_core::{Coupling, Diffusion, NoiseKind, VectorField, Workspace, validate};

use super::CoherentIsingMachine;
use crate::{Error, Ising};

/// The motion of a machine over `duration`, for any ODE integrator (noise
/// ignored) or SDE integrator; states are all amplitudes `x`, then all error
/// variables `e`.
///
/// ```
/// use ebm_core::ode;
/// use ebm_optim::coherent::{CoherentFlow, CoherentIsingMachine};
/// use ebm_optim::Ising;
/// let chain = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, -1.0)])?;
/// let flow = CoherentFlow::new(&chain, CoherentIsingMachine::default(), 60.0)?;
/// let mut method = ode::TSITOURAS.stepper(6);
/// let start = [0.1, -0.2, 0.3, 1.0, 1.0, 1.0];
/// let end = ode::integrate(&flow, &mut method, (0.0, 60.0), &start, &ode::Options::default())?;
/// let x = &end.x[..3];
/// assert!(x[0] * x[1] > 0.0 && x[1] * x[2] < 0.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CoherentFlow<'a> {
    problem: &'a Ising,
    machine: CoherentIsingMachine,
    strength: f64,
    duration: f64,
}

impl<'a> CoherentFlow<'a> {
    /// The motion with the settings of `machine`, its schedules spread over the
    /// time from 0 to `duration`; its step plays no part.
    ///
    /// # Errors
    /// Settings that are invalid, a duration that is not positive.
    pub fn new(
        problem: &'a Ising,
        machine: CoherentIsingMachine,
        duration: f64,
    ) -> Result<Self, Error> {
        machine.check()?;
        validate::positive("duration", duration)?;
        let strength = machine.strength_for(problem);
        Ok(Self { problem, machine, strength, duration })
    }
}

impl VectorField for CoherentFlow<'_> {
    fn dim(&self) -> usize {
        2 * self.problem.spins()
    }

    fn eval(&self, t: f64, state: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.problem.spins();
        let ((x, e), (out_x, out_e)) = (state.split_at(n), out.split_at_mut(n));
        let CoherentIsingMachine { control, target, .. } = self.machine;
        let gain = self.machine.gain.at(t / self.duration);
        let amplitude = target.sqrt();
        self.problem.couplings().apply(x, out_x, ws);
        for (i, h) in self.problem.fields().iter().enumerate() {
            let force = self.strength * (out_x[i] + h * amplitude);
            out_x[i] = (gain - x[i] * x[i]) * x[i] + e[i] * force;
            out_e[i] = -control * (x[i] * x[i] - target) * e[i];
        }
    }
}

impl Diffusion for CoherentFlow<'_> {
    fn noise_dim(&self) -> usize {
        self.problem.spins()
    }

    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }

    fn add_noise(&self, t: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        let sigma = self.machine.noise.at(t / self.duration);
        out.iter_mut().zip(dw).for_each(|(out, dw)| *out += sigma * dw);
    }
}
