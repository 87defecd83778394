//! Dense products by faer.
//!
//! ```text
//! Y = A B     or     Y = Aᵀ B
//! ```

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::Real;

/// Whether the left factor is transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `A B`
    Plain,
    /// `Aᵀ B`
    Transposed,
}

pub(super) fn product<T: Real>(
    side: Side,
    a: &[T],
    rows: usize,
    cols: usize,
    b: &[T],
    count: usize,
    out: &mut [T],
) {
    let a = MatRef::from_column_major_slice(a, rows, cols);
    let a = if side == Side::Transposed { a.transpose() } else { a };
    let b = MatRef::from_column_major_slice(b, a.ncols(), count);
    let out = MatMut::from_column_major_slice_mut(out, a.nrows(), count);
    matmul(out, Accum::Replace, a, b, T::ONE, Par::Seq);
}
