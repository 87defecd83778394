//! One interface for every solver, and the driver that runs replicas in
//! parallel blocks.
//!
//! A [`Method`] translates a problem into the form it runs on; the result, a
//! [`Prepared`] method, runs one block of replicas at a time and reports states
//! to its [`Task`]. Everything else, from random streams to time limits, best
//! states and traces, is here, once.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::pace::Pace;
use crate::run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
use crate::task::Task;
use crate::{Error, Ising};

/// Anything that looks for states of low energy.
pub trait Solver: Send + Sync {
    /// A short name in lower case with hyphens, as on a command line.
    fn name(&self) -> &'static str;

    /// Looks for a state of low energy, observed by `watch`.
    ///
    /// # Errors
    /// Settings or a run that are invalid for this problem.
    fn solve_watched(
        &self,
        problem: &Ising,
        run: &Run,
        watch: &Watch<'_>,
    ) -> Result<Solution, Error>;

    /// Looks for a state of low energy.
    ///
    /// ```
    /// use ebm_optim::{Ising, OscillatorIsingMachine, Run, Solver};
    /// let frustrated = Ising::from_couplings(3, &[(0, 1, -1.0), (1, 2, -1.0), (0, 2, -1.0)])?;
    /// let solution = OscillatorIsingMachine::default().solve(&frustrated, &Run::seeded(1))?;
    /// assert_eq!(solution.best.energy, -1.0);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// Settings or a run that are invalid for this problem.
    fn solve(&self, problem: &Ising, run: &Run) -> Result<Solution, Error> {
        self.solve_watched(problem, run, &|_| std::ops::ControlFlow::Continue(()))
    }
}

/// A method that runs independent replicas.
pub trait Method: Send + Sync {
    /// As [`Solver::name`].
    fn name(&self) -> &'static str;

    /// Checks the settings and translates `problem` into the method's form.
    ///
    /// # Errors
    /// Settings that are invalid for this problem.
    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error>;
}

/// A method ready to run on one problem.
pub trait Prepared: Sync {
    /// Replicas of one block, which run side by side.
    fn lanes(&self) -> usize;

    /// Steps that a replica needs for a reasonable result: the choice of a run
    /// that leaves it open, and the unit from which timed runs grow.
    fn natural_steps(&self) -> usize;

    /// Steps beyond which another replica is worth more than a longer one.
    fn longest_steps(&self) -> usize {
        usize::MAX
    }

    /// Whether a timed run is best spent on one replica a thread, after a short
    /// one that learns the pace, instead of on several of growing length.
    fn prefers_one_replica(&self) -> bool {
        false
    }

    /// Runs the block of `task`: reports every improvement with
    /// [`Task::offer`], polls [`Task::should_stop`] (every 10 µs to 1 ms), and
    /// ends each replica with [`Task::finish`], also when stopped, unless
    /// [`Task::is_overdue`]. The steps themselves allocate nothing.
    fn run(&self, task: &mut Task<'_>);
}

impl<M: Method> Solver for M {
    fn name(&self) -> &'static str {
        Method::name(self)
    }

    fn solve_watched(
        &self,
        problem: &Ising,
        run: &Run,
        watch: &Watch<'_>,
    ) -> Result<Solution, Error> {
        let started = Instant::now();
        run.check(problem)?;
        let prepared = self.prepare(problem)?;
        Ok(drive(prepared.as_ref(), problem, run, watch, started))
    }
}

/// What the blocks of a run share.
pub(crate) struct Shared<'a> {
    pub(crate) problem: &'a Ising,
    pub(crate) run: &'a Run,
    watch: &'a Watch<'a>,
    started: Instant,
    /// The next block to run.
    next: AtomicU64,
    /// Blocks after this one do not count: it reached the target or stagnated.
    last: AtomicU64,
    /// When the observer asked to stop.
    interrupted: OnceLock<Instant>,
    time_up: AtomicBool,
    /// Bits of the best energy, for a look without the lock.
    best: AtomicU64,
    ended: AtomicUsize,
    /// Milliseconds at which the observer was last called.
    watched: AtomicU64,
    log: Mutex<Log>,
}

struct Log {
    trace: Vec<TracePoint>,
    stagnated: bool,
    /// Energies of ended blocks that wait for one before them.
    waiting: std::collections::BTreeMap<u64, f64>,
    /// Blocks known to have ended without a gap, the best energy among them and
    /// the block that found it.
    prefix: u64,
    prefix_best: f64,
    improved_at: u64,
}

/// How long after the end of a run replicas may still be read out and polished:
/// those of a million spins take half a second each.
const GRACE: Duration = Duration::from_millis(500);

/// Milliseconds between calls of the observer without an improvement.
const WATCH_INTERVAL: u64 = 50;

impl Shared<'_> {
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere leaves the log as valid as before.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn best(&self) -> f64 {
        f64::from_bits(self.best.load(Ordering::Relaxed))
    }

    /// Must block `index` end now?
    pub(crate) fn should_stop(&self, index: u64) -> bool {
        if self.is_interrupted() || index > self.last.load(Ordering::Relaxed) {
            return true;
        }
        let elapsed = self.started.elapsed();
        if self.run.time.is_some_and(|limit| elapsed >= limit) {
            self.time_up.store(true, Ordering::Relaxed);
            return true;
        }
        let now = elapsed.as_millis() as u64;
        let watched = self.watched.load(Ordering::Relaxed);
        if now >= watched + WATCH_INTERVAL
            && self
                .watched
                .compare_exchange(watched, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.show();
        }
        self.is_interrupted()
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.get().is_some()
    }

    /// Has block `index` had time enough to end?
    pub(crate) fn is_overdue(&self, index: u64) -> bool {
        let late = |limit: Duration| self.started.elapsed() >= limit.saturating_add(GRACE);
        index > self.last.load(Ordering::Relaxed)
            || self.run.time.is_some_and(late)
            || self.interrupted.get().is_some_and(|at| at.elapsed() >= GRACE)
    }

    fn show(&self) {
        let progress = Progress {
            seconds: self.seconds(),
            energy: self.best(),
            replicas: self.ended.load(Ordering::Relaxed),
        };
        if (self.watch)(&progress).is_break() {
            // Once is enough.
            let _ = self.interrupted.set(Instant::now());
        }
    }

    /// Block `index` has found `energy`; true if that reaches the target.
    pub(crate) fn record(&self, index: u64, energy: f64) -> bool {
        let reached = self.run.target.is_some_and(|target| energy <= target);
        if reached {
            self.last.fetch_min(index, Ordering::Relaxed);
        }
        if energy < self.best() {
            let mut log = self.log();
            if energy < self.best() {
                self.best.store(energy.to_bits(), Ordering::Relaxed);
                log.trace.push(TracePoint { seconds: self.seconds(), energy });
                drop(log);
                self.show();
            }
        }
        reached
    }

    /// Block `index` with `replicas` has ended with `energy`.
    fn end(&self, index: u64, replicas: usize, lanes: usize, energy: f64) {
        self.ended.fetch_add(replicas, Ordering::Relaxed);
        let Some(patience) = self.run.stagnation else { return };
        let patience = patience.div_ceil(lanes) as u64;
        let mut log = self.log();
        log.waiting.insert(index, energy);
        // In order of the blocks, so that the verdict does not depend on threads.
        while let Some(energy) = {
            let at = log.prefix;
            log.waiting.remove(&at)
        } {
            if energy < log.prefix_best {
                log.prefix_best = energy;
                log.improved_at = log.prefix;
            }
            if log.prefix - log.improved_at >= patience {
                log.stagnated = true;
                self.last.fetch_min(log.prefix, Ordering::Relaxed);
                return;
            }
            log.prefix += 1;
        }
    }
}

/// What the blocks leave that have ended, in any order.
#[derive(Default)]
struct Ended {
    replicas: Vec<(u64, Vec<Replica>)>,
    /// The best states of blocks that no earlier block equals: a few, however
    /// many blocks there are.
    candidates: Vec<(u64, State)>,
}

impl Ended {
    fn add(&mut self, index: u64, best: State, replicas: Vec<Replica>) {
        self.replicas.push((index, replicas));
        let mut others = self.candidates.iter();
        if others.any(|(other, state)| *other < index && state.energy <= best.energy) {
            return;
        }
        self.candidates.retain(|(other, state)| *other < index || state.energy < best.energy);
        self.candidates.push((index, best));
    }

    /// The best state of the blocks up to `last`, of equals the first.
    fn best(&mut self, last: u64) -> Option<State> {
        self.candidates.retain(|(index, _)| *index <= last);
        // Of two candidates the later one is better.
        let newest = (0..self.candidates.len()).max_by_key(|k| self.candidates[*k].0)?;
        Some(self.candidates.swap_remove(newest).1)
    }

    /// The replicas of the blocks up to `last`, in order.
    fn replicas(mut self, last: u64) -> Vec<Replica> {
        self.replicas.retain(|(index, _)| *index <= last);
        self.replicas.sort_by_key(|(index, _)| *index);
        self.replicas.into_iter().flat_map(|(_, replicas)| replicas).collect()
    }
}

/// Runs the blocks of a run on all threads of the pool.
pub(crate) fn drive(
    prepared: &dyn Prepared,
    problem: &Ising,
    run: &Run,
    watch: &Watch<'_>,
    started: Instant,
) -> Solution {
    let setup = started.elapsed().as_secs_f64();
    let lanes = prepared.lanes();
    let replicas = run.replica_limit();
    let blocks = replicas.div_ceil(lanes) as u64;
    let shared = Shared {
        problem,
        run,
        watch,
        started,
        next: AtomicU64::new(0),
        last: AtomicU64::new(u64::MAX),
        interrupted: OnceLock::new(),
        time_up: AtomicBool::new(false),
        best: AtomicU64::new(f64::INFINITY.to_bits()),
        ended: AtomicUsize::new(0),
        watched: AtomicU64::new(0),
        log: Mutex::new(Log {
            trace: vec![],
            stagnated: false,
            waiting: std::collections::BTreeMap::new(),
            prefix: 0,
            prefix_best: f64::INFINITY,
            improved_at: 0,
        }),
    };
    let ended = Mutex::new(Ended::default());
    let workers = (rayon::current_num_threads() as u64).min(blocks);
    let worker = || {
        let mut pace = Pace::new(prepared, run);
        loop {
            let index = shared.next.fetch_add(1, Ordering::Relaxed);
            // The first block always runs: a run has at least one state.
            if index >= blocks || index > 0 && shared.should_stop(index) {
                break;
            }
            let first = index as usize * lanes;
            let active = lanes.min(replicas - first);
            let perform = |pace: &mut Pace<'_>, steps: usize| {
                let begun = Instant::now();
                let mut task = Task::new(&shared, index, first, active, steps);
                prepared.run(&mut task);
                pace.learn(steps, begun.elapsed().as_secs_f64());
                task.into_results()
            };
            let rehearsed = pace.rehearsal().map(|steps| perform(&mut pace, steps).0);
            let remaining = run.time.map(|limit| limit.saturating_sub(started.elapsed()));
            let left = (run.replicas.is_some()).then(|| (blocks - index).div_ceil(workers));
            let steps = pace.steps(remaining.map(|d| d.as_secs_f64()), left);
            if steps.is_none() {
                shared.time_up.store(true, Ordering::Relaxed);
            }
            let results = match steps.or((index == 0).then_some(1)) {
                Some(steps) => Some(perform(&mut pace, steps)),
                None => rehearsed.clone().map(|best| (best, vec![])),
            };
            let Some((mut best, results)) = results else { break };
            if let Some(rehearsed) = rehearsed.filter(|state| state.energy <= best.energy) {
                best = rehearsed;
            }
            shared.end(index, results.len(), lanes, best.energy);
            ended.lock().unwrap_or_else(PoisonError::into_inner).add(index, best, results);
            if steps.is_none() {
                break;
            }
        }
    };
    rayon::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|_| worker());
        }
    });
    let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    collect(&shared, ended, setup)
}

fn collect(shared: &Shared<'_>, mut ended: Ended, setup: f64) -> Solution {
    // Without a time limit the result is that of the blocks in order, up to the
    // one that ended the run. With one, nothing that was found is dropped.
    let in_order = shared.run.time.is_none() && !shared.is_interrupted();
    let last = if in_order { shared.last.load(Ordering::Relaxed) } else { u64::MAX };
    // Block 0 always ends.
    let n = shared.problem.spins();
    let best = ended.best(last);
    let replicas = ended.replicas(last);
    let best = best.unwrap_or_else(|| {
        let spins = vec![1; n];
        State { energy: shared.problem.energy_of(&spins), spins }
    });
    let mut log = shared.log();
    let reached = shared.run.target.is_some_and(|target| best.energy <= target);
    let outcome = if reached {
        Outcome::TargetReached
    } else if log.stagnated {
        Outcome::Stagnated
    } else if shared.is_interrupted() {
        Outcome::Interrupted
    } else if shared.time_up.load(Ordering::Relaxed) {
        Outcome::TimeUp
    } else {
        Outcome::Completed
    };
    let mut trace = std::mem::take(&mut log.trace);
    trace.retain(|point| point.energy >= best.energy);
    // Found when a better state of a block that does not count was known.
    if trace.last().is_none_or(|point| point.energy > best.energy) {
        trace.push(TracePoint { seconds: shared.seconds(), energy: best.energy });
    }
    let timing = Timing { setup, run: shared.seconds() - setup };
    Solution { best, replicas, trace, outcome, timing }
}

#[cfg(test)]
mod tests;
