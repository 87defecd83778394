//! Combinatorial optimization by dynamics: Ising problems solved by networks of
//! coupled oscillators.
//!
//! The problem, in symbols. Given symmetric couplings `J` and fields `h`, find
//!
//! ```text
//! minimize   H(s) = c − ½ Σᵢⱼ Jᵢⱼ sᵢ sⱼ − Σᵢ hᵢ sᵢ      over s ∈ {−1, +1}ⁿ,
//! ```
//!
//! of which the maximum cut of a graph with weights `w` is the case `J = −w`:
//! `cut(s) = (Σ_{i<j} wᵢⱼ − H(s)) / 2`.
//!
//! ```
//! use ebm_optim::{OscillatorIsingMachine, Run, Solver, rudy};
//!
//! // A triangle with a tail: the best cut leaves one edge of the triangle.
//! let graph = rudy::parse("4 4\n1 2 1\n2 3 1\n1 3 1\n3 4 1\n".as_bytes())?;
//! let run = Run { replicas: Some(8), steps: Some(500), ..Run::seeded(1) };
//! let solution = OscillatorIsingMachine::default().solve(graph.ising(), &run)?;
//! assert_eq!(graph.cut(&solution.best.spins)?, 3.0);
//! # Ok::<(), ebm_optim::Error>(())
//! ```
#![deny(unsafe_code)]

mod batch_descent;
mod best_state;
pub mod bifurcation;
pub mod breakout_local_search;
mod cluster_move;
mod clusters;
pub mod coherent;
pub mod components;
mod error;
pub mod exhaustive;
pub mod formats;
pub mod forms;
mod gain_buckets;
pub mod generate;
mod graph;
mod instance;
mod integer;
mod ising;
mod kernels;
pub mod memetic;
pub mod one_flip;
mod one_flip_moves;
pub mod oscillator;
mod pace;
mod pair_map;
pub mod parallel_tempering;
mod partition_crossover;
mod portfolio;
mod qubo;
mod rank_two;
pub mod reduction;
mod run;
pub mod schedule;
pub mod simulated_annealing;
pub mod solver;
pub mod solvers;
mod spin_system;
pub mod tabu;
mod task;
pub mod time_to_target;

pub use bifurcation::SimulatedBifurcation;
pub use breakout_local_search::BreakoutLocalSearch;
pub use coherent::CoherentIsingMachine;
pub use ebm_core;
pub use error::Error;
pub use formats::rudy;
pub use graph::Graph;
pub use instance::{FieldFree, Instance, MaxCutForm, Model};
pub use integer::IntegerIsing;
pub use ising::Ising;
pub use memetic::MemeticAnnealing;
pub use oscillator::OscillatorIsingMachine;
pub use parallel_tempering::ParallelTempering;
pub use portfolio::Portfolio;
pub use qubo::{Qubo, binary_of_spins, spins_of_binary};
pub use rank_two::RankTwoRelaxation;
pub use reduction::Reduction;
pub use run::{Outcome, Progress, Replica, Run, Solution, State, Timing, TracePoint, Watch};
pub use simulated_annealing::SimulatedAnnealing;
pub use solver::Solver;
pub use tabu::TabuSearch;
pub use task::Task;
pub use time_to_target::TimeToTarget;
