//! The Ising problem.
//!
//! ```text
//! H(s) = −½ Σᵢⱼ Jᵢⱼ sᵢ sⱼ − Σᵢ hᵢ sᵢ,      s ∈ {−1, +1}ⁿ,   J = Jᵀ,   Jᵢᵢ = 0
//! ΔH on flipping spin i  =  2 sᵢ (Σⱼ Jᵢⱼ sⱼ + hᵢ)
//! ```
//!
//! Positive `J` favors alignment. Source: E. Ising, Z. Phys. 31, 253 (1925);
//! sign convention of `docs/conventions.md`.

use ebm_core::coupling::SparseCoupling;
use ebm_core::validate;

use crate::Error;

/// Couplings `J` (sparse, symmetric, zero diagonal) and fields `h`.
///
/// ```
/// use ebm_optim::Ising;
/// let chain = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, -1.0)])?;
/// assert_eq!(chain.energy(&[1, 1, -1]), -2.0);
/// assert_eq!(chain.flip_delta(&[1, 1, -1], 2), 2.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ising {
    couplings: SparseCoupling<f64>,
    fields: Vec<f64>,
}

impl Ising {
    /// A problem of `spins` spins from its nonzero couplings, each pair once,
    /// without fields.
    ///
    /// # Errors
    /// No spins, an index out of range, a pair given twice or with itself, a
    /// coupling that is not finite.
    pub fn from_couplings(spins: usize, couplings: &[(usize, usize, f64)]) -> Result<Self, Error> {
        let couplings = SparseCoupling::from_edges(spins, couplings)?;
        Ok(Self { fields: vec![0.0; spins], couplings })
    }

    /// The same problem with fields `h`.
    ///
    /// # Errors
    /// A wrong length or a value that is not finite.
    pub fn with_fields(mut self, fields: Vec<f64>) -> Result<Self, Error> {
        validate::dimension("fields", self.spins(), fields.len())?;
        validate::finite("fields", &fields)?;
        self.fields = fields;
        Ok(self)
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

    /// `h`.
    #[must_use]
    pub fn fields(&self) -> &[f64] {
        &self.fields
    }

    /// The local field `Σⱼ Jᵢⱼ sⱼ + hᵢ`.
    #[must_use]
    pub fn local_field(&self, spins: &[i8], i: usize) -> f64 {
        let (neighbors, weights) = self.couplings.neighbors(i);
        neighbors.iter().zip(weights).map(|(&j, w)| w * f64::from(spins[j as usize])).sum::<f64>()
            + self.fields[i]
    }

    /// `H(s)`; exact for integer couplings up to 2⁵³.
    #[must_use]
    pub fn energy(&self, spins: &[i8]) -> f64 {
        (0..self.spins())
            .map(|i| {
                let h = self.fields[i];
                -0.5 * f64::from(spins[i]) * (self.local_field(spins, i) + h)
            })
            .sum()
    }

    /// Change of `H` on flipping spin `i`.
    #[must_use]
    pub fn flip_delta(&self, spins: &[i8], i: usize) -> f64 {
        2.0 * f64::from(spins[i]) * self.local_field(spins, i)
    }
}
