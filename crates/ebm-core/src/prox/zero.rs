//! The zero function, which makes a proximal flow a gradient flow.
//!
//! ```text
//! g(x) = 0,      prox_{γg}(x) = x
//! ```

use crate::{Energy, Workspace};

use super::{Indicator, Prox, ProxJacobian, Subdifferentiable};

/// `g = 0`, also the indicator of the whole space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zero {
    /// Number of variables.
    pub dim: usize,
}

impl Energy for Zero {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, _: &[f64], _: &mut Workspace) -> f64 {
        0.0
    }
}

impl Prox for Zero {
    fn prox(&self, x: &[f64], _: f64, out: &mut [f64], _: &mut Workspace) {
        out.copy_from_slice(x);
    }
}

impl Subdifferentiable for Zero {
    fn slope_toward(&self, _: &[f64], _: &[f64], _: &mut Workspace) -> f64 {
        0.0
    }
}

impl ProxJacobian for Zero {
    fn prox_jvp(&self, _x: &[f64], _: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.copy_from_slice(v);
    }
}

impl Indicator for Zero {}
