//! A square matrix times many vectors, the matrix packed once for all products.
//!
//! ```text
//! y_ic ← fma(W_ij, x_jc, y_ic)   for j = 0, 1, …, n − 1, from y_ic = 0
//! ```
//!
//! Every component is one chain of fused multiply–adds in the order of `j`, so
//! its bits depend on its row of `W` and its column of `X` alone: not on the
//! number of columns, nor on how they are blocked. They are the same wherever
//! this kernel runs, on every x86-64 machine with AVX2 and FMA. Elsewhere there
//! is no [`Packed`], and the product is faer's.
//!
//! The matrix is cut into panels of as many rows as a cache line holds, and
//! these lie one after the other as the product reads them: a library that is
//! handed a matrix copies it so at every product, which for few columns takes
//! as long as the arithmetic. The vectors are interleaved, up to six together; a
//! panel of rows and a group of columns meet in a tile of registers.
//!
//! Source: K. Goto and R. A. van de Geijn, *Anatomy of High-Performance Matrix
//! Multiplication*, ACM TOMS 34, 12 (2008), doi:10.1145/1356052.1356053.

use std::sync::OnceLock;

use super::Columns;
use super::fused::{Avx2Fma, FusedKernel, Lanes, ROW_VECTORS};
use crate::coupling::storage::Storage;
use crate::{Real, Workspace};

/// Most columns of a tile: with two vectors of rows they fill twelve of the
/// sixteen registers; two more hold the rows and one the column's entry.
const COLUMNS: usize = 6;

/// Columns of `W` in one pass over the rows: a panel of them fills the nearest
/// cache, and the tile of sums is stored between passes.
const PASS: usize = 512;

/// The packed copy of a matrix, made at its first product.
///
/// A copy of this starts empty, and all are equal: it follows from the matrix.
#[derive(Debug, Default)]
pub(crate) struct PackedOnce<T>(OnceLock<Option<Packed<T>>>);

impl<T: Real> PackedOnce<T> {
    /// Nothing where the machine lacks the instructions or the memory.
    pub(crate) fn get(&self, w: Columns<'_, T>) -> Option<&Packed<T>> {
        self.0.get_or_init(|| Packed::new(w)).as_ref()
    }
}

impl<T> Clone for PackedOnce<T> {
    fn clone(&self) -> Self {
        Self(OnceLock::new())
    }
}

impl<T> PartialEq for PackedOnce<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// A square matrix in the order in which a product reads it.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    n: usize,
    /// One cache line a column: for every pass, for every panel of rows, the
    /// panel's part of each column of the pass.
    lines: Storage<T>,
    simd: Avx2Fma,
}

impl<T: Real> Packed<T> {
    fn new(w: Columns<'_, T>) -> Option<Self> {
        let simd = Avx2Fma::detect()?;
        let (n, height) = (w.rows, 64 / size_of::<T>());
        let count = n.div_ceil(height).checked_mul(n)?;
        let mut lines = Storage::zeros("packed coupling", height, count).ok()?;
        let mut to = 0;
        for pass in (0..n).step_by(PASS) {
            for row in (0..n).step_by(height) {
                let rows = height.min(n - row);
                for j in pass..(pass + PASS).min(n) {
                    lines.column_mut(to)[..rows].copy_from_slice(&w.column(j)[row..row + rows]);
                    to += 1;
                }
            }
        }
        Some(Self { n, lines, simd })
    }

    /// `out = W x` for `x` with `count` columns.
    pub(crate) fn product(&self, x: &[T], count: usize, out: &mut [T], ws: &mut Workspace<T>) {
        assert_eq!(x.len(), self.n * count, "states: dimension × columns");
        assert_eq!(out.len(), x.len(), "output: as long as the input");
        let (interleaved, _) = ws.take(x.len());
        T::packed_product(self.simd, self.n, self.lines.view().data, x, interleaved, out);
    }
}

/// First column and width of each group: as few groups as possible, as even as
/// possible, because a narrow tile cannot hide the latency of its sums.
#[inline(always)]
fn groups(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let groups = count.div_ceil(COLUMNS);
    let (width, wider) = (count / groups.max(1), count % groups.max(1));
    (0..groups).map(move |g| (g * width + g.min(wider), width + usize::from(g < wider)))
}

/// The product of a packed matrix; `lines` as in [`Packed`].
pub(super) struct Product<'a, T> {
    pub(super) n: usize,
    pub(super) lines: &'a [T],
    pub(super) x: &'a [T],
    pub(super) interleaved: &'a mut [T],
    pub(super) out: &'a mut [T],
}

impl<T: Real> FusedKernel<T> for Product<'_, T> {
    #[inline(always)]
    fn run<S: Lanes<T>>(self, simd: S) {
        product(simd, self.n, self.lines, self.x, self.interleaved, self.out);
    }
}

#[inline(always)]
fn product<T: Real, S: Lanes<T>>(
    simd: S,
    n: usize,
    lines: &[T],
    x: &[T],
    interleaved: &mut [T],
    out: &mut [T],
) {
    let count = x.len() / n;
    for (first, width) in groups(count) {
        let range = first * n..(first + width) * n;
        let (x, to) = (&x[range.clone()], &mut interleaved[range]);
        match width {
            1 => to.copy_from_slice(x),
            2 => interleave::<T, 2>(x, to),
            3 => interleave::<T, 3>(x, to),
            4 => interleave::<T, 4>(x, to),
            5 => interleave::<T, 5>(x, to),
            _ => interleave::<T, COLUMNS>(x, to),
        }
    }
    let height = ROW_VECTORS * S::LANES;
    let mut rest = lines;
    for pass in (0..n).step_by(PASS) {
        let len = PASS.min(n - pass);
        for row in (0..n).step_by(height) {
            let (panel, following) = rest.split_at(len * height);
            rest = following;
            let at = Place { n, rows: height.min(n - row), first: pass == 0 };
            for (first, width) in groups(count) {
                let x = &interleaved[first * n + pass * width..][..len * width];
                let out = &mut out[first * n + row..];
                match width {
                    1 => tile::<T, S, 1>(simd, panel, x, out, at),
                    2 => tile::<T, S, 2>(simd, panel, x, out, at),
                    3 => tile::<T, S, 3>(simd, panel, x, out, at),
                    4 => tile::<T, S, 4>(simd, panel, x, out, at),
                    5 => tile::<T, S, 5>(simd, panel, x, out, at),
                    _ => tile::<T, S, COLUMNS>(simd, panel, x, out, at),
                }
            }
        }
    }
}

/// `C` columns, one after the other, to rows of `C`.
#[inline(always)]
fn interleave<T: Real, const C: usize>(x: &[T], to: &mut [T]) {
    let n = x.len() / C;
    let columns: [&[T]; C] = std::array::from_fn(|c| &x[c * n..][..n]);
    for (j, to) in to.as_chunks_mut::<C>().0.iter_mut().enumerate().take(n) {
        for (to, column) in to.iter_mut().zip(columns) {
            *to = column[j];
        }
    }
}

/// Where a tile lies in the result.
#[derive(Clone, Copy)]
struct Place {
    n: usize,
    /// Rows that exist; the others of the panel are padding.
    rows: usize,
    /// Whether the sums start here, or continue those of the pass before.
    first: bool,
}

/// A panel of rows times `C` interleaved columns.
#[inline(always)]
fn tile<T: Real, S: Lanes<T>, const C: usize>(
    simd: S,
    panel: &[T],
    x: &[T],
    out: &mut [T],
    at: Place,
) {
    let height = ROW_VECTORS * S::LANES;
    // Holds the rows of any tile, those of padding included.
    let mut edge = [T::ZERO; 16];
    let mut sums = [[simd.splat(T::ZERO); ROW_VECTORS]; C];
    if !at.first {
        for (c, sums) in sums.iter_mut().enumerate() {
            edge[..at.rows].copy_from_slice(&out[c * at.n..][..at.rows]);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = simd.load(&edge[v * S::LANES..]);
            }
        }
    }
    for (line, x) in panel.chunks_exact(height).zip(x.as_chunks::<C>().0) {
        let rows: [_; ROW_VECTORS] = std::array::from_fn(|v| simd.load(&line[v * S::LANES..]));
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = simd.splat(*x);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = simd.fma(row, x, *sum);
            }
        }
    }
    for (c, sums) in sums.into_iter().enumerate() {
        for (v, sum) in sums.into_iter().enumerate() {
            simd.store(sum, &mut edge[v * S::LANES..]);
        }
        out[c * at.n..][..at.rows].copy_from_slice(&edge[..at.rows]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::super::fused::Portable;
    use super::*;
    use crate::random::stream;

    /// The definition, in safe code for any machine.
    fn naive<T: Real>(fma: fn(T, T, T) -> T, w: &[T], x: &[T], n: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(x.len());
        for x in x.chunks_exact(n) {
            out.extend((0..n).map(|i| {
                x.iter().enumerate().fold(T::ZERO, |sum, (j, x)| fma(w[i + j * n], *x, sum))
            }));
        }
        out
    }

    /// NaN equals NaN, whatever its payload; zeros differ by their sign.
    fn bits<T: Real>(values: &[T]) -> Vec<u64> {
        let bits = |v: &T| if v.to_f64().is_nan() { u64::MAX } else { v.to_f64().to_bits() };
        values.iter().map(bits).collect()
    }

    fn check<T: Real>(fma: fn(T, T, T) -> T, n: usize, count: usize, special: &[f64])
    where
        Portable: Lanes<T>,
    {
        let mut rng = stream(5, (n * 1000 + count) as u64);
        let mut draw = || T::from_f64(rng.random_range(-1.0..1.0));
        // No symmetry: the kernel does not use it, and transposition would show.
        let w: Vec<T> = (0..n * n).map(|_| draw()).collect();
        let mut x: Vec<T> = (0..n * count).map(|_| draw()).collect();
        for (k, value) in special.iter().enumerate() {
            let len = x.len();
            if let Some(x) = x.get_mut((k * 7919 + 3) % len.max(1)) {
                *x = T::from_f64(*value);
            }
        }
        let Some(packed) = Packed::new(Columns::packed(&w, n)) else {
            return;
        };
        let ws = &mut Workspace::new();
        let mut out = vec![T::ONE; x.len()];
        packed.product(&x, count, &mut out, ws);
        assert_eq!(bits(&out), bits(&naive(fma, &w, &x, n)), "n = {n}, {count} columns");
        let mut twin = vec![T::ONE; x.len()];
        let interleaved = &mut vec![T::ZERO; x.len()];
        product(Portable, n, packed.lines.view().data, &x, interleaved, &mut twin);
        assert_eq!(bits(&twin), bits(&out), "twin, n = {n}, {count} columns");
        // Any part of the batch alone.
        for part in [1, 3] {
            let (x, whole) = (&x[..n * part.min(count)], &out[..n * part.min(count)]);
            let mut out = vec![T::ONE; x.len()];
            packed.product(x, part.min(count), &mut out, ws);
            assert_eq!(bits(&out), bits(whole), "n = {n}, {part} of {count} columns");
        }
    }

    #[test]
    fn every_size_is_the_chain_of_fused_operations() {
        for n in 1..=70 {
            for count in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 64, 70 - n % 7] {
                check::<f64>(f64::mul_add, n, count, &[]);
                check::<f32>(f32::mul_add, n, count, &[]);
            }
        }
        for count in 1..=70 {
            check::<f64>(f64::mul_add, 13, count, &[]);
            check::<f32>(f32::mul_add, 33, count, &[]);
        }
    }

    #[test]
    fn sums_continue_from_pass_to_pass() {
        for n in [PASS - 1, PASS, PASS + 1, PASS + 9, 2 * PASS + 3] {
            check::<f64>(f64::mul_add, n, 7, &[]);
            check::<f32>(f32::mul_add, n, 4, &[]);
        }
    }

    #[test]
    fn what_is_not_finite_stays_in_its_column() {
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e308, -1e308];
        for n in [1, 7, 8, 9, 31] {
            for count in [1, 5, 32] {
                check::<f64>(f64::mul_add, n, count, &special);
                check::<f32>(f32::mul_add, n, count, &special);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_shape(n in 1_usize..70, count in 0_usize..70, special in any::<f64>()) {
            check::<f64>(f64::mul_add, n, count, &[special]);
            check::<f32>(f32::mul_add, n, count, &[special]);
        }
    }

    #[test]
    fn groups_are_even_and_complete() {
        for count in 0..100 {
            let mut next = 0;
            for (first, width) in groups(count) {
                assert_eq!(first, next);
                assert!((1..=COLUMNS).contains(&width));
                assert!(count < COLUMNS || width >= COLUMNS / 2);
                next += width;
            }
            assert_eq!(next, count);
        }
    }
}
