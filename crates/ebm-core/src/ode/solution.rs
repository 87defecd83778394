//! What to record along a trajectory, and what comes back.

use super::{Crossing, Event};
use crate::{Error, Observer, Outcome, Stats, validate};

/// What to record and watch along a trajectory.
///
/// ```
/// use ebm_core::ode::{Event, Watch};
/// let watch = Watch {
///     samples: &[0.0, 0.5, 1.0],
///     events: vec![Event::new(|_t, x| x[0] - 0.5).rising()],
///     ..Watch::default()
/// };
/// # let _ = watch;
/// ```
#[derive(Default)]
pub struct Watch<'a> {
    /// Times at which to sample the state by dense output: inside the span and
    /// not decreasing.
    pub samples: &'a [f64],
    /// Functions whose zeros are located.
    pub events: Vec<Event<'a>>,
    /// Sees the initial state and the state after every accepted step.
    pub observer: Option<&'a mut dyn Observer>,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("samples", &self.samples)
            .field("events", &self.events)
            .field("observer", &self.observer.is_some())
            .finish()
    }
}

/// Sample times must be finite, ordered and inside the span.
pub(super) fn validate_samples(samples: &[f64], (start, end): (f64, f64)) -> Result<(), Error> {
    validate::finite("sample times", samples)?;
    let mut previous = start;
    for (index, &t) in samples.iter().enumerate() {
        if t < previous || t > end {
            return Err(Error::Entry {
                what: "sample times",
                index,
                expected: "a time inside the span, not before the previous one",
                value: t,
            });
        }
        previous = t;
    }
    Ok(())
}

/// The end of a trajectory and what was recorded on the way.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Solution {
    /// Why the run ended. [`Outcome::Reached`] means at the end of the span; any
    /// other, a [success](Outcome::is_success) or not, at [`t`](Self::t).
    pub outcome: Outcome,
    /// Work done.
    pub stats: Stats,
    /// The last time reached with a finite state.
    pub t: f64,
    /// The state there.
    pub x: Vec<f64>,
    /// The states at the sample times reached, one after the other, each as
    /// long as `x`.
    pub samples: Vec<f64>,
    /// Located events in order of time.
    pub crossings: Vec<Crossing>,
}

impl Solution {
    /// The state at sample time `index`, or `None` if the run ended before.
    #[must_use]
    pub fn sample(&self, index: usize) -> Option<&[f64]> {
        self.samples.chunks_exact(self.x.len()).nth(index)
    }
}
