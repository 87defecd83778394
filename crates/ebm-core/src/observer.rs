//! Observers watch a run and may end it.
//!
//! A solver shows its [`Observer`] a [`Snapshot`] after every accepted step and
//! stops when it answers [`ControlFlow::Break`]. Progress bars, traces, energy
//! monitors and early stopping are all observers. Closures are observers,
//! `()` is the one that does nothing, and a pair runs both, so pairs of pairs
//! run any number.
//!
//! ```
//! use ebm_core::Batch;
//! use ebm_core::observer::{StopWhen, Trace};
//! use ebm_core::problems::OrnsteinUhlenbeck;
//! use ebm_core::sde::{self, EulerMaruyama, Options};
//!
//! // Records a random walk until it leaves the unit interval.
//! let walk = OrnsteinUhlenbeck::default();
//! let mut watch = (Trace::new(), StopWhen::new(|now| now.x[0].abs() > 1.0));
//! let end =
//!     sde::integrate(&walk, &EulerMaruyama, (0.0, 100.0), &[0.0], &Options::default(), &mut watch)?;
//! let trace = watch.0;
//! assert_eq!(trace.len(), end.stats.steps + 1);
//! assert_eq!(trace.last().map(|point| (point.t, point.x)), Some((end.t, &end.x[..])));
//! # Ok::<(), ebm_core::Error>(())
//! ```

mod energy_monitor;
mod every;
mod stop_when;
mod trace;

use std::ops::ControlFlow;

pub use energy_monitor::{EnergyMonitor, Reading, Rise};
pub use every::Every;
pub use stop_when::StopWhen;
pub use trace::Trace;

/// What an observer sees.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// Accepted steps so far; 0 is the initial state.
    pub step: usize,
    /// Time, or the iteration number where there is no time.
    pub t: f64,
    /// Which trajectory, replica or chain of a batch; 0 for a single run.
    pub trajectory: usize,
    /// The state.
    pub x: &'a [f64],
}

/// Watches a run.
pub trait Observer {
    /// Called for the initial state and after every accepted step.
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()>;
}

impl Observer for () {
    fn observe(&mut self, _: &Snapshot<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Snapshot<'_>) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        self(snapshot)
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        // Both see every snapshot, even the one that ends the run.
        let first = self.0.observe(snapshot);
        let second = self.1.observe(snapshot);
        if first.is_break() { first } else { second }
    }
}
