//! The instances of the max-cut benchmarks: a file of that name in the directory
//! `EBM_DATA`, or else the same graph, edge for edge, out of its generator.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ebm_optim::{Graph, generate, rudy};

use crate::benchmark::Settings;

/// Graphs of the G-set and the complete graph of Inagaki et al., Science 354,
/// 603 (2016): name, expression of the generator, and the best cut known from
/// the literature.
const INSTANCES: [(&str, &str, f64); 8] = [
    ("G1", "-rnd_graph 800 6 8001", 11_624.0),
    ("G14", "-planar 800 99 8001 -planar 800 99 8002 +", 3_064.0),
    ("G22", "-rnd_graph 2000 1 20001", 13_359.0),
    ("G32", "-toroidal_grid_2D 100 20 -random 0 1 20003 -times 2 -plus -1", 1_410.0),
    (
        "G39",
        "-planar 2000 99 20001 -planar 2000 99 20002 + -random 0 1 20001 -times 2 -plus -1",
        2_408.0,
    ),
    ("G55", "-rnd_graph 5000 0.1 50001", 10_299.0),
    ("G70", "-rnd_graph 10000 0.02 100001", 9_595.0),
    ("K2000", "-clique 2000 -random 0 1 20001 -times 2 -plus -1", 33_337.0),
];

/// What a quick run measures instead.
const QUICK: &str = "-rnd_graph 100 20 1";

/// An instance, also as a file for the peers.
pub(super) struct Instance {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) graph: Graph,
    pub(super) best_known: Option<f64>,
}

/// Those of the names given, all for none.
pub(super) fn instances(
    settings: &Settings,
    names: &[&str],
    folder: &Path,
) -> Result<Vec<Instance>, Box<dyn Error>> {
    let generated = |name: &'static str, expression: &str, best_known| {
        let made = generate::rudy::generate(expression)?;
        let path = folder.join(name);
        // The peers read it.
        fs::write(&path, made.to_string())?;
        Ok(Instance { name, path, graph: made.graph()?, best_known })
    };
    if settings.quick {
        return Ok(vec![generated("random 100", QUICK, None)?]);
    }
    let data = std::env::var_os("EBM_DATA").map(PathBuf::from);
    let instance = |(name, expression, best_known)| {
        let path = data.as_ref().map(|data| data.join(name)).filter(|path| path.is_file());
        match path {
            Some(path) => {
                Ok(Instance { name, graph: rudy::read(&path)?, path, best_known: Some(best_known) })
            }
            None => generated(name, expression, Some(best_known)),
        }
    };
    let chosen = |(name, _, _): &(&str, &str, f64)| names.is_empty() || names.contains(name);
    INSTANCES.into_iter().filter(chosen).map(instance).collect()
}
