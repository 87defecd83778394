//! What every solver must do, whatever its method: all of
//! [`ebm_optim::solvers::all`], and the variants of those that have any.

use ebm_core::random;
use ebm_optim::bifurcation::Variant;
use ebm_optim::oscillator::CouplingShape;
use ebm_optim::simulated_annealing::{Acceptance, Cooling};
use ebm_optim::{
    CoherentIsingMachine, Ising, OscillatorIsingMachine, Portfolio, Run, SimulatedAnnealing,
    SimulatedBifurcation, Solver, exhaustive, solvers,
};
use rand::RngExt;

/// Steps that suffice for 16 spins.
const STEPS: usize = 200;

/// A solver and what to call it.
type Named = (String, Box<dyn Solver>);

/// Every solver with its defaults.
fn defaults() -> Vec<Named> {
    solvers::all().into_iter().map(|solver| (solver.name().into(), solver)).collect()
}

/// Settings other than the defaults that change the method.
fn variants() -> Vec<Named> {
    let variants = [
        Variant::Adiabatic { kerr: 1.0 },
        Variant::Ballistic { heat: 0.0 },
        Variant::Ballistic { heat: 0.06 },
        Variant::Discrete { heat: 0.06 },
        Variant::Generalized { control: 0.4 },
    ];
    let bifurcation = |variant: Variant| -> Named {
        (format!("{variant:?}"), Box::new(SimulatedBifurcation::new(variant)))
    };
    let mut named: Vec<Named> = variants.into_iter().map(bifurcation).collect();
    let shape = CouplingShape::SquareWave { sharpness: 10.0 };
    let square = OscillatorIsingMachine { shape, ..Default::default() };
    let acceptance = Acceptance::HeatBath;
    let heat_bath = SimulatedAnnealing { acceptance, cooling: Cooling::Geometric(None) };
    let unreduced = Portfolio { reduce: false, ..Default::default() };
    named.push(("square wave".into(), Box::new(square)));
    named.push(("heat bath".into(), Box::new(heat_bath)));
    named.push(("mean field".into(), Box::new(CoherentIsingMachine::mean_field())));
    named.push(("unreduced portfolio".into(), Box::new(unreduced)));
    named
}

fn all() -> Vec<Named> {
    defaults().into_iter().chain(variants()).collect()
}

/// 16 spins with couplings of a density that varies with the seed, and fields;
/// integers for even seeds.
fn random_problem(seed: u64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let density = rng.random_range(0.1..1.0);
    let value = |rng: &mut rand_chacha::ChaCha8Rng| {
        if seed.is_multiple_of(2) {
            f64::from(rng.random_range(-3_i32..=3))
        } else {
            rng.random_range(-1.0..1.0)
        }
    };
    let mut couplings = Vec::new();
    for i in 0..16 {
        for j in i + 1..16 {
            if rng.random::<f64>() < density {
                couplings.push((i, j, value(&mut rng)));
            }
        }
    }
    let fields = (0..16).map(|_| value(&mut rng)).collect();
    Ising::from_couplings(16, &couplings).unwrap().with_fields(fields).unwrap()
}

/// Each solver on each of 200 instances, with 64 replicas of [`STEPS`] steps.
fn find_the_exhaustive_optimum(solvers: &[Named]) {
    let mut missed = vec![];
    for seed in 0..200 {
        let problem = random_problem(seed);
        let optimum = exhaustive::ground_state(&problem).unwrap().energy;
        let slack = 1e-12 * problem.energy_bound();
        let target = Some(optimum + slack);
        let run = Run { replicas: Some(64), steps: Some(STEPS), target, ..Run::seeded(1) };
        for (name, solver) in solvers {
            let best = solver.solve(&problem, &run).unwrap().best;
            assert_eq!(problem.energy(&best.spins).unwrap(), best.energy, "{name} on {seed}");
            if best.energy > optimum + slack {
                missed.push((name, seed));
            }
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}

#[test]
fn every_solver_finds_the_exhaustive_optimum() {
    find_the_exhaustive_optimum(&defaults());
}

#[test]
fn every_variant_finds_the_exhaustive_optimum() {
    find_the_exhaustive_optimum(&variants());
}

#[test]
fn every_solver_takes_extreme_problems() {
    let pairs = |n: usize, w: f64| -> Vec<_> { (1..n).map(|i| (i - 1, i, w)).collect() };
    let ising = |n: usize, pairs: &[(usize, usize, f64)]| Ising::from_couplings(n, pairs).unwrap();
    let complete: Vec<_> = (0..9)
        .flat_map(|i| (i + 1..9).map(move |j| (i, j, if i == 0 { -0.0 } else { 0.0 })))
        .collect();
    let star: Vec<_> = (1..70_usize).map(|i| (0, i, -1.0)).collect();
    let cases = [
        (ising(1, &[]), 0.0),
        (ising(1, &[]).with_fields(vec![-2.0]).unwrap(), -2.0),
        (ising(40, &[]), 0.0),
        (ising(9, &complete), 0.0),
        (ising(3, &pairs(3, 1e200)), -2e200),
        (ising(3, &pairs(3, 1e-200)), -2e-200),
        (ising(3, &pairs(3, 1e5)).with_offset(7.0).unwrap(), -2e5 + 7.0),
        (ising(70, &star), -69.0),
        (ising(33, &pairs(33, 0.1)).with_fields(vec![0.001; 33]).unwrap(), -3.233),
    ];
    for (name, solver) in all() {
        for (case, (problem, optimum)) in cases.iter().enumerate() {
            let run = Run { replicas: Some(20), steps: Some(STEPS), ..Run::seeded(1) };
            let best = solver.solve(problem, &run).unwrap().best;
            let error = (best.energy - optimum).abs();
            assert!(error <= 1e-9 * optimum.abs(), "{name} on case {case}: {}", best.energy);
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_and_starts_are_honored() {
    let problem = random_problem(4);
    for (name, solver) in all() {
        let run = Run { replicas: Some(40), steps: Some(STEPS), ..Run::seeded(9) };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let solution = solver.solve(&problem, &run).unwrap();
                (solution.best, solution.replicas)
            })
        };
        let one = with(1);
        assert_eq!(one, with(2), "{name}");
        assert_eq!(one, with(4), "{name}");
        // A start at the optimum is never lost.
        let best = exhaustive::ground_state(&problem).unwrap();
        let run = Run {
            starts: vec![best.spins.clone()],
            replicas: Some(1),
            steps: Some(1),
            ..Run::seeded(2)
        };
        let energy = solver.solve(&problem, &run).unwrap().best.energy;
        assert!((energy - best.energy).abs() < 1e-9, "{name}");
    }
}

#[test]
fn steps_do_not_allocate() {
    let problem = random_problem(5);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (name, solver) in all() {
        let count = |steps: usize| {
            let run = Run { replicas: Some(1), steps: Some(steps), ..Run::seeded(9) };
            // The trace of improvements grows with their number, not with steps.
            let mut points = 0;
            let measured = allocation_counter::measure(|| {
                points = solver.solve(&problem, &run).unwrap().trace.len();
            });
            measured.count_total - points.next_power_of_two().ilog2() as u64
        };
        pool.install(|| {
            let (few, many) = (count(100), count(10_000));
            assert!(many <= few + 4, "{name}: {few} and {many} allocations");
        });
    }
}
