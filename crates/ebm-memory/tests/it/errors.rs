//! What errors say: which cue, which entry of it, what was expected and, where
//! the library has one, the way out.

use ebm_core::network::Activation;
use ebm_memory::layered::Settle;
use ebm_memory::oscillator_memory::{OscillatorCouplings, binary_phases};
use ebm_memory::{
    Batch, Cccp, ContinuousMemory, Corruption, Cues, CycleGraph, DiscreteMemory, DiscretePairs,
    FenchelYoungMemory, Glauber, Hebb, HopfieldNetwork, Interaction, KeyValueMemory, LayeredMemory,
    LogSumExpMemory, OscillatorMemory, Patterns, PhaseLockedMemory, PhaseLocking, PhaseRetrieval,
    Recall, RegularizedArgmax, Relaxation, SignPatterns, Similarity, SteepestDescent, corrupt,
};

const DIM: usize = 10;

fn message<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.err().map_or_else(|| "no error".into(), |error| error.to_string())
}

#[test]
fn a_bad_entry_is_named_by_its_cue() {
    let patterns = Patterns::random_signs(DIM, 4, 1).unwrap();
    let bits = SignPatterns::new(&patterns).unwrap();
    let mut cues = patterns.as_batch().as_slice()[..3 * DIM].to_vec();
    cues[2 * DIM + 7] = f64::NAN;
    let cues = Batch::new(&cues, DIM).unwrap();
    let real = "cue 2: entry 7 is NaN, expected a finite number";
    let sign = "cue 2: entry 7 is NaN, expected -1 or +1";

    let memory = LogSumExpMemory::new(patterns.clone(), 1.0, Similarity::DotProduct).unwrap();
    assert_eq!(message(Cccp::default().retrieve(&memory, cues)), real);
    let known: Vec<bool> = (0..DIM).map(|i| i > 2).collect();
    let masked = Cues::from(cues).with_known(&known).unwrap();
    assert_eq!(message(Cccp::default().retrieve(&memory, masked)), real);
    assert_eq!(message(SteepestDescent::default().retrieve(&memory, cues)), real);
    let map = RegularizedArgmax::Sparsemax;
    let sparse = FenchelYoungMemory::new(patterns.clone(), 1.0, Similarity::DotProduct, map);
    assert_eq!(message(Cccp::default().retrieve(&sparse.unwrap(), cues)), real);
    let pairs = KeyValueMemory::new(memory, patterns.clone()).unwrap();
    assert_eq!(message(pairs.retrieve(cues)), real.replace("cue", "key"));
    let continuous = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain: 3.0 });
    assert_eq!(message(Relaxation::default().retrieve(&continuous.unwrap(), cues)), real);
    let phases = OscillatorMemory::new(patterns.clone(), OscillatorCouplings::default()).unwrap();
    assert_eq!(message(PhaseRetrieval::default().retrieve(&phases, cues)), real);
    let rings = PhaseLockedMemory::new(CycleGraph::ring(DIM).unwrap()).unwrap();
    assert_eq!(message(PhaseLocking::default().retrieve(&rings, cues)), real);
    let layered = LayeredMemory::model_b(&patterns, 0.5, 0.1).unwrap();
    assert_eq!(message(Settle::default().retrieve_from_layer(&layered, 0, cues)), real);
    let found = message(Settle::default().retrieve_from_layer(&layered, 1, cues));
    assert_eq!(found, "cues of the layer: expected length 4, found 10");
    let fast = layered.eliminate(1).unwrap();
    assert_eq!(message(Settle::default().retrieve(&fast, cues)), real);

    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    assert_eq!(message(Recall::default().retrieve(&network, cues)), sign);
    assert_eq!(message(Glauber::default().retrieve(&network, cues)), sign);
    let cubic = Interaction::Polynomial { degree: 3 };
    let pairs = DiscretePairs::new(bits.clone(), &bits, cubic).unwrap();
    let found = message(pairs.retrieve(&Recall::default(), cues));
    assert_eq!(found, sign.replace("cue", "key"));
}

#[test]
fn an_erased_entry_comes_with_advice() {
    let patterns = Patterns::random_signs(DIM, 2, 1).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let erased = corrupt(patterns.as_batch(), 1.0, Corruption::Erase, 2).unwrap();
    let erased = erased.as_batch();
    assert_eq!(
        message(Recall::default().retrieve(&network, erased)),
        "cue 0: entry 0 is 0, expected -1 or +1; guess the sign of an unknown entry, and hold the \
         known ones with Clamped"
    );
    assert_eq!(
        message(binary_phases(erased)),
        "state 0: entry 0 is 0, expected -1 or +1; guess the sign of an unknown entry"
    );
}

#[test]
fn errors_name_what_is_wrong() {
    let patterns = Patterns::random_signs(DIM, 2, 1).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let never = Recall { max_sweeps: 0, ..Recall::default() };
    let found = message(never.retrieve(&network, patterns.as_batch()));
    assert_eq!(found, "max_sweeps is 0, expected an integer >= 1");
    let found = message(Hebb::new(1 << 30));
    assert!(found.starts_with("coupling matrix: cannot allocate"), "{found}");
    let bits = SignPatterns::new(&patterns).unwrap();
    let found = message(DiscreteMemory::new(bits, Interaction::Polynomial { degree: 100 }));
    assert!(found.ends_with("e100, expected less than 2^126"), "{found}");
    let memory = LogSumExpMemory::new(patterns.clone(), 1.0, Similarity::DotProduct).unwrap();
    let short = Batch::new(&[1.0; 9], 9).unwrap();
    let found = message(Cccp::default().retrieve(&memory, short));
    assert_eq!(found, "cues: expected length 10, found 9");
    let none = Batch::new(&[], DIM).unwrap();
    assert_eq!(message(Cccp::default().retrieve(&memory, none)), "cues is empty");
}
