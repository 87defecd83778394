//! Eigenvalues and eigenvectors of a symmetric matrix.
//!
//! ```text
//! A = V diag(λ) Vᵀ,      Vᵀ V = I,      λ₁ ≤ λ₂ ≤ … ≤ λₙ
//! ```
//!
//! Tridiagonalization by reflections, then divide and conquer.
//!
//! Source: G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed.
//! (2013), chapter 8.

use faer::diag::DiagMut;
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::prelude::default;
use faer::{MatMut, MatRef, Par};

use super::Scratch;
use crate::{Error, validate};

/// Eigenvalues in ascending order with their eigenvectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eigenpairs<'a> {
    /// `λ₁ ≤ … ≤ λₙ`.
    pub values: &'a [f64],
    /// `n × n` column-major; column `k` is the unit eigenvector of `values[k]`.
    pub vectors: &'a [f64],
}

impl<'a> Eigenpairs<'a> {
    /// The unit eigenvector of `values[k]`.
    ///
    /// # Panics
    /// If `k` is not below the dimension, as slice indexing does.
    #[must_use]
    pub fn vector(&self, k: usize) -> &'a [f64] {
        let n = self.values.len();
        &self.vectors[k * n..(k + 1) * n]
    }
}

/// A solver of symmetric eigenproblems of one size, with its memory.
///
/// ```
/// use ebm_core::linalg::SymmetricEigen;
/// let mut solver = SymmetricEigen::new(2);
/// let pairs = solver.decompose(&[2.0, 1.0, 1.0, 2.0])?;
/// assert!((pairs.values[0] - 1.0).abs() < 1e-15);
/// assert!((pairs.values[1] - 3.0).abs() < 1e-15);
/// assert!((pairs.vector(1)[0] - pairs.vector(1)[1]).abs() < 1e-15);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SymmetricEigen {
    n: usize,
    values: Vec<f64>,
    vectors: Vec<f64>,
    scratch: Scratch,
}

impl SymmetricEigen {
    /// Memory for `n × n` matrices.
    ///
    /// # Panics
    /// If `n²` numbers exceed the address space, as [`Vec::with_capacity`] does.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self {
            n,
            values: vec![0.0; n],
            vectors: super::square(n),
            scratch: Scratch::new(self_adjoint_evd_scratch::<f64>(
                n,
                ComputeEigenvectors::Yes,
                Par::Seq,
                default(),
            )),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.n
    }

    /// All eigenvalues of `a`, column-major `n × n`, in ascending order. Only
    /// the lower triangle is read.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length, [`Error::NotFinite`] for an
    /// entry that is NaN or infinite or if the computation overflowed,
    /// [`Error::NotConverged`] if the iteration for the tridiagonal matrix
    /// exceeded its budget.
    pub fn eigenvalues(&mut self, a: &[f64]) -> Result<&[f64], Error> {
        self.run(a, false)?;
        Ok(&self.values)
    }

    /// All eigenvalues of `a`, column-major `n × n`, in ascending order, with
    /// orthonormal eigenvectors. Only the lower triangle is read.
    ///
    /// # Errors
    /// As [`eigenvalues`](Self::eigenvalues).
    pub fn decompose(&mut self, a: &[f64]) -> Result<Eigenpairs<'_>, Error> {
        self.run(a, true)?;
        Ok(Eigenpairs { values: &self.values, vectors: &self.vectors })
    }

    fn run(&mut self, a: &[f64], vectors: bool) -> Result<(), Error> {
        const WHAT: &str = "symmetric matrix";
        let n = self.n;
        validate::dimension(WHAT, n * n, a.len())?;
        validate::finite(WHAT, a)?;
        self_adjoint_evd(
            MatRef::from_column_major_slice(a, n, n),
            DiagMut::from_slice_mut(&mut self.values),
            vectors.then(|| MatMut::from_column_major_slice_mut(&mut self.vectors, n, n)),
            Par::Seq,
            self.scratch.stack(),
            default(),
        )
        .map_err(|_| Error::NotConverged { what: "symmetric eigenvalue iteration" })?;
        validate::finite("eigenvalues", &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use rand::RngExt;

    fn symmetric(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, n as u64);
        let mut a = vec![0.0; n * n];
        for j in 0..n {
            for i in j..n {
                let value = rng.random_range(-1.0..1.0);
                a[j * n + i] = value;
                a[i * n + j] = value;
            }
        }
        a
    }

    #[test]
    fn the_discrete_laplacian_has_its_known_spectrum() {
        for n in [1, 2, 5, 40, 150] {
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                a[i * n + i] = 2.0;
                if i + 1 < n {
                    a[i * n + i + 1] = -1.0;
                    a[(i + 1) * n + i] = -1.0;
                }
            }
            let mut solver = SymmetricEigen::new(n);
            let check = |values: &[f64]| {
                for (k, value) in values.iter().enumerate() {
                    let angle = std::f64::consts::PI * (k + 1) as f64 / (2 * (n + 1)) as f64;
                    let expected = 4.0 * angle.sin().powi(2);
                    assert!((value - expected).abs() < 1e-13, "n = {n}: {value} {expected}");
                }
            };
            check(solver.eigenvalues(&a).unwrap());
            check(solver.decompose(&a).unwrap().values);
        }
    }

    #[test]
    fn pairs_satisfy_their_definition() {
        for n in [1, 2, 3, 10, 64, 130] {
            let a = symmetric(n, 5);
            let mut solver = SymmetricEigen::new(n);
            let pairs = solver.decompose(&a).unwrap();
            let tolerance = 1e-14 * n as f64;
            assert!(pairs.values.is_sorted());
            for k in 0..n {
                let v = pairs.vector(k);
                for i in 0..n {
                    let av: f64 = (0..n).map(|j| a[j * n + i] * v[j]).sum();
                    assert!((av - pairs.values[k] * v[i]).abs() < tolerance, "n = {n}, pair {k}");
                }
                for l in 0..=k {
                    let dot: f64 = v.iter().zip(pairs.vector(l)).map(|(a, b)| a * b).sum();
                    assert!((dot - f64::from(u8::from(k == l))).abs() < tolerance);
                }
            }
        }
    }

    #[test]
    fn only_the_lower_triangle_is_read() {
        let n = 6;
        let a = symmetric(n, 6);
        let mut lower = a.clone();
        (0..n).for_each(|j| lower[j * n..j * n + j].fill(7.0));
        let mut solver = SymmetricEigen::new(n);
        let expected = solver.eigenvalues(&a).unwrap().to_vec();
        assert_eq!(solver.eigenvalues(&lower).unwrap(), expected);
    }

    #[test]
    fn bad_input_is_an_error() {
        let mut solver = SymmetricEigen::new(2);
        assert!(matches!(solver.eigenvalues(&[1.0; 3]), Err(Error::Dimension { .. })));
        assert!(matches!(
            solver.decompose(&[1.0, 0.0, f64::NAN, 1.0]),
            Err(Error::NotFinite { index: 2, .. })
        ));
        let mut none = SymmetricEigen::new(0);
        assert!(none.eigenvalues(&[]).unwrap().is_empty());
        assert!(none.decompose(&[]).unwrap().values.is_empty());
    }

    #[test]
    fn nothing_is_allocated_after_construction() {
        for n in [3, 150] {
            let a = symmetric(n, 7);
            let mut solver = SymmetricEigen::new(n);
            let mut work = || {
                solver.eigenvalues(&a).unwrap();
                solver.decompose(&a).unwrap();
            };
            // The first product on a thread sets up faer's packing buffers.
            work();
            assert_eq!(allocation_counter::measure(work).count_total, 0, "n = {n}");
        }
    }
}
