//! How long the blocks of a timed run are.
//!
//! ```text
//! natural/32,  then 2, 4, 8 … times as many steps,  the last block what fits into the time left
//! ```
//!
//! Where one long replica is worth more than many, blocks grow by a factor of 4
//! and stop growing sooner: the last takes nearly all of the time, and yet a good
//! state is known early.
//!
//! A given number of replicas shares the time evenly, after a rehearsal of
//! natural/32 steps.

use crate::Run;
use crate::solver::Prepared;

/// What is left of the time is not worth a block that would have this share of
/// the steps of the one before.
const SCRAP: usize = 16;

/// Chooses the steps of the next block, and learns how long they take.
pub(crate) struct Pace<'a> {
    prepared: &'a dyn Prepared,
    run: &'a Run,
    steps: usize,
    /// Seconds a step took last, none before the first block.
    seconds: Option<f64>,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(prepared: &'a dyn Prepared, run: &'a Run) -> Self {
        Self { prepared, run, steps: 0, seconds: None }
    }

    /// Steps of a block to learn the pace from, beside those of the run, where it
    /// gives a number of blocks to share the time.
    pub(crate) fn rehearsal(&self) -> Option<usize> {
        let shared = self.run.replicas.is_some() && self.run.time.is_some();
        let open = shared && self.run.steps.is_none() && self.seconds.is_none();
        open.then(|| (self.prepared.natural_steps() / 32).max(1))
    }

    /// Steps of the next block, none if the remaining time is not worth one;
    /// `left` blocks are still to come on this thread, if that is known.
    pub(crate) fn steps(&mut self, remaining: Option<f64>, left: Option<u64>) -> Option<usize> {
        if let Some(steps) = self.run.steps {
            return Some(steps);
        }
        let natural = self.prepared.natural_steps().max(1);
        let Some(remaining) = remaining else { return Some(natural) };
        let longest = self.prepared.longest_steps().max(1);
        // A short block first, to learn the pace.
        let Some(seconds) = self.seconds else {
            self.steps = (natural / 32).clamp(1, longest);
            return Some(self.steps);
        };
        let fitting = 0.97 * remaining / seconds.max(1e-12);
        if fitting < 1.0 {
            return None;
        }
        let fitting = fitting as usize;
        self.steps = match left {
            // The same length for all that are to come, however long: there are
            // to be no others.
            Some(blocks) => (fitting / blocks.max(1) as usize).max(1),
            None => {
                let one = self.prepared.prefers_one_replica();
                // The last takes about half of the time, or five sixths and more.
                let (growth, rest) = if one { (4, 8) } else { (2, 2) };
                let grown = self.steps.saturating_mul(growth);
                let steps = if fitting / rest < grown { fitting } else { grown }.min(longest);
                if steps < self.steps / SCRAP {
                    return None;
                }
                steps
            }
        };
        Some(self.steps)
    }

    pub(crate) fn learn(&mut self, steps: usize, seconds: f64) {
        self.seconds = Some(seconds / steps as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;
    use std::time::Duration;

    struct Idle;

    impl Prepared for Idle {
        fn lanes(&self) -> usize {
            1
        }

        fn natural_steps(&self) -> usize {
            1
        }

        fn run(&self, _: &mut Task<'_>) {}
    }

    #[test]
    fn scraps_of_time_are_left() {
        let method = Idle;
        let run = Run { time: Some(Duration::from_secs(1)), ..Run::default() };
        let mut pace = Pace::new(&method, &run);
        assert_eq!(pace.steps(Some(1.0), None), Some(1));
        pace.learn(1, 1e-4);
        for steps in [2, 4, 8, 16, 32] {
            assert_eq!(pace.steps(Some(0.9), None), Some(steps));
        }
        // All that is left, a fair part of it, and what is not worth a block.
        assert_eq!(pace.steps(Some(0.01), None), Some(97));
        assert_eq!(pace.steps(Some(0.001), None), Some(9));
        pace.steps = 1000;
        assert_eq!(pace.steps(Some(0.001), None), None);
        // A given number of replicas all get their turn.
        assert_eq!(pace.steps(Some(0.001), Some(3)), Some(3));
    }

    #[test]
    fn given_replicas_rehearse_once() {
        let method = Idle;
        let time = Some(Duration::from_secs(1));
        for (replicas, steps) in [(None, None), (Some(2), Some(5)), (None, Some(5))] {
            let run = Run { time, replicas, steps, ..Run::default() };
            assert_eq!(Pace::new(&method, &run).rehearsal(), None);
        }
        let run = Run { time, replicas: Some(2), ..Run::default() };
        let mut pace = Pace::new(&method, &run);
        assert_eq!(pace.rehearsal(), Some(1));
        pace.learn(1, 1e-3);
        assert_eq!(pace.rehearsal(), None);
        assert_eq!(pace.steps(Some(1.0), Some(2)), Some(485));
    }
}
