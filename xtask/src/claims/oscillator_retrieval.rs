//! Oscillator memory: error-free retrieval needs a second harmonic, but not too
//! much; couplings of fourth order hold more patterns than oscillators.

use std::error::Error;

use ebm_core::Batch;
use ebm_memory::oscillator_memory::{
    OscillatorCouplings, OscillatorMemory, PhaseRetrieval, binary_phases,
};
use ebm_memory::{Corruption, Patterns, corrupt};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const OSCILLATORS: usize = 200;
const HARMONICS: [f64; 9] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8];
/// Patterns and share of flipped signs.
const CASES: [(usize, f64); 3] = [(4, 0.2), (10, 0.1), (20, 0.1)];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/oscillator-retrieval",
        crate_name: "ebm-memory",
        claim: "Error-free retrieval rises and falls with the second harmonic: none without it, \
                none where it freezes the cue; couplings of fourth order retrieve twice as many \
                patterns as there are oscillators",
        source: "T. Nishikawa, Y.-C. Lai, F. C. Hoppensteadt, Phys. Rev. Lett. 92, 108101 (2004); \
                 J. Nägerl, N. G. Berloff, arXiv 2507.21984, for the quartic coupling",
        target: "200 oscillators: 4 patterns from 20 % flips, all retrieved at ε = 0.2, at least 0.9 \
                 at 0.1 and 0.3, and none at 0 or 0.8; 10 patterns from 10 % flips, at least 0.6 at the best ε and \
                 none at 0 or 0.8; of 400 patterns at least 0.95 with quartic and none with \
                 pairwise coupling",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let networks = if settings.quick { 1 } else { 4 };
    let cases = if settings.quick { &CASES[..1] } else { &CASES[..] };
    let mut pass = true;
    let mut measured = vec![];
    let mut series = vec![];
    for &(count, flips) in cases {
        let mut points = vec![];
        for second_harmonic in HARMONICS {
            let couplings = OscillatorCouplings { second_harmonic, ..Default::default() };
            points.push((second_harmonic, share(couplings, count, flips, networks)?));
        }
        let at = |e: f64| points.iter().find(|p| p.0 == e).map_or(f64::NAN, |p| p.1);
        let best = points.iter().map(|p| p.1).fold(0.0, f64::max);
        pass &= match count {
            4 => at(0.2) == 1.0 && at(0.1).min(at(0.3)) >= 0.9 && at(0.0) + at(0.8) == 0.0,
            10 => best >= 0.6 && at(0.0) + at(0.8) == 0.0,
            _ => true,
        };
        measured.push(format!("{count} patterns: best share {best:.2}"));
        let name = format!("{count} patterns, {:.0} % flipped", 100.0 * flips);
        series.push(Series { name, points, mark: Mark::Line });
    }
    let quartic = OscillatorCouplings { pairwise: 0.0, quartic: 1.0, second_harmonic: 0.0 };
    let loads: &[usize] = if settings.quick { &[400] } else { &[4, 10, 20, 40, 100, 400] };
    let (mut dense, mut pairs) = (vec![], vec![]);
    for &count in loads {
        let load = count as f64 / OSCILLATORS as f64;
        dense.push((load, share(quartic, count, 0.1, networks)?));
        pairs.push((load, share(OscillatorCouplings::default(), count, 0.1, networks)?));
    }
    let last = |points: &[(f64, f64)]| points.last().map_or(f64::NAN, |p| p.1);
    pass &= last(&dense) >= 0.95 && last(&pairs) == 0.0;
    measured.push(format!(
        "400 patterns: {:.2} quartic, {:.2} pairwise",
        last(&dense),
        last(&pairs)
    ));
    Ok(Finding {
        measured: measured.join("; "),
        pass,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: "Too little second harmonic loses the pattern, too much freezes the cue"
                    .into(),
                x: Axis { label: "second harmonic ε".into(), log: false },
                y: Axis { label: "retrieved without error".into(), log: false },
                series,
            }),
            Figure::Plot(Plot {
                title: "Quartic coupling holds more patterns than oscillators".into(),
                x: Axis { label: "patterns per oscillator".into(), log: true },
                y: Axis { label: "retrieved without error".into(), log: false },
                series: vec![
                    Series { name: "quartic".into(), points: dense, mark: Mark::Line },
                    Series { name: "pairwise, ε = 0.3".into(), points: pairs, mark: Mark::Line },
                ],
            }),
        ]),
    })
}

/// Share of cues, four a network, whose end is the pattern with an overlap above
/// 0.9999.
fn share(
    couplings: OscillatorCouplings,
    count: usize,
    flips: f64,
    networks: u64,
) -> Result<f64, Box<dyn Error>> {
    let (mut right, mut tried) = (0, 0);
    for network in 0..networks {
        let patterns = Patterns::random_signs(OSCILLATORS, count, 100 * count as u64 + network)?;
        let memory = OscillatorMemory::new(patterns, couplings)?;
        let chosen = memory.patterns().subset(&[0, 1, 2, 3])?;
        let cues = corrupt(chosen.as_batch(), flips, Corruption::FlipSign, network)?;
        let cues = binary_phases(Batch::new(&cues, OSCILLATORS)?)?;
        let method = PhaseRetrieval { max_time: 200.0, seed: network, ..Default::default() };
        let found = method.retrieve(&memory, Batch::new(&cues, OSCILLATORS)?)?;
        for (mu, query) in found.queries().iter().enumerate() {
            right += usize::from(query.pattern == mu && query.overlap > 0.9999);
            tried += 1;
        }
    }
    Ok(f64::from(u32::try_from(right)?) / f64::from(u32::try_from(tried)?))
}
