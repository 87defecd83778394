//! What a retrieval reports of every query.
//!
//! ```text
//! ‖x − ξ‖ ≤ ‖x⁺ − x‖ + ‖x⁺ − ξ‖ ≤ residual + 2 · spill · max_μ ‖ξ^μ‖
//! ```
//!
//! because the next update `x⁺ = Σ w_μ ξ^μ` differs from the named pattern by
//! `Σ w_μ (ξ^μ − ξ)`, where the weights of the others sum up to the spill.

use ebm_core::{Outcome, Real};

use super::{LogSumExpMemory, norms};

/// How the retrieval of one query ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RetrievalReport {
    /// The stored pattern of largest probability `p₁`.
    pub pattern: usize,
    /// `ln(p₁/p₂)`: log odds of that pattern against the runner-up; infinite if
    /// there is only one pattern.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub margin: f64,
    /// `1 − w₁`: weight of all other patterns in the next update, accurate also
    /// where tiny (`w = p` for one inverse temperature). Where negligible
    /// weights are skipped, an upper bound that is too large by at most
    /// [`Cccp::negligible`](super::Cccp::negligible).
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub spill: f64,
    /// `‖x⁺ − x‖`: how far the next update would move the retrieved state. It
    /// is `‖∇E(x)‖` where there is one inverse temperature, no mask and no
    /// Manhattan distance.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// `E(x)` at the retrieved state; over the known entries if they are
    /// masked.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// Updates made.
    pub iterations: usize,
    /// Converged, out of iterations, overflowed, or stopped by an observer.
    pub outcome: Outcome,
}

impl RetrievalReport {
    pub(super) const BLANK: Self = Self {
        pattern: 0,
        margin: 0.0,
        spill: 0.0,
        residual: 0.0,
        energy: 0.0,
        iterations: 0,
        outcome: Outcome::MaxSteps,
    };

    /// Upper bound on the distance of the retrieved state to the pattern it
    /// names, for the `memory` that was queried, over the entries that are not
    /// fixed: `‖x − ξ‖ ≤ residual + 2 · spill · max_μ‖ξ^μ‖`.
    ///
    /// It holds in exact arithmetic; rounding adds a relative error of the
    /// order of the machine precision, and skipped weights add
    /// `2 · negligible · max_μ‖ξ^μ‖`.
    #[must_use]
    pub fn distance_bound<T: Real>(&self, memory: &LogSumExpMemory<T>) -> f64 {
        norms::distance_bound(self.residual, self.spill, memory.radius())
    }
}
