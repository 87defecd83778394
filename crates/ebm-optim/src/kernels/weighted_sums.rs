//! Weighted sums of the spins of listed neighbors, 64 replicas at a time, with
//! weights of eight bits.
//!
//! ```text
//! Fᵢ = Σⱼ wᵢⱼ sⱼ,     |wᵢⱼ| ≤ 127,     Σⱼ |wᵢⱼ| ≤ 32767
//! ```
//!
//! A neighbor is one cache line; its signs turn the weight's own and are added
//! in bytes. Rows come in pieces whose sums a byte holds.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use crate::forms::{LANES, Signs, Sums};

/// Rows of neighbors: row `i` is pieces `rows[i]` to `rows[i + 1]`, piece `p`
/// columns and weights `pieces[p]` to `pieces[p + 1]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists<'a> {
    pub(crate) rows: &'a [u32],
    pub(crate) pieces: &'a [u32],
    pub(crate) columns: &'a [u32],
    pub(crate) weights: &'a [i8],
}

impl<'a> Lists<'a> {
    /// The pieces of row `i`.
    #[inline(always)]
    fn row(&self, i: usize) -> impl Iterator<Item = (&'a [u32], &'a [i8])> {
        let Self { columns, weights, .. } = *self;
        let ends = &self.pieces[self.rows[i] as usize..=self.rows[i + 1] as usize];
        ends.windows(2).map(move |ends| {
            let piece = ends[0] as usize..ends[1] as usize;
            (&columns[piece.clone()], &weights[piece])
        })
    }
}

/// Writes the sums of the rows to `out`, correct where the magnitudes of the
/// weights of a piece add up to no more than 127 and those of a row to no more
/// than 32767.
///
/// # Safety
/// Every column is below `signs.len()`.
///
/// # Panics
/// If there are fewer rows than `out` has entries.
pub(crate) unsafe fn rows(level: Level, lists: Lists<'_>, signs: &[Signs], out: &mut [Sums]) {
    assert!(lists.rows.len() > out.len(), "lists: a row for each sum");
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
        let mut sums = [0_i16; LANES];
        for (columns, weights) in lists.row(i) {
            for (&j, &w) in columns.iter().zip(weights) {
                for (sum, s) in sums.iter_mut().zip(&signs[j as usize].0) {
                    *sum = sum.wrapping_add(i16::from(w) * i16::from(*s));
                }
            }
        }
        out.0 = sums;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_load_si256, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm256_sign_epi8,
    };

    use super::Lists;
    use crate::forms::{Signs, Sums};
    use crate::kernels::sign_sums::{add, store, widen};

    /// [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2, and every column is below `signs.len()`.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn rows(lists: Lists<'_>, signs: &[Signs], out: &mut [Sums]) {
        for (i, out) in out.iter_mut().enumerate() {
            let mut words = [_mm256_setzero_si256(); 4];
            for (columns, weights) in lists.row(i) {
                let mut bytes = [_mm256_setzero_si256(); 2];
                for (&j, &w) in columns.iter().zip(weights) {
                    let weight = _mm256_set1_epi8(w);
                    // SAFETY: `j` is in range by contract; a `Signs` is 64 bytes,
                    // aligned to 64.
                    let (low, high) = unsafe {
                        let line = signs.as_ptr().add(j as usize).cast::<__m256i>();
                        (_mm256_load_si256(line), _mm256_load_si256(line.add(1)))
                    };
                    bytes = [
                        _mm256_add_epi8(bytes[0], _mm256_sign_epi8(weight, low)),
                        _mm256_add_epi8(bytes[1], _mm256_sign_epi8(weight, high)),
                    ];
                }
                add(&mut words, widen(bytes));
            }
            store(words, out);
        }
    }
}
