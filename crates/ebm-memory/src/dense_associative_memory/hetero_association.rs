//! Hetero-association: from a key to the value stored with it.
//!
//! ```text
//! stored       pairs (k^μ, v^μ)
//! discrete     E(σ | κ) = −Σ_μ F(k^μ·κ + v^μ·σ),    from  σᵢ = sgn Σ_μ vᵢ^μ F′(k^μ·κ)
//! continuous   y = Σ_μ w_μ v^μ,    w = softmax(β s(κ)),    attention
//! ```
//!
//! The discrete memory stores the pairs as patterns of keys and values together
//! and descends in the values with the key `κ` held: the first guess is the
//! linearized rule for values of which nothing is known, after which the values
//! take part in the overlaps. The continuous memory reads the values with the
//! weights of the keys. This is the same procedure: with the key known and
//! held, and the value unknown, the first update of a log-sum-exp memory of the
//! pairs is the read-out. Clean a key up first by retrieving it with
//! [`Cccp`](super::Cccp).
//!
//! The discrete form goes back to B. Kosko, *Bidirectional associative
//! memories*, IEEE Trans. SMC 18, 49 (1988), doi:10.1109/21.87054, with dense
//! interactions as in arXiv 1606.01164; for the continuous one see H. Ramsauer
//! et al. (2020), arXiv 2008.02217.

use ebm_core::vector_math::VectorMath;
use ebm_core::{Batch, linalg, validate};
use rayon::prelude::*;

use super::interaction::Form;
use super::norms::{TILE, add_norms, half_square};
use super::sign_patterns::signed;
use super::{Cues, DiscreteMemory, Interaction, LogSumExpMemory, Match, SignPatterns, Similarity};
use super::{cccp, similarity};
use crate::hopfield::{Clamped, Recall, RecallReport};
use crate::{Error, Patterns, Retrieved, checks, patterns};

/// Keys that share a matrix product. Fixed, so that results do not depend on
/// the number of threads.
const BLOCK: usize = 32;

/// Pairs of ±1 keys and values in a [`DiscreteMemory`].
///
/// ```
/// use ebm_memory::{DiscretePairs, Interaction, Recall, SignPatterns};
/// let (keys, values) = (SignPatterns::random(60, 500, 1)?, SignPatterns::random(40, 500, 2)?);
/// let pairs = DiscretePairs::new(keys, &values, Interaction::RectifiedPolynomial { degree: 5 })?;
/// let (asked, answers) = (pairs.keys().to_patterns()?, values.to_patterns::<f64>()?);
/// let found = pairs.retrieve(&Recall::default(), asked.as_batch())?;
/// assert_eq!(found.states(), answers.as_batch());
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Pairs"))]
pub struct DiscretePairs {
    keys: SignPatterns,
    joint: DiscreteMemory,
}

/// How the recall of the value of one key went.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PairReport {
    /// The stored pair closest to the key and its value together.
    pub closest: Match,
    /// The recall of both together, with the energy of [`DiscretePairs::joint`].
    pub recall: RecallReport,
}

impl DiscretePairs {
    /// Stores pair `μ` of `keys` and `values`.
    ///
    /// # Errors
    /// If there are not as many values as keys, there is no memory for both
    /// together, and as [`DiscreteMemory::new`], with the length of key and
    /// value together for `N`.
    pub fn new(
        keys: SignPatterns,
        values: &SignPatterns,
        interaction: Interaction,
    ) -> Result<Self, Error> {
        let joint = DiscreteMemory::new(keys.stacked(values)?, interaction)?;
        Ok(Self { keys, joint })
    }

    /// From keys and the memory of both together, which must begin with them.
    #[cfg(feature = "serde")]
    pub(crate) fn from_joint(keys: SignPatterns, joint: DiscreteMemory) -> Result<Self, Error> {
        validate::dimension("number of keys", joint.patterns().count(), keys.count())?;
        match keys.first_not_above(joint.patterns()) {
            None => Ok(Self { keys, joint }),
            Some(index) => {
                let (what, expected) = ("pairs", "a pattern that begins with its key");
                Err(ebm_core::Error::Entry { what, index, expected, value: f64::NAN }.into())
            }
        }
    }

    /// Stores one more pair behind the others, at the cost of
    /// [`DiscreteMemory::add`]. The memory is that which [`new`](Self::new) makes
    /// of all pairs, to the bit.
    ///
    /// ```
    /// use ebm_memory::{Batch, DiscretePairs, Interaction, Recall, SignPatterns};
    /// let (keys, values) = (SignPatterns::random(40, 9, 1)?, SignPatterns::random(3, 9, 2)?);
    /// let mut pairs = DiscretePairs::new(keys, &values, Interaction::Polynomial { degree: 5 })?;
    /// pairs.add(&[1.0; 40], &[1.0, -1.0, 1.0])?;
    /// let found = pairs.retrieve(&Recall::default(), Batch::single(&[1.0; 40])?)?;
    /// assert_eq!(found.state(0), [1.0, -1.0, 1.0]);
    /// pairs.remove(9)?;
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If key or value has another length or is not ±1, and as
    /// [`DiscreteMemory::add`]. Nothing is changed then.
    pub fn add(&mut self, key: &[f64], value: &[f64]) -> Result<(), Error> {
        let dim = self.joint.patterns().dim();
        validate::dimension("key", self.keys.dim(), key.len())?;
        validate::dimension("value", dim - self.keys.dim(), value.len())?;
        patterns::check_signs("key", Batch::single(key)?)?;
        patterns::check_signs("value", Batch::single(value)?)?;
        self.keys.push(key)?;
        let mut joint = patterns::allocate(dim, 1)?;
        joint.extend(key.iter().chain(value));
        let last = self.keys.count() - 1;
        self.joint.add(&joint).or_else(|error| {
            self.keys.remove(last)?;
            Err(error)
        })
    }

    /// Removes pair `index`; those after it move up by one.
    ///
    /// # Errors
    /// If there is no such pair or no other, or no memory for the bits.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        let mut keys = self.keys.clone();
        keys.remove(index)?;
        self.joint.remove(index)?;
        self.keys = keys;
        Ok(())
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &SignPatterns {
        &self.keys
    }

    /// The memory of keys and values together, a key above its value.
    #[must_use]
    pub fn joint(&self) -> &DiscreteMemory {
        &self.joint
    }

    /// Recalls the value of every key, which is held as it is: the states
    /// retrieved are values. A neuron of which the key says nothing starts at
    /// +1.
    ///
    /// # Errors
    /// As [`Recall::retrieve`], of keys.
    pub fn retrieve(
        &self,
        recall: &Recall,
        keys: Batch<'_>,
    ) -> Result<Retrieved<PairReport>, Error> {
        let (key_dim, dim) = (self.keys.dim(), self.joint.patterns().dim());
        checks::shape("keys", key_dim, keys)?;
        patterns::check_signs("key", keys)?;
        let mut cues = vec![0.0; dim * keys.count()];
        cues.par_chunks_exact_mut(dim).enumerate().for_each_init(
            || vec![0.0; self.keys.count()],
            |weights, (j, cue)| {
                let (key, value) = cue.split_at_mut(key_dim);
                key.copy_from_slice(keys.column(j));
                self.guess(key, value, weights);
            },
        );
        let held: Vec<bool> = (0..dim).map(|i| i < key_dim).collect();
        let network = Clamped::new(&self.joint, &held)?;
        let recalled = recall.retrieve(&network, Batch::new(&cues, dim)?)?;
        let matches = self.joint.patterns().closest(recalled.states())?;
        let states = recalled.states().columns().flat_map(|s| s[key_dim..].to_vec()).collect();
        let reports = matches.into_iter().zip(recalled.reports());
        let reports = reports.map(|(closest, recall)| PairReport { closest, recall: *recall });
        Ok(Retrieved { states, dim: dim - key_dim, reports: reports.collect() })
    }

    /// `sgn Σ_μ vᵢ^μ F′(k^μ·κ)`.
    fn guess(&self, key: &[f64], value: &mut [f64], weights: &mut [f64]) {
        self.keys.overlaps(key, weights);
        match self.joint.form() {
            Form::Power(power) => weights.iter_mut().for_each(|m| *m = power.slope(*m)),
            Form::Exponential { beta } => {
                let largest = weights.iter().fold(f64::NEG_INFINITY, |a, m| a.max(*m));
                weights.iter_mut().for_each(|m| *m = (beta * (*m - largest)).exp());
            }
        }
        let size: f64 = weights.iter().map(|w| w.abs()).sum();
        let tie = weights.len() as f64 * f64::EPSILON * size;
        for (i, value) in value.iter_mut().enumerate() {
            let mut sum = 0.0;
            let column = self.joint.patterns().column(key.len() + i);
            for (word, weights) in column.iter().zip(weights.chunks(64)) {
                let mut word = *word;
                for weight in weights {
                    sum += signed(*weight, word);
                    word >>= 1;
                }
            }
            *value = if sum < -tie { -1.0 } else { 1.0 };
        }
    }
}

/// Keys of a [`LogSumExpMemory`], each with a value of any length: attention
/// with keys and values of their own.
///
/// ```
/// use ebm_memory::{Batch, KeyValueMemory, LogSumExpMemory, Patterns, Similarity};
/// let keys = Patterns::spherical(50, 300, 1)?;
/// let values = Patterns::new((0..300).map(f64::from).collect(), 1)?; // the number of the key
/// let mut cue = keys.pattern(123).to_vec();
/// cue[0] += 1.0;
/// let keys = LogSumExpMemory::new(keys, 1.0, Similarity::DotProduct)?;
/// let memory = KeyValueMemory::new(keys, values)?;
/// let found = memory.retrieve(Batch::single(&cue)?)?;
/// assert!((found.state(0)[0] - 123.0).abs() < 1e-3);
/// assert_eq!(found.reports()[0].pair, 123);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::KeyValue<T>",
        bound(deserialize = "T: ebm_core::vector_math::VectorMath + serde::Deserialize<'de>")
    )
)]
pub struct KeyValueMemory<T = f64> {
    keys: LogSumExpMemory<T>,
    values: Patterns<T>,
}

/// Whose value was read for a key. Where all scores overflow, weight and margin
/// are NaN, as the value is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ValueReport {
    /// The pair of largest weight.
    pub pair: usize,
    /// Its weight, from `1/K` to 1.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub weight: f64,
    /// `ln(w₁/w₂)`, log odds against the runner-up; infinite if there is none,
    /// or its weight underflows.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub margin: f64,
}

impl<T: VectorMath> KeyValueMemory<T> {
    /// Stores a value for every one of `keys`.
    ///
    /// # Errors
    /// If there are not as many values as keys.
    pub fn new(keys: LogSumExpMemory<T>, values: Patterns<T>) -> Result<Self, Error> {
        validate::dimension("number of values", keys.patterns().count(), values.count())?;
        Ok(Self { keys, values })
    }

    /// Stores one more pair behind the others, at the cost of
    /// [`LogSumExpMemory::add`]. The memory is that which [`new`](Self::new) makes
    /// of all pairs, to the bit.
    ///
    /// ```
    /// use ebm_memory::{Batch, KeyValueMemory, LogSumExpMemory, Patterns, Similarity};
    /// let keys = Patterns::spherical(20, 9, 1)?;
    /// let keys = LogSumExpMemory::new(keys, 5.0, Similarity::SquaredDistance)?;
    /// let mut memory = KeyValueMemory::new(keys, Patterns::new(vec![0.0; 9], 1)?)?;
    /// memory.add(&[1.0; 20], &[7.0])?;
    /// assert!((memory.retrieve(Batch::single(&[0.9; 20])?)?.state(0)[0] - 7.0).abs() < 1e-9);
    /// memory.remove(9)?;
    /// assert_eq!(memory.keys().patterns().count(), 9);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`LogSumExpMemory::add`], and if the value has another length or is not
    /// finite. Nothing is changed then.
    pub fn add(&mut self, key: &[T], value: &[T]) -> Result<(), Error> {
        validate::dimension("value", self.values.dim(), value.len())?;
        validate::finite("value", value)?;
        self.values.push(value)?;
        let last = self.values.count() - 1;
        self.keys.add(key).or_else(|error| {
            self.values.remove(last)?;
            Err(error)
        })
    }

    /// Removes pair `index`; those after it move up by one.
    ///
    /// # Errors
    /// If there is no such pair or no other, and as [`LogSumExpMemory::remove`].
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        patterns::check_removal(index, self.values.count())?;
        self.values.remove(index)?;
        self.keys.remove(index)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &LogSumExpMemory<T> {
        &self.keys
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &Patterns<T> {
        &self.values
    }

    /// Reads the value of every key: two matrix products for a block of keys,
    /// in parallel over blocks. The states retrieved are values. Plain keys are a
    /// [`Batch`]; [`Cues`] add a mask of the entries that are known and compared.
    /// A mask of fixed ones changes nothing, as no key moves.
    ///
    /// ```
    /// use ebm_memory::{Cues, KeyValueMemory, LogSumExpMemory, Patterns, Similarity};
    /// let keys = Patterns::spherical(50, 300, 1)?;
    /// let mut asked = keys.pattern(123).to_vec();
    /// asked[25..].fill(f64::NAN);
    /// let known: Vec<bool> = (0..50).map(|i| i < 25).collect();
    /// let values = Patterns::new((0..300).map(f64::from).collect(), 1)?;
    /// let keys = LogSumExpMemory::new(keys, 2.0, Similarity::SquaredDistance)?;
    /// let memory = KeyValueMemory::new(keys, values)?;
    /// let found = memory.retrieve(Cues::new(&asked, 50)?.with_known(&known)?)?;
    /// assert_eq!(found.reports()[0].pair, 123);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no keys, or they are of another dimension than those stored
    /// or not finite where they are known.
    pub fn retrieve<'a>(
        &self,
        keys: impl Into<Cues<'a, T>>,
    ) -> Result<Retrieved<ValueReport, T>, Error> {
        let keys = keys.into();
        let batch = keys.batch();
        checks::shape("keys", self.keys.patterns().dim(), batch)?;
        keys.check_finite("key")?;
        match self.keys.centered() {
            None => self.read_from(&self.keys, keys),
            Some(centered) => {
                let relative = centered.moved(batch)?;
                self.read_from(&centered.memory, keys.replaced(Batch::new(&relative, batch.dim())?))
            }
        }
    }

    /// Reads the values of `keys` with the weights that `memory` gives.
    fn read_from(
        &self,
        memory: &LogSumExpMemory<T>,
        keys: Cues<'_, T>,
    ) -> Result<Retrieved<ValueReport, T>, Error> {
        let (dim, count, total) = (self.values.dim(), self.values.count(), keys.batch().count());
        let masked = cccp::masked_offsets(memory, &keys)?;
        let offsets = masked.as_deref().unwrap_or(memory.offsets());
        let mut values = vec![T::ZERO; dim * total];
        let blank = ValueReport { pair: 0, weight: 0.0, margin: 0.0 };
        let mut reports = vec![blank; total];
        let blocks = values.par_chunks_mut(dim * BLOCK).zip(reports.par_chunks_mut(BLOCK));
        blocks.enumerate().for_each_init(
            || Scratch::new(memory, &keys),
            |scratch, (block, (values, reports))| {
                scratch.weigh(memory, &keys, offsets, block * BLOCK, reports.len());
                let weights = &scratch.weights[..count * reports.len()];
                for (report, weights) in reports.iter_mut().zip(weights.chunks_exact(count)) {
                    *report = ValueReport::of(weights);
                }
                linalg::multiply(self.values.as_batch().as_slice(), weights, values, dim);
            },
        );
        Ok(Retrieved { states: values, dim, reports })
    }
}

/// Memory of one worker, sized once.
struct Scratch<T> {
    weights: Vec<T>,
    /// Known entries of the keys, zeros elsewhere; and the mask as numbers. Empty
    /// without a mask.
    compared: Vec<T>,
    known: Vec<T>,
    /// Squared patterns, and sums over them; empty unless each key has its own
    /// mask.
    squares: Vec<T>,
    sums: Vec<T>,
}

impl<T: VectorMath> Scratch<T> {
    fn new(memory: &LogSumExpMemory<T>, keys: &Cues<'_, T>) -> Self {
        let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
        let width = BLOCK.min(keys.batch().count());
        let masked = !keys.known_of(0).is_empty();
        let own = keys.known_each() && memory.similarity() == Similarity::SquaredDistance;
        let zeros = |needed: bool, len: usize| vec![T::ZERO; if needed { len } else { 0 }];
        Self {
            weights: zeros(true, count * width),
            compared: zeros(masked, dim * width),
            known: zeros(masked, dim * width),
            squares: zeros(own, dim * TILE.min(count)),
            sums: zeros(own, width * TILE.min(count)),
        }
    }

    /// The weights of the `width` keys from `first` on.
    fn weigh(
        &mut self,
        memory: &LogSumExpMemory<T>,
        keys: &Cues<'_, T>,
        offsets: &[T],
        first: usize,
        width: usize,
    ) {
        let (patterns, dim) = (memory.patterns(), memory.patterns().dim());
        let given = &keys.batch().as_slice()[first * dim..(first + width) * dim];
        let Self { weights, compared, known, squares, sums } = self;
        let len = compared.len().min(given.len());
        let (compared, known) = (&mut compared[..len], &mut known[..len]);
        let columns = compared.chunks_exact_mut(dim).zip(known.chunks_exact_mut(dim));
        for (key, ((compared, known), x)) in columns.zip(given.chunks_exact(dim)).enumerate() {
            let mask = keys.known_of(first + key);
            for (((compared, known), x), mask) in compared.iter_mut().zip(known).zip(x).zip(mask) {
                (*compared, *known) = if *mask { (*x, T::ONE) } else { (T::ZERO, T::ZERO) };
            }
        }
        let x = if compared.is_empty() { given } else { compared };
        let weights = &mut weights[..patterns.count() * width];
        let data = patterns.as_batch().as_slice();
        match memory.similarity() {
            Similarity::Manhattan => similarity::manhattan(data, x, known, dim, weights),
            _ => linalg::multiply_transposed(data, x, weights, dim),
        }
        if !squares.is_empty() {
            add_norms(patterns, known, T::from_f64(-0.5), (squares, sums), weights);
        }
        for (weights, x) in weights.chunks_exact_mut(patterns.count()).zip(x.chunks_exact(dim)) {
            memory.exponents_from(weights, 0, offsets, half_square(x));
        }
        memory.normalize(weights);
    }
}

impl ValueReport {
    fn of<T: VectorMath>(weights: &[T]) -> Self {
        let (mut pair, mut first, mut second) = (0, weights[0].to_f64(), 0.0_f64);
        for (mu, weight) in weights.iter().enumerate().skip(1) {
            let weight = weight.to_f64();
            if weight > first {
                (second, pair, first) = (first, mu, weight);
            } else {
                second = second.max(weight);
            }
        }
        Self { pair, weight: first, margin: (first / second).ln() }
    }
}
