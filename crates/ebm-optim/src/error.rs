//! What can be wrong with an input: which file, which line, what was expected.

use std::path::PathBuf;

/// An invalid input to this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An invalid argument, reported by the layer below.
    #[error(transparent)]
    Core(#[from] ebm_core::Error),
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason given by the operating system.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason given by the operating system.
        source: std::io::Error,
    },
    /// The text of an instance is malformed.
    #[error("line {line}: expected {expected}, found {found}")]
    Parse {
        /// Line, counted from 1.
        line: usize,
        /// What the format requires there.
        expected: String,
        /// What stands there, shortened.
        found: String,
    },
    /// Data without lines is malformed, or does not fit what was asked for.
    #[error("{place}: expected {expected}, found {found}")]
    Malformed {
        /// The field, entry or argument.
        place: String,
        /// What is required there.
        expected: String,
        /// What stands there, shortened.
        found: String,
    },
    /// An expression for a generator is malformed.
    #[error("word {word}: expected {expected}, found {found}")]
    Expression {
        /// Word, counted from 1.
        word: usize,
        /// What is required there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// A malformed file, with its name.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<Error>,
    },
    /// A spin is not ±1.
    #[error("spin {index} is {value}, expected 1 or -1")]
    Spin {
        /// Its position.
        index: usize,
        /// The value found.
        value: i8,
    },
    /// A binary value is neither 0 nor 1.
    #[error("value {index} is {value}, expected 0 or 1")]
    Binary {
        /// Its position.
        index: usize,
        /// The value found.
        value: u8,
    },
    /// The problem is too large for the method.
    #[error("{method} handles at most {limit} spins, found {spins}")]
    TooManySpins {
        /// The method.
        method: &'static str,
        /// Its limit.
        limit: usize,
        /// Spins of the problem.
        spins: usize,
    },
}
