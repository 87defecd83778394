//! Breakout local search: steepest descent, then just as strong a perturbation
//! as it takes to leave the valley.
//!
//! ```text
//! descend;  same minimum as before: L ← L + 1, else L ← L₀
//! ω minima without a record:  P = max(e^{−ω/T}, P₀)
//! with P: L tabu flips;  with (1 − P) Q: L tabu pairs;  else L random flips;  ω > T: L_max random flips
//! ```
//!
//! A tabu flip is the best of those not made lately; a tabu pair flips one spin
//! of each sign so. A step is as many flips as there are spins.
//!
//! Source: U. Benlic and J.-K. Hao, Eng. Appl. Artif. Intell. 26, 1162 (2013),
//! DOI 10.1016/j.engappai.2012.09.001.

use ebm_core::validate;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::best_state::Best;
use crate::kernels::sweep::Clock;
use crate::one_flip_moves::OneFlipMoves;
use crate::simulated_annealing::starting_spins;
use crate::solver::{Method, Prepared};
use crate::spin_system::{self, Count, Links, System};
use crate::{Error, IntegerIsing, Ising, Task};

/// Breakout local search.
///
/// ```
/// use ebm_optim::{BreakoutLocalSearch, Ising, Run, Solver};
/// let ring = Ising::from_couplings(4, &[(0, 1, -1.0), (1, 2, -1.0), (2, 3, -1.0), (0, 3, -1.0)])?;
/// let run = Run { replicas: Some(1), steps: Some(50), ..Run::seeded(1) };
/// assert_eq!(BreakoutLocalSearch::default().solve(&ring, &run)?.best.energy, -4.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakoutLocalSearch {
    /// Least flips of a perturbation, as a share `L₀/n` of the spins.
    pub least: f64,
    /// Flips of the strong perturbation, as a share `L_max/n`.
    pub most: f64,
    /// Minima `T` without a record before the strong perturbation.
    pub patience: usize,
    /// Least probability `P₀` of directed perturbations.
    pub directed: f64,
    /// Share `Q` of pairs among the other perturbations.
    pub pairs: f64,
    /// Tenure of a flip: 3 and up to this share of the spins, at random.
    pub tenure: f64,
}

impl Default for BreakoutLocalSearch {
    /// The values of the paper.
    fn default() -> Self {
        Self { least: 0.01, most: 0.1, patience: 1000, directed: 0.8, pairs: 0.5, tenure: 0.1 }
    }
}

impl Method for BreakoutLocalSearch {
    fn name(&self) -> &'static str {
        "breakout"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        let shares = [
            ("least perturbation", self.least),
            ("strong perturbation", self.most),
            ("probability of directed perturbations", self.directed),
            ("share of pairs", self.pairs),
            ("tenure", self.tenure),
        ];
        for (what, value) in shares {
            validate::non_negative(what, value)?;
            if value > 1.0 {
                let expected = "at most 1";
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
        }
        let integers = IntegerIsing::rounded(problem);
        let build = Build { unit: integers.unit(), offset: problem.offset(), method: *self };
        Ok(spin_system::build(&integers, build))
    }
}

struct Build {
    unit: f64,
    offset: f64,
    method: BreakoutLocalSearch,
}

impl spin_system::Visitor for Build {
    type Output = Box<dyn Prepared>;

    fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> Self::Output {
        Box::new(Searcher { system, settings: self })
    }
}

struct Searcher<F: Count, L> {
    system: System<F, L>,
    settings: Build,
}

/// How a perturbation chooses its flips.
#[derive(Clone, Copy)]
enum Perturbation {
    Directed,
    Pairs,
    Random,
}

/// One replica at work.
struct Search<'a, F: Count, L> {
    system: &'a System<F, L>,
    moves: OneFlipMoves<F>,
    best: Best<F>,
    rng: ChaCha8Rng,
    clock: Clock,
    flips: usize,
    /// Longest random part of a tenure.
    tenure: u64,
}

impl<F: Count, L: Links<F>> Search<'_, F, L> {
    fn flip(&mut self, slot: usize) {
        let tenure = 3 + self.rng.random_range(0..=self.tenure);
        self.moves.flip(self.system, slot, tenure);
        self.flips += 1;
    }

    /// Flips that spin, if there is one; else a move goes by.
    fn flip_or_pass(&mut self, slot: Option<usize>) {
        if let Some(slot) = slot {
            return self.flip(slot);
        }
        self.moves.pass();
        self.flips += 1;
    }

    /// Is the task to end, or has it made its flips?
    fn ended(&mut self, task: &Task<'_>) -> bool {
        let all = task.steps().saturating_mul(self.system.spins());
        self.flips >= all || self.clock.stop_after(self.moves.work(self.system), task)
    }

    /// Steepest descent; false if the task ended on the way.
    fn descend(&mut self, task: &Task<'_>) -> bool {
        while let Some(slot) = self.moves.best(self.system, &mut self.rng, |_, _| true) {
            if self.moves.state.gain(slot) >= 0 {
                return true;
            }
            if self.ended(task) {
                return false;
            }
            self.flip(slot);
        }
        true
    }

    /// `length` moves of one kind; false if the task ended on the way.
    fn perturb(&mut self, kind: Perturbation, length: usize, task: &Task<'_>) -> bool {
        for _ in 0..length {
            if self.ended(task) {
                return false;
            }
            let record = self.best.energy();
            match kind {
                Perturbation::Directed => {
                    let slot = self.moves.best_not_tabu(self.system, &mut self.rng, record);
                    self.flip_or_pass(slot);
                }
                Perturbation::Pairs => {
                    for sign in [1, -1] {
                        let slot = self.moves.best_free(self.system, &mut self.rng, sign);
                        self.flip_or_pass(slot);
                    }
                }
                Perturbation::Random => {
                    let slots = self.system.slots_of_spins();
                    let slot = slots[self.rng.random_range(0..slots.len())];
                    self.flip(slot as usize);
                }
            }
            // Aspiration may have led below the record.
            self.best.keep(&self.moves.state);
        }
        true
    }
}

impl<F: Count, L: Links<F>> Prepared for Searcher<F, L> {
    fn lanes(&self) -> usize {
        1
    }

    fn natural_steps(&self) -> usize {
        500
    }

    fn run(&self, task: &mut Task<'_>) {
        let (system, method) = (&self.system, &self.settings.method);
        let n = system.spins();
        let mut rng = task.rng(0);
        let spins = starting_spins(n, task.start(0), &mut rng);
        let moves = OneFlipMoves::new(system, &spins);
        let best = Best::new(system, &moves.state, self.settings.unit, self.settings.offset);
        let share = |share: f64| ((share * n as f64) as usize).max(1);
        let mut search = Search {
            system,
            moves,
            best,
            rng,
            clock: Clock::default(),
            flips: 0,
            tenure: (method.tenure * n as f64) as u64,
        };
        let mut length = share(method.least);
        let (mut idle, mut last) = (0, i64::MAX);
        while search.descend(task) {
            let energy = search.moves.state.energy;
            if energy < search.best.energy() {
                idle = 0;
            } else {
                idle += 1;
            }
            search.best.keep(&search.moves.state);
            search.best.report(system, task);
            length = if energy == last {
                (length + 1).min(share(method.most))
            } else {
                share(method.least)
            };
            last = energy;
            let (kind, length) = if idle > method.patience {
                idle = 0;
                (Perturbation::Random, share(method.most))
            } else {
                let directed =
                    (-(idle as f64) / method.patience.max(1) as f64).exp().max(method.directed);
                let draw: f64 = search.rng.random();
                if draw < directed {
                    (Perturbation::Directed, length)
                } else if draw < directed + (1.0 - directed) * method.pairs {
                    (Perturbation::Pairs, length)
                } else {
                    (Perturbation::Random, length)
                }
            };
            if !search.perturb(kind, length, task) {
                break;
            }
        }
        let steps = search.flips / n;
        let Search { best, moves, .. } = search;
        best.finish(system, &moves.state, task, steps.max(1).min(task.steps()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Solver};

    #[test]
    fn rejects_bad_settings() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        for value in [-0.1, 1.1, f64::NAN] {
            for method in [
                BreakoutLocalSearch { least: value, ..Default::default() },
                BreakoutLocalSearch { most: value, ..Default::default() },
                BreakoutLocalSearch { directed: value, ..Default::default() },
                BreakoutLocalSearch { pairs: value, ..Default::default() },
                BreakoutLocalSearch { tenure: value, ..Default::default() },
            ] {
                assert!(method.solve(&pair, &Run::default()).is_err(), "{method:?}");
            }
        }
    }

    /// A single spin is always tabu after its flip: time must go by all the same.
    #[test]
    fn ends_where_no_spin_may_move() {
        let one = Ising::from_couplings(1, &[]).unwrap();
        let run = Run { replicas: Some(1), steps: Some(50), ..Run::seeded(1) };
        for (directed, pairs) in [(1.0, 0.0), (0.0, 1.0)] {
            let method =
                BreakoutLocalSearch { directed, pairs, patience: usize::MAX, ..Default::default() };
            assert_eq!(method.solve(&one, &run).unwrap().best.energy, 0.0);
        }
    }
}
