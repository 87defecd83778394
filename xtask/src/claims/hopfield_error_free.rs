//! Hopfield network: the numbers of patterns that are stored without an error.

use std::error::Error;

use ebm_memory::experiment::Experiment;
use ebm_memory::{LowRankHopfield, Patterns, Recall};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/hopfield-error-free",
        crate_name: "ebm-memory",
        claim: "With N/(4 ln N) random patterns every pattern of a Hopfield network is a fixed \
                point; with N/(2 ln N) almost every one is",
        source: "R. J. McEliece, E. C. Posner, E. R. Rodemich, S. S. Venkatesh, IEEE Trans. Inf. \
                 Theory 33, 461 (1987)",
        target: "share of patterns fixed exactly, N = 200 to 2000: at least 0.998 at N/(4 ln N); \
                 from 0.87 to 0.98 at N/(2 ln N), each within 0.03 of independent Gaussian fields",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let sizes: &[usize] = if settings.quick { &[200, 500] } else { &[200, 500, 1000, 2000] };
    let mut series = vec![];
    let (mut pass, mut measured) = (true, vec![]);
    for (divisor, name) in [(4.0, "N/(4 ln N)"), (2.0, "N/(2 ln N)")] {
        let (mut points, mut bars, mut law) = (vec![], vec![], vec![]);
        for &neurons in sizes {
            let n = neurons as f64;
            let count = (n / (divisor * n.ln())).floor() as usize;
            let experiment = Experiment {
                counts: vec![count],
                trials: if settings.quick { 5 } else { 20 },
                seed: neurons as u64,
                ..Experiment::default()
            };
            let found = experiment.run(
                |count, seed| Patterns::random_signs(neurons, count, seed),
                |patterns, cues| {
                    // A state that changes never comes back: the energy has fallen.
                    let one = Recall { max_sweeps: 1, ..Recall::default() };
                    Ok::<_, ebm_memory::Error>(
                        one.retrieve(&LowRankHopfield::hebb(patterns)?, cues.batch())?
                            .into_states(),
                    )
                },
            )?;
            let fixed = found[0].cues;
            let (low, high) = fixed.interval(1.96);
            let expected = gaussian(neurons, count);
            points.push((n, fixed.rate()));
            bars.extend([(n, low), (n, high)]);
            law.push((n, expected));
            pass &= (fixed.rate() - expected).abs() <= 0.03;
            pass &= if divisor == 4.0 {
                fixed.rate() >= 0.998
            } else {
                (0.87..=0.98).contains(&fixed.rate())
            };
            measured.push(format!("{:.3}", fixed.rate()));
        }
        series.push(Series { name: name.into(), points, mark: Mark::Points });
        series.push(Series { name: name.into(), points: bars, mark: Mark::Intervals });
        series.push(Series {
            name: format!("Gaussian fields, {name}"),
            points: law,
            mark: Mark::Reference,
        });
    }
    let (quarter, half) = measured.split_at(sizes.len());
    Ok(Finding {
        measured: format!(
            "{} at N/(4 ln N); {} at N/(2 ln N)",
            quarter.join(", "),
            half.join(", ")
        ),
        pass,
        figure: Figure::Plot(Plot {
            title: "Patterns of a Hopfield network stored without an error".into(),
            x: Axis { label: "neurons".into(), log: true },
            y: Axis { label: "share of patterns that are fixed points".into(), log: false },
            series,
        }),
    })
}

/// The chance that all `N` fields of a pattern have its sign, were they
/// independent normals of mean 1 and variance `(K − 1)/N`.
fn gaussian(neurons: usize, count: usize) -> f64 {
    let n = neurons as f64;
    (1.0 - upper_tail((n / (count as f64 - 1.0)).sqrt())).powf(n)
}

/// The upper tail of the standard normal beyond `x ≥ 2`, by its continued
/// fraction.
fn upper_tail(x: f64) -> f64 {
    let fraction = (1..=200).rev().fold(x, |rest, k| x + f64::from(k) / rest);
    (-0.5 * x * x).exp() / (std::f64::consts::TAU.sqrt() * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_agrees_with_tables() {
        assert!((upper_tail(2.0) / 0.022_750_131_948_179 - 1.0).abs() < 1e-9);
        assert!((upper_tail(4.0) / 3.167_124_183_311_99e-5 - 1.0).abs() < 1e-9);
    }
}
