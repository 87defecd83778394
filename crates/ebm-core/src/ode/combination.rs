//! Linear combinations of stages, the inner loops of every Runge–Kutta method.
//!
//! ```text
//! out = x + Σⱼ wⱼ kⱼ          rms of (Σⱼ wⱼ kⱼ) / (atol + rtol·max(|x|, |x_new|))
//! ```
//!
//! Each is one pass over its inputs: a block of eight components is summed over
//! all stages in registers and written once. A batch calls them column by
//! column, so a trajectory has the same bits alone and in a batch.

use super::Tolerance;

/// Most stages of any method here, dense output included.
pub(super) const MAX_STAGES: usize = 16;

const LANES: usize = 8;

/// The non-zero terms of a combination, `(weight, stage)`.
pub(super) struct Terms<'a> {
    list: [(f64, &'a [f64]); MAX_STAGES],
    len: usize,
}

impl<'a> Terms<'a> {
    /// `scale · Σⱼ weights[j] kⱼ`, `kⱼ` being the components `from..from + n`
    /// of `stages[j]`.
    pub(super) fn new(
        scale: f64,
        weights: &[f64],
        stages: &'a [Vec<f64>],
        from: usize,
        n: usize,
    ) -> Self {
        let mut terms = Self { list: [(0.0, &[]); MAX_STAGES], len: 0 };
        for (weight, stage) in weights.iter().zip(stages) {
            if *weight != 0.0 {
                terms.list[terms.len] = (scale * weight, &stage[from..from + n]);
                terms.len += 1;
            }
        }
        terms
    }

    fn terms(&self) -> &[(f64, &'a [f64])] {
        &self.list[..self.len]
    }

    /// Components `at..at + LANES` of the sum.
    #[inline(always)]
    fn block(&self, at: usize) -> [f64; LANES] {
        let mut sum = [0.0; LANES];
        for (weight, stage) in self.terms() {
            let stage = &stage[at..at + LANES];
            for (sum, k) in sum.iter_mut().zip(stage) {
                *sum += weight * k;
            }
        }
        sum
    }

    /// Component `i` of the sum, in the same order of operations.
    #[inline(always)]
    fn component(&self, i: usize) -> f64 {
        self.terms().iter().fold(0.0, |sum, (weight, stage)| sum + weight * stage[i])
    }

    /// Writes `x` plus the sum to `out`.
    pub(super) fn add_to(&self, x: &[f64], out: &mut [f64]) {
        let x = &x[..out.len()];
        let (blocks, tail) = out.as_chunks_mut::<LANES>();
        let done = blocks.len() * LANES;
        for (index, out) in blocks.iter_mut().enumerate() {
            let at = index * LANES;
            let sum = self.block(at);
            for ((out, x), sum) in out.iter_mut().zip(&x[at..at + LANES]).zip(sum) {
                *out = x + sum;
            }
        }
        for (i, out) in tail.iter_mut().enumerate() {
            *out = x[done + i] + self.component(done + i);
        }
    }

    /// [`Tolerance::norm`] of the sum, up to the order of summation.
    pub(super) fn norm(&self, tolerance: &Tolerance, x: &[f64], x_new: &[f64]) -> f64 {
        let x_new = &x_new[..x.len()];
        let mut lanes = [0.0; LANES];
        let blocks = x.len() / LANES;
        for at in (0..blocks * LANES).step_by(LANES) {
            let error = self.block(at);
            let (x, x_new) = (&x[at..at + LANES], &x_new[at..at + LANES]);
            for (((lane, e), x), y) in lanes.iter_mut().zip(error).zip(x).zip(x_new) {
                let ratio = tolerance.ratio(e, *x, *y);
                *lane += ratio * ratio;
            }
        }
        let mut sum: f64 = lanes.iter().sum();
        for i in blocks * LANES..x.len() {
            let ratio = tolerance.ratio(self.component(i), x[i], x_new[i]);
            sum += ratio * ratio;
        }
        (sum / x.len() as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(n: usize, seed: u64) -> Vec<f64> {
        use rand::RngExt;
        let mut rng = crate::random::stream(seed, 0);
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn sums_and_norms_agree_with_the_plain_loops() {
        let weights = [0.5, 0.0, -2.0, 0.25];
        let tolerance = Tolerance { rtol: 1e-3, atol: 1e-4 };
        for n in [1, 2, 7, 8, 9, 16, 31, 64] {
            let stages: Vec<_> = (0..4).map(|j| data(n + 3, j)).collect();
            let (x, y) = (data(n, 10), data(n, 11));
            let terms = Terms::new(0.1, &weights, &stages, 2, n);
            let error: Vec<f64> =
                (0..n).map(|i| (0..4).map(|j| 0.1 * weights[j] * stages[j][i + 2]).sum()).collect();
            let mut out = vec![f64::NAN; n];
            terms.add_to(&x, &mut out);
            for i in 0..n {
                assert!((out[i] - x[i] - error[i]).abs() < 1e-15);
            }
            let plain = tolerance.norm(&error, &x, &y);
            assert!((terms.norm(&tolerance, &x, &y) / plain - 1.0).abs() < 1e-13);
        }
    }

    #[test]
    fn every_nan_reaches_the_norm() {
        let tolerance = Tolerance::default();
        for n in [3, 19] {
            for bad in 0..n {
                let mut stages = vec![vec![0.0; n]];
                stages[0][bad] = f64::NAN;
                let zero = vec![0.0; n];
                let norm = Terms::new(1.0, &[1.0], &stages, 0, n).norm(&tolerance, &zero, &zero);
                assert!(norm.is_nan());
                let stages = [zero.clone()];
                let mut x_new = zero.clone();
                x_new[bad] = f64::NAN;
                let norm = Terms::new(1.0, &[1.0], &stages, 0, n).norm(&tolerance, &zero, &x_new);
                assert!(norm.is_nan());
                assert!(tolerance.norm(&zero, &zero, &x_new).is_nan());
            }
        }
    }

    #[test]
    fn a_component_at_rest_at_zero_is_no_error_even_with_zero_tolerance() {
        let relative = Tolerance { rtol: 1e-6, atol: 0.0 };
        assert_eq!(relative.norm(&[0.0, 1e-6], &[0.0, 1.0], &[0.0, 0.5]), 0.5_f64.sqrt());
        assert_eq!(relative.norm(&[1e-300], &[0.0], &[0.0]), f64::INFINITY);
    }
}
