//! The firing-rate network.
//!
//! ```text
//! τ ẋ = −x + φ(y),  y = W x + b,      V(x) = E(x),      J = (−I + diag φ′(y) W) / τ
//! V̇ = (1/τ) Σᵢ (φ⁻¹(xᵢ) − yᵢ)(φ(yᵢ) − xᵢ) ≤ 0,      φ being monotone
//! ```
//!
//! Source: the energy of M. A. Cohen and S. Grossberg, IEEE Trans. Syst. Man
//! Cybern. 13, 815 (1983), in the rates; see also arXiv:2302.13452.

use crate::ode::Leaky;
use crate::{Batch, BatchMut, Coupling, Energy, Jacobian, Lyapunov, VectorField, Workspace};

use super::SymmetricNetwork;
use super::hopfield::leak;

/// The firing-rate form of a [`SymmetricNetwork`]; the state is the vector of
/// rates.
///
/// With `φ` the proximal operator of a convex `g` it is the proximal flow of
/// `½xᵀ(I − W)x − bᵀx + g(x)`, which is its Lyapunov function. For a bounded `φ`
/// that function is `+∞`, and its rate `−∞` by convention, at rates outside the
/// range of `φ`; the range is invariant and attracts every solution.
#[derive(Debug, Clone, PartialEq)]
pub struct FiringRate<C>(pub SymmetricNetwork<C>);

impl<C: Coupling> VectorField for FiringRate<C> {
    fn dim(&self) -> usize {
        self.0.bias().len()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (input, ws) = ws.take(x.len());
        self.0.input(x, input, ws);
        self.0.activation().values(input, dx);
        leak(x, dx, self.0.time_constant());
    }
    fn eval_batch(&self, _t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        let (inputs, ws) = ws.take(x.as_slice().len());
        self.0.input_batch(x, BatchMut::view(inputs, self.dim()), ws);
        self.0.activation().values(inputs, dx.as_mut_slice());
        leak(x.as_slice(), dx.as_mut_slice(), self.0.time_constant());
    }
}

impl<C: Coupling> Leaky for FiringRate<C> {
    /// `1/τ`.
    fn decay(&self, out: &mut [f64]) {
        out.fill(1.0 / self.0.time_constant());
    }
}

impl<C: Coupling> Jacobian for FiringRate<C> {
    fn jvp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (input, ws) = ws.take(x.len());
        self.0.input(x, input, ws);
        self.0.coupling().apply(v, out, ws);
        let activation = self.0.activation();
        for (o, y) in out.iter_mut().zip(&*input) {
            *o *= activation.slope(*y);
        }
        leak(v, out, self.0.time_constant());
    }
    fn vjp(&self, _t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (scaled, ws) = ws.take(x.len());
        self.0.input(x, scaled, ws);
        let activation = self.0.activation();
        for (s, v) in scaled.iter_mut().zip(v) {
            *s = activation.slope(*s) * v;
        }
        self.0.coupling().apply(scaled, out, ws);
        leak(v, out, self.0.time_constant());
    }

    /// One product with `W` and one reading of its rows, instead of `n`
    /// products.
    fn jacobian(&self, _t: f64, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (slopes, ws) = ws.take(x.len());
        self.0.input(x, slopes, ws);
        let (activation, rate) = (self.0.activation(), 1.0 / self.0.time_constant());
        for s in slopes.iter_mut() {
            *s = rate * activation.slope(*s);
        }
        for (j, column) in out.chunks_exact_mut(self.dim()).enumerate() {
            // Column j of W is its row j.
            self.0.coupling().row(j, column);
            for (c, s) in column.iter_mut().zip(&*slopes) {
                *c *= s;
            }
            column[j] -= rate;
        }
    }
}

impl<C: Coupling> Lyapunov for FiringRate<C> {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.0.energy(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (input, ws) = ws.take(x.len());
        self.0.input(x, input, ws);
        let activation = self.0.activation();
        let mut sum = 0.0;
        for (x, y) in x.iter().zip(&*input) {
            let step = activation.value(*y) - x;
            // A unit at rest contributes nothing, even where φ⁻¹ is infinite.
            if step != 0.0 {
                let term = (activation.inverse_near(*x, *y) - y) * step;
                // Not positive, as φ is monotone; the inverse rounds.
                sum += if term > 0.0 { 0.0 } else { term };
            }
        }
        sum / self.0.time_constant()
    }
}
