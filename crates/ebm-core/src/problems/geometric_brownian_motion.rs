//! Geometric Brownian motion.
//!
//! ```text
//! dx = μ x dt + σ x dW
//! Itô:           x(t) = x₀ exp((μ − σ²/2) t + σ W(t)),      E x(t) = x₀ e^{μt}
//! Stratonovich:  x(t) = x₀ exp(μ t + σ W(t))
//! ```
//!
//! Source: P. E. Kloeden and E. Platen, *Numerical Solution of Stochastic
//! Differential Equations*, Springer (1992), section 4.4.

use crate::{Diffusion, NoiseKind, VectorField, Workspace};

/// One component whose noise is proportional to it: multiplicative noise with a
/// pathwise solution in closed form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeometricBrownianMotion {
    /// Growth rate `μ`.
    pub mu: f64,
    /// Noise amplitude `σ`.
    pub sigma: f64,
}

impl GeometricBrownianMotion {
    /// The solution in the sense of Itô at time `t`, given `W(t) = w`.
    #[must_use]
    pub fn ito(&self, x0: f64, t: f64, w: f64) -> f64 {
        x0 * ((self.mu - 0.5 * self.sigma * self.sigma) * t + self.sigma * w).exp()
    }

    /// The solution in the sense of Stratonovich at time `t`, given `W(t) = w`.
    #[must_use]
    pub fn stratonovich(&self, x0: f64, t: f64, w: f64) -> f64 {
        x0 * (self.mu * t + self.sigma * w).exp()
    }
}

impl Default for GeometricBrownianMotion {
    /// `μ = −1, σ = 0.8`: decay and noise of the same strength.
    fn default() -> Self {
        Self { mu: -1.0, sigma: 0.8 }
    }
}

impl VectorField for GeometricBrownianMotion {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = self.mu * x[0];
    }
}

impl Diffusion for GeometricBrownianMotion {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Diagonal
    }
    fn add_noise(&self, _: f64, x: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] += self.sigma * x[0] * dw[0];
    }
}
