//! Descent in activation space.
//!
//! ```text
//! g = ∂L(x)/∂x,      E(x) = [x·g − L(x)] + S(g)
//! τ ẋ = −∂E/∂g = −x − ∇S(g),      Ė = −τ ẋᵀ ∇²L(x) ẋ ≤ 0
//! ```
//!
//! `L` is a convex Lagrangian, which defines a layer's activation; `S` is the
//! energy of the synapses, a scalar function of the activations. The bracket is
//! the Legendre transform of `L`, whose derivative by `g` is `x`.
//!
//! Source: D. Krotov and J. J. Hopfield, *Large associative memory problem in
//! neurobiology and machine learning*, arXiv:2008.06996; B. Hoover et al.,
//! arXiv:2306.05736 for synapses as scalar functions.

use crate::lagrangian::Lagrangian;
use crate::{
    Batch, BatchMut, Curvature, Error, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
    validate,
};

/// The activation-space flow of a layer `L` with synapses `S`.
///
/// Where `∇²L` is singular (saturated or switched-off units) the energy is flat
/// and a state may move at constant energy. The energy is bounded below if `S`
/// is on the range of the activation.
///
/// ```
/// use ebm_core::flow::ActivationFlow;
/// use ebm_core::lagrangian::Elementwise;
/// use ebm_core::network::Activation;
/// use ebm_core::{Lyapunov, Workspace, problems::Quadratic};
/// let layer = Elementwise::new(2, Activation::Tanh { gain: 2.0 })?;
/// let synapses = Quadratic::new(vec![1.0, 0.5, 0.5, 1.0], vec![0.2, -0.1])?;
/// let flow = ActivationFlow::new(synapses, layer)?;
/// assert!(flow.lyapunov_rate(&[0.3, 0.4], &mut Workspace::new()) < 0.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationFlow<S, L> {
    synapses: S,
    layer: L,
    time_constant: f64,
}

impl<S: Gradient, L: Lagrangian> ActivationFlow<S, L> {
    /// The flow with time constant 1. `synapses` is a function of the
    /// activations.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn new(synapses: S, layer: L) -> Result<Self, Error> {
        validate::dimension("synapse energy", layer.dim(), synapses.dim())?;
        Ok(Self { synapses, layer, time_constant: 1.0 })
    }

    /// The same flow with time constant `tau > 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_time_constant(self, tau: f64) -> Result<Self, Error> {
        validate::positive("time constant", tau)?;
        Ok(Self { time_constant: tau, ..self })
    }

    /// `L`.
    #[must_use]
    pub fn layer(&self) -> &L {
        &self.layer
    }

    /// `dx ← −(x + dx) / τ`.
    fn leak(&self, x: &[f64], dx: &mut [f64]) {
        let rate = 1.0 / self.time_constant;
        for (x, dx) in x.iter().zip(dx) {
            *dx = -(x + *dx) * rate;
        }
    }
}

impl<S: Gradient, L: Lagrangian> VectorField for ActivationFlow<S, L> {
    fn dim(&self) -> usize {
        self.layer.dim()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (activation, ws) = ws.take(x.len());
        self.layer.gradient(x, activation, ws);
        self.synapses.gradient(activation, dx, ws);
        self.leak(x, dx);
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (activations, ws) = ws.take(x.as_slice().len());
        let mut activations = BatchMut::view(activations, x.dim());
        self.layer.gradient_batch(x, activations.reborrow(), ws);
        self.synapses.gradient_batch(activations.as_batch(), dx.reborrow(), ws);
        self.leak(x.as_slice(), dx.as_mut_slice());
    }
}

/// `J = −(I + ∇²S(g) ∇²L(x)) / τ`.
impl<S: Curvature, L: Lagrangian> Jacobian for ActivationFlow<S, L> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (activation, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.layer.gradient(x, activation, ws);
        self.layer.hessian_vec(x, v, moved, ws);
        self.synapses.hessian_vec(activation, moved, out, ws);
        self.leak(v, out);
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (activation, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.layer.gradient(x, activation, ws);
        self.synapses.hessian_vec(activation, v, moved, ws);
        self.layer.hessian_vec(x, moved, out, ws);
        self.leak(v, out);
    }
}

impl<S: Gradient, L: Lagrangian> Lyapunov for ActivationFlow<S, L> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (activation, ws) = ws.take(x.len());
        let lagrangian = self.layer.energy_gradient(x, activation, ws);
        let product: f64 = x.iter().zip(&*activation).map(|(x, g)| x * g).sum();
        product - lagrangian + self.synapses.energy(activation, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (dx, ws) = ws.take(x.len());
        let (product, ws) = ws.take(x.len());
        self.eval(0.0, x, dx, ws);
        self.layer.hessian_vec(x, dx, product, ws);
        let dissipation: f64 = dx.iter().zip(&*product).map(|(a, b)| a * b).sum();
        -self.time_constant * dissipation
    }
}
