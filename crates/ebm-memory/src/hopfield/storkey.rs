//! Storkey's rule: local and incremental, with a larger capacity than Hebb's.
//!
//! ```text
//! w_ij ← w_ij + (ξᵢξⱼ − ξᵢ h_ji − h_ij ξⱼ)/N,      h_ij = Σ_{k≠i,j} w_ik ξ_k
//!      = (1 + 2/N) w_ij + (ξᵢξⱼ − ξᵢhⱼ − hᵢξⱼ)/N,    h = W ξ,      w_ii = 0
//! ```
//!
//! The second line, which holds for `i ≠ j` because `ξᵢ² = 1`, takes `O(N²)`
//! operations a pattern. The order of the patterns matters: later ones are
//! stored a little better.
//!
//! Sources: A. Storkey, *Increasing the capacity of a Hopfield network without
//! sacrificing functionality*, ICANN 1997, doi:10.1007/BFb0020196; A. J.
//! Storkey, R. Valabregue, *The basins of attraction of a new Hopfield learning
//! rule*, Neural Networks 12, 869 (1999), doi:10.1016/S0893-6080(99)00038-6.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, linalg, validate};

use super::HopfieldNetwork;
use crate::{Error, Patterns, patterns};

/// A matrix that learns ±1 patterns one after the other by Storkey's rule.
///
/// ```
/// use ebm_memory::{HopfieldNetwork, Patterns, Storkey};
/// let patterns = Patterns::random_signs(50, 5, 1)?;
/// let mut rule = Storkey::new(50)?;
/// for mu in 0..5 {
///     rule.add(patterns.pattern(mu))?;
/// }
/// assert_eq!(rule.network()?, HopfieldNetwork::storkey(&patterns)?);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        into = "crate::serialized::learned::StorkeyData",
        try_from = "crate::serialized::learned::StorkeyData"
    )
)]
pub struct Storkey {
    entries: Vec<f64>,
    /// Room for `W ξ`; zero between patterns, so that equal rules are equal.
    field: Vec<f64>,
    count: usize,
}

#[cfg(feature = "serde")]
impl From<Storkey> for crate::serialized::learned::StorkeyData {
    fn from(rule: Storkey) -> Self {
        Self { dim: rule.field.len(), entries: rule.entries, count: rule.count }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::learned::StorkeyData> for Storkey {
    type Error = Error;

    fn try_from(written: crate::serialized::learned::StorkeyData) -> Result<Self, Error> {
        let crate::serialized::learned::StorkeyData { dim, entries, count } = written;
        // That of a network: symmetric, with a zero diagonal.
        HopfieldNetwork::new(DenseCoupling::from_column_major(dim, &entries)?)?;
        Ok(Self { entries, field: vec![0.0; dim], count })
    }
}

impl Storkey {
    /// A matrix of zeros for `dim` neurons.
    ///
    /// # Errors
    /// If `dim` is zero, or an `N × N` matrix does not fit into memory.
    pub fn new(dim: usize) -> Result<Self, Error> {
        let mut entries = patterns::allocate_for("coupling matrix", dim, dim)?;
        entries.resize(dim * dim, 0.0);
        Ok(Self { entries, field: vec![0.0; dim], count: 0 })
    }

    /// Learns a pattern.
    ///
    /// # Errors
    /// If it is of another length or not ±1.
    pub fn add(&mut self, pattern: &[f64]) -> Result<(), Error> {
        let n = self.field.len();
        validate::dimension("pattern", n, pattern.len())?;
        patterns::check_signs("pattern", Batch::single(pattern)?)?;
        linalg::multiply(&self.entries, pattern, &mut self.field, n);
        let (keep, rate) = (1.0 + 2.0 / n as f64, 1.0 / n as f64);
        for (j, column) in self.entries.chunks_exact_mut(n).enumerate() {
            let (pattern_j, field_j) = (pattern[j], self.field[j]);
            for ((w, pattern_i), field_i) in column.iter_mut().zip(pattern).zip(&self.field) {
                // Symmetric in i and j to the bit.
                let cross = pattern_i * field_j + field_i * pattern_j;
                *w = keep * *w + rate * (pattern_i * pattern_j - cross);
            }
            column[j] = 0.0;
        }
        self.field.fill(0.0);
        self.count += 1;
        Ok(())
    }

    /// Patterns learned.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The network of the patterns learned so far.
    ///
    /// # Errors
    /// If there is no memory for a copy of the matrix, or an entry has
    /// overflowed.
    pub fn network(&self) -> Result<HopfieldNetwork, Error> {
        HopfieldNetwork::new(DenseCoupling::from_column_major(self.field.len(), &self.entries)?)
    }
}

impl HopfieldNetwork {
    /// Stores ±1 patterns by [`Storkey`]'s rule, in their order.
    ///
    /// # Errors
    /// If an entry is not ±1, or an `N × N` matrix does not fit into memory.
    pub fn storkey(patterns: &Patterns) -> Result<Self, Error> {
        patterns.check_signs()?;
        let mut rule = Storkey::new(patterns.dim())?;
        for pattern in patterns.as_batch().columns() {
            rule.add(pattern)?;
        }
        rule.network()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition() {
        let n = 12;
        let patterns = Patterns::random_signs(n, 6, 4).unwrap();
        let mut w = vec![vec![0.0; n]; n];
        for xi in patterns.as_batch().columns() {
            let old = w.clone();
            let h = |i: usize, j: usize| -> f64 {
                (0..n).filter(|k| *k != i && *k != j).map(|k| old[i][k] * xi[k]).sum()
            };
            for i in 0..n {
                for j in (0..n).filter(|j| *j != i) {
                    w[i][j] += (xi[i] * xi[j] - xi[i] * h(j, i) - h(i, j) * xi[j]) / n as f64;
                }
            }
        }
        let network = HopfieldNetwork::storkey(&patterns).unwrap();
        for (i, row) in w.iter().enumerate() {
            for (a, b) in row.iter().zip(network.coupling().column(i)) {
                assert!((a - b).abs() < 1e-14, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_first_pattern_is_stored_as_by_hebb() {
        let patterns = Patterns::random_signs(16, 1, 4).unwrap();
        assert_eq!(
            HopfieldNetwork::storkey(&patterns).unwrap(),
            HopfieldNetwork::hebb(&patterns).unwrap()
        );
    }

    #[test]
    fn rejects_bad_patterns() {
        assert!(Storkey::new(0).is_err());
        assert!(Storkey::new(usize::MAX).is_err());
        let mut rule = Storkey::new(2).unwrap();
        assert!(rule.add(&[1.0; 3]).is_err());
        assert!(matches!(rule.add(&[1.0, f64::NAN]), Err(Error::NotSign { index: 1, .. })));
        assert_eq!(rule.count(), 0);
        assert!(HopfieldNetwork::storkey(&Patterns::new(vec![0.5], 1).unwrap()).is_err());
    }
}
