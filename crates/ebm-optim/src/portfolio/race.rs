//! A race: members taking turns on one connected problem, by successive halving
//! where the time is limited, and recombination of what they found.
//!
//! ```text
//! opening:            many short replicas of bifurcation side by side
//! turn of a member:   known ← known ∪ {its best state}
//! recombination:      a population founded with the known states, the best first
//! ```

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ebm_core::random::stream;
use rand::Rng;

use super::share_of;
use crate::run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
use crate::{Error, Ising, MemeticAnnealing, SimulatedBifurcation, Solver};

/// Who takes part.
pub(super) struct Team<'a> {
    pub(super) members: &'a [Box<dyn Solver>],
    pub(super) recombination: Option<Recombination>,
    /// Whether a race against the clock begins with short replicas of bifurcation.
    pub(super) opening: bool,
    /// Whether members start from the states that the run gives.
    pub(super) given_to_all: bool,
}

/// How recombination takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recombination {
    /// Its share of the time after the trials, unless it has won them: then all.
    pub(super) share: f64,
    /// The member that is the same method, founding its population by itself.
    pub(super) member: Option<usize>,
}

/// Steps and replicas of the opening. A block of that many replicas costs little
/// more than one replica of other methods, and the best of it is within a
/// thousandth of the optimum on many problems.
const OPENING: (usize, usize) = (500, 64);

/// Largest share of the time that the opening may be expected to take.
const OPENING_SHARE: f64 = 0.04;

/// About the seconds that the opening takes a coupling.
const OPENING_PACE: f64 = 5e-7;

/// Shares of the time of a trial, and how many are to be left after it.
const TRIALS: [(f64, usize); 2] = [(0.02, 2), (0.06, 1)];

pub(super) struct Race<'a> {
    problem: &'a Ising,
    run: &'a Run,
    watch: &'a Watch<'a>,
    started: Instant,
    /// What the run gives and the best state of every turn, by energy.
    known: Vec<State>,
    replicas: Vec<Replica>,
    trace: Vec<TracePoint>,
    outcome: Outcome,
    turns: u64,
}

impl<'a> Race<'a> {
    pub(super) fn new(
        problem: &'a Ising,
        run: &'a Run,
        watch: &'a Watch<'a>,
        started: Instant,
    ) -> Self {
        let (known, replicas, trace) = (vec![], vec![], vec![]);
        let outcome = Outcome::Completed;
        let mut race =
            Self { problem, run, watch, started, known, replicas, trace, outcome, turns: 0 };
        for spins in &run.starts {
            race.learn(State { spins: spins.clone(), energy: problem.energy_of(spins) });
        }
        if let Some(best) = race.known.first() {
            let (seconds, energy) = (started.elapsed().as_secs_f64(), best.energy);
            race.trace.push(TracePoint { seconds, energy });
            if run.target.is_some_and(|target| energy <= target) {
                race.outcome = Outcome::TargetReached;
            }
        }
        race
    }

    pub(super) fn run(mut self, team: &Team<'_>) -> Result<Solution, Error> {
        match self.run.time {
            _ if self.is_over() => {}
            None => self.share(team)?,
            Some(time) => self.halve(team, time)?,
        }
        let n = self.problem.spins();
        let best = self.known.into_iter().next().unwrap_or_else(|| {
            let spins = vec![1; n];
            State { energy: self.problem.energy_of(&spins), spins }
        });
        let timing = Timing { setup: 0.0, run: self.started.elapsed().as_secs_f64() };
        let (replicas, trace, outcome) = (self.replicas, self.trace, self.outcome);
        Ok(Solution { best, replicas, trace, outcome, timing })
    }

    fn is_over(&self) -> bool {
        matches!(self.outcome, Outcome::TargetReached | Outcome::Interrupted)
    }

    /// Files a state behind those that are as good, unless it is one of them.
    fn learn(&mut self, state: State) {
        if self.known.contains(&state) {
            return;
        }
        let place = self.known.partition_point(|other| other.energy <= state.energy);
        self.known.insert(place, state);
    }

    fn best(&self) -> f64 {
        self.known.first().map_or(f64::INFINITY, |state| state.energy)
    }

    /// One turn of a method from the given states; the best energy that it found.
    fn turn(
        &mut self,
        method: &dyn Solver,
        limits: Run,
        starts: Vec<Vec<i8>>,
    ) -> Result<f64, Error> {
        // Seeds of their own: members must not repeat each other's states.
        let seed = stream(self.run.seed, u64::MAX - self.turns).next_u64();
        let seed = if self.turns == 0 { self.run.seed } else { seed };
        self.turns += 1;
        let offset = self.started.elapsed().as_secs_f64();
        let (known, before) = (self.best(), self.replicas.len());
        let relay = |progress: &Progress| -> ControlFlow<()> {
            (self.watch)(&Progress {
                seconds: offset + progress.seconds,
                energy: known.min(progress.energy),
                replicas: before + progress.replicas,
            })
        };
        let run = Run { seed, starts, ..limits };
        let solution = method.solve_watched(self.problem, &run, &relay)?;
        let improvements = solution.trace.iter().filter(|point| point.energy < known);
        self.trace.extend(
            improvements
                .map(|point| TracePoint { seconds: offset + point.seconds, energy: point.energy }),
        );
        self.replicas.extend(solution.replicas);
        self.outcome = solution.outcome;
        let energy = solution.best.energy;
        self.learn(solution.best);
        Ok(energy)
    }

    fn member(&mut self, team: &Team<'_>, index: usize, limits: Run) -> Result<f64, Error> {
        let starts = if team.given_to_all { self.run.starts.clone() } else { vec![] };
        self.turn(team.members[index].as_ref(), limits, starts)
    }

    fn recombine(&mut self, limits: Run) -> Result<f64, Error> {
        let starts = self.known.iter().map(|state| state.spins.clone()).collect();
        self.turn(&MemeticAnnealing::default(), limits, starts)
    }

    /// The same replicas for every method, recombination last.
    fn share(&mut self, team: &Team<'_>) -> Result<(), Error> {
        let last = team.recombination.map(|how| how.member.unwrap_or(team.members.len()));
        let count = team.members.len() + usize::from(last == Some(team.members.len()));
        let replicas = self.run.replica_limit();
        // The first make one more where they do not divide evenly.
        let share = |k: usize| replicas / count + usize::from(k < replicas % count);
        let mut stagnated = true;
        let searching = (0..count).filter(|k| last != Some(*k));
        for k in searching.chain(last) {
            if self.is_over() {
                return Ok(());
            }
            if share(k) == 0 {
                continue;
            }
            let limits = Run { replicas: Some(share(k)), ..self.limits(None) };
            if last == Some(k) {
                self.recombine(limits)?;
            } else {
                self.member(team, k, limits)?;
            }
            stagnated &= self.outcome == Outcome::Stagnated;
        }
        if !self.is_over() && !stagnated {
            self.outcome = Outcome::Completed;
        }
        Ok(())
    }

    fn limits(&self, time: Option<Duration>) -> Run {
        Run { time, starts: vec![], ..self.run.clone() }
    }

    /// Trials for all, longer ones for the better two, the rest for the best and
    /// for recombination.
    fn halve(&mut self, team: &Team<'_>, time: Duration) -> Result<(), Error> {
        let started = self.started;
        let left = || time.saturating_sub(started.elapsed());
        let whole = left();
        let mut ranked: Vec<(f64, usize)> =
            (0..team.members.len()).map(|member| (f64::INFINITY, member)).collect();
        self.open(team, whole)?;
        for (share, survivors) in TRIALS {
            if ranked.len() > survivors {
                for (energy, member) in &mut ranked {
                    let slice = share_of(whole, share).min(left());
                    let Some(limits) = self.next(slice) else { return Ok(()) };
                    *energy = energy.min(self.member(team, *member, limits)?);
                }
                // Stable: on a draw the more promising member goes on.
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
                ranked.truncate(survivors);
            }
        }
        let leader = ranked[0].1;
        let own = match team.recombination {
            None => 1.0,
            Some(how) if how.member == Some(leader) => 0.0,
            Some(how) => 1.0 - how.share,
        };
        if own > 0.0 {
            let Some(limits) = self.next(share_of(left(), own)) else { return Ok(()) };
            self.member(team, leader, limits)?;
        }
        if own < 1.0
            && let Some(limits) = self.next(left())
        {
            self.recombine(limits)?;
        }
        Ok(())
    }

    /// The opening, where it takes a small part of the time.
    fn open(&mut self, team: &Team<'_>, time: Duration) -> Result<(), Error> {
        let pace = OPENING_PACE * self.problem.couplings().entry_count() as f64;
        let free = self.run.steps.is_none() && self.run.replicas.is_none();
        if !(team.opening && free && pace <= OPENING_SHARE * time.as_secs_f64()) {
            return Ok(());
        }
        // Room for a slower machine: half an opening is worth nothing.
        let slice = share_of(time, 3.0 * OPENING_SHARE);
        let Some(limits) = self.next(slice) else { return Ok(()) };
        let (steps, replicas) = OPENING;
        let limits = Run { steps: Some(steps), replicas: Some(replicas), ..limits };
        self.turn(&SimulatedBifurcation::default(), limits, vec![])?;
        Ok(())
    }

    /// The limits of the next turn, unless the race is over. The first turn is
    /// always made: a run has at least one state.
    fn next(&mut self, slice: Duration) -> Option<Run> {
        if self.is_over() {
            return None;
        }
        if slice.is_zero() && !self.known.is_empty() {
            self.outcome = Outcome::TimeUp;
            return None;
        }
        Some(self.limits(Some(slice)))
    }
}
