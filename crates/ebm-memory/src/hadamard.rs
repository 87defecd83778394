//! Orthogonal ±1 patterns: rows of Sylvester's Hadamard matrix.
//!
//! ```text
//! H_{ri} = (−1)^{popcount(r ∧ i)},      H Hᵀ = N I,      N a power of two
//! ```
//!
//! For orthogonal patterns the laws of mean-field theory hold exactly at finite
//! `N`, which makes them the test set of choice.
//!
//! Source: J. J. Sylvester, Philosophical Magazine 34, 461 (1867).

use crate::patterns::allocate;
use crate::{Error, Patterns};

impl Patterns {
    /// Rows `1 … count` of the Hadamard matrix of order `dim`: orthogonal, each
    /// with as many entries +1 as −1. Row 0, all ones, is left out.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// let patterns = Patterns::hadamard(8, 3)?;
    /// assert_eq!(patterns.overlap(0, patterns.pattern(1)), 0.0);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `dim` is not a power of two, `count` is not from 1 to `dim − 1`, or
    /// the patterns do not fit into memory.
    pub fn hadamard(dim: usize, count: usize) -> Result<Self, Error> {
        if !dim.is_power_of_two() {
            let (what, expected) = ("order of a Hadamard matrix", "a power of two");
            return Err(ebm_core::Error::Parameter { what, expected, value: dim as f64 }.into());
        }
        if count >= dim {
            let what = "balanced rows of a Hadamard matrix";
            return Err(ebm_core::Error::TooLarge { what, size: count, limit: dim - 1 }.into());
        }
        let mut data = allocate(dim, count)?;
        for row in 1..=count {
            data.extend((0..dim).map(|i| if (row & i).count_ones() % 2 == 0 { 1.0 } else { -1.0 }));
        }
        Self::new(data, dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_orthogonal_and_balanced() {
        let patterns = Patterns::hadamard(64, 63).unwrap();
        patterns.check_signs().unwrap();
        for mu in 0..63 {
            assert_eq!(patterns.pattern(mu).iter().sum::<f64>(), 0.0);
            for nu in 0..mu {
                assert_eq!(patterns.overlap(mu, patterns.pattern(nu)), 0.0);
            }
        }
    }

    #[test]
    fn impossible_sizes_are_errors() {
        for (dim, count) in [(0, 1), (12, 3), (8, 8), (8, 0), (1, 1)] {
            assert!(Patterns::hadamard(dim, count).is_err(), "{dim} {count}");
        }
    }
}
