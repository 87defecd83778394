//! The one-spin rules of the discrete dense associative memory.
//!
//! ```text
//! exact        σᵢhᵢ = ½ (E(σ with −σᵢ) − E(σ))
//! linearized   σᵢhᵢ = Σ_μ σᵢξᵢ^μ F′(rᵢ^μ),     rᵢ^μ = Σ_{j≠i} ξⱼ^μ σⱼ
//! σᵢ flips where σᵢhᵢ < 0
//! ```
//!
//! With the exponential, `A` and `B` the sums of `exp(βr)` over the patterns
//! that agree with `σᵢ` and that do not,
//!
//! ```text
//! exact        σᵢhᵢ = (1/2β) ln (A + B e^{−2β})/(A e^{−2β} + B)
//! linearized   σᵢhᵢ = (A − B)/(A + B)
//! ```
//!
//! both of the sign of `A − B`. Sums are relative to the largest weight, and
//! `h` is zero where `A` and `B` differ by less than their rounding.

use std::ops::AddAssign;

use ebm_core::{Batch, BatchMut};

use super::DiscreteMemory;
use super::discrete::{Table, bound_on_sums, index};
use super::interaction::Form;
use super::sign_patterns::{SignPatterns, signed};
use crate::hopfield::LocalFields;
use crate::{Error, patterns};

/// A memory under the linearized rule; see [`DiscreteMemory::linearized`].
#[derive(Debug, Clone)]
pub struct Linearized<'a> {
    memory: &'a DiscreteMemory,
    /// As [`DiscreteMemory`]'s changes: `σᵢξᵢ F′(rᵢ)`.
    slopes: Table,
}

impl DiscreteMemory {
    /// The same memory under the linearized rule, for
    /// [`Recall`](crate::Recall). The energies in the reports are those of the
    /// memory.
    ///
    /// ```
    /// use ebm_memory::{DiscreteMemory, Interaction, Order, Recall, SignPatterns, Update};
    /// let patterns = SignPatterns::random(64, 200, 1)?;
    /// let cubic = Interaction::RectifiedPolynomial { degree: 3 };
    /// let memory = DiscreteMemory::new(patterns, cubic)?;
    /// let stored = memory.patterns().to_patterns()?;
    /// let found = Recall::default().retrieve(&memory.linearized()?, stored.as_batch())?;
    /// let kept = found.reports().iter().filter(|report| report.flips == 0).count();
    /// assert!(kept > 190);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no memory for a table of `2N` integers.
    pub fn linearized(&self) -> Result<Linearized<'_>, Error> {
        let slopes = match self.form() {
            Form::Power(power) => {
                let last = self.patterns().dim() as i128;
                let mut slopes = patterns::allocate(self.patterns().dim() + 1, 2)?;
                for d in 0..=last {
                    let m = last - 2 * d;
                    slopes.push(if d < last { power.integer_slope(m - 1) } else { 0 });
                    slopes.push(if d > 0 { -power.integer_slope(m + 1) } else { 0 });
                }
                let (dim, count) = (self.patterns().dim(), self.patterns().count());
                Table::new(slopes, bound_on_sums(power, dim, count)?)?
            }
            Form::Exponential { .. } => self.changes().clone(),
        };
        Ok(Linearized { memory: self, slopes })
    }
}

impl Linearized<'_> {
    /// `σᵢhᵢ` of the linearized rule.
    fn advantage(&self, i: usize, s: f64, distances: &[f64]) -> f64 {
        let column = self.memory.patterns().column(i);
        match &self.slopes {
            Table::Narrow(slopes) => sum(slopes, column, s, distances) as f64,
            Table::Wide(slopes) => sum(slopes, column, s, distances) as f64,
            Table::Weights(weights) => {
                let (a, b) = agreement(weights, column, s, distances);
                if is_tie(a, b, distances.len()) { 0.0 } else { (a - b) / (a + b) }
            }
        }
    }
}

/// `σᵢhᵢ` of the exact rule: half of what flipping the neuron adds to the
/// energy.
fn advantage(memory: &DiscreteMemory, i: usize, s: f64, distances: &[f64]) -> f64 {
    let column = memory.patterns().column(i);
    let change = match memory.changes() {
        Table::Narrow(changes) => sum(changes, column, s, distances) as f64,
        Table::Wide(changes) => sum(changes, column, s, distances) as f64,
        Table::Weights(weights) => {
            let (a, b) = agreement(weights, column, s, distances);
            if is_tie(a, b, distances.len()) { 0.0 } else { log_ratio(a, b, memory.unit()) }
        }
    };
    change / (2.0 * memory.unit())
}

/// Bits of a column that are set where the patterns disagree with `s`.
fn disagreement(column: &[u64], s: f64) -> impl Iterator<Item = u64> {
    let flip = if s < 0.0 { u64::MAX } else { 0 };
    column.iter().map(move |word| word ^ flip)
}

/// The sum over the patterns of a table at their distances.
fn sum<I: Copy + Default + AddAssign>(table: &[I], column: &[u64], s: f64, distances: &[f64]) -> I {
    let mut total = I::default();
    for (mut word, distances) in disagreement(column, s).zip(distances.chunks(64)) {
        for d in distances {
            total += table[2 * index(*d) + (word & 1) as usize];
            word >>= 1;
        }
    }
    total
}

/// `A` and `B`, divided by the largest weight.
fn agreement(weights: &[f64], column: &[u64], s: f64, distances: &[f64]) -> (f64, f64) {
    // Distances over the other neurons, and the least of them.
    let others = |d: f64, word: u64| index(d) - (word & 1) as usize;
    let mut least = usize::MAX;
    for (mut word, distances) in disagreement(column, s).zip(distances.chunks(64)) {
        for d in distances {
            least = least.min(others(*d, word));
            word >>= 1;
        }
    }
    let (mut a, mut b) = (0.0, 0.0);
    for (mut word, distances) in disagreement(column, s).zip(distances.chunks(64)) {
        for d in distances {
            let weight = weights[others(*d, word) - least];
            let differs = 0_u64.wrapping_sub(word & 1);
            a += f64::from_bits(weight.to_bits() & !differs);
            b += f64::from_bits(weight.to_bits() & differs);
            word >>= 1;
        }
    }
    (a, b)
}

/// Whether two sums of `count` weights differ by no more than their rounding.
fn is_tie(a: f64, b: f64, count: usize) -> bool {
    (a - b).abs() <= (count as f64 + 8.0) * f64::EPSILON * a.max(b)
}

/// `ln (a + b q)/(a q + b)` with `q = exp(−2β)`, accurate where the two are
/// close; between `−2β` and `2β`, its values where one of them vanishes.
fn log_ratio(a: f64, b: f64, beta: f64) -> f64 {
    if a < b {
        return -log_ratio(b, a, beta);
    }
    let exponent = -2.0 * beta;
    let quotient = (b - a) * exponent.exp_m1() / (a * exponent.exp() + b);
    quotient.ln_1p().min(2.0 * beta)
}

/// Changes the distances to what they are with `σᵢ` flipped.
fn flip(patterns: &SignPatterns, i: usize, state: &mut [f64], distances: &mut [f64]) {
    let words = disagreement(patterns.column(i), state[i]);
    for (mut word, distances) in words.zip(distances.chunks_mut(64)) {
        for d in distances {
            *d += signed(1.0, word);
            word >>= 1;
        }
    }
    state[i] = -state[i];
}

/// `E` from the distances to all patterns.
fn energy(memory: &DiscreteMemory, distances: &[f64]) -> f64 {
    let unit = memory.unit();
    if let Some(energy) = memory.integer_energy(distances) {
        return energy as f64 / unit;
    }
    let least = distances.iter().fold(f64::INFINITY, |least, d| least.min(*d));
    let sum: f64 = distances.iter().map(|d| (-2.0 * unit * (d - least)).exp()).sum();
    2.0 * least - memory.patterns().dim() as f64 - sum.ln() / unit
}

/// Writes every column of `states` with all neurons updated at once.
fn update_all(
    states: Batch<'_>,
    kept: &[f64],
    mut next: BatchMut<'_>,
    advantage: impl Fn(usize, f64, &[f64]) -> f64,
) {
    let columns = states.columns().zip(kept.chunks_exact(kept.len() / states.count()));
    for ((state, distances), next) in columns.zip(next.columns_mut()) {
        for (i, (s, next)) in state.iter().zip(next).enumerate() {
            *next = if advantage(i, *s, distances) < 0.0 { -s } else { *s };
        }
    }
}

/// The exact rule. Kept of a state are its Hamming distances `d` to all
/// patterns, `ξ·σ = N − 2d`: `8K` bytes, for as many cues at a time as
/// [`Recall`](crate::Recall) has room for.
impl LocalFields for DiscreteMemory {
    type Scratch = Vec<u64>;

    fn dim(&self) -> usize {
        self.patterns().dim()
    }

    fn kept(&self) -> usize {
        self.patterns().count()
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], bits: &mut Vec<u64>) {
        for (state, kept) in states.columns().zip(kept.chunks_exact_mut(self.kept())) {
            self.patterns().distances(state, bits, kept);
        }
    }

    /// Zero: where sums round, the field is zero within their rounding.
    fn tie(&self, _: &[f64]) -> f64 {
        0.0
    }

    fn field(&self, i: usize, state: &[f64], kept: &[f64]) -> f64 {
        state[i] * advantage(self, i, state[i], kept)
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], _: &mut Vec<u64>) {
        flip(self.patterns(), i, state, kept);
    }

    fn energy_kept(&self, _: &[f64], kept: &[f64]) -> f64 {
        energy(self, kept)
    }

    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        next: BatchMut<'_>,
        _: &mut Vec<u64>,
    ) {
        update_all(states, kept, next, |i, s, kept| advantage(self, i, s, kept));
    }

    fn advance(&self, next: Batch<'_>, kept: &mut [f64], bits: &mut Vec<u64>) {
        self.keep(next, kept, bits);
    }
}

/// The linearized rule. Its fields are no energy differences, so
/// [`Glauber`](crate::Glauber) does not sample the memory's energy with them.
impl LocalFields for Linearized<'_> {
    type Scratch = Vec<u64>;

    fn dim(&self) -> usize {
        self.memory.patterns().dim()
    }

    fn kept(&self) -> usize {
        self.memory.patterns().count()
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], bits: &mut Vec<u64>) {
        self.memory.keep(states, kept, bits);
    }

    fn tie(&self, _: &[f64]) -> f64 {
        0.0
    }

    fn field(&self, i: usize, state: &[f64], kept: &[f64]) -> f64 {
        state[i] * self.advantage(i, state[i], kept)
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], _: &mut Vec<u64>) {
        flip(self.memory.patterns(), i, state, kept);
    }

    fn energy_kept(&self, _: &[f64], kept: &[f64]) -> f64 {
        energy(self.memory, kept)
    }

    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        next: BatchMut<'_>,
        _: &mut Vec<u64>,
    ) {
        update_all(states, kept, next, |i, s, kept| self.advantage(i, s, kept));
    }

    fn advance(&self, next: Batch<'_>, kept: &mut [f64], bits: &mut Vec<u64>) {
        self.keep(next, kept, bits);
    }
}
