//! The views of the machine agree, and each against exact answers.

use std::ops::ControlFlow;
use std::sync::Mutex;

use ebm_core::vector_math::Level;
use ebm_core::{Energy, Gradient, VectorField, ode, random};
use proptest::prelude::*;
use rand::RngExt;

use super::fixed_point::{self, FixedPoint};
use super::machine::Plan;
use super::single_precision::{self, SinglePrecision};
use super::*;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared, drive};
use crate::{Ising, Run, Solver, Task, exhaustive};

/// Random couplings ±1 or in (−1, 1), and real fields when asked.
fn random_problem(n: usize, density: f64, signs: bool, fields: bool, seed: u64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let mut couplings = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            if rng.random::<f64>() < density {
                let w: f64 = rng.random_range(-1.0..1.0);
                couplings.push((i, j, if signs { w.signum() } else { w }));
            }
        }
    }
    let problem = Ising::from_couplings(n, &couplings).unwrap();
    let values = (0..n).map(|_| if fields { rng.random_range(-1.0..1.0) } else { 0.0 }).collect();
    problem.with_fields(values).unwrap()
}

/// Couplings that are multiples of an eighth, up to one, and real fields.
fn weighted_problem(n: usize, density: f64, seed: u64) -> Ising {
    let real = random_problem(n, density, false, true, seed);
    let pairs: Vec<_> = real.pairs().map(|(i, j, w)| (i, j, (8.0 * w).round() / 8.0)).collect();
    Ising::from_couplings(n, &pairs).unwrap().with_fields(real.fields().to_vec()).unwrap()
}

const VARIANTS: [Variant; 6] = [
    Variant::Adiabatic { kerr: 1.0 },
    Variant::Ballistic { heat: 0.0 },
    Variant::Ballistic { heat: 0.06 },
    Variant::Discrete { heat: 0.0 },
    Variant::Discrete { heat: 0.06 },
    Variant::Generalized { control: 0.4 },
];

/// Positions and velocities of each replica, before and after a run's steps.
type Trajectory = [[Vec<f64>; 2]; 2];

enum Form<'a> {
    Fixed(Box<FixedPoint<'a>>, f64),
    Single(Box<SinglePrecision<'a>>),
}

/// The machine, leaving the states of its blocks behind.
struct Recording<'a> {
    form: Form<'a>,
    ends: Mutex<Vec<(u64, Vec<Trajectory>)>>,
}

impl Recording<'_> {
    /// Velocities `Δt y` are those of the fixed-point form.
    fn fixed_state(
        machine: &FixedPoint<'_>,
        block: &fixed_point::Block,
        step: f64,
        lane: usize,
    ) -> [Vec<f64>; 2] {
        let places = || (0..machine.spins()).map(|i| block.at(machine.place(i), lane));
        [places().map(|at| at.0).collect(), places().map(|at| at.1 / step).collect()]
    }

    fn single_state(block: &single_precision::Block, lane: usize) -> [Vec<f64>; 2] {
        [&block.x, &block.y].map(|part| part.iter().map(|v| f64::from(v[lane])).collect())
    }
}

impl Prepared for Recording<'_> {
    fn lanes(&self) -> usize {
        match &self.form {
            Form::Fixed(machine, _) => machine.lanes(),
            Form::Single(machine) => machine.lanes(),
        }
    }

    fn natural_steps(&self) -> usize {
        1
    }

    fn run(&self, task: &mut Task<'_>) {
        let (steps, lanes) = (task.steps(), task.lanes());
        let fraction = |k: usize| k as f64 / steps as f64;
        let states: Vec<Trajectory> = match &self.form {
            Form::Fixed(machine, step) => {
                let mut block = fixed_point::Block::new(machine, task);
                let state = |block: &_| -> Vec<_> {
                    (0..lanes).map(|lane| Self::fixed_state(machine, block, *step, lane)).collect()
                };
                let start = state(&block);
                (0..steps).for_each(|k| block.step(machine, fraction(k), k % 3 == 0));
                start.into_iter().zip(state(&block)).map(|(a, b)| [a, b]).collect()
            }
            Form::Single(machine) => {
                let mut block = single_precision::Block::new(machine, task);
                let state = |block: &_| -> Vec<_> {
                    (0..lanes).map(|lane| Self::single_state(block, lane)).collect()
                };
                let start = state(&block);
                for k in 0..steps {
                    block.step(machine, k, steps);
                    if k % 3 == 0 {
                        block.look(machine, lanes);
                    }
                }
                start.into_iter().zip(state(&block)).map(|(a, b)| [a, b]).collect()
            }
        };
        self.ends.lock().unwrap().push((task.index(), states));
    }
}

/// The states of a run's replicas, in order.
fn trajectories(
    plan: &Plan,
    problem: &Ising,
    run: &Run,
    fixed: bool,
    level: Level,
) -> Vec<Trajectory> {
    let form = if fixed {
        Form::Fixed(Box::new(FixedPoint::new(plan, problem).unwrap().at_level(level)), plan.step)
    } else {
        Form::Single(Box::new(SinglePrecision::new(plan.clone(), problem).unwrap().at_level(level)))
    };
    let recording = Recording { form, ends: Mutex::default() };
    let watch = |_: &crate::Progress| ControlFlow::Continue(());
    let _ = drive(&recording, problem, run, &watch, std::time::Instant::now());
    let mut blocks = recording.ends.into_inner().unwrap();
    blocks.sort_by_key(|(index, _)| *index);
    blocks.into_iter().flat_map(|(_, states)| states).collect()
}

/// Symplectic Euler on the equations of motion, with walls and heating.
fn reference(plan: &Plan, problem: &Ising, start: &[Vec<f64>; 2], steps: usize) -> [Vec<f64>; 2] {
    let n = problem.spins();
    let duration = steps as f64 * plan.step;
    let flow =
        BifurcationFlow::new(problem, plan.variant, plan.strength, plan.pump.clone(), duration)
            .unwrap();
    let mut state = start.concat();
    state.resize(flow.dim(), 1.0);
    let heat = match plan.variant {
        Variant::Ballistic { heat } | Variant::Discrete { heat } => heat,
        _ => 0.0,
    };
    let mut before = vec![0.0; n];
    for k in 0..steps {
        let t = k as f64 * plan.step;
        // Bifurcation parameters, then momenta, then positions.
        for part in (0..flow.dim() / n).rev() {
            let rate = flow.eval_at(t, &state);
            if part == 1 {
                // Heating is due after the walls, by the momentum before.
                before.copy_from_slice(&state[n..2 * n]);
            }
            let range = part * n..(part + 1) * n;
            for (value, rate) in state[range.clone()].iter_mut().zip(&rate[range]) {
                *value += plan.step * rate;
            }
            if part == 1 {
                let fastest = 2.0 / plan.step;
                state[n..2 * n].iter_mut().for_each(|y| *y = y.clamp(-fastest, fastest));
            }
        }
        for i in 0..n {
            if state[i].abs() > plan.wall {
                state[i] = state[i].signum() * plan.wall;
                state[n + i] = 0.0;
            }
            state[n + i] += heat * plan.step * before[i];
        }
    }
    [state[..n].to_vec(), state[n..2 * n].to_vec()]
}

#[test]
fn fast_forms_follow_the_equations_of_motion() {
    let run = Run { replicas: Some(20), steps: Some(24), ..Run::seeded(5) };
    for variant in VARIANTS {
        // Enough spins for the dense forms.
        for (fixed, density, problem) in [
            (false, 0.15, random_problem(100, 0.15, false, true, 11)),
            (false, 0.9, random_problem(100, 0.9, false, true, 11)),
            (true, 0.15, random_problem(100, 0.15, true, true, 11)),
            (true, 0.15, weighted_problem(100, 0.15, 11)),
            (true, 1.0, random_problem(100, 1.0, true, true, 11)),
        ] {
            if fixed && !matches!(variant, Variant::Discrete { .. }) {
                continue;
            }
            let plan = SimulatedBifurcation::new(variant).plan(&problem).unwrap();
            let mut worst = 0.0_f64;
            let mut moved = 0.0_f64;
            for [start, end] in trajectories(&plan, &problem, &run, fixed, Level::detect()) {
                let expected = reference(&plan, &problem, &start, 24);
                // Replicas whose signs rounding has changed on the way went
                // elsewhere: compare the half that is closest.
                let gap = |a: &[f64], b: &[f64]| {
                    let mut gaps: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
                    gaps.sort_by(f64::total_cmp);
                    gaps[gaps.len() / 2]
                };
                for part in 0..2 {
                    worst = worst.max(gap(&end[part], &expected[part]));
                    moved = moved.max(gap(&end[part], &start[part]));
                }
            }
            // A unit of a position or velocity is 3e-5 or 6e-5 in fixed point,
            // 24 steps add at most as many roundings of a few units each.
            let tolerance = if fixed { 0.03 } else { 1e-4 };
            assert!(worst < tolerance, "{variant:?} {fixed} {density}: {worst:e}");
            assert!(moved > 0.1, "{variant:?}: {moved}");
        }
    }
}

/// One step at a time, eight bits are off by a few roundings.
#[test]
fn bytes_follow_the_equations_of_motion() {
    let run = Run { replicas: Some(20), steps: Some(1), ..Run::seeded(5) };
    for density in [0.05, 0.15, 0.4] {
        let problem = random_problem(100, density, true, false, 11);
        let plan = SimulatedBifurcation::default().plan(&problem).unwrap();
        let mut moved = 0.0_f64;
        for [start, end] in trajectories(&plan, &problem, &run, true, Level::detect()) {
            let expected = reference(&plan, &problem, &start, 1);
            let sign = |x: &f64| if *x < 0.0 { -1 } else { 1 };
            let spins: Vec<i8> = start[0].iter().map(sign).collect();
            for i in 0..100 {
                // Larger forces saturate.
                let field = problem.local_field(&spins, i).unwrap();
                if field.abs() * plan.strength * plan.step * plan.step > 127.0 / 96.0 {
                    continue;
                }
                // Half a unit for the force, one for the pull.
                let velocity = (end[1][i] - expected[1][i]).abs() * plan.step;
                let position = (end[0][i] - expected[0][i]).abs();
                let stopped = [&end, &expected].iter().any(|state| state[0][i].abs() > 0.99);
                assert!(stopped || velocity < 1.6 / 96.0, "{density} {i}: {velocity}");
                assert!(position < 1.6 / 96.0 + 0.01, "{density} {i}: {position}");
                moved = moved.max((end[0][i] - start[0][i]).abs());
            }
        }
        assert!(moved > 0.5);
    }
}

/// At equal steps the ends of runs in eight bits have the energies of those in
/// sixteen.
#[test]
fn eight_bits_are_as_good_as_sixteen() {
    for (density, seed) in [(0.01, 1), (0.05, 2)] {
        let problem = random_problem(400, density, true, false, seed);
        let plan = SimulatedBifurcation::default().plan(&problem).unwrap();
        let run = Run { replicas: Some(512), steps: Some(400), ..Run::seeded(3) };
        let watch = |_: &crate::Progress| ControlFlow::Continue(());
        let machine = || FixedPoint::new(&plan, &problem).unwrap();
        let [words, bytes] = [machine().in_words(), machine()].map(|machine| {
            let solution = drive(&machine, &problem, &run, &watch, std::time::Instant::now());
            let energies: Vec<f64> = solution.replicas.iter().map(|r| r.read_out).collect();
            let mean = energies.iter().sum::<f64>() / 512.0;
            let variance = energies.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / 511.0;
            (mean, variance / 512.0)
        });
        let deviation = (bytes.0 - words.0) / (bytes.1 + words.1).sqrt();
        assert!(deviation != 0.0 && deviation < 4.0, "{density}: {words:?} {bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gradient_matches_finite_differences(seed in 0_u64..1000, kerr in 0.0..2.0, pump in -1.0..3.0) {
        let problem = random_problem(7, 0.6, false, true, seed);
        let energy = BifurcationEnergy::new(&problem, kerr, 0.7, pump).unwrap();
        let mut rng = random::stream(seed, 1);
        let mut draw = || (0..14).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
        let (state, v) = (draw(), draw());
        let h = 1e-5;
        let at = |sign: f64| {
            let shifted: Vec<f64> = state.iter().zip(&v).map(|(x, v)| x + sign * h * v).collect();
            energy.energy_at(&shifted)
        };
        let slope = (at(1.0) - at(-1.0)) / (2.0 * h);
        let dot: f64 = energy.gradient_at(&state).iter().zip(&v).map(|(g, v)| g * v).sum();
        prop_assert!((slope - dot).abs() < 1e-7 * (1.0 + dot.abs()));
    }

    /// `ẋ = ∂E/∂y`, `ẏ = −∂E/∂x`, for the machines without and with a wall.
    #[test]
    fn motion_is_hamiltonian(seed in 0_u64..1000, kerr in 0.1..2.0, pump in 0.0..1.0) {
        let problem = random_problem(6, 0.6, false, true, seed);
        let schedule = Schedule::constant(pump).unwrap();
        let mut rng = random::stream(seed, 1);
        let state: Vec<f64> = (0..12).map(|_| rng.random_range(-1.0..1.0)).collect();
        for (variant, kerr) in
            [(Variant::Adiabatic { kerr }, kerr), (Variant::Ballistic { heat: 0.0 }, 0.0)]
        {
            let energy = BifurcationEnergy::new(&problem, kerr, 0.7, pump).unwrap();
            let flow = BifurcationFlow::new(&problem, variant, 0.7, schedule.clone(), 1.0).unwrap();
            let (gradient, rate) = (energy.gradient_at(&state), flow.eval_at(0.3, &state));
            for i in 0..6 {
                prop_assert!((rate[i] - gradient[6 + i]).abs() < 1e-13);
                prop_assert!((rate[6 + i] + gradient[i]).abs() < 1e-13);
            }
        }
    }

    /// Any problem, any step asked for, any variant: positions stay within the
    /// walls and momenta finite.
    #[test]
    fn nothing_blows_up(
        seed in 0_u64..1000,
        variant in prop::sample::select(VARIANTS.to_vec()),
        decades in -200.0..200.0_f64,
        step in -6.0..8.0_f64,
        coupling in -3.0..3.0_f64,
        uniform in any::<bool>(),
    ) {
        let scale = 10_f64.powf(decades);
        let base = random_problem(9, 0.7, uniform, true, seed);
        let pairs: Vec<_> = base.pairs().map(|(i, j, w)| (i, j, w * scale)).collect();
        let fields = base.fields().iter().map(|h| h * scale).collect();
        let problem = Ising::from_couplings(9, &pairs).unwrap().with_fields(fields).unwrap();
        let machine = SimulatedBifurcation {
            step: Some(10_f64.powf(step)),
            coupling: 10_f64.powf(coupling),
            ..SimulatedBifurcation::new(variant)
        };
        let plan = machine.plan(&problem).unwrap();
        prop_assert!(plan.step <= 10_f64.powf(step) * (1.0 + 1e-12));
        let run = Run { replicas: Some(3), steps: Some(60), ..Run::seeded(seed) };
        let mut forms = vec![false];
        forms.extend(FixedPoint::new(&plan, &problem).map(|_| true));
        for fixed in forms {
            for [_, end] in trajectories(&plan, &problem, &run, fixed, Level::detect()) {
                prop_assert!(end[0].iter().all(|x| x.abs() <= plan.wall * 1.000_001));
                prop_assert!(end[1].iter().all(|y| y.is_finite()));
            }
        }
    }
}

/// An accurate integrator keeps the Hamiltonian at a constant pump.
#[test]
fn energy_is_conserved_at_a_constant_pump() {
    let problem = random_problem(8, 0.5, false, true, 2);
    let pump = Schedule::constant(0.8).unwrap();
    let variant = Variant::Adiabatic { kerr: 1.0 };
    let flow = BifurcationFlow::new(&problem, variant, 0.4, pump, 1.0).unwrap();
    let energy = BifurcationEnergy::new(&problem, 1.0, 0.4, 0.8).unwrap();
    let start: Vec<f64> = (0..16).map(|i| 0.5 * f64::from(i).sin()).collect();
    let tolerance = ode::Tolerance { rtol: 1e-11, atol: 1e-12 };
    let options = ode::Options { tolerance, ..Default::default() };
    let mut method = ode::TSITOURAS.stepper(16);
    let end = ode::integrate(&flow, &mut method, (0.0, 30.0), &start, &options).unwrap();
    let drift = energy.energy_at(&end.x) - energy.energy_at(&start);
    assert!(drift.abs() < 1e-8, "{drift:e}");
    let moved: f64 = end.x.iter().zip(&start).map(|(a, b)| (a - b).abs()).sum();
    assert!(moved > 1.0);
}

#[test]
fn finds_the_exhaustive_optimum() {
    for seed in 0..30 {
        let problem = random_problem(16, 0.5, seed % 2 == 0, true, 100 + seed);
        let ground = exhaustive::ground_state(&problem).unwrap();
        let run = Run { replicas: Some(64), steps: Some(200), ..Run::seeded(seed) };
        for variant in VARIANTS {
            let solution = SimulatedBifurcation::new(variant).solve(&problem, &run).unwrap();
            let gap = (solution.best.energy - ground.energy).abs();
            assert!(gap < 1e-9, "{variant:?} on instance {seed}: {gap}");
            assert!(solution.replicas.iter().all(|replica| replica.polished <= replica.read_out));
        }
        let problem = weighted_problem(16, 0.5, 200 + seed);
        let ground = exhaustive::ground_state(&problem).unwrap();
        let solution = SimulatedBifurcation::default().solve(&problem, &run).unwrap();
        assert!((solution.best.energy - ground.energy).abs() < 1e-9, "weighted instance {seed}");
    }
}

/// With fields, blocks of the ballistic machine take turns: the first has the
/// settings asked for.
#[test]
fn blocks_take_turns_where_there_are_fields() {
    let problem = random_problem(50, 0.3, false, true, 8);
    let run = Run { replicas: Some(64), steps: Some(60), ..Run::seeded(3) };
    let ballistic = SimulatedBifurcation::new(Variant::Ballistic { heat: 0.0 });
    let turns = ballistic.solve(&problem, &run).unwrap().replicas;
    let alone = |factor: f64, pump: &Schedule| {
        let coupling = factor * ballistic.coupling;
        let machine = SimulatedBifurcation { coupling, pump: pump.clone(), ..ballistic.clone() };
        let plan = machine.plan(&problem).unwrap();
        let single = SinglePrecision::new(plan, &problem).unwrap();
        let watch = |_: &crate::Progress| ControlFlow::Continue(());
        drive(&single, &problem, &run, &watch, std::time::Instant::now()).replicas
    };
    let (ramp, full) = (&ballistic.pump, &Schedule::constant(1.0).unwrap());
    let settings = [(1.0, ramp), (0.5, ramp), (1.0, full), (4.0, ramp)];
    for (block, (factor, pump)) in settings.into_iter().enumerate() {
        let range = 16 * block..16 * (block + 1);
        assert_eq!(turns[range.clone()], alone(factor, pump)[range], "{block}");
    }
}

/// All spins of a complete antiferromagnet flip together if the step overshoots
/// its one stiff mode.
#[test]
fn the_step_is_held_below_the_stiffest_mode() {
    let pairs: Vec<_> = (0..60).flat_map(|i| (i + 1..60).map(move |j| (i, j, -1.0))).collect();
    let problem = Ising::from_couplings(60, &pairs).unwrap();
    // Halves of 30: −½ (0² − 60).
    let optimum = -30.0;
    let run = Run { replicas: Some(64), steps: Some(500), ..Run::seeded(1) };
    for variant in VARIANTS {
        let machine =
            SimulatedBifurcation { step: Some(1.25), ..SimulatedBifurcation::new(variant) };
        let plan = machine.plan(&problem).unwrap();
        assert!(plan.step < 1.0);
        let solution = machine.solve(&problem, &run).unwrap();
        assert_eq!(solution.best.energy, optimum, "{variant:?}");
        // With all spins up it would be 1770.
        let mean = solution.replicas.iter().map(|r| r.read_out).sum::<f64>() / 64.0;
        assert!(mean < 50.0, "{variant:?}: {mean}");
    }
    let plan = SimulatedBifurcation::default().plan(&problem).unwrap();
    let unclamped = Plan { step: 1.25, ..plan };
    let magnetization = |plan: &Plan| {
        let ends = trajectories(plan, &problem, &run, true, Level::detect());
        let total = ends.iter().map(|[_, end]| {
            let spins = end[0].iter().map(|x| if *x < 0.0 { -1.0 } else { 1.0 });
            spins.sum::<f64>().abs() / 60.0
        });
        total.sum::<f64>() / 64.0
    };
    assert!(magnetization(&unclamped) > 0.9, "{}", magnetization(&unclamped));
}

#[test]
fn bits_do_not_depend_on_threads_level_or_replica_count() {
    let discrete = Variant::Discrete { heat: 0.0 };
    for (variant, expected, problem) in [
        (Variant::Discrete { heat: 0.06 }, true, random_problem(110, 0.1, true, true, 4)),
        (discrete, true, random_problem(110, 0.1, true, false, 4)),
        (discrete, true, random_problem(110, 0.4, true, false, 4)),
        (discrete, true, random_problem(110, 1.0, true, true, 4)),
        (discrete, true, weighted_problem(110, 0.1, 4)),
        (discrete, false, random_problem(110, 0.1, false, true, 4)),
        (Variant::Generalized { control: 0.4 }, false, random_problem(110, 0.1, true, true, 4)),
        (Variant::Adiabatic { kerr: 1.0 }, false, random_problem(110, 0.1, false, true, 4)),
    ] {
        let machine = SimulatedBifurcation::new(variant);
        let run = Run { replicas: Some(150), steps: Some(100), ..Run::seeded(9) };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let solution = pool.install(|| machine.solve(&problem, &run).unwrap());
            (solution.best, solution.replicas)
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(4));
        let fewer = Run { replicas: Some(7), ..run.clone() };
        assert_eq!(machine.solve(&problem, &fewer).unwrap().replicas, one.1[..7]);
        let plan = machine.plan(&problem).unwrap();
        let fixed = FixedPoint::new(&plan, &problem).is_some();
        assert_eq!(fixed, expected);
        let at = |level: Level| trajectories(&plan, &problem, &run, fixed, level);
        assert!(at(Level::Baseline) == at(Level::detect()), "{variant:?}");
    }
}

#[test]
fn steps_do_not_allocate() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (fixed, problem) in [
        (true, random_problem(110, 0.1, true, true, 4)),
        (true, random_problem(110, 0.1, true, false, 4)),
        (true, random_problem(110, 1.0, true, true, 4)),
        (true, weighted_problem(110, 0.1, 4)),
        (false, random_problem(110, 0.1, true, true, 4)),
    ] {
        let plan = SimulatedBifurcation::default().plan(&problem).unwrap();
        let count = |steps: usize| {
            let run = Run { replicas: Some(16), steps: Some(steps), ..Run::seeded(9) };
            let work = || drop(trajectories(&plan, &problem, &run, fixed, Level::detect()));
            allocation_counter::measure(work).count_total
        };
        pool.install(|| assert_eq!(count(10), count(200), "{fixed}"));
    }
}

#[test]
fn starts_are_honored() {
    let problem = random_problem(40, 0.2, true, false, 6);
    let good = SimulatedBifurcation::default().solve(&problem, &Run::seeded(1)).unwrap().best;
    for signs in [true, false] {
        let scale = if signs { 1.0 } else { 0.37 };
        let pairs: Vec<_> = problem.pairs().map(|(i, j, w)| (i, j, w * scale)).collect();
        let problem = Ising::from_couplings(40, &pairs).unwrap();
        let starts = vec![good.spins.clone()];
        let run = Run { starts, replicas: Some(3), steps: Some(1), ..Run::seeded(2) };
        let solution = SimulatedBifurcation::default().solve(&problem, &run).unwrap();
        let energy = problem.energy(&good.spins).unwrap();
        assert!(solution.replicas.iter().all(|r| r.read_out <= energy));
    }
}

#[test]
fn degenerate_problems_are_solved() {
    for variant in VARIANTS {
        let machine = SimulatedBifurcation::new(variant);
        let run = Run { replicas: Some(3), steps: Some(20), ..Run::seeded(0) };
        for n in [1, 2, 5] {
            let free = Ising::from_couplings(n, &[]).unwrap();
            assert_eq!(machine.solve(&free, &run).unwrap().best.energy, 0.0);
        }
        let field = Ising::from_couplings(1, &[]).unwrap().with_fields(vec![-2.0]).unwrap();
        assert_eq!(machine.solve(&field, &run).unwrap().best.spins, [-1]);
        for scale in [1e-300, 1e-10, 1e200] {
            let chain = Ising::from_couplings(3, &[(0, 1, scale), (1, 2, -scale)]).unwrap();
            assert_eq!(machine.solve(&chain, &run).unwrap().best.energy, -2.0 * scale);
        }
    }
}

#[test]
fn rejects_bad_settings() {
    let problem = random_problem(5, 0.5, true, false, 0);
    let base = SimulatedBifurcation::default;
    let bad = [
        SimulatedBifurcation { step: Some(0.0), ..base() },
        SimulatedBifurcation { step: Some(f64::NAN), ..base() },
        SimulatedBifurcation { coupling: 0.0, ..base() },
        SimulatedBifurcation { coupling: f64::INFINITY, ..base() },
        SimulatedBifurcation { pump: Schedule::constant(1e300).unwrap(), ..base() },
        SimulatedBifurcation::new(Variant::Adiabatic { kerr: 0.0 }),
        SimulatedBifurcation::new(Variant::Ballistic { heat: -1.0 }),
        SimulatedBifurcation::new(Variant::Discrete { heat: f64::NAN }),
        SimulatedBifurcation::new(Variant::Generalized { control: f64::INFINITY }),
    ];
    for machine in bad {
        assert!(Method::prepare(&machine, &problem).is_err(), "{machine:?}");
        assert!(machine.solve(&problem, &Run::default()).is_err());
    }
    let ramp = || Schedule::ramp(0.0, 1.0).unwrap();
    let variant = Variant::Ballistic { heat: 0.0 };
    assert!(BifurcationFlow::new(&problem, variant, -1.0, ramp(), 1.0).is_err());
    assert!(BifurcationFlow::new(&problem, variant, 1.0, ramp(), 0.0).is_err());
    assert!(BifurcationEnergy::new(&problem, -1.0, 1.0, 0.0).is_err());
    assert!(BifurcationEnergy::new(&problem, 1.0, f64::NAN, 0.0).is_err());
    assert!(BifurcationEnergy::new(&problem, 1.0, 1.0, f64::INFINITY).is_err());
}
