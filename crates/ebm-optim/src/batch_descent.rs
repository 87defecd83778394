//! One-flip descent of the states of a block over dense couplings.
//!
//! The local fields of all of them come from one product, so that what is left
//! for each is the flips.

use ebm_core::vector_math::Level;

use crate::kernels::dense::Dense;
use crate::kernels::spin_fields::BatchFields;
use crate::one_flip::Descent;
use crate::{Ising, Task};

/// The states of a block and their local fields.
pub(crate) struct BatchDescent<'a> {
    problem: &'a Ising,
    fields: BatchFields<'a>,
    descent: Descent<'a>,
    /// Are fields and energies exact?
    exact: bool,
    /// How far a field from the product may be off.
    slack: Vec<f64>,
    spins: Vec<i8>,
}

/// Rounding of a product in single precision, relative to the sum of the
/// magnitudes of its terms.
const ROUNDING: f64 = 1e-5;

impl<'a> BatchDescent<'a> {
    pub(crate) fn new(problem: &'a Ising, dense: &'a Dense, level: Level) -> Self {
        let n = problem.spins();
        let exact = dense.is_exact() && problem.has_exact_sums();
        let slack = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            ROUNDING * weights.iter().map(|w| w.abs()).sum::<f64>()
        };
        Self {
            problem,
            fields: BatchFields::new(dense, level),
            descent: Descent::new(problem),
            exact,
            slack: if exact { vec![0.0; n] } else { (0..n).map(slack).collect() },
            spins: vec![1; n],
        }
    }

    /// Puts a state into a lane.
    pub(crate) fn set(&mut self, lane: usize, spins: &[i8]) {
        self.fields.set(lane, spins);
    }

    /// Lowers the energy of all states and reports them, for a look in the middle
    /// of a run.
    pub(crate) fn look(&mut self, task: &mut Task<'_>) {
        self.fields.multiply();
        for lane in 0..task.lanes() {
            let energy = self.energy(lane) + self.descend(lane);
            task.offer(&self.spins, energy);
            if task.should_stop() {
                return;
            }
        }
    }

    /// Ends all replicas with their states, made with `steps` steps.
    pub(crate) fn finish(&mut self, task: &mut Task<'_>, steps: usize) {
        self.fields.multiply();
        for lane in 0..task.lanes() {
            if task.is_overdue() {
                return;
            }
            let before = self.energy(lane);
            let change = self.descend(lane);
            let polished =
                if self.exact { before + change } else { self.problem.energy_of(&self.spins) };
            task.finish_polished(&self.spins, polished - change, polished, steps);
        }
    }

    /// The energy of a lane, up to the rounding of its fields.
    fn energy(&mut self, lane: usize) -> f64 {
        self.fields.get(lane, &mut self.spins);
        let spins = self.spins.iter().zip(self.problem.fields()).enumerate();
        let terms = spins.map(|(i, (s, h))| f64::from(*s) * (0.5 * self.fields.at(lane, i) + h));
        self.problem.offset() - terms.sum::<f64>()
    }

    /// Lowers the energy of `spins`, the state of a lane; by how much.
    fn descend(&mut self, lane: usize) -> f64 {
        let Self { problem, fields, descent, slack, spins, .. } = self;
        let field = |i: usize| fields.at(lane, i) + problem.fields()[i];
        descent.run_from(spins, field, slack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::rows::LANES;
    use crate::solver::{Prepared, drive};
    use crate::{Progress, Run, one_flip};
    use ebm_core::random;
    use rand::RngExt;
    use std::ops::ControlFlow;
    use std::time::Instant;

    /// Ends with states that are given, after looking at others.
    struct Given<'a>(&'a Ising, Dense, Vec<Vec<i8>>);

    impl Prepared for Given<'_> {
        fn lanes(&self) -> usize {
            LANES
        }

        fn natural_steps(&self) -> usize {
            1
        }

        fn run(&self, task: &mut Task<'_>) {
            let mut batch = BatchDescent::new(self.0, &self.1, Level::detect());
            batch.look(task);
            self.2.iter().enumerate().for_each(|(lane, spins)| batch.set(lane, spins));
            batch.look(task);
            batch.finish(task, 3);
        }
    }

    #[test]
    fn ends_where_no_flip_improves() {
        for weighted in [false, true] {
            let n = 100;
            let mut rng = random::stream(6, 0);
            let mut pairs = vec![];
            for i in 0..n {
                for j in i + 1..n {
                    let w: f64 = rng.random_range(-1.0..1.0);
                    pairs.push((i, j, if weighted { w } else { w.signum() }));
                }
            }
            let fields = (0..n).map(|i| if weighted { 0.3 } else { f64::from(i as u8 % 3) });
            let problem = Ising::from_couplings(n, &pairs).unwrap();
            let problem = problem.with_fields(fields.collect()).unwrap();
            let mut draw =
                || -> Vec<i8> { (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect() };
            let states: Vec<_> = (0..LANES).map(|_| draw()).collect();
            let given = Given(&problem, Dense::new(&problem, 0.4).unwrap(), states.clone());
            let run = Run { replicas: Some(LANES), steps: Some(3), ..Run::seeded(1) };
            let watch = |_: &Progress| ControlFlow::Continue(());
            let solution = drive(&given, &problem, &run, &watch, Instant::now());
            assert_eq!(solution.replicas.len(), LANES);
            for (replica, mut spins) in solution.replicas.iter().zip(states) {
                let before = problem.energy(&spins).unwrap();
                let after = before + one_flip::descend(&problem, &mut spins).unwrap();
                assert!((replica.read_out - before).abs() < 1e-9, "{weighted}");
                assert!((replica.polished - after).abs() < 1e-9, "{weighted}");
            }
            let mut best = solution.best.spins.clone();
            assert_eq!(one_flip::descend(&problem, &mut best).unwrap(), 0.0);
        }
    }
}
