//! Adding and removing patterns of a log-sum-exp memory.
//!
//! ```text
//! Ξ ← [Ξ ξ],      Ξ ← [ξ¹ … ξ^{μ−1} ξ^{μ+1} … ξᴷ]
//! ```
//!
//! Whatever came and went, the memory is the one made of the patterns that are
//! left with their weights and inverse temperatures, to the bit: nothing is
//! kept as a running sum.

use ebm_core::{Batch, Real, validate};

use super::LogSumExpMemory;
use crate::dense_associative_memory::norms;
use crate::{Error, Patterns};

impl<T: Real> LogSumExpMemory<T> {
    /// Stores one more pattern, of weight one and inverse temperature `β`, behind
    /// the others. The memory is that which [`new`](Self::new) makes of all
    /// patterns, to the bit, so that removing it leaves no trace.
    ///
    /// Takes `O(N)`. With squared distances it takes `O(N K)`, as a query does,
    /// since the mean of the patterns changes: [`extend`](Self::extend) adds many
    /// at that cost.
    ///
    /// ```
    /// use ebm_memory::{LogSumExpMemory, Patterns, Similarity};
    /// let patterns = Patterns::spherical(20, 50, 1)?;
    /// let mut memory = LogSumExpMemory::new(patterns, 2.0, Similarity::SquaredDistance)?;
    /// let before = memory.clone();
    /// memory.add(&[0.5; 20])?;
    /// assert_eq!(memory.patterns().pattern(50), [0.5; 20]);
    /// memory.remove(50)?;
    /// assert_eq!(memory, before);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the pattern has another length, is not finite or so long that its
    /// squared norm or scores overflow, or there is no memory for it. Nothing is
    /// changed then.
    pub fn add(&mut self, pattern: &[T]) -> Result<(), Error> {
        self.add_weighted(pattern, 0.0, self.beta)
    }

    /// As [`add`](Self::add), with the logarithm of its weight `π` and its
    /// inverse temperature; see [`with_log_priors`](Self::with_log_priors) and
    /// [`with_inverse_temperatures`](Self::with_inverse_temperatures).
    ///
    /// # Errors
    /// As [`add`](Self::add), and if the logarithm is not finite or the inverse
    /// temperature not a finite number above zero.
    pub fn add_weighted(
        &mut self,
        pattern: &[T],
        log_prior: f64,
        inverse_temperature: f64,
    ) -> Result<(), Error> {
        validate::dimension("pattern", self.patterns.dim(), pattern.len())?;
        validate::finite("pattern", pattern)?;
        let one = Patterns::new(pattern.to_vec(), pattern.len())?;
        let one = Self::as_given(one, self.beta, self.similarity)?;
        let one = one.with_log_priors(&[log_prior])?;
        self.append(&one.with_inverse_temperatures(&[inverse_temperature])?)
    }

    /// Stores more patterns behind the others, each of weight one and inverse
    /// temperature `β`.
    ///
    /// # Errors
    /// As [`add`](Self::add), and if there are none.
    pub fn extend(&mut self, patterns: Batch<'_, T>) -> Result<(), Error> {
        validate::dimension("patterns", self.patterns.dim(), patterns.dim())?;
        let more = Patterns::new(patterns.as_slice().to_vec(), patterns.dim())?;
        self.append(&Self::as_given(more, self.beta, self.similarity)?)
    }

    /// The patterns of both memories, which differ in nothing else.
    fn append(&mut self, more: &Self) -> Result<(), Error> {
        let (count, total) = (self.offsets.len(), self.offsets.len() + more.offsets.len());
        self.patterns.extend(more.patterns.as_batch())?;
        if !(self.log_priors.is_empty() && more.log_priors.is_empty()) {
            self.log_priors.resize(count, 0.0);
            self.log_priors.extend_from_slice(&more.log_priors);
            self.log_priors.resize(total, 0.0);
        }
        if !(self.rates.is_empty() && more.rates.is_empty()) {
            self.rates.resize(count, T::ONE);
            self.rates.extend_from_slice(&more.rates);
            self.rates.resize(total, T::ONE);
        }
        self.offsets.extend_from_slice(&more.offsets);
        let radius = self.radius;
        self.radius = radius.max(more.radius);
        let centered = self.centered.take();
        self.check_scores().and_then(|()| self.center()).inspect_err(|_| {
            self.patterns.truncate(count);
            self.log_priors.truncate(count);
            self.rates.truncate(count);
            self.offsets.truncate(count);
            self.simplify();
            (self.radius, self.centered) = (radius, centered);
        })
    }

    /// Removes pattern `index` with its weight and inverse temperature; those
    /// after it move up by one. Takes `O(N K)`.
    ///
    /// # Errors
    /// If there is no such pattern or no other, or there is no memory for the
    /// others relative to their mean.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        self.patterns.remove(index)?;
        self.offsets.remove(index);
        if !self.log_priors.is_empty() {
            self.log_priors.remove(index);
        }
        if !self.rates.is_empty() {
            self.rates.remove(index);
        }
        self.simplify();
        self.radius = norms::radius(&self.patterns)?;
        // Without room for it the memory is that of the patterns as given.
        self.center().inspect_err(|_| self.centered = None)
    }
}
