//! The spherical Lagrangian, which normalizes the state's length.
//!
//! ```text
//! L(x) = γ s,  s = √(‖x‖² + ε),     g = γ x / s,     ∇²L = (γ/s)(I − xxᵀ/s²)
//! ```

use crate::{Curvature, Energy, Error, Gradient, Workspace, validate};

use super::Lagrangian;

/// `γ √(‖x‖² + ε)`: activations on (just inside) a sphere of radius `γ`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spherical {
    dim: usize,
    scale: f64,
    epsilon: f64,
}

impl Spherical {
    /// The Lagrangian of `dim` units with `γ = scale > 0`, `ε = epsilon > 0`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Parameter`].
    pub fn new(dim: usize, scale: f64, epsilon: f64) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::Empty { what: "layer" });
        }
        validate::positive("scale of the spherical layer", scale)?;
        validate::positive("epsilon of the spherical layer", epsilon)?;
        Ok(Self { dim, scale, epsilon })
    }

    fn length(&self, x: &[f64]) -> f64 {
        (x.iter().map(|x| x * x).sum::<f64>() + self.epsilon).sqrt()
    }
}

impl Energy for Spherical {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        self.scale * self.length(x)
    }
}

impl Gradient for Spherical {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) -> f64 {
        let length = self.length(x);
        for (x, o) in x.iter().zip(out) {
            *o = self.scale * x / length;
        }
        self.scale * length
    }
}

impl Curvature for Spherical {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let length = self.length(x);
        let along = x.iter().zip(v).map(|(x, v)| x * v).sum::<f64>() / length / length;
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = self.scale * (v - along * x) / length;
        }
    }
}

impl Lagrangian for Spherical {}
