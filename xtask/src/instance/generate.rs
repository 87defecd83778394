//! `cargo xtask instance generate`.

use ebm_optim::formats::{Format, Written, solution};
use ebm_optim::generate::{
    FrustratedLoops, Planted, TilePlanting, Weights, Wishart, erdos_renyi, random_regular,
    rudy::{self, RudyGraph},
    toroidal_grid,
};
use ebm_optim::{Graph, Instance, Model};

use super::{TO, failed, line, output_format, parsed, write};
use crate::arguments::{Arguments, Opt, Positional, Spec};
use crate::console::say;
use crate::error::TaskError;
use crate::files;

/// The command line.
pub(crate) const SPEC: Spec = Spec {
    name: "instance generate",
    summary: "Make a random or planted instance and write it",
    details: "\
Graphs, with --weights ones (default), signs or normal:
  random N       with --degree (mean) or --density
  regular N      every node with --degree neighbors
  torus R [C]    a grid of R rows and C columns, closed both ways
  complete N     all pairs
  rudy           the graph of an --expression of rudy, such as \"-rnd_graph 800 6 8001\"
Ising problems with a known ground state, written to --solution:
  loops N        frustrated loops on a regular graph of --degree
  tiles R [C]    tiles on a torus of even sides
  wishart N      dense, from --columns random vectors (default N/2)",
    positionals: &[
        Positional { name: "KIND", required: true, help: "One of the above" },
        Positional { name: "N", required: false, help: "Nodes or rows" },
        Positional { name: "C", required: false, help: "Columns, as many as rows if absent" },
    ],
    options: &[
        Opt { name: "--out", value: Some("FILE"), help: "File to write (required)" },
        TO,
        Opt { name: "--seed", value: Some("S"), help: "Seed of the random numbers (default 1)" },
        Opt { name: "--degree", value: Some("D"), help: "Neighbors of a node" },
        Opt { name: "--density", value: Some("P"), help: "Share of all pairs, 0 to 1" },
        Opt { name: "--weights", value: Some("KIND"), help: "ones, signs or normal" },
        Opt { name: "--columns", value: Some("M"), help: "Vectors of a Wishart instance" },
        Opt { name: "--expression", value: Some("TEXT"), help: "Expression of rudy, in quotes" },
        Opt { name: "--solution", value: Some("FILE"), help: "File for the planted ground state" },
    ],
};

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let Some(out) = arguments.path("--out") else {
        return Err(usage("option `--out` is missing"));
    };
    parsed::<Format>(&SPEC, arguments, TO.name)?;
    let solution = arguments.path("--solution");
    let (mut published, mut planted) = (None, None);
    let instance = match make(arguments)? {
        Made::Graph(graph) => Instance::from(graph),
        Made::Rudy(graph) => {
            let instance = graph.graph().map_err(failed)?.into();
            published = Some(graph.to_string());
            instance
        }
        Made::Planted(made) => {
            planted = Some((made.spins, made.energy));
            made.problem.into()
        }
    };
    if solution.is_some() && planted.is_none() {
        return Err(usage("option `--solution` is for kinds with a known ground state"));
    }
    let format = output_format(&SPEC, arguments, &out, &instance)?;
    let (written, line) = match published {
        // Byte for byte the published file, which has a blank after its header.
        Some(text) if format == Format::Rudy => {
            files::write(&out, &text)?;
            let written = Written { model: Model::Graph, ancilla: None, dropped_offset: 0.0 };
            (written, line(&out, format, &instance, &written))
        }
        _ => write(&SPEC, arguments, &out, &instance)?,
    };
    say(&line);
    if let Some((spins, energy)) = planted {
        let mut least = format!("least energy {energy}");
        if written.model == Model::Graph {
            let form = instance.to_max_cut().map_err(failed)?;
            let cut = form.graph.cut_of_energy(energy - form.offset);
            least += &format!(", largest cut {cut}");
        }
        say(&least);
        if let Some(path) = solution {
            solution::write(&path, &spins, &solution::Layout::default()).map_err(failed)?;
        }
    }
    Ok(())
}

enum Made {
    Graph(Graph),
    Rudy(RudyGraph),
    Planted(Planted),
}

fn make(arguments: &Arguments) -> Result<Made, TaskError> {
    let kind = arguments.positional(0).unwrap_or_default();
    let size = |index: usize| match arguments.positional(index) {
        None => Ok(None),
        Some(word) => match word.parse::<usize>() {
            Ok(size) => Ok(Some(size)),
            Err(_) => Err(usage(&format!("`{word}` is no size"))),
        },
    };
    let n = || size(1)?.ok_or_else(|| usage("missing N"));
    let seed = parsed(&SPEC, arguments, "--seed")?.unwrap_or(1);
    let weights = match arguments.value("--weights").map(|w| w.to_string_lossy()).as_deref() {
        None | Some("ones") => Weights::Ones,
        Some("signs") => Weights::Signs,
        Some("normal") => Weights::Normal,
        Some(other) => return Err(usage(&format!("there are no weights `{other}`"))),
    };
    let degree =
        || parsed::<usize>(&SPEC, arguments, "--degree")?.ok_or_else(|| usage("missing --degree"));
    let graph = |n: usize, pairs: Vec<(usize, usize)>| {
        Graph::new(n, weights.draw(&pairs, seed)).map(Made::Graph).map_err(failed)
    };
    match kind.as_str() {
        "random" => {
            let n = n()?;
            graph(n, erdos_renyi(n, edges(arguments, n)?, seed).map_err(failed)?)
        }
        "regular" => {
            let n = n()?;
            graph(n, random_regular(n, degree()?, seed).map_err(failed)?)
        }
        "torus" => {
            let rows = n()?;
            let columns = size(2)?.unwrap_or(rows);
            let pairs = toroidal_grid(rows, columns).map_err(failed)?;
            graph(rows * columns, pairs)
        }
        "complete" => {
            let n = n()?;
            // As many edges as there are pairs.
            graph(n, erdos_renyi(n, pairs_of(n)?, seed).map_err(failed)?)
        }
        "rudy" => {
            let expression = arguments.value("--expression");
            let expression = expression.ok_or_else(|| usage("missing --expression"))?;
            rudy::generate(&expression.to_string_lossy()).map(Made::Rudy).map_err(failed)
        }
        "loops" => {
            let n = n()?;
            let pairs = random_regular(n, degree()?, seed).map_err(failed)?;
            FrustratedLoops::default().sample(n, &pairs, seed).map(Made::Planted).map_err(failed)
        }
        "tiles" => {
            let rows = n()?;
            let columns = size(2)?.unwrap_or(rows);
            let tiles = TilePlanting { rows, columns, ..TilePlanting::default() };
            tiles.sample(seed).map(Made::Planted).map_err(failed)
        }
        "wishart" => {
            let spins = n()?;
            let columns = parsed(&SPEC, arguments, "--columns")?.unwrap_or(spins.div_ceil(2));
            Wishart { spins, columns }.sample(seed).map(Made::Planted).map_err(failed)
        }
        other => Err(usage(&format!(
            "there is no kind `{other}`; there are random, regular, torus, complete, rudy, loops, \
             tiles, wishart"
        ))),
    }
}

fn pairs_of(n: usize) -> Result<usize, TaskError> {
    n.checked_mul(n.saturating_sub(1))
        .map(|twice| twice / 2)
        .ok_or_else(|| usage(&format!("{n} nodes have too many pairs")))
}

/// Edges by mean degree or density.
fn edges(arguments: &Arguments, n: usize) -> Result<usize, TaskError> {
    let degree: Option<f64> = parsed(&SPEC, arguments, "--degree")?;
    let density: Option<f64> = parsed(&SPEC, arguments, "--density")?;
    let pairs = pairs_of(n)? as f64;
    let edges = match (degree, density) {
        (Some(degree), None) => 0.5 * degree * n as f64,
        (None, Some(density)) => density * pairs,
        _ => return Err(usage("`random` needs either --degree or --density")),
    };
    if !(0.0..=pairs).contains(&edges.round()) {
        return Err(usage(&format!("{n} nodes have 0 to {pairs} edges, not {edges}")));
    }
    Ok(edges.round() as usize)
}

fn usage(problem: &str) -> TaskError {
    SPEC.error(problem.to_owned()).into()
}
