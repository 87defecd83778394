//! The standard normal law.
//!
//! ```text
//! Φ(x) = ½ (1 ± P(½, ½x²)),      φ(x) = exp(−½x²)/√(2π)
//! ```
//!
//! with the regularized incomplete gamma function `P` and the sign of `x`.
//!
//! Source: NIST Digital Library of Mathematical Functions,
//! <https://dlmf.nist.gov>, 7.11.1 and 8.2.4.

use super::incomplete::lower_gamma;

/// `Φ(x)`, the chance of a standard normal variable below `x`, to an absolute
/// error of some 1e-15; NaN for NaN.
///
/// ```
/// use ebm_core::statistics::normal;
/// assert_eq!(normal::distribution(0.0), 0.5);
/// assert!((normal::distribution(1.959_963_984_540_054) - 0.975).abs() < 1e-14);
/// ```
#[must_use]
pub fn distribution(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let between = if x.abs() > 40.0 { 1.0 } else { lower_gamma(0.5, 0.5 * x * x) };
    0.5 * (1.0 + between.copysign(x))
}

/// `φ(x)`, the density.
#[must_use]
pub fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_the_integral_of_the_density() {
        // Simpson's rule, exact to the digits compared.
        let (steps, h) = (2000, 1e-3);
        for from in [-5.0, -1.0, 0.3, 2.0] {
            let weight = |k: usize| match k {
                0 | 2000 => 1.0,
                k if k % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let sum: f64 = (0..=steps).map(|k| weight(k) * density(from + k as f64 * h)).sum();
            let difference = distribution(from + 2.0) - distribution(from);
            assert!((difference - sum * h / 3.0).abs() < 1e-14, "{from}");
        }
        assert_eq!((distribution(-50.0), distribution(f64::INFINITY)), (0.0, 1.0));
        assert!(distribution(f64::NAN).is_nan());
    }
}
