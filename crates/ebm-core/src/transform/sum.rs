//! The sum of two energies of the same state.
//!
//! ```text
//! E(x) = A(x) + B(x)
//! ```

use crate::lagrangian::Lagrangian;
use crate::vector::axpy;
use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Workspace, validate};

/// `A + B`.
///
/// ```
/// use ebm_core::{Energy, problems::DoubleWell, prox::SquaredL2, transform::Sum};
/// let sum = Sum::new(DoubleWell { dim: 2 }, SquaredL2::new(2, 1.0)?)?;
/// assert_eq!(sum.energy_at(&[1.0, 1.0]), 0.5);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum<A, B> {
    first: A,
    second: B,
}

impl<A: Energy, B: Energy> Sum<A, B> {
    /// The sum of two energies of the same dimension.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn new(first: A, second: B) -> Result<Self, Error> {
        validate::dimension("second energy of a sum", first.dim(), second.dim())?;
        Ok(Self { first, second })
    }

    /// Both energies.
    #[must_use]
    pub fn terms(&self) -> (&A, &B) {
        (&self.first, &self.second)
    }
}

impl<A: Energy, B: Energy> Energy for Sum<A, B> {
    fn dim(&self) -> usize {
        self.first.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.first.energy(x, ws) + self.second.energy(x, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (second, ws) = ws.take(out.len());
        self.first.energy_batch(x, out, ws);
        self.second.energy_batch(x, second, ws);
        axpy(1.0, second, out);
    }
}

impl<A: Gradient, B: Gradient> Gradient for Sum<A, B> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (second, ws) = ws.take(x.len());
        self.first.gradient(x, out, ws);
        self.second.gradient(x, second, ws);
        axpy(1.0, second, out);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (second, ws) = ws.take(x.as_slice().len());
        self.first.gradient_batch(x, out.reborrow(), ws);
        self.second.gradient_batch(x, BatchMut::view(second, x.dim()), ws);
        axpy(1.0, second, out.as_mut_slice());
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (second, ws) = ws.take(x.len());
        let energy =
            self.first.energy_gradient(x, out, ws) + self.second.energy_gradient(x, second, ws);
        axpy(1.0, second, out);
        energy
    }
}

impl<A: Curvature, B: Curvature> Curvature for Sum<A, B> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (second, ws) = ws.take(x.len());
        self.first.hessian_vec(x, v, out, ws);
        self.second.hessian_vec(x, v, second, ws);
        axpy(1.0, second, out);
    }
    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (second, ws) = ws.take(out.len());
        self.first.hessian(x, out, ws);
        self.second.hessian(x, second, ws);
        axpy(1.0, second, out);
    }
}

/// Convex plus convex is convex.
impl<A: Lagrangian, B: Lagrangian> Lagrangian for Sum<A, B> {}
