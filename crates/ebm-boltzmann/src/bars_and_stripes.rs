//! Bars and stripes: square pictures whose rows, or whose columns, are each all
//! on or all off.
//!
//! ```text
//! bars: v_{rc} = x_c,    stripes: v_{rc} = x_r,    x ∈ {0, 1}ⁿ
//! ```
//!
//! There are `2·2ⁿ` ways to generate a picture but only `2ⁿ⁺¹ − 2` pictures,
//! because the empty and the full one are both bars and stripes. Published
//! likelihoods differ by which of the two sets is meant, so it has a name here.
//! The best mean log-likelihood is `−ln(2ⁿ⁺¹ − 2)` for the distinct pictures
//! (`−ln 14` for n = 3), and `−((2ⁿ⁺¹ − 4)(n+1) + 4n)/2ⁿ⁺¹ · ln 2` for the
//! generated ones.
//!
//! Source: D. J. C. MacKay, *Information Theory, Inference, and Learning
//! Algorithms* (2003), section 43.

use crate::Error;

/// How often the empty and the full picture occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplicity {
    /// Every picture once: `2ⁿ⁺¹ − 2` rows.
    Distinct,
    /// Once for every way to generate it, so the empty and the full picture
    /// twice: `2ⁿ⁺¹` rows.
    Generated,
}

/// Largest side; the pictures then take 256 MiB.
const MAX_SIDE: usize = 16;

/// All `side × side` pictures, row-major, one after the other: a batch of 0/1
/// states of dimension `side²`. Stripes come first.
///
/// ```
/// use ebm_boltzmann::{Multiplicity, bars_and_stripes};
/// assert_eq!(bars_and_stripes(3, Multiplicity::Distinct)?.len(), 14 * 9);
/// assert_eq!(bars_and_stripes(3, Multiplicity::Generated)?.len(), 16 * 9);
/// # Ok::<(), ebm_boltzmann::Error>(())
/// ```
///
/// # Errors
/// If `side` is 0, or above 16. For `side` = 1 bars and stripes are the same,
/// and `Distinct` gives the two pictures once.
pub fn bars_and_stripes(side: usize, multiplicity: Multiplicity) -> Result<Vec<f64>, Error> {
    if side == 0 {
        return Err(ebm_core::Error::Empty { what: "picture of bars and stripes" }.into());
    }
    if side > MAX_SIDE {
        let what = "side of a picture of bars and stripes";
        return Err(ebm_core::Error::TooLarge { what, size: side, limit: MAX_SIDE }.into());
    }
    let mut pictures = Vec::new();
    let last = (1u32 << side) - 1;
    for stripes in [true, false] {
        for code in 0..=last {
            let uniform = code == 0 || code == last;
            if !stripes && uniform && multiplicity == Multiplicity::Distinct {
                continue;
            }
            for row in 0..side {
                for column in 0..side {
                    let line = if stripes { row } else { column };
                    pictures.push(f64::from(code >> line & 1));
                }
            }
        }
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn counts_and_multiplicities() {
        for side in 1..6 {
            for (multiplicity, twice) in [(Multiplicity::Distinct, 1), (Multiplicity::Generated, 2)]
            {
                let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
                let pictures = bars_and_stripes(side, multiplicity).unwrap();
                for picture in pictures.chunks_exact(side * side) {
                    *counts.entry(picture.iter().map(|p| *p as u8).collect()).or_default() += 1;
                }
                assert_eq!(counts.len(), (1 << (side + 1)) - 2);
                for (picture, count) in counts {
                    let uniform = picture.iter().all(|p| *p == picture[0]);
                    assert_eq!(count, if uniform { twice } else { 1 }, "{picture:?}");
                }
            }
        }
    }

    #[test]
    fn rejects_sides_without_pictures() {
        assert!(bars_and_stripes(0, Multiplicity::Distinct).is_err());
        assert!(bars_and_stripes(17, Multiplicity::Distinct).is_err());
    }
}
