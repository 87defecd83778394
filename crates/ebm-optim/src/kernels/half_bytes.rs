//! Signs of 64 replicas in half a cache line, and how many couplings they
//! violate.
//!
//! ```text
//! V = |{i < j : Jᵢⱼ sᵢ sⱼ < 0}|,     bᵢ = (1 − sᵢ)/2,
//! a positive coupling is violated where  bᵢ ⊕ bⱼ = 1,  a negative one where it is 0
//! ```
//!
//! Each coupling is visited once, from the row of its first spin: one register
//! that holds 64 replicas, and half bytes that count up to 15 couplings.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use super::sign_sums::Lists;
use crate::forms::LANES;

/// Couplings that half a byte counts.
pub(super) const FEW: usize = 15;

/// Couplings of a row that a byte counts.
const MOST: usize = u8::MAX as usize;

/// The signs of one spin: bit 0 of byte `r` is set where replica `r` is negative,
/// bit 4 where replica `r + 32` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct HalfBytes(pub(crate) [u8; LANES / 2]);

impl HalfBytes {
    /// All replicas up.
    pub(crate) const UP: Self = Self([0; LANES / 2]);

    /// Negative where the function says so of a replica.
    pub(crate) fn from_fn(negative: impl Fn(usize) -> bool) -> Self {
        let bit = |lane: usize| u8::from(negative(lane));
        Self(std::array::from_fn(|r| bit(r) | bit(r + LANES / 2) << 4))
    }

    /// Is the replica negative?
    pub(crate) fn is_down(&self, lane: usize) -> bool {
        self.0[lane % (LANES / 2)] >> (4 * (lane / (LANES / 2))) & 1 == 1
    }
}

/// Writes how many couplings each replica violates. The columns of row `i` to
/// count are those of `lists` from `firsts[2i]` and from `firsts[2i + 1]` on, for
/// positive and for negative couplings.
///
/// # Safety
/// Every column is below `signs.len()`.
///
/// # Panics
/// If there is not one row, and two firsts, for each spin, or a row counts more
/// than 255 couplings.
pub(crate) unsafe fn violations(
    level: Level,
    lists: Lists<'_>,
    firsts: &[u32],
    signs: &[HalfBytes],
    out: &mut [u32; LANES],
) {
    assert_eq!(lists.starts.len(), 2 * signs.len() + 1, "lists: one row a spin");
    assert_eq!(firsts.len(), 2 * signs.len(), "firsts: two a spin");
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // SAFETY: the machine has AVX2; columns are in range by contract.
        unsafe { avx2::violations(lists, firsts, signs, out) };
        return;
    }
    let _ = level;
    portable(lists, firsts, signs, out);
}

/// The columns of row `i` to count.
#[inline(always)]
fn row<'a>(lists: Lists<'a>, firsts: &[u32], i: usize) -> [&'a [u32]; 2] {
    let list = |k: usize| &lists.columns[firsts[k] as usize..lists.starts[k + 1] as usize];
    let lists = [list(2 * i), list(2 * i + 1)];
    assert!(lists[0].len() + lists[1].len() <= MOST, "columns: at most 255 to count in a row");
    lists
}

fn portable(lists: Lists<'_>, firsts: &[u32], signs: &[HalfBytes], out: &mut [u32; LANES]) {
    *out = [0; LANES];
    for (i, own) in signs.iter().enumerate() {
        let [positive, negative] = row(lists, firsts, i);
        for (lane, out) in out.iter_mut().enumerate() {
            let differs = |j: &&u32| signs[**j as usize].is_down(lane) != own.is_down(lane);
            let count = positive.iter().filter(differs).count()
                + negative.iter().filter(|j| !differs(j)).count();
            *out += count as u32;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256, _mm256_castsi256_si128,
        _mm256_cvtepu8_epi16, _mm256_extracti128_si256, _mm256_load_si256, _mm256_set1_epi8,
        _mm256_setzero_si256, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_xor_si256,
    };

    use super::{FEW, HalfBytes, LANES, Lists, MOST, row};

    /// Rows whose counts words hold.
    const ROWS: usize = u16::MAX as usize / MOST;

    /// The register of a neighbor.
    ///
    /// # Safety
    /// `j` is below `signs.len()`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) unsafe fn load(signs: &[HalfBytes], j: u32) -> __m256i {
        // SAFETY: in range by contract; 32 bytes, aligned to 32.
        unsafe { _mm256_load_si256(signs.as_ptr().add(j as usize).cast()) }
    }

    /// Half bytes as bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) fn widen(halves: __m256i) -> [__m256i; 2] {
        let mask = _mm256_set1_epi8(15);
        let high = _mm256_srli_epi16::<4>(halves);
        [_mm256_and_si256(halves, mask), _mm256_and_si256(high, mask)]
    }

    /// [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2, and every column is below `signs.len()`.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn violations(
        lists: Lists<'_>,
        firsts: &[u32],
        signs: &[HalfBytes],
        out: &mut [u32; LANES],
    ) {
        *out = [0; LANES];
        let n = signs.len();
        for first in (0..n).step_by(ROWS) {
            let mut words = [_mm256_setzero_si256(); 4];
            for i in first..(first + ROWS).min(n) {
                let [positive, negative] = row(lists, firsts, i);
                // SAFETY: `i` is a row, of which there are as many as spins.
                let own = unsafe { load(signs, i as u32) };
                let flipped = _mm256_xor_si256(own, _mm256_set1_epi8(0x11));
                let mut bytes = [_mm256_setzero_si256(); 2];
                for (list, own) in [(positive, own), (negative, flipped)] {
                    for piece in list.chunks(FEW) {
                        let mut halves = _mm256_setzero_si256();
                        for &j in piece {
                            // SAFETY: by contract.
                            let violated = _mm256_xor_si256(own, unsafe { load(signs, j) });
                            halves = _mm256_add_epi8(halves, violated);
                        }
                        let [low, high] = widen(halves);
                        bytes = [_mm256_add_epi8(bytes[0], low), _mm256_add_epi8(bytes[1], high)];
                    }
                }
                for (k, word) in words.iter_mut().enumerate() {
                    let half = match k % 2 {
                        0 => _mm256_castsi256_si128(bytes[k / 2]),
                        _ => _mm256_extracti128_si256::<1>(bytes[k / 2]),
                    };
                    *word = _mm256_add_epi16(*word, _mm256_cvtepu8_epi16(half));
                }
            }
            for (out, word) in out.chunks_exact_mut(16).zip(words) {
                let mut counts = [0_u16; 16];
                // SAFETY: 32 bytes of an array.
                unsafe { _mm256_storeu_si256(counts.as_mut_ptr().cast(), word) };
                for (out, count) in out.iter_mut().zip(counts) {
                    *out += u32::from(count);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{load, widen};

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random::stream;
    use rand::RngExt;

    #[test]
    fn every_level_counts_violations() {
        let mut rng = stream(1, 0);
        // More rows than words hold, of up to 255 columns to count.
        for (n, most) in [(1, 0), (90, 40), (300, 20), (300, 255)] {
            let (mut starts, mut columns, mut firsts) = (vec![0_u32], vec![], vec![]);
            for i in 0..n {
                let degree: usize = if i % 7 == 0 { most } else { rng.random_range(0..=most) };
                let positive = rng.random_range(0..=degree);
                for count in [positive, degree - positive] {
                    // Some that are not to count come first.
                    columns.extend((0..i % 3).map(|_| 0));
                    firsts.push(columns.len() as u32);
                    columns.extend((0..count).map(|_| rng.random_range(0..n as u32)));
                    starts.push(columns.len() as u32);
                }
            }
            let lists = Lists { starts: &starts, columns: &columns };
            let signs: Vec<HalfBytes> = (0..n)
                .map(|_| {
                    let bits: u64 = rng.random();
                    HalfBytes::from_fn(|lane| bits >> lane & 1 == 1)
                })
                .collect();
            let on = |level: Level| {
                let mut out = [7; LANES];
                // SAFETY: columns are below `n`.
                unsafe { violations(level, lists, &firsts, &signs, &mut out) };
                out
            };
            let spin = |i: usize, lane: usize| if signs[i].is_down(lane) { -1 } else { 1 };
            let expected: [u32; LANES] = std::array::from_fn(|lane| {
                let violated = |(i, k, sign): (usize, u32, i32)| {
                    sign * spin(i, lane) * spin(columns[k as usize] as usize, lane) < 0
                };
                let counted = (0..2 * n).flat_map(|r| {
                    let sign = if r % 2 == 0 { 1 } else { -1 };
                    (firsts[r]..starts[r + 1]).map(move |k| (r / 2, k, sign))
                });
                counted.filter(|c| violated(*c)).count() as u32
            });
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                assert_eq!(on(level), expected, "{level:?} {n} {most}");
            }
        }
    }
}
