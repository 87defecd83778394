//! Block Gibbs sampling: all hidden units at once, then all visible units.
//!
//! ```text
//! h ~ P(h | v),      v ~ P(v | h)
//! ```
//!
//! Given one layer, the units of the other are independent, so a sweep of many
//! chains is two matrix products. Every chain draws from a stream of its own,
//! chosen by the seed and its index. Chains are cut into fixed blocks, so that
//! results do not depend on the number of threads; the number of chains in the
//! last block may change the last bit of its products, and so, rarely, a draw.

use ebm_core::{Batch, random::stream};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::rbm::{check_bits, zeros};
use crate::{Error, Layer, Rbm};

/// Chains that share a matrix product. Fixed, so that results do not depend on
/// the number of threads.
const BLOCK: usize = 64;

/// Parallel Markov chains of one machine.
///
/// ```
/// use ebm_boltzmann::{GibbsChains, Rbm};
/// let rbm = Rbm::random(6, 3, 0.5, 1)?;
/// let mut chains = GibbsChains::uniform(&rbm, 100, 7)?;
/// chains.sweep(&rbm, 50)?;
/// assert_eq!(chains.visible().count(), 100);
/// # Ok::<(), ebm_boltzmann::Error>(())
/// ```
///
/// Cloning the chains is a checkpoint: a clone continues bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct GibbsChains {
    visible: Vec<f64>,
    hidden: Vec<f64>,
    generators: Vec<ChaCha8Rng>,
    units: usize,
}

impl GibbsChains {
    /// One chain from every column of `visible`; chain `j` draws from stream
    /// `j` of `seed`.
    ///
    /// # Errors
    /// If there are no columns, one is not a 0/1 state of the visible layer, or
    /// the hidden states do not fit into memory.
    pub fn new(rbm: &Rbm, visible: Batch<'_>, seed: u64) -> Result<Self, Error> {
        let units = rbm.units(Layer::Visible);
        check_bits("visible state", units, visible)?;
        Ok(Self {
            visible: visible.as_slice().to_vec(),
            hidden: zeros("hidden states", rbm.units(Layer::Hidden), visible.count())?,
            generators: (0..visible.count()).map(|j| stream(seed, j as u64)).collect(),
            units,
        })
    }

    /// `count` chains from fair coins.
    ///
    /// # Errors
    /// If `count` is zero, or that many states do not fit into memory.
    pub fn uniform(rbm: &Rbm, count: usize, seed: u64) -> Result<Self, Error> {
        let units = rbm.units(Layer::Visible);
        let start = zeros("chains", units, count)?;
        let mut chains = Self::new(rbm, Batch::new(&start, units)?, seed)?;
        for (state, rng) in chains.visible.chunks_exact_mut(units).zip(&mut chains.generators) {
            state.fill(0.5);
            draw_bits(state, rng);
        }
        Ok(chains)
    }

    /// `sweeps` updates of the hidden and then the visible layer of every
    /// chain, in parallel over fixed blocks of chains.
    ///
    /// # Errors
    /// If `rbm` has layers of other sizes than the chains were made for.
    pub fn sweep(&mut self, rbm: &Rbm, sweeps: usize) -> Result<(), Error> {
        let (visible, hidden) = (rbm.units(Layer::Visible), rbm.units(Layer::Hidden));
        ebm_core::validate::dimension("visible layer", self.units, visible)?;
        let count = self.generators.len();
        ebm_core::validate::dimension("hidden layer", self.hidden.len() / count, hidden)?;
        self.visible
            .par_chunks_mut(visible * BLOCK)
            .zip(self.hidden.par_chunks_mut(hidden * BLOCK))
            .zip(self.generators.par_chunks_mut(BLOCK))
            .for_each(|((v, h), generators)| {
                for _ in 0..sweeps {
                    half_sweep(rbm, Layer::Hidden, v, h, generators);
                    half_sweep(rbm, Layer::Visible, h, v, generators);
                }
            });
        Ok(())
    }

    /// The visible states, one chain a column.
    #[must_use]
    pub fn visible(&self) -> Batch<'_> {
        Batch::new(&self.visible, self.units).expect("validated on construction")
    }

    /// The hidden states the visible ones were last drawn from, one chain a
    /// column; zero before the first sweep.
    #[must_use]
    pub fn hidden(&self) -> Batch<'_> {
        Batch::new(&self.hidden, self.hidden.len() / self.generators.len())
            .expect("validated on construction")
    }
}

/// Draws the units of `layer` given the `other` layer, one generator a column.
pub(crate) fn half_sweep<R: Rng>(
    rbm: &Rbm,
    layer: Layer,
    other: &[f64],
    out: &mut [f64],
    generators: &mut [R],
) {
    rbm.probabilities(layer, other, out);
    for (state, rng) in out.chunks_exact_mut(rbm.units(layer)).zip(generators) {
        draw_bits(state, rng);
    }
}

/// Replaces probabilities by 0/1 draws.
pub(crate) fn draw_bits<R: Rng>(probabilities: &mut [f64], rng: &mut R) {
    for p in probabilities {
        *p = f64::from(u8::from(rng.random::<f64>() < *p));
    }
}
