//! A coupling times a number.
//!
//! ```text
//! c W
//! ```

use super::Coupling;
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// `c W`; `c = −1` turns a cost to minimize into couplings to satisfy.
///
/// ```
/// use ebm_core::{Coupling, coupling::{ScaledCoupling, SparseCoupling}};
/// let graph = SparseCoupling::from_edges(2, &[(0, 1, 3.0)])?;
/// let flipped = ScaledCoupling::new(graph, -1.0)?;
/// assert_eq!(flipped.row_dot(0, &[0.0, 1.0]), -3.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledCoupling<C, T = f64> {
    coupling: C,
    factor: T,
}

impl<C: Coupling<T>, T: Real> ScaledCoupling<C, T> {
    /// `factor · coupling`.
    ///
    /// # Errors
    /// [`Error::NotFinite`].
    pub fn new(coupling: C, factor: T) -> Result<Self, Error> {
        validate::finite("factor of a coupling", &[factor])?;
        Ok(Self { coupling, factor })
    }

    fn scale(&self, values: &mut [T]) {
        for value in values {
            *value *= self.factor;
        }
    }
}

impl<C: Coupling<T>, T: Real> Coupling<T> for ScaledCoupling<C, T> {
    fn dim(&self) -> usize {
        self.coupling.dim()
    }

    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        self.coupling.apply(x, out, ws);
        self.scale(out);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        self.coupling.apply_batch(x, out.reborrow(), ws);
        self.scale(out.as_mut_slice());
    }

    fn row(&self, i: usize, out: &mut [T]) {
        self.coupling.row(i, out);
        self.scale(out);
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        self.factor * self.coupling.row_dot(i, x)
    }

    fn diagonal(&self, out: &mut [T]) {
        self.coupling.diagonal(out);
        self.scale(out);
    }

    fn norm_bound(&self) -> f64 {
        let factor = self.factor.to_f64().abs();
        // 0 · ∞ is not a bound worth a NaN.
        if factor == 0.0 { 0.0 } else { factor * self.coupling.norm_bound() }
    }
}
