//! The `ℓ₁` norm on the non-negative orthant.
//!
//! ```text
//! g(x) = λ Σᵢ xᵢ if x ≥ 0, +∞ otherwise,      prox_{γg}(x)ᵢ = max(xᵢ − γλ, 0)
//! ```

use crate::{Energy, Error, Workspace, validate};

use super::{Prox, ProxJacobian, Subdifferentiable, indicator};

/// `λ ‖x‖₁` for `x ≥ 0`; its proximal operator is a shifted ReLU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonNegativeL1 {
    dim: usize,
    weight: f64,
}

impl NonNegativeL1 {
    /// `weight · Σ xᵢ` on `dim` non-negative variables; `weight ≥ 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(dim: usize, weight: f64) -> Result<Self, Error> {
        validate::non_negative("weight of the l1 norm", weight)?;
        Ok(Self { dim, weight })
    }
}

impl Energy for NonNegativeL1 {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let outside = indicator(x, |_, x| x >= 0.0);
        if outside == 0.0 { self.weight * x.iter().sum::<f64>() } else { outside }
    }
}

impl Prox for NonNegativeL1 {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], _: &mut Workspace) {
        let threshold = gamma * self.weight;
        for (x, o) in x.iter().zip(out) {
            *o = if *x <= threshold { 0.0 } else { *x - threshold };
        }
    }
}

impl Subdifferentiable for NonNegativeL1 {
    fn slope_toward(&self, x: &[f64], p: &[f64], _: &mut Workspace) -> f64 {
        let outside = indicator(x, |_, x| x >= 0.0);
        if outside == 0.0 {
            self.weight * x.iter().zip(p).map(|(x, p)| p - x).sum::<f64>()
        } else {
            -outside
        }
    }
}

impl ProxJacobian for NonNegativeL1 {
    fn prox_jvp(&self, x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let threshold = gamma * self.weight;
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = if *x > threshold { *v } else { 0.0 };
        }
    }
}
