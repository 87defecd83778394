//! The couplings of the machine in fixed point, in the form that multiplies
//! fastest.

use std::ops::Range;

use ebm_core::vector_math::Level;

use crate::Ising;
use crate::forms::{BitMatrix, ByteWeights, SignSplit, SignTables, Signs, Sums, TableSpace};

/// Spins whose sums stay in the first-level cache between product and update.
pub(super) const CHUNK: usize = 64;

/// Spins from which on a complete graph is worth its tables.
const DENSE: usize = 96;

/// Spins that are sorted among each other by their numbers of neighbors: the
/// ends of short loops are then foreseen, and neighbors stay near each other.
const WINDOW: usize = 4096;

/// Couplings in the form the block multiplies with.
pub(super) enum Couplings {
    Sparse(SignSplit),
    Weighted(ByteWeights),
    Dense(BitMatrix, SignTables),
}

/// Couplings, their unit, and the spin in each place of a block.
pub(super) struct Placed {
    pub(super) couplings: Couplings,
    pub(super) unit: f64,
    pub(super) order: Vec<u32>,
}

impl Placed {
    /// The couplings of `problem`, if they are small multiples of a unit.
    pub(super) fn new(problem: &Ising) -> Option<Self> {
        let mut order: Vec<u32> = (0..problem.spins() as u32).collect();
        if let Some(bits) = BitMatrix::new(problem).filter(|bits| bits.spins() >= DENSE) {
            let (unit, tables) = (bits.unit(), bits.tabulated());
            return Some(Self { couplings: Couplings::Dense(bits, tables), unit, order });
        }
        let (couplings, unit) = match SignSplit::new(problem) {
            Some(split) => {
                let counts = |i: &u32| {
                    let (positive, negative) = split.neighbors(*i as usize);
                    (positive.len(), negative.len())
                };
                order.chunks_mut(WINDOW).for_each(|window| window.sort_by_key(counts));
                (Couplings::Sparse(split.reordered(&order)), split.unit())
            }
            None => {
                let weights = ByteWeights::new(problem)?;
                let count = |i: &u32| weights.neighbors(*i as usize).0.len();
                order.chunks_mut(WINDOW).for_each(|window| window.sort_by_key(count));
                (Couplings::Weighted(weights.reordered(&order)), weights.unit())
            }
        };
        Some(Self { couplings, unit, order })
    }
}

impl Couplings {
    /// No sum is larger in magnitude.
    pub(super) fn largest_sum(&self) -> usize {
        match self {
            Self::Sparse(split) => split.largest_degree(),
            Self::Weighted(weights) => weights.largest_sum(),
            Self::Dense(bits, _) => bits.spins(),
        }
    }

    pub(super) fn is_dense(&self) -> bool {
        matches!(self, Self::Dense(..))
    }

    /// Dense products are made at once, for all rows.
    pub(super) fn multiply_all(
        &self,
        level: Level,
        signs: &[Signs],
        sums: &mut [Sums],
        space: &mut TableSpace,
    ) {
        if let Self::Dense(_, tables) = self {
            tables.sums(level, signs, sums, space);
        }
    }

    /// The sums of `rows`, at most [`CHUNK`]; dense ones are in `sums` already.
    pub(super) fn multiply<'s>(
        &self,
        level: Level,
        signs: &[Signs],
        rows: Range<usize>,
        sums: &'s mut [Sums],
    ) -> &'s [Sums] {
        match self {
            Self::Dense(..) => &sums[rows],
            Self::Sparse(split) => {
                let sums = &mut sums[..rows.len()];
                split.sums(level, signs, rows, sums);
                sums
            }
            Self::Weighted(weights) => {
                let sums = &mut sums[..rows.len()];
                weights.sums(level, signs, rows, sums);
                sums
            }
        }
    }

    /// Calls `visit` with the neighbors of a spin: all others, if dense.
    pub(super) fn neighbors(&self, i: usize, mut visit: impl FnMut(usize)) {
        match self {
            Self::Dense(bits, _) => (0..bits.spins()).filter(|j| *j != i).for_each(visit),
            Self::Sparse(split) => {
                let (positive, negative) = split.neighbors(i);
                positive.iter().chain(negative).for_each(|j| visit(*j as usize));
            }
            Self::Weighted(weights) => {
                weights.neighbors(i).0.iter().for_each(|j| visit(*j as usize));
            }
        }
    }
}
