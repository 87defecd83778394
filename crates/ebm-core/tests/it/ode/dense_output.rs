//! Dense output: exact where it must be, accurate in between.

use std::ops::ControlFlow;

use ebm_core::ode::{self, Event, Options, StepSize, Tolerance, Watch};
use ebm_core::random::stream;
use ebm_core::{Snapshot, VectorField, Workspace};
use rand::RngExt;

use super::fields::{ADAPTIVE, FORCED, METHODS, SWIRL};

#[test]
fn samples_at_step_ends_have_the_bits_of_the_steps() {
    for method in METHODS {
        let options = match method.estimate_order() {
            Some(_) => Options::default(),
            None => Options { step: StepSize::Fixed(0.07), ..Options::default() },
        };
        // The first run tells where the steps end, the second samples there.
        let (mut times, mut states) = (Vec::new(), Vec::new());
        let mut observer = |s: &Snapshot<'_>| {
            times.push(s.t);
            states.extend_from_slice(s.x);
            ControlFlow::Continue(())
        };
        let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
        let mut stepper = method.stepper(2);
        let (field, start) = (SWIRL.field(), SWIRL.start());
        let first =
            ode::integrate_watched(&field, &mut stepper, SWIRL.span, &start, &options, watch)
                .unwrap();
        let watch = Watch { samples: &times, ..Watch::default() };
        let second =
            ode::integrate_watched(&field, &mut stepper, SWIRL.span, &start, &options, watch)
                .unwrap();
        assert_eq!(second.samples, states, "{}", method.name());
        assert_eq!((second.t, &second.x), (SWIRL.span.1, &first.x));
        assert_eq!(&states[states.len() - 2..], &first.x[..]);
    }
}

#[test]
fn samples_at_random_times_are_as_accurate_as_the_steps() {
    let mut rng = stream(11, 0);
    for problem in [&SWIRL, &FORCED] {
        let (start, end) = problem.span;
        let mut times: Vec<f64> = (0..500).map(|_| rng.random_range(start..end)).collect();
        times.push(end);
        times.sort_by(f64::total_cmp);
        for method in ADAPTIVE {
            let options =
                Options { tolerance: Tolerance { rtol: 1e-8, atol: 1e-10 }, ..Options::default() };
            let watch = Watch { samples: &times, ..Watch::default() };
            let run = ode::integrate_watched(
                &problem.field(),
                &mut method.stepper(2),
                problem.span,
                &problem.start(),
                &options,
                watch,
            )
            .unwrap();
            for (i, t) in times.iter().enumerate() {
                let error = problem.error(*t, run.sample(i).unwrap());
                assert!(error < 2e-7, "{} at {t}: {error:e}", method.name());
            }
            assert_eq!(run.sample(500), Some(&run.x[..]));
            assert_eq!(run.sample(501), None);
        }
    }
}

#[test]
fn sampling_does_not_change_the_trajectory() {
    let times: Vec<f64> = (0..=300).map(|i| 0.01 * f64::from(i)).collect();
    for method in ADAPTIVE {
        let (field, start, options) = (SWIRL.field(), SWIRL.start(), Options::default());
        let mut stepper = method.stepper(2);
        let plain = ode::integrate(&field, &mut stepper, SWIRL.span, &start, &options).unwrap();
        let watch =
            Watch { samples: &times, events: vec![Event::new(|_, x| x[0])], ..Watch::default() };
        let watched =
            ode::integrate_watched(&field, &mut stepper, SWIRL.span, &start, &options, watch)
                .unwrap();
        assert_eq!(plain.x, watched.x);
        assert_eq!(plain.stats.steps, watched.stats.steps);
        assert_eq!(watched.crossings.len(), 1);
    }
}

/// Forgets nothing between runs that it should forget.
#[test]
fn a_stepper_can_be_used_again() {
    struct Decay;
    impl VectorField for Decay {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            dx[0] = -x[0];
        }
    }
    for method in ADAPTIVE {
        let run = |stepper: &mut ode::ExplicitRungeKutta, x: f64| {
            ode::integrate(&Decay, stepper, (0.0, 2.0), &[x], &Options::default()).unwrap()
        };
        let mut used = method.stepper(1);
        let first = run(&mut used, 1.0);
        let _ = run(&mut used, -30.0);
        assert_eq!(run(&mut used, 1.0), first);
    }
}
