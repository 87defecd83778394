//! Preconditioned gradient flow.
//!
//! ```text
//! ẋ = −M(x) ∇E(x),  M = Mᵀ ≻ 0,      Ė = −∇Eᵀ M ∇E ≤ 0
//! ```
//!
//! With `M` the inverse of a metric tensor this is the Riemannian (natural)
//! gradient flow.

use crate::{
    Batch, BatchMut, Curvature, Error, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
    validate,
};

use super::metric::{ConstantMetric, Metric};
use super::negate;

/// Descent of `E` in the metric `M`. Its [`Jacobian`] `−M∇²E` is available for
/// a [`ConstantMetric`].
///
/// ```
/// use ebm_core::flow::{DiagonalMetric, Preconditioned};
/// use ebm_core::{VectorField, problems::DoubleWell};
/// let metric = DiagonalMetric::new(vec![1.0, 10.0])?;
/// let flow = Preconditioned::new(DoubleWell { dim: 2 }, metric)?;
/// assert_eq!(flow.eval_at(0.0, &[2.0, 2.0]), [-6.0, -60.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Preconditioned<E, M> {
    energy: E,
    metric: M,
}

impl<E: Gradient, M: Metric> Preconditioned<E, M> {
    /// The flow of `energy` in `metric`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if their dimensions differ.
    pub fn new(energy: E, metric: M) -> Result<Self, Error> {
        validate::dimension("metric", energy.dim(), metric.dim())?;
        Ok(Self { energy, metric })
    }

    /// `E`.
    #[must_use]
    pub fn energy(&self) -> &E {
        &self.energy
    }
}

impl<E: Gradient, M: Metric> VectorField for Preconditioned<E, M> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (gradient, ws) = ws.take(x.len());
        self.energy.gradient(x, gradient, ws);
        self.metric.apply(x, gradient, dx, ws);
        negate(dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (gradients, ws) = ws.take(x.as_slice().len());
        let mut gradients = BatchMut::view(gradients, x.dim());
        self.energy.gradient_batch(x, gradients.reborrow(), ws);
        self.metric.apply_batch(x, gradients.as_batch(), dx.reborrow(), ws);
        negate(dx.as_mut_slice());
    }
}

impl<E: Curvature, M: ConstantMetric> Jacobian for Preconditioned<E, M> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (product, ws) = ws.take(x.len());
        self.energy.hessian_vec(x, v, product, ws);
        self.metric.apply(x, product, out, ws);
        negate(out);
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (product, ws) = ws.take(x.len());
        self.metric.apply(x, v, product, ws);
        self.energy.hessian_vec(x, product, out, ws);
        negate(out);
    }
}

impl<E: Gradient, M: Metric> Lyapunov for Preconditioned<E, M> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.energy.energy(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (gradient, ws) = ws.take(x.len());
        let (scaled, ws) = ws.take(x.len());
        self.energy.gradient(x, gradient, ws);
        self.metric.apply(x, gradient, scaled, ws);
        -gradient.iter().zip(&*scaled).map(|(g, m)| g * m).sum::<f64>()
    }
}
