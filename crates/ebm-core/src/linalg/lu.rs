//! LU factorization with partial pivoting.
//!
//! ```text
//! P A = L U,      A x = b  ⇔  L U x = P b,      Aᵀ x = b  ⇔  Uᵀ Lᵀ P x = b
//! ```
//!
//! Source: G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed.
//! (2013), §3.4.

use faer::linalg::lu::partial_pivoting::factor;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_unit_lower_triangular_in_place,
    solve_unit_upper_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::default;
use faer::{MatMut, MatRef, Par};

use super::Scratch;
use crate::{Error, validate};

/// The factors of an `n × n` matrix; those of the identity until the first
/// [`factorize`](Self::factorize).
///
/// ```
/// use ebm_core::linalg::Lu;
/// let mut lu = Lu::new(2);
/// lu.factorize(&[0.0, 1.0, 2.0, 0.0])?; // columns (0, 1) and (2, 0)
/// let mut x = [4.0, 3.0];
/// lu.solve_in_place(&mut x);
/// assert_eq!(x, [3.0, 2.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lu {
    n: usize,
    /// `L` below the diagonal (its own diagonal is one), `U` on and above it.
    factors: Vec<f64>,
    /// Row `i` of `P A` is row `permutation[i]` of `A`.
    permutation: Vec<usize>,
    inverse: Vec<usize>,
    permuted: Vec<f64>,
    scratch: Scratch,
}

impl Lu {
    /// Memory for `n × n` matrices, holding the factors of the identity.
    ///
    /// # Panics
    /// If `n²` numbers exceed the address space, as [`Vec::with_capacity`] does.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let mut factors = super::square(n);
        factors.iter_mut().step_by(n + 1).for_each(|d| *d = 1.0);
        Self {
            n,
            factors,
            permutation: (0..n).collect(),
            inverse: (0..n).collect(),
            permuted: vec![0.0; n],
            scratch: Scratch::new(factor::lu_in_place_scratch::<usize, f64>(
                n,
                n,
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

    /// Factorizes `a`, column-major `n × n`. Does not allocate.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length and [`Error::NotFinite`] for an
    /// entry that is NaN or infinite; the factors are then still the old ones.
    /// [`Error::Singular`] if a pivot is exactly zero, [`Error::NotFinite`] if
    /// elimination overflowed; the factors are then useless.
    pub fn factorize(&mut self, a: &[f64]) -> Result<(), Error> {
        validate::dimension("matrix to factorize", self.n * self.n, a.len())?;
        validate::finite("matrix to factorize", a)?;
        self.factors.copy_from_slice(a);
        self.eliminate()
    }

    /// Factorizes what `fill` writes to the column-major matrix it is handed,
    /// which saves the caller a matrix and a copy.
    ///
    /// # Errors
    /// As [`factorize`](Self::factorize), but the old factors are lost always.
    pub fn factorize_with(&mut self, fill: impl FnOnce(&mut [f64])) -> Result<(), Error> {
        fill(&mut self.factors);
        validate::finite("matrix to factorize", &self.factors)?;
        self.eliminate()
    }

    fn eliminate(&mut self) -> Result<(), Error> {
        let n = self.n;
        factor::lu_in_place(
            MatMut::from_column_major_slice_mut(&mut self.factors, n, n),
            &mut self.permutation,
            &mut self.inverse,
            Par::Seq,
            self.scratch.stack(),
            default(),
        );
        // A zero pivot turns what follows it into NaN, so the first bad pivot
        // tells which of the two happened.
        match self.factors.iter().step_by(n + 1).position(|p| !(p.abs() > 0.0 && p.is_finite())) {
            None => validate::finite("LU factors", &self.factors),
            Some(index) if self.factors[index * (n + 1)] == 0.0 => {
                Err(Error::Singular { what: "matrix to factorize", index })
            }
            Some(index) => Err(Error::NotFinite {
                what: "LU pivots",
                index,
                value: self.factors[index * (n + 1)],
            }),
        }
    }

    /// Replaces the columns of `rhs`, `n × k` column-major for any `k`, by the
    /// solutions of `A x = b`. Does not allocate.
    ///
    /// # Panics
    /// If the length of `rhs` is not a multiple of `n`, as slice indexing does.
    pub fn solve_in_place(&mut self, rhs: &mut [f64]) {
        let n = self.n;
        let columns = self.columns(rhs.len());
        for b in rhs.chunks_exact_mut(n.max(1)) {
            for (p, i) in self.permuted.iter_mut().zip(&self.permutation) {
                *p = b[*i];
            }
            b.copy_from_slice(&self.permuted);
        }
        let lu = MatRef::from_column_major_slice(&self.factors, n, n);
        let mut x = MatMut::from_column_major_slice_mut(rhs, n, columns);
        solve_unit_lower_triangular_in_place(lu, x.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(lu, x, Par::Seq);
    }

    /// As [`solve_in_place`](Self::solve_in_place), for `Aᵀ x = b`.
    ///
    /// # Panics
    /// If the length of `rhs` is not a multiple of `n`, as slice indexing does.
    pub fn solve_transposed_in_place(&mut self, rhs: &mut [f64]) {
        let n = self.n;
        let columns = self.columns(rhs.len());
        let lu = MatRef::from_column_major_slice(&self.factors, n, n).transpose();
        let mut x = MatMut::from_column_major_slice_mut(&mut *rhs, n, columns);
        solve_lower_triangular_in_place(lu, x.as_mut(), Par::Seq);
        solve_unit_upper_triangular_in_place(lu, x, Par::Seq);
        for b in rhs.chunks_exact_mut(n.max(1)) {
            for (p, i) in self.permuted.iter_mut().zip(&self.inverse) {
                *p = b[*i];
            }
            b.copy_from_slice(&self.permuted);
        }
    }

    fn columns(&self, len: usize) -> usize {
        let columns = len.checked_div(self.n).unwrap_or(0);
        assert_eq!(
            columns * self.n,
            len,
            "right-hand side: length is not a multiple of {}",
            self.n
        );
        columns
    }

    /// Sign and natural logarithm of the modulus of `det A`.
    #[must_use]
    pub fn sign_log_determinant(&self) -> (f64, f64) {
        let mut sign = 1.0;
        let mut log = 0.0;
        for pivot in self.factors.iter().step_by(self.n + 1) {
            sign *= pivot.signum();
            log += pivot.abs().ln();
        }
        // A cycle of even length is an odd permutation.
        for start in 0..self.n {
            let mut i = self.permutation[start];
            while i > start {
                i = self.permutation[i];
            }
            // `start` is the smallest of its cycle: count its length once.
            if i == start {
                let mut j = self.permutation[start];
                while j != start {
                    sign = -sign;
                    j = self.permutation[j];
                }
            }
        }
        (sign, log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use proptest::prelude::*;
    use rand::RngExt;

    fn random(n: usize, columns: usize, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, n as u64);
        (0..n * columns).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// `A x` for one column, or `Aᵀ x`.
    fn product(a: &[f64], x: &[f64], transposed: bool) -> Vec<f64> {
        let n = x.len();
        let entry = |i: usize, j: usize| if transposed { a[i * n + j] } else { a[j * n + i] };
        (0..n).map(|i| (0..n).map(|j| entry(i, j) * x[j]).sum()).collect()
    }

    /// Largest residual in units of `ε ‖A‖∞ ‖x‖∞ n`: backward stability.
    fn backward_error(a: &[f64], x: &[f64], b: &[f64], transposed: bool) -> f64 {
        let n = x.len();
        let norm = (0..n)
            .map(|i| (0..n).map(|j| a[j * n + i].abs().max(a[i * n + j].abs())).sum::<f64>())
            .fold(0.0, f64::max);
        let size = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let residual = product(a, x, transposed)
            .iter()
            .zip(b)
            .map(|(ax, b)| (ax - b).abs())
            .fold(0.0, f64::max);
        residual / (f64::EPSILON * norm * size * n as f64)
    }

    #[test]
    fn residuals_are_at_rounding_level() {
        for n in [1, 2, 3, 7, 16, 33, 100, 200] {
            let a = random(n, n, 1);
            let b = random(n, 3, 2);
            let mut lu = Lu::new(n);
            lu.factorize(&a).unwrap();
            for transposed in [false, true] {
                let mut x = b.clone();
                if transposed {
                    lu.solve_transposed_in_place(&mut x);
                } else {
                    lu.solve_in_place(&mut x);
                }
                for (x, b) in x.chunks_exact(n).zip(b.chunks_exact(n)) {
                    let error = backward_error(&a, x, b, transposed);
                    assert!(error < 10.0, "n = {n}, transposed {transposed}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_new_factorization_is_the_identity() {
        let mut lu = Lu::new(3);
        let mut x = [1.0, 2.0, 3.0];
        lu.solve_in_place(&mut x);
        lu.solve_transposed_in_place(&mut x);
        assert_eq!(x, [1.0, 2.0, 3.0]);
        assert_eq!(lu.sign_log_determinant(), (1.0, 0.0));
    }

    #[test]
    fn an_empty_system_is_solved() {
        let mut lu = Lu::new(0);
        lu.factorize(&[]).unwrap();
        lu.solve_in_place(&mut []);
        lu.solve_transposed_in_place(&mut []);
    }

    #[test]
    fn determinants_of_known_matrices() {
        // A cyclic shift of 4 is odd, of 3 is even.
        let shift = |n: usize| {
            let mut a = vec![0.0; n * n];
            (0..n).for_each(|j| a[j * n + (j + 1) % n] = 2.0);
            let mut lu = Lu::new(n);
            lu.factorize(&a).unwrap();
            lu.sign_log_determinant()
        };
        assert_eq!(shift(4).0, -1.0);
        assert_eq!(shift(3).0, 1.0);
        assert!((shift(4).1 - 4.0 * 2.0_f64.ln()).abs() < 1e-15);
        // Two transpositions and a fixed point: even, with one negative entry.
        let mut a = vec![0.0; 25];
        for (row, col, value) in [(1, 0, 1.0), (0, 1, 1.0), (3, 2, 1.0), (2, 3, 1.0), (4, 4, -1.0)]
        {
            a[col * 5 + row] = value;
        }
        let mut lu = Lu::new(5);
        lu.factorize(&a).unwrap();
        assert_eq!(lu.sign_log_determinant(), (-1.0, 0.0));
    }

    #[test]
    fn singular_matrices_are_reported() {
        let mut lu = Lu::new(3);
        let zero = lu.factorize(&[0.0; 9]);
        assert!(matches!(zero, Err(Error::Singular { index: 0, .. })), "{zero:?}");
        let rank_one = lu.factorize(&[1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0, 2.0, 4.0]);
        assert!(matches!(rank_one, Err(Error::Singular { index: 1, .. })), "{rank_one:?}");
        // A good matrix afterwards is factorized as if nothing had happened.
        lu.factorize(&[2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0]).unwrap();
        let mut x = [2.0, 4.0, 6.0];
        lu.solve_in_place(&mut x);
        assert_eq!(x, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn bad_input_is_an_error_and_keeps_the_factors() {
        let mut lu = Lu::new(2);
        lu.factorize(&[2.0, 0.0, 0.0, 4.0]).unwrap();
        assert!(matches!(
            lu.factorize(&[1.0; 3]),
            Err(Error::Dimension { expected: 4, found: 3, .. })
        ));
        assert!(matches!(
            lu.factorize(&[1.0, f64::NAN, 0.0, 1.0]),
            Err(Error::NotFinite { index: 1, .. })
        ));
        let mut x = [2.0, 4.0];
        lu.solve_in_place(&mut x);
        assert_eq!(x, [1.0, 1.0]);
        let huge = f64::MAX;
        assert!(lu.factorize(&[huge, huge, huge, -huge]).is_err());
        assert!(lu.factorize_with(|a| a.fill(f64::INFINITY)).is_err());
    }

    #[test]
    fn nothing_is_allocated_after_construction() {
        for n in [2, 40, 160] {
            let a = random(n, n, 3);
            let mut x = random(n, 4, 4);
            let mut lu = Lu::new(n);
            let mut work = |x: &mut [f64]| {
                lu.factorize(&a).unwrap();
                lu.solve_in_place(x);
                lu.solve_transposed_in_place(x);
                lu.solve_in_place(&mut x[..n]);
            };
            // The first product on a thread sets up faer's packing buffers.
            work(&mut x);
            let info = allocation_counter::measure(|| work(&mut x));
            assert_eq!(info.count_total, 0, "n = {n}");
        }
    }

    proptest! {
        #[test]
        fn any_finite_matrix_solves_or_errs(
            n in 1_usize..6,
            entries in prop::collection::vec(-1e3..1e3_f64, 25),
            zero in 0_usize..50,
        ) {
            let mut a = entries[..n * n].to_vec();
            if zero < a.len() {
                a[zero] = 0.0;
            }
            let b = entries[25 - n..].to_vec();
            let mut lu = Lu::new(n);
            if lu.factorize(&a).is_ok() {
                let mut x = b.clone();
                lu.solve_in_place(&mut x);
                prop_assert!(backward_error(&a, &x, &b, false) < 100.0);
            }
        }
    }
}
