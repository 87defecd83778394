//! A memory of continuous units: when it recalls, and that potentials and rates
//! are one system.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::network::Activation;
use ebm_core::ode::{EULER, Options, StepSize, Watch, integrate_watched};
use ebm_core::{Lyapunov, Snapshot, Workspace, check};
use ebm_memory::{ContinuousMemory, Corruption, Patterns, Relaxation, corrupt};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const STEP: f64 = 0.05;
/// Steps that the figure of the energy shows.
const SHOWN: usize = 600;
const SLOPES: [f64; 5] = [0.8, 1.2, 2.0, 5.0, 20.0];

/// Patterns, overlaps at the slopes that an independent experiment with one set
/// of them found at time 60, and the deviation that sets allow.
type Row = (usize, [f64; 5], [f64; 5]);

const ROWS: [Row; 2] = [
    (10, [0.006, 0.325, 0.944, 1.000, 1.000], [0.06, 0.2, 0.02, 0.01, 0.01]),
    (40, [0.133, 0.186, 0.267, 0.972, 0.993], [0.1, 0.12, 0.12, 0.08, 0.08]),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/continuous-hopfield",
        crate_name: "ebm-memory",
        claim: "A continuous Hopfield memory recalls nothing below the slope 1/λ_max(W) and, at low \
                load, everything well above it; its potentials and firing rates are mapped onto each \
                other exactly",
        source: "J. J. Hopfield, PNAS 81, 3088 (1984); linear stability of the quiescent state",
        target: "400 neurons, 15 % of the cue flipped: for 10 patterns overlap at most 0.05 at 0.9 \
                 of the critical slope, and at slopes 0.8, 1.2, 2, 5, 20 after time 60 0.006, \
                 0.325, 0.944, 1, 1 within 0.06, 0.2, 0.02, 0.01, 0.01; for 40 patterns 0.133, \
                 0.186, 0.267, 0.972, 0.993 within 0.1, 0.12, 0.12, 0.08, 0.08 (an independent \
                 experiment); 5000 Euler steps mapped within 1e-13, energy rising by no more than \
                 1e-11 of its magnitude",
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

/// Mean overlap of five cues, 15 % of their signs flipped, with their patterns
/// after relaxation.
fn overlap(patterns: &Patterns, gain: f64, max_time: f64) -> Result<f64, Box<dyn Error>> {
    let first = patterns.subset(&[0, 1, 2, 3, 4])?;
    let cues = corrupt(first.as_batch(), 0.15, Corruption::FlipSign, 4)?;
    let memory = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain })?;
    let relaxation = Relaxation { max_time, ..Relaxation::default() };
    let found = relaxation.retrieve(&memory, cues.as_batch())?;
    let overlaps = found.states().columns().enumerate().map(|(mu, v)| patterns.overlap(mu, v));
    Ok(overlaps.sum::<f64>() / 5.0)
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (sets, rows) = if settings.quick { (1, &ROWS[..1]) } else { (4, &ROWS[..]) };
    let neurons = 400;
    let mut series = vec![];
    // Largest deviation over what is allowed.
    let (mut quiet, mut off) = (f64::NAN, 0.0);
    for &(count, expected, allowed) in rows {
        let patterns = Patterns::random_signs(neurons, count, 3)?;
        let critical =
            ContinuousMemory::hebb(patterns.clone(), Activation::default())?.critical_slope()?;
        if count == 10 {
            quiet = overlap(&patterns, 0.9 * critical, 1000.0)?.abs();
        }
        let mut slopes = SLOPES.to_vec();
        if !settings.quick {
            slopes.extend([0.5, 1.0, 1.5, 3.0, 4.0, 10.0]);
        }
        slopes.sort_by(f64::total_cmp);
        let (mut points, mut ends) = (vec![], vec![]);
        for slope in slopes {
            let mut found = vec![];
            for set in 0..sets {
                found.push(overlap(
                    &Patterns::random_signs(neurons, count, 3 + set)?,
                    slope,
                    60.0,
                )?);
            }
            let n = found.len() as f64;
            let mean = found.iter().sum::<f64>() / n;
            let squares: f64 = found.iter().map(|m| (m - mean) * (m - mean)).sum();
            let error = (squares / (n * (n - 1.0))).sqrt();
            points.push((slope, mean));
            ends.extend([(slope, mean - error), (slope, mean + error)]);
            if let Some(k) = SLOPES.iter().position(|s| *s == slope) {
                off = larger(off, (mean - expected[k]).abs() / allowed[k]);
            }
        }
        let name = format!("{count} patterns");
        series.push(Series { name: name.clone(), points, mark: Mark::Line });
        if sets > 1 {
            series.push(Series { name, points: ends, mark: Mark::Intervals });
        }
        series.push(Series {
            name: format!("1/λ_max, {count} patterns"),
            points: vec![(critical, 0.0), (critical, 1.0)],
            mark: Mark::Reference,
        });
    }

    let patterns = Patterns::random_signs(neurons, 10, 3)?;
    let start = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 4)?;
    let mut start = start.pattern(0).to_vec();
    start.iter_mut().for_each(|x| *x *= 0.9);
    let memory = ContinuousMemory::hebb(patterns, Activation::Tanh { gain: 2.0 })?;
    let ws = &mut Workspace::new();
    let mut mapped = vec![0.0; neurons];
    memory.network().input(&start, &mut mapped, ws);
    let end = if settings.quick { 5.0 } else { 250.0 };
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
            points: values.iter().enumerate().take(SHOWN).map(point).collect(),
            mark: if name == "Hopfield" { Mark::Reference } else { Mark::Line },
        });
    }
    Ok(Finding {
        measured: format!(
            "overlap {quiet:.3} at 0.9 of the critical slope; off the experiment by at most \
             {off:.2} of what is allowed; deviation of the map {deviation:.0e}, largest step of E \
             {rise:+.0e}"
        ),
        // A single set in the short run.
        pass: quiet <= 0.05
            && (settings.quick || off <= 1.0)
            && deviation <= 1e-13
            && rise <= 1e-11,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: format!("Recall by {neurons} continuous units, 15 % of the cue flipped"),
                x: Axis { label: "slope of the activation, β".into(), log: true },
                y: Axis { label: "overlap of the rates at time 60".into(), log: false },
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
