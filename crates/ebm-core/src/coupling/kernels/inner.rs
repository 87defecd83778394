//! Scalar products of the columns of two matrices, one of them laid out once
//! for many of the other.
//!
//! ```text
//! c_kq ← fma(A_ik, B_iq, c_kq)   for i = 0, 1, …, n − 1, from c_kq = 0
//! ```
//!
//! Every entry is one chain of fused multiply–adds in the order of `i`, so its
//! bits depend on its two columns alone. The columns of `B` are interleaved, as
//! many as fill two registers; those of `A` are read where they lie, and each
//! entry is spread over a register. A library that is handed both copies `A`
//! into the order of its kernel at every product, which for few columns of `B`
//! takes a good part of the time.
//!
//! Source: K. Goto and R. A. van de Geijn, *Anatomy of High-Performance Matrix
//! Multiplication*, ACM TOMS 34, 12 (2008), doi:10.1145/1356052.1356053.

use super::fused::{FusedKernel, Lanes};
use crate::Real;

/// Columns of `A` in a tile: with three registers of columns of `B` they fill
/// twelve of the sixteen registers; three more hold `B` and one the entry of
/// `A`. Six with two registers were a fifth slower.
const ROWS: usize = 4;

/// Registers of columns of `B` in a tile.
const VECTORS: usize = 3;

/// Columns of `A` that meet one group of columns of `B` after the other, and
/// entries of a column in one pass: what they need stays in the cache.
const BLOCK: usize = 96;
const PASS: usize = 400;

/// Scalars of a register.
const fn lanes<T>() -> usize {
    32 / size_of::<T>()
}

/// Groups of columns: the first one and the number of registers.
#[inline(always)]
fn groups<T>(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let width = VECTORS * lanes::<T>();
    let vectors = move |first: usize| (count - first).div_ceil(lanes::<T>()).min(VECTORS);
    (0..count).step_by(width).map(move |first| (first, vectors(first)))
}

/// Length of the interleaved form of `count` columns of length `n`.
pub(crate) fn interleaved_len<T>(n: usize, count: usize) -> usize {
    n * count.next_multiple_of(lanes::<T>())
}

/// Length of the sums kept between passes for up to `rows` columns of `A`.
pub(crate) fn sums_len<T>(rows: usize, count: usize) -> usize {
    rows.min(BLOCK).next_multiple_of(ROWS) * count.next_multiple_of(lanes::<T>())
}

/// Interleaves the columns of `b`, of length `n`, with zeros in place of those
/// that fill up the last group.
pub(crate) fn interleave<T: Real>(n: usize, b: &[T], to: &mut [T]) {
    let count = b.len() / n;
    let mut rest = to;
    for (first, vectors) in groups::<T>(count) {
        let width = vectors * lanes::<T>();
        let (group, following) = rest.split_at_mut(n * width);
        rest = following;
        for lane in 0..width {
            let column = b[((first + lane) * n).min(b.len())..].get(..n);
            let to = group[lane..].iter_mut().step_by(width);
            match column {
                Some(column) => to.zip(column).for_each(|(to, x)| *to = *x),
                None => to.for_each(|to| *to = T::ZERO),
            }
        }
    }
}

/// `out = Aᵀ B` for the columns of `a`, of length `n`, and `count` interleaved
/// columns.
pub(super) struct Product<'a, T> {
    pub(super) n: usize,
    pub(super) a: &'a [T],
    pub(super) interleaved: &'a [T],
    pub(super) count: usize,
    pub(super) sums: &'a mut [T],
    pub(super) out: &'a mut [T],
}

impl<T: Real> FusedKernel<T> for Product<'_, T> {
    #[inline(always)]
    fn run<S: Lanes<T>>(self, simd: S) {
        product(simd, self.n, self.a, self.interleaved, self.count, self.sums, self.out);
    }
}

#[inline(always)]
fn product<T: Real, S: Lanes<T>>(
    simd: S,
    n: usize,
    a: &[T],
    interleaved: &[T],
    count: usize,
    sums: &mut [T],
    out: &mut [T],
) {
    let rows = a.len() / n;
    let each = n.div_ceil(n.div_ceil(PASS));
    for block in (0..rows).step_by(BLOCK) {
        let end = rows.min(block + BLOCK);
        for pass in (0..n).step_by(each) {
            let len = each.min(n - pass);
            let (mut b, mut sums) = (interleaved, &mut *sums);
            for (first, vectors) in groups::<T>(count) {
                let width = vectors * S::LANES;
                let (group, following) = b.split_at(n * width);
                b = following;
                let group = &group[pass * width..(pass + len) * width];
                for row in (block..end).step_by(ROWS) {
                    let (kept, following) = sums.split_at_mut(ROWS * width);
                    sums = following;
                    let place = Place { n, pass, len, row, rows, first, count };
                    let a = &a[row * n..];
                    match vectors {
                        1 => strip::<T, S, 1>(simd, a, group, kept, out, place, end - row),
                        2 => strip::<T, S, 2>(simd, a, group, kept, out, place, end - row),
                        _ => strip::<T, S, VECTORS>(simd, a, group, kept, out, place, end - row),
                    }
                }
            }
        }
    }
}

/// A tile of up to [`ROWS`] columns of `A`.
#[inline(always)]
fn strip<T: Real, S: Lanes<T>, const V: usize>(
    simd: S,
    a: &[T],
    b: &[T],
    kept: &mut [T],
    out: &mut [T],
    at: Place,
    rows: usize,
) {
    match rows {
        1 => tile::<T, S, 1, V>(simd, a, b, kept, out, at),
        2 => tile::<T, S, 2, V>(simd, a, b, kept, out, at),
        3 => tile::<T, S, 3, V>(simd, a, b, kept, out, at),
        _ => tile::<T, S, ROWS, V>(simd, a, b, kept, out, at),
    }
}

/// Where a tile lies.
#[derive(Clone, Copy)]
struct Place {
    n: usize,
    /// First entry of the pass.
    pass: usize,
    /// Entries of the pass.
    len: usize,
    /// First column of `A`.
    row: usize,
    /// Columns of `A`.
    rows: usize,
    /// First column of `B`.
    first: usize,
    /// Columns of `B`.
    count: usize,
}

/// `R` columns of `A` with `V` registers of columns of `B`, for one pass.
#[inline(always)]
fn tile<T: Real, S: Lanes<T>, const R: usize, const V: usize>(
    simd: S,
    a: &[T],
    b: &[T],
    kept: &mut [T],
    out: &mut [T],
    at: Place,
) {
    let width = V * S::LANES;
    let mut sums = [[simd.splat(T::ZERO); V]; R];
    if at.pass > 0 {
        for (sums, kept) in sums.iter_mut().zip(kept.chunks_exact(width)) {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = simd.load(&kept[v * S::LANES..]);
            }
        }
    }
    let columns: [&[T]; R] = std::array::from_fn(|r| &a[r * at.n + at.pass..][..at.len]);
    for (i, b) in b.chunks_exact(width).enumerate().take(at.len) {
        let b: [S::Vector; V] = std::array::from_fn(|v| simd.load(&b[v * S::LANES..]));
        for (sums, column) in sums.iter_mut().zip(columns) {
            let x = simd.splat(column[i]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.fma(x, b, *sum);
            }
        }
    }
    for (sums, kept) in sums.into_iter().zip(kept.chunks_exact_mut(width)) {
        for (v, sum) in sums.into_iter().enumerate() {
            simd.store(sum, &mut kept[v * S::LANES..]);
        }
    }
    if at.pass + at.len == at.n {
        for lane in 0..width.min(at.count - at.first) {
            let out = &mut out[(at.first + lane) * at.rows + at.row..][..R];
            for (r, out) in out.iter_mut().enumerate() {
                *out = kept[r * width + lane];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::super::fused::{Avx2Fma, Portable};
    use super::*;
    use crate::random::stream;

    fn check<T: Real>(fma: fn(T, T, T) -> T, n: usize, rows: usize, count: usize, special: &[f64])
    where
        Portable: Lanes<T>,
    {
        let mut rng = stream(6, (n * 1000 + count) as u64);
        let mut draw = || T::from_f64(rng.random_range(-1.0..1.0));
        let a: Vec<T> = (0..n * rows).map(|_| draw()).collect();
        let mut b: Vec<T> = (0..n * count).map(|_| draw()).collect();
        for (k, value) in special.iter().enumerate() {
            let len = b.len();
            if let Some(b) = b.get_mut((k * 7919 + 3) % len.max(1)) {
                *b = T::from_f64(*value);
            }
        }
        let mut interleaved = vec![T::ONE; interleaved_len::<T>(n, count)];
        interleave(n, &b, &mut interleaved);
        let mut sums = vec![T::ONE; sums_len::<T>(rows, count)];
        let mut twin = vec![T::ONE; rows * count];
        product(Portable, n, &a, &interleaved, count, &mut sums, &mut twin);
        let bits = |v: &T| if v.to_f64().is_nan() { u64::MAX } else { v.to_f64().to_bits() };
        for (q, b) in b.chunks_exact(n).enumerate() {
            for (k, a) in a.chunks_exact(n).enumerate() {
                let expected = a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| fma(*a, *b, sum));
                let found = twin[q * rows + k];
                assert_eq!(bits(&found), bits(&expected), "n = {n}, {rows} × {count}: {k}, {q}");
            }
        }
        if let Some(simd) = Avx2Fma::detect() {
            let mut out = vec![T::ONE; rows * count];
            T::inner_products(simd, n, &a, &interleaved, count, &mut sums, &mut out);
            for (out, twin) in out.iter().zip(&twin) {
                assert_eq!(bits(out), bits(twin), "n = {n}, {rows} × {count}");
            }
        }
    }

    #[test]
    fn every_size_is_the_chain_of_fused_operations() {
        for n in [1, 2, 7, 31] {
            for rows in [1, 2, 3, 4, 5, 7, 8, 12] {
                for count in 0..=35 {
                    check::<f64>(f64::mul_add, n, rows, count, &[]);
                    check::<f32>(f32::mul_add, n, rows, count, &[]);
                }
            }
        }
    }

    #[test]
    fn sums_continue_from_pass_to_pass() {
        for n in [PASS - 1, PASS, PASS + 1, 2 * PASS + 3] {
            check::<f64>(f64::mul_add, n, 13, 14, &[]);
            check::<f32>(f32::mul_add, n, 8, 33, &[]);
        }
        for rows in [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
            check::<f64>(f64::mul_add, 5, rows, 14, &[]);
            check::<f32>(f32::mul_add, PASS + 3, rows, 9, &[]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_not_finite_stays_in_its_column(
            n in 1_usize..40, rows in 1_usize..20, count in 1_usize..40, special in any::<f64>()
        ) {
            check::<f64>(f64::mul_add, n, rows, count, &[special, f64::NAN, f64::INFINITY]);
            check::<f32>(f32::mul_add, n, rows, count, &[special, f64::NAN, f64::INFINITY]);
        }
    }
}
