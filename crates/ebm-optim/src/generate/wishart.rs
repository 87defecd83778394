//! Planted ground states on the complete graph: the Wishart ensemble with ±1
//! columns.
//!
//! ```text
//! Jᵢⱼ = −Σ_μ wᵢᵘ wⱼᵘ (i ≠ j),      H(s) = ½ (‖Wᵀ s‖² − n m)
//! ```
//!
//! Each of the `m` columns of `W` is orthogonal to the planted state `t`, so
//! that `H(t) = −n m / 2`, and no state has less as the square is not negative.
//! The ratio `m / n` sets the difficulty, which is greatest at small ratios,
//! above those where the problem has many optima. With columns of ±1, half of
//! them aligned with `t`, all couplings are integers.
//!
//! Sources: F. Hamze et al., Phys. Rev. E 101, 052102 (2020), arXiv 1906.00275;
//! columns of ±1 as in D. Perera et al., arXiv 2005.14344.

use ebm_core::random;
use rand::RngExt;

use super::{Planted, check_edges, parameter, random_spins};
use crate::{Error, Ising};

/// Size of an ensemble.
///
/// ```
/// use ebm_optim::generate::Wishart;
/// let planted = Wishart { spins: 20, columns: 10 }.sample(1)?;
/// assert_eq!(planted.problem.energy(&planted.spins)?, -100.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishart {
    /// Number of spins `n`, even.
    pub spins: usize,
    /// Number of columns `m`.
    pub columns: usize,
}

impl Default for Wishart {
    /// 100 spins and 50 columns: rugged, with hardly any optimum besides the
    /// planted one and its reverse.
    fn default() -> Self {
        Self { spins: 100, columns: 50 }
    }
}

/// Most columns: couplings stay far inside the exact integers.
const MAX_COLUMNS: usize = 1 << 20;

impl Wishart {
    /// A problem with its ground state; column `μ` is drawn from stream `μ + 2`.
    ///
    /// # Errors
    /// An odd number of spins or none, no columns or more than 2²⁰, more than
    /// 2²⁷ couplings.
    pub fn sample(&self, seed: u64) -> Result<Planted, Error> {
        let n = self.spins;
        if n == 0 || n % 2 == 1 {
            return Err(parameter("spins of a Wishart ensemble", "even and at least 2", n as f64));
        }
        if self.columns == 0 || self.columns > MAX_COLUMNS {
            let columns = self.columns as f64;
            return Err(parameter("columns of a Wishart ensemble", "1 to 2^20", columns));
        }
        check_edges((n as u64).checked_mul(n as u64 - 1).map(|twice| twice / 2))?;
        let spins = random_spins(n, seed);
        let mut couplings = vec![0_i32; n * (n - 1) / 2];
        let mut column: Vec<i32> = vec![0; n];
        for mu in 0..self.columns {
            for (i, w) in column.iter_mut().enumerate() {
                *w = if i < n / 2 { 1 } else { -1 };
            }
            let mut rng = random::stream(seed, mu as u64 + 2);
            for k in (1..n).rev() {
                column.swap(k, rng.random_range(0..=k));
            }
            for (w, s) in column.iter_mut().zip(&spins) {
                *w *= i32::from(*s);
            }
            let mut rest = couplings.as_mut_slice();
            for i in 0..n {
                let (row, later) = rest.split_at_mut(n - 1 - i);
                for (coupling, w) in row.iter_mut().zip(&column[i + 1..]) {
                    *coupling -= column[i] * w;
                }
                rest = later;
            }
        }
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let stored: Vec<_> = pairs
            .zip(couplings)
            .filter(|(_, w)| *w != 0)
            .map(|((i, j), w)| (i, j, f64::from(w)))
            .collect();
        let problem = Ising::from_couplings(n, &stored)?;
        let energy = -0.5 * n as f64 * self.columns as f64;
        Ok(Planted { problem, spins, energy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhaustive;

    #[test]
    fn planted_states_are_optimal() {
        for (spins, columns) in [(2, 1), (4, 3), (10, 2), (12, 6), (14, 20)] {
            for seed in 0..5 {
                let planted = Wishart { spins, columns }.sample(seed).unwrap();
                let found = exhaustive::ground_state(&planted.problem).unwrap();
                assert_eq!(found.energy, planted.energy);
                assert_eq!(planted.problem.energy(&planted.spins).unwrap(), planted.energy);
            }
        }
    }

    #[test]
    fn settings_are_checked() {
        for (spins, columns) in [(0, 1), (3, 1), (4, 0), (4, usize::MAX), (1 << 20, 1)] {
            assert!(Wishart { spins, columns }.sample(1).is_err());
        }
    }
}
