//! Corrupted cues: exactly a given share of the entries of a pattern is spoilt.
//!
//! ```text
//! S ⊂ {1 … N},  |S| fixed,      xᵢ ← spoilt(xᵢ) for i ∈ S
//! ```
//!
//! The number of spoilt entries is fixed, not only its mean, so that "25 %
//! corruption" means the same for every cue. A [`Region`] says which entries
//! are spoilt, a [`Corruption`] how.

use ebm_core::{Batch, Real, random, random::stream, validate};
use rand::{Rng, RngExt};

use crate::{Error, Patterns};

/// How a chosen entry is spoilt.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
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
    /// `x ← ±1`, a fair coin: half of the chosen entries of a ±1 pattern stay
    /// right.
    RandomSign,
    /// `x ← 0`: the entry is erased.
    Erase,
    /// `x ← x + σz`, `z` a standard normal.
    Gaussian {
        /// `σ`, in units of the entries; ≥ 0.
        deviation: f64,
    },
}

/// Which entries of a pattern are spoilt.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Region {
    /// `round(fraction·N)` distinct entries, uniformly at random.
    Scattered {
        /// From 0 to 1.
        fraction: f64,
    },
    /// The entries from `start` to before `end`, such as the lower half of a
    /// picture that is stored row by row.
    Range {
        /// First entry.
        start: usize,
        /// One past the last entry; at most `N`, not before `start`.
        end: usize,
    },
    /// A rectangle at a uniformly random place inside a picture that is stored
    /// row by row.
    Rectangle {
        /// Width of the picture, of which `N` is a multiple.
        picture_width: usize,
        /// Width of the rectangle, at most that of the picture.
        width: usize,
        /// Height of the rectangle, at most that of the picture.
        height: usize,
    },
}

/// Cues, and what of them can be relied on.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(deny_unknown_fields, bound(deserialize = "T: ebm_core::Real + serde::Deserialize<'de>"))
)]
pub struct Corrupted<T = f64> {
    /// The cues, one for each pattern.
    pub cues: Patterns<T>,
    /// For every entry of every cue whether it was left as it was.
    pub intact: Vec<bool>,
}

/// Copies `patterns` with `round(fraction·N)` distinct entries of each column
/// spoilt. Column `j` draws from stream `j` of `seed`.
///
/// ```
/// use ebm_memory::{Corruption, Patterns, corrupt};
/// let patterns = Patterns::random_signs(100, 3, 1)?;
/// let cues = corrupt(patterns.as_batch(), 0.25, Corruption::FlipSign, 2)?;
/// assert_eq!(patterns.overlap(0, cues.pattern(0)), 0.5); // 1 − 2·0.25
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If `fraction` is not in `[0, 1]`, a deviation is negative or not finite, or
/// there are no patterns, or an entry is not finite.
pub fn corrupt<T: Real>(
    patterns: Batch<'_, T>,
    fraction: f64,
    corruption: Corruption,
    seed: u64,
) -> Result<Patterns<T>, Error> {
    Ok(corrupt_region(patterns, Region::Scattered { fraction }, corruption, seed)?.cues)
}

/// Copies `patterns` with the entries of a region of each column spoilt.
/// Column `j` draws from stream `j` of `seed`.
///
/// ```
/// use ebm_memory::{Corruption, Patterns, Region, corrupt_region};
/// let pictures = Patterns::random_signs(8 * 8, 3, 1)?;
/// let lower_half = Region::Range { start: 32, end: 64 };
/// let spoilt = corrupt_region(pictures.as_batch(), lower_half, Corruption::Erase, 2)?;
/// assert_eq!(spoilt.cues.pattern(0)[..32], pictures.pattern(0)[..32]);
/// assert_eq!(spoilt.cues.pattern(0)[32..], [0.0; 32]);
/// assert!(spoilt.intact[31] && !spoilt.intact[32]);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If the region does not fit the patterns, a deviation is negative or not
/// finite, or there are no patterns, or an entry is not finite.
pub fn corrupt_region<T: Real>(
    patterns: Batch<'_, T>,
    region: Region,
    corruption: Corruption,
    seed: u64,
) -> Result<Corrupted<T>, Error> {
    region.validate(patterns.dim())?;
    if let Corruption::Gaussian { deviation } = corruption {
        validate::non_negative("deviation of the noise", deviation)?;
    }
    let dim = patterns.dim();
    let mut cues = patterns.as_slice().to_vec();
    let mut intact = vec![true; cues.len()];
    let mut order: Vec<usize> = (0..dim).collect();
    let columns = cues.chunks_exact_mut(dim).zip(intact.chunks_exact_mut(dim));
    for (j, (cue, intact)) in (0..).zip(columns) {
        region.visit(&mut order, &mut stream(seed, j), |i, rng| {
            corruption.spoil(&mut cue[i], rng);
            intact[i] = false;
        });
    }
    Ok(Corrupted { cues: Patterns::new(cues, dim)?, intact })
}

impl Corruption {
    fn spoil<T: Real>(self, entry: &mut T, rng: &mut impl Rng) {
        *entry = match self {
            Self::FlipSign => -*entry,
            Self::RandomLevel { max } => T::from_f64(f64::from(rng.random_range(0..=max))),
            Self::RandomSign => {
                if rng.random() {
                    T::ONE
                } else {
                    -T::ONE
                }
            }
            Self::Erase => T::ZERO,
            Self::Gaussian { deviation } => {
                let mut z = [0.0];
                random::fill_normal(rng, &mut z);
                T::from_f64(entry.to_f64() + deviation * z[0])
            }
        };
    }
}

impl Region {
    /// Checks that the region fits patterns of length `dim`.
    fn validate(self, dim: usize) -> Result<(), Error> {
        let at_most = |what, index: usize, bound: usize| {
            if index <= bound {
                Ok(())
            } else {
                Err(ebm_core::Error::OutOfRange { what, index, bound: bound.saturating_add(1) })
            }
        };
        match self {
            Self::Scattered { fraction } => {
                if !(0.0..=1.0).contains(&fraction) {
                    let (what, expected) = ("corrupted fraction", "0 to 1");
                    let error = ebm_core::Error::Parameter { what, expected, value: fraction };
                    return Err(error.into());
                }
            }
            Self::Range { start, end } => {
                at_most("end of the corrupted range", end, dim)?;
                at_most("start of the corrupted range", start, end)?;
            }
            Self::Rectangle { picture_width, width, height } => {
                if picture_width == 0 || !dim.is_multiple_of(picture_width) {
                    let what = "picture";
                    return Err(
                        ebm_core::Error::Ragged { what, length: dim, dim: picture_width }.into()
                    );
                }
                at_most("width of the corrupted rectangle", width, picture_width)?;
                at_most("height of the corrupted rectangle", height, dim / picture_width)?;
            }
        }
        Ok(())
    }

    /// Calls `spoil` for every entry of the region. `order` is and remains the
    /// numbers from 0 on.
    fn visit<R: Rng>(self, order: &mut [usize], rng: &mut R, mut spoil: impl FnMut(usize, &mut R)) {
        let dim = order.len();
        match self {
            Self::Scattered { fraction } => {
                let count = (fraction * dim as f64).round() as usize;
                for k in 0..count {
                    // A partial Fisher–Yates shuffle: uniform from any starting order.
                    order.swap(k, rng.random_range(k..dim));
                    spoil(order[k], rng);
                }
                // A cue depends on its stream alone, so the order starts afresh.
                order.iter_mut().enumerate().for_each(|(i, o)| *o = i);
            }
            Self::Range { start, end } => (start..end).for_each(|i| spoil(i, rng)),
            Self::Rectangle { picture_width, width, height } => {
                let left = rng.random_range(0..=picture_width - width);
                let top = rng.random_range(0..=dim / picture_width - height);
                for row in top..top + height {
                    for column in left..left + width {
                        spoil(row * picture_width + column, rng);
                    }
                }
            }
        }
    }
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
        for cue in cues.as_batch().columns() {
            assert_eq!(cue.iter().filter(|c| **c == 0.0).count(), 16);
            for (hit, c) in hits.iter_mut().zip(cue) {
                *hit += u32::from(*c == 0.0);
            }
        }
        // Every position is hit 50 times on average, s.d. 6.1; six of them.
        assert!(hits.iter().all(|h| (13..=87).contains(h)), "{hits:?}");
        let alone = corrupt(Batch::new(&zeros[..64], 64).unwrap(), 0.25, Corruption::Erase, 9);
        assert_eq!(alone.unwrap().pattern(0), cues.pattern(0));
    }

    #[test]
    fn rectangles_stay_inside_and_visit_every_place() {
        let ones = vec![1.0; 6 * 4 * 400];
        let batch = Batch::new(&ones, 24).unwrap();
        let region = Region::Rectangle { picture_width: 6, width: 3, height: 2 };
        let found = corrupt_region(batch, region, Corruption::Erase, 1).unwrap();
        let mut corners = std::collections::BTreeSet::new();
        for (cue, intact) in found.cues.as_batch().columns().zip(found.intact.chunks_exact(24)) {
            let erased: Vec<usize> = (0..24).filter(|i| cue[*i] == 0.0).collect();
            assert!((0..24).all(|i| intact[i] == (cue[i] == 1.0)));
            let corner = erased[0];
            let expected = [0, 1, 2, 6, 7, 8].map(|i| corner + i);
            assert_eq!(erased, expected);
            corners.insert((corner % 6, corner / 6));
        }
        // 4 × 3 places; one is missed by 400 draws once in 10¹⁴.
        assert_eq!(corners.len(), 12);
        assert!(corners.iter().all(|(x, y)| *x <= 3 && *y <= 2));
    }

    #[test]
    fn noise_has_the_moments_asked_for() {
        let ones = vec![1.0; 10_000];
        let batch = Batch::new(&ones, 10_000).unwrap();
        let all = Region::Range { start: 0, end: 10_000 };
        let moments = |corruption| {
            let x = corrupt_region(batch, all, corruption, 1).unwrap().cues.into_data();
            let mean = x.iter().sum::<f64>() / 1e4;
            (mean, x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e4)
        };
        // Six standard errors each.
        let (mean, variance) = moments(Corruption::Gaussian { deviation: 0.5 });
        assert!((mean - 1.0).abs() < 6.0 * 0.005, "{mean}");
        assert!((variance - 0.25).abs() < 6.0 * 0.25 * (2e-4_f64).sqrt(), "{variance}");
        let (mean, variance) = moments(Corruption::RandomSign);
        assert!(mean.abs() < 6.0 * 0.01 && (variance - 1.0).abs() < 4e-3, "{mean} {variance}");
        assert_eq!(moments(Corruption::Gaussian { deviation: 0.0 }), (1.0, 0.0));
    }

    #[test]
    fn single_precision_is_spoilt_alike() {
        let double = Patterns::random_signs(40, 3, 1).unwrap();
        let single = double.to_precision::<f32>().unwrap();
        let region = Region::Scattered { fraction: 0.3 };
        for corruption in [
            Corruption::FlipSign,
            Corruption::RandomLevel { max: 9 },
            Corruption::RandomSign,
            Corruption::Erase,
            Corruption::Gaussian { deviation: 0.7 },
        ] {
            let a = corrupt_region(double.as_batch(), region, corruption, 5).unwrap();
            let b = corrupt_region(single.as_batch(), region, corruption, 5).unwrap();
            assert_eq!(a.intact, b.intact);
            assert_eq!(a.cues.to_precision::<f32>().unwrap(), b.cues, "{corruption:?}");
        }
    }

    #[test]
    fn rejects_what_does_not_fit() {
        let batch = Batch::new(&[1.0, 1.0], 2).unwrap();
        for fraction in [-0.1, 1.1, f64::NAN] {
            assert!(corrupt(batch, fraction, Corruption::FlipSign, 1).is_err());
        }
        let flipped = |share| corrupt(batch, share, Corruption::FlipSign, 1).unwrap().into_data();
        assert_eq!((flipped(1.0), flipped(0.0)), (vec![-1.0; 2], vec![1.0; 2]));
        assert!(corrupt(Batch::<f64>::new(&[], 2).unwrap(), 0.5, Corruption::FlipSign, 1).is_err());
        let bad = [
            Region::Range { start: 0, end: 3 },
            Region::Range { start: 2, end: 1 },
            Region::Rectangle { picture_width: 0, width: 0, height: 0 },
            Region::Rectangle { picture_width: 3, width: 1, height: 1 },
            Region::Rectangle { picture_width: 2, width: 3, height: 1 },
            Region::Rectangle { picture_width: 2, width: 1, height: 2 },
        ];
        for region in bad {
            assert!(corrupt_region(batch, region, Corruption::Erase, 1).is_err(), "{region:?}");
        }
        for deviation in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(corrupt(batch, 0.5, Corruption::Gaussian { deviation }, 1).is_err());
        }
    }
}
