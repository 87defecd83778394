//! Log-sum-exp memory: the number of random patterns that it holds grows
//! exponentially with their dimension.

use std::error::Error;
use std::f64::consts::PI;

use ebm_core::{Batch, random};
use ebm_memory::experiment::{Proportion, threshold};
use ebm_memory::{LogSumExpMemory, Patterns, Similarity};
use rayon::prelude::*;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Loads over the predicted capacity.
const LOADS: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.4, 2.0, 4.0];
/// Standard deviation of the noise on every entry of a noisy cue.
const NOISE: f64 = 0.3;
/// Cues whose weights are held at a time.
const BLOCK: usize = 16;

/// Inverse temperature and dimensions.
type Case = (f64, &'static [usize]);

const CASES: [Case; 3] = [
    (0.5, &[8, 10, 12, 14, 16, 18, 20, 22]),
    (1.0, &[6, 8, 10, 12, 14, 16]),
    (2.0, &[4, 5, 6, 7, 8, 9, 10]),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/log-sum-exp-capacity",
        crate_name: "ebm-memory",
        claim: "The number of random patterns that a log-sum-exp memory tells apart is exponential \
                in their dimension, K ~ exp(α(β) d) for patterns of length √d, at every inverse \
                temperature",
        source: "capacity: H. Ramsauer et al., arXiv 2008.02217; exponent \
                 α = β(1 − t) − ½ ln(1 − t²) with t = β(1 − t²): C. Lucibello, M. Mézard, Phys. \
                 Rev. Lett. 132, 077301 (2024), arXiv 2304.14964; at finite d \
                 K = 1 + 1/⟨exp(βd(t − 1))⟩, t the cosine of two random directions",
        target: "load at which half of the patterns keep more than half of the softmax weight at \
                 themselves: within 15 % of that K for β = ½, 1, 2 and d from 4 to 22, its growth \
                 rate within 3 %; at a quarter of that load at least 0.85 of the cues with noise \
                 0.3 on every entry give their pattern more than half of the weight",
        run,
    }
}

/// What was measured at one dimension.
struct Capacity {
    dim: usize,
    /// Loads, in units of the predicted capacity, with the patterns told apart.
    told: Vec<(f64, Proportion)>,
    predicted: f64,
    /// Load of one half, and the ends of its interval.
    half: [f64; 3],
    /// From noisy cues, at the least load.
    noisy: Proportion,
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (dims, tried) = if settings.quick { (2, 200) } else { (usize::MAX, 400) };
    let (mut pass, mut worst, mut noisy, mut measured) = (true, 0.0, 1.0_f64, vec![]);
    let (mut series, mut sharpening) = (vec![], vec![]);
    for (beta, all) in CASES {
        let found: Vec<Capacity> = all
            .iter()
            .take(dims)
            .map(|dim| capacity(beta, *dim, tried))
            .collect::<Result<_, Box<dyn Error>>>()?;
        for c in &found {
            worst = larger(worst, (c.half[0] / c.predicted - 1.0).abs());
            noisy = noisy.min(c.noisy.rate());
        }
        let rate = |y: &dyn Fn(&Capacity) -> f64| {
            slope(&found.iter().map(|c| (c.dim as f64, y(c).ln())).collect::<Vec<_>>())
        };
        let (growth, expected) = (rate(&|c| c.half[0]), rate(&|c| c.predicted));
        pass &= settings.quick || (growth / expected - 1.0).abs() <= 0.03;
        measured.push(format!(
            "β = {beta}: e^({growth:.3} d), predicted {expected:.3}, at large d {:.3}",
            exponent(beta)
        ));
        let name = format!("β = {beta}");
        let at = |y: fn(&Capacity) -> f64| found.iter().map(move |c| (c.dim as f64, y(c)));
        let ends = found.iter().flat_map(|c| [1, 2].map(|end| (c.dim as f64, c.half[end])));
        series.push(Series {
            name: "theory".into(),
            points: at(|c| c.predicted).chain([(f64::NAN, f64::NAN)]).collect(),
            mark: Mark::Reference,
        });
        series.push(Series {
            name: name.clone(),
            points: at(|c| c.half[0]).collect(),
            mark: Mark::Points,
        });
        series.push(Series { name, points: ends.collect(), mark: Mark::Intervals });
        if beta == 1.0 {
            for c in found.iter().step_by(2) {
                let name = format!("d = {}, capacity {:.0}", c.dim, c.predicted);
                let line = c.told.iter().map(|(load, p)| (*load, p.rate())).collect();
                let ends = c.told.iter().flat_map(|(load, p)| {
                    let (low, high) = p.interval(1.96);
                    [(*load, low), (*load, high)]
                });
                let ends = ends.collect();
                sharpening.push(Series { name: name.clone(), points: line, mark: Mark::Line });
                sharpening.push(Series { name, points: ends, mark: Mark::Intervals });
            }
        }
    }
    pass &= worst <= if settings.quick { 0.25 } else { 0.15 } && noisy >= 0.85;
    Ok(Finding {
        measured: format!(
            "largest deviation {:.0} %; {}; from noisy cues at least {noisy:.2}",
            100.0 * worst,
            measured.join("; ")
        ),
        pass,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: "A straight line on this axis is an exponential capacity".into(),
                x: Axis { label: "dimension d of the patterns".into(), log: false },
                y: Axis { label: "patterns K of which half are told apart".into(), log: true },
                series,
            }),
            Figure::Plot(Plot {
                title: "Patterns told apart around the capacity, β = 1".into(),
                x: Axis { label: "patterns stored / predicted capacity".into(), log: true },
                y: Axis { label: "share of patterns told apart".into(), log: false },
                series: sharpening,
            }),
        ]),
    })
}

/// Measures one dimension at loads around the predicted capacity.
fn capacity(beta: f64, dim: usize, tried: usize) -> Result<Capacity, Box<dyn Error>> {
    let predicted = 1.0 + 1.0 / mean_competitor(beta * dim as f64, dim);
    let mut told = vec![];
    let mut noisy = Proportion::default();
    for (k, load) in (0_u64..).zip(LOADS) {
        let count = ((load * predicted).round() as usize).max(2);
        // Small sets differ from each other: as many as give all cues.
        let sets = tried.div_ceil(count).max(4);
        let cues = count.min(tried / sets);
        let share = |set: usize| -> Result<[Proportion; 2], ebm_memory::Error> {
            let seed = 1000 * k + set as u64;
            let patterns = Patterns::spherical(dim, count, seed)?;
            let memory = LogSumExpMemory::new(patterns, beta, Similarity::DotProduct)?;
            let mut start = memory.patterns().as_batch().as_slice()[..cues * dim].to_vec();
            let clean = dominant(&memory, &start)?;
            if k > 0 {
                return Ok([clean, Proportion::default()]);
            }
            let mut noise = vec![0.0; start.len()];
            random::fill_normal(&mut random::stream(seed, u64::MAX), &mut noise);
            start.iter_mut().zip(&noise).for_each(|(x, z)| *x += NOISE * z);
            Ok([clean, dominant(&memory, &start)?])
        };
        let shares = (0..sets).into_par_iter().map(share);
        let mut clean = Proportion::default();
        for [a, b] in shares.collect::<Result<Vec<_>, ebm_memory::Error>>()? {
            (clean, noisy) = (clean.merged(a), noisy.merged(b));
        }
        told.push((load, clean));
    }
    let crossing = |y: &dyn Fn(&Proportion) -> f64| {
        // Between loads on a logarithmic scale.
        let curve: Vec<_> = told.iter().map(|(load, p)| (load.ln(), y(p))).collect();
        threshold(&curve, 0.5).map_or(f64::NAN, |x| x.exp() * predicted)
    };
    let half = [
        crossing(&Proportion::rate),
        crossing(&|p| p.interval(1.96).0),
        crossing(&|p| p.interval(1.96).1),
    ];
    Ok(Capacity { dim, told, predicted, half, noisy })
}

/// How many of the first patterns have more than half of the softmax weight at
/// their cue.
fn dominant(memory: &LogSumExpMemory, cues: &[f64]) -> Result<Proportion, ebm_memory::Error> {
    let (dim, count) = (memory.patterns().dim(), memory.patterns().count());
    let mut found = Proportion::default();
    let mut weights = vec![];
    for (block, cues) in cues.chunks(BLOCK * dim).enumerate() {
        let cues = Batch::new(cues, dim)?;
        weights.resize(count * cues.count(), 0.0);
        memory.weights(cues, &mut weights);
        for (k, weights) in weights.chunks_exact(count).enumerate() {
            found.count(weights[block * BLOCK + k] > 0.5);
        }
    }
    Ok(found)
}

/// Mean of `e^{κ(t − 1)}`, `t` the cosine between two independent uniform
/// directions: the weight of a random competitor over that of the pattern.
fn mean_competitor(kappa: f64, dim: usize) -> f64 {
    const POINTS: usize = 4000;
    let (mut whole, mut weight) = (0.0, 0.0);
    for k in 0..POINTS {
        let angle = (k as f64 + 0.5) * PI / POINTS as f64;
        let density = angle.sin().powi(dim as i32 - 2);
        whole += density;
        weight += density * (kappa * (angle.cos() - 1.0)).exp();
    }
    weight / whole
}

/// `α(β)` of the growth `e^{αd}` at large dimension.
fn exponent(beta: f64) -> f64 {
    let t = ((1.0 + 4.0 * beta * beta).sqrt() - 1.0) / (2.0 * beta);
    beta * (1.0 - t) - 0.5 * (1.0 - t * t).ln()
}

/// Slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let (mut xx, mut xy) = (0.0, 0.0);
    for p in points {
        xx += (p.0 - x) * (p.0 - x);
        xy += (p.0 - x) * (p.1 - y);
    }
    xy / xx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn competitors_are_those_on_a_sphere() {
        // In three dimensions the cosine is uniform: e^{−κ} sinh κ/κ.
        let exact = 2f64.sinh() / 2.0 * (-2f64).exp();
        assert!((mean_competitor(2.0, 3) - exact).abs() < 1e-6);
    }

    #[test]
    fn the_capacity_grows_at_the_exponent() {
        for beta in [0.5, 1.0, 2.0] {
            let [a, b] =
                [400, 500].map(|dim| -mean_competitor(beta * f64::from(dim), dim as usize).ln());
            assert!(((b - a) / 100.0 / exponent(beta) - 1.0).abs() < 0.01, "{beta}");
        }
    }
}
