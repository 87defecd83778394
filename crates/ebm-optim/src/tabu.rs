//! Tabu search: the best flip at each move, also uphill, but no spin twice
//! within its tenure.
//!
//! ```text
//! i = argmin {gᵢ : i not tabu, or E + 2 gᵢ < E_best};   flip i;   i is tabu for t₀ + random(0..r) flips
//! ```
//!
//! A search that has not improved for a while goes back to the best state of
//! the replica and flips a random share of its spins. A step is as many flips
//! as there are spins.
//!
//! Source: F. Glover, ORSA J. Comput. 1, 190 (1989); for quadratic problems
//! G. Palubeckis, Ann. Oper. Res. 131, 259 (2004), DOI
//! 10.1023/B:ANOR.0000039522.58036.68.

use rand::RngExt;

use crate::best_state::Best;
use crate::kernels::sweep::Clock;
use crate::one_flip_moves::OneFlipMoves;
use crate::simulated_annealing::starting_spins;
use crate::solver::{Method, Prepared};
use crate::spin_system::{self, Count, Links, System};
use crate::{Error, IntegerIsing, Ising, Task};

/// Tabu search with one-flip moves.
///
/// ```
/// use ebm_optim::{Ising, Run, Solver, TabuSearch};
/// let ring = Ising::from_couplings(4, &[(0, 1, -1.0), (1, 2, -1.0), (2, 3, -1.0), (0, 3, -1.0)])?;
/// let run = Run { replicas: Some(1), steps: Some(50), ..Run::seeded(1) };
/// assert_eq!(TabuSearch::default().solve(&ring, &run)?.best.energy, -4.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabuSearch {
    /// Flips for which a spin may not move again; `None`: a hundredth of the
    /// spins. At most a quarter of the spins is used.
    pub tenure: Option<usize>,
    /// Up to this many further flips, at random.
    pub spread: usize,
    /// Flips without a new local record, in multiples of the number of spins,
    /// after which the search is perturbed; at least 1.
    pub patience: usize,
    /// One spin in so many is flipped by a perturbation; at least 1.
    pub kick: usize,
}

impl Default for TabuSearch {
    /// The tenure `n/100 + random(0..10)` common for quadratic problems of
    /// thousands of variables, and long searches with rare perturbations.
    fn default() -> Self {
        Self { tenure: None, spread: 10, patience: 20, kick: 10 }
    }
}

impl Method for TabuSearch {
    fn name(&self) -> &'static str {
        "tabu"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        for (what, value) in [("patience", self.patience), ("kick", self.kick)] {
            if value == 0 {
                let expected = "at least 1";
                return Err(ebm_core::Error::Parameter { what, expected, value: 0.0 }.into());
            }
        }
        let integers = IntegerIsing::rounded(problem);
        let n = problem.spins();
        let build = Build {
            unit: integers.unit(),
            offset: problem.offset(),
            tenure: self.tenure.unwrap_or(n / 100).min(n / 4) as u64,
            spread: self.spread.min(n / 4) as u64,
            patience: (self.patience as u64).saturating_mul(n as u64),
            kick: self.kick,
        };
        Ok(spin_system::build(&integers, build))
    }
}

struct Build {
    unit: f64,
    offset: f64,
    tenure: u64,
    spread: u64,
    patience: u64,
    kick: usize,
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

impl<F: Count, L: Links<F>> Prepared for Searcher<F, L> {
    fn lanes(&self) -> usize {
        1
    }

    fn natural_steps(&self) -> usize {
        500
    }

    fn run(&self, task: &mut Task<'_>) {
        let (system, settings) = (&self.system, &self.settings);
        let n = system.spins();
        let mut rng = task.rng(0);
        let spins = starting_spins(n, task.start(0), &mut rng);
        let mut moves = OneFlipMoves::new(system, &spins);
        let mut best = Best::new(system, &moves.state, settings.unit, settings.offset);
        let mut clock = Clock::default();
        // The record since the last perturbation, and the flips since then.
        let (mut record, mut idle) = (moves.state.energy, 0);
        let mut made = 0;
        'run: while made < task.steps() {
            for _ in 0..n {
                if clock.stop_after(moves.work(system), task) {
                    break 'run;
                }
                let target = best.energy().min(record);
                let Some(slot) = moves.best_not_tabu(system, &mut rng, target) else { continue };
                if moves.state.gain(slot) >= 0 {
                    // Only local minima are copied.
                    best.keep(&moves.state);
                }
                let random = rng.random_range(0..=settings.spread);
                moves.flip(system, slot, settings.tenure + random);
                idle += 1;
                if moves.state.energy < record {
                    (record, idle) = (moves.state.energy, 0);
                } else if idle >= settings.patience {
                    best.keep(&moves.state);
                    best.restore(system, &mut moves.state);
                    moves.sort(system);
                    for _ in 0..(n / settings.kick).max(1) {
                        let slot = system.slots_of_spins()[rng.random_range(0..n)];
                        moves.flip(system, slot as usize, settings.tenure);
                    }
                    (record, idle) = (moves.state.energy, 0);
                }
            }
            made += 1;
            best.report(system, task);
        }
        best.finish(system, &moves.state, task, made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Solver};

    #[test]
    fn settings_of_any_size_run_or_are_refused() {
        let pairs: Vec<_> = (0..9).map(|i| (i, i + 1, -1.0)).collect();
        let chain = Ising::from_couplings(10, &pairs).unwrap();
        let run = Run { replicas: Some(2), steps: Some(100), ..Run::seeded(1) };
        let most = usize::MAX;
        let method = TabuSearch { tenure: Some(most), spread: most, patience: most, kick: most };
        assert_eq!(method.solve(&chain, &run).unwrap().best.energy, -9.0);
        let method = TabuSearch { tenure: Some(0), spread: 0, patience: 1, kick: 1 };
        assert_eq!(method.solve(&chain, &run).unwrap().best.energy, -9.0);
        assert!(TabuSearch { patience: 0, ..method }.solve(&chain, &run).is_err());
        assert!(TabuSearch { kick: 0, ..method }.solve(&chain, &run).is_err());
    }
}
