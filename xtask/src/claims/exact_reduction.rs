//! Exact reductions: kernel optima are optima, and sparse graphs shrink.

use std::error::Error;

use ebm_core::random;
use ebm_optim::generate::{Weights, erdos_renyi, rudy};
use ebm_optim::{Ising, Reduction, exhaustive};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Spins left of the G-set's G70 by elimination of degrees up to three.
const KERNEL: usize = 1429;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/exact-reduction",
        crate_name: "ebm-optim",
        claim: "Sparse Ising problems shrink to a kernel with the same optimum, whose states lift \
                to states of the same energy",
        source: "enumeration of all states; star-triangle transformation of M. E. Fisher, Phys. \
                 Rev. 113, 969 (1959)",
        target: "equal optima on every random problem with and without fields, and equal energies \
                 of 100 random kernel states of G70 and of their lifts; at most 1429 of the 10000 \
                 spins of G70 left",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let problems = if settings.quick { 40 } else { 400 };
    let (mut equal, mut reduced) = (0, 0);
    for seed in 0..problems {
        let (spins, edges) = (16, 16 + seed as usize % 25);
        let problem = random_problem(spins, edges, seed)?;
        let reduction = Reduction::new(&problem);
        let ground = match reduction.kernel() {
            Some(kernel) => exhaustive::ground_state(kernel)?.spins,
            None => vec![],
        };
        let lifted = problem.energy(&reduction.lift(&ground)?)?;
        equal += usize::from(lifted == exhaustive::ground_state(&problem)?.energy);
        reduced += usize::from(reduction.nodes().len() < spins);
    }

    // The graph of the G-set, made by its generator.
    let graph = rudy::generate("-rnd_graph 10000 0.02 100001")?.graph()?;
    let reduction = Reduction::new(graph.ising());
    let kernel = reduction.nodes().len();
    let mut rng = random::stream(1, 0);
    let mut lifts = 0;
    for _ in 0..100 {
        let state: Vec<i8> = (0..kernel).map(|_| if rng.random() { 1 } else { -1 }).collect();
        let energy = match reduction.kernel() {
            Some(kernel) => kernel.energy(&state)?,
            None => reduction.offset(),
        };
        lifts += usize::from(graph.ising().energy(&reduction.lift(&state)?)? == energy);
    }
    let measured = format!(
        "{equal} of {problems} optima equal ({reduced} problems reduced); {kernel} of {} spins of \
         G70 left, {lifts} of 100 lifts of equal energy",
        graph.nodes()
    );
    let pass = equal == problems as usize && reduced > 0 && kernel <= KERNEL && lifts == 100;
    Ok(Finding { measured, pass, figure: Figure::Plot(kernels(settings)?) })
}

/// Signs on a random graph, in every other problem with fields of −1, 0 or 1.
fn random_problem(spins: usize, edges: usize, seed: u64) -> Result<Ising, Box<dyn Error>> {
    let couplings = Weights::Signs.draw(&erdos_renyi(spins, edges, seed)?, seed);
    let problem = Ising::from_couplings(spins, &couplings)?;
    if seed.is_multiple_of(2) {
        return Ok(problem);
    }
    let mut rng = random::stream(seed, 9);
    let fields = (0..spins).map(|_| f64::from(rng.random_range(-1..=1))).collect();
    Ok(problem.with_fields(fields)?)
}

/// Share of spins left of random graphs, by mean degree.
fn kernels(settings: &Settings) -> Result<Plot, Box<dyn Error>> {
    let nodes = if settings.quick { 1000 } else { 20_000 };
    let mut series = vec![];
    for (name, weights) in [("weights 1", Weights::Ones), ("weights ±1", Weights::Signs)] {
        let mut points = vec![];
        for tenth in (5..=100).step_by(5) {
            let edges = nodes * tenth / 20;
            let couplings = weights.draw(&erdos_renyi(nodes, edges, tenth as u64)?, 1);
            let couplings: Vec<_> = couplings.iter().map(|&(i, j, w)| (i, j, -w)).collect();
            let reduction = Reduction::new(&Ising::from_couplings(nodes, &couplings)?);
            let left = reduction.nodes().len() as f64 / nodes as f64;
            points.push((tenth as f64 / 10.0, 100.0 * left));
        }
        series.push(Series { name: name.into(), points, mark: Mark::Line });
    }
    Ok(Plot {
        title: format!("Spins left of random graphs with {nodes} nodes"),
        x: Axis { label: "mean degree".into(), log: false },
        y: Axis { label: "kernel (% of spins)".into(), log: false },
        series,
    })
}
