//! One check for every model: each flow's Lyapunov function falls along its
//! trajectories, at the rate its closed form gives.

use std::error::Error;

use ebm_control::lyapunov_descent;
use ebm_core::coupling::DenseCoupling;
use ebm_core::flow::GradientFlow;
use ebm_core::network::{Activation, FiringRate, Hopfield, SymmetricNetwork};
use ebm_core::ode::{Options, Tolerance};
use ebm_core::{Lyapunov, random};
use ebm_optim::Ising;
use ebm_optim::oscillator::{OscillatorEnergy, natural_strength};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const N: usize = 64;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "control/lyapunov-descent",
        crate_name: "ebm-control",
        claim: "The Lyapunov functions of Hopfield, firing-rate and oscillator networks never \
                rise, and fall at the rate of their closed forms",
        source: "M. A. Cohen and S. Grossberg, IEEE Trans. SMC 13, 815 (1983); T. Wang and J. \
                 Roychowdhury, arXiv 1903.07163",
        target: "V falls; largest rise of V over a step ≤ 1e-9 and |V(t) − V(0) − ∫V̇| ≤ 1e-7, both in units \
                 of the total fall, from 8 random states each",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let starts = if settings.quick { 1 } else { 8 };
    let mut rng = random::stream(5, 0);
    let mut pairs = Vec::new();
    let mut w = vec![0.0; N * N];
    for i in 0..N {
        for j in 0..i {
            let value = rng.random_range(-1.0..1.0);
            let scaled = value * (3.0 / N as f64).sqrt();
            (w[i * N + j], w[j * N + i]) = (scaled, scaled);
            if value > 0.8 {
                pairs.push((j, i, -1.0));
            }
        }
    }
    let weights = DenseCoupling::from_column_major(N, w)?;
    let network = SymmetricNetwork::new(weights, vec![0.1; N], Activation::Tanh { gain: 2.0 })?;
    let graph = Ising::from_couplings(N, &pairs)?;
    let oscillators = OscillatorEnergy::new(&graph, natural_strength(&graph), 0.3)?;
    let flows: [(&str, &dyn Lyapunov, f64); 3] = [
        ("Hopfield network", &Hopfield(network.clone()), 2.0),
        ("firing-rate network", &FiringRate(network), 0.9),
        ("oscillator network", &GradientFlow(oscillators), 3.0),
    ];

    let tolerance = Tolerance { rtol: 1e-10, atol: 1e-12 };
    let options = Options { tolerance, ..Options::default() };
    let (mut rise, mut mismatch) = (0.0_f64, 0.0_f64);
    let mut finished = true;
    let mut series = Vec::new();
    for (name, flow, scale) in flows {
        for start in 0..starts {
            let x0: Vec<f64> = (0..N).map(|_| rng.random_range(-scale..scale)).collect();
            let descent = lyapunov_descent::check(flow, &x0, (0.0, 30.0), &options)?;
            let (first, last) = (descent.values[0].1, descent.values[descent.values.len() - 1].1);
            let fall = first - last;
            finished &= fall > 0.0
                && descent.largest_rate.0 <= 0.0
                && descent.largest_rise.0 <= 1e-9 * fall
                && descent.holds_within(1e-7 * fall);
            rise = larger(rise, descent.largest_rise.0 / fall);
            mismatch = larger(mismatch, descent.largest_mismatch.0 / fall);
            if start == 0 {
                let points = descent.values.iter().map(|&(t, v)| (t, (v - last) / fall));
                series.push(Series {
                    name: name.into(),
                    points: points.collect(),
                    mark: Mark::Line,
                });
            }
        }
    }
    Ok(Finding {
        measured: format!("largest rise {rise:.1e}, largest mismatch {mismatch:.1e}"),
        pass: finished && rise <= 1e-9 && mismatch <= 1e-7,
        figure: Figure::Plot(Plot {
            title: "Lyapunov functions along trajectories, from 1 at the start to 0 at the end"
                .into(),
            x: Axis { label: "time".into(), log: false },
            y: Axis { label: "(V − V end) / fall".into(), log: false },
            series,
        }),
    })
}
