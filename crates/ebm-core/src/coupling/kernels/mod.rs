//! The inner loops of the couplings, compiled once for `f32` and once for
//! `f64` in this crate, so that no caller instantiates them again.

mod fused;
mod inner;
mod packed;
mod product;
mod sweep;
mod symmetric;

pub(crate) use fused::Avx2Fma;
pub(crate) use inner::{interleave, interleaved_len, sums_len};
pub(crate) use packed::PackedOnce;
pub(crate) use product::{Columns, Side};
pub(crate) use sweep::Csr;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::vector_math::Level;

/// The loops a scalar type must provide. A supertrait of [`Real`](crate::Real), invisible
/// outside the crate.
pub trait Kernels: Sized {
    /// `out = op(a) b`, where `b` has `count` columns and `op` transposes if
    /// `side` says so.
    #[doc(hidden)]
    fn dense_product(side: Side, a: Columns<'_, Self>, b: &[Self], count: usize, out: &mut [Self]);

    /// `out = α a b` after nothing or what `out` holds.
    #[doc(hidden)]
    fn matrix_product(
        accumulate: Accum,
        alpha: Self,
        a: MatRef<'_, Self>,
        b: MatRef<'_, Self>,
        out: MatMut<'_, Self>,
    );

    /// `out = W x` for a packed `n × n` matrix and the columns of `x`.
    #[doc(hidden)]
    fn packed_product(
        simd: Avx2Fma,
        n: usize,
        lines: &[Self],
        x: &[Self],
        interleaved: &mut [Self],
        out: &mut [Self],
    );

    /// `out = Aᵀ B` for interleaved columns of `B`.
    #[doc(hidden)]
    fn inner_products(
        simd: Avx2Fma,
        n: usize,
        a: &[Self],
        interleaved: &[Self],
        count: usize,
        sums: &mut [Self],
        out: &mut [Self],
    );

    /// `out = W x` for a symmetric `W`.
    #[doc(hidden)]
    fn symmetric_product(w: Columns<'_, Self>, x: &[Self], out: &mut [Self]);

    /// `out = W x` for every one of `replicas` interleaved vectors.
    #[doc(hidden)]
    fn sparse_sweep(w: Csr<'_, Self>, x: &[Self], out: &mut [Self], replicas: usize);
}

impl Kernels for f32 {
    fn dense_product(side: Side, a: Columns<'_, f32>, b: &[f32], count: usize, out: &mut [f32]) {
        product::product(side, a, b, count, out);
    }
    fn matrix_product(
        accumulate: Accum,
        alpha: f32,
        a: MatRef<'_, f32>,
        b: MatRef<'_, f32>,
        out: MatMut<'_, f32>,
    ) {
        matmul(out, accumulate, a, b, alpha, Par::Seq);
    }
    fn packed_product(
        simd: Avx2Fma,
        n: usize,
        lines: &[f32],
        x: &[f32],
        interleaved: &mut [f32],
        out: &mut [f32],
    ) {
        fused::run(simd, packed::Product { n, lines, x, interleaved, out });
    }
    fn inner_products(
        simd: Avx2Fma,
        n: usize,
        a: &[f32],
        interleaved: &[f32],
        count: usize,
        sums: &mut [f32],
        out: &mut [f32],
    ) {
        fused::run(simd, inner::Product { n, a, interleaved, count, sums, out });
    }
    fn symmetric_product(w: Columns<'_, f32>, x: &[f32], out: &mut [f32]) {
        symmetric::symmetric_product(Level::detect(), w, x, out);
    }
    fn sparse_sweep(w: Csr<'_, f32>, x: &[f32], out: &mut [f32], replicas: usize) {
        sweep::sweep(Level::detect(), w, x, out, replicas);
    }
}

impl Kernels for f64 {
    fn dense_product(side: Side, a: Columns<'_, f64>, b: &[f64], count: usize, out: &mut [f64]) {
        product::product(side, a, b, count, out);
    }
    fn matrix_product(
        accumulate: Accum,
        alpha: f64,
        a: MatRef<'_, f64>,
        b: MatRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) {
        matmul(out, accumulate, a, b, alpha, Par::Seq);
    }
    fn packed_product(
        simd: Avx2Fma,
        n: usize,
        lines: &[f64],
        x: &[f64],
        interleaved: &mut [f64],
        out: &mut [f64],
    ) {
        fused::run(simd, packed::Product { n, lines, x, interleaved, out });
    }
    fn inner_products(
        simd: Avx2Fma,
        n: usize,
        a: &[f64],
        interleaved: &[f64],
        count: usize,
        sums: &mut [f64],
        out: &mut [f64],
    ) {
        fused::run(simd, inner::Product { n, a, interleaved, count, sums, out });
    }
    fn symmetric_product(w: Columns<'_, f64>, x: &[f64], out: &mut [f64]) {
        symmetric::symmetric_product(Level::detect(), w, x, out);
    }
    fn sparse_sweep(w: Csr<'_, f64>, x: &[f64], out: &mut [f64], replicas: usize) {
        sweep::sweep(Level::detect(), w, x, out, replicas);
    }
}
