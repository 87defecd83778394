//! Lagrangians that act on each coordinate alone.
//!
//! ```text
//! L(x) = Σᵢ ℓ(xᵢ),      gᵢ = φ(xᵢ) = ℓ′(xᵢ)
//! ```

use crate::network::Activation;
use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Workspace};

use super::Lagrangian;

/// `Σᵢ ℓ(xᵢ)` with `ℓ` the antiderivative of an [`Activation`].
///
/// ```
/// use ebm_core::{Gradient, lagrangian::Elementwise, network::Activation};
/// let layer = Elementwise::new(3, Activation::RectifiedPower { power: 3.0 })?;
/// assert_eq!(layer.gradient_at(&[-1.0, 0.5, 2.0]), [0.0, 0.25, 4.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elementwise {
    dim: usize,
    activation: Activation,
}

impl Elementwise {
    /// The Lagrangian of `dim` units with the given activation.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Parameter`].
    pub fn new(dim: usize, activation: Activation) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::Empty { what: "layer" });
        }
        activation.validate()?;
        Ok(Self { dim, activation })
    }
}

impl Energy for Elementwise {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        x.iter().map(|x| self.activation.lagrangian(*x)).sum()
    }
}

impl Gradient for Elementwise {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        self.activation.values(x, out);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, _: &mut Workspace) {
        self.activation.values(x.as_slice(), out.as_mut_slice());
    }
}

impl Curvature for Elementwise {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        self.activation.slopes(x, out);
        for (v, o) in v.iter().zip(out) {
            *o *= v;
        }
    }
}

impl Lagrangian for Elementwise {}
