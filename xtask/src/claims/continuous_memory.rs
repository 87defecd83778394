//! A memory of continuous units: when it recalls, and that potentials and rates
//! are one system.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::network::Activation;
use ebm_core::ode::{EULER, Options, StepSize, Watch, integrate_watched};
use ebm_core::{Lyapunov, Snapshot, Workspace, check};
use ebm_memory::{Batch, ContinuousMemory, Corruption, Patterns, Relaxation, corrupt};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const STEP: f64 = 0.05;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/continuous-hopfield",
        crate_name: "ebm-memory",
        claim: "A continuous Hopfield memory recalls nothing below the slope 1/λ_max(W) and, at low \
                load, everything well above it; its potentials and firing rates are mapped onto each \
                other exactly",
        source: "J. J. Hopfield, PNAS 81, 3088 (1984); linear stability of the quiescent state",
        target: "10 patterns, 15 % of the cue flipped: overlap at most 0.05 at 0.9 of the critical \
                 slope, at least 0.99 at slope 5; Euler trajectories mapped within 1e-12, energy \
                 rising by no more than 1e-11 of its magnitude",
        run,
    }
}

/// The states after every Euler step.
fn euler(field: &dyn Lyapunov, x0: &[f64], end: f64) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let mut states = Vec::new();
    let mut record = |snapshot: &Snapshot<'_>| {
        states.push(snapshot.x.to_vec());
        ControlFlow::Continue(())
    };
    let options = Options { step: StepSize::Fixed(STEP), ..Options::default() };
    let watch = Watch { observer: Some(&mut record), ..Watch::default() };
    let mut method = EULER.stepper(x0.len());
    let end = integrate_watched(field, &mut method, (0.0, end), x0, &options, watch)?;
    if end.outcome.is_success() { Ok(states) } else { Err(format!("{:?}", end.outcome).into()) }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (neurons, tried) = if settings.quick { (150, 2) } else { (400, 3) };
    let mut series = vec![];
    let (mut quiet, mut loud) = (f64::NAN, f64::NAN);
    for count in [10, 40] {
        let patterns = Patterns::random_signs(neurons, count, 3)?;
        let first: Vec<usize> = (0..tried).collect();
        let cues = corrupt(patterns.subset(&first)?.as_batch(), 0.15, Corruption::FlipSign, 4)?;
        let overlap = |gain: f64| -> Result<f64, Box<dyn Error>> {
            let memory = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain })?;
            let found = Relaxation::default().run(&memory, Batch::new(&cues, neurons)?)?;
            let overlaps = found.rates().columns().enumerate();
            let sum: f64 = overlaps.map(|(mu, v)| patterns.overlap(mu, v)).sum();
            Ok(sum / tried as f64)
        };
        let critical =
            ContinuousMemory::hebb(patterns.clone(), Activation::default())?.critical_slope()?;
        let mut points = vec![];
        let gains: &[f64] =
            if settings.quick { &[0.9, 1.3] } else { &[0.7, 0.9, 1.1, 1.4, 2.0, 3.0] };
        for relative in gains {
            points.push((relative * critical, overlap(relative * critical)?));
        }
        points.push((5.0, overlap(5.0)?));
        if count == 10 {
            quiet = overlap(0.9 * critical)?.abs();
            loud = points[points.len() - 1].1;
        }
        let name = format!("{count} patterns");
        series.push(Series { name, points, mark: Mark::Line });
        series.push(Series {
            name: format!("1/λ_max, {count} patterns"),
            points: vec![(critical, 0.0), (critical, 1.0)],
            mark: Mark::Reference,
        });
    }

    let patterns = Patterns::random_signs(neurons, 10, 3)?;
    let mut start = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 4)?;
    start.truncate(neurons);
    start.iter_mut().for_each(|x| *x *= 0.9);
    let memory = ContinuousMemory::hebb(patterns, Activation::Tanh { gain: 2.0 })?;
    let ws = &mut Workspace::new();
    let mut mapped = vec![0.0; neurons];
    memory.network().input(&start, &mut mapped, ws);
    let end = if settings.quick { 5.0 } else { 30.0 };
    let rates = euler(&memory.firing_rate(), &start, end)?;
    let potentials = euler(&memory.hopfield(), &mapped, end)?;
    let (mut deviation, mut rise) = (0.0, f64::NEG_INFINITY);
    for (rates, potentials) in rates.iter().zip(&potentials) {
        memory.network().input(rates, &mut mapped, ws);
        let apart = mapped.iter().zip(potentials).map(|(a, b)| (a - b).abs());
        deviation = larger(deviation, apart.fold(0.0, larger));
    }
    let mut energies = vec![];
    let (slow, fast) = (memory.firing_rate(), memory.hopfield());
    for (name, field, states) in [
        ("firing rate", &slow as &dyn Lyapunov, &rates),
        ("Hopfield", &fast as &dyn Lyapunov, &potentials),
    ] {
        let values: Vec<f64> = states.iter().map(|x| field.lyapunov(x, ws)).collect();
        rise = larger(rise, check::descent(&values, 1e-11)?.largest_rise);
        let point = |(k, v): (usize, &f64)| (k as f64 * STEP, v / neurons as f64);
        energies.push(Series {
            name: name.into(),
            points: values.iter().enumerate().map(point).collect(),
            mark: if name == "Hopfield" { Mark::Reference } else { Mark::Line },
        });
    }
    Ok(Finding {
        measured: format!(
            "overlap {quiet:.3} at 0.9 of the critical slope, {loud:.3} at slope 5; deviation of \
             the map {deviation:.0e}, largest step of E {rise:+.0e}"
        ),
        pass: quiet <= 0.05 && loud >= 0.99 && deviation <= 1e-12 && rise <= 1e-11,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: format!("Recall by {neurons} continuous units, 15 % of the cue flipped"),
                x: Axis { label: "slope of the activation, β".into(), log: false },
                y: Axis { label: "overlap of the rates with the pattern".into(), log: false },
                series,
            }),
            Figure::Plot(Plot {
                title: "One energy along rates and potentials, β = 2".into(),
                x: Axis { label: "time / τ".into(), log: false },
                y: Axis { label: "E / N".into(), log: false },
                series: energies,
            }),
        ]),
    })
}
