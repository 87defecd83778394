//! Dense associative memories: energies that grow faster than the square of
//! the overlaps, and so store far more patterns than neurons.

pub mod cccp;
pub mod cues;
pub mod log_sum_exp;
pub mod retrieval;
pub mod separation;
pub mod similarity;
mod streaming;

pub use cccp::Cccp;
pub use cues::Cues;
pub use log_sum_exp::LogSumExpMemory;
pub use retrieval::{Retrieval, Retrieved};
pub use similarity::Similarity;
