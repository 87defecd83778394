//! Oscillator memory: binary patterns stored in the phases of coupled
//! oscillators.
//!
//! ```text
//! θ̇ᵢ = Σⱼ C_ij sin(θⱼ − θᵢ) + (ε/N) Σⱼ sin 2(θⱼ − θᵢ),      C = (1/N) Σ_μ ξ^μ ξ^μᵀ
//! ```
//!
//! in the frame that rotates at the common frequency. Only differences of
//! phases matter: a pattern is a state `θᵢ ∈ {φ, φ + π}` for any `φ`, and a
//! pattern and its negative are one. Every binary state is an equilibrium; the
//! second harmonic `ε` decides which of them attract. Without it no pattern
//! does if there are more than two; above
//!
//! ```text
//! ε_c(η) = ½ λ_max(A − diag(A1) on 1^⊥),      A_ij = C_ij ηᵢ ηⱼ
//! ```
//!
//! the state `η` does. The threshold of a random state lies about ½ above that
//! of a stored pattern: between the two the patterns attract and typical
//! spurious states do not.
//!
//! Sources: T. Nishikawa, Y.-C. Lai and F. C. Hoppensteadt, *Capacity of
//! Oscillatory Associative-Memory Networks with Error-Free Retrieval*, Phys.
//! Rev. Lett. 92, 108101 (2004), doi:10.1103/PhysRevLett.92.108101; couplings
//! of fourth order after J. Nägerl and N. G. Berloff, *Higher-Order Kuramoto
//! Oscillator Network for Dense Associative Memory* (2025), arXiv 2507.21984.

mod energy;
mod retrieval;
mod threshold;

pub use energy::{OscillatorCouplings, OscillatorMemory, binary_phases};
pub use retrieval::{PhaseReport, PhaseRetrieval};
pub use threshold::StabilityThreshold;
