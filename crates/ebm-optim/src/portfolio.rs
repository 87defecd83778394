//! A portfolio of solvers: reduce the problem exactly, try several methods
//! briefly, spend the rest of the time on the one that does best.
//!
//! ```text
//! time:  | reduction | each member 4 % | the better two 12 % each | the best: the rest |
//! ```
//!
//! No single method is best on all problems, and a short trial tells well
//! which is (successive halving: K. Jamieson and A. Talwalkar, arXiv
//! 1502.07943). Exact reductions come first: on sparse graphs they are worth
//! more than any method.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ebm_core::random::stream;
use rand::Rng;

use crate::forms::BitMatrix;
use crate::run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
use crate::{
    Error, Ising, MemeticAnnealing, ParallelTempering, Reduction, SimulatedAnnealing,
    SimulatedBifurcation, Solver, exhaustive,
};

/// The solver for "just solve it".
///
/// Without a limit of time every member makes its share of the replicas, and
/// the result depends on the seed alone. With one, `replicas` and `steps` of
/// the run are those of each trial. `stagnation` counts within a trial or share:
/// it ends that, and the run where it was the last. Problems that reduce to at
/// most 20 spins are enumerated, whatever the members.
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
    /// win on some family of problems like the one at hand.
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
/// couplings have one magnitude and few are missing; else annealing first, with
/// recombination on sparse problems, and on lattices tempering with cluster
/// moves.
fn members(problem: &Ising) -> Vec<Box<dyn Solver>> {
    let bifurcation = Box::new(SimulatedBifurcation::default());
    if problem.spins() > ENUMERATED && BitMatrix::new(problem).is_some() {
        return vec![bifurcation];
    }
    let degree = problem.couplings().entry_count() as f64 / problem.spins() as f64;
    let annealing: Box<dyn Solver> = if degree <= SEPARATE_NEIGHBORS {
        Box::new(MemeticAnnealing::default())
    } else {
        Box::new(SimulatedAnnealing::default())
    };
    let mut members = vec![annealing, bifurcation];
    if degree <= FEW_NEIGHBORS {
        members.push(Box::new(ParallelTempering::default()));
    }
    members
}

/// Problems up to this size are enumerated: a million states take
/// milliseconds.
const ENUMERATED: usize = 20;

/// Shares of the time of one trial of each member and of each of the better two.
const FIRST_TRIAL: f64 = 0.04;
const SECOND_TRIAL: f64 = 0.12;

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
        let reduction = self.reduce.then(|| Reduction::new(problem));
        let kernel = reduction.as_ref().map_or(Some(problem), Reduction::kernel);
        let lift = |spins: &[i8]| match &reduction {
            Some(reduction) => reduction.lift(spins),
            None => Ok(spins.to_vec()),
        };
        let setup = started.elapsed().as_secs_f64();
        let exact = match kernel {
            None => Some(lift(&[])?),
            Some(kernel) if kernel.spins() <= ENUMERATED => {
                Some(lift(&exhaustive::ground_state(kernel)?.spins)?)
            }
            Some(_) => None,
        };
        if let Some(spins) = exact {
            return Ok(solved(problem, spins, run, watch, started, setup));
        }
        let Some(kernel) = kernel else { unreachable!("a problem without kernel is solved") };
        let mut run = run.clone();
        if let Some(reduction) = &reduction {
            let restricted = run.starts.iter().map(|spins| reduction.restrict(spins));
            run.starts = restricted.collect::<Result<_, _>>()?;
        }
        let chosen;
        let members = if self.members.is_empty() {
            chosen = members(kernel);
            &chosen
        } else {
            &self.members
        };
        let mut race = Race::new(kernel, &run, watch, started);
        match run.time {
            None => race.share(members)?,
            Some(time) => race.halve(members, time)?,
        }
        let mut solution = race.finish(setup);
        let spins = lift(&solution.best.spins)?;
        // Lifting is optimal for the rest: the same energy, up to rounding.
        solution.best = State { energy: problem.energy_of(&spins), spins };
        Ok(solution)
    }
}

/// The result where nothing had to be searched.
fn solved(
    problem: &Ising,
    spins: Vec<i8>,
    run: &Run,
    watch: &Watch<'_>,
    started: Instant,
    setup: f64,
) -> Solution {
    let energy = problem.energy_of(&spins);
    let seconds = started.elapsed().as_secs_f64();
    // There is nothing left to stop.
    let _ = watch(&Progress { seconds, energy, replicas: 1 });
    let reached = run.target.is_some_and(|target| energy <= target);
    Solution {
        best: State { spins, energy },
        replicas: vec![Replica { steps: 0, read_out: energy, polished: energy }],
        trace: vec![TracePoint { seconds, energy }],
        outcome: if reached { Outcome::TargetReached } else { Outcome::Completed },
        timing: Timing { setup, run: seconds - setup },
    }
}

/// Members taking turns on one problem.
struct Race<'a> {
    problem: &'a Ising,
    run: &'a Run,
    watch: &'a Watch<'a>,
    started: Instant,
    best: Option<State>,
    replicas: Vec<Replica>,
    trace: Vec<TracePoint>,
    outcome: Outcome,
    turns: u64,
}

impl<'a> Race<'a> {
    fn new(problem: &'a Ising, run: &'a Run, watch: &'a Watch<'a>, started: Instant) -> Self {
        let outcome = Outcome::Completed;
        let (best, replicas, trace) = (None, vec![], vec![]);
        Self { problem, run, watch, started, best, replicas, trace, outcome, turns: 0 }
    }

    fn is_over(&self) -> bool {
        matches!(self.outcome, Outcome::TargetReached | Outcome::Interrupted)
    }

    /// One turn of a member; the best energy that it found.
    fn turn(&mut self, member: &dyn Solver, limits: &Run) -> Result<f64, Error> {
        // Seeds of their own: members must not repeat each other's states.
        let seed = stream(self.run.seed, u64::MAX - self.turns).next_u64();
        let seed = if self.turns == 0 { self.run.seed } else { seed };
        self.turns += 1;
        let offset = self.started.elapsed().as_secs_f64();
        let known = self.best.as_ref().map_or(f64::INFINITY, |best| best.energy);
        let before = self.replicas.len();
        let (watch, stopped) = (self.watch, Mutex::new(false));
        let relay = |progress: &Progress| {
            let flow = watch(&Progress {
                seconds: offset + progress.seconds,
                energy: known.min(progress.energy),
                replicas: before + progress.replicas,
            });
            *stopped.lock().unwrap_or_else(PoisonError::into_inner) |= flow.is_break();
            flow
        };
        let run = Run { seed, target: self.run.target, ..limits.clone() };
        let solution = member.solve_watched(self.problem, &run, &relay)?;
        let improvements = solution.trace.iter().filter(|point| point.energy < known);
        self.trace.extend(
            improvements
                .map(|point| TracePoint { seconds: offset + point.seconds, energy: point.energy }),
        );
        self.replicas.extend(solution.replicas);
        self.outcome = solution.outcome;
        let energy = solution.best.energy;
        if energy < known {
            self.best = Some(solution.best);
        }
        Ok(energy)
    }

    /// The same replicas for every member.
    fn share(&mut self, members: &[Box<dyn Solver>]) -> Result<(), Error> {
        let replicas = self.run.replica_limit();
        let mut stagnated = true;
        for (k, member) in members.iter().enumerate() {
            // The first members make one more where they do not divide evenly.
            let share = replicas / members.len() + usize::from(k < replicas % members.len());
            if share == 0 || self.is_over() {
                break;
            }
            self.turn(member.as_ref(), &Run { replicas: Some(share), ..self.run.clone() })?;
            stagnated &= self.outcome == Outcome::Stagnated;
        }
        if !self.is_over() && !stagnated {
            self.outcome = Outcome::Completed;
        }
        Ok(())
    }

    /// Trials for all, longer ones for the better two, the rest for the best.
    fn halve(&mut self, members: &[Box<dyn Solver>], time: Duration) -> Result<(), Error> {
        let left = |started: Instant| time.saturating_sub(started.elapsed());
        let whole = left(self.started).as_secs_f64();
        let mut ranked: Vec<(f64, &dyn Solver)> =
            members.iter().map(|member| (f64::INFINITY, member.as_ref())).collect();
        for (share, survivors) in [(FIRST_TRIAL, 2), (SECOND_TRIAL, 1)] {
            if ranked.len() > survivors {
                for entry in &mut ranked {
                    let slice = Duration::from_secs_f64(share * whole).min(left(self.started));
                    if self.is_over() {
                        return Ok(());
                    }
                    if slice.is_zero() && self.best.is_some() {
                        self.outcome = Outcome::TimeUp;
                        return Ok(());
                    }
                    let limits = Run { time: Some(slice), ..self.run.clone() };
                    entry.0 = entry.0.min(self.turn(entry.1, &limits)?);
                }
                // Stable: on a draw the more promising member goes on.
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
                ranked.truncate(survivors);
            }
        }
        if !self.is_over() {
            let limits = Run { time: Some(left(self.started)), ..self.run.clone() };
            self.turn(ranked[0].1, &limits)?;
        }
        Ok(())
    }

    fn finish(self, setup: f64) -> Solution {
        let n = self.problem.spins();
        let best = self.best.unwrap_or_else(|| {
            let spins = vec![1; n];
            State { energy: self.problem.energy_of(&spins), spins }
        });
        let timing = Timing { setup, run: self.started.elapsed().as_secs_f64() - setup };
        let (replicas, trace, outcome) = (self.replicas, self.trace, self.outcome);
        Solution { best, replicas, trace, outcome, timing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random;
    use rand::RngExt;
    use std::ops::ControlFlow;

    /// A ±1 glass on a dense random graph, which no rule reduces.
    fn glass(n: usize, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                if rng.random_bool(0.5) {
                    pairs.push((i, j, if rng.random() { 1.0 } else { -1.0 }));
                }
            }
        }
        Ising::from_couplings(n, &pairs).unwrap()
    }

    #[test]
    fn small_and_reducible_problems_are_solved_exactly() {
        let small = glass(16, 1);
        let solution = Portfolio::default().solve(&small, &Run::seeded(1)).unwrap();
        assert_eq!(solution.best.energy, exhaustive::ground_state(&small).unwrap().energy);
        // A chain of 100 000 spins with random couplings.
        let mut rng = random::stream(2, 0);
        let n = 100_000;
        let pairs: Vec<_> = (1..n).map(|i| (i - 1, i, rng.random_range(-1.0..1.0_f64))).collect();
        let chain = Ising::from_couplings(n, &pairs).unwrap();
        let best = -pairs.iter().map(|pair| pair.2.abs()).sum::<f64>();
        let solution = Portfolio::default().solve(&chain, &Run::seeded(1)).unwrap();
        assert!((solution.best.energy - best).abs() < 1e-9 * best.abs());
        assert_eq!(solution.replicas[0].steps, 0);
    }

    #[test]
    fn results_do_not_depend_on_threads() {
        let problem = glass(60, 3);
        let run = Run { replicas: Some(7), steps: Some(50), ..Run::seeded(5) };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let solution = pool.install(|| Portfolio::default().solve(&problem, &run).unwrap());
            (solution.best, solution.replicas)
        };
        let one = on(1);
        assert_eq!(one.1.len(), 7);
        assert_eq!(one, on(2));
        assert_eq!(one, on(4));
    }

    #[test]
    fn time_and_targets_end_it() {
        let problem = glass(60, 4);
        let time = Some(Duration::from_millis(200));
        let begun = Instant::now();
        let timed = Portfolio::default().solve(&problem, &Run { time, ..Run::seeded(1) }).unwrap();
        // Generous: other work may run on this machine.
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(timed.outcome, Outcome::TimeUp);
        assert_eq!(problem.energy(&timed.best.spins).unwrap(), timed.best.energy);
        let falls = timed
            .trace
            .windows(2)
            .all(|pair| pair[1].energy < pair[0].energy && pair[1].seconds >= pair[0].seconds);
        assert!(falls, "{:?}", timed.trace);
        assert_eq!(timed.trace.last().unwrap().energy, timed.best.energy);

        let target = Some(timed.best.energy + 4.0);
        let hit = Portfolio::default().solve(&problem, &Run { target, ..Run::seeded(1) }).unwrap();
        assert_eq!(hit.outcome, Outcome::TargetReached);

        let none = Run { time: Some(Duration::ZERO), ..Run::seeded(1) };
        let none = Portfolio::default().solve(&problem, &none).unwrap();
        assert_eq!(problem.energy(&none.best.spins).unwrap(), none.best.energy);

        // More time than the replicas take, or than it takes to stagnate.
        let time = Some(Duration::from_secs(1000));
        let few = Run { time, replicas: Some(2), steps: Some(10), ..Run::seeded(1) };
        let few = Portfolio::default().solve(&problem, &few).unwrap();
        assert_eq!(few.outcome, Outcome::Completed);
        let idle = Run { time, stagnation: Some(3), steps: Some(100), ..Run::seeded(1) };
        let idle = Portfolio::default().solve(&problem, &idle).unwrap();
        assert_eq!(idle.outcome, Outcome::Stagnated);

        let endless = Run { replicas: Some(usize::MAX), target, ..Run::seeded(1) };
        let endless = Portfolio::default().solve(&problem, &endless).unwrap();
        assert_eq!(endless.outcome, Outcome::TargetReached);

        let stop = |_: &Progress| ControlFlow::Break(());
        let stopped = Portfolio::default().solve_watched(&problem, &Run::seeded(1), &stop).unwrap();
        assert_eq!(stopped.outcome, Outcome::Interrupted);
    }

    #[test]
    fn starts_are_kept_or_improved() {
        let problem = glass(60, 6);
        let good = Portfolio::default().solve(&problem, &Run::seeded(1)).unwrap().best;
        let run = Run { starts: vec![good.spins.clone()], replicas: Some(4), ..Run::seeded(2) };
        let again = Portfolio::default().solve(&problem, &run).unwrap();
        assert!(again.best.energy <= good.energy);
        let wrong = Run { starts: vec![vec![1; 3]], ..Run::seeded(2) };
        assert!(Portfolio::default().solve(&problem, &wrong).is_err());
        let one =
            Portfolio { members: vec![Box::new(SimulatedAnnealing::default())], reduce: false };
        assert!(one.solve(&problem, &run).unwrap().best.energy <= good.energy);
    }
}
