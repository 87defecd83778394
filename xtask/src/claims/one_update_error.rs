//! Log-sum-exp memory: one update recalls a pattern, with an error that is
//! exponentially small in inverse temperature and dimension.

use std::error::Error;

use ebm_core::{Batch, random};
use ebm_memory::{Cccp, LogSumExpMemory, Patterns, Similarity};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Standard deviation of the noise on every entry of a cue.
const NOISE: f64 = 0.3;
/// The same where errors are compared with their bound, which is vacuous for
/// cues further away.
const LITTLE_NOISE: f64 = 0.05;
/// Dimension, whether `β = 1/√d`, number of patterns; median error by an
/// independent computation, and the decades it may be off: a tail of the
/// distribution of the nearest patterns decides the smaller errors.
const EXPECTED: [(usize, bool, usize, f64, f64); 7] = [
    (20, false, 10, 3.7e-6, 0.5),
    (20, false, 100, 2.8e-4, 0.5),
    (20, false, 1000, 4.7e-3, 0.5),
    (20, false, 10_000, 4.3e-2, 0.5),
    (50, false, 10_000, 1e-10, 1.0),
    (50, true, 100, 0.11, 0.5),
    (50, true, 10_000, 0.81, 0.5),
];
/// Smallest error drawn: below is rounding.
const FLOOR: f64 = 1e-16;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/one-update-error",
        crate_name: "ebm-memory",
        claim: "One update of a log-sum-exp memory recalls random patterns of length √(d − 1) \
                from noisy cues; the error falls exponentially with β and d, while β = 1/√d, the \
                scale of attention, averages many patterns",
        source: "H. Ramsauer et al., arXiv 2008.02217: retrieval in one update, metastable states, \
                 and the bound 2(K − 1) M exp(−β(Δ − 2M‖cue − pattern‖)); medians: own measurement",
        target: "median relative error for noise 0.3 within half a decade of an independent \
                 computation: β = 1, d = 20, K = 10, 100, 1000, 10⁴: 3.7e-6, 2.8e-4, 4.7e-3, \
                 4.3e-2; β = 1/√d, d = 50, K = 100, 10⁴: 0.11, 0.81; within one decade: β = 1, \
                 d = 50, K = 10⁴: 1e-10; K = 1000: down by more than four decades from d = 20 to \
                 50 at β = 1, by less than a half at β = 1/√d; no error for noise 0.05 above its \
                 bound, at any β",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (counts, cues): (&[usize], usize) = match settings.quick {
        true => (&[10, 1000, 10_000], 40),
        false => (&[10, 30, 100, 300, 1000, 3000, 10_000], 200),
    };
    let mut series = vec![];
    // Largest deviation, over what is allowed.
    let mut off = 0.0;
    for (dim, attention) in [(20, false), (50, false), (20, true), (50, true)] {
        let beta = if attention { 1.0 / (dim as f64).sqrt() } else { 1.0 };
        let mut points = vec![];
        for &count in counts {
            let median = median_error(dim, count, beta, cues)?;
            points.push((count as f64, median.max(FLOOR)));
            for (_, _, _, expected, decades) in
                EXPECTED.iter().filter(|e| (e.0, e.1, e.2) == (dim, attention, count))
            {
                off = larger(off, (median / expected).log10().abs() / decades);
            }
        }
        let beta = if attention { "1/√d" } else { "1" };
        series.push(Series { name: format!("β = {beta}, d = {dim}"), points, mark: Mark::Line });
    }
    let computed = EXPECTED.iter().map(|e| (e.2 as f64, e.3)).collect();
    let name = "independent computation".to_string();
    series.push(Series { name, points: computed, mark: Mark::Points });

    let dims: &[usize] = if settings.quick { &[20, 50] } else { &[10, 15, 20, 25, 30, 40, 50, 60] };
    let (mut dimensions, mut falls) = (vec![], vec![]);
    for attention in [false, true] {
        let mut points = vec![];
        for &dim in dims {
            let beta = if attention { 1.0 / (dim as f64).sqrt() } else { 1.0 };
            let median = median_error(dim, 1000, beta, cues)?;
            points.push((dim as f64, median.max(FLOOR)));
        }
        let at = |dim: f64| points.iter().find(|p| p.0 == dim).map_or(f64::NAN, |p| p.1);
        falls.push((at(20.0) / at(50.0)).log10());
        let name = if attention { "β = 1/√d" } else { "β = 1" };
        dimensions.push(Series { name: name.into(), points, mark: Mark::Line });
    }

    let (mut errors, mut bounds) = (vec![], vec![]);
    let mut excess: f64 = f64::NEG_INFINITY;
    let cues = cues.min(50);
    for beta in [0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0] {
        let trial = Trial::new(50, 1000, beta, cues, LITTLE_NOISE, 0)?;
        let mut limits = vec![];
        for (mu, (error, distance)) in trial.errors.iter().zip(&trial.distances).enumerate() {
            let limit = trial.memory.one_step_bound(mu, *distance)? / 7.0;
            excess = larger(excess, error - limit);
            limits.push(limit);
        }
        errors.push((beta, median(trial.errors).max(FLOOR)));
        bounds.push((beta, median(limits).max(FLOOR)));
    }
    Ok(Finding {
        measured: format!(
            "medians off by at most {off:.2} of what is allowed; from d = 20 to 50 down by {:.1} \
             decades at β = 1 and {:.2} at β = 1/√d; errors exceed their bounds by at most \
             {excess:.0e}",
            falls[0], falls[1],
        ),
        // Bounds hold in exact arithmetic.
        pass: off <= 1.0 && falls[0] > 4.0 && falls[1].abs() < 0.5 && excess <= 1e-14,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: "Against the number of patterns, cues with noise 0.3".into(),
                x: Axis { label: "patterns stored".into(), log: true },
                y: Axis { label: "median distance to the pattern / its norm".into(), log: true },
                series,
            }),
            Figure::Plot(Plot {
                title: "Against the dimension, 1000 patterns, noise 0.3".into(),
                x: Axis { label: "dimension d of the patterns".into(), log: false },
                y: Axis { label: "median distance to the pattern / its norm".into(), log: true },
                series: dimensions,
            }),
            Figure::Plot(Plot {
                title: "Against β, with the bound: d = 50, 1000 patterns, noise 0.05".into(),
                x: Axis { label: "inverse temperature β".into(), log: false },
                y: Axis { label: "median distance to the pattern / its norm".into(), log: true },
                series: vec![
                    Series { name: "bound".into(), points: bounds, mark: Mark::Reference },
                    Series { name: "error".into(), points: errors, mark: Mark::Line },
                ],
            }),
        ]),
    })
}

/// Median over several sets of patterns, as many as give all `cues`.
fn median_error(dim: usize, count: usize, beta: f64, cues: usize) -> Result<f64, Box<dyn Error>> {
    let mut errors = vec![];
    for set in 0..cues.div_ceil(count).max(1) {
        errors.extend(Trial::new(dim, count, beta, cues, NOISE, set as u64)?.errors);
    }
    Ok(median(errors))
}

/// One update from a noisy cue of each of the first patterns.
struct Trial {
    memory: LogSumExpMemory,
    /// Distances of the cues to their patterns.
    distances: Vec<f64>,
    /// Distances after the update, over the norm of the patterns.
    errors: Vec<f64>,
}

impl Trial {
    fn new(
        dim: usize,
        count: usize,
        beta: f64,
        cues: usize,
        noise: f64,
        set: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let mut rng = random::stream(1 + set, (dim * 100_000 + count) as u64);
        let mut data = vec![0.0; dim * count];
        random::fill_normal(&mut rng, &mut data);
        let radius = ((dim - 1) as f64).sqrt();
        for pattern in data.chunks_exact_mut(dim) {
            let norm = pattern.iter().map(|x| x * x).sum::<f64>().sqrt();
            pattern.iter_mut().for_each(|x| *x *= radius / norm);
        }
        let patterns = Patterns::new(data, dim)?;
        let cues = cues.min(count);
        let mut x = vec![0.0; dim * cues];
        random::fill_normal(&mut rng, &mut x);
        for (x, p) in x.iter_mut().zip(patterns.as_batch().as_slice()) {
            *x = p + noise * *x;
        }
        let memory = LogSumExpMemory::new(patterns, beta, Similarity::DotProduct)?;
        let once = Cccp { max_iterations: 1, ..Cccp::default() };
        let found = once.retrieve(&memory, Batch::new(&x, dim)?)?;
        let distance = |(mu, x): (usize, &[f64])| {
            let pairs = memory.patterns().pattern(mu).iter().zip(x);
            pairs.map(|(p, x)| (p - x) * (p - x)).sum::<f64>().sqrt()
        };
        let distances = x.chunks_exact(dim).enumerate().map(distance).collect();
        let errors =
            found.states().columns().enumerate().map(distance).map(|e| e / radius).collect();
        Ok(Self { memory, distances, errors })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
