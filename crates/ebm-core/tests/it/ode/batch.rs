//! Batches equal single runs, whatever mix of fates their columns meet.

use std::sync::atomic::{AtomicUsize, Ordering};

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, BatchControl, Options, Solution, SteadyState, StepSize, Tableau, Watch};
use ebm_core::problems::DoubleWell;
use ebm_core::random::stream;
use ebm_core::{Batch, BatchMut, Outcome, VectorField, Workspace};
use rand::RngExt;

use super::fields::{METHODS, SWIRL};

fn options(method: &Tableau) -> Options {
    match method.estimate_order() {
        Some(_) => Options::default(),
        None => Options { step: StepSize::Fixed(0.03), ..Options::default() },
    }
}

fn single<F: VectorField>(
    field: &F,
    method: &'static Tableau,
    span: (f64, f64),
    x0: &[f64],
    options: &Options,
    samples: &[f64],
) -> Solution {
    let watch = Watch { samples, ..Watch::default() };
    let mut stepper = method.stepper(field.dim());
    ode::integrate_watched(field, &mut stepper, span, x0, options, watch).unwrap()
}

fn random_states(dim: usize, count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 0);
    (0..dim * count).map(|_| rng.random_range(-2.0..2.0)).collect()
}

#[test]
fn each_column_has_the_bits_and_statistics_of_its_single_run() {
    let samples = [0.0, 0.1, 0.77, 0.78, 2.5, 3.0];
    let field = SWIRL.field();
    // More than one block, and not a multiple of its size.
    let starts = random_states(2, 150, 1);
    for method in METHODS {
        for steady_state in [None, Some(SteadyState { tolerance: 1.2, ..SteadyState::default() })] {
            let options = Options { steady_state, ..options(method) };
            let x0 = Batch::new(&starts, 2).unwrap();
            let control = BatchControl::Each;
            let runs = ode::integrate_batch_sampled(
                &field, method, SWIRL.span, x0, &options, control, &samples,
            )
            .unwrap();
            assert_eq!(runs.len(), 150);
            for (x0, run) in x0.columns().zip(&runs) {
                assert_eq!(run, &single(&field, method, SWIRL.span, x0, &options, &samples));
            }
        }
    }
}

#[test]
fn columns_meet_their_own_fate() {
    // ẋ = x² blows up at 1/x₀, decays for x₀ < 0, rests at 0.
    let field = super::fields::Field {
        dim: 1,
        f: |_: f64, x: &[f64], dx: &mut [f64]| {
            dx[0] = if x[0] > 1e6 { f64::NAN } else { x[0] * x[0] }
        },
    };
    let starts = [0.9, -1.0, 0.0, 0.05, 0.1, 3.0, -0.3];
    let options = Options {
        steady_state: Some(SteadyState { window: 0.1, ..SteadyState::default() }),
        ..Options::default()
    };
    for method in [&ode::TSITOURAS, &ode::DOP853] {
        let x0 = Batch::new(&starts, 1).unwrap();
        let span = (0.0, 5.0);
        let runs =
            ode::integrate_batch(&field, method, span, x0, &options, BatchControl::Each).unwrap();
        for (x0, run) in x0.columns().zip(&runs) {
            assert_eq!(run, &single(&field, method, span, x0, &options, &[]));
        }
        assert!(matches!(runs[0].outcome, Outcome::NotFinite { index: 0, .. }));
        assert_eq!(runs[1].outcome, Outcome::Reached);
        assert_eq!(runs[2].outcome, Outcome::Converged);
        assert!(matches!(runs[5].outcome, Outcome::NotFinite { index: 0, .. }));
    }
}

#[test]
fn a_shared_step_serves_all_columns() {
    let flow = GradientFlow(DoubleWell { dim: 2 });
    let starts = random_states(2, 20, 2);
    let samples = [1.0, 4.0];
    for method in METHODS {
        let x0 = Batch::new(&starts, 2).unwrap();
        let (span, control) = ((0.0, 4.0), BatchControl::Shared);
        let options = options(method);
        let runs =
            ode::integrate_batch_sampled(&flow, method, span, x0, &options, control, &samples)
                .unwrap();
        let tolerance = if method.order() < 3 { 3e-2 } else { 2e-5 };
        for (x0, run) in x0.columns().zip(&runs) {
            assert_eq!(run.stats.steps, runs[0].stats.steps);
            assert_eq!(run.stats.rejected, runs[0].stats.rejected);
            assert_eq!(run.sample(1), Some(&run.x[..]));
            for (i, t) in samples.into_iter().enumerate() {
                for (x0, x) in x0.iter().zip(run.sample(i).unwrap()) {
                    let c = 1.0 / (x0 * x0) - 1.0;
                    let exact = x0.signum() / (1.0 + c * (-2.0 * t).exp()).sqrt();
                    assert!((x - exact).abs() < tolerance, "{}: {x} {exact}", method.name());
                }
            }
        }
        // Never more steps than the sum, never fewer than the neediest column.
        if method.estimate_order().is_some() {
            let alone = x0.columns().map(|x0| single(&flow, method, span, x0, &options, &[]));
            let most = alone.map(|run| run.stats.steps).max().unwrap();
            assert!(runs[0].stats.steps >= most);
        }
    }
}

#[test]
fn under_a_shared_step_one_bad_column_stops_all() {
    let field = super::fields::Field {
        dim: 1,
        f: |_: f64, x: &[f64], dx: &mut [f64]| dx[0] = if x[0] > 2.0 { f64::NAN } else { 1.0 },
    };
    let starts = [1.0, -3.0];
    let runs = ode::integrate_batch(
        &field,
        &ode::TSITOURAS,
        (0.0, 3.0),
        Batch::new(&starts, 1).unwrap(),
        &Options::default(),
        BatchControl::Shared,
    )
    .unwrap();
    assert!(matches!(runs[0].outcome, Outcome::NotFinite { index: 0, .. }));
    assert!(matches!(runs[1].outcome, Outcome::StepTooSmall { .. }));
    assert_eq!(runs[0].t, runs[1].t);
    assert!((runs[0].t - 1.0).abs() < 1e-9);
}

/// Counts the columns it evaluates and the calls it takes.
struct Counting {
    columns: AtomicUsize,
    calls: AtomicUsize,
}

impl VectorField for Counting {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        self.columns.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        (SWIRL.field)(t, x, dx);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, _: &mut Workspace) {
        assert_eq!((t.len(), x.count()), (x.count(), dx.count()));
        assert!(x.count() > 0);
        self.columns.fetch_add(x.count(), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        for ((t, x), dx) in t.iter().zip(x.columns()).zip(dx.columns_mut()) {
            (SWIRL.field)(*t, x, dx);
        }
    }
}

#[test]
fn evaluations_are_counted_and_ended_columns_cost_nothing() {
    // One block.
    let starts = random_states(2, 32, 3);
    let steady_state = Some(SteadyState { tolerance: 1.05, window: 0.0, ..SteadyState::default() });
    for method in METHODS {
        for samples in [&[][..], &[0.5, 2.0]] {
            let field = Counting { columns: AtomicUsize::new(0), calls: AtomicUsize::new(0) };
            let options = Options { steady_state, ..options(method) };
            let runs = ode::integrate_batch_sampled(
                &field,
                method,
                SWIRL.span,
                Batch::new(&starts, 2).unwrap(),
                &options,
                BatchControl::Each,
                samples,
            )
            .unwrap();
            let counted: usize = runs.iter().map(|run| run.stats.evaluations).sum();
            assert_eq!(counted, field.columns.into_inner(), "{}", method.name());
            assert!(field.calls.into_inner() < counted / 10);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let flow = GradientFlow(DoubleWell { dim: 5 });
    let starts = random_states(5, 200, 4);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            ode::integrate_batch(
                &flow,
                &ode::TSITOURAS,
                (0.0, 5.0),
                Batch::new(&starts, 5).unwrap(),
                &Options::default(),
                BatchControl::Each,
            )
            .unwrap()
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}
