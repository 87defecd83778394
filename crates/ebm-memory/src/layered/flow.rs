//! The dynamics of a layered memory and its derivatives.
//!
//! ```text
//! τ ẋ = −x + I − ∇S(g(x))                      S = Σₛ Eₛ
//! τ J = −(1 + ∇²S(g) ∇²L(x))                   zero rows where clamped
//! Ė = −Σₗ τₗ ẋₗᵀ ∇²Lₗ ẋₗ ≤ 0
//! ∂E/∂x = ∇²L(x) (x − I + ∇S(g))
//! ```
//!
//! Sources: those of the [parent module](super).

use ebm_core::{Batch, BatchMut, Energy, Gradient, Jacobian, Lyapunov, VectorField, Workspace};

use super::LayeredMemory;
use super::synapse::{add, dot};

impl LayeredMemory {
    /// `v ← −v/τ`, zero where clamped.
    fn relax(&self, v: &mut [f64]) {
        for (l, layer) in self.layers().iter().enumerate() {
            let rate = -1.0 / layer.time_constant();
            v[self.range(l)].iter_mut().for_each(|v| *v *= rate);
        }
        self.silence_clamped(v);
    }

    /// `∂E/∂g` of every column.
    fn activation_gradients(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let count = x.count();
        let (states, ws) = ws.take(x.as_slice().len());
        let (g, ws) = ws.take(x.as_slice().len());
        let (gradient, ws) = ws.take(x.as_slice().len());
        self.gather(x, states);
        self.activate(states, g, count, ws);
        self.activation_gradient(states, g, gradient, count, ws);
        for (l, layer) in self.layers().iter().enumerate() {
            let columns = gradient[self.block(l, count)].chunks_exact(layer.dim());
            for (out, column) in out.columns_mut().zip(columns) {
                out[self.range(l)].copy_from_slice(column);
            }
        }
    }
}

impl VectorField for LayeredMemory {
    fn dim(&self) -> usize {
        self.dim()
    }

    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (g, ws) = ws.take(x.len());
        self.activate(x, g, 1, ws);
        self.activation_gradient(x, g, dx, 1, ws);
        self.relax(dx);
    }

    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        self.activation_gradients(x, dx.reborrow(), ws);
        dx.columns_mut().for_each(|dx| self.relax(dx));
    }
}

impl Jacobian for LayeredMemory {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (g, ws) = ws.take(x.len());
        let (moved, ws) = ws.take(x.len());
        self.activate(x, g, 1, ws);
        self.layer_hessian_vec(x, v, moved, ws);
        out.copy_from_slice(v);
        self.add_synapse_hessian_vec(g, moved, out, ws);
        self.relax(out);
    }

    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (g, ws) = ws.take(x.len());
        let (scaled, ws) = ws.take(x.len());
        let (pulled, ws) = ws.take(x.len());
        self.activate(x, g, 1, ws);
        scaled.copy_from_slice(v);
        self.relax(scaled);
        pulled.fill(0.0);
        self.add_synapse_hessian_vec(g, scaled, pulled, ws);
        self.layer_hessian_vec(x, pulled, out, ws);
        add(scaled, out);
    }
}

impl Lyapunov for LayeredMemory {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.energy(x, ws)
    }

    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (dx, ws) = ws.take(x.len());
        let (product, ws) = ws.take(x.len());
        self.eval(0.0, x, dx, ws);
        self.layer_hessian_vec(x, dx, product, ws);
        let terms = self.layers().iter().enumerate().map(|(l, layer)| {
            layer.time_constant() * dot(&dx[self.range(l)], &product[self.range(l)])
        });
        -terms.sum::<f64>()
    }
}

/// `E` as a function of the internal state.
impl Energy for LayeredMemory {
    fn dim(&self) -> usize {
        self.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (g, ws) = ws.take(x.len());
        let mut energy = [0.0];
        self.activate(x, g, 1, ws);
        self.energies(x, g, &mut energy, ws);
        energy[0]
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (states, ws) = ws.take(x.as_slice().len());
        let (g, ws) = ws.take(x.as_slice().len());
        self.gather(x, states);
        self.activate(states, g, x.count(), ws);
        self.energies(states, g, out, ws);
    }
}

/// `∂E/∂x`, all layers free.
impl Gradient for LayeredMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (g, ws) = ws.take(x.len());
        let (slope, ws) = ws.take(x.len());
        self.activate(x, g, 1, ws);
        self.activation_gradient(x, g, slope, 1, ws);
        self.layer_hessian_vec(x, slope, out, ws);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (slopes, ws) = ws.take(x.as_slice().len());
        let mut slopes = BatchMut::new(slopes, x.dim()).expect("as the states");
        self.activation_gradients(x, slopes.reborrow(), ws);
        let columns = x.columns().zip(slopes.as_batch().columns());
        for ((x, slope), out) in columns.zip(out.columns_mut()) {
            self.layer_hessian_vec(x, slope, out, ws);
        }
    }
}
