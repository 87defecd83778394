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
mod tests {
    use super::*;
    use crate::OscillatorIsingMachine;
    use ebm_core::random;
    use rand::RngExt;
    use std::ops::ControlFlow;

    fn glass(n: usize, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let pairs: Vec<_> =
            pairs.map(|(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 })).collect();
        Ising::from_couplings(n, &pairs).unwrap()
    }

    /// Two lanes, each a single random state: many blocks in little time.
    struct Guess;

    impl Method for Guess {
        fn name(&self) -> &'static str {
            "guess"
        }

        fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
            Ok(Box::new(Guesses(problem.spins())))
        }
    }

    struct Guesses(usize);

    impl Prepared for Guesses {
        fn lanes(&self) -> usize {
            2
        }

        fn natural_steps(&self) -> usize {
            1
        }

        fn run(&self, task: &mut Task<'_>) {
            for lane in 0..task.lanes() {
                let mut rng = task.rng(lane);
                let random = || if rng.random() { 1 } else { -1 };
                let mut spins: Vec<i8> = match task.start(lane) {
                    Some(spins) => spins.to_vec(),
                    None => std::iter::repeat_with(random).take(self.0).collect(),
                };
                task.finish(&mut spins, task.steps());
            }
        }
    }

    fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_do_not_depend_on_threads() {
        let problem = glass(40, 1);
        let best = Guess.solve(&problem, &Run::seeded(3)).unwrap().best.energy;
        let stops = [
            Run { replicas: Some(31), ..Run::seeded(3) },
            Run { target: Some(best + 8.0), replicas: Some(500), ..Run::seeded(3) },
            Run { stagnation: Some(7), replicas: Some(500), ..Run::seeded(3) },
        ];
        let outcomes = [Outcome::Completed, Outcome::TargetReached, Outcome::Stagnated];
        for (run, outcome) in stops.iter().zip(outcomes) {
            let one = on_threads(1, || Guess.solve(&problem, run).unwrap());
            assert_eq!(one.outcome, outcome);
            assert_eq!(problem.energy(&one.best.spins).unwrap(), one.best.energy);
            assert_eq!(one.trace.last().unwrap().energy, one.best.energy);
            for threads in [2, 4] {
                for _ in 0..5 {
                    let many = on_threads(threads, || Guess.solve(&problem, run).unwrap());
                    assert_eq!((&many.best, &many.replicas), (&one.best, &one.replicas));
                    assert_eq!(many.outcome, outcome);
                }
            }
        }
    }

    #[test]
    fn stops_in_time_and_keeps_the_best() {
        let problem = glass(30, 2);
        for time in [Duration::ZERO, Duration::from_millis(80)] {
            let run = Run { time: Some(time), ..Run::seeded(1) };
            let machine = OscillatorIsingMachine::default();
            let begun = Instant::now();
            let solution = machine.solve(&problem, &run).unwrap();
            // Generous: other work may run on this machine.
            assert!(begun.elapsed() < time + Duration::from_secs(2));
            assert_eq!(problem.energy(&solution.best.spins).unwrap(), solution.best.energy);
            let energies = solution.trace.iter().map(|point| point.energy);
            assert!(energies.clone().zip(energies.skip(1)).all(|(a, b)| b < a));
            assert!(!solution.replicas.is_empty());
        }
    }

    /// Sixteen replicas to a block, whose steps take a millisecond.
    struct Even;

    impl Prepared for Even {
        fn lanes(&self) -> usize {
            16
        }

        fn natural_steps(&self) -> usize {
            64
        }

        fn run(&self, task: &mut Task<'_>) {
            std::thread::sleep(Duration::from_millis(task.steps() as u64));
            for _ in 0..task.lanes() {
                task.finish(&mut [1; 30], task.steps());
            }
        }
    }

    /// They all get their turn, and take the time also if one block holds them.
    #[test]
    fn given_replicas_share_the_time() {
        let problem = glass(30, 2);
        let watch = |_: &Progress| ControlFlow::Continue(());
        for replicas in [5, 48] {
            let time = Duration::from_millis(300);
            let run = Run { time: Some(time), replicas: Some(replicas), ..Run::seeded(1) };
            let begun = Instant::now();
            let solution = on_threads(1, || drive(&Even, &problem, &run, &watch, begun));
            assert_eq!(solution.replicas.len(), replicas);
            assert!(begun.elapsed() > time / 4, "{:?}", begun.elapsed());
        }
    }

    /// Steps that take 20 ms each, and the same state whatever their number.
    struct Slow;

    impl Method for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn prepare<'a>(&self, _: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
            Ok(Box::new(Slow))
        }
    }

    impl Prepared for Slow {
        fn lanes(&self) -> usize {
            1
        }

        fn natural_steps(&self) -> usize {
            32
        }

        fn run(&self, task: &mut Task<'_>) {
            std::thread::sleep(Duration::from_millis(20 * task.steps() as u64));
            task.finish(&mut [1; 30], task.steps());
        }
    }

    #[test]
    fn time_that_no_further_block_fits_in_is_up() {
        let problem = glass(30, 2);
        for replicas in [None, Some(100)] {
            let time = Some(Duration::from_millis(50));
            let run = Run { time, replicas, ..Run::seeded(1) };
            assert_eq!(Slow.solve(&problem, &run).unwrap().outcome, Outcome::TimeUp);
        }
    }

    /// Ends a second late, with two replicas to read out.
    struct Overdue;

    impl Prepared for Overdue {
        fn lanes(&self) -> usize {
            2
        }

        fn natural_steps(&self) -> usize {
            1
        }

        fn run(&self, task: &mut Task<'_>) {
            while !task.should_stop() {
                std::thread::yield_now();
            }
            assert!(!task.is_overdue());
            std::thread::sleep(GRACE);
            for spin in [1, -1] {
                task.finish(&mut [spin], 1);
            }
        }
    }

    #[test]
    fn what_is_overdue_is_left() {
        let problem = Ising::from_couplings(1, &[]).unwrap();
        let run = Run { time: Some(Duration::from_millis(5)), ..Run::default() };
        let watch = |_: &Progress| ControlFlow::Continue(());
        let timed = on_threads(1, || drive(&Overdue, &problem, &run, &watch, Instant::now()));
        assert_eq!((timed.replicas.len(), timed.outcome), (1, Outcome::TimeUp));
        // Nobody waits for replicas either once the observer has asked to stop.
        let watch = |_: &Progress| ControlFlow::Break(());
        let run = Run { replicas: Some(2), ..Run::default() };
        let stopped = on_threads(1, || drive(&Overdue, &problem, &run, &watch, Instant::now()));
        assert_eq!((stopped.replicas.len(), stopped.outcome), (1, Outcome::Interrupted));
    }

    /// Block 0 reaches the target after block 1 has found a better state.
    #[test]
    fn traces_end_at_the_best_that_counts() {
        struct Late(std::sync::atomic::AtomicBool);
        impl Prepared for Late {
            fn lanes(&self) -> usize {
                1
            }
            fn natural_steps(&self) -> usize {
                1
            }
            fn run(&self, task: &mut Task<'_>) {
                if task.index() == 0 {
                    while !self.0.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                    task.offer(&[1, -1], 0.0);
                } else {
                    task.offer(&[1, 1], -1.0);
                    self.0.store(true, Ordering::SeqCst);
                }
            }
        }
        let fields = vec![1.0, 1.0];
        let problem = Ising::from_couplings(2, &[]).unwrap().with_fields(fields).unwrap();
        let run = Run { target: Some(0.0), replicas: Some(2), ..Run::default() };
        let watch = |_: &Progress| ControlFlow::Continue(());
        let late = Late(AtomicBool::new(false));
        let solution = on_threads(2, || drive(&late, &problem, &run, &watch, Instant::now()));
        assert_eq!(solution.best, State { spins: vec![1, -1], energy: 0.0 });
        assert_eq!(solution.trace.last().unwrap().energy, 0.0);
    }

    /// Where a method counts in rounded units, a worse state may look better.
    #[test]
    fn offers_are_compared_exactly() {
        struct Rounded;
        impl Prepared for Rounded {
            fn lanes(&self) -> usize {
                1
            }
            fn natural_steps(&self) -> usize {
                1
            }
            fn run(&self, task: &mut Task<'_>) {
                task.offer(&[1, 1], -1.1);
                task.offer(&[1, -1], -1.100_001);
            }
        }
        let fields = vec![1.1, 1e-7];
        let problem = Ising::from_couplings(2, &[]).unwrap().with_fields(fields).unwrap();
        let run = Run { replicas: Some(1), ..Run::default() };
        let watch = |_: &Progress| ControlFlow::Continue(());
        let solution = drive(&Rounded, &problem, &run, &watch, Instant::now());
        assert_eq!(solution.best.spins, [1, 1]);
        assert!(solution.trace.windows(2).all(|pair| pair[1].energy < pair[0].energy));
    }

    proptest::proptest! {
        #[test]
        fn candidates_hold_the_best_of_every_prefix(
            energies in proptest::collection::vec(-5..5_i8, 1..40), seed: u64,
        ) {
            let mut order: Vec<usize> = (0..energies.len()).collect();
            let mut rng = random::stream(seed, 0);
            order.sort_by_cached_key(|_| rng.random::<u64>());
            for last in 0..energies.len() {
                let mut ended = Ended::default();
                for &k in &order {
                    let state = State { spins: vec![k as i8], energy: energies[k].into() };
                    ended.add(k as u64, state, vec![]);
                }
                proptest::prop_assert!(ended.candidates.len() <= 10);
                let first = (0..=last).min_by_key(|k| (energies[*k], *k)).unwrap();
                let best = ended.best(last as u64).unwrap();
                proptest::prop_assert_eq!(best.spins, vec![first as i8]);
            }
        }
    }

    #[test]
    fn observers_see_improvements_and_may_stop() {
        let problem = glass(30, 2);
        let seen = Mutex::new(Vec::new());
        let watch = |progress: &Progress| {
            seen.lock().unwrap().push(progress.energy);
            ControlFlow::Break(())
        };
        let solution = Guess.solve_watched(&problem, &Run::seeded(1), &watch).unwrap();
        assert_eq!(solution.outcome, Outcome::Interrupted);
        assert!(solution.best.energy.is_finite());
        assert!(!seen.lock().unwrap().is_empty());
    }

    #[test]
    fn starts_are_used_and_checked() {
        let problem = glass(20, 5);
        let good = Guess.solve(&problem, &Run::seeded(1)).unwrap().best;
        let run = Run {
            starts: vec![good.spins.clone()],
            replicas: Some(3),
            steps: Some(1),
            ..Run::seeded(9)
        };
        let again = Guess.solve(&problem, &run).unwrap();
        assert!(again.replicas.iter().all(|replica| replica.read_out == good.energy));
        for starts in [vec![vec![1; 19]], vec![vec![0; 20]]] {
            assert!(Guess.solve(&problem, &Run { starts, ..Run::default() }).is_err());
        }
        for run in [
            Run { replicas: Some(0), ..Run::default() },
            Run { steps: Some(0), ..Run::default() },
            Run { stagnation: Some(0), ..Run::default() },
            Run { target: Some(f64::NAN), ..Run::default() },
        ] {
            assert!(Guess.solve(&problem, &run).is_err(), "{run:?}");
        }
    }
}
