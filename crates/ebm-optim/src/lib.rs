//! Combinatorial optimization by dynamics: Ising problems solved by networks of
//! coupled oscillators.
//!
//! The problem, in symbols. Given symmetric couplings `J` and fields `h`, find
//!
//! ```text
//! minimize   H(s) = −½ Σᵢⱼ Jᵢⱼ sᵢ sⱼ − Σᵢ hᵢ sᵢ      over s ∈ {−1, +1}ⁿ,
//! ```
//!
//! of which the maximum cut of a graph with weights `w` is the case `J = −w`:
//! `cut(s) = (Σ_{i<j} wᵢⱼ − H(s)) / 2`.
//!
//! ```
//! use ebm_optim::{OscillatorIsingMachine, rudy};
//!
//! // A triangle with a tail: the best cut leaves one edge of the triangle.
//! let graph = rudy::parse("4 4\n1 2 1\n2 3 1\n1 3 1\n3 4 1\n".as_bytes())?;
//! let machine = OscillatorIsingMachine { replicas: 8, steps: 500, ..Default::default() };
//! let solution = machine.solve(graph.ising(), 1)?;
//! assert_eq!(graph.cut(&solution.best.spins), 3.0);
//! # Ok::<(), ebm_optim::Error>(())
//! ```
#![forbid(unsafe_code)]

mod error;
pub mod exhaustive;
mod graph;
mod ising;
pub mod one_flip;
pub mod oscillator;
pub mod rudy;
pub mod schedule;

pub use ebm_core;
pub use error::Error;
pub use graph::Graph;
pub use ising::Ising;
pub use oscillator::OscillatorIsingMachine;
