//! The observed order of convergence.
//!
//! ```text
//! e(h) ≈ C hᵖ,      p = slope of ln e over ln h,      pₖ = ln(eₖ/eₖ₊₁) / ln(hₖ/hₖ₊₁)
//! ```
//!
//! Source: E. Hairer, S. P. Nørsett, G. Wanner, *Solving Ordinary Differential
//! Equations I* (1993), II.3.

use crate::{Error, validate};

/// An observed order of convergence.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Order {
    /// Least-squares slope of `ln e` over `ln h`.
    pub fitted: f64,
    /// Order between each pair of successive step sizes.
    pub pairwise: Vec<f64>,
    /// The largest distance of `ln e` from the fitted line; large where the
    /// steps are too coarse, or so fine that rounding shows.
    pub misfit: f64,
}

impl Order {
    /// The order between the two finest step sizes.
    #[must_use]
    pub fn finest(&self) -> f64 {
        self.pairwise.last().copied().unwrap_or(f64::NAN)
    }
}

/// The order at which `errors` fall with `steps`.
///
/// ```
/// use ebm_core::check::order_of;
/// let order = order_of(&[0.1, 0.05, 0.025], &[3e-2, 7.5e-3, 1.875e-3])?;
/// assert!((order.fitted - 2.0).abs() < 1e-12);
/// # Ok::<(), ebm_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Dimension`] for lengths that differ; [`Error::Parameter`] for fewer
/// than two points and for steps that are all equal; [`Error::Entry`] for a step
/// or error that is not finite and positive.
pub fn order_of(steps: &[f64], errors: &[f64]) -> Result<Order, Error> {
    validate::dimension("errors, one for each step size", steps.len(), errors.len())?;
    if steps.len() < 2 {
        return Err(Error::Parameter {
            what: "number of step sizes",
            expected: "at least 2",
            value: steps.len() as f64,
        });
    }
    validate::all_positive("step sizes", steps)?;
    validate::all_positive("errors", errors)?;
    let h: Vec<f64> = steps.iter().map(|h| h.ln()).collect();
    let e: Vec<f64> = errors.iter().map(|e| e.ln()).collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (h_mean, e_mean) = (mean(&h), mean(&e));
    let spread: f64 = h.iter().map(|h| (h - h_mean).powi(2)).sum();
    if spread == 0.0 {
        return Err(Error::Parameter {
            what: "step size",
            expected: "at least two different step sizes",
            value: steps[0],
        });
    }
    let fitted = h.iter().zip(&e).map(|(h, e)| (h - h_mean) * (e - e_mean)).sum::<f64>() / spread;
    let pairwise = h.windows(2).zip(e.windows(2)).map(|(h, e)| (e[0] - e[1]) / (h[0] - h[1]));
    let misfit = h
        .iter()
        .zip(&e)
        .map(|(h, e)| (e - e_mean - fitted * (h - h_mean)).abs())
        .fold(0.0, f64::max);
    Ok(Order { fitted, pairwise: pairwise.collect(), misfit })
}

/// The order of `error(h)` over `h`, `h/2`, …, `levels` step sizes in all.
///
/// ```
/// use ebm_core::check::observed_order;
/// // Trapezoidal rule for ∫₀¹ eˣ dx.
/// let error = |h: f64| {
///     let n = (1.0 / h).round() as usize;
///     let sum: f64 = (0..n).map(|i| (i as f64 * h).exp() + ((i + 1) as f64 * h).exp()).sum();
///     (0.5 * h * sum - (1f64.exp() - 1.0)).abs()
/// };
/// let order = observed_order(0.25, 5, error)?;
/// assert!((order.finest() - 2.0).abs() < 0.01);
/// # Ok::<(), ebm_core::Error>(())
/// ```
///
/// # Errors
/// As [`order_of`].
pub fn observed_order(
    first_step: f64,
    levels: usize,
    mut error: impl FnMut(f64) -> f64,
) -> Result<Order, Error> {
    validate::positive("step size", first_step)?;
    let steps: Vec<f64> =
        std::iter::successors(Some(first_step), |h| Some(0.5 * h)).take(levels).collect();
    let errors: Vec<f64> = steps.iter().map(|h| error(*h)).collect();
    order_of(&steps, &errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovers_exact_powers() {
        for p in [0.5, 1.0, 3.0, 8.0] {
            let order = observed_order(0.3, 4, |h| 7.0 * h.powf(p)).unwrap();
            assert!((order.fitted - p).abs() < 1e-12);
            assert!(order.pairwise.iter().all(|q| (q - p).abs() < 1e-12));
            assert!(order.misfit < 1e-12);
        }
        // A floor of rounding errors shows as a misfit.
        assert!(observed_order(0.3, 6, |h| h.powi(4) + 1e-4).unwrap().misfit > 0.5);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(order_of(&[0.1], &[0.1]), Err(Error::Parameter { .. })));
        assert!(matches!(order_of(&[0.1, 0.2], &[0.1]), Err(Error::Dimension { .. })));
        assert!(matches!(order_of(&[0.1, 0.1], &[0.1, 0.2]), Err(Error::Parameter { .. })));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let bad_step = order_of(&[0.1, bad], &[0.1, 0.2]);
            assert!(matches!(bad_step, Err(Error::Entry { what: "step sizes", index: 1, .. })));
            let bad_error = order_of(&[0.1, 0.2], &[bad, 0.1]);
            assert!(matches!(bad_error, Err(Error::Entry { what: "errors", index: 0, .. })));
        }
        assert!(observed_order(0.1, 0, |_| 1.0).is_err());
        assert!(observed_order(f64::NAN, 3, |_| 1.0).is_err());
    }
}
