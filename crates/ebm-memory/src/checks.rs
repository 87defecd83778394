//! Checks of batches, whose errors say in which column an entry is bad.

use ebm_core::{Batch, Real, validate};

use crate::{Error, patterns};

/// There must be cues, of the dimension of the memory.
pub(crate) fn shape<T>(what: &'static str, dim: usize, cues: Batch<'_, T>) -> Result<(), Error> {
    validate::dimension(what, dim, cues.dim())?;
    if cues.count() == 0 {
        return Err(ebm_core::Error::Empty { what }.into());
    }
    Ok(())
}

/// Cues of real numbers.
pub(crate) fn real_cues<T: Real>(dim: usize, cues: Batch<'_, T>) -> Result<(), Error> {
    shape("cues", dim, cues)?;
    finite("cue", cues)
}

/// Cues of signs.
pub(crate) fn sign_cues(dim: usize, cues: Batch<'_>) -> Result<(), Error> {
    shape("cues", dim, cues)?;
    patterns::check_signs("cue", cues)
}

/// Every entry must be finite; `what` is one column.
pub(crate) fn finite<T: Real>(what: &'static str, columns: Batch<'_, T>) -> Result<(), Error> {
    for (column, x) in columns.columns().enumerate() {
        if let Some(index) = x.iter().position(|x| !Real::is_finite(*x)) {
            return Err(Error::NotFinite { what, column, index, value: x[index].to_f64() });
        }
    }
    Ok(())
}
