//! Reproducible random streams.
//!
//! ```text
//! u = ChaCha8(key(seed), stream = index, word = 0, 1, 2, …)
//! ```
//!
//! Every replica, chain, trajectory or row of a batch draws from a ChaCha8
//! stream of its own, selected by `(seed, index)`. Results therefore depend on
//! the seed alone, never on the number of threads or the order of work.
//!
//! [`BrownianPath`](crate::sde::BrownianPath) draws its noise beyond word 2⁶⁰ of
//! the stream of its trajectory. The words before are the caller's, so that an
//! initial state drawn from `stream(seed, index)` is independent of the noise of
//! trajectory `index`.
//!
//! The bulk functions fill a slice in order and draw what the same number of
//! single draws would, so splitting a slice does not change its contents. Their
//! outputs are part of the interface: a change that alters them is a breaking
//! one.
//!
//! Sources: D. J. Bernstein, *ChaCha, a variant of Salsa20* (2008), 2⁶⁴
//! independent streams a seed, each of 2⁷⁰ bytes; normals by the ziggurat method
//! of J. A. Doornik, *An improved ziggurat method to generate normal random
//! samples* (2005).

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::{Error, Real};

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

/// A checkpoint of a [`stream`]: three numbers from which it goes on, bit for
/// bit.
///
/// ```
/// use ebm_core::random::{StreamState, fill_normal, stream};
/// let mut rng = stream(7, 3);
/// let (mut a, mut b) = ([0.0; 5], [0.0; 5]);
/// fill_normal(&mut rng, &mut a);
/// let saved = StreamState::capture(7, &rng)?;
/// fill_normal(&mut rng, &mut a);
/// fill_normal(&mut saved.resume(), &mut b);
/// assert_eq!(a, b);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct StreamState {
    /// The seed.
    pub seed: u64,
    /// The index of the stream.
    pub stream: u64,
    /// Words of 32 bits drawn so far.
    pub position: u64,
}

impl StreamState {
    /// The state of `rng`, a stream of `seed`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `rng` was not made from `seed`, or was sought
    /// beyond its word 2⁶⁴.
    pub fn capture(seed: u64, rng: &ChaCha8Rng) -> Result<Self, Error> {
        let stream = rng.get_stream();
        if self::stream(seed, stream).get_seed() != rng.get_seed() {
            let expected = "the seed of the generator";
            return Err(Error::Parameter { what: "seed", expected, value: seed as f64 });
        }
        let position = u64::try_from(rng.get_word_pos()).map_err(|_| Error::Parameter {
            what: "position in the stream",
            expected: "less than 2^64",
            value: rng.get_word_pos() as f64,
        })?;
        Ok(Self { seed, stream, position })
    }

    /// The generator in this state.
    #[must_use]
    pub fn resume(&self) -> ChaCha8Rng {
        let mut rng = stream(self.seed, self.stream);
        rng.set_word_pos(u128::from(self.position));
        rng
    }
}

/// Fills `out` with independent standard normals.
///
/// ```
/// use ebm_core::random::{fill_normal, stream};
/// let mut z = [0.0; 10_000];
/// fill_normal(&mut stream(1, 0), &mut z);
/// let variance = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
/// assert!((variance - 1.0).abs() < 0.06); // 4 standard errors
/// ```
pub fn fill_normal<R: Rng + ?Sized>(rng: &mut R, out: &mut [f64]) {
    for z in out {
        *z = rng.sample(StandardNormal);
    }
}

/// Fills `out` with independent uniforms on `[0, 1)`, multiples of 2⁻⁵³.
pub fn fill_uniform<R: Rng + ?Sized>(rng: &mut R, out: &mut [f64]) {
    for u in out {
        *u = rng.random();
    }
}

/// Fills `out` with independent fair signs, −1 or +1, 64 to a draw.
///
/// Unlike the other bulk functions this one drops what is left of its last
/// draw, so only splits at multiples of 64 leave the contents unchanged.
pub fn fill_signs<T: Real, R: Rng + ?Sized>(rng: &mut R, out: &mut [T]) {
    for chunk in out.chunks_mut(64) {
        let mut bits = rng.next_u64();
        for sign in chunk {
            *sign = if bits & 1 == 1 { T::ONE } else { -T::ONE };
            bits >>= 1;
        }
    }
}

/// `count` random patterns of ±1, `dim × count` and column-major; pattern `j`
/// comes from stream `j` of `seed`, so more patterns do not change the first.
///
/// # Errors
/// [`Error::Empty`] if `dim` is zero, [`Error::TooLarge`] if the patterns do
/// not fit into memory.
///
/// ```
/// use ebm_core::random::sign_patterns;
/// let three: Vec<f64> = sign_patterns(7, 100, 3)?;
/// let five: Vec<f64> = sign_patterns(7, 100, 5)?;
/// assert_eq!(three, five[..300]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn sign_patterns<T: Real>(seed: u64, dim: usize, count: usize) -> Result<Vec<T>, Error> {
    let what = "number of pattern entries";
    if dim == 0 {
        return Err(Error::Empty { what: "pattern" });
    }
    let limit = isize::MAX as usize / size_of::<T>();
    let size = dim.saturating_mul(count);
    let mut patterns = Vec::new();
    patterns.try_reserve_exact(size).map_err(|_| Error::TooLarge { what, size, limit })?;
    patterns.resize(size, T::ZERO);
    for (j, pattern) in (0..).zip(patterns.chunks_exact_mut(dim)) {
        fill_signs(&mut stream(seed, j), pattern);
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_outputs_are_pinned() {
        let mut bits = stream(7, 3);
        let bits = [bits.next_u64(), bits.next_u64()];
        let (mut z, mut u, mut s) = ([0.0; 4], [0.0; 4], [0.0_f32; 8]);
        fill_normal(&mut stream(7, 3), &mut z);
        fill_uniform(&mut stream(7, 3), &mut u);
        fill_signs(&mut stream(7, 3), &mut s);
        assert_eq!(bits, [3348856302973006449, 1713045363199913294]);
        assert_eq!(
            z,
            [-1.043654950284575, -1.549421560167736, 0.6832644591813938, -0.41305742752912744]
        );
        assert_eq!(
            u,
            [0.18154186395125538, 0.09286437521737823, 0.9790049704535125, 0.33421834421751606]
        );
        assert_eq!(s, [1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0]);
    }

    #[test]
    fn moments_of_the_bulk_functions() {
        // Sample moments within 5 standard errors, a false alarm once in 10⁶.
        let n = 100_000_usize;
        let mut v = vec![0.0; n];
        let mean = |v: &[f64], power: i32| v.iter().map(|v| v.powi(power)).sum::<f64>() / n as f64;
        let root = (n as f64).sqrt();
        fill_normal(&mut stream(1, 0), &mut v);
        for (power, expected, deviation) in [
            (1, 0.0, 1.0),
            (2, 1.0, 2_f64.sqrt()),
            (3, 0.0, 15_f64.sqrt()),
            (4, 3.0, 96_f64.sqrt()),
        ] {
            assert!((mean(&v, power) - expected).abs() < 5.0 * deviation / root);
        }
        fill_uniform(&mut stream(1, 0), &mut v);
        assert!(v.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((mean(&v, 1) - 0.5).abs() < 5.0 * (1.0 / 12_f64).sqrt() / root);
        assert!((mean(&v, 2) - 1.0 / 3.0).abs() < 5.0 * (4.0 / 45_f64).sqrt() / root);
        fill_signs(&mut stream(1, 0), &mut v);
        assert!(v.iter().all(|s| s.abs() == 1.0));
        assert!(mean(&v, 1).abs() < 5.0 / root);
        let neighbors = v.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n as f64;
        assert!(neighbors.abs() < 5.0 / root);
    }

    #[test]
    fn a_foreign_generator_is_not_captured() {
        assert!(StreamState::capture(8, &stream(7, 3)).is_err());
        let mut far = stream(7, 3);
        far.set_word_pos(1 << 64);
        assert!(StreamState::capture(7, &far).is_err());
    }

    #[test]
    fn too_many_patterns_are_an_error() {
        assert!(matches!(sign_patterns::<f64>(0, 0, 3), Err(Error::Empty { .. })));
        assert!(matches!(sign_patterns::<f64>(0, usize::MAX, 3), Err(Error::TooLarge { .. })));
        assert_eq!(sign_patterns::<f32>(0, 4, 0), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn a_checkpoint_resumes_bit_exactly(
            seed: u64, index: u64, words in 0_usize..200, normals in 0_usize..40,
        ) {
            let mut rng = stream(seed, index);
            for _ in 0..words {
                rng.next_u32();
            }
            fill_normal(&mut rng, &mut vec![0.0; normals]);
            let saved = StreamState::capture(seed, &rng)?;
            let mut resumed = saved.resume();
            for _ in 0..100 {
                prop_assert_eq!(rng.next_u64(), resumed.next_u64());
            }
        }

        #[test]
        fn splitting_a_slice_changes_nothing(seed: u64, cut in 0_usize..=50) {
            let (mut whole, mut parts) = ([0.0; 50], [0.0; 50]);
            fill_normal(&mut stream(seed, 0), &mut whole);
            let mut rng = stream(seed, 0);
            let (head, tail) = parts.split_at_mut(cut);
            fill_normal(&mut rng, head);
            fill_normal(&mut rng, tail);
            prop_assert_eq!(whole, parts);
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_checkpoint_survives_a_file() -> Result<(), serde_json::Error> {
        let state = StreamState { seed: u64::MAX, stream: 3, position: u64::MAX };
        let text = serde_json::to_string(&state)?;
        assert_eq!(serde_json::from_str::<StreamState>(&text)?, state);
        let unknown = r#"{"seed": 1, "stream": 2, "position": 3, "sede": 4}"#;
        assert!(serde_json::from_str::<StreamState>(unknown).is_err());
        Ok(())
    }
}
