//! Incomplete gamma and beta functions: tails of the Poisson and the binomial
//! law.
//!
//! ```text
//! P(a, x) = ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt / Γ(a),      I_x(a, b) = ∫₀ˣ tᵃ⁻¹ (1−t)ᵇ⁻¹ dt / B(a, b)
//! ```
//!
//! Source: NIST Digital Library of Mathematical Functions, <https://dlmf.nist.gov>,
//! 5.11.1 (Stirling's series), 8.7.1 and 8.9.2 (gamma), 8.17.22 (beta); continued
//! fractions by the method of W. J. Lentz, Appl. Opt. 15, 668 (1976).

/// `ln Γ(x)` for `x > 0`, to about 14 digits.
fn ln_gamma(x: f64) -> f64 {
    const STIRLING: [f64; 5] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0];
    // Γ(x) = Γ(x + k) / (x (x+1) … (x+k−1)), to an argument where the series holds.
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 15.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let series = STIRLING.iter().rev().fold(0.0, |sum, c| sum * inverse * inverse + c) * inverse;
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + series
        - product.ln()
}

/// `P(a, x)` for `a > 0`, `x ≥ 0`: the chance that a Poisson variable of mean
/// `x` is at least `a`, for integer `a`.
pub(super) fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..TERMS {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * EPSILON {
                break;
            }
        }
        (scale * sum).min(1.0)
    } else {
        let term = |n: u32| {
            let n = f64::from(n);
            (n * (a - n), x + 2.0 * n + 1.0 - a)
        };
        let fraction = continued_fraction(x + 1.0 - a, term);
        (1.0 - scale / fraction).max(0.0)
    }
}

/// `I_x(a, b)` for `a, b > 0`, `0 ≤ x ≤ 1`: the chance of at least `a`
/// successes in `a + b − 1` trials of chance `x`, for integers.
pub(super) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let logarithm = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let term = |n: u32| {
        let m = f64::from(n / 2);
        let numerator = if n % 2 == 1 {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        } else {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        };
        (numerator, 1.0)
    };
    logarithm.exp() / (a * continued_fraction(1.0, term))
}

const TERMS: u32 = 100_000;
const EPSILON: f64 = 1e-16;

/// `b₀ + a₁ / (b₁ + a₂ / (b₂ + …))`, where `term(n)` is `(aₙ, bₙ)`.
fn continued_fraction(first: f64, term: impl Fn(u32) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-300;
    let safe = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut value = safe(first);
    let (mut c, mut d) = (value, 0.0);
    for n in 1..TERMS {
        let (a, b) = term(n);
        d = 1.0 / safe(b + a * d);
        c = safe(b + a / c);
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() < 2.0 * EPSILON {
            break;
        }
    }
    value
}

/// Where the rising `f` passes `level` on `[low, high]`, by bisection.
pub(super) fn crossing(f: impl Fn(f64) -> f64, level: f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < level {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_of_integers_and_halves() {
        let mut factorial = 1.0_f64;
        for n in 1..60 {
            let x = f64::from(n);
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-13 * (1.0 + factorial.ln()));
            factorial *= x;
        }
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-14);
    }

    #[test]
    fn poisson_tails_as_sums() {
        for a in [1_u32, 2, 5, 30, 200] {
            for x in [1e-3, 0.5, 1.0, 4.0, 29.0, 31.0, 180.0, 240.0] {
                let x: f64 = x;
                let mut term = (-x).exp();
                let mut below = 0.0;
                for n in 0..a {
                    below += term;
                    term *= x / f64::from(n + 1);
                }
                let found = lower_gamma(f64::from(a), x);
                assert!((found - (1.0 - below)).abs() < 1e-12, "{a} {x}: {found} {}", 1.0 - below);
            }
        }
    }

    #[test]
    fn binomial_tails_as_sums() {
        for trials in [1_u32, 3, 20, 100] {
            for successes in
                [1, 2, trials / 2, trials].into_iter().filter(|k| (1..=trials).contains(k))
            {
                for x in [1e-6, 0.01, 0.3, 0.5, 0.9, 0.999] {
                    let x: f64 = x;
                    let mut term = (1.0 - x).powi(trials as i32);
                    let mut above = 0.0;
                    for k in 0..=trials {
                        if k >= successes {
                            above += term;
                        }
                        term *= f64::from(trials - k) / f64::from(k + 1) * x / (1.0 - x);
                    }
                    let (a, b) = (f64::from(successes), f64::from(trials - successes + 1));
                    let found = incomplete_beta(a, b, x);
                    assert!(
                        (found - above).abs() < 1e-12,
                        "{successes}/{trials} {x}: {found} {above}"
                    );
                }
            }
        }
    }

    #[test]
    fn large_arguments_converge() {
        let middle = incomplete_beta(5e5, 5e5, 0.5);
        assert!((middle - 0.5).abs() < 1e-9, "{middle}");
        assert!((lower_gamma(1e6, 1e6) - 0.5).abs() < 1e-3);
    }
}
