//! A box.
//!
//! ```text
//! g(x) = 0 if l ≤ x ≤ u, +∞ otherwise,      prox(x)ᵢ = min(max(xᵢ, lᵢ), uᵢ)
//! ```

use crate::{Energy, Error, Workspace, validate};

use super::{Indicator, Prox, ProxJacobian, Subdifferentiable, indicator, indicator_slope};

/// The indicator of `l ≤ x ≤ u`; bounds may be infinite.
///
/// ```
/// use ebm_core::{Prox, Workspace, prox::BoxConstraint};
/// let set = BoxConstraint::new(vec![0.0, -1.0], vec![1.0, f64::INFINITY])?;
/// let mut out = [0.0; 2];
/// set.prox(&[3.0, -5.0], 1.0, &mut out, &mut Workspace::new());
/// assert_eq!(out, [1.0, -1.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BoxConstraint {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl BoxConstraint {
    /// The box between `lower` and `upper`.
    ///
    /// # Errors
    /// [`Error::Dimension`] for lengths that differ; [`Error::Entry`] for a
    /// NaN bound, an empty side, or a side `[∞, ∞]`.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, Error> {
        validate::dimension("upper bounds of the box", lower.len(), upper.len())?;
        for (index, (l, u)) in lower.iter().zip(&upper).enumerate() {
            if l.is_nan() || *l == f64::INFINITY {
                return Err(Error::Entry {
                    what: "lower bound of the box",
                    index,
                    expected: "a number below infinity",
                    value: *l,
                });
            }
            if u.is_nan() || u < l || *u == f64::NEG_INFINITY {
                return Err(Error::Entry {
                    what: "upper bound of the box",
                    index,
                    expected: "a number not below the lower bound",
                    value: *u,
                });
            }
        }
        Ok(Self { lower, upper })
    }

    /// The cube `[low, high]ⁿ`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn cube(dim: usize, low: f64, high: f64) -> Result<Self, Error> {
        Self::new(vec![low; dim], vec![high; dim])
    }

    /// `l`.
    #[must_use]
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// `u`.
    #[must_use]
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }
}

impl Energy for BoxConstraint {
    fn dim(&self) -> usize {
        self.lower.len()
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        indicator(x, |i, x| self.lower[i] <= x && x <= self.upper[i])
    }
}

impl Prox for BoxConstraint {
    fn prox(&self, x: &[f64], _: f64, out: &mut [f64], _: &mut Workspace) {
        for (i, (x, o)) in x.iter().zip(out).enumerate() {
            *o = x.clamp(self.lower[i], self.upper[i]);
        }
    }
}

impl Subdifferentiable for BoxConstraint {
    fn slope_toward(&self, x: &[f64], _: &[f64], ws: &mut Workspace) -> f64 {
        indicator_slope(self.energy(x, ws))
    }
}

impl ProxJacobian for BoxConstraint {
    fn prox_jvp(&self, x: &[f64], _: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (i, ((x, v), o)) in x.iter().zip(v).zip(out).enumerate() {
            *o = if self.lower[i] < *x && *x < self.upper[i] { *v } else { 0.0 };
        }
    }
}

impl Indicator for BoxConstraint {}
