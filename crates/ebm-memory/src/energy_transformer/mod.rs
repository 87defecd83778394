//! The Energy Transformer block: attention and a Hopfield memory as energies of
//! the tokens, which descend them together.
//!
//! ```text
//! g_B = ∂L/∂x_B                       tokens B = 1 … N, L the layer norm
//! E(g) = E_att(g) + E_HN(g)
//! x ← x − α ∂E/∂g      or      ẋ = −∂E/∂g,      Ė = −Σ_B ẋ_Bᵀ ∇²L ẋ_B ≤ 0
//! ```
//!
//! Both derivatives by the tokens are products with matrices that the energies
//! share, not a feed-forward stack: the block is one layer of weights, applied
//! until the energy no longer falls.
//!
//! - [`AttentionEnergy`], [`TokenMemoryEnergy`]: the two energies, functions of
//!   the activations `g`.
//! - [`EnergyTransformer`]: the block, a function of the internal state `x`, and
//!   its flow; [`Descent`]: the discrete update.
//!
//! Source: B. Hoover et al., *Energy Transformer*, NeurIPS 2023,
//! arXiv:2302.07253.

mod attention;
mod block;
mod descent;
mod token_memory;

pub use attention::{Attention, AttentionEnergy};
pub use block::EnergyTransformer;
pub use descent::{Descended, Descent};
pub use token_memory::TokenMemoryEnergy;
