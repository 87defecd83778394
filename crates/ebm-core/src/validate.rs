//! Checks of user input, shared by every constructor and solver.

use crate::{Error, Real};

/// `found` must equal `expected`.
///
/// # Errors
/// [`Error::Dimension`].
pub fn dimension(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Dimension { what, expected, found }) }
}

/// Every entry must be finite.
///
/// # Errors
/// [`Error::NotFinite`] with the first offender.
pub fn finite<T: Real>(what: &'static str, values: &[T]) -> Result<(), Error> {
    match values.iter().position(|v| !Real::is_finite(*v)) {
        None => Ok(()),
        Some(index) => Err(Error::NotFinite { what, index, value: values[index].to_f64() }),
    }
}

/// `value` must be finite and greater than zero.
///
/// # Errors
/// [`Error::Parameter`].
pub fn positive(what: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::Parameter { what, expected: "a finite number > 0", value })
    }
}

/// A number of things must not be zero.
///
/// # Errors
/// [`Error::Parameter`].
pub fn at_least_one(what: &'static str, value: usize) -> Result<(), Error> {
    if value > 0 {
        return Ok(());
    }
    Err(Error::Parameter { what, expected: "an integer >= 1", value: 0.0 })
}

/// `value` must be finite and not below zero.
///
/// # Errors
/// [`Error::Parameter`].
pub fn non_negative(what: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Error::Parameter { what, expected: "a finite number >= 0", value })
    }
}

/// Every entry must be finite and greater than zero.
///
/// # Errors
/// [`Error::Entry`] with the first offender.
pub fn all_positive(what: &'static str, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
        None => Ok(()),
        Some(index) => {
            let (expected, value) = ("a finite number > 0", values[index]);
            Err(Error::Entry { what, index, expected, value })
        }
    }
}

/// `start` and `end` must be finite with `start < end`.
///
/// # Errors
/// [`Error::Span`].
pub fn span(start: f64, end: f64) -> Result<(), Error> {
    if start.is_finite() && end.is_finite() && start < end {
        Ok(())
    } else {
        Err(Error::Span { start, end })
    }
}

/// `matrix`, column-major, must be `dim × dim`, finite, symmetric and positive
/// definite, as its Cholesky factorization finds.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`],
/// [`Error::Asymmetric`]; [`Error::Entry`] with the first pivot that is not
/// positive.
pub fn positive_definite(what: &'static str, matrix: &[f64], dim: usize) -> Result<(), Error> {
    if dim == 0 {
        return Err(Error::Empty { what });
    }
    dimension(what, dim.saturating_mul(dim), matrix.len())?;
    finite(what, matrix)?;
    for col in 0..dim {
        for row in 0..col {
            let (upper, lower) = (matrix[col * dim + row], matrix[row * dim + col]);
            if upper != lower {
                return Err(Error::Asymmetric { what, row, col, upper, lower });
            }
        }
    }
    // Left-looking Cholesky on the lower triangle.
    let mut factor = matrix.to_vec();
    for col in 0..dim {
        let (done, rest) = factor.split_at_mut(col * dim);
        let current = &mut rest[..dim];
        for previous in done.chunks_exact(dim) {
            let scale = previous[col];
            for (c, p) in current[col..].iter_mut().zip(&previous[col..]) {
                *c -= scale * p;
            }
        }
        let pivot = current[col];
        if pivot.is_nan() || pivot <= 0.0 {
            return Err(Error::Entry {
                what,
                index: col * (dim + 1),
                expected: "a positive definite matrix, every Cholesky pivot > 0",
                value: pivot,
            });
        }
        let root = pivot.sqrt();
        for c in &mut current[col..] {
            *c /= root;
        }
    }
    Ok(())
}
