//! Stored patterns: `K` vectors of length `N`, one a column.
//!
//! ```text
//! Ξ = [ξ¹ … ξᴷ] ∈ ℝᴺˣᴷ,      overlap  m_μ(x) = ξ^μ·x / N
//! ```
//!
//! For ±1 patterns and states the overlap is one minus twice the fraction of
//! entries that differ.

use std::slice::ChunksExact;

use ebm_core::random::{fill_normal, fill_signs, stream};
use ebm_core::{Batch, Real, validate};
use rand::{Rng, RngExt};

use crate::{Error, checks};

/// `K` finite vectors of length `N`, validated once, in `f64` or, for half the
/// memory, in `f32`.
///
/// ```
/// use ebm_memory::Patterns;
/// let patterns = Patterns::new(vec![1.0, -1.0, 1.0, 1.0, 1.0, -1.0], 3)?;
/// assert_eq!((patterns.dim(), patterns.count()), (3, 2));
/// assert_eq!(patterns.overlap(1, &[1.0, 1.0, 1.0]), 1.0 / 3.0);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::PatternsData<T>",
        bound(deserialize = "T: ebm_core::Real + serde::Deserialize<'de>")
    )
)]
pub struct Patterns<T = f64> {
    data: Vec<T>,
    dim: usize,
}

impl Patterns {
    /// `count` patterns of `dim` independent fair signs ±1; pattern `μ` comes
    /// from stream `μ` of `seed`.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, or the patterns do not fit into memory.
    pub fn random_signs(dim: usize, count: usize, seed: u64) -> Result<Self, Error> {
        let mut data = allocate(dim, count)?;
        for mu in 0..count {
            let mut rng = stream(seed, mu as u64);
            let mut bits = 0;
            for i in 0..dim {
                if i % 64 == 0 {
                    bits = rng.next_u64();
                }
                data.push(if bits & 1 == 1 { 1.0 } else { -1.0 });
                bits >>= 1;
            }
        }
        Self::new(data, dim)
    }

    /// `count` patterns of `dim` independent signs with mean `bias`: `+1` with
    /// probability `(1 + bias)/2`. Two of them overlap by `bias²` on average.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, `bias` is not in `[−1, 1]`, or the patterns
    /// do not fit into memory.
    pub fn biased_signs(dim: usize, count: usize, bias: f64, seed: u64) -> Result<Self, Error> {
        check_mean("bias of the patterns", bias)?;
        let mut data = allocate(dim, count)?;
        for mu in 0..count {
            let mut rng = stream(seed, mu as u64);
            data.extend((0..dim).map(|_| sign(&mut rng, bias)));
        }
        Self::new(data, dim)
    }

    /// `count` patterns of signs around one random prototype: each entry
    /// agrees with the prototype's with probability `(1 + overlap)/2`, so that
    /// every pattern overlaps with it by `overlap`, and with every other
    /// pattern by `overlap²`, on average. Biased patterns in a random gauge.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, `overlap` is not in `[−1, 1]`, or the
    /// patterns do not fit into memory.
    pub fn correlated_signs(
        dim: usize,
        count: usize,
        overlap: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        let mut patterns = Self::biased_signs(dim, count, overlap, seed)?;
        // No pattern has this stream.
        let mut prototype = vec![0.0; dim];
        fill_signs(&mut stream(seed, u64::MAX), &mut prototype);
        for pattern in patterns.data.chunks_exact_mut(dim) {
            pattern.iter_mut().zip(&prototype).for_each(|(x, p)| *x *= p);
        }
        Ok(patterns)
    }

    /// `count` patterns drawn uniformly from the sphere of radius `√dim`, the
    /// one that ±1 patterns lie on.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, or the patterns do not fit into memory.
    pub fn spherical(dim: usize, count: usize, seed: u64) -> Result<Self, Error> {
        let mut data = allocate(dim, count)?;
        data.resize(dim * count, 0.0);
        for (mu, pattern) in (0..).zip(data.chunks_exact_mut(dim)) {
            fill_normal(&mut stream(seed, mu), pattern);
            let norm = pattern.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = (dim as f64).sqrt() / norm;
            pattern.iter_mut().for_each(|x| *x *= scale);
        }
        Self::new(data, dim)
    }

    /// `count` patterns of `dim` independent standard normal numbers, of norm
    /// about `√dim`; pattern `μ` comes from stream `μ` of `seed`.
    ///
    /// # Errors
    /// If `dim` or `count` is zero, or the patterns do not fit into memory.
    pub fn gaussian(dim: usize, count: usize, seed: u64) -> Result<Self, Error> {
        let mut data = allocate(dim, count)?;
        data.resize(dim * count, 0.0);
        for (mu, pattern) in (0..).zip(data.chunks_exact_mut(dim)) {
            fill_normal(&mut stream(seed, mu), pattern);
        }
        Self::new(data, dim)
    }
}

/// A sign with the given mean.
fn sign(rng: &mut impl Rng, mean: f64) -> f64 {
    if rng.random::<f64>() < 0.5 * (1.0 + mean) { 1.0 } else { -1.0 }
}

/// A mean of signs lies between −1 and 1.
fn check_mean(what: &'static str, mean: f64) -> Result<(), Error> {
    if (-1.0..=1.0).contains(&mean) {
        return Ok(());
    }
    Err(ebm_core::Error::Parameter { what, expected: "-1 to 1", value: mean }.into())
}

impl<T: Real> Patterns<T> {
    /// Patterns of length `dim`, one after the other in `data`.
    ///
    /// # Errors
    /// If `dim` is zero, `data` is empty or not a multiple of `dim` long, or
    /// an entry is not finite.
    pub fn new(data: Vec<T>, dim: usize) -> Result<Self, Error> {
        let what = "patterns";
        if data.is_empty() {
            return Err(ebm_core::Error::Empty { what }.into());
        }
        validate::at_least_one("dimension of the patterns", dim)?;
        if !data.len().is_multiple_of(dim) {
            return Err(ebm_core::Error::Ragged { what, length: data.len(), dim }.into());
        }
        checks::finite("pattern", Batch::new(&data, dim)?)?;
        Ok(Self { data, dim })
    }

    /// Patterns of length `dim` from bits, one after the other: `2b − 1`.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// let patterns = Patterns::<f64>::from_bits(&[true, false, true, true], 2)?;
    /// assert_eq!(patterns.pattern(0), [1.0, -1.0]);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `dim` is zero, there are no bits, or their number is no multiple of
    /// `dim`, or there is no memory for the numbers.
    pub fn from_bits(bits: &[bool], dim: usize) -> Result<Self, Error> {
        let mut data = allocate(1, bits.len())?;
        data.extend(bits.iter().map(|bit| if *bit { T::ONE } else { -T::ONE }));
        Self::new(data, dim)
    }

    /// From patterns of 0 and 1, as files of binary data hold them, to signs:
    /// `2x − 1`.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// let binary = Patterns::new(vec![0.0, 1.0, 1.0, 1.0], 2)?;
    /// assert_eq!(binary.to_signs()?.pattern(0), [-1.0, 1.0]);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an entry is not 0 or 1, or there is no memory for the signs.
    pub fn to_signs(&self) -> Result<Self, Error> {
        let mut data = allocate(self.dim, self.count())?;
        for (index, x) in self.data.iter().enumerate() {
            if *x != T::ZERO && *x != T::ONE {
                let (what, value) = ("patterns", x.to_f64());
                return Err(Error::Level { what, index, value, max: 1 });
            }
            data.push(*x + *x - T::ONE);
        }
        Self::new(data, self.dim)
    }

    /// Length `N` of each pattern.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number `K` of patterns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Pattern `mu`.
    ///
    /// # Panics
    /// If `mu` is not below [`count`](Self::count), as slice indexing does.
    #[must_use]
    pub fn pattern(&self, mu: usize) -> &[T] {
        &self.data[mu * self.dim..(mu + 1) * self.dim]
    }

    /// The patterns by themselves, one after the other.
    #[must_use]
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// All patterns as the columns of a batch.
    #[must_use]
    pub fn as_batch(&self) -> Batch<'_, T> {
        Batch::new(&self.data, self.dim).expect("validated on construction")
    }

    /// The patterns, one after the other.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// let patterns = Patterns::random_signs(4, 3, 1)?;
    /// assert!(patterns.iter().all(|pattern| pattern.len() == 4));
    /// assert_eq!((&patterns).into_iter().len(), 3);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    pub fn iter(&self) -> ChunksExact<'_, T> {
        self.data.chunks_exact(self.dim)
    }

    /// Appends a pattern.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// let mut patterns = Patterns::new(vec![1.0, 2.0], 2)?;
    /// patterns.push(&[3.0, 4.0])?;
    /// patterns.remove(0)?;
    /// assert_eq!(patterns, Patterns::new(vec![3.0, 4.0], 2)?);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it has another length or is not finite, or there is no memory for it.
    /// Nothing is changed then.
    pub fn push(&mut self, pattern: &[T]) -> Result<(), Error> {
        validate::dimension("pattern", self.dim, pattern.len())?;
        validate::finite("pattern", pattern)?;
        self.append(pattern)
    }

    /// Appends all `patterns`, in their order.
    ///
    /// # Errors
    /// If they have another length or are not finite, or there is no memory for
    /// them. Nothing is changed then.
    pub fn extend(&mut self, patterns: Batch<'_, T>) -> Result<(), Error> {
        validate::dimension("patterns", self.dim, patterns.dim())?;
        validate::finite("patterns", patterns.as_slice())?;
        self.append(patterns.as_slice())
    }

    fn append(&mut self, data: &[T]) -> Result<(), Error> {
        let (what, bytes) = ("patterns", size_of_val(data));
        self.data
            .try_reserve(data.len())
            .map_err(|_| ebm_core::Error::Allocation { what, bytes })?;
        self.data.extend_from_slice(data);
        Ok(())
    }

    /// Keeps the first `count ≥ 1` patterns.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.data.truncate(count * self.dim);
    }

    /// Removes pattern `index`; those after it move up by one.
    ///
    /// # Errors
    /// If there is no such pattern or no other.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        check_removal(index, self.count())?;
        self.data.drain(index * self.dim..(index + 1) * self.dim);
        Ok(())
    }

    /// The patterns at `indices`, in that order.
    ///
    /// # Errors
    /// If `indices` is empty or one of them is out of range, or there is no
    /// memory for the copies.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, Error> {
        if indices.is_empty() {
            return Err(ebm_core::Error::Empty { what: "list of indices" }.into());
        }
        let mut data = allocate(self.dim, indices.len())?;
        for &index in indices {
            if index >= self.count() {
                let what = "pattern of the subset";
                return Err(ebm_core::Error::OutOfRange { what, index, bound: self.count() }.into());
            }
            data.extend_from_slice(self.pattern(index));
        }
        Self::new(data, self.dim)
    }

    /// `m_μ(x) = ξ^μ·x / N`.
    ///
    /// # Panics
    /// If `mu` is not below [`count`](Self::count), or `x` has another length
    /// than the patterns.
    #[must_use]
    pub fn overlap(&self, mu: usize, x: &[T]) -> f64 {
        assert_eq!(x.len(), self.dim, "a state has the length of the patterns");
        let dot: T = self.pattern(mu).iter().zip(x).map(|(p, x)| *p * *x).sum();
        dot.to_f64() / self.dim as f64
    }

    /// The pattern of largest overlap with `x`, and that overlap; the first
    /// one of several. The sign counts: the inverse of a pattern, as stable as the
    /// pattern in networks without fields, has overlap −1 with it and is not found.
    ///
    /// # Panics
    /// If `x` has another length than the patterns.
    #[must_use]
    pub fn best_overlap(&self, x: &[T]) -> (usize, f64) {
        let mut best = (0, self.overlap(0, x));
        for mu in 1..self.count() {
            let overlap = self.overlap(mu, x);
            if overlap > best.1 {
                best = (mu, overlap);
            }
        }
        best
    }

    /// Mean overlap of a recall of the patterns, `(1/M) Σ_μ ξ^μ·x^μ / N` over
    /// `M ≤ K` states, of which the first belongs to the first pattern, and so on.
    ///
    /// ```
    /// use ebm_memory::{Corruption, Patterns, corrupt};
    /// let patterns = Patterns::random_signs(100, 30, 1)?;
    /// let cues = corrupt(patterns.as_batch(), 0.1, Corruption::FlipSign, 2)?;
    /// assert!((patterns.mean_overlap(cues.as_batch())? - 0.8).abs() < 1e-12);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no states or more than patterns, or they have another length.
    pub fn mean_overlap(&self, states: Batch<'_, T>) -> Result<f64, Error> {
        validate::dimension("states", self.dim, states.dim())?;
        if states.count() == 0 {
            return Err(ebm_core::Error::Empty { what: "states" }.into());
        }
        if states.count() > self.count() {
            let (what, size, limit) = ("number of states", states.count(), self.count());
            return Err(ebm_core::Error::TooLarge { what, size, limit }.into());
        }
        let overlaps = states.columns().enumerate().map(|(mu, x)| self.overlap(mu, x));
        Ok(overlaps.sum::<f64>() / states.count() as f64)
    }

    /// The same patterns in another precision, rounded to nearest.
    ///
    /// # Errors
    /// If an entry overflows in the new precision, or there is no memory.
    pub fn to_precision<U: Real>(&self) -> Result<Patterns<U>, Error> {
        let mut data = allocate(self.dim, self.count())?;
        data.extend(self.data.iter().map(|x| U::from_f64(x.to_f64())));
        Patterns::new(data, self.dim)
    }

    /// Checks that every entry is −1 or +1.
    ///
    /// # Errors
    /// [`Error::NotSign`] with the first offender.
    pub fn check_signs(&self) -> Result<(), Error> {
        check_signs("pattern", self.as_batch())
    }
}

impl<'a, T: Real> IntoIterator for &'a Patterns<T> {
    type Item = &'a [T];
    type IntoIter = ChunksExact<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Pattern `index` of `count` can be removed: it exists, and it is not the only
/// one.
pub(crate) fn check_removal(index: usize, count: usize) -> Result<(), Error> {
    if index >= count {
        let what = "pattern to remove";
        return Err(ebm_core::Error::OutOfRange { what, index, bound: count }.into());
    }
    if count == 1 {
        return Err(ebm_core::Error::Empty { what: "rest of the patterns" }.into());
    }
    Ok(())
}

/// Every entry of `states` must be −1 or +1.
pub(crate) fn check_signs<T: Real>(what: &'static str, states: Batch<'_, T>) -> Result<(), Error> {
    for (column, state) in states.columns().enumerate() {
        if let Some(index) = state.iter().position(|s| Real::abs(*s) != T::ONE) {
            let value = state[index].to_f64();
            return Err(Error::NotSign { what, column, index, value });
        }
    }
    Ok(())
}

/// Room for `count` patterns of length `dim`, or an error where there is none.
pub(crate) fn allocate<T>(dim: usize, count: usize) -> Result<Vec<T>, Error> {
    allocate_for("patterns", dim, count)
}

/// Room for `dim × count` entries, or an error where there is none.
pub(crate) fn allocate_for<T>(
    what: &'static str,
    dim: usize,
    count: usize,
) -> Result<Vec<T>, Error> {
    if dim == 0 || count == 0 {
        return Err(ebm_core::Error::Empty { what }.into());
    }
    let mut data = Vec::new();
    let size = dim.saturating_mul(count);
    match data.try_reserve_exact(size) {
        Ok(()) => Ok(data),
        Err(_) => {
            let bytes = size.saturating_mul(size_of::<T>());
            Err(ebm_core::Error::Allocation { what, bytes }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_what_is_not_a_set_of_patterns() {
        assert!(Patterns::<f64>::new(vec![], 3).is_err());
        assert!(Patterns::new(vec![1.0], 0).is_err());
        assert!(Patterns::new(vec![1.0; 4], 3).is_err());
        let message = Patterns::new(vec![1.0, f64::NAN], 2).unwrap_err().to_string();
        assert_eq!(message, "pattern 0: entry 1 is NaN, expected a finite number");
        let message = |data: Vec<f64>, dim| Patterns::new(data, dim).unwrap_err().to_string();
        assert_eq!(
            message(vec![1.0, 2.0, 3.0, f64::INFINITY], 2),
            "pattern 1: entry 1 is inf, expected a finite number"
        );
        assert_eq!(
            message(vec![1.0; 7], 3),
            "patterns: length 7 is not a multiple of the dimension 3"
        );
        assert_eq!(
            message(vec![1.0; 7], 0),
            "dimension of the patterns is 0, expected an integer >= 1"
        );
        assert_eq!(message(vec![], 3), "patterns is empty");
        assert!(Patterns::random_signs(0, 3, 1).is_err());
        let message = Patterns::random_signs(usize::MAX, 2, 1).unwrap_err().to_string();
        assert!(message.starts_with("patterns: cannot allocate "), "{message}");
        let two = Patterns::new(vec![1.0, -1.0, 1.0, 0.5], 2).unwrap();
        assert_eq!(
            two.check_signs().unwrap_err().to_string(),
            "pattern 1: entry 1 is 0.5, expected -1 or +1"
        );
        assert!(two.subset(&[2]).is_err());
        let message = two.subset(&[]).unwrap_err().to_string();
        assert_eq!(message, "list of indices is empty");
        let bits = Patterns::new(vec![1.0, 0.0], 2).unwrap();
        let message = bits.check_signs().unwrap_err().to_string();
        assert_eq!(
            message,
            "pattern 0: entry 1 is 0, expected -1 or +1; Patterns::to_signs makes signs of 0 and 1"
        );
    }

    #[test]
    fn bits_become_signs() {
        let bits = [true, false, false, true, true, false];
        let signs = Patterns::<f32>::from_bits(&bits, 3).unwrap();
        assert_eq!(signs.as_batch().as_slice(), [1.0, -1.0, -1.0, 1.0, 1.0, -1.0]);
        let numbers = bits.iter().map(|bit| f32::from(u8::from(*bit))).collect();
        assert_eq!(Patterns::new(numbers, 3).unwrap().to_signs().unwrap(), signs);
        let message = signs.to_signs().unwrap_err().to_string();
        assert_eq!(message, "patterns: entry 1 is -1, expected an integer from 0 to 1");
        for dim in [0, 4] {
            assert!(Patterns::<f64>::from_bits(&bits, dim).is_err());
        }
        assert!(Patterns::<f64>::from_bits(&[], 3).is_err());
    }

    #[test]
    fn patterns_come_and_go() {
        let all = Patterns::spherical(5, 6, 2).unwrap();
        let mut some = all.subset(&[0, 1]).unwrap();
        some.push(all.pattern(2)).unwrap();
        some.extend(all.subset(&[3, 4, 5]).unwrap().as_batch()).unwrap();
        assert_eq!(some, all);
        some.extend(Batch::new(&[], 5).unwrap()).unwrap();
        some.remove(3).unwrap();
        assert_eq!(some, all.subset(&[0, 1, 2, 4, 5]).unwrap());
        let before = some.clone();
        assert!(some.push(&[1.0; 4]).is_err());
        assert!(some.push(&[1.0, 1.0, f64::NAN, 1.0, 1.0]).is_err());
        assert!(some.extend(Batch::new(&[1.0; 8], 4).unwrap()).is_err());
        assert!(some.extend(Batch::new(&[f64::INFINITY; 10], 5).unwrap()).is_err());
        assert!(some.remove(5).is_err());
        assert_eq!(some, before);
        for left in (1..5).rev() {
            some.remove(0).unwrap();
            assert_eq!(some.iter().len(), left);
        }
        let message = some.remove(0).unwrap_err().to_string();
        assert_eq!(message, "rest of the patterns is empty");
        assert_eq!(some.pattern(0), all.pattern(5));
    }

    #[test]
    fn random_signs_are_fair_and_do_not_depend_on_the_count() {
        let few = Patterns::random_signs(1000, 2, 5).unwrap();
        let many = Patterns::random_signs(1000, 40, 5).unwrap();
        assert_eq!(few.pattern(1), many.pattern(1));
        many.check_signs().unwrap();
        // The mean of 40 000 signs has standard error 0.005; six of them.
        let mean = many.as_batch().as_slice().iter().sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
    }

    #[test]
    fn correlated_patterns_overlap_as_asked() {
        // An overlap of 10 000 signs has standard error 0.01 at most; six.
        let biased = Patterns::biased_signs(10_000, 3, 0.6, 1).unwrap();
        let correlated = Patterns::correlated_signs(10_000, 3, 0.6, 1).unwrap();
        for patterns in [&biased, &correlated] {
            patterns.check_signs().unwrap();
            assert!((patterns.overlap(0, patterns.pattern(1)) - 0.36).abs() < 0.06);
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / 1e4;
        assert!((mean(biased.pattern(2)) - 0.6).abs() < 0.06);
        assert!(mean(correlated.pattern(2)).abs() < 0.06);
        assert_eq!(Patterns::biased_signs(5, 1, 1.0, 1).unwrap().pattern(0), [1.0; 5]);
        for bad in [-1.1, 1.1, f64::NAN] {
            assert!(Patterns::biased_signs(5, 1, bad, 1).is_err());
            assert!(Patterns::correlated_signs(5, 1, bad, 1).is_err());
        }
    }

    #[test]
    fn spherical_patterns_lie_on_the_sphere_and_do_not_lean() {
        let patterns = Patterns::spherical(2000, 5, 3).unwrap();
        for mu in 0..5 {
            assert!((patterns.overlap(mu, patterns.pattern(mu)) - 1.0).abs() < 1e-13);
            let sum: f64 = patterns.pattern(mu).iter().sum();
            // Standard deviation √2000; six.
            assert!(sum.abs() < 6.0 * 2000_f64.sqrt());
        }
        assert_eq!(Patterns::spherical(2000, 2, 3).unwrap().pattern(1), patterns.pattern(1));
        assert!(Patterns::spherical(0, 5, 3).is_err());
    }

    #[test]
    fn gaussian_patterns_have_the_moments_of_the_normal_law() {
        let patterns = Patterns::gaussian(2000, 5, 3).unwrap();
        for pattern in &patterns {
            let mean = pattern.iter().sum::<f64>() / 2000.0;
            let square = pattern.iter().map(|x| x * x).sum::<f64>() / 2000.0;
            // Six standard errors.
            assert!(mean.abs() < 6.0 / 2000_f64.sqrt(), "{mean}");
            assert!((square - 1.0).abs() < 6.0 * (2.0 / 2000_f64).sqrt(), "{square}");
        }
        assert_eq!(Patterns::gaussian(2000, 2, 3).unwrap().pattern(1), patterns.pattern(1));
        // The same directions, on the sphere.
        let sphere = Patterns::spherical(2000, 1, 3).unwrap();
        let ratio = sphere.pattern(0)[0] / patterns.pattern(0)[0];
        assert!((sphere.pattern(0)[7] / patterns.pattern(0)[7] - ratio).abs() < 1e-12);
        assert!(Patterns::gaussian(3, 0, 3).is_err());
    }

    #[test]
    fn the_mean_overlap_is_that_of_the_states() {
        let patterns = Patterns::random_signs(20, 3, 1).unwrap();
        let states = [patterns.pattern(0), &[0.0; 20]].concat();
        let states = Batch::new(&states, 20).unwrap();
        assert_eq!(patterns.mean_overlap(states).unwrap(), 0.5);
        assert!(patterns.mean_overlap(Batch::new(&[], 20).unwrap()).is_err());
        assert!(patterns.mean_overlap(Batch::new(&[1.0; 19], 19).unwrap()).is_err());
        let message = patterns.mean_overlap(Batch::new(&[1.0; 80], 20).unwrap()).unwrap_err();
        assert_eq!(
            message.to_string(),
            "number of states: size 4 is too large, expected at most 3"
        );
    }

    #[test]
    #[should_panic(expected = "a state has the length of the patterns")]
    fn overlap_with_a_shorter_state_panics() {
        let _ = Patterns::random_signs(4, 2, 1).unwrap().overlap(0, &[1.0; 3]);
    }

    #[test]
    fn precision_changes_keep_signs_and_report_overflow() {
        let patterns = Patterns::random_signs(70, 3, 1).unwrap();
        let single: Patterns<f32> = patterns.to_precision().unwrap();
        single.check_signs().unwrap();
        assert_eq!(single.overlap(1, single.pattern(2)), patterns.overlap(1, patterns.pattern(2)));
        assert_eq!(single.to_precision::<f64>().unwrap(), patterns);
        let large = Patterns::new(vec![1.0, 1e300], 2).unwrap();
        assert!(large.to_precision::<f32>().is_err());
    }

    #[test]
    fn overlap_counts_differences() {
        let patterns = Patterns::random_signs(50, 5, 1).unwrap();
        let mut state = patterns.pattern(3).to_vec();
        for s in &mut state[..10] {
            *s = -*s;
        }
        let (best, overlap) = patterns.best_overlap(&state);
        assert_eq!(best, 3);
        assert!((overlap - (1.0 - 2.0 * 10.0 / 50.0)).abs() < 1e-15);
    }
}
