//! Stiff integration: Van der Pol's oscillator with μ = 1000.

use std::error::Error;

use ebm_core::ode::{self, DORMAND_PRINCE, Options, Rosenbrock, Sdirk, Stepper, Tolerance};
use ebm_core::{Jacobian, VectorField, Workspace};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// The solution at the end of the span.
const REFERENCE: [f64; 2] = [1.706167732170483, -0.8928097010247975];
const SPAN: (f64, f64) = (0.0, 2.0);
const START: [f64; 2] = [2.0, 0.0];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/stiff",
        crate_name: "ebm-core",
        claim: "The implicit methods follow Van der Pol's oscillator with μ = 1000 in a small \
                fraction of the steps of an explicit one",
        source: "Test Set for IVP Solvers (F. Mazzia and C. Magherini), problem VDPOL, reference \
                 solution at t = 2",
        target: "Rodas5P to 1e-8 and SDIRK4 to 1e-5 of the reference; at rtol 1e-6 at most 1/100 \
                 of the steps of Dormand–Prince; SDIRK4 with a Jacobian in at most half its steps",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let exponents = |last: i32| if settings.quick { vec![6, last] } else { (3..=last).collect() };
    let rodas = runs(&mut Rosenbrock::new(2), &exponents(11))?;
    let sdirk = runs(&mut Sdirk::new(2), &exponents(9))?;
    let explicit = runs(&mut DORMAND_PRINCE.stepper(2), &[6])?;
    let best = |runs: &[Run]| runs.iter().map(|r| r.error).fold(f64::INFINITY, f64::min);
    let steps =
        |runs: &[Run]| runs.iter().find(|r| r.exponent == 6).map_or(usize::MAX, |r| r.attempts);
    let (few, some, many) = (steps(&rodas), steps(&sdirk), steps(&explicit));
    let reuse = sdirk.iter().all(|r| 2 * r.jacobians <= r.attempts);
    Ok(Finding {
        measured: format!(
            "best errors: Rodas5P {:.1e}, SDIRK4 {:.1e}; steps at rtol 1e-6: {few} and {some} \
             against {many}; Jacobians of SDIRK4 there: {}",
            best(&rodas),
            best(&sdirk),
            sdirk.iter().find(|r| r.exponent == 6).map_or(0, |r| r.jacobians),
        ),
        pass: best(&rodas) <= 1e-8 && best(&sdirk) <= 1e-5 && reuse && 100 * few.max(some) <= many,
        figure: Figure::Plot(Plot {
            title: "Van der Pol, μ = 1000: steps for a given error".into(),
            x: Axis { label: "attempted steps".into(), log: true },
            y: Axis { label: "error at the end".into(), log: true },
            series: vec![
                series("Rodas5P", &rodas, Mark::Line),
                series("SDIRK4", &sdirk, Mark::Line),
                series("Dormand–Prince 5(4)", &explicit, Mark::Points),
            ],
        }),
    })
}

fn series(name: &str, runs: &[Run], mark: Mark) -> Series {
    let points = runs.iter().map(|r| (r.attempts as f64, r.error)).collect();
    Series { name: name.into(), points, mark }
}

/// One integration with `rtol = atol = 10⁻ᵏ`.
struct Run {
    exponent: i32,
    attempts: usize,
    jacobians: usize,
    error: f64,
}

fn runs(
    stepper: &mut dyn Stepper<VanDerPol>,
    exponents: &[i32],
) -> Result<Vec<Run>, Box<dyn Error>> {
    let run = |&exponent: &i32| {
        let tolerance = 10.0_f64.powi(-exponent);
        let options = Options {
            tolerance: Tolerance { rtol: tolerance, atol: tolerance },
            max_steps: 20_000_000,
            ..Options::default()
        };
        let end = ode::integrate(&VanDerPol, stepper, SPAN, &START, &options)?;
        if !end.outcome.is_success() {
            return Err(format!("rtol 1e-{exponent} ended with {:?}", end.outcome).into());
        }
        let error = end.x.iter().zip(REFERENCE).map(|(x, r)| (x - r).abs()).fold(0.0, f64::max);
        let attempts = end.stats.steps + end.stats.rejected;
        Ok(Run { exponent, attempts, jacobians: end.stats.jacobians, error })
    };
    exponents.iter().map(run).collect()
}

/// `ẋ₁ = x₂`, `εẋ₂ = (1 − x₁²)x₂ − x₁` with `ε = μ⁻² = 10⁻⁶`.
struct VanDerPol;

const EPSILON: f64 = 1e-6;

impl VectorField for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = x[1];
        dx[1] = ((1.0 - x[0] * x[0]) * x[1] - x[0]) / EPSILON;
    }
}

impl Jacobian for VanDerPol {
    fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = v[1];
        out[1] = ((-2.0 * x[0] * x[1] - 1.0) * v[0] + (1.0 - x[0] * x[0]) * v[1]) / EPSILON;
    }
    fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = (-2.0 * x[0] * x[1] - 1.0) * v[1] / EPSILON;
        out[1] = v[0] + (1.0 - x[0] * x[0]) * v[1] / EPSILON;
    }
}
