//! A symmetric matrix given by few patterns, never formed.
//!
//! ```text
//! W = Ξᵀ D Ξ / N,      W x = Ξᵀ (D (Ξ x)) / N,      Ξ ∈ ℝᴷˣᴺ,  D diagonal
//! ```
//!
//! A product costs two passes over the patterns, `4 K N` operations instead of
//! `2 N²`. With `D = I` and `±1` patterns this is the Hebbian coupling of
//! J. J. Hopfield, PNAS 79, 2554 (1982), doi:10.1073/pnas.79.8.2554.

use super::kernels::Kernels as _;
use super::kernels::{Columns, Side};
use super::storage::Storage;
use super::{Coupling, norm};
use crate::vector::{axpy, dot};
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// `W = Ξᵀ D Ξ / N` for `K` patterns of length `N`, with its diagonal or with
/// zeros in its place.
///
/// ```
/// use ebm_core::{Batch, Coupling, Workspace, coupling::LowRankCoupling};
/// let pattern = [1.0, -1.0, 1.0, 1.0];
/// let w = LowRankCoupling::new(Batch::single(&pattern)?, &[1.0])?.with_zero_diagonal();
/// let mut out = [0.0; 4];
/// w.apply(&pattern, &mut out, &mut Workspace::new());
/// assert_eq!(out, [0.75, -0.75, 0.75, 0.75]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankCoupling<T = f64> {
    /// `N × K`, one pattern a column.
    patterns: Storage<T>,
    /// `D / N`.
    coefficients: Vec<T>,
    /// The diagonal of `Ξᵀ D Ξ / N`.
    diagonal: Vec<T>,
    zero_diagonal: bool,
    norm_bound: f64,
}

impl<T: Real> LowRankCoupling<T> {
    /// From patterns, one a column, and the diagonal of `D`, one weight a
    /// pattern.
    ///
    /// Computing [`norm_bound`](Coupling::norm_bound) takes `2 N K min(N, K)`
    /// operations, once, here.
    ///
    /// # Errors
    /// [`Error::Empty`] without patterns, [`Error::Dimension`] unless there are
    /// as many weights as patterns, [`Error::NotFinite`].
    pub fn new(patterns: Batch<'_, T>, weights: &[T]) -> Result<Self, Error> {
        let n = patterns.dim();
        if patterns.count() == 0 {
            return Err(Error::Empty { what: "patterns of a low-rank coupling" });
        }
        validate::dimension("weights of a low-rank coupling", patterns.count(), weights.len())?;
        validate::finite("patterns of a low-rank coupling", patterns.as_slice())?;
        validate::finite("weights of a low-rank coupling", weights)?;
        let scale = T::from_f64(1.0 / n as f64);
        let coefficients: Vec<T> = weights.iter().map(|d| *d * scale).collect();
        let mut diagonal = vec![T::ZERO; n];
        for (c, pattern) in coefficients.iter().zip(patterns.columns()) {
            for (d, p) in diagonal.iter_mut().zip(pattern) {
                *d += *c * *p * *p;
            }
        }
        // The coupling must be finite as its ingredients are.
        validate::finite("diagonal of a low-rank coupling", &diagonal)?;
        let norm_bound = norm_bound(patterns, &coefficients);
        let mut stored = Storage::zeros("patterns of a low-rank coupling", n, patterns.count())?;
        for (k, pattern) in patterns.columns().enumerate() {
            stored.column_mut(k).copy_from_slice(pattern);
        }
        Ok(Self { patterns: stored, coefficients, diagonal, zero_diagonal: false, norm_bound })
    }

    /// The same coupling with zeros on the diagonal: no self-coupling.
    #[must_use]
    pub fn with_zero_diagonal(mut self) -> Self {
        if !self.zero_diagonal {
            self.zero_diagonal = true;
            let magnitudes = || self.diagonal.iter().map(|d| d.to_f64().abs());
            let largest = magnitudes().fold(0.0, f64::max);
            let smallest = magnitudes().fold(f64::INFINITY, f64::min);
            // W ≥ 0 has eigenvalues in [0, ρ]; taking the diagonal out moves
            // each down by something between its smallest and largest entry.
            self.norm_bound = if self.coefficients.iter().all(|c| *c >= T::ZERO) {
                norm::rounded_up((self.norm_bound - smallest).max(largest), self.rank())
            } else {
                self.norm_bound + largest
            };
        }
        self
    }

    /// `N`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.patterns.rows()
    }

    /// `K`, the number of patterns.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.coefficients.len()
    }

    /// Pattern `k`.
    ///
    /// # Panics
    /// If `k` is not below [`rank`](Self::rank), as slice indexing does.
    #[must_use]
    pub fn pattern(&self, k: usize) -> &[T] {
        self.patterns.column(k)
    }

    fn patterns(&self) -> impl Iterator<Item = (&T, &[T])> {
        self.coefficients.iter().zip(self.patterns.columns())
    }

    fn apply_columns(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        let (n, rank) = (self.dim(), self.rank());
        let patterns = self.patterns.view();
        let count = x.len() / n;
        let (overlaps, _) = ws.take(rank * count);
        T::dense_product(Side::Transposed, patterns, x, count, overlaps);
        for column in overlaps.chunks_exact_mut(rank) {
            for (m, c) in column.iter_mut().zip(&self.coefficients) {
                *m *= *c;
            }
        }
        T::dense_product(Side::Plain, patterns, overlaps, count, out);
        if self.zero_diagonal {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                for ((out, x), d) in out.iter_mut().zip(x).zip(&self.diagonal) {
                    *out -= *d * *x;
                }
            }
        }
    }
}

impl<T: Real> Coupling<T> for LowRankCoupling<T> {
    fn dim(&self) -> usize {
        self.patterns.rows()
    }

    fn apply(&self, x: &[T], out: &mut [T], ws: &mut Workspace<T>) {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        self.apply_columns(x, out, ws);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        assert_eq!(x.dim(), self.dim(), "batch: dimension of the coupling");
        self.apply_columns(x.as_slice(), out.as_mut_slice(), ws);
    }

    fn row(&self, i: usize, out: &mut [T]) {
        assert_eq!(out.len(), self.dim(), "row: as long as the dimension");
        out.fill(T::ZERO);
        for (c, pattern) in self.patterns() {
            axpy(*c * pattern[i], pattern, out);
        }
        out[i] = if self.zero_diagonal { T::ZERO } else { self.diagonal[i] };
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        let mut sum = T::ZERO;
        for (c, pattern) in self.patterns() {
            sum += *c * pattern[i] * dot(pattern, x);
        }
        if self.zero_diagonal { sum - self.diagonal[i] * x[i] } else { sum }
    }

    fn diagonal(&self, out: &mut [T]) {
        if self.zero_diagonal {
            assert_eq!(out.len(), self.dim(), "diagonal: as long as the dimension");
            out.fill(T::ZERO);
        } else {
            out.copy_from_slice(&self.diagonal);
        }
    }

    fn norm_bound(&self) -> f64 {
        self.norm_bound
    }
}

/// Bounds `ρ(P C Pᵀ) ≤ ‖A‖² = ρ(AᵀA) = ρ(A Aᵀ)`, `A = P |C|^½`, by the row-sum
/// and Frobenius norms of the smaller of the two Gram matrices, which is
/// visited a few columns at a time.
fn norm_bound<T: Real>(patterns: Batch<'_, T>, coefficients: &[T]) -> f64 {
    const COLUMNS: usize = 64;
    let (n, rank) = (patterns.dim(), coefficients.len());
    let mut a = Vec::with_capacity(n * rank);
    for (c, pattern) in coefficients.iter().zip(patterns.columns()) {
        let root = c.to_f64().abs().sqrt();
        a.extend(pattern.iter().map(|p| p.to_f64() * root));
    }
    // The Gram matrix BᵀB of the `inner × outer` matrix B = A or Aᵀ.
    let (inner, outer) = (n.max(rank), n.min(rank));
    if n < rank {
        let mut transposed = vec![0.0; n * rank];
        for (k, column) in a.chunks_exact(n).enumerate() {
            for (i, a) in column.iter().enumerate() {
                transposed[i * rank + k] = *a;
            }
        }
        a = transposed;
    }
    let mut gram = vec![0.0; outer * outer.min(COLUMNS)];
    let mut bound = norm::Columns::default();
    for columns in a.chunks(inner * COLUMNS) {
        let count = columns.len() / inner;
        let gram = &mut gram[..outer * count];
        let all = Columns::packed(&a, inner);
        f64::dense_product(Side::Transposed, all, columns, count, gram);
        gram.chunks_exact(outer).for_each(|column| bound.add(column));
    }
    // Cancellation in a Gram entry is bounded by its row's Cauchy–Schwarz sum.
    let trace: f64 = a.iter().map(|a| a * a).sum();
    bound.finish(outer) + trace * (inner + 8) as f64 * f64::EPSILON
}
