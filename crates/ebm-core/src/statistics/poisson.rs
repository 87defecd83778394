//! The mean of a Poisson variable, from one count.
//!
//! ```text
//! P(count or more | low) = (1 − c)/2,      P(count or fewer | high) = (1 − c)/2
//! ```
//!
//! Source: F. Garwood, Biometrika 28, 437 (1936),
//! doi:10.1093/biomet/28.3-4.437.

use super::check_chance;
use super::incomplete::{crossing, lower_gamma};
use crate::Error;

/// Garwood's interval, low and high, which covers the mean with a chance of
/// `confidence` at least.
///
/// ```
/// let (low, high) = ebm_core::statistics::poisson::garwood(0, 0.95)?;
/// assert_eq!(low, 0.0);
/// assert!((high + 0.025_f64.ln()).abs() < 1e-9);
/// # Ok::<(), ebm_core::Error>(())
/// ```
///
/// # Errors
/// If the confidence is not between 0 and 1.
pub fn garwood(count: usize, confidence: f64) -> Result<(f64, f64), Error> {
    check_chance("confidence", confidence)?;
    let tail = 0.5 * (1.0 - confidence);
    let k = count as f64;
    // Ten standard deviations, and as much for small counts.
    let bound = k + 1.0 + 10.0 * (k + 1.0).sqrt() + 40.0 - tail.ln();
    let low = if count == 0 { 0.0 } else { crossing(|m| lower_gamma(k, m), tail, 0.0, bound) };
    Ok((low, crossing(|m| lower_gamma(k + 1.0, m), 1.0 - tail, 0.0, bound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_have_the_tails_they_should() {
        for count in [1_u32, 3, 20] {
            let (low, high) = garwood(count as usize, 0.9).unwrap();
            let at_most = |n: u32, mean: f64| {
                let (mut term, mut sum) = ((-mean).exp(), 0.0);
                for k in 0..=n {
                    sum += term;
                    term *= mean / f64::from(k + 1);
                }
                sum
            };
            assert!((1.0 - at_most(count - 1, low) - 0.05).abs() < 1e-12, "{count}");
            assert!((at_most(count, high) - 0.05).abs() < 1e-12, "{count}");
        }
        for confidence in [0.0, 1.0, f64::NAN] {
            assert!(garwood(1, confidence).is_err());
        }
    }
}
