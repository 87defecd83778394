//! What can be wrong with an input.

/// An invalid input to this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An invalid argument, reported by the layer below.
    #[error(transparent)]
    Core(#[from] ebm_core::Error),
    /// A weight matrix that must be positive definite is not.
    #[error("norm weight is not positive definite: its smallest eigenvalue is {smallest}")]
    NotPositiveDefinite {
        /// Smallest eigenvalue found.
        smallest: f64,
    },
}
