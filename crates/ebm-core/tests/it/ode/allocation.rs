//! Nothing allocates per step: a run of many steps makes as many allocations
//! as a run of few.

use ebm_core::Batch;
use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, BatchControl, Options, StepSize, Watch};
use ebm_core::problems::DoubleWell;

use super::fields::{METHODS, SWIRL};

#[test]
fn single_runs_allocate_only_at_the_start() {
    for method in METHODS {
        let count = |h: f64| {
            let options = Options { step: StepSize::Fixed(h), ..Options::default() };
            let (field, start) = (SWIRL.field(), SWIRL.start());
            let mut stepper = method.stepper(2);
            let mut steps = 0;
            let info = allocation_counter::measure(|| {
                let watch = Watch { samples: &[0.5, 1.0, 1.5, 3.0], ..Watch::default() };
                let run = ode::integrate_watched(
                    &field,
                    &mut stepper,
                    SWIRL.span,
                    &start,
                    &options,
                    watch,
                );
                steps = run.unwrap().stats.steps;
            });
            (steps, info.count_total)
        };
        let (few, many) = (count(0.5), count(0.001));
        assert!(few.0 < 10 && many.0 > 2000);
        assert_eq!(few.1, many.1, "{}", method.name());
    }
}

#[test]
fn batches_allocate_only_at_the_start() {
    let flow = GradientFlow(DoubleWell { dim: 3 });
    let starts: Vec<f64> = (0..24).map(|i| 0.2 * f64::from(i) - 2.3).collect();
    for control in [BatchControl::Each, BatchControl::Shared] {
        for method in METHODS {
            let count = |h: f64| {
                let step = match method.estimate_order() {
                    Some(_) => StepSize::Adaptive { first: None, max: h },
                    None => StepSize::Fixed(h),
                };
                let options = Options { step, ..Options::default() };
                let x0 = Batch::new(&starts, 3).unwrap();
                let mut steps = 0;
                let info = allocation_counter::measure(|| {
                    let times = [0.3, 2.0];
                    let runs = ode::integrate_batch_sampled(
                        &flow,
                        method,
                        (0.0, 2.0),
                        x0,
                        &options,
                        control,
                        &times,
                    );
                    steps = runs.unwrap()[0].stats.steps;
                });
                (steps, info.count_total)
            };
            let (few, many) = (count(0.2), count(0.001));
            assert!(few.0 < 200 && many.0 >= 2000);
            assert_eq!(few.1, many.1, "{}", method.name());
        }
    }
}
