//! How two oscillators pull on each other.
//!
//! ```text
//! sine:          g(Δ) = sin Δ              G(Δ) = cos Δ
//! square wave:   g(Δ) = tanh(β sin Δ)      G(Δ) = ∫_Δ^{π/2} tanh(β sin u) du
//! ```
//!
//! `g` is the torque and `G` its potential, `G′ = −g`, with `G(π − Δ) = −G(Δ)`.
//! At binary phases `G = ±G(0)`: both shapes carry the Ising energy, the square
//! wave times `G(0)`. As `β` grows, `g` becomes the sign of `sin Δ`, as in
//! networks of ring oscillators, and `G` the triangle `π/2 − |Δ|`.
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1903.07163.

use ebm_core::validate;

use crate::Error;

/// The shape of the coupling between phases.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum CouplingShape {
    /// `sin Δ`.
    #[default]
    Sine,
    /// `tanh(β sin Δ)`.
    SquareWave {
        /// `β`, between 0 and 1000.
        sharpness: f64,
    },
}

/// Beyond this the transition is narrower than single precision can follow.
const SHARPEST: f64 = 1000.0;

impl CouplingShape {
    /// # Errors
    /// A sharpness that is not positive or beyond 1000.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Self::SquareWave { sharpness } = *self {
            validate::positive("sharpness of a square wave", sharpness)?;
            if sharpness > SHARPEST {
                let (what, expected) = ("sharpness of a square wave", "at most 1000");
                return Err(ebm_core::Error::Parameter { what, expected, value: sharpness }.into());
            }
        }
        Ok(())
    }

    /// `g(Δ)` from `sin Δ`.
    #[must_use]
    pub fn torque(&self, sine: f64) -> f64 {
        match *self {
            Self::Sine => sine,
            Self::SquareWave { sharpness } => (sharpness * sine).tanh(),
        }
    }

    /// `g′(Δ)` from `sin Δ` and `cos Δ`.
    #[must_use]
    pub fn stiffness(&self, sine: f64, cosine: f64) -> f64 {
        match *self {
            Self::Sine => cosine,
            Self::SquareWave { sharpness } => {
                let g = (sharpness * sine).tanh();
                sharpness * cosine * (1.0 - g * g)
            }
        }
    }

    /// The largest `|g′|`, taken at binary phases: 1 or `β`.
    #[must_use]
    pub fn steepest(&self) -> f64 {
        match *self {
            Self::Sine => 1.0,
            Self::SquareWave { sharpness } => sharpness,
        }
    }

    /// `G(Δ)` to about `10⁻¹⁴` relative to `G(0)`.
    ///
    /// ```
    /// use ebm_optim::oscillator::CouplingShape;
    /// let square = CouplingShape::SquareWave { sharpness: 500.0 };
    /// // Nearly the triangle.
    /// assert!((square.potential(1.0) - (std::f64::consts::FRAC_PI_2 - 1.0)).abs() < 1e-12);
    /// assert_eq!(CouplingShape::Sine.potential(0.0), 1.0);
    /// ```
    #[must_use]
    pub fn potential(&self, delta: f64) -> f64 {
        match *self {
            Self::Sine => delta.cos(),
            Self::SquareWave { sharpness } => square_potential(sharpness, delta),
        }
    }
}

/// Nodes and weights of the ten-point Gauss–Legendre rule on `[−1, 1]`, those
/// with positive nodes.
const GAUSS: [(f64, f64); 5] = [
    (0.148_874_338_981_631_21, 0.295_524_224_714_752_87),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
];

/// Panels of doubling length from the transition at 0, where `tanh(β sin u)` has
/// its nearest poles at a distance of `π/2β`.
fn square_potential(sharpness: f64, delta: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI, TAU};
    // Even and periodic; odd about π/2.
    let delta = (delta - TAU * (delta / TAU).round()).abs();
    let (sign, from) = if delta > FRAC_PI_2 { (-1.0, PI - delta) } else { (1.0, delta) };
    let mut sum = 0.0;
    let mut begin = 0.0;
    let mut end = (1.0 / sharpness).min(0.5);
    while begin < FRAC_PI_2 {
        end = end.min(FRAC_PI_2);
        let low = from.max(begin);
        if low < end {
            let (middle, half) = (0.5 * (low + end), 0.5 * (end - low));
            for (node, weight) in GAUSS {
                let torque = |u: f64| (sharpness * u.sin()).tanh();
                sum +=
                    half * weight * (torque(middle + half * node) + torque(middle - half * node));
            }
        }
        begin = end;
        end *= 2.0;
    }
    sign * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The sum over the poles of tanh, each integrated in closed form:
    /// `G(Δ) = Σ_m 2 artanh(cos Δ/q)/(β q)`, `q = √(1 + r²)`, `r = π (m + ½)/β`.
    fn by_poles(sharpness: f64, delta: f64) -> f64 {
        let term = |m: f64| {
            let r = PI * (m + 0.5) / sharpness;
            let q = (1.0 + r * r).sqrt();
            2.0 * (delta.cos() / q).atanh() / (sharpness * q)
        };
        let terms = 100_000;
        let sum: f64 = (0..terms).rev().map(|m| term(f64::from(m))).sum();
        // Beyond, 2 cos Δ/(β r²) summed by the midpoint rule.
        sum + 2.0 * sharpness * delta.cos() / (PI * PI * f64::from(terms))
    }

    #[test]
    fn potential_equals_its_pole_expansion() {
        for sharpness in [0.1, 1.0, 3.0, 10.0, 60.0] {
            let shape = CouplingShape::SquareWave { sharpness };
            let scale = shape.potential(0.0);
            for k in -30..=30 {
                let delta = f64::from(k) * 0.21;
                let difference = shape.potential(delta) - by_poles(sharpness, delta);
                assert!(difference.abs() < 1e-11 * scale, "β {sharpness}, Δ {delta}");
            }
        }
    }

    #[test]
    fn torque_is_the_negative_slope_of_the_potential() {
        for shape in [CouplingShape::Sine, CouplingShape::SquareWave { sharpness: 7.0 }] {
            for k in -40..40 {
                let delta = f64::from(k) * 0.17 + 0.01;
                let h = 1e-4;
                let slope = (shape.potential(delta + h) - shape.potential(delta - h)) / (2.0 * h);
                let torque = shape.torque(delta.sin());
                assert!((slope + torque).abs() < 1e-6, "{shape:?} at {delta}");
                let g = |x: f64| shape.torque(x.sin());
                let rise = (g(delta + h) - g(delta - h)) / (2.0 * h);
                let stiffness = shape.stiffness(delta.sin(), delta.cos());
                assert!((rise - stiffness).abs() < 1e-5 * (1.0 + stiffness.abs()));
                assert!(stiffness.abs() <= shape.steepest());
            }
        }
    }

    #[test]
    fn sharpness_is_checked() {
        for sharpness in [0.0, -1.0, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(CouplingShape::SquareWave { sharpness }.validate().is_err());
        }
        assert!(CouplingShape::SquareWave { sharpness: 1000.0 }.validate().is_ok());
    }
}
