//! What can be wrong with a machine, its data and its training.

/// An invalid input to this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A length, shape or value that the foundation already rejects.
    #[error(transparent)]
    Core(#[from] ebm_core::Error),
    /// A binary state has an entry other than 0 and 1.
    #[error("{what} {column}: entry {index} is {value}, expected 0 or 1")]
    NotBit {
        /// The argument, in the singular.
        what: &'static str,
        /// Which state.
        column: usize,
        /// Position inside it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// Both layers are too large to be summed over state by state.
    #[error(
        "smaller layer has {found} units, expected at most {limit} for a sum over all its states"
    )]
    TooManyStates {
        /// Units of the smaller layer.
        found: usize,
        /// Largest supported number.
        limit: usize,
    },
}
