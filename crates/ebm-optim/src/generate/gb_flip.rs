//! Knuth's portable random numbers GB_FLIP.
//!
//! ```text
//! aₙ = (aₙ₋₅₅ − aₙ₋₂₄) mod 2³¹
//! ```
//!
//! in blocks of 55, each handed out from its end.
//! Machine-independent, so that instances can be published as a seed. Not for
//! new work: everything else here draws from ChaCha streams. Source: D. E.
//! Knuth, *The Stanford GraphBase* (1993), GB_FLIP; *The Art of Computer
//! Programming* 2, section 3.6.

use super::parameter;
use crate::Error;

/// The generator.
///
/// ```
/// use ebm_optim::generate::GbFlip;
/// // Knuth's own check of an implementation.
/// let mut rng = GbFlip::new(-314_159);
/// assert_eq!(rng.next(), 119_318_998);
/// for _ in 0..133 {
///     rng.next();
/// }
/// assert_eq!(rng.uniform(0x5555_5555)?, 748_103_812);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GbFlip {
    /// The last 55 values, the next one to hand out at `left − 1`.
    values: [u32; LAG],
    left: usize,
}

const LAG: usize = 55;
const SHORT_LAG: usize = 24;
const MODULUS: u32 = 1 << 31;

fn difference(a: u32, b: u32) -> u32 {
    a.wrapping_sub(b) % MODULUS
}

impl GbFlip {
    /// The generator with a seed, of which the lower 31 bits count.
    #[must_use]
    pub fn new(seed: i32) -> Self {
        let mut bits = seed as u32 % MODULUS;
        let mut values = [0; LAG];
        let (mut previous, mut next) = (bits, 1);
        values[LAG - 1] = previous;
        // Every 21st entry, as 21 and 55 have no common factor.
        for k in 1..LAG {
            let at = (21 * k) % LAG - 1;
            values[at] = next;
            next = difference(previous, next);
            bits = (bits >> 1) | if bits & 1 == 1 { 1 << 30 } else { 0 };
            next = difference(next, bits);
            previous = values[at];
        }
        let mut generator = Self { values, left: 0 };
        for _ in 0..5 {
            generator.cycle();
        }
        // The first value of a cycle is dropped here.
        generator.left = LAG - 1;
        generator
    }

    fn cycle(&mut self) {
        for i in 0..LAG {
            let other = if i < SHORT_LAG { i + LAG - SHORT_LAG } else { i - SHORT_LAG };
            self.values[i] = difference(self.values[i], self.values[other]);
        }
        self.left = LAG;
    }

    /// The next value, uniform on `0..2³¹`.
    #[expect(clippy::should_implement_trait, reason = "endless: there is no end to report")]
    pub fn next(&mut self) -> u32 {
        if self.left == 0 {
            self.cycle();
        }
        self.left -= 1;
        self.values[self.left]
    }

    /// Uniform on `0..bound`, without bias.
    ///
    /// # Errors
    /// A bound of zero or above 2³¹.
    pub fn uniform(&mut self, bound: u32) -> Result<u32, Error> {
        if bound == 0 || bound > MODULUS {
            return Err(parameter("bound", "1 to 2^31", f64::from(bound)));
        }
        Ok(self.below(bound))
    }

    /// [`uniform`](Self::uniform) with a bound known to be valid.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let whole = MODULUS - MODULUS % bound;
        loop {
            let value = self.next();
            if value < whole {
                return value % bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obeys_its_recurrence() {
        let mut rng = GbFlip::new(1);
        // What is left of the first block.
        for _ in 1..LAG {
            rng.next();
        }
        let blocks: Vec<u32> = (0..10 * LAG).map(|_| rng.next()).collect();
        let values: Vec<u32> =
            blocks.chunks(LAG).flat_map(|block| block.iter().rev()).copied().collect();
        for n in LAG..values.len() {
            assert_eq!(values[n], difference(values[n - LAG], values[n - SHORT_LAG]));
        }
    }

    #[test]
    fn bounds_are_checked() {
        let mut rng = GbFlip::new(0);
        assert!(rng.uniform(0).is_err());
        assert!(rng.uniform(u32::MAX).is_err());
        assert_eq!(rng.uniform(1).unwrap(), 0);
        assert!(rng.uniform(1 << 31).is_ok());
        // Sign and high bit of the seed do not count.
        assert_eq!(GbFlip::new(i32::MIN + 5).next(), GbFlip::new(5).next());
    }
}
