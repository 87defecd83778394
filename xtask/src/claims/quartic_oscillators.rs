//! Oscillator memory with couplings of fourth order: retrieval that sets in
//! with a jump, and a number of patterns that grows faster than the network.

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::flow::Langevin;
use ebm_core::sde::{self, StochasticRungeKutta};
use ebm_core::{Snapshot, random};
use ebm_memory::experiment::{Proportion, threshold};
use ebm_memory::oscillator_memory::{
    OscillatorCouplings, OscillatorMemory, PhaseRetrieval, binary_phases,
};
use ebm_memory::{Corruption, Patterns, corrupt};
use rayon::prelude::*;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

/// Quartic couplings beside a pairwise one of 1: on either side of the
/// tricritical ½.
const QUARTIC: [f64; 2] = [0.25, 2.0];
const TEMPERATURES: [f64; 11] = [0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.75, 0.85];
/// Share of flipped signs in a cue.
const FLIPS: f64 = 0.1;
/// Loads in units of the square of the number of oscillators.
const LOADS: [f64; 8] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/quartic-oscillators",
        crate_name: "ebm-memory",
        claim: "With couplings of fourth order, J₄ > J₂/2, phases lose a pattern by a jump and \
                with hysteresis as noise grows; without pairwise ones they retrieve a number of \
                patterns that grows like the square of the number of oscillators, until the other \
                patterns, which act as a second harmonic of J₄K/N², freeze the cue",
        source: "phenomena: J. Nägerl, N. G. Berloff, arXiv 2507.21984 (abstract: tricritical \
                 point, hysteresis, superlinear capacity); equations: own derivation for \
                 E = −N Σ (J₂/2 |m|² + J₄/4 |m|⁴), m = I₁(h/T)/I₀(h/T), h = J₂m + J₄m³, not \
                 compared with those of the paper",
        target: "1000 oscillators: overlap within 0.03 of mean-field theory for T up to 0.4 and, \
                 from the pattern, for J₄ = 2 at T = 0.6; there it is at most 0.2 from random \
                 phases, as at J₄ = ¼ from either start; 24 to 68 oscillators: the number of \
                 patterns of which half are retrieved from 10 % flips lies between N²/8 and N²/3 \
                 and grows with a power of 1.7 to 2.3",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (mut pass, mut noise) = (true, vec![]);
    let (mut off, mut gap) = (0.0, [f64::NAN; 2]);
    for quartic in QUARTIC {
        let (warming, cooling) = branches(quartic, settings.quick)?;
        let at = |curve: &[(f64, f64)], t: f64| {
            curve.iter().find(|p| p.0 == t).map_or(f64::NAN, |p| p.1)
        };
        let jumps = quartic > 0.5;
        for &(temperature, overlap) in &warming {
            if temperature <= 0.4 || (jumps && temperature == 0.6) {
                off = larger(off, (overlap - mean_field(quartic, temperature)).abs());
            }
        }
        let (high, low) = (at(&warming, 0.6), at(&cooling, 0.6));
        pass &= low <= 0.2 && (jumps || high <= 0.2);
        if jumps {
            gap = [high, low];
        }
        let theory = (0..=170).map(|k| 0.005 * f64::from(k) + 1e-3);
        noise.push(Series {
            name: "mean-field theory".into(),
            points: theory
                .map(|t| (t, mean_field(quartic, t)))
                .chain([(f64::NAN, f64::NAN)])
                .collect(),
            mark: Mark::Reference,
        });
        for (start, points) in [("the pattern", warming), ("random phases", cooling)] {
            let name = format!("J₄ = {quartic}, from {start}");
            noise.push(Series { name, points, mark: Mark::Points });
        }
    }
    pass &= off <= 0.03;

    let sizes: &[usize] = if settings.quick { &[12, 18] } else { &[24, 34, 48, 68] };
    let (mut halves, mut ends) = (vec![], vec![]);
    for &oscillators in sizes {
        let [half, low, high] = capacity(oscillators, settings.quick)?;
        let n = oscillators as f64;
        halves.push((n, half));
        ends.extend([(n, low), (n, high)]);
        pass &= settings.quick || (n * n / 8.0..=n * n / 3.0).contains(&half);
    }
    let (first, last) = (halves[0], halves[halves.len() - 1]);
    let power = (last.1 / first.1).ln() / (last.0 / first.0).ln();
    // Eight cues a load say too little in the short run.
    pass &= settings.quick || (1.7..=2.3).contains(&power);
    let law = |y: fn(f64) -> f64| vec![(first.0, y(first.0)), (last.0, y(last.0))];
    Ok(Finding {
        measured: format!(
            "overlap off mean-field theory by at most {off:.3}; J₄ = 2, T = 0.6: {:.2} from the \
             pattern, {:.2} from random phases; half of the cues retrieved at K/N² = {}; power \
             {power:.2}",
            gap[0],
            gap[1],
            list(&halves),
        ),
        pass,
        figure: Figure::Panels(vec![
            Figure::Plot(Plot {
                title: "Noise: a quartic coupling makes the loss of a pattern a jump".into(),
                x: Axis { label: "temperature T / J₂".into(), log: false },
                y: Axis { label: "overlap |m| with the pattern".into(), log: false },
                series: noise,
            }),
            Figure::Plot(Plot {
                title: "Load: quartic coupling holds of the order of N² patterns".into(),
                x: Axis { label: "oscillators N".into(), log: true },
                y: Axis { label: "patterns, half retrieved from 10 % flips".into(), log: true },
                series: vec![
                    Series { name: "measured".into(), points: halves, mark: Mark::Points },
                    Series { name: "measured".into(), points: ends, mark: Mark::Intervals },
                    Series {
                        name: "N²/4, where the cue freezes".into(),
                        points: law(|n| 0.25 * n * n),
                        mark: Mark::Reference,
                    },
                    Series { name: "N".into(), points: law(|n| n), mark: Mark::Reference },
                ],
            }),
        ]),
    })
}

/// Loads over the square of the number of oscillators.
fn list(halves: &[(f64, f64)]) -> String {
    let loads: Vec<String> =
        halves.iter().map(|(n, half)| format!("{:.3} (N = {n})", half / (n * n))).collect();
    loads.join(", ")
}

/// Points of a curve.
type Curve = Vec<(f64, f64)>;

/// Mean overlaps over temperature, from the pattern and from random phases.
fn branches(quartic: f64, quick: bool) -> Result<(Curve, Curve), Box<dyn Error>> {
    let (oscillators, end) = if quick { (400, 20.0) } else { (1000, 100.0) };
    let couplings = OscillatorCouplings { pairwise: 1.0, quartic, second_harmonic: 0.0 };
    let memory = OscillatorMemory::new(Patterns::random_signs(oscillators, 1, 1)?, couplings)?;
    let pattern = binary_phases(memory.patterns().as_batch())?.into_data();
    let mut scattered = vec![0.0; oscillators];
    random::fill_normal(&mut random::stream(2, 0), &mut scattered);
    // Many turns: uniform on the circle.
    scattered.iter_mut().for_each(|x| *x *= 100.0);
    let overlap = |(index, start): (usize, &[f64])| -> Result<(f64, f64), ebm_core::Error> {
        let temperature = TEMPERATURES[index];
        let field = Langevin::new(&memory, temperature)?;
        let (mut sum, mut samples) = (0.0, 0.0);
        let mut record = |now: &Snapshot<'_>| {
            if now.t > 0.5 * end && now.step.is_multiple_of(10) {
                sum += memory.overlap(0, now.x).0;
                samples += 1.0;
            }
            ControlFlow::Continue(())
        };
        let options = sde::Options { step: 0.05, seed: index as u64, ..sde::Options::default() };
        let scheme = StochasticRungeKutta;
        let run = sde::integrate(&field, &scheme, (0.0, end), start, &options, &mut record)?;
        let mean = if run.outcome.is_success() { sum / samples } else { f64::NAN };
        Ok((temperature, mean))
    };
    let curve = |start: &[f64]| -> Result<Curve, ebm_core::Error> {
        (0..TEMPERATURES.len()).into_par_iter().map(|index| overlap((index, start))).collect()
    };
    Ok((curve(&pattern)?, curve(&scattered)?))
}

/// The largest `m = R(h/T)`, `h = m + J₄m³`, `R = I₁/I₀`: along the curve
/// `T(z) = (R + J₄R³)/z` the one at the least `z`.
fn mean_field(quartic: f64, temperature: f64) -> f64 {
    // From strong fields down, the first crossing is the stable branch.
    let mut z = 4.0 / temperature * (1.0 + quartic);
    while z > 1e-3 {
        let r = bessel_ratio(z);
        if (r + quartic * r.powi(3)) / z >= temperature {
            return r;
        }
        z *= 0.999;
    }
    0.0
}

/// `I₁(z)/I₀(z)`, by Gauss's continued fraction.
fn bessel_ratio(z: f64) -> f64 {
    (1..=400).rev().fold(0.0, |rest, k| 1.0 / (2.0 * f64::from(k) / z + rest))
}

/// Load at which half of the cues are retrieved, and the ends of its interval.
fn capacity(oscillators: usize, quick: bool) -> Result<[f64; 3], Box<dyn Error>> {
    let couplings = OscillatorCouplings { pairwise: 0.0, quartic: 1.0, second_harmonic: 0.0 };
    let networks = if quick { 1 } else { 5 };
    let mut curve = vec![];
    for load in LOADS {
        let count = (load * (oscillators * oscillators) as f64).round() as usize;
        let mut retrieved = Proportion::default();
        for network in 0..networks {
            let patterns = Patterns::random_signs(oscillators, count, network)?;
            let memory = OscillatorMemory::new(patterns, couplings)?;
            let tried = memory.patterns().subset(&(0..count.min(8)).collect::<Vec<_>>())?;
            let cues = corrupt(tried.as_batch(), FLIPS, Corruption::FlipSign, network)?;
            let cues = binary_phases(cues.as_batch())?;
            // Where minima are flat, phases rest slowly: signs are decided long before.
            let method =
                PhaseRetrieval { max_time: 60.0, tolerance: 1e-3, ..PhaseRetrieval::default() };
            let found = method.retrieve(&memory, cues.as_batch())?;
            for (mu, query) in found.reports().iter().enumerate() {
                retrieved.count(query.pattern == mu && query.wrong == 0);
            }
        }
        curve.push((count as f64, retrieved));
        // Failing ever more from here on.
        if retrieved.interval(1.96).1 < 0.4 {
            break;
        }
    }
    let crossing = |y: &dyn Fn(&Proportion) -> f64| {
        let logarithmic: Vec<_> = curve.iter().map(|(count, p)| (count.ln(), y(p))).collect();
        threshold(&logarithmic, 0.5).map_or(f64::NAN, f64::exp)
    };
    Ok([
        crossing(&Proportion::rate),
        crossing(&|p| p.interval(1.96).0),
        crossing(&|p| p.interval(1.96).1),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_agrees_with_tables() {
        assert!((bessel_ratio(1.0) - 0.446_389_965_896_534_5).abs() < 1e-12);
        assert!((bessel_ratio(10.0) - 0.948_599_825_954_845_9).abs() < 1e-12);
    }

    #[test]
    fn the_onset_is_continuous_below_the_tricritical_coupling() {
        // Both lose the incoherent state at T = ½.
        assert!(mean_field(0.25, 0.499) < 0.15 && mean_field(0.25, 0.501) == 0.0);
        assert!(mean_field(2.0, 0.6) > 0.7 && mean_field(2.0, 0.7) == 0.0);
    }
}
