//! Dense products by faer.
//!
//! ```text
//! Y = A B     or     Y = Aᵀ B
//! ```

use faer::{Accum, MatMut, MatRef};

use crate::Real;

/// A column-major matrix: entry `(i, j)` at `i + j · stride`.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) stride: usize,
}

impl<'a, T: Real> Columns<'a, T> {
    /// Columns without gaps.
    pub(crate) fn packed(data: &'a [T], rows: usize) -> Self {
        Self { data, rows, cols: data.len() / rows, stride: rows }
    }

    /// Column `j`.
    #[inline(always)]
    pub(crate) fn column(&self, j: usize) -> &'a [T] {
        &self.data[j * self.stride..][..self.rows]
    }

    /// A view for faer.
    pub(crate) fn as_faer(self) -> MatRef<'a, T> {
        let Self { data, rows, cols, stride } = self;
        MatRef::from_column_major_slice_with_stride(data, rows, cols, stride)
    }
}

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
    a: Columns<'_, T>,
    b: &[T],
    count: usize,
    out: &mut [T],
) {
    let a = a.as_faer();
    let a = if side == Side::Transposed { a.transpose() } else { a };
    let b = MatRef::from_column_major_slice(b, a.ncols(), count);
    let out = MatMut::from_column_major_slice_mut(out, a.nrows(), count);
    T::matrix_product(Accum::Replace, T::ONE, a, b, out);
}
