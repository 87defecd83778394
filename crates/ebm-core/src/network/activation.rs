//! Activation functions with the calculus an energy needs.
//!
//! ```text
//! φ non-decreasing,     φ′,     L(x) with L′ = φ,     L*(v) = ∫^v φ⁻¹(z) dz
//! ```
//!
//! `L` is convex and `L*` is its Legendre transform `sup_x (vx − L(x))`, so that
//! `L(x) + L*(φ(x)) = x φ(x)` for every `x`, also where `φ` is flat. Outside the
//! closed range of `φ`, `L* = +∞`.

use std::f64::consts::LN_2;

use crate::prox::soft_threshold;
use crate::{Error, validate, vector_math};

/// A scalar activation function `φ`, applied to every coordinate.
///
/// ```
/// use ebm_core::network::Activation;
/// let phi = Activation::Tanh { gain: 2.0 };
/// let v = phi.value(0.3);
/// assert!((phi.lagrangian(0.3) + phi.conjugate(v) - 0.3 * v).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Activation {
    /// `tanh(βx)`, slope `β > 0` at the origin; `L = ln cosh(βx) / β`.
    Tanh {
        /// `β`.
        gain: f64,
    },
    /// `1 / (1 + e^{−βx})`, slope `β/4` at the origin; `L = ln(1 + e^{βx}) / β`.
    Logistic {
        /// `β`, > 0.
        gain: f64,
    },
    /// `max(x, 0)`; `L = max(x, 0)² / 2`.
    Relu,
    /// `max(x, 0)^{n−1}`; `L = max(x, 0)ⁿ / n`. `n = 2` is [`Relu`](Self::Relu).
    RectifiedPower {
        /// `n`, > 1; below 2 the slope is infinite at the origin.
        power: f64,
    },
    /// `x`; `L = x² / 2`.
    Linear,
    /// `max(−1, min(x, 1))`; `L` is the Huber function.
    SaturatedLinear,
    /// `sign(x) max(|x| − λ, 0)`, the proximal operator of `λ|x|`.
    SoftThreshold {
        /// `λ`, ≥ 0.
        threshold: f64,
    },
}

impl Default for Activation {
    /// `tanh(x)`: bounded and smooth, so that every network has a finite energy
    /// and every trajectory stays bounded.
    fn default() -> Self {
        Self::Tanh { gain: 1.0 }
    }
}

impl Activation {
    /// Checks the parameter.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn validate(&self) -> Result<(), Error> {
        match *self {
            Self::Tanh { gain } | Self::Logistic { gain } => {
                validate::positive("gain of the activation", gain)
            }
            Self::SoftThreshold { threshold } => {
                validate::non_negative("threshold of the activation", threshold)
            }
            Self::RectifiedPower { power } if !(power.is_finite() && power > 1.0) => {
                Err(Error::Parameter {
                    what: "power of the activation",
                    expected: "a finite number > 1",
                    value: power,
                })
            }
            _ => Ok(()),
        }
    }

    /// `φ(x)`.
    #[must_use]
    pub fn value(&self, x: f64) -> f64 {
        match *self {
            Self::Tanh { gain } => (gain * x).tanh(),
            Self::Logistic { gain } => logistic(gain * x),
            Self::Relu => relu(x),
            Self::RectifiedPower { power } => relu(x).powf(power - 1.0),
            Self::Linear => x,
            Self::SaturatedLinear => x.clamp(-1.0, 1.0),
            Self::SoftThreshold { threshold } => soft_threshold(x, threshold),
        }
    }

    /// `φ′(x) ≥ 0`; at a kink, the slope on the flat side.
    #[must_use]
    pub fn slope(&self, x: f64) -> f64 {
        match *self {
            Self::Tanh { gain } => {
                // sech² from e^{−2|βx|}: 1 − tanh² loses all digits far out.
                let e = (-2.0 * (gain * x).abs()).exp();
                gain * 4.0 * e / ((1.0 + e) * (1.0 + e))
            }
            Self::Logistic { gain } => {
                let e = (-(gain * x).abs()).exp();
                gain * e / ((1.0 + e) * (1.0 + e))
            }
            Self::Relu => step(x > 0.0, x),
            Self::RectifiedPower { power } => {
                if x > 0.0 {
                    (power - 1.0) * x.powf(power - 2.0)
                } else {
                    step(false, x)
                }
            }
            Self::Linear => step(true, x),
            Self::SaturatedLinear => step(x.abs() < 1.0, x),
            Self::SoftThreshold { threshold } => step(x.abs() > threshold, x),
        }
    }

    /// `L(x)`, convex with `L′ = φ`. Does not overflow before `x` itself is
    /// near the square root of the largest number.
    #[must_use]
    pub fn lagrangian(&self, x: f64) -> f64 {
        match *self {
            Self::Tanh { gain } => {
                let y = (gain * x).abs();
                // ln cosh y; the series in y² keeps small arguments accurate.
                let value =
                    if y < 1e-2 { ln_cosh_small(y) } else { y + (-2.0 * y).exp().ln_1p() - LN_2 };
                value / gain
            }
            Self::Logistic { gain } => softplus(gain * x) / gain,
            Self::Relu => 0.5 * relu(x) * relu(x),
            Self::RectifiedPower { power } => relu(x).powf(power) / power,
            Self::Linear => 0.5 * x * x,
            Self::SaturatedLinear => {
                if x.abs() > 1.0 {
                    x.abs() - 0.5
                } else {
                    0.5 * x * x
                }
            }
            Self::SoftThreshold { threshold } => {
                let v = soft_threshold(x, threshold);
                0.5 * v * v
            }
        }
    }

    /// `L*(v)`, the Legendre transform of `L`: an antiderivative of `φ⁻¹`, `+∞`
    /// outside the closed range of `φ`.
    #[must_use]
    pub fn conjugate(&self, v: f64) -> f64 {
        if self.outside(v) {
            return f64::INFINITY;
        }
        match *self {
            // v atanh v + ½ ln(1 − v²) = ½[(1+v) ln(1+v) + (1−v) ln(1−v)].
            Self::Tanh { gain } => {
                0.5 * (times_ln_1p(1.0 + v, v) + times_ln_1p(1.0 - v, -v)) / gain
            }
            Self::Logistic { gain } => {
                (if v == 0.0 { 0.0 } else { v * v.ln() } + times_ln_1p(1.0 - v, -v)) / gain
            }
            Self::RectifiedPower { power } => {
                let dual = power / (power - 1.0);
                v.powf(dual) / dual
            }
            Self::SoftThreshold { threshold } => 0.5 * v * v + threshold * v.abs(),
            Self::Relu | Self::Linear | Self::SaturatedLinear => 0.5 * v * v,
        }
    }

    /// `L*(φ(x))`, accurate also where `φ(x)` has rounded to the end of its
    /// range.
    #[must_use]
    pub fn conjugate_at(&self, x: f64) -> f64 {
        match *self {
            Self::Tanh { gain } => {
                let y = (gain * x).abs();
                if y < 1.0 {
                    return self.conjugate(self.value(x));
                }
                let e = (-2.0 * y).exp();
                (LN_2 - e.ln_1p() - 2.0 * y * e / (1.0 + e)) / gain
            }
            Self::Logistic { gain } => {
                // −H(p) with p = logistic(−|βx|).
                let y = (gain * x).abs();
                let e = (-y).exp();
                -(e.ln_1p() + y * e / (1.0 + e)) / gain
            }
            _ => self.conjugate(self.value(x)),
        }
    }

    /// The element of the set `φ⁻¹(v)` nearest to `y`; `±∞` where `v` lies
    /// outside the range of `φ` or at an end it does not reach.
    ///
    /// Where `φ` is strictly increasing this is `φ⁻¹(v)` and `y` plays no part.
    /// At a kink it selects the one-sided derivative of `L*` in the direction
    /// in which a firing rate `v` with input `y` moves.
    #[must_use]
    pub fn inverse_near(&self, v: f64, y: f64) -> f64 {
        match *self {
            // An ulp outside [−1, 1], atanh is NaN.
            Self::Tanh { gain } => {
                if v.abs() >= 1.0 {
                    f64::INFINITY.copysign(v)
                } else {
                    v.atanh() / gain
                }
            }
            Self::Logistic { gain } => {
                if v >= 1.0 {
                    f64::INFINITY
                } else if v <= 0.0 {
                    f64::NEG_INFINITY
                } else {
                    (v.ln() - (-v).ln_1p()) / gain
                }
            }
            Self::Relu | Self::RectifiedPower { .. } => {
                if v < 0.0 {
                    f64::NEG_INFINITY
                } else if v == 0.0 {
                    y.min(0.0)
                } else if let Self::RectifiedPower { power } = *self {
                    v.powf(1.0 / (power - 1.0))
                } else {
                    v
                }
            }
            Self::Linear => v,
            Self::SaturatedLinear => {
                if v.abs() > 1.0 {
                    f64::INFINITY.copysign(v)
                } else if v == 1.0 {
                    y.max(1.0)
                } else if v == -1.0 {
                    y.min(-1.0)
                } else {
                    v
                }
            }
            Self::SoftThreshold { threshold } => {
                if v == 0.0 {
                    // Unlike `clamp`, defined for a threshold that was never validated.
                    y.max(-threshold).min(threshold)
                } else {
                    v + threshold.copysign(v)
                }
            }
        }
    }

    /// `φ⁻¹(v)`, at a flat piece its element nearest to zero.
    #[must_use]
    pub fn inverse(&self, v: f64) -> f64 {
        self.inverse_near(v, 0.0)
    }

    /// The largest slope of `φ`; infinite for a rectified power other than 2.
    #[must_use]
    pub fn max_slope(&self) -> f64 {
        match *self {
            Self::Tanh { gain } => gain,
            Self::Logistic { gain } => 0.25 * gain,
            Self::RectifiedPower { power } if power != 2.0 => f64::INFINITY,
            _ => 1.0,
        }
    }

    /// Writes `φ` of every entry of `x` to `out`.
    pub fn values(&self, x: &[f64], out: &mut [f64]) {
        match *self {
            Self::Tanh { gain } => {
                scale(gain, x, out);
                vector_math::tanh_in_place(out);
            }
            Self::Logistic { gain } => {
                scale(gain, x, out);
                vector_math::logistic_in_place(out);
            }
            _ => {
                for (x, o) in x.iter().zip(out) {
                    *o = self.value(*x);
                }
            }
        }
    }

    /// Writes `φ′` of every entry of `x` to `out`.
    pub fn slopes(&self, x: &[f64], out: &mut [f64]) {
        let (rate, gain) = match *self {
            Self::Tanh { gain } => (2.0 * gain, 4.0 * gain),
            Self::Logistic { gain } => (gain, gain),
            _ => {
                for (x, o) in x.iter().zip(out) {
                    *o = self.slope(*x);
                }
                return;
            }
        };
        // As in `slope`: e/(1 + e)² with e = e^{−|rate x|}.
        for (x, o) in x.iter().zip(&mut *out) {
            *o = -(rate * x).abs();
        }
        vector_math::exp_in_place(out);
        for e in out {
            *e = gain * *e / ((1.0 + *e) * (1.0 + *e));
        }
    }

    /// Whether `v` lies outside the closed range of `φ`.
    fn outside(&self, v: f64) -> bool {
        match self {
            Self::Tanh { .. } | Self::SaturatedLinear => v.abs() > 1.0,
            Self::Logistic { .. } => !(0.0..=1.0).contains(&v) && !v.is_nan(),
            Self::Relu | Self::RectifiedPower { .. } => v < 0.0,
            Self::Linear | Self::SoftThreshold { .. } => false,
        }
    }
}

fn scale(factor: f64, x: &[f64], out: &mut [f64]) {
    for (x, o) in x.iter().zip(out) {
        *o = factor * x;
    }
}

/// `max(x, 0)`, NaN for NaN.
fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

/// 1 or 0, NaN for a NaN argument.
fn step(on: bool, x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if on {
        1.0
    } else {
        0.0
    }
}

fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

fn softplus(x: f64) -> f64 {
    relu(x) + (-x.abs()).exp().ln_1p()
}

/// `ln cosh y` for `|y| ≤ 0.01`, relative error below 1e-16.
fn ln_cosh_small(y: f64) -> f64 {
    let s = y * y;
    s * (0.5 + s * (-1.0 / 12.0 + s * (1.0 / 45.0 - s * (17.0 / 2520.0))))
}

/// `a ln(1 + b)` where `a = 1 + b`, and its limit 0 at `a = 0`.
fn times_ln_1p(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a * b.ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Vec<Activation> {
        vec![
            Activation::Tanh { gain: 1.7 },
            Activation::Logistic { gain: 0.8 },
            Activation::Relu,
            Activation::RectifiedPower { power: 3.0 },
            Activation::RectifiedPower { power: 1.5 },
            Activation::Linear,
            Activation::SaturatedLinear,
            Activation::SoftThreshold { threshold: 0.4 },
        ]
    }

    /// Five-point central difference.
    fn derivative(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
        (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h)
    }

    /// Distance of `x` to the nearest kink of any activation in `all`.
    fn far_from_kinks(x: f64) -> bool {
        [0.0, 0.4, -0.4, 1.0, -1.0].iter().all(|k| (x - k).abs() > 0.02)
    }

    proptest! {
        #[test]
        fn derivatives_agree_with_differences(x in -4.0..4.0f64) {
            prop_assume!(far_from_kinks(x));
            for phi in all() {
                // The slope of √x is infinite at 0 and the differences suffer.
                if matches!(phi, Activation::RectifiedPower { power } if power < 2.0 && x.abs() < 0.5) {
                    continue;
                }
                let h = 1e-3;
                let value = derivative(|x| phi.lagrangian(x), x, h);
                prop_assert!((value - phi.value(x)).abs() < 1e-9, "{phi:?} {x} {value}");
                let slope = derivative(|x| phi.value(x), x, h);
                prop_assert!((slope - phi.slope(x)).abs() < 1e-7, "{phi:?} {x} {slope}");
            }
        }

        #[test]
        fn legendre_pair_is_tight(x in -30.0..30.0f64) {
            for phi in all() {
                let (v, sum) = (phi.value(x), phi.lagrangian(x) + phi.conjugate(phi.value(x)));
                let scale = 1.0 + (x * v).abs();
                prop_assert!((sum - x * v).abs() < 1e-14 * scale, "{phi:?} {x} {sum} {}", x * v);
                let direct = phi.conjugate_at(x);
                prop_assert!((direct - phi.conjugate(v)).abs() < 1e-14 * scale, "{phi:?} {x}");
            }
        }

        /// Fenchel–Young: `L(x) + L*(v) ≥ xv` for every pair.
        #[test]
        fn legendre_inequality(x in -5.0..5.0f64, v in -1.5..1.5f64) {
            for phi in all() {
                prop_assert!(phi.lagrangian(x) + phi.conjugate(v) >= x * v - 1e-14, "{phi:?}");
            }
        }

        #[test]
        fn inverse_inverts(x in -4.0..4.0f64) {
            for phi in all() {
                let v = phi.value(x);
                let back = phi.inverse_near(v, x);
                prop_assert!((back - x).abs() < 1e-9 || phi.slope(x) < 1e-3, "{phi:?} {x} {back}");
                prop_assert!((phi.value(phi.inverse(v)) - v).abs() < 1e-12, "{phi:?} {x}");
            }
        }
    }

    #[test]
    fn slices_agree_with_scalars() {
        let x: Vec<f64> = (-60..=60).map(|i| 0.37 * f64::from(i)).collect();
        let mut out = vec![0.0; x.len()];
        for phi in all() {
            phi.values(&x, &mut out);
            for (x, y) in x.iter().zip(&out) {
                assert!((y - phi.value(*x)).abs() <= 1e-15 * y.abs(), "{phi:?} {x} {y}");
            }
            phi.slopes(&x, &mut out);
            for (x, y) in x.iter().zip(&out) {
                assert!((y - phi.slope(*x)).abs() <= 4e-15 * y.abs(), "{phi:?} {x} {y}");
            }
        }
    }

    #[test]
    fn finite_far_out() {
        for x in [1e4, -1e4, 1e8, -1e8] {
            for phi in all() {
                for y in [phi.value(x), phi.slope(x), phi.lagrangian(x), phi.conjugate_at(x)] {
                    assert!(y.is_finite(), "{phi:?} {x} {y}");
                }
            }
        }
        // ln cosh x → |x| − ln 2, and the entropy of a saturated unit vanishes.
        let phi = Activation::Tanh { gain: 1.0 };
        assert_eq!(phi.lagrangian(-1e4), 1e4 - LN_2);
        assert_eq!(phi.conjugate_at(1e4), LN_2);
        assert_eq!(Activation::Logistic { gain: 1.0 }.conjugate_at(1e4), 0.0);
    }

    #[test]
    fn nan_is_not_swallowed() {
        for phi in all() {
            assert!(phi.value(f64::NAN).is_nan(), "{phi:?}");
            assert!(phi.slope(f64::NAN).is_nan(), "{phi:?}");
            assert!(phi.lagrangian(f64::NAN).is_nan(), "{phi:?}");
            assert!(phi.conjugate(f64::NAN).is_nan(), "{phi:?}");
        }
    }

    #[test]
    fn closed_range_ends() {
        assert!((Activation::Tanh { gain: 2.0 }.conjugate(1.0) - 0.5 * LN_2).abs() < 1e-16);
        assert_eq!(Activation::Tanh { gain: 2.0 }.conjugate(1.0 + 1e-15), f64::INFINITY);
        assert_eq!(Activation::Logistic { gain: 2.0 }.conjugate(0.0), 0.0);
        assert_eq!(Activation::Logistic { gain: 2.0 }.conjugate(-1e-300), f64::INFINITY);
        assert_eq!(Activation::Relu.conjugate(-0.1), f64::INFINITY);
        assert_eq!(Activation::SaturatedLinear.inverse_near(1.0, 3.0), 3.0);
        assert_eq!(Activation::SaturatedLinear.inverse_near(1.0, 0.0), 1.0);
        assert_eq!(Activation::Relu.inverse_near(0.0, -2.0), -2.0);
    }

    #[test]
    fn bad_parameters_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Activation::Tanh { gain: bad }.validate().is_err());
            assert!(Activation::Logistic { gain: bad }.validate().is_err());
            assert!(Activation::RectifiedPower { power: bad }.validate().is_err());
        }
        assert!(Activation::SoftThreshold { threshold: -0.1 }.validate().is_err());
        assert!(Activation::SoftThreshold { threshold: 0.0 }.validate().is_ok());
        assert!(Activation::RectifiedPower { power: 1.0 }.validate().is_err());
        assert!(Activation::default().validate().is_ok());
    }
}
