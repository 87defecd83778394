//! Planted ground states on the square lattice: a checkerboard of frustrated
//! tiles.
//!
//! The squares of an even torus are colored like a checkerboard; each edge is a
//! side of exactly one black square. With all spins up planted, the couplings
//! of a black square are one of
//!
//! ```text
//! C₁: 2 2 2 −1      C₂: 2 2 1 −1      C₃: 2 1 1 −1      C₄: 1 1 1 −1
//! ```
//!
//! in random order. Their product is negative, so every state violates one or
//! three of the four; the planted state violates one of least magnitude, hence
//! no state has less energy on the square. A state that is optimal on every
//! square is optimal on their sum. The class `Cₖ` has `k` pairs of ground
//! states: `C₁` alone is easy, mixtures with `C₂` are hard. A random gauge hides
//! the state.
//!
//! Source: F. Hamze et al., Phys. Rev. E 97, 043303 (2018), arXiv 1711.04083.

use ebm_core::random;
use rand::RngExt;

use super::{Planted, check_edges, gauge, parameter, random_spins};
use crate::{Error, Ising};

/// Size and mixture of tiles.
///
/// ```
/// use ebm_optim::generate::TilePlanting;
/// let planted = TilePlanting::default().sample(1)?;
/// assert_eq!(planted.problem.energy(&planted.spins)?, planted.energy);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TilePlanting {
    /// Rows of the torus, even and at least 4.
    pub rows: usize,
    /// Columns of the torus, even and at least 4.
    pub columns: usize,
    /// Relative frequencies of the classes `C₁` to `C₄`.
    pub frequencies: [f64; 4],
}

impl Default for TilePlanting {
    /// 32 × 32 with tiles of class `C₂` and `C₃` in equal parts: frustrated and
    /// degenerate enough to be hard for local search.
    fn default() -> Self {
        Self { rows: 32, columns: 32, frequencies: [0.0, 0.5, 0.5, 0.0] }
    }
}

const TILES: [[f64; 4]; 4] =
    [[2.0, 2.0, 2.0, -1.0], [2.0, 2.0, 1.0, -1.0], [2.0, 1.0, 1.0, -1.0], [1.0, 1.0, 1.0, -1.0]];

impl TilePlanting {
    /// A problem with its ground state.
    ///
    /// # Errors
    /// Rows or columns that are odd or fewer than 4, more than 2²⁷ edges,
    /// frequencies that are negative, not finite or all zero.
    pub fn sample(&self, seed: u64) -> Result<Planted, Error> {
        for (what, size) in [("rows of tiles", self.rows), ("columns of tiles", self.columns)] {
            if size < 4 || size % 2 == 1 {
                return Err(parameter(what, "even and at least 4", size as f64));
            }
        }
        let nodes = (self.rows as u64).checked_mul(self.columns as u64);
        check_edges(nodes.and_then(|nodes| nodes.checked_mul(2)))?;
        for frequency in self.frequencies {
            ebm_core::validate::non_negative("frequency of a tile", frequency)?;
        }
        let total: f64 = self.frequencies.iter().sum();
        ebm_core::validate::positive("sum of the frequencies of tiles", total)?;

        let mut rng = random::stream(seed, 0);
        let at = |row: usize, column: usize| row % self.rows * self.columns + column % self.columns;
        let mut couplings = Vec::with_capacity(2 * self.rows * self.columns);
        let mut energy = 0.0;
        for row in 0..self.rows {
            for column in (row % 2..self.columns).step_by(2) {
                let mut level = rng.random::<f64>() * total;
                // The last class with a frequency takes what rounding leaves.
                let mut class = self.frequencies.iter().rposition(|&f| f > 0.0).unwrap_or(0);
                for (k, &frequency) in self.frequencies.iter().enumerate() {
                    if level < frequency {
                        class = k;
                        break;
                    }
                    level -= frequency;
                }
                let mut tile = TILES[class];
                for k in (1..4).rev() {
                    tile.swap(k, rng.random_range(0..=k));
                }
                energy -= tile.iter().sum::<f64>();
                let corners = [
                    at(row, column),
                    at(row, column + 1),
                    at(row + 1, column + 1),
                    at(row + 1, column),
                ];
                for (k, w) in tile.into_iter().enumerate() {
                    couplings.push((corners[k], corners[(k + 1) % 4], w));
                }
            }
        }
        let spins = random_spins(self.rows * self.columns, seed);
        gauge(&mut couplings, &spins);
        let problem = Ising::from_couplings(self.rows * self.columns, &couplings)?;
        Ok(Planted { problem, spins, energy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhaustive;

    #[test]
    fn planted_states_are_optimal() {
        for (k, frequencies) in [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
            [1.0, 2.0, 3.0, 4.0],
        ]
        .into_iter()
        .enumerate()
        {
            for seed in 0..4 {
                let tiles = TilePlanting { rows: 4, columns: 4, frequencies };
                let planted = tiles.sample(seed + 10 * k as u64).unwrap();
                let found = exhaustive::ground_state(&planted.problem).unwrap();
                assert_eq!(found.energy, planted.energy);
                assert_eq!(planted.problem.energy(&planted.spins).unwrap(), planted.energy);
                assert_eq!(planted.problem.pairs().count(), 32);
            }
        }
    }

    #[test]
    fn classes_have_as_many_ground_states_as_their_number() {
        for (k, tile) in TILES.iter().enumerate() {
            let edges: Vec<_> = (0..4).map(|i| (i, (i + 1) % 4, tile[i])).collect();
            let square = Ising::from_couplings(4, &edges).unwrap();
            let energies = (0..16_u8).map(|bits| {
                let spins: Vec<i8> =
                    (0..4).map(|i| if bits >> i & 1 == 1 { 1 } else { -1 }).collect();
                square.energy(&spins).unwrap()
            });
            let least = energies.clone().fold(f64::INFINITY, f64::min);
            assert_eq!(least, -tile.iter().sum::<f64>());
            assert_eq!(energies.filter(|&e| e == least).count(), 2 * (k + 1));
        }
    }

    #[test]
    fn settings_are_checked() {
        let with =
            |rows, columns, frequencies| TilePlanting { rows, columns, frequencies }.sample(1);
        assert!(with(3, 4, [1.0; 4]).is_err());
        assert!(with(4, 2, [1.0; 4]).is_err());
        assert!(with(4, 4, [0.0; 4]).is_err());
        assert!(with(4, 4, [1.0, -1.0, 1.0, 1.0]).is_err());
        assert!(with(4, 4, [1.0, f64::NAN, 1.0, 1.0]).is_err());
        assert!(with(1 << 40, 1 << 40, [1.0; 4]).is_err());
    }
}
