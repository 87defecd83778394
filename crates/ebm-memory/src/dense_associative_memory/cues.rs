//! Cues, and what is known of them.
//!
//! ```text
//! k_i = 1  entry i of the cue is known: patterns are compared there
//! f_i = 1  entry i of the cue is fixed: it does not move
//! ```

use ebm_core::{Batch, Real, validate};

use crate::{Error, checks};

/// A batch of cues, one a column, with masks that say which entries are known
/// and which must not move. Without masks all are known and none is fixed.
///
/// Entries that are not known take no part in the comparison with the patterns
/// and are filled in by the first update; what the cue holds there is not
/// read, and may be NaN. A state that is compared only where it is known obeys
/// the energy of the patterns cut down to these entries.
///
/// The lower half of every picture is missing:
///
/// ```
/// use ebm_memory::{Cccp, Cues, LogSumExpMemory, Patterns, Similarity};
///
/// let pictures = Patterns::random_signs(28 * 28, 500, 1)?;
/// let memory = LogSumExpMemory::new(pictures.clone(), 1.0, Similarity::SquaredDistance)?;
/// let mut cues = pictures.as_batch().as_slice()[..10 * 784].to_vec();
/// cues.chunks_mut(784).for_each(|cue| cue[392..].fill(f64::NAN));
/// let known: Vec<bool> = (0..784).map(|pixel| pixel < 392).collect();
///
/// let recalled = Cccp::default().retrieve(&memory, Cues::new(&cues, 784)?.with_known(&known)?)?;
/// for picture in 0..10 {
///     assert_eq!(recalled.state(picture), pictures.pattern(picture));
/// }
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cues<'a, T = f64> {
    batch: Batch<'a, T>,
    known: &'a [bool],
    fixed: &'a [bool],
}

impl<'a, T> From<Batch<'a, T>> for Cues<'a, T> {
    fn from(batch: Batch<'a, T>) -> Self {
        Self { batch, known: &[], fixed: &[] }
    }
}

impl<'a, T: Real> Cues<'a, T> {
    /// Cues of length `dim`, one after the other in `data`.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn new(data: &'a [T], dim: usize) -> Result<Self, Error> {
        Ok(Batch::new(data, dim)?.into())
    }

    /// Patterns are compared only where `known` is true. The mask has one
    /// entry for each of a cue, the same for all cues, or one for each of all
    /// cues, in their order.
    ///
    /// # Errors
    /// If the mask has another length, or leaves a cue with no known entry.
    pub fn with_known(self, known: &'a [bool]) -> Result<Self, Error> {
        self.check("mask of known entries", known)?;
        for (cue, mask) in known.chunks(self.batch.dim()).enumerate() {
            if !mask.contains(&true) {
                return Err(Error::NothingKnown { cue });
            }
        }
        Ok(Self { known, ..self })
    }

    /// Entries where `fixed` is true keep their value: the state descends in
    /// the others. The mask is as for [`with_known`](Self::with_known).
    ///
    /// # Errors
    /// If the mask has another length.
    pub fn with_fixed(self, fixed: &'a [bool]) -> Result<Self, Error> {
        self.check("mask of fixed entries", fixed)?;
        Ok(Self { fixed, ..self })
    }

    fn check(&self, what: &'static str, mask: &[bool]) -> Result<(), Error> {
        let (each, all) = (self.batch.dim(), self.batch.as_slice().len());
        if mask.len() != each && mask.len() != all {
            validate::dimension(what, each, mask.len())?;
        }
        Ok(())
    }

    /// Other cues with the same masks.
    pub(super) fn replaced<'b>(&self, batch: Batch<'b, T>) -> Cues<'b, T>
    where
        'a: 'b,
    {
        Cues { batch, known: self.known, fixed: self.fixed }
    }

    /// The cues.
    #[must_use]
    pub fn batch(&self) -> Batch<'a, T> {
        self.batch
    }

    /// Whether there is a mask of known entries, and it differs between cues.
    pub(super) fn known_each(&self) -> bool {
        self.known.len() > self.batch.dim()
    }

    /// The mask of known entries that all cues share, if there is one.
    pub(super) fn known_by_all(&self) -> Option<&'a [bool]> {
        (self.known.len() == self.batch.dim()).then_some(self.known)
    }

    /// Known entries of a cue; nothing where all are.
    pub(crate) fn known_of(&self, cue: usize) -> &'a [bool] {
        part(self.known, self.batch.dim(), cue)
    }

    /// Fixed entries of a cue; nothing where none is.
    pub(super) fn fixed_of(&self, cue: usize) -> &'a [bool] {
        part(self.fixed, self.batch.dim(), cue)
    }

    /// Every entry that is read must be finite; `what` is one of the cues.
    pub(super) fn check_finite(&self, what: &'static str) -> Result<(), Error> {
        if self.known.is_empty() {
            return checks::finite(what, self.batch);
        }
        for (column, x) in self.batch.columns().enumerate() {
            let (known, fixed) = (self.known_of(column), self.fixed_of(column));
            for (index, x) in x.iter().enumerate() {
                let read = known[index] || fixed.get(index).is_some_and(|f| *f);
                if read && !Real::is_finite(*x) {
                    let value = x.to_f64();
                    return Err(Error::NotFinite { what, column, index, value });
                }
            }
        }
        Ok(())
    }
}

/// The part of a mask for a cue.
fn part(mask: &[bool], dim: usize, cue: usize) -> &[bool] {
    if mask.len() > dim { &mask[cue * dim..(cue + 1) * dim] } else { mask }
}
