//! Sums of the spins of listed neighbors, 64 replicas at a time.
//!
//! ```text
//! Fᵢ = Σ_{j ∈ P(i)} sⱼ − Σ_{j ∈ N(i)} sⱼ
//! ```
//!
//! A neighbor is one cache line, added or subtracted in two registers of bytes
//! that hold the sums of up to 127 neighbors.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use crate::forms::{LANES, Signs, Sums};

/// Neighbors whose spins sum to no more than a byte holds.
const PIECE: usize = i8::MAX as usize;

/// Rows of neighbor lists: row `i` has its positive neighbors from
/// `starts[2i]`, its negative ones from `starts[2i + 1]`, up to
/// `starts[2i + 2]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists<'a> {
    pub(crate) starts: &'a [u32],
    pub(crate) columns: &'a [u32],
}

impl<'a> Lists<'a> {
    #[inline(always)]
    pub(in crate::kernels) fn row(&self, i: usize) -> (&'a [u32], &'a [u32]) {
        let [start, middle, end] = [0, 1, 2].map(|k| self.starts[2 * i + k] as usize);
        (&self.columns[start..middle], &self.columns[middle..end])
    }
}

/// Writes the sums of the rows to `out`.
///
/// # Safety
/// Every column is below `signs.len()`.
///
/// # Panics
/// If there are fewer rows than `out` has entries.
pub(crate) unsafe fn rows(level: Level, lists: Lists<'_>, signs: &[Signs], out: &mut [Sums]) {
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // SAFETY: the machine has AVX2; columns are in range by contract.
        unsafe { avx2::rows(lists, signs, out) };
        return;
    }
    let _ = level;
    portable(lists, signs, out);
}

fn portable(lists: Lists<'_>, signs: &[Signs], out: &mut [Sums]) {
    for (i, out) in out.iter_mut().enumerate() {
        let (positive, negative) = lists.row(i);
        let mut sums = [0_i16; LANES];
        for (list, sign) in [(positive, 1), (negative, -1)] {
            for &j in list {
                for (sum, s) in sums.iter_mut().zip(&signs[j as usize].0) {
                    *sum += sign * i16::from(*s);
                }
            }
        }
        out.0 = sums;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_add_epi16, _mm256_castsi256_si128, _mm256_cvtepi8_epi16,
        _mm256_extracti128_si256, _mm256_load_si256, _mm256_setzero_si256, _mm256_store_si256,
        _mm256_sub_epi8,
    };

    use super::{Lists, PIECE};
    use crate::forms::{Signs, Sums};

    /// The sums of [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2, and every column is below `signs.len()`.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn rows(lists: Lists<'_>, signs: &[Signs], out: &mut [Sums]) {
        for (i, out) in out.iter_mut().enumerate() {
            let (positive, negative) = lists.row(i);
            if positive.len() + negative.len() <= PIECE {
                let mut bytes = [_mm256_setzero_si256(); 2];
                // SAFETY: by contract.
                unsafe {
                    accumulate::<false>(positive, signs, &mut bytes);
                    accumulate::<true>(negative, signs, &mut bytes);
                }
                store(widen(bytes), out);
                continue;
            }
            let mut words = [_mm256_setzero_si256(); 4];
            for piece in positive.chunks(PIECE) {
                let mut bytes = [_mm256_setzero_si256(); 2];
                // SAFETY: by contract.
                unsafe { accumulate::<false>(piece, signs, &mut bytes) };
                add(&mut words, widen(bytes));
            }
            for piece in negative.chunks(PIECE) {
                let mut bytes = [_mm256_setzero_si256(); 2];
                // SAFETY: by contract.
                unsafe { accumulate::<true>(piece, signs, &mut bytes) };
                add(&mut words, widen(bytes));
            }
            store(words, out);
        }
    }

    /// # Safety
    /// As [`rows`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn accumulate<const NEGATIVE: bool>(
        list: &[u32],
        signs: &[Signs],
        bytes: &mut [__m256i; 2],
    ) {
        let [mut low, mut high] = *bytes;
        for &j in list {
            // SAFETY: `j` is in range by contract; a `Signs` is 64 bytes,
            // aligned to 64.
            let (a, b) = unsafe {
                let line = signs.as_ptr().add(j as usize).cast::<__m256i>();
                (_mm256_load_si256(line), _mm256_load_si256(line.add(1)))
            };
            if NEGATIVE {
                (low, high) = (_mm256_sub_epi8(low, a), _mm256_sub_epi8(high, b));
            } else {
                (low, high) = (_mm256_add_epi8(low, a), _mm256_add_epi8(high, b));
            }
        }
        *bytes = [low, high];
    }

    /// Sixty-four bytes as words.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) fn widen(bytes: [__m256i; 2]) -> [__m256i; 4] {
        let low = |v| _mm256_cvtepi8_epi16(_mm256_castsi256_si128(v));
        let high = |v| _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(v));
        [low(bytes[0]), high(bytes[0]), low(bytes[1]), high(bytes[1])]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) fn add(words: &mut [__m256i; 4], more: [__m256i; 4]) {
        for (word, more) in words.iter_mut().zip(more) {
            *word = _mm256_add_epi16(*word, more);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) fn load(from: &Sums) -> [__m256i; 4] {
        let line = from.0.as_ptr().cast::<__m256i>();
        // SAFETY: a `Sums` is 128 bytes, aligned to 64.
        std::array::from_fn(|k| unsafe { _mm256_load_si256(line.add(k)) })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernels) fn store(words: [__m256i; 4], out: &mut Sums) {
        let line = out.0.as_mut_ptr().cast::<__m256i>();
        for (k, word) in words.into_iter().enumerate() {
            // SAFETY: a `Sums` is 128 bytes, aligned to 64.
            unsafe { _mm256_store_si256(line.add(k), word) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{add, load, store, widen};
