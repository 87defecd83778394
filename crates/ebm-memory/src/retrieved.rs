//! What retrieval returns: the state in which each cue ended, and a report of
//! how it got there.

use ebm_core::Batch;

/// The end states of a batch of cues, one a column, with a report for each.
///
/// Every method of retrieval returns one; what a report `R` says depends on the
/// method. For memories of pairs the states are the values.
///
/// ```
/// use ebm_memory::{HopfieldNetwork, Patterns, Recall, RecallOutcome};
/// let patterns = Patterns::random_signs(100, 3, 1)?;
/// let network = HopfieldNetwork::hebb(&patterns)?;
/// let found = Recall::default().retrieve(&network, patterns.as_batch())?;
/// for (state, report) in found.states().columns().zip(found.reports()) {
///     assert_eq!(report.outcome, RecallOutcome::FixedPoint);
///     assert_eq!(patterns.best_overlap(state).1, 1.0);
/// }
/// assert_eq!(found.state(2), patterns.pattern(2));
/// let states: Vec<f64> = found.into_states();
/// assert_eq!(states.len(), 3 * 100);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::Columns<T, R>",
        bound(
            serialize = "T: ebm_core::Real, R: serde::Serialize",
            deserialize = "T: ebm_core::Real, R: crate::serialized::Report + serde::Deserialize<'de>"
        )
    )
)]
#[must_use]
pub struct Retrieved<R, T = f64> {
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialized::reals::serialize"))]
    pub(crate) states: Vec<T>,
    pub(crate) dim: usize,
    pub(crate) reports: Vec<R>,
}

#[cfg(feature = "serde")]
impl<T, R> TryFrom<crate::serialized::Columns<T, R>> for Retrieved<R, T>
where
    T: ebm_core::Real,
    R: crate::serialized::Report,
{
    type Error = crate::Error;

    fn try_from(written: crate::serialized::Columns<T, R>) -> Result<Self, crate::Error> {
        let (states, dim, reports) = written.checked()?;
        R::check(Batch::new(&states, dim)?)?;
        Ok(Self { states, dim, reports })
    }
}

impl<R, T> Retrieved<R, T> {
    /// The end states, one a column, in the order of the cues.
    #[must_use]
    pub fn states(&self) -> Batch<'_, T> {
        Batch::new(&self.states, self.dim).expect("whole columns")
    }

    /// End state of cue `index`.
    ///
    /// # Panics
    /// If there is no such cue.
    #[must_use]
    pub fn state(&self, index: usize) -> &[T] {
        self.states().column(index)
    }

    /// The end states by themselves, one after the other.
    #[must_use]
    pub fn into_states(self) -> Vec<T> {
        self.states
    }

    /// The reports, in the order of the cues.
    #[must_use]
    pub fn reports(&self) -> &[R] {
        &self.reports
    }
}
