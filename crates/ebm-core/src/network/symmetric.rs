//! What the Hopfield and the firing-rate form of a network share: parameters,
//! energy, and the map between their trajectories.
//!
//! ```text
//! E(v) = −½ vᵀWv − bᵀv + Σᵢ L*(vᵢ),      L*(v) = ∫^v φ⁻¹(z) dz
//! x_H = W x_FR + b
//! ```

use crate::vector::axpy;
use crate::{Batch, BatchMut, Coupling, Curvature, Energy, Error, Gradient, Workspace, validate};

use super::Activation;

/// A symmetric coupling `W`, a bias `b`, an activation `φ` and a time constant
/// `τ`.
///
/// As an [`Energy`] it is `E(v)` of the rates `v`, the function that both
/// [`Hopfield`](super::Hopfield) (in `v = φ(x)`) and
/// [`FiringRate`](super::FiringRate) (in `v = x`) decrease; it is `+∞` outside
/// the closed range of `φ`. Its gradient and curvature exist in the interior.
/// Interactions carry the factor ½ of a double sum over all pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct SymmetricNetwork<C> {
    coupling: C,
    bias: Vec<f64>,
    activation: Activation,
    time_constant: f64,
}

impl<C: Coupling> SymmetricNetwork<C> {
    /// A network with time constant 1; `bias` has the coupling's dimension.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for the
    /// bias; [`Error::Parameter`] for the activation.
    pub fn new(coupling: C, bias: Vec<f64>, activation: Activation) -> Result<Self, Error> {
        if coupling.dim() == 0 {
            return Err(Error::Empty { what: "coupling of the network" });
        }
        validate::dimension("bias of the network", coupling.dim(), bias.len())?;
        validate::finite("bias of the network", &bias)?;
        activation.validate()?;
        Ok(Self { coupling, bias, activation, time_constant: 1.0 })
    }

    /// The same network with time constant `tau > 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_time_constant(self, tau: f64) -> Result<Self, Error> {
        validate::positive("time constant of the network", tau)?;
        Ok(Self { time_constant: tau, ..self })
    }

    /// `W`.
    #[must_use]
    pub fn coupling(&self) -> &C {
        &self.coupling
    }

    /// `b`.
    #[must_use]
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// `φ`.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// `τ`.
    #[must_use]
    pub fn time_constant(&self) -> f64 {
        self.time_constant
    }

    /// Writes the input `W v + b` to `out`.
    ///
    /// This is also the exact map `x_H = W x_FR + b`: it carries solutions of
    /// the firing-rate form to solutions of the Hopfield form, since
    /// `τ ẋ_H = W(−x_FR + φ(W x_FR + b)) = −x_H + Wφ(x_H) + b`. It commutes with
    /// every Runge–Kutta method.
    pub fn input(&self, v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.coupling.apply(v, out, ws);
        axpy(1.0, &self.bias, out);
    }

    /// [`input`](Self::input) of every column, as one matrix product.
    pub fn input_batch(&self, v: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.coupling.apply_batch(v, out.reborrow(), ws);
        for out in out.columns_mut() {
            axpy(1.0, &self.bias, out);
        }
    }

    /// `−½ vᵀ(Wv) − bᵀv`, given the input `Wv + b`.
    pub(super) fn interaction(&self, v: &[f64], input: &[f64]) -> f64 {
        v.iter().zip(input).zip(&self.bias).map(|((v, y), b)| -0.5 * v * (y + b)).sum()
    }
}

impl<C: Coupling> Energy for SymmetricNetwork<C> {
    fn dim(&self) -> usize {
        self.bias.len()
    }
    fn energy(&self, v: &[f64], ws: &mut Workspace) -> f64 {
        let (input, ws) = ws.take(v.len());
        self.input(v, input, ws);
        self.interaction(v, input) + v.iter().map(|v| self.activation.conjugate(*v)).sum::<f64>()
    }
    fn energy_batch(&self, v: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (inputs, ws) = ws.take(v.as_slice().len());
        self.coupling.apply_batch(v, BatchMut::view(inputs, self.dim()), ws);
        for ((v, input), out) in v.columns().zip(inputs.chunks_exact_mut(self.dim())).zip(out) {
            axpy(1.0, &self.bias, input);
            *out = self.interaction(v, input)
                + v.iter().map(|v| self.activation.conjugate(*v)).sum::<f64>();
        }
    }
}

impl<C: Coupling> Gradient for SymmetricNetwork<C> {
    /// `−Wv − b + φ⁻¹(v)`.
    fn gradient(&self, v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.input(v, out, ws);
        for (v, g) in v.iter().zip(out) {
            *g = self.activation.inverse_near(*v, *g) - *g;
        }
    }
    fn gradient_batch(&self, v: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.input_batch(v, out.reborrow(), ws);
        for (v, g) in v.as_slice().iter().zip(out.as_mut_slice()) {
            *g = self.activation.inverse_near(*v, *g) - *g;
        }
    }
}

impl<C: Coupling> Curvature for SymmetricNetwork<C> {
    /// `−Wu + u / φ′(φ⁻¹(v))`.
    fn hessian_vec(&self, v: &[f64], u: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.coupling.apply(u, out, ws);
        for ((v, u), h) in v.iter().zip(u).zip(out) {
            *h = u / self.activation.slope(self.activation.inverse(*v)) - *h;
        }
    }
    fn hessian(&self, v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let n = self.dim();
        for (j, (v, column)) in v.iter().zip(out.chunks_exact_mut(n)).enumerate() {
            self.coupling.row(j, column);
            for h in column.iter_mut() {
                *h = -*h;
            }
            column[j] += 1.0 / self.activation.slope(self.activation.inverse(*v));
        }
    }
}
