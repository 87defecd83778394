//! Hopfield networks of many neurons and few patterns, without an `N × N`
//! matrix.
//!
//! ```text
//! W = (1/N) Σ_μ d_μ ξ^μ ξ^μᵀ  without its diagonal,      M_μ = ξ^μ·s
//! hᵢ = (1/N) (Σ_μ d_μ M_μ ξᵢ^μ − D_i sᵢ),      D_i = Σ_μ d_μ (ξᵢ^μ)²
//! E  = −(1/2N) (Σ_μ d_μ M_μ² − Σᵢ D_i sᵢ²)
//! ```
//!
//! The overlaps `M` are all that is kept of a state. They are known before a
//! synchronous update, and those of the next state are summed while the
//! patterns of a few neurons lie in the cache: an update reads the patterns
//! from memory once. For that they are stored neuron by neuron. With ±1
//! patterns and weights of one all sums are of integers, hence exact in `f64`,
//! and in `f32` as long as `N K ≤ 2²⁴`.
//!
//! Source: J. J. Hopfield, PNAS 79, 2554 (1982), doi:10.1073/pnas.79.8.2554.

use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Real, Workspace, linalg, validate};

use super::local_field::{LocalFields, align};
use crate::{Error, Patterns, patterns};

/// Neurons whose patterns are in the cache together.
const NEURONS: usize = 256;

/// The patterns of a neuron are padded with zeros to a multiple of this, so
/// that loops have no rest and a few patterns can be added without a move.
const LANES: usize = 8;

/// A Hopfield network given by `K` patterns of length `N`, to which patterns
/// can be added and from which they can be removed.
///
/// ```
/// use ebm_memory::{Corruption, LowRankHopfield, Patterns, Recall, corrupt};
///
/// let patterns = Patterns::random_signs(3000, 15, 1)?; // W would take 72 MB
/// let mut network = LowRankHopfield::hebb(&patterns.to_precision::<f32>()?)?;
/// let cues = corrupt(patterns.as_batch(), 0.3, Corruption::FlipSign, 2)?;
/// let recalled = Recall::default().retrieve(&network, cues.as_batch())?;
/// assert_eq!(recalled.states(), patterns.as_batch());
///
/// let before = network.clone();
/// network.add(&[1.0; 3000], 1.0)?;
/// network.swap_remove(15)?;
/// assert_eq!(network, before);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        into = "crate::serialized::LowRank<T>",
        try_from = "crate::serialized::LowRank<T>",
        bound(
            serialize = "T: Real + serde::Serialize",
            deserialize = "T: Real + serde::Deserialize<'de>"
        )
    )
)]
pub struct LowRankHopfield<T = f64> {
    /// The entries of all patterns for neuron 0, then for neuron 1, …,
    /// `stride` each, zeros behind those that are there.
    rows: Vec<T>,
    /// `d`, `stride` of them.
    weights: Vec<f64>,
    /// `D`.
    diagonal: Vec<f64>,
    count: usize,
    /// The largest magnitude of an entry.
    largest: f64,
    /// What the rounding of a field is proportional to whatever the state is:
    /// `Σ_μ |d_μ| (B ‖ξ^μ‖₁ + S largest)` for sums of `B` neurons and `S`
    /// patterns, the first term only where the overlaps round.
    fixed_rounding: f64,
    /// Whether all sums are of integers that the scalar type represents.
    exact: bool,
}

impl<T: Real> LowRankHopfield<T> {
    /// Stores ±1 patterns by the Hebb rule: weights of one.
    ///
    /// # Errors
    /// If an entry is not ±1, or there is no memory for a copy of the patterns.
    pub fn hebb(patterns: &Patterns<T>) -> Result<Self, Error> {
        patterns.check_signs()?;
        Self::new(patterns.as_batch(), &vec![T::ONE; patterns.count()])
    }

    /// A network of any patterns, one a column, and their weights `d`.
    ///
    /// # Errors
    /// If there are no patterns, as many weights as patterns are not given,
    /// any is not finite, a sum `D` overflows, or there is no memory for a
    /// copy of the patterns.
    pub fn new(patterns: Batch<'_, T>, weights: &[T]) -> Result<Self, Error> {
        let (dim, count) = (patterns.dim(), patterns.count());
        validate::dimension("weights of the patterns", count, weights.len())?;
        validate::finite("weights of the patterns", weights)?;
        validate::finite("patterns", patterns.as_slice())?;
        let stride = count.next_multiple_of(LANES);
        let mut rows = patterns::allocate(dim, stride)?;
        rows.resize(dim * stride, T::ZERO);
        for (mu, pattern) in patterns.columns().enumerate() {
            set_column(&mut rows, stride, mu, pattern);
        }
        let mut padded: Vec<f64> = weights.iter().map(|d| d.to_f64()).collect();
        padded.resize(stride, 0.0);
        let mut network = Self {
            rows,
            weights: padded,
            diagonal: vec![0.0; dim],
            count,
            largest: 0.0,
            fixed_rounding: 0.0,
            exact: false,
        };
        network.refresh()?;
        Ok(network)
    }

    /// Adds a pattern with weight `weight`.
    ///
    /// # Errors
    /// If the pattern has another length, it or the weight is not finite, a
    /// sum `D` overflows, or there is no memory; the network is then as before.
    pub fn add(&mut self, pattern: &[T], weight: T) -> Result<(), Error> {
        validate::dimension("pattern", self.diagonal.len(), pattern.len())?;
        validate::finite("pattern", pattern)?;
        validate::finite("weight of the pattern", &[weight])?;
        if self.count == self.weights.len() {
            self.widen()?;
        }
        set_column(&mut self.rows, self.weights.len(), self.count, pattern);
        self.weights[self.count] = weight.to_f64();
        self.count += 1;
        if let Err(error) = self.refresh() {
            self.count -= 1;
            self.clear(self.count);
            self.refresh()?;
            return Err(error);
        }
        Ok(())
    }

    /// Removes pattern `mu`; the last one takes its place. Right after
    /// [`add`](Self::add), removing the last one restores the network to the
    /// bit; a Hebb network keeps the same fields to the bit whatever the order.
    ///
    /// # Errors
    /// If there is no such pattern, or no other, or a sum `D` overflows without
    /// it; the network is then as before.
    pub fn swap_remove(&mut self, mu: usize) -> Result<(), Error> {
        if mu >= self.count {
            let what = "pattern to remove";
            return Err(ebm_core::Error::OutOfRange { what, index: mu, bound: self.count }.into());
        }
        if self.count == 1 {
            return Err(ebm_core::Error::Empty { what: "patterns" }.into());
        }
        self.swap(mu, self.count - 1);
        self.count -= 1;
        if let Err(error) = self.refresh() {
            self.count += 1;
            self.swap(mu, self.count - 1);
            self.refresh()?;
            return Err(error);
        }
        self.clear(self.count);
        Ok(())
    }

    /// Exchanges two patterns and their weights.
    fn swap(&mut self, a: usize, b: usize) {
        self.rows.chunks_exact_mut(self.weights.len()).for_each(|row| row.swap(a, b));
        self.weights.swap(a, b);
    }

    /// Number `K` of patterns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes pattern `mu` to `out`.
    ///
    /// # Panics
    /// If there is no such pattern, or `out` has another length.
    pub fn pattern(&self, mu: usize, out: &mut [T]) {
        assert!(mu < self.count, "pattern {mu} of {}", self.count);
        assert_eq!(out.len(), self.diagonal.len(), "pattern: as long as the dimension");
        for (out, row) in out.iter_mut().zip(self.rows.chunks_exact(self.weights.len())) {
            *out = row[mu];
        }
    }

    /// The weights `d`, in the order of the patterns.
    pub fn weights(&self) -> impl ExactSizeIterator<Item = T> {
        self.weights[..self.count].iter().map(|d| T::from_f64(*d))
    }

    /// Room for `LANES` more patterns.
    fn widen(&mut self) -> Result<(), Error> {
        let (dim, old) = (self.diagonal.len(), self.weights.len());
        let new = old + LANES;
        let mut rows = patterns::allocate(dim, new)?;
        for row in self.rows.chunks_exact(old) {
            rows.extend_from_slice(row);
            rows.resize(rows.len() + LANES, T::ZERO);
        }
        self.rows = rows;
        self.weights.resize(new, 0.0);
        Ok(())
    }

    /// Zeros in place of pattern `mu`, which is counted no more.
    fn clear(&mut self, mu: usize) {
        self.rows.chunks_exact_mut(self.weights.len()).for_each(|row| row[mu] = T::ZERO);
        self.weights[mu] = 0.0;
    }

    /// Computes what depends on patterns and weights.
    fn refresh(&mut self) -> Result<(), Error> {
        let weights = &self.weights[..self.count];
        let (mut signs, mut sizes) = (true, 0.0);
        self.largest = 0.0;
        for (d, row) in self.diagonal.iter_mut().zip(self.rows.chunks_exact(self.weights.len())) {
            *d = 0.0;
            for (x, w) in row.iter().zip(weights) {
                let x = x.to_f64();
                signs &= x.abs() == 1.0;
                self.largest = self.largest.max(x.abs());
                *d += w * x * x;
                sizes += (w * x).abs();
            }
        }
        // Sums of signs are exact as long as they are counted by an integer.
        let overlaps = if signs { 0.0 } else { NEURONS as f64 * sizes };
        let total_weight: f64 = weights.iter().map(|w| w.abs()).sum();
        self.fixed_rounding = overlaps + self.roundings() * total_weight * self.largest;
        let total = self.diagonal.len() as f64 * self.count as f64;
        self.exact =
            signs && weights.iter().all(|w| *w == 1.0) && total * T::EPSILON.to_f64() <= 2.0;
        Ok(validate::finite("sums of squares of the patterns", &self.diagonal)?)
    }

    /// Roundings in the sum of a field.
    fn roundings(&self) -> f64 {
        (LANES + self.weights.len()) as f64
    }

    /// `Σ_μ w_μ ξᵢ^μ` for weighted overlaps `w`.
    fn row_sum(&self, i: usize, overlaps: &[f64]) -> f64 {
        let stride = self.weights.len();
        let row = &self.rows[i * stride..(i + 1) * stride];
        let (rows, _) = row.as_chunks::<LANES>();
        let (overlaps, _) = overlaps[..stride].as_chunks::<LANES>();
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for ((row, m), d) in rows.iter().zip(overlaps).zip(weights) {
            for (((sum, x), m), d) in sums.iter_mut().zip(row).zip(m).zip(d) {
                *sum += d * m * x.to_f64();
            }
        }
        sums.iter().sum()
    }
}

/// Writes `pattern` as column `mu` of the patterns stored neuron by neuron.
fn set_column<T: Real>(rows: &mut [T], stride: usize, mu: usize, pattern: &[T]) {
    for (row, x) in rows.chunks_exact_mut(stride).zip(pattern) {
        row[mu] = *x;
    }
}

/// Equal patterns and weights in equal order, whatever room there is for more.
impl<T: Real> PartialEq for LowRankHopfield<T> {
    fn eq(&self, other: &Self) -> bool {
        let n = self.count;
        let rows = |a: &Self| a.weights.len();
        (self.diagonal.len(), n) == (other.diagonal.len(), other.count)
            && self.weights[..n] == other.weights[..n]
            && self
                .rows
                .chunks_exact(rows(self))
                .zip(other.rows.chunks_exact(rows(other)))
                .all(|(a, b)| a[..n] == b[..n])
    }
}

/// What is kept are the overlaps of a state, and room for those of the next.
impl<T: Real> LocalFields for LowRankHopfield<T> {
    type Scratch = Workspace<T>;

    fn dim(&self) -> usize {
        self.diagonal.len()
    }

    fn kept(&self) -> usize {
        2 * self.weights.len()
    }

    fn keep(&self, states: Batch<'_>, kept: &mut [f64], ws: &mut Workspace<T>) {
        let (n, stride, count) = (states.dim(), self.weights.len(), states.count());
        let (signs, ws) = ws.take(NEURONS * count);
        let (partial, _) = ws.take(stride * count);
        kept.fill(0.0);
        for (block, start) in self.rows.chunks(NEURONS * stride).zip((0..n).step_by(NEURONS)) {
            let width = block.len() / stride;
            let signs = &mut signs[..width * count];
            for (signs, state) in signs.chunks_exact_mut(width).zip(states.columns()) {
                let state = &state[start..start + width];
                signs.iter_mut().zip(state).for_each(|(t, s)| *t = T::from_f64(*s));
            }
            linalg::multiply(block, signs, partial, stride);
            for (kept, partial) in
                kept.chunks_exact_mut(2 * stride).zip(partial.chunks_exact(stride))
            {
                add_to(&mut kept[..stride], partial);
            }
        }
    }

    fn tie(&self, kept: &[f64]) -> f64 {
        if self.exact {
            return 0.0;
        }
        // A field is a sum of these terms times an entry each, less `D_i`. The
        // overlaps round by their own terms, which may cancel.
        let terms: f64 = self.weights.iter().zip(kept).map(|(d, m)| (d * m).abs()).sum();
        let size = self.roundings() * terms + self.fixed_rounding;
        T::EPSILON.to_f64() * size * self.largest / self.diagonal.len() as f64
    }

    fn field(&self, i: usize, state: &[f64], kept: &[f64]) -> f64 {
        (self.row_sum(i, kept) - self.diagonal[i] * state[i]) / state.len() as f64
    }

    fn flip(&self, i: usize, state: &mut [f64], kept: &mut [f64], _: &mut Workspace<T>) {
        state[i] = -state[i];
        let (stride, twice) = (self.weights.len(), 2.0 * state[i]);
        for (m, x) in kept.iter_mut().zip(&self.rows[i * stride..(i + 1) * stride]) {
            *m += twice * x.to_f64();
        }
    }

    fn energy_kept(&self, state: &[f64], kept: &[f64]) -> f64 {
        let squares: f64 = self.weights.iter().zip(kept).map(|(d, m)| d * m * m).sum();
        let own: f64 = self.diagonal.iter().zip(state).map(|(d, s)| d * s * s).sum();
        -0.5 * (squares - own) / state.len() as f64
    }

    fn update_all(
        &self,
        states: Batch<'_>,
        kept: &mut [f64],
        mut next: BatchMut<'_>,
        ws: &mut Workspace<T>,
    ) {
        let (n, stride, count) = (states.dim(), self.weights.len(), states.count());
        let (weighted, ws) = ws.take(stride * count);
        let (fields, ws) = ws.take(NEURONS * count);
        let (partial, _) = ws.take(stride * count);
        for (kept, weighted) in
            kept.chunks_exact_mut(2 * stride).zip(weighted.chunks_exact_mut(stride))
        {
            for ((w, d), m) in weighted.iter_mut().zip(&self.weights).zip(&*kept) {
                *w = T::from_f64(d * m);
            }
            kept[stride..].fill(0.0);
        }
        for (block, start) in self.rows.chunks(NEURONS * stride).zip((0..n).step_by(NEURONS)) {
            let width = block.len() / stride;
            let fields = &mut fields[..width * count];
            linalg::multiply_transposed(block, weighted, fields, stride);
            let columns = fields.chunks_exact_mut(width).zip(kept.chunks_exact(2 * stride));
            for ((fields, kept), (state, next)) in
                columns.zip(states.columns().zip(next.columns_mut()))
            {
                let tie = self.tie(kept) * n as f64;
                let range = start..start + width;
                let own = self.diagonal[range.clone()].iter().zip(&state[range.clone()]);
                for ((h, (d, s)), next) in fields.iter_mut().zip(own).zip(&mut next[range]) {
                    *next = align(*s, h.to_f64() - d * s, tie);
                    *h = T::from_f64(*next);
                }
            }
            // The patterns of these neurons are still in the cache.
            linalg::multiply(block, fields, partial, stride);
            for (kept, partial) in
                kept.chunks_exact_mut(2 * stride).zip(partial.chunks_exact(stride))
            {
                add_to(&mut kept[stride..], partial);
            }
        }
    }

    fn advance(&self, _: Batch<'_>, kept: &mut [f64], _: &mut Workspace<T>) {
        let stride = self.weights.len();
        kept.chunks_exact_mut(2 * stride).for_each(|kept| kept.copy_within(stride.., 0));
    }
}

fn add_to<T: Real>(sums: &mut [f64], partial: &[T]) {
    sums.iter_mut().zip(partial).for_each(|(sum, p)| *sum += p.to_f64());
}

impl Energy for LowRankHopfield {
    fn dim(&self) -> usize {
        self.diagonal.len()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (overlaps, _) = ws.take(self.weights.len());
        linalg::multiply(&self.rows, x, overlaps, self.weights.len());
        self.energy_kept(x, overlaps)
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let stride = self.weights.len();
        let (overlaps, _) = ws.take(stride * x.count());
        linalg::multiply(&self.rows, x.as_slice(), overlaps, stride);
        for ((out, x), overlaps) in out.iter_mut().zip(x.columns()).zip(overlaps.chunks(stride)) {
            *out = self.energy_kept(x, overlaps);
        }
    }
}

impl Gradient for LowRankHopfield {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.slopes(x, out, ws);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.slopes(x.as_slice(), out.as_mut_slice(), ws);
    }
}

impl LowRankHopfield {
    /// `∇E` of every state, one after the other: two products.
    fn slopes(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (n, stride) = (self.diagonal.len(), self.weights.len());
        let (overlaps, _) = ws.take(stride * (x.len() / n));
        linalg::multiply(&self.rows, x, overlaps, stride);
        for overlaps in overlaps.chunks_exact_mut(stride) {
            overlaps.iter_mut().zip(&self.weights).for_each(|(m, d)| *m *= d);
        }
        linalg::multiply_transposed(&self.rows, overlaps, out, stride);
        let scale = 1.0 / n as f64;
        for (out, x) in out.chunks_exact_mut(n).zip(x.chunks_exact(n)) {
            for ((g, d), x) in out.iter_mut().zip(&self.diagonal).zip(x) {
                *g = scale * (d * x - *g);
            }
        }
    }
}

impl Curvature for LowRankHopfield {
    fn hessian_vec(&self, _: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.gradient(v, out, ws);
    }
}
