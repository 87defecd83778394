//! Dense sums of signs by the method of four Russians, 64 replicas at a time.
//!
//! ```text
//! Fᵢ = Σ_groups T_g[pattern of row i in group g],      T_g[p] = Σ_{k < 5} ±s_{5g + k}
//! ```
//!
//! One lookup of a cache line serves five couplings of 64 replicas. The tables
//! of a pass, 12 groups of 2 KB, stay in the first-level cache while all rows go
//! by.
//!
//! Source: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod, I. A. Faradžev, Dokl.
//! Akad. Nauk SSSR 194, 487 (1970).
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use crate::forms::{LANES, Signs, Sums};

/// Couplings in a group.
pub(crate) const WIDTH: usize = 5;

/// Entries of a table: one for each pattern of signs.
const ENTRIES: usize = 1 << WIDTH;

/// Groups in a pass.
pub(crate) const GROUPS: usize = 12;

/// Columns in a pass; their signs sum to no more than a byte holds.
pub(crate) const PASS: usize = WIDTH * GROUPS;

/// The signs of a row in one pass: bit `k` of entry `g` is set where column
/// `5g + k` is positive.
pub(crate) type Patterns = [u8; GROUPS];

/// The tables of one pass.
pub(crate) type Tables = [[Signs; ENTRIES]; GROUPS];

/// A table of zeros.
pub(crate) const EMPTY: [Signs; ENTRIES] = [Signs::ZERO; ENTRIES];

/// Adds the signed sums of one pass over the columns of `signs`, at most
/// [`PASS`], to each row's entry of `out`.
///
/// # Panics
/// If `patterns` and `out` differ in length.
pub(crate) fn pass(
    level: Level,
    patterns: &[Patterns],
    signs: &[Signs],
    tables: &mut Tables,
    out: &mut [Sums],
) {
    assert_eq!(patterns.len(), out.len(), "patterns: one entry a row");
    for (group, table) in tables.iter_mut().enumerate() {
        fill(table, signs, group * WIDTH);
    }
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // SAFETY: the machine has AVX2.
        unsafe { avx2::add(patterns, tables, out) };
        return;
    }
    let _ = level;
    portable(patterns, tables, out);
}

/// The signed sums of the [`WIDTH`] spins from `first`, for every pattern.
fn fill(table: &mut [Signs; ENTRIES], signs: &[Signs], first: usize) {
    let spin = |k: usize| signs.get(first + k).copied().unwrap_or(Signs::ZERO).0;
    let mut none = [0_i8; LANES];
    for k in 0..WIDTH {
        for (sum, s) in none.iter_mut().zip(&spin(k)) {
            *sum = sum.wrapping_sub(*s);
        }
    }
    table[0] = Signs(none);
    for k in 0..WIDTH {
        let s = spin(k);
        for pattern in 0..1 << k {
            let mut entry = table[pattern].0;
            for (sum, s) in entry.iter_mut().zip(&s) {
                *sum = sum.wrapping_add(s.wrapping_mul(2));
            }
            table[pattern | 1 << k] = Signs(entry);
        }
    }
}

fn portable(patterns: &[Patterns], tables: &Tables, out: &mut [Sums]) {
    for (out, patterns) in out.iter_mut().zip(patterns) {
        let mut sums = [0_i8; LANES];
        for (table, pattern) in tables.iter().zip(patterns) {
            let entry = &table[*pattern as usize % ENTRIES];
            for (sum, s) in sums.iter_mut().zip(&entry.0) {
                *sum = sum.wrapping_add(*s);
            }
        }
        for (out, sum) in out.0.iter_mut().zip(&sums) {
            *out = out.wrapping_add(i16::from(*sum));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_add_epi8, _mm256_load_si256, _mm256_setzero_si256};

    use super::super::sign_sums;
    use super::{ENTRIES, Patterns, Tables};
    use crate::forms::Sums;

    /// The sums of [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn add(patterns: &[Patterns], tables: &Tables, out: &mut [Sums]) {
        for (out, patterns) in out.iter_mut().zip(patterns) {
            let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for (table, pattern) in tables.iter().zip(patterns) {
                let entry = table[*pattern as usize % ENTRIES].0.as_ptr().cast::<__m256i>();
                // SAFETY: a `Signs` is 64 bytes, aligned to 64.
                let (a, b) = unsafe { (_mm256_load_si256(entry), _mm256_load_si256(entry.add(1))) };
                (low, high) = (_mm256_add_epi8(low, a), _mm256_add_epi8(high, b));
            }
            let mut words = sign_sums::load(out);
            sign_sums::add(&mut words, sign_sums::widen([low, high]));
            sign_sums::store(words, out);
        }
    }
}
