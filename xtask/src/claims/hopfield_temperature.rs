//! Hopfield network at finite temperature: recall fades as mean-field theory
//! says and ends at T = 1.

use std::error::Error;

use ebm_memory::{Glauber, LowRankHopfield, Patterns};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/hopfield-temperature",
        crate_name: "ebm-memory",
        claim: "Under Glauber dynamics a Hopfield network of few patterns recalls with overlap \
                m = tanh(m/T), and not above T = 1",
        source: "D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. A 32, 1007 (1985)",
        target: "3 patterns in 5000 neurons: mean overlap within 0.02 of the solution for T up to \
                 0.9, at most 0.05 from T = 1.2 on",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (neurons, sweeps) = if settings.quick { (4000, 60) } else { (5000, 150) };
    let temperatures: &[f64] = if settings.quick {
        &[0.3, 0.6, 1.3]
    } else {
        &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4]
    };
    let patterns = Patterns::random_signs(neurons, 3, 2)?;
    let network = LowRankHopfield::hebb(&patterns.to_precision::<f32>()?)?;
    let (mut points, mut off, mut left) = (vec![], 0.0, 0.0);
    for (seed, &temperature) in (0..).zip(temperatures) {
        let glauber =
            Glauber { temperature, burn_in: sweeps / 3, sweeps, seed, ..Glauber::default() };
        let chains = glauber.retrieve(&network, patterns.as_batch())?;
        let overlaps = chains.means().columns().enumerate();
        let overlap = overlaps.map(|(mu, mean)| patterns.overlap(mu, mean)).sum::<f64>() / 3.0;
        points.push((temperature, overlap));
        if temperature <= 0.9 {
            off = larger(off, (overlap - mean_field(temperature)).abs());
        } else if temperature >= 1.2 {
            left = larger(left, overlap.abs());
        }
    }
    let theory = (0..=140).map(|k| 0.01 * f64::from(k)).map(|t| (t, mean_field(t))).collect();
    Ok(Finding {
        measured: format!(
            "overlap within {off:.4} of theory up to T = 0.9, at most {left:.3} from T = 1.2 on"
        ),
        pass: off <= 0.02 && left <= 0.05,
        figure: Figure::Plot(Plot {
            title: format!("Recall by {neurons} neurons at finite temperature"),
            x: Axis { label: "temperature T".into(), log: false },
            y: Axis { label: "mean overlap with the pattern".into(), log: false },
            series: vec![
                Series { name: "m = tanh(m/T)".into(), points: theory, mark: Mark::Reference },
                Series { name: "Glauber dynamics".into(), points, mark: Mark::Points },
            ],
        }),
    })
}

/// The largest solution of `m = tanh(m/T)`, by bisection.
fn mean_field(temperature: f64) -> f64 {
    if temperature >= 1.0 {
        return 0.0;
    }
    if temperature == 0.0 {
        return 1.0;
    }
    let (mut low, mut high) = (1e-9, 1.0);
    for _ in 0..80 {
        let m = 0.5 * (low + high);
        if (m / temperature).tanh() > m { low = m } else { high = m }
    }
    low
}
