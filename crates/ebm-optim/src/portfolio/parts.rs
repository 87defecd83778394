//! Components one by one: a race for each, and the states put together.
//!
//! ```text
//! H(s) = c + Σₖ Hₖ(s restricted to component k),      time of k ∝ its number of spins
//! ```

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ebm_core::random::stream;
use rand::Rng;

use super::{close, share_of};
use crate::components::Component;
use crate::run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
use crate::{Error, Ising, one_flip};

/// Solves one component.
pub(super) type Search<'a> = dyn Fn(&Ising, &Run, &Watch<'_>) -> Result<Solution, Error> + 'a;

/// Replicas of the whole, each made of one of every component that was searched.
#[derive(Default)]
struct Joined {
    replicas: Option<Vec<Replica>>,
    /// Sum of the best energies of the components in them.
    energy: f64,
}

impl Joined {
    fn add(&mut self, replicas: Vec<Replica>, energy: f64) {
        self.energy += energy;
        let Some(sums) = &mut self.replicas else {
            self.replicas = Some(replicas);
            return;
        };
        sums.truncate(replicas.len());
        for (sum, part) in sums.iter_mut().zip(&replicas) {
            sum.steps = sum.steps.max(part.steps);
            sum.read_out += part.read_out;
            sum.polished += part.polished;
        }
    }

    /// The replicas where the whole has come to `energy`: what was not searched is
    /// the same in all.
    fn finish(self, energy: f64) -> Vec<Replica> {
        let others = energy - self.energy;
        let exact = vec![Replica { steps: 0, read_out: 0.0, polished: 0.0 }];
        let mut replicas = self.replicas.unwrap_or(exact);
        for replica in &mut replicas {
            replica.read_out += others;
            replica.polished += others;
        }
        replicas
    }
}

/// Solves the components of `problem`, the largest first; time counts from
/// `started`.
pub(super) fn solve(
    problem: &Ising,
    parts: &[Component],
    run: &Run,
    watch: &Watch<'_>,
    started: Instant,
    search: &Search<'_>,
) -> Result<Solution, Error> {
    let setup = started.elapsed().as_secs_f64();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&k| Reverse(parts[k].nodes.len()));
    // The state of the components that are still to come.
    let given = run
        .starts
        .iter()
        .min_by(|a, b| f64::total_cmp(&problem.energy_of(a), &problem.energy_of(b)));
    let mut spins = given.cloned().unwrap_or_else(|| vec![1; problem.spins()]);
    one_flip::descend(problem, &mut spins)?;
    let mut energy = problem.energy_of(&spins);
    let mut trace = vec![TracePoint { seconds: setup, energy }];
    let mut joined = Joined::default();
    let (mut ahead, mut ended) = (problem.spins(), 0);
    let mut outcome = Outcome::Completed;
    let reached = |energy: f64| run.target.is_some_and(|target| energy <= target);
    // An enumeration does not stop when asked to.
    let stopped = AtomicBool::new(false);
    for k in order {
        if reached(energy) {
            break;
        }
        if stopped.load(Ordering::Relaxed) {
            outcome = Outcome::Interrupted;
            break;
        }
        let Component { nodes, problem: part } = &parts[k];
        let restrict = |whole: &[i8]| -> Vec<i8> { nodes.iter().map(|&i| whole[i]).collect() };
        let share = nodes.len() as f64 / ahead as f64;
        ahead -= nodes.len();
        let time = run.time.map(|limit| share_of(limit.saturating_sub(started.elapsed()), share));
        if time.is_some_and(|time| time.is_zero()) {
            outcome = Outcome::TimeUp;
            break;
        }
        let before = part.energy_of(&restrict(&spins));
        let others = energy - before;
        let offset = started.elapsed().as_secs_f64();
        let relay = |progress: &Progress| -> ControlFlow<()> {
            let flow = watch(&Progress {
                seconds: offset + progress.seconds,
                energy: energy.min(others + progress.energy),
                replicas: ended + progress.replicas,
            });
            stopped.fetch_or(flow.is_break(), Ordering::Relaxed);
            flow
        };
        let own = Run {
            seed: stream(run.seed, k as u64).next_u64(),
            time,
            target: run.target.map(|target| target - others),
            starts: run.starts.iter().map(|whole| restrict(whole)).collect(),
            ..run.clone()
        };
        let solution = search(part, &own, &relay)?;
        ended += solution.replicas.len();
        for point in &solution.trace {
            let known = trace.last().map_or(f64::INFINITY, |last| last.energy);
            if others + point.energy < known {
                let (seconds, energy) = (offset + point.seconds, others + point.energy);
                trace.push(TracePoint { seconds, energy });
            }
        }
        let best = solution.best;
        if solution.replicas.iter().any(|replica| replica.steps > 0) {
            joined.add(solution.replicas, best.energy.min(before));
        }
        if best.energy < before {
            for (&i, &s) in nodes.iter().zip(&best.spins) {
                spins[i] = s;
            }
            energy = others + best.energy;
        }
        outcome = match (outcome, solution.outcome) {
            (_, Outcome::Interrupted) => {
                outcome = Outcome::Interrupted;
                break;
            }
            (Outcome::TimeUp, _) | (_, Outcome::TimeUp) => Outcome::TimeUp,
            (Outcome::Stagnated, _) | (_, Outcome::Stagnated) => Outcome::Stagnated,
            _ => Outcome::Completed,
        };
    }
    // The sums above have rounding errors.
    energy = problem.energy_of(&spins);
    if reached(energy) {
        outcome = Outcome::TargetReached;
    }
    close(&mut trace, energy);
    let timing = Timing { setup, run: started.elapsed().as_secs_f64() - setup };
    let replicas = joined.finish(energy);
    Ok(Solution { best: State { spins, energy }, replicas, trace, outcome, timing })
}
