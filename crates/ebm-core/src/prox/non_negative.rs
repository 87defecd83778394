//! The non-negative orthant.
//!
//! ```text
//! g(x) = 0 if x ≥ 0, +∞ otherwise,      prox(x)ᵢ = max(xᵢ, 0)
//! ```

use crate::{Energy, Workspace};

use super::{Indicator, Prox, ProxJacobian, Subdifferentiable, indicator, indicator_slope};

/// The indicator of `x ≥ 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonNegative {
    /// Number of variables.
    pub dim: usize,
}

impl Energy for NonNegative {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        indicator(x, |_, x| x >= 0.0)
    }
}

impl Prox for NonNegative {
    fn prox(&self, x: &[f64], _: f64, out: &mut [f64], _: &mut Workspace) {
        for (x, o) in x.iter().zip(out) {
            // Unlike `max`, keeps NaN.
            *o = if *x < 0.0 { 0.0 } else { *x };
        }
    }
}

impl Subdifferentiable for NonNegative {
    fn slope_toward(&self, x: &[f64], _: &[f64], ws: &mut Workspace) -> f64 {
        indicator_slope(self.energy(x, ws))
    }
}

impl ProxJacobian for NonNegative {
    fn prox_jvp(&self, x: &[f64], _: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = if *x > 0.0 { *v } else { 0.0 };
        }
    }
}

impl Indicator for NonNegative {}
