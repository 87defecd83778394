//! A vector field with white noise added to every component.
//!
//! ```text
//! dx = F(t, x) dt + σ dW
//! ```

use crate::{
    Batch, BatchMut, Diffusion, Error, Jacobian, NoiseKind, VectorField, Workspace, validate,
};

/// `F` with additive noise of amplitude `σ`, for fields that descend no energy
/// in their own variables; where they do,
/// [`Langevin`](crate::flow::Langevin) has a temperature instead.
///
/// ```
/// use ebm_core::sde::{self, Options, StochasticRungeKutta};
/// use ebm_core::{flow::GradientFlow, problems::DoubleWell, transform::Noisy};
///
/// let field = Noisy::new(GradientFlow(DoubleWell { dim: 1 }), 0.8)?;
/// let (scheme, options) = (StochasticRungeKutta, Options { seed: 1, ..Options::default() });
/// let end = sde::integrate(&field, &scheme, (0.0, 5.0), &[1.0], &options, &mut ())?;
/// assert!(end.outcome.is_success());
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noisy<F> {
    field: F,
    amplitude: f64,
}

impl<F: VectorField> Noisy<F> {
    /// Adds noise of `amplitude ≥ 0`, in state units per square root of time.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(field: F, amplitude: f64) -> Result<Self, Error> {
        validate::non_negative("amplitude of the noise", amplitude)?;
        Ok(Self { field, amplitude })
    }

    /// `F`.
    #[must_use]
    pub fn field(&self) -> &F {
        &self.field
    }

    /// `σ`.
    #[must_use]
    pub fn amplitude(&self) -> f64 {
        self.amplitude
    }
}

impl<F: VectorField> VectorField for Noisy<F> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.field.eval(t, x, dx, ws);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, dx: BatchMut<'_>, ws: &mut Workspace) {
        self.field.eval_batch(t, x, dx, ws);
    }
}

impl<F: Jacobian> Jacobian for Noisy<F> {
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.jvp(t, x, v, out, ws);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.vjp(t, x, v, out, ws);
    }
    fn jacobian(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.jacobian(t, x, out, ws);
    }
    fn time_derivative(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.time_derivative(t, x, out, ws);
    }
}

impl<F: VectorField> Diffusion for Noisy<F> {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }
    fn add_noise(&self, _t: f64, _x: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (dw, o) in dw.iter().zip(out) {
            *o += self.amplitude * dw;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{GradientFlow, Langevin};
    use crate::problems::DoubleWell;
    use crate::sde::{self, Options, StochasticRungeKutta};

    #[test]
    fn the_noise_of_a_gradient_flow_is_that_of_langevin() {
        let temperature = 0.3_f64;
        let noisy = Noisy::new(GradientFlow(DoubleWell { dim: 3 }), (2.0 * temperature).sqrt());
        let langevin = Langevin::new(DoubleWell { dim: 3 }, temperature).unwrap();
        let options = Options { seed: 4, ..Options::default() };
        let (scheme, x0) = (StochasticRungeKutta, [0.1, -0.2, 1.0]);
        let a = sde::integrate(&noisy.unwrap(), &scheme, (0.0, 3.0), &x0, &options, &mut ());
        let b = sde::integrate(&langevin, &scheme, (0.0, 3.0), &x0, &options, &mut ());
        assert_eq!(a.unwrap().x, b.unwrap().x);
    }

    #[test]
    fn bad_amplitudes_are_refused() {
        for amplitude in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Noisy::new(GradientFlow(DoubleWell { dim: 1 }), amplitude).is_err());
        }
    }
}
