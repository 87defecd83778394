//! What the loops need of a scalar type: branch-free elementary functions.

use crate::Real;

/// One element at a time, free of branches so that a loop over it becomes
/// vector instructions. All are `#[inline(always)]`.
pub trait Scalar: Real {
    /// Largest magnitude for which [`sin_cos`](Self::sin_cos) holds its bound.
    const REDUCIBLE: Self;
    /// Negative infinity.
    const NEG_INFINITY: Self;
    /// Not a number.
    const NAN: Self;

    /// `eˣ`.
    fn exp(self) -> Self;
    /// `tanh x`.
    fn tanh(self) -> Self;
    /// `1/(1 + e⁻ˣ)`.
    fn logistic(self) -> Self;
    /// `ln(1 + eˣ)`.
    fn softplus(self) -> Self;
    /// `(sin x, cos x)` for `|x|` up to [`REDUCIBLE`](Self::REDUCIBLE).
    fn sin_cos(self) -> (Self, Self);
    /// `(sin x, cos x)` for every `x`, from the standard library.
    fn sin_cos_far(self) -> (Self, Self);
    /// `ln x`, from the standard library.
    fn ln(self) -> Self;
}
