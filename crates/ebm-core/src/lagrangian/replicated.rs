//! The same Lagrangian for each of several groups of units, such as the tokens
//! of a sequence.
//!
//! ```text
//! L(x) = Σ_B ℓ(x_B),      g_B = ∇ℓ(x_B),      ∇²L = ⊕_B ∇²ℓ(x_B)
//! ```

use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Workspace};

use super::Lagrangian;

/// `Σ_B ℓ(x_B)` over `count` groups of as many units as `ℓ` has, one group after
/// the other.
///
/// ```
/// use ebm_core::{Gradient, lagrangian::{LogSumExp, Replicated}};
/// let tokens = Replicated::new(LogSumExp::new(2, 1.0)?, 2)?;
/// assert_eq!(tokens.gradient_at(&[3.0, 3.0, -1.0, -1.0]), [0.5; 4]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replicated<L> {
    group: L,
    count: usize,
}

impl<L: Lagrangian> Replicated<L> {
    /// `count ≥ 1` groups with Lagrangian `group`.
    ///
    /// # Errors
    /// [`Error::Empty`]; [`Error::TooLarge`] if the units cannot be addressed.
    pub fn new(group: L, count: usize) -> Result<Self, Error> {
        if count == 0 || group.dim() == 0 {
            return Err(Error::Empty { what: "layer" });
        }
        let limit = isize::MAX as usize / size_of::<f64>();
        let size = group.dim().saturating_mul(count);
        if size > limit {
            return Err(Error::TooLarge { what: "layer", size, limit });
        }
        Ok(Self { group, count })
    }

    /// `ℓ`.
    #[must_use]
    pub fn group(&self) -> &L {
        &self.group
    }

    /// Number of groups.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

impl<L: Lagrangian> Energy for Replicated<L> {
    fn dim(&self) -> usize {
        self.group.dim() * self.count
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        x.chunks_exact(self.group.dim()).map(|x| self.group.energy(x, ws)).sum()
    }
}

impl<L: Lagrangian> Gradient for Replicated<L> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.group.dim();
        self.group.gradient_batch(Batch::view(x, n), BatchMut::view(out, n), ws);
    }
}

impl<L: Lagrangian> Curvature for Replicated<L> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.group.dim();
        let pairs = x.chunks_exact(n).zip(v.chunks_exact(n));
        for ((x, v), out) in pairs.zip(out.chunks_exact_mut(n)) {
            self.group.hessian_vec(x, v, out, ws);
        }
    }
}

impl<L: Lagrangian> Lagrangian for Replicated<L> {}
