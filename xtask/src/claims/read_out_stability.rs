//! Which states the oscillators hold: the certificate against the flow.

use std::error::Error;
use std::f64::consts::PI;

use ebm_core::flow::GradientFlow;
use ebm_core::{ode, random};
use ebm_optim::Ising;
use ebm_optim::oscillator::{
    CouplingShape, OscillatorEnergy, Verdict, natural_strength, read_out_stability,
};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/read-out-stability",
        crate_name: "ebm-optim",
        claim: "Oscillators hold a read-out state exactly where 2 K_s > −K λ_min(L(s))",
        source: "T. Wang and J. Roychowdhury, arXiv 1903.07163; A. Allibhoy et al., arXiv \
                 2308.04435; growth rates of perturbations of the flow by integration",
        target: "certified and integrated growth rates within 1 % of the curvature bound, and verdicts \
                 equal, for both shapes of coupling",
        run,
    }
}

const SPINS: usize = 16;

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let problems = if settings.quick { 3 } else { 15 };
    let shapes = [CouplingShape::Sine, CouplingShape::SquareWave { sharpness: 3.0 }];
    let (mut worst, mut disagreements, mut states) = (0.0, 0, 0);
    let mut series = vec![];
    for (shape, name) in shapes.into_iter().zip(["sine", "square wave"]) {
        let mut points = vec![];
        for seed in 0..problems {
            let problem = glass(seed)?;
            let mut rng = random::stream(seed, 1);
            let spins: Vec<i8> = (0..SPINS).map(|_| if rng.random() { 1 } else { -1 }).collect();
            let coupling = natural_strength(&problem);
            let least = read_out_stability(&problem, &spins, coupling, 0.0, shape)?.least_locking.0;
            for factor in [0.5, 0.9, 1.1, 1.5] {
                let locking = factor * least;
                let certificate = read_out_stability(&problem, &spins, coupling, locking, shape)?;
                let energy = OscillatorEnergy::new(&problem, coupling, locking)?;
                let energy = energy.with_shape(shape)?;
                let growth = growth_rate(&energy, &spins, seed)?;
                let certified = -0.5 * (certificate.curvature.0 + certificate.curvature.1);
                let scale = energy.curvature_bound();
                worst = larger(worst, (growth - certified).abs() / scale);
                let expected = if growth < 0.0 { Verdict::Stable } else { Verdict::Unstable };
                disagreements += usize::from(certificate.verdict != expected);
                states += 1;
                points.push((certified, growth));
            }
        }
        series.push(Series { name: name.into(), points, mark: Mark::Points });
    }
    let ends = series.iter().flat_map(|s| &s.points).map(|p| p.0);
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(l, h), x| (l.min(x), h.max(x)));
    let diagonal = vec![(low, low), (high, high)];
    series.push(Series { name: "equal".into(), points: diagonal, mark: Mark::Reference });
    Ok(Finding {
        measured: format!(
            "rates within {:.3} %, {disagreements} of {states} verdicts differ",
            100.0 * worst
        ),
        pass: worst < 0.01 && disagreements == 0,
        figure: Figure::Plot(Plot {
            title: "Growth of a perturbation of a read-out state".into(),
            x: Axis {
                label: "certified rate, −K g′(0) λ_min(L(s)) − 2 K_s".into(), log: false
            },
            y: Axis { label: "rate along the flow".into(), log: false },
            series,
        }),
    })
}

fn glass(seed: u64) -> Result<Ising, Box<dyn Error>> {
    let mut rng = random::stream(seed, 0);
    let mut pairs = vec![];
    for i in 0..SPINS {
        for j in i + 1..SPINS {
            if rng.random::<f64>() < 0.4 {
                pairs.push((i, j, rng.random_range(-1.0..1.0)));
            }
        }
    }
    let fields = (0..SPINS).map(|_| rng.random_range(-0.5..0.5)).collect();
    Ok(Ising::from_couplings(SPINS, &pairs)?.with_fields(fields)?)
}

/// The rate at which the distance from the state grows along the flow, with the
/// perturbation brought back to its size again and again (Benettin's method).
fn growth_rate(
    energy: &OscillatorEnergy<'_>,
    spins: &[i8],
    seed: u64,
) -> Result<f64, Box<dyn Error>> {
    const SIZE: f64 = 1e-5;
    const ROUNDS: usize = 120;
    let home: Vec<f64> = spins.iter().map(|s| if *s > 0 { 0.0 } else { PI }).collect();
    let mut rng = random::stream(seed, 2);
    let mut offset: Vec<f64> = home.iter().map(|_| rng.random_range(-SIZE..SIZE)).collect();
    let options = ode::Options {
        tolerance: ode::Tolerance { rtol: 1e-12, atol: 1e-11 },
        ..ode::Options::default()
    };
    let flow = GradientFlow(*energy);
    let mut method = ode::TSITOURAS.stepper(SPINS);
    let duration = 6.0 / energy.curvature_bound();
    let mut growth = 0.0;
    for round in 0..ROUNDS {
        let start: Vec<f64> = home.iter().zip(&offset).map(|(x, d)| x + d).collect();
        let end = ode::integrate(&flow, &mut method, (0.0, duration), &start, &options)?;
        let before = norm(&offset);
        for (offset, (x, y)) in offset.iter_mut().zip(end.x.iter().zip(&home)) {
            *offset = x - y;
        }
        let after = norm(&offset);
        // The first rounds turn the perturbation to the direction that grows fastest.
        if round >= ROUNDS / 2 {
            growth += (after / before).ln();
        }
        offset.iter_mut().for_each(|d| *d *= SIZE / after);
    }
    Ok(growth / (duration * (ROUNDS - ROUNDS / 2) as f64))
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}
