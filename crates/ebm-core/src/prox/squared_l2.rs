//! The squared Euclidean norm.
//!
//! ```text
//! g(x) = (λ/2) ‖x‖²,      prox_{γg}(x) = x / (1 + γλ)
//! ```

use crate::{Curvature, Energy, Error, Gradient, Workspace, validate};

use super::{Prox, ProxJacobian, Subdifferentiable};

/// `(λ/2) ‖x‖²`, ridge or weight decay; smooth, so also a [`Gradient`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredL2 {
    dim: usize,
    weight: f64,
}

impl SquaredL2 {
    /// `½ · weight · ‖x‖²` on `dim` variables; `weight ≥ 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(dim: usize, weight: f64) -> Result<Self, Error> {
        validate::non_negative("weight of the squared norm", weight)?;
        Ok(Self { dim, weight })
    }
}

fn scale(x: &[f64], factor: f64, out: &mut [f64]) {
    for (x, o) in x.iter().zip(out) {
        *o = factor * x;
    }
}

impl Energy for SquaredL2 {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        0.5 * self.weight * x.iter().map(|x| x * x).sum::<f64>()
    }
}

impl Gradient for SquaredL2 {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        scale(x, self.weight, out);
    }
}

impl Curvature for SquaredL2 {
    fn hessian_vec(&self, _x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        scale(v, self.weight, out);
    }
}

impl Prox for SquaredL2 {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], _: &mut Workspace) {
        scale(x, 1.0 / (1.0 + gamma * self.weight), out);
    }
}

impl Subdifferentiable for SquaredL2 {
    fn slope_toward(&self, x: &[f64], p: &[f64], _: &mut Workspace) -> f64 {
        self.weight * x.iter().zip(p).map(|(x, p)| x * (p - x)).sum::<f64>()
    }
}

impl ProxJacobian for SquaredL2 {
    fn prox_jvp(&self, _x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        scale(v, 1.0 / (1.0 + gamma * self.weight), out);
    }
}
