//! Layered Lagrangian memories, the hierarchical associative memories of the
//! literature: layers of neurons with a Lagrangian each, joined by synapses
//! with a scalar energy each, in any hypergraph.
//!
//! ```text
//! gₗ = ∂Lₗ/∂xₗ                                     activation of layer l
//! E(x) = Σₗ [(xₗ − Iₗ)·gₗ − Lₗ(xₗ)] + Σₛ Eₛ(g)       layers and synapses
//! τₗ ẋₗ = −∂E/∂gₗ = −xₗ + Iₗ − Σₛ ∂Eₛ/∂gₗ
//! Ė = −Σₗ τₗ ẋₗᵀ ∇²Lₗ ẋₗ ≤ 0                         every Lₗ is convex
//! ```
//!
//! The energy of a layer is the Legendre transform of its Lagrangian, whose
//! derivative by the activation is the internal state: activations descend the
//! total energy, although every neuron sees its synapses only. `E` is bounded
//! below where the synapses are on the range of the activations.
//!
//! - [`Layer`], [`LayeredMemory`]: the layers, and the hypergraph with its flow.
//! - [`Synapse`] and the built-in ones: [`DenseSynapse`] `−fᵀΞᵀg`,
//!   [`LateralSynapse`] `−½gᵀWg`, [`MultilinearSynapse`] of any number of
//!   layers, [`FastLayer`], a hidden layer in the limit `τ → 0`.
//! - [`LayeredMemory::model_a`], [`model_b`](LayeredMemory::model_b),
//!   [`model_c`](LayeredMemory::model_c): the three models of Krotov and
//!   Hopfield, one visible and one hidden layer each.
//! - [`Settle`]: a batch of cues to their fixed points; [`ImplicitGradient`]:
//!   how a loss of what is retrieved depends on the synapses.
//!
//! Sources: D. Krotov and J. J. Hopfield, *Large Associative Memory Problem in
//! Neurobiology and Machine Learning*, ICLR 2021, arXiv:2008.06996; D. Krotov,
//! *Hierarchical Associative Memory*, arXiv:2107.06446; B. Hoover, D. H. Chau,
//! H. Strobelt, D. Krotov, *A Universal Abstraction for Hierarchical Hopfield
//! Networks* (2022), for hypergraphs of layers and synapses.

mod activations;
mod dense;
mod fast_layer;
mod flow;
mod lateral;
mod learning;
mod memory;
mod models;
mod multilinear;
mod settle;
mod synapse;

pub use activations::{Activations, ActivationsMut};
pub use dense::DenseSynapse;
pub use fast_layer::FastLayer;
pub use lateral::LateralSynapse;
pub use learning::{ImplicitGradient, LossGradient, RetrievalLoss, SquaredError};
pub use memory::{Layer, LayeredMemory};
pub use multilinear::MultilinearSynapse;
pub use settle::{Settle, SettleReport};
pub use synapse::Synapse;
