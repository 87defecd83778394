//! Dense associative memory with exponential interaction: 2^{N/2} random
//! patterns, and what one update corrects.

use std::error::Error;

use ebm_core::{Batch, BatchMut};
use ebm_memory::experiment::Proportion;
use ebm_memory::{
    Corruption, DiscreteMemory, Interaction, LocalFields, Patterns, SignPatterns, corrupt,
};
use rayon::prelude::*;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/exponential-capacity",
        crate_name: "ebm-memory",
        claim: "A dense associative memory with F(m) = exp(m) holds 2^(N/2) random patterns as \
                fixed points; correcting a tenth of wrong signs in one update takes fewer",
        source: "M. Demircigil et al., J. Stat. Phys. 168, 288 (2017), arXiv 1702.01929, \
                 theorem 3",
        target: "of N = 24 and 28 neurons: at 2^(N/2) patterns not more than 2 % of them change; at \
                 2^(N/4), below the load of the theorem, not more than 2 % fail from a tenth of \
                 wrong signs; at 2^(3N/4), N = 24, at least 5 % change and 95 % fail",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (sizes, exponents, tried, allowed): (&[usize], &[f64], _, _) = if settings.quick {
        (&[20, 24], &[0.25, 0.5, 0.75], 40, 0.1)
    } else {
        (&[24, 28], &[0.25, 0.375, 0.5, 0.625, 0.75], 100, 0.02)
    };
    let mut series = vec![];
    let (mut half, mut quarter, mut beyond) = (vec![], vec![], vec![]);
    for (k, &dim) in sizes.iter().enumerate() {
        let (mut moved_points, mut failed_points) = (vec![], vec![]);
        // The largest loads take too long at the larger size.
        let last = if k == 0 { exponents.len() } else { exponents.len().div_ceil(2) };
        for &exponent in &exponents[..last] {
            let count = (exponent * dim as f64).exp2().round() as usize;
            let (moved, failed) = changes(dim, count, tried)?;
            moved_points.push((exponent, moved.rate()));
            failed_points.push((exponent, failed.rate()));
            if exponent == 0.25 {
                quarter.push((moved, failed));
            } else if exponent == 0.5 {
                half.push((moved, failed));
            } else if exponent == 0.75 {
                beyond.push((moved, failed));
            }
        }
        for (name, points) in [
            (format!("{dim} neurons, from the pattern"), moved_points),
            (format!("{dim} neurons, a tenth wrong"), failed_points),
        ] {
            series.push(Series { name, points, mark: Mark::Line });
        }
    }
    for (name, exponent) in
        [("theory, from the pattern", 0.5), ("theory, a tenth wrong", flips_exponent(0.1))]
    {
        let points = vec![(exponent, 0.0), (exponent, 1.0)];
        series.push(Series { name: name.into(), points, mark: Mark::Reference });
    }
    let pass = half.iter().all(|(moved, _)| moved.rate() <= allowed)
        && quarter.iter().all(|(moved, failed)| moved.hits == 0 && failed.rate() <= allowed)
        && beyond.iter().all(|(moved, failed)| moved.rate() >= 0.05 && failed.rate() >= 0.95);
    let show = |(moved, failed): &(Proportion, Proportion)| {
        format!("{:.2} changed, {:.2} failed", moved.rate(), failed.rate())
    };
    let measured: Vec<String> = sizes
        .iter()
        .zip(&half)
        .map(|(dim, found)| format!("N = {dim}, 2^(N/2): {}", show(found)))
        .chain(beyond.iter().map(|found| format!("N = {}, 2^(3N/4): {}", sizes[0], show(found))))
        .collect();
    Ok(Finding {
        measured: measured.join("; "),
        pass,
        figure: Figure::Plot(Plot {
            title: "Random patterns under one update, exponential interaction".into(),
            x: Axis { label: "log₂ K / N".into(), log: false },
            y: Axis { label: "share of wrong results".into(), log: false },
            series,
        }),
    })
}

/// `α/ln 2` up to which one update corrects a share `ρ` of wrong signs:
/// `α = I(1 − 2ρ)/2`, `I(x) = ½[(1 + x) ln(1 + x) + (1 − x) ln(1 − x)]`.
fn flips_exponent(share: f64) -> f64 {
    let x = 1.0 - 2.0 * share;
    // z ln z, whose limit at 0 is 0.
    let entropy = |z: f64| if z > 0.0 { z * z.ln() } else { 0.0 };
    let rate = 0.5 * (entropy(1.0 + x) + entropy(1.0 - x));
    0.5 * rate / 2f64.ln()
}

/// Patterns that one update changes, and those that it does not reach from a
/// tenth of wrong signs.
fn changes(
    dim: usize,
    count: usize,
    tried: usize,
) -> Result<(Proportion, Proportion), ebm_memory::Error> {
    let seed = dim as u64;
    let memory = DiscreteMemory::new(
        SignPatterns::random(dim, count, seed)?,
        Interaction::Exponential { beta: 1.0 },
    )?;
    // The first of the stored patterns.
    let patterns = Patterns::random_signs(dim, tried.min(count), seed)?;
    let cues = corrupt(patterns.as_batch(), 0.1, Corruption::FlipSign, 1)?;
    let cues = Batch::new(&cues, dim)?;
    let wrong = |state: &[f64], pattern: &[f64]| -> Result<bool, ebm_memory::Error> {
        let (mut kept, mut bits) = (vec![0.0; memory.kept()], vec![]);
        let (state, mut next) = (Batch::single(state)?, vec![0.0; dim]);
        memory.keep(state, &mut kept, &mut bits);
        memory.update_all(state, &mut kept, BatchMut::new(&mut next, dim)?, &mut bits);
        Ok(next != pattern)
    };
    let found: Vec<(bool, bool)> = (0..patterns.count())
        .into_par_iter()
        .map(|mu| {
            let pattern = patterns.pattern(mu);
            Ok((wrong(pattern, pattern)?, wrong(cues.column(mu), pattern)?))
        })
        .collect::<Result<_, ebm_memory::Error>>()?;
    let (mut moved, mut failed) = (Proportion::default(), Proportion::default());
    for (a, b) in found {
        moved.count(a);
        failed.count(b);
    }
    Ok((moved, failed))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exponent_is_that_of_the_theorem() {
        assert!((super::flips_exponent(0.0) - 0.5).abs() < 1e-12);
        assert!((super::flips_exponent(0.1) - 0.2655).abs() < 1e-3);
    }
}
