//! A symmetric matrix times a vector, reading half of the matrix.
//!
//! ```text
//! for j:  y_j += W_jj x_j,   and for i > j:  y_i += W_ij x_j,   y_j += W_ij x_i
//! ```
//!
//! Large matrices are limited by the memory that holds them; every entry below
//! the diagonal is read once and used twice, four columns at a time. Small ones
//! are in the cache, where reading all of them in order is quicker. Which way
//! is taken depends on the size alone, and neither fuses multiplication with
//! addition: the bits are the same on every machine.
//!
//! Source: `xSYMV` of the second-level BLAS, J. J. Dongarra et al., ACM TOMS 14,
//! 1 (1988), doi:10.1145/42288.42291.

use std::array::from_fn;

use super::Columns;
use crate::Real;
use crate::vector_math::Level;
use crate::vector_math::kernel::{Kernel, run};

/// Columns visited together.
const COLUMNS: usize = 4;

/// Matrices up to this many bytes are read whole.
const SMALL: usize = 512 * 1024;

/// `out = W x` for a symmetric `W`, both triangles stored.
pub(super) fn symmetric_product<T: Real>(level: Level, w: Columns<'_, T>, x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), w.rows, "state: as long as the dimension");
    assert_eq!(out.len(), x.len(), "output: as long as the input");
    if w.rows * w.rows * size_of::<T>() <= SMALL {
        run(level, Whole { w, x, out });
    } else if size_of::<T>() == 4 {
        run(level, Lower::<T, 8> { w, x, out });
    } else {
        run(level, Lower::<T, 4> { w, x, out });
    }
}

/// Adds the columns to the result, four in one pass over it.
struct Whole<'a, T> {
    w: Columns<'a, T>,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Whole<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { w, x, out } = self;
        out.fill(T::ZERO);
        let (groups, rest) = x.as_chunks::<COLUMNS>();
        for (at, x) in groups.iter().enumerate() {
            let [a, b, c, d] = from_fn(|k| w.column(at * COLUMNS + k));
            add_columns(*x, a, b, c, d, out);
        }
        for (k, x) in rest.iter().enumerate() {
            for (out, w) in out.iter_mut().zip(w.column(groups.len() * COLUMNS + k)) {
                *out += *w * *x;
            }
        }
    }
}

/// `out += x₀ a + x₁ b + x₂ c + x₃ d`. Five arguments and not an array of
/// slices: so the compiler knows that `out` overlaps none of the others.
#[inline(always)]
fn add_columns<T: Real>(x: [T; COLUMNS], a: &[T], b: &[T], c: &[T], d: &[T], out: &mut [T]) {
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = *out + *a * x[0] + *b * x[1] + *c * x[2] + *d * x[3];
    }
}

/// Reads the lower triangle, in chunks of `L` rows.
struct Lower<'a, T, const L: usize> {
    w: Columns<'a, T>,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real, const L: usize> Kernel for Lower<'_, T, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { w, x, out } = self;
        let n = x.len();
        // The last rows, too few for a chunk, are taken as columns below.
        let whole = n - n % L;
        out.fill(T::ZERO);
        for j in (0..whole).step_by(COLUMNS) {
            let below = j + COLUMNS;
            let chunks = below.next_multiple_of(L);
            let columns: [&[T]; COLUMNS] = from_fn(|k| w.column(j + k));
            let here: [T; COLUMNS] = from_fn(|k| x[j + k]);
            let (head, tail) = out.split_at_mut(chunks);
            let mut dots = panel::<T, L, COLUMNS>(
                columns.map(|column| &column[chunks..whole]),
                here,
                &x[chunks..whole],
                &mut tail[..whole - chunks],
            );
            for k in 0..COLUMNS {
                for i in j..chunks {
                    let w = columns[k][i];
                    dots[k] += w * x[i];
                    if i >= below {
                        head[i] += w * here[k];
                    }
                }
                head[j + k] += dots[k];
            }
        }
        let (head, tail) = out.split_at_mut(whole);
        for (j, out) in (whole..n).zip(tail) {
            let column = w.column(j);
            let [mut dot] = panel::<T, L, 1>([&column[..whole]], [x[j]], &x[..whole], &mut *head);
            for i in whole..n {
                dot += column[i] * x[i];
            }
            *out += dot;
        }
    }
}

/// `y += Σ_k w_k here_k`; returns every `w_k · x`. Lengths are multiples of `L`.
#[inline(always)]
fn panel<T: Real, const L: usize, const C: usize>(
    w: [&[T]; C],
    here: [T; C],
    x: &[T],
    y: &mut [T],
) -> [T; C] {
    let chunks = y.len() / L;
    let y = &mut y.as_chunks_mut::<L>().0[..chunks];
    let x = &x.as_chunks::<L>().0[..chunks];
    let w: [&[[T; L]]; C] = w.map(|w| &w.as_chunks::<L>().0[..chunks]);
    let mut dots = [[T::ZERO; L]; C];
    for at in 0..chunks {
        let (x, mut sums) = (x[at], y[at]);
        for k in 0..C {
            let w = w[k][at];
            for l in 0..L {
                sums[l] += w[l] * here[k];
            }
            for l in 0..L {
                dots[k][l] += w[l] * x[l];
            }
        }
        y[at] = sums;
    }
    lane_sums(&dots)
}

/// Apart, so that the compiler keeps the lanes of a dot product in one register
/// instead of laying them out for this sum.
#[inline(never)]
fn lane_sums<T: Real, const L: usize, const C: usize>(dots: &[[T; L]; C]) -> [T; C] {
    dots.map(|lanes| lanes.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use rand::RngExt;

    fn check<T: Real, const L: usize>(n: usize) {
        let mut rng = stream(4, n as u64);
        let mut draw = || T::from_f64(rng.random_range(-1.0..1.0));
        let mut w = vec![T::ZERO; n * n];
        for j in 0..n {
            for i in 0..=j {
                w[i + j * n] = draw();
                w[j + i * n] = w[i + j * n];
            }
        }
        let x: Vec<T> = (0..n).map(|_| draw()).collect();
        let columns = Columns::packed(&w, n);
        let product = |kernel: fn(Level, Columns<'_, T>, &[T], &mut [T])| {
            let outs = [Level::Baseline, Level::Avx2, Level::Avx512].map(|level| {
                let mut out = vec![T::ONE; n];
                kernel(level, columns, &x, &mut out);
                out
            });
            assert!(outs[0] == outs[1] && outs[1] == outs[2], "levels differ, n = {n}");
            let [out, ..] = outs;
            out
        };
        let whole = product(|level, w, x, out| run(level, Whole { w, x, out }));
        let lower = product(|level, w, x, out| run(level, Lower::<T, L> { w, x, out }));
        let chosen = product(symmetric_product);
        for i in 0..n {
            let terms = || (0..n).map(|j| w[i + j * n].to_f64() * x[j].to_f64());
            let exact: f64 = terms().sum();
            let slack = n as f64 * T::EPSILON.to_f64() * terms().map(f64::abs).sum::<f64>();
            for out in [&whole, &lower, &chosen] {
                assert!((out[i].to_f64() - exact).abs() <= slack, "n = {n}, row {i}");
            }
        }
    }

    #[test]
    fn both_ways_are_the_product_at_every_level() {
        for n in (1..40).chain([63, 64, 65, 130, 300]) {
            check::<f64, 4>(n);
            check::<f32, 8>(n);
        }
    }
}
