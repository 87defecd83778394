//! Explicit Runge–Kutta methods converge at the orders they claim.

use std::error::Error;

use ebm_core::ode::{self, Options, StepSize, Tableau};
use ebm_core::{VectorField, Workspace};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Each with a number of steps in its asymptotic range, far above rounding.
const METHODS: [(&Tableau, usize); 7] = [
    (&ode::EULER, 1600),
    (&ode::HEUN, 400),
    (&ode::RUNGE_KUTTA4, 128),
    (&ode::BOGACKI_SHAMPINE, 128),
    (&ode::DORMAND_PRINCE, 256),
    (&ode::TSITOURAS, 256),
    (&ode::DOP853, 32),
];

const SPAN: (f64, f64) = (0.3, 8.0);

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/ode-orders",
        crate_name: "ebm-core",
        claim: "Explicit Runge–Kutta methods converge at the orders of their order conditions",
        source: "closed-form solution of u̇ = −v, v̇ = u, ẏ = y²u; orders by J. C. Butcher's \
                 conditions",
        target: "orders 1, 2, 4, 3, 5, 5, 8, each within 0.1",
        run,
    }
}

/// `u̇ = −v`, `v̇ = u`, `ẏ = y² u` with `u = cos t`, `y = 1/(2 − sin t)`.
struct Pulses;

impl VectorField for Pulses {
    fn dim(&self) -> usize {
        3
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx.copy_from_slice(&[-x[1], x[0], x[2] * x[2] * x[0]]);
    }
}

fn exact(t: f64) -> [f64; 3] {
    [t.cos(), t.sin(), 1.0 / (2.0 - t.sin())]
}

/// Evaluations spent and largest error at the end.
fn cost_and_error(method: &'static Tableau, steps: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let h = (SPAN.1 - SPAN.0) / steps as f64;
    let options = Options { step: StepSize::Fixed(h), ..Options::default() };
    let end = ode::integrate(&Pulses, &mut method.stepper(3), SPAN, &exact(SPAN.0), &options)?;
    let errors = end.x.iter().zip(exact(end.t)).map(|(a, b)| (a - b).abs());
    Ok((end.stats.evaluations as f64, errors.fold(0.0, f64::max)))
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let finest = if settings.quick { 10 } else { 16 };
    let (mut measured, mut series, mut pass) = (Vec::new(), Vec::new(), true);
    for (method, steps) in METHODS {
        let (coarse, fine) = (cost_and_error(method, steps)?, cost_and_error(method, 2 * steps)?);
        let order = (coarse.1 / fine.1).log2();
        pass &= (order - f64::from(method.order())).abs() < 0.1;
        measured.push(format!("{} {order:.2}", method.name()));
        let mut points = Vec::new();
        for doubling in 4..=finest {
            let point = cost_and_error(method, 1 << doubling)?;
            // Below, rounding is measured rather than the method.
            if point.1 < 2e-14 {
                break;
            }
            points.push(point);
        }
        series.push(Series { name: method.name().into(), points, mark: Mark::Line });
    }
    let figure = Figure::Plot(Plot {
        title: "What accuracy costs: the higher the order, the steeper the line".into(),
        x: Axis { label: "evaluations of the field".into(), log: true },
        y: Axis { label: "error at the end".into(), log: true },
        series,
    });
    Ok(Finding { measured: measured.join(", "), pass, figure })
}
