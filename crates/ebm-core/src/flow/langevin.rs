//! Overdamped Langevin dynamics.
//!
//! ```text
//! dx = −∇E(x) dt + √(2T) dW,      stationary law ∝ exp(−E/T)
//! d⟨E⟩/dt = ⟨−‖∇E‖² + T ΔE⟩
//! ```
//!
//! The density is the Wasserstein gradient flow of `F[p] = ∫pE + T∫p ln p`.
//!
//! Source: R. Jordan, D. Kinderlehrer, F. Otto, SIAM J. Math. Anal. 29 (1998).

use crate::{
    Batch, BatchMut, Curvature, Diffusion, Error, Gradient, Jacobian, NoiseKind, VectorField,
    Workspace, validate,
};

use super::negate;

/// Gradient flow with thermal noise. The noise is additive: Itô and
/// Stratonovich readings agree.
///
/// Not a [`Lyapunov`](crate::Lyapunov) flow: on average the energy falls only
/// until its loss balances what the noise feeds in, see
/// [`mean_energy_rate`](Self::mean_energy_rate).
///
/// ```
/// use ebm_core::{Diffusion, Workspace, flow::Langevin, problems::DoubleWell};
/// let flow = Langevin::new(DoubleWell { dim: 1 }, 0.5)?;
/// let mut out = [0.0];
/// flow.add_noise(0.0, &[1.0], &[0.25], &mut out, &mut Workspace::new());
/// assert_eq!(out, [0.25]); // √(2T) = 1
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Langevin<E> {
    energy: E,
    temperature: f64,
    amplitude: f64,
}

impl<E: Gradient> Langevin<E> {
    /// Langevin dynamics of `energy` at `temperature ≥ 0`, in units of the
    /// energy.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(energy: E, temperature: f64) -> Result<Self, Error> {
        validate::non_negative("temperature", temperature)?;
        Ok(Self { energy, temperature, amplitude: (2.0 * temperature).sqrt() })
    }

    /// `E`.
    #[must_use]
    pub fn energy(&self) -> &E {
        &self.energy
    }

    /// `T`.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        self.temperature
    }
}

impl<E: Curvature> Langevin<E> {
    /// `−‖∇E(x)‖² + T ΔE(x)`, the rate at which the expected energy changes
    /// from the state `x` (Itô's formula). Assembles the Hessian.
    pub fn mean_energy_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let n = x.len();
        let (gradient, ws) = ws.take(n);
        let (hessian, ws) = ws.take(n * n);
        self.energy.gradient(x, gradient, ws);
        self.energy.hessian(x, hessian, ws);
        let laplacian: f64 = hessian.iter().step_by(n + 1).sum();
        self.temperature * laplacian - gradient.iter().map(|g| g * g).sum::<f64>()
    }
}

impl<E: Gradient> VectorField for Langevin<E> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.energy.gradient(x, dx, ws);
        negate(dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        self.energy.gradient_batch(x, dx.reborrow(), ws);
        negate(dx.as_mut_slice());
    }
}

impl<E: Curvature> Jacobian for Langevin<E> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.hessian_vec(x, v, out, ws);
        negate(out);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        // The Hessian is symmetric.
        self.jvp(t, x, v, out, ws);
    }
    fn jacobian(&self, _t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy.hessian(x, out, ws);
        negate(out);
    }
}

impl<E: Gradient> Diffusion for Langevin<E> {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }
    fn add_noise(&self, _t: f64, _x: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (dw, o) in dw.iter().zip(out) {
            *o += self.amplitude * dw;
        }
    }
}
