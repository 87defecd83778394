//! The Hopfield field as one writes it with a linear algebra library and the
//! standard `tanh`: what a user of another integrator brings along.

use ebm_core::faer::linalg::matmul::matmul;
use ebm_core::faer::{Accum, ColMut, ColRef, MatRef, Par};
use ebm_core::{VectorField, Workspace};

use super::N;

/// `ẋ = −x + W tanh(2x)` by a plain matrix–vector product.
pub(super) struct PlainField<'a> {
    pub(super) weights: &'a [f64],
}

impl VectorField for PlainField<'_> {
    fn dim(&self) -> usize {
        N
    }

    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (rates, _) = ws.take(N);
        for (rate, x) in rates.iter_mut().zip(x) {
            *rate = (2.0 * x).tanh();
        }
        let weights = MatRef::from_column_major_slice(self.weights, N, N);
        let (out, rates) = (ColMut::from_slice_mut(&mut *dx), ColRef::from_slice(&*rates));
        matmul(out.as_mat_mut(), Accum::Replace, weights, rates.as_mat(), 1.0, Par::Seq);
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx -= x;
        }
    }
}
