//! Early stopping.

use std::ops::ControlFlow;

use super::{Observer, Snapshot};

/// Ends a run at the first snapshot for which a predicate holds.
///
/// In a batch it ends that trajectory and no other.
///
/// ```
/// use ebm_core::Outcome;
/// use ebm_core::observer::StopWhen;
/// use ebm_core::problems::OrnsteinUhlenbeck;
/// use ebm_core::sde::{self, EulerMaruyama, Options};
///
/// let field = OrnsteinUhlenbeck::default();
/// let mut left = StopWhen::new(|now| now.x[0] < 0.0);
/// let end =
///     sde::integrate(&field, &EulerMaruyama, (0.0, 1e3), &[1.0], &Options::default(), &mut left)?;
/// assert_eq!(end.outcome, Outcome::Stopped);
/// assert!(end.x[0] < 0.0 && end.t < 1e3);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StopWhen<P> {
    predicate: P,
}

impl<P: FnMut(&Snapshot<'_>) -> bool> StopWhen<P> {
    /// Stops when `predicate` holds.
    #[must_use]
    pub fn new(predicate: P) -> Self {
        Self { predicate }
    }
}

impl<P: FnMut(&Snapshot<'_>) -> bool> Observer for StopWhen<P> {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        if (self.predicate)(snapshot) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
