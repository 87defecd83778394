//! Proximal gradient flow.
//!
//! ```text
//! ẋ = −x + prox_{γg}(x − γ∇f(x)),      F = f + g
//! Ḟ = ∇f·ẋ + g′(x; ẋ) ≤ −‖ẋ‖²/γ       on the domain of g
//! J = −I + D (I − γ∇²f),               D = ∂prox_{γg}
//! ```
//!
//! The gradient of `f` enters only inside the proximal operator. The bound on
//! `Ḟ` follows from the convexity of `g` alone: `f` may be any differentiable
//! function and `γ` any positive number.
//!
//! Source: S. Hassan-Moghaddam and M. R. Jovanović, Automatica 123 (2021);
//! arXiv:2409.10664.

use crate::prox::{ProxJacobian, Subdifferentiable};
use crate::vector::axpy;
use crate::{
    Batch, BatchMut, Curvature, Error, Gradient, Jacobian, Lyapunov, Prox, VectorField, Workspace,
    validate,
};

/// The proximal flow of `f + g`, whose equilibria for convex `f` are the minima
/// of `f + g`.
///
/// The domain of `g` is invariant. From outside the domain, where
/// `f + g = +∞`, solutions approach it; the rate there is `−∞` by convention.
///
/// ```
/// use ebm_core::{VectorField, flow::Proximal, problems::Quadratic, prox::L1};
/// // ½(x − 3)² + |x| has its minimum at 2.
/// let bowl = Quadratic::new(vec![1.0], vec![3.0])?;
/// let flow = Proximal::new(bowl, L1::new(1, 1.0)?, 0.5)?;
/// assert_eq!(flow.eval_at(0.0, &[2.0]), [0.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Proximal<F, G> {
    smooth: F,
    nonsmooth: G,
    gamma: f64,
}

impl<F: Gradient, G: Prox> Proximal<F, G> {
    /// The flow of `smooth + nonsmooth` with step `gamma > 0` inside the
    /// proximal operator.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::Parameter`].
    pub fn new(smooth: F, nonsmooth: G, gamma: f64) -> Result<Self, Error> {
        validate::dimension("non-smooth term", smooth.dim(), nonsmooth.dim())?;
        validate::positive("gamma of the proximal flow", gamma)?;
        Ok(Self { smooth, nonsmooth, gamma })
    }

    /// `f`.
    #[must_use]
    pub fn smooth(&self) -> &F {
        &self.smooth
    }

    /// `g`.
    #[must_use]
    pub fn nonsmooth(&self) -> &G {
        &self.nonsmooth
    }

    /// `γ`.
    #[must_use]
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// `gradient ← x − γ gradient`.
    fn forward(&self, x: &[f64], gradient: &mut [f64]) {
        for (x, g) in x.iter().zip(gradient) {
            *g = x - self.gamma * *g;
        }
    }
}

impl<F: Gradient, G: Prox> VectorField for Proximal<F, G> {
    fn dim(&self) -> usize {
        self.smooth.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        self.smooth.gradient(x, point, ws);
        self.forward(x, point);
        self.nonsmooth.prox(point, self.gamma, dx, ws);
        axpy(-1.0, x, dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (points, ws) = ws.take(x.as_slice().len());
        self.smooth.gradient_batch(x, BatchMut::view(points, x.dim()), ws);
        self.forward(x.as_slice(), points);
        for (point, dx) in points.chunks_exact(x.dim()).zip(dx.columns_mut()) {
            self.nonsmooth.prox(point, self.gamma, dx, ws);
        }
        axpy(-1.0, x.as_slice(), dx.as_mut_slice());
    }
}

impl<F: Curvature, G: ProxJacobian> Jacobian for Proximal<F, G> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.smooth.gradient(x, point, ws);
        self.forward(x, point);
        self.smooth.hessian_vec(x, v, moved, ws);
        self.forward(v, moved);
        self.nonsmooth.prox_jvp(point, self.gamma, moved, out, ws);
        axpy(-1.0, v, out);
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (point, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.smooth.gradient(x, point, ws);
        self.forward(x, point);
        self.nonsmooth.prox_jvp(point, self.gamma, v, moved, ws);
        self.smooth.hessian_vec(x, moved, out, ws);
        self.forward(moved, out);
        axpy(-1.0, v, out);
    }
}

impl<F: Gradient, G: Subdifferentiable> Lyapunov for Proximal<F, G> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.smooth.energy(x, ws) + self.nonsmooth.energy(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (gradient, ws) = ws.take(x.len());
        let (point, ws) = ws.take(x.len());
        let (target, ws) = ws.take(x.len());
        self.smooth.gradient(x, gradient, ws);
        point.copy_from_slice(gradient);
        self.forward(x, point);
        self.nonsmooth.prox(point, self.gamma, target, ws);
        let mut rate = self.nonsmooth.slope_toward(x, target, ws);
        for ((x, target), g) in x.iter().zip(&*target).zip(&*gradient) {
            rate += g * (target - x);
        }
        rate
    }
}
