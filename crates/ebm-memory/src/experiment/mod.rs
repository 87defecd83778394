//! Measuring memories: how many patterns, from how far away, and what else they
//! recall.
//!
//! Nothing here knows a model. [`Experiment`] asks for a function that stores
//! patterns and recalls cues, [`Census`] for end states, and [`RetrievalTrace`]
//! watches whatever shows its states to an observer.

pub mod census;
pub mod grid;
pub mod retrieval_trace;

pub use census::{Attractor, Census, EndState};
pub use ebm_core::statistics::{Proportion, proportion};
pub use grid::{Experiment, GridPoint, Level, threshold};
pub use retrieval_trace::{RetrievalTrace, Trajectory};
