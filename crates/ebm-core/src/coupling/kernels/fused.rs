//! Vector registers with fused multiply–add.
//!
//! ```text
//! fma(a, b, c) = a·b + c, rounded once
//! ```
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Vectors of rows in a tile: a cache line of them.
pub(super) const ROW_VECTORS: usize = 2;

/// Operations on a register of scalars. All are `#[inline(always)]`, to be
/// compiled for the instruction set of the function they end up in.
pub(super) trait Lanes<T>: Copy {
    /// A register.
    type Vector: Copy;
    /// Scalars in it.
    const LANES: usize;

    /// `x` in every lane.
    fn splat(self, x: T) -> Self::Vector;
    /// The first lanes of `x`.
    fn load(self, x: &[T]) -> Self::Vector;
    /// To the first places of `x`.
    fn store(self, v: Self::Vector, x: &mut [T]);
    /// `a·b + c`, rounded once.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

/// Proof that the machine has AVX2 and FMA: there is no value where it lacks
/// them.
#[derive(Debug, Clone, Copy)]
pub struct Avx2Fma(());

impl Avx2Fma {
    /// The processor is asked once.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Some(Self(()));
        }
        None
    }
}

/// What the token stands for.
#[cfg(target_arch = "x86_64")]
type Registers = Avx2Fma;
#[cfg(not(target_arch = "x86_64"))]
type Registers = Portable;

/// A loop over slices of scalars `T`.
pub(super) trait FusedKernel<T> {
    /// Runs it. Implementations are `#[inline(always)]`, down to the last
    /// function called: what is not inlined is compiled for the baseline.
    fn run<S: Lanes<T>>(self, simd: S);
}

/// Runs `kernel` compiled for AVX2 and FMA.
pub(super) fn run<T, K: FusedKernel<T>>(simd: Avx2Fma, kernel: K)
where
    Registers: Lanes<T>,
{
    // SAFETY: `simd` proves that the machine has both.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        avx2_fma(simd, kernel);
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let Avx2Fma(()) = simd;
        kernel.run(Portable);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma<T, K: FusedKernel<T>>(simd: Avx2Fma, kernel: K)
where
    Avx2Fma: Lanes<T>,
{
    kernel.run(simd);
}

#[cfg(target_arch = "x86_64")]
impl Lanes<f64> for Avx2Fma {
    type Vector = __m256d;
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(self, x: f64) -> __m256d {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_set1_pd(x) }
    }
    #[inline(always)]
    fn load(self, x: &[f64]) -> __m256d {
        let x = &x[..4];
        // SAFETY: as above; `x` has four elements, at any alignment.
        unsafe { _mm256_loadu_pd(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m256d, x: &mut [f64]) {
        let x = &mut x[..4];
        // SAFETY: as for `load`.
        unsafe { _mm256_storeu_pd(x.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn fma(self, a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        // SAFETY: `self` proves that the machine has FMA.
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes<f32> for Avx2Fma {
    type Vector = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn load(self, x: &[f32]) -> __m256 {
        let x = &x[..8];
        // SAFETY: as above; `x` has eight elements, at any alignment.
        unsafe { _mm256_loadu_ps(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m256, x: &mut [f32]) {
        let x = &mut x[..8];
        // SAFETY: as for `load`.
        unsafe { _mm256_storeu_ps(x.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` proves that the machine has FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
}

/// The same registers in safe code: the oracle of the tests, and what other
/// processors compile, where there is no [`Avx2Fma`] to run it.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Lanes<f64> for Portable {
    type Vector = [f64; 4];
    const LANES: usize = 4;

    fn splat(self, x: f64) -> [f64; 4] {
        [x; 4]
    }
    fn load(self, x: &[f64]) -> [f64; 4] {
        std::array::from_fn(|lane| x[lane])
    }
    fn store(self, v: [f64; 4], x: &mut [f64]) {
        x[..4].copy_from_slice(&v);
    }
    fn fma(self, a: [f64; 4], b: [f64; 4], c: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Lanes<f32> for Portable {
    type Vector = [f32; 8];
    const LANES: usize = 8;

    fn splat(self, x: f32) -> [f32; 8] {
        [x; 8]
    }
    fn load(self, x: &[f32]) -> [f32; 8] {
        std::array::from_fn(|lane| x[lane])
    }
    fn store(self, v: [f32; 8], x: &mut [f32]) {
        x[..8].copy_from_slice(&v);
    }
    fn fma(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
}
