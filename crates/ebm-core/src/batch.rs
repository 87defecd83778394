//! Batches of states: `dim × count`, column-major and contiguous, one state a
//! column. A coupling applied to a batch is then one matrix product.

use crate::Error;

/// A borrowed batch of states, `dim × count`, one state per column.
///
/// ```
/// use ebm_core::Batch;
/// let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let batch = Batch::new(&data, 3)?;
/// assert_eq!(batch.count(), 2);
/// assert_eq!(batch.column(1), [4.0, 5.0, 6.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batch<'a, T = f64> {
    data: &'a [T],
    dim: usize,
}

/// A mutable batch of states, `dim × count`, one state per column.
#[derive(Debug, PartialEq)]
pub struct BatchMut<'a, T = f64> {
    data: &'a mut [T],
    dim: usize,
}

fn check(len: usize, dim: usize) -> Result<(), Error> {
    if dim == 0 {
        return Err(Error::Empty { what: "batch dimension" });
    }
    if len.is_multiple_of(dim) {
        Ok(())
    } else {
        Err(Error::Ragged { what: "batch", length: len, dim })
    }
}

impl<'a, T> Batch<'a, T> {
    /// Views `data` as columns of length `dim`.
    ///
    /// # Errors
    /// [`Error::Empty`] if `dim` is zero, [`Error::Ragged`] if the length of
    /// `data` is not a multiple of `dim`.
    pub fn new(data: &'a [T], dim: usize) -> Result<Self, Error> {
        check(data.len(), dim)?;
        Ok(Self { data, dim })
    }

    /// Views `data`, known to be whole columns of length `dim > 0`.
    pub(crate) fn view(data: &'a [T], dim: usize) -> Self {
        debug_assert!(dim > 0 && data.len().is_multiple_of(dim));
        Self { data, dim }
    }

    /// A batch of one.
    ///
    /// # Errors
    /// [`Error::Empty`] if `state` is empty.
    pub fn single(state: &'a [T]) -> Result<Self, Error> {
        Self::new(state, state.len())
    }

    /// Length of each column.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of columns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Column `index`.
    ///
    /// # Panics
    /// If `index` is not below [`count`](Self::count), as slice indexing does.
    #[must_use]
    pub fn column(&self, index: usize) -> &'a [T] {
        &self.data[index * self.dim..(index + 1) * self.dim]
    }

    /// All columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &'a [T]> + use<'a, T> {
        self.data.chunks_exact(self.dim)
    }

    /// The columns, one after the other.
    #[must_use]
    pub fn as_slice(&self) -> &'a [T] {
        self.data
    }
}

impl<'a, T> BatchMut<'a, T> {
    /// Views `data` as mutable columns of length `dim`.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn new(data: &'a mut [T], dim: usize) -> Result<Self, Error> {
        check(data.len(), dim)?;
        Ok(Self { data, dim })
    }

    /// Views `data`, known to be whole columns of length `dim > 0`.
    pub(crate) fn view(data: &'a mut [T], dim: usize) -> Self {
        debug_assert!(dim > 0 && data.len().is_multiple_of(dim));
        Self { data, dim }
    }

    /// Length of each column.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of columns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Column `index`.
    ///
    /// # Panics
    /// If `index` is not below [`count`](Self::count), as slice indexing does.
    pub fn column_mut(&mut self, index: usize) -> &mut [T] {
        &mut self.data[index * self.dim..(index + 1) * self.dim]
    }

    /// All columns in order.
    pub fn columns_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [T]> {
        self.data.chunks_exact_mut(self.dim)
    }

    /// The columns, one after the other.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.data
    }

    /// A shared view.
    #[must_use]
    pub fn as_batch(&self) -> Batch<'_, T> {
        Batch { data: self.data, dim: self.dim }
    }

    /// A shorter-lived mutable view.
    pub fn reborrow(&mut self) -> BatchMut<'_, T> {
        BatchMut { data: self.data, dim: self.dim }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_shapes_are_refused() {
        let error = Batch::new(&[0.0; 5], 2).unwrap_err();
        assert_eq!(error, Error::Ragged { what: "batch", length: 5, dim: 2 });
        assert_eq!(error.to_string(), "batch: length 5 is not a multiple of the dimension 2");
        assert!(matches!(BatchMut::new(&mut [0.0; 5], 3), Err(Error::Ragged { .. })));
        assert!(matches!(Batch::new(&[0.0; 5], 0), Err(Error::Empty { .. })));
        assert_eq!(Batch::<f64>::new(&[], 3).map(|b| b.count()), Ok(0));
    }
}
