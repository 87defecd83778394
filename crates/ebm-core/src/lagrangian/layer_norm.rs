//! The layer-normalization Lagrangian.
//!
//! ```text
//! L(x) = nγ s + δ·x,   s = √(var(x) + ε),   var(x) = (1/n)Σ(xᵢ − x̄)²
//! g = γ (x − x̄)/s + δ
//! ∇²L v = (γ/s) [(v − v̄) − (x − x̄) ((x − x̄)·v)/(n s²)]
//! ```
//!
//! The gain `γ` is a scalar: with a gain for each unit the activation would not
//! be a gradient.
//!
//! Source: B. Hoover et al., *Energy Transformer*, arXiv:2302.07253.

use crate::{Curvature, Energy, Error, Gradient, Workspace, validate};

use super::Lagrangian;

/// The Lagrangian whose activation is layer normalization.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Written"))]
pub struct LayerNorm {
    gain: f64,
    shift: Vec<f64>,
    epsilon: f64,
}

/// A layer norm in a file.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    gain: f64,
    shift: Vec<f64>,
    epsilon: f64,
}

#[cfg(feature = "serde")]
impl TryFrom<Written> for LayerNorm {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        Self::new(written.gain, written.shift, written.epsilon)
    }
}

impl LayerNorm {
    /// The Lagrangian with `γ = gain > 0`, `δ = shift` (one entry a unit) and
    /// `ε = epsilon > 0`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotFinite`], [`Error::Parameter`].
    pub fn new(gain: f64, shift: Vec<f64>, epsilon: f64) -> Result<Self, Error> {
        if shift.is_empty() {
            return Err(Error::Empty { what: "layer" });
        }
        validate::finite("shift of the layer norm", &shift)?;
        validate::positive("gain of the layer norm", gain)?;
        validate::positive("epsilon of the layer norm", epsilon)?;
        Ok(Self { gain, shift, epsilon })
    }

    /// `(x̄, s)`.
    fn moments(&self, x: &[f64]) -> (f64, f64) {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        (mean, (variance + self.epsilon).sqrt())
    }
}

impl Energy for LayerNorm {
    fn dim(&self) -> usize {
        self.shift.len()
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let (_, s) = self.moments(x);
        let linear: f64 = x.iter().zip(&self.shift).map(|(x, d)| x * d).sum();
        x.len() as f64 * self.gain * s + linear
    }
}

impl Gradient for LayerNorm {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        let (mean, s) = self.moments(x);
        for ((x, d), o) in x.iter().zip(&self.shift).zip(out) {
            *o = self.gain * (x - mean) / s + d;
        }
    }
}

impl Curvature for LayerNorm {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let n = x.len() as f64;
        let (mean, s) = self.moments(x);
        let v_mean = v.iter().sum::<f64>() / n;
        let along = x.iter().zip(v).map(|(x, v)| (x - mean) * v).sum::<f64>() / (n * s * s);
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = self.gain * ((v - v_mean) - along * (x - mean)) / s;
        }
    }
}

impl Lagrangian for LayerNorm {}
