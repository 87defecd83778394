//! An energy with some coordinates held fixed.
//!
//! ```text
//! E_c(y) = E(x),      x_C = c (clamped),  x_F = y (free)
//! ```
//!
//! Clamping visible units to data, or inputs to a cue, is how energy-based
//! models are conditioned.

use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Workspace, validate};

/// The restriction of an energy to its free coordinates, which keep their
/// order.
///
/// ```
/// use ebm_core::{Energy, Gradient, problems::Rosenbrock, transform::Clamped};
/// let slice = Clamped::new(Rosenbrock::new(3)?, &[(1, 1.0)])?;
/// assert_eq!(slice.dim(), 2);
/// assert_eq!(slice.gradient_at(&[1.0, 1.0]), [0.0, 0.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Clamped<E> {
    energy: E,
    /// Indices of the free coordinates, increasing.
    free: Vec<usize>,
    /// The full state; entries at free indices are unused.
    template: Vec<f64>,
}

impl<E: Energy> Clamped<E> {
    /// Clamps coordinate `i` to `value` for every `(i, value)`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotFinite`] (with the position in the
    /// list), [`Error::Duplicate`], and [`Error::Empty`] if nothing is left free.
    pub fn new(energy: E, clamped: &[(usize, f64)]) -> Result<Self, Error> {
        let dim = energy.dim();
        let mut template = vec![0.0; dim];
        let mut is_free = vec![true; dim];
        for (position, &(index, value)) in clamped.iter().enumerate() {
            if index >= dim {
                return Err(Error::OutOfRange { what: "clamped coordinate", index, bound: dim });
            }
            if !value.is_finite() {
                return Err(Error::NotFinite { what: "clamped value", index: position, value });
            }
            if !is_free[index] {
                return Err(Error::Duplicate {
                    what: "clamped coordinates",
                    row: index,
                    col: index,
                });
            }
            is_free[index] = false;
            template[index] = value;
        }
        let free: Vec<usize> = (0..dim).filter(|i| is_free[*i]).collect();
        if free.is_empty() {
            return Err(Error::Empty { what: "set of free coordinates" });
        }
        Ok(Self { energy, free, template })
    }

    /// Indices of the free coordinates in the full state.
    #[must_use]
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// Changes the clamped values to those of `full`, whose free entries are
    /// ignored.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn set_values(&mut self, full: &[f64]) -> Result<(), Error> {
        validate::dimension("full state", self.template.len(), full.len())?;
        validate::finite("full state", full)?;
        self.template.copy_from_slice(full);
        Ok(())
    }

    /// Writes the full state that belongs to the free coordinates `y`.
    pub fn expand(&self, y: &[f64], full: &mut [f64]) {
        full.copy_from_slice(&self.template);
        self.scatter(y, full);
    }

    fn scatter(&self, y: &[f64], full: &mut [f64]) {
        for (i, y) in self.free.iter().zip(y) {
            full[*i] = *y;
        }
    }

    fn gather(&self, full: &[f64], out: &mut [f64]) {
        for (i, o) in self.free.iter().zip(out) {
            *o = full[*i];
        }
    }

    fn expand_batch(&self, y: Batch<'_>, full: &mut [f64]) {
        for (y, full) in y.columns().zip(full.chunks_exact_mut(self.template.len())) {
            self.expand(y, full);
        }
    }
}

impl<E: Energy> Energy for Clamped<E> {
    fn dim(&self) -> usize {
        self.free.len()
    }
    fn energy(&self, y: &[f64], ws: &mut Workspace) -> f64 {
        let (full, ws) = ws.take(self.template.len());
        self.expand(y, full);
        self.energy.energy(full, ws)
    }
    fn energy_batch(&self, y: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let n = self.template.len();
        let (full, ws) = ws.take(n * y.count());
        self.expand_batch(y, full);
        self.energy.energy_batch(BatchMut::view(full, n).as_batch(), out, ws);
    }
}

impl<E: Gradient> Gradient for Clamped<E> {
    fn gradient(&self, y: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (full, ws) = ws.take(self.template.len());
        let (gradient, ws) = ws.take(self.template.len());
        self.expand(y, full);
        self.energy.gradient(full, gradient, ws);
        self.gather(gradient, out);
    }
    fn gradient_batch(&self, y: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let n = self.template.len();
        let (full, ws) = ws.take(n * y.count());
        let (gradients, ws) = ws.take(n * y.count());
        self.expand_batch(y, full);
        let states = BatchMut::view(full, n);
        self.energy.gradient_batch(states.as_batch(), BatchMut::view(gradients, n), ws);
        for (gradient, out) in gradients.chunks_exact(n).zip(out.columns_mut()) {
            self.gather(gradient, out);
        }
    }
    fn energy_gradient(&self, y: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (full, ws) = ws.take(self.template.len());
        let (gradient, ws) = ws.take(self.template.len());
        self.expand(y, full);
        let energy = self.energy.energy_gradient(full, gradient, ws);
        self.gather(gradient, out);
        energy
    }
}

// The Hessian is assembled by products, as by default: the full one may be far
// larger than that of a few free coordinates.
impl<E: Curvature> Curvature for Clamped<E> {
    fn hessian_vec(&self, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.template.len();
        let (full, ws) = ws.take(n);
        let (direction, ws) = ws.take(n);
        let (product, ws) = ws.take(n);
        self.expand(y, full);
        direction.fill(0.0);
        self.scatter(v, direction);
        self.energy.hessian_vec(full, direction, product, ws);
        self.gather(product, out);
    }
}
