//! How a state is compared with a stored pattern.
//!
//! ```text
//! s_μ(x) = Σ_i k_i ξ_i^μ x_i                  dot product
//! s_μ(x) = Σ_i k_i (ξ_i^μ x_i − ½ (ξ_i^μ)²)   squared distance, up to −½ Σ_i k_i x_i²
//! s_μ(x) = −Σ_i k_i |x_i − ξ_i^μ|             Manhattan distance
//! ```
//!
//! with `k_i = 1` where entry `i` of the cue is known and 0 where it is not
//! (see [`Cues`](super::Cues)). Sources: H. Ramsauer et al. (2020), arXiv
//! 2008.02217, for the dot product; B. Millidge et al., *Universal Hopfield
//! Networks* (2022), arXiv 2202.04557, for the distances.

use ebm_core::Real;
use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

/// How a state is compared with a stored pattern; see the [module](self) for
/// the formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Similarity {
    /// `ξ·x`. Favors patterns of large norm: use it where all norms are about
    /// equal, such as for ±1 patterns, and cues are compared as a whole: under a
    /// mask the norms are those of the known entries, which differ.
    DotProduct,
    /// `−½‖x − ξ‖²` up to a term that all patterns share. Right for patterns
    /// of unequal norm, such as raw pictures, and under masks. It is computed as a
    /// product, with an error of the order of the machine precision times
    /// `β max‖ξ‖²` in the exponents; patterns far from the origin are taken
    /// relative to their mean.
    SquaredDistance,
    /// `−‖x − ξ‖₁`. Bounds the influence of a single entry: for cues in which
    /// few entries are wrong by much. Retrieval reads out the mean of the
    /// patterns as for the others, and so does not descend the energy, which
    /// has kinks at the patterns.
    Manhattan,
}

/// Sums kept side by side, so that they fill vector registers.
const LANES: usize = 16;

/// `−Σ_i k_i |x_i − ξ_i|` of every column of `x` with every one of `patterns`,
/// into `out` (`patterns × columns`). `known` is empty where all entries are
/// known, and otherwise as long as `x`, of zeros and ones.
pub(super) fn manhattan<T: Real>(patterns: &[T], x: &[T], known: &[T], dim: usize, out: &mut [T]) {
    let count = patterns.len() / dim;
    for (column, out) in out.chunks_exact_mut(count).enumerate() {
        let range = column * dim..(column + 1) * dim;
        let x = &x[range.clone()];
        let known = if known.is_empty() { known } else { &known[range] };
        run(Level::detect(), Manhattan { patterns, x, known, out });
    }
}

struct Manhattan<'a, T> {
    patterns: &'a [T],
    x: &'a [T],
    known: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Manhattan<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { patterns, x, known, out } = self;
        for (pattern, out) in patterns.chunks_exact(x.len()).zip(out) {
            let mut sums = [T::ZERO; LANES];
            let chunks = pattern.chunks(LANES).zip(x.chunks(LANES));
            if known.is_empty() {
                for (pattern, x) in chunks {
                    for ((sum, p), x) in sums.iter_mut().zip(pattern).zip(x) {
                        *sum += Real::abs(*x - *p);
                    }
                }
            } else {
                for ((pattern, x), known) in chunks.zip(known.chunks(LANES)) {
                    for (((sum, p), x), k) in sums.iter_mut().zip(pattern).zip(x).zip(known) {
                        *sum += Real::abs(*x - *p) * *k;
                    }
                }
            }
            *out = -sums.into_iter().sum::<T>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manhattan_is_the_sum_of_the_known_differences() {
        for dim in [1, 5, 16, 37] {
            let value = |i: usize| (i * 37 % 23) as f64 - 11.0;
            let patterns: Vec<f64> = (0..3 * dim).map(value).collect();
            let x: Vec<f64> = (0..2 * dim).map(|i| value(i + 5)).collect();
            let known: Vec<f64> = (0..2 * dim).map(|i| (i % 3 % 2) as f64).collect();
            for known in [&[][..], &known] {
                let mut out = vec![1.0; 6];
                manhattan(&patterns, &x, known, dim, &mut out);
                for (at, out) in out.iter().enumerate() {
                    let (mu, column) = (at % 3, at / 3);
                    let expected: f64 = (0..dim)
                        .map(|i| {
                            let k = known.get(column * dim + i).copied().unwrap_or(1.0);
                            k * (x[column * dim + i] - patterns[mu * dim + i]).abs()
                        })
                        .sum();
                    assert_eq!(*out, -expected);
                }
            }
        }
    }
}
