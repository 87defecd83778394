//! The equations of motion of every variant, as a vector field.
//!
//! ```text
//! ẋ = y,   ẏ = −[K x² + 1 − a(t)] x + c₀ (J z + h),     z = x or sgn x
//! generalized:  ẏ = −p x + c₀ (J x + h),   ṗ = −(1 − A x²) p / (T − t)
//! ```
//!
//! This is the motion between the walls, without heating: both act step by step.
//! The adiabatic machine has neither. Sources as in
//! [the module](super).

use ebm_core::{Coupling, VectorField, Workspace, validate};

use super::Variant;
use crate::schedule::Schedule;
use crate::{Error, Ising};

/// Equations of motion over a given duration; states are all positions `x`,
/// then all momenta `y`, then, for the generalized machine, all `p`.
///
/// ```
/// use ebm_core::{VectorField, ode};
/// use ebm_optim::bifurcation::{BifurcationFlow, Variant};
/// use ebm_optim::{Ising, schedule::Schedule};
/// let pair = Ising::from_couplings(2, &[(0, 1, -1.0)])?;
/// let ramp = Schedule::ramp(0.0, 1.0)?;
/// let flow = BifurcationFlow::new(&pair, Variant::Adiabatic { kerr: 1.0 }, 0.5, ramp, 100.0)?;
/// let mut method = ode::TSITOURAS.stepper(flow.dim());
/// let start = [0.02, 0.01, 0.0, 0.0];
/// let end = ode::integrate(&flow, &mut method, (0.0, 100.0), &start, &ode::Options::default())?;
/// assert!(end.x[0] * end.x[1] < 0.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BifurcationFlow<'a> {
    problem: &'a Ising,
    variant: Variant,
    strength: f64,
    pump: Schedule,
    duration: f64,
}

impl<'a> BifurcationFlow<'a> {
    /// The motion of `variant` with the coupling strength `c₀`, and the pump `a`
    /// scheduled over the time from 0 to `duration`.
    ///
    /// # Errors
    /// A strength or a parameter of the variant that is negative or not finite,
    /// a duration that is not positive.
    pub fn new(
        problem: &'a Ising,
        variant: Variant,
        strength: f64,
        pump: Schedule,
        duration: f64,
    ) -> Result<Self, Error> {
        validate::non_negative("coupling strength c0", strength)?;
        validate::positive("duration", duration)?;
        match variant {
            Variant::Adiabatic { kerr } => validate::non_negative("Kerr coefficient", kerr)?,
            Variant::Ballistic { heat } | Variant::Discrete { heat } => {
                validate::non_negative("heating rate", heat)?
            }
            Variant::Generalized { control } => {
                validate::non_negative("control strength A", control)?
            }
        }
        Ok(Self { problem, variant, strength, pump, duration })
    }
}

impl VectorField for BifurcationFlow<'_> {
    fn dim(&self) -> usize {
        let parts = if matches!(self.variant, Variant::Generalized { .. }) { 3 } else { 2 };
        parts * self.problem.spins()
    }

    fn eval(&self, t: f64, state: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.problem.spins();
        let (x, rest) = state.split_at(n);
        let (y, p) = rest.split_at(n);
        let (out_x, rest) = out.split_at_mut(n);
        let (out_y, out_p) = rest.split_at_mut(n);
        out_x.copy_from_slice(y);
        if matches!(self.variant, Variant::Discrete { .. }) {
            let (signs, ws) = ws.take(n);
            for (s, x) in signs.iter_mut().zip(x) {
                *s = if *x < 0.0 { -1.0 } else { 1.0 };
            }
            self.problem.couplings().apply(signs, out_y, ws);
        } else {
            self.problem.couplings().apply(x, out_y, ws);
        }
        let fraction = t / self.duration;
        let detuning = 1.0 - self.pump.at(fraction);
        for (i, (out, h)) in out_y.iter_mut().zip(self.problem.fields()).enumerate() {
            let restoring = match self.variant {
                Variant::Adiabatic { kerr } => kerr * x[i] * x[i] + detuning,
                Variant::Ballistic { .. } | Variant::Discrete { .. } => detuning,
                Variant::Generalized { .. } => p[i],
            };
            *out = self.strength * (*out + h) - restoring * x[i];
        }
        if let Variant::Generalized { control } = self.variant {
            // The relative rate at which 1 − a falls; none where it has vanished.
            let slope = self.pump.slope_at(fraction) / self.duration;
            let rate = if detuning > 0.0 { slope / detuning } else { 0.0 };
            for ((out, p), x) in out_p.iter_mut().zip(p).zip(x) {
                *out = -(1.0 - control * x * x) * p * rate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_bad_parameters() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        let with = |variant, strength, duration| {
            let pump = Schedule::ramp(0.0, 1.0).unwrap();
            BifurcationFlow::new(&pair, variant, strength, pump, duration).is_ok()
        };
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            for variant in [
                Variant::Adiabatic { kerr: value },
                Variant::Ballistic { heat: value },
                Variant::Discrete { heat: value },
                Variant::Generalized { control: value },
            ] {
                assert!(!with(variant, 0.5, 1.0), "{variant:?}");
            }
            let ballistic = Variant::Ballistic { heat: 0.0 };
            assert!(!with(ballistic, value, 1.0) && !with(ballistic, 0.5, value));
            assert!(with(ballistic, 0.5, 1.0));
        }
    }
}
