//! Each flow states the rate at which its energy falls; differences agree.

use std::error::Error;

use ebm_core::check::finite_difference::lyapunov_rate;
use ebm_core::coupling::DenseCoupling;
use ebm_core::flow::{
    ActivationFlow, DenseMetric, GradientFlow, MirrorFlow, Preconditioned, Projected, Proximal,
};
use ebm_core::lagrangian::{Elementwise, LogSumExp};
use ebm_core::network::{Activation, FiringRate, Hopfield, SymmetricNetwork};
use ebm_core::problems::{DoubleWell, Quadratic};
use ebm_core::prox::{L1, NonNegative};
use ebm_core::transform::Sum;
use ebm_core::{Lyapunov, random};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const DIM: usize = 8;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/energy-rate",
        crate_name: "ebm-core",
        claim: "The closed-form energy rate of every flow is the derivative of its energy along \
                the flow, and never positive",
        source: "chain rule, against five-point differences",
        target: "relative difference ≤ 1e-8 and Ė ≤ 0 at every random state",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let states = if settings.quick { 20 } else { 500 };
    let landscape = Sum::new(DoubleWell { dim: DIM }, Quadratic::random(DIM, 10.0, 1)?)?;
    let bowl = Quadratic::random(DIM, 10.0, 2)?;
    let metric = Quadratic::random(DIM, 10.0, 3)?;
    let weights = Quadratic::random(DIM, 5.0, 4)?;
    let metric = DenseMetric::new(DenseCoupling::from_column_major(DIM, metric.matrix())?)?;
    let weights = DenseCoupling::from_column_major(DIM, weights.matrix())?;
    let phi = Activation::Tanh { gain: 1.5 };
    let network = SymmetricNetwork::new(&weights, vec![0.2; DIM], phi)?;
    let layer = Elementwise::new(DIM, Activation::Logistic { gain: 2.0 })?;

    let flows: [(&str, Box<dyn Lyapunov>); 9] = [
        ("gradient", Box::new(GradientFlow(&landscape))),
        ("preconditioned", Box::new(Preconditioned::new(&landscape, metric)?)),
        ("proximal, l1", Box::new(Proximal::new(&bowl, L1::new(DIM, 0.3)?, 0.2)?)),
        ("projected", Box::new(Projected::new(&landscape, NonNegative { dim: DIM }, 0.2)?)),
        ("activation space", Box::new(ActivationFlow::new(&landscape, layer)?)),
        (
            "activation space, softmax",
            Box::new(ActivationFlow::new(&bowl, LogSumExp::new(DIM, 2.0)?)?),
        ),
        ("mirror", Box::new(MirrorFlow::new(&landscape, layer)?)),
        ("Hopfield", Box::new(Hopfield(network.clone()))),
        ("firing rate", Box::new(FiringRate(network))),
    ];
    let mut rng = random::stream(6, 0);
    let (mut worst, mut largest) = (0.0_f64, f64::NEG_INFINITY);
    let mut finite = true;
    let mut series = Vec::new();
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for (name, flow) in flows {
        let mut points = Vec::new();
        for _ in 0..states {
            // Inside every domain, and off the kinks of the norm and the
            // orthant, where only one-sided derivatives exist.
            let x: Vec<f64> = (0..DIM).map(|_| rng.random_range(0.05..0.9)).collect();
            let found = lyapunov_rate(&*flow, &x)?;
            finite &= found.relative.is_finite();
            worst = worst.max(found.relative);
            largest = largest.max(found.found);
            let point = (-found.expected, -found.found);
            if point.0 > 0.0 && point.1 > 0.0 && points.len() < 60 {
                (low, high) = (low.min(point.0), high.max(point.0));
                points.push(point);
            }
        }
        series.push(Series { name: name.into(), points, mark: Mark::Points });
    }
    series.push(Series {
        name: "equal".into(),
        points: vec![(low, low), (high, high)],
        mark: Mark::Reference,
    });
    Ok(Finding {
        measured: format!("largest relative difference {worst:.1e}, largest rate {largest:.1e}"),
        pass: finite && worst <= 1e-8 && largest <= 0.0,
        figure: Figure::Plot(Plot {
            title: "Energy lost per unit time at random states: closed form against differences"
                .into(),
            x: Axis { label: "−dV/dt from differences".into(), log: true },
            y: Axis { label: "−dV/dt in closed form".into(), log: true },
            series,
        }),
    })
}
