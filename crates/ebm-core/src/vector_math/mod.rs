//! Elementary functions over slices, for the inner loops of models: `exp`,
//! `tanh`, the logistic function, `softplus`, sine and cosine, `log_sum_exp`
//! and `softmax`.
//!
//! ```text
//! logistic(x) = 1/(1 + e⁻ˣ)      softplus(x) = ln(1 + eˣ)
//! log_sum_exp(x) = ln Σᵢ exp xᵢ      softmax(x)ᵢ = exp(xᵢ) / Σⱼ exp xⱼ
//! ```
//!
//! Branch-free bodies are compiled for each instruction set of [`Level`], and
//! the best one of the machine is chosen at run time. Every level, and every
//! position in a slice, gives the same bits. Bounds on the error, for `f32` and
//! `f64` alike, in units in the last place (the distance from the result to the
//! next larger number):
//!
//! | | ulp |
//! |---|---|
//! | [`exp`] | 1 |
//! | [`tanh`] | 1.5 |
//! | [`logistic`] | 2.5 |
//! | [`softplus`] | 3 |
//! | [`sin_cos`], magnitudes to 2¹⁹ | 1 |
//!
//! They are tested, not proved: `f64` at 250 000 points a function against
//! double-double arithmetic, `f32` at two million against `f64`.
//!
//! Beyond 2¹⁹ sine and cosine come from the standard library, one by one. NaN
//! gives NaN; zeros keep their sign where the function is odd; overflow gives
//! infinity, underflow is gradual. Inputs and outputs of different lengths are
//! used up to the shorter one, and the rest of the output stays as it is.
//!
//! ```
//! use ebm_core::vector_math;
//! let mut out = [0.0; 3];
//! vector_math::tanh(&[-0.5, 0.0, 0.5], &mut out);
//! assert_eq!(out[1], 0.0);
//! assert_eq!(out[0], -out[2]);
//!
//! let mut weights = [0.0; 2];
//! let total = vector_math::softmax(&[1000.0, 1000.0], &mut weights);
//! assert_eq!(weights, [0.5, 0.5]);
//! assert_eq!(total, 1000.0 + f64::ln(2.0));
//! ```

use std::marker::PhantomData;

mod double;
pub mod kernel;
mod level;
mod reduce;
mod scalar;
mod single;
#[cfg(test)]
mod tests;

pub use level::Level;

use crate::Real;
use kernel::Kernel;
use scalar::Scalar;

/// Elements copied at a time, small enough to stay in the nearest cache.
const BLOCK: usize = 256;

/// The types that have these functions, `f32` and `f64`, and the form of each
/// function that takes the [`Level`]. A level that the machine lacks is
/// replaced by its best.
pub trait VectorMath: Scalar {
    /// [`exp_in_place`] at a level.
    fn exp_at(level: Level, values: &mut [Self]);
    /// [`tanh_in_place`] at a level.
    fn tanh_at(level: Level, values: &mut [Self]);
    /// [`logistic_in_place`] at a level.
    fn logistic_at(level: Level, values: &mut [Self]);
    /// [`softplus_in_place`] at a level.
    fn softplus_at(level: Level, values: &mut [Self]);
    /// [`sin_cos()`] at a level.
    fn sin_cos_at(level: Level, x: &[Self], sin: &mut [Self], cos: &mut [Self]);
    /// [`log_sum_exp`] at a level.
    fn log_sum_exp_at(level: Level, x: &[Self]) -> Self;
    /// [`softmax_in_place`] at a level.
    fn softmax_at(level: Level, values: &mut [Self]) -> Self;
}

// Not provided methods: these are compiled once, here, and not in every crate
// that calls them.
impl VectorMath for f64 {
    fn exp_at(level: Level, values: &mut [Self]) {
        map::<_, Exp>(level, values);
    }
    fn tanh_at(level: Level, values: &mut [Self]) {
        map::<_, Tanh>(level, values);
    }
    fn logistic_at(level: Level, values: &mut [Self]) {
        map::<_, Logistic>(level, values);
    }
    fn softplus_at(level: Level, values: &mut [Self]) {
        map::<_, Softplus>(level, values);
    }
    fn sin_cos_at(level: Level, x: &[Self], sin: &mut [Self], cos: &mut [Self]) {
        kernel::run(level, SinCos { x, sin, cos });
    }
    fn log_sum_exp_at(level: Level, x: &[Self]) -> Self {
        kernel::run(level, reduce::LogSumExp { x })
    }
    fn softmax_at(level: Level, values: &mut [Self]) -> Self {
        kernel::run(level, reduce::Softmax { values })
    }
}

impl VectorMath for f32 {
    fn exp_at(level: Level, values: &mut [Self]) {
        map::<_, Exp>(level, values);
    }
    fn tanh_at(level: Level, values: &mut [Self]) {
        map::<_, Tanh>(level, values);
    }
    fn logistic_at(level: Level, values: &mut [Self]) {
        map::<_, Logistic>(level, values);
    }
    fn softplus_at(level: Level, values: &mut [Self]) {
        map::<_, Softplus>(level, values);
    }
    fn sin_cos_at(level: Level, x: &[Self], sin: &mut [Self], cos: &mut [Self]) {
        kernel::run(level, SinCos { x, sin, cos });
    }
    fn log_sum_exp_at(level: Level, x: &[Self]) -> Self {
        kernel::run(level, reduce::LogSumExp { x })
    }
    fn softmax_at(level: Level, values: &mut [Self]) -> Self {
        kernel::run(level, reduce::Softmax { values })
    }
}

/// A function of one element. A type, not a function pointer or closure: only
/// a direct call is sure to be inlined, and to be compiled for the level.
trait Function {
    fn of<T: Scalar>(x: T) -> T;
}

struct Exp;
struct Tanh;
struct Logistic;
struct Softplus;

impl Function for Exp {
    #[inline(always)]
    fn of<T: Scalar>(x: T) -> T {
        Scalar::exp(x)
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn of<T: Scalar>(x: T) -> T {
        Scalar::tanh(x)
    }
}

impl Function for Logistic {
    #[inline(always)]
    fn of<T: Scalar>(x: T) -> T {
        Scalar::logistic(x)
    }
}

impl Function for Softplus {
    #[inline(always)]
    fn of<T: Scalar>(x: T) -> T {
        Scalar::softplus(x)
    }
}

/// Applies a function to every element.
struct Map<'a, T, F> {
    values: &'a mut [T],
    function: PhantomData<F>,
}

fn map<T: Scalar, F: Function>(level: Level, values: &mut [T]) {
    kernel::run(level, Map::<T, F> { values, function: PhantomData });
}

impl<T: Scalar, F: Function> Kernel for Map<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for value in self.values {
            *value = F::of(*value);
        }
    }
}

struct SinCos<'a, T> {
    x: &'a [T],
    sin: &'a mut [T],
    cos: &'a mut [T],
}

impl<T: Scalar> Kernel for SinCos<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let blocks = self.sin.chunks_mut(BLOCK).zip(self.cos.chunks_mut(BLOCK));
        for (x, (sin, cos)) in self.x.chunks(BLOCK).zip(blocks) {
            let mut far = false;
            for ((x, sin), cos) in x.iter().zip(&mut *sin).zip(&mut *cos) {
                (*sin, *cos) = Scalar::sin_cos(*x);
                far |= Real::abs(*x) > T::REDUCIBLE;
            }
            if far {
                for ((x, sin), cos) in x.iter().zip(sin).zip(cos) {
                    if Real::abs(*x) > T::REDUCIBLE {
                        (*sin, *cos) = Scalar::sin_cos_far(*x);
                    }
                }
            }
        }
    }
}

/// Copies block by block into `out` and works there.
fn into<T: Copy>(x: &[T], out: &mut [T], in_place: impl Fn(&mut [T])) {
    for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let len = x.len().min(out.len());
        out[..len].copy_from_slice(&x[..len]);
        in_place(&mut out[..len]);
    }
}

/// `outᵢ = exp xᵢ`.
pub fn exp<T: VectorMath>(x: &[T], out: &mut [T]) {
    into(x, out, exp_in_place);
}

/// `xᵢ ← exp xᵢ`.
pub fn exp_in_place<T: VectorMath>(values: &mut [T]) {
    T::exp_at(Level::detect(), values);
}

/// `outᵢ = tanh xᵢ`. Odd, and never beyond ±1.
pub fn tanh<T: VectorMath>(x: &[T], out: &mut [T]) {
    into(x, out, tanh_in_place);
}

/// `xᵢ ← tanh xᵢ`.
pub fn tanh_in_place<T: VectorMath>(values: &mut [T]) {
    T::tanh_at(Level::detect(), values);
}

/// `outᵢ = 1/(1 + exp(−xᵢ))`, with full relative precision for negative `xᵢ`.
pub fn logistic<T: VectorMath>(x: &[T], out: &mut [T]) {
    into(x, out, logistic_in_place);
}

/// `xᵢ ← 1/(1 + exp(−xᵢ))`.
pub fn logistic_in_place<T: VectorMath>(values: &mut [T]) {
    T::logistic_at(Level::detect(), values);
}

/// `outᵢ = ln(1 + exp xᵢ)`, which neither overflows nor loses relative
/// precision where it is close to `exp xᵢ`.
pub fn softplus<T: VectorMath>(x: &[T], out: &mut [T]) {
    into(x, out, softplus_in_place);
}

/// `xᵢ ← ln(1 + exp xᵢ)`.
pub fn softplus_in_place<T: VectorMath>(values: &mut [T]) {
    T::softplus_at(Level::detect(), values);
}

/// `sinᵢ = sin xᵢ` and `cosᵢ = cos xᵢ`, `xᵢ` in radians.
pub fn sin_cos<T: VectorMath>(x: &[T], sin: &mut [T], cos: &mut [T]) {
    T::sin_cos_at(Level::detect(), x, sin, cos);
}

/// `ln Σᵢ exp xᵢ` without overflow: −∞ if `x` is empty or all of it −∞, +∞ if
/// any entry is, NaN if any entry is.
///
/// The absolute error is below `8 ε (1 + |result|)` with `ε` the machine
/// precision, for up to 10⁴ entries; summation adds about `n ε/16` beyond.
#[must_use]
pub fn log_sum_exp<T: VectorMath>(x: &[T]) -> T {
    T::log_sum_exp_at(Level::detect(), x)
}

/// `outᵢ = exp(xᵢ) / Σⱼ exp xⱼ`; returns [`log_sum_exp`] of `x`, which comes
/// with it.
///
/// Entries of +∞ share all of the mass evenly. Where there is no mass to share,
/// all entries being −∞, or where one is NaN, every output is NaN.
pub fn softmax<T: VectorMath>(x: &[T], out: &mut [T]) -> T {
    let len = x.len().min(out.len());
    let out = &mut out[..len];
    out.copy_from_slice(&x[..len]);
    softmax_in_place(out)
}

/// `xᵢ ← exp(xᵢ) / Σⱼ exp xⱼ`; returns [`log_sum_exp`] of the old values.
pub fn softmax_in_place<T: VectorMath>(values: &mut [T]) -> T {
    T::softmax_at(Level::detect(), values)
}
