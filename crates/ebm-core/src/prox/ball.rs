//! The Euclidean ball.
//!
//! ```text
//! g(x) = 0 if ‖x − c‖ ≤ r, +∞ otherwise,   prox(x) = c + (x − c) min(1, r/‖x − c‖)
//! ```

use crate::{Energy, Error, Workspace, validate};

use super::{Indicator, Prox, ProxJacobian, Subdifferentiable, indicator_slope};

/// The indicator of `‖x − c‖ ≤ r`.
///
/// A point counts as inside up to an excess of `ε((8 + n) r + 8‖c‖)`, so that
/// projected points are inside whichever way they round: far from the origin the
/// rounding of `c + (x − c)` is that of `c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    center: Vec<f64>,
    radius: f64,
    /// Excess of the distance that counts as rounding.
    slack: f64,
}

impl Ball {
    /// The ball around `center` of `radius > 0`.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Parameter`].
    pub fn new(center: Vec<f64>, radius: f64) -> Result<Self, Error> {
        validate::finite("center of the ball", &center)?;
        validate::positive("radius of the ball", radius)?;
        let dim = center.len() as f64;
        let size = norm(center.iter().copied()).min(f64::MAX);
        let slack = f64::EPSILON * ((8.0 + dim) * radius) + 8.0 * f64::EPSILON * size;
        Ok(Self { center, radius, slack })
    }

    /// `‖x − c‖`.
    fn distance(&self, x: &[f64]) -> f64 {
        norm(x.iter().zip(&self.center).map(|(x, c)| x - c))
    }
}

/// The Euclidean norm, also where the squares leave the range of `f64`.
fn norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let square: f64 = values.clone().map(|v| v * v).sum();
    let largest = values.clone().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    if square.is_normal() || square.is_nan() || largest == 0.0 || largest.is_infinite() {
        return square.sqrt();
    }
    largest * values.map(|v| (v / largest) * (v / largest)).sum::<f64>().sqrt()
}

impl Energy for Ball {
    fn dim(&self) -> usize {
        self.center.len()
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let distance = self.distance(x);
        if distance.is_nan() {
            f64::NAN
        } else if distance - self.radius <= self.slack {
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
