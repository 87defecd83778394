//! What can be wrong with an input: which thing, where, and what was expected.
//!
//! Numerical outcomes (did not converge, step too small, state not finite) are
//! data in a report, not errors.

use crate::NoiseKind;

/// An invalid input to this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A length or shape differs from the one required.
    #[error("{what}: expected length {expected}, found {found}")]
    Dimension {
        /// The argument.
        what: &'static str,
        /// Required length.
        expected: usize,
        /// Given length.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("{what}: entry {index} is {value}, expected a finite number")]
    NotFinite {
        /// The argument.
        what: &'static str,
        /// Position in the argument.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// A scalar parameter lies outside its range.
    #[error("{what} is {}, expected {expected}", Number(*value))]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// The value found.
        value: f64,
    },
    /// An entry of a vector lies outside its range.
    #[error("{what}: entry {index} is {}, expected {expected}", Number(*value))]
    Entry {
        /// The argument.
        what: &'static str,
        /// Position in the argument.
        index: usize,
        /// The range, in words.
        expected: &'static str,
        /// The value found.
        value: f64,
    },
    /// A batch does not consist of whole columns.
    #[error("{what}: length {length} is not a multiple of the dimension {dim}")]
    Ragged {
        /// The argument.
        what: &'static str,
        /// Length found.
        length: usize,
        /// Length of a column.
        dim: usize,
    },
    /// A matrix that must be symmetric is not.
    #[error(
        "{what} is not symmetric: entry ({row}, {col}) is {upper}, entry ({col}, {row}) is {lower}"
    )]
    Asymmetric {
        /// The matrix.
        what: &'static str,
        /// Row of the first entry.
        row: usize,
        /// Column of the first entry.
        col: usize,
        /// Entry `(row, col)`.
        upper: f64,
        /// Entry `(col, row)`.
        lower: f64,
    },
    /// Something that must have at least one element has none.
    #[error("{what} is empty")]
    Empty {
        /// The argument.
        what: &'static str,
    },
    /// An index points outside.
    #[error("{what}: index {index} is out of range, expected less than {bound}")]
    OutOfRange {
        /// The argument.
        what: &'static str,
        /// The index found.
        index: usize,
        /// One past the largest allowed index.
        bound: usize,
    },
    /// An entry is given twice.
    #[error("{what}: entry ({row}, {col}) is given twice")]
    Duplicate {
        /// The argument.
        what: &'static str,
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
    },
    /// An edge joins a node to itself.
    #[error("edge {edge} joins node {node} to itself")]
    SelfEdge {
        /// Position of the edge.
        edge: usize,
        /// The node.
        node: usize,
    },
    /// A time span is empty, reversed or not finite.
    #[error("time span from {start} to {end}: expected finite times with start < end")]
    Span {
        /// First time.
        start: f64,
        /// Last time.
        end: f64,
    },
    /// A stochastic scheme has no convergence order for the noise of the field.
    #[error("the {scheme} scheme does not support {noise:?} noise")]
    UnsupportedNoise {
        /// The scheme.
        scheme: &'static str,
        /// The noise of the field.
        noise: NoiseKind,
    },
    /// The requested size does not fit the address space or the index type.
    #[error("{what}: size {size} is too large, expected at most {limit}")]
    TooLarge {
        /// The argument.
        what: &'static str,
        /// Requested size.
        size: usize,
        /// Largest supported size.
        limit: usize,
    },
    /// The memory for a size within the limits cannot be had.
    #[error("{what}: cannot allocate {bytes} bytes")]
    Allocation {
        /// What the memory is for.
        what: &'static str,
        /// Size of the request.
        bytes: usize,
    },
    /// A matrix that must be invertible is singular to working precision.
    #[error("{what} is singular: pivot {index} is zero")]
    Singular {
        /// The matrix.
        what: &'static str,
        /// Index of the first zero pivot.
        index: usize,
    },
    /// An iterative factorization exceeded its budget.
    #[error("{what} did not converge")]
    NotConverged {
        /// The computation.
        what: &'static str,
    },
    /// Something optional is needed here after all.
    #[error("{what} is required: {why}")]
    Missing {
        /// What must be given.
        what: &'static str,
        /// The reason.
        why: &'static str,
    },
}

/// A number as short as it can be read back: `1e300` has 301 digits otherwise.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(value) = self;
        let size = value.abs();
        if size.is_finite() && size != 0.0 && !(1e-5..1e16).contains(&size) {
            write!(f, "{value:e}")
        } else {
            write!(f, "{value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_short() {
        let text = |value| Error::Parameter { what: "beta", expected: "less", value }.to_string();
        assert_eq!(text(1e300), "beta is 1e300, expected less");
        assert_eq!(text(-2.5e-9), "beta is -2.5e-9, expected less");
        assert_eq!(text(0.5), "beta is 0.5, expected less");
        assert_eq!(text(0.0), "beta is 0, expected less");
        assert_eq!(text(1e6), "beta is 1000000, expected less");
        assert_eq!(text(f64::NEG_INFINITY), "beta is -inf, expected less");
        assert_eq!(text(f64::NAN), "beta is NaN, expected less");
    }
}
