//! Oscillator memory: between two thresholds of the second harmonic, patterns
//! attract and random states do not.

use std::error::Error;

use ebm_memory::Patterns;
use ebm_memory::oscillator_memory::{OscillatorCouplings, OscillatorMemory};
use rayon::prelude::*;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Patterns, and the thresholds of patterns and of random states measured
/// independently, in a dense computation elsewhere.
type Row = (usize, f64, f64);

const SMALL: (usize, &[Row]) = (
    200,
    &[
        (1, -0.5, 0.5),
        (2, 0.0, 0.53),
        (3, 0.022, 0.54),
        (9, 0.15, 0.66),
        (10, 0.17, 0.68),
        (19, 0.27, 0.78),
        (20, 0.28, 0.78),
        (28, 0.35, 0.87),
        (40, 0.46, 0.97),
    ],
);

const LARGE: (usize, &[Row]) = (
    1000,
    &[
        (2, 0.0, 0.52),
        (3, 0.016, 0.53),
        (10, 0.07, 0.58),
        (36, 0.18, 0.69),
        (72, 0.28, 0.78),
        (100, 0.33, 0.84),
        (138, 0.40, 0.92),
        (200, 0.52, 1.03),
    ],
);

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/oscillator-window",
        crate_name: "ebm-memory",
        claim: "Stored patterns attract from a smaller second harmonic on than random states do: \
                between the two thresholds, about ½ apart at every load, oscillators hold what was \
                stored and nothing else",
        source: "T. Nishikawa, Y.-C. Lai, F. C. Hoppensteadt, Phys. Rev. Lett. 92, 108101 (2004); \
                 ε_c = ½ λ_max of the Jacobian without second harmonic, off the common shift",
        target: "mean thresholds of patterns and of random states for 200 and 1000 oscillators \
                 within 0.04 of an independent computation (−½ and ½ for a single pattern, 0 and \
                 0.52 for 2, 0.52 and 1.03 at load 0.2); their gap from 2 patterns on between 0.45 \
                 and 0.6",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    // The states of one network share most of their deviation from the mean.
    let tables: &[_] =
        if settings.quick { &[(SMALL, 1, 6)] } else { &[(SMALL, 2, 12), (LARGE, 1, 4)] };
    let allowed = if settings.quick { 0.08 } else { 0.04 };
    let (mut deviation, mut gaps) = (0.0, (f64::INFINITY, 0.0_f64));
    let mut series = vec![];
    for &((oscillators, rows), states, draws) in tables {
        let (mut stored, mut random, mut computed) = (vec![], vec![], vec![]);
        for &(count, expected_stored, expected_random) in rows {
            let (a, b) = thresholds(oscillators, count, states, draws)?;
            deviation = larger(deviation, (a - expected_stored).abs());
            deviation = larger(deviation, (b - expected_random).abs());
            let load = count as f64 / oscillators as f64;
            if count > 1 {
                gaps = (gaps.0.min(b - a), larger(gaps.1, b - a));
                stored.push((load, a));
                random.push((load, b));
                computed.extend([(load, expected_stored), (load, expected_random)]);
            }
        }
        if series.is_empty() || oscillators == LARGE.0 {
            series.clear();
            let outline = stored.iter().chain(random.iter().rev()).copied().collect();
            let window = "window: patterns attract, random states do not";
            series.push(Series { name: window.into(), points: outline, mark: Mark::Band });
            for (name, points) in [("random states", &random), ("stored patterns", &stored)] {
                let name = format!("{name}, {oscillators} oscillators");
                series.push(Series { name, points: points.clone(), mark: Mark::Line });
            }
            let name = "independent computation".to_string();
            series.push(Series { name, points: computed, mark: Mark::Points });
        }
    }
    Ok(Finding {
        measured: format!(
            "largest deviation {deviation:.3}; gaps from {:.2} to {:.2}",
            gaps.0, gaps.1
        ),
        pass: deviation <= allowed && gaps.0 > 0.45 && gaps.1 < 0.6,
        figure: Figure::Plot(Plot {
            title: "From which second harmonic on a state attracts".into(),
            x: Axis { label: "load, patterns per oscillator".into(), log: false },
            y: Axis { label: "threshold of the second harmonic ε".into(), log: false },
            series,
        }),
    })
}

/// Mean thresholds of stored patterns and of random states.
fn thresholds(
    oscillators: usize,
    count: usize,
    states: usize,
    draws: u64,
) -> Result<(f64, f64), Box<dyn Error>> {
    let draw = |draw: u64| -> Result<(f64, f64), ebm_memory::Error> {
        let seed = (oscillators + 10_000 * count) as u64 + draw;
        let patterns = Patterns::random_signs(oscillators, count, seed)?;
        let others = Patterns::random_signs(oscillators, states, seed + 1_000_000_000)?;
        let memory = OscillatorMemory::new(patterns, OscillatorCouplings::default())?;
        let (mut stored, mut random) = (0.0, 0.0);
        for k in 0..states {
            let pattern = memory.patterns().pattern(k % count);
            stored += memory.stability_threshold(pattern)?.second_harmonic;
            random += memory.stability_threshold(others.pattern(k))?.second_harmonic;
        }
        Ok((stored, random))
    };
    let sums = (0..draws).into_par_iter().map(draw);
    let sums: Vec<(f64, f64)> = sums.collect::<Result<_, ebm_memory::Error>>()?;
    let trials = draws as f64 * states as f64;
    let sum = sums.iter().fold((0.0, 0.0), |s, d| (s.0 + d.0, s.1 + d.1));
    Ok((sum.0 / trials, sum.1 / trials))
}
