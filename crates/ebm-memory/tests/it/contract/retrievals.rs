//! The retrievals of the crate, stamped.

use std::fmt::Debug;

use ebm_core::network::Activation;
use ebm_core::{Batch, Energy, Gradient};
use ebm_memory::dense_associative_memory::{RandomFeatureMemory, RandomFeatures};
use ebm_memory::layered::{LayeredMemory, Settle};
use ebm_memory::oscillator_memory::{OscillatorCouplings, OscillatorMemory, PhaseRetrieval};
use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory, PhaseLocking};
use ebm_memory::{
    Cccp, Clamped, ContinuousMemory, Cues, DiscreteMemory, DiscretePairs, Form, Glauber,
    HopfieldNetwork, Interaction, LocalFields, LogSumExpMemory, LowRankHopfield, Order, Patterns,
    Projection, Recall, RecallReport, RegularizedArgmax, Relaxation, RetrievalReport as Query,
    SignPatterns, Similarity, SteepestDescent, Update,
};

use super::{Ends, Retrieval, normals};
use crate::fenchel_young;

/// Rounding of an end that does not depend on the path to it.
const CLOSE: f64 = 1e-8;

const RECALLS: [Recall; 3] = [
    Recall { update: Update::Asynchronous(Order::Fixed), max_sweeps: 0, seed: 0 },
    Recall { update: Update::Asynchronous(Order::Random), max_sweeps: 0, seed: 3 },
    Recall { update: Update::Synchronous, max_sweeps: 0, seed: 0 },
];

fn signs(dim: usize, count: usize, seed: u64) -> Patterns {
    Patterns::random_signs(dim, count, seed).unwrap()
}

fn of_recall(states: &[f64], reports: &[RecallReport]) -> Ends {
    Ends {
        states: states.to_vec(),
        energies: reports.iter().map(|r| r.energy).collect(),
        reports: Box::new(reports.to_vec()),
        steps: reports.iter().map(|r| r.sweeps).max().unwrap() as f64,
    }
}

fn of_queries(states: Vec<f64>, queries: &[Query]) -> Ends {
    Ends {
        states,
        energies: queries.iter().map(|q| q.energy).collect(),
        reports: Box::new(queries.to_vec()),
        steps: queries.iter().map(|q| q.iterations).max().unwrap() as f64,
    }
}

/// Stamps the recall of random cues; `energy` is that of the network, which a
/// network of another rule than its own does not descend.
#[track_caller]
fn recall<N: LocalFields>(name: impl Debug, network: &N, energy: &dyn Energy, descends: bool) {
    let cues = signs(network.dim(), 70, 9);
    for method in RECALLS {
        let run = |cues: Batch<'_>, max_sweeps| {
            let found = Recall { max_sweeps, ..method }.retrieve(network, cues)?;
            Ok(of_recall(found.states().as_slice(), found.reports()))
        };
        let energy = |x: &[f64]| energy.energy_at(x);
        let random = method.update == Update::Asynchronous(Order::Random);
        Retrieval {
            energy: Some(&energy),
            descends: descends && method.update != Update::Synchronous,
            alone: if random { 0.0 } else { f64::EPSILON },
            ..Retrieval::new(cues.as_batch(), &run)
        }
        .stamp((&name, method.update));
    }
}

#[test]
fn recall_of_hopfield_networks() {
    // Overloaded, so that recall takes many sweeps.
    let patterns = signs(100, 60, 2);
    let dense = HopfieldNetwork::hebb(&patterns).unwrap();
    recall("dense", &dense, &dense, true);
    let low = LowRankHopfield::hebb(&patterns).unwrap();
    recall("low rank", &low, &low, true);
    let single = LowRankHopfield::hebb(&patterns.to_precision::<f32>().unwrap()).unwrap();
    recall("single precision", &single, &low, true);
    let projection = Projection::new(&patterns).unwrap().low_rank_network().unwrap();
    recall("projection", &projection, &projection, true);
    let held: Vec<bool> = (0..100).map(|i| i % 5 == 0).collect();
    recall("held", &Clamped::new(&low, &held).unwrap(), &low, true);
}

#[test]
fn recall_of_discrete_memories() {
    for interaction in [
        Interaction::Polynomial { degree: 3 },
        Interaction::RectifiedPolynomial { degree: 3 },
        Interaction::Exponential { beta: 0.1 },
    ] {
        let memory = DiscreteMemory::new(SignPatterns::random(60, 500, 2).unwrap(), interaction);
        let memory = memory.unwrap();
        recall(interaction, &memory, &memory, true);
        recall((interaction, "linearized"), &memory.linearized().unwrap(), &memory, false);
    }
}

#[test]
fn recall_of_pairs() {
    let (keys, values) = (SignPatterns::random(50, 400, 1), SignPatterns::random(40, 400, 2));
    let cubic = Interaction::Polynomial { degree: 3 };
    let pairs = DiscretePairs::new(keys.unwrap(), &values.unwrap(), cubic).unwrap();
    let cues = signs(50, 70, 9);
    for method in RECALLS {
        let run = |keys: Batch<'_>, max_sweeps| {
            let found = pairs.retrieve(&Recall { max_sweeps, ..method }, keys)?;
            let recalls: Vec<RecallReport> = found.reports().iter().map(|r| r.recall).collect();
            let ends = of_recall(found.states().as_slice(), &recalls);
            Ok(Ends { reports: Box::new(found.reports().to_vec()), ..ends })
        };
        Retrieval::new(cues.as_batch(), &run).stamp(method.update);
    }
}

#[test]
fn chains() {
    fn stamp<N: LocalFields + Energy>(name: &str, network: &N) {
        let cues = signs(LocalFields::dim(network), 20, 9);
        let energy = |x: &[f64]| network.energy_at(x);
        for order in [Order::Fixed, Order::Random] {
            let run = |cues: Batch<'_>, sweeps| {
                let glauber = Glauber { burn_in: 3, sweeps, order, ..Glauber::default() };
                let found = glauber.retrieve(network, cues)?;
                Ok(Ends {
                    states: found.states().as_slice().to_vec(),
                    energies: found.reports().iter().map(|r| r.energy).collect(),
                    reports: Box::new((
                        found.means().as_slice().to_vec(),
                        found.reports().to_vec(),
                    )),
                    steps: sweeps as f64,
                })
            };
            let chains = Retrieval::new(cues.as_batch(), &run);
            Retrieval { energy: Some(&energy), ..chains }.stamp((name, order));
        }
    }
    stamp("Hopfield", &HopfieldNetwork::hebb(&signs(50, 5, 4)).unwrap());
    let bits = SignPatterns::random(40, 30, 2).unwrap();
    stamp("dense", &DiscreteMemory::new(bits, Interaction::Exponential { beta: 0.2 }).unwrap());
}

#[test]
fn relaxation_of_continuous_memories() {
    let memory = ContinuousMemory::hebb(signs(60, 4, 4), Activation::Tanh { gain: 3.0 }).unwrap();
    let cues = normals(60 * 40, 0.2, 1);
    let energy = |x: &[f64]| memory.network().energy_at(x);
    for form in [Form::Hopfield, Form::FiringRate] {
        let run = |cues: Batch<'_>, budget| {
            let max_time = 0.1 * budget as f64;
            let found =
                Relaxation { form, max_time, ..Relaxation::default() }.retrieve(&memory, cues)?;
            let reports = found.reports();
            Ok(Ends {
                energies: reports.iter().map(|r| r.energy).collect(),
                reports: Box::new(reports.to_vec()),
                steps: reports.iter().map(|r| r.time).fold(0.0, f64::max),
                states: found.into_states(),
            })
        };
        Retrieval {
            energy: Some(&energy),
            // The energy is one of rates, and the cues of this form are others.
            descends: form == Form::FiringRate,
            alone: CLOSE,
            ..Retrieval::new(Batch::new(&cues, 60).unwrap(), &run)
        }
        .stamp(form);
    }
}

/// Far too small a β averages patterns and takes many updates.
const WARM: f64 = 0.03;

#[test]
fn updates_of_log_sum_exp_memories() {
    // More than two tiles of patterns, and more than a block of cues.
    let patterns = signs(40, 600, 3);
    let cues = normals(40 * 150, 1.0, 4);
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan] {
        let memory = LogSumExpMemory::new(patterns.clone(), WARM, similarity).unwrap();
        let run = |cues: Batch<'_>, max_iterations| {
            let found = Cccp { max_iterations, ..Cccp::default() }.retrieve(&memory, cues)?;
            Ok(of_queries(found.states().as_slice().to_vec(), found.reports()))
        };
        let energy = |x: &[f64]| memory.energy_at(x);
        Retrieval {
            energy: Some(&energy),
            descends: similarity != Similarity::Manhattan,
            alone: CLOSE,
            ..Retrieval::new(Batch::new(&cues, 40).unwrap(), &run)
        }
        .stamp(similarity);

        let single =
            LogSumExpMemory::new(patterns.to_precision::<f32>().unwrap(), WARM, similarity);
        let single = single.unwrap();
        // The last entry is known, so that NaN there is seen.
        let known: Vec<bool> = (0..40).map(|i| i % 3 == 0).collect();
        let fixed: Vec<bool> = (0..40).map(|i| i % 6 == 0).collect();
        for masked in [false, true] {
            let run = |cues: Batch<'_>, max_iterations| {
                let rounded: Vec<f32> = cues.as_slice().iter().map(|x| *x as f32).collect();
                let mut cues = Cues::new(&rounded, cues.dim())?;
                if masked {
                    cues = cues.with_known(&known)?.with_fixed(&fixed)?;
                }
                let cccp = Cccp { max_iterations, ..Cccp::default() };
                let found = cccp.retrieve(&single, cues)?;
                let states = found.states().as_slice().iter().map(|x| f64::from(*x)).collect();
                Ok(of_queries(states, found.reports()))
            };
            let cues = Batch::new(&cues, 40).unwrap();
            let retrieval = Retrieval { alone: 1e-4, ..Retrieval::new(cues, &run) };
            retrieval.stamp((similarity, "single precision", masked));
        }
    }
}

#[test]
fn updates_of_sparse_memories() {
    let cues = normals(6 * 70, 0.3, 4);
    let cues = Batch::new(&cues, 6).unwrap();
    for map in [
        RegularizedArgmax::Softmax,
        RegularizedArgmax::Entmax { alpha: 1.5 },
        RegularizedArgmax::KSubset { k: 3 },
    ] {
        for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
            let memory = fenchel_young::memory(map, similarity, 0.3);
            let run = |cues: Batch<'_>, max_iterations| {
                let cccp = Cccp { max_iterations, ..Cccp::default() };
                let found = cccp.retrieve(&memory, cues)?;
                let reports = found.reports();
                Ok(Ends {
                    states: found.states().as_slice().to_vec(),
                    energies: reports.iter().map(|r| r.energy).collect(),
                    reports: Box::new(reports.to_vec()),
                    steps: reports.iter().map(|r| r.iterations).max().unwrap() as f64,
                })
            };
            let energy = |x: &[f64]| memory.energy_at(x);
            let retrieval = Retrieval { alone: CLOSE, ..Retrieval::new(cues, &run) };
            Retrieval { energy: Some(&energy), descends: true, ..retrieval }
                .stamp((map, similarity));
        }
    }
}

#[test]
fn steepest_descent() {
    let features = RandomFeatures { count: 300, ..RandomFeatures::default() };
    let mut compressed = RandomFeatureMemory::new(4, 3.0, features).unwrap();
    let patterns = Patterns::new(normals(4 * 6, 0.5, 3), 4).unwrap();
    for pattern in patterns.as_batch().columns() {
        compressed.add(pattern).unwrap();
    }
    let pairs = OscillatorMemory::new(signs(4, 2, 1), OscillatorCouplings::default()).unwrap();
    let cues = normals(4 * 70, 0.5, 4);
    for (name, memory) in [("compressed", &compressed as &dyn Gradient), ("phases", &pairs)] {
        let run = |cues: Batch<'_>, max_iterations| {
            let descent = SteepestDescent { max_iterations, ..SteepestDescent::default() };
            let found = descent.retrieve(memory, cues)?;
            let reports = found.reports();
            Ok(Ends {
                states: found.states().as_slice().to_vec(),
                energies: reports.iter().map(|r| r.energy).collect(),
                reports: Box::new(reports.to_vec()),
                steps: reports.iter().map(|r| r.iterations).max().unwrap() as f64,
            })
        };
        let energy = |x: &[f64]| memory.energy_at(x);
        let retrieval = Retrieval::new(Batch::new(&cues, 4).unwrap(), &run);
        Retrieval { energy: Some(&energy), descends: true, ..retrieval }.stamp(name);
    }
}

#[test]
fn phases() {
    let memory = OscillatorMemory::new(signs(60, 5, 1), OscillatorCouplings::default()).unwrap();
    let cues = normals(60 * 40, 2.0, 4);
    let energy = |x: &[f64]| memory.energy_at(x);
    let run = |cues: Batch<'_>, max_steps| {
        let method = PhaseRetrieval { jitter: 0.0, max_steps, ..PhaseRetrieval::default() };
        let found = method.retrieve(&memory, cues)?;
        let queries = found.reports();
        Ok(Ends {
            states: found.states().as_slice().to_vec(),
            energies: queries.iter().map(|q| q.energy).collect(),
            reports: Box::new(queries.to_vec()),
            steps: queries.iter().map(|q| q.steps).max().unwrap() as f64,
        })
    };
    let retrieval = Retrieval::new(Batch::new(&cues, 60).unwrap(), &run);
    Retrieval { energy: Some(&energy), descends: true, alone: CLOSE, ..retrieval }.stamp("phases");
}

#[test]
fn locked_phases() {
    let memory = PhaseLockedMemory::new(CycleGraph::sharing_edges(6, 3).unwrap()).unwrap();
    let cues = normals(14 * 40, 2.0, 4);
    let run = |cues: Batch<'_>, budget| {
        let max_time = 0.1 * budget as f64;
        let locking = PhaseLocking { max_time, ..PhaseLocking::default() };
        let found = locking.retrieve(&memory, cues)?;
        Ok(Ends {
            states: found.states().as_slice().to_vec(),
            energies: vec![],
            reports: Box::new(found.reports().to_vec()),
            steps: max_time,
        })
    };
    let retrieval = Retrieval::new(Batch::new(&cues, 14).unwrap(), &run);
    Retrieval { alone: CLOSE, ..retrieval }.stamp("locked phases");
}

#[test]
fn settling_of_layered_memories() {
    let memory = LayeredMemory::model_b(&signs(20, 15, 2), 0.3, 0.1).unwrap();
    let cues = normals(35 * 40, 1.0, 4);
    let energy = |x: &[f64]| memory.energy_at(x);
    let run = |cues: Batch<'_>, budget| {
        // Before the first look at the residuals.
        let settle = Settle { max_time: 0.05 * budget as f64, ..Settle::default() };
        let found = settle.retrieve(&memory, cues)?;
        let reports = found.reports();
        Ok(Ends {
            states: found.states().as_slice().to_vec(),
            energies: reports.iter().map(|r| r.energy).collect(),
            reports: Box::new(reports.to_vec()),
            steps: reports.iter().map(|r| r.time).fold(0.0, f64::max),
        })
    };
    let retrieval = Retrieval::new(Batch::new(&cues, 35).unwrap(), &run);
    Retrieval { energy: Some(&energy), descends: true, alone: CLOSE, ..retrieval }.stamp("model B");
}
