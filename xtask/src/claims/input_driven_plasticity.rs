//! Input-driven plasticity: which memories exist, which attract, how deep they
//! are, and where noise leads.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::network::Activation;
use ebm_core::sde::{self, StochasticRungeKutta};
use ebm_core::transform::Noisy;
use ebm_core::{Lyapunov, Snapshot, Workspace, ode, random};
use ebm_memory::{InputDrivenPlasticity, MemoryLaw, Patterns};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Points of a curve.
type Curve = Vec<(f64, f64)>;

/// Gains, and for every memory its amplitude and depth, and whether it attracts.
type Case = ([f64; 4], [Option<(f64, f64, bool)>; 4]);

const CASES: [Case; 2] = [
    (
        [2.0, 1.5, 1.2, 0.9],
        [
            Some((1.915, -0.3265, true)),
            Some((1.288, -0.1152, true)),
            Some((0.790, -0.0241, false)),
            None,
        ],
    ),
    (
        [3.0, 2.9, 1.2, 0.5],
        [
            Some((2.9847, -0.8094, true)),
            Some((2.8818, -0.7599, true)),
            Some((0.790, -0.0241, false)),
            None,
        ],
    ),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/input-driven-plasticity",
        crate_name: "ebm-memory",
        claim: "The input decides which memories exist, which attract and which is deepest; noise \
                leads from the shallow ones to the deepest",
        source: "S. Betteti, G. Baggio, F. Bullo, S. Zampieri, arXiv 2411.05849; c = α tanh c and \
                 max α_ν ψ′(c) < 1 for orthogonal patterns",
        target: "1024 neurons, gains (2, 1.5, 1.2, 0.9): amplitudes 1.915, 1.288, 0.790 within \
                 5e-4 and depths −0.3265, −0.1152, −0.0241 within 5e-5; the flow holds the first \
                 two within 1e-4, leaves the third for the first, and has no fourth; likewise for \
                 (3, 2.9, 1.2, 0.5); at noise 1 a state in the second well ends in the first",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let dim = if settings.quick { 128 } else { 1024 };
    let activation = Activation::Tanh { gain: 1.0 };
    let memory = InputDrivenPlasticity::new(Patterns::hadamard(dim, 4)?, activation)?;
    let (mut amplitude_error, mut depth_error, mut flow_error) = (0.0, 0.0, 0.0);
    let mut verdicts = true;
    let (mut reached, mut depths) = (vec![], vec![]);
    for (gains, expected) in &CASES {
        let strongest = memory.law(gains, 0)?.ok_or("the first memory exists")?;
        for (mu, expected) in expected.iter().enumerate() {
            let law = memory.law(gains, mu)?;
            let (amplitude, energy, held) = settle(&memory, gains, mu, law.map(|l| l.amplitude))?;
            match (law, expected) {
                (Some(law), Some((c, depth, stable))) => {
                    amplitude_error = larger(amplitude_error, (law.amplitude - c).abs());
                    depth_error = larger(depth_error, (law.energy_per_neuron - depth).abs());
                    verdicts &= law.is_stable() == *stable;
                    if *stable {
                        flow_error = larger(flow_error, (amplitude - law.amplitude).abs());
                        flow_error = larger(flow_error, (energy - law.energy_per_neuron).abs());
                        verdicts &= held == mu;
                        reached.push((gains[mu], amplitude));
                        depths.push((gains[mu], energy));
                    }
                }
                (None, None) => {}
                _ => verdicts = false,
            }
            if !law.is_some_and(|l| l.is_stable()) {
                verdicts &= held == 0 && (amplitude - strongest.amplitude).abs() < 1e-4;
            }
        }
    }
    let quiet = wander(&memory, 0.1)?;
    let noisy = wander(&memory, 1.0)?;
    let last = |run: &[Curve], mu: usize| run[mu].last().map_or(f64::NAN, |p| p.1);
    verdicts &= last(&quiet, 1) > 1.0 && last(&noisy, 1) < 0.2 && last(&noisy, 0) > 1.0;
    Ok(Finding {
        measured: format!(
            "amplitudes off by {amplitude_error:.0e}, depths by {depth_error:.0e}, flow off the \
             law by {flow_error:.0e}; {}; at noise 1 the overlap with the deepest well ends at \
             {:.2}, with the first one held at {:.2}",
            if verdicts { "all verdicts right" } else { "a verdict is wrong" },
            last(&noisy, 0),
            last(&noisy, 1),
        ),
        pass: verdicts && amplitude_error < 5e-4 && depth_error < 5e-5 && flow_error < 1e-4,
        figure: Figure::Panels(vec![
            over_gain(
                &memory,
                ["A memory exists above a gain of one", "amplitude of the memory", "c = α tanh c"],
                |law| law.map_or(0.0, |l| l.amplitude),
                reached,
            )?,
            over_gain(
                &memory,
                [
                    "The larger its gain, the deeper a memory",
                    "energy of a neuron, E / N",
                    "−½αψ(c)² + cψ(c) − ∫ψ",
                ],
                |law| law.map_or(0.0, |l| l.energy_per_neuron),
                depths,
            )?,
            Figure::Plot(Plot {
                title: "Noise leads from a shallow well to the deepest".into(),
                x: Axis { label: "time".into(), log: false },
                y: Axis { label: "overlap with a memory".into(), log: false },
                series: noisy
                    .into_iter()
                    .take(3)
                    .zip(["gain 2, deepest", "gain 1.5, where it starts", "gain 1.2"])
                    .map(|(points, name)| Series { name: name.into(), points, mark: Mark::Line })
                    .collect(),
            }),
        ]),
    })
}

/// Size of the largest overlap where the flow ends from near memory `mu`, the
/// energy per neuron there, and the memory.
fn settle(
    memory: &InputDrivenPlasticity,
    gains: &[f64],
    mu: usize,
    amplitude: Option<f64>,
) -> Result<(f64, f64, usize), Box<dyn Error>> {
    let network = memory.under(&memory.input(gains)?)?;
    let dim = memory.patterns().dim();
    let mut x = vec![0.0; dim];
    random::fill_normal(&mut random::stream(1, mu as u64), &mut x);
    for (x, s) in x.iter_mut().zip(memory.patterns().pattern(mu)) {
        *x = amplitude.unwrap_or(0.5) * s + 0.02 * *x;
    }
    let mut stepper = ode::TSITOURAS.stepper(dim);
    let end = ode::integrate(&network, &mut stepper, (0.0, 300.0), &x, &ode::Options::default())?;
    let (held, overlap) = (0..gains.len())
        .map(|mu| (mu, memory.patterns().overlap(mu, &end.x).abs()))
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    let energy = network.lyapunov(&end.x, &mut Workspace::new()) / dim as f64;
    Ok((overlap, energy, held))
}

/// Overlaps with all memories over time, from the second, under noise.
fn wander(memory: &InputDrivenPlasticity, noise: f64) -> Result<Vec<Curve>, Box<dyn Error>> {
    let gains = CASES[0].0;
    let law = memory.law(&gains, 1)?.ok_or("the second memory exists")?;
    let start: Vec<f64> = memory.patterns().pattern(1).iter().map(|s| law.amplitude * s).collect();
    let network = memory.under(&memory.input(&gains)?)?;
    let field = Noisy::new(&network, noise)?;
    let mut overlaps = vec![vec![]; gains.len()];
    let mut record = |snapshot: &Snapshot<'_>| {
        if snapshot.step.is_multiple_of(5) {
            for (mu, points) in overlaps.iter_mut().enumerate() {
                // A memory and its negative are one.
                points.push((snapshot.t, memory.patterns().overlap(mu, snapshot.x).abs()));
            }
        }
        ControlFlow::Continue(())
    };
    let options = sde::Options { step: 0.1, seed: 3, ..sde::Options::default() };
    let span = (0.0, 80.0);
    let scheme = StochasticRungeKutta;
    let end = sde::integrate(&field, &scheme, span, &start, &options, &mut record)?;
    if end.outcome.is_success() { Ok(overlaps) } else { Err("the noisy run diverged".into()) }
}

/// A quantity over the gain, by the law and where the flow rests; title, axis
/// and formula are named.
fn over_gain(
    memory: &InputDrivenPlasticity,
    [title, axis, formula]: [&str; 3],
    quantity: fn(Option<MemoryLaw>) -> f64,
    reached: Curve,
) -> Result<Figure, Box<dyn Error>> {
    let mut curve = vec![(0.4, 0.0), (1.0, 0.0)];
    for k in 1..=100 {
        let gain = 1.0 + 0.022 * f64::from(k);
        let law = memory.law(&[gain, 0.0, 0.0, 0.0], 0)?;
        curve.push((gain, quantity(law)));
    }
    Ok(Figure::Plot(Plot {
        title: title.into(),
        x: Axis { label: "gain set by the input".into(), log: false },
        y: Axis { label: axis.into(), log: false },
        series: vec![
            Series { name: formula.into(), points: curve, mark: Mark::Reference },
            Series { name: "where the flow rests".into(), points: reached, mark: Mark::Points },
        ],
    }))
}
