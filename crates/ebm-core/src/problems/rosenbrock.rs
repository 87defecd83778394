//! Rosenbrock's valley in any number of dimensions.
//!
//! ```text
//! E(x) = Σᵢ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²,      i = 1 … n−1
//! ```
//!
//! Source: H. H. Rosenbrock, *An automatic method for finding the greatest or
//! least value of a function*, Computer Journal 3 (1960); the chained form for
//! `n > 2` as analyzed by Y.-W. Shang and Y.-H. Qiu, Evolutionary Computation
//! 14 (2006).

use crate::{Curvature, Energy, Error, Gradient, Workspace};

/// The chained Rosenbrock function.
///
/// The global minimum is `x = (1, …, 1)` with energy 0, at the end of a curved
/// valley whose Hessian has a condition number near 2500. For `n = 2, 3` it is
/// the only minimum; for `4 ≤ n ≤ 30` there is one more, near `(−1, 1, …, 1)`.
///
/// ```
/// use ebm_core::{Energy, problems::Rosenbrock};
/// let valley = Rosenbrock::new(3)?;
/// assert_eq!(valley.energy_at(&valley.minimum()), 0.0);
/// assert_eq!(valley.energy_at(&[-1.0, 1.0, 1.0]), 4.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rosenbrock {
    dim: usize,
}

impl Rosenbrock {
    /// The function of `dim ≥ 2` variables.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `dim` is below two.
    pub fn new(dim: usize) -> Result<Self, Error> {
        if dim < 2 {
            return Err(Error::Parameter {
                what: "dimension of the Rosenbrock function",
                expected: "at least 2",
                value: dim as f64,
            });
        }
        Ok(Self { dim })
    }

    /// The global minimum, `(1, …, 1)`.
    #[must_use]
    pub fn minimum(&self) -> Vec<f64> {
        vec![1.0; self.dim]
    }
}

impl Energy for Rosenbrock {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        x.windows(2)
            .map(|w| {
                let (valley, slope) = (w[1] - w[0] * w[0], 1.0 - w[0]);
                100.0 * valley * valley + slope * slope
            })
            .sum()
    }
}

impl Gradient for Rosenbrock {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.fill(0.0);
        for i in 0..self.dim - 1 {
            let valley = x[i + 1] - x[i] * x[i];
            out[i] += -400.0 * x[i] * valley - 2.0 * (1.0 - x[i]);
            out[i + 1] += 200.0 * valley;
        }
    }
}

impl Curvature for Rosenbrock {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.fill(0.0);
        for i in 0..self.dim - 1 {
            let off = -400.0 * x[i];
            out[i] += (1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0) * v[i] + off * v[i + 1];
            out[i + 1] += off * v[i] + 200.0 * v[i + 1];
        }
    }

    /// Tridiagonal.
    fn hessian(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        let n = self.dim;
        out.fill(0.0);
        for i in 0..n - 1 {
            out[i * n + i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0;
            out[(i + 1) * n + i + 1] += 200.0;
            out[i * n + i + 1] = -400.0 * x[i];
            out[(i + 1) * n + i] = -400.0 * x[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_is_stationary() {
        for dim in [2, 3, 10] {
            let valley = Rosenbrock::new(dim).unwrap();
            assert_eq!(valley.energy_at(&valley.minimum()), 0.0);
            assert!(valley.gradient_at(&valley.minimum()).iter().all(|g| *g == 0.0));
        }
    }

    #[test]
    fn too_few_variables_are_refused() {
        assert!(matches!(Rosenbrock::new(1), Err(Error::Parameter { .. })));
        assert!(matches!(Rosenbrock::new(0), Err(Error::Parameter { .. })));
    }
}
