//! The two-layer models of Krotov and Hopfield descend their energy, and a fast
//! hidden layer leaves the memory of one layer.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::check::{descent, observed_order};
use ebm_core::ode::{self, Options, StepSize, Tolerance, Watch};
use ebm_core::random::{fill_normal, stream};
use ebm_core::{Lyapunov, Snapshot, Workspace};
use ebm_memory::{LayeredMemory, Patterns};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const N: usize = 20;
const K: usize = 30;
const STEP: f64 = 1e-3;
/// Rounding of fifty terms that largely cancel, relative to the energy.
const RISE: f64 = 3e-14;
/// Smallest energy above the last one that the figure shows.
const LEAST: f64 = 1e-6;
/// End of the time axis of the figure.
const SHOWN: f64 = 10.0;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/layered-memory",
        crate_name: "ebm-memory",
        claim: "Models A, B and C of Krotov and Hopfield never raise their energy, with pairwise \
                synapses only, and tend to memories of one layer as the hidden neurons get fast",
        source: "D. Krotov and J. J. Hopfield, arXiv 2008.06996",
        target: "largest rise of E over a step of 0.001 at most 3e-14 of max(1, |E|), for 20 \
                 visible and 30 hidden neurons with τ_h = 0.1, to rest at t = 40; distance to the one-layer flow of \
                 order 1 ± 0.1 in τ_h",
        run,
    }
}

type Model = fn(&Patterns, f64) -> Result<LayeredMemory, ebm_memory::Error>;

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    // Columns of unit length on average, as model C keeps its visible neurons.
    let unit = 1.0 / (N as f64).sqrt();
    let signs = Patterns::random_signs(N, K, 1)?;
    let scaled = signs.as_batch().as_slice().iter().map(|x| x * unit).collect();
    let patterns = Patterns::new(scaled, N)?;
    let models: [(&str, Model); 3] = [
        ("A, n = 3", |xi, tau| LayeredMemory::model_a(xi, 1.0, 3.0, tau)),
        ("B, β = 8", |xi, tau| LayeredMemory::model_b(xi, 8.0, tau)),
        ("C, n = 3", |xi, tau| LayeredMemory::model_c(xi, 3.0, tau)),
    ];
    let span = (0.0, if settings.quick { 1.0 } else { 40.0 });
    let starts = if settings.quick { 1 } else { 4 };

    let (mut pass, mut measured, mut falls, mut limits) =
        (true, Vec::new(), Vec::new(), Vec::new());
    for (name, model) in models {
        let memory = model(&patterns, 0.1)?;
        let mut largest = f64::NEG_INFINITY;
        let mut curve = Vec::new();
        for seed in 0..starts {
            let mut x = vec![0.0; memory.dim()];
            fill_normal(&mut stream(2, seed), &mut x);
            let trace = energies(&memory, &x, span)?;
            let values: Vec<f64> = trace.iter().map(|(_, e)| *e).collect();
            let found = descent(&values, RISE)?;
            largest = larger(largest, found.largest_rise);
            pass &= found.holds() && found.total_drop > 0.0;
            if seed == 0 {
                let last = values[values.len() - 1];
                let shown = trace.iter().step_by(50).take_while(|(t, _)| *t <= SHOWN);
                let above = shown.map(|(t, e)| (*t, e - last));
                curve = above.filter(|(_, e)| *e > LEAST).collect();
            }
        }
        falls.push(Series { name: format!("model {name}"), points: curve, mark: Mark::Line });

        let taus: Vec<f64> = (0..5).map(|k| 0.04 * 0.5f64.powi(k)).collect();
        let points = approach(model, &patterns, &taus)?;
        let mut gaps = points.iter().map(|(_, gap)| *gap);
        let order = observed_order(taus[0], taus.len(), |_| gaps.next().unwrap_or(f64::NAN))?;
        pass &= (order.finest() - 1.0).abs() <= 0.1;
        measured.push(format!("{name}: rise {largest:.0e}, order {:.2}", order.finest()));
        limits.push(Series { name: format!("model {name}"), points, mark: Mark::Points });
    }
    limits.push(Series {
        name: "proportional to τ_h".into(),
        points: vec![(0.0025, 0.0025), (0.04, 0.04)],
        mark: Mark::Reference,
    });
    let figure = Figure::Panels(vec![
        Figure::Plot(Plot {
            title: "The energy only falls".into(),
            x: Axis { label: "time".into(), log: false },
            y: Axis { label: "energy above its last value".into(), log: true },
            series: falls,
        }),
        Figure::Plot(Plot {
            title: "Fast hidden neurons leave a memory of one layer".into(),
            x: Axis { label: "time constant τ_h of the hidden neurons".into(), log: true },
            y: Axis { label: "distance to the one-layer flow at t = 1".into(), log: true },
            series: limits,
        }),
    ]);
    Ok(Finding { measured: measured.join("; "), pass, figure })
}

/// Energy after every step of Euler's method.
fn energies(
    memory: &LayeredMemory,
    x: &[f64],
    span: (f64, f64),
) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let mut trace = Vec::new();
    let ws = &mut Workspace::new();
    let mut observer = |s: &Snapshot<'_>| {
        trace.push((s.t, memory.lyapunov(s.x, ws)));
        ControlFlow::Continue(())
    };
    let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
    let options = Options { step: StepSize::Fixed(STEP), ..Options::default() };
    let mut euler = ode::EULER.stepper(x.len());
    let end = ode::integrate_watched(memory, &mut euler, span, x, &options, watch)?;
    if end.outcome.is_success() { Ok(trace) } else { Err(format!("{:?}", end.outcome).into()) }
}

/// For every time constant the distance, at time 1, of the visible neurons to
/// those of the one-layer memory, from hidden neurons at rest.
fn approach(
    model: Model,
    patterns: &Patterns,
    taus: &[f64],
) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let mut v = vec![0.0; N];
    fill_normal(&mut stream(3, 0), &mut v);
    let end = |memory: &LayeredMemory, x: &[f64]| -> Result<Vec<f64>, Box<dyn Error>> {
        let tolerance = Tolerance { rtol: 1e-9, atol: 1e-11 };
        let options = Options { tolerance, ..Options::default() };
        let mut method = ode::TSITOURAS.stepper(x.len());
        Ok(ode::integrate(memory, &mut method, (0.0, 1.0), x, &options)?.x)
    };
    let one_layer = model(patterns, 1.0)?.eliminate(1)?;
    let limit = end(&one_layer, &v)?;
    let mut points = Vec::new();
    for &tau in taus {
        let memory = model(patterns, tau)?;
        let g = memory.activations(&memory.state(&[(0, &v)])?);
        let h: Vec<f64> = (0..K).map(|mu| N as f64 * patterns.overlap(mu, &g[..N])).collect();
        let x = end(&memory, &memory.state(&[(0, &v), (1, &h)])?)?;
        let gap: f64 = x.iter().zip(&limit).map(|(a, b)| (a - b) * (a - b)).sum();
        points.push((tau, gap.sqrt()));
    }
    Ok(points)
}
