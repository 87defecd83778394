//! Dense associative memories: energies that grow faster than the square of
//! the overlaps, and so store far more patterns than neurons.

pub mod cccp;
mod centered;
pub mod cues;
pub mod discrete;
pub mod fenchel_young;
pub mod hetero_association;
pub mod interaction;
pub mod log_sum_exp;
mod norms;
pub mod one_spin;
pub mod random_features;
pub mod regularized_argmax;
pub mod retrieval;
pub mod separation;
pub mod sign_patterns;
pub mod similarity;
mod sparse_retrieval;
pub mod steepest_descent;
mod streaming;

pub use cccp::{Cccp, ConcaveConvex};
pub use cues::Cues;
pub use discrete::DiscreteMemory;
pub use fenchel_young::FenchelYoungMemory;
pub use hetero_association::{DiscretePairs, KeyValueMemory, PairReport, ValueReport};
pub use interaction::Interaction;
pub use log_sum_exp::LogSumExpMemory;
pub use one_spin::Linearized;
pub use random_features::{Features, RandomFeatureMemory, RandomFeatures};
pub use regularized_argmax::RegularizedArgmax;
pub use retrieval::RetrievalReport;
pub use sign_patterns::{Match, SignPatterns};
pub use similarity::Similarity;
pub use sparse_retrieval::SparseReport;
pub use steepest_descent::{DescentReport, SteepestDescent};
