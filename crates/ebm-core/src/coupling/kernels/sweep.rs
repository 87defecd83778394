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

pub(super) fn sweep<T: Real>(w: Csr<'_, T>, x: &[T], out: &mut [T], replicas: usize) {
    assert_eq!(x.len(), w.dim() * replicas, "interleaved states: dimension × replicas");
    assert_eq!(out.len(), x.len(), "output: as long as the input");
    let mut first = 0;
    while first < replicas {
        first += match replicas - first {
            32.. => block::<T, 32>(w, x, out, replicas, first),
            16.. => block::<T, 16>(w, x, out, replicas, first),
            8.. => block::<T, 8>(w, x, out, replicas, first),
            4.. => block::<T, 4>(w, x, out, replicas, first),
            2.. => block::<T, 2>(w, x, out, replicas, first),
            _ => block::<T, 1>(w, x, out, replicas, first),
        };
    }
}

/// Replicas `first..first + B` of all rows; returns `B`.
fn block<T: Real, const B: usize>(
    w: Csr<'_, T>,
    x: &[T],
    out: &mut [T],
    replicas: usize,
    first: usize,
) -> usize {
    for (i, out) in out.chunks_exact_mut(replicas).enumerate() {
        let (columns, weights) = w.row(i);
        let mut sums = [T::ZERO; B];
        for (j, weight) in columns.iter().zip(weights) {
            let at = *j as usize * replicas + first;
            for (sum, x) in sums.iter_mut().zip(&x[at..at + B]) {
                *sum += *weight * *x;
            }
        }
        out[first..first + B].copy_from_slice(&sums);
    }
    B
}
