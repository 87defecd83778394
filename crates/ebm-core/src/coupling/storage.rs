//! Column-major storage that products read fastest.
//!
//! ```text
//! entry (i, j) at  start + i + j·stride,    start and stride whole cache lines
//! ```
//!
//! Every column starts at a cache line. The stride of longer columns is an odd
//! number of lines: with a power of two, equal rows of different columns fall
//! into the same few sets of the cache, and a matrix product runs at half
//! speed.

use super::kernels::Columns;
use crate::{Error, Real};

/// In bytes.
const CACHE_LINE: usize = 64;

/// Columns of this many cache lines and more get an odd stride.
const LONG: usize = 8;

/// A column-major `rows × cols` matrix.
#[derive(Debug)]
pub(super) struct Storage<T> {
    buffer: Vec<T>,
    start: usize,
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<T: Real> Storage<T> {
    /// Zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Allocation`].
    pub(super) fn zeros(what: &'static str, rows: usize, cols: usize) -> Result<Self, Error> {
        let line = CACHE_LINE / size_of::<T>();
        let lines = rows.div_ceil(line);
        let stride = (if lines < LONG { lines } else { lines | 1 }).saturating_mul(line);
        let len = stride.saturating_mul(cols).saturating_add(line);
        let limit = isize::MAX as usize / size_of::<T>();
        if len > limit {
            return Err(Error::TooLarge { what, size: len, limit });
        }
        let mut buffer = Vec::new();
        if buffer.try_reserve_exact(len).is_err() {
            return Err(Error::Allocation { what, bytes: len * size_of::<T>() });
        }
        buffer.resize(len, T::ZERO);
        let start = buffer.as_ptr().align_offset(CACHE_LINE).min(line);
        Ok(Self { buffer, start, rows, cols, stride })
    }
}

impl<T> Storage<T> {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn column(&self, j: usize) -> &[T] {
        assert!(j < self.cols, "column {j} of {}", self.cols);
        let start = self.start + j * self.stride;
        &self.buffer[start..start + self.rows]
    }

    pub(super) fn column_mut(&mut self, j: usize) -> &mut [T] {
        assert!(j < self.cols, "column {j} of {}", self.cols);
        let start = self.start + j * self.stride;
        &mut self.buffer[start..start + self.rows]
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &[T]> {
        (0..self.cols).map(|j| self.column(j))
    }

    pub(super) fn view(&self) -> Columns<'_, T> {
        let data = &self.buffer[self.start..self.start + self.stride * self.cols];
        Columns { data, rows: self.rows, cols: self.cols, stride: self.stride }
    }
}

/// The copy lies elsewhere and is aligned anew.
impl<T: Clone> Clone for Storage<T> {
    fn clone(&self) -> Self {
        let mut buffer: Vec<T> = Vec::with_capacity(self.buffer.len());
        let line = CACHE_LINE / size_of::<T>();
        let start = buffer.as_ptr().align_offset(CACHE_LINE).min(line);
        // A line of padding in all, before the columns and after them.
        buffer.extend_from_slice(&self.buffer[..start]);
        buffer.extend_from_slice(self.view().data);
        buffer.extend_from_slice(&self.buffer[..line - start]);
        Self { buffer, start, ..*self }
    }
}

impl<T: PartialEq> PartialEq for Storage<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.rows, self.cols) == (other.rows, other.cols) && self.columns().eq(other.columns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_start_at_lines_and_do_not_share_sets() {
        for n in [1, 7, 64, 100, 512, 1024] {
            let mut storage = Storage::<f32>::zeros("test", n, 3).unwrap();
            storage.column_mut(2)[n - 1] = 1.0;
            for storage in [&storage, &storage.clone()] {
                assert_eq!(storage.column(2)[n - 1], 1.0);
                assert!(storage.columns().all(|c| c.as_ptr().align_offset(CACHE_LINE) == 0));
                assert!(n < 128 || storage.stride / 16 % 2 == 1);
            }
            assert_eq!(storage, storage.clone());
        }
    }
}
