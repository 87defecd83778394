//! Memories, configurations and reports survive a file to the bit, and files
//! that say nonsense are refused.

use std::fmt::Debug;

use ebm_core::Outcome;
use ebm_core::lagrangian::{Elementwise, LayerNorm};
use ebm_core::network::Activation;
use ebm_memory::dense_associative_memory::{Features, RandomFeatures};
use ebm_memory::energy_transformer::{Attention, AttentionEnergy, TokenMemoryEnergy};
use ebm_memory::experiment::{Census, EndState, Experiment, GridPoint, Level, Trajectory};
use ebm_memory::layered::{DenseSynapse, Layer, LayeredMemory, SquaredError};
use ebm_memory::oscillator_memory::OscillatorCouplings;
use ebm_memory::{
    Cccp, ContinuousMemory, Corruption, CycleGraph, DiffusionMemory, DiscreteMemory, DiscretePairs,
    EnergyTransformer, FenchelYoungMemory, Glauber, Hebb, HopfieldNetwork, InputDrivenPlasticity,
    Interaction, KeyValueMemory, LandscapeSearch, LogSumExpMemory, LowRankHopfield, MinOver,
    MostStable, OscillatorMemory, Patterns, Perceptron, PhaseRetrieval, Projection,
    RandomFeatureMemory, Recall, RecallReport, Region, RegularizedArgmax, Relaxation,
    RetrievalReport, Retrieved, SignPatterns, Similarity, SparseReport, Storkey, Thermometer,
    ValueReport, corrupt_region,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is read is what was written, and unknown fields are refused; returns
/// the text.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    if let Some(rest) = text.strip_prefix('{') {
        let unknown = format!("{{\"unknown\":0,{rest}");
        assert!(serde_json::from_str::<T>(&unknown).is_err(), "{unknown}");
    }
    text
}

/// Reading `text` with the value at a JSON pointer replaced fails with a message
/// that begins so.
fn refused<T: DeserializeOwned + Debug>(text: &str, at: &str, to: impl Into<Value>, message: &str) {
    let mut changed: Value = serde_json::from_str(text).unwrap();
    *changed.pointer_mut(at).unwrap() = to.into();
    let found = serde_json::from_value::<T>(changed).unwrap_err().to_string();
    assert!(found.starts_with(message), "{found}");
}

fn real(dim: usize, count: usize) -> Patterns {
    Patterns::spherical(dim, count, 7).unwrap()
}

#[test]
fn patterns() {
    let text = survives(&real(3, 5));
    survives(&real(3, 5).to_precision::<f32>().unwrap());
    refused::<Patterns>(&text, "/dim", 4, "patterns: length 15 is not a multiple");
    refused::<Patterns>(&text, "/dim", 0, "");
    refused::<Patterns<f32>>(r#"{"data":[1.0],"dim":1}"#, "/data/0", 1e300, "");

    let bits = SignPatterns::random(70, 3, 1).unwrap();
    let text = survives(&bits);
    refused::<SignPatterns>(&text, "/count", 4, "words of the patterns: expected");
    refused::<SignPatterns>(&text, "/dim", 65, "words of the patterns: entry ");
    refused::<SignPatterns>(&text, "/dim", 0, "words of the patterns is empty");
    refused::<Thermometer>(&survives(&Thermometer::new(9).unwrap()), "/max", 0, "largest level");
}

#[test]
fn dense_associative_memories() {
    let memory = LogSumExpMemory::new(real(4, 6), 0.7, Similarity::SquaredDistance).unwrap();
    let text = survives(&memory);
    refused::<LogSumExpMemory>(&text, "/beta", -0.7, "beta is -0.7, expected");
    refused::<LogSumExpMemory>(&text, "/rates", vec![1.0], "inverse temperatures");
    let betas = [0.1, 0.3, 7.0, 1e-3, 0.9, 3.3];
    let unequal = memory.with_log_priors(&[0.5; 6]).unwrap();
    let unequal = unequal.with_inverse_temperatures(&betas).unwrap();
    let text = survives(&unequal);
    refused::<LogSumExpMemory>(&text, "/rates/3", 0.0, "inverse temperatures over beta: entry 3");
    let single = real(4, 6).to_precision::<f32>().unwrap();
    let single = LogSumExpMemory::new(single, 0.7, Similarity::Manhattan).unwrap();
    survives(&single.with_inverse_temperatures(&betas).unwrap());

    let map = RegularizedArgmax::KSubset { k: 3 };
    let sparse = FenchelYoungMemory::new(real(4, 6), 0.7, Similarity::DotProduct, map).unwrap();
    let text = survives(&sparse);
    refused::<FenchelYoungMemory>(&text, "/map/KSubset/k", 7, "k is 7, expected");
    refused::<FenchelYoungMemory>(&text, "/similarity", "Manhattan", "similarity is Manhattan");

    let (keys, values) =
        (SignPatterns::random(70, 9, 1).unwrap(), SignPatterns::random(5, 9, 2).unwrap());
    let interaction = Interaction::RectifiedPolynomial { degree: 3 };
    let text = survives(&DiscreteMemory::new(keys.clone(), interaction).unwrap());
    let degree = "/interaction/RectifiedPolynomial/degree";
    refused::<DiscreteMemory>(&text, degree, 1, "degree is 1, expected");
    let other = SignPatterns::random(70, 9, 3).unwrap();
    let text = survives(&DiscretePairs::new(keys.clone(), &values, interaction).unwrap());
    let other = serde_json::to_value(&other).unwrap();
    refused::<DiscretePairs>(&text, "/keys", other, "pairs: entry 0 is NaN, expected a pattern");

    let keys = LogSumExpMemory::new(real(4, 6), 1.0, Similarity::DotProduct).unwrap();
    let pairs = KeyValueMemory::new(keys, real(2, 6)).unwrap();
    let text = survives(&pairs);
    let fewer = serde_json::to_value(real(2, 5)).unwrap();
    refused::<KeyValueMemory>(&text, "/values", fewer, "number of values: expected");

    for kind in [Features::Trigonometric, Features::Positive] {
        let features = RandomFeatures { kind, count: 5, ..RandomFeatures::default() };
        let mut memory = RandomFeatureMemory::new(3, 0.3, features).unwrap();
        survives(&memory);
        memory.add(&[0.1, 0.2, 0.3]).unwrap();
        let text = survives(&memory);
        refused::<RandomFeatureMemory>(&text, "/features/count", 6, "sums of the features");
        refused::<RandomFeatureMemory>(&text, "/memory/2", "NaN", "sums of the features: entry 2");
        refused::<RandomFeatureMemory>(&text, "/memory/2", "inf", "sums of the features: entry 2");
    }
}

#[test]
fn networks() {
    let patterns = Patterns::random_signs(9, 4, 1).unwrap();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let text = survives(&network);
    refused::<HopfieldNetwork>(&text, "/coupling/entries/0", 1.0, "coupling of neuron 0");
    refused::<HopfieldNetwork>(&text, "/coupling/entries/1", 9.0, "");
    refused::<HopfieldNetwork>(&text, "/coupling/dim", 8, "entries of a dense coupling");
    let text = survives(&LowRankHopfield::hebb(&patterns).unwrap());
    refused::<LowRankHopfield>(&text, "/weights", vec![1.0], "weights of the patterns");
    let activation = Activation::Tanh { gain: 3.0 };
    let text = survives(&ContinuousMemory::hebb(patterns.clone(), activation).unwrap());
    refused::<ContinuousMemory>(&text, "/activation/Tanh/gain", -3.0, "");
    let text = survives(&InputDrivenPlasticity::new(patterns.clone(), activation).unwrap());
    refused::<InputDrivenPlasticity>(&text, "/activation", "Relu", "an odd, bounded activation");
    let text =
        survives(&OscillatorMemory::new(patterns.clone(), OscillatorCouplings::default()).unwrap());
    refused::<OscillatorMemory>(&text, "/couplings/second_harmonic", -0.3, "");
    refused::<OscillatorMemory>(&text, "/patterns/data/10", 2.0, "pattern 1: entry 1 is 2");
    let text = survives(&DiffusionMemory::new(real(3, 4), 0.3).unwrap());
    refused::<DiffusionMemory>(&text, "/variance", 0.0, "variance of the noise");
    let text = survives(&CycleGraph::sharing_edges(5, 3).unwrap());
    refused::<CycleGraph>(&text, "/nodes", 1, "");
    let learned = MinOver::default().learn(&patterns).unwrap();
    let text = survives(&learned);
    assert!(!text.contains("tie"));
    refused::<MostStable>(&text, "/network/entries/10", 1.0, "coupling of neuron 1");
    survives(&Perceptron::default().learn(&patterns).unwrap());
}

#[test]
fn rules_that_learn() {
    let patterns = Patterns::random_signs(6, 4, 1).unwrap();
    let rule = Hebb::from_patterns(&patterns).unwrap();
    let text = survives(&rule);
    survives(&Hebb::new(3).unwrap());
    refused::<Hebb>(&text, "/dim", 5, "sums of the rule: expected length 25, found 36");
    refused::<Hebb>(&text, "/count", 6, "sums of the rule: entry 0 is 4, expected the number");
    refused::<Hebb>(&text, "/sums/1", 1.0, "sums of the rule: entry 1 is 1, expected an integer");
    refused::<Hebb>(&text, "/sums/1", 0.5, "sums of the rule: entry 1 is 0.5, expected an integer");
    refused::<Hebb>(
        &text,
        "/sums/1",
        8.0,
        "sums of the rule: entry 1 is 8, expected what the other",
    );
    refused::<Hebb>(r#"{"sums":[],"dim":1,"count":0}"#, "/dim", 0, "sums of the rule is empty");
    // What is read learns on.
    let mut read: Hebb = serde_json::from_str(&text).unwrap();
    read.remove(patterns.pattern(1)).unwrap();
    assert_eq!(read, Hebb::from_patterns(&patterns.subset(&[0, 2, 3]).unwrap()).unwrap());

    let mut rule = Storkey::new(6).unwrap();
    for pattern in &patterns {
        rule.add(pattern).unwrap();
    }
    let text = survives(&rule);
    refused::<Storkey>(&text, "/entries/1", 7.0, "");
    refused::<Storkey>(&text, "/entries/7", 1.0, "coupling of neuron 1");
    refused::<Storkey>(&text, "/dim", 5, "entries of a dense coupling");
    refused::<Storkey>(&text, "/dim", usize::MAX, "");
    let mut read: Storkey = serde_json::from_str(&text).unwrap();
    read.add(&[1.0; 6]).unwrap();
    rule.add(&[1.0; 6]).unwrap();
    assert_eq!(read.network().unwrap(), rule.network().unwrap());

    survives(&Projection::empty(3).unwrap());
    let mut projection = Projection::new(&patterns).unwrap();
    projection.add(patterns.pattern(0)).unwrap();
    projection.add(&[1.0; 6]).unwrap();
    let text = survives(&projection);
    refused::<Projection>(&text, "/dim", 5, "");
    refused::<Projection>(&text, "/dim", 0, "");
    refused::<Projection>(&text, "/dim", 2, "basis of the patterns: size ");
    refused::<Projection>(&text, "/basis/3", 0.9, "products of the basis: entry ");
    refused::<Projection>(
        &text,
        "/coefficients/2",
        vec![0.0; 7],
        "coefficients of a pattern: size 7",
    );
    refused::<Projection>(
        &text,
        "/coefficients",
        Vec::<Value>::new(),
        "dependent patterns: expected",
    );
    refused::<Projection>(&text, "/dependent/0", 6, "dependent patterns: index 6");
    let mut read: Projection = serde_json::from_str(&text).unwrap();
    read.remove(1).unwrap();
    projection.remove(1).unwrap();
    assert_eq!(read, projection);
}

#[test]
fn energy_transformers() {
    let shape = Attention { tokens: 3, dim: 4, heads: 2, head_dim: 2 };
    let attention = AttentionEnergy::random(shape, 0.6, 1).unwrap().with_beta(0.3).unwrap();
    let text = survives(&attention);
    refused::<AttentionEnergy>(&text, "/beta", 0.0, "beta is 0");
    refused::<AttentionEnergy>(&text, "/shape/heads", 3, "key matrices: expected length 24");
    refused::<AttentionEnergy>(&text, "/queries/1", Value::Null, "");
    let text = survives(&TokenMemoryEnergy::new(real(4, 5), 3).unwrap());
    refused::<TokenMemoryEnergy>(&text, "/tokens", 0, "list of tokens is empty");
    let norm = LayerNorm::new(0.9, vec![0.1, 0.0, -0.2, 0.05], 1e-3).unwrap();
    let text = survives(&norm);
    refused::<LayerNorm>(&text, "/epsilon", 0.0, "epsilon of the layer norm");
    let text = survives(&EnergyTransformer::new(attention, real(4, 5), norm).unwrap());
    refused::<EnergyTransformer>(&text, "/norm/shift", vec![0.0; 3], "layer norm: expected");
    refused::<EnergyTransformer>(&text, "/patterns/dim", 5, "patterns of the token memory");
}

#[test]
fn configurations() {
    survives(&Cccp { negligible: 1e-17, ..Cccp::default() });
    survives(&Recall { seed: u64::MAX, ..Recall::default() });
    survives(&Glauber::default());
    survives(&Relaxation::default());
    survives(&PhaseRetrieval::default());
    survives(&LandscapeSearch::default());
    survives(&Census::default());
    survives(&MinOver::default());
    survives(&ebm_memory::layered::ImplicitGradient::default());
    survives(&ebm_memory::energy_transformer::Descent::default());
    let experiment = Experiment {
        counts: vec![3, 4],
        levels: vec![
            Level::flips(0.1),
            Level {
                region: Region::Range { start: 2, end: 5 },
                corruption: Corruption::Gaussian { deviation: 0.3 },
            },
        ],
        ..Experiment::default()
    };
    let text = survives(&experiment);
    let wrong = text.replace("\"seed\"", "\"sed\"");
    let message = serde_json::from_str::<Experiment>(&wrong).unwrap_err().to_string();
    assert!(message.starts_with("unknown field `sed`"), "{message}");
    for interaction in [
        Interaction::Polynomial { degree: 3 },
        Interaction::Exponential { beta: std::f64::consts::PI },
    ] {
        survives(&interaction);
    }
    for map in [RegularizedArgmax::Softmax, RegularizedArgmax::Entmax { alpha: 1.1 }] {
        survives(&map);
    }
}

#[test]
fn results() {
    let patterns = Patterns::random_signs(30, 3, 1).unwrap();
    let spoilt = corrupt_region(
        patterns.as_batch(),
        Region::Scattered { fraction: 0.1 },
        Corruption::FlipSign,
        1,
    );
    let spoilt = spoilt.unwrap();
    survives(&spoilt);
    let cues = spoilt.cues.as_batch();
    let network = HopfieldNetwork::hebb(&patterns).unwrap();
    let text = survives(&Recall::default().retrieve(&network, cues).unwrap());
    refused::<Retrieved<RecallReport>>(&text, "/dim", 15, "states: expected length 45, found 90");
    refused::<Retrieved<RecallReport>>(
        &text,
        "/states/31",
        2.0,
        "state 1: entry 1 is 2, expected -1 or +1",
    );
    survives(&Glauber { sweeps: 3, ..Glauber::default() }.retrieve(&network, cues).unwrap());
    let memory = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain: 5.0 }).unwrap();
    survives(&Relaxation::default().retrieve(&memory, cues).unwrap());

    // One pattern alone: an infinite margin.
    let alone = patterns.subset(&[0]).unwrap();
    let memory = LogSumExpMemory::new(alone, 1.0, Similarity::DotProduct).unwrap();
    let found = Cccp::default().retrieve(&memory, cues).unwrap();
    let text = survives(&found);
    assert!(text.contains("\"margin\":\"inf\""), "{text}");
    refused::<Retrieved<RetrievalReport>>(&text, "/reports/0/margin", "infinite", "");
    let map = RegularizedArgmax::KSubset { k: 2 };
    let sparse = FenchelYoungMemory::new(patterns.clone(), 1.0, Similarity::DotProduct, map);
    let text = survives(&Cccp::default().retrieve(&sparse.unwrap(), cues).unwrap());
    refused::<Retrieved<SparseReport>>(&text, "/reports/0/support/1/0", -1, "");
    let keys = LogSumExpMemory::new(patterns.clone(), 1.0, Similarity::DotProduct).unwrap();
    let pairs = KeyValueMemory::new(keys, real(2, 3)).unwrap();
    survives(&pairs.retrieve(cues).unwrap());
    let single: Patterns<f32> = patterns.to_precision().unwrap();
    let keys = LogSumExpMemory::new(single.clone(), 1.0, Similarity::DotProduct).unwrap();
    let pairs = KeyValueMemory::new(keys, real(2, 3).to_precision().unwrap()).unwrap();
    let text = survives(&pairs.retrieve(single.as_batch()).unwrap());
    refused::<Retrieved<ValueReport, f32>>(&text, "/states/1", 1e300, "1000");
    let bits = SignPatterns::new(&patterns).unwrap();
    let discrete = DiscretePairs::new(bits, &SignPatterns::random(5, 3, 1).unwrap(), {
        Interaction::Polynomial { degree: 2 }
    });
    survives(&discrete.unwrap().retrieve(&Recall::default(), cues).unwrap());

    let half = |dim| Elementwise::new(dim, Activation::Tanh { gain: 0.5 }).unwrap();
    let layered = LayeredMemory::new(vec![Layer::new(half(30)), Layer::new(half(2))]).unwrap();
    let synapse = DenseSynapse::random(30, 2, 0.1, 1).unwrap();
    let layered = layered.connect(synapse, &[0, 1]).unwrap();
    let loss = SquaredError::new(&layered, 0, cues).unwrap();
    let starts = layered.states(0, cues).unwrap();
    let starts = starts.as_batch();
    let learning = ebm_memory::layered::ImplicitGradient::default();
    survives(&learning.gradient(&layered, starts, &loss).unwrap());
    let oscillators = OscillatorMemory::new(patterns.clone(), OscillatorCouplings::default());
    survives(&oscillators.unwrap().stability_threshold(patterns.pattern(0)).unwrap());

    let experiment = Experiment { counts: vec![2], trials: 2, ..Experiment::default() };
    let points = experiment.run(
        |count, seed| Patterns::random_signs(20, count, seed),
        |_, cues| Ok::<_, ebm_memory::Error>(cues.batch().as_slice().to_vec()),
    );
    let text = survives(&points.unwrap());
    refused::<Vec<GridPoint>>(&text, "/0/cues/hits", 99, "successes is 99, expected at most");
    let point = GridPoint {
        count: 1,
        level: 0,
        cues: Default::default(),
        sets: Default::default(),
        overlaps: vec![f64::INFINITY, -0.0, f64::NEG_INFINITY, 5e-324, f64::MAX],
    };
    survives(&point);
    let states = patterns.as_batch();
    let found = Census::default().sort(&patterns, states, &[0.1, 0.2, 0.3]).unwrap();
    survives(&found);
    survives(&EndState::Mixture { patterns: vec![(0, true), (1, false), (2, true)] });
    let trajectory = Trajectory {
        times: vec![0.0, 1.0],
        energies: vec![f64::INFINITY, -1.0],
        overlaps: vec![vec![0.1, 0.2], vec![f64::NEG_INFINITY, 1.0]],
    };
    survives(&trajectory);
    for outcome in [Outcome::Converged, Outcome::NotFinite { t: 0.1, index: 3 }] {
        survives(&outcome);
    }
}
