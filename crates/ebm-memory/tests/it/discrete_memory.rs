//! Discrete dense associative memories against their definition, enumeration
//! and the models that they contain.

use ebm_core::{Batch, Energy, Gradient};
use ebm_memory::{
    Corruption, DiscreteMemory, Error, Glauber, HopfieldNetwork, Interaction, LocalFields,
    LogSumExpMemory, Order, Patterns, Recall, RecallOutcome, SignPatterns, Similarity, Update,
    corrupt,
};
use proptest::prelude::*;

const FIXED: Recall =
    Recall { update: Update::Asynchronous(Order::Fixed), max_sweeps: 100, seed: 0 };
const SYNCHRONOUS: Recall = Recall { update: Update::Synchronous, max_sweeps: 100, seed: 0 };

pub(crate) const INTERACTIONS: [Interaction; 9] = [
    Interaction::Polynomial { degree: 2 },
    Interaction::Polynomial { degree: 3 },
    Interaction::Polynomial { degree: 4 },
    Interaction::RectifiedPolynomial { degree: 2 },
    Interaction::RectifiedPolynomial { degree: 3 },
    Interaction::RectifiedPolynomial { degree: 5 },
    Interaction::Exponential { beta: 0.1 },
    Interaction::Exponential { beta: 1.0 },
    Interaction::Exponential { beta: 3.0 },
];

fn memory(dim: usize, count: usize, seed: u64, interaction: Interaction) -> DiscreteMemory {
    let patterns = SignPatterns::random(dim, count, seed).unwrap();
    DiscreteMemory::new(patterns, interaction).unwrap()
}

/// All `2ⁿ` states, one a column.
fn all_states(n: usize) -> Vec<f64> {
    let sign = |code: usize, i: usize| if code >> i & 1 == 1 { 1.0 } else { -1.0 };
    (0..1usize << n).flat_map(|code| (0..n).map(move |i| sign(code, i))).collect()
}

/// `F` and `F′`, of the exponential for the energy without the logarithm.
fn definition(interaction: Interaction, m: f64) -> (f64, f64) {
    let power = |m: f64, n: u32| (m.powi(n as i32) / f64::from(n), m.powi(n as i32 - 1));
    match interaction {
        Interaction::Polynomial { degree } => power(m, degree),
        Interaction::RectifiedPolynomial { degree } => power(m.max(0.0), degree),
        Interaction::Exponential { beta } => ((beta * m).exp(), beta * (beta * m).exp()),
        _ => unreachable!(),
    }
}

/// Fields of a state.
fn fields(network: &impl LocalFields, state: &[f64]) -> Vec<f64> {
    let mut kept = vec![0.0; network.kept()];
    network.keep(Batch::single(state).unwrap(), &mut kept, &mut Default::default());
    (0..state.len()).map(|i| network.field(i, state, &kept)).collect()
}

#[test]
fn fields_are_those_of_the_definition() {
    let n = 8;
    for (count, seed) in [(1, 1), (5, 2), (70, 3)] {
        for interaction in INTERACTIONS {
            let memory = memory(n, count, seed, interaction);
            let linearized = memory.linearized().unwrap();
            let patterns: Patterns = memory.patterns().to_patterns().unwrap();
            for state in Batch::new(&all_states(n), n).unwrap().columns() {
                let (exact, linear) = (fields(&memory, state), fields(&linearized, state));
                for i in 0..n {
                    let (mut change, mut slope, mut size) = (0.0, 0.0, 0.0);
                    for pattern in patterns.as_batch().columns() {
                        let m: f64 = pattern.iter().zip(state).map(|(p, s)| p * s).sum();
                        let rest = m - pattern[i] * state[i];
                        let f = |m| definition(interaction, m).0;
                        change += f(rest + pattern[i]) - f(rest - pattern[i]);
                        slope += pattern[i] * definition(interaction, rest).1;
                        size += definition(interaction, rest).1.abs();
                    }
                    // Signs are those of the definition, values the energy's.
                    let sign = |x: f64| if x.abs() <= 2e-14 * size { 0.0 } else { x.signum() };
                    let zero = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                    assert_eq!(zero(exact[i]), sign(change), "{interaction:?}");
                    assert_eq!(zero(linear[i]), sign(slope), "{interaction:?}");
                    if !matches!(interaction, Interaction::Exponential { .. }) {
                        assert!((linear[i] - slope).abs() <= 1e-12 * size);
                    }
                    let mut flipped = state.to_vec();
                    flipped[i] = -flipped[i];
                    let rise = memory.energy_at(&flipped) - memory.energy_at(state);
                    let scale = memory.energy_at(state).abs().max(1.0);
                    assert!((2.0 * state[i] * exact[i] - rise).abs() < 1e-12 * scale);
                }
            }
        }
    }
}

#[test]
fn asynchronous_recall_ends_in_local_minima_from_every_state() {
    let n = 9;
    let states = all_states(n);
    let cues = Batch::new(&states, n).unwrap();
    for interaction in INTERACTIONS {
        let memory = memory(n, 12, 4, interaction);
        for recall in [FIXED, Recall { seed: 5, ..Recall::default() }] {
            let found = recall.retrieve(&memory, cues).unwrap();
            for (j, report) in found.reports().iter().enumerate() {
                assert_eq!(report.outcome, RecallOutcome::FixedPoint);
                let mut state = found.state(j).to_vec();
                let energy = memory.energy_at(&state);
                let slack = 1e-13 * energy.abs();
                assert!((energy - report.energy).abs() <= slack);
                let start = memory.energy_at(cues.column(j));
                if report.flips > 0 {
                    assert!(energy < start);
                } else {
                    assert_eq!(state, cues.column(j));
                }
                for i in 0..n {
                    state[i] = -state[i];
                    assert!(memory.energy_at(&state) >= energy - slack);
                    state[i] = -state[i];
                }
            }
        }
    }
}

#[test]
fn synchronous_recall_ends_in_fixed_points_or_cycles_of_any_length() {
    let n = 10;
    let states = all_states(n);
    let cues = Batch::new(&states, n).unwrap();
    let mut longest = 0;
    for interaction in INTERACTIONS {
        let memory = memory(n, 20, 6, interaction);
        let step = |state: &[f64]| -> Vec<f64> {
            let fields = fields(&memory, state);
            state.iter().zip(fields).map(|(s, h)| if s * h < 0.0 { -s } else { *s }).collect()
        };
        let found = SYNCHRONOUS.retrieve(&memory, cues).unwrap();
        for (j, report) in found.reports().iter().enumerate() {
            let mut state = cues.column(j).to_vec();
            for _ in 0..report.sweeps {
                state = step(&state);
            }
            assert_eq!(found.state(j), state);
            let length = match report.outcome {
                RecallOutcome::FixedPoint => 1,
                RecallOutcome::TwoCycle => 2,
                RecallOutcome::Cycle { length } => length,
                other => panic!("{other:?}"),
            };
            for t in 1..=length {
                state = step(&state);
                assert_eq!(state == found.state(j), t == length);
            }
            longest = longest.max(length);
        }
    }
    assert!(longest > 2);
}

#[test]
fn degree_two_is_the_hopfield_network() {
    let (n, count) = (120, 15);
    let patterns = Patterns::random_signs(n, count, 2).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let bits = SignPatterns::new(&patterns).unwrap();
    let memory = DiscreteMemory::new(bits, Interaction::Polynomial { degree: 2 }).unwrap();
    let linearized = memory.linearized().unwrap();
    let cues = corrupt(patterns.as_batch(), 0.3, Corruption::FlipSign, 3).unwrap();
    let cues = cues.as_batch();
    for cue in cues.columns() {
        let (fields, scaled) = (fields(&memory, cue), fields(&network, cue));
        for (dense, hopfield) in fields.iter().zip(scaled) {
            assert!((dense - n as f64 * hopfield).abs() < 1e-11);
        }
        // The diagonal adds 1 for each of N neurons and K patterns, halved.
        let expected = n as f64 * network.energy_at(cue) - 0.5 * (n * count) as f64;
        assert!((memory.energy_at(cue) - expected).abs() < 1e-9);
        let exact = memory.exact_energy(cue).unwrap().unwrap();
        assert_eq!(exact as f64, (2.0 * expected).round());
    }
    for recall in [FIXED, SYNCHRONOUS, Recall::default()] {
        let expected = recall.retrieve(&network, cues).unwrap();
        for found in [recall.retrieve(&memory, cues), recall.retrieve(&linearized, cues)] {
            let found = found.unwrap();
            assert_eq!(found.states(), expected.states());
            for (a, b) in found.reports().iter().zip(expected.reports()) {
                assert_eq!((a.outcome, a.sweeps, a.flips), (b.outcome, b.sweeps, b.flips));
            }
        }
    }
}

#[test]
fn the_exponential_is_the_log_sum_exp_memory_on_signs() {
    let patterns = Patterns::random_signs(40, 300, 2).unwrap();
    for beta in [0.05, 0.7, 50.0] {
        let continuous =
            LogSumExpMemory::new(patterns.clone(), beta, Similarity::DotProduct).unwrap();
        let bits = SignPatterns::new(&patterns).unwrap();
        let discrete = DiscreteMemory::new(bits, Interaction::Exponential { beta }).unwrap();
        let cues = corrupt(patterns.as_batch(), 0.2, Corruption::FlipSign, 3).unwrap();
        let cues = Batch::new(&cues.as_batch().as_slice()[..800], 40).unwrap();
        let found = FIXED.retrieve(&discrete, cues).unwrap();
        let linear = FIXED.retrieve(&discrete.linearized().unwrap(), cues).unwrap();
        assert_eq!(found, linear);
        for (j, report) in found.reports().iter().enumerate() {
            let energy = continuous.energy_at(found.state(j)) - 20.0;
            assert!((report.energy - energy).abs() < 1e-12 * energy.abs());
        }
    }
}

#[test]
fn a_cold_exponential_neither_overflows_nor_loses_the_nearest_pattern() {
    for beta in [1e4, 4e307] {
        let memory = memory(200, 500, 3, Interaction::Exponential { beta });
        let patterns: Patterns = memory.patterns().to_patterns().unwrap();
        let cues = corrupt(patterns.as_batch(), 0.25, Corruption::FlipSign, 3).unwrap();
        let cues = cues.as_batch();
        for recall in [SYNCHRONOUS, FIXED] {
            let found = recall.retrieve(&memory, cues).unwrap();
            assert_eq!(found.states(), patterns.as_batch());
            assert!(found.reports().iter().all(|r| r.energy == -200.0 && r.sweeps == 1));
        }
        let pattern = patterns.pattern(7);
        assert_eq!(memory.energy_at(pattern), -200.0);
        assert!(memory.gradient_at(pattern).iter().zip(pattern).all(|(g, p)| *g == -p));
    }
}

#[test]
fn energies_are_exact_to_the_last_integer() {
    // At 32 bits and beyond 64: the largest term alone has 200¹⁵ > 2¹¹⁴.
    for degree in [2, 5, 8, 9, 15] {
        for interaction in
            [Interaction::Polynomial { degree }, Interaction::RectifiedPolynomial { degree }]
        {
            let memory = memory(200, 90, 7, interaction);
            let patterns: Patterns = memory.patterns().to_patterns().unwrap();
            let rectified = matches!(interaction, Interaction::RectifiedPolynomial { .. });
            for state in patterns.as_batch().columns().take(3) {
                let power = |p: &[f64]| {
                    let m = p.iter().zip(state).map(|(p, s)| (p * s) as i128).sum::<i128>();
                    if rectified { m.max(0).pow(degree) } else { m.pow(degree) }
                };
                let expected: i128 = patterns.as_batch().columns().map(power).sum();
                assert_eq!(memory.exact_energy(state).unwrap(), Some(-expected));
                // The field too, which for odd degrees is a small difference.
                let mut flipped = state.to_vec();
                flipped[17] = -flipped[17];
                let rise = memory.exact_energy(&flipped).unwrap().unwrap() + expected;
                let found = 2.0 * state[17] * fields(&memory, state)[17];
                let expected = rise as f64 / f64::from(degree);
                assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs());
            }
        }
    }
}

#[test]
fn ties_keep_the_state() {
    // A pattern and its inverse: odd degrees cancel in every state.
    let pattern: Vec<f64> = Patterns::random_signs(7, 1, 1).unwrap().pattern(0).to_vec();
    let inverse: Vec<f64> = pattern.iter().map(|s| -s).collect();
    let both = Patterns::new([pattern.clone(), inverse].concat(), 7).unwrap();
    let bits = SignPatterns::new(&both).unwrap();
    let states = all_states(7);
    let cues = Batch::new(&states, 7).unwrap();
    let cubic = DiscreteMemory::new(bits.clone(), Interaction::Polynomial { degree: 3 }).unwrap();
    for recall in [FIXED, SYNCHRONOUS, Recall::default()] {
        let found = recall.retrieve(&cubic, cues).unwrap();
        assert_eq!(found.states(), cues);
        assert!(found.reports().iter().all(|r| r.sweeps == 0 && r.energy == 0.0));
    }
    // Every neuron of which the others are half right has no field.
    for beta in [1e-9, 0.3, 1e3] {
        let memory = DiscreteMemory::new(bits.clone(), Interaction::Exponential { beta }).unwrap();
        for state in cues.columns() {
            for (i, h) in fields(&memory, state).iter().enumerate() {
                let agree = |j: &usize| *j != i && pattern[*j] == state[j.to_owned()];
                let right = (0..7).filter(agree).count();
                assert_eq!(*h == 0.0, right == 3, "{beta} {h}");
                assert!(h.abs() <= 1.0);
            }
        }
    }
}

#[test]
fn rectification_takes_away_the_inverse_patterns() {
    let degree = 4;
    for (interaction, fixed) in [
        (Interaction::Polynomial { degree }, true),
        (Interaction::RectifiedPolynomial { degree }, false),
    ] {
        let memory = memory(60, 40, 3, interaction);
        let patterns: Patterns = memory.patterns().to_patterns().unwrap();
        let inverse: Vec<f64> = patterns.as_batch().as_slice().iter().map(|s| -s).collect();
        let found = FIXED.retrieve(&memory, Batch::new(&inverse, 60).unwrap()).unwrap();
        for report in found.reports() {
            assert_eq!(report.flips == 0, fixed);
        }
    }
}

#[test]
fn chains_sample_the_boltzmann_distribution() {
    let n = 6;
    for (interaction, temperature) in
        [(INTERACTIONS[1], 30.0), (INTERACTIONS[4], 30.0), (INTERACTIONS[7], 0.8)]
    {
        let memory = memory(n, 5, 2, interaction);
        let states = all_states(n);
        let (mut z, mut mean, mut square) = (0.0, 0.0, 0.0);
        for state in Batch::new(&states, n).unwrap().columns() {
            let energy = memory.energy_at(state);
            let weight = (-energy / temperature).exp();
            z += weight;
            mean += weight * energy;
            square += weight * energy * energy;
        }
        (mean, square) = (mean / z, square / z);
        let (chains, sweeps) = (200, 500);
        let starts = Patterns::random_signs(n, chains, 9).unwrap();
        let glauber = Glauber { temperature, burn_in: 100, sweeps, ..Glauber::default() };
        let found = glauber.retrieve(&memory, starts.as_batch()).unwrap();
        let means: Vec<f64> = found.reports().iter().map(|r| r.mean_energy).collect();
        let average = means.iter().sum::<f64>() / chains as f64;
        let spread = means.iter().map(|m| (m - average).powi(2)).sum::<f64>();
        let error = (spread / (chains * (chains - 1)) as f64).sqrt();
        assert!((average - mean).abs() < 4.0 * error, "{average} {mean} {error}");
        // The chains mix: the error is far below the spread of the energy.
        assert!(error < 0.05 * (square - mean * mean).sqrt());
    }
}

#[test]
fn a_batch_is_its_columns_on_any_number_of_threads() {
    let memory = memory(60, 300, 2, Interaction::RectifiedPolynomial { degree: 3 });
    let patterns: Patterns = memory.patterns().to_patterns().unwrap();
    let cues = corrupt(patterns.as_batch(), 0.3, Corruption::FlipSign, 3).unwrap();
    let cues = cues.as_batch();
    for recall in [Recall::default(), SYNCHRONOUS] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let found = recall.retrieve(&memory, cues).unwrap();
                let matches = memory.patterns().closest(found.states()).unwrap();
                (found, matches)
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(4));
        if recall == SYNCHRONOUS {
            for (j, cue) in cues.columns().enumerate() {
                let single = recall.retrieve(&memory, Batch::single(cue).unwrap()).unwrap();
                assert_eq!(single.state(0), one.0.state(j));
                assert_eq!(single.reports()[0], one.0.reports()[j]);
            }
        }
    }
}

#[test]
fn rejects_bad_input() {
    let bits = SignPatterns::random(10, 3, 1).unwrap();
    let store = |interaction| DiscreteMemory::new(bits.clone(), interaction);
    for degree in [0, 1, 127, u32::MAX] {
        assert!(store(Interaction::Polynomial { degree }).is_err());
        assert!(store(Interaction::RectifiedPolynomial { degree }).is_err());
    }
    for beta in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX] {
        assert!(store(Interaction::Exponential { beta }).is_err());
    }
    // 10³⁸ is above 2¹²⁶, and so is 3 · 10³⁷ doubled.
    let message = store(Interaction::Polynomial { degree: 38 }).unwrap_err().to_string();
    assert!(message.starts_with("number of patterns times N^degree is 3"), "{message}");
    assert!(store(Interaction::Polynomial { degree: 37 }).is_ok());

    let memory = store(Interaction::Polynomial { degree: 3 }).unwrap();
    assert!(memory.exact_energy(&[1.0; 9]).is_err());
    for bad in [0.0, 2.0, f64::NAN] {
        let mut cue = [1.0; 10];
        cue[2] = bad;
        assert!(matches!(memory.exact_energy(&cue), Err(Error::NotSign { index: 2, .. })));
        let found = FIXED.retrieve(&memory, Batch::single(&cue).unwrap());
        assert!(matches!(found, Err(Error::NotSign { index: 2, .. })));
    }
    assert!(memory.energy_at(&[f64::NAN; 10]).is_nan());
}

#[test]
fn capacities_are_those_of_the_papers() {
    let cubic = Interaction::Polynomial { degree: 3 };
    assert_eq!(cubic.capacity(150).map(f64::floor), Some(748.0));
    let quartic = Interaction::RectifiedPolynomial { degree: 4 };
    assert_eq!(quartic.capacity(50).map(f64::floor), Some(2130.0));
    let hopfield = Interaction::Polynomial { degree: 2 };
    let expected = 400.0 / (2.0 * 400f64.ln());
    assert!((hopfield.capacity(400).unwrap() - expected).abs() < 1e-12);
    assert_eq!(Interaction::Exponential { beta: 1.0 }.capacity(24), Some(4096.0));
    assert_eq!(Interaction::Exponential { beta: 2.0 }.capacity(24), None);
    for degree in [0, 1, 127, 1 << 31, u32::MAX] {
        assert_eq!(Interaction::Polynomial { degree }.capacity(24), None);
        assert_eq!(Interaction::RectifiedPolynomial { degree }.capacity(24), None);
    }
}

proptest! {
    #[test]
    fn energy_never_rises(
        n in 1_usize..70, count in 1_usize..140, seed: u64, which in 0_usize..9,
    ) {
        let memory = memory(n, count, seed, INTERACTIONS[which]);
        let cue = Patterns::random_signs(n, 1, !seed).unwrap();
        let mut last = memory.energy_at(cue.pattern(0));
        for max_sweeps in 1..6 {
            let recall = Recall { max_sweeps, seed, ..Recall::default() };
            let energy = recall.retrieve(&memory, cue.as_batch()).unwrap().reports()[0].energy;
            prop_assert!(energy <= last + 1e-12 * last.abs());
            last = energy;
        }
    }
}

#[test]
fn many_patterns_are_run_for_few_cues_at_a_time() {
    // 8 MiB of distances a cue: four cues at a time.
    let memory = memory(32, 1 << 20, 3, Interaction::RectifiedPolynomial { degree: 8 });
    let cues = Patterns::random_signs(32, 6, 4).unwrap();
    let mut found = None;
    let counted = allocation_counter::measure(|| {
        found = FIXED.retrieve_watched(&memory, cues.as_batch(), &mut ()).ok();
    });
    assert!(counted.bytes_max < 33 << 20, "{}", counted.bytes_max);
    let found = found.unwrap();
    for j in [0, 5] {
        let alone = FIXED.retrieve(&memory, Batch::single(cues.pattern(j)).unwrap()).unwrap();
        assert_eq!((alone.state(0), alone.reports()[0]), (found.state(j), found.reports()[j]));
    }
}
