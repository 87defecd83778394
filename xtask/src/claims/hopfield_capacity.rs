//! Hopfield network: the retrieval of random patterns breaks down around the
//! load that replica theory predicts.

use std::error::Error;
use std::f64::consts::PI;

use ebm_core::Batch;
use ebm_memory::{HopfieldNetwork, Patterns, Recall};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Patterns whose retrieval is tried at every load.
const CUES: usize = 16;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/hopfield-capacity",
        crate_name: "ebm-memory",
        claim: "A Hopfield network of 2000 neurons retrieves random patterns at a load of 0.12 \
                patterns a neuron and not at 0.18; theory puts the breakdown at 0.138",
        source: "D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)",
        target: "overlap after asynchronous recall from the pattern itself: above 0.97 at load \
                 0.12, below 0.6 at load 0.18",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    // A smaller network smears the transition: try it further away.
    let (sizes, loads, (below, above)): (&[usize], &[f64], _) = if settings.quick {
        (&[800], &[0.08, 0.22], (0.08, 0.22))
    } else {
        (
            &[500, 2000],
            &[0.06, 0.10, 0.12, 0.13, 0.138, 0.145, 0.15, 0.16, 0.18, 0.20],
            (0.12, 0.18),
        )
    };
    let mut series = vec![Series {
        name: "theory, infinite network".into(),
        points: theory(),
        mark: Mark::Reference,
    }];
    let (mut retained, mut lost) = (0.0, 1.0);
    for &size in sizes {
        let (mut points, mut ends) = (vec![], vec![]);
        for &load in loads {
            let (overlap, error) = overlap(size, load)?;
            points.push((load, overlap));
            ends.extend([(load, overlap - 1.96 * error), (load, overlap + 1.96 * error)]);
            if load == below {
                retained = overlap;
            }
            if load == above {
                lost = overlap;
            }
        }
        let name = format!("{size} neurons");
        series.push(Series { name: name.clone(), points, mark: Mark::Line });
        series.push(Series { name, points: ends, mark: Mark::Intervals });
    }
    Ok(Finding {
        measured: format!("overlap {retained:.3} at load {below}, {lost:.3} at load {above}"),
        pass: retained > 0.97 && lost < 0.6,
        figure: Figure::Plot(Plot {
            title: "Retrieval of random patterns by a Hopfield network".into(),
            x: Axis { label: "load, patterns per neuron".into(), log: false },
            y: Axis { label: "overlap with the pattern after recall, 95 %".into(), log: false },
            series,
        }),
    })
}

/// Mean overlap with the stored pattern that recall starts from, and its
/// standard error.
fn overlap(neurons: usize, load: f64) -> Result<(f64, f64), Box<dyn Error>> {
    let count = (load * neurons as f64).round() as usize;
    let patterns = Patterns::random_signs(neurons, count, neurons as u64)?;
    let network = HopfieldNetwork::hebb(&patterns)?;
    let tried = count.min(CUES);
    let cues = Batch::new(&patterns.as_batch().as_slice()[..neurons * tried], neurons)?;
    let recalled = Recall { seed: 1, ..Recall::default() }.retrieve(&network, cues)?;
    let overlaps: Vec<f64> =
        (0..tried).map(|mu| patterns.overlap(mu, recalled.state(mu))).collect();
    let n = tried as f64;
    let mean = overlaps.iter().sum::<f64>() / n;
    let squares: f64 = overlaps.iter().map(|m| (m - mean) * (m - mean)).sum();
    Ok((mean, (squares / (n * (n - 1.0))).sqrt()))
}

/// The stable branch of the mean-field equations at zero temperature, up to
/// the load where it ends: `m = erf y`, `√(2α) = erf(y)/y − (2/√π) e^{−y²}`.
fn theory() -> Vec<(f64, f64)> {
    let load = |y: f64| 0.5 * (erf(y) / y - 2.0 / PI.sqrt() * (-y * y).exp()).powi(2);
    let mut points: Vec<(f64, f64)> = vec![];
    // From light loads, where y is large, up to the largest load.
    for step in 0..400 {
        let y = 3.2 - 0.005 * f64::from(step);
        let point = (load(y), erf(y));
        if points.last().is_some_and(|(last, _)| point.0 < *last) {
            break;
        }
        points.push(point);
    }
    // The jump to no overlap at all.
    points.extend(points.last().map(|(critical, _)| (*critical, 0.0)));
    points
}

/// Error function for moderate arguments: `(2/√π) e^{−y²} Σ 2ⁿ y²ⁿ⁺¹/(2n+1)!!`.
fn erf(y: f64) -> f64 {
    let (mut term, mut sum) = (y, 0.0);
    for n in 1..200 {
        sum += term;
        term *= 2.0 * y * y / f64::from(2 * n + 1);
    }
    2.0 / PI.sqrt() * (-y * y).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_ends_at_the_published_load() {
        assert!((erf(1.0) - 0.842_700_792_949_714_9).abs() < 1e-14);
        let branch = theory();
        let (load, overlap) = branch[branch.len() - 2];
        assert!((load - 0.1379).abs() < 1e-4, "{load}");
        assert!((overlap - 0.967).abs() < 2e-3, "{overlap}");
    }
}
