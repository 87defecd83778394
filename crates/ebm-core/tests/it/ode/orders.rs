//! Measured orders of all explicit methods.

use ebm_core::ode::{self, Options, StepSize, Tableau, Watch};

use super::fields::{DRIVEN, Known, METHODS, PULSES};

/// Step counts in the asymptotic range and well above rounding.
fn steps(method: &Tableau) -> usize {
    match method.order() {
        1 => 1600,
        2 => 400,
        3 | 4 => 128,
        5 => 256,
        _ => 32,
    }
}

/// Largest error over sample times off the steps, and error at the end.
fn errors(method: &'static Tableau, problem: &Known, steps: usize) -> (f64, f64) {
    let (start, end) = problem.span;
    let options =
        Options { step: StepSize::Fixed((end - start) / steps as f64), ..Options::default() };
    let times: Vec<f64> = (0..=200).map(|i| start + (end - start) * i as f64 / 200.0).collect();
    let watch = Watch { samples: &times, ..Watch::default() };
    let mut stepper = method.stepper(problem.start().len());
    let run = ode::integrate_watched(
        &problem.field(),
        &mut stepper,
        problem.span,
        &problem.start(),
        &options,
        watch,
    )
    .unwrap();
    assert_eq!(run.stats.steps, steps);
    let inside = times.iter().enumerate().map(|(i, t)| problem.error(*t, run.sample(i).unwrap()));
    (inside.fold(0.0, f64::max), problem.error(end, &run.x))
}

#[test]
fn end_points_converge_at_the_order_of_the_method() {
    for problem in [&PULSES, &DRIVEN] {
        for method in METHODS {
            let n = steps(method);
            let (coarse, fine) = (errors(method, problem, n).1, errors(method, problem, 2 * n).1);
            let order = (coarse / fine).log2();
            assert!(fine > 2e-14, "{}: {fine} is rounding", method.name());
            assert!(
                (order - f64::from(method.order())).abs() < 0.1,
                "{} on {}: measured order {order}, errors {coarse:e} {fine:e}",
                method.name(),
                problem.name
            );
        }
    }
}

#[test]
fn dense_output_does_not_lower_the_order() {
    for problem in [&PULSES, &DRIVEN] {
        for method in METHODS {
            let n = steps(method);
            let (coarse, fine) = (errors(method, problem, n).0, errors(method, problem, 2 * n).0);
            let order = (coarse / fine).log2();
            assert!(
                order > f64::from(method.order()) - 0.25,
                "{} on {}: measured order {order}, errors {coarse:e} {fine:e}",
                method.name(),
                problem.name
            );
        }
    }
}
