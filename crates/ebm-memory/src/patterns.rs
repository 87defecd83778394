//! Stored patterns: `K` vectors of length `N`, one a column.
//!
//! ```text
//! Ξ = [ξ¹ … ξᴷ] ∈ ℝᴺˣᴷ,      overlap  m_μ(x) = ξ^μ·x / N
//! ```
//!
//! For ±1 patterns and states the overlap is one minus twice the fraction of
//! entries that differ.

use ebm_core::{Batch, Real, random::stream, validate};
use rand::Rng;

use crate::Error;

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
}

impl<T: Real> Patterns<T> {
    /// Patterns of length `dim`, one after the other in `data`.
    ///
    /// # Errors
    /// If `dim` is zero, `data` is empty or not a multiple of `dim` long, or
    /// an entry is not finite.
    pub fn new(data: Vec<T>, dim: usize) -> Result<Self, Error> {
        Batch::new(&data, dim)?;
        if data.is_empty() {
            return Err(ebm_core::Error::Empty { what: "patterns" }.into());
        }
        validate::finite("patterns", &data)?;
        Ok(Self { data, dim })
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

    /// All patterns as the columns of a batch.
    #[must_use]
    pub fn as_batch(&self) -> Batch<'_, T> {
        Batch::new(&self.data, self.dim).expect("validated on construction")
    }

    /// The patterns at `indices`, in that order.
    ///
    /// # Errors
    /// If `indices` is empty or one of them is out of range.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, Error> {
        let mut data = Vec::with_capacity(indices.len() * self.dim);
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
    /// one of several.
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

/// Room for `dim × count` entries, or an error where there is none.
pub(crate) fn allocate<T>(dim: usize, count: usize) -> Result<Vec<T>, Error> {
    let what = "patterns";
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
        assert_eq!(message, "patterns: entry 1 is NaN, expected a finite number");
        assert!(Patterns::random_signs(0, 3, 1).is_err());
        let message = Patterns::random_signs(usize::MAX, 2, 1).unwrap_err().to_string();
        assert!(message.starts_with("patterns: cannot allocate "), "{message}");
        let two = Patterns::new(vec![1.0, -1.0, 1.0, 0.5], 2).unwrap();
        assert_eq!(
            two.check_signs().unwrap_err().to_string(),
            "pattern 1: entry 1 is 0.5, expected -1 or +1"
        );
        assert!(two.subset(&[2]).is_err());
        assert!(two.subset(&[]).is_err());
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
