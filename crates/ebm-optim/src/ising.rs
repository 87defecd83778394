//! The Ising problem.
//!
//! ```text
//! H(s) = c − ½ Σᵢⱼ Jᵢⱼ sᵢ sⱼ − Σᵢ hᵢ sᵢ,      s ∈ {−1, +1}ⁿ,   J = Jᵀ,   Jᵢᵢ = 0
//! ΔH on flipping spin i  =  2 sᵢ (Σⱼ Jᵢⱼ sⱼ + hᵢ)
//! ```
//!
//! Positive `J` favors alignment; the offset `c` is zero unless set. Source:
//! E. Ising, Z. Phys. 31, 253 (1925); sign convention of `docs/conventions.md`.

use ebm_core::coupling::SparseCoupling;
use ebm_core::validate;

use crate::Error;

/// Couplings `J` (sparse, symmetric, zero diagonal), fields `h` and the offset
/// `c`.
///
/// ```
/// use ebm_optim::Ising;
/// let chain = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, -1.0)])?;
/// assert_eq!(chain.energy(&[1, 1, -1])?, -2.0);
/// assert_eq!(chain.flip_delta(&[1, 1, -1], 2)?, 2.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ising {
    couplings: SparseCoupling<f64>,
    fields: Vec<f64>,
    offset: f64,
}

impl Ising {
    /// A problem of `spins` spins from its nonzero couplings, each pair once,
    /// without fields.
    ///
    /// # Errors
    /// No spins, an index out of range, a pair given twice or with itself, a
    /// coupling that is not finite, couplings whose magnitudes sum to infinity.
    pub fn from_couplings(spins: usize, couplings: &[(usize, usize, f64)]) -> Result<Self, Error> {
        let couplings = SparseCoupling::from_edges(spins, couplings)?;
        Self { couplings, fields: vec![0.0; spins], offset: 0.0 }.check_range()
    }

    /// The same problem with fields `h`.
    ///
    /// # Errors
    /// A wrong length, a value that is not finite, magnitudes that sum to
    /// infinity.
    pub fn with_fields(mut self, fields: Vec<f64>) -> Result<Self, Error> {
        validate::dimension("fields", self.spins(), fields.len())?;
        validate::finite("fields", &fields)?;
        self.fields = fields;
        self.check_range()
    }

    /// The same problem with the offset `c`.
    ///
    /// # Errors
    /// A value that is not finite or that makes energies infinite.
    pub fn with_offset(mut self, offset: f64) -> Result<Self, Error> {
        validate::finite("offset", &[offset])?;
        self.offset = offset;
        self.check_range()
    }

    /// Every energy and local field must be finite, at every state.
    fn check_range(self) -> Result<Self, Error> {
        let bound = self.energy_bound();
        // Energies add each coupling twice before halving.
        if !(2.0 * bound).is_finite() {
            let what = "sum of the magnitudes of all couplings, fields and the offset";
            let expected = "at most half the largest finite number";
            return Err(ebm_core::Error::Parameter { what, expected, value: bound }.into());
        }
        Ok(self)
    }

    /// `|c| + Σ_{i<j} |Jᵢⱼ| + Σᵢ |hᵢ|`: no energy is larger in magnitude.
    #[must_use]
    pub fn energy_bound(&self) -> f64 {
        let row = |i: usize| {
            let (_, weights) = self.couplings.neighbors(i);
            0.5 * weights.iter().map(|w| w.abs()).sum::<f64>() + self.fields[i].abs()
        };
        (0..self.spins()).map(row).sum::<f64>() + self.offset.abs()
    }

    /// Are all sums of couplings and fields exact in double precision? So they
    /// are if all are multiples of 2⁻¹⁶ and none of their sums exceeds 2³⁷.
    #[must_use]
    pub fn has_exact_sums(&self) -> bool {
        const GRAIN: f64 = 65_536.0;
        let whole = |value: &f64| (value * GRAIN).fract() == 0.0;
        let weights = (0..self.spins()).flat_map(|i| self.couplings.neighbors(i).1);
        // Energies add each coupling twice before halving.
        self.energy_bound() * GRAIN <= 9_007_199_254_740_992.0 / 4.0
            && weights.chain(&self.fields).chain([&self.offset]).all(whole)
    }

    /// Number of spins `n`.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.couplings.dim()
    }

    /// `J`.
    #[must_use]
    pub fn couplings(&self) -> &SparseCoupling<f64> {
        &self.couplings
    }

    /// Pairs `(i, j, Jᵢⱼ)` with `i < j`, in row order.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        (0..self.spins()).flat_map(move |i| {
            let (neighbors, weights) = self.couplings.neighbors(i);
            let first = neighbors.partition_point(|&j| j as usize <= i);
            neighbors[first..].iter().zip(&weights[first..]).map(move |(&j, &w)| (i, j as usize, w))
        })
    }

    /// `h`.
    #[must_use]
    pub fn fields(&self) -> &[f64] {
        &self.fields
    }

    /// `c`.
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// `n` spins, each `+1` or `−1`?
    ///
    /// # Errors
    /// The wrong length, or the first spin that is neither.
    pub fn check_spins(&self, spins: &[i8]) -> Result<(), Error> {
        validate::dimension("spins", self.spins(), spins.len())?;
        match spins.iter().position(|&s| s != 1 && s != -1) {
            None => Ok(()),
            Some(index) => Err(Error::Spin { index, value: spins[index] }),
        }
    }

    /// `H(s)`; exact for integer couplings up to 2⁵³.
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn energy(&self, spins: &[i8]) -> Result<f64, Error> {
        self.check_spins(spins)?;
        Ok(self.energy_of(spins))
    }

    /// Change of `H` on flipping spin `i`.
    ///
    /// # Errors
    /// The wrong number of spins or an index out of range. Spins other than ±1
    /// are taken as numbers.
    pub fn flip_delta(&self, spins: &[i8], i: usize) -> Result<f64, Error> {
        Ok(2.0 * f64::from(*spins.get(i).unwrap_or(&0)) * self.local_field(spins, i)?)
    }

    /// The local field `Σⱼ Jᵢⱼ sⱼ + hᵢ`.
    ///
    /// # Errors
    /// As [`flip_delta`](Self::flip_delta).
    pub fn local_field(&self, spins: &[i8], i: usize) -> Result<f64, Error> {
        validate::dimension("spins", self.spins(), spins.len())?;
        if i >= self.spins() {
            let bound = self.spins();
            return Err(ebm_core::Error::OutOfRange { what: "spin", index: i, bound }.into());
        }
        Ok(self.field_at(spins, i))
    }

    /// [`energy`](Self::energy) of spins known to be valid.
    pub(crate) fn energy_of(&self, spins: &[i8]) -> f64 {
        let terms = (0..self.spins()).map(|i| {
            let h = self.fields[i];
            -0.5 * f64::from(spins[i]) * (self.field_at(spins, i) + h)
        });
        terms.sum::<f64>() + self.offset
    }

    /// [`local_field`](Self::local_field) of spins known to be valid.
    pub(crate) fn field_at(&self, spins: &[i8], i: usize) -> f64 {
        let (neighbors, weights) = self.couplings.neighbors(i);
        neighbors.iter().zip(weights).map(|(&j, w)| w * f64::from(spins[j as usize])).sum::<f64>()
            + self.fields[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_spins_that_are_none() {
        let chain = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, -1.0)]).unwrap();
        let message = |spins: &[i8]| chain.energy(spins).unwrap_err().to_string();
        assert_eq!(message(&[1, 1]), "spins: expected length 3, found 2");
        assert_eq!(message(&[1, 0, 1]), "spin 1 is 0, expected 1 or -1");
        assert_eq!(message(&[1, 1, -128]), "spin 2 is -128, expected 1 or -1");
        assert!(chain.flip_delta(&[1, 1, 1], 3).is_err());
        assert!(chain.flip_delta(&[1, 1], 0).is_err());
        assert!(chain.local_field(&[], 0).is_err());
    }

    #[test]
    fn rejects_energies_that_overflow() {
        assert!(Ising::from_couplings(3, &[(0, 1, 1e308), (1, 2, 1e308)]).is_err());
        let pair = Ising::from_couplings(2, &[(0, 1, 8e307)]).unwrap();
        assert!(pair.energy(&[1, -1]).unwrap().is_finite());
        assert!(pair.clone().with_fields(vec![8e307, 0.0]).is_err());
        assert!(pair.clone().with_offset(f64::NAN).is_err());
        assert!(pair.with_offset(1e308).is_err());
    }

    #[test]
    fn pairs_come_once() {
        let list = [(0, 1, 1.0), (0, 2, 3.0), (1, 2, -1.0)];
        let triangle = Ising::from_couplings(3, &[list[2], list[1], list[0]]).unwrap();
        assert_eq!(triangle.pairs().collect::<Vec<_>>(), list);
        let shifted = triangle.with_offset(5.0).unwrap();
        assert_eq!(shifted.energy(&[1, 1, 1]).unwrap(), 2.0);
        assert_eq!(shifted.energy_bound(), 10.0);
    }
}
