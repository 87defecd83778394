//! A sparse symmetric matrix: the couplings of a graph.
//!
//! ```text
//! y_i = Σ_{j ∈ N(i)} W_ij x_j,     W_ij = W_ji
//! ```
//!
//! Compressed rows with 32-bit indices, both triangles stored, columns of a
//! row in increasing order.

use std::sync::OnceLock;

use super::kernels::Csr;
use super::{Coupling, norm};
use crate::{Batch, BatchMut, Error, Real, Workspace, validate};

/// A sparse symmetric `n × n` matrix.
///
/// [`apply`](Coupling::apply), [`apply_batch`](Coupling::apply_batch),
/// [`apply_interleaved`](Self::apply_interleaved) and
/// [`row_dot`](Coupling::row_dot) sum each row in the same order without fused
/// operations: they return the same bits, on every machine.
///
/// [`norm_bound`](Coupling::norm_bound) costs a dozen products the first time;
/// the matrix then keeps it.
///
/// ```
/// use ebm_core::{Coupling, Workspace, coupling::SparseCoupling};
/// let path = SparseCoupling::from_edges(3, &[(0, 1, 2.0), (1, 2, -1.0)])?;
/// let mut out = [0.0; 3];
/// path.apply(&[1.0, 10.0, 100.0], &mut out, &mut Workspace::new());
/// assert_eq!(out, [20.0, -98.0, -10.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SparseCoupling<T = f64> {
    starts: Vec<u32>,
    columns: Vec<u32>,
    weights: Vec<T>,
    /// Made by the first call.
    norm_bound: OnceLock<f64>,
}

/// Whether the norm is known yet makes no difference.
impl<T: PartialEq> PartialEq for SparseCoupling<T> {
    fn eq(&self, other: &Self) -> bool {
        self.starts == other.starts
            && self.columns == other.columns
            && self.weights == other.weights
    }
}

/// Nodes without any edge that a graph may declare on top of those its edges
/// can touch: a wrong count in a file must not become a huge allocation.
const ISOLATED_NODES: usize = 1 << 22;

fn check_dim(n: usize, edges: usize) -> Result<(), Error> {
    let plausible = edges.saturating_mul(2).saturating_add(ISOLATED_NODES);
    let limit = plausible.min(u32::MAX as usize);
    match n {
        0 => Err(Error::Empty { what: "sparse coupling" }),
        n if n > limit => {
            Err(Error::TooLarge { what: "nodes of a sparse coupling", size: n, limit })
        }
        _ => Ok(()),
    }
}

fn check_entries(entries: usize) -> Result<(), Error> {
    let limit = u32::MAX as usize;
    if entries > limit {
        return Err(Error::TooLarge { what: "entries of a sparse coupling", size: entries, limit });
    }
    Ok(())
}

/// Rows gathered from entries in any order.
struct Rows<T> {
    starts: Vec<u32>,
    columns: Vec<u32>,
    weights: Vec<T>,
}

/// Entries that are sorted at a time: they and where they go stay in a
/// second-level cache.
const SORTED_AT_ONCE: usize = 1 << 13;

/// Streams that are written at a time, at most: each has a page of its own.
const STREAMS: usize = 1 << 10;

impl<T: Real> Rows<T> {
    /// Sorts entries `(row, column, weight)` by row, then by column. `entries`
    /// is called twice and must yield the same; the indices are in range.
    ///
    /// A counting sort in two levels, into groups of consecutive rows and then
    /// into rows: where an entry goes is random, and beyond the caches a random
    /// write costs as much as a hundred in order.
    fn gather<I: Iterator<Item = (u32, u32, T)>>(n: usize, entries: impl Fn() -> I) -> Self {
        let mut starts = vec![0_u32; n + 1];
        entries().for_each(|(row, _, _)| starts[row as usize + 1] += 1);
        for i in 0..n {
            starts[i + 1] += starts[i];
        }
        let len = starts[n] as usize;
        let groups = len.div_ceil(SORTED_AT_ONCE).clamp(1, STREAMS);
        let shift = n.div_ceil(groups).next_power_of_two().trailing_zeros();
        let mut next: Vec<u32> = starts[..n].iter().step_by(1 << shift).copied().collect();
        let mut grouped = vec![(0, 0, T::ZERO); len];
        entries().for_each(|entry| {
            let at = &mut next[entry.0 as usize >> shift];
            grouped[*at as usize] = entry;
            *at += 1;
        });
        let (mut columns, mut weights) = (vec![0; len], vec![T::ZERO; len]);
        let (mut next, mut row_entries) = (vec![], vec![]);
        for first in (0..n).step_by(1 << shift) {
            let last = n.min(first + (1 << shift));
            next.clear();
            next.extend_from_slice(&starts[first..last]);
            for &(row, column, weight) in &grouped[starts[first] as usize..starts[last] as usize] {
                let at = &mut next[row as usize - first];
                columns[*at as usize] = column;
                weights[*at as usize] = weight;
                *at += 1;
            }
            for row in first..last {
                let range = starts[row] as usize..starts[row + 1] as usize;
                let (columns, weights) = (&mut columns[range.clone()], &mut weights[range]);
                if columns.is_sorted() {
                    continue;
                }
                row_entries.clear();
                row_entries.extend(columns.iter().copied().zip(weights.iter().copied()));
                row_entries.sort_unstable_by_key(|entry: &(u32, T)| entry.0);
                for (at, entry) in row_entries.iter().enumerate() {
                    (columns[at], weights[at]) = *entry;
                }
            }
        }
        Self { starts, columns, weights }
    }

    /// The transpose, with the columns of each row in increasing order.
    fn transposed(&self) -> Self {
        let csr = Csr { starts: &self.starts, columns: &self.columns, weights: &self.weights };
        let n = self.starts.len() - 1;
        Self::gather(n, || {
            (0..n).flat_map(move |i| {
                let (columns, weights) = csr.row(i);
                columns.iter().zip(weights).map(move |(j, w)| (*j, i as u32, *w))
            })
        })
    }

    fn check_duplicates(&self, what: &'static str) -> Result<(), Error> {
        for (row, range) in self.starts.windows(2).enumerate() {
            let columns = &self.columns[range[0] as usize..range[1] as usize];
            if let Some(pair) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::Duplicate { what, row, col: pair[0] as usize });
            }
        }
        Ok(())
    }

    fn build(self) -> SparseCoupling<T> {
        let Self { starts, columns, weights } = self;
        SparseCoupling { starts, columns, weights, norm_bound: OnceLock::new() }
    }
}

impl<T: Real> SparseCoupling<T> {
    /// From undirected edges `(i, j, W_ij)`, each given once, with a zero
    /// diagonal.
    ///
    /// # Errors
    /// [`Error::Empty`] for `n = 0`; [`Error::TooLarge`] if `n` exceeds `2²²`
    /// plus twice the number of edges (a node count that no edge list of this
    /// length can mean) or the 32-bit indices; [`Error::OutOfRange`];
    /// [`Error::NotFinite`]; [`Error::Duplicate`] for an edge given twice, in
    /// either direction; [`Error::SelfEdge`] for `i = j`: a diagonal is given
    /// as such to [`with_diagonal`](Self::with_diagonal).
    pub fn from_edges(n: usize, edges: &[(usize, usize, T)]) -> Result<Self, Error> {
        Self::from_parts(n, edges, &[])
    }

    /// From undirected edges and the diagonal, `n` numbers.
    ///
    /// # Errors
    /// As [`from_edges`](Self::from_edges), and [`Error::Dimension`] or
    /// [`Error::NotFinite`] for the diagonal.
    pub fn with_diagonal(
        n: usize,
        edges: &[(usize, usize, T)],
        diagonal: &[T],
    ) -> Result<Self, Error> {
        validate::dimension("diagonal of a sparse coupling", n, diagonal.len())?;
        validate::finite("diagonal of a sparse coupling", diagonal)?;
        Self::from_parts(n, edges, diagonal)
    }

    fn from_parts(n: usize, edges: &[(usize, usize, T)], diagonal: &[T]) -> Result<Self, Error> {
        check_dim(n, edges.len().saturating_add(diagonal.len()))?;
        check_entries(edges.len().saturating_mul(2).saturating_add(diagonal.len()))?;
        for (index, (i, j, weight)) in edges.iter().enumerate() {
            let largest = *i.max(j);
            if largest >= n {
                return Err(Error::OutOfRange { what: "edge", index: largest, bound: n });
            }
            if i == j {
                return Err(Error::SelfEdge { edge: index, node: *i });
            }
            if !Real::is_finite(*weight) {
                let value = weight.to_f64();
                return Err(Error::NotFinite { what: "edge weight", index, value });
            }
        }
        let rows = Rows::gather(n, || {
            let stored = diagonal.iter().enumerate().filter(|(_, d)| **d != T::ZERO);
            edges
                .iter()
                .flat_map(|(i, j, w)| [(*i as u32, *j as u32, *w), (*j as u32, *i as u32, *w)])
                .chain(stored.map(|(i, d)| (i as u32, i as u32, *d)))
        });
        rows.check_duplicates("edge")?;
        Ok(rows.build())
    }

    /// From compressed rows: row `i` has the columns at positions `starts[i]`
    /// to `starts[i + 1]` (excluded), in any order, and the weights there.
    /// Diagonal entries are allowed. The dimension is `starts.len() − 1`.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::Dimension`] if the arrays do not
    /// fit together, [`Error::OutOfRange`] for a column or a start out of
    /// place, [`Error::Duplicate`], [`Error::NotFinite`], [`Error::TooLarge`],
    /// [`Error::Asymmetric`] unless every entry has an equal mirror image.
    pub fn from_csr(starts: &[usize], columns: &[u32], weights: &[T]) -> Result<Self, Error> {
        let n = starts.len().saturating_sub(1);
        check_entries(columns.len())?;
        check_entries(n)?;
        let (Some(last), true) = (starts.last(), n > 0) else {
            return Err(Error::Empty { what: "sparse coupling" });
        };
        validate::dimension("first row start", 0, starts[0])?;
        validate::dimension("columns of a sparse coupling", *last, columns.len())?;
        validate::dimension("weights of a sparse coupling", columns.len(), weights.len())?;
        if let Some(pair) = starts.windows(2).find(|pair| pair[0] > pair[1]) {
            let (index, bound) = (pair[0], pair[1].saturating_add(1));
            return Err(Error::OutOfRange { what: "row start", index, bound });
        }
        if let Some(j) = columns.iter().find(|j| **j as usize >= n) {
            return Err(Error::OutOfRange { what: "column", index: *j as usize, bound: n });
        }
        validate::finite("weights of a sparse coupling", weights)?;
        let given = Rows {
            starts: starts.iter().map(|start| *start as u32).collect(),
            columns: columns.to_vec(),
            weights: weights.to_vec(),
        };
        let mirror = given.transposed();
        let rows = mirror.transposed();
        rows.check_duplicates("sparse coupling")?;
        check_mirror(&rows, &mirror)?;
        Ok(rows.build())
    }

    /// `n`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of stored entries: twice the edges, and the diagonal.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.columns.len()
    }

    /// Stored columns of row `i`, increasing, and their weights.
    ///
    /// # Panics
    /// If `i` is not below `n`, as slice indexing does.
    #[must_use]
    pub fn neighbors(&self, i: usize) -> (&[u32], &[T]) {
        self.csr().row(i)
    }

    /// `W x` for `replicas` states at once, stored with the replicas of one
    /// node side by side: entry `(i, r)` at `i * replicas + r`. One pass over
    /// the matrix serves them all. Fastest with 16, 32 or (`f32`) 64 replicas
    /// and `x` aligned to 64 bytes, so that the replicas of a node are whole
    /// cache lines. Zero replicas are none.
    ///
    /// # Panics
    /// Unless both slices have length `n * replicas`.
    pub fn apply_interleaved(&self, x: &[T], out: &mut [T], replicas: usize) {
        T::sparse_sweep(self.csr(), x, out, replicas);
    }

    fn csr(&self) -> Csr<'_, T> {
        Csr { starts: &self.starts, columns: &self.columns, weights: &self.weights }
    }
}

/// `rows` and its transpose must be the same matrix.
fn check_mirror<T: Real>(rows: &Rows<T>, mirror: &Rows<T>) -> Result<(), Error> {
    let a = Csr { starts: &rows.starts, columns: &rows.columns, weights: &rows.weights };
    let b = Csr { starts: &mirror.starts, columns: &mirror.columns, weights: &mirror.weights };
    let get = |(columns, weights): (&[u32], &[T]), at: usize| match columns.get(at) {
        Some(j) => (*j as usize, weights[at].to_f64()),
        None => (usize::MAX, 0.0),
    };
    for row in 0..rows.starts.len() - 1 {
        let (a, b) = (a.row(row), b.row(row));
        for at in 0..a.0.len().max(b.0.len()) {
            let ((i, w), (j, v)) = (get(a, at), get(b, at));
            if i != j || w != v {
                // The smaller column is stored on one side only.
                let col = i.min(j);
                let upper = if i == col { w } else { 0.0 };
                let lower = if j == col { v } else { 0.0 };
                return Err(Error::Asymmetric { what: "sparse coupling", row, col, upper, lower });
            }
        }
    }
    Ok(())
}

/// Replicas that one pass of [`apply_batch`](Coupling::apply_batch) serves: a
/// cache line or two of each node.
const BLOCK: usize = 16;

/// In bytes, and enough elements to skip to the next one.
const CACHE_LINE: usize = 64;

/// `len` elements of `buffer` from the start of a cache line.
fn aligned<T>(buffer: &mut [T], len: usize) -> &mut [T] {
    let skip = buffer.as_ptr().align_offset(CACHE_LINE).min(buffer.len() - len);
    &mut buffer[skip..skip + len]
}

impl<T: Real> Coupling<T> for SparseCoupling<T> {
    fn dim(&self) -> usize {
        self.starts.len() - 1
    }

    fn apply(&self, x: &[T], out: &mut [T], _ws: &mut Workspace<T>) {
        self.apply_interleaved(x, out, 1);
    }

    fn apply_batch(&self, x: Batch<'_, T>, mut out: BatchMut<'_, T>, ws: &mut Workspace<T>) {
        let n = self.dim();
        assert_eq!(x.dim(), n, "batch: dimension of the coupling");
        assert_eq!(out.as_mut_slice().len(), x.as_slice().len(), "output: the shape of the input");
        let width = x.count().min(BLOCK);
        if width <= 1 {
            self.apply_interleaved(x.as_slice(), out.as_mut_slice(), width);
            return;
        }
        let (states, ws) = ws.take(n * width + CACHE_LINE);
        let (products, _) = ws.take(n * width);
        let states = aligned(states, n * width);
        let blocks = x.as_slice().chunks(n * width);
        for (x, out) in blocks.zip(out.as_mut_slice().chunks_mut(n * width)) {
            let replicas = x.len() / n;
            if replicas == 1 {
                self.apply_interleaved(x, out, 1);
                continue;
            }
            let states = &mut states[..n * replicas];
            let products = &mut products[..n * replicas];
            interleave(x, states, replicas);
            self.apply_interleaved(states, products, replicas);
            separate(products, out, replicas);
        }
    }

    fn row(&self, i: usize, out: &mut [T]) {
        assert_eq!(out.len(), self.dim(), "row: as long as the dimension");
        out.fill(T::ZERO);
        let (columns, weights) = self.neighbors(i);
        for (j, w) in columns.iter().zip(weights) {
            out[*j as usize] = *w;
        }
    }

    fn row_dot(&self, i: usize, x: &[T]) -> T {
        assert_eq!(x.len(), self.dim(), "state: as long as the dimension");
        let (columns, weights) = self.neighbors(i);
        let mut sum = T::ZERO;
        for (j, w) in columns.iter().zip(weights) {
            sum += *w * x[*j as usize];
        }
        sum
    }

    fn diagonal(&self, out: &mut [T]) {
        assert_eq!(out.len(), self.dim(), "diagonal: as long as the dimension");
        for (i, out) in out.iter_mut().enumerate() {
            let (columns, weights) = self.neighbors(i);
            *out = columns.binary_search(&(i as u32)).map_or(T::ZERO, |at| weights[at]);
        }
    }

    fn norm_bound(&self) -> f64 {
        *self.norm_bound.get_or_init(|| {
            let degrees = self.starts.windows(2).map(|range| range[1] - range[0]);
            let terms = degrees.max().unwrap_or(0) as usize;
            norm::collatz_wielandt(self.dim(), terms, |v, out| {
                for (i, out) in out.iter_mut().enumerate() {
                    let (columns, weights) = self.neighbors(i);
                    let products =
                        columns.iter().zip(weights).map(|(j, w)| w.to_f64().abs() * v[*j as usize]);
                    *out = products.sum();
                }
            })
        })
    }
}

/// Columns to rows of `replicas`: `rows[i * replicas + r] = columns[r * n + i]`.
fn interleave<T: Real>(columns: &[T], rows: &mut [T], replicas: usize) {
    let n = columns.len() / replicas;
    for (i, row) in rows.chunks_exact_mut(replicas).enumerate() {
        for (r, value) in row.iter_mut().enumerate() {
            *value = columns[r * n + i];
        }
    }
}

/// The inverse of [`interleave`].
fn separate<T: Real>(rows: &[T], columns: &mut [T], replicas: usize) {
    let n = columns.len() / replicas;
    for (i, row) in rows.chunks_exact(replicas).enumerate() {
        for (r, value) in row.iter().enumerate() {
            columns[r * n + i] = *value;
        }
    }
}
