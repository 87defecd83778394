//! The fast machine against its equations and exact answers.

use std::ops::ControlFlow;
use std::sync::Mutex;

use ebm_core::{Coupling, VectorField, Workspace, ode, random};
use rand::RngExt;

use super::machine::{Block, Network};
use super::*;
use crate::kernels::rows::LANES;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared, drive};
use crate::{Ising, Run, Solver, Task, exhaustive};

fn random_problem(n: usize, density: f64, seed: u64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let mut couplings = vec![];
    for i in 0..n {
        for j in i + 1..n {
            if rng.random::<f64>() < density {
                couplings.push((i, j, rng.random_range(-1.0..1.0)));
            }
        }
    }
    let fields = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    Ising::from_couplings(n, &couplings).unwrap().with_fields(fields).unwrap()
}

/// All amplitudes and error variables of a replica, before and after a run.
type Trajectory = [Vec<f64>; 2];

/// The machine, leaving the states of its first block behind.
struct Recording<'a>(Network<'a>, Mutex<Vec<Trajectory>>);

impl Prepared for Recording<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        1
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(&self.0, task);
        let lane = |block: &Block, lane: usize| -> Vec<f64> {
            let parts = block.state.x.iter().chain(&block.state.e);
            parts.map(|v| f64::from(v.0[lane])).collect()
        };
        let states = |block: &Block| (0..task.lanes()).map(|r| lane(block, r)).collect::<Vec<_>>();
        let start = states(&block);
        for k in 0..task.steps() {
            block.step(&self.0, k as f64 / task.steps() as f64, || false);
        }
        let pairs = start.into_iter().zip(states(&block)).map(|(a, b)| [a, b]);
        self.1.lock().unwrap().extend(pairs);
    }
}

fn trajectories(
    machine: &CoherentIsingMachine,
    problem: &Ising,
    replicas: usize,
    steps: usize,
) -> Vec<Trajectory> {
    let recording = Recording(Network::new(machine, problem).unwrap(), Mutex::default());
    let run = Run { replicas: Some(replicas), steps: Some(steps), ..Run::seeded(3) };
    let watch = |_: &crate::Progress| ControlFlow::Continue(());
    let _ = drive(&recording, problem, &run, &watch, std::time::Instant::now());
    recording.1.into_inner().unwrap()
}

/// The same couplings, but for their magnitudes.
fn signs_of(problem: &Ising) -> Ising {
    let pairs: Vec<_> = problem.pairs().map(|(i, j, w)| (i, j, 0.5 * w.signum())).collect();
    let signs = Ising::from_couplings(problem.spins(), &pairs).unwrap();
    signs.with_fields(problem.fields().to_vec()).unwrap()
}

/// By rows, in single precision and in fixed point.
fn problems_of_all_forms() -> [Ising; 3] {
    let dense = random_problem(70, 1.0, 4);
    let signs = signs_of(&dense);
    [random_problem(70, 0.1, 4), dense, signs]
}

/// Without noise the fast machine approaches the flow as its steps shrink, with
/// order one.
#[test]
fn fast_form_converges_to_the_flow() {
    for problem in problems_of_all_forms() {
        let duration = 4.0;
        let noise = Schedule::constant(0.0).unwrap();
        let gaps = |step: f64| -> Vec<f64> {
            let machine = CoherentIsingMachine { step, noise: noise.clone(), ..Default::default() };
            let flow = CoherentFlow::new(&problem, machine.clone(), duration).unwrap();
            let steps = (duration / step).round() as usize;
            let gap = |[start, end]: &Trajectory| {
                let tolerance = ode::Tolerance { rtol: 1e-10, atol: 1e-10 };
                let options = ode::Options { tolerance, ..Default::default() };
                let mut method = ode::TSITOURAS.stepper(flow.dim());
                let exact =
                    ode::integrate(&flow, &mut method, (0.0, duration), start, &options).unwrap();
                let pairs = exact.x.iter().zip(end);
                pairs.fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()))
            };
            trajectories(&machine, &problem, 4, steps).iter().map(gap).collect()
        };
        let (coarse, fine) = (gaps(0.005), gaps(0.0025));
        for (coarse, fine) in coarse.iter().zip(&fine) {
            let order = (coarse / fine).log2();
            assert!((order - 1.0).abs() < 0.1, "{coarse:e} {fine:e}");
            assert!(*coarse < 0.1);
        }
    }
}

/// Where amplitude control is at rest, all amplitudes are at the target and the
/// error variables are those that hold a local optimum there.
#[test]
fn controlled_amplitudes_rest_at_local_optima() {
    // A chain in a field has one local optimum, which its ends cannot leave.
    let problem = Ising::from_couplings(4, &[(0, 1, 1.0), (1, 2, -1.5), (2, 3, 0.7)]).unwrap();
    let problem = problem.with_fields(vec![0.2, 0.0, 0.0, 0.0]).unwrap();
    let machine = CoherentIsingMachine {
        gain: Schedule::constant(-0.5).unwrap(),
        noise: Schedule::constant(0.0).unwrap(),
        target: 0.8,
        ..Default::default()
    };
    let strength = machine.strength_for(&problem);
    let ground = exhaustive::ground_state(&problem).unwrap().spins;
    let mut at_rest = 0;
    for [_, end] in trajectories(&machine, &problem, 16, 4000) {
        let (x, e) = end.split_at(4);
        let spins: Vec<i8> = x.iter().map(|x| if *x < 0.0 { -1 } else { 1 }).collect();
        if spins != ground {
            continue;
        }
        at_rest += 1;
        for i in 0..4 {
            assert!((x[i] * x[i] - 0.8).abs() < 1e-4, "{x:?}");
            let stability = f64::from(spins[i]) * problem.field_at(&spins, i);
            assert!(stability > 0.0);
            // (r − a) x + ε e F √a = 0.
            let expected = (0.8 + 0.5) / (strength * stability);
            assert!((e[i] / expected - 1.0).abs() < 1e-3, "{} {expected}", e[i]);
        }
    }
    assert!(at_rest > 0);
}

#[test]
fn finds_the_exhaustive_optimum() {
    for seed in 0..60 {
        let problem = random_problem(16, 0.1 + 0.015 * seed as f64, 500 + seed);
        let ground = exhaustive::ground_state(&problem).unwrap();
        let run = Run { replicas: Some(64), steps: Some(200), ..Run::seeded(seed) };
        for machine in [CoherentIsingMachine::default(), CoherentIsingMachine::mean_field()] {
            let best = machine.solve(&problem, &run).unwrap().best.energy;
            assert!(
                (best - ground.energy).abs() < 1e-9,
                "seed {seed}, control {}",
                machine.control
            );
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_and_steps_do_not_allocate() {
    for problem in problems_of_all_forms() {
        bits_of_runs_agree(&problem);
    }
}

fn bits_of_runs_agree(problem: &Ising) {
    let machine = CoherentIsingMachine::default();
    let run = Run { replicas: Some(40), steps: Some(100), ..Run::seeded(9) };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let solution = pool.install(|| machine.solve(problem, &run).unwrap());
        (solution.best, solution.replicas)
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
    let fewer = Run { replicas: Some(7), ..run.clone() };
    assert_eq!(machine.solve(problem, &fewer).unwrap().replicas, one.1[..7]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let count = |steps: usize| {
        let work = || drop(trajectories(&machine, problem, 16, steps));
        allocation_counter::measure(work).count_total
    };
    pool.install(|| assert_eq!(count(10), count(200)));
}

#[test]
fn starts_are_honored() {
    let problem = random_problem(40, 0.2, 6);
    let machine = CoherentIsingMachine::default();
    let good = machine.solve(&problem, &Run::seeded(1)).unwrap().best;
    let starts = vec![good.spins.clone()];
    let run = Run { starts, replicas: Some(3), steps: Some(1), ..Run::seeded(2) };
    let solution = machine.solve(&problem, &run).unwrap();
    assert!(solution.replicas.iter().all(|r| r.read_out <= good.energy + 1e-9));
}

/// The least steps and targets leave amplitudes that couplings of every form move.
#[test]
fn the_least_settings_are_resolved() {
    for problem in problems_of_all_forms() {
        let noise = Schedule::constant(0.0).unwrap();
        let gain = Schedule::constant(0.0).unwrap();
        let machine = CoherentIsingMachine { noise, gain, ..Default::default() };
        for (step, target) in [(1e-6, 1.0), (1e-4, 1e-3)] {
            let machine = CoherentIsingMachine { step, target, ..machine.clone() };
            let strength = machine.strength_for(&problem);
            for [start, end] in trajectories(&machine, &problem, 2, 100) {
                let (time, reach) = (100.0 * step, target.sqrt());
                let mut force = vec![0.0; 70];
                problem.couplings().apply(&start[..70], &mut force, &mut Workspace::new());
                let (mut moved, mut error) = (0.0, 0.0);
                for i in 0..70 {
                    let force = strength * (force[i] + reach * problem.fields()[i]);
                    let expected = time * (force - start[i].powi(3));
                    moved += expected * expected;
                    error += (end[i] - start[i] - expected).powi(2);
                }
                assert!(error < 0.01 * moved, "{step} {target}: {error:e} of {moved:e}");
            }
        }
    }
}

/// Any scale of the problem, any settings within their bounds: amplitudes and
/// error variables stay within theirs.
#[test]
fn nothing_blows_up() {
    let base = CoherentIsingMachine::default;
    let noise = || Schedule::constant(1e3).unwrap();
    for scale in [1e-200, 1.0, 1e200] {
        for machine in [
            base(),
            CoherentIsingMachine { step: 0.5, coupling: 1e3, control: 1e3, ..base() },
            CoherentIsingMachine { step: 1e-3, coupling: 1e-3, control: 0.0, ..base() },
            CoherentIsingMachine { step: 5e-4, target: 1e3, ..base() },
            CoherentIsingMachine {
                gain: Schedule::constant(32.0).unwrap(),
                noise: noise(),
                ..base()
            },
        ] {
            let random = random_problem(12, 0.7, 7);
            let pairs: Vec<_> = random.pairs().map(|(i, j, w)| (i, j, w * scale)).collect();
            let problem = Ising::from_couplings(12, &pairs).unwrap();
            let most = (1.0 / machine.step).sqrt() * 1.000_001;
            for [_, end] in trajectories(&machine, &problem, 4, 200) {
                let (x, e) = end.split_at(12);
                assert!(x.iter().all(|x| x.abs() <= most), "{machine:?}");
                assert!(e.iter().all(|e| (9e-7..=32.0).contains(e)), "{machine:?}");
            }
        }
    }
}

#[test]
fn degenerate_problems_are_solved() {
    for machine in [CoherentIsingMachine::default(), CoherentIsingMachine::mean_field()] {
        let run = Run { replicas: Some(3), steps: Some(40), ..Run::seeded(0) };
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
    let problem = random_problem(4, 0.8, 0);
    let base = CoherentIsingMachine::default;
    for machine in [
        CoherentIsingMachine { step: 0.0, ..base() },
        CoherentIsingMachine { step: 0.6, ..base() },
        CoherentIsingMachine { step: 0.4, target: 2.0, ..base() },
        CoherentIsingMachine { step: f64::NAN, ..base() },
        CoherentIsingMachine { step: 1e-80, ..base() },
        CoherentIsingMachine { target: 1e-90, ..base() },
        CoherentIsingMachine { coupling: f64::NAN, ..base() },
        CoherentIsingMachine { coupling: 1e4, ..base() },
        CoherentIsingMachine { control: -1.0, ..base() },
        CoherentIsingMachine { target: 0.0, ..base() },
        CoherentIsingMachine { gain: Schedule::constant(1e9).unwrap(), ..base() },
        CoherentIsingMachine { noise: Schedule::constant(-0.1).unwrap(), ..base() },
    ] {
        assert!(Method::prepare(&machine, &problem).is_err(), "{machine:?}");
        assert!(machine.solve(&problem, &Run::default()).is_err());
        assert!(CoherentFlow::new(&problem, machine, 1.0).is_err());
    }
    assert!(CoherentFlow::new(&problem, base(), 0.0).is_err());
}
