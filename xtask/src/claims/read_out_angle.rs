//! Without locking, how phases are read out decides what they are worth.

use std::error::Error;

use ebm_optim::oscillator::{Drive, ReadOut};
use ebm_optim::schedule::Schedule;
use ebm_optim::{Graph, OscillatorIsingMachine, Run, Solver};

use super::oscillator_ising::random_graph;
use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/read-out-angle",
        crate_name: "ebm-optim",
        claim: "Without second-harmonic locking, the best line through the phases cuts more than \
                the sign of their cosine",
        source: "S. Burer, R. D. C. Monteiro and Y. Zhang, SIAM J. Optim. 12, 503 (2002); M. \
                 Erementchouk, A. Shukla and P. Mazumder, arXiv 2105.07591",
        target: "no replica reads out worse by the best line, and the mean difference of the cuts \
                 is at least ten standard errors",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (nodes, edges, steps) = if settings.quick { (300, 3000, 200) } else { (2000, 20_000, 800) };
    let graph = random_graph(nodes, edges, 1)?;
    let sign = cuts(&graph, ReadOut::Sign, steps)?;
    let best = cuts(&graph, ReadOut::BestAngle, steps)?;
    // The same seeds: the same phases, read out in two ways.
    let gains: Vec<f64> = best.iter().zip(&sign).map(|(b, s)| b - s).collect();
    let count = gains.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let gain = mean(&gains);
    let variance = gains.iter().map(|g| (g - gain) * (g - gain)).sum::<f64>() / (count - 1.0);
    let errors = gain / (variance / count).sqrt();
    let points: Vec<_> = sign.iter().copied().zip(best.iter().copied()).collect();
    let (low, high) =
        sign.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(*x), h.max(*x)));
    Ok(Finding {
        measured: format!(
            "mean cut {:.0} by the best line, {:.0} by the sign: {errors:.0} standard errors",
            mean(&best),
            mean(&sign)
        ),
        pass: gains.iter().all(|g| *g >= 0.0) && errors >= 10.0,
        figure: Figure::Plot(Plot {
            title: format!("Cuts of a random graph with {nodes} nodes and {edges} edges"),
            x: Axis { label: "cut by the sign of the cosine".into(), log: false },
            y: Axis { label: "cut by the best line".into(), log: false },
            series: vec![
                Series { name: "replicas".into(), points, mark: Mark::Points },
                Series {
                    name: "equal".into(),
                    points: vec![(low, low), (high, high)],
                    mark: Mark::Reference,
                },
            ],
        }),
    })
}

/// Cuts of 64 replicas without locking, before polishing.
fn cuts(graph: &Graph, read_out: ReadOut, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let drive = Drive { locking: Schedule::constant(0.0)?, ..Drive::default() };
    let machine = OscillatorIsingMachine { drive, read_out, ..Default::default() };
    let run = Run { replicas: Some(64), steps: Some(steps), ..Run::seeded(1) };
    let solution = machine.solve(graph.ising(), &run)?;
    Ok(solution.replicas.iter().map(|r| graph.cut_of_energy(r.read_out)).collect())
}
