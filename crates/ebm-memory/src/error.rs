//! What can be wrong with patterns, cues and parameters.

/// An invalid input to this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A length, shape or value that the foundation already rejects.
    #[error(transparent)]
    Core(#[from] ebm_core::Error),
    /// A pattern or cue has an entry that is NaN or infinite.
    #[error("{what} {column}: entry {index} is {value}, expected a finite number")]
    NotFinite {
        /// The argument, in the singular.
        what: &'static str,
        /// Which pattern or cue.
        column: usize,
        /// Position inside it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// A binary pattern or state has an entry other than −1 and +1.
    #[error("{what} {column}: entry {index} is {value}, expected -1 or +1{}", hint(what, *value))]
    NotSign {
        /// The argument, in the singular.
        what: &'static str,
        /// Which pattern or state.
        column: usize,
        /// Position inside it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// A level lies above the largest one.
    #[error("{what}: entry {index} is {value}, expected an integer from 0 to {max}")]
    Level {
        /// The argument.
        what: &'static str,
        /// Position in the argument.
        index: usize,
        /// The value found.
        value: f64,
        /// Largest allowed level.
        max: u8,
    },
    /// No entry of a cue is known.
    #[error("cue {cue}: no entry is known, expected at least one")]
    NothingKnown {
        /// Which cue; 0 also where the mask is that of all.
        cue: usize,
    },
    /// A neuron couples to itself, which breaks the descent of single updates.
    #[error("coupling of neuron {index} to itself is {value}, expected 0")]
    SelfCoupling {
        /// The neuron.
        index: usize,
        /// The diagonal entry.
        value: f64,
    },
    /// A memory whose updates descend needs scores that are affine in the state.
    #[error("similarity is {found:?}, expected a dot product or squared distance")]
    Similarity {
        /// The similarity given.
        found: crate::Similarity,
    },
    /// A file cannot be read, written or understood.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The bytes of a file are not what they must be.
    #[error("{place}: expected {expected}, found {found}")]
    Malformed {
        /// The part of the file.
        place: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// What to do about a zero, which stands for an erased entry in a cue and for
/// the other bit in a pattern.
fn hint(what: &str, value: f64) -> &'static str {
    match what {
        _ if value != 0.0 => "",
        "pattern" => "; Patterns::to_signs makes signs of 0 and 1",
        "cue" => "; guess the sign of an unknown entry, and hold the known ones with Clamped",
        _ => "; guess the sign of an unknown entry",
    }
}
