//! The one idea: a scalar energy `E : ℝⁿ → ℝ`, its gradient and its curvature.
//!
//! ```text
//! E(x),    ∇E(x),    ∇²E(x) v
//! ```
//!
//! A model is an energy plus its parameters and knows no solver; a solver takes
//! an energy and knows no model. Each level of derivative is its own trait, so
//! a solver asks for exactly what it uses. States are `&[f64]` of length
//! [`dim`](Energy::dim); batches hold one state per column. Inputs of a wrong
//! length are a caller's bug: solvers validate lengths once, at their entry.
//!
//! ```
//! use ebm_core::{Energy, Gradient, Workspace};
//!
//! /// `E(x) = ½‖x‖²`.
//! struct Bowl(usize);
//!
//! impl Energy for Bowl {
//!     fn dim(&self) -> usize {
//!         self.0
//!     }
//!     fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
//!         0.5 * x.iter().map(|x| x * x).sum::<f64>()
//!     }
//! }
//!
//! impl Gradient for Bowl {
//!     fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
//!         out.copy_from_slice(x);
//!     }
//! }
//!
//! assert_eq!(Bowl(2).energy_at(&[3.0, 4.0]), 12.5);
//! assert_eq!(Bowl(2).gradient_at(&[3.0, 4.0]), [3.0, 4.0]);
//! ```

use crate::{Batch, BatchMut, Workspace};

/// A scalar function of the state.
pub trait Energy: Send + Sync {
    /// Length of the state.
    fn dim(&self) -> usize;

    /// `E(x)`. May be `+∞` outside the domain of a constrained energy.
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64;

    /// `E` of every column of `x`, into `out` of length `x.count()`.
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        for (x, out) in x.columns().zip(out) {
            *out = self.energy(x, ws);
        }
    }

    /// `E(x)` with a workspace of its own.
    ///
    /// # Panics
    /// If `x` is not as long as the state.
    fn energy_at(&self, x: &[f64]) -> f64 {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        self.energy(x, &mut Workspace::new())
    }
}

/// An energy with a gradient.
pub trait Gradient: Energy {
    /// Writes `∇E(x)` to `out`.
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// `∇E` of every column. Models with a coupling override this with one
    /// matrix product.
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        for (x, out) in x.columns().zip(out.columns_mut()) {
            self.gradient(x, out, ws);
        }
    }

    /// Writes `∇E(x)` to `out` and returns `E(x)`, where the two share work.
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        self.gradient(x, out, ws);
        self.energy(x, ws)
    }

    /// `∇E(x)` in a new vector.
    ///
    /// # Panics
    /// If `x` is not as long as the state.
    fn gradient_at(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        let mut out = vec![0.0; self.dim()];
        self.gradient(x, &mut out, &mut Workspace::new());
        out
    }
}

/// An energy with second derivatives, as products with the Hessian.
pub trait Curvature: Gradient {
    /// Writes `∇²E(x) v` to `out`.
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// Writes the Hessian to `out`, column-major `dim × dim`.
    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.dim();
        let (unit, ws) = ws.take(n);
        unit.fill(0.0);
        for (j, column) in out.chunks_exact_mut(n).enumerate() {
            unit[j] = 1.0;
            self.hessian_vec(x, unit, column, ws);
            unit[j] = 0.0;
        }
    }
}

impl<E: Energy + ?Sized> Energy for &E {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        (**self).energy(x, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        (**self).energy_batch(x, out, ws);
    }
}

impl<E: Gradient + ?Sized> Gradient for &E {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).gradient(x, out, ws);
    }
    fn gradient_batch(&self, x: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
        (**self).gradient_batch(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        (**self).energy_gradient(x, out, ws)
    }
}

impl<E: Curvature + ?Sized> Curvature for &E {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).hessian_vec(x, v, out, ws);
    }
    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).hessian(x, out, ws);
    }
}
