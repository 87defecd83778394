//! A hidden layer that is infinitely fast: at rest for every activation of the
//! layers that drive it.
//!
//! ```text
//! h = I + Σ_k Ξ_kᵀ g_k,      E(g) = −L(h),      ∂E/∂g_k = −Ξ_k f,      f = ∂L/∂h
//! ```
//!
//! This is the limit `τ → 0` of a layer with Lagrangian `L` and dense synapses
//! `Ξ_k`: minimizing `h·f − L(h) − I·f − Σ_k g_kᵀΞ_k f` over `f` leaves `−L` at
//! the `h` above. A softmax layer gives the log-sum-exp memory, a rectified
//! power the polynomial one.
//!
//! Source: D. Krotov and J. J. Hopfield, arXiv:2008.06996.

use ebm_core::lagrangian::Lagrangian;
use ebm_core::{Workspace, linalg, validate};

use super::activations::{columns, columns_mut};
use super::synapse::{Matrices, add};
use super::{Activations, ActivationsMut, Synapse};
use crate::{Error, Patterns};

/// The energy `−L(I + Σ_k Ξ_kᵀ g_k)` of the layers in its slots. Its parameters
/// are the entries of `Ξ_1`, column by column, then those of `Ξ_2`, and so on.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::ebm_core::lagrangian::{Elementwise, LogSumExp};
/// use ebm_memory::ebm_core::network::Activation;
/// use ebm_memory::layered::{FastLayer, Layer, LayeredMemory};
/// use ebm_memory::{LogSumExpMemory, Patterns, Similarity};
/// let patterns = Patterns::random_signs(10, 6, 1)?;
/// let visible = Layer::new(Elementwise::new(10, Activation::Linear)?);
/// let softmax = FastLayer::new(&patterns, LogSumExp::new(6, 2.0)?)?;
/// let layered = LayeredMemory::new(vec![visible])?.connect(softmax, &[0])?;
/// let memory = LogSumExpMemory::new(patterns, 2.0, Similarity::DotProduct)?;
/// assert!((layered.energy_at(&[0.3; 10]) - memory.energy_at(&[0.3; 10])).abs() < 1e-12);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
pub struct FastLayer {
    lagrangian: Box<dyn Lagrangian>,
    input: Vec<f64>,
    weights: Matrices,
    dims: Vec<usize>,
}

impl std::fmt::Debug for FastLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FastLayer")
            .field("units", &self.input.len())
            .field("dims", &self.dims)
            .finish_non_exhaustive()
    }
}

impl FastLayer {
    /// A layer of as many units as there are patterns, driven by one layer.
    ///
    /// # Errors
    /// If the Lagrangian is not one of as many units as there are patterns.
    pub fn new(patterns: &Patterns, lagrangian: impl Lagrangian + 'static) -> Result<Self, Error> {
        validate::dimension("Lagrangian of the fast layer", patterns.count(), lagrangian.dim())?;
        Ok(Self {
            input: vec![0.0; patterns.count()],
            lagrangian: Box::new(lagrangian),
            weights: Matrices(vec![patterns.as_batch().as_slice().to_vec()]),
            dims: vec![patterns.dim()],
        })
    }

    /// From parts that fit each other.
    pub(super) fn from_parts(
        lagrangian: Box<dyn Lagrangian>,
        input: Vec<f64>,
        weights: Vec<Vec<f64>>,
    ) -> Self {
        let dims = weights.iter().map(|w| w.len() / input.len()).collect();
        Self { lagrangian, input, weights: Matrices(weights), dims }
    }

    /// `out ← [I] + Σ_k Ξ_kᵀ g_k` for every state.
    fn drive(&self, g: Activations<'_>, with_input: bool, out: &mut [f64], ws: &mut Workspace) {
        let (part, _) = ws.take(out.len());
        for column in out.chunks_exact_mut(self.input.len()) {
            if with_input {
                column.copy_from_slice(&self.input);
            } else {
                column.fill(0.0);
            }
        }
        for (slot, (weights, dim)) in self.weights.0.iter().zip(&self.dims).enumerate() {
            linalg::multiply_transposed(weights, g.layer(slot).as_slice(), part, *dim);
            add(part, out);
        }
    }

    /// `out_k ← out_k − Ξ_k f`.
    fn pull(&self, f: &[f64], mut out: ActivationsMut<'_>) {
        for (slot, (weights, dim)) in self.weights.0.iter().zip(&self.dims).enumerate() {
            linalg::add_multiply(-1.0, weights, f, out.layer_mut(slot).as_mut_slice(), *dim);
        }
    }

    /// `out ← ∇²L(h) a` for every state, with `h` the drive at `g` and `a` the
    /// slope of the drive along `v`.
    fn response(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let (h, ws) = ws.take(out.len());
        let (a, ws) = ws.take(out.len());
        self.drive(g, true, h, ws);
        self.drive(v, false, a, ws);
        let units = self.input.len();
        let columns = h.chunks_exact(units).zip(a.chunks_exact(units));
        for (out, (h, a)) in out.chunks_exact_mut(units).zip(columns) {
            self.lagrangian.hessian_vec(h, a, out, ws);
        }
    }

    /// `out ← f` for every state.
    fn activations(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace) {
        let units = self.input.len();
        let (h, ws) = ws.take(out.len());
        self.drive(g, true, h, ws);
        self.lagrangian.gradient_batch(columns(h, units), columns_mut(out, units), ws);
    }
}

impl Synapse for FastLayer {
    fn dims(&self) -> &[usize] {
        &self.dims
    }

    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (h, ws) = ws.take(self.input.len() * g.count());
        self.drive(g, true, h, ws);
        for (out, h) in out.iter_mut().zip(h.chunks_exact(self.input.len())) {
            *out -= self.lagrangian.energy(h, ws);
        }
    }

    fn add_gradient(&self, g: Activations<'_>, out: ActivationsMut<'_>, ws: &mut Workspace) {
        let (f, ws) = ws.take(self.input.len() * g.count());
        self.activations(g, f, ws);
        self.pull(f, out);
    }

    fn add_hessian_vec(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: ActivationsMut<'_>,
        ws: &mut Workspace,
    ) {
        let (response, ws) = ws.take(self.input.len() * g.count());
        self.response(g, v, response, ws);
        self.pull(response, out);
    }

    fn parameter_count(&self) -> usize {
        self.weights.count()
    }

    fn parameters(&self, out: &mut [f64]) {
        self.weights.write(out);
    }

    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error> {
        self.weights.replace("weights of the synapse", parameters)
    }

    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let count = g.count();
        let (f, ws) = ws.take(self.input.len() * count);
        let (response, ws) = ws.take(self.input.len() * count);
        self.activations(g, f, ws);
        self.response(g, v, response, ws);
        for (slot, out) in self.weights.cut_mut(out).enumerate() {
            linalg::add_outer(-1.0, v.layer(slot).as_slice(), f, out, count);
            linalg::add_outer(-1.0, g.layer(slot).as_slice(), response, out, count);
        }
    }
}
