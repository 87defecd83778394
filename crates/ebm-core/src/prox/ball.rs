//! The Euclidean ball.
//!
//! ```text
//! g(x) = 0 if ‖x − c‖ ≤ r, +∞ otherwise,   prox(x) = c + (x − c) min(1, r/‖x − c‖)
//! ```

use crate::{Energy, Error, Workspace, validate};

use super::{Indicator, Prox, ProxJacobian, Subdifferentiable, indicator_slope};

/// The indicator of `‖x − c‖ ≤ r`.
///
/// A point counts as inside up to a relative excess of `8ε`, so that projected
/// points are inside whichever way they round.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    center: Vec<f64>,
    radius: f64,
}

impl Ball {
    /// The ball around `center` of `radius > 0`.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Parameter`].
    pub fn new(center: Vec<f64>, radius: f64) -> Result<Self, Error> {
        validate::finite("center of the ball", &center)?;
        validate::positive("radius of the ball", radius)?;
        Ok(Self { center, radius })
    }

    /// `‖x − c‖`.
    fn distance(&self, x: &[f64]) -> f64 {
        x.iter().zip(&self.center).map(|(x, c)| (x - c) * (x - c)).sum::<f64>().sqrt()
    }
}

impl Energy for Ball {
    fn dim(&self) -> usize {
        self.center.len()
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let distance = self.distance(x);
        if distance.is_nan() {
            f64::NAN
        } else if distance <= self.radius * (1.0 + 8.0 * f64::EPSILON) {
            0.0
        } else {
            f64::INFINITY
        }
    }
}

impl Prox for Ball {
    fn prox(&self, x: &[f64], _: f64, out: &mut [f64], _: &mut Workspace) {
        let distance = self.distance(x);
        if distance <= self.radius {
            out.copy_from_slice(x);
            return;
        }
        let shrink = self.radius / distance;
        for ((x, c), o) in x.iter().zip(&self.center).zip(out) {
            *o = c + (x - c) * shrink;
        }
    }
}

impl Subdifferentiable for Ball {
    fn slope_toward(&self, x: &[f64], _: &[f64], ws: &mut Workspace) -> f64 {
        indicator_slope(self.energy(x, ws))
    }
}

impl ProxJacobian for Ball {
    /// Outside, `(r/d)(I − uuᵀ)` with `u = (x − c)/d`, `d = ‖x − c‖`.
    fn prox_jvp(&self, x: &[f64], _: f64, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let distance = self.distance(x);
        if distance <= self.radius {
            out.copy_from_slice(v);
            return;
        }
        let along: f64 = x.iter().zip(&self.center).zip(v).map(|((x, c), v)| (x - c) * v).sum();
        let (shrink, along) = (self.radius / distance, along / distance / distance);
        for (((x, c), v), o) in x.iter().zip(&self.center).zip(v).zip(out) {
            *o = shrink * (v - along * (x - c));
        }
    }
}

impl Indicator for Ball {}
