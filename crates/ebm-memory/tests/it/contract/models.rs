//! The models of the crate, stamped.

use ebm_core::Curvature;
use ebm_core::coupling::LowRankCoupling;
use ebm_core::lagrangian::LayerNorm;
use ebm_core::network::Activation;
use ebm_memory::dense_associative_memory::{Features, RandomFeatureMemory, RandomFeatures};
use ebm_memory::energy_transformer::{
    Attention, AttentionEnergy, EnergyTransformer, TokenMemoryEnergy,
};
use ebm_memory::oscillator_memory::{OscillatorCouplings, OscillatorMemory};
use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory};
use ebm_memory::{
    ContinuousMemory, DiffusionMemory, DiscreteMemory, FenchelYoungMemory, HopfieldNetwork,
    InputDrivenPlasticity, LogSumExpMemory, LowRankHopfield, Patterns, Perceptron,
    RegularizedArgmax, SignPatterns, Similarity,
};

use super::{Model, normals};
use crate::{discrete_memory, fenchel_young, layered};

fn signs(dim: usize, count: usize) -> Patterns {
    Patterns::random_signs(dim, count, 3).unwrap()
}

fn reals(dim: usize, count: usize, scale: f64) -> Patterns {
    Patterns::new(normals(dim * count, scale, 5), dim).unwrap()
}

/// Three states of every scale.
fn states(dim: usize, scale: f64) -> Vec<f64> {
    normals(3 * dim, scale, 40)
}

#[test]
fn hopfield_networks() {
    let patterns = signs(9, 4);
    let x = states(9, 1.0);
    let networks = [
        HopfieldNetwork::hebb(&patterns),
        HopfieldNetwork::storkey(&patterns),
        HopfieldNetwork::pseudo_inverse(&patterns),
        Ok(Perceptron::default().learn(&patterns).unwrap().network),
    ];
    for (rule, network) in networks.into_iter().enumerate() {
        Model::energy(&network.unwrap(), &x).stamp(("rule", rule));
    }
    let coupling = LowRankCoupling::new(patterns.as_batch(), &[1.0; 4]).unwrap();
    let coupled = HopfieldNetwork::new(coupling.with_zero_diagonal()).unwrap();
    Model::energy(&coupled, &x).stamp("low-rank coupling");
    Model::energy(&LowRankHopfield::hebb(&patterns).unwrap(), &x).stamp("low rank");
    let weighted = LowRankHopfield::new(reals(9, 4, 1.0).as_batch(), &[1.0, 0.5, -0.3, 0.0]);
    Model::energy(&weighted.unwrap(), &x).stamp("real patterns");
}

#[test]
fn continuous_memories() {
    for (activation, scale) in [
        (Activation::Tanh { gain: 2.0 }, 0.3),
        (Activation::Logistic { gain: 6.0 }, 0.3),
        (Activation::SaturatedLinear, 0.2),
    ] {
        let memory = ContinuousMemory::hebb(signs(9, 3), activation).unwrap();
        let potentials = states(9, scale);
        let mut rates = vec![0.0; potentials.len()];
        activation.values(&potentials, &mut rates);
        Model::energy(memory.network(), &rates).stamp((activation, "rates"));
        Model::flow(&memory.firing_rate(), &rates).stamp((activation, "firing rates"));
        Model::flow(&memory.hopfield(), &potentials).stamp((activation, "potentials"));
    }
}

#[test]
fn discrete_memories() {
    let x = states(7, 0.8);
    for interaction in discrete_memory::INTERACTIONS {
        let bits = SignPatterns::random(7, 70, 3).unwrap();
        Model::energy(&DiscreteMemory::new(bits, interaction).unwrap(), &x).stamp(interaction);
    }
}

#[test]
fn log_sum_exp_memories() {
    let x = states(5, 0.7);
    let priors: Vec<f64> = (0..12).map(|mu| 0.3 * f64::from(mu % 5)).collect();
    let betas: Vec<f64> = (0..12).map(|mu| 0.4 + 0.2 * f64::from(mu % 4)).collect();
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan] {
        // The flow of the Manhattan distance ends at the next entry of a pattern.
        let reach = if similarity == Similarity::Manhattan { 5e-4 } else { 0.1 };
        let memory = LogSumExpMemory::new(reals(5, 12, 1.0), 0.7, similarity).unwrap();
        Model { reach, ..Model::energy(&memory, &x) }.stamp(similarity);
        let memory = memory.with_log_priors(&priors).unwrap();
        let memory = memory.with_inverse_temperatures(&betas).unwrap();
        Model { reach, ..Model::energy(&memory, &x) }.stamp((similarity, "unequal"));
    }
}

#[test]
fn sparse_memories() {
    let x = states(6, 1.0);
    for map in fenchel_young::MAPS {
        for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
            let memory = fenchel_young::memory(map, similarity, 0.7);
            // The curvature of sparse maps jumps; `fenchel_young` looks at it.
            let curvature =
                (map == RegularizedArgmax::Softmax).then_some(&memory as &dyn Curvature);
            Model { curvature, ..Model::slope(&memory, &x) }.stamp((map, similarity));
        }
    }
}

#[test]
fn random_feature_memories() {
    let patterns = reals(3, 8, 0.4);
    for kind in [Features::Trigonometric, Features::Positive] {
        for floor in [1e-3, 100.0] {
            let features = RandomFeatures { kind, count: 200, floor, seed: 3 };
            let mut memory = RandomFeatureMemory::new(3, 2.0, features).unwrap();
            for pattern in patterns.as_batch().columns() {
                memory.add(pattern).unwrap();
            }
            Model::slope(&memory, &states(3, 0.4)).stamp((kind, floor));
        }
    }
}

#[test]
fn layered_memories() {
    for (k, memory) in layered::zoo().iter().enumerate() {
        let x = states(memory.dim(), 1.0);
        Model::slope(memory, &x).stamp(("energy", k));
        Model::flow(memory, &x).stamp(("flow", k));
    }
}

#[test]
fn energy_transformers() {
    let shape = Attention { tokens: 5, dim: 4, heads: 2, head_dim: 3 };
    let attention = AttentionEnergy::random(shape, 0.6, 1).unwrap();
    let x = states(20, 1.0);
    Model::energy(&attention, &x).stamp("attention");
    Model::energy(&TokenMemoryEnergy::new(reals(4, 7, 0.5), 5).unwrap(), &x).stamp("memory");
    let norm = LayerNorm::new(0.9, vec![0.1, 0.0, -0.2, 0.05], 1e-3).unwrap();
    let block = EnergyTransformer::new(attention, reals(4, 7, 0.5), norm).unwrap();
    Model::slope(&block, &x).stamp("block");
    Model::flow(&block, &x).stamp("flow");
}

#[test]
fn input_driven_plasticity() {
    let activation = Activation::Tanh { gain: 1.0 };
    let memory = InputDrivenPlasticity::new(signs(16, 3), activation).unwrap();
    let x = states(16, 1.0);
    let input = memory.input(&[2.0, -1.5, 1.2]).unwrap();
    Model::flow(&memory.under(&input).unwrap(), &x).stamp("constant input");
    let driven = memory.driven(|t, u: &mut [f64]| {
        u.iter_mut().zip(&input).for_each(|(u, input)| *u = t.cos() * input);
    });
    Model { field: Some(&driven), dim: 16, states: &x, ..Model::NOTHING }.stamp("input of time");
}

#[test]
fn oscillator_memories() {
    let x = states(11, 2.0);
    for (pairwise, quartic, second_harmonic) in [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.7, 0.4, 0.9)]
    {
        let couplings = OscillatorCouplings { pairwise, quartic, second_harmonic };
        let memory = OscillatorMemory::new(signs(11, 4), couplings).unwrap();
        Model::energy(&memory, &x).stamp(couplings);
    }
}

#[test]
fn phase_locked_memories() {
    for graph in [CycleGraph::sharing_nodes(6, 3), CycleGraph::sharing_edges(6, 3)] {
        let memory = PhaseLockedMemory::new(graph.unwrap()).unwrap();
        let x = states(memory.graph().nodes(), 2.0);
        Model::energy(&memory, &x).stamp(memory.state_count());
    }
}

#[test]
fn diffusion_memories() {
    for variance in [0.3, 3.0] {
        let memory = DiffusionMemory::new(reals(3, 4, 1.0), variance).unwrap();
        Model::energy(&memory, &states(3, 1.0)).stamp(variance);
    }
}

#[test]
fn one_pattern_of_one_neuron() {
    let one = || Patterns::new(vec![1.0], 1).unwrap();
    let x = [0.4, -1.3];
    Model::energy(&HopfieldNetwork::hebb(&one()).unwrap(), &x).stamp("Hopfield");
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
        let memory = LogSumExpMemory::new(one(), 2.0, similarity).unwrap();
        Model::energy(&memory, &x).stamp(similarity);
        for map in [RegularizedArgmax::Sparsemax, RegularizedArgmax::KSubset { k: 1 }] {
            let memory = FenchelYoungMemory::new(one(), 2.0, similarity, map).unwrap();
            Model::energy(&memory, &x).stamp((similarity, map));
        }
    }
    for interaction in discrete_memory::INTERACTIONS {
        let memory = DiscreteMemory::new(SignPatterns::new(&one()).unwrap(), interaction);
        Model::energy(&memory.unwrap(), &x).stamp(interaction);
    }
    Model::energy(&DiffusionMemory::new(one(), 0.5).unwrap(), &x).stamp("diffusion");
}
