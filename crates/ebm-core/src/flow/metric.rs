//! Metrics: the positive definite `M(x)` that turns a gradient into a velocity.
//!
//! ```text
//! M(x) = M(x)ᵀ ≻ 0
//! ```

use crate::coupling::DenseCoupling;
use crate::{Batch, BatchMut, Coupling, Error, Workspace, validate};

/// A symmetric positive definite matrix field.
pub trait Metric: Send + Sync {
    /// Length of the state.
    fn dim(&self) -> usize;

    /// Writes `M(x) v` to `out`.
    fn apply(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// `M(xⱼ) vⱼ` for every column `j`.
    fn apply_batch(&self, x: Batch<'_>, v: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        for ((x, v), out) in x.columns().zip(v.columns()).zip(out.columns_mut()) {
            self.apply(x, v, out, ws);
        }
    }
}

/// A metric that does not depend on the state.
pub trait ConstantMetric: Metric {}

impl<M: Metric + ?Sized> Metric for &M {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn apply(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        (**self).apply(x, v, out, ws);
    }
    fn apply_batch(&self, x: Batch<'_>, v: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
        (**self).apply_batch(x, v, out, ws);
    }
}

impl<M: ConstantMetric + ?Sized> ConstantMetric for &M {}

/// `M = diag(m)`, `m > 0`: a rate for each coordinate.
#[derive(Debug, Clone, PartialEq)]
pub struct DiagonalMetric {
    diagonal: Vec<f64>,
}

impl DiagonalMetric {
    /// The metric with the given diagonal.
    ///
    /// # Errors
    /// [`Error::Empty`]; [`Error::Entry`] for an entry that is not finite
    /// and positive.
    pub fn new(diagonal: Vec<f64>) -> Result<Self, Error> {
        if diagonal.is_empty() {
            return Err(Error::Empty { what: "diagonal of the metric" });
        }
        validate::all_positive("diagonal of the metric", &diagonal)?;
        Ok(Self { diagonal })
    }
}

impl Metric for DiagonalMetric {
    fn dim(&self) -> usize {
        self.diagonal.len()
    }
    fn apply(&self, _x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for ((m, v), o) in self.diagonal.iter().zip(v).zip(out) {
            *o = m * v;
        }
    }
}

impl ConstantMetric for DiagonalMetric {}

/// A constant dense `M`.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseMetric {
    matrix: DenseCoupling,
}

impl DenseMetric {
    /// The metric with the given matrix.
    ///
    /// # Errors
    /// [`Error::Entry`] if it is not positive definite.
    pub fn new(matrix: DenseCoupling) -> Result<Self, Error> {
        let entries: Vec<f64> =
            (0..matrix.dim()).flat_map(|j| matrix.column(j).iter().copied()).collect();
        validate::positive_definite("metric", &entries, matrix.dim())?;
        Ok(Self { matrix })
    }
}

impl Metric for DenseMetric {
    fn dim(&self) -> usize {
        self.matrix.dim()
    }
    fn apply(&self, _x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.matrix.apply(v, out, ws);
    }
    fn apply_batch(&self, _x: Batch<'_>, v: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
        self.matrix.apply_batch(v, out, ws);
    }
}

impl ConstantMetric for DenseMetric {}
