//! One step of discrete simulated bifurcation in fixed point, 64 replicas at a
//! time.
//!
//! ```text
//! v ← v + C clamp(F, ±L) + h − κ x,     x ← x + v,
//! where |x| reaches 1:  x ← sgn x,  v ← 0,     then  v ← v + γ v_old
//! ```
//!
//! Positions `x` are in units of 1/32767, velocities `v = Δt y` in units of
//! 1/16384; all sums saturate, so nothing can overflow, whatever the forces.
//! Clamping at `L` keeps the product in 16 bits, at a force that throws a spin
//! from one wall to the other in a single step.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use crate::forms::{LANES, Signs, Sums};

/// What one step multiplies by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factors {
    /// `C`: velocity from one unit of the sums.
    pub(crate) force: i16,
    /// `L`, at most `32767 / C`.
    pub(crate) limit: i16,
    /// `κ` in units of 2⁻¹⁴, never −32768.
    pub(crate) detuning: i16,
    /// `γ` in units of 2⁻¹⁵.
    pub(crate) heat: i16,
}

/// `x = 1`.
pub(crate) const WALL: i16 = i16::MAX;

/// State of some spins in [`LANES`] replicas.
pub(crate) struct Spins<'a> {
    pub(crate) x: &'a mut [Sums],
    pub(crate) v: &'a mut [Sums],
    /// Overwritten with the signs of `x` after the step.
    pub(crate) signs: &'a mut [Signs],
    /// Velocity from the field of each spin.
    pub(crate) fields: &'a [i16],
}

/// Makes one step; `sums` are the coupling sums of the same spins.
///
/// # Panics
/// If the slices differ in length.
pub(crate) fn step(level: Level, factors: Factors, sums: &[Sums], spins: Spins<'_>) {
    let n = sums.len();
    assert!(spins.x.len() == n && spins.v.len() == n, "positions: one entry a sum");
    assert!(spins.signs.len() == n && spins.fields.len() == n, "signs: one entry a sum");
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // SAFETY: the machine has AVX2, and the slices are of equal length.
        unsafe { avx2::step(factors, sums, spins) };
        return;
    }
    let _ = level;
    portable(factors, sums, spins);
}

fn portable(factors: Factors, sums: &[Sums], spins: Spins<'_>) {
    for (i, sums) in sums.iter().enumerate() {
        let (x, v, signs) = (&mut spins.x[i].0, &mut spins.v[i].0, &mut spins.signs[i].0);
        for lane in 0..LANES {
            let force = sums.0[lane].clamp(-factors.limit, factors.limit);
            let before = v[lane];
            let velocity = before
                .saturating_add(force.wrapping_mul(factors.force))
                .saturating_add(spins.fields[i])
                .saturating_sub(rounded_product(x[lane], factors.detuning));
            // Twice: positions have half the unit of velocities.
            let position = x[lane].saturating_add(velocity).saturating_add(velocity).max(-WALL);
            let kept = if position.abs() == WALL { 0 } else { velocity };
            x[lane] = position;
            v[lane] = kept.saturating_add(rounded_product(before, factors.heat));
            signs[lane] = if position < 0 { -1 } else { 1 };
        }
    }
}

/// `a b / 2¹⁵`, rounded.
fn rounded_product(a: i16, b: i16) -> i16 {
    ((((i32::from(a) * i32::from(b)) >> 14) + 1) >> 1) as i16
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_abs_epi16, _mm256_adds_epi16, _mm256_andnot_si256, _mm256_cmpeq_epi16,
        _mm256_cmpgt_epi8, _mm256_load_si256, _mm256_max_epi16, _mm256_min_epi16,
        _mm256_mulhrs_epi16, _mm256_mullo_epi16, _mm256_or_si256, _mm256_packs_epi16,
        _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256,
        _mm256_store_si256, _mm256_subs_epi16,
    };

    use super::{Factors, Spins, WALL};
    use crate::forms::Sums;

    /// Sixteen of the sixty-four replicas; `part` is below four.
    #[inline(always)]
    fn part(words: &Sums, part: usize) -> *const __m256i {
        words.0[16 * part..16 * part + 16].as_ptr().cast()
    }

    /// [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2, and all slices are as long as `sums`.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn step(factors: Factors, sums: &[Sums], spins: Spins<'_>) {
        let wall = _mm256_set1_epi16(WALL);
        let low_wall = _mm256_set1_epi16(-WALL);
        let force = _mm256_set1_epi16(factors.force);
        let limit = _mm256_set1_epi16(factors.limit);
        let low_limit = _mm256_set1_epi16(-factors.limit);
        let detuning = _mm256_set1_epi16(factors.detuning);
        let heat = _mm256_set1_epi16(factors.heat);
        let one = _mm256_set1_epi8(1);
        let Spins { x, v, signs, fields } = spins;
        let rows = sums.iter().zip(x).zip(v).zip(signs).zip(fields);
        for ((((sums, x), v), signs), field) in rows {
            let field = _mm256_set1_epi16(*field);
            let mut positions = [_mm256_setzero_si256(); 4];
            for (k, kept) in positions.iter_mut().enumerate() {
                let (at_x, at_v) = (part(x, k).cast_mut(), part(v, k).cast_mut());
                // SAFETY: each part is 32 bytes inside a `Sums`, aligned to 64
                // bytes as a whole; `x` and `v` are borrowed mutably.
                let (sum, before_x, before_v) = unsafe {
                    (
                        _mm256_load_si256(part(sums, k)),
                        _mm256_load_si256(at_x),
                        _mm256_load_si256(at_v),
                    )
                };
                let sum = _mm256_max_epi16(_mm256_min_epi16(sum, limit), low_limit);
                let velocity = _mm256_adds_epi16(before_v, _mm256_mullo_epi16(sum, force));
                let velocity = _mm256_adds_epi16(velocity, field);
                let velocity = _mm256_subs_epi16(velocity, _mm256_mulhrs_epi16(before_x, detuning));
                let position = _mm256_adds_epi16(_mm256_adds_epi16(before_x, velocity), velocity);
                let position = _mm256_max_epi16(position, low_wall);
                let at_wall = _mm256_cmpeq_epi16(_mm256_abs_epi16(position), wall);
                let velocity = _mm256_andnot_si256(at_wall, velocity);
                let velocity = _mm256_adds_epi16(velocity, _mm256_mulhrs_epi16(before_v, heat));
                // SAFETY: as above.
                unsafe {
                    _mm256_store_si256(at_x, position);
                    _mm256_store_si256(at_v, velocity);
                }
                *kept = position;
            }
            for (half, pair) in positions.chunks_exact(2).enumerate() {
                // Packing saturates, which keeps the sign, and interleaves
                // quarters, which the permutation undoes.
                let packed = _mm256_packs_epi16(pair[0], pair[1]);
                let packed = _mm256_permute4x64_epi64::<0b1101_1000>(packed);
                let negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), packed);
                let out = &mut signs.0[32 * half..32 * half + 32];
                // SAFETY: 32 bytes of a `Signs`, which is aligned to 64.
                unsafe {
                    _mm256_store_si256(out.as_mut_ptr().cast(), _mm256_or_si256(negative, one));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random::stream;
    use rand::RngExt;

    #[test]
    fn every_level_gives_the_same_bits() {
        let mut rng = stream(1, 0);
        for round in 0..200 {
            let n = 1 + round % 7;
            let force: i16 = rng.random_range(1..3000);
            let factors = Factors {
                force,
                limit: i16::MAX / force,
                detuning: rng.random_range(-i16::MAX..=i16::MAX),
                heat: rng.random_range(0..4000),
            };
            let spread: i32 = [30, 3000, 32_767][round % 3];
            let mut draw =
                |_| Sums(std::array::from_fn(|_| rng.random_range(-spread..=spread) as i16));
            let sums: Vec<Sums> = (0..n).map(&mut draw).collect();
            let x: Vec<Sums> = (0..n).map(&mut draw).collect();
            let v: Vec<Sums> = (0..n).map(&mut draw).collect();
            let fields: Vec<i16> = (0..n).map(|i| draw(i).0[0]).collect();
            let on = |level: Level| {
                let (mut x, mut v) = (x.clone(), v.clone());
                let mut signs = vec![Signs::ZERO; n];
                for _ in 0..3 {
                    let (x, v, signs) = (&mut x[..], &mut v[..], &mut signs[..]);
                    step(level, factors, &sums, Spins { x, v, signs, fields: &fields });
                }
                (x, v, signs)
            };
            let (x, v, signs) = on(Level::Baseline);
            assert!((x.clone(), v, signs.clone()) == on(Level::Avx2));
            for (x, s) in x.iter().zip(&signs) {
                for (x, s) in x.0.iter().zip(&s.0) {
                    assert!(x.unsigned_abs() <= WALL as u16);
                    assert_eq!(*s, if *x < 0 { -1 } else { 1 });
                }
            }
        }
    }
}
