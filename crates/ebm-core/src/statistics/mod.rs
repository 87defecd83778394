//! Counts of a sample, and what they say of the law behind it.

mod incomplete;
pub mod normal;
pub mod poisson;
pub mod proportion;

pub use proportion::{Proportion, clopper_pearson};

use crate::Error;

/// A confidence or a quantile lies between 0 and 1.
///
/// # Errors
/// [`Error::Parameter`] if `value` does not, or is one of them.
pub fn check_chance(what: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::Parameter { what, expected: "a number between 0 and 1", value })
}
