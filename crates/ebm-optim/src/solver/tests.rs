//! The driver: limits, targets, threads, traces and given states.

use super::*;
use crate::OscillatorIsingMachine;
use ebm_core::random;
use rand::RngExt;
use std::ops::ControlFlow;

fn glass(n: usize, seed: u64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let pairs: Vec<_> = pairs.map(|(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 })).collect();
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
