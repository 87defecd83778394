//! All scalar products of the columns of a fixed matrix with those of many
//! others.
//!
//! ```text
//! C = Aᵀ B
//! ```
//!
//! `B` is laid out once, for matrices `A` that come one after the other, such
//! as the parts of a matrix too large to be multiplied at once.

use crate::Real;
use crate::coupling::kernels::{Avx2Fma, interleave, interleaved_len, sums_len};
use crate::linalg::multiply_transposed;

/// The factor `B`, with all memory that the products need.
///
/// An entry of the product has the same bits whatever other columns there are,
/// on every x86-64 machine with AVX2 and FMA; elsewhere products are faer's.
///
/// ```
/// use ebm_core::linalg::InnerProducts;
/// let mut b = InnerProducts::new(3, 2, 2);
/// b.load(&[1.0, 2.0, 3.0, 0.0, 1.0, 0.0]);
/// let mut out = [0.0; 4];
/// b.multiply_transposed(&[1.0, 1.0, 1.0, 1.0, 0.0, -1.0], &mut out);
/// assert_eq!(out, [6.0, -2.0, 1.0, 0.0]);
/// ```
#[derive(Debug, Clone)]
pub struct InnerProducts<T> {
    simd: Option<Avx2Fma>,
    rows: usize,
    count: usize,
    /// Interleaved if there is `simd`, otherwise plain.
    columns: Vec<T>,
    sums: Vec<T>,
}

impl<T: Real> InnerProducts<T> {
    /// Room for up to `count` columns of length `rows` in `B` and up to `parts`
    /// in each `A`.
    ///
    /// # Panics
    /// If `rows` is zero.
    #[must_use]
    pub fn new(rows: usize, count: usize, parts: usize) -> Self {
        assert!(rows > 0, "columns have entries");
        let simd = Avx2Fma::detect();
        let sums = if simd.is_some() { sums_len::<T>(parts, count) } else { 0 };
        let columns = vec![T::ZERO; interleaved_len::<T>(rows, count)];
        Self { simd, rows, count: 0, columns, sums: vec![T::ZERO; sums] }
    }

    /// Takes the columns of `b` for `B`.
    ///
    /// # Panics
    /// If `b` does not consist of whole columns, or of more than there is room
    /// for.
    pub fn load(&mut self, b: &[T]) {
        assert!(b.len().is_multiple_of(self.rows), "whole columns");
        self.count = b.len() / self.rows;
        if self.simd.is_some() {
            interleave(self.rows, b, &mut self.columns);
        } else {
            self.columns[..b.len()].copy_from_slice(b);
        }
    }

    /// `out ← Aᵀ B`.
    ///
    /// # Panics
    /// If `a` does not consist of whole columns, or of more than there is room
    /// for, or `out` has not an entry for each pair of columns.
    pub fn multiply_transposed(&mut self, a: &[T], out: &mut [T]) {
        assert!(a.len().is_multiple_of(self.rows), "whole columns");
        let parts = a.len() / self.rows;
        assert_eq!(out.len(), parts * self.count, "an entry for each pair of columns");
        match self.simd {
            Some(simd) => {
                let Self { rows, count, columns, sums, .. } = self;
                T::inner_products(simd, *rows, a, columns, *count, sums, out);
            }
            None => {
                let b = &self.columns[..self.rows * self.count];
                multiply_transposed(a, b, out, self.rows);
            }
        }
    }
}
