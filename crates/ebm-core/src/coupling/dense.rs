//! A dense symmetric matrix.
//!
//! ```text
//! y_i = Σ_j W_ij x_j,     W = Wᵀ ∈ ℝⁿˣⁿ
//! ```
//!
//! Stored whole and column-major, so that a batch is one matrix product.

use faer::MatRef;

use super::kernels::{PackedOnce, Side};
use super::storage::Storage;
use super::{Coupling, norm};
use crate::vector::dot;
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// A dense symmetric `n × n` matrix.
///
/// The single form reads half of a large matrix, and gives the same bits on
/// every machine. The first batch makes a copy of the matrix, packed in the
/// order in which a product of many columns reads it, and keeps it: from then
/// on a coupling takes twice the memory. A column has the same bits in every
/// batch, and on every x86-64 machine with AVX2 and FMA. Where the machine lacks
/// these or the memory for the copy, the batch form is faer's matrix product,
/// whose rounding depends on the instruction set and the shape. All agree to a
/// few units in the last place of `Σ_j |W_ij x_j|`.
///
/// ```
/// use ebm_core::{Coupling, Workspace, coupling::DenseCoupling};
/// let ring = DenseCoupling::from_fn(4, |i, j| if (i + 1) % 4 == j || (j + 1) % 4 == i { 1.0 } else { 0.0 })?;
/// let mut out = [0.0; 4];
/// ring.apply(&[1.0, 2.0, 3.0, 4.0], &mut out, &mut Workspace::new());
/// assert_eq!(out, [6.0, 4.0, 6.0, 4.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        into = "Written<T>",
        try_from = "Written<T>",
        bound(
            serialize = "T: Real + serde::Serialize",
            deserialize = "T: Real + serde::Deserialize<'de>"
        )
    )
)]
pub struct DenseCoupling<T = f64> {
    entries: Storage<T>,
    packed: PackedOnce<T>,
    norm_bound: f64,
}

/// A matrix in a file: its entries, column by column.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    dim: usize,
    entries: Vec<T>,
}

#[cfg(feature = "serde")]
impl<T: Real> From<DenseCoupling<T>> for Written<T> {
    fn from(matrix: DenseCoupling<T>) -> Self {
        let dim = matrix.entries.rows();
        let mut entries = Vec::with_capacity(dim * dim);
        (0..dim).for_each(|j| entries.extend_from_slice(matrix.entries.column(j)));
        Self { dim, entries }
    }
}

#[cfg(feature = "serde")]
impl<T: Real> TryFrom<Written<T>> for DenseCoupling<T> {
    type Error = Error;

    fn try_from(written: Written<T>) -> Result<Self, Error> {
        Self::from_column_major(written.dim, written.entries)
    }
}

const WHAT: &str = "dense coupling";
const ENTRIES: &str = "entries of a dense coupling";

/// An `n × n` matrix must fit the address space.
fn check_dim<T>(n: usize) -> Result<(), Error> {
    let limit = (isize::MAX as usize / size_of::<T>()).isqrt();
    match n {
        0 => Err(Error::Empty { what: WHAT }),
        n if n > limit => Err(Error::TooLarge { what: WHAT, size: n, limit }),
        _ => Ok(()),
    }
}

/// Calls `visit(i, j)` for all `j < i`, in tiles: entry `(j, i)` is near, too.
fn below_diagonal<E>(
    n: usize,
    mut visit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    const TILE: usize = 64;
    for rows in (0..n).step_by(TILE) {
        for cols in (0..=rows).step_by(TILE) {
            for i in rows..(rows + TILE).min(n) {
                for j in cols..(cols + TILE).min(i) {
                    visit(i, j)?;
                }
            }
        }
    }
    Ok(())
}

impl<T: Real> DenseCoupling<T> {
    /// From the `n²` entries, column by column (or row by row: it is the same).
    ///
    /// # Errors
    /// [`Error::Empty`] for `n = 0`, [`Error::TooLarge`], [`Error::Dimension`]
    /// if there are not `n²` entries, [`Error::NotFinite`],
    /// [`Error::Asymmetric`] unless `W_ij == W_ji` exactly. For entries that
    /// rounding has made asymmetric see [`symmetrized`](Self::symmetrized).
    pub fn from_column_major(n: usize, entries: impl AsRef<[T]>) -> Result<Self, Error> {
        Self::symmetrized(n, entries, 0.0)
    }

    /// From entries that may be asymmetric by rounding: `W_ij` and `W_ji` are
    /// both replaced by their mean.
    ///
    /// # Errors
    /// As [`from_column_major`](Self::from_column_major), but
    /// [`Error::Asymmetric`] only where `|W_ij − W_ji| > tolerance · max |W|`;
    /// [`Error::Parameter`] unless `tolerance` is finite and not negative.
    pub fn symmetrized(n: usize, entries: impl AsRef<[T]>, tolerance: f64) -> Result<Self, Error> {
        validate::non_negative("symmetry tolerance", tolerance)?;
        let given = entries.as_ref();
        check_dim::<T>(n)?;
        validate::dimension(ENTRIES, n * n, given.len())?;
        validate::finite(ENTRIES, given)?;
        let mut entries = Storage::zeros(WHAT, n, n)?;
        let allowed = if tolerance == 0.0 {
            0.0
        } else {
            tolerance * given.iter().map(|w| w.to_f64().abs()).fold(0.0, f64::max)
        };
        for (j, column) in given.chunks_exact(n).enumerate() {
            entries.column_mut(j).copy_from_slice(column);
        }
        let half = T::from_f64(0.5);
        below_diagonal(n, |row, col| {
            let (lower, upper) = (given[row + col * n], given[col + row * n]);
            if lower == upper {
                return Ok(());
            }
            let (l, u) = (lower.to_f64(), upper.to_f64());
            // An overflowing difference is infinite, and not allowed either.
            if (l - u).abs() <= allowed {
                let mean = half * lower + half * upper;
                entries.column_mut(col)[row] = mean;
                entries.column_mut(row)[col] = mean;
                Ok(())
            } else {
                Err(Error::Asymmetric { what: ENTRIES, row: col, col: row, upper: u, lower: l })
            }
        })?;
        Ok(Self::checked(entries))
    }

    /// From a faer matrix, copied.
    ///
    /// # Errors
    /// [`Error::Dimension`] unless square, else as
    /// [`from_column_major`](Self::from_column_major).
    pub fn from_faer(matrix: MatRef<'_, T>) -> Result<Self, Error> {
        let n = matrix.nrows();
        validate::dimension("columns of a dense coupling", n, matrix.ncols())?;
        let entries: Vec<T> = (0..n).flat_map(|j| matrix.col(j).iter().copied()).collect();
        Self::from_column_major(n, entries)
    }

    /// From a function of `(i, j)`, called once for every pair `i ≤ j`, column
    /// by column, so that the matrix is symmetric whatever it returns (a random
    /// draw, say).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::Allocation`],
    /// [`Error::NotFinite`].
    pub fn from_fn(n: usize, mut entry: impl FnMut(usize, usize) -> T) -> Result<Self, Error> {
        check_dim::<T>(n)?;
        let mut entries = Storage::zeros(WHAT, n, n)?;
        for j in 0..n {
            let column = entries.column_mut(j);
            for (i, w) in column[..=j].iter_mut().enumerate() {
                *w = entry(i, j);
                if !Real::is_finite(*w) {
                    let (index, value) = (i + j * n, w.to_f64());
                    return Err(Error::NotFinite { what: ENTRIES, index, value });
                }
            }
        }
        below_diagonal(n, |i, j| {
            entries.column_mut(j)[i] = entries.column(i)[j];
            Ok::<(), Error>(())
        })?;
        Ok(Self::checked(entries))
    }

    fn checked(entries: Storage<T>) -> Self {
        let mut bound = norm::Columns::default();
        entries.columns().for_each(|column| bound.add(column));
        Self { norm_bound: bound.finish(entries.rows()), entries, packed: PackedOnce::default() }
    }

    /// `n`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.entries.rows()
    }

    /// Column `j`, which is also row `j`.
    ///
    /// # Panics
    /// If `j` is not below `n`, as slice indexing does.
    #[must_use]
    pub fn column(&self, j: usize) -> &[T] {
        self.entries.column(j)
    }

    /// A view for faer.
    #[must_use]
    pub fn as_faer(&self) -> MatRef<'_, T> {
        self.entries.view().as_faer()
    }
}

impl<T: Real> Coupling<T> for DenseCoupling<T> {
    fn dim(&self) -> usize {
        self.entries.rows()
    }

    fn apply(&self, x: &[T], out: &mut [T], _ws: &mut Workspace<T>) {
        T::symmetric_product(self.entries.view(), x, out);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        let (w, x, count, out) = (self.entries.view(), x.as_slice(), x.count(), out.as_mut_slice());
        match self.packed.get(w) {
            Some(packed) => packed.product(x, count, out, ws),
            None => T::dense_product(Side::Plain, w, x, count, out),
        }
    }

    fn row(&self, i: usize, out: &mut [T]) {
        out.copy_from_slice(self.column(i));
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        dot(self.column(i), x)
    }

    fn diagonal(&self, out: &mut [T]) {
        assert_eq!(out.len(), self.dim(), "diagonal: as long as the dimension");
        for (i, (out, column)) in out.iter_mut().zip(self.entries.columns()).enumerate() {
            *out = column[i];
        }
    }

    fn norm_bound(&self) -> f64 {
        self.norm_bound
    }
}
