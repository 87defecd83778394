//! Corrupted cues: exactly a given share of the entries of a pattern is spoilt.
//!
//! ```text
//! S ⊂ {1 … N} uniformly at random,  |S| = round(ρN),      xᵢ ← spoilt(xᵢ) for i ∈ S
//! ```
//!
//! The number of spoilt entries is fixed, not only its mean, so that "25 %
//! corruption" means the same for every cue.

use ebm_core::{Batch, random::stream};
use rand::RngExt;

use crate::Error;

/// How a chosen entry is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corruption {
    /// `x ← −x`: every chosen entry of a ±1 pattern becomes wrong.
    FlipSign,
    /// `x ←` an integer drawn uniformly from 0 to `max`, which may by chance
    /// be the one that was there.
    RandomLevel {
        /// Largest level.
        max: u8,
    },
    /// `x ← 0`: the entry is erased.
    Erase,
}

/// Copies `patterns` with `round(fraction·N)` distinct entries of each column
/// spoilt. Column `j` draws from stream `j` of `seed`.
///
/// ```
/// use ebm_memory::{Corruption, Patterns, corrupt};
/// let patterns = Patterns::random_signs(100, 3, 1)?;
/// let cues = corrupt(patterns.as_batch(), 0.25, Corruption::FlipSign, 2)?;
/// assert_eq!(patterns.overlap(0, &cues[..100]), 0.5); // 1 − 2·0.25
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If `fraction` is not in `[0, 1]`.
pub fn corrupt(
    patterns: Batch<'_>,
    fraction: f64,
    corruption: Corruption,
    seed: u64,
) -> Result<Vec<f64>, Error> {
    if !(0.0..=1.0).contains(&fraction) {
        let what = "corrupted fraction";
        return Err(ebm_core::Error::Parameter { what, expected: "0 to 1", value: fraction }.into());
    }
    let dim = patterns.dim();
    let spoilt = (fraction * dim as f64).round() as usize;
    let mut cues = patterns.as_slice().to_vec();
    let mut order: Vec<usize> = (0..dim).collect();
    for (j, cue) in cues.chunks_exact_mut(dim).enumerate() {
        let mut rng = stream(seed, j as u64);
        for k in 0..spoilt {
            // A partial Fisher–Yates shuffle: uniform from any starting order.
            order.swap(k, rng.random_range(k..dim));
            let entry = &mut cue[order[k]];
            *entry = match corruption {
                Corruption::FlipSign => -*entry,
                Corruption::RandomLevel { max } => f64::from(rng.random_range(0..=max)),
                Corruption::Erase => 0.0,
            };
        }
        // The cue depends on its stream alone, so the order starts afresh.
        for (i, o) in order.iter_mut().enumerate() {
            *o = i;
        }
    }
    Ok(cues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoils_exactly_the_share_asked_for() {
        let zeros = vec![1.0; 64 * 200];
        let batch = Batch::new(&zeros, 64).unwrap();
        let cues = corrupt(batch, 0.25, Corruption::Erase, 9).unwrap();
        let mut hits = [0u32; 64];
        for cue in cues.chunks_exact(64) {
            assert_eq!(cue.iter().filter(|c| **c == 0.0).count(), 16);
            for (hit, c) in hits.iter_mut().zip(cue) {
                *hit += u32::from(*c == 0.0);
            }
        }
        // Every position is hit 50 times on average, s.d. 6.1; six of them.
        assert!(hits.iter().all(|h| (13..=87).contains(h)), "{hits:?}");
        let alone = corrupt(Batch::new(&zeros[..64], 64).unwrap(), 0.25, Corruption::Erase, 9);
        assert_eq!(alone.unwrap(), cues[..64]);
    }

    #[test]
    fn rejects_a_fraction_outside_the_unit_interval() {
        let batch = Batch::new(&[1.0, 1.0], 2).unwrap();
        for fraction in [-0.1, 1.1, f64::NAN] {
            assert!(corrupt(batch, fraction, Corruption::FlipSign, 1).is_err());
        }
        assert_eq!(corrupt(batch, 1.0, Corruption::FlipSign, 1).unwrap(), [-1.0, -1.0]);
        assert_eq!(corrupt(batch, 0.0, Corruption::FlipSign, 1).unwrap(), [1.0, 1.0]);
    }
}
