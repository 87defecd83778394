//! Norms of the patterns, which bound states and enter squared distances.
//!
//! ```text
//! s_μ(x) = Σ_i k_i ξ_i^μ x_i − ½ ν_μ,      ν_μ = 0  or  Σ_i k_i (ξ_i^μ)²
//! ```
//!
//! for the dot product or the squared distance, over the known entries `k_i = 1`.

use ebm_core::{Real, linalg, validate};

use super::Similarity;
use crate::{Error, Patterns};

/// `½‖x‖²`.
pub(super) fn half_square<T: Real>(x: &[T]) -> T {
    T::from_f64(0.5) * x.iter().map(|x| *x * *x).sum::<T>()
}

/// `max_μ ‖ξ^μ‖`, where no squared norm overflows.
pub(super) fn radius<T: Real>(patterns: &Patterns<T>) -> Result<f64, Error> {
    let squares: Vec<T> =
        patterns.as_batch().columns().map(|p| p.iter().map(|x| *x * *x).sum()).collect();
    validate::finite("squared norms of the patterns", &squares)?;
    Ok(squares.iter().fold(0.0, |m: f64, s| m.max(s.to_f64())).sqrt())
}

/// Whether scores of states no longer than twice the longest pattern, of norm
/// `radius`, are finite: `4 β R²`, or `4 β √N R` for the Manhattan distance, where
/// `beta` is the largest inverse temperature.
pub(super) fn check_scores<T: Real>(
    beta: f64,
    similarity: Similarity,
    radius: f64,
    dim: usize,
) -> Result<(), Error> {
    let largest = match similarity {
        Similarity::Manhattan => 4.0 * (dim as f64).sqrt() * radius,
        _ => 4.0 * radius * radius,
    };
    if Real::is_finite(T::from_f64(beta * largest.max(1.0))) {
        return Ok(());
    }
    let (what, expected) = ("beta", "so small that the scores of the patterns do not overflow");
    Err(ebm_core::Error::Parameter { what, expected, value: beta }.into())
}

/// `ν_μ` of every pattern.
pub(super) fn norms_over<'a, T: Real>(
    patterns: &'a Patterns<T>,
    similarity: Similarity,
    known: Option<&'a [bool]>,
) -> impl Iterator<Item = f64> + 'a {
    patterns.as_batch().columns().map(move |pattern| {
        let norm: T = match (similarity, known) {
            (Similarity::SquaredDistance, None) => pattern.iter().map(|x| *x * *x).sum(),
            (Similarity::SquaredDistance, Some(known)) => {
                pattern.iter().zip(known).filter(|(_, k)| **k).map(|(x, _)| *x * *x).sum()
            }
            _ => T::ZERO,
        };
        norm.to_f64()
    })
}

/// Patterns whose squares are kept together.
pub(super) const TILE: usize = 256;

/// `out ← out + scale ν_μ` over the known entries of every column of `known`, of
/// zeros and ones. `squares` has room for [`TILE`] patterns, `sums` for as many
/// numbers a column.
pub(super) fn add_norms<T: Real>(
    patterns: &Patterns<T>,
    known: &[T],
    scale: T,
    (squares, sums): (&mut [T], &mut [T]),
    out: &mut [T],
) {
    let (dim, count) = (patterns.dim(), patterns.count());
    for (tile, patterns) in patterns.as_batch().as_slice().chunks(dim * TILE).enumerate() {
        let squares = &mut squares[..patterns.len()];
        squares.iter_mut().zip(patterns).for_each(|(s, p)| *s = *p * *p);
        let size = patterns.len() / dim;
        let sums = &mut sums[..size * known.len() / dim];
        linalg::multiply_transposed(squares, known, sums, dim);
        for (out, sums) in out.chunks_exact_mut(count).zip(sums.chunks_exact(size)) {
            for (out, sum) in out[tile * TILE..].iter_mut().zip(sums) {
                *out += scale * *sum;
            }
        }
    }
}

/// An upper bound on the distance of a retrieved state to the pattern that its
/// report names.
pub(super) fn distance_bound(residual: f64, spill: f64, radius: f64) -> f64 {
    residual + 2.0 * spill * radius
}
