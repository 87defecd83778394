//! Mirror descent in continuous time.
//!
//! ```text
//! g = ∇L(x),      ẋ = −∇E(g),      d/dt E(g(x)) = −ẋᵀ ∇²L(x) ẋ ≤ 0
//! ```
//!
//! In the variables `g` it is the natural gradient flow `ġ = −∇²L(x) ∇E(g)`. It
//! has no leak: `E` alone decides where it goes, and `L` keeps `g` in the range
//! of its gradient (a cube, an orthant, the simplex).
//!
//! Source: A. Nemirovski and D. Yudin, *Problem Complexity and Method Efficiency
//! in Optimization* (1983); W. Krichene, A. Bayen, P. Bartlett, NeurIPS 2015.

use crate::lagrangian::Lagrangian;
use crate::{
    Batch, BatchMut, Curvature, Error, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
    validate,
};

use super::negate;

/// The mirror flow of `E` with mirror map `∇L`; the state is the dual variable
/// `x`.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorFlow<E, L> {
    energy: E,
    mirror: L,
}

impl<E: Gradient, L: Lagrangian> MirrorFlow<E, L> {
    /// The flow of `energy`, a function of `g = ∇L(x)`.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn new(energy: E, mirror: L) -> Result<Self, Error> {
        validate::dimension("energy", mirror.dim(), energy.dim())?;
        Ok(Self { energy, mirror })
    }

    /// `E`.
    #[must_use]
    pub fn energy(&self) -> &E {
        &self.energy
    }

    /// `L`.
    #[must_use]
    pub fn mirror(&self) -> &L {
        &self.mirror
    }
}

impl<E: Gradient, L: Lagrangian> VectorField for MirrorFlow<E, L> {
    fn dim(&self) -> usize {
        self.mirror.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        self.mirror.gradient(x, point, ws);
        self.energy.gradient(point, dx, ws);
        negate(dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (points, ws) = ws.take(x.as_slice().len());
        let mut points = BatchMut::view(points, x.dim());
        self.mirror.gradient_batch(x, points.reborrow(), ws);
        self.energy.gradient_batch(points.as_batch(), dx.reborrow(), ws);
        negate(dx.as_mut_slice());
    }
}

/// `J = −∇²E(g) ∇²L(x)`.
impl<E: Curvature, L: Lagrangian> Jacobian for MirrorFlow<E, L> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.mirror.gradient(x, point, ws);
        self.mirror.hessian_vec(x, v, moved, ws);
        self.energy.hessian_vec(point, moved, out, ws);
        negate(out);
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.mirror.gradient(x, point, ws);
        self.energy.hessian_vec(point, v, moved, ws);
        self.mirror.hessian_vec(x, moved, out, ws);
        negate(out);
    }
}

impl<E: Gradient, L: Lagrangian> Lyapunov for MirrorFlow<E, L> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (point, ws) = ws.take(x.len());
        self.mirror.gradient(x, point, ws);
        self.energy.energy(point, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (dx, ws) = ws.take(x.len());
        let (product, ws) = ws.take(x.len());
        self.eval(0.0, x, dx, ws);
        self.mirror.hessian_vec(x, dx, product, ws);
        -dx.iter().zip(&*product).map(|(a, b)| a * b).sum::<f64>()
    }
}
