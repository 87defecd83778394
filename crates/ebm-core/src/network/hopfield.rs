//! The continuous Hopfield network.
//!
//! ```text
//! τ ẋ = −x + W φ(x) + b,      V(x) = E(φ(x)),      V̇ = −τ Σᵢ φ′(xᵢ) ẋᵢ²
//! J = (−I + W diag φ′(x)) / τ
//! ```
//!
//! Source: J. J. Hopfield, PNAS 81, 3088 (1984).

use crate::ode::Leaky;
use crate::{Batch, BatchMut, Coupling, Jacobian, Lyapunov, VectorField, Workspace};

use super::SymmetricNetwork;

/// The Hopfield form of a [`SymmetricNetwork`]; the state is the vector of
/// membrane potentials.
///
/// Its Lyapunov function `−½ vᵀWv − bᵀv + Σ (xᵢvᵢ − L(xᵢ))`, `v = φ(x)`, is the
/// energy of the rates and finite for every state. Where `φ` is flat the energy
/// is flat too, so `V̇ = 0` does not imply `ẋ = 0` there.
///
/// ```
/// use ebm_core::{Lyapunov, Workspace, ode, problems::RandomHopfield};
/// let problem = RandomHopfield { dim: 30, ..RandomHopfield::default() };
/// let (flow, start) = (problem.network()?, problem.state(0));
/// let options = ode::Options::default();
/// let end = ode::integrate(&flow, &mut ode::TSITOURAS.stepper(30), (0.0, 50.0), &start, &options)?;
/// let ws = &mut Workspace::new();
/// assert!(flow.lyapunov(&end.x, ws) < flow.lyapunov(&start, ws));
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Hopfield<C>(pub SymmetricNetwork<C>);

impl<C: Coupling> VectorField for Hopfield<C> {
    fn dim(&self) -> usize {
        self.0.bias().len()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (rates, ws) = ws.take(x.len());
        self.0.activation().values(x, rates);
        self.0.input(rates, dx, ws);
        leak(x, dx, self.0.time_constant());
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (rates, ws) = ws.take(x.as_slice().len());
        self.0.activation().values(x.as_slice(), rates);
        let rates = BatchMut::view(rates, self.dim());
        self.0.input_batch(rates.as_batch(), dx.reborrow(), ws);
        leak(x.as_slice(), dx.as_mut_slice(), self.0.time_constant());
    }
}

/// `dx ← (dx − x) / τ`.
pub(super) fn leak(x: &[f64], dx: &mut [f64], tau: f64) {
    let rate = 1.0 / tau;
    for (x, dx) in x.iter().zip(dx) {
        *dx = (*dx - x) * rate;
    }
}

impl<C: Coupling> Leaky for Hopfield<C> {
    /// `1/τ`.
    fn decay(&self, out: &mut [f64]) {
        out.fill(1.0 / self.0.time_constant());
    }
}

impl<C: Coupling> Jacobian for Hopfield<C> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (scaled, ws) = ws.take(x.len());
        self.0.activation().slopes(x, scaled);
        for (s, v) in scaled.iter_mut().zip(v) {
            *s *= v;
        }
        self.0.coupling().apply(scaled, out, ws);
        leak(v, out, self.0.time_constant());
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (slopes, ws) = ws.take(x.len());
        self.0.activation().slopes(x, slopes);
        self.0.coupling().apply(v, out, ws);
        for (o, s) in out.iter_mut().zip(&*slopes) {
            *o *= s;
        }
        leak(v, out, self.0.time_constant());
    }

    /// Reads the rows of `W` once, instead of `n` products with it.
    fn jacobian(&self, _t: f64, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        let rate = 1.0 / self.0.time_constant();
        for (j, (x, column)) in x.iter().zip(out.chunks_exact_mut(self.dim())).enumerate() {
            self.0.coupling().row(j, column);
            let scale = rate * self.0.activation().slope(*x);
            for c in column.iter_mut() {
                *c *= scale;
            }
            column[j] -= rate;
        }
    }
}

impl<C: Coupling> Lyapunov for Hopfield<C> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let activation = self.0.activation();
        let (rates, ws) = ws.take(x.len());
        let (input, ws) = ws.take(x.len());
        activation.values(x, rates);
        self.0.input(rates, input, ws);
        self.0.interaction(rates, input)
            + x.iter().map(|x| activation.conjugate_at(*x)).sum::<f64>()
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (dx, ws) = ws.take(x.len());
        self.eval(0.0, x, dx, ws);
        let activation = self.0.activation();
        let sum: f64 = x.iter().zip(&*dx).map(|(x, dx)| activation.slope(*x) * dx * dx).sum();
        -self.0.time_constant() * sum
    }
}
