//! How well a pattern is separated from the others, and what that guarantees.
//!
//! ```text
//! Δ_μ = min_{ν≠μ} s_μ(ξ^μ) − s_ν(ξ^μ)
//! ‖x⁺ − ξ^μ‖ ≤ 2 (K − 1) M exp(−β (Δ_μ − 2 M ‖x − ξ^μ‖)),      M = max_ν ‖ξ^ν‖
//! ```
//!
//! The score of `ξ^μ` exceeds that of `ξ^ν` by at least `Δ_μ` at `ξ^μ`, and by
//! at least `Δ_μ − ‖ξ^μ − ξ^ν‖‖x − ξ^μ‖` at `x`; so the other `K − 1` patterns
//! have a weight of at most `exp(−β(Δ_μ − 2M‖x − ξ^μ‖))` each, and lie within
//! `2M` of `ξ^μ`. Source, with the same constants for cues close to `ξ^μ`:
//! H. Ramsauer et al. (2020), arXiv 2008.02217. For the Manhattan distance
//! `2√N` stands in place of the `2M` in the exponent.

use ebm_core::{Real, validate};

use super::{LogSumExpMemory, Similarity};
use crate::Error;

impl<T: Real> LogSumExpMemory<T> {
    /// Separation `Δ_μ` of pattern `mu` from the others, infinite if there are
    /// none. A difference of log priors counts as one of scores, divided by
    /// `β`. Negative for the dot product where another pattern scores higher.
    ///
    /// # Errors
    /// If there is no such pattern.
    pub fn separation(&self, mu: usize) -> Result<f64, Error> {
        let patterns = self.patterns();
        if mu >= patterns.count() {
            let (what, bound) = ("pattern", patterns.count());
            return Err(ebm_core::Error::OutOfRange { what, index: mu, bound }.into());
        }
        let own = patterns.pattern(mu);
        let mut least = f64::INFINITY;
        for nu in (0..patterns.count()).filter(|nu| *nu != mu) {
            let pairs = own.iter().zip(patterns.pattern(nu)).map(|(a, b)| (a.to_f64(), b.to_f64()));
            let gap: f64 = match self.similarity() {
                Similarity::DotProduct => pairs.map(|(a, b)| a * (a - b)).sum(),
                Similarity::SquaredDistance => pairs.map(|(a, b)| 0.5 * (a - b) * (a - b)).sum(),
                Similarity::Manhattan => pairs.map(|(a, b)| (a - b).abs()).sum(),
            };
            least = least.min(gap + (self.log_prior(mu) - self.log_prior(nu)) / self.beta());
        }
        Ok(least)
    }

    /// Upper bound on the distance to pattern `mu` after one update from any
    /// cue at `distance` (Euclidean) from it. Infinite where nothing is
    /// guaranteed, as for unequal inverse temperatures.
    ///
    /// ```
    /// use ebm_memory::{LogSumExpMemory, Patterns, Similarity};
    /// let patterns = Patterns::random_signs(400, 1000, 1)?;
    /// let memory = LogSumExpMemory::new(patterns, 1.0, Similarity::DotProduct)?;
    /// assert!(memory.one_step_bound(3, 4.0)? < 1e-40);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such pattern or `distance` is negative or not finite.
    pub fn one_step_bound(&self, mu: usize, distance: f64) -> Result<f64, Error> {
        validate::non_negative("distance of the cue", distance)?;
        let separation = self.separation(mu)?;
        if !self.rates().is_empty() {
            return Ok(f64::INFINITY);
        }
        let slope = match self.similarity() {
            Similarity::Manhattan => 2.0 * (self.patterns().dim() as f64).sqrt(),
            _ => 2.0 * self.radius(),
        };
        let others = (self.patterns().count() - 1) as f64;
        let weight = (-self.beta() * (separation - slope * distance)).exp();
        // All weight on the others is the worst there is.
        Ok((others * weight).min(1.0) * 2.0 * self.radius())
    }
}
