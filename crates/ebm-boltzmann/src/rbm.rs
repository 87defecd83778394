//! The restricted Boltzmann machine with 0/1 units (Bernoulli RBM).
//!
//! ```text
//! E(v, h)  = −vᵀW h − aᵀv − cᵀh,      P(v, h) = exp(−E)/Z,      v, h binary
//! P(h_j=1|v) = σ(c_j + (Wᵀv)_j),      P(v_i=1|h) = σ(a_i + (W h)_i)
//! F(v) = −ln Σ_h exp(−E(v, h)) = −aᵀv − Σ_j softplus(c_j + (Wᵀv)_j)
//! ```
//!
//! `W` is visible × hidden. The free energy `F` is the [`Energy`] of the model:
//! with the hidden layer summed out, the machine is an energy on the visible
//! units, and on all of ℝⁿ as far as its formula goes.
//!
//! Sources: P. Smolensky (1986); G. E. Hinton, *Training Products of Experts by
//! Minimizing Contrastive Divergence*, Neural Computation 14 (2002).

use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Workspace, linalg, random::stream, validate,
    vector_math,
};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::Error;

/// One of the two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The units that data clamp.
    Visible,
    /// The units that explain them.
    Hidden,
}

impl Layer {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Visible => Self::Hidden,
            Self::Hidden => Self::Visible,
        }
    }
}

/// A Bernoulli restricted Boltzmann machine; see the [module](self) for the
/// formulas.
///
/// ```
/// use ebm_boltzmann::Rbm;
/// use ebm_core::Energy;
/// // Two visible units, one hidden unit that likes them equal.
/// let rbm = Rbm::new(vec![2.0, 2.0], vec![-1.0, -1.0], vec![-2.0])?;
/// let direct = -((2.0f64).exp() * (-2.0f64).exp() + (-2.0f64).exp()).ln();
/// assert!((rbm.energy_at(&[1.0, 1.0]) - direct).abs() < 1e-12);
/// # Ok::<(), ebm_boltzmann::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rbm {
    weights: Vec<f64>,
    visible_bias: Vec<f64>,
    hidden_bias: Vec<f64>,
}

/// A direction in the space of parameters of an [`Rbm`], of the same shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct RbmGradient {
    /// By `W`, visible × hidden, column-major.
    pub weights: Vec<f64>,
    /// By `a`.
    pub visible_bias: Vec<f64>,
    /// By `c`.
    pub hidden_bias: Vec<f64>,
}

impl RbmGradient {
    /// Zero, of the shapes of `rbm`.
    #[must_use]
    pub fn zero(rbm: &Rbm) -> Self {
        Self {
            weights: vec![0.0; rbm.weights.len()],
            visible_bias: vec![0.0; rbm.visible_bias.len()],
            hidden_bias: vec![0.0; rbm.hidden_bias.len()],
        }
    }

    pub(crate) fn parts_mut(&mut self) -> [&mut Vec<f64>; 3] {
        [&mut self.weights, &mut self.visible_bias, &mut self.hidden_bias]
    }

    pub(crate) fn parts(&self) -> [&Vec<f64>; 3] {
        [&self.weights, &self.visible_bias, &self.hidden_bias]
    }
}

impl Rbm {
    /// A machine with the given parameters: `weights` is visible × hidden,
    /// column-major, so column `j` belongs to hidden unit `j`.
    ///
    /// # Errors
    /// If a layer is empty, `weights` does not have visible × hidden entries,
    /// or a parameter is not finite.
    pub fn new(
        weights: Vec<f64>,
        visible_bias: Vec<f64>,
        hidden_bias: Vec<f64>,
    ) -> Result<Self, Error> {
        check_layers(visible_bias.len(), hidden_bias.len())?;
        let size = visible_bias.len().saturating_mul(hidden_bias.len());
        validate::dimension("weights, visible x hidden", size, weights.len())?;
        validate::finite("weights", &weights)?;
        validate::finite("visible bias", &visible_bias)?;
        validate::finite("hidden bias", &hidden_bias)?;
        Ok(Self { weights, visible_bias, hidden_bias })
    }

    /// Independent normal weights of standard deviation `scale` from stream 0
    /// of `seed`, and zero biases: the usual start of training.
    ///
    /// # Errors
    /// If a layer is empty, the weights do not fit into memory, or `scale` is
    /// negative or not finite.
    pub fn random(visible: usize, hidden: usize, scale: f64, seed: u64) -> Result<Self, Error> {
        validate::non_negative("standard deviation of the weights", scale)?;
        check_layers(visible, hidden)?;
        let mut weights = zeros("weights", visible, hidden)?;
        let mut rng = stream(seed, 0);
        weights.fill_with(|| scale * rng.sample::<f64, _>(StandardNormal));
        Self::new(weights, vec![0.0; visible], vec![0.0; hidden])
    }

    /// Units of a layer.
    #[must_use]
    pub fn units(&self, layer: Layer) -> usize {
        self.bias(layer).len()
    }

    /// `W`, visible × hidden, column-major.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Bias of a layer: `a` of the visible, `c` of the hidden one.
    #[must_use]
    pub fn bias(&self, layer: Layer) -> &[f64] {
        match layer {
            Layer::Visible => &self.visible_bias,
            Layer::Hidden => &self.hidden_bias,
        }
    }

    /// Replaces the visible bias, such as by the log odds of the data.
    ///
    /// # Errors
    /// If the length differs or an entry is not finite.
    pub fn with_visible_bias(self, visible_bias: Vec<f64>) -> Result<Self, Error> {
        validate::dimension("visible bias", self.visible_bias.len(), visible_bias.len())?;
        Self::new(self.weights, visible_bias, self.hidden_bias)
    }

    /// `E(v, h)`.
    ///
    /// # Panics
    /// If a state has another length than its layer.
    #[must_use]
    pub fn joint_energy(&self, v: &[f64], h: &[f64]) -> f64 {
        assert_eq!((v.len(), h.len()), (self.visible_bias.len(), self.hidden_bias.len()));
        let mut energy = -dot(&self.visible_bias, v) - dot(&self.hidden_bias, h);
        for (column, h) in self.weights.chunks_exact(v.len()).zip(h) {
            energy -= h * dot(column, v);
        }
        energy
    }

    /// Total input of the units of `layer` from states of the other layer, one
    /// a column: `c + Wᵀv` or `a + W h`. One matrix product.
    ///
    /// # Panics
    /// If the lengths do not fit the layers.
    pub fn inputs(&self, layer: Layer, other: &[f64], out: &mut [f64]) {
        let visible = self.visible_bias.len();
        match layer {
            Layer::Hidden => linalg::multiply_transposed(&self.weights, other, out, visible),
            Layer::Visible => linalg::multiply(&self.weights, other, out, visible),
        }
        let bias = self.bias(layer);
        for column in out.chunks_exact_mut(bias.len()) {
            for (x, b) in column.iter_mut().zip(bias) {
                *x += b;
            }
        }
    }

    /// `P(unit = 1 | other layer)` for the units of `layer`, one state a
    /// column.
    ///
    /// # Panics
    /// If the lengths do not fit the layers.
    pub fn probabilities(&self, layer: Layer, other: &[f64], out: &mut [f64]) {
        self.inputs(layer, other, out);
        vector_math::logistic_in_place(out);
    }

    /// Moves every parameter by `rate` times the direction.
    ///
    /// # Panics
    /// If the direction has other shapes than the machine.
    pub fn ascend(&mut self, direction: &RbmGradient, rate: f64) {
        let parameters = [&mut self.weights, &mut self.visible_bias, &mut self.hidden_bias];
        for (p, d) in parameters.into_iter().zip(direction.parts()) {
            assert_eq!(p.len(), d.len(), "a direction has the shapes of its machine");
            for (p, d) in p.iter_mut().zip(d) {
                *p += rate * d;
            }
        }
    }

    /// Position of the first parameter that is not finite, counting `W`, `a`
    /// and `c` in this order.
    #[must_use]
    pub fn first_non_finite(&self) -> Option<usize> {
        let all = self.weights.iter().chain(&self.visible_bias).chain(&self.hidden_bias);
        all.into_iter().position(|p| !p.is_finite())
    }
}

impl Energy for Rbm {
    fn dim(&self) -> usize {
        self.visible_bias.len()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (inputs, _) = ws.take(self.hidden_bias.len());
        self.inputs(Layer::Hidden, x, inputs);
        vector_math::softplus_in_place(inputs);
        -dot(&self.visible_bias, x) - inputs.iter().sum::<f64>()
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let hidden = self.hidden_bias.len();
        let (inputs, _) = ws.take(hidden * x.count());
        self.inputs(Layer::Hidden, x.as_slice(), inputs);
        vector_math::softplus_in_place(inputs);
        for ((out, x), terms) in out.iter_mut().zip(x.columns()).zip(inputs.chunks_exact(hidden)) {
            *out = -dot(&self.visible_bias, x) - terms.iter().sum::<f64>();
        }
    }
}

impl Gradient for Rbm {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let batch = Batch::single(x).expect("a visible layer is not empty");
        let out = BatchMut::new(out, x.len()).expect("of the length of the state");
        self.gradient_batch(batch, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (hidden, _) = ws.take(self.hidden_bias.len() * x.count());
        self.probabilities(Layer::Hidden, x.as_slice(), hidden);
        self.inputs(Layer::Visible, hidden, out.as_mut_slice());
        out.as_mut_slice().iter_mut().for_each(|g| *g = -*g);
    }
}

impl Curvature for Rbm {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (hidden, ws) = ws.take(self.hidden_bias.len());
        let (along, _) = ws.take(self.hidden_bias.len());
        self.probabilities(Layer::Hidden, x, hidden);
        linalg::multiply_transposed(&self.weights, v, along, v.len());
        for (a, p) in along.iter_mut().zip(&*hidden) {
            *a *= -p * (1.0 - p);
        }
        linalg::multiply(&self.weights, along, out, v.len());
    }
}

/// `Σ aᵢ bᵢ`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Both layers must have units.
fn check_layers(visible: usize, hidden: usize) -> Result<(), Error> {
    for (what, units) in [("visible layer", visible), ("hidden layer", hidden)] {
        if units == 0 {
            return Err(ebm_core::Error::Empty { what }.into());
        }
    }
    Ok(())
}

/// Every entry of `states` must be 0 or 1, and there must be some.
pub(crate) fn check_bits(what: &'static str, dim: usize, states: Batch<'_>) -> Result<(), Error> {
    validate::dimension(what, dim, states.dim())?;
    if states.count() == 0 {
        return Err(ebm_core::Error::Empty { what }.into());
    }
    for (column, state) in states.columns().enumerate() {
        if let Some(index) = state.iter().position(|s| *s != 0.0 && *s != 1.0) {
            return Err(Error::NotBit { what, column, index, value: state[index] });
        }
    }
    Ok(())
}

/// `rows × cols` zeros, or an error where there is no room for them.
pub(crate) fn zeros(what: &'static str, rows: usize, cols: usize) -> Result<Vec<f64>, Error> {
    let size = rows.saturating_mul(cols);
    let mut values = Vec::new();
    if values.try_reserve_exact(size).is_err() {
        let bytes = size.saturating_mul(size_of::<f64>());
        return Err(ebm_core::Error::Allocation { what, bytes }.into());
    }
    values.resize(size, 0.0);
    Ok(values)
}
