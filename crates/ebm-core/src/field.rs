//! Vector fields `ẋ = F(t, x)`, their Jacobians, their noise, and the Lyapunov
//! functions they decrease.
//!
//! ```text
//! dx = F(t, x) dt + G(t, x) dW,      V̇(x) = ∇V(x)·F(t, x)
//! ```
//!
//! The convention of `docs/conventions.md` holds: a descent flow has `V̇ ≤ 0`.

use crate::{Batch, BatchMut, Workspace};

/// The right-hand side of `ẋ = F(t, x)`.
pub trait VectorField: Send + Sync {
    /// Length of the state.
    fn dim(&self) -> usize;

    /// Writes `F(t, x)` to `dx`.
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace);

    /// `F` of every column of `x`, column `j` at its own time `t[j]`. Models
    /// with a coupling override this with one matrix product.
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        for ((t, x), dx) in t.iter().zip(x.columns()).zip(dx.columns_mut()) {
            self.eval(*t, x, dx, ws);
        }
    }

    /// `F(t, x)` in a new vector.
    ///
    /// # Panics
    /// If `x` is not as long as the state.
    fn eval_at(&self, t: f64, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        let mut dx = vec![0.0; self.dim()];
        self.eval(t, x, &mut dx, &mut Workspace::new());
        dx
    }
}

/// A vector field with its state derivative `J = ∂F/∂x`.
pub trait Jacobian: VectorField {
    /// Writes `J(t, x) v` to `out`.
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// Writes `J(t, x)ᵀ v` to `out`.
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// Writes `J(t, x)` to `out`, column-major `dim × dim`.
    fn jacobian(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.dim();
        let (unit, ws) = ws.take(n);
        unit.fill(0.0);
        for (j, column) in out.chunks_exact_mut(n).enumerate() {
            unit[j] = 1.0;
            self.jvp(t, x, unit, column, ws);
            unit[j] = 0.0;
        }
    }

    /// Writes `∂F/∂t` to `out`. Zero unless overridden: most fields are
    /// autonomous. Rosenbrock methods need it to keep their order otherwise.
    fn time_derivative(&self, _t: f64, _x: &[f64], out: &mut [f64], _ws: &mut Workspace) {
        out.fill(0.0);
    }
}

/// A vector field with a function that does not increase along its solutions.
///
/// The Lyapunov function need not be the energy whose gradient drives the
/// field, nor live in the same variables: a Hopfield network descends its
/// energy in the activations.
pub trait Lyapunov: VectorField {
    /// `V(x)`.
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64;

    /// `V̇(x) = ∇V(x)·F(x)` in closed form; never positive but by rounding,
    /// where terms cancel.
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64;
}

/// How the noise amplitude `G(t, x)` depends on its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseKind {
    /// `G` is constant, or depends on time only.
    Additive,
    /// `G` is diagonal and its entry `i` depends on the state through `xᵢ` only.
    Diagonal,
    /// Anything else.
    General,
}

/// The noise of `dx = F(t, x) dt + G(t, x) dW`.
pub trait Diffusion: VectorField {
    /// Number of independent Wiener processes.
    fn noise_dim(&self) -> usize {
        self.dim()
    }

    /// How `G` depends on the state; decides which schemes keep their order.
    fn noise_kind(&self) -> NoiseKind;

    /// Adds `G(t, x) dw` to `out`.
    fn add_noise(&self, t: f64, x: &[f64], dw: &[f64], out: &mut [f64], ws: &mut Workspace);
}

impl<F: VectorField + ?Sized> VectorField for &F {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        (**self).eval(t, x, dx, ws);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, dx: BatchMut<'_>, ws: &mut Workspace) {
        (**self).eval_batch(t, x, dx, ws);
    }
}

impl<F: Jacobian + ?Sized> Jacobian for &F {
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).jvp(t, x, v, out, ws);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).vjp(t, x, v, out, ws);
    }
    fn jacobian(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).jacobian(t, x, out, ws);
    }
    fn time_derivative(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).time_derivative(t, x, out, ws);
    }
}

impl<F: Lyapunov + ?Sized> Lyapunov for &F {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        (**self).lyapunov(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        (**self).lyapunov_rate(x, ws)
    }
}

impl<F: Diffusion + ?Sized> Diffusion for &F {
    fn noise_dim(&self) -> usize {
        (**self).noise_dim()
    }
    fn noise_kind(&self) -> NoiseKind {
        (**self).noise_kind()
    }
    fn add_noise(&self, t: f64, x: &[f64], dw: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).add_noise(t, x, dw, out, ws);
    }
}
