//! Phase-locked memory: messages stored in the winding numbers of oscillators
//! on rings.
//!
//! ```text
//! θ̇ᵢ = Σ_{j∼i} sin(θⱼ − θᵢ),      E(θ) = −Σ_{ij edge} cos(θᵢ − θⱼ)
//! q_k = (1/2π) Σ_{i→j in cycle k} wrap(θⱼ − θᵢ) ∈ ℤ,      wrap: ℝ → [−π, π]
//! ```
//!
//! On a ring of `n` oscillators the twisted state `θⱼ − θᵢ = 2πq/n` is an
//! equilibrium for every winding number `q`; it attracts iff `|q| < n/4`. On
//! `m` rings in a chain, neighbors sharing one oscillator, the twists of the
//! rings do not disturb each other, so that there are
//!
//! ```text
//! (2⌈n/4⌉ − 1)^m
//! ```
//!
//! stable states, exponentially many in the number `m(n − 1) + 1` of
//! oscillators. Rings that share a link instead do disturb each other and hold
//! fewer.
//!
//! Sources: T. Guo, A. Ogranovich, A. R. Venkatakrishnan, M. R. Shapiro, F. Bullo
//! and F. Pasqualetti, *Oscillatory Associative Memory with Exponential
//! Capacity* (2025), arXiv 2504.03102; A. Ogranovich et al. (2026), arXiv
//! 2604.01469.

mod census;
mod energy;
mod graph;
mod message;
mod retrieval;

pub use census::{Basin, LockedState, LockedStates};
pub use energy::{LockStability, PhaseLockedMemory};
pub use graph::CycleGraph;
pub use retrieval::{LockReport, PhaseLocking};
