//! Argmax made continuous by a convex regularizer: softmax and its sparse
//! relatives.
//!
//! ```text
//! Ω*(θ) = max_{p∈P} θ·p − Ω(p),      ŷ(θ) = ∇Ω*(θ) = argmax_{p∈P} θ·p − Ω(p)
//!
//! softmax     Ω = Σ p ln p                       ŷ_i = e^{θ_i}/Σ_j e^{θ_j}             never exact
//! sparsemax   Ω = ½ (‖p‖² − 1)                   ŷ_i = [θ_i − τ]₊                      margin 1
//! α-entmax    Ω = (Σ p^α − 1)/(α(α − 1))         ŷ_i = [(α − 1)θ_i − τ]₊^{1/(α − 1)}   margin 1/(α − 1)
//! k-subset    Ω = ½ (k‖p‖² − 1),  p_i ≤ 1/k      ŷ_i = min([θ_i − τ]₊, 1)/k            margin 1
//! ```
//!
//! `P` is the probability simplex, cut for k-subsets; `τ` makes the weights sum
//! up to one. If the largest entry of `θ` exceeds the next by the margin, `ŷ`
//! is exactly its indicator; for k-subsets the k-th largest must exceed the
//! next, and `ŷ` is exactly the mean of k indicators. α-entmax with α → 1 is
//! softmax, with α = 2 sparsemax; k-subset with k = 1 is sparsemax.
//!
//! The Jacobian of all of them is `diag s − s sᵀ/Σs`, with `s = ŷ` for softmax,
//! `ŷ^{2−α}` on the support for α-entmax, and `1/k` where `0 < ŷ < 1/k` for
//! k-subsets.
//!
//! Sources: A. F. T. Martins and R. F. Astudillo (2016), arXiv 1602.02068; B.
//! Peters, V. Niculae and A. F. T. Martins (2019), arXiv 1905.05702; for
//! k-subsets as SparseMAP V. Niculae et al. (2018), arXiv 1802.04223; for the
//! margins M. Blondel, A. F. T. Martins and V. Niculae (2020), arXiv 1901.02324.

use ebm_core::vector_math;

use crate::Error;

/// How scores become weights; see the [module](self) for the formulas.
///
/// ```
/// use ebm_memory::dense_associative_memory::RegularizedArgmax;
/// let mut weights = [0.0; 3];
/// RegularizedArgmax::Sparsemax.weights(&[1.0, 0.5, -1.0], &mut weights);
/// assert_eq!(weights, [0.75, 0.25, 0.0]);
/// // Beyond the margin of one the largest takes all.
/// RegularizedArgmax::Sparsemax.weights(&[1.5, 0.5, -1.0], &mut weights);
/// assert_eq!(weights, [1.0, 0.0, 0.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum RegularizedArgmax {
    /// Weights that are all positive: the memory is the log-sum-exp memory.
    Softmax,
    /// Euclidean projection on the simplex.
    Sparsemax,
    /// Between softmax and sparsemax for `alpha` between 1 and 2, and nearer
    /// to the argmax beyond.
    Entmax {
        /// `α`, from 1.01 to 100; 1.5 is usual.
        alpha: f64,
    },
    /// The mean of the `k` best, or of more where the k-th leads by less than
    /// the margin: retrieves associations of k patterns.
    KSubset {
        /// From 1 to the number of patterns.
        k: usize,
    },
}

impl RegularizedArgmax {
    /// Checks the parameter, for `count` scores.
    ///
    /// # Errors
    /// If `alpha` or `k` is out of its range.
    pub fn check(&self, count: usize) -> Result<(), Error> {
        let (what, expected, value) = match *self {
            Self::Entmax { alpha } if !(1.01..=100.0).contains(&alpha) => {
                ("alpha", "1.01 to 100", alpha)
            }
            Self::KSubset { k } if k == 0 || k > count => {
                ("k", "at least one and at most the number of patterns", k as f64)
            }
            _ => return Ok(()),
        };
        Err(ebm_core::Error::Parameter { what, expected, value }.into())
    }

    /// Lead of the winner from which on `ŷ` is exact; infinite for softmax.
    #[must_use]
    pub fn margin(&self) -> f64 {
        match *self {
            Self::Softmax => f64::INFINITY,
            Self::Sparsemax | Self::KSubset { .. } => 1.0,
            Self::Entmax { alpha } => 1.0 / (alpha - 1.0),
        }
    }

    /// Patterns that an exact result is the mean of.
    #[must_use]
    pub fn winners(&self) -> usize {
        if let Self::KSubset { k } = *self { k } else { 1 }
    }

    /// `ŷ(θ)` into `out`; returns `Ω*(θ)`. All NaN if a score is NaN or the
    /// largest one infinite. Parameters out of range give unspecified weights.
    ///
    /// # Panics
    /// If the lengths differ or are zero.
    pub fn weights(&self, scores: &[f64], out: &mut [f64]) -> f64 {
        assert!(scores.len() == out.len() && !out.is_empty(), "one weight for each of the scores");
        // NaN must not get lost in the comparison.
        let wins = |top: f64, s: f64| if top.is_nan() || s <= top { top } else { s };
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, wins);
        if !top.is_finite() {
            out.fill(f64::NAN);
            return f64::NAN;
        }
        match *self {
            Self::Softmax => vector_math::softmax(scores, out),
            Self::Sparsemax => tsallis(2.0, scores, top, out),
            Self::Entmax { alpha } => tsallis(alpha, scores, top, out),
            Self::KSubset { k } => k_subset(k, scores, out),
        }
    }

    /// `s` of the Jacobian `diag s − s sᵀ/Σs`, in place of the weights `ŷ`.
    pub(super) fn slopes(&self, weights: &mut [f64]) {
        let k = self.winners() as f64;
        for w in weights {
            *w = match *self {
                Self::Softmax => *w,
                _ if *w <= 0.0 => 0.0,
                Self::Sparsemax => 1.0,
                Self::Entmax { alpha } => w.powf(2.0 - alpha),
                Self::KSubset { .. } if *w >= 1.0 / k => 0.0,
                Self::KSubset { .. } => 1.0 / k,
            };
        }
    }
}

/// α-entmax, by Newton's method for `u = (α − 1) max θ − τ` in `[0, 1]`, where
/// the weights are `[(α − 1)(θ − max θ) + u]₊^{1/(α−1)}`. For α ≤ 2 the sum is
/// convex in `u` and the iterates come down from 1 monotonically; for α = 2,
/// where it is piecewise linear, in finitely many steps.
fn tsallis(alpha: f64, scores: &[f64], top: f64, out: &mut [f64]) -> f64 {
    let power = 1.0 / (alpha - 1.0);
    for (base, score) in out.iter_mut().zip(scores) {
        *base = (alpha - 1.0) * (score - top);
    }
    let raise = |x: f64| {
        if power == 1.0 {
            x
        } else if power == 2.0 {
            x * x
        } else {
            x.powf(power)
        }
    };
    let u = root(|u| {
        let (mut sum, mut slope) = (-1.0, 0.0);
        for x in out.iter().map(|base| base + u).filter(|x| *x > 0.0) {
            let y = raise(x);
            sum += y;
            slope += power * y / x;
        }
        (sum, slope)
    });
    let mut sum = 0.0;
    for base in out.iter() {
        let x = base + u;
        sum += if x > 0.0 { raise(x) } else { 0.0 };
    }
    // θ·ŷ and Σ ŷ^α, relative to the largest score.
    let (mut dot, mut powers) = (0.0, 0.0);
    for (base, score) in out.iter_mut().zip(scores) {
        let x = *base + u;
        *base = if x > 0.0 { raise(x) / sum } else { 0.0 };
        if *base > 0.0 {
            dot += *base * (score - top);
            powers += *base * x;
        }
    }
    top + dot - (powers - 1.0) / (alpha * (alpha - 1.0))
}

/// Weights `min([θ − θ₍ₖ₎ + u]₊, 1)/k`, with `u` in `[0, 1]` again.
fn k_subset(k: usize, scores: &[f64], out: &mut [f64]) -> f64 {
    out.copy_from_slice(scores);
    let at = k.clamp(1, out.len()) - 1;
    let last = *out.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1;
    let clip = |score: f64, u: f64| (score - last + u).clamp(0.0, 1.0);
    let u = root(|u| {
        let (mut sum, mut slope) = (-(k as f64), 0.0);
        for score in scores {
            let y = clip(*score, u);
            sum += y;
            slope += f64::from(u8::from(y > 0.0 && y < 1.0));
        }
        (sum, slope)
    });
    let scale = 1.0 / k as f64;
    let (mut dot, mut squares) = (0.0, 0.0);
    for (out, score) in out.iter_mut().zip(scores) {
        let y = clip(*score, u);
        *out = y * scale;
        if y > 0.0 {
            dot += *out * (score - last);
            squares += *out * y;
        }
    }
    last + dot - 0.5 * (squares - 1.0)
}

/// The zero in `[0, 1]` of an increasing function that is given with its slope:
/// Newton's method from the right, by halves where that leaves the bracket.
fn root(mut f: impl FnMut(f64) -> (f64, f64)) -> f64 {
    let (mut low, mut high, mut u) = (0.0, 1.0, 1.0);
    // Halving alone takes as many steps as there are digits; each Newton step
    // that is far from the zero makes the bracket smaller, too.
    for _ in 0..200 {
        let (value, slope) = f(u);
        if value == 0.0 {
            return u;
        }
        if value > 0.0 {
            high = u;
        } else {
            low = u;
        }
        let newton = u - value / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - u).abs() <= f64::EPSILON * u {
            return next;
        }
        u = next;
    }
    u
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [RegularizedArgmax; 7] = [
        RegularizedArgmax::Softmax,
        RegularizedArgmax::Sparsemax,
        RegularizedArgmax::Entmax { alpha: 1.2 },
        RegularizedArgmax::Entmax { alpha: 1.5 },
        RegularizedArgmax::Entmax { alpha: 3.0 },
        RegularizedArgmax::KSubset { k: 1 },
        RegularizedArgmax::KSubset { k: 3 },
    ];

    fn weights(map: RegularizedArgmax, scores: &[f64]) -> (Vec<f64>, f64) {
        let mut out = vec![0.0; scores.len()];
        let value = map.weights(scores, &mut out);
        (out, value)
    }

    /// `Ω(p)` as the module defines it.
    fn regularizer(map: RegularizedArgmax, p: &[f64]) -> f64 {
        let tsallis = |a: f64| (p.iter().map(|p| p.powf(a)).sum::<f64>() - 1.0) / (a * (a - 1.0));
        match map {
            RegularizedArgmax::Softmax => {
                p.iter().map(|p| if *p > 0.0 { p * p.ln() } else { 0.0 }).sum()
            }
            RegularizedArgmax::Sparsemax => tsallis(2.0),
            RegularizedArgmax::Entmax { alpha } => tsallis(alpha),
            RegularizedArgmax::KSubset { k } => {
                0.5 * (k as f64 * p.iter().map(|p| p * p).sum::<f64>() - 1.0)
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_feasible_is_better(
            scores in prop::collection::vec(-3.0f64..3.0, 3..9),
            other in prop::collection::vec(0.0f64..1.0, 9),
        ) {
            for map in ALL {
                let (y, value) = weights(map, &scores);
                let total: f64 = y.iter().sum();
                prop_assert!((total - 1.0).abs() < 1e-13, "{map:?} {total}");
                let cap = 1.0 / map.winners() as f64;
                let capped = matches!(map, RegularizedArgmax::KSubset { .. });
                prop_assert!(y.iter().all(|y| *y >= 0.0 && !(capped && *y > cap)));
                let objective = |p: &[f64]| -> f64 {
                    scores.iter().zip(p).map(|(s, p)| s * p).sum::<f64>() - regularizer(map, p)
                };
                prop_assert!((objective(&y) - value).abs() < 1e-12, "{map:?}");
                // Any point of the simplex, moved towards the uniform one
                // until no weight exceeds the cap, and steps towards it.
                let n = scores.len();
                let sum: f64 = other[..n].iter().sum::<f64>() + 1e-9;
                let mut p: Vec<f64> = other[..n].iter().map(|x| (x + 1e-9 / n as f64) / sum).collect();
                let uniform = 1.0 / n as f64;
                let largest = p.iter().copied().fold(0.0, f64::max);
                if capped && largest > cap {
                    let keep = (cap - uniform) / (largest - uniform);
                    p.iter_mut().for_each(|p| *p = uniform + keep * (*p - uniform));
                }
                for step in [1.0, 0.1, 1e-3] {
                    let q: Vec<f64> = y.iter().zip(&p).map(|(y, p)| y + step * (p - y)).collect();
                    prop_assert!(objective(&q) <= value + 1e-12, "{map:?}");
                }
            }
        }

        #[test]
        fn shifts_add_to_the_value_and_keep_the_weights(
            scores in prop::collection::vec(-3.0f64..3.0, 3..9),
        ) {
            let shifted: Vec<f64> = scores.iter().map(|s| s + 64.0).collect();
            for map in ALL {
                let ((y, value), (z, higher)) = (weights(map, &scores), weights(map, &shifted));
                prop_assert!((higher - value - 64.0).abs() < 1e-12);
                prop_assert!(y.iter().zip(&z).all(|(y, z)| (y - z).abs() < 1e-11), "{map:?}");
            }
        }
    }

    /// Entmax with α = 1.5 by sorting, the exact algorithm of Peters et al.
    fn sorted_entmax(scores: &[f64]) -> Vec<f64> {
        let half: Vec<f64> = scores.iter().map(|s| 0.5 * s).collect();
        let mut sorted = half.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let mut threshold = f64::NEG_INFINITY;
        for size in 1..=sorted.len() {
            let n = size as f64;
            let mean = sorted[..size].iter().sum::<f64>() / n;
            let spread: f64 = sorted[..size].iter().map(|z| (z - mean) * (z - mean)).sum();
            if spread > 1.0 {
                break;
            }
            let tau = mean - ((1.0 - spread) / n).sqrt();
            if tau <= sorted[size - 1] {
                threshold = tau;
            }
        }
        half.iter().map(|z| (z - threshold).max(0.0).powi(2)).collect()
    }

    #[test]
    fn agrees_with_the_algorithms_by_sorting() {
        for seed in 0..50u64 {
            let mut scores = vec![0.0; 1 + (seed as usize * 7) % 40];
            ebm_core::random::fill_normal(&mut ebm_core::random::stream(4, seed), &mut scores);
            let (y, _) = weights(RegularizedArgmax::Entmax { alpha: 1.5 }, &scores);
            for (a, b) in y.iter().zip(sorted_entmax(&scores)) {
                assert!((a - b).abs() < 1e-14, "{a} {b}");
            }
            let (y, _) = weights(RegularizedArgmax::Sparsemax, &scores);
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let mut tau = 0.0;
            let mut sum = 0.0;
            for (rank, z) in sorted.iter().enumerate() {
                sum += z;
                if 1.0 + (rank + 1) as f64 * z > sum {
                    tau = (sum - 1.0) / (rank + 1) as f64;
                }
            }
            for (a, b) in y.iter().zip(scores.iter().map(|z| (z - tau).max(0.0))) {
                assert!((a - b).abs() < 1e-14);
            }
            let (one, _) = weights(RegularizedArgmax::KSubset { k: 1 }, &scores);
            assert!(one.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }

    #[test]
    fn the_margin_is_where_weights_become_exact() {
        for map in &ALL[1..] {
            let (k, margin) = (map.winners(), map.margin());
            for (factor, exact) in [(1.0, true), (1.5, true), (0.99, false)] {
                // k scores at or above the lead, the others at or below zero.
                let mut scores = vec![factor * margin; k];
                scores.extend([0.0, -0.1, -5.0]);
                scores[0] += if k > 1 { 0.5 } else { 0.0 };
                let (y, value) = weights(*map, &scores);
                let indicator: Vec<f64> =
                    (0..k + 3).map(|i| if i < k { 1.0 / k as f64 } else { 0.0 }).collect();
                assert_eq!(y == indicator, exact, "{map:?} {y:?}");
                if exact {
                    let mean = scores[..k].iter().sum::<f64>() / k as f64;
                    assert!((value - mean).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn limits_are_softmax_and_all_patterns() {
        let scores = [0.3, -0.2, 1.0, 0.9];
        let (soft, _) = weights(RegularizedArgmax::Softmax, &scores);
        let (nearly, _) = weights(RegularizedArgmax::Entmax { alpha: 1.01 }, &scores);
        assert!(soft.iter().zip(&nearly).all(|(a, b)| (a - b).abs() < 0.01));
        let (all, value) = weights(RegularizedArgmax::KSubset { k: 4 }, &scores);
        assert_eq!(all, [0.25; 4]);
        assert!((value - 0.5).abs() < 1e-15);
    }

    #[test]
    fn extremes_give_numbers_or_nan() {
        for map in ALL {
            let (y, value) = weights(map, &[1e300, 0.0, -1e300, f64::NEG_INFINITY, 1e300]);
            assert!(y.iter().all(|y| y.is_finite()) && value.is_finite(), "{map:?} {y:?}");
            for bad in [f64::NAN, f64::INFINITY] {
                let (y, value) = weights(map, &[0.0, bad, 1.0]);
                assert!(value.is_nan() && y.iter().all(|y| y.is_nan()), "{map:?}");
            }
        }
        for bad in [1.0, f64::NAN, 1e9, -2.0] {
            assert!(RegularizedArgmax::Entmax { alpha: bad }.check(3).is_err());
        }
        assert!(RegularizedArgmax::KSubset { k: 0 }.check(3).is_err());
        let message = RegularizedArgmax::KSubset { k: 4 }.check(3).unwrap_err().to_string();
        assert_eq!(message, "k is 4, expected at least one and at most the number of patterns");
    }
}
