//! The largest eigenvalue of a symmetric operator by Lanczos iteration from a
//! random start.
//!
//! ```text
//! A v_k = β_{k−1} v_{k−1} + α_k v_k + β_k v_{k+1},      ξ = λ_max(T_k) ≤ λ_max(A)
//! ```
//!
//! `T_k` is tridiagonal with `α` and `β`. If `A` is positive semidefinite and
//! the start uniform on the sphere, then after `k` steps, in exact arithmetic,
//!
//! ```text
//! P[ξ < (1 − ε) λ_max] ≤ 1.648 √n exp(−(2k − 1) √ε) .
//! ```
//!
//! Source: J. Kuczyński and H. Woźniakowski, SIAM J. Matrix Anal. Appl. 13, 1094
//! (1992), theorem 4.2. Vectors are not kept: rounding lets copies of
//! eigenvalues appear, not eigenvalues beyond the extremes; C. C. Paige, J. Inst.
//! Math. Appl. 18, 341 (1976).

use crate::random::{fill_normal, stream};

/// What the iteration found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Largest {
    /// `ξ`, at most the largest eigenvalue.
    pub value: f64,
    /// Steps made: fewer than allowed if the start spans an invariant space.
    pub steps: usize,
    /// An invariant space was reached: `ξ` is an eigenvalue, with probability
    /// one the largest.
    pub exhausted: bool,
}

/// At most `steps` steps from stream 0 of `seed` for the symmetric `n × n`
/// operator `apply(v, out)`, `out = A v`. Three vectors are all the memory it
/// takes.
///
/// Without a step, or for `n = 0`, the value is −∞; NaN where the operator
/// returns one or overflows.
///
/// ```
/// use ebm_core::linalg::largest_eigenvalue;
/// // The path of 100 nodes: 2 cos(π/101).
/// let found = largest_eigenvalue(100, 200, 1, |v, out| {
///     for i in 0..100 {
///         out[i] = (if i > 0 { v[i - 1] } else { 0.0 }) + v.get(i + 1).unwrap_or(&0.0);
///     }
/// });
/// let expected = 2.0 * (std::f64::consts::PI / 101.0).cos();
/// assert!((found.value - expected).abs() < 1e-12);
/// ```
#[must_use]
pub fn largest_eigenvalue(
    n: usize,
    steps: usize,
    seed: u64,
    mut apply: impl FnMut(&[f64], &mut [f64]),
) -> Largest {
    if n == 0 || steps == 0 {
        return Largest { value: f64::NEG_INFINITY, steps: 0, exhausted: n == 0 };
    }
    let (mut v, mut next, mut before) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    fill_normal(&mut stream(seed, 0), &mut v);
    let length = norm(&v);
    v.iter_mut().for_each(|v| *v /= length);
    let (mut alpha, mut beta) = (Vec::with_capacity(steps), Vec::<f64>::with_capacity(steps));
    let mut exhausted = false;
    for step in 0..steps {
        apply(&v, &mut next);
        let last = beta.last().copied().unwrap_or(0.0);
        next.iter_mut().zip(&before).for_each(|(w, u)| *w -= last * u);
        let along: f64 = next.iter().zip(&v).map(|(w, v)| w * v).sum();
        next.iter_mut().zip(&v).for_each(|(w, v)| *w -= along * v);
        alpha.push(along);
        let length = norm(&next);
        if !length.is_finite() {
            return Largest { value: f64::NAN, steps: step + 1, exhausted };
        }
        let scale = alpha.iter().chain(&beta).fold(0.0_f64, |m, x| m.max(x.abs()));
        if length <= 1e-12 * scale || length == 0.0 {
            exhausted = true;
            break;
        }
        if step + 1 < steps {
            beta.push(length);
            next.iter_mut().for_each(|w| *w /= length);
            std::mem::swap(&mut before, &mut v);
            std::mem::swap(&mut v, &mut next);
        }
    }
    Largest { value: tridiagonal_maximum(&alpha, &beta), steps: alpha.len(), exhausted }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// By bisection on the number of eigenvalues above a shift (Sturm).
fn tridiagonal_maximum(alpha: &[f64], beta: &[f64]) -> f64 {
    let off = |k: usize| beta.get(k).map_or(0.0, |b| b.abs());
    let radius = |k: usize| off(k) + if k > 0 { off(k - 1) } else { 0.0 };
    let ends = || alpha.iter().enumerate().map(|(k, a)| (a - radius(k), a + radius(k)));
    let mut low = alpha.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut high = ends().map(|(_, high)| high).fold(f64::NEG_INFINITY, f64::max);
    let tiny = f64::EPSILON * (low.abs().max(high.abs()) + f64::MIN_POSITIVE);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if high - low <= tiny || middle <= low || middle >= high {
            break;
        }
        // A pivot of T − middle that is positive: an eigenvalue above.
        let mut pivot = 1.0;
        let above = alpha.iter().enumerate().any(|(k, a)| {
            let coupled = if k > 0 { off(k - 1) * off(k - 1) / pivot } else { 0.0 };
            pivot = a - middle - coupled;
            if pivot == 0.0 {
                pivot = -tiny;
            }
            pivot > 0.0
        });
        if above { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::SymmetricEigen;
    use rand::RngExt;

    fn symmetric(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, 1);
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let w = rng.random_range(-1.0..1.0);
                (a[i * n + j], a[j * n + i]) = (w, w);
            }
        }
        a
    }

    #[test]
    fn agrees_with_dense_eigenvalues() {
        for (n, seed) in [(1, 0), (2, 1), (7, 2), (60, 3)] {
            let a = symmetric(n, seed);
            let values = SymmetricEigen::new(n).eigenvalues(&a).unwrap().to_vec();
            let apply = |v: &[f64], out: &mut [f64]| {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = (0..n).map(|j| a[i * n + j] * v[j]).sum();
                }
            };
            let found = largest_eigenvalue(n, 200, 5, apply);
            let top = values[n - 1];
            assert!((found.value - top).abs() < 1e-10 * (1.0 + top.abs()), "n {n}");
            let short = largest_eigenvalue(n, 3, 5, apply);
            assert!(short.value <= top + 1e-12);
        }
    }

    #[test]
    fn a_multiple_of_one_is_exhausted_at_once() {
        let found = largest_eigenvalue(9, 50, 1, |v, out| {
            out.iter_mut().zip(v).for_each(|(out, v)| *out = -3.0 * v);
        });
        assert!(found.exhausted && found.steps == 1);
        assert!((found.value + 3.0).abs() < 1e-14);
        let zero = largest_eigenvalue(4, 5, 1, |_, out| out.fill(0.0));
        assert_eq!((zero.value, zero.exhausted), (0.0, true));
        for (n, steps) in [(0, 5), (5, 0)] {
            let none = largest_eigenvalue(n, steps, 1, |_, _| unreachable!());
            assert_eq!((none.value, none.steps), (f64::NEG_INFINITY, 0));
        }
        assert!(largest_eigenvalue(4, 5, 1, |_, out| out.fill(f64::NAN)).value.is_nan());
    }

    /// The stated probability holds with room to spare.
    #[test]
    fn short_runs_miss_no_more_often_than_stated() {
        let n = 40;
        let values: Vec<f64> = (0..n).map(|k| 1.0 - k as f64 / n as f64).collect();
        let (steps, epsilon) = (8, 0.15_f64);
        let stated =
            1.648 * (n as f64).sqrt() * (-(2.0 * steps as f64 - 1.0) * epsilon.sqrt()).exp();
        let trials = 2000;
        let misses = (0..trials)
            .filter(|&seed| {
                let found = largest_eigenvalue(n, steps, seed, |v, out| {
                    out.iter_mut().zip(v).zip(&values).for_each(|((o, v), a)| *o = a * v);
                });
                found.value < 1.0 - epsilon
            })
            .count();
        assert!(stated < 0.05 && misses as f64 <= stated * trials as f64, "{misses} {stated}");
    }
}
