//! Exact normalization, likelihood and its gradient, by summing over every
//! state of the smaller layer.
//!
//! ```text
//! Z = Σ_s exp(bᵀs + Σ_j softplus(b′_j + (M s)_j)),   s over all states of one layer
//! L = (1/R) Σ_r ln P(v_r) = −(1/R) Σ_r F(v_r) − ln Z
//! ∂L/∂W = ⟨v P(h|v)ᵀ⟩_data − ⟨v hᵀ⟩_model,   likewise for the biases
//! ```
//!
//! The other layer is summed in closed form, so the cost is `2^min` evaluations
//! instead of `2^(visible + hidden)`. Sums of exponentials are taken relative to
//! their largest term.

use ebm_core::{Batch, Energy, Workspace, linalg, vector_math};
use rayon::prelude::*;

use crate::rbm::{check_bits, dot};
use crate::{Error, Layer, Rbm, RbmGradient};

/// Units of the smaller layer beyond which a sum over its states is refused:
/// 16 million states, each a matrix-vector product.
pub const MAX_UNITS: usize = 24;

/// States that share a matrix product. Fixed, so that results do not depend on
/// the number of threads.
const BLOCK: usize = 256;

/// Exact sums for machines of one size; owns the memory for them.
///
/// ```
/// use ebm_boltzmann::{ExactLikelihood, Layer, Rbm};
/// use ebm_core::Batch;
/// let rbm = Rbm::new(vec![0.0; 6], vec![0.0; 3], vec![0.0; 2])?;
/// let mut exact = ExactLikelihood::new(&rbm)?;
/// // 2⁵ equally likely joint states; 2³ equally likely visible states.
/// assert!((exact.log_partition(&rbm)? - 5.0 * 2f64.ln()).abs() < 1e-14);
/// let data = [1.0, 0.0, 1.0];
/// let likelihood = exact.log_likelihood(&rbm, Batch::single(&data)?)?;
/// assert!((likelihood + 3.0 * 2f64.ln()).abs() < 1e-14);
/// # Ok::<(), ebm_boltzmann::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExactLikelihood {
    /// The layer whose states are enumerated.
    layer: Layer,
    units: usize,
    others: usize,
    /// `ln` of the unnormalized probability of every state.
    log_weights: Vec<f64>,
    scratch: Scratch,
    model: RbmGradient,
    ws: Workspace,
}

/// A block of states with what is computed of them.
#[derive(Debug, Clone)]
struct Scratch {
    /// `units × BLOCK`
    states: Vec<f64>,
    /// `others × BLOCK`
    inputs: Vec<f64>,
}

impl Scratch {
    fn new(units: usize, others: usize) -> Self {
        let width = BLOCK.min(1 << units);
        Self { states: vec![0.0; units * width], inputs: vec![0.0; others * width] }
    }

    /// Writes the states numbered from `first` on, and the inputs that they
    /// give to the other layer, `count` columns of each.
    fn fill(
        &mut self,
        rbm: &Rbm,
        layer: Layer,
        first: usize,
        count: usize,
    ) -> (&[f64], &mut [f64]) {
        let (units, others) = (rbm.units(layer), rbm.units(layer.other()));
        let states = &mut self.states[..units * count];
        for (k, state) in states.chunks_exact_mut(units).enumerate() {
            for (i, bit) in state.iter_mut().enumerate() {
                *bit = ((first + k) >> i & 1) as f64;
            }
        }
        let inputs = &mut self.inputs[..others * count];
        rbm.inputs(layer.other(), states, inputs);
        (states, inputs)
    }
}

impl ExactLikelihood {
    /// Memory for machines of the size of `rbm`.
    ///
    /// # Errors
    /// [`Error::TooManyStates`] if both layers have more than [`MAX_UNITS`]
    /// units.
    pub fn new(rbm: &Rbm) -> Result<Self, Error> {
        let layer = if rbm.units(Layer::Visible) < rbm.units(Layer::Hidden) {
            Layer::Visible
        } else {
            Layer::Hidden
        };
        let (units, others) = (rbm.units(layer), rbm.units(layer.other()));
        if units > MAX_UNITS {
            return Err(Error::TooManyStates { found: units, limit: MAX_UNITS });
        }
        Ok(Self {
            layer,
            units,
            others,
            log_weights: vec![0.0; 1 << units],
            scratch: Scratch::new(units, others),
            model: RbmGradient::zero(rbm),
            ws: Workspace::new(),
        })
    }

    fn check(&self, rbm: &Rbm) -> Result<(), Error> {
        let what = "layers of the machine";
        ebm_core::validate::dimension(what, self.units, rbm.units(self.layer))?;
        ebm_core::validate::dimension(what, self.others, rbm.units(self.layer.other()))?;
        Ok(())
    }

    /// `ln Z`.
    ///
    /// # Errors
    /// If `rbm` has another size than these sums were made for.
    pub fn log_partition(&mut self, rbm: &Rbm) -> Result<f64, Error> {
        self.check(rbm)?;
        let (layer, units, others) = (self.layer, self.units, self.others);
        let weigh = |scratch: &mut Scratch, block: usize, out: &mut [f64]| {
            let (states, inputs) = scratch.fill(rbm, layer, block * BLOCK, out.len());
            vector_math::softplus_in_place(inputs);
            let columns = states.chunks_exact(units).zip(inputs.chunks_exact(others));
            for (out, (state, terms)) in out.iter_mut().zip(columns) {
                *out = dot(rbm.bias(layer), state) + terms.iter().sum::<f64>();
            }
        };
        if self.log_weights.len() <= BLOCK {
            weigh(&mut self.scratch, 0, &mut self.log_weights);
        } else {
            self.log_weights.par_chunks_mut(BLOCK).enumerate().for_each_init(
                || Scratch::new(units, others),
                |scratch, (block, out)| weigh(scratch, block, out),
            );
        }
        Ok(vector_math::log_sum_exp(&self.log_weights))
    }

    /// Mean of `ln P(v)` over the columns of `data`, in nats.
    ///
    /// # Errors
    /// If `rbm` has another size, or `data` is empty or not 0/1 states of the
    /// visible layer.
    pub fn log_likelihood(&mut self, rbm: &Rbm, data: Batch<'_>) -> Result<f64, Error> {
        check_bits("data row", rbm.units(Layer::Visible), data)?;
        let log_partition = self.log_partition(rbm)?;
        let (energies, ws) = self.ws.take(data.count());
        rbm.energy_batch(data, energies, ws);
        Ok(-energies.iter().sum::<f64>() / data.count() as f64 - log_partition)
    }

    /// Writes the gradient of the mean log-likelihood to `out`.
    ///
    /// # Errors
    /// As [`log_likelihood`](Self::log_likelihood), and if `out` has other
    /// shapes.
    pub fn gradient(
        &mut self,
        rbm: &Rbm,
        data: Batch<'_>,
        out: &mut RbmGradient,
    ) -> Result<(), Error> {
        check_bits("data row", rbm.units(Layer::Visible), data)?;
        let what = "gradient";
        for (part, own) in out.parts().into_iter().zip(self.model.parts()) {
            ebm_core::validate::dimension(what, own.len(), part.len())?;
        }
        let log_partition = self.log_partition(rbm)?;
        self.expectations(rbm, log_partition);
        for (out, model) in out.parts_mut().into_iter().zip(self.model.parts()) {
            for (out, m) in out.iter_mut().zip(model) {
                *out = -m;
            }
        }
        let (hidden, _) = self.ws.take(rbm.units(Layer::Hidden) * data.count());
        rbm.probabilities(Layer::Hidden, data.as_slice(), hidden);
        let scale = 1.0 / data.count() as f64;
        add_statistics(scale, data.as_slice(), hidden, data.count(), out);
        Ok(())
    }

    /// `⟨vhᵀ⟩`, `⟨v⟩` and `⟨h⟩` of the model into `self.model`, after
    /// `log_partition` has weighed all states.
    fn expectations(&mut self, rbm: &Rbm, log_partition: f64) {
        let (layer, units, others) = (self.layer, self.units, self.others);
        self.model.parts_mut().into_iter().for_each(|part| part.fill(0.0));
        for (block, log_weights) in self.log_weights.chunks_mut(BLOCK).enumerate() {
            let count = log_weights.len();
            let (_, inputs) = self.scratch.fill(rbm, layer, block * BLOCK, count);
            vector_math::logistic_in_place(inputs);
            log_weights.iter_mut().for_each(|w| *w -= log_partition);
            vector_math::exp_in_place(log_weights);
            // ⟨·⟩ = Σ p(s) (·), with the p(s) put on the states.
            let Scratch { states, inputs } = &mut self.scratch;
            let (states, inputs) = (&mut states[..units * count], &mut inputs[..others * count]);
            let other_bias = match layer {
                Layer::Visible => &mut self.model.hidden_bias,
                Layer::Hidden => &mut self.model.visible_bias,
            };
            for (mean, p) in inputs.chunks_exact(others).zip(&*log_weights) {
                for (b, m) in other_bias.iter_mut().zip(mean) {
                    *b += p * m;
                }
            }
            for (state, p) in states.chunks_exact_mut(units).zip(&*log_weights) {
                state.iter_mut().for_each(|s| *s *= p);
            }
            let own_bias = match layer {
                Layer::Visible => &mut self.model.visible_bias,
                Layer::Hidden => &mut self.model.hidden_bias,
            };
            for state in states.chunks_exact(units) {
                for (b, s) in own_bias.iter_mut().zip(state) {
                    *b += s;
                }
            }
            let (v, h) = match layer {
                Layer::Visible => (&*states, &*inputs),
                Layer::Hidden => (&*inputs, &*states),
            };
            linalg::add_outer(1.0, v, h, &mut self.model.weights, count);
        }
    }
}

/// Adds `scale · Σ v hᵀ`, `scale · Σ v` and `scale · Σ h` over `count` columns.
pub(crate) fn add_statistics(
    scale: f64,
    v: &[f64],
    h: &[f64],
    count: usize,
    out: &mut RbmGradient,
) {
    linalg::add_outer(scale, v, h, &mut out.weights, count);
    for (layer, bias) in [(v, &mut out.visible_bias), (h, &mut out.hidden_bias)] {
        for state in layer.chunks_exact(bias.len()) {
            for (b, s) in bias.iter_mut().zip(state) {
                *b += scale * s;
            }
        }
    }
}
