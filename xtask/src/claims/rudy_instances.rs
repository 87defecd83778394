//! Instances of the literature out of the generator: the same bytes as the
//! published files.

use std::error::Error;

use ebm_optim::generate::rudy::{self, PUBLISHED};
use sha2::{Digest, Sha256};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

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
    let files = if settings.quick { &PUBLISHED[..PUBLISHED.len() - 1] } else { &PUBLISHED[..] };
    let (mut equal, mut differing, mut series) = (vec![], vec![], vec![]);
    for instance in files {
        let (name, graph) = (instance.name, rudy::generate(instance.expression)?);
        let digest = Sha256::digest(graph.to_string().as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if digest == instance.sha256 {
            equal.push(name)
        } else {
            differing.push(name)
        }
        let (nodes, edges) = (graph.nodes() as f64, graph.edges().count() as f64);
        series.push(Series {
            name: name.into(),
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
