//! Amplitude control: amplitudes that differ misrepresent the problem, and the
//! machine that makes them equal comes closer to the best known cut than the
//! plain mean field.

use std::error::Error;

use ebm_core::random;
use ebm_optim::generate::rudy;
use ebm_optim::{CoherentIsingMachine, Graph, Ising, Run, Solver, exhaustive};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// The best known cut of the graph below.
const BEST: f64 = 11_624.0;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/coherent-ising-machine",
        crate_name: "ebm-optim",
        claim: "A coherent Ising machine with amplitude control finds optima, and comes closer to \
                the best known cut of a large graph than the mean field without control",
        source: "T. Leleu et al., arXiv 1810.12565 and DOI 10.1038/s42005-021-00768-0; optima by \
                 enumeration; best known cut of the G-set's G1",
        target: "the optimum of every random problem with 16 spins and fields; on G1, before \
                 polishing, a mean gap of at most 0.1 % and a third of that of the mean field",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let instances = if settings.quick { 20 } else { 200 };
    let controlled = CoherentIsingMachine::default();
    let mut found = 0;
    for seed in 0..instances {
        let problem = random_problem(16, seed)?;
        let ground = exhaustive::ground_state(&problem)?.energy;
        let run = Run { replicas: Some(64), steps: Some(200), ..Run::seeded(seed) };
        let best = controlled.solve(&problem, &run)?.best.energy;
        found += u64::from((best - ground).abs() < 1e-9);
    }

    let graph = rudy::generate("-rnd_graph 800 6 8001")?.graph()?;
    let lengths: &[usize] =
        if settings.quick { &[300, 1000] } else { &[100, 300, 1000, 3000, 6000] };
    let gaps = |machine: &CoherentIsingMachine| -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
        lengths.iter().map(|&steps| Ok((steps as f64, mean_gap(machine, &graph, steps)?))).collect()
    };
    let (with, without) = (gaps(&controlled)?, gaps(&CoherentIsingMachine::mean_field())?);
    let last = |gaps: &[(f64, f64)]| gaps.last().map_or(f64::NAN, |point| point.1);
    let limit = if settings.quick { 0.3 } else { 0.1 };
    let pass = found == instances && last(&with) <= limit && 3.0 * last(&with) <= last(&without);
    let measured = format!(
        "{found} of {instances} optima; mean gap to the best known cut {:.2} % with control, \
         {:.2} % without",
        last(&with),
        last(&without),
    );
    let line = |name: &str, points| Series { name: name.into(), points, mark: Mark::Line };
    let plot = Plot {
        title: "Cuts of G1 by a coherent Ising machine".into(),
        x: Axis { label: "steps".into(), log: true },
        y: Axis { label: "mean gap to the best known cut, %".into(), log: true },
        series: vec![line("amplitude control", with), line("mean field", without)],
    };
    Ok(Finding { measured, pass, figure: Figure::Plot(plot) })
}

/// Percent that the cuts read out by 32 replicas lack in the mean.
fn mean_gap(
    machine: &CoherentIsingMachine,
    graph: &Graph,
    steps: usize,
) -> Result<f64, Box<dyn Error>> {
    let run = Run { replicas: Some(32), steps: Some(steps), ..Run::seeded(1) };
    let replicas = machine.solve(graph.ising(), &run)?.replicas;
    let total: f64 = replicas.iter().map(|replica| graph.cut_of_energy(replica.read_out)).sum();
    Ok(100.0 * (1.0 - total / replicas.len() as f64 / BEST))
}

fn random_problem(spins: usize, seed: u64) -> Result<Ising, Box<dyn Error>> {
    let mut rng = random::stream(seed, u64::MAX);
    let mut couplings = vec![];
    for i in 0..spins {
        for j in i + 1..spins {
            if rng.random::<bool>() {
                couplings.push((i, j, rng.random_range(-1.0..1.0)));
            }
        }
    }
    let fields = (0..spins).map(|_| rng.random_range(-1.0..1.0)).collect();
    Ok(Ising::from_couplings(spins, &couplings)?.with_fields(fields)?)
}
