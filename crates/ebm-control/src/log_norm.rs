//! Logarithmic norms (matrix measures).
//!
//! ```text
//! μ(A) = lim_{h→0⁺} (‖I + hA‖ − 1) / h
//! μ₁(A)  = max_j (a_jj + Σ_{i≠j} |a_ij|)        μ_∞(A) = μ₁(Aᵀ)
//! μ₂,P(A) = λ_max( ½ (P^{½} A P^{−½} + (…)ᵀ) )   for ‖x‖² = xᵀPx,  P ≻ 0
//! ```
//!
//! A flow contracts at rate `c` in a norm if and only if `μ(DF(x)) ≤ −c`
//! everywhere. Matrices are column-major. Source: W. A. Coppel, *Stability and
//! Asymptotic Behavior of Differential Equations* (1965); A. Davydov, S. Jafarpour
//! and F. Bullo, arXiv 2103.12263.

use ebm_core::linalg::SymmetricEigen;
use ebm_core::validate;

use crate::Error;

/// `μ₁` of an `n × n` matrix.
///
/// # Errors
/// A length other than `n²`, an entry that is not finite.
pub fn one(n: usize, a: &[f64]) -> Result<f64, Error> {
    check(n, a)?;
    let column = |j: usize| column_bound(j, (0..n).map(|i| a[j * n + i]));
    Ok((0..n).map(column).fold(f64::NEG_INFINITY, f64::max))
}

/// `μ_∞` of an `n × n` matrix.
///
/// # Errors
/// As [`one`].
pub fn infinity(n: usize, a: &[f64]) -> Result<f64, Error> {
    check(n, a)?;
    let row = |i: usize| column_bound(i, (0..n).map(|j| a[j * n + i]));
    Ok((0..n).map(row).fold(f64::NEG_INFINITY, f64::max))
}

/// Euclidean `μ₂ = λ_max(½(A + Aᵀ))`.
///
/// ```
/// // Stable, yet not contracting in the plain Euclidean norm.
/// let mu = ebm_control::log_norm::two(2, &[-1.0, 0.0, 4.0, -1.0])?;
/// assert!((mu - 1.0).abs() < 1e-12);
/// # Ok::<(), ebm_control::Error>(())
/// ```
///
/// # Errors
/// As [`one`].
pub fn two(n: usize, a: &[f64]) -> Result<f64, Error> {
    check(n, a)?;
    let mut symmetric = vec![0.0; n * n];
    for j in 0..n {
        for i in 0..n {
            symmetric[j * n + i] = 0.5 * (a[j * n + i] + a[i * n + j]);
        }
    }
    largest_eigenvalue(n, &symmetric)
}

/// A Euclidean norm weighted by `P ≻ 0`, `‖x‖_P = √(xᵀPx)`, held as the
/// eigendecomposition of `P`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedNorm {
    dim: usize,
    eigenvectors: Vec<f64>,
    eigenvalues: Vec<f64>,
}

impl WeightedNorm {
    /// The norm with weight `P`, column-major `n × n`.
    ///
    /// # Errors
    /// A `P` of the wrong size, not finite, not exactly symmetric, or not
    /// positive definite.
    pub fn new(n: usize, p: &[f64]) -> Result<Self, Error> {
        check(n, p)?;
        for (row, col) in (0..n).flat_map(|col| (0..col).map(move |row| (row, col))) {
            let (upper, lower) = (p[col * n + row], p[row * n + col]);
            if upper != lower {
                return Err(ebm_core::Error::Asymmetric {
                    what: "weight of a norm",
                    row,
                    col,
                    upper,
                    lower,
                }
                .into());
            }
        }
        let mut eigen = SymmetricEigen::new(n);
        let pairs = eigen.decompose(p)?;
        Self::from_eigen(n, pairs.vectors.to_vec(), pairs.values.to_vec())
    }

    pub(crate) fn from_eigen(
        dim: usize,
        eigenvectors: Vec<f64>,
        eigenvalues: Vec<f64>,
    ) -> Result<Self, Error> {
        let smallest = eigenvalues.iter().copied().fold(f64::INFINITY, f64::min);
        if smallest > 0.0 {
            Ok(Self { dim, eigenvectors, eigenvalues })
        } else {
            Err(Error::NotPositiveDefinite { smallest })
        }
    }

    /// `‖x‖_P`.
    ///
    /// # Errors
    /// A vector of the wrong length.
    pub fn norm(&self, x: &[f64]) -> Result<f64, Error> {
        validate::dimension("vector", self.dim, x.len())?;
        let modes = self.eigenvectors.chunks_exact(self.dim).zip(&self.eigenvalues);
        let square: f64 = modes
            .map(|(u, p)| {
                let along: f64 = u.iter().zip(x).map(|(u, x)| u * x).sum();
                p * along * along
            })
            .sum();
        Ok(square.sqrt())
    }

    /// `√(λ_max/λ_min)` of `P`: how much the norm distorts the Euclidean one.
    #[must_use]
    pub fn distortion(&self) -> f64 {
        let (low, high) = self
            .eigenvalues
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(l, h), &p| (l.min(p), h.max(p)));
        (high / low).sqrt()
    }

    /// `μ_{2,P}` of an `n × n` matrix.
    ///
    /// # Errors
    /// A matrix of the wrong size or with an entry that is not finite.
    pub fn log_norm(&self, a: &[f64]) -> Result<f64, Error> {
        let n = self.dim;
        check(n, a)?;
        // In the eigenbasis of P: B = D^{½} Uᵀ A U D^{−½}.
        let (u, roots) = (&self.eigenvectors, self.eigenvalues.iter().map(|p| p.sqrt()));
        let roots: Vec<f64> = roots.collect();
        let mut au = vec![0.0; n * n];
        for k in 0..n {
            for j in 0..n {
                let weight = u[k * n + j];
                for i in 0..n {
                    au[k * n + i] += a[j * n + i] * weight;
                }
            }
        }
        let mut b = vec![0.0; n * n];
        for k in 0..n {
            for l in 0..n {
                let dot: f64 = (0..n).map(|i| u[l * n + i] * au[k * n + i]).sum();
                b[k * n + l] = roots[l] * dot / roots[k];
            }
        }
        two(n, &b)
    }
}

fn check(n: usize, a: &[f64]) -> Result<(), Error> {
    if n == 0 {
        return Err(ebm_core::Error::Empty { what: "matrix" }.into());
    }
    let expected = n.checked_mul(n).ok_or(ebm_core::Error::TooLarge {
        what: "matrix dimension",
        size: n,
        limit: u32::MAX as usize,
    })?;
    validate::dimension("column-major matrix", expected, a.len())?;
    validate::finite("matrix", a)?;
    Ok(())
}

fn column_bound(diagonal: usize, entries: impl Iterator<Item = f64>) -> f64 {
    entries.enumerate().map(|(i, v)| if i == diagonal { v } else { v.abs() }).sum()
}

fn largest_eigenvalue(n: usize, symmetric: &[f64]) -> Result<f64, Error> {
    let mut eigen = SymmetricEigen::new(n);
    let values = eigen.eigenvalues(symmetric)?;
    Ok(values.last().copied().unwrap_or(f64::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_its_definition(a in proptest::collection::vec(-2.0..2.0, 9)) {
            // (‖I + hA‖ − 1)/h at small h, with the induced norms written out.
            let h = 1e-7;
            let entry = |i: usize, j: usize| -> f64 { f64::from(u8::from(i == j)) + h * a[j * 3 + i] };
            let ones = (0..3).map(|j| (0..3).map(|i| entry(i, j).abs()).sum::<f64>());
            let sups = (0..3).map(|i| (0..3).map(|j| entry(i, j).abs()).sum::<f64>());
            let ones = (ones.fold(0.0, f64::max) - 1.0) / h;
            let sups = (sups.fold(0.0, f64::max) - 1.0) / h;
            prop_assert!((one(3, &a).unwrap() - ones).abs() < 1e-6);
            prop_assert!((infinity(3, &a).unwrap() - sups).abs() < 1e-6);
        }

        #[test]
        fn weighted_norm_bounds_the_growth(
            a in proptest::collection::vec(-2.0..2.0, 9),
            root in proptest::collection::vec(-1.0..1.0, 9),
            x in proptest::collection::vec(-1.0..1.0, 3),
        ) {
            let mut p = vec![0.0; 9];
            for i in 0..3 {
                for j in 0..3 {
                    p[j * 3 + i] = (0..3).map(|k| root[i * 3 + k] * root[j * 3 + k]).sum::<f64>();
                }
                p[i * 3 + i] += 0.1;
            }
            let norm = WeightedNorm::new(3, &p).unwrap();
            // d/dt ½xᵀPx = xᵀPAx ≤ μ xᵀPx for every x.
            let ax: Vec<f64> = (0..3).map(|i| (0..3).map(|j| a[j * 3 + i] * x[j]).sum()).collect();
            let form = |x: &[f64], y: &[f64]| -> f64 {
                (0..3).map(|i| (0..3).map(|j| x[i] * p[j * 3 + i] * y[j]).sum::<f64>()).sum()
            };
            let mu = norm.log_norm(&a).unwrap();
            prop_assert!(form(&x, &ax) <= mu * form(&x, &x) + 1e-10);
            prop_assert!((norm.norm(&x).unwrap() - form(&x, &x).sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn identity_weight_is_the_plain_norm() {
        let a = [-1.0, 2.0, 0.5, -3.0];
        let norm = WeightedNorm::new(2, &[1.0, 0.0, 0.0, 1.0]).unwrap();
        assert!((norm.log_norm(&a).unwrap() - two(2, &a).unwrap()).abs() < 1e-14);
        assert_eq!(norm.distortion(), 1.0);
    }

    #[test]
    fn rejects_bad_matrices() {
        assert!(one(2, &[1.0; 3]).is_err());
        assert!(two(0, &[]).is_err());
        assert!(infinity(1, &[f64::NAN]).is_err());
        assert!(one(usize::MAX, &[1.0]).is_err());
        let indefinite = WeightedNorm::new(2, &[1.0, 2.0, 2.0, 1.0]);
        assert!(
            matches!(indefinite, Err(Error::NotPositiveDefinite { smallest }) if smallest < 0.0)
        );
    }

    #[test]
    fn rejects_an_asymmetric_weight() {
        let error = WeightedNorm::new(2, &[2.0, 0.5, 0.0, 2.0]).unwrap_err();
        assert!(matches!(error, Error::Core(ebm_core::Error::Asymmetric { row: 0, col: 1, .. })));
    }
}
