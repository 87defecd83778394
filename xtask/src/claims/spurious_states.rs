//! What a Hopfield network recalls besides its patterns.

use std::error::Error;

use ebm_memory::experiment::{Census, EndState};
use ebm_memory::{LowRankHopfield, Patterns, Recall};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/spurious-states",
        crate_name: "ebm-memory",
        claim: "From random cues a Hopfield network of three patterns ends in a pattern, an inverse \
                or a mixture of all three, at the energies of mean-field theory; with more patterns \
                in states that are none of these",
        source: "D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. A 32, 1007 (1985)",
        target: "3 patterns: at least 99 % of the cues, energies per neuron within 0.03 of −1/2 \
                 (pattern, inverse) and −3/8 (mixture); at load 0.1 at least half of the cues end \
                 elsewhere",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (neurons, tried) = if settings.quick { (1000, 60) } else { (2000, 150) };
    let counts: &[usize] =
        if settings.quick { &[3, 100] } else { &[1, 3, 5, 10, 20, 50, 100, 200] };
    let cues = Patterns::random_signs(neurons, tried, 77)?;
    let names = ["patterns", "inverses", "mixtures", "others"];
    let mut shares: [Vec<(f64, f64)>; 4] = Default::default();
    let (mut known, mut off, mut elsewhere) = (0.0, f64::NAN, 0.0);
    for &count in counts {
        let patterns = Patterns::random_signs(neurons, count, 5)?;
        let network = LowRankHopfield::hebb(&patterns)?;
        let ends = Recall::default().retrieve(&network, cues.as_batch())?;
        let energies: Vec<f64> = ends.reports().iter().map(|r| r.energy).collect();
        let found = Census::default().sort(&patterns, ends.states(), &energies)?;
        let mut counts = [0.0; 4];
        for attractor in &found {
            let kind = match &attractor.kind {
                EndState::Stored { .. } => 0,
                EndState::Inverse { .. } => 1,
                EndState::Mixture { .. } => 2,
                _ => 3,
            };
            counts[kind] += attractor.count as f64 / tried as f64;
        }
        if count == 3 {
            known = 1.0 - counts[3];
            off = 0.0;
            for attractor in found.iter().filter(|a| a.kind != EndState::Other) {
                let mixed = matches!(attractor.kind, EndState::Mixture { .. });
                // The diagonal, which the network leaves out, has K/2N of it.
                let own = 0.5 * count as f64 / neurons as f64;
                let theory = if mixed { -0.375 } else { -0.5 } + own;
                off = larger(off, (attractor.energy / neurons as f64 - theory).abs());
            }
        }
        // The last load is 0.1.
        elsewhere = counts[3];
        for (share, points) in counts.iter().zip(&mut shares) {
            points.push((count as f64, *share));
        }
    }
    let series = names.iter().zip(shares);
    Ok(Finding {
        measured: format!(
            "3 patterns: {:.1} % of the cues, energies within {off:.4}; load 0.1: {:.0} % elsewhere",
            100.0 * known,
            100.0 * elsewhere,
        ),
        pass: known >= 0.99 && off <= 0.03 && elsewhere >= 0.5,
        figure: Figure::Plot(Plot {
            title: format!("Where {tried} random cues end, {neurons} neurons"),
            x: Axis { label: "patterns stored".into(), log: true },
            y: Axis { label: "share of the cues".into(), log: false },
            series: series
                .map(|(name, points)| Series { name: (*name).into(), points, mark: Mark::Line })
                .collect(),
        }),
    })
}
