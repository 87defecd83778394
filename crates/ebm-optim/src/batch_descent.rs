//! One-flip descent of the states of a block.
//!
//! Over dense couplings the local fields of all of them come from one product, so
//! that what is left for each is the flips.

use ebm_core::vector_math::Level;

use crate::kernels::dense::{Couplings, Dense};
use crate::kernels::spin_fields::BatchFields;
use crate::one_flip::Descent;
use crate::{Ising, Task};

/// Descent of all replicas of a block: together over dense couplings, else one
/// after the other.
pub(crate) struct BlockDescent<'a> {
    dense: Option<BatchDescent<'a>>,
    spins: Vec<i8>,
}

impl<'a> BlockDescent<'a> {
    pub(crate) fn new(problem: &'a Ising, couplings: &'a Couplings, level: Level) -> Self {
        let dense = couplings.dense().map(|dense| BatchDescent::new(problem, dense, level));
        Self { dense, spins: vec![1; problem.spins()] }
    }

    /// Lowers the energy of what `read` writes for each lane and reports it, for a
    /// look in the middle of a run.
    pub(crate) fn look(&mut self, task: &mut Task<'_>, mut read: impl FnMut(usize, &mut [i8])) {
        if let Some(batch) = self.load(task, &mut read) {
            return batch.look(task);
        }
        for lane in 0..task.lanes() {
            if task.should_stop() {
                return;
            }
            read(lane, &mut self.spins);
            task.polish(&mut self.spins);
        }
    }

    /// Ends all replicas with what `read` writes for each lane, made with `steps`
    /// steps.
    pub(crate) fn finish(
        &mut self,
        task: &mut Task<'_>,
        steps: usize,
        mut read: impl FnMut(usize, &mut [i8]),
    ) {
        if let Some(batch) = self.load(task, &mut read) {
            return batch.finish(task, steps);
        }
        for lane in 0..task.lanes() {
            if task.is_overdue() {
                return;
            }
            read(lane, &mut self.spins);
            task.finish(&mut self.spins, steps);
        }
    }

    /// The batch with the states of all lanes, over dense couplings.
    fn load(
        &mut self,
        task: &Task<'_>,
        read: &mut impl FnMut(usize, &mut [i8]),
    ) -> Option<&mut BatchDescent<'a>> {
        let batch = self.dense.as_mut()?;
        for lane in 0..task.lanes() {
            read(lane, &mut self.spins);
            batch.set(lane, &self.spins);
        }
        Some(batch)
    }
}

/// The states of a block over dense couplings and their local fields.
struct BatchDescent<'a> {
    problem: &'a Ising,
    fields: BatchFields<'a>,
    descent: Descent<'a>,
    /// Are fields and energies exact?
    exact: bool,
    /// How far a field from the product may be off.
    slack: Vec<f64>,
    /// How far an energy from those fields may be off, unless all are on one side.
    margin: f64,
    spins: Vec<i8>,
}

impl<'a> BatchDescent<'a> {
    fn new(problem: &'a Ising, dense: &'a Dense, level: Level) -> Self {
        let n = problem.spins();
        let exact = dense.is_exact() && problem.has_exact_sums();
        let slack = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            dense.rounding(weights.iter().map(|w| w.abs()).sum())
        };
        let slack: Vec<f64> = if exact { vec![0.0; n] } else { (0..n).map(slack).collect() };
        // Of independent roundings.
        let margin = slack.iter().map(|slack| slack * slack).sum::<f64>().sqrt();
        Self {
            problem,
            fields: BatchFields::new(dense, level),
            descent: Descent::new(problem),
            exact,
            slack,
            margin,
            spins: vec![1; n],
        }
    }

    /// Puts a state into a lane.
    fn set(&mut self, lane: usize, spins: &[i8]) {
        self.fields.set(lane, spins);
    }

    /// Lowers the energy of all states and reports them, for a look in the middle
    /// of a run.
    fn look(&mut self, task: &mut Task<'_>) {
        self.fields.multiply();
        for lane in 0..task.lanes() {
            let energy = self.energy(lane) + self.descend(lane);
            // The task takes the exact energy of what may be better.
            task.offer(&self.spins, energy - self.margin);
            if task.should_stop() {
                return;
            }
        }
    }

    /// Ends all replicas with their states, made with `steps` steps.
    fn finish(&mut self, task: &mut Task<'_>, steps: usize) {
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

    /// Looks at a state in passing.
    struct Passing<'a>(&'a Ising, Dense, Vec<i8>);

    impl Prepared for Passing<'_> {
        fn lanes(&self) -> usize {
            1
        }

        fn natural_steps(&self) -> usize {
            1
        }

        fn run(&self, task: &mut Task<'_>) {
            let mut batch = BatchDescent::new(self.0, &self.1, Level::detect());
            let others = vec![1; self.2.len()];
            for spins in [&others, &self.2, &others] {
                batch.set(0, spins);
                batch.look(task);
            }
            batch.finish(task, 1);
        }
    }

    /// Two halves that hardly feel each other, by less than single precision tells
    /// beside what each feels of itself.
    #[test]
    fn what_single_precision_does_not_tell_is_no_loss() {
        let n = 100;
        let half = |i: usize| i / (n / 2);
        let best: Vec<i8> = (0..n).map(|i| if half(i) == 0 { 1 } else { -1 }).collect();
        for seed in 0..8 {
            let mut rng = random::stream(seed, 0);
            let mut weight = |(i, j): (usize, usize)| {
                let near = half(i) == half(j);
                (i, j, if near { rng.random_range(0.5..1.5) } else { -1e-9 })
            };
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            let pairs: Vec<_> = pairs.map(&mut weight).collect();
            let problem = Ising::from_couplings(n, &pairs).unwrap();
            let passing = Passing(&problem, Dense::new(&problem, 0.3).unwrap(), best.clone());
            let run = Run { replicas: Some(1), steps: Some(1), ..Run::seeded(1) };
            let watch = |_: &Progress| ControlFlow::Continue(());
            let solution = drive(&passing, &problem, &run, &watch, Instant::now());
            assert_eq!(solution.best.spins, best, "{seed}");
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
