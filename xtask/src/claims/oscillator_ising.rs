//! Oscillator Ising machine: reads out ground states known by enumeration, and
//! large cuts of G-set graphs, made by their generator.

use std::error::Error;
use std::path::Path;

use ebm_core::random;
use ebm_optim::{Graph, OscillatorIsingMachine, Run, Solver, exhaustive, generate, rudy};
use rand::RngExt;

use crate::claim::{Claim, Figure, Finding, Settings};
use crate::phases;

/// A graph of the G-set.
struct Instance {
    name: &'static str,
    /// Its expression for the generator, see `rudy_instances`.
    expression: &'static str,
    nodes: usize,
    edges: usize,
    /// Best cut known, from the literature.
    best_known: f64,
    /// Cut that the machine is to reach.
    target: f64,
    /// Steps of its 32 replicas.
    steps: usize,
}

const INSTANCES: [Instance; 2] = [
    Instance {
        name: "G22",
        expression: "-rnd_graph 2000 1 20001",
        nodes: 2000,
        edges: 19_990,
        best_known: 13_359.0,
        target: 13_350.0,
        steps: 16_000,
    },
    Instance {
        name: "G70",
        expression: "-rnd_graph 10000 0.02 100001",
        nodes: 10_000,
        edges: 9_999,
        best_known: 9_595.0,
        target: 9_569.0,
        steps: 8_000,
    },
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/oscillator-ising-machine",
        crate_name: "ebm-optim",
        claim: "Coupled oscillators with rising second-harmonic locking and falling noise settle \
                on maximum cuts",
        source: "T. Wang and J. Roychowdhury, arXiv 1903.07163; optima by enumeration of all cuts; \
                 best known cuts of the G-set",
        target: "maximum cut of every random graph with 20 nodes and 60 edges; at least 13350 on \
                 G22 and 9569 on G70 before polishing, by 32 replicas of 16000 and 8000 steps",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let graphs = if settings.quick { 3 } else { 20 };
    let machine = OscillatorIsingMachine::default();
    let run = Run { replicas: Some(64), steps: Some(2000), ..Run::default() };
    let (mut found, mut hits) = (0, 0);
    for seed in 0..graphs {
        let graph = random_graph(20, 60, seed)?;
        let optimum = graph.cut_of_energy(exhaustive::ground_state(graph.ising())?.energy);
        let solution = machine.solve(graph.ising(), &Run { seed, ..run.clone() })?;
        let reached = |energy: f64| graph.cut_of_energy(energy) >= optimum;
        hits += solution.replicas.iter().filter(|r| reached(r.read_out)).count();
        found += usize::from(solution.replicas.iter().any(|r| reached(r.read_out)));
    }
    let share = 100.0 * hits as f64 / (graphs * 64) as f64;
    let mut measured = format!("{found} of {graphs} optima, by {share:.0} % of the replicas");
    let mut pass = found == graphs as usize;
    for instance in &INSTANCES {
        let graph = instance.graph(settings.data.as_deref())?;
        let (cut, polished) = solve(&graph, if settings.quick { 200 } else { instance.steps })?;
        let best_known = instance.best_known;
        pass &= (settings.quick || cut >= instance.target) && polished <= best_known;
        measured +=
            &format!("; {}: {cut} read out, {polished} polished of {best_known}", instance.name);
    }
    Ok(Finding {
        measured,
        pass,
        figure: Figure::Plot(phases::over_time(random_graph(20, 60, 0)?.ising(), 0)?),
    })
}

/// The file in the directory itself or in its `gset` folder.
fn find(data: &Path, name: &str) -> Option<std::path::PathBuf> {
    [data.join(name), data.join("gset").join(name)].into_iter().find(|path| path.is_file())
}

impl Instance {
    /// The file in the data directory, generated where there is none.
    fn graph(&self, data: Option<&Path>) -> Result<Graph, Box<dyn Error>> {
        let path = data.and_then(|data| find(data, self.name));
        let graph = match &path {
            Some(path) => rudy::read(path)?,
            None => generate::rudy::generate(self.expression)?.graph()?,
        };
        let found = (graph.nodes(), graph.edges().len());
        if found == (self.nodes, self.edges) {
            return Ok(graph);
        }
        Err(format!(
            "{}: {} nodes and {} edges, expected {} and {}",
            path.map_or(self.name.into(), |path| path.display().to_string()),
            found.0,
            found.1,
            self.nodes,
            self.edges
        )
        .into())
    }
}

/// Best cut of the replicas as read out, and after one-flip descent.
fn solve(graph: &Graph, steps: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let run = Run { replicas: Some(32), steps: Some(steps), ..Run::seeded(1) };
    let solution = OscillatorIsingMachine::default().solve(graph.ising(), &run)?;
    let best = |energies: &mut dyn Iterator<Item = f64>| {
        graph.cut_of_energy(energies.fold(f64::INFINITY, f64::min))
    };
    Ok((
        best(&mut solution.replicas.iter().map(|r| r.read_out)),
        best(&mut solution.replicas.iter().map(|r| r.polished)),
    ))
}

/// A graph with so many edges, drawn without replacement.
pub(super) fn random_graph(nodes: usize, edges: usize, seed: u64) -> Result<Graph, Box<dyn Error>> {
    let mut rng = random::stream(seed, u64::MAX);
    let mut pairs: Vec<(usize, usize)> =
        (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| (i, j))).collect();
    // The first entries of a Fisher–Yates shuffle.
    for k in 0..edges {
        let other = rng.random_range(k..pairs.len());
        pairs.swap(k, other);
    }
    Ok(Graph::new(nodes, pairs[..edges].iter().map(|&(i, j)| (i, j, 1.0)).collect())?)
}
