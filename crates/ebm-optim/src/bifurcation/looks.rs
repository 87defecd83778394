//! Looks at the states of a block: energies, and the best states.

use ebm_core::vector_math::kernel::Kernel;

use crate::forms::{LANES, Signs, Sums};
use crate::kernels::half_bytes::HalfBytes;

/// Adds `sᵢ Fᵢ` of each replica.
pub(super) struct PairSums<'a> {
    pub(super) sums: &'a [Sums],
    pub(super) signs: &'a [Signs],
    pub(super) pairs: &'a mut [i64; LANES],
}

impl Kernel for PairSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // A chunk's sums, at most 2¹⁵ each, stay below 2³¹.
        let mut totals = [0_i32; LANES];
        for (sums, signs) in self.sums.iter().zip(self.signs) {
            for ((total, f), s) in totals.iter_mut().zip(&sums.0).zip(&signs.0) {
                *total = total.wrapping_add(i32::from(f.wrapping_mul(i16::from(*s))));
            }
        }
        for (pairs, total) in self.pairs.iter_mut().zip(&totals) {
            *pairs += i64::from(*total);
        }
    }
}

/// Adds `hᵢ sᵢ` of each replica.
pub(super) struct FieldSums<'a> {
    pub(super) fields: &'a [f64],
    pub(super) signs: &'a [Signs],
    pub(super) sums: &'a mut [f64; LANES],
}

impl Kernel for FieldSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (h, signs) in self.fields.iter().zip(self.signs) {
            for (sum, s) in self.sums.iter_mut().zip(&signs.0) {
                *sum += h * f64::from(*s);
            }
        }
    }
}

/// Copies the replicas whose mask is −1; others have 0.
pub(super) struct Select<'a> {
    pub(super) mask: [i8; LANES],
    pub(super) from: &'a [Signs],
    pub(super) to: &'a mut [Signs],
}

impl Kernel for Select<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (from, to) in self.from.iter().zip(self.to) {
            for ((to, from), mask) in to.0.iter_mut().zip(&from.0).zip(&self.mask) {
                *to = *from & *mask | *to & !*mask;
            }
        }
    }
}

/// Copies the replicas whose half byte is 15; others have 0.
pub(super) struct SelectHalves<'a> {
    pub(super) mask: [u8; LANES / 2],
    pub(super) from: &'a [HalfBytes],
    pub(super) to: &'a mut [HalfBytes],
}

impl Kernel for SelectHalves<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (from, to) in self.from.iter().zip(self.to) {
            for ((to, from), mask) in to.0.iter_mut().zip(&from.0).zip(&self.mask) {
                *to = *from & *mask | *to & !*mask;
            }
        }
    }
}
