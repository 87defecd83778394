//! Matrix products, compiled once.

use ebm_core::faer::linalg::matmul::matmul;
use ebm_core::faer::{Accum, MatMut, MatRef, Par};

/// `out ← AᵀX` for column-major `A` (`n × k`) and `X` (`n × b`).
pub(crate) fn transposed(a: &[f64], x: &[f64], out: &mut [f64], n: usize) {
    let (k, b) = (a.len() / n, x.len() / n);
    let a = MatRef::from_column_major_slice(a, n, k);
    let x = MatRef::from_column_major_slice(x, n, b);
    let out = MatMut::from_column_major_slice_mut(out, k, b);
    matmul(out, Accum::Replace, a.transpose(), x, 1.0, Par::Seq);
}

/// `out ← A X` for column-major `A` (`n × k`) and `X` (`k × b`).
pub(crate) fn plain(a: &[f64], x: &[f64], out: &mut [f64], n: usize) {
    let k = a.len() / n;
    let b = x.len() / k;
    let a = MatRef::from_column_major_slice(a, n, k);
    let x = MatRef::from_column_major_slice(x, k, b);
    let out = MatMut::from_column_major_slice_mut(out, n, b);
    matmul(out, Accum::Replace, a, x, 1.0, Par::Seq);
}
