//! The three views of the machine agree, and each against exact answers.

use std::f64::consts::PI;

use ebm_core::flow::GradientFlow;
use ebm_core::{Curvature, Energy, Gradient, Lyapunov, VectorField, Workspace, ode, random};
use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::schedule::Schedule;
use crate::{Ising, Run, Solver, exhaustive};

/// A random sparse problem with couplings ±1 and fields when asked.
fn random_problem(n: usize, density: f64, fields: bool, seed: u64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let mut couplings = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            if rng.random::<f64>() < density {
                couplings.push((i, j, if rng.random::<bool>() { 1.0 } else { -1.0 }));
            }
        }
    }
    let problem = Ising::from_couplings(n, &couplings).unwrap();
    let values = (0..n).map(|_| if fields { rng.random_range(-1.0..1.0) } else { 0.0 }).collect();
    problem.with_fields(values).unwrap()
}

/// The sine, or a square wave of some sharpness.
fn shape_of(seed: u64) -> CouplingShape {
    match seed % 3 {
        0 => CouplingShape::Sine,
        k => CouplingShape::SquareWave { sharpness: 4.0 * k as f64 },
    }
}

fn phases(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = random::stream(seed, 1);
    (0..n).map(|_| rng.random_range(-PI..PI)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn derivatives_match_finite_differences(seed in 0_u64..1000, k in 0.1..2.0, lock in 0.0..2.0) {
        let problem = random_problem(7, 0.6, true, seed);
        let frequencies = phases(7, seed + 2);
        let energy = OscillatorEnergy::new(&problem, k, lock).unwrap();
        let energy = energy.with_shape(shape_of(seed)).unwrap();
        let energy = energy.with_frequencies(&frequencies).unwrap();
        let (x, v) = (phases(7, seed), phases(7, seed + 1));
        let gradient = energy.gradient_at(&x);
        let h = 1e-5;
        let shifted = |sign: f64| -> Vec<f64> {
            x.iter().zip(&v).map(|(x, v)| x + sign * h * v).collect()
        };
        let slope = (energy.energy_at(&shifted(1.0)) - energy.energy_at(&shifted(-1.0))) / (2.0 * h);
        let dot: f64 = gradient.iter().zip(&v).map(|(g, v)| g * v).sum();
        prop_assert!((slope - dot).abs() < 2e-6 * (1.0 + dot.abs()));
        let mut hv = vec![0.0; 7];
        energy.hessian_vec(&x, &v, &mut hv, &mut Workspace::new());
        let (up, down) = (energy.gradient_at(&shifted(1.0)), energy.gradient_at(&shifted(-1.0)));
        for i in 0..7 {
            prop_assert!(((up[i] - down[i]) / (2.0 * h) - hv[i]).abs() < 1e-4);
        }
    }

    #[test]
    fn binary_phases_carry_the_ising_energy(seed in 0_u64..1000, k in 0.1..2.0, lock in 0.0..2.0) {
        let problem = random_problem(9, 0.5, true, seed);
        let mut rng = random::stream(seed, 2);
        let spins: Vec<i8> = (0..9).map(|_| if rng.random::<bool>() { 1 } else { -1 }).collect();
        let x: Vec<f64> = spins.iter().map(|&s| if s > 0 { 0.0 } else { PI }).collect();
        let shape = shape_of(seed);
        let energy = OscillatorEnergy::new(&problem, k, lock).unwrap().with_shape(shape).unwrap();
        let carried = k * shape.potential(0.0) * problem.energy(&spins).unwrap();
        let expected = carried - 9.0 * lock / 2.0;
        prop_assert!((energy.energy_at(&x) - expected).abs() < 1e-12 * (1.0 + expected.abs()));
        prop_assert!(energy.gradient_at(&x).iter().all(|g| g.abs() < 1e-11));
    }

    #[test]
    fn noise_free_energy_never_rises_below_the_step_bound(seed in 0_u64..1000, fraction in 0.1..1.0) {
        let problem = random_problem(12, 0.4, true, seed);
        let energy = OscillatorEnergy::new(&problem, 1.0, 0.5).unwrap();
        let frequencies = phases(12, seed + 3);
        let energy = energy.with_shape(shape_of(seed)).unwrap();
        let energy = energy.with_frequencies(&frequencies).unwrap();
        let h = fraction * 2.0 / energy.curvature_bound();
        let mut x = phases(12, seed);
        let mut before = energy.energy_at(&x);
        for _ in 0..100 {
            let gradient = energy.gradient_at(&x);
            x.iter_mut().zip(&gradient).for_each(|(x, g)| *x -= h * g);
            let after = energy.energy_at(&x);
            prop_assert!(after <= before + 1e-12 * before.abs());
            before = after;
        }
    }
}

#[test]
fn rate_is_the_negative_squared_speed() {
    let problem = random_problem(8, 0.5, true, 3);
    let flow = GradientFlow(OscillatorEnergy::new(&problem, 0.7, 0.3).unwrap());
    let x = phases(8, 3);
    let speed: f64 = flow.eval_at(0.0, &x).iter().map(|v| v * v).sum();
    assert!((flow.lyapunov_rate(&x, &mut Workspace::new()) + speed).abs() < 1e-12 * speed);
}

/// Distance in turns of the ends of 20 replicas of the fast machine without noise
/// from those of the flow, for a drive over `duration` and a number of steps.
fn distance_from_the_flow(problem: &Ising, shape: CouplingShape, steps: usize) -> f64 {
    let n = problem.spins();
    let frequencies: Vec<f64> = (0..n).map(|i| 0.02 * (i % 7) as f64 - 0.06).collect();
    let duration = 4.0;
    let ramp = |start, end| Schedule::ramp(start, end).unwrap();
    let drive = |unit: f64| Drive {
        coupling: ramp(0.5 * unit, unit),
        locking: ramp(0.0, 0.5),
        noise: ramp(0.0, 0.0),
    };
    let field = AnnealedOscillators::new(problem, drive(natural_strength(problem)), duration);
    let field = field.unwrap().with_shape(shape).unwrap();
    let field = field.with_frequencies(frequencies.clone()).unwrap();
    let field = field.with_mobilities(local_mobilities(problem)).unwrap();
    let machine = OscillatorIsingMachine {
        step: Some(duration / steps as f64),
        drive: drive(1.0),
        shape,
        frequencies,
        ..Default::default()
    };
    let run = Run { replicas: Some(20), steps: Some(steps), ..Run::seeded(5) };
    let [start, end] = machine.phases(problem, &run);
    assert_eq!((start.len(), end.len()), (20 * n, 20 * n));
    let mut squares = 0.0;
    for (start, end) in start.chunks(n).zip(end.chunks(n)) {
        let options = ode::Options {
            tolerance: ode::Tolerance { rtol: 1e-8, atol: 1e-8 },
            ..Default::default()
        };
        let mut method = ode::TSITOURAS.stepper(n);
        let exact = ode::integrate(&field, &mut method, (0.0, duration), start, &options).unwrap();
        for (x, y) in exact.x.iter().zip(end) {
            let turns = (x - y) / (2.0 * PI);
            squares += (turns - turns.round()).powi(2);
        }
    }
    squares.sqrt()
}

/// The fast machine without noise is Euler's method on the annealed field, one
/// oscillator after the other: it converges to the flow with order one, on
/// sparse couplings and on dense ones in single precision.
#[test]
fn fast_form_converges_to_the_flow() {
    let mut rng = random::stream(12, 0);
    let pairs = (0..70).flat_map(|i| (i + 1..70).map(move |j| (i, j)));
    let dense: Vec<_> = pairs.map(|(i, j)| (i, j, rng.random_range(-1.0..1.0))).collect();
    let dense = Ising::from_couplings(70, &dense).unwrap();
    let fields = (0..70).map(|_| rng.random_range(-1.0..1.0)).collect();
    let sparse = random_problem(40, 0.15, true, 11);
    for (problem, shape) in [
        (sparse.clone(), CouplingShape::Sine),
        (sparse, CouplingShape::SquareWave { sharpness: 2.0 }),
        (dense.with_fields(fields).unwrap(), CouplingShape::Sine),
    ] {
        let error = |steps: usize| distance_from_the_flow(&problem, shape, steps);
        let (coarse, fine) = (error(400), error(800));
        let order = (coarse / fine).log2();
        assert!((order - 1.0).abs() < 0.1, "{shape:?}: {coarse:e} {fine:e}, order {order}");
    }
}

/// Dense couplings of one magnitude run in fixed point, where a force is off by
/// about a thousandth: so are the phases.
#[test]
fn fixed_point_follows_the_flow() {
    for density in [0.5, 1.0] {
        let problem = random_problem(90, density, true, 13);
        let distance = distance_from_the_flow(&problem, CouplingShape::Sine, 3200);
        let mean = distance / f64::from(20 * 90).sqrt();
        assert!(mean < 1e-3, "density {density}: {mean}");
    }
}

/// At constant `K_s` and `σ` the machine samples `exp(−E/T)` with `T = σ²/2`,
/// whatever the mobilities.
#[test]
fn noise_of_the_fast_form_has_its_temperature() {
    let problem = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
    let problem = problem.with_fields(vec![0.0, 2.0]).unwrap();
    let (sigma, lock) = (1.0, 0.4);
    let energy = OscillatorEnergy::new(&problem, 1.0, lock).unwrap();
    let unit = 1.0 / natural_strength(&problem);
    let machine = OscillatorIsingMachine {
        step: Some(0.01),
        drive: Drive::constant(unit, lock, sigma).unwrap(),
        ..Default::default()
    };
    assert!(local_mobilities(&problem)[0] > 1.5 * local_mobilities(&problem)[1]);
    let mean_at = |temperature: f64| {
        // The trapezoidal rule is spectrally accurate for periodic integrands.
        let (mut z, mut mean) = (0.0, 0.0);
        for i in 0..64 {
            for j in 0..64 {
                let angle = |k: i32| f64::from(k) * PI / 32.0;
                let e = energy.energy_at(&[angle(i), angle(j)]);
                z += (-e / temperature).exp();
                mean += e * (-e / temperature).exp();
            }
        }
        mean / z
    };
    let run = Run { replicas: Some(8192), steps: Some(2000), ..Run::seeded(17) };
    let [_, end] = machine.phases(&problem, &run);
    let values: Vec<f64> = end.chunks(2).map(|x| energy.energy_at(x)).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (count - 1.0);
    let standard_error = (variance / count).sqrt();
    let deviation = |temperature: f64| (mean - mean_at(temperature)).abs() / standard_error;
    assert!(deviation(sigma * sigma / 2.0) < 4.0, "{}", deviation(sigma * sigma / 2.0));
    // The same test tells temperatures 10 % apart.
    assert!(deviation(0.55 * sigma * sigma) > 4.0);
    assert!(deviation(0.45 * sigma * sigma) > 4.0);
}

#[test]
fn finds_the_exhaustive_optimum() {
    for seed in 0..10 {
        let problem = random_problem(14, 0.5, true, 100 + seed);
        let run = Run { replicas: Some(32), steps: Some(1000), ..Run::seeded(seed) };
        let solution = OscillatorIsingMachine::default().solve(&problem, &run).unwrap();
        let ground = exhaustive::ground_state(&problem).unwrap();
        assert!((solution.best.energy - ground.energy).abs() < 1e-9, "seed {seed}");
        assert!(solution.replicas.iter().all(|replica| replica.polished <= replica.read_out));
        for i in 0..14 {
            assert!(problem.flip_delta(&solution.best.spins, i).unwrap() >= -1e-9);
        }
    }
}

/// By rows, in fixed point and in single precision.
fn problems_of_all_forms() -> [Ising; 3] {
    let signs = random_problem(70, 1.0, true, 5);
    let weights: Vec<_> =
        signs.pairs().map(|(i, j, w)| (i, j, w / (1.0 + (i + j) as f64))).collect();
    let weights = Ising::from_couplings(70, &weights).unwrap();
    [random_problem(30, 0.2, false, 4), signs, weights]
}

#[test]
fn bits_do_not_depend_on_threads_or_replica_count() {
    problems_of_all_forms().iter().for_each(bits_of_runs_agree);
}

fn bits_of_runs_agree(problem: &Ising) {
    let machine = OscillatorIsingMachine::default();
    let run = Run { replicas: Some(40), steps: Some(200), ..Run::seeded(9) };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let solution = machine.solve(problem, &run).unwrap();
            (solution.best, solution.replicas, machine.phases(problem, &run))
        })
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
    let fewer = Run { replicas: Some(7), ..run.clone() };
    assert_eq!(machine.solve(problem, &fewer).unwrap().replicas, one.1[..7]);
    let other = Run { seed: 10, ..run };
    assert_ne!(machine.solve(problem, &other).unwrap().replicas, one.1);
}

#[test]
fn steps_do_not_allocate() {
    let machine = OscillatorIsingMachine::default();
    let count = |problem: &Ising, steps: usize| {
        let run = Run { replicas: Some(16), steps: Some(steps), ..Run::seeded(9) };
        allocation_counter::measure(|| drop(machine.phases(problem, &run))).count_total
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for problem in problems_of_all_forms() {
        pool.install(|| assert_eq!(count(&problem, 10), count(&problem, 1000)));
    }
}

#[test]
fn degenerate_problems_are_solved() {
    let machine = OscillatorIsingMachine::default();
    let run = Run { replicas: Some(3), steps: Some(20), ..Run::seeded(0) };
    for n in [1, 2, 5] {
        let free = Ising::from_couplings(n, &[]).unwrap();
        assert_eq!(machine.solve(&free, &run).unwrap().best.energy, 0.0);
    }
    let field = Ising::from_couplings(1, &[]).unwrap().with_fields(vec![-2.0]).unwrap();
    assert_eq!(machine.solve(&field, &run).unwrap().best.spins, [-1]);
    let huge = Ising::from_couplings(3, &[(0, 1, 1e200), (1, 2, -1e200)]).unwrap();
    assert_eq!(machine.solve(&huge, &run).unwrap().best.energy, -2e200);
}

/// Without polishing, problems ruled by their fields are solved too.
#[test]
fn fields_set_the_scale() {
    let problem = Ising::from_couplings(3, &[(0, 1, 1e-3)]).unwrap();
    let problem = problem.with_fields(vec![300.0, -200.0, 100.0]).unwrap();
    let run = Run { replicas: Some(16), steps: Some(1000), ..Run::seeded(0) };
    let solution = OscillatorIsingMachine::default().solve(&problem, &run).unwrap();
    assert_eq!(solution.best.spins, [1, -1, 1]);
    assert!(solution.replicas.iter().all(|replica| replica.read_out == solution.best.energy));
}

#[test]
fn rejects_bad_settings() {
    let problem = random_problem(5, 0.5, false, 0);
    let constant = |value: f64| Schedule::constant(value).unwrap();
    let with_step = |step: f64| OscillatorIsingMachine { step: Some(step), ..Default::default() };
    let with_drive = |drive: Drive| OscillatorIsingMachine { drive, ..Default::default() };
    let one = || Drive::default();
    let bad = [
        with_step(0.0),
        with_step(f64::NAN),
        with_step(1e39),
        with_step(1e-50),
        with_drive(Drive { coupling: constant(-1.0), ..one() }),
        with_drive(Drive { coupling: constant(1e39), ..one() }),
        with_drive(Drive { locking: constant(1e39), ..one() }),
        with_drive(Drive { locking: constant(-0.1), ..one() }),
        with_drive(Drive { noise: constant(1e39), ..one() }),
        with_drive(Drive { noise: constant(-0.1), ..one() }),
        OscillatorIsingMachine { frequencies: vec![0.0; 4], ..Default::default() },
        OscillatorIsingMachine { frequencies: vec![f64::NAN; 5], ..Default::default() },
        OscillatorIsingMachine { frequencies: vec![1e300; 5], ..Default::default() },
        OscillatorIsingMachine {
            shape: CouplingShape::SquareWave { sharpness: 0.0 },
            ..Default::default()
        },
        OscillatorIsingMachine {
            read_out: ReadOut::RandomHyperplane { draws: 0 },
            ..Default::default()
        },
    ];
    for machine in bad {
        assert!(machine.solve(&problem, &Run::default()).is_err(), "{machine:?}");
    }
    assert!(Drive::constant(-1.0, 0.0, 0.0).is_err());
    assert!(Drive::constant(1.0, f64::NAN, 0.0).is_err());
    let field = |drive: Drive, duration| AnnealedOscillators::new(&problem, drive, duration);
    assert!(field(one(), 0.0).is_err());
    assert!(field(Drive { coupling: constant(-1.0), ..one() }, 1.0).is_err());
    assert!(field(Drive { locking: constant(-1.0), ..one() }, 1.0).is_err());
    assert!(field(Drive { noise: constant(-1.0), ..one() }, 1.0).is_err());
    let field = field(one(), 1.0).unwrap();
    assert!(field.energy_at_time(f64::NAN).is_err());
    assert!(field.energy_at_time(f64::INFINITY).is_ok());
    assert!(field.clone().with_mobilities(vec![1.0; 4]).is_err());
    assert!(field.clone().with_mobilities(vec![0.0; 5]).is_err());
    assert!(field.with_frequencies(vec![1.0; 4]).is_err());
    let energy = OscillatorEnergy::new(&problem, 1.0, 0.0).unwrap();
    assert!(energy.with_frequencies(&[0.0; 4]).is_err());
    assert!(OscillatorEnergy::new(&problem, f64::NAN, 0.0).is_err());
    assert!(problem.with_fields(vec![f64::NAN; 5]).is_err());
    assert!(Ising::from_couplings(0, &[]).is_err());
}
