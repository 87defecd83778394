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

/// Neurons, and the share of failures from two wrong signs among `2^(N/2)`
/// patterns by an independent count over a thousand and four hundred cues.
const SIZES: [(usize, f64); 2] = [(24, 0.385), (28, 0.185)];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/exponential-capacity",
        crate_name: "ebm-memory",
        claim: "A dense associative memory with F(m) = exp(m) holds 2^(N/2) random patterns as \
                fixed points; correcting a tenth of wrong signs, ⌊N/10⌋ of them, in one update \
                takes fewer",
        source: "M. Demircigil et al., J. Stat. Phys. 168, 288 (2017), arXiv 1702.01929, \
                 theorem 3",
        target: "of N = 24 and 28 neurons: at 2^(N/2) patterns not more than 1 % of them change, \
                 and from two wrong signs 0.385 and 0.185 fail, both within 0.08 of an independent \
                 count (a third wrong sign, as rounding would have it at N = 28, makes 0.75 of \
                 0.185); at 2^(N/4), below the load of the theorem, not more than 2 % fail; at \
                 2^(3N/4), N = 24, 0.18 change within 0.08 and at least 99 % fail",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (exponents, tried): (&[f64], _) =
        if settings.quick { (&[0.25, 0.5], 60) } else { (&[0.25, 0.375, 0.5, 0.625, 0.75], 400) };
    // Standard errors: 0.024 with 400 cues, 0.03 for 0.18 with 150, 0.06 with 60.
    let allowed = if settings.quick { 0.2 } else { 0.08 };
    let mut series = vec![];
    let (mut half, mut quarter, mut beyond) = (vec![], vec![], vec![]);
    for (k, (dim, _)) in SIZES.into_iter().enumerate() {
        let (mut moved_points, mut failed_points) = (vec![], vec![]);
        // The largest loads take too long at the larger size.
        let last = if k == 0 { exponents.len() } else { exponents.len().div_ceil(2) };
        for &exponent in &exponents[..last] {
            let count = (exponent * dim as f64).exp2().round() as usize;
            // A large share needs fewer cues, and they are slow among the most patterns.
            let tried = if count > 1 << 16 { tried.min(150) } else { tried };
            let [moved, failed] = changes(dim, count, tried, [0, dim / 10])?;
            moved_points.push((exponent, moved));
            failed_points.push((exponent, failed));
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
            (format!("{dim} neurons, two signs wrong"), failed_points),
        ] {
            let line = points.iter().map(|(x, share)| (*x, share.rate())).collect();
            let ends = points.iter().flat_map(|(x, share)| {
                let (low, high) = share.interval(1.96);
                [(*x, low), (*x, high)]
            });
            let ends = ends.collect();
            series.push(Series { name: name.clone(), points: line, mark: Mark::Line });
            series.push(Series { name, points: ends, mark: Mark::Intervals });
        }
    }
    let three = changes(28, 1 << 14, tried, [3])?[0];
    for (name, exponent) in
        [("theory, from the pattern", 0.5), ("theory, a tenth wrong", flips_exponent(0.1))]
    {
        let points = vec![(exponent, 0.0), (exponent, 1.0)];
        series.push(Series { name: name.into(), points, mark: Mark::Reference });
    }
    let near = |share: &Proportion, expected: f64| (share.rate() - expected).abs() <= allowed;
    let counted = half.iter().zip(SIZES);
    let pass = counted.into_iter().all(|((_, failed), (_, expected))| near(failed, expected))
        && half.iter().all(|(moved, _)| moved.rate() <= 0.01)
        && quarter.iter().all(|(moved, failed)| moved.hits == 0 && failed.rate() <= 0.02)
        && beyond.iter().all(|(moved, failed)| near(moved, 0.18) && failed.rate() >= 0.99)
        && near(&three, 0.75);
    let show = |(moved, failed): &(Proportion, Proportion)| {
        format!("{:.2} changed, {:.2} failed", moved.rate(), failed.rate())
    };
    let measured: Vec<String> = SIZES
        .iter()
        .zip(&half)
        .map(|((dim, _), found)| format!("N = {dim}, 2^(N/2): {}", show(found)))
        .chain([format!("from three wrong signs {:.2}", three.rate())])
        .chain(beyond.iter().map(|found| format!("N = {}, 2^(3N/4): {}", SIZES[0].0, show(found))))
        .collect();
    Ok(Finding {
        measured: measured.join("; "),
        pass,
        figure: Figure::Plot(Plot {
            title: "Random patterns under one update, exponential interaction".into(),
            x: Axis { label: "log₂ K / N".into(), log: false },
            y: Axis { label: "share of wrong results, with 95 % intervals".into(), log: false },
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

/// Patterns that one update does not reach, for each number of wrong signs.
fn changes<const W: usize>(
    dim: usize,
    count: usize,
    tried: usize,
    wrong: [usize; W],
) -> Result<[Proportion; W], ebm_memory::Error> {
    let seed = dim as u64;
    let memory = DiscreteMemory::new(
        SignPatterns::random(dim, count, seed)?,
        Interaction::Exponential { beta: 1.0 },
    )?;
    // The first of the stored patterns.
    let patterns = Patterns::random_signs(dim, tried.min(count), seed)?;
    let fails = |state: &[f64], pattern: &[f64]| -> Result<bool, ebm_memory::Error> {
        let (mut kept, mut bits) = (vec![0.0; memory.kept()], vec![]);
        let (state, mut next) = (Batch::single(state)?, vec![0.0; dim]);
        memory.keep(state, &mut kept, &mut bits);
        memory.update_all(state, &mut kept, BatchMut::new(&mut next, dim)?, &mut bits);
        Ok(next != pattern)
    };
    let mut shares = [Proportion::default(); W];
    for (share, wrong) in shares.iter_mut().zip(wrong) {
        let fraction = wrong as f64 / dim as f64;
        let cues = corrupt(patterns.as_batch(), fraction, Corruption::FlipSign, 1)?;
        let cues = cues.as_batch();
        let found: Vec<bool> = (0..patterns.count())
            .into_par_iter()
            .map(|mu| fails(cues.column(mu), patterns.pattern(mu)))
            .collect::<Result<_, ebm_memory::Error>>()?;
        found.into_iter().for_each(|failed| share.count(failed));
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exponent_is_that_of_the_theorem() {
        assert!((super::flips_exponent(0.0) - 0.5).abs() < 1e-12);
        assert!((super::flips_exponent(0.1) - 0.2655).abs() < 1e-3);
    }
}
