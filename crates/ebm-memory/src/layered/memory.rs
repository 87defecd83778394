//! Layers, the hypergraph that joins them, and its energy.
//!
//! ```text
//! E(x) = Σₗ [(xₗ − Iₗ)·gₗ − Lₗ(xₗ)] + Σₛ Eₛ(g),      gₗ = ∂Lₗ/∂xₗ
//! ```
//!
//! Sources: those of the [parent module](super).

use std::ops::Range;

use ebm_core::lagrangian::Lagrangian;
use ebm_core::{Batch, Workspace, validate};

use super::activations::{columns, columns_mut};
use super::synapse::{cut, cut_mut, dot, subtract};
use super::{Activations, ActivationsMut, FastLayer, Synapse};
use crate::{Error, Patterns, checks, patterns};

/// A layer of neurons: a Lagrangian, a time constant and a constant input.
pub struct Layer {
    lagrangian: Box<dyn Lagrangian>,
    time_constant: f64,
    input: Vec<f64>,
}

impl Layer {
    /// A layer with time constant 1 and no input.
    #[must_use]
    pub fn new(lagrangian: impl Lagrangian + 'static) -> Self {
        let input = vec![0.0; lagrangian.dim()];
        Self { lagrangian: Box::new(lagrangian), time_constant: 1.0, input }
    }

    /// The same layer with time constant `tau > 0`.
    ///
    /// # Errors
    /// If `tau` is not a finite number above zero.
    pub fn with_time_constant(self, tau: f64) -> Result<Self, Error> {
        validate::positive("time constant of the layer", tau)?;
        Ok(Self { time_constant: tau, ..self })
    }

    /// The same layer with input `I`, the internal state to which it relaxes
    /// without synapses.
    ///
    /// # Errors
    /// If the input has another length than the layer, or is not finite.
    pub fn with_input(self, input: Vec<f64>) -> Result<Self, Error> {
        validate::dimension("input of the layer", self.input.len(), input.len())?;
        validate::finite("input of the layer", &input)?;
        Ok(Self { input, ..self })
    }

    /// Number of neurons.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.input.len()
    }

    /// `L`.
    #[must_use]
    pub fn lagrangian(&self) -> &dyn Lagrangian {
        &*self.lagrangian
    }

    /// `τ`.
    #[must_use]
    pub fn time_constant(&self) -> f64 {
        self.time_constant
    }

    /// `I`.
    #[must_use]
    pub fn input(&self) -> &[f64] {
        &self.input
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer")
            .field("dim", &self.dim())
            .field("time_constant", &self.time_constant)
            .finish_non_exhaustive()
    }
}

/// A synapse and the layers it joins, slot by slot.
struct Hyperedge {
    layers: Vec<usize>,
    synapse: Box<dyn Synapse>,
}

/// A hypergraph of layers and synapses; see the [module](super) for the
/// formulas. Its state is the internal states of the layers, one after the
/// other.
///
/// It is the vector field of its dynamics, with the energy as Lyapunov function,
/// and as an [`Energy`](ebm_core::Energy) a function of the internal state. The
/// dynamics is not the gradient flow of that function but descent in the
/// activations.
///
/// Layers and synapses may be types of yours, so that a file could not say which
/// they are: the feature `serde` does not write this memory. Write its
/// [`parameters`](Self::parameters), and [set](Self::set_parameters) them in a
/// memory of the same layers and synapses.
///
/// ```
/// use ebm_memory::ebm_core::lagrangian::{Elementwise, LogSumExp};
/// use ebm_memory::ebm_core::network::Activation;
/// use ebm_memory::ebm_core::{Lyapunov, Workspace, ode};
/// use ebm_memory::layered::{DenseSynapse, Layer, LayeredMemory};
///
/// // A chain of three layers.
/// let memory = LayeredMemory::new(vec![
///     Layer::new(Elementwise::new(8, Activation::Tanh { gain: 1.0 })?),
///     Layer::new(Elementwise::new(5, Activation::Logistic { gain: 2.0 })?).with_time_constant(0.5)?,
///     Layer::new(LogSumExp::new(3, 4.0)?).with_time_constant(0.1)?,
/// ])?
/// .connect(DenseSynapse::random(8, 5, 0.5, 1)?, &[0, 1])?
/// .connect(DenseSynapse::random(5, 3, 0.5, 2)?, &[1, 2])?;
///
/// let start = memory.state(&[(0, &[0.3, -0.2, 0.1, 0.4, -0.5, 0.6, 0.1, 0.2])])?;
/// let mut method = ode::TSITOURAS.stepper(memory.dim());
/// let end = ode::integrate(&memory, &mut method, (0.0, 5.0), &start, &ode::Options::default())?;
/// let ws = &mut Workspace::new();
/// assert!(memory.lyapunov(&end.x, ws) < memory.lyapunov(&start, ws));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
pub struct LayeredMemory {
    layers: Vec<Layer>,
    clamped: Vec<bool>,
    /// Where each layer begins in a state; the last entry is its length.
    offsets: Vec<usize>,
    hyperedges: Vec<Hyperedge>,
}

impl std::fmt::Debug for LayeredMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joins: Vec<_> = self.hyperedges.iter().map(|h| &h.layers).collect();
        f.debug_struct("LayeredMemory")
            .field("layers", &self.layers)
            .field("clamped", &self.clamped)
            .field("synapses", &joins)
            .finish()
    }
}

impl LayeredMemory {
    /// The given layers, without synapses.
    ///
    /// # Errors
    /// If there are no layers, or one of them has no neurons.
    pub fn new(layers: Vec<Layer>) -> Result<Self, Error> {
        if layers.is_empty() {
            return Err(ebm_core::Error::Empty { what: "list of layers" }.into());
        }
        if layers.iter().any(|layer| layer.dim() == 0) {
            return Err(ebm_core::Error::Empty { what: "layer" }.into());
        }
        let clamped = vec![false; layers.len()];
        let offsets = offsets(&layers);
        Ok(Self { layers, clamped, offsets, hyperedges: Vec::new() })
    }

    /// The same memory with one more synapse, whose slots are the given layers.
    ///
    /// # Errors
    /// If a layer does not exist, or their number or sizes are not those of the
    /// synapse.
    pub fn connect(
        mut self,
        synapse: impl Synapse + 'static,
        layers: &[usize],
    ) -> Result<Self, Error> {
        validate::dimension("layers of the synapse", synapse.dims().len(), layers.len())?;
        for (&layer, &dim) in layers.iter().zip(synapse.dims()) {
            self.check_layer(layer)?;
            validate::dimension("layer of the synapse", dim, self.layers[layer].dim())?;
        }
        self.hyperedges.push(Hyperedge { layers: layers.to_vec(), synapse: Box::new(synapse) });
        Ok(self)
    }

    /// The same memory with the internal state of `layer` held fixed: its
    /// derivative is zero, whatever its value.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn clamp(mut self, layer: usize) -> Result<Self, Error> {
        self.check_layer(layer)?;
        self.clamped[layer] = true;
        Ok(self)
    }

    /// The limit `τ → 0` of `layer`: it vanishes from the state, and its
    /// synapses become one [`FastLayer`]. Layers behind it move up by one.
    ///
    /// # Errors
    /// If there is no such layer, it is the only one, it is clamped, or it is
    /// not joined to other layers by [dense](super::DenseSynapse) synapses and
    /// by nothing else.
    pub fn eliminate(mut self, layer: usize) -> Result<Self, Error> {
        self.check_layer(layer)?;
        let refusal = || {
            let expected = "a free layer, joined to other layers by dense synapses only";
            ebm_core::Error::Parameter { what: "layer to eliminate", expected, value: layer as f64 }
        };
        let units = self.layers[layer].dim();
        let (mut weights, mut slots, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for hyperedge in self.hyperedges {
            if !hyperedge.layers.contains(&layer) {
                kept.push(hyperedge);
                continue;
            }
            let matrix = hyperedge.synapse.dense_weights().ok_or_else(refusal)?;
            match hyperedge.layers[..] {
                [other, hidden] if hidden == layer && other != layer => {
                    weights.push(matrix.to_vec());
                    slots.push(other);
                }
                [hidden, other] if hidden == layer && other != layer => {
                    weights.push(transpose(matrix, units));
                    slots.push(other);
                }
                _ => return Err(refusal().into()),
            }
        }
        if slots.is_empty() || self.clamped[layer] {
            return Err(refusal().into());
        }
        let Layer { lagrangian, input, .. } = self.layers.remove(layer);
        self.clamped.remove(layer);
        let synapse = Box::new(FastLayer::from_parts(lagrangian, input, weights));
        kept.push(Hyperedge { layers: slots, synapse });
        for hyperedge in &mut kept {
            for l in &mut hyperedge.layers {
                *l -= usize::from(*l > layer);
            }
        }
        self.offsets = offsets(&self.layers);
        self.hyperedges = kept;
        Ok(self)
    }

    /// Length of the state: the number of neurons of all layers.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.offsets[self.layers.len()]
    }

    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Whether `layer` is clamped.
    ///
    /// # Panics
    /// If there is no such layer.
    #[must_use]
    pub fn is_clamped(&self, layer: usize) -> bool {
        self.clamped[layer]
    }

    /// Where `layer` is found in a state.
    ///
    /// # Panics
    /// If there is no such layer.
    #[must_use]
    pub fn range(&self, layer: usize) -> Range<usize> {
        self.offsets[layer]..self.offsets[layer + 1]
    }

    /// A state with the given internal states of some layers, and the inputs of
    /// the others.
    ///
    /// # Errors
    /// If there is no such layer, it has another size, or an entry is not
    /// finite.
    pub fn state(&self, parts: &[(usize, &[f64])]) -> Result<Vec<f64>, Error> {
        let mut state: Vec<f64> =
            self.layers.iter().flat_map(|layer| layer.input.iter().copied()).collect();
        for &(layer, part) in parts {
            self.check_layer(layer)?;
            validate::dimension("state of the layer", self.layers[layer].dim(), part.len())?;
            validate::finite("state of the layer", part)?;
            state[self.range(layer)].copy_from_slice(part);
        }
        Ok(state)
    }

    /// As [`state`](Self::state), for every column of a batch of internal
    /// states of one layer, such as cues of the visible one.
    ///
    /// # Errors
    /// If there is no such layer, the batch is empty or of another dimension
    /// than the layer, or an entry is not finite.
    pub fn states(&self, layer: usize, parts: Batch<'_>) -> Result<Patterns, Error> {
        self.check_layer(layer)?;
        checks::shape("cues of the layer", self.layers[layer].dim(), parts)?;
        checks::finite("cue", parts)?;
        let rest: Vec<f64> =
            self.layers.iter().flat_map(|layer| layer.input.iter().copied()).collect();
        let mut states = patterns::allocate(self.dim(), parts.count())?;
        for part in parts.columns() {
            let range = self.range(layer);
            states.extend_from_slice(&rest[..range.start]);
            states.extend_from_slice(part);
            states.extend_from_slice(&rest[range.end..]);
        }
        Patterns::new(states, self.dim())
    }

    /// `g` at the state `x`, layer after layer.
    ///
    /// # Panics
    /// If `x` has another length than the state.
    #[must_use]
    pub fn activations(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        let mut out = vec![0.0; x.len()];
        self.activate(x, &mut out, 1, &mut Workspace::new());
        out
    }

    /// Number of parameters of all synapses.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.counts().sum()
    }

    /// The parameters of the synapses, in the order in which they were
    /// connected.
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.parameter_count()];
        for (hyperedge, out) in self.hyperedges.iter().zip(cut_mut(self.counts(), &mut all)) {
            hyperedge.synapse.parameters(out);
        }
        all
    }

    /// Replaces the parameters of all synapses, in the order of
    /// [`parameters`](Self::parameters).
    ///
    /// # Errors
    /// If there is not the right number of them, or one is not finite; nothing
    /// is replaced then.
    pub fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error> {
        validate::dimension("parameters", self.parameter_count(), parameters.len())?;
        validate::finite("parameters", parameters)?;
        let counts: Vec<usize> = self.counts().collect();
        for (hyperedge, new) in self.hyperedges.iter_mut().zip(cut(counts.into_iter(), parameters))
        {
            hyperedge.synapse.set_parameters(new)?;
        }
        Ok(())
    }

    /// Number of parameters of every synapse.
    fn counts(&self) -> impl Iterator<Item = usize> {
        self.hyperedges.iter().map(|h| h.synapse.parameter_count())
    }

    fn check_layer(&self, index: usize) -> Result<(), Error> {
        let bound = self.layers.len();
        if index < bound {
            Ok(())
        } else {
            Err(ebm_core::Error::OutOfRange { what: "layer", index, bound }.into())
        }
    }

    // From here on a batch of `count` states is held layer after layer: layer
    // `l` is the block `block(l, count)`, one state a column of it.

    pub(super) fn block(&self, layer: usize, count: usize) -> Range<usize> {
        self.offsets[layer] * count..self.offsets[layer + 1] * count
    }

    /// Sorts states by layers.
    pub(super) fn gather(&self, x: Batch<'_>, out: &mut [f64]) {
        for layer in 0..self.layers.len() {
            let block = &mut out[self.block(layer, x.count())];
            for (column, x) in block.chunks_exact_mut(self.layers[layer].dim()).zip(x.columns()) {
                column.copy_from_slice(&x[self.range(layer)]);
            }
        }
    }

    /// `∂L/∂x` of every layer.
    pub(super) fn activate(&self, x: &[f64], out: &mut [f64], count: usize, ws: &mut Workspace) {
        for (l, layer) in self.layers.iter().enumerate() {
            let block = self.block(l, count);
            let x = columns(&x[block.clone()], layer.dim());
            layer.lagrangian.gradient_batch(x, columns_mut(&mut out[block], layer.dim()), ws);
        }
    }

    /// `∂²L/∂x² v` of every layer of one state.
    pub(super) fn layer_hessian_vec(
        &self,
        x: &[f64],
        v: &[f64],
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        for (l, layer) in self.layers.iter().enumerate() {
            let range = self.range(l);
            let (x, v) = (&x[range.clone()], &v[range.clone()]);
            layer.lagrangian.hessian_vec(x, v, &mut out[range], ws);
        }
    }

    /// `out ← ∂E/∂g = x − I + Σₛ ∂Eₛ/∂g`.
    pub(super) fn activation_gradient(
        &self,
        x: &[f64],
        g: &[f64],
        out: &mut [f64],
        count: usize,
        ws: &mut Workspace,
    ) {
        out.copy_from_slice(x);
        for (l, layer) in self.layers.iter().enumerate() {
            for column in out[self.block(l, count)].chunks_exact_mut(layer.dim()) {
                subtract(&layer.input, column);
            }
        }
        for Hyperedge { layers, synapse } in &self.hyperedges {
            let g = Activations::new(g, &self.offsets, layers, count);
            synapse.add_gradient(g, ActivationsMut::new(out, &self.offsets, layers, count), ws);
        }
    }

    /// Adds `Σₛ (∂²Eₛ/∂g²) v` of one state to `out`.
    pub(super) fn add_synapse_hessian_vec(
        &self,
        g: &[f64],
        v: &[f64],
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        for Hyperedge { layers, synapse } in &self.hyperedges {
            let g = Activations::new(g, &self.offsets, layers, 1);
            let v = Activations::new(v, &self.offsets, layers, 1);
            let out = ActivationsMut::new(out, &self.offsets, layers, 1);
            synapse.add_hessian_vec(g, v, out, ws);
        }
    }

    /// Adds `∂/∂θ Σₛ v·∂Eₛ/∂g`, summed over the states, to `out`.
    pub(super) fn add_parameter_gradient(
        &self,
        g: &[f64],
        v: &[f64],
        count: usize,
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let parts = cut_mut(self.counts(), out);
        for (Hyperedge { layers, synapse }, out) in self.hyperedges.iter().zip(parts) {
            let g = Activations::new(g, &self.offsets, layers, count);
            let v = Activations::new(v, &self.offsets, layers, count);
            synapse.add_parameter_gradient(g, v, out, ws);
        }
    }

    /// Zero in clamped layers.
    pub(super) fn silence_clamped(&self, v: &mut [f64]) {
        for l in (0..self.layers.len()).filter(|l| self.clamped[*l]) {
            v[self.range(l)].fill(0.0);
        }
    }

    /// `E` of every state, given its activations.
    pub(super) fn energies(&self, x: &[f64], g: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let count = out.len();
        out.fill(0.0);
        for (l, layer) in self.layers.iter().enumerate() {
            let block = self.block(l, count);
            let columns = x[block.clone()].chunks_exact(layer.dim());
            let pairs = columns.zip(g[block].chunks_exact(layer.dim()));
            for (out, (x, g)) in out.iter_mut().zip(pairs) {
                let lagrangian = layer.lagrangian.energy(x, ws);
                *out += dot(x, g) - lagrangian - dot(&layer.input, g);
            }
        }
        for Hyperedge { layers, synapse } in &self.hyperedges {
            let g = Activations::new(g, &self.offsets, layers, count);
            synapse.add_energy(g, out, ws);
        }
    }
}

fn offsets(layers: &[Layer]) -> Vec<usize> {
    let mut offsets = vec![0];
    let mut end = 0;
    for layer in layers {
        end += layer.dim();
        offsets.push(end);
    }
    offsets
}

/// The transpose of a column-major matrix with `rows` rows.
fn transpose(matrix: &[f64], rows: usize) -> Vec<f64> {
    (0..rows).flat_map(|i| matrix.iter().skip(i).step_by(rows).copied()).collect()
}
