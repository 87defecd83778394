//! Runs a loop compiled for a [`Level`].
//!
//! A kernel is ordinary safe code. Its `run` is inlined into one function per
//! level, where the compiler may use the registers of that level.
//!
//! ```
//! use ebm_core::vector_math::Level;
//! use ebm_core::vector_math::kernel::{Kernel, run};
//! struct Sum<'a>(&'a [[i8; 64]]);
//! impl Kernel for Sum<'_> {
//!     type Output = [i8; 64];
//!     #[inline(always)]
//!     fn run(self) -> [i8; 64] {
//!         let mut sums = [0; 64];
//!         for row in self.0 {
//!             for (sum, value) in sums.iter_mut().zip(row) {
//!                 *sum += value;
//!             }
//!         }
//!         sums
//!     }
//! }
//! assert_eq!(run(Level::detect(), Sum(&[[1; 64], [2; 64]])), [3; 64]);
//! ```
#![allow(unsafe_code)]

use super::Level;

/// A loop over slices.
pub trait Kernel {
    /// What the loop yields.
    type Output;

    /// Runs it. Implementations are `#[inline(always)]`, down to the last
    /// function called: what is not inlined is compiled for the baseline.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` at `level`, or at the best level of the machine if it lacks
/// that one.
pub fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.or_best() {
        // SAFETY: `or_best` returns this level only where the machine has it.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(kernel) },
        _ => kernel.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
