//! Symmetric linear operators `W`: dense, sparse, low-rank, shifted, summed.
//!
//! ```text
//! y = W x,     Y = W X  (a batch, one matrix product),     xᵀ W x,     W = Wᵀ
//! ```

mod dense;
pub(crate) mod kernels;
mod low_rank;
mod norm;
mod scaled;
mod shifted;
mod sparse;
mod storage;
mod sum;

pub use dense::DenseCoupling;
pub use low_rank::LowRankCoupling;
pub use scaled::ScaledCoupling;
pub use shifted::ShiftedCoupling;
pub use sparse::SparseCoupling;
pub use sum::SumCoupling;

use crate::{Batch, BatchMut, Real, Workspace};

/// A symmetric `n × n` operator.
///
/// Constructors validate symmetry and finiteness, so a value of a type that
/// implements this trait is symmetric by construction. Nothing allocates but
/// the first growth of a workspace, and `row` and `diagonal` of a
/// [`SumCoupling`], which hold those of one term.
///
/// # Panics
/// Every method requires slices of length `n`, batches of dimension `n` and
/// equal count, and indices below `n`, and panics otherwise, as slice indexing
/// does.
pub trait Coupling<T: Real = f64>: Send + Sync {
    /// `n`.
    fn dim(&self) -> usize;

    /// Writes `W x` to `out`.
    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>);

    /// Writes `W X` to `out`, one state a column.
    fn apply_batch(&self, x: Batch<'_, T>, out: BatchMut<'_, T>, ws: &mut Workspace<T>);

    /// Writes row `i` of `W` to `out`, zeros included.
    fn row(&self, i: usize, out: &mut [T]);

    /// `(W x)ᵢ`.
    fn row_dot(&self, i: usize, x: &[T]) -> T;

    /// Writes the diagonal of `W` to `out`.
    fn diagonal(&self, out: &mut [T]);

    /// `xᵀ W x`.
    fn quadratic(&self, x: &[T], ws: &mut Workspace<T>) -> T {
        let (wx, ws) = ws.take(self.dim());
        self.apply(x, wx, ws);
        x.iter().zip(&*wx).map(|(a, b)| *a * *b).sum()
    }

    /// An upper bound on the spectral radius, cheap to compute and never too
    /// small. Step sizes derived from it cannot diverge.
    fn norm_bound(&self) -> f64;
}

impl<T: Real, C: Coupling<T> + ?Sized> Coupling<T> for &C {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        (**self).apply(x, out, ws);
    }
    fn apply_batch(&self, x: Batch<'_, T>, out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        (**self).apply_batch(x, out, ws);
    }
    fn row(&self, i: usize, out: &mut [T]) {
        (**self).row(i, out);
    }
    fn row_dot(&self, i: usize, x: &[T]) -> T {
        (**self).row_dot(i, x)
    }
    fn diagonal(&self, out: &mut [T]) {
        (**self).diagonal(out);
    }
    fn quadratic(&self, x: &[T], ws: &mut Workspace<T>) -> T {
        (**self).quadratic(x, ws)
    }
    fn norm_bound(&self) -> f64 {
        (**self).norm_bound()
    }
}
