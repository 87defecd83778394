//! Contraction of symmetric neural networks, with a closed-form certificate.
//!
//! ```text
//! firing rate  ẋ = −x + φ(Wx + b)      contracts in ‖·‖_P,      P = 2aI − W
//! Hopfield     ẋ = −x + W φ(x) + b     contracts in ‖·‖_{P⁻¹}
//! at rate c = 1 − a, for W = Wᵀ, slopes 0 ≤ φ′ ≤ 1 and λ_max(W) ≤ a, 0 < a < 1
//! ```
//!
//! For a slope bound `L` other than one, `W` is replaced by `L·W`; for a time
//! constant `τ`, rates are per `τ`. With `a = λ_max > 0` the rate is sharp: it
//! is attained where every slope is one. Why it holds: with `T = I` the linear
//! matrix inequality of the firing-rate network splits along the eigenvectors
//! of `W` into `(p + w)² ≤ 4ap`, and `p = 2a − w` satisfies it exactly when
//! `w ≤ a`.
//!
//! Source: V. Centorrino, A. Gokhale, A. Davydov, G. Russo and F. Bullo, arXiv
//! 2302.13452 (log-optimal rates for symmetric weights).

use ebm_core::linalg::SymmetricEigen;
use ebm_core::{Coupling, validate};

use crate::log_norm::WeightedNorm;
use crate::{Argument, Error};

/// Where the nonlinearity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `ẋ = −x + φ(Wx + b)`.
    FiringRate,
    /// `ẋ = −x + W φ(x) + b`.
    Hopfield,
}

/// A proof that all solutions approach each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// `c` in `‖x(t) − y(t)‖ ≤ e^{−ct} ‖x(0) − y(0)‖`, in units of `1/τ`.
    pub rate: f64,
    /// The norm in which it holds, on all of `ℝⁿ`.
    pub norm: WeightedNorm,
    /// `a − λ_max(L·W) ≥ 0`: how far the eigenvalue may be wrong.
    pub margin: f64,
    /// How it was shown.
    pub argument: Argument,
}

/// What the spectrum of the weights says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Strongly contracting.
    Contracting(Certificate),
    /// `λ_max(L·W)` is one to rounding: distances do not grow, and no rate
    /// holds uniformly.
    WeaklyContracting,
    /// `λ_max(L·W) > 1`: there is an activation with slopes in range for which
    /// the origin is unstable.
    NotContracting {
        /// The eigenvalue.
        largest_eigenvalue: f64,
    },
}

/// The contraction rate of a network with symmetric weights `W` and activation
/// slopes in `[0, slope]`.
///
/// Where `λ_max > 0`, `a` is `λ_max` plus the rounding of the eigenvalues. For
/// `λ_max ≤ 0` any rate below one holds, in a norm that may degenerate as one
/// is approached: `a` is then the least value between `1.5·10⁻⁸` and `10⁻³` that
/// keeps the condition number of `P` below `10⁶`, so the rate is one to `10⁻³`.
///
/// # Errors
/// A `slope` that is not positive and finite; a coupling without rows, too large
/// for memory, or with entries that are not finite.
pub fn symmetric_network(weights: &dyn Coupling, slope: f64, form: Form) -> Result<Verdict, Error> {
    validate::positive("largest slope", slope)?;
    let n = weights.dim();
    let mut w = square(n)?;
    for (i, row) in w.chunks_exact_mut(n).enumerate() {
        weights.row(i, row);
        row.iter_mut().for_each(|v| *v *= slope);
    }
    let mut eigen = SymmetricEigen::new(n);
    let pairs = eigen.decompose(&w)?;
    let (low, high) = (pairs.values[0], pairs.values[n - 1]);
    // Backward error of the eigenvalues.
    let rounding = 8.0 * n as f64 * f64::EPSILON * low.abs().max(high.abs());
    let top = high + rounding;
    if high > 1.0 + rounding {
        return Ok(Verdict::NotContracting { largest_eigenvalue: high });
    }
    if top >= 1.0 {
        return Ok(Verdict::WeaklyContracting);
    }
    // Not positive beyond rounding: `2a − λ_max ≥ 10⁻⁶ |λ_min|` if `a` may.
    let floor = (0.5 * (1e-6 * low.abs() + high)).clamp(f64::EPSILON.sqrt(), 1e-3);
    let a = if high > rounding { top } else { top.max(floor) };
    let weight = |lambda: &f64| match form {
        Form::FiringRate => 2.0 * a - lambda,
        Form::Hopfield => 1.0 / (2.0 * a - lambda),
    };
    let p = pairs.values.iter().map(weight).collect();
    let norm = WeightedNorm::from_eigen(n, pairs.vectors.to_vec(), p)?;
    Ok(Verdict::Contracting(Certificate {
        rate: 1.0 - a,
        norm,
        margin: a - high,
        argument: Argument::Eigenvalue,
    }))
}

/// Zeros for an `n × n` matrix.
fn square(n: usize) -> Result<Vec<f64>, ebm_core::Error> {
    let what = "weights of the network";
    let limit = (isize::MAX as usize / size_of::<f64>()).isqrt();
    if n == 0 {
        return Err(ebm_core::Error::Empty { what });
    }
    if n > limit {
        return Err(ebm_core::Error::TooLarge { what, size: n, limit });
    }
    let mut entries = Vec::new();
    let bytes = n * n * size_of::<f64>();
    entries.try_reserve_exact(n * n).map_err(|_| ebm_core::Error::Allocation { what, bytes })?;
    entries.resize(n * n, 0.0);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use ebm_core::coupling::DenseCoupling;
    use ebm_core::random;
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;

    /// Symmetric weights with a given largest eigenvalue, by shifting.
    fn random_weights(n: usize, largest: f64, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 0);
        let mut w = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = rng.random_range(-1.0..1.0);
                w[i * n + j] = value;
                w[j * n + i] = value;
            }
        }
        let top = *SymmetricEigen::new(n).eigenvalues(&w).unwrap().last().unwrap();
        (0..n).for_each(|i| w[i * n + i] += largest - top);
        w
    }

    /// Jacobian at slopes `d`: `−I + DW` or `−I + WD`.
    fn jacobian(n: usize, w: &[f64], d: &[f64], form: Form) -> Vec<f64> {
        let mut a = vec![0.0; n * n];
        for j in 0..n {
            for i in 0..n {
                let slope = if form == Form::FiringRate { d[i] } else { d[j] };
                a[j * n + i] = slope * w[j * n + i] - f64::from(u8::from(i == j));
            }
        }
        a
    }

    fn certificate(n: usize, w: &[f64], form: Form) -> Certificate {
        let coupling = DenseCoupling::from_column_major(n, w).unwrap();
        match symmetric_network(&coupling, 1.0, form).unwrap() {
            Verdict::Contracting(certificate) => certificate,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn holds_at_every_vertex_of_the_slopes(n in 1_usize..=6, top in -2.0..0.99, seed in 0_u64..999) {
            let w = random_weights(n, top, seed);
            for form in [Form::FiringRate, Form::Hopfield] {
                let certificate = certificate(n, &w, form);
                prop_assert!(certificate.margin >= 0.0);
                for vertex in 0..1_u32 << n {
                    let d: Vec<f64> = (0..n).map(|i| f64::from(vertex >> i & 1)).collect();
                    let mu = certificate.norm.log_norm(&jacobian(n, &w, &d, form)).unwrap();
                    prop_assert!(mu <= -certificate.rate + 1e-8, "{form:?} {vertex:b}: {mu}");
                }
            }
        }

        #[test]
        fn rate_is_attained_at_full_slope(n in 1_usize..=6, top in 0.01..0.99, seed in 0_u64..999) {
            let w = random_weights(n, top, seed);
            for form in [Form::FiringRate, Form::Hopfield] {
                let certificate = certificate(n, &w, form);
                prop_assert!((certificate.rate - (1.0 - top)).abs() < 1e-10);
                let full = jacobian(n, &w, &vec![1.0; n], form);
                let mu = certificate.norm.log_norm(&full).unwrap();
                prop_assert!((mu + certificate.rate).abs() < 1e-8, "{mu}");
            }
        }
    }

    #[test]
    fn a_smaller_norm_weight_would_fail() {
        // The plain Euclidean norm is not enough: the test can fail.
        // Eigenvalues −6 and 1/2.
        let rotated = [-2.75, -3.25, -3.25, -2.75];
        let d = [1.0, 0.0];
        let a = jacobian(2, &rotated, &d, Form::FiringRate);
        let certificate = certificate(2, &rotated, Form::FiringRate);
        assert!((certificate.rate - 0.5).abs() < 1e-10);
        assert!(crate::log_norm::two(2, &a).unwrap() > -certificate.rate);
        assert!(certificate.norm.log_norm(&a).unwrap() <= -certificate.rate + 1e-12);
    }

    #[test]
    fn verdicts_at_and_beyond_one() {
        let verdict = |top: f64| {
            let w = DenseCoupling::from_column_major(4, random_weights(4, top, 5)).unwrap();
            symmetric_network(&w, 1.0, Form::Hopfield).unwrap()
        };
        assert_eq!(verdict(1.0), Verdict::WeaklyContracting);
        assert!(
            matches!(verdict(1.5), Verdict::NotContracting { largest_eigenvalue } if (largest_eigenvalue - 1.5).abs() < 1e-12)
        );
        let w = DenseCoupling::from_column_major(4, random_weights(4, 0.5, 5)).unwrap();
        assert!(
            matches!(symmetric_network(&w, 1.5, Form::Hopfield).unwrap(), Verdict::Contracting(c) if (c.rate - 0.25).abs() < 1e-12)
        );
        assert!(symmetric_network(&w, 0.0, Form::Hopfield).is_err());
        assert!(symmetric_network(&w, f64::NAN, Form::Hopfield).is_err());
    }

    /// `Q diag(λ) Qᵀ` with the reflection `Q = I − ½ v vᵀ`, `v` of ones.
    fn with_spectrum(lambda: [f64; 4]) -> Vec<f64> {
        let q = |i: usize, k: usize| f64::from(u8::from(i == k)) - 0.5;
        let entry = |i: usize, j: usize| (0..4).map(|k| q(i, k) * lambda[k] * q(j, k)).sum();
        (0..16).map(|e| entry(e / 4, e % 4)).collect()
    }

    #[test]
    fn strong_inhibition_costs_no_rate() {
        for low in [-1e6, -1e8] {
            for high in [-1.0, 0.1, 0.5] {
                let w = with_spectrum([low, 0.5 * low, -3.0, high]);
                for form in [Form::FiringRate, Form::Hopfield] {
                    let found = certificate(4, &w, form);
                    // 64 ε |λ_min| for the eigenvalues, or the cap of the floor.
                    let accuracy = if high > 0.0 { 2e-6 } else { 1.001e-3 };
                    let off = (found.rate - (1.0 - high.max(0.0))).abs();
                    assert!(off < accuracy, "{low} {high}: {off}");
                    let tolerance = 64.0 * f64::EPSILON * -low * found.norm.distortion();
                    for vertex in 0..16_u32 {
                        let d: Vec<f64> = (0..4).map(|i| f64::from(vertex >> i & 1)).collect();
                        let mu = found.norm.log_norm(&jacobian(4, &w, &d, form)).unwrap();
                        assert!(mu <= -found.rate + tolerance, "{low} {high} {form:?}: {mu}");
                    }
                }
            }
        }
    }

    #[test]
    fn impossible_sizes_are_errors() {
        use ebm_core::Error as Core;
        assert!(matches!(square(0), Err(Core::Empty { .. })));
        assert!(matches!(square(usize::MAX), Err(Core::TooLarge { .. })));
        let limit = (isize::MAX as usize / 8).isqrt();
        assert!(matches!(square(limit), Err(Core::Allocation { .. })));
    }

    #[test]
    fn zero_weights_contract_at_rate_one() {
        let zero = certificate(3, &[0.0; 9], Form::FiringRate);
        assert!((zero.rate - 1.0).abs() < 1e-7);
    }
}
