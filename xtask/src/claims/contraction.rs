//! Contraction of symmetric networks: the closed-form certificate holds at every
//! vertex of the slope box, is attained, and bounds real trajectories.

use std::error::Error;

use ebm_control::contraction::{Certificate, Form, Verdict, symmetric_network};
use ebm_control::log_norm;
use ebm_core::coupling::DenseCoupling;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::network::{Activation, FiringRate, SymmetricNetwork};
use ebm_core::ode::{self, Options, Tolerance, Watch};
use ebm_core::random;
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const N: usize = 8;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "control/contraction",
        crate_name: "ebm-control",
        claim: "Symmetric firing-rate and Hopfield networks contract at rate 1 − λ_max(W) in the \
                norm of P = 2λ_max I − W and of its inverse",
        source: "V. Centorrino et al., arXiv 2302.13452; vertices of the slope box by enumeration",
        target: "log norm ≤ −rate + 1e-8 at all 2⁸ slope patterns, equal to it within 1e-6 at \
                 full slope",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let networks = if settings.quick { 4 } else { 60 };
    let (mut worst, mut gap) = (f64::NEG_INFINITY, 0.0_f64);
    for seed in 0..networks {
        let w = random_weights(seed)?;
        for form in [Form::FiringRate, Form::Hopfield] {
            let certificate = certificate(&w, form)?;
            let mut at_full_slope = f64::NAN;
            for vertex in 0..1_u32 << N {
                let mu = certificate.norm.log_norm(&jacobian(&w, vertex, form))?;
                worst = larger(worst, mu + certificate.rate);
                if vertex == (1 << N) - 1 {
                    at_full_slope = mu + certificate.rate;
                }
            }
            gap = larger(gap, at_full_slope.abs());
        }
    }
    let w = random_weights(1)?;
    let firing_rate = certificate(&w, Form::FiringRate)?;
    let mut euclidean = f64::NEG_INFINITY;
    for vertex in 0..1_u32 << N {
        euclidean = euclidean.max(log_norm::two(N, &jacobian(&w, vertex, Form::FiringRate))?);
    }
    let (plot, within) = distances(&w, &firing_rate)?;
    Ok(Finding {
        measured: format!(
            "largest excess {worst:.1e}, largest distance at full slope {gap:.1e} over {networks} \
             networks; trajectories within the bound: {within}; the plain Euclidean norm proves \
             rate {:.3} where P proves {:.3}",
            -euclidean, firing_rate.rate
        ),
        pass: worst <= 1e-8 && gap <= 1e-6 && within,
        figure: Figure::Plot(plot),
    })
}

fn certificate(w: &[f64], form: Form) -> Result<Certificate, Box<dyn Error>> {
    let weights = DenseCoupling::from_column_major(N, w)?;
    match symmetric_network(&weights, 1.0, form)? {
        Verdict::Contracting(certificate) => Ok(certificate),
        other => Err(format!("expected a contracting network, found {other:?}").into()),
    }
}

/// `Q diag(λ) Qᵀ` with eigenvalues spread from −6 to 0.8.
fn random_weights(seed: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut rng = random::stream(seed, 0);
    let mut symmetric = vec![0.0; N * N];
    for i in 0..N {
        for j in 0..=i {
            let value = rng.random_range(-1.0..1.0);
            (symmetric[i * N + j], symmetric[j * N + i]) = (value, value);
        }
    }
    let mut eigen = SymmetricEigen::new(N);
    let pairs = eigen.decompose(&symmetric)?;
    let mut w = vec![0.0; N * N];
    for k in 0..N {
        let (u, lambda) = (pairs.vector(k), 0.8 - 6.8 * (k as f64 / (N - 1) as f64));
        for i in 0..N {
            for j in 0..=i {
                let value = w[i * N + j] + lambda * u[i] * u[j];
                (w[i * N + j], w[j * N + i]) = (value, value);
            }
        }
    }
    Ok(w)
}

/// `−I + DW` or `−I + WD` with `D` from the bits of `vertex`.
fn jacobian(w: &[f64], vertex: u32, form: Form) -> Vec<f64> {
    let mut a = w.to_vec();
    for j in 0..N {
        for i in 0..N {
            let slope = vertex >> if form == Form::FiringRate { i } else { j } & 1;
            a[j * N + i] = a[j * N + i] * f64::from(slope) - f64::from(u8::from(i == j));
        }
    }
    a
}

/// Distances of a pair of trajectories over time, in the certified norm and in
/// the plain one, and whether the former stay below the bound.
fn distances(w: &[f64], certificate: &Certificate) -> Result<(Plot, bool), Box<dyn Error>> {
    let mut rng = random::stream(3, 0);
    let mut draw =
        |scale: f64| -> Vec<f64> { (0..N).map(|_| rng.random_range(-scale..scale)).collect() };
    let bias = draw(0.2);
    let weights = DenseCoupling::from_column_major(N, w)?;
    let network = FiringRate(SymmetricNetwork::new(weights, bias, Activation::Tanh { gain: 1.0 })?);
    let times: Vec<f64> = (0..=160).map(|k| f64::from(k) * 0.125).collect();
    let options =
        Options { tolerance: Tolerance { rtol: 1e-10, atol: 1e-13 }, ..Options::default() };
    let follow = |start: &[f64]| {
        let watch = Watch { samples: &times, ..Watch::default() };
        let mut method = ode::DORMAND_PRINCE.stepper(N);
        ode::integrate_watched(&network, &mut method, (0.0, 20.0), start, &options, watch)
    };
    let (x, y) = (follow(&draw(1.0))?, follow(&draw(1.0))?);
    let (mut weighted, mut plain, mut bound) = (vec![], vec![], vec![]);
    let mut within = true;
    for (k, &t) in times.iter().enumerate() {
        let (Some(x), Some(y)) = (x.sample(k), y.sample(k)) else {
            return Err("a trajectory ended early".into());
        };
        let difference: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
        let distance = certificate.norm.norm(&difference)?;
        let first = weighted.first().map_or(distance, |&(_, first)| first);
        let limit = first * (-certificate.rate * t).exp();
        within &= distance <= limit * (1.0 + 1e-6);
        weighted.push((t, distance));
        bound.push((t, limit));
        plain.push((t, difference.iter().map(|d| d * d).sum::<f64>().sqrt()));
    }
    let series = |name: &str, points, mark| Series { name: name.into(), points, mark };
    let plot = Plot {
        title: "Distance of two solutions of a firing-rate network".into(),
        x: Axis { label: "time / τ".into(), log: false },
        y: Axis { label: "distance".into(), log: true },
        series: vec![
            series("certified norm", weighted, Mark::Line),
            series("certified bound", bound, Mark::Reference),
            series("Euclidean norm", plain, Mark::Line),
        ],
    };
    Ok((plot, within))
}
