//! One pass over a compressed-row matrix, for one or many interleaved vectors.
//!
//! ```text
//! y[i, r] = Σ_j W[i, j] x[j, r],     x[j, r] stored at j·R + r,  R replicas
//! ```
//!
//! The replicas of one node are contiguous, so every stored entry is read once
//! and feeds whole vector registers. Each replica sums its row in stored order
//! with separate multiplication and addition: its bits depend neither on the
//! number of replicas nor on the instruction set.

use crate::Real;
use crate::vector_math::Level;
use crate::vector_math::kernel::{Kernel, run};

/// A compressed-row matrix: row `i` owns `starts[i]..starts[i + 1]`.
#[derive(Debug, Clone, Copy)]
pub struct Csr<'a, T> {
    pub(crate) starts: &'a [u32],
    pub(crate) columns: &'a [u32],
    pub(crate) weights: &'a [T],
}

impl<'a, T> Csr<'a, T> {
    /// The stored entries of row `i`.
    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> (&'a [u32], &'a [T]) {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        (&self.columns[range.clone()], &self.weights[range])
    }

    fn dim(&self) -> usize {
        self.starts.len() - 1
    }
}

pub(super) fn sweep<T: Real>(level: Level, w: Csr<'_, T>, x: &[T], out: &mut [T], replicas: usize) {
    assert_eq!(x.len(), w.dim() * replicas, "interleaved states: dimension × replicas");
    assert_eq!(out.len(), x.len(), "output: as long as the input");
    // The sums of a row, in registers, may fill half of sixteen of 32 bytes.
    match (replicas, size_of::<T>()) {
        (0, _) => {}
        (1, _) => run(level, Rows::<T, 1> { w, x, out }),
        (2, _) => run(level, Rows::<T, 2> { w, x, out }),
        (4, _) => run(level, Rows::<T, 4> { w, x, out }),
        (8, _) => run(level, Rows::<T, 8> { w, x, out }),
        (16, _) => run(level, Rows::<T, 16> { w, x, out }),
        (32, _) => run(level, Rows::<T, 32> { w, x, out }),
        (64, 4) => run(level, Rows::<T, 64> { w, x, out }),
        _ => run(level, Strips { w, x, out, replicas }),
    }
}

/// Exactly `R` replicas.
struct Rows<'a, T, const R: usize> {
    w: Csr<'a, T>,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real, const R: usize> Kernel for Rows<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (x, _) = self.x.as_chunks::<R>();
        let (out, _) = self.out.as_chunks_mut::<R>();
        for (i, out) in out.iter_mut().enumerate() {
            let (columns, weights) = self.w.row(i);
            let mut sums = [T::ZERO; R];
            for (j, w) in columns.iter().zip(weights) {
                add_product(*w, &x[*j as usize], &mut sums);
            }
            *out = sums;
        }
    }
}

/// Any number of replicas, in strips of 32, 16, …, 1. A row is finished before
/// the next begins: strips of a wide row share pages and cache sets, and one
/// sweep per strip would thrash them.
struct Strips<'a, T> {
    w: Csr<'a, T>,
    x: &'a [T],
    out: &'a mut [T],
    replicas: usize,
}

impl<T: Real> Kernel for Strips<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (i, out) in self.out.chunks_exact_mut(self.replicas).enumerate() {
            let entries = self.w.row(i);
            let mut first = 0;
            while first < self.replicas {
                first += match self.replicas - first {
                    32.. => strip::<T, 32>(entries, self.x, out, first),
                    16.. => strip::<T, 16>(entries, self.x, out, first),
                    8.. => strip::<T, 8>(entries, self.x, out, first),
                    4.. => strip::<T, 4>(entries, self.x, out, first),
                    2.. => strip::<T, 2>(entries, self.x, out, first),
                    _ => strip::<T, 1>(entries, self.x, out, first),
                };
            }
        }
    }
}

/// Replicas `first..first + R` of one row; returns `R`.
#[inline(always)]
fn strip<T: Real, const R: usize>(
    (columns, weights): (&[u32], &[T]),
    x: &[T],
    out: &mut [T],
    first: usize,
) -> usize {
    let replicas = out.len();
    let mut sums = [T::ZERO; R];
    for (j, w) in columns.iter().zip(weights) {
        let (x, _) = x[*j as usize * replicas + first..].as_chunks::<R>();
        add_product(*w, &x[0], &mut sums);
    }
    out[first..first + R].copy_from_slice(&sums);
    R
}

#[inline(always)]
fn add_product<T: Real, const R: usize>(w: T, x: &[T; R], sums: &mut [T; R]) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += w * *x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use rand::RngExt;

    /// The definition, entry by entry.
    fn naive<T: Real>(w: Csr<'_, T>, x: &[T], replicas: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        for i in 0..w.dim() {
            for r in 0..replicas {
                for at in w.starts[i] as usize..w.starts[i + 1] as usize {
                    let x = x[w.columns[at] as usize * replicas + r];
                    out[i * replicas + r] += w.weights[at] * x;
                }
            }
        }
        out
    }

    fn check<T: Real>() {
        let mut rng = stream(3, 0);
        let n = 37;
        let (mut starts, mut columns, mut weights) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..n {
            for _ in 0..rng.random_range(0..12) {
                columns.push(rng.random_range(0..n as u32));
                weights.push(T::from_f64(rng.random_range(-1.0..1.0)));
            }
            starts.push(columns.len() as u32);
        }
        let w = Csr { starts: &starts, columns: &columns, weights: &weights };
        for replicas in (0..70).chain([128, 200]) {
            let draw = |_| T::from_f64(rng.random_range(-1.0..1.0));
            let x: Vec<T> = (0..n * replicas).map(draw).collect();
            let expected = naive(w, &x, replicas);
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                let mut out = vec![T::ONE; x.len()];
                sweep(level, w, &x, &mut out, replicas);
                assert_eq!(out, expected, "{replicas} replicas, {level:?}");
            }
        }
    }

    #[test]
    fn every_level_and_width_gives_the_same_bits() {
        check::<f32>();
        check::<f64>();
    }
}
