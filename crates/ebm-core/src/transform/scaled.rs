//! A multiple of an energy.
//!
//! ```text
//! (cE)(x) = c E(x),      prox_{γ(cg)} = prox_{(γc)g}  for c > 0
//! ```

use crate::prox::{ProxJacobian, Subdifferentiable};
use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Prox, Workspace, validate};

/// `c E` with `c > 0`: an inverse temperature, a weight of a sum, a time scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled<E> {
    energy: E,
    factor: f64,
}

impl<E: Energy> Scaled<E> {
    /// `factor · energy`; positive, so that minima stay minima.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(energy: E, factor: f64) -> Result<Self, Error> {
        validate::positive("factor of a scaled energy", factor)?;
        Ok(Self { energy, factor })
    }

    fn scale(&self, values: &mut [f64]) {
        for v in values {
            *v *= self.factor;
        }
    }
}

impl<E: Energy> Energy for Scaled<E> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.factor * self.energy.energy(x, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        self.energy.energy_batch(x, out, ws);
        self.scale(out);
    }
}

impl<E: Gradient> Gradient for Scaled<E> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.gradient(x, out, ws);
        self.scale(out);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.energy.gradient_batch(x, out.reborrow(), ws);
        self.scale(out.as_mut_slice());
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let energy = self.energy.energy_gradient(x, out, ws);
        self.scale(out);
        self.factor * energy
    }
}

impl<E: Curvature> Curvature for Scaled<E> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.hessian_vec(x, v, out, ws);
        self.scale(out);
    }
    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.hessian(x, out, ws);
        self.scale(out);
    }
}

impl<G: Prox> Prox for Scaled<G> {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], ws: &mut Workspace) {
        self.energy.prox(x, gamma * self.factor, out, ws);
    }
}

impl<G: Subdifferentiable> Subdifferentiable for Scaled<G> {
    fn slope_toward(&self, x: &[f64], p: &[f64], ws: &mut Workspace) -> f64 {
        self.factor * self.energy.slope_toward(x, p, ws)
    }
}

impl<G: ProxJacobian> ProxJacobian for Scaled<G> {
    fn prox_jvp(&self, x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.prox_jvp(x, gamma * self.factor, v, out, ws);
    }
}
