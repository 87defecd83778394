//! Glauber dynamics against the Boltzmann law by enumeration.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, Energy, Outcome};
use ebm_memory::{Glauber, HopfieldNetwork, LowRankHopfield, Order, Patterns};

const N: usize = 6;

/// Pearson's statistic of the last states of 20 000 chains against the exact
/// law at temperature `law`, over its limit at a false alarm of 10⁻⁶.
fn excess(sampled: f64, law: f64, order: Order) -> f64 {
    let chains = 20_000;
    let network = HopfieldNetwork::hebb(&Patterns::random_signs(N, 3, 5).unwrap()).unwrap();
    let glauber = Glauber { temperature: sampled, burn_in: 40, sweeps: 1, order, seed: 8 };
    let cues = vec![1.0; N * chains];
    let found = glauber.retrieve(&network, Batch::new(&cues, N).unwrap()).unwrap();
    let mut counts = [0.0; 1 << N];
    for state in found.states().columns() {
        let code: usize = state.iter().enumerate().map(|(i, s)| usize::from(*s > 0.0) << i).sum();
        counts[code] += 1.0;
    }
    let state = |code: usize| -> Vec<f64> {
        (0..N).map(|i| if code >> i & 1 == 1 { 1.0 } else { -1.0 }).collect()
    };
    let weights: Vec<f64> =
        (0..1 << N).map(|code| (-network.energy_at(&state(code)) / law).exp()).collect();
    let total: f64 = weights.iter().sum();
    let statistic: f64 = counts
        .iter()
        .zip(&weights)
        .map(|(count, w)| {
            let expected = chains as f64 * w / total;
            assert!(expected > 5.0);
            (count - expected) * (count - expected) / expected
        })
        .sum();
    // The quantile by E. B. Wilson and M. M. Hilferty, PNAS 17, 684 (1931).
    let freedom = 2.0 / (9.0 * f64::from((1 << N) - 1));
    let limit = f64::from((1 << N) - 1) * (1.0 - freedom + 4.753 * freedom.sqrt()).powi(3);
    statistic / limit
}

#[test]
fn the_last_states_follow_the_boltzmann_law() {
    for order in [Order::Fixed, Order::Random] {
        let excess = excess(1.0, 1.0, order);
        assert!(excess < 1.0, "{excess}");
    }
}

#[test]
fn the_test_notices_a_temperature_off_by_a_tenth() {
    assert!(excess(1.0, 1.1, Order::Fixed) > 1.0);
}

#[test]
fn averages_agree_with_enumeration() {
    // The mean energy of a hundred long chains.
    let network = HopfieldNetwork::hebb(&Patterns::random_signs(N, 3, 5).unwrap()).unwrap();
    let glauber =
        Glauber { temperature: 0.7, burn_in: 10, sweeps: 1000, seed: 2, ..Glauber::default() };
    let cues = vec![1.0; N * 100];
    let found = glauber.retrieve(&network, Batch::new(&cues, N).unwrap()).unwrap();
    let (mut total, mut energy) = (0.0, 0.0);
    for code in 0..1_usize << N {
        let state: Vec<f64> = (0..N).map(|i| if code >> i & 1 == 1 { 1.0 } else { -1.0 }).collect();
        let e = network.energy_at(&state);
        total += (-e / 0.7).exp();
        energy += e * (-e / 0.7).exp();
    }
    let means: Vec<f64> = found.reports().iter().map(|r| r.mean_energy).collect();
    let mean = means.iter().sum::<f64>() / 100.0;
    let variance = means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / 99.0;
    // Five standard errors of a hundred independent chains; the bias of the
    // start, ten sweeps away, is far below.
    assert!((mean - energy / total).abs() < 5.0 * (variance / 100.0).sqrt());
}

#[test]
fn cold_chains_recall_and_hot_ones_forget() {
    let patterns = Patterns::random_signs(1000, 3, 1).unwrap();
    let network = LowRankHopfield::hebb(&patterns.to_precision::<f32>().unwrap()).unwrap();
    let overlap = |temperature| {
        let glauber = Glauber { temperature, ..Glauber::default() };
        let chains = glauber.retrieve(&network, patterns.as_batch()).unwrap();
        patterns.overlap(1, chains.means().column(1))
    };
    assert!(overlap(0.1) > 0.999);
    // The solution of m = tanh(m/0.8) is 0.7104.
    assert!((overlap(0.8) - 0.7104).abs() < 0.04, "{}", overlap(0.8));
    assert!(overlap(2.0).abs() < 0.05);
}

#[test]
fn dense_and_low_rank_chains_are_the_same() {
    let patterns = Patterns::random_signs(100, 10, 4).unwrap();
    let dense = HopfieldNetwork::hebb(&patterns).unwrap();
    let low = LowRankHopfield::hebb(&patterns).unwrap();
    for order in [Order::Fixed, Order::Random] {
        let glauber = Glauber { order, ..Glauber::default() };
        let a = glauber.retrieve(&dense, patterns.as_batch()).unwrap();
        let b = glauber.retrieve(&low, patterns.as_batch()).unwrap();
        assert_eq!(a.states(), b.states());
        assert_eq!(a.means(), b.means());
        for (a, b) in a.reports().iter().zip(b.reports()) {
            assert_eq!(a.flips, b.flips);
            assert!((a.mean_energy - b.mean_energy).abs() < 1e-10);
        }
    }
}

#[test]
fn bad_input_is_an_error_and_overflow_an_outcome() {
    let patterns = Patterns::random_signs(4, 1, 4).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let glauber = Glauber { temperature, ..Glauber::default() };
        assert!(glauber.retrieve(&network, patterns.as_batch()).is_err());
    }
    let glauber = Glauber::default();
    assert!(Glauber { sweeps: 0, ..glauber }.retrieve(&network, patterns.as_batch()).is_err());
    let endless = Glauber { burn_in: usize::MAX, ..glauber };
    assert!(endless.retrieve(&network, patterns.as_batch()).is_err());
    for cue in [&[1.0, 1.0, f64::NAN, 1.0][..], &[1.0; 3], &[]] {
        let dim = if cue.len() == 3 { 3 } else { 4 };
        assert!(glauber.retrieve(&network, Batch::new(cue, dim).unwrap()).is_err());
    }
    let large = DenseCoupling::from_fn(3, |i, j| if i == j { 0.0 } else { 1e308 }).unwrap();
    let large = HopfieldNetwork::new(large).unwrap();
    let found = glauber.retrieve(&large, Batch::single(&[1.0; 3]).unwrap()).unwrap();
    assert!(matches!(found.reports()[0].outcome, Outcome::NotFinite { .. }));
    // There is no average of nothing.
    assert!(found.reports()[0].mean_energy.is_nan() && found.means().column(0)[0].is_nan());
}

#[test]
fn a_neuron_without_a_field_is_a_fair_coin_at_any_temperature() {
    let n = 1000;
    let free = HopfieldNetwork::new(DenseCoupling::from_fn(n, |_, _| 0.0).unwrap()).unwrap();
    for temperature in [1e-310, 1.0, f64::MAX] {
        let glauber = Glauber { temperature, burn_in: 0, sweeps: 1, ..Glauber::default() };
        let found = glauber.retrieve(&free, Batch::single(&vec![1.0; n]).unwrap()).unwrap();
        let sum: f64 = found.states().as_slice().iter().sum();
        // Standard deviation √1000; six.
        assert!(sum.abs() < 6.0 * 1000_f64.sqrt(), "{temperature} {sum}");
    }
}
