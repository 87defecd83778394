//! `ln Σ exp` and its gradient over a slice, without overflow.
//!
//! ```text
//! lse(s) = m + ln Σ_μ exp(s_μ − m),      softmax(s)_μ = exp(s_μ − lse(s)),      m = max s
//! ```

/// The largest entry; NaN if any entry is, −∞ of nothing.
fn maximum(values: &[f64]) -> f64 {
    // `f64::max` would swallow the NaN.
    values.iter().fold(f64::NEG_INFINITY, |m, v| if *v > m || v.is_nan() { *v } else { m })
}

/// `ln Σ exp(values)`; NaN if any entry is NaN.
pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let max = maximum(values);
    if !max.is_finite() {
        return max;
    }
    max + values.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}

/// Replaces `values` by their softmax. All NaN if an entry is NaN or +∞.
pub(crate) fn softmax_in_place(values: &mut [f64]) {
    let max = maximum(values);
    let mut sum = 0.0;
    for v in values.iter_mut() {
        *v = (*v - max).exp();
        sum += *v;
    }
    let scale = 1.0 / sum;
    for v in values {
        *v *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition_and_shifts_with_its_argument() {
        let values = [0.3, -1.2, 2.0];
        let direct = values.iter().map(|v: &f64| v.exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&values) - direct).abs() < 1e-15);
        for shift in [-1e4, 1e4] {
            let shifted = values.map(|v| v + shift);
            assert!((log_sum_exp(&shifted) - direct - shift).abs() < 1e-11);
        }
        let mut weights = values;
        softmax_in_place(&mut weights);
        for (w, v) in weights.iter().zip(values) {
            assert!((w - (v - direct).exp()).abs() < 1e-15);
        }
    }

    #[test]
    fn never_hides_a_nan() {
        for position in 0..3 {
            let mut values = [1.0, 5.0, -2.0];
            values[position] = f64::NAN;
            assert!(log_sum_exp(&values).is_nan());
            softmax_in_place(&mut values);
            assert!(values.iter().all(|v| v.is_nan()));
        }
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY, 0.0]), 0.0);
        assert_eq!(log_sum_exp(&[f64::INFINITY, 0.0]), f64::INFINITY);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
