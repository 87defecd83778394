//! The sum of two couplings, each in its own form.
//!
//! ```text
//! (A + B) x = A x + B x
//! ```

use super::Coupling;
use crate::vector::axpy;
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// `A + B`: a sparse graph plus a low-rank term, say.
///
/// ```
/// use ebm_core::{Batch, Coupling, coupling::{LowRankCoupling, SparseCoupling, SumCoupling}};
/// let graph = SparseCoupling::from_edges(2, &[(0, 1, 1.0)])?;
/// let field = LowRankCoupling::new(Batch::single(&[1.0, 1.0])?, &[4.0])?;
/// let sum = SumCoupling::new(graph, field)?;
/// assert_eq!(sum.row_dot(0, &[1.0, 10.0]), 32.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SumCoupling<A, B> {
    first: A,
    second: B,
}

impl<A, B> SumCoupling<A, B> {
    /// `A + B`.
    ///
    /// # Errors
    /// [`Error::Dimension`] unless both have the same dimension.
    pub fn new<T: Real>(first: A, second: B) -> Result<Self, Error>
    where
        A: Coupling<T>,
        B: Coupling<T>,
    {
        validate::dimension("second coupling of a sum", first.dim(), second.dim())?;
        Ok(Self { first, second })
    }
}

impl<T: Real, A: Coupling<T>, B: Coupling<T>> Coupling<T> for SumCoupling<A, B> {
    fn dim(&self) -> usize {
        self.first.dim()
    }

    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        self.first.apply(x, out, ws);
        let (second, ws) = ws.take(self.dim());
        self.second.apply(x, second, ws);
        axpy(T::ONE, second, out);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        let n = self.dim();
        self.first.apply_batch(x, out.reborrow(), ws);
        let (second, ws) = ws.take(x.as_slice().len());
        if let Ok(second) = BatchMut::new(second, n) {
            self.second.apply_batch(x, second, ws);
        }
        axpy(T::ONE, second, out.as_mut_slice());
    }

    fn row(&self, i: usize, out: &mut [T]) {
        // The trait lends no scratch here: `row` and `diagonal` are no inner loops.
        self.first.row(i, out);
        let mut second = vec![T::ZERO; self.dim()];
        self.second.row(i, &mut second);
        axpy(T::ONE, &second, out);
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        self.first.row_dot(i, x) + self.second.row_dot(i, x)
    }

    fn diagonal(&self, out: &mut [T]) {
        self.first.diagonal(out);
        let mut second = vec![T::ZERO; self.dim()];
        self.second.diagonal(&mut second);
        axpy(T::ONE, &second, out);
    }

    fn norm_bound(&self) -> f64 {
        self.first.norm_bound() + self.second.norm_bound()
    }
}
