//! The `ℓ₁` norm.
//!
//! ```text
//! g(x) = λ ‖x‖₁,      prox_{γg}(x)ᵢ = sign(xᵢ) max(|xᵢ| − γλ, 0)
//! ```

use crate::{Energy, Error, Workspace, validate};

use super::{Prox, ProxJacobian, Subdifferentiable, soft_threshold};

/// `λ ‖x‖₁`; its proximal operator is soft thresholding.
///
/// ```
/// use ebm_core::{Prox, Workspace, prox::L1};
/// let mut out = [0.0; 3];
/// L1::new(3, 2.0)?.prox(&[1.5, -0.3, -4.0], 0.5, &mut out, &mut Workspace::new());
/// assert_eq!(out, [0.5, 0.0, -3.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L1 {
    dim: usize,
    weight: f64,
}

impl L1 {
    /// `weight · ‖x‖₁` on `dim` variables; `weight ≥ 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn new(dim: usize, weight: f64) -> Result<Self, Error> {
        validate::non_negative("weight of the l1 norm", weight)?;
        Ok(Self { dim, weight })
    }
}

impl Energy for L1 {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        self.weight * x.iter().map(|x| x.abs()).sum::<f64>()
    }
}

impl Prox for L1 {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], _: &mut Workspace) {
        let threshold = gamma * self.weight;
        for (x, o) in x.iter().zip(out) {
            *o = soft_threshold(*x, threshold);
        }
    }
}

impl Subdifferentiable for L1 {
    fn slope_toward(&self, x: &[f64], p: &[f64], _: &mut Workspace) -> f64 {
        let slope = |(x, p): (&f64, &f64)| {
            if *x == 0.0 { p.abs() } else { (p - x) * 1f64.copysign(*x) }
        };
        self.weight * x.iter().zip(p).map(slope).sum::<f64>()
    }
}

impl ProxJacobian for L1 {
    fn prox_jvp(&self, x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let threshold = gamma * self.weight;
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = if x.abs() > threshold { *v } else { 0.0 };
        }
    }
}
