//! Bars and stripes: contrastive divergence against the exact likelihood.

use std::error::Error;
use std::thread;

use ebm_boltzmann::{
    ContrastiveDivergence, ExactLikelihood, Multiplicity, Rbm, RbmGradient, Training,
    TrainingState, bars_and_stripes,
};
use ebm_core::Batch;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const HIDDEN: usize = 8;
const RATE: f64 = 0.05;
const SEEDS: u64 = 3;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "boltzmann/bars-and-stripes",
        crate_name: "ebm-boltzmann",
        claim: "On the 14 pictures of 3 x 3 bars and stripes, CD-10 climbs the exact likelihood as \
                well as its gradient does, and CD-1 stays behind",
        source: "G. E. Hinton, Neural Comput. 14 (2002); reference values: an independent \
                 implementation, exact -2.70, CD-10 -2.71, CD-1 -3.08 after 20 000 updates; upper \
                 bound -ln 14 = -2.639",
        target: "mean of 3 seeds after 20 000 updates, nats: exact and CD-10 within 0.06 and CD-1 \
                 within 0.2 of the reference, itself a computation; CD-1 at least 0.15 below CD-10",
        run,
    }
}

/// What moves the parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Exact,
    Sweeps(usize),
}

impl Method {
    const ALL: [Self; 3] = [Self::Exact, Self::Sweeps(10), Self::Sweeps(1)];

    fn name(self) -> String {
        match self {
            Self::Exact => "exact gradient".into(),
            Self::Sweeps(k) => format!("CD-{k}"),
        }
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let points = if settings.quick { 4 } else { 40 };
    let every = 500;
    let pictures = bars_and_stripes(3, Multiplicity::Distinct)?;
    let data = Batch::new(&pictures, 9)?;
    let curves: Vec<Result<Vec<f64>, ebm_boltzmann::Error>> = thread::scope(|scope| {
        let jobs: Vec<_> = Method::ALL
            .into_iter()
            .flat_map(|method| (0..SEEDS).map(move |seed| (method, seed)))
            .map(|(method, seed)| scope.spawn(move || curve(method, seed, data, points, every)))
            .collect();
        jobs.into_iter().map(|job| job.join().expect("training does not panic")).collect()
    });
    let curves = curves.into_iter().collect::<Result<Vec<_>, _>>()?;
    let means: Vec<Vec<f64>> = curves
        .chunks_exact(SEEDS as usize)
        .map(|seeds| {
            (0..=points).map(|i| seeds.iter().map(|c| c[i]).sum::<f64>() / SEEDS as f64).collect()
        })
        .collect();

    let bound = -14f64.ln();
    let last = |method: usize| means[method][points];
    let (exact, cd10, cd1) = (last(0), last(1), last(2));
    let near = |value: f64, reference: f64, tolerance: f64| (value - reference).abs() <= tolerance;
    let valid = curves.iter().flatten().all(|l| *l <= bound);
    // The short run cannot have reached the references: it must have learned.
    let pass = valid
        && if settings.quick {
            means.iter().all(|mean| mean[points] > mean[0] + 1.0)
        } else {
            near(exact, -2.70, 0.06)
                && near(cd10, -2.71, 0.06)
                && near(cd1, -3.08, 0.2)
                && cd1 < cd10 - 0.15
        };
    let mut series: Vec<Series> = Method::ALL
        .into_iter()
        .zip(&means)
        .map(|(method, mean)| Series {
            name: method.name(),
            points: mean.iter().enumerate().map(|(i, l)| ((i * every) as f64, *l)).collect(),
            mark: Mark::Line,
        })
        .collect();
    series.push(Series {
        name: "bound −ln 14".into(),
        points: vec![(0.0, bound), ((points * every) as f64, bound)],
        mark: Mark::Reference,
    });
    Ok(Finding {
        measured: format!(
            "exact {exact:.2}, CD-10 {cd10:.2}, CD-1 {cd1:.2} after {} updates",
            points * every
        ),
        pass,
        figure: Figure::Plot(Plot {
            title: "Bars and stripes, 3 × 3: exact likelihood during training".into(),
            x: Axis { label: "updates".into(), log: false },
            y: Axis { label: "mean log-likelihood, nats".into(), log: false },
            series,
        }),
    })
}

/// Exact log-likelihood at the start and after every `every` full-batch updates.
fn curve(
    method: Method,
    seed: u64,
    data: Batch<'_>,
    points: usize,
    every: usize,
) -> Result<Vec<f64>, ebm_boltzmann::Error> {
    let mut rbm = Rbm::random(data.dim(), HIDDEN, 0.1, seed)?;
    let mut exact = ExactLikelihood::new(&rbm)?;
    let mut curve = vec![exact.log_likelihood(&rbm, data)?];
    match method {
        Method::Exact => {
            let mut gradient = RbmGradient::zero(&rbm);
            for _ in 0..points {
                for _ in 0..every {
                    exact.gradient(&rbm, data, &mut gradient)?;
                    rbm.ascend(&gradient, RATE);
                }
                curve.push(exact.log_likelihood(&rbm, data)?);
            }
        }
        Method::Sweeps(sweeps) => {
            let batch_size = data.count();
            let method = ContrastiveDivergence {
                sweeps,
                learning_rate: RATE,
                batch_size,
                // Not the seed of the initial weights.
                seed: SEEDS + seed,
                ..Default::default()
            };
            let mut training = Training::new(method, TrainingState::new(rbm), data)?;
            for _ in 0..points {
                (0..every).for_each(|_| training.update());
                curve.push(exact.log_likelihood(&training.state().rbm, data)?);
            }
        }
    }
    Ok(curve)
}
