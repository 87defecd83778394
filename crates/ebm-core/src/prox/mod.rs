//! Proximal operators.
//!
//! ```text
//! prox_{γg}(x) = argmin_z  g(z) + ‖z − x‖² / (2γ)
//! ```
//!
//! Source: N. Parikh and S. Boyd, *Proximal Algorithms*, Foundations and Trends
//! in Optimization 1 (2014).

mod ball;
mod box_constraint;
mod l1;
mod non_negative;
mod non_negative_l1;
mod squared_l2;
mod zero;

pub use ball::Ball;
pub use box_constraint::BoxConstraint;
pub use l1::L1;
pub use non_negative::NonNegative;
pub use non_negative_l1::NonNegativeL1;
pub use squared_l2::SquaredL2;
pub use zero::Zero;

use crate::{Energy, Workspace};

/// A convex function `g` (its value is the [`Energy`], possibly `+∞`) whose
/// proximal operator is known in closed form.
pub trait Prox: Energy {
    /// Writes `prox_{γg}(x)` to `out`; `gamma > 0`.
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], ws: &mut Workspace);
}

/// A [`Prox`] with one-sided derivatives, which give the rate of `g` along a
/// flow that points into its domain.
pub trait Subdifferentiable: Prox {
    /// `g′(x; p − x)`, the slope of `g` at `x` towards a point `p` of its
    /// domain; `−∞` if `x` lies outside the domain.
    fn slope_toward(&self, x: &[f64], p: &[f64], ws: &mut Workspace) -> f64;
}

/// A [`Prox`] whose operator has a known (generalized) Jacobian.
pub trait ProxJacobian: Prox {
    /// Writes `D v` to `out`, with `D` the Jacobian of `prox_{γg}` at `x`; at a
    /// kink, one element of Clarke's generalized Jacobian. `D` is symmetric
    /// with eigenvalues in `[0, 1]`, because the operator is the gradient of a
    /// convex function and nonexpansive.
    fn prox_jvp(&self, x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], ws: &mut Workspace);
}

/// The indicator function of a closed convex set: 0 inside, `+∞` outside. Its
/// proximal operator is the Euclidean projection, whatever `gamma`.
pub trait Indicator: Subdifferentiable {
    /// Writes the point of the set nearest to `x` to `out`.
    fn project(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.prox(x, 1.0, out, ws);
    }
}

impl<G: Prox + ?Sized> Prox for &G {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], ws: &mut Workspace) {
        (**self).prox(x, gamma, out, ws);
    }
}

impl<G: Subdifferentiable + ?Sized> Subdifferentiable for &G {
    fn slope_toward(&self, x: &[f64], p: &[f64], ws: &mut Workspace) -> f64 {
        (**self).slope_toward(x, p, ws)
    }
}

impl<G: ProxJacobian + ?Sized> ProxJacobian for &G {
    fn prox_jvp(&self, x: &[f64], gamma: f64, v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).prox_jvp(x, gamma, v, out, ws);
    }
}

impl<G: Indicator + ?Sized> Indicator for &G {}

/// 0 if every entry passes, `+∞` otherwise, NaN if any entry is NaN.
fn indicator(x: &[f64], mut inside: impl FnMut(usize, f64) -> bool) -> f64 {
    let mut value = 0.0;
    for (i, x) in x.iter().enumerate() {
        if x.is_nan() {
            return f64::NAN;
        }
        if !inside(i, *x) {
            value = f64::INFINITY;
        }
    }
    value
}

/// The slope of an indicator: 0 inside, `−∞` towards the set from outside.
fn indicator_slope(value: f64) -> f64 {
    -value
}

/// `sign(x) max(|x| − t, 0)`; NaN stays NaN.
pub(crate) fn soft_threshold(x: f64, threshold: f64) -> f64 {
    if x.abs() <= threshold { 0.0 } else { x - threshold.copysign(x) }
}
