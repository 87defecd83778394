//! Instances of the literature out of the generator: the same bytes as the
//! published files.

use std::error::Error;

use ebm_optim::generate::rudy;
use sha2::{Digest, Sha256};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// A published file: name, expression of the generator, SHA-256.
const FILES: [(&str, &str, &str); 8] = [
    (
        "G1",
        "-rnd_graph 800 6 8001",
        "73bf704d8ffc55ba42260ab4cb659e3dcb6e729be70404d2cf476ba4e46d1665",
    ),
    (
        "G14",
        "-planar 800 99 8001 -planar 800 99 8002 +",
        "dc769b978a40d458f693d5bd2cf8b8cceabd430b8e976204746696179c3d5945",
    ),
    (
        "G22",
        "-rnd_graph 2000 1 20001",
        "9baeee06eb147b1c9ca42b43be86592d4e6fc60784a85af9be5b63d1362ef28e",
    ),
    (
        "G32",
        "-toroidal_grid_2D 100 20 -random 0 1 20003 -times 2 -plus -1",
        "9760fce6b601832db1b1173c1a09c8556d64bfb27ba603ef52ca24ee6c8527cc",
    ),
    (
        "G39",
        "-planar 2000 99 20001 -planar 2000 99 20002 + -random 0 1 20001 -times 2 -plus -1",
        "daeeaf681937495345ca35519bf25b2e274e4bcbdbb2f16bf7f271f1d430ee13",
    ),
    (
        "G55",
        "-rnd_graph 5000 0.1 50001",
        "7537bbb613a6e6d0fe784937be68099eeb36227d85bb273299f22cb7d3ff2227",
    ),
    (
        "G70",
        "-rnd_graph 10000 0.02 100001",
        "0d965a2ff1444cc71d7740824b5b3a5e09fc1843cbf6d90691b52d5221987061",
    ),
    (
        "K2000",
        "-clique 2000 -random 0 1 20001 -times 2 -plus -1",
        "9ed615e5e18726914f12740b7f9bedb6b69676477ed5958fac42c8ab0c252ba7",
    ),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/rudy-instances",
        crate_name: "ebm-optim",
        claim: "The generator makes the G-set's and the coherent Ising machine's instances byte \
                for byte",
        source: "files of C. Helmberg and F. Rendl, SIAM J. Optim. 10, 673 (2000), and WK2000_1 \
                 of T. Inagaki et al., Science 354, 603 (2016); SHA-256 of each",
        target: "equal SHA-256 for G1, G14, G22, G32, G39, G55, G70 and K2000 (in a quick run \
                 without K2000)",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let files = if settings.quick { &FILES[..FILES.len() - 1] } else { &FILES[..] };
    let (mut equal, mut differing, mut series) = (vec![], vec![], vec![]);
    for (name, expression, expected) in files {
        let graph = rudy::generate(expression)?;
        let digest = Sha256::digest(graph.to_string().as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if digest == *expected {
            equal.push(*name)
        } else {
            differing.push(*name)
        }
        let (nodes, edges) = (graph.nodes() as f64, graph.edges().count() as f64);
        series.push(Series {
            name: (*name).into(),
            points: vec![(nodes, 2.0 * edges / nodes)],
            mark: Mark::Points,
        });
    }
    let mut measured = format!("{} of {} equal: {}", equal.len(), files.len(), equal.join(", "));
    if !differing.is_empty() {
        measured += &format!("; different: {}", differing.join(", "));
    }
    let figure = Figure::Plot(Plot {
        title: "Instances made without a file".into(),
        x: Axis { label: "nodes".into(), log: true },
        y: Axis { label: "mean degree".into(), log: true },
        series,
    });
    Ok(Finding { measured, pass: differing.is_empty(), figure })
}
