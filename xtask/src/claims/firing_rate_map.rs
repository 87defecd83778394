//! The firing-rate and the Hopfield form of a symmetric network are one system
//! in two sets of variables.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::coupling::DenseCoupling;
use ebm_core::network::{Activation, FiringRate, Hopfield, SymmetricNetwork};
use ebm_core::ode::{Options, RUNGE_KUTTA4, StepSize, Watch, integrate_watched};
use ebm_core::{Lyapunov, Snapshot, Workspace, check, random};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const STEP: f64 = 0.05;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/firing-rate-map",
        crate_name: "ebm-core",
        claim: "x_H = W x_FR + b carries firing-rate trajectories to Hopfield trajectories, and \
                one energy falls along both",
        source: "linear change of variables; energy of J. J. Hopfield, PNAS 81, 3088 (1984)",
        target: "largest deviation ≤ 1e-12 relative to max(1, |x|) over 400 steps of Runge–Kutta; \
                 no rise of the energy above 1e-12 of its magnitude",
        run,
    }
}

/// The states after every step of fixed size.
fn trajectory(field: &dyn Lyapunov, x0: &[f64], end: f64) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let mut states = Vec::new();
    let mut record = |snapshot: &Snapshot<'_>| {
        states.push(snapshot.x.to_vec());
        ControlFlow::Continue(())
    };
    let options = Options { step: StepSize::Fixed(STEP), ..Options::default() };
    let watch = Watch { observer: Some(&mut record), ..Watch::default() };
    let mut method = RUNGE_KUTTA4.stepper(x0.len());
    let end = integrate_watched(field, &mut method, (0.0, end), x0, &options, watch)?;
    if end.outcome.is_success() { Ok(states) } else { Err(format!("{:?}", end.outcome).into()) }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let n = if settings.quick { 32 } else { 200 };
    let mut rng = random::stream(11, 0);
    let mut w = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let value = rng.random_range(-1.0..1.0) * 1.3 / (n as f64).sqrt();
            (w[i * n + j], w[j * n + i]) = (value, value);
        }
    }
    let weights = DenseCoupling::from_column_major(n, w)?;
    let bias: Vec<f64> = (0..n).map(|_| rng.random_range(-0.3..0.3)).collect();
    let start: Vec<f64> = (0..n).map(|_| rng.random_range(0.05..0.95)).collect();

    let ws = &mut Workspace::new();
    let (mut deviation, mut rise) = (0.0_f64, f64::NEG_INFINITY);
    let (mut energies, mut deviations) = (Vec::new(), Vec::new());
    for (name, activation) in [
        ("tanh", Activation::Tanh { gain: 2.0 }),
        ("logistic", Activation::Logistic { gain: 4.0 }),
        ("saturated linear", Activation::SaturatedLinear),
    ] {
        let network = SymmetricNetwork::new(&weights, bias.clone(), activation)?;
        let mut mapped = vec![0.0; n];
        network.input(&start, &mut mapped, ws);
        let (slow, fast) = (FiringRate(network.clone()), Hopfield(network.clone()));
        let rates = trajectory(&slow, &start, 400.0 * STEP)?;
        let potentials = trajectory(&fast, &mapped, 400.0 * STEP)?;

        let time = |k: usize| k as f64 * STEP;
        let mut points = Vec::new();
        for (k, (rates, potentials)) in rates.iter().zip(&potentials).enumerate() {
            network.input(rates, &mut mapped, ws);
            let worst = mapped
                .iter()
                .zip(potentials)
                .map(|(a, b)| (a - b).abs() / a.abs().max(1.0))
                .fold(0.0, f64::max);
            deviation = deviation.max(worst);
            // A logarithmic axis has no zero: agreement to the bit shows as ε/2.
            points.push((time(k), worst.max(0.5 * f64::EPSILON)));
        }
        deviations.push(Series { name: name.into(), points, mark: Mark::Line });

        let along = |flow: &dyn Lyapunov, states: &[Vec<f64>], ws: &mut Workspace| -> Vec<f64> {
            states.iter().map(|x| flow.lyapunov(x, ws)).collect()
        };
        let forms = [
            ("firing rate", along(&slow, &rates, ws)),
            ("Hopfield", along(&fast, &potentials, ws)),
        ];
        for (form, values) in forms {
            rise = rise.max(check::descent(&values, 1e-12)?.largest_rise);
            if name == "tanh" {
                let points = values.iter().enumerate();
                energies.push(Series {
                    name: form.into(),
                    points: points.map(|(k, v)| (time(k), v / n as f64)).collect(),
                    mark: if form == "Hopfield" { Mark::Reference } else { Mark::Line },
                });
            }
        }
    }
    deviations.push(Series {
        name: "target".into(),
        points: vec![(0.0, 1e-12), (400.0 * STEP, 1e-12)],
        mark: Mark::Reference,
    });
    let time_axis = || Axis { label: "time / τ".into(), log: false };
    Ok(Finding {
        measured: format!("largest deviation {deviation:.1e}, largest step of E {rise:+.1e}"),
        pass: deviation <= 1e-12 && rise <= 1e-12,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: format!("One energy along both forms, tanh, N = {n}"),
                x: time_axis(),
                y: Axis { label: "E / N".into(), log: false },
                series: energies,
            }),
            Figure::Plot(Plot {
                title: "Deviation of the mapped trajectory".into(),
                x: time_axis(),
                y: Axis { label: "max |x_H − (W x_FR + b)|, relative".into(), log: true },
                series: deviations,
            }),
        ]),
    })
}
