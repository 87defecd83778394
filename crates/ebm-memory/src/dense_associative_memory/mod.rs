//! Dense associative memories: energies that grow faster than the square of
//! the overlaps, and so store far more patterns than neurons.

pub mod cccp;
pub mod log_sum_exp;

pub use cccp::{Cccp, Retrieval, Retrieved};
pub use log_sum_exp::{LogSumExpMemory, Similarity};
