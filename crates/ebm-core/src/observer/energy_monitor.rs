//! Records an energy along a run and how far it ever rose.
//!
//! ```text
//! rise at step k = E(xₖ) − E(xₖ₋₁),      xₖ₋₁ the state seen before, same trajectory
//! ```

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Observer, Snapshot};
use crate::{Energy, Lyapunov, Workspace};

/// Reads an energy at every snapshot. A descent flow must show no
/// [rise](Self::largest_rise) but rounding.
///
/// ```
/// use ebm_core::observer::{EnergyMonitor, Observer, Snapshot};
/// use ebm_core::problems::DoubleWell;
///
/// let energy = DoubleWell::default();
/// let mut monitor = EnergyMonitor::new(&energy);
/// for (step, x) in [0.0, 0.5, 0.25, 1.0].into_iter().enumerate() {
///     let _ = monitor.observe(&Snapshot { step, t: step as f64, trajectory: 0, x: &[x] });
/// }
/// assert_eq!(monitor.readings().last().map(|reading| reading.energy), Some(-0.25));
/// assert_eq!(monitor.largest_rise().map(|rise| rise.step), Some(2));
/// ```
pub struct EnergyMonitor<'a> {
    energy: Source<'a>,
    readings: Vec<Reading>,
    /// The energy last read on each trajectory.
    last: HashMap<usize, f64>,
    largest_rise: Option<Rise>,
    ws: Workspace,
}

enum Source<'a> {
    Energy(&'a dyn Energy),
    Lyapunov(&'a dyn Lyapunov),
}

/// An energy that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Accepted steps so far.
    pub step: usize,
    /// Time.
    pub t: f64,
    /// Which trajectory of a batch.
    pub trajectory: usize,
    /// The energy there.
    pub energy: f64,
}

/// An increase of the energy from one reading to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rise {
    /// By how much, > 0; infinite if the energy became NaN.
    pub amount: f64,
    /// The step at which the higher energy was read.
    pub step: usize,
    /// The time there.
    pub t: f64,
    /// Which trajectory of a batch.
    pub trajectory: usize,
}

impl<'a> EnergyMonitor<'a> {
    /// Monitors an energy of the state.
    #[must_use]
    pub fn new(energy: &'a dyn Energy) -> Self {
        Self::of(Source::Energy(energy))
    }

    /// Monitors the Lyapunov function of a flow.
    #[must_use]
    pub fn lyapunov(flow: &'a dyn Lyapunov) -> Self {
        Self::of(Source::Lyapunov(flow))
    }

    fn of(energy: Source<'a>) -> Self {
        Self {
            energy,
            readings: Vec::new(),
            last: HashMap::new(),
            largest_rise: None,
            ws: Workspace::new(),
        }
    }

    /// All readings in order.
    #[must_use]
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The largest increase between successive readings of a trajectory, the
    /// first of equals; `None` if the energy never rose.
    #[must_use]
    pub fn largest_rise(&self) -> Option<Rise> {
        self.largest_rise
    }
}

impl std::fmt::Debug for EnergyMonitor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnergyMonitor")
            .field("readings", &self.readings)
            .field("largest_rise", &self.largest_rise)
            .finish_non_exhaustive()
    }
}

impl Observer for EnergyMonitor<'_> {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        let Snapshot { step, t, trajectory, x } = *snapshot;
        let energy = match self.energy {
            Source::Energy(energy) => energy.energy(x, &mut self.ws),
            Source::Lyapunov(flow) => flow.lyapunov(x, &mut self.ws),
        };
        self.readings.push(Reading { step, t, trajectory, energy });
        let amount = match self.last.insert(trajectory, energy) {
            // An infinite energy that stays so did not rise.
            Some(before) if before != energy => energy - before,
            _ => 0.0,
        };
        let amount = if energy.is_nan() { f64::INFINITY } else { amount };
        if amount > self.largest_rise.map_or(0.0, |rise| rise.amount) {
            self.largest_rise = Some(Rise { amount, step, t, trajectory });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::GradientFlow;
    use crate::problems::DoubleWell;

    /// The identity as an energy, so that readings are chosen freely.
    struct Coordinate;

    impl Energy for Coordinate {
        fn dim(&self) -> usize {
            1
        }
        fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
            x[0]
        }
    }

    fn rise(points: &[(usize, f64)]) -> Option<(f64, usize)> {
        let mut monitor = EnergyMonitor::new(&Coordinate);
        for (step, (trajectory, x)) in points.iter().enumerate() {
            let snapshot = Snapshot { step, t: 0.0, trajectory: *trajectory, x: &[*x] };
            assert!(monitor.observe(&snapshot).is_continue());
        }
        assert_eq!(monitor.readings().len(), points.len());
        monitor.largest_rise().map(|rise| (rise.amount, rise.step))
    }

    #[test]
    fn the_largest_rise_is_found() {
        let single = |energies: &[f64]| rise(&energies.iter().map(|e| (0, *e)).collect::<Vec<_>>());
        assert_eq!(single(&[3.0, 2.0, 2.0, -1.0]), None);
        assert_eq!(single(&[3.0, 4.0, 0.0, 2.0, 1.0, 3.0]), Some((2.0, 3)));
        assert_eq!(single(&[3.0, f64::NAN, 1.0, 9.0]), Some((f64::INFINITY, 1)));
        assert_eq!(single(&[f64::NAN]), Some((f64::INFINITY, 0)));
        assert_eq!(single(&[f64::INFINITY, f64::INFINITY, 1.0]), None);
        assert_eq!(single(&[1.0, f64::INFINITY]), Some((f64::INFINITY, 1)));
        assert_eq!(single(&[f64::NEG_INFINITY, 1.0]), Some((f64::INFINITY, 1)));
    }

    #[test]
    fn trajectories_are_kept_apart() {
        assert_eq!(rise(&[(0, 1.0), (7, 5.0), (0, 0.5), (7, 4.0)]), None);
        assert_eq!(rise(&[(0, 1.0), (7, 5.0), (0, 1.5), (7, 5.25)]), Some((0.5, 2)));
    }

    #[test]
    fn a_lyapunov_function_is_read_through_its_flow() {
        let flow = GradientFlow(DoubleWell { dim: 2 });
        let mut monitor = EnergyMonitor::lyapunov(&flow);
        let _ = monitor.observe(&Snapshot { step: 0, t: 0.0, trajectory: 0, x: &[1.0, -1.0] });
        assert_eq!(monitor.readings()[0].energy, -0.5);
    }
}
