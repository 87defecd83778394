//! The quadratic bowl, where every question has a closed answer.
//!
//! ```text
//! E(x) = ½ (x − c)ᵀ A (x − c),      A = Aᵀ ≻ 0
//! ```

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand_distr::{Distribution, StandardNormal};

use crate::random::stream;
use crate::vector::dot;
use crate::{Batch, BatchMut, Curvature, Energy, Error, Gradient, Workspace, validate};

/// A strictly convex quadratic with minimum `c` and minimal energy 0.
///
/// ```
/// use ebm_core::{Energy, Gradient, problems::Quadratic};
/// let bowl = Quadratic::new(vec![2.0, 1.0, 1.0, 3.0], vec![1.0, -1.0])?;
/// assert_eq!(bowl.energy_at(&[2.0, -1.0]), 1.0);
/// assert_eq!(bowl.gradient_at(&[2.0, -1.0]), [2.0, 1.0]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// Column-major `n × n`.
    matrix: Vec<f64>,
    center: Vec<f64>,
}

impl Quadratic {
    /// The bowl with the given `n × n` matrix, column-major, and center of
    /// length `n`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`];
    /// [`Error::Asymmetric`] if `A ≠ Aᵀ`; [`Error::Entry`] if `A` is not
    /// positive definite.
    pub fn new(matrix: Vec<f64>, center: Vec<f64>) -> Result<Self, Error> {
        validate::finite("center of the quadratic", &center)?;
        validate::positive_definite("matrix of the quadratic", &matrix, center.len())?;
        Ok(Self { matrix, center })
    }

    /// A random bowl with `A = QΛQᵀ`: `Q` uniform over the orthogonal group,
    /// the eigenvalues spaced evenly in the logarithm from 1 to `condition`,
    /// and a standard normal center.
    ///
    /// `Q` is a product of Householder reflections of Gaussian vectors of
    /// decreasing length (G. W. Stewart, SIAM J. Numer. Anal. 17, 403 (1980)).
    ///
    /// # Errors
    /// [`Error::Empty`] if `dim` is zero, [`Error::TooLarge`] if `A` exceeds the
    /// address space, [`Error::Parameter`] if `condition` is not a finite number
    /// ≥ 1.
    pub fn random(dim: usize, condition: f64, seed: u64) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::Empty { what: "quadratic" });
        }
        let limit = (isize::MAX as usize / size_of::<f64>()).isqrt();
        if dim > limit {
            return Err(Error::TooLarge { what: "quadratic", size: dim, limit });
        }
        if !(condition.is_finite() && condition >= 1.0) {
            return Err(Error::Parameter {
                what: "condition number",
                expected: "a finite number >= 1",
                value: condition,
            });
        }
        let mut rng = stream(seed, 0);
        let center = (0..dim).map(|_| StandardNormal.sample(&mut rng)).collect();
        let mut matrix = vec![0.0; dim * dim];
        for i in 0..dim {
            let position = i as f64 / (dim.max(2) - 1) as f64;
            matrix[i * dim + i] = condition.powf(position);
        }
        let mut u = vec![0.0; dim];
        let mut au = vec![0.0; dim];
        for start in (0..dim.saturating_sub(1)).rev() {
            u[..start].fill(0.0);
            for u in &mut u[start..] {
                *u = StandardNormal.sample(&mut rng);
            }
            reflect(&mut matrix, &mut u, &mut au);
        }
        Ok(Self { matrix, center })
    }

    /// The minimum, `c`.
    #[must_use]
    pub fn minimum(&self) -> &[f64] {
        &self.center
    }

    /// `A`, column-major.
    #[must_use]
    pub fn matrix(&self) -> &[f64] {
        &self.matrix
    }

    /// `out = A d`, by columns: `A` is symmetric.
    fn apply(&self, d: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (d, column) in d.iter().zip(self.matrix.chunks_exact(self.center.len())) {
            for (o, a) in out.iter_mut().zip(column) {
                *o += a * d;
            }
        }
    }

    /// Writes `X − c` to `deviations` and `A (X − c)` to `out`, as one product.
    fn apply_batch(&self, x: Batch<'_>, deviations: &mut [f64], out: &mut [f64]) {
        let (n, count) = (self.center.len(), x.count());
        for (x, d) in x.columns().zip(deviations.chunks_exact_mut(n)) {
            subtract(x, &self.center, d);
        }
        matmul(
            MatMut::from_column_major_slice_mut(out, n, count),
            Accum::Replace,
            MatRef::from_column_major_slice(&self.matrix, n, n),
            MatRef::from_column_major_slice(deviations, n, count),
            1.0,
            Par::Seq,
        );
    }
}

/// `A ← H A H` with `H = I − 2uuᵀ/‖u‖²`; keeps `A` symmetric to the bit.
fn reflect(a: &mut [f64], u: &mut [f64], au: &mut [f64]) {
    let n = u.len();
    let norm = u.iter().map(|u| u * u).sum::<f64>().sqrt();
    if norm == 0.0 {
        return;
    }
    for u in u.iter_mut() {
        *u /= norm;
    }
    au.fill(0.0);
    for (u, column) in u.iter().zip(a.chunks_exact(n)) {
        for (o, a) in au.iter_mut().zip(column) {
            *o += a * u;
        }
    }
    let curvature = 4.0 * dot(u, au);
    for (j, column) in a.chunks_exact_mut(n).enumerate() {
        for (i, a) in column.iter_mut().enumerate() {
            *a += curvature * (u[i] * u[j]) - 2.0 * (u[i] * au[j] + au[i] * u[j]);
        }
    }
}

fn subtract(a: &[f64], b: &[f64], out: &mut [f64]) {
    for ((a, b), o) in a.iter().zip(b).zip(out) {
        *o = a - b;
    }
}

impl Energy for Quadratic {
    fn dim(&self) -> usize {
        self.center.len()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (gradient, ws) = ws.take(x.len());
        self.energy_gradient(x, gradient, ws)
    }
    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let n = self.dim();
        let (deviations, ws) = ws.take(n * x.count());
        let (gradients, _) = ws.take(n * x.count());
        self.apply_batch(x, deviations, gradients);
        for ((d, g), e) in deviations.chunks_exact(n).zip(gradients.chunks_exact(n)).zip(out) {
            *e = 0.5 * dot(d, g);
        }
    }
}

impl Gradient for Quadratic {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (deviation, _) = ws.take(x.len());
        subtract(x, &self.center, deviation);
        self.apply(deviation, out);
    }
    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        let (deviations, _) = ws.take(x.as_slice().len());
        self.apply_batch(x, deviations, out.as_mut_slice());
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (deviation, _) = ws.take(x.len());
        subtract(x, &self.center, deviation);
        self.apply(deviation, out);
        0.5 * dot(deviation, out)
    }
}

impl Curvature for Quadratic {
    fn hessian_vec(&self, _x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        self.apply(v, out);
    }
    fn hessian(&self, _x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.copy_from_slice(&self.matrix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_matrix_has_the_spectrum_asked_for() {
        let (n, condition) = (24, 1e4);
        let bowl = Quadratic::random(n, condition, 5).unwrap();
        let matrix = MatRef::from_column_major_slice(bowl.matrix(), n, n);
        let eigenvalues = matrix.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
        for (i, e) in eigenvalues.iter().enumerate() {
            let expected = condition.powf(i as f64 / (n - 1) as f64);
            assert!((e - expected).abs() < 1e-12 * condition, "{e} {expected}");
        }
        // Accepted by the validating constructor: symmetric to the bit.
        Quadratic::new(bowl.matrix().to_vec(), bowl.minimum().to_vec()).unwrap();
        // Full, not diagonal.
        assert!(bowl.matrix().iter().all(|a| *a != 0.0));
    }

    #[test]
    fn minimum_is_stationary() {
        let bowl = Quadratic::random(7, 100.0, 1).unwrap();
        assert_eq!(bowl.energy_at(bowl.minimum()), 0.0);
        assert_eq!(bowl.gradient_at(bowl.minimum()), [0.0; 7]);
        assert_eq!(Quadratic::random(1, 5.0, 1).unwrap().matrix(), [1.0]);
    }

    #[test]
    fn bad_input_is_refused() {
        let c = vec![0.0, 0.0];
        assert!(matches!(Quadratic::new(vec![], vec![]), Err(Error::Empty { .. })));
        assert!(matches!(
            Quadratic::new(vec![1.0; 3], c.clone()),
            Err(Error::Dimension { expected: 4, found: 3, .. })
        ));
        assert!(matches!(
            Quadratic::new(vec![1.0, 0.5, 0.4, 1.0], c.clone()),
            Err(Error::Asymmetric { .. })
        ));
        assert!(matches!(
            Quadratic::new(vec![1.0, f64::NAN, f64::NAN, 1.0], c.clone()),
            Err(Error::NotFinite { .. })
        ));
        // Indefinite: determinant −3.
        assert!(matches!(
            Quadratic::new(vec![1.0, 2.0, 2.0, 1.0], c.clone()),
            Err(Error::Entry { index: 3, value: -3.0, .. })
        ));
        assert!(matches!(
            Quadratic::new(vec![1.0, 0.0, 0.0, 1.0], vec![0.0, f64::INFINITY]),
            Err(Error::NotFinite { .. })
        ));
        for condition in [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Quadratic::random(3, condition, 0), Err(Error::Parameter { .. })));
        }
        assert!(matches!(Quadratic::random(0, 2.0, 0), Err(Error::Empty { .. })));
        for dim in [usize::MAX, 1 << 32] {
            assert!(matches!(Quadratic::random(dim, 2.0, 0), Err(Error::TooLarge { .. })));
        }
    }
}
