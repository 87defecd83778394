//! Forms of an Ising problem that kernels run on: what makes a problem special,
//! and the storage that exploits it.
//!
//! Each form is built from an [`Ising`](crate::Ising) by a constructor that
//! returns `None` if the problem is not of that form, and keeps the couplings
//! only, as whole numbers in a unit of its own.
//!
//! | couplings | sparse | dense |
//! |---|---|---|
//! | real | [`SparseCoupling<f32>`](ebm_core::coupling::SparseCoupling) | [`DenseCoupling<f32>`](ebm_core::coupling::DenseCoupling) |
//! | small multiples of a unit | [`ByteWeights`] | [`ByteWeights`] |
//! | of one magnitude | [`SignSplit`] | [`BitMatrix`], [`SignTables`] |

mod bit_matrix;
mod byte_weights;
mod lanes;
mod sign_split;

pub use bit_matrix::{BitMatrix, SignTables, TableSpace};
pub use byte_weights::ByteWeights;
pub use lanes::{LANES, Signs, Sums};
pub use sign_split::SignSplit;
