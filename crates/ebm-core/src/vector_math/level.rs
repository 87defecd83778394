//! Instruction sets that the kernels are compiled for.

/// An instruction set, from the least to the most capable.
///
/// Every level computes the same bits: the kernels use only operations that
/// IEEE 754 rounds in one way (no fused multiply–add) and sum in a fixed order.
/// A level is therefore a matter of speed alone; choosing one is for tests and
/// benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What the compiler may assume of the target: SSE2 on x86-64, NEON on
    /// 64-bit ARM.
    Baseline,
    /// AVX2, 256-bit registers.
    Avx2,
    /// AVX-512 F, DQ, BW and VL, 512-bit registers.
    Avx512,
}

impl Level {
    /// The best level of this machine. The processor is asked once.
    ///
    /// ```
    /// use ebm_core::vector_math::Level;
    /// assert!(Level::detect() >= Level::Baseline);
    /// ```
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// This level, or the best one of this machine if it lacks this one.
    #[must_use]
    pub fn or_best(self) -> Self {
        self.min(Self::detect())
    }
}
