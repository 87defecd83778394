//! Samplers at a fixed temperature against the Boltzmann law by enumeration.

use ebm_core::random;
use ebm_optim::simulated_annealing::{Acceptance, sample};
use ebm_optim::{Ising, parallel_tempering};
use rand::RngExt;

/// Probabilities of all states, bit `i` of the index set where spin `i` is +1.
pub(crate) fn boltzmann(problem: &Ising, temperature: f64) -> Vec<f64> {
    let n = problem.spins();
    let energy = |state: usize| {
        let spins: Vec<i8> = (0..n).map(|i| if state >> i & 1 == 1 { 1 } else { -1 }).collect();
        problem.energy(&spins).unwrap()
    };
    let weights: Vec<_> = (0..1 << n).map(|state| (-energy(state) / temperature).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

pub(crate) fn index(spins: &[i8]) -> usize {
    spins.iter().enumerate().map(|(i, s)| usize::from(*s > 0) << i).sum()
}

/// Pearson's statistic of the counts, over its value that independent samples
/// exceed once in 10⁶ times. States expected fewer than 10 times share a bin.
pub(crate) fn chi_square_ratio(counts: &[usize], probabilities: &[f64]) -> f64 {
    let total = counts.iter().sum::<usize>() as f64;
    let (mut statistic, mut bins) = (0.0, 0.0);
    let (mut rare_count, mut rare_expected) = (0.0, 0.0);
    for (&count, &p) in counts.iter().zip(probabilities) {
        let (count, expected) = (count as f64, p * total);
        if expected < 10.0 {
            rare_count += count;
            rare_expected += expected;
        } else {
            statistic += (count - expected) * (count - expected) / expected;
            bins += 1.0;
        }
    }
    if rare_expected > 10.0 {
        statistic += (rare_count - rare_expected) * (rare_count - rare_expected) / rare_expected;
        bins += 1.0;
    }
    // The quantile by E. B. Wilson and M. M. Hilferty, PNAS 17, 684 (1931).
    let freedom: f64 = bins - 1.0;
    let quantile = 4.753_424;
    let spread = 2.0 / (9.0 * freedom);
    statistic / (freedom * (1.0 - spread + quantile * spread.sqrt()).powi(3))
}

/// Ten spins in the forms for which there are different kernels.
pub(crate) fn problems() -> Vec<(&'static str, Ising)> {
    let mut rng = random::stream(3, 0);
    let mut glass = |density: f64, value: &dyn Fn(f64) -> f64, fields: bool| {
        let mut pairs = Vec::new();
        for i in 0..10 {
            for j in i + 1..10 {
                if rng.random::<f64>() < density {
                    pairs.push((i, j, value(rng.random_range(-1.0..1.0))));
                }
            }
        }
        let problem = Ising::from_couplings(10, &pairs).unwrap();
        let fields = (0..10).map(|_| if fields { value(rng.random_range(-1.0..1.0)) } else { 0.0 });
        problem.with_fields(fields.collect()).unwrap()
    };
    let sign = |x: f64| x.signum();
    vec![
        ("dense signs", glass(1.0, &sign, true)),
        ("sparse signs", glass(0.2, &sign, true)),
        ("signs without fields", glass(0.2, &sign, false)),
        ("sparse integers", glass(0.2, &|x| (4.0 * x).round(), true)),
        ("dense integers", glass(0.9, &|x| (300.0 * x).round(), true)),
        ("sparse reals", glass(0.2, &|x| x, true)),
        ("dense reals", glass(0.9, &|x| x, true)),
    ]
}

/// Temperatures at which ten sweeps forget the state.
pub(crate) fn temperature(problem: &Ising) -> f64 {
    let squares: f64 = problem.pairs().map(|(_, _, w)| 2.0 * w * w).sum::<f64>()
        + problem.fields().iter().map(|h| h * h).sum::<f64>();
    (squares / problem.spins() as f64).sqrt()
}

fn ratio(problem: &Ising, acceptance: Acceptance, sampled: f64, claimed: f64) -> f64 {
    let mut counts = vec![0; 1 << problem.spins()];
    let mut time = 0;
    let count = |spins: &[i8]| {
        time += 1;
        if time % 8 == 0 {
            counts[index(spins)] += 1;
        }
    };
    sample(problem, acceptance, sampled, 5, 400_000, None, count).unwrap();
    chi_square_ratio(&counts, &boltzmann(problem, claimed))
}

#[test]
fn single_spin_updates_sample_the_boltzmann_law() {
    for (name, problem) in problems() {
        let t = temperature(&problem);
        for acceptance in [Acceptance::Metropolis, Acceptance::HeatBath] {
            let found = ratio(&problem, acceptance, t, t);
            assert!(found < 1.0, "{name}, {acceptance:?}: {found}");
        }
        // The same test tells temperatures 9 % apart.
        let wrong = ratio(&problem, Acceptance::Metropolis, 1.09 * t, t);
        assert!(wrong > 1.0, "{name}: {wrong}");
    }
}

#[test]
fn tempering_with_cluster_moves_samples_the_boltzmann_law_at_every_temperature() {
    for (name, problem) in problems().into_iter().skip(1).step_by(2) {
        let t = temperature(&problem);
        let ladder = [t, 1.3 * t];
        let mut counts = vec![vec![0; 1 << problem.spins()]; ladder.len()];
        let mut shown = 0;
        let count = |k: usize, spins: &[i8]| {
            // One copy of each temperature after every eighth round: the copies
            // depend on each other, for they exchange clusters.
            if shown / 4 % 8 == 0 && shown % 2 == 0 {
                counts[k][index(spins)] += 1;
            }
            shown += 1;
        };
        parallel_tempering::sample(&problem, &ladder, 2, 5, 240_000, count).unwrap();
        for (k, counts) in counts.iter().enumerate() {
            let found = chi_square_ratio(counts, &boltzmann(&problem, ladder[k]));
            assert!(found < 1.0, "{name} at {k}: {found}");
        }
        // The same test tells temperatures 12 % apart.
        let wrong = chi_square_ratio(&counts[0], &boltzmann(&problem, 0.88 * t));
        assert!(wrong > 1.0, "{name}: {wrong}");
    }
}
