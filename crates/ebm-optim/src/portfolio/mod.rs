//! A portfolio of solvers: reduce the problem exactly, take its components one
//! by one, try several methods briefly, and spend the rest of the time on the one
//! that does best and on recombining what all have found.
//!
//! ```text
//! problem ── reduction ── kernel ─┬─ component 1 ── race ─┬── the best of each ── lift
//!                                 └─ component 2 ── race ─┘
//! race:  | opening | each member 2 % | the better two 6 % each | the best: a share of the rest | recombination |
//!             └──────── states ────────────── states ───────────────── states ─────────────────────┘
//! ```
//!
//! No single method is best on all problems, and a short trial tells well
//! which is (successive halving: K. Jamieson and A. Talwalkar, arXiv
//! 1502.07943). Exact reductions come first: on sparse graphs they are worth
//! more than any method. Only where they would take much longer than the whole
//! run, on millions of couplings in a second, the problem is searched as it is.
//!
//! The opening is one block of short replicas of bifurcation side by side, which
//! is often within a thousandth of the optimum before another method has cooled
//! down once.
//!
//! On sparse graphs good states differ in clusters that no coupling joins, so
//! what several methods find adds up: the last share of the time goes to
//! [memetic annealing](crate::memetic), whose population is founded with the
//! states of all trials (cooperation of heuristics: T. G. Crainic and M. Toulouse,
//! *Parallel Strategies for Meta-Heuristics*, 2003, DOI 10.1007/0-306-48056-5_17).

mod parts;
mod race;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::race::{Race, Recombination, Team};
use crate::components;
use crate::forms::BitMatrix;
use crate::run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
use crate::{
    CoherentIsingMachine, Error, Ising, MemeticAnnealing, ParallelTempering, Reduction,
    SimulatedAnnealing, SimulatedBifurcation, Solver, exhaustive,
};

/// The solver for "just solve it".
///
/// Without a limit of time every member makes its share of the replicas, and
/// the result depends on the seed alone. With one, `replicas` and `steps` of
/// the run are those of each trial. `stagnation` counts within a trial or share:
/// it ends that, and the run where it was the last. Components of the reduced
/// problem are solved one by one, the largest first, each for a time by its size;
/// those of at most 20 spins are enumerated, whatever the members. A replica of
/// the whole is then made of one of each component.
///
/// Given states ([`Run::starts`]) are known from the beginning. Members by the
/// problem search anew, not near them, and recombination takes them up; members
/// of your own choice start from them.
///
/// ```
/// use ebm_optim::{Graph, Portfolio, Run, Solver};
/// let ring = (0..30).map(|i| (i, (i + 1) % 30, 1.0));
/// let chords = (0..30).map(|i| (i, (i + 7) % 30, 1.0));
/// let graph = Graph::new(30, ring.chain(chords).collect())?;
/// let solution = Portfolio::default().solve(graph.ising(), &Run::seeded(1))?;
/// // All neighbors are an odd distance apart: every edge can be cut.
/// assert_eq!(graph.cut(&solution.best.spins)?, 60.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
pub struct Portfolio {
    /// Whether to reduce the problem first.
    pub reduce: bool,
    /// The methods to choose from, the most promising first. Empty: those that
    /// win on some family of problems like the one at hand, with recombination
    /// of what they find.
    pub members: Vec<Box<dyn Solver>>,
}

impl Default for Portfolio {
    /// Reduction first, and members by the problem: what a newcomer wants.
    fn default() -> Self {
        Self { reduce: true, members: vec![] }
    }
}

/// Mean number of neighbors up to which clusters of spins are worth moving.
const FEW_NEIGHBORS: f64 = 6.0;

/// Mean number of neighbors up to which two good states differ in separate
/// clusters.
const SEPARATE_NEIGHBORS: f64 = 64.0;

/// The methods that win on some family of problems: bifurcation alone where all
/// couplings have one magnitude and few are missing; else annealing first, on
/// sparse problems with recombination and beside the coherent machine, and on
/// lattices tempering with cluster moves.
///
/// Shares of recombination where another method leads: the fewer neighbors, the
/// more clusters. On dense problems it can only improve given states.
fn team(problem: &Ising, given: bool) -> (Vec<Box<dyn Solver>>, Option<Recombination>) {
    let bifurcation = Box::new(SimulatedBifurcation::default());
    let recombination = |share, member| Some(Recombination { share, member });
    let of_given = if given { recombination(0.12, None) } else { None };
    if problem.spins() > ENUMERATED && BitMatrix::new(problem).is_some() {
        return (vec![bifurcation], of_given);
    }
    let degree = problem.couplings().entry_count() as f64 / problem.spins() as f64;
    if degree > SEPARATE_NEIGHBORS {
        return (vec![Box::new(SimulatedAnnealing::default()), bifurcation], of_given);
    }
    let mut members: Vec<Box<dyn Solver>> = vec![
        Box::new(MemeticAnnealing::default()),
        Box::new(CoherentIsingMachine::default()),
        bifurcation,
    ];
    if degree <= FEW_NEIGHBORS {
        members.push(Box::new(ParallelTempering::default()));
    }
    let share = if degree <= FEW_NEIGHBORS { 0.75 } else { 0.5 };
    (members, recombination(share, Some(0)))
}

/// Seconds that a spin or a stored coupling takes to reduce and to sort into
/// components, measured on random graphs of a million nodes.
const PREPARATION: f64 = 4e-7;

/// Is there time to reduce a problem of this size, to within a second?
fn is_worth_reducing(spins: usize, entries: usize, time: Option<Duration>) -> bool {
    let seconds = PREPARATION * (spins as f64 + entries as f64);
    time.is_none_or(|time| seconds <= time.as_secs_f64() + 1.0)
}

/// Problems up to this size are enumerated: a million states take
/// milliseconds.
const ENUMERATED: usize = 20;

impl Solver for Portfolio {
    fn name(&self) -> &'static str {
        "portfolio"
    }

    fn solve_watched(
        &self,
        problem: &Ising,
        run: &Run,
        watch: &Watch<'_>,
    ) -> Result<Solution, Error> {
        let started = Instant::now();
        run.check(problem)?;
        if !is_worth_reducing(problem.spins(), problem.couplings().entry_count(), run.time) {
            return self.search(problem, run, watch, started);
        }
        let reduction = self.reduce.then(|| Reduction::new(problem));
        let kernel = reduction.as_ref().map_or(Some(problem), Reduction::kernel);
        let lift = |spins: &[i8]| match &reduction {
            Some(reduction) => reduction.lift(spins),
            None => Ok(spins.to_vec()),
        };
        let given = &run.starts;
        let Some(kernel) = kernel else {
            let best = best_of(problem, lift(&[])?, given);
            let setup = started.elapsed().as_secs_f64();
            let mut solution = known(best, run, watch, started);
            solution.timing.setup = setup;
            solution.timing.run -= setup;
            return Ok(solution);
        };
        let mut run = run.clone();
        if let Some(reduction) = &reduction {
            let restricted = given.iter().map(|spins| reduction.restrict(spins));
            run.starts = restricted.collect::<Result<_, _>>()?;
        }
        let mut solution = if kernel.spins() <= ENUMERATED || components::is_connected(kernel) {
            self.search(kernel, &run, watch, started)?
        } else {
            let parts = components::components(kernel)?;
            let search = |part: &Ising, run: &Run, watch: &Watch<'_>| {
                self.search(part, run, watch, Instant::now())
            };
            parts::solve(kernel, &parts, &run, watch, started, &search)?
        };
        // Lifting is optimal for the rest: the same energy, up to rounding.
        solution.best = best_of(problem, lift(&solution.best.spins)?, given);
        if run.target.is_some_and(|target| solution.best.energy <= target) {
            solution.outcome = Outcome::TargetReached;
        }
        close(&mut solution.trace, solution.best.energy);
        Ok(solution)
    }
}

impl Portfolio {
    /// Solves a connected problem, by enumeration or by a race of the members;
    /// time counts from `started`.
    fn search(
        &self,
        problem: &Ising,
        run: &Run,
        watch: &Watch<'_>,
        started: Instant,
    ) -> Result<Solution, Error> {
        let setup = started.elapsed().as_secs_f64();
        let mut solution = if problem.spins() <= ENUMERATED {
            known(exhaustive::ground_state(problem)?, run, watch, started)
        } else {
            let (chosen, recombination);
            let team = if self.members.is_empty() {
                (chosen, recombination) = team(problem, !run.starts.is_empty());
                let opening = chosen.len() > 1;
                Team { members: &chosen, recombination, opening, given_to_all: false }
            } else {
                let recombination = None;
                Team { members: &self.members, recombination, opening: false, given_to_all: true }
            };
            Race::new(problem, run, watch, started).run(&team)?
        };
        solution.timing = Timing { setup, run: (started.elapsed().as_secs_f64() - setup).max(0.0) };
        Ok(solution)
    }
}

/// The state, or a given one that is better: if so, by rounding.
fn best_of(problem: &Ising, spins: Vec<i8>, given: &[Vec<i8>]) -> State {
    let energies = given.iter().map(|spins| (problem.energy_of(spins), spins));
    let mut best = State { energy: problem.energy_of(&spins), spins };
    for (energy, spins) in energies {
        if energy < best.energy {
            best = State { energy, spins: spins.clone() };
        }
    }
    best
}

/// Ends a trace, whose energies are sums with rounding errors, with the energy that
/// the result has.
fn close(trace: &mut Vec<TracePoint>, energy: f64) {
    let Some(last) = trace.last().copied() else { return };
    trace.retain(|point| point.energy > energy);
    trace.push(TracePoint { energy, ..last });
}

/// A share of a time, up to all of it, however long.
fn share_of(time: Duration, share: f64) -> Duration {
    // Only rounding makes the share of the longest times more than those.
    Duration::try_from_secs_f64(share * time.as_secs_f64()).unwrap_or(time)
}

/// The result where nothing had to be searched.
fn known(best: State, run: &Run, watch: &Watch<'_>, started: Instant) -> Solution {
    let energy = best.energy;
    let seconds = started.elapsed().as_secs_f64();
    // There is nothing left to stop.
    let _ = watch(&Progress { seconds, energy, replicas: 1 });
    let reached = run.target.is_some_and(|target| energy <= target);
    Solution {
        best,
        replicas: vec![Replica { steps: 0, read_out: energy, polished: energy }],
        trace: vec![TracePoint { seconds, energy }],
        outcome: if reached { Outcome::TargetReached } else { Outcome::Completed },
        timing: Timing { setup: 0.0, run: seconds },
    }
}
