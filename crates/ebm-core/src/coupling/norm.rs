//! Upper bounds on the spectral radius that rounding cannot push below it.
//!
//! ```text
//! ρ(W) ≤ ‖W‖_∞ = max_i Σ_j |W_ij|,      ρ(W) ≤ ‖W‖_F,
//! ρ(W) ≤ ρ(|W|) ≤ max_i (|W| v)_i / v_i   for every v > 0   (Collatz, Wielandt)
//! ```
//!
//! Source: R. A. Horn, C. R. Johnson, *Matrix Analysis*, 2nd ed., theorems
//! 5.6.9, 8.1.18 and 8.1.26.

use crate::Real;

/// Raises `bound`, computed from sums of `terms` non-negative numbers, by more
/// than the rounding of those sums can have lowered it.
pub(super) fn rounded_up(bound: f64, terms: usize) -> f64 {
    bound * (1.0 + 4.0 * (terms as f64 + 8.0) * f64::EPSILON)
}

/// The smaller of the row-sum and the Frobenius norm, fed column by column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    row_sum: f64,
    squares: f64,
}

impl Columns {
    pub(super) fn add<T: Real>(&mut self, column: &[T]) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for w in column {
            let w = w.to_f64().abs();
            sum += w;
            squares += w * w;
        }
        self.row_sum = self.row_sum.max(sum);
        self.squares += squares;
    }

    /// The bound for an `n × n` matrix.
    pub(super) fn finish(self, n: usize) -> f64 {
        let row_sum = rounded_up(self.row_sum, n);
        // Squares that overflow or underflow say nothing.
        if self.squares.is_normal() && self.squares > 1e-200 {
            row_sum.min(rounded_up(self.squares.sqrt(), 2 * n))
        } else {
            row_sum
        }
    }
}

/// Bounds `ρ(|W|)` by a few power steps on `|W| + c I`; `apply` writes `|W| v`
/// for an `n × n` matrix with at most `terms` entries in a row.
///
/// The shift keeps `v` positive, isolated nodes included. A step costs one
/// product; the bound after any number of them holds.
pub(super) fn collatz_wielandt(
    n: usize,
    terms: usize,
    mut apply: impl FnMut(&[f64], &mut [f64]),
) -> f64 {
    const STEPS: usize = 12;
    let mut v = vec![1.0; n];
    let mut wv = vec![0.0; n];
    let mut bound = f64::INFINITY;
    let mut shift = 0.0;
    for step in 0..=STEPS {
        apply(&v, &mut wv);
        let ratios = v.iter().zip(&wv).map(|(v, wv)| wv / v);
        let (least, most) =
            ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), r| (least.min(r), most.max(r)));
        bound = bound.min(most);
        // The least ratio is a lower bound: regular graphs need one step.
        if !(bound.is_normal() && bound < 1e300) || least >= bound {
            break;
        }
        if step == 0 {
            shift = 0.25 * bound;
        }
        // A step divides an entry by at most 4 and multiplies it by at most
        // 1.25 × the first bound over the best: twelve cannot make one vanish.
        for (v, wv) in v.iter_mut().zip(&wv) {
            *v = (*wv + shift * *v) / bound;
        }
    }
    rounded_up(bound, terms)
}
