//! Training by contrastive divergence.
//!
//! ```text
//! ΔW ∝ ⟨v₀ P(h|v₀)ᵀ⟩ − ⟨v_k P(h|v_k)ᵀ⟩,   Δa ∝ ⟨v₀ − v_k⟩,   Δc ∝ ⟨P(h|v₀) − P(h|v_k)⟩
//! velocity ← momentum · velocity + rate · (Δ − decay · W),      parameters += velocity
//! ```
//!
//! `v_k` is the state after `k` Gibbs sweeps from the data row `v₀`. The
//! statistics use the probabilities of the hidden units, not draws of them,
//! which has the same mean and less noise. CD-k follows the likelihood
//! gradient up to a bias that falls with `k`.
//!
//! Source: G. E. Hinton, *Training Products of Experts by Minimizing
//! Contrastive Divergence*, Neural Computation 14 (2002).

use ebm_core::{Batch, Outcome, random::stream, validate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::gibbs::half_sweep;
use crate::partition_function::add_statistics;
use crate::rbm::check_bits;
use crate::{Error, Layer, Rbm, RbmGradient};

/// Rows that share a matrix product. Fixed, so that results do not depend on
/// the number of threads.
const BLOCK: usize = 64;

/// Streams of the seed from this one on order the rows of an epoch; those
/// below drive the Gibbs sweeps.
const SHUFFLES: u64 = 1 << 63;

/// The method: CD-k with momentum and weight decay on mini-batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContrastiveDivergence {
    /// Gibbs sweeps `k` of the negative phase, ≥ 1.
    pub sweeps: usize,
    /// Step along the estimated gradient of the mean log-likelihood, > 0.
    pub learning_rate: f64,
    /// Share of the last step that is kept, in [0, 1).
    pub momentum: f64,
    /// Pull of the weights (not the biases) to zero, ≥ 0.
    pub weight_decay: f64,
    /// Rows of a mini-batch, ≥ 1; all rows at once if there are fewer.
    pub batch_size: usize,
    /// Seed of the order of the rows and of the Gibbs sweeps.
    pub seed: u64,
}

impl Default for ContrastiveDivergence {
    /// CD-1, rate 0.05, batches of 20, no momentum, no decay: the plain method
    /// at a rate that is stable on small 0/1 data.
    fn default() -> Self {
        Self {
            sweeps: 1,
            learning_rate: 0.05,
            momentum: 0.0,
            weight_decay: 0.0,
            batch_size: 20,
            seed: 0,
        }
    }
}

/// The state of a training: everything that a continuation needs besides the
/// method and the data. Cloning it is a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The machine.
    pub rbm: Rbm,
    /// The last step.
    pub velocity: RbmGradient,
    /// Updates made; selects the rows and the random streams of the next one.
    pub updates: u64,
}

impl TrainingState {
    /// The start: `rbm`, at rest.
    #[must_use]
    pub fn new(rbm: Rbm) -> Self {
        Self { velocity: RbmGradient::zero(&rbm), rbm, updates: 0 }
    }
}

/// What happened in an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epochs completed, this one included.
    pub epoch: u64,
    /// Mean squared difference of a data unit to its probability after one
    /// Gibbs sweep. Cheap and easy to read, but not the objective.
    pub reconstruction_error: f64,
    /// Reached, or not finite if the parameters have diverged.
    pub outcome: Outcome,
}

/// A training in progress, with its memory.
///
/// ```
/// use ebm_boltzmann::{
///     ContrastiveDivergence, ExactLikelihood, Multiplicity, Rbm, Training, TrainingState,
///     bars_and_stripes,
/// };
/// use ebm_core::Batch;
///
/// let pictures = bars_and_stripes(3, Multiplicity::Distinct)?;
/// let data = Batch::new(&pictures, 9)?;
/// let rbm = Rbm::random(9, 8, 0.1, 1)?;
/// let mut exact = ExactLikelihood::new(&rbm)?;
/// let before = exact.log_likelihood(&rbm, data)?;
///
/// let method = ContrastiveDivergence { batch_size: 14, ..Default::default() };
/// let mut training = Training::new(method, TrainingState::new(rbm), data)?;
/// for _ in 0..2000 {
///     training.epoch();
/// }
/// let after = exact.log_likelihood(&training.state().rbm, data)?;
/// assert!(after > before + 1.0);
/// # Ok::<(), ebm_boltzmann::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Training<'d> {
    method: ContrastiveDivergence,
    state: TrainingState,
    data: Batch<'d>,
    /// Order of the rows in the current epoch.
    order: Vec<usize>,
    /// The epoch that `order` belongs to.
    ordered: Option<u64>,
    blocks: Vec<Block>,
    /// Sum of squared reconstruction errors of the epoch so far.
    squared_error: f64,
}

/// Memory for a block of rows of a mini-batch.
#[derive(Debug, Clone)]
struct Block {
    data: Vec<f64>,
    visible: Vec<f64>,
    hidden: Vec<f64>,
    generators: Vec<ChaCha8Rng>,
    statistics: RbmGradient,
    squared_error: f64,
}

impl<'d> Training<'d> {
    /// Sets up the training of `state` on the columns of `data`. To resume, pass
    /// the state of a checkpoint with the same method and data: the result is
    /// the same, bit for bit, as without the interruption.
    ///
    /// # Errors
    /// If a parameter of the method is out of range, `data` is empty or not
    /// 0/1 states of the visible layer, or the velocity has other shapes than
    /// the machine.
    pub fn new(
        method: ContrastiveDivergence,
        state: TrainingState,
        data: Batch<'d>,
    ) -> Result<Self, Error> {
        validate::positive("Gibbs sweeps", method.sweeps as f64)?;
        validate::positive("learning rate", method.learning_rate)?;
        validate::non_negative("weight decay", method.weight_decay)?;
        validate::positive("batch size", method.batch_size as f64)?;
        if !(0.0..1.0).contains(&method.momentum) {
            let (what, value) = ("momentum", method.momentum);
            let expected = "at least 0 and less than 1";
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        let rbm = &state.rbm;
        let zero = RbmGradient::zero(rbm);
        for (found, own) in state.velocity.parts().into_iter().zip(zero.parts()) {
            validate::dimension("velocity", own.len(), found.len())?;
            validate::finite("velocity", found)?;
        }
        let (visible, hidden) = (rbm.units(Layer::Visible), rbm.units(Layer::Hidden));
        check_bits("data row", visible, data)?;
        let batch = method.batch_size.min(data.count());
        let width = batch.min(BLOCK);
        let block = Block {
            data: vec![0.0; visible * width],
            visible: vec![0.0; visible * width],
            hidden: vec![0.0; hidden * width],
            generators: Vec::with_capacity(width),
            statistics: zero,
            squared_error: 0.0,
        };
        Ok(Self {
            method,
            data,
            order: (0..data.count()).collect(),
            ordered: None,
            blocks: vec![block; batch.div_ceil(BLOCK)],
            squared_error: 0.0,
            state,
        })
    }

    /// The machine and all that a continuation needs.
    #[must_use]
    pub fn state(&self) -> &TrainingState {
        &self.state
    }

    /// Ends the training.
    #[must_use]
    pub fn into_state(self) -> TrainingState {
        self.state
    }

    /// Updates in an epoch; the last one may have fewer rows.
    #[must_use]
    pub fn updates_per_epoch(&self) -> u64 {
        self.data.count().div_ceil(self.method.batch_size) as u64
    }

    /// Runs to the end of the current epoch. A row is seen once in an epoch, in
    /// an order drawn from the seed.
    pub fn epoch(&mut self) -> EpochReport {
        let per_epoch = self.updates_per_epoch();
        self.squared_error = 0.0;
        let first = self.state.updates % per_epoch;
        for _ in first..per_epoch {
            self.update();
        }
        let seen = self.data.count() - first as usize * self.method.batch_size;
        let entries = seen * self.data.dim();
        let epoch = self.state.updates / per_epoch;
        EpochReport {
            epoch,
            reconstruction_error: self.squared_error / entries as f64,
            outcome: match self.state.rbm.first_non_finite() {
                None => Outcome::Reached,
                Some(index) => Outcome::NotFinite { t: epoch as f64, index },
            },
        }
    }

    /// Makes one update, on one mini-batch.
    pub fn update(&mut self) {
        let per_epoch = self.updates_per_epoch();
        let (epoch, position) = (self.state.updates / per_epoch, self.state.updates % per_epoch);
        self.order_rows(epoch);
        let start = position as usize * self.method.batch_size;
        let end = self.data.count().min(start.saturating_add(self.method.batch_size));
        let rows = &self.order[start..end];
        // A stream for every row of every update, so that nothing but the
        // number of updates need be stored to continue.
        let width = self.method.batch_size.min(self.data.count()) as u64;
        let base = self.state.updates.wrapping_mul(width) % SHUFFLES;
        let (method, rbm, data) = (self.method, &self.state.rbm, self.data);
        let scale = 1.0 / rows.len() as f64;
        let run = |(index, (block, rows)): (usize, (&mut Block, &[usize]))| {
            let stream_base = base + (index * BLOCK) as u64;
            block.run(&method, rbm, data, rows, stream_base, scale);
        };
        let used = rows.len().div_ceil(BLOCK);
        if used == 1 {
            run((0, (&mut self.blocks[0], rows)));
        } else {
            self.blocks.par_iter_mut().zip(rows.par_chunks(BLOCK)).enumerate().for_each(run);
        }
        self.step(used);
    }

    /// Moves the parameters by the statistics of the first `used` blocks.
    fn step(&mut self, used: usize) {
        let (first, rest) = self.blocks.split_at_mut(1);
        let total = &mut first[0].statistics;
        self.squared_error += first[0].squared_error;
        for block in &rest[..used - 1] {
            self.squared_error += block.squared_error;
            for (total, part) in total.parts_mut().into_iter().zip(block.statistics.parts()) {
                for (t, p) in total.iter_mut().zip(part) {
                    *t += p;
                }
            }
        }
        let ContrastiveDivergence { momentum, learning_rate, weight_decay, .. } = self.method;
        let TrainingState { rbm, velocity, updates } = &mut self.state;
        if weight_decay > 0.0 {
            for (g, w) in total.weights.iter_mut().zip(rbm.weights()) {
                *g -= weight_decay * w;
            }
        }
        for (velocity, gradient) in velocity.parts_mut().into_iter().zip(total.parts()) {
            for (v, g) in velocity.iter_mut().zip(gradient) {
                *v = momentum * *v + learning_rate * g;
            }
        }
        rbm.ascend(velocity, 1.0);
        *updates += 1;
    }

    /// Puts the rows into the order of `epoch`, which depends on it and the
    /// seed alone.
    fn order_rows(&mut self, epoch: u64) {
        if self.ordered == Some(epoch) {
            return;
        }
        self.ordered = Some(epoch);
        self.order.iter_mut().enumerate().for_each(|(i, row)| *row = i);
        let mut rng = stream(self.method.seed, SHUFFLES | epoch);
        for k in (1..self.order.len()).rev() {
            self.order.swap(k, rng.random_range(0..=k));
        }
    }
}

impl Block {
    /// Positive and negative phase of `rows`; row `r` draws from stream
    /// `stream_base + r`.
    fn run(
        &mut self,
        method: &ContrastiveDivergence,
        rbm: &Rbm,
        data: Batch<'_>,
        rows: &[usize],
        stream_base: u64,
        scale: f64,
    ) {
        let count = rows.len();
        let (visible, hidden) = (rbm.units(Layer::Visible), rbm.units(Layer::Hidden));
        self.generators.clear();
        self.generators
            .extend((0..count as u64).map(|r| stream(method.seed, stream_base.wrapping_add(r))));
        let v0 = &mut self.data[..visible * count];
        for (column, &row) in v0.chunks_exact_mut(visible).zip(rows) {
            column.copy_from_slice(data.column(row));
        }
        let v = &mut self.visible[..visible * count];
        let h = &mut self.hidden[..hidden * count];
        self.statistics.parts_mut().into_iter().for_each(|part| part.fill(0.0));

        rbm.probabilities(Layer::Hidden, v0, h);
        add_statistics(scale, v0, h, count, &mut self.statistics);
        for (state, rng) in h.chunks_exact_mut(hidden).zip(&mut self.generators) {
            crate::gibbs::draw_bits(state, rng);
        }
        rbm.probabilities(Layer::Visible, h, v);
        self.squared_error = v0.iter().zip(&*v).map(|(d, p)| (d - p) * (d - p)).sum();
        for (state, rng) in v.chunks_exact_mut(visible).zip(&mut self.generators) {
            crate::gibbs::draw_bits(state, rng);
        }
        for _ in 1..method.sweeps {
            half_sweep(rbm, Layer::Hidden, v, h, &mut self.generators);
            half_sweep(rbm, Layer::Visible, h, v, &mut self.generators);
        }
        rbm.probabilities(Layer::Hidden, v, h);
        add_statistics(-scale, v, h, count, &mut self.statistics);
    }
}
