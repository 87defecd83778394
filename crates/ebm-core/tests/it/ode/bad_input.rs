//! Whatever is passed in, the answer is a value: an error or an outcome.

use ebm_core::ode::{
    self, BatchControl, Options, SteadyState, StepSize, Stepper, Tolerance, Watch,
};
use ebm_core::{Batch, Error, VectorField, Workspace};
use proptest::prelude::*;

use super::fields::{ADAPTIVE, METHODS, SWIRL};

fn integrate(options: &Options, span: (f64, f64), x0: &[f64]) -> Result<ode::Solution, Error> {
    ode::integrate(&SWIRL.field(), &mut ode::TSITOURAS.stepper(2), span, x0, options)
}

#[test]
fn every_bad_argument_is_named() {
    let good = Options::default();
    let x0 = [1.0, 0.0];
    assert!(integrate(&good, (0.0, 1.0), &x0).is_ok());
    let spans = [(1.0, 1.0), (1.0, 0.0), (0.0, f64::INFINITY), (f64::NAN, 1.0), (0.0, f64::NAN)];
    for span in spans {
        assert!(matches!(integrate(&good, span, &x0), Err(Error::Span { .. })), "{span:?}");
    }
    assert_eq!(
        integrate(&good, (0.0, 1.0), &[1.0]).unwrap_err().to_string(),
        "initial state: expected length 2, found 1"
    );
    assert!(matches!(
        integrate(&good, (0.0, 1.0), &[1.0, f64::NAN]),
        Err(Error::NotFinite { index: 1, .. })
    ));
    let mut small = ode::TSITOURAS.stepper(1);
    assert_eq!(
        ode::integrate(&SWIRL.field(), &mut small, (0.0, 1.0), &x0, &good).unwrap_err(),
        Error::Dimension { what: "stepper", expected: 2, found: 1 }
    );
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = [
            Options { tolerance: Tolerance { rtol: bad, atol: 1e-9 }, ..good },
            Options { step: StepSize::Fixed(bad), ..good },
            Options { step: StepSize::Adaptive { first: Some(bad), max: 1.0 }, ..good },
            Options {
                steady_state: Some(SteadyState { tolerance: bad, ..SteadyState::default() }),
                ..good
            },
        ];
        for options in options {
            let found = integrate(&options, (0.0, 1.0), &x0);
            assert!(matches!(found, Err(Error::Parameter { .. })), "{options:?}");
        }
    }
    for bad in [0.0, -1.0, f64::NAN] {
        let step = StepSize::Adaptive { first: None, max: bad };
        assert!(integrate(&Options { step, ..good }, (0.0, 1.0), &x0).is_err());
    }
    for bad in [-1e-9, f64::NAN, f64::INFINITY] {
        let tolerance = Tolerance { rtol: 1e-6, atol: bad };
        assert!(integrate(&Options { tolerance, ..good }, (0.0, 1.0), &x0).is_err());
    }
    let bad_samples: [&[f64]; 4] = [&[-0.1], &[0.5, 0.4], &[1.1], &[f64::NAN]];
    for samples in bad_samples {
        let watch = Watch { samples, ..Watch::default() };
        let (field, mut stepper) = (SWIRL.field(), ode::TSITOURAS.stepper(2));
        let found = ode::integrate_watched(&field, &mut stepper, (0.0, 1.0), &x0, &good, watch);
        assert!(found.is_err(), "{samples:?}");
    }
}

#[test]
fn a_method_without_estimate_wants_a_fixed_step() {
    for method in METHODS {
        let mut stepper = method.stepper(2);
        let found = ode::integrate(
            &SWIRL.field(),
            &mut stepper,
            (0.0, 0.1),
            &SWIRL.start(),
            &Options::default(),
        );
        match method.estimate_order() {
            Some(_) => assert!(found.is_ok()),
            None => assert!(matches!(found, Err(Error::Missing { .. }))),
        }
    }
}

#[test]
fn a_field_without_components_is_refused() {
    struct Nothing;
    impl VectorField for Nothing {
        fn dim(&self) -> usize {
            0
        }
        fn eval(&self, _: f64, _: &[f64], _: &mut [f64], _: &mut Workspace) {}
    }
    let mut stepper = ode::TSITOURAS.stepper(0);
    assert_eq!(Stepper::<Nothing>::dim(&stepper), 0);
    let found = ode::integrate(&Nothing, &mut stepper, (0.0, 1.0), &[], &Options::default());
    assert!(matches!(found, Err(Error::Empty { .. })));
}

#[test]
fn bad_batches_are_refused() {
    let run = |x0: &[f64], dim: usize, samples: &[f64]| {
        ode::integrate_batch_sampled(
            &SWIRL.field(),
            &ode::DOP853,
            (0.0, 1.0),
            Batch::new(x0, dim)?,
            &Options::default(),
            BatchControl::Each,
            samples,
        )
    };
    assert!(matches!(run(&[], 2, &[]), Err(Error::Empty { .. })));
    assert!(matches!(run(&[1.0, 2.0, 3.0], 3, &[]), Err(Error::Dimension { .. })));
    let not_finite = [1.0, 2.0, f64::INFINITY, 0.0];
    assert!(matches!(run(&not_finite, 2, &[]), Err(Error::NotFinite { index: 2, .. })));
    assert!(matches!(run(&[1.0, 2.0], 2, &[0.5, 2.0]), Err(Error::Entry { index: 1, .. })));
    assert!(run(&[1.0, 2.0], 2, &[0.0, 0.0, 1.0]).is_ok());
}

/// Numbers of every kind.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -2.0..2.0_f64,
        2 => (-320.0..308.0_f64).prop_map(|e| 10_f64.powf(e)),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics_or_hangs(
        numbers in prop::collection::vec(number(), 10),
        fixed in any::<bool>(),
        automatic in any::<bool>(),
        choice in 0..7_usize,
        shared in any::<bool>(),
    ) {
        let first = if automatic { None } else { Some(numbers[5]) };
        let step = if fixed {
            StepSize::Fixed(numbers[4])
        } else {
            StepSize::Adaptive { first, max: numbers[6] }
        };
        let test = SteadyState { tolerance: numbers[7], window: numbers[8], ..SteadyState::default() };
        let options = Options {
            tolerance: Tolerance { rtol: numbers[2], atol: numbers[3] },
            step,
            max_steps: 200,
            steady_state: if shared { Some(test) } else { None },
        };
        let (span, x0, samples) = ((numbers[0], numbers[1]), &numbers[8..], &numbers[1..2]);
        let method = METHODS[choice];
        let watch = Watch {
            samples,
            events: vec![ode::Event::new(|t, x| x[0] - t)],
            ..Watch::default()
        };
        let mut stepper = method.stepper(2);
        let single =
            ode::integrate_watched(&SWIRL.field(), &mut stepper, span, x0, &options, watch);
        if let Ok(run) = &single {
            prop_assert!(run.x.iter().all(|x| x.is_finite()));
            prop_assert!(run.t >= span.0 && run.t <= span.1);
            prop_assert!(run.stats.steps + run.stats.rejected <= 200);
        }
        let control = if shared { BatchControl::Shared } else { BatchControl::Each };
        let batch = Batch::new(x0, 2).unwrap();
        let runs = ode::integrate_batch_sampled(
            &SWIRL.field(), method, span, batch, &options, control, samples,
        );
        prop_assert_eq!(single.is_ok(), runs.is_ok());
    }

    #[test]
    fn extreme_but_valid_problems_end(
        scale in -200.0..200.0_f64,
        rate in -100.0..100.0_f64,
        length in -200.0..200.0_f64,
        choice in 0..4_usize,
    ) {
        let rate = 10_f64.powf(rate);
        let field = super::fields::Field {
            dim: 1,
            f: move |_: f64, x: &[f64], dx: &mut [f64]| dx[0] = -rate * x[0],
        };
        let options = Options { max_steps: 500, ..Options::default() };
        let (end, x0) = (10_f64.powf(length), [10_f64.powf(scale)]);
        let mut stepper = ADAPTIVE[choice].stepper(1);
        let run = ode::integrate(&field, &mut stepper, (0.0, end), &x0, &options).unwrap();
        prop_assert!(run.x[0].is_finite());
    }
}
