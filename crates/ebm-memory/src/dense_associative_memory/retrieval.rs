//! What a retrieval reports of every query.
//!
//! ```text
//! ‖x − ξ‖ ≤ ‖x⁺ − x‖ + ‖x⁺ − ξ‖ ≤ residual + 2 · spill · max_μ ‖ξ^μ‖
//! ```
//!
//! because the next update `x⁺ = Σ w_μ ξ^μ` differs from the named pattern by
//! `Σ w_μ (ξ^μ − ξ)`, where the weights of the others sum up to the spill.

use ebm_core::{Batch, Outcome, Real};

use super::{LogSumExpMemory, norms};

/// How the retrieval of one query ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Retrieval {
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
    /// Converged, out of iterations, or overflowed.
    pub outcome: Outcome,
}

impl Retrieval {
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

/// The retrieved states, with a report for each.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::Columns<T, Retrieval>",
        bound(serialize = "T: ebm_core::Real", deserialize = "T: ebm_core::Real")
    )
)]
#[must_use]
pub struct Retrieved<T = f64> {
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialized::reals::serialize"))]
    pub(super) states: Vec<T>,
    pub(super) dim: usize,
    #[cfg_attr(feature = "serde", serde(rename(serialize = "reports")))]
    pub(super) queries: Vec<Retrieval>,
}

#[cfg(feature = "serde")]
impl<T: ebm_core::Real> TryFrom<crate::serialized::Columns<T, Retrieval>> for Retrieved<T> {
    type Error = crate::Error;

    fn try_from(written: crate::serialized::Columns<T, Retrieval>) -> Result<Self, crate::Error> {
        let (states, dim, queries) = written.checked()?;
        Ok(Self { states, dim, queries })
    }
}

impl<T> Retrieved<T> {
    /// The retrieved states, one a column, in the order of the cues.
    #[must_use]
    pub fn states(&self) -> Batch<'_, T> {
        Batch::new(&self.states, self.dim).expect("as the cues")
    }

    /// State retrieved for cue `index`.
    ///
    /// # Panics
    /// If there is no such cue.
    #[must_use]
    pub fn state(&self, index: usize) -> &[T] {
        self.states().column(index)
    }

    /// The reports, in the order of the cues.
    #[must_use]
    pub fn queries(&self) -> &[Retrieval] {
        &self.queries
    }
}
