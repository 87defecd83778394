//! The Hopfield network and its recall against enumeration and known limits.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, Curvature, Energy, Gradient, Workspace};
use ebm_memory::{Error, HopfieldNetwork, Order, Patterns, Recall, RecallOutcome, Update};
use proptest::prelude::*;

const FIXED: Recall =
    Recall { update: Update::Asynchronous(Order::Fixed), max_sweeps: 100, seed: 0 };
const SYNCHRONOUS: Recall = Recall { update: Update::Synchronous, max_sweeps: 100, seed: 0 };

/// All `2ⁿ` states, one a column.
fn all_states(n: usize) -> Vec<f64> {
    let sign = |code: usize, i: usize| if code >> i & 1 == 1 { 1.0 } else { -1.0 };
    (0..1usize << n).flat_map(|code| (0..n).map(move |i| sign(code, i))).collect()
}

#[test]
fn asynchronous_recall_ends_in_local_minima_from_every_state() {
    let n = 10;
    let states = all_states(n);
    let cues = Batch::new(&states, n).unwrap();
    for (count, seed) in [(1, 1), (2, 2), (4, 3), (7, 4)] {
        let network = HopfieldNetwork::hebb(&Patterns::random_signs(n, count, seed).unwrap());
        let network = network.unwrap();
        for recall in [FIXED, Recall { seed, ..Recall::default() }] {
            let found = recall.retrieve(&network, cues).unwrap();
            for (j, report) in found.reports().iter().enumerate() {
                assert_eq!(report.outcome, RecallOutcome::FixedPoint);
                let mut state = found.state(j).to_vec();
                let energy = network.energy_at(&state);
                assert!((energy - report.energy).abs() < 1e-12);
                assert!(energy <= network.energy_at(cues.column(j)) + 1e-12);
                assert_eq!(report.flips == 0, state == cues.column(j));
                for i in 0..n {
                    state[i] = -state[i];
                    assert!(network.energy_at(&state) >= energy - 1e-12);
                    state[i] = -state[i];
                }
            }
        }
    }
}

#[test]
fn synchronous_recall_ends_in_fixed_points_or_two_cycles() {
    let n = 10;
    let states = all_states(n);
    let cues = Batch::new(&states, n).unwrap();
    let network = HopfieldNetwork::hebb(&Patterns::random_signs(n, 4, 3).unwrap()).unwrap();
    let found = SYNCHRONOUS.retrieve(&network, cues).unwrap();
    let step = |state: &[f64]| -> Vec<f64> {
        let field: Vec<f64> = network.gradient_at(state).iter().map(|g| -g).collect();
        let update = |(s, h): (&f64, &f64)| if h.abs() < 1e-12 { *s } else { h.signum() };
        state.iter().zip(&field).map(update).collect()
    };
    let mut cycles = 0;
    for (j, report) in found.reports().iter().enumerate() {
        // The path, by the definition.
        let mut state = cues.column(j).to_vec();
        for _ in 0..report.sweeps {
            state = step(&state);
        }
        assert_eq!(found.state(j), state);
        assert!((network.energy_at(&state) - report.energy).abs() < 1e-12);
        let next = step(&state);
        match report.outcome {
            RecallOutcome::FixedPoint => assert_eq!(next, state),
            RecallOutcome::TwoCycle => {
                cycles += 1;
                assert_ne!(next, state);
                assert_eq!(step(&next), state);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(cycles > 0);
}

#[test]
fn two_neurons_that_disagree_cycle_synchronously_and_settle_asynchronously() {
    let coupling = DenseCoupling::from_column_major(2, vec![0.0, -1.0, -1.0, 0.0]).unwrap();
    let network = HopfieldNetwork::new(coupling).unwrap();
    let cue = Batch::single(&[1.0, 1.0]).unwrap();
    let together = SYNCHRONOUS.retrieve(&network, cue).unwrap();
    assert_eq!(together.reports()[0].outcome, RecallOutcome::TwoCycle);
    let alternating = FIXED.retrieve(&network, cue).unwrap();
    assert_eq!(alternating.state(0), [-1.0, 1.0]);
    assert_eq!(alternating.reports()[0].energy, -1.0);
}

#[test]
fn a_neuron_without_a_field_keeps_its_state() {
    let network = HopfieldNetwork::new(DenseCoupling::from_fn(3, |_, _| 0.0).unwrap()).unwrap();
    for recall in [FIXED, SYNCHRONOUS] {
        let found = recall.retrieve(&network, Batch::single(&[1.0, -1.0, 1.0]).unwrap()).unwrap();
        assert_eq!(found.state(0), [1.0, -1.0, 1.0]);
        assert_eq!(found.reports()[0].sweeps, 0);
        assert_eq!(found.reports()[0].outcome, RecallOutcome::FixedPoint);
    }
}

#[test]
fn all_patterns_are_fixed_points_below_the_error_free_capacity() {
    // McEliece et al. (1987): P < N/(4 ln N). At N = 500 the bound is 20.1; by
    // the Gaussian field distribution half of it misses a bit once in 10⁸.
    let patterns = Patterns::random_signs(500, 10, 6).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let found = Recall::default().retrieve(&network, patterns.as_batch()).unwrap();
    assert_eq!(found.states(), patterns.as_batch());
    assert!(found.reports().iter().all(|r| r.flips == 0));
}

#[test]
fn a_batch_is_its_columns() {
    let patterns = Patterns::random_signs(80, 70, 2).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    for recall in [FIXED, SYNCHRONOUS] {
        let all = recall.retrieve(&network, patterns.as_batch()).unwrap();
        for (j, cue) in patterns.as_batch().columns().enumerate() {
            let one = recall.retrieve(&network, Batch::single(cue).unwrap()).unwrap();
            assert_eq!(one.state(0), all.state(j));
            assert_eq!(one.reports()[0].flips, all.reports()[j].flips);
        }
    }
}

#[test]
fn rejects_bad_input() {
    let patterns = Patterns::new(vec![1.0, 0.5], 2).unwrap();
    assert!(matches!(HopfieldNetwork::hebb(&patterns), Err(Error::NotSign { index: 1, .. })));
    let loops = DenseCoupling::from_column_major(2, vec![0.0, 1.0, 1.0, 3.0]).unwrap();
    assert!(matches!(HopfieldNetwork::new(loops), Err(Error::SelfCoupling { index: 1, .. })));

    let network = HopfieldNetwork::hebb(&Patterns::random_signs(4, 2, 1).unwrap()).unwrap();
    let recall = Recall::default();
    assert!(recall.retrieve(&network, Batch::new(&[], 4).unwrap()).is_err());
    assert!(recall.retrieve(&network, Batch::new(&[1.0; 3], 3).unwrap()).is_err());
    for bad in [0.0, 2.0, f64::NAN, f64::INFINITY] {
        let cue = [1.0, 1.0, bad, 1.0];
        let found = recall.retrieve(&network, Batch::single(&cue).unwrap());
        assert!(matches!(found, Err(Error::NotSign { index: 2, .. })));
    }
    let none = Recall { max_sweeps: 0, ..recall };
    assert!(none.retrieve(&network, Batch::single(&[1.0; 4]).unwrap()).is_err());
}

#[test]
fn overflow_is_an_outcome() {
    let coupling = DenseCoupling::from_fn(3, |i, j| if i == j { 0.0 } else { 1e308 }).unwrap();
    let network = HopfieldNetwork::new(coupling).unwrap();
    for recall in [FIXED, SYNCHRONOUS] {
        let found = recall.retrieve(&network, Batch::single(&[1.0; 3]).unwrap()).unwrap();
        assert_eq!(found.reports()[0].outcome, RecallOutcome::NotFinite);
    }
}

proptest! {
    #[test]
    fn energy_never_rises(n in 2usize..30, count in 1usize..12, seed: u64) {
        let patterns = Patterns::random_signs(n, count, seed).unwrap();
        let network = HopfieldNetwork::hebb(&patterns).unwrap();
        let cue = Patterns::random_signs(n, 1, !seed).unwrap();
        let mut last = network.energy_at(cue.pattern(0));
        for max_sweeps in 1..6 {
            let recall = Recall { max_sweeps, seed, ..Recall::default() };
            let energy = recall.retrieve(&network, cue.as_batch()).unwrap().reports()[0].energy;
            prop_assert!(energy <= last + 1e-12);
            last = energy;
        }
    }

    #[test]
    fn signs_and_order_of_the_patterns_do_not_matter(n in 2usize..30, count in 1usize..8, seed: u64) {
        // Gauge: flip neuron 0 everywhere. Order: store the patterns reversed,
        // and the first one negated, which has the same outer product.
        let patterns = Patterns::random_signs(n, count, seed).unwrap();
        let cue = Patterns::random_signs(n, 1, !seed).unwrap();
        let mut data = patterns.subset(&(0..count).rev().collect::<Vec<_>>()).unwrap()
            .as_batch().as_slice().to_vec();
        data[..n].iter_mut().for_each(|x| *x = -*x);
        data.chunks_exact_mut(n).for_each(|p| p[0] = -p[0]);
        let gauged = Patterns::new(data, n).unwrap();
        let mut gauged_cue = cue.pattern(0).to_vec();
        gauged_cue[0] = -gauged_cue[0];
        for recall in [FIXED, SYNCHRONOUS, Recall::default()] {
            let a = recall.retrieve(&HopfieldNetwork::hebb(&patterns).unwrap(), cue.as_batch()).unwrap();
            let b = recall.retrieve(
                &HopfieldNetwork::hebb(&gauged).unwrap(), Batch::single(&gauged_cue).unwrap()).unwrap();
            let mut state = b.state(0).to_vec();
            state[0] = -state[0];
            prop_assert_eq!(a.state(0), state);
        }
    }

    #[test]
    fn derivatives_agree_with_differences(
        seed: u64,
        x in prop::collection::vec(-2.0f64..2.0, 7),
        v in prop::collection::vec(-2.0f64..2.0, 7),
    ) {
        let network = HopfieldNetwork::hebb(&Patterns::random_signs(7, 3, seed).unwrap()).unwrap();
        let shifted = |s: f64| -> Vec<f64> { x.iter().zip(&v).map(|(x, v)| x + s * v).collect() };
        // Exact for a quadratic at any step.
        let slope = (network.energy_at(&shifted(1.0)) - network.energy_at(&shifted(-1.0))) / 2.0;
        let mut gradient = vec![0.0; 7];
        let ws = &mut Workspace::new();
        let energy = network.energy_gradient(&x, &mut gradient, ws);
        prop_assert!((energy - network.energy_at(&x)).abs() < 1e-12);
        let directional: f64 = gradient.iter().zip(&v).map(|(g, v)| g * v).sum();
        prop_assert!((slope - directional).abs() < 1e-11);
        let mut hv = vec![0.0; 7];
        network.hessian_vec(&x, &v, &mut hv, ws);
        let (plus, minus) = (network.gradient_at(&shifted(1.0)), network.gradient_at(&shifted(-1.0)));
        for i in 0..7 {
            prop_assert!(((plus[i] - minus[i]) / 2.0 - hv[i]).abs() < 1e-11);
        }
    }
}
