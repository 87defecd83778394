//! Matrix products of column-major slices, in `f32` and `f64`, compiled once.
//!
//! ```text
//! C = A B,      C = Aᵀ B,      C += α A B,      C += α A Bᵀ
//! ```
//!
//! They run on the calling thread: callers are parallel over blocks of states.

use faer::{Accum, MatMut, MatRef};

use crate::Real;

/// `out ← A B` for `A` with `rows` rows: the columns of `A` weighted by each
/// column of `B`.
///
/// # Panics
/// If `rows` is zero, `a` is empty or the lengths do not fit each other.
pub fn multiply<T: Real>(a: &[T], b: &[T], out: &mut [T], rows: usize) {
    product(Accum::Replace, T::ONE, a, b, out, rows);
}

/// `out ← out + α A B` for `A` with `rows` rows.
///
/// # Panics
/// If `rows` is zero, `a` is empty or the lengths do not fit each other.
pub fn add_multiply<T: Real>(alpha: T, a: &[T], b: &[T], out: &mut [T], rows: usize) {
    product(Accum::Add, alpha, a, b, out, rows);
}

fn product<T: Real>(accumulate: Accum, alpha: T, a: &[T], b: &[T], out: &mut [T], rows: usize) {
    let inner = a.len() / rows;
    let count = b.len() / inner;
    let a = MatRef::from_column_major_slice(a, rows, inner);
    let b = MatRef::from_column_major_slice(b, inner, count);
    let out = MatMut::from_column_major_slice_mut(out, rows, count);
    T::matrix_product(accumulate, alpha, a, b, out);
}

/// `out ← Aᵀ B` for `A` and `B` with `rows` rows: all scalar products of their
/// columns.
///
/// # Panics
/// If `rows` is zero or the lengths do not fit each other.
pub fn multiply_transposed<T: Real>(a: &[T], b: &[T], out: &mut [T], rows: usize) {
    let (cols, count) = (a.len() / rows, b.len() / rows);
    let a = MatRef::from_column_major_slice(a, rows, cols);
    let b = MatRef::from_column_major_slice(b, rows, count);
    let out = MatMut::from_column_major_slice_mut(out, cols, count);
    T::matrix_product(Accum::Replace, T::ONE, a.transpose(), b, out);
}

/// `out ← out + α A Bᵀ` for `A` and `B` with `count` columns: the sum of the
/// outer products of their columns.
///
/// # Panics
/// If `count` is zero or the lengths do not fit each other.
pub fn add_outer<T: Real>(alpha: T, a: &[T], b: &[T], out: &mut [T], count: usize) {
    let (rows, cols) = (a.len() / count, b.len() / count);
    let a = MatRef::from_column_major_slice(a, rows, count);
    let b = MatRef::from_column_major_slice(b, cols, count);
    let out = MatMut::from_column_major_slice_mut(out, rows, cols);
    T::matrix_product(Accum::Add, alpha, a, b.transpose(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_agrees_with_double() {
        let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0f32, 0.0, -1.0, 2.0, 1.0, 0.5];
        let mut out = [0.0f32; 4];
        multiply(&a, &b, &mut out, 2);
        assert_eq!(out, [-4.0, -4.0, 7.5, 11.0]);
    }

    #[test]
    fn agrees_with_sums() {
        // A is 2 × 3, B is 3 × 2, both column-major.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, -1.0, 2.0, 1.0, 0.5];
        let mut out = [0.0; 4];
        multiply(&a, &b, &mut out, 2);
        assert_eq!(out, [-4.0, -4.0, 7.5, 11.0]);
        add_multiply(0.5, &a, &b, &mut out, 2);
        assert_eq!(out, [-6.0, -6.0, 11.25, 16.5]);
        // AᵀA for A as 3 × 2 columns (1 2 3), (4 5 6).
        multiply_transposed(&a, &a, &mut out, 3);
        assert_eq!(out, [14.0, 32.0, 32.0, 77.0]);
        // 1 + 2·(outer products of the three columns of A and of A).
        let mut out = [1.0; 4];
        add_outer(2.0, &a, &a, &mut out, 3);
        assert_eq!(out, [71.0, 89.0, 89.0, 113.0]);
    }
}
