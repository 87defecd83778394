//! Counters around an energy or a field: how much work a solver asked for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    Batch, BatchMut, Curvature, Diffusion, Energy, Gradient, Jacobian, Lyapunov, NoiseKind,
    VectorField, Workspace,
};

/// A model that counts its evaluations. Counting is atomic, so one counted
/// model may serve many threads; a batch counts once for each column.
///
/// ```
/// use ebm_core::{Gradient, problems::DoubleWell, transform::Counted};
/// let counted = Counted::new(DoubleWell { dim: 1 });
/// counted.gradient_at(&[0.5]);
/// assert_eq!(counted.counts().gradients, 1);
/// ```
#[derive(Debug, Default)]
pub struct Counted<M> {
    model: M,
    energies: AtomicU64,
    gradients: AtomicU64,
    hessian_products: AtomicU64,
    hessians: AtomicU64,
    evaluations: AtomicU64,
    jacobian_products: AtomicU64,
    jacobians: AtomicU64,
}

/// What a [`Counted`] model has evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Values of the energy.
    pub energies: u64,
    /// Gradients.
    pub gradients: u64,
    /// Products with the Hessian.
    pub hessian_products: u64,
    /// Assembled Hessians.
    pub hessians: u64,
    /// Values of the vector field.
    pub evaluations: u64,
    /// Products with the Jacobian or its transpose.
    pub jacobian_products: u64,
    /// Assembled Jacobians.
    pub jacobians: u64,
}

impl<M> Counted<M> {
    /// Wraps a model; all counters at zero.
    pub fn new(model: M) -> Self {
        Self {
            model,
            energies: AtomicU64::new(0),
            gradients: AtomicU64::new(0),
            hessian_products: AtomicU64::new(0),
            hessians: AtomicU64::new(0),
            evaluations: AtomicU64::new(0),
            jacobian_products: AtomicU64::new(0),
            jacobians: AtomicU64::new(0),
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        Counts {
            energies: self.energies.load(Relaxed),
            gradients: self.gradients.load(Relaxed),
            hessian_products: self.hessian_products.load(Relaxed),
            hessians: self.hessians.load(Relaxed),
            evaluations: self.evaluations.load(Relaxed),
            jacobian_products: self.jacobian_products.load(Relaxed),
            jacobians: self.jacobians.load(Relaxed),
        }
    }

    /// The counts so far, setting them back to zero.
    pub fn take_counts(&self) -> Counts {
        Counts {
            energies: self.energies.swap(0, Relaxed),
            gradients: self.gradients.swap(0, Relaxed),
            hessian_products: self.hessian_products.swap(0, Relaxed),
            hessians: self.hessians.swap(0, Relaxed),
            evaluations: self.evaluations.swap(0, Relaxed),
            jacobian_products: self.jacobian_products.swap(0, Relaxed),
            jacobians: self.jacobians.swap(0, Relaxed),
        }
    }

    /// The model.
    pub fn into_inner(self) -> M {
        self.model
    }
}

fn count(counter: &AtomicU64, evaluations: usize) {
    counter.fetch_add(evaluations as u64, Relaxed);
}

impl<E: Energy> Energy for Counted<E> {
    fn dim(&self) -> usize {
        self.model.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        count(&self.energies, 1);
        self.model.energy(x, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        count(&self.energies, x.count());
        self.model.energy_batch(x, out, ws);
    }
}

impl<E: Gradient> Gradient for Counted<E> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.gradients, 1);
        self.model.gradient(x, out, ws);
    }
    fn gradient_batch(&self, x: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
        count(&self.gradients, x.count());
        self.model.gradient_batch(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        count(&self.energies, 1);
        count(&self.gradients, 1);
        self.model.energy_gradient(x, out, ws)
    }
}

impl<E: Curvature> Curvature for Counted<E> {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.hessian_products, 1);
        self.model.hessian_vec(x, v, out, ws);
    }
    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.hessians, 1);
        self.model.hessian(x, out, ws);
    }
}

impl<F: VectorField> VectorField for Counted<F> {
    fn dim(&self) -> usize {
        self.model.dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        count(&self.evaluations, 1);
        self.model.eval(t, x, dx, ws);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, dx: BatchMut<'_>, ws: &mut Workspace) {
        count(&self.evaluations, x.count());
        self.model.eval_batch(t, x, dx, ws);
    }
}

impl<F: Jacobian> Jacobian for Counted<F> {
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.jacobian_products, 1);
        self.model.jvp(t, x, v, out, ws);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.jacobian_products, 1);
        self.model.vjp(t, x, v, out, ws);
    }
    fn jacobian(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        count(&self.jacobians, 1);
        self.model.jacobian(t, x, out, ws);
    }
    fn time_derivative(&self, t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.model.time_derivative(t, x, out, ws);
    }
}

impl<F: Lyapunov> Lyapunov for Counted<F> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        count(&self.energies, 1);
        self.model.lyapunov(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.model.lyapunov_rate(x, ws)
    }
}

impl<F: Diffusion> Diffusion for Counted<F> {
    fn noise_dim(&self) -> usize {
        self.model.noise_dim()
    }
    fn noise_kind(&self) -> NoiseKind {
        self.model.noise_kind()
    }
    fn add_noise(&self, t: f64, x: &[f64], dw: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.model.add_noise(t, x, dw, out, ws);
    }
}
