//! The Hebb rule, one pattern at a time.
//!
//! ```text
//! N W_ij = Σ_μ ξᵢ^μ ξⱼ^μ  for i ≠ j,      W_ii = 0
//! ```
//!
//! The sums are kept as integers, so that a pattern can be taken out again as
//! if it had never been there.
//!
//! Source: J. J. Hopfield, PNAS 79, 2554 (1982), doi:10.1073/pnas.79.8.2554.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, linalg, validate};

use super::HopfieldNetwork;
use crate::{Error, Patterns, patterns};

/// A matrix that learns ±1 patterns by the Hebb rule and forgets them again.
///
/// For many neurons and few patterns take
/// [`LowRankHopfield`](super::LowRankHopfield), where both cost `O(N K)`.
///
/// ```
/// use ebm_memory::{Hebb, HopfieldNetwork, Patterns};
/// let patterns = Patterns::random_signs(50, 3, 1)?;
/// let mut rule = Hebb::from_patterns(&patterns)?;
/// rule.add(&[1.0; 50])?;
/// rule.remove(&[1.0; 50])?;
/// assert_eq!(rule.network()?, HopfieldNetwork::hebb(&patterns)?); // to the bit
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::learned::HebbData"))]
pub struct Hebb {
    /// `Σ_μ ξᵢ^μ ξⱼ^μ`, diagonal included.
    sums: Vec<f64>,
    dim: usize,
    count: usize,
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::learned::HebbData> for Hebb {
    type Error = Error;

    fn try_from(written: crate::serialized::learned::HebbData) -> Result<Self, Error> {
        let crate::serialized::learned::HebbData { sums, dim, count } = written;
        let what = "sums of the rule";
        if dim == 0 {
            return Err(ebm_core::Error::Empty { what }.into());
        }
        validate::dimension(what, dim.saturating_mul(dim), sums.len())?;
        for (index, sum) in sums.iter().enumerate() {
            let (i, j) = (index % dim, index / dim);
            // Every pattern changes every sum by one.
            let expected = if i == j && *sum != count as f64 {
                "the number of patterns"
            } else if (sum - count as f64).rem_euclid(2.0) != 0.0 {
                "an integer as even as the number of patterns"
            } else if *sum != sums[j + i * dim] {
                "what the other half of the matrix has"
            } else {
                continue;
            };
            return Err(ebm_core::Error::Entry { what, index, expected, value: *sum }.into());
        }
        Ok(Self { sums, dim, count })
    }
}

impl Hebb {
    /// A matrix of zeros for `dim` neurons.
    ///
    /// # Errors
    /// If `dim` is zero, or an `N × N` matrix does not fit into memory.
    pub fn new(dim: usize) -> Result<Self, Error> {
        let mut sums = patterns::allocate_for("coupling matrix", dim, dim)?;
        sums.resize(dim * dim, 0.0);
        Ok(Self { sums, dim, count: 0 })
    }

    /// Learns all of `patterns`, in one matrix product.
    ///
    /// # Errors
    /// If an entry is not ±1, or an `N × N` matrix does not fit into memory.
    pub fn from_patterns(patterns: &Patterns) -> Result<Self, Error> {
        patterns.check_signs()?;
        let mut rule = Self::new(patterns.dim())?;
        // Sums of ±1 are exact, hence symmetric, whatever the order.
        let (data, count) = (patterns.as_batch().as_slice(), patterns.count());
        linalg::add_outer(1.0, data, data, &mut rule.sums, count);
        rule.count = count;
        Ok(rule)
    }

    /// Learns a pattern, in `O(N²)`.
    ///
    /// # Errors
    /// If it is of another length or not ±1.
    pub fn add(&mut self, pattern: &[f64]) -> Result<(), Error> {
        self.change(pattern, 1.0)?;
        self.count += 1;
        Ok(())
    }

    /// Forgets a pattern, in `O(N²)`. It must be one that was learned: this is
    /// not checked, as the matrix does not know, and another one would be
    /// unlearned, stored with negative sign.
    ///
    /// # Errors
    /// If it is of another length or not ±1, or no pattern is left.
    pub fn remove(&mut self, pattern: &[f64]) -> Result<(), Error> {
        if self.count == 0 {
            return Err(ebm_core::Error::Empty { what: "patterns" }.into());
        }
        self.change(pattern, -1.0)?;
        self.count -= 1;
        Ok(())
    }

    fn change(&mut self, pattern: &[f64], by: f64) -> Result<(), Error> {
        validate::dimension("pattern", self.dim, pattern.len())?;
        patterns::check_signs("pattern", Batch::single(pattern)?)?;
        linalg::add_outer(by, pattern, pattern, &mut self.sums, 1);
        Ok(())
    }

    /// Patterns learned and not forgotten.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The network of the patterns.
    ///
    /// # Errors
    /// If there is no memory for a copy of the matrix.
    pub fn network(&self) -> Result<HopfieldNetwork, Error> {
        let n = self.dim as f64;
        let entry = |i: usize, j: usize| if i == j { 0.0 } else { self.sums[i + j * self.dim] / n };
        HopfieldNetwork::new(DenseCoupling::from_fn(self.dim, entry)?)
    }
}

impl HopfieldNetwork {
    /// Stores ±1 patterns by the Hebb rule, as a dense matrix.
    ///
    /// # Errors
    /// If an entry is not ±1, or an `N × N` matrix does not fit into memory.
    pub fn hebb(patterns: &Patterns) -> Result<Self, Error> {
        Hebb::from_patterns(patterns)?.network()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rejects_bad_patterns() {
        assert!(Hebb::new(0).is_err());
        assert!(Hebb::new(usize::MAX).is_err());
        let mut rule = Hebb::new(2).unwrap();
        assert!(rule.remove(&[1.0, 1.0]).is_err());
        assert!(rule.add(&[1.0; 3]).is_err());
        assert!(matches!(rule.add(&[1.0, f64::NAN]), Err(Error::NotSign { index: 1, .. })));
        assert_eq!(rule, Hebb::new(2).unwrap());
    }

    proptest! {
        #[test]
        fn patterns_come_and_go_without_a_trace(
            seed: u64, n in 1_usize..30, count in 2_usize..10, out in 0_usize..10,
        ) {
            let patterns = Patterns::random_signs(n, count, seed).unwrap();
            let mut rule = Hebb::new(n).unwrap();
            for pattern in patterns.as_batch().columns() {
                rule.add(pattern).unwrap();
            }
            prop_assert_eq!(&rule, &Hebb::from_patterns(&patterns).unwrap());
            let out = out % count;
            rule.remove(patterns.pattern(out)).unwrap();
            let rest: Vec<usize> = (0..count).filter(|mu| *mu != out).collect();
            let rest = patterns.subset(&rest).unwrap();
            prop_assert_eq!(&rule, &Hebb::from_patterns(&rest).unwrap());
            prop_assert_eq!(rule.network().unwrap(), HopfieldNetwork::hebb(&rest).unwrap());
        }
    }
}
