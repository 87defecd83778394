//! A coupling with something added to its diagonal.
//!
//! ```text
//! W + c I     or     W + diag(d)
//! ```

use super::Coupling;
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// `W + c I` or `W + diag(d)`.
///
/// ```
/// use ebm_core::{Coupling, Workspace, coupling::{DenseCoupling, ShiftedCoupling}};
/// let swap = DenseCoupling::from_column_major(2, [0.0, 1.0, 1.0, 0.0])?;
/// let leaky = ShiftedCoupling::uniform(swap, -0.5)?;
/// assert_eq!(leaky.row_dot(0, &[2.0, 3.0]), 2.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftedCoupling<C, T = f64> {
    coupling: C,
    shift: Shift<T>,
    norm_bound: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Shift<T> {
    Uniform(T),
    Diagonal(Vec<T>),
}

impl<T: Real> Shift<T> {
    fn at(&self, i: usize) -> T {
        match self {
            Self::Uniform(c) => *c,
            Self::Diagonal(d) => d[i],
        }
    }

    /// `out += shift * x`.
    fn add_product(&self, x: &[T], out: &mut [T]) {
        match self {
            Self::Uniform(c) => crate::vector::axpy(*c, x, out),
            Self::Diagonal(d) => {
                for ((out, x), d) in out.iter_mut().zip(x).zip(d) {
                    *out += *d * *x;
                }
            }
        }
    }
}

impl<C: Coupling<T>, T: Real> ShiftedCoupling<C, T> {
    /// `W + c I`.
    ///
    /// # Errors
    /// [`Error::NotFinite`].
    pub fn uniform(coupling: C, shift: T) -> Result<Self, Error> {
        validate::finite("shift of a coupling", &[shift])?;
        let norm_bound = coupling.norm_bound() + shift.to_f64().abs();
        Ok(Self { coupling, shift: Shift::Uniform(shift), norm_bound })
    }

    /// `W + diag(d)`.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn diagonal(coupling: C, shift: impl Into<Vec<T>>) -> Result<Self, Error> {
        let shift = shift.into();
        validate::dimension("shift of a coupling", coupling.dim(), shift.len())?;
        validate::finite("shift of a coupling", &shift)?;
        let largest = shift.iter().map(|d| d.to_f64().abs()).fold(0.0, f64::max);
        let norm_bound = coupling.norm_bound() + largest;
        Ok(Self { coupling, shift: Shift::Diagonal(shift), norm_bound })
    }
}

impl<C: Coupling<T>, T: Real> Coupling<T> for ShiftedCoupling<C, T> {
    fn dim(&self) -> usize {
        self.coupling.dim()
    }

    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        self.coupling.apply(x, out, ws);
        self.shift.add_product(x, out);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        self.coupling.apply_batch(x, out.reborrow(), ws);
        for (x, out) in x.columns().zip(out.columns_mut()) {
            self.shift.add_product(x, out);
        }
    }

    fn row(&self, i: usize, out: &mut [T]) {
        self.coupling.row(i, out);
        out[i] += self.shift.at(i);
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        self.coupling.row_dot(i, x) + self.shift.at(i) * x[i]
    }

    fn diagonal(&self, out: &mut [T]) {
        self.coupling.diagonal(out);
        for (i, out) in out.iter_mut().enumerate() {
            *out += self.shift.at(i);
        }
    }

    fn norm_bound(&self) -> f64 {
        self.norm_bound
    }
}
