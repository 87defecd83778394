//! The Ornstein–Uhlenbeck process.
//!
//! ```text
//! dx = −θ x dt + σ dW,
//! E x(t) = x₀ e^{−θt},      Var x(t) = σ² (1 − e^{−2θt}) / (2θ)
//! ```
//!
//! Source: G. E. Uhlenbeck and L. S. Ornstein, *On the theory of the Brownian
//! motion*, Phys. Rev. 36 (1930).

use crate::{Diffusion, NoiseKind, VectorField, Workspace};

/// Independent components that relax at a rate and are kicked at random:
/// additive noise with Gaussian solutions in closed form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrnsteinUhlenbeck {
    /// Number of components.
    pub dim: usize,
    /// Relaxation rate `θ > 0`.
    pub rate: f64,
    /// Noise amplitude `σ`.
    pub sigma: f64,
}

impl OrnsteinUhlenbeck {
    /// `E x(t)` from `x(0) = x0`.
    #[must_use]
    pub fn mean(&self, x0: f64, t: f64) -> f64 {
        x0 * (-self.rate * t).exp()
    }

    /// `Var x(t)` from a known `x(0)`.
    #[must_use]
    pub fn variance(&self, t: f64) -> f64 {
        self.sigma * self.sigma * -(-2.0 * self.rate * t).exp_m1() / (2.0 * self.rate)
    }
}

impl Default for OrnsteinUhlenbeck {
    /// One component of unit rate and unit stationary variance.
    fn default() -> Self {
        Self { dim: 1, rate: 1.0, sigma: std::f64::consts::SQRT_2 }
    }
}

impl VectorField for OrnsteinUhlenbeck {
    fn dim(&self) -> usize {
        self.dim
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        for (x, dx) in x.iter().zip(dx) {
            *dx = -self.rate * x;
        }
    }
}

impl Diffusion for OrnsteinUhlenbeck {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }
    fn add_noise(&self, _: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (dw, out) in dw.iter().zip(out) {
            *out += self.sigma * dw;
        }
    }
}
