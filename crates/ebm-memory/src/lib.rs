//! Associative memories as energy-based dynamical models.
//!
//! The problem, in symbols. Given patterns `ξ¹ … ξᴷ ∈ ℝᴺ`, build an energy `E`
//! whose minima are (near) the patterns, so that descending from a corrupted
//! cue recalls the pattern it came from:
//!
//! ```text
//! x(0) = cue,      ẋ = −∇E(x)  or a discrete descent,      x(∞) ≈ ξ^μ
//! ```
//!
//! - [`HopfieldNetwork`]: ±1 states, up to about `0.138 N` patterns by the Hebb
//!   rule, more by Storkey's, the [`Perceptron`] or the pseudo-inverse
//!   ([`Projection`]), most by [`MinOver`], without an energy; recall by
//!   [`Recall`], asynchronous or synchronous, or by [`Glauber`] dynamics at a
//!   temperature. [`LowRankHopfield`]: the same for many neurons and few
//!   patterns, without an `N × N` matrix.
//! - [`ContinuousMemory`]: potentials or firing rates instead of signs; recall
//!   by [`Relaxation`].
//! - [`DiscreteMemory`]: ±1 states, polynomial or exponential interactions,
//!   number of patterns `N^{n−1}` or exponential in `N`; recall by [`Recall`].
//! - [`DiscretePairs`], [`KeyValueMemory`]: from a key to the value stored with it.
//! - [`LogSumExpMemory`]: continuous states, number of patterns exponential in
//!   `N`; recall by [`Cccp`], or by any integrator of `ebm-core`.
//! - [`FenchelYoungMemory`]: the same with sparse weights, so that recall by
//!   [`Cccp`] is exact; [`RandomFeatureMemory`]: any number of patterns in fixed space,
//!   recalled by [`SteepestDescent`].
//! - [`InputDrivenPlasticity`]: the input decides how deep each memory is.
//! - [`LayeredMemory`]: any hypergraph of layers and synapses, with
//!   [`layered::Settle`] to recall and [`layered::ImplicitGradient`] to learn.
//! - [`EnergyTransformer`]: attention and a memory as one energy of tokens.
//! - [`OscillatorMemory`]: ±1 patterns in the phases of oscillators; recall by
//!   [`PhaseRetrieval`].
//! - [`PhaseLockedMemory`]: messages in the winding numbers of oscillators on
//!   rings, exponentially many; recall by [`PhaseLocking`].
//! - [`DiffusionMemory`]: the energy of a diffusion model with an exact score,
//!   and the census of its minima.
//! - [`Retrieved`]: what the `retrieve` of every method returns, the end states
//!   and a report for each cue. `retrieve_watched` shows the way there.
//! - [`Patterns`], [`corrupt`], [`Thermometer`]: patterns, cues, and pictures
//!   as ±1 patterns. [`experiment`]: capacity, basins, spurious states.
//!
//! # Which to choose
//!
//! | at hand | wanted | model |
//! |---|---|---|
//! | data with real entries | the stored vector back, many at a time | [`LogSumExpMemory`] with [`Cccp`]; squared distance unless all norms are equal |
//! | the same, entries missing | the rest of each vector | the same with [`Cues::with_known`] |
//! | the same | the exact vector, or a mean of few | [`FenchelYoungMemory`] |
//! | the same, more data than memory | an approximation in fixed space | [`RandomFeatureMemory`] |
//! | keys with values | the value of a key | [`KeyValueMemory`], for ±1 [`DiscretePairs`] |
//! | ±1 patterns, far fewer than neurons | the classical model | [`HopfieldNetwork`]; [`LowRankHopfield`] from some thousand neurons on |
//! | the same, about as many as neurons | the largest stability there is | [`MinOver`] |
//! | ±1 patterns, more than neurons | exact integer energies | [`DiscreteMemory`] |
//! | an input that should select the memory | depth by input | [`InputDrivenPlasticity`] |
//! | several kinds of neurons | an energy for the whole, learnable synapses | [`LayeredMemory`] |
//! | tokens | attention with an energy | [`EnergyTransformer`] |
//! | phases of oscillators | ±1 patterns, or messages on rings | [`OscillatorMemory`], [`PhaseLockedMemory`] |
//! | a diffusion model | when it memorizes | [`DiffusionMemory`] |
//!
//! # Files
//!
//! [`files`] reads and writes patterns and states: NumPy, IDX, and with the
//! feature `safetensors` named tensors. With the feature `serde` memories,
//! configurations, reports and results are `Serialize` and `Deserialize`: what
//! is read passes the checks of what is made.
//!
//! # Example
//!
//! ```
//! use ebm_memory::{Cccp, Corruption, LogSumExpMemory, Patterns, Similarity, corrupt};
//!
//! let patterns = Patterns::random_signs(100, 2000, 1)?;
//! let cues = corrupt(patterns.as_batch(), 0.2, Corruption::FlipSign, 2)?;
//! let memory = LogSumExpMemory::new(patterns, 1.0, Similarity::DotProduct)?;
//! let recalled = Cccp::default().retrieve(&memory, cues.as_batch())?;
//! let right = recalled.reports().iter().enumerate().filter(|(mu, q)| q.pattern == *mu).count();
//! assert!(right > 1990);
//! # Ok::<(), ebm_memory::Error>(())
//! ```
#![forbid(unsafe_code)]

mod checks;
pub mod corruption;
pub mod dense_associative_memory;
pub mod diffusion_memory;
pub mod energy_transformer;
mod error;
pub mod experiment;
pub mod files;
mod hadamard;
pub mod hopfield;
pub mod input_driven_plasticity;
pub mod layered;
pub mod oscillator_memory;
pub mod patterns;
pub mod phase_locked;
mod retrieved;
#[cfg(feature = "serde")]
mod serialized;
pub mod thermometer;
mod watched;

pub use corruption::{Corrupted, Corruption, Region, corrupt, corrupt_region};
pub use dense_associative_memory::{
    Cccp, ConcaveConvex, Cues, DiscreteMemory, DiscretePairs, FenchelYoungMemory, Interaction,
    KeyValueMemory, Linearized, LogSumExpMemory, Match, PairReport, RandomFeatureMemory,
    RandomFeatures, RegularizedArgmax, RetrievalReport, SignPatterns, Similarity, SparseReport,
    SteepestDescent, ValueReport,
};
pub use diffusion_memory::{DiffusionMemory, Landscape, LandscapeSearch, Minimum, MinimumKind};
pub use ebm_core;
pub use ebm_core::Batch;
pub use ebm_core::vector_math::VectorMath;
pub use energy_transformer::EnergyTransformer;
pub use error::Error;
pub use hopfield::min_over;
pub use hopfield::{
    AsymmetricNetwork, ChainReport, Chains, Clamped, ContinuousMemory, Form, Glauber, Hebb,
    HopfieldNetwork, LocalFields, LowRankHopfield, MinOver, MostStable, NeuronStability, Order,
    Perceptron, Projection, Recall, RecallOutcome, RecallReport, Relaxation, RelaxationReport,
    Storkey, Trained, Update,
};
pub use input_driven_plasticity::{Driven, InputDrivenPlasticity, MemoryLaw};
pub use layered::LayeredMemory;
pub use oscillator_memory::{OscillatorMemory, PhaseRetrieval};
pub use patterns::Patterns;
pub use phase_locked::{CycleGraph, PhaseLockedMemory, PhaseLocking};
pub use retrieved::Retrieved;
pub use thermometer::Thermometer;
