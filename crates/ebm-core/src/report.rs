//! How a numerical run ended, and what it cost. Outcomes are data, not errors.

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Outcome {
    /// The end of the span, or the requested number of steps, was reached.
    Reached,
    /// The stopping criterion (residual, steady state) was met.
    Converged,
    /// Event `index` ended the run at time `t`.
    Event {
        /// Position in the list of events.
        index: usize,
        /// Located time.
        t: f64,
    },
    /// An observer asked to stop.
    Stopped,
    /// The step budget ran out.
    MaxSteps,
    /// The step size fell to rounding level of `t`.
    StepTooSmall {
        /// Where.
        t: f64,
    },
    /// The state or its derivative became NaN or infinite.
    NotFinite {
        /// Where.
        t: f64,
        /// First offending component.
        index: usize,
    },
    /// No further progress was made, short of the criterion.
    Stalled,
}

impl Outcome {
    /// Whether the run did what was asked: reached its end, converged, or was
    /// ended by an event or an observer.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Reached | Self::Converged | Self::Event { .. } | Self::Stopped)
    }
}

/// Work done by a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Accepted steps or iterations.
    pub steps: usize,
    /// Rejected steps.
    pub rejected: usize,
    /// Evaluations of the vector field or gradient (a batch column counts one).
    pub evaluations: usize,
    /// Products of the Jacobian, not assembled, with a vector.
    pub products: usize,
    /// Evaluations of the Jacobian matrix.
    pub jacobians: usize,
    /// Matrix factorizations.
    pub factorizations: usize,
    /// Solutions of linear systems.
    pub solves: usize,
}
