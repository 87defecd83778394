//! Reproducible random streams.
//!
//! Every replica, chain, trajectory or row of a batch draws from a ChaCha8
//! stream of its own, selected by `(seed, index)`. Results therefore depend on
//! the seed alone, never on the number of threads or the order of work.
//!
//! Source: D. J. Bernstein, *ChaCha, a variant of Salsa20* (2008); 2⁶⁴
//! independent streams per seed, each of 2⁶⁸ bytes.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Stream `index` of `seed`.
///
/// ```
/// use ebm_core::random::stream;
/// use rand::Rng;
/// assert_eq!(stream(7, 3).next_u64(), stream(7, 3).next_u64());
/// assert_ne!(stream(7, 3).next_u64(), stream(7, 4).next_u64());
/// ```
#[must_use]
pub fn stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}
