//! Reduction, components, cooperation of the members, given states and limits.

use super::*;
use ebm_core::random;
use rand::RngExt;
use std::ops::ControlFlow;
use std::time::Duration;

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

/// Not if that alone would end far beyond the time.
#[test]
fn large_problems_are_reduced_in_time_or_not_at_all() {
    let seconds = |seconds: f64| Some(Duration::from_secs_f64(seconds));
    let million = 1_000_000;
    assert!(is_worth_reducing(million, 20 * million, None));
    assert!(is_worth_reducing(million, 3 * million, seconds(1.0)));
    assert!(!is_worth_reducing(million, 10 * million, seconds(1.0)));
    assert!(is_worth_reducing(million, 10 * million, seconds(10.0)));
    assert!(is_worth_reducing(20_000, 800_000, seconds(0.0)));
    assert!(is_worth_reducing(usize::MAX, usize::MAX, seconds(1e18)));
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

/// A race against the clock begins with the opening, and with its best state as
/// the target also ends with it.
#[test]
fn short_replicas_open_a_race_against_the_clock() {
    let mut rng = random::stream(8, 0);
    let edges = crate::generate::random_regular(300, 6, 8).unwrap();
    let sign = |(i, j): (usize, usize)| (i, j, if rng.random() { 1.0 } else { -1.0 });
    let problem = Ising::from_couplings(300, &edges.into_iter().map(sign).collect::<Vec<_>>());
    let problem = problem.unwrap();
    let short = Run { steps: Some(500), replicas: Some(64), ..Run::seeded(1) };
    let opening = SimulatedBifurcation::default().solve(&problem, &short).unwrap();
    let target = Some(opening.best.energy);
    let limited = |run: Run| {
        let run = Run { time: Some(Duration::from_secs(20)), target, ..run };
        Portfolio::default().solve(&problem, &run).unwrap()
    };
    let solution = limited(Run::seeded(1));
    assert_eq!(solution.outcome, Outcome::TargetReached);
    assert_eq!(solution.best.energy, opening.best.energy);
    assert_eq!(solution.replicas.len(), 64);
    assert!(solution.replicas.iter().all(|replica| replica.steps <= 500));
    // Steps given by the user are those of the members.
    assert!(limited(Run { steps: Some(100), ..Run::seeded(1) }).replicas[0].steps <= 100);
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
    let one = Portfolio { members: vec![Box::new(SimulatedAnnealing::default())], reduce: false };
    assert!(one.solve(&problem, &run).unwrap().best.energy <= good.energy);
}

/// Glasses of the given sizes side by side, their spins interleaved as far as they
/// go, and the problems themselves.
fn side_by_side(sizes: &[usize], seed: u64) -> (Ising, Vec<Ising>) {
    let parts: Vec<_> = (seed..).zip(sizes).map(|(seed, &n)| glass(n, seed)).collect();
    let mut seats: Vec<(usize, usize)> =
        sizes.iter().enumerate().flat_map(|(k, &n)| (0..n).map(move |i| (i, k))).collect();
    seats.sort_unstable();
    let seat = |k: usize, i: usize| seats.binary_search(&(i, k)).unwrap();
    let pairs: Vec<_> = parts
        .iter()
        .enumerate()
        .flat_map(|(k, part)| part.pairs().map(move |(i, j, w)| (k, i, j, w)))
        .map(|(k, i, j, w)| (seat(k, i), seat(k, j), w))
        .collect();
    let n = sizes.iter().sum();
    let whole = Ising::from_couplings(n, &pairs).unwrap().with_offset(2.5).unwrap();
    (whole, parts)
}

#[test]
fn components_are_solved_on_their_own() {
    let (whole, parts) = side_by_side(&[40, 18, 30], 11);
    let portfolio = Portfolio { reduce: false, members: vec![] };
    let run = Run { replicas: Some(8), steps: Some(200), ..Run::seeded(1) };
    let least: f64 =
        parts.iter().map(|part| portfolio.solve(part, &run).unwrap().best.energy).sum();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| portfolio.solve(&whole, &run).unwrap())
    };
    let joined = on(1);
    assert_eq!(joined.best.energy, 2.5 + least);
    assert_eq!(whole.energy(&joined.best.spins).unwrap(), joined.best.energy);
    assert_eq!(joined.outcome, Outcome::Completed);
    // A replica of the whole is one of each part, the enumerated one exact.
    assert_eq!(joined.replicas.len(), 8);
    assert!(joined.replicas.iter().all(|r| r.polished >= joined.best.energy && r.steps == 200));
    assert!(joined.trace.windows(2).all(|pair| pair[1].energy < pair[0].energy));
    assert_eq!(joined.trace.last().unwrap().energy, joined.best.energy);
    for threads in [2, 4] {
        let again = on(threads);
        assert_eq!((&again.best, &again.replicas), (&joined.best, &joined.replicas));
    }
    // Nothing but small parts: enumerated, so that the bound is met exactly.
    let (whole, parts) = side_by_side(&[12, 15, 1], 5);
    let least: f64 = parts.iter().map(|part| exhaustive::ground_state(part).unwrap().energy).sum();
    let exact = portfolio.solve(&whole, &Run::seeded(1)).unwrap();
    assert_eq!(exact.best.energy, 2.5 + least);
    assert_eq!(
        exact.replicas,
        [Replica { steps: 0, read_out: 2.5 + least, polished: 2.5 + least }]
    );
}

#[test]
fn components_share_time_and_targets() {
    let (whole, _) = side_by_side(&[60, 25, 18, 30], 21);
    let portfolio = Portfolio::default();
    let time = Some(Duration::from_millis(200));
    let begun = Instant::now();
    let timed = portfolio.solve(&whole, &Run { time, ..Run::seeded(1) }).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(timed.outcome, Outcome::TimeUp);
    assert_eq!(whole.energy(&timed.best.spins).unwrap(), timed.best.energy);

    let target = Some(timed.best.energy);
    let hit = portfolio.solve(&whole, &Run { target, ..Run::seeded(1) }).unwrap();
    assert_eq!(hit.outcome, Outcome::TargetReached);
    let starts = vec![timed.best.spins.clone()];
    for time in [Duration::ZERO, Duration::from_millis(50)] {
        let run = Run { time: Some(time), starts: starts.clone(), ..Run::seeded(2) };
        assert!(portfolio.solve(&whole, &run).unwrap().best.energy <= timed.best.energy);
    }
    let stop = |_: &Progress| ControlFlow::Break(());
    let stopped = portfolio.solve_watched(&whole, &Run::seeded(1), &stop).unwrap();
    assert_eq!(stopped.outcome, Outcome::Interrupted);
    assert_eq!(whole.energy(&stopped.best.spins).unwrap(), stopped.best.energy);
}

/// Which is no limit, where something else ends the run.
#[test]
fn the_longest_time_is_a_time() {
    let time = Some(Duration::MAX);
    let (whole, _) = side_by_side(&[12, 15, 1], 5);
    let run = Run { time, replicas: Some(2), steps: Some(10), ..Run::seeded(1) };
    let portfolio = Portfolio { reduce: false, members: vec![] };
    assert_eq!(portfolio.solve(&whole, &run).unwrap().outcome, Outcome::Completed);
    // One member, with all of the time, and several.
    let signs = |(i, j): (usize, usize)| (i, j, if (i * j) % 3 == 0 { 1.0 } else { -1.0 });
    let pairs = (0..30).flat_map(|i| (i + 1..30).map(move |j| (i, j)));
    let complete = Ising::from_couplings(30, &pairs.map(signs).collect::<Vec<_>>()).unwrap();
    for problem in [complete, glass(30, 1)] {
        assert_eq!(portfolio.solve(&problem, &run).unwrap().outcome, Outcome::Completed);
    }
}

#[test]
fn enumerations_are_interrupted_between_components() {
    let (whole, _) = side_by_side(&[12, 15, 3], 5);
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let stop = |_: &Progress| {
        calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let portfolio = Portfolio { reduce: false, members: vec![] };
    let stopped = portfolio.solve_watched(&whole, &Run::seeded(1), &stop).unwrap();
    assert_eq!((stopped.outcome, calls.into_inner()), (Outcome::Interrupted, 1));
}

/// Energies of reduced problems are sums in another order.
#[test]
fn rounding_costs_neither_given_states_nor_targets() {
    for seed in 0..300 {
        let n = 9;
        let mut rng = random::stream(seed, 0);
        let mut draw = || 0.1 * f64::from(rng.random_range(-3_i32..=3));
        let pairs: Vec<_> = (1..n).map(|i| (i / 2, i, draw())).collect();
        let mut pairs = pairs;
        pairs.extend((0..4).map(|i| (i, i + 5, draw())));
        let problem = Ising::from_couplings(n, &pairs).unwrap();
        let states = (0..1_u32 << n)
            .map(|bits| -> Vec<i8> { (0..n).map(|i| 1 - 2 * (bits >> i & 1) as i8).collect() });
        let least =
            |a: &Vec<i8>, b: &Vec<i8>| problem.energy_of(a).total_cmp(&problem.energy_of(b));
        let given = states.min_by(least).unwrap();
        let energy = problem.energy_of(&given);
        let run = Run { starts: vec![given], target: Some(energy), ..Run::seeded(1) };
        let solution = Portfolio::default().solve(&problem, &run).unwrap();
        assert!(solution.best.energy <= energy, "{seed}");
        assert_eq!(solution.outcome, Outcome::TargetReached, "{seed}");
        assert_eq!(solution.trace.last().unwrap().energy, solution.best.energy);
    }
}

/// Whatever the members make of a given state within the time, it is the least.
#[test]
fn given_states_are_never_lost() {
    let sparse = {
        let mut rng = random::stream(3, 0);
        let pairs = crate::generate::random_regular(200, 5, 3).unwrap();
        let signs = |(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 });
        Ising::from_couplings(200, &pairs.into_iter().map(signs).collect::<Vec<_>>()).unwrap()
    };
    let complete = {
        let mut rng = random::stream(4, 0);
        let pairs = (0..50).flat_map(|i| (i + 1..50).map(move |j| (i, j)));
        let signs = |(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 });
        Ising::from_couplings(50, &pairs.map(signs).collect::<Vec<_>>()).unwrap()
    };
    for problem in [sparse, glass(80, 6), complete] {
        let good = Portfolio::default().solve(&problem, &Run::seeded(1)).unwrap().best;
        let starts = vec![vec![1; problem.spins()], good.spins.clone()];
        for milliseconds in [0, 1, 30] {
            let time = Some(Duration::from_millis(milliseconds));
            let run = Run { time, starts: starts.clone(), ..Run::seeded(2) };
            let again = Portfolio::default().solve(&problem, &run).unwrap();
            assert!(again.best.energy <= good.energy);
            assert_eq!(problem.energy(&again.best.spins).unwrap(), again.best.energy);
        }
        let run = Run { replicas: Some(1), steps: Some(1), starts, ..Run::seeded(2) };
        assert!(Portfolio::default().solve(&problem, &run).unwrap().best.energy <= good.energy);
        // One that is good enough ends the run.
        let run = Run { target: Some(good.energy), ..run };
        let at_once = Portfolio::default().solve(&problem, &run).unwrap();
        assert_eq!(at_once.outcome, Outcome::TargetReached);
        assert_eq!(at_once.best.energy, at_once.trace.last().unwrap().energy);
    }
}

/// A member that knows one state and nothing else.
struct Knows(Vec<i8>);

impl Solver for Knows {
    fn name(&self) -> &'static str {
        "knows"
    }

    fn solve_watched(&self, problem: &Ising, _: &Run, _: &Watch<'_>) -> Result<Solution, Error> {
        let (energy, spins) = (problem.energy_of(&self.0), self.0.clone());
        Ok(Solution {
            best: State { spins, energy },
            replicas: vec![],
            trace: vec![TracePoint { seconds: 0.0, energy }],
            outcome: Outcome::Completed,
            timing: Timing::default(),
        })
    }
}

/// Two members, each good on one half of the spins: recombination joins the
/// halves, in steps in which it finds nothing as good by itself.
#[test]
fn members_cooperate() {
    let mut rng = random::stream(7, 0);
    let cubic = crate::generate::random_regular(400, 3, 7).unwrap();
    let half: Vec<_> =
        cubic.into_iter().map(|(i, j)| (i, j, rng.random_range(-1.0..1.0_f64))).collect();
    let shifted = half.iter().map(|&(i, j, w)| (i + 400, j + 400, w));
    let both: Vec<_> = half.iter().copied().chain(shifted).collect();
    let half = Ising::from_couplings(400, &half).unwrap();
    let both = Ising::from_couplings(800, &both).unwrap();
    let run = Run { replicas: Some(1), steps: Some(20_000), ..Run::seeded(1) };
    let good = MemeticAnnealing::default().solve(&half, &run).unwrap().best;
    let random: Vec<i8> = (0..400).map(|_| if rng.random() { 1 } else { -1 }).collect();
    let members: Vec<Box<dyn Solver>> = vec![
        Box::new(Knows([good.spins.clone(), random.clone()].concat())),
        Box::new(Knows([random, good.spins].concat())),
    ];
    let run = Run { replicas: Some(3), steps: Some(6000), ..Run::seeded(1) };
    let watch = |_: &Progress| ControlFlow::Continue(());
    let race = |recombination| {
        let team = Team { members: &members, recombination, opening: false, given_to_all: false };
        Race::new(&both, &run, &watch, Instant::now()).run(&team).unwrap().best.energy
    };
    let joined = race(Some(Recombination { share: 0.5, member: None }));
    assert!(joined <= 2.0 * good.energy + 1e-9, "{joined} and twice {}", good.energy);
    assert!(race(None) > 1.5 * good.energy);
    let run = Run { replicas: Some(1), ..run };
    let alone = MemeticAnnealing::default().solve(&both, &run).unwrap().best.energy;
    assert!(alone > joined, "{alone} alone, {joined} together");
}
