//! The thermometer code: grey levels as ±1 units, so that binary memories can
//! store pictures.
//!
//! ```text
//! level ℓ ∈ {0 … L}   →   t₁ … t_L,   t_k = +1 if k ≤ ℓ, else −1
//! t(ℓ)·t(ℓ′) = L − 2|ℓ − ℓ′|
//! ```
//!
//! The dot product of two coded pictures of `n` pixels is therefore
//! `nL − 2‖ℓ − ℓ′‖₁`: a dot-product memory over the code compares pictures by
//! Manhattan distance, which a few wildly wrong pixels upset far less than they
//! upset the Euclidean distance. The effect of the similarity on retrieval is
//! that of B. Millidge et al., *Universal Hopfield Networks* (2022),
//! arXiv 2202.04557; the code is the usual unary code of a quantized value.

use ebm_core::{Batch, validate};

use crate::Error;

/// Codes levels `0..=max` as `max` signs each.
///
/// ```
/// use ebm_memory::Thermometer;
/// let code = Thermometer::new(3)?;
/// let signs = code.encode(&[0.0, 2.0])?;
/// assert_eq!(signs, [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0]);
/// assert_eq!(code.decode(&signs)?, [0.0, 2.0]);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Levels"))]
pub struct Thermometer {
    max: u8,
}

impl Thermometer {
    /// A code for the levels 0 to `max`.
    ///
    /// # Errors
    /// If `max` is zero.
    pub fn new(max: u8) -> Result<Self, Error> {
        validate::positive("largest level", f64::from(max))?;
        Ok(Self { max })
    }

    /// Signs per level.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.max)
    }

    /// The signs of `levels`, [`width`](Self::width) for each, in order.
    ///
    /// # Errors
    /// [`Error::Level`] if an entry is not an integer from 0 to the largest level.
    pub fn encode(&self, levels: &[f64]) -> Result<Vec<f64>, Error> {
        let mut signs = Vec::with_capacity(levels.len() * self.width());
        for (index, &level) in levels.iter().enumerate() {
            if !(level.fract() == 0.0 && (0.0..=f64::from(self.max)).contains(&level)) {
                let what = "levels";
                return Err(Error::Level { what, index, value: level, max: self.max });
            }
            signs.extend((0..self.max).map(|k| if f64::from(k) < level { 1.0 } else { -1.0 }));
        }
        Ok(signs)
    }

    /// The levels of `signs`: the number of positive units of each group,
    /// whether or not the positive ones come first and whatever their size.
    ///
    /// # Errors
    /// If the length is not a multiple of [`width`](Self::width).
    pub fn decode(&self, signs: &[f64]) -> Result<Vec<f64>, Error> {
        let groups = Batch::new(signs, self.width())?;
        Ok(groups.columns().map(|g| g.iter().filter(|s| **s > 0.0).count() as f64).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_product_is_the_manhattan_distance() {
        let code = Thermometer::new(16).unwrap();
        let a = [0.0, 16.0, 7.0, 3.0];
        let b = [5.0, 1.0, 7.0, 16.0];
        let (ta, tb) = (code.encode(&a).unwrap(), code.encode(&b).unwrap());
        let dot: f64 = ta.iter().zip(&tb).map(|(a, b)| a * b).sum();
        let manhattan: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
        assert_eq!(dot, 4.0 * 16.0 - 2.0 * manhattan);
        assert_eq!(code.decode(&ta).unwrap(), a);
    }

    #[test]
    fn rejects_what_is_not_a_level() {
        assert!(Thermometer::new(0).is_err());
        let code = Thermometer::new(4).unwrap();
        for bad in [-1.0, 5.0, 0.5, f64::NAN, f64::INFINITY] {
            assert!(matches!(code.encode(&[0.0, bad]), Err(Error::Level { index: 1, .. })));
        }
        assert!(code.decode(&[1.0; 5]).is_err());
    }
}
