//! The log-sum-exp Lagrangian, whose activation is the softmax.
//!
//! ```text
//! L(x) = (1/β) ln Σᵢ e^{βxᵢ},     p = softmax(βx),     ∇²L = β (diag p − ppᵀ)
//! ```

use crate::vector_math::{log_sum_exp, softmax_in_place};
use crate::{Curvature, Energy, Error, Gradient, Workspace, validate};

use super::Lagrangian;

/// `(1/β) ln Σ e^{βxᵢ}`: a layer in which units compete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSumExp {
    dim: usize,
    beta: f64,
}

impl LogSumExp {
    /// The Lagrangian of `dim` units at inverse temperature `beta > 0`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Parameter`].
    pub fn new(dim: usize, beta: f64) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::Empty { what: "layer" });
        }
        validate::positive("inverse temperature of the softmax", beta)?;
        Ok(Self { dim, beta })
    }

    fn scaled(&self, x: &[f64], out: &mut [f64]) {
        for (x, o) in x.iter().zip(out) {
            *o = self.beta * x;
        }
    }
}

impl Energy for LogSumExp {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (scaled, _) = ws.take(x.len());
        self.scaled(x, scaled);
        log_sum_exp(scaled) / self.beta
    }
}

impl Gradient for LogSumExp {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) -> f64 {
        self.scaled(x, out);
        softmax_in_place(out) / self.beta
    }
}

impl Curvature for LogSumExp {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.gradient(x, out, ws);
        let mean: f64 = out.iter().zip(v).map(|(p, v)| p * v).sum();
        for (v, p) in v.iter().zip(out) {
            *p *= self.beta * (v - mean);
        }
    }
}

impl Lagrangian for LogSumExp {}
