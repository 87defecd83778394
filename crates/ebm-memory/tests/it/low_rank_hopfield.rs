//! The network without a matrix against the one with.

use ebm_core::coupling::LowRankCoupling;
use ebm_core::{Batch, Energy, Gradient, Real};
use ebm_memory::{
    Corruption, Error, Hebb, HopfieldNetwork, LocalFields, LowRankHopfield, Order, Patterns,
    Projection, Recall, RecallOutcome, RecallReport, Retrieved, Update, corrupt,
};
use proptest::prelude::*;

const METHODS: [Recall; 3] = [
    Recall { update: Update::Asynchronous(Order::Fixed), max_sweeps: 100, seed: 0 },
    Recall { update: Update::Asynchronous(Order::Random), max_sweeps: 100, seed: 3 },
    Recall { update: Update::Synchronous, max_sweeps: 100, seed: 0 },
];

fn low_rank<T: Real>(patterns: &Patterns) -> LowRankHopfield<T> {
    LowRankHopfield::hebb(&patterns.to_precision().unwrap()).unwrap()
}

/// The same states by the same path.
fn assert_same(a: &Retrieved<RecallReport>, b: &Retrieved<RecallReport>) {
    assert_eq!(a.states(), b.states());
    for (a, b) in a.reports().iter().zip(b.reports()) {
        assert_eq!((a.sweeps, a.flips, a.outcome), (b.sweeps, b.flips, b.outcome));
        assert!((a.energy - b.energy).abs() < 1e-10, "{} {}", a.energy, b.energy);
    }
}

#[test]
fn recalls_as_the_matrix_does_ties_and_cycles_included() {
    // Even numbers of patterns make ties; 600 neurons take three blocks.
    for (n, count) in [(10, 4), (64, 9), (600, 20), (300, 90)] {
        let patterns = Patterns::random_signs(n, count, 7).unwrap();
        let dense = HopfieldNetwork::hebb(&patterns).unwrap();
        let coupling = LowRankCoupling::new(patterns.as_batch(), &vec![1.0; count]).unwrap();
        let coupled = HopfieldNetwork::new(coupling.with_zero_diagonal()).unwrap();
        let cues = corrupt(patterns.as_batch(), 0.3, Corruption::FlipSign, 3).unwrap();
        let cues = cues.as_batch();
        let mut outcomes = vec![];
        for recall in METHODS {
            let expected = recall.retrieve(&dense, cues).unwrap();
            assert_same(&expected, &recall.retrieve(&low_rank::<f64>(&patterns), cues).unwrap());
            assert_same(&expected, &recall.retrieve(&low_rank::<f32>(&patterns), cues).unwrap());
            assert_same(&expected, &recall.retrieve(&coupled, cues).unwrap());
            outcomes.extend(expected.reports().iter().map(|r| r.outcome));
        }
        assert!(n != 10 || outcomes.contains(&RecallOutcome::TwoCycle));
    }
}

#[test]
fn real_patterns_recall_as_their_matrix_does() {
    let patterns = Patterns::random_signs(400, 90, 5).unwrap();
    let projection = Projection::new(&patterns).unwrap();
    let (dense, low) = (projection.network().unwrap(), projection.low_rank_network().unwrap());
    let cues = corrupt(patterns.as_batch(), 0.1, Corruption::FlipSign, 3).unwrap();
    let cues = cues.as_batch();
    for recall in METHODS {
        assert_same(&recall.retrieve(&dense, cues).unwrap(), &recall.retrieve(&low, cues).unwrap());
    }
    let basis = Patterns::new(projection.basis().as_slice().to_vec(), 400).unwrap();
    let weights = vec![400.0_f32; basis.count()];
    let single: Patterns<f32> = basis.to_precision().unwrap();
    let single = LowRankHopfield::new(single.as_batch(), &weights).unwrap();
    for recall in METHODS {
        let found = recall.retrieve(&single, patterns.as_batch()).unwrap();
        assert_eq!(found.states(), patterns.as_batch());
    }
}

#[test]
fn fields_follow_flips() {
    let patterns = Patterns::random_signs(100, 13, 2).unwrap();
    let network = low_rank::<f32>(&patterns);
    let mut state = Patterns::random_signs(100, 1, 9).unwrap().pattern(0).to_vec();
    let scratch = &mut Default::default();
    let mut kept = vec![0.0; network.kept()];
    network.keep(Batch::single(&state).unwrap(), &mut kept, scratch);
    for i in (0..100).step_by(7) {
        network.flip(i, &mut state, &mut kept, scratch);
    }
    let dense = HopfieldNetwork::hebb(&patterns).unwrap();
    let gradient = dense.gradient_at(&state);
    for (i, g) in gradient.iter().enumerate() {
        assert!((network.field(i, &state, &kept) + g).abs() < 1e-13);
    }
    assert!((network.energy_kept(&state, &kept) - dense.energy_at(&state)).abs() < 1e-12);
    // Integers: nothing has drifted.
    let before = kept.clone();
    network.keep(Batch::single(&state).unwrap(), &mut kept, scratch);
    assert_eq!(kept, before);
}

#[test]
fn a_field_of_nothing_but_rounding_is_a_tie() {
    // The neuron of weight 5 has no field, as the others cancel; the sum of all
    // three rounds, depending on its order.
    let mut rounded = false;
    for small in 0..3 {
        let mut pattern = [1e8_f32, 1e8, 1e8];
        pattern[(small + 1) % 3] = -1e8;
        pattern[small] = 5.0;
        let network = LowRankHopfield::new(Batch::single(&pattern).unwrap(), &[-1.0]).unwrap();
        for own in [1.0, -1.0] {
            let mut cue = [1.0; 3];
            cue[small] = own;
            let cue = Batch::single(&cue).unwrap();
            let mut kept = vec![0.0; network.kept()];
            network.keep(cue, &mut kept, &mut Default::default());
            rounded |= kept[0] != 5.0 * own;
            for recall in METHODS {
                let found = recall.retrieve(&network, cue).unwrap();
                assert_eq!(found.reports()[0].outcome, RecallOutcome::FixedPoint);
                assert_eq!((found.states(), found.reports()[0].flips), (cue, 0));
            }
        }
    }
    assert!(rounded);
}

#[test]
fn rejects_bad_input_and_stays_as_it_was() {
    let patterns = Patterns::random_signs(6, 3, 1).unwrap();
    let mut network = LowRankHopfield::hebb(&patterns).unwrap();
    let before = network.clone();
    assert!(network.add(&[1.0; 5], 1.0).is_err());
    assert!(network.add(&[1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0], 1.0).is_err());
    assert!(network.add(&[1.0; 6], f64::INFINITY).is_err());
    assert!(network.add(&[1e200; 6], 1.0).is_err());
    assert!(network.swap_remove(3).is_err());
    assert_eq!(network, before);
    network.swap_remove(0).unwrap();
    network.swap_remove(0).unwrap();
    assert!(network.swap_remove(0).is_err());
    let mut left = [0.0; 6];
    network.pattern(0, &mut left);
    assert_eq!(left, patterns.pattern(1));

    // Without the second pattern the sum of squares overflows.
    let ones = Patterns::new(vec![1.0; 3], 1).unwrap();
    let mut signed = LowRankHopfield::new(ones.as_batch(), &[1.7e308, -1.7e308, 1.7e308]).unwrap();
    let before = signed.clone();
    assert!(signed.swap_remove(1).is_err());
    assert_eq!(signed, before);
    assert_eq!(signed.energy_at(&[1.0]), before.energy_at(&[1.0]));

    let half = Patterns::new(vec![1.0, 0.5], 2).unwrap();
    assert!(matches!(LowRankHopfield::hebb(&half), Err(Error::NotSign { index: 1, .. })));
    assert!(LowRankHopfield::new(half.as_batch(), &[]).is_err());
    assert!(LowRankHopfield::new(half.as_batch(), &[f64::NAN]).is_err());
    assert!(LowRankHopfield::<f64>::new(Batch::new(&[], 2).unwrap(), &[]).is_err());
}

proptest! {
    #[test]
    fn patterns_come_and_go_without_a_trace(
        seed: u64, n in 1_usize..40, count in 1_usize..20, more in 1_usize..20, out in 0_usize..40,
    ) {
        let patterns = Patterns::random_signs(n, count + more, seed).unwrap();
        let first: Vec<usize> = (0..count).collect();
        let stored = LowRankHopfield::hebb(&patterns.subset(&first).unwrap()).unwrap();
        let mut network = stored.clone();
        for mu in count..count + more {
            network.add(patterns.pattern(mu), 1.0).unwrap();
        }
        prop_assert_eq!(&network, &LowRankHopfield::hebb(&patterns).unwrap());
        // In any order: the same sums as the matrix that forgot the same one.
        let out = out % (count + more);
        let mut short = network.clone();
        let mut rule = Hebb::from_patterns(&patterns).unwrap();
        short.swap_remove(out).unwrap();
        rule.remove(patterns.pattern(out)).unwrap();
        let x = Patterns::random_signs(n, 1, !seed).unwrap();
        let (a, b) = (short.gradient_at(x.pattern(0)), rule.network().unwrap().gradient_at(x.pattern(0)));
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b).abs() < 1e-12);
        }
        for mu in (count..count + more).rev() {
            network.swap_remove(mu).unwrap();
        }
        prop_assert_eq!(&network, &stored);
    }
}
