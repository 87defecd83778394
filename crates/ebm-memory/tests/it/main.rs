//! Integration tests, one binary; one module per concept.

mod adding_and_removing;
mod continuous_memory;
mod contract;
mod dense_associative_memory;
mod diffusion_memory;
mod discrete_memory;
mod energy_transformer;
mod errors;
mod fenchel_young;
mod glauber;
mod hetero_association;
mod hopfield;
mod input_driven_plasticity;
mod layered;
mod low_rank_hopfield;
mod oscillator_memory;
mod phase_locked;
mod random_features;
mod serialization;
mod sparse_retrieval;
mod streaming_retrieval;
mod watched;
