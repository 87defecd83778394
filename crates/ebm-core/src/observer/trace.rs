//! Records a run.

use std::ops::ControlFlow;

use super::{Observer, Snapshot};

/// Keeps every snapshot it sees; wrap it in [`Every`](super::Every) to keep
/// fewer.
///
/// ```
/// use ebm_core::observer::Trace;
/// use ebm_core::problems::OrnsteinUhlenbeck;
/// use ebm_core::sde::{self, EulerMaruyama, Options};
///
/// let field = OrnsteinUhlenbeck::default();
/// let options = Options { step: 0.25, ..Options::default() };
/// let mut trace = Trace::new();
/// let end = sde::integrate(&field, &EulerMaruyama, (0.0, 1.0), &[1.0], &options, &mut trace)?;
/// assert_eq!(trace.times(), [0.0, 0.25, 0.5, 0.75, 1.0]);
/// assert_eq!(trace.last().map(|point| point.x), Some(&end.x[..]));
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    steps: Vec<usize>,
    t: Vec<f64>,
    trajectories: Vec<usize>,
    x: Vec<f64>,
    /// Where the state of each point ends in `x`.
    ends: Vec<usize>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty trace with room for `points` states of length `dim`.
    #[must_use]
    pub fn with_capacity(points: usize, dim: usize) -> Self {
        Self {
            steps: Vec::with_capacity(points),
            t: Vec::with_capacity(points),
            trajectories: Vec::with_capacity(points),
            x: Vec::with_capacity(points.saturating_mul(dim)),
            ends: Vec::with_capacity(points),
        }
    }

    /// Number of recorded points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// The times of the points.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.t
    }

    /// The states of the points, one after the other.
    #[must_use]
    pub fn states(&self) -> &[f64] {
        &self.x
    }

    /// Point `index`, or `None` past the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Snapshot<'_>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(Snapshot {
            step: self.steps[index],
            t: self.t[index],
            trajectory: self.trajectories[index],
            x: &self.x[start..end],
        })
    }

    /// The last point.
    #[must_use]
    pub fn last(&self) -> Option<Snapshot<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All points in the order in which they were seen.
    pub fn iter(&self) -> impl Iterator<Item = Snapshot<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The points of one trajectory of a batch.
    pub fn trajectory(&self, trajectory: usize) -> impl Iterator<Item = Snapshot<'_>> {
        self.iter().filter(move |point| point.trajectory == trajectory)
    }
}

impl Observer for Trace {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        self.steps.push(snapshot.step);
        self.t.push(snapshot.t);
        self.trajectories.push(snapshot.trajectory);
        self.x.extend_from_slice(snapshot.x);
        self.ends.push(self.x.len());
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_as_they_were_seen() {
        let mut trace = Trace::new();
        assert!(trace.is_empty() && trace.last().is_none() && trace.get(0).is_none());
        for step in 0..4 {
            let x = [step as f64, -1.0];
            let snapshot = Snapshot { step, t: 0.5 * x[0], trajectory: step % 2, x: &x };
            assert!(trace.observe(&snapshot).is_continue());
        }
        assert_eq!(trace.len(), 4);
        assert_eq!(trace.times(), [0.0, 0.5, 1.0, 1.5]);
        assert_eq!(trace.states(), [0.0, -1.0, 1.0, -1.0, 2.0, -1.0, 3.0, -1.0]);
        let odd: Vec<_> = trace.trajectory(1).map(|point| (point.step, point.x[0])).collect();
        assert_eq!(odd, [(1, 1.0), (3, 3.0)]);
    }

    #[test]
    fn recording_within_the_capacity_does_not_allocate() {
        let mut trace = Trace::with_capacity(10, 3);
        let count = allocation_counter::measure(|| {
            for step in 0..10 {
                let snapshot = Snapshot { step, t: 0.0, trajectory: 0, x: &[1.0; 3] };
                let _ = trace.observe(&snapshot);
            }
        });
        assert_eq!(count.count_total, 0);
    }
}
