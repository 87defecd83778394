//! Patterns of ±1 at a bit an entry.
//!
//! ```text
//! ξ·σ = N − 2d,      d = popcount(ξ ⊕ σ),  the Hamming distance
//! ```
//!
//! A set bit means −1. The bits are kept twice, by patterns and by neurons: the
//! distances of a state from all patterns read the one, the change of a neuron
//! reads the other. Both together are two bits an entry, against 64 of `f64`.
//!
//! Binary data of 0 and 1 are stored as `2b − 1`; shift and scale change the
//! energy of a dense memory, so no model here takes 0 and 1 as they are.

use ebm_core::random::stream;
use ebm_core::{Batch, Real, validate};
use rand::Rng;
use rayon::prelude::*;

use crate::{Error, Patterns, patterns};

/// Bits of a word.
const WORD: usize = 64;

/// `K` patterns of `N` signs, two bits an entry.
///
/// ```
/// use ebm_memory::{Patterns, SignPatterns};
/// let patterns = Patterns::random_signs(100, 1000, 1)?;
/// let bits = SignPatterns::new(&patterns)?;
/// let mut cue = patterns.pattern(7).to_vec();
/// cue[..20].iter_mut().for_each(|s| *s = -*s);
/// let found = bits.closest(ebm_memory::Batch::single(&cue)?)?[0];
/// assert_eq!((found.pattern, found.distance), (7, 20));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Bits"))]
pub struct SignPatterns {
    dim: usize,
    count: usize,
    /// Pattern after pattern, each in whole words.
    rows: Vec<u64>,
    /// Neuron after neuron, each in whole words.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    columns: Vec<u64>,
}

/// The stored pattern closest to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Match {
    /// Its position; the first one of several at the same distance.
    pub pattern: usize,
    /// Neurons in which it differs from the state: `ξ·σ = N − 2 distance`.
    pub distance: usize,
    /// By how many neurons the runner-up differs more; zero in a draw, nothing
    /// if there is no other pattern.
    pub margin: Option<usize>,
}

impl SignPatterns {
    /// Packs ±1 patterns.
    ///
    /// # Errors
    /// If an entry is not ±1, or there is no memory for the bits.
    pub fn new<T: Real>(patterns: &Patterns<T>) -> Result<Self, Error> {
        patterns.check_signs()?;
        let (dim, count) = (patterns.dim(), patterns.count());
        let mut rows = patterns::allocate(dim.div_ceil(WORD), count)?;
        for pattern in patterns.as_batch().columns() {
            rows.extend(pattern.chunks(WORD).map(pack_word));
        }
        Self::from_rows(dim, count, rows)
    }

    /// The patterns of [`Patterns::random_signs`], without an intermediate
    /// copy of eight bytes an entry.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, or the bits do not fit into memory.
    pub fn random(dim: usize, count: usize, seed: u64) -> Result<Self, Error> {
        let words = dim.div_ceil(WORD);
        let mut rows = patterns::allocate(words, count)?;
        for mu in 0..count {
            let mut rng = stream(seed, mu as u64);
            rows.extend((0..words).map(|_| !rng.next_u64()));
        }
        // Bits beyond the last neuron count in no distance.
        if !dim.is_multiple_of(WORD) {
            for row in rows.chunks_exact_mut(words) {
                row[words - 1] &= (1 << (dim % WORD)) - 1;
            }
        }
        Self::from_rows(dim, count, rows)
    }

    fn from_rows(dim: usize, count: usize, rows: Vec<u64>) -> Result<Self, Error> {
        let width = count.div_ceil(WORD);
        let mut columns = patterns::allocate(dim, width)?;
        columns.resize(dim * width, 0);
        for (mu, row) in rows.chunks_exact(dim.div_ceil(WORD)).enumerate() {
            for (block, word) in row.iter().enumerate() {
                let mut left = *word;
                while left != 0 {
                    let i = block * WORD + left.trailing_zeros() as usize;
                    columns[i * width + mu / WORD] |= 1 << (mu % WORD);
                    left &= left - 1;
                }
            }
        }
        Ok(Self { dim, count, rows, columns })
    }

    /// Length `N` of each pattern.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number `K` of patterns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The patterns as numbers.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn to_patterns<T: Real>(&self) -> Result<Patterns<T>, Error> {
        let mut data = patterns::allocate(self.dim, self.count)?;
        for row in self.rows() {
            data.extend(
                (0..self.dim)
                    .map(|i| if row[i / WORD] >> (i % WORD) & 1 == 1 { -T::ONE } else { T::ONE }),
            );
        }
        Patterns::new(data, self.dim)
    }

    /// Appends a ±1 pattern.
    ///
    /// ```
    /// use ebm_memory::{Patterns, SignPatterns};
    /// let numbers = Patterns::random_signs(100, 65, 1)?;
    /// let mut bits = SignPatterns::random(100, 64, 1)?;
    /// bits.push(numbers.pattern(64))?;
    /// assert_eq!(bits, SignPatterns::new(&numbers)?);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it has another length or is not ±1, or there is no memory for it.
    /// Nothing is changed then.
    pub fn push<T: Real>(&mut self, pattern: &[T]) -> Result<(), Error> {
        validate::dimension("pattern", self.dim, pattern.len())?;
        patterns::check_signs("pattern", Batch::single(pattern)?)?;
        let (words, width) = (self.dim.div_ceil(WORD), self.count.div_ceil(WORD));
        let bytes = words.saturating_mul(size_of::<u64>());
        self.rows
            .try_reserve(words)
            .map_err(|_| ebm_core::Error::Allocation { what: "patterns", bytes })?;
        if self.count == width * WORD {
            self.columns = self.columns_of(width + 1, |column| column.to_vec())?;
        }
        let width = (self.count + 1).div_ceil(WORD);
        for (column, sign) in self.columns.chunks_exact_mut(width).zip(pattern) {
            column[self.count / WORD] |= u64::from(*sign < T::ZERO) << (self.count % WORD);
        }
        self.rows.extend(pattern.chunks(WORD).map(pack_word));
        self.count += 1;
        Ok(())
    }

    /// Removes pattern `index`; those after it move up by one.
    ///
    /// # Errors
    /// If there is no such pattern or no other, or no memory for the bits.
    /// Nothing is changed then.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        patterns::check_removal(index, self.count)?;
        let (block, low) = (index / WORD, (1 << (index % WORD)) - 1);
        self.columns = self.columns_of((self.count - 1).div_ceil(WORD), |column| {
            let mut column = column.to_vec();
            // Bits above the one removed move down, across words.
            for k in block..column.len() {
                let kept = if k == block { column[k] & low } else { 0 };
                let above = if k == block { (column[k] >> 1) & !low } else { column[k] >> 1 };
                let next = column.get(k + 1).map_or(0, |word| word << (WORD - 1));
                column[k] = kept | above | next;
            }
            column
        })?;
        let words = self.dim.div_ceil(WORD);
        self.rows.drain(index * words..(index + 1) * words);
        self.count -= 1;
        Ok(())
    }

    /// The signs of every neuron, changed, in `width` words each.
    fn columns_of(
        &self,
        width: usize,
        change: impl Fn(&[u64]) -> Vec<u64>,
    ) -> Result<Vec<u64>, Error> {
        let mut columns = patterns::allocate(self.dim, width)?;
        for i in 0..self.dim {
            let mut column = change(self.column(i));
            column.resize(width, 0);
            columns.extend(column);
        }
        Ok(columns)
    }

    /// The closest pattern of every state, and how clearly it is the closest,
    /// in parallel.
    ///
    /// # Errors
    /// If the states are of another dimension than the patterns or not ±1.
    pub fn closest<T: Real>(&self, states: Batch<'_, T>) -> Result<Vec<Match>, Error> {
        validate::dimension("states", self.dim, states.dim())?;
        patterns::check_signs("state", states)?;
        let find = |bits: &mut Vec<u64>, j: usize| {
            bits.clear();
            bits.extend(states.column(j).chunks(WORD).map(pack_word));
            let (mut best, mut second) = ((0, usize::MAX), usize::MAX);
            for (mu, row) in self.rows().enumerate() {
                let d = distance(row, bits);
                if d < best.1 {
                    (second, best) = (best.1, (mu, d));
                } else if d < second {
                    second = d;
                }
            }
            let margin = (self.count > 1).then(|| second - best.1);
            Match { pattern: best.0, distance: best.1, margin }
        };
        Ok((0..states.count()).into_par_iter().map_init(Vec::new, find).collect())
    }

    /// Pattern `μ` of `self` above pattern `μ` of `below`, for all `μ`.
    ///
    /// # Errors
    /// If there are not as many of both, or there is no memory for them.
    pub fn stacked(&self, below: &Self) -> Result<Self, Error> {
        validate::dimension("number of patterns below", self.count, below.count)?;
        let dim = self.dim.saturating_add(below.dim);
        let words = dim.div_ceil(WORD);
        let mut rows = patterns::allocate(words, self.count)?;
        rows.resize(words * self.count, 0);
        let (first, shift) = (self.dim / WORD, self.dim % WORD);
        for ((row, a), b) in rows.chunks_exact_mut(words).zip(self.rows()).zip(below.rows()) {
            row[..a.len()].copy_from_slice(a);
            for (k, word) in b.iter().enumerate() {
                row[first + k] |= word << shift;
                if shift > 0 && first + k + 1 < words {
                    row[first + k + 1] |= word >> (WORD - shift);
                }
            }
        }
        Self::from_rows(dim, self.count, rows)
    }

    /// From the entries, pattern after pattern: whether each is −1.
    #[cfg(feature = "safetensors")]
    pub(crate) fn from_entries(
        dim: usize,
        count: usize,
        mut entry: impl FnMut(usize) -> Result<bool, Error>,
    ) -> Result<Self, Error> {
        let words = dim.div_ceil(WORD);
        let mut rows = patterns::allocate(words, count)?;
        rows.resize(words * count, 0);
        for (mu, row) in rows.chunks_exact_mut(words).enumerate() {
            for i in 0..dim {
                row[i / WORD] |= u64::from(entry(mu * dim + i)?) << (i % WORD);
            }
        }
        Self::from_rows(dim, count, rows)
    }

    /// Shows every entry, pattern after pattern: whether it is −1.
    #[cfg(feature = "safetensors")]
    pub(crate) fn for_each_entry(&self, mut show: impl FnMut(bool)) {
        for row in self.rows() {
            (0..self.dim).for_each(|i| show(row[i / WORD] >> (i % WORD) & 1 == 1));
        }
    }

    /// The first pattern that does not begin `joint`'s of the same number, and
    /// go on there; the first of all if it is no shorter.
    #[cfg(feature = "serde")]
    pub(super) fn first_not_above(&self, joint: &Self) -> Option<usize> {
        if joint.dim <= self.dim {
            return Some(0);
        }
        let (whole, rest) = (self.dim / WORD, self.dim % WORD);
        let differs = |(a, b): (&[u64], &[u64])| {
            let cut = (1 << rest) - 1;
            a[..whole] != b[..whole] || rest > 0 && a[whole] != b[whole] & cut
        };
        self.rows().zip(joint.rows()).position(differs)
    }

    /// Pattern after pattern.
    fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.rows.chunks_exact(self.dim.div_ceil(WORD))
    }

    /// Signs of neuron `i`, pattern after pattern.
    pub(super) fn column(&self, i: usize) -> &[u64] {
        let width = self.count.div_ceil(WORD);
        &self.columns[i * width..(i + 1) * width]
    }

    /// Hamming distances of a ±1 state from all patterns, as numbers.
    pub(super) fn distances(&self, state: &[f64], bits: &mut Vec<u64>, out: &mut [f64]) {
        bits.clear();
        bits.extend(state.chunks(WORD).map(pack_word));
        for (out, row) in out.iter_mut().zip(self.rows()) {
            *out = distance(row, bits) as f64;
        }
    }

    /// `ξ^μ·x` for all patterns and any real `x`.
    pub(super) fn overlaps(&self, x: &[f64], out: &mut [f64]) {
        for (out, row) in out.iter_mut().zip(self.rows()) {
            // Four sums, as one would wait for each addition in turn.
            let mut sums = [0.0; 4];
            for (word, x) in row.iter().zip(x.chunks(WORD)) {
                let mut word = *word;
                for x in x.chunks(4) {
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum += signed(*x, word);
                        word >>= 1;
                    }
                }
            }
            *out = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
    }

    /// `Σ_μ w_μ ξ^μ`.
    pub(super) fn combine(&self, weights: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (weight, row) in weights.iter().zip(self.rows()) {
            for (word, out) in row.iter().zip(out.chunks_mut(WORD)) {
                let mut word = *word;
                for out in out {
                    *out += signed(*weight, word);
                    word >>= 1;
                }
            }
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::Bits> for SignPatterns {
    type Error = Error;

    fn try_from(written: crate::serialized::Bits) -> Result<Self, Error> {
        let crate::serialized::Bits { dim, count, rows } = written;
        let what = "words of the patterns";
        if dim == 0 || count == 0 {
            return Err(ebm_core::Error::Empty { what }.into());
        }
        let words = dim.div_ceil(WORD);
        validate::dimension(what, words.saturating_mul(count), rows.len())?;
        if !dim.is_multiple_of(WORD) {
            let beyond = |index: &usize| rows[*index] >> (dim % WORD) != 0;
            if let Some(index) = (words - 1..rows.len()).step_by(words).find(beyond) {
                let (expected, value) = ("no bit beyond the last neuron", rows[index] as f64);
                return Err(ebm_core::Error::Entry { what, index, expected, value }.into());
            }
        }
        Self::from_rows(dim, count, rows)
    }
}

/// `x`, or `−x` where the lowest bit is set.
pub(super) fn signed(x: f64, bit: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ (bit << 63))
}

fn pack_word<T: Real>(signs: &[T]) -> u64 {
    signs.iter().rev().fold(0, |word, s| word << 1 | u64::from(*s < T::ZERO))
}

fn distance(a: &[u64], b: &[u64]) -> usize {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn random_bits_are_the_random_signs() {
        for (dim, count) in [(1, 1), (63, 3), (64, 64), (65, 130), (200, 5)] {
            let patterns = Patterns::random_signs(dim, count, 3).unwrap();
            let bits = SignPatterns::random(dim, count, 3).unwrap();
            assert_eq!(bits, SignPatterns::new(&patterns).unwrap());
            assert_eq!(bits.to_patterns::<f64>().unwrap(), patterns);
        }
    }

    #[test]
    fn stacks_across_words() {
        for (above, below) in [(1, 1), (64, 3), (63, 65), (70, 130), (5, 59), (128, 64)] {
            let a = SignPatterns::random(above, 70, 3).unwrap();
            let b = SignPatterns::random(below, 70, 4).unwrap();
            let both: Patterns = a.stacked(&b).unwrap().to_patterns().unwrap();
            let (a, b): (Patterns, Patterns) = (a.to_patterns().unwrap(), b.to_patterns().unwrap());
            for mu in 0..70 {
                assert_eq!(both.pattern(mu), [a.pattern(mu), b.pattern(mu)].concat());
            }
            assert_eq!(SignPatterns::new(&both).unwrap().columns.len(), 2 * (above + below));
        }
        let (two, three) = (SignPatterns::random(4, 2, 1), SignPatterns::random(4, 3, 1));
        assert!(two.unwrap().stacked(&three.unwrap()).is_err());
    }

    #[test]
    fn rejects_what_is_not_signs() {
        assert!(SignPatterns::random(0, 3, 1).is_err());
        assert!(SignPatterns::random(3, 0, 1).is_err());
        assert!(SignPatterns::random(usize::MAX, usize::MAX, 1).is_err());
        let bad = Patterns::new(vec![1.0, -1.0, 0.0, 1.0], 2).unwrap();
        assert!(matches!(SignPatterns::new(&bad), Err(Error::NotSign { column: 1, .. })));
        let bits = SignPatterns::random(4, 2, 1).unwrap();
        assert!(SignPatterns::random(4, 1, 1).unwrap().remove(0).is_err());
        assert!(bits.closest(Batch::single(&[1.0; 3]).unwrap()).is_err());
        assert!(bits.closest(Batch::single(&[1.0, 1.0, f64::NAN, 1.0]).unwrap()).is_err());
        assert_eq!(bits.closest(Batch::<f64>::new(&[], 4).unwrap()).unwrap(), []);
    }

    #[test]
    fn a_single_pattern_has_no_runner_up() {
        let one = SignPatterns::random(9, 1, 1).unwrap();
        let found = one.closest(one.to_patterns::<f32>().unwrap().as_batch()).unwrap();
        assert_eq!(found, [Match { pattern: 0, distance: 0, margin: None }]);
    }

    proptest! {
        #[test]
        fn patterns_come_and_go_without_a_trace(
            seed: u64, dim in 1_usize..150, count in 2_usize..200, out in 0_usize..200,
        ) {
            let numbers = Patterns::random_signs(dim, count, seed).unwrap();
            let mut bits = SignPatterns::new(&numbers.subset(&[0]).unwrap()).unwrap();
            for pattern in numbers.iter().skip(1) {
                bits.push(pattern).unwrap();
            }
            prop_assert_eq!(&bits, &SignPatterns::new(&numbers).unwrap());
            let out = out % count;
            bits.remove(out).unwrap();
            let rest: Vec<usize> = (0..count).filter(|mu| *mu != out).collect();
            let rest = SignPatterns::new(&numbers.subset(&rest).unwrap()).unwrap();
            prop_assert_eq!(&bits, &rest);
            prop_assert!(bits.push(&vec![1.0; dim + 1]).is_err());
            prop_assert!(bits.push(&vec![0.5_f32; dim]).is_err());
            prop_assert!(bits.remove(count - 1).is_err());
            prop_assert_eq!(bits, rest);
        }

        #[test]
        fn bits_agree_with_numbers(
            seed: u64, dim in 1_usize..150, count in 1_usize..150,
        ) {
            let patterns = Patterns::random_signs(dim, count, seed).unwrap();
            let bits = SignPatterns::new(&patterns).unwrap();
            let state = Patterns::random_signs(dim, 1, !seed).unwrap();
            let mut distances = vec![0.0; count];
            bits.distances(state.pattern(0), &mut vec![], &mut distances);
            let mut overlaps = vec![0.0; count];
            bits.overlaps(state.pattern(0), &mut overlaps);
            let mut sums = vec![0.0; dim];
            for (mu, pattern) in patterns.as_batch().columns().enumerate() {
                let dot: f64 = pattern.iter().zip(state.pattern(0)).map(|(p, s)| p * s).sum();
                prop_assert_eq!(overlaps[mu], dot);
                prop_assert_eq!(dim as f64 - 2.0 * distances[mu], dot);
                for (i, p) in pattern.iter().enumerate() {
                    sums[i] += mu as f64 * p;
                    let bit = bits.column(i)[mu / 64] >> (mu % 64) & 1;
                    prop_assert_eq!(signed(1.0, bit), *p);
                }
            }
            let weights: Vec<f64> = (0..count).map(|mu| mu as f64).collect();
            let mut combined = vec![0.0; dim];
            bits.combine(&weights, &mut combined);
            prop_assert_eq!(combined, sums);
            let mut sorted = distances.clone();
            sorted.sort_by(f64::total_cmp);
            let found = bits.closest(state.as_batch()).unwrap()[0];
            prop_assert_eq!(found.distance as f64, sorted[0]);
            prop_assert_eq!(distances.iter().position(|d| *d == sorted[0]), Some(found.pattern));
            let margin = found.margin.map(|m| m as f64);
            prop_assert_eq!(margin, sorted.get(1).map(|second| second - sorted[0]));
        }
    }
}
