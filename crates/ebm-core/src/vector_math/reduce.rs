//! Log-sum-exp and softmax, shifted by the largest entry.
//!
//! ```text
//! m = maxᵢ xᵢ,    s = Σᵢ exp(xᵢ − m) ∈ [1, n],    ln Σᵢ exp xᵢ = m + ln s
//! ```
//!
//! Sums run in [`LANES`] partial sums whatever the instruction set, so that
//! their rounding does not depend on it.

use super::BLOCK;
use super::kernel::Kernel;
use super::scalar::Scalar;
use crate::Real;

const LANES: usize = 16;

pub(super) struct LogSumExp<'a, T> {
    pub(super) x: &'a [T],
}

impl<T: Scalar> Kernel for LogSumExp<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let max = maximum(self.x);
        if !Real::is_finite(max) {
            return degenerate(self.x, max);
        }
        let mut lanes = [T::ZERO; LANES];
        let mut buffer = [T::ZERO; BLOCK];
        for block in self.x.chunks(BLOCK) {
            let powers = &mut buffer[..block.len()];
            for (power, x) in powers.iter_mut().zip(block) {
                *power = Scalar::exp(*x - max);
            }
            accumulate(&mut lanes, powers);
        }
        max + Scalar::ln(total(lanes))
    }
}

pub(super) struct Softmax<'a, T> {
    pub(super) values: &'a mut [T],
}

impl<T: Scalar> Kernel for Softmax<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let values = self.values;
        let max = maximum(values);
        if !Real::is_finite(max) {
            return degenerate_softmax(values, max);
        }
        let mut lanes = [T::ZERO; LANES];
        for block in values.chunks_mut(BLOCK) {
            for x in &mut *block {
                *x = Scalar::exp(*x - max);
            }
            accumulate(&mut lanes, block);
        }
        let sum = total(lanes);
        for power in values {
            *power /= sum;
        }
        max + Scalar::ln(sum)
    }
}

/// The largest entry that is not NaN, or −∞.
#[inline(always)]
fn maximum<T: Scalar>(x: &[T]) -> T {
    let mut lanes = [T::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks.chain(std::iter::once(rest)) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    lanes.into_iter().fold(T::NEG_INFINITY, |m, lane| if lane > m { lane } else { m })
}

/// Adds `values` to the lanes; every call but the last has a multiple of
/// [`LANES`] of them.
#[inline(always)]
fn accumulate<T: Scalar>(lanes: &mut [T; LANES], values: &[T]) {
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += *value;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += *value;
    }
}

/// The lanes summed as a binary tree.
#[inline(always)]
fn total<T: Scalar>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Log-sum-exp where the largest number is infinite: itself, unless there is a
/// NaN.
#[cold]
fn degenerate<T: Scalar>(x: &[T], max: T) -> T {
    if x.iter().any(|x| is_nan(*x)) { T::NAN } else { max }
}

#[cold]
fn degenerate_softmax<T: Scalar>(values: &mut [T], max: T) -> T {
    let result = degenerate(values, max);
    let infinite = values.iter().filter(|x| **x > T::ZERO && **x == max).count();
    let share = T::ONE / T::from_f64(infinite as f64);
    for value in values {
        *value = match (result > T::ZERO, *value == max) {
            (true, true) => share,
            (true, false) => T::ZERO,
            (false, _) => T::NAN,
        };
    }
    result
}

fn is_nan<T: Scalar>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}
