//! Dense associative memory with polynomial interactions: how many random
//! patterns are fixed points, and what rectification changes.

use std::error::Error;

use ebm_core::Batch;
use ebm_memory::experiment::{Proportion, threshold};
use ebm_memory::{DiscreteMemory, Interaction, LocalFields, Patterns, SignPatterns};
use rayon::prelude::*;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Patterns of each set that are tried.
const TRIED: usize = 25;

/// Degree, neurons, and the shares of patterns with an unstable neuron at 0.5,
/// 1, 2 and 4 times the capacity, plain and rectified, that an independent
/// experiment of forty patterns each found.
type System = (u32, usize, [[f64; 4]; 2]);

const SYSTEMS: [System; 4] = [
    (2, 400, [[0.00, 0.06, 0.80, 1.00], [0.00, 0.00, 0.05, 0.78]]),
    (3, 100, [[0.03, 0.05, 0.73, 1.00], [0.00, 0.00, 0.23, 0.88]]),
    (3, 150, [[0.00, 0.10, 0.73, 1.00], [0.00, 0.00, 0.15, 0.90]]),
    (4, 50, [[0.00, 0.15, 0.78, 1.00], [0.00, 0.00, 0.10, 0.73]]),
];
/// The loads of the experiment.
const COMPARED: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/polynomial-capacity",
        crate_name: "ebm-memory",
        claim: "A dense associative memory of degree n holds N^(n−1)/(2 (2n−3)!! ln N) random \
                patterns without error, and twice as many if the polynomial is rectified",
        source: "D. Krotov, J. J. Hopfield (2016), arXiv 1606.01164, equation 6",
        target: "share of patterns with an unstable neuron, for n = 2, 3, 4: at the capacity \
                 below 0.2, at twice that above 0.5; within 0.15, two standard errors, of an \
                 independent experiment at 0.5, 1, 2 and 4 times the capacity, with and without \
                 rectification; the load at which it is one half is 1.75 to 2.25 times as large \
                 with rectification",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (systems, loads, sets): (_, &[f64], u64) = if settings.quick {
        (&SYSTEMS[1..2], &[0.5, 1.0, 2.0, 3.0, 4.0, 6.0], 8)
    } else {
        (&SYSTEMS[..], &[0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0], 16)
    };
    let (mut panels, mut measured, mut pass, mut off) = (vec![], vec![], true, 0.0);
    for &(degree, dim, expected) in systems {
        let plain = Interaction::Polynomial { degree };
        let capacity = plain.capacity(dim).ok_or("polynomials have a capacity")?;
        let mut halves = vec![];
        let mut series = vec![];
        let rectified = Interaction::RectifiedPolynomial { degree };
        let kinds = [("mⁿ/n", plain), ("rectified", rectified)].into_iter().zip(expected);
        for ((name, interaction), expected) in kinds {
            let (mut points, mut intervals, mut stable) = (vec![], vec![], vec![]);
            for &load in loads {
                let count = (load * capacity).floor() as usize;
                let unstable = unstable(interaction, dim, count, sets)?;
                points.push((load, unstable.rate()));
                let (low, high) = unstable.interval(1.96);
                intervals.extend([(load, low), (load, high)]);
                stable.push((load, 1.0 - unstable.rate()));
                if let Some(k) = COMPARED.iter().position(|compared| *compared == load) {
                    off = larger(off, (unstable.rate() - expected[k]).abs());
                }
                if interaction == plain {
                    pass &= load != 1.0 || unstable.rate() < 0.2;
                    pass &= load != 2.0 || unstable.rate() > 0.5;
                }
            }
            halves.push(threshold(&stable, 0.5).unwrap_or(f64::NAN));
            series.push(Series { name: name.into(), points, mark: Mark::Line });
            series.push(Series { name: name.into(), points: intervals, mark: Mark::Intervals });
        }
        for (place, name) in [(1.0, "capacity"), (2.0, "twice the capacity")] {
            let points = vec![(place, 0.0), (place, 1.0)];
            series.push(Series { name: name.into(), points, mark: Mark::Reference });
        }
        let ratio = halves[1] / halves[0];
        pass &= (1.75..=2.25).contains(&ratio);
        let at = |series: &Series, load| {
            series.points.iter().find(|(x, _)| *x == load).map_or(f64::NAN, |point| point.1)
        };
        measured.push(format!(
            "n = {degree}, N = {dim}: {:.2} at the capacity, {:.2} at twice; rectified ×{ratio:.2}",
            at(&series[0], 1.0),
            at(&series[0], 2.0),
        ));
        panels.push(Figure::Plot(Plot {
            title: format!("Degree {degree}, {dim} neurons, capacity {}", capacity.floor()),
            x: Axis { label: "patterns / capacity of mⁿ/n".into(), log: false },
            y: Axis { label: "patterns with an unstable neuron".into(), log: false },
            series,
        }));
    }
    measured.push(format!("off the independent experiment by at most {off:.2}"));
    pass &= off <= 0.15;
    Ok(Finding { measured: measured.join("; "), pass, figure: Figure::Panels(panels) })
}

/// Patterns that an exact update of some neuron changes.
fn unstable(
    interaction: Interaction,
    dim: usize,
    count: usize,
    sets: u64,
) -> Result<Proportion, ebm_memory::Error> {
    let count_set = |set: u64| {
        let memory = DiscreteMemory::new(SignPatterns::random(dim, count, set)?, interaction)?;
        // The first of the stored patterns.
        let patterns = Patterns::random_signs(dim, TRIED.min(count), set)?;
        let (mut kept, mut bits) = (vec![0.0; memory.kept()], vec![]);
        let mut found = Proportion::default();
        for pattern in patterns.as_batch().columns() {
            memory.keep(Batch::single(pattern)?, &mut kept, &mut bits);
            found.count((0..dim).any(|i| pattern[i] * memory.field(i, pattern, &kept) < 0.0));
        }
        Ok(found)
    };
    let sets: Vec<Proportion> =
        (0..sets).into_par_iter().map(count_set).collect::<Result<_, ebm_memory::Error>>()?;
    Ok(sets.into_iter().fold(Proportion::default(), Proportion::merged))
}
