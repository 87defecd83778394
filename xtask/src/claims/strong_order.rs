//! Errors along a path fall with the step as the theory of each scheme says.
//!
//! ```text
//! E |x(1) − xₕ(1)| ∝ h^γ
//! ```

use std::error::Error;

use ebm_core::flow::Langevin;
use ebm_core::problems::{DoubleWell, GeometricBrownianMotion};
use ebm_core::sde::{
    self, BrownianPath, EulerMaruyama, Options, Scheme, StochasticHeun, StochasticRungeKutta,
};
use ebm_core::{Batch, Diffusion};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const BASE_STEP: f64 = 0.125;
const LEVELS: std::ops::Range<u32> = 3..7;
const SEED: u64 = 20;

/// The claim.
pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/strong-order",
        crate_name: "ebm-core",
        claim: "Stochastic schemes converge along the path at their order: Euler–Maruyama 0.5 \
                (multiplicative noise) and 1 (additive), Heun 1 (Stratonovich), SRA1 1.5 (additive)",
        source: "Kloeden & Platen 1992; Rümelin 1982; Rößler, SIAM J. Numer. Anal. 48 (2010)",
        target: "fitted orders 0.5, 1, 1, 1.5, each within 0.1",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let paths = if settings.quick { 600 } else { 1500 };
    let motion = GeometricBrownianMotion { mu: 0.5, sigma: 1.0 };
    let w = wiener_at_one(paths)?;
    let ito: Vec<f64> = w.iter().map(|w| motion.ito(START, 1.0, *w)).collect();
    let stratonovich: Vec<f64> = w.iter().map(|w| motion.stratonovich(START, 1.0, *w)).collect();
    // No closed form: eight times finer than the finest level, by the scheme
    // of the highest order.
    let well = Langevin::new(DoubleWell::default(), 0.3)?;
    let fine = at_one(&well, &StochasticRungeKutta, paths, LEVELS.end + 2)?;

    let curves = [
        ("Euler–Maruyama, multiplicative", 0.5, errors(&motion, &EulerMaruyama, &ito)?),
        ("Euler–Maruyama, additive", 1.0, errors(&well, &EulerMaruyama, &fine)?),
        ("Heun, Stratonovich", 1.0, errors(&motion, &StochasticHeun, &stratonovich)?),
        ("SRA1, additive", 1.5, errors(&well, &StochasticRungeKutta, &fine)?),
    ];
    let orders = curves.each_ref().map(|(_, _, points)| slope(points));
    Ok(Finding {
        measured: format!(
            "{:.2}, {:.2}, {:.2}, {:.2} over steps from 1/64 to 1/512",
            orders[0], orders[1], orders[2], orders[3],
        ),
        pass: orders.iter().zip(&curves).all(|(found, (_, order, _))| (found - order).abs() < 0.1),
        figure: figure(&curves),
    })
}

/// Initial state of every trajectory.
const START: f64 = 1.0;

/// States at time 1 along paths `0..paths`.
fn at_one<F: Diffusion, S: Scheme<F>>(
    field: &F,
    scheme: &S,
    paths: usize,
    level: u32,
) -> Result<Vec<f64>, ebm_core::Error> {
    let options = Options { step: BASE_STEP, level, seed: SEED, ..Options::default() };
    let start = vec![START; paths];
    let x0 = Batch::new(&start, 1)?;
    Ok(sde::integrate_batch(field, scheme, (0.0, 1.0), x0, &options, |_| ())?.x)
}

/// `W(1)` of the same paths.
fn wiener_at_one(paths: usize) -> Result<Vec<f64>, ebm_core::Error> {
    (0..paths as u64)
        .map(|stream| {
            let mut path = BrownianPath::new(SEED, stream, 1, BASE_STEP, 0)?;
            let mut w = 0.0;
            for _ in 0..(1.0 / BASE_STEP) as usize {
                path.advance();
                w += path.increment()[0];
            }
            Ok(w)
        })
        .collect()
}

/// `(h, E|x(1) − xₕ(1)|)` for every level.
fn errors<F: Diffusion, S: Scheme<F>>(
    field: &F,
    scheme: &S,
    reference: &[f64],
) -> Result<Vec<(f64, f64)>, ebm_core::Error> {
    LEVELS
        .map(|level| {
            let x = at_one(field, scheme, reference.len(), level)?;
            let sum: f64 = x.iter().zip(reference).map(|(a, b)| (a - b).abs()).sum();
            Ok((BASE_STEP / f64::from(1 << level), sum / x.len() as f64))
        })
        .collect()
}

/// Least-squares slope in doubly logarithmic axes.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let logs: Vec<(f64, f64)> = points.iter().map(|(h, e)| (h.ln(), e.ln())).collect();
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / n, y + b / n));
    let above: f64 = logs.iter().map(|(a, b)| (a - x) * (b - y)).sum();
    let below: f64 = logs.iter().map(|(a, _)| (a - x) * (a - x)).sum();
    above / below
}

/// A scheme, its order, and the errors at each step.
type Curve = (&'static str, f64, Vec<(f64, f64)>);

fn figure(curves: &[Curve]) -> Figure {
    let mut series = vec![];
    for (name, order, points) in curves {
        series.push(Series {
            name: format!("{name}: {:.2}", slope(points)),
            points: points.clone(),
            mark: Mark::Points,
        });
        // A line of the claimed slope through the coarsest point.
        let (h0, e0) = points[0];
        series.push(Series {
            name: "claimed slope".into(),
            points: points.iter().map(|(h, _)| (*h, e0 * (h / h0).powf(*order))).collect(),
            mark: Mark::Reference,
        });
    }
    Figure::Plot(Plot {
        title: "Error at t = 1 along the same Brownian path".into(),
        x: Axis { label: "step h".into(), log: true },
        y: Axis { label: "mean |x(1) − xₕ(1)|".into(), log: true },
        series,
    })
}
