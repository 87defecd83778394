//! Proximal operators.
//!
//! ```text
//! prox_{γg}(x) = argmin_z  g(z) + ‖z − x‖² / (2γ)
//! ```
//!
//! Source: N. Parikh and S. Boyd, *Proximal Algorithms*, Foundations and Trends
//! in Optimization 1 (2014).

use crate::{Energy, Workspace};

/// A convex function `g` (its value is the [`Energy`], possibly `+∞`) whose
/// proximal operator is known in closed form.
pub trait Prox: Energy {
    /// Writes `prox_{γg}(x)` to `out`; `gamma > 0`.
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], ws: &mut Workspace);
}

impl<G: Prox + ?Sized> Prox for &G {
    fn prox(&self, x: &[f64], gamma: f64, out: &mut [f64], ws: &mut Workspace) {
        (**self).prox(x, gamma, out, ws);
    }
}
