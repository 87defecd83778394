//! Events and the steady-state test.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, Event, Norm, Options, SteadyState, StepSize, Tolerance, Watch};
use ebm_core::problems::DoubleWell;
use ebm_core::{Outcome, Snapshot, VectorField};

use super::fields::{ADAPTIVE, Field, METHODS, Rhs};

const CIRCLE: Rhs = |_, x, dx| {
    dx[0] = -x[1];
    dx[1] = x[0];
};

fn circle() -> Field<Rhs> {
    Field { dim: 2, f: CIRCLE }
}

fn tight() -> Options {
    Options { tolerance: Tolerance { rtol: 1e-11, atol: 1e-12 }, ..Options::default() }
}

#[test]
fn crossings_are_found_in_order_of_time_with_their_direction() {
    for method in ADAPTIVE {
        let watch = Watch {
            events: vec![
                Event::new(|_, x| x[0]),
                Event::new(|_, x| x[1]).rising(),
                Event::new(|_, x| x[1]).falling(),
                Event::new(|t, _| t - 3.0),
            ],
            ..Watch::default()
        };
        let run = ode::integrate_watched(
            &circle(),
            &mut method.stepper(2),
            (0.0, 10.0),
            &[1.0, 0.0],
            &tight(),
            watch,
        )
        .unwrap();
        let found: Vec<_> = run.crossings.iter().map(|c| (c.index, c.t)).collect();
        // It starts on x₁ = 0, which is no crossing.
        let expected = [
            (0, 0.5 * PI),
            (3, 3.0),
            (2, PI),
            (0, 1.5 * PI),
            (1, 2.0 * PI),
            (0, 2.5 * PI),
            (2, 3.0 * PI),
        ];
        assert_eq!(found.len(), expected.len(), "{}: {found:?}", method.name());
        for ((index, t), (expected, at)) in found.iter().zip(expected) {
            assert_eq!(*index, expected);
            assert!((t - at).abs() < 1e-9, "{}: {t} instead of {at}", method.name());
        }
        for crossing in &run.crossings {
            let exact = [crossing.t.cos(), crossing.t.sin()];
            for (x, exact) in crossing.x.iter().zip(exact) {
                assert!((x - exact).abs() < 1e-9);
            }
        }
        assert_eq!(run.outcome, Outcome::Reached);
    }
}

#[test]
fn many_events_in_one_step_come_in_order() {
    let still = Field { dim: 1, f: |_: f64, _: &[f64], dx: &mut [f64]| dx[0] = 1.0 };
    let levels = [0.7, 0.2, 0.9, 0.2, 0.5];
    let events = levels.iter().map(|level| Event::new(move |_, x| x[0] - level)).collect();
    let options = Options { step: StepSize::Fixed(1.0), ..Options::default() };
    let watch = Watch { events, ..Watch::default() };
    let run = ode::integrate_watched(
        &still,
        &mut ode::RUNGE_KUTTA4.stepper(1),
        (0.0, 1.0),
        &[0.0],
        &options,
        watch,
    )
    .unwrap();
    assert_eq!(run.stats.steps, 1);
    let order: Vec<_> = run.crossings.iter().map(|c| c.index).collect();
    assert_eq!(order, [1, 3, 4, 0, 2]);
    for crossing in &run.crossings {
        assert!((crossing.t - levels[crossing.index]).abs() < 1e-15);
    }
}

#[test]
fn a_terminal_event_ends_the_run_there() {
    for method in METHODS {
        let options = match method.estimate_order() {
            Some(_) => tight(),
            None => Options { step: StepSize::Fixed(1e-3), ..Options::default() },
        };
        let tolerance = [f64::NAN, 2e-3, 1e-6, 1e-9][method.order().min(3) as usize];
        let mut last = (0, f64::NAN, Vec::new());
        let mut observer = |s: &Snapshot<'_>| {
            last = (s.step, s.t, s.x.to_vec());
            ControlFlow::Continue(())
        };
        let watch = Watch {
            samples: &[0.0, 1.0, 2.0, 3.0],
            events: vec![
                Event::new(|_, x| x[0] + 0.5).terminal(),
                Event::new(|_, x| x[0] + 0.6).terminal(),
                Event::new(|_, x| x[0]),
            ],
            observer: Some(&mut observer),
        };
        let run = ode::integrate_watched(
            &circle(),
            &mut method.stepper(2),
            (0.0, 10.0),
            &[1.0, 0.0],
            &options,
            watch,
        )
        .unwrap();
        let Outcome::Event { index: 0, t } = run.outcome else {
            panic!("{}: {:?}", method.name(), run.outcome);
        };
        let exact = 2.0 * PI / 3.0;
        assert!((t - exact).abs() < tolerance, "{}: {t} instead of {exact}", method.name());
        assert_eq!(run.t, t);
        assert!((run.x[0] + 0.5).abs() < 1e-14);
        // On or behind the surface: a run from here does not cross it again.
        assert!(run.x[0] <= -0.5);
        assert_eq!(run.sample(2).is_some(), 2.0 <= t);
        assert_eq!(run.sample(3), None);
        let indices: Vec<_> = run.crossings.iter().map(|c| c.index).collect();
        assert_eq!(indices, [2, 0]);
        assert_eq!(last, (run.stats.steps, run.t, run.x));
    }
}

#[test]
fn a_sample_at_a_terminal_event_is_the_final_state() {
    let run_with = |samples: &[f64]| {
        let watch = Watch {
            samples,
            events: vec![Event::new(|_, x| x[0] - 0.25).terminal()],
            ..Watch::default()
        };
        let mut stepper = ode::DOP853.stepper(2);
        ode::integrate_watched(&circle(), &mut stepper, (0.0, 9.0), &[1.0, 0.0], &tight(), watch)
            .unwrap()
    };
    let first = run_with(&[]);
    let second = run_with(&[first.t, 8.0]);
    assert_eq!(second.samples, first.x);
}

#[test]
fn events_at_the_very_end_of_the_span_count_once() {
    let options = Options { step: StepSize::Fixed(0.25), ..Options::default() };
    let clock = Field { dim: 1, f: |_: f64, _: &[f64], dx: &mut [f64]| dx[0] = 1.0 };
    let watch = Watch { events: vec![Event::new(|t, _| t - 1.0)], ..Watch::default() };
    let mut stepper = ode::EULER.stepper(1);
    let run =
        ode::integrate_watched(&clock, &mut stepper, (0.0, 1.0), &[0.0], &options, watch).unwrap();
    assert_eq!(run.crossings.len(), 1);
    assert_eq!((run.crossings[0].t, run.crossings[0].x[0]), (1.0, 1.0));
}

#[test]
fn nan_from_an_event_function_is_harmless() {
    let watch = Watch { events: vec![Event::new(|_, _| f64::NAN).terminal()], ..Watch::default() };
    let mut stepper = ode::TSITOURAS.stepper(2);
    let run =
        ode::integrate_watched(&circle(), &mut stepper, (0.0, 1.0), &[1.0, 0.0], &tight(), watch)
            .unwrap();
    assert_eq!(run.outcome, Outcome::Reached);
}

#[test]
fn a_steady_state_ends_the_run_after_its_window() {
    let flow = GradientFlow(DoubleWell { dim: 3 });
    for norm in [Norm::Max, Norm::Rms] {
        for window in [0.0, 2.0] {
            let test = SteadyState { tolerance: 1e-4, norm, window };
            let options = Options { steady_state: Some(test), ..Options::default() };
            let mut quiet_from = f64::NAN;
            let mut observer = |s: &Snapshot<'_>| {
                let quiet = norm.of(&flow.eval_at(s.t, s.x)) <= 1e-4;
                if quiet && quiet_from.is_nan() {
                    quiet_from = s.t;
                }
                ControlFlow::Continue(())
            };
            let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
            let x0 = [0.1, -0.4, 2.0];
            let mut stepper = ode::TSITOURAS.stepper(3);
            let run = ode::integrate_watched(&flow, &mut stepper, (0.0, 1e3), &x0, &options, watch)
                .unwrap();
            assert_eq!(run.outcome, Outcome::Converged);
            assert!(run.t - quiet_from >= window && run.t < 50.0);
            assert!(norm.of(&flow.eval_at(run.t, &run.x)) <= 1e-4);
        }
    }
}

#[test]
fn an_equilibrium_at_the_start_is_recognized_at_once() {
    let flow = GradientFlow(DoubleWell::default());
    let test = SteadyState { window: 0.0, ..SteadyState::default() };
    let options = Options { steady_state: Some(test), ..Options::default() };
    let mut stepper = ode::TSITOURAS.stepper(1);
    let run = ode::integrate(&flow, &mut stepper, (0.0, 1.0), &[1.0], &options).unwrap();
    assert_eq!((run.outcome, run.t, run.stats.steps), (Outcome::Converged, 0.0, 0));
}
