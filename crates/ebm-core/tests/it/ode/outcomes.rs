//! Numerical trouble is an outcome, and the state returned is the last good one.

use std::ops::ControlFlow;

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, Options, Solution, StepSize, Tableau, Watch};
use ebm_core::problems::{DoubleWell, MullerBrown};
use ebm_core::{Energy, Outcome, Snapshot};

use super::fields::{ADAPTIVE, Field, METHODS, Rhs};

fn options(method: &Tableau) -> Options {
    match method.estimate_order() {
        Some(_) => Options::default(),
        None => Options { step: StepSize::Fixed(0.01), ..Options::default() },
    }
}

fn run(method: &'static Tableau, f: Rhs, x0: &[f64], end: f64) -> Solution {
    let field = Field { dim: x0.len(), f };
    let mut stepper = method.stepper(x0.len());
    ode::integrate(&field, &mut stepper, (0.0, end), x0, &options(method)).unwrap()
}

#[test]
fn a_field_undefined_from_the_start() {
    for method in METHODS {
        let field = |_: f64, _: &[f64], dx: &mut [f64]| dx.copy_from_slice(&[0.0, f64::NAN]);
        let end = run(method, field, &[1.0, 2.0], 1.0);
        assert_eq!(end.outcome, Outcome::NotFinite { t: 0.0, index: 1 }, "{}", method.name());
        assert_eq!((end.t, &end.x[..]), (0.0, &[1.0, 2.0][..]));
    }
}

#[test]
fn a_field_undefined_later_stops_the_run_at_the_border() {
    for method in METHODS {
        let field = |t: f64, _: &[f64], dx: &mut [f64]| {
            dx.copy_from_slice(&[1.0, if t < 0.5 { 1.0 } else { f64::INFINITY }]);
        };
        let end = run(method, field, &[0.0, 0.0], 1.0);
        let Outcome::NotFinite { t, index } = end.outcome else {
            panic!("{}: {:?}", method.name(), end.outcome);
        };
        assert_eq!(index, 1);
        let margin = if method.estimate_order().is_some() { 1e-9 } else { 0.011 };
        assert!((end.t - 0.5).abs() < margin && (t - 0.5).abs() < margin, "{}", method.name());
        assert!(end.x.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn a_square_root_is_never_taken_beyond_its_domain() {
    // ẋ = −√x reaches 0 at t = 2 and is undefined below; whatever happens, no
    // NaN comes back.
    for method in ADAPTIVE {
        let end = run(method, |_, x, dx| dx[0] = -x[0].sqrt(), &[1.0], 5.0);
        assert!(!end.outcome.is_success());
        assert!((end.t - 2.0).abs() < 1e-2, "{}: {}", method.name(), end.t);
        assert!(end.x[0].is_finite() && end.x[0].abs() < 1e-4);
    }
}

#[test]
fn blow_up_in_finite_time() {
    for method in ADAPTIVE {
        let end = run(method, |_, x, dx| dx[0] = x[0] * x[0], &[1.0], 2.0);
        assert!(matches!(end.outcome, Outcome::StepTooSmall { t } if t == end.t));
        assert!((end.t - 1.0).abs() < 1e-4, "{}: {}", method.name(), end.t);
        assert!(end.x[0].is_finite() && end.x[0] > 1e4);
    }
    let end = run(&ode::EULER, |_, x, dx| dx[0] = x[0] * x[0], &[100.0], 10.0);
    assert!(matches!(end.outcome, Outcome::NotFinite { index: 0, .. }));
    assert!(end.x[0].is_finite());
}

#[test]
fn an_overflowing_first_step_is_retried() {
    for method in ADAPTIVE {
        let field = Field { dim: 1, f: |_: f64, x: &[f64], dx: &mut [f64]| dx[0] = -x[0].powi(3) };
        let step = StepSize::Adaptive { first: Some(1e150), max: f64::INFINITY };
        let options = Options { step, ..Options::default() };
        let mut stepper = method.stepper(1);
        let end = ode::integrate(&field, &mut stepper, (0.0, 1e160), &[1.0], &options).unwrap();
        assert!(end.stats.rejected > 10 && end.stats.steps > 0, "{}", method.name());
    }
}

#[test]
fn budgets_and_step_limits_hold() {
    for method in METHODS {
        let field = Field { dim: 1, f: |t: f64, _: &[f64], dx: &mut [f64]| dx[0] = t.cos() };
        let mut stepper = method.stepper(1);
        let few = Options { max_steps: 3, ..options(method) };
        let end = ode::integrate(&field, &mut stepper, (0.0, 1e4), &[0.0], &few).unwrap();
        assert_eq!(end.outcome, Outcome::MaxSteps);
        assert_eq!(end.stats.steps + end.stats.rejected, 3);
        assert!(end.t > 0.0 && end.t < 1e4);
    }
    for method in ADAPTIVE {
        let field = Field { dim: 1, f: |_: f64, _: &[f64], dx: &mut [f64]| dx[0] = 1.0 };
        let step = StepSize::Adaptive { first: None, max: 0.1 };
        let mut longest: f64 = 0.0;
        let mut before = 0.0;
        let mut observer = |s: &Snapshot<'_>| {
            longest = longest.max(s.t - before);
            before = s.t;
            ControlFlow::Continue(())
        };
        let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
        let options = Options { step, ..Options::default() };
        let mut stepper = method.stepper(1);
        let end = ode::integrate_watched(&field, &mut stepper, (0.0, 5.0), &[0.0], &options, watch)
            .unwrap();
        assert!(longest < 0.1 + 1e-9, "{longest}");
        assert_eq!((end.outcome, end.t), (Outcome::Reached, 5.0));
    }
}

#[test]
fn an_observer_can_stop_the_run() {
    let mut seen = Vec::new();
    let mut observer = |s: &Snapshot<'_>| {
        seen.push((s.step, s.t));
        if s.step == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
    let flow = GradientFlow(DoubleWell::default());
    let mut stepper = ode::TSITOURAS.stepper(1);
    let end =
        ode::integrate_watched(&flow, &mut stepper, (1.0, 9.0), &[0.3], &Options::default(), watch)
            .unwrap();
    assert_eq!((end.outcome, end.stats.steps), (Outcome::Stopped, 4));
    assert_eq!(seen.len(), 5);
    assert_eq!((seen[0], seen[4]), ((0, 1.0), (4, end.t)));
}

#[test]
fn fixed_steps_end_exactly_and_in_the_expected_number() {
    let field = Field { dim: 1, f: |_: f64, _: &[f64], dx: &mut [f64]| dx[0] = 1.0 };
    for (end, h, steps) in [
        (1.0, 0.1, 10),
        (1.0, 0.3, 4),
        (0.3, 0.1, 3),
        (1.0, 1.0, 1),
        (1.0, 7.0, 1),
        (1e3, 1e-2, 100_000),
        (1.0, 1.0 / 3.0, 3),
    ] {
        let options = Options { step: StepSize::Fixed(h), ..Options::default() };
        let mut stepper = ode::EULER.stepper(1);
        let run = ode::integrate(&field, &mut stepper, (0.0, end), &[0.0], &options).unwrap();
        assert_eq!((run.stats.steps, run.t), (steps, end), "h = {h}");
        assert!((run.x[0] - end).abs() < 1e-9 * end);
    }
    // A step below the rounding of t does not loop for ever.
    let options = Options { step: StepSize::Fixed(1e-20), ..Options::default() };
    let mut stepper = ode::EULER.stepper(1);
    let run = ode::integrate(&field, &mut stepper, (1.0, 2.0), &[0.0], &options).unwrap();
    assert_eq!(run.outcome, Outcome::StepTooSmall { t: 1.0 });
}

#[test]
fn energies_fall_along_their_gradient_flow() {
    fn falls<E: Energy>(energy: &E, allowed: f64) -> impl FnMut(&Snapshot<'_>) -> ControlFlow<()> {
        let mut before = f64::INFINITY;
        move |s| {
            let now = energy.energy_at(s.x);
            assert!(now <= before + allowed, "{now} after {before} at {}", s.t);
            before = now;
            ControlFlow::Continue(())
        }
    }
    for method in ADAPTIVE {
        let wells = DoubleWell { dim: 4 };
        let mut observer = falls(&wells, 1e-9);
        let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
        let (span, options) = ((0.0, 30.0), Options::default());
        let mut stepper = method.stepper(4);
        let x0 = [0.01, -0.5, 1.7, -2.5];
        let flow = GradientFlow(wells);
        let end = ode::integrate_watched(&flow, &mut stepper, span, &x0, &options, watch).unwrap();
        assert!((end.x.iter().map(|x| x.abs()).sum::<f64>() - 4.0).abs() < 1e-5);

        let surface = MullerBrown;
        let mut observer = falls(&surface, 1e-3);
        let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
        let flow = GradientFlow(surface);
        let mut stepper = method.stepper(2);
        let end =
            ode::integrate_watched(&flow, &mut stepper, (0.0, 1.0), &[0.0, 1.0], &options, watch)
                .unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
    }
}
