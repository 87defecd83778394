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
