//! Hetero-association against the auto-association of keys and values
//! together, and clamping against the networks without it.

use ebm_core::Batch;
use ebm_memory::{
    Cccp, Clamped, Corruption, Cues, DiscretePairs, Glauber, Interaction, KeyValueMemory,
    LocalFields, LogSumExpMemory, LowRankHopfield, Order, PairReport, Patterns, Recall,
    RecallOutcome, SignPatterns, Similarity, Update, corrupt,
};

const FIXED: Recall =
    Recall { update: Update::Asynchronous(Order::Fixed), max_sweeps: 100, seed: 0 };
const SYNCHRONOUS: Recall = Recall { update: Update::Synchronous, max_sweeps: 100, seed: 0 };

fn pairs(count: usize, interaction: Interaction) -> (DiscretePairs, Patterns) {
    let keys = SignPatterns::random(60, count, 1).unwrap();
    let values = SignPatterns::random(30, count, 2).unwrap();
    let pairs = DiscretePairs::new(keys, &values, interaction).unwrap();
    (pairs, values.to_patterns().unwrap())
}

#[test]
fn values_come_back_from_spoilt_keys() {
    for (count, interaction) in [
        (3, Interaction::Polynomial { degree: 2 }),
        (300, Interaction::RectifiedPolynomial { degree: 5 }),
        (1000, Interaction::Exponential { beta: 1.0 }),
    ] {
        let (pairs, values) = pairs(count, interaction);
        let keys: Patterns = pairs.keys().to_patterns().unwrap();
        let spoilt = corrupt(keys.as_batch(), 0.1, Corruption::FlipSign, 3).unwrap();
        let found = pairs.retrieve(&Recall::default(), spoilt.as_batch()).unwrap();
        let right = (0..count).filter(|&mu| found.states().column(mu) == values.pattern(mu));
        assert!(right.count() >= count - count / 100, "{interaction:?}");
        for (mu, PairReport { closest, recall }) in found.reports().iter().enumerate() {
            // The key stays spoilt.
            let right = found.states().column(mu) == values.pattern(mu);
            assert!(!right || (closest.pattern, closest.distance) == (mu, 6));
            assert_eq!(recall.outcome, RecallOutcome::FixedPoint);
        }
    }
}

#[test]
fn no_value_neuron_can_lower_the_joint_energy() {
    // Overloaded, so that values are no stored ones.
    let (pairs, _) = pairs(400, Interaction::Polynomial { degree: 3 });
    let keys = Patterns::random_signs(60, 20, 7).unwrap();
    let found = pairs.retrieve(&FIXED, keys.as_batch()).unwrap();
    for (j, key) in keys.as_batch().columns().enumerate() {
        let mut state = [key, found.states().column(j)].concat();
        let energy = pairs.joint().exact_energy(&state).unwrap().unwrap();
        assert_eq!(found.reports()[j].recall.energy, energy as f64 / 3.0);
        for i in 60..90 {
            state[i] = -state[i];
            assert!(pairs.joint().exact_energy(&state).unwrap().unwrap() >= energy);
            state[i] = -state[i];
        }
    }
}

#[test]
fn held_neurons_stay_and_the_others_do_not_notice() {
    let patterns = Patterns::random_signs(80, 12, 2).unwrap();
    let network = LowRankHopfield::hebb(&patterns).unwrap();
    let cues = corrupt(patterns.as_batch(), 0.3, Corruption::FlipSign, 3).unwrap();
    let cues = cues.as_batch();
    let none = Clamped::new(&network, &[false; 80]).unwrap();
    let held: Vec<bool> = (0..80).map(|i| i % 3 == 0).collect();
    let some = Clamped::new(&network, &held).unwrap();
    for recall in [FIXED, SYNCHRONOUS, Recall::default()] {
        assert_eq!(
            recall.retrieve(&none, cues).unwrap().states(),
            recall.retrieve(&network, cues).unwrap().states()
        );
        let found = recall.retrieve(&some, cues).unwrap();
        for (j, cue) in cues.columns().enumerate() {
            let mut kept = vec![0.0; network.kept()];
            let state = found.state(j);
            network.keep(Batch::single(state).unwrap(), &mut kept, &mut Default::default());
            for i in 0..80 {
                if held[i] {
                    assert_eq!(state[i], cue[i]);
                } else if found.reports()[j].outcome == RecallOutcome::FixedPoint {
                    assert!(state[i] * network.field(i, state, &kept) >= -1e-12);
                }
            }
        }
    }
    let chains = Glauber { temperature: 5.0, ..Glauber::default() }.retrieve(&some, cues).unwrap();
    for (mean, cue) in chains.means().columns().zip(cues.columns()) {
        assert!((0..80).all(|i| !held[i] || mean[i] == cue[i]));
        assert!((0..80).any(|i| !held[i] && mean[i].abs() < 0.9));
    }
    assert!(Clamped::new(&network, &[true; 79]).is_err());
}

#[test]
fn reading_is_the_first_update_of_the_pairs_with_the_key_known() {
    let (keys, values) =
        (Patterns::spherical(20, 150, 1).unwrap(), Patterns::spherical(7, 150, 2).unwrap());
    let joint: Vec<f64> =
        (0..150).flat_map(|mu| [keys.pattern(mu), values.pattern(mu)].concat()).collect();
    let cues = corrupt(keys.as_batch(), 0.5, Corruption::Gaussian { deviation: 1.0 }, 3).unwrap();
    let stacked = cues.as_batch().columns();
    let stacked: Vec<f64> = stacked.flat_map(|c| [c, &[f64::NAN; 7]].concat()).collect();
    let known: Vec<bool> = (0..27).map(|i| i < 20).collect();
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
        let pairs =
            LogSumExpMemory::new(Patterns::new(joint.clone(), 27).unwrap(), 0.3, similarity);
        let stacked = Cues::new(&stacked, 27).unwrap();
        let stacked = stacked.with_known(&known).unwrap().with_fixed(&known).unwrap();
        let once = Cccp { max_iterations: 1, negligible: 0.0, ..Cccp::default() };
        let expected = once.retrieve(&pairs.unwrap(), stacked).unwrap();

        let keys = LogSumExpMemory::new(keys.clone(), 0.3, similarity).unwrap();
        let memory = KeyValueMemory::new(keys, values.clone()).unwrap();
        let found = memory.retrieve(cues.as_batch()).unwrap();
        let mut weights = vec![0.0; 150];
        for (j, value) in found.states().columns().enumerate() {
            for (a, b) in value.iter().zip(&expected.state(j)[20..]) {
                assert!((a - b).abs() < 1e-12);
            }
            memory.keys().weights(Batch::single(cues.pattern(j)).unwrap(), &mut weights);
            let mut sorted = weights.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let reading = found.reports()[j];
            assert!((reading.weight - sorted[0]).abs() < 1e-12);
            assert!((weights[reading.pair] - sorted[0]).abs() < 1e-12);
            assert!((reading.margin - (sorted[0] / sorted[1]).ln()).abs() < 1e-9);
        }
    }
}

/// Chosen rows of columns.
fn rows(columns: &[f64], dim: usize, known: &[bool]) -> Vec<f64> {
    let keep = |x: &[f64]| -> Vec<f64> {
        x.iter().zip(known).filter(|(_, k)| **k).map(|(x, _)| *x).collect()
    };
    columns.chunks(dim).flat_map(keep).collect()
}

#[test]
fn masked_keys_are_read_as_the_known_parts_of_the_keys() {
    let (dim, count, asked) = (12, 300, 70);
    let keys = Patterns::spherical(dim, count, 1).unwrap();
    let values = Patterns::spherical(3, count, 2).unwrap();
    let rates: Vec<f64> = (0..count).map(|mu| 0.5 + 0.01 * (mu % 50) as f64).collect();
    let priors: Vec<f64> = (0..count).map(|mu| 0.1 * (mu % 7) as f64).collect();
    let cues = corrupt(keys.as_batch(), 0.5, Corruption::Gaussian { deviation: 0.4 }, 3).unwrap();
    let cues = &cues.as_batch().as_slice()[..asked * dim];
    // Each key its own of three masks.
    let mask = |j: usize| -> Vec<bool> { (0..dim).map(|i| i % 3 != j % 3).collect() };
    let masks: Vec<bool> = (0..asked).flat_map(mask).collect();
    let mut holes = cues.to_vec();
    holes.iter_mut().zip(&masks).filter(|(_, k)| !**k).for_each(|(x, _)| *x = f64::NAN);
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan] {
        for weighted in [false, true] {
            let memory = |keys: Patterns| {
                let keys = LogSumExpMemory::new(keys, 0.8, similarity).unwrap();
                let keys = if weighted {
                    let keys = keys.with_log_priors(&priors).unwrap();
                    keys.with_inverse_temperatures(&rates).unwrap()
                } else {
                    keys
                };
                KeyValueMemory::new(keys, values.clone()).unwrap()
            };
            let whole = memory(keys.clone());
            let own = Cues::new(&holes, dim).unwrap().with_known(&masks).unwrap();
            let own = whole.retrieve(own).unwrap();
            for kind in 0..3 {
                let known = mask(kind);
                let shared = Cues::new(cues, dim).unwrap().with_known(&known).unwrap();
                let fixed = shared.with_fixed(&known).unwrap();
                let shared = whole.retrieve(shared).unwrap();
                assert_eq!(shared, whole.retrieve(fixed).unwrap());
                let part = rows(keys.as_batch().as_slice(), dim, &known);
                let part = memory(Patterns::new(part, 8).unwrap());
                let seen = rows(cues, dim, &known);
                let expected = part.retrieve(Batch::new(&seen, 8).unwrap()).unwrap();
                for j in 0..asked {
                    let value = expected.state(j);
                    let close =
                        |found: &[f64]| value.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-12);
                    assert!(close(shared.state(j)), "{similarity:?} {weighted}");
                    if j % 3 == kind {
                        assert!(close(own.state(j)), "{similarity:?} {weighted}");
                        assert_eq!(own.reports()[j].pair, expected.reports()[j].pair);
                    }
                }
            }
            // What is not a number must not be read.
            assert!(whole.retrieve(Cues::new(&holes, dim).unwrap()).is_err());
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (pairs, values) = pairs(200, Interaction::RectifiedPolynomial { degree: 3 });
    let keys: Patterns = pairs.keys().to_patterns().unwrap();
    let stored = LogSumExpMemory::new(keys.clone(), 0.5, Similarity::DotProduct).unwrap();
    let memory = KeyValueMemory::new(stored, values).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let discrete = pairs.retrieve(&Recall::default(), keys.as_batch()).unwrap();
            (discrete, memory.retrieve(keys.as_batch()).unwrap())
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn rejects_bad_input() {
    let (pairs, values) = pairs(10, Interaction::Polynomial { degree: 3 });
    let empty = Batch::new(&[], 60).unwrap();
    let mut bad = vec![1.0; 60];
    bad[5] = f64::NAN;
    assert!(pairs.retrieve(&FIXED, empty).is_err());
    assert!(pairs.retrieve(&FIXED, Batch::single(&bad).unwrap()).is_err());
    assert!(pairs.retrieve(&FIXED, Batch::single(&[1.0; 59]).unwrap()).is_err());
    let few = SignPatterns::random(30, 9, 2).unwrap();
    let interaction = Interaction::Polynomial { degree: 3 };
    assert!(DiscretePairs::new(pairs.keys().clone(), &few, interaction).is_err());

    let keys = LogSumExpMemory::new(
        pairs.keys().to_patterns::<f64>().unwrap(),
        1.0,
        Similarity::DotProduct,
    );
    let keys = keys.unwrap();
    assert!(KeyValueMemory::new(keys.clone(), few.to_patterns().unwrap()).is_err());
    let memory = KeyValueMemory::new(keys, values).unwrap();
    assert!(memory.retrieve(empty).is_err());
    assert!(memory.retrieve(Batch::single(&bad).unwrap()).is_err());
    assert!(memory.retrieve(Batch::single(&[1.0; 59]).unwrap()).is_err());
    // Scores that all overflow to −∞ show in the reading.
    let one: Patterns = Patterns::new(vec![1.0], 1).unwrap();
    let keys = LogSumExpMemory::new(one.clone(), 1e300, Similarity::DotProduct).unwrap();
    let cold = KeyValueMemory::new(keys, one).unwrap();
    let found = cold.retrieve(Batch::single(&[-1e200]).unwrap()).unwrap();
    assert!(found.states().as_slice()[0].is_nan());
    assert!(found.reports()[0].weight.is_nan() && found.reports()[0].margin.is_nan());
}
