//! Dense output: right between the steps, and exact at the end.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::ode::{self, Options, Tableau, Tolerance, Watch};
use ebm_core::random::stream;
use ebm_core::{Snapshot, VectorField, Workspace};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const METHODS: [&Tableau; 4] =
    [&ode::BOGACKI_SHAMPINE, &ode::DORMAND_PRINCE, &ode::TSITOURAS, &ode::DOP853];

const SPAN: (f64, f64) = (0.0, 20.0);

/// Errors below are drawn there.
const FLOOR: f64 = 1e-16;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/dense-output",
        crate_name: "ebm-core",
        claim: "Between the steps, sampled output errs at most 10 times as much as at their ends or \
                as the tolerance, and it equals the final state at the end of the span",
        source: "closed-form solution of ẏ = y² cos t",
        target: "largest error at random times at most 10 times the larger of the tolerance and the \
                 largest error at the steps; the last sample has the bits of the final state",
        run,
    }
}

/// `ẏ = y² cos t`, solved by `y = 1/(1.5 − sin t)`.
struct Pulse;

impl VectorField for Pulse {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = x[0] * x[0] * t.cos();
    }
}

fn error(t: f64, x: &[f64]) -> f64 {
    larger(FLOOR, (x[0] - 1.0 / (1.5 - t.sin())).abs())
}

fn largest(points: &[(f64, f64)]) -> f64 {
    points.iter().fold(0.0, |max, (_, error)| larger(max, *error))
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let count = if settings.quick { 500 } else { 4000 };
    let mut rng = stream(1, 0);
    let mut times: Vec<f64> = (0..count).map(|_| rng.random_range(SPAN.0..SPAN.1)).collect();
    times.push(SPAN.1);
    times.sort_by(f64::total_cmp);
    let options =
        Options { tolerance: Tolerance { rtol: 1e-8, atol: 1e-10 }, ..Options::default() };

    let (mut measured, mut panels, mut pass) = (Vec::new(), Vec::new(), true);
    for method in METHODS {
        let mut at_steps = Vec::new();
        let mut observer = |s: &Snapshot<'_>| {
            at_steps.push((s.t, error(s.t, s.x)));
            ControlFlow::Continue(())
        };
        let watch = Watch { samples: &times, observer: Some(&mut observer), ..Watch::default() };
        let x0 = [1.0 / 1.5];
        let mut stepper = method.stepper(1);
        let run = ode::integrate_watched(&Pulse, &mut stepper, SPAN, &x0, &options, watch)?;
        let between: Vec<_> =
            times.iter().zip(&run.samples).map(|(t, x)| (*t, error(*t, &[*x]))).collect();
        // The solution reaches 2.
        let tolerance = 2.0 * options.tolerance.rtol;
        let ratio = largest(&between) / larger(largest(&at_steps), tolerance);
        let exact_end = run.sample(count) == Some(&run.x[..]);
        pass &= run.outcome.is_success()
            && largest(&at_steps).is_finite()
            && ratio <= 10.0
            && exact_end;
        let end = if exact_end { "end exact" } else { "end differs" };
        measured.push(format!("{} {ratio:.1}×, {end}", method.name()));
        panels.push(Figure::Plot(Plot {
            title: format!("{}, {} steps", method.name(), run.stats.steps),
            x: Axis { label: "time".into(), log: false },
            y: Axis { label: "error".into(), log: true },
            series: vec![
                Series { name: "between the steps".into(), points: between, mark: Mark::Line },
                Series { name: "at the steps".into(), points: at_steps, mark: Mark::Points },
            ],
        }));
    }
    Ok(Finding { measured: measured.join("; "), pass, figure: Figure::Panels(panels) })
}
