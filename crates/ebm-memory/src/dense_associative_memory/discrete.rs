//! The discrete dense associative memory.
//!
//! ```text
//! polynomial    E(σ) = −Σ_μ F(ξ^μ·σ),                  F(m) = mⁿ/n  or  max(m, 0)ⁿ/n
//! exponential   E(σ) = −(1/β) ln Σ_μ exp(β ξ^μ·σ)
//! ```
//!
//! with ±1 patterns and states. The overlaps are not divided by `N`, so on ±1
//! states `n E` of a polynomial is an integer, and is computed as one: at
//! `n = 2` it is `2N` times the energy of the
//! [`HopfieldNetwork`](crate::HopfieldNetwork), less `N K` from the diagonal.
//! The source of the exponential has `−Σ exp(ξ·σ)`; the logarithm, which grows
//! with it, keeps the order of the states, hence the dynamics, and does not
//! overflow. It is the energy of the
//! [`LogSumExpMemory`](super::LogSumExpMemory), less its `½‖σ‖² = N/2`.
//!
//! # Dynamics
//!
//! ```text
//! exact        σᵢ ← sgn Σ_μ [F(rᵢ^μ + ξᵢ^μ) − F(rᵢ^μ − ξᵢ^μ)],     rᵢ^μ = Σ_{j≠i} ξⱼ^μ σⱼ
//! linearized   σᵢ ← sgn Σ_μ ξᵢ^μ F′(rᵢ^μ)
//! ```
//!
//! A neuron keeps its state where the sum is zero, so that every asynchronous
//! exact update lowers the energy strictly: sums of polynomials are exact, and
//! those of exponentials count as zero within their rounding. The linearized
//! rule lowers an energy of degree two, and the exponential one, where both
//! rules are the same; for other degrees it can raise it. Synchronous updates
//! may end in cycles, other than those of a Hopfield network of any length.
//! [`Recall`](crate::Recall) runs the dynamics and [`Glauber`](crate::Glauber)
//! those at a temperature, in the units of `E`.
//!
//! The Hamming distances to all patterns are kept for a running state, so a
//! neuron costs `O(K)` to try and to change, in lookups that do not depend on
//! the degree.
//!
//! Sources: D. Krotov and J. J. Hopfield (2016), arXiv 1606.01164; M. Demircigil
//! et al. (2017), arXiv 1702.01929.

use ebm_core::vector_math::{log_sum_exp, softmax_in_place};
use ebm_core::{Batch, Curvature, Energy, Gradient, Workspace, validate};

use super::interaction::{Form, Interaction, Power};
use super::sign_patterns::SignPatterns;
use crate::{Error, patterns};

/// A memory of bit-packed ±1 patterns under a given interaction; see the
/// [module](self) for energies and dynamics.
///
/// As an [`Energy`] it extends to all real states, by the same formulas.
///
/// ```
/// use ebm_memory::{
///     Corruption, DiscreteMemory, Interaction, Patterns, Recall, SignPatterns, corrupt,
/// };
///
/// // Ten times as many patterns as neurons.
/// let patterns = Patterns::random_signs(100, 1000, 1)?;
/// let bits = SignPatterns::new(&patterns)?;
/// let memory = DiscreteMemory::new(bits, Interaction::RectifiedPolynomial { degree: 4 })?;
///
/// let cues = corrupt(patterns.as_batch(), 0.1, Corruption::FlipSign, 2)?;
/// let recalled = Recall::default().retrieve(&memory, cues.as_batch())?;
/// let matches = memory.patterns().closest(recalled.states())?;
/// let right = matches.iter().enumerate().filter(|(mu, m)| m.pattern == *mu && m.distance == 0);
/// assert!(right.count() > 990);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Discrete"))]
pub struct DiscreteMemory {
    patterns: SignPatterns,
    interaction: Interaction,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    form: Form,
    /// For every distance `d`, whether the neuron agrees with the pattern and
    /// whether it does not, at `2d` and `2d + 1`: what its change adds to `n E`.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    changes: Table,
    /// `n F(N − 2d)`; nothing for the exponential.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    values: Option<Table>,
}

/// A table over distances.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Table {
    /// Integers of which a sum over all patterns fits into 64 bits.
    Narrow(Vec<i64>),
    /// Integers of which it fits into 128 bits.
    Wide(Vec<i128>),
    /// `exp(−2βd)`.
    Weights(Vec<f64>),
}

impl DiscreteMemory {
    /// Stores `patterns`.
    ///
    /// # Errors
    /// If a parameter of `interaction` is out of range, there are 2³¹ neurons
    /// or more, or `K Nⁿ` reaches 2¹²⁶, up to which energies are exact.
    pub fn new(patterns: SignPatterns, interaction: Interaction) -> Result<Self, Error> {
        let form = interaction.form()?;
        let dim = patterns.dim();
        let limit = i32::MAX as usize;
        if dim > limit {
            let what = "number of neurons";
            return Err(ebm_core::Error::TooLarge { what, size: dim, limit }.into());
        }
        let (changes, values) = tables(form, dim, patterns.count())?;
        Ok(Self { patterns, interaction, form, changes, values })
    }

    /// Stores one more ±1 pattern behind the others, in `O(N)` unless its bits
    /// begin new words, as those of every 64th do. The memory is that which
    /// [`new`](Self::new) makes of all patterns, to the bit, so that removing it
    /// leaves no trace.
    ///
    /// ```
    /// use ebm_memory::{DiscreteMemory, Interaction, SignPatterns};
    /// let cubic = Interaction::Polynomial { degree: 3 };
    /// let mut memory = DiscreteMemory::new(SignPatterns::random(20, 50, 1)?, cubic)?;
    /// let before = memory.clone();
    /// memory.add(&[1.0; 20])?;
    /// assert_eq!(memory.patterns().count(), 51);
    /// memory.remove(50)?;
    /// assert_eq!(memory, before);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it has another length or is not ±1, there is no memory for it, or
    /// `K Nⁿ` reaches 2¹²⁶. Nothing is changed then.
    pub fn add(&mut self, pattern: &[f64]) -> Result<(), Error> {
        let (dim, count) = (self.patterns.dim(), self.patterns.count() + 1);
        let tables = tables(self.form, dim, count)?;
        self.patterns.push(pattern)?;
        (self.changes, self.values) = tables;
        Ok(())
    }

    /// Removes pattern `index`; those after it move up by one. Takes
    /// `O(N K / 64)`.
    ///
    /// # Errors
    /// If there is no such pattern or no other, or no memory for the bits.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        patterns::check_removal(index, self.patterns.count())?;
        let tables = tables(self.form, self.patterns.dim(), self.patterns.count() - 1)?;
        self.patterns.remove(index)?;
        (self.changes, self.values) = tables;
        Ok(())
    }

    /// The stored patterns.
    #[must_use]
    pub fn patterns(&self) -> &SignPatterns {
        &self.patterns
    }

    /// The interaction.
    #[must_use]
    pub fn interaction(&self) -> Interaction {
        self.interaction
    }

    /// `n E` of a ±1 state, exact; `None` for the exponential.
    ///
    /// ```
    /// use ebm_memory::{DiscreteMemory, Interaction, Patterns, SignPatterns};
    /// let one = Patterns::new(vec![1.0; 1000], 1000)?;
    /// let sextic = Interaction::Polynomial { degree: 6 };
    /// let memory = DiscreteMemory::new(SignPatterns::new(&one)?, sextic)?;
    /// assert_eq!(memory.exact_energy(&[-1.0; 1000])?, Some(-1_000_000_000_000_000_000));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the state has another length than the patterns or is not ±1.
    pub fn exact_energy(&self, state: &[f64]) -> Result<Option<i128>, Error> {
        validate::dimension("state", self.patterns.dim(), state.len())?;
        patterns::check_signs("state", Batch::single(state)?)?;
        let mut distances = vec![0.0; self.patterns.count()];
        self.patterns.distances(state, &mut vec![], &mut distances);
        Ok(self.integer_energy(&distances))
    }

    /// `n E` from the distances to all patterns.
    pub(super) fn integer_energy(&self, distances: &[f64]) -> Option<i128> {
        match self.values.as_ref()? {
            Table::Narrow(values) => {
                Some(-i128::from(distances.iter().map(|d| values[index(*d)]).sum::<i64>()))
            }
            Table::Wide(values) => Some(-distances.iter().map(|d| values[index(*d)]).sum::<i128>()),
            Table::Weights(_) => None,
        }
    }

    /// `n` or `β`, by which integers or logarithms are divided.
    pub(super) fn unit(&self) -> f64 {
        match self.form {
            Form::Power(power) => f64::from(power.degree),
            Form::Exponential { beta } => beta,
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn changes(&self) -> &Table {
        &self.changes
    }
}

impl Table {
    /// The narrowest table of integers in which all sums up to `bound` fit.
    pub(super) fn new(wide: Vec<i128>, bound: i128) -> Result<Self, Error> {
        if bound > i128::from(i64::MAX) {
            return Ok(Self::Wide(wide));
        }
        let mut narrow = patterns::allocate(wide.len(), 1)?;
        // No entry is larger than the bound on the sum of any.
        narrow.extend(wide.iter().map(|value| *value as i64));
        Ok(Self::Narrow(narrow))
    }
}

/// `2 K Nⁿ`, which no sum over the patterns of the difference of two values
/// exceeds.
pub(super) fn bound_on_sums(power: Power, dim: usize, count: usize) -> Result<i128, Error> {
    let n = dim as i128;
    let bound = n.checked_pow(power.degree).and_then(|p| p.checked_mul(2 * count as i128));
    bound.ok_or_else(|| {
        let (what, expected) = ("number of patterns times N^degree", "less than 2^126");
        let value = (n as f64).powi(power.degree.cast_signed()) * count as f64;
        ebm_core::Error::Parameter { what, expected, value }.into()
    })
}

/// The tables of a [`DiscreteMemory`] of `count` patterns of `dim` neurons.
fn tables(form: Form, dim: usize, count: usize) -> Result<(Table, Option<Table>), Error> {
    match form {
        Form::Power(power) => {
            let bound = bound_on_sums(power, dim, count)?;
            let (changes, values) = changes_and_values(power, dim)?;
            Ok((Table::new(changes, bound)?, Some(Table::new(values, bound)?)))
        }
        Form::Exponential { beta } => {
            let mut weights = patterns::allocate(dim + 1, 1)?;
            weights.extend((0..=dim).map(|d| (-2.0 * beta * d as f64).exp()));
            Ok((Table::Weights(weights), None))
        }
    }
}

/// The integer tables of a [`DiscreteMemory`] of `dim` neurons, where no value
/// overflows.
fn changes_and_values(power: Power, dim: usize) -> Result<(Vec<i128>, Vec<i128>), Error> {
    let mut changes = patterns::allocate(dim + 1, 2)?;
    let mut values = patterns::allocate(dim + 1, 1)?;
    let last = dim as i128;
    for d in 0..=last {
        let m = last - 2 * d;
        let value = power.scaled(m);
        values.push(value);
        // No neuron differs at d = 0, and all do at d = N.
        changes.push(if d < last { value - power.scaled(m - 2) } else { 0 });
        changes.push(if d > 0 { value - power.scaled(m + 2) } else { 0 });
    }
    Ok((changes, values))
}

/// `m ← β (m − max m)`; returns the maximum. Unlike `β m` this does not overflow
/// where it matters.
fn exponents(beta: f64, m: &mut [f64]) -> f64 {
    let largest = m.iter().fold(f64::NEG_INFINITY, |largest, m| largest.max(*m));
    m.iter_mut().for_each(|m| *m = beta * (*m - largest));
    largest
}

/// A distance as an index, from the bits of its sum with 2⁵²: cheaper than a
/// conversion, which would have to look at all other numbers as well.
pub(super) fn index(distance: f64) -> usize {
    (distance + 4_503_599_627_370_496.0).to_bits() as u32 as usize
}

impl Energy for DiscreteMemory {
    fn dim(&self) -> usize {
        self.patterns.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (m, _) = ws.take(self.patterns.count());
        self.patterns.overlaps(x, m);
        match self.form {
            Form::Power(power) => -m.iter().map(|m| power.value(*m)).sum::<f64>(),
            Form::Exponential { beta } => {
                let largest = exponents(beta, m);
                -largest - log_sum_exp(m) / beta
            }
        }
    }
}

impl Gradient for DiscreteMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (m, _) = ws.take(self.patterns.count());
        self.patterns.overlaps(x, m);
        match self.form {
            Form::Power(power) => m.iter_mut().for_each(|m| *m = -power.slope(*m)),
            Form::Exponential { beta } => {
                exponents(beta, m);
                softmax_in_place(m);
                m.iter_mut().for_each(|p| *p = -*p);
            }
        }
        self.patterns.combine(m, out);
    }
}

impl Curvature for DiscreteMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (m, ws) = ws.take(self.patterns.count());
        let (along, _) = ws.take(self.patterns.count());
        self.patterns.overlaps(x, m);
        self.patterns.overlaps(v, along);
        match self.form {
            Form::Power(power) => {
                for (along, m) in along.iter_mut().zip(&*m) {
                    *along *= -power.curvature(*m);
                }
            }
            Form::Exponential { beta } => {
                exponents(beta, m);
                softmax_in_place(m);
                let mean: f64 = m.iter().zip(&*along).map(|(p, a)| p * a).sum();
                for (along, p) in along.iter_mut().zip(&*m) {
                    *along = -beta * p * (*along - mean);
                }
            }
        }
        self.patterns.combine(along, out);
    }
}
