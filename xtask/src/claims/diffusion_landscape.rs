//! Diffusion models as memories: data are memorized, then make spurious wells,
//! then a valley.

use std::error::Error;
use std::f64::consts::TAU;

use ebm_core::{Energy, random};
use ebm_memory::diffusion_memory::circle_energy;
use ebm_memory::{DiffusionMemory, LandscapeSearch, MinimumKind, Patterns};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Pictures, Plot, Series, Settings, larger};

/// Variance of the noise in a coordinate; the data lie on the unit circle.
const VARIANCE: f64 = 0.04;
const KINDS: [(MinimumKind, &str); 3] = [
    (MinimumKind::Stored, "a datum: memorized"),
    (MinimumKind::Spurious, "a spurious well"),
    (MinimumKind::Continuous, "a valley along the circle"),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/diffusion-landscape",
        crate_name: "ebm-memory",
        claim: "The energy of a diffusion model with an exact score memorizes few data, has \
                spurious minima at some, and forms a valley along the data set at many",
        source: "B. Pham et al., arXiv 2505.21777: data on the unit circle, K = 2, 9, 1000; limit \
                 E(R) = R² + 1 − ln I₀(2βR)/β",
        target: "means over draws at noise variance 0.04: K = 2 ends at data in at least 0.75 of the \
                 descents (two random points lie closer than 2σ√t once in eight), K = 1000 in the \
                 valley in at least 0.9; spurious minima have at least \
                 0.3 at K = 9 and their largest share strictly between; the energy of 512 regular \
                 points within 1e-12 of the limit",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (draws, starts) = if settings.quick { (4, 50) } else { (12, 100) };
    let counts: &[usize] =
        if settings.quick { &[2, 9, 1000] } else { &[2, 3, 5, 9, 15, 30, 100, 300, 1000] };
    let mut curves = [const { vec![] }; 3];
    for &count in counts {
        let mut shares = [0.0; 3];
        for draw in 0..draws {
            let memory = DiffusionMemory::new(circle(count, draw)?, VARIANCE)?;
            let search = LandscapeSearch { starts, seed: draw, ..LandscapeSearch::default() };
            let landscape = memory.landscape(&search)?;
            for (share, (kind, _)) in shares.iter_mut().zip(KINDS) {
                *share += landscape.share(kind) / draws as f64;
            }
        }
        for (curve, share) in curves.iter_mut().zip(shares) {
            curve.push((count as f64, share));
        }
    }
    let at = |kind: usize, count: f64| {
        curves[kind].iter().find(|p| p.0 == count).map_or(f64::NAN, |p| p.1)
    };
    let peak = curves[1].iter().fold((0.0, 0.0), |best, p| if p.1 > best.1 { *p } else { best });
    let deviation = limit_deviation()?;
    let pass = at(0, 2.0) >= 0.75
        && at(1, 9.0) >= 0.3
        && at(2, 1000.0) >= 0.9
        && peak.0 > 2.0
        && peak.0 < 1000.0
        && deviation < 1e-12;
    let landscapes =
        [2, 9, 1000].into_iter().map(picture).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    Ok(Finding {
        measured: format!(
            "K = 2: {:.2} at data; K = 9: {:.2} spurious; K = 1000: {:.2} in the valley; most \
             spurious, {:.2}, at K = {}; off the limit by {deviation:.0e}",
            at(0, 2.0),
            at(1, 9.0),
            at(2, 1000.0),
            peak.1,
            peak.0
        ),
        pass,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: "Where descents from noisy samples end".into(),
                x: Axis { label: "number K of data on the circle".into(), log: true },
                y: Axis { label: "share of descents".into(), log: false },
                series: curves
                    .into_iter()
                    .zip(KINDS)
                    .map(|(points, (_, name))| Series {
                        name: name.into(),
                        points,
                        mark: Mark::Line,
                    })
                    .collect(),
            }),
            Figure::Pictures(Pictures {
                title: "The energy in the plane for K = 2, 9 and 1000: dark is low".into(),
                width: SIDE,
                rows: vec![(String::new(), landscapes)],
            }),
        ]),
    })
}

/// Independent uniform points on the unit circle.
fn circle(count: usize, seed: u64) -> Result<Patterns, Box<dyn Error>> {
    let mut rng = random::stream(seed, count as u64);
    let point = |_| f64::sin_cos(rng.random_range(0.0..TAU));
    Ok(Patterns::new((0..count).map(point).flat_map(|(sin, cos)| [cos, sin]).collect(), 2)?)
}

/// Largest distance of the energy of regular points to its limit, on a radius.
fn limit_deviation() -> Result<f64, Box<dyn Error>> {
    let count = 512;
    let points = (0..count).map(|k| f64::sin_cos(TAU * f64::from(k) / f64::from(count)));
    let data = Patterns::new(points.flat_map(|(sin, cos)| [cos, sin]).collect(), 2)?;
    let memory = DiffusionMemory::new(data, VARIANCE)?;
    let constant = 2.0 * VARIANCE * f64::from(count).ln();
    let mut worst = 0.0;
    for k in 0..=40 {
        let radius = 0.05 * f64::from(k);
        let found = memory.energy_at(&[0.6 * radius, 0.8 * radius]) + constant;
        worst = larger(worst, (found - circle_energy(radius, VARIANCE)?).abs());
    }
    Ok(worst)
}

/// Pixels along an edge of a picture.
const SIDE: usize = 40;

/// Grey levels of the energy on `[−1.5, 1.5]²`, dark up to six thermal energies
/// above the least.
fn picture(count: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let memory = DiffusionMemory::new(circle(count, 0)?, VARIANCE)?;
    let place = |pixel: usize| 3.0 * (pixel as f64 + 0.5) / SIDE as f64 - 1.5;
    let energies: Vec<f64> = (0..SIDE * SIDE)
        .map(|pixel| memory.energy_at(&[place(pixel % SIDE), -place(pixel / SIDE)]))
        .collect();
    let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
    let depth = 6.0 / memory.inverse_temperature();
    Ok(energies.iter().map(|e| (1.0 - (e - least) / depth).max(0.0)).collect())
}
