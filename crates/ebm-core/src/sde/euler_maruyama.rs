//! The Euler–Maruyama scheme, for Itô equations.
//!
//! ```text
//! xₙ₊₁ = xₙ + h F(tₙ, xₙ) + G(tₙ, xₙ) ΔWₙ
//! ```
//!
//! Source: G. Maruyama, *Continuous Markov processes and stochastic equations*,
//! Rend. Circ. Mat. Palermo 4 (1955).

use super::{Increment, Scheme};
use crate::{Batch, BatchMut, Diffusion, NoiseKind, Workspace};

/// Strong order 0.5, or 1 for additive noise; weak order 1. One evaluation of
/// drift and noise a step.
///
/// State-dependent noise is read in the sense of Itô.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EulerMaruyama;

impl<F: Diffusion + ?Sized> Scheme<F> for EulerMaruyama {
    fn name(&self) -> &'static str {
        "Euler-Maruyama"
    }

    fn strong_order(&self, noise: NoiseKind) -> Option<f64> {
        Some(match noise {
            NoiseKind::Additive => 1.0,
            NoiseKind::Diagonal | NoiseKind::General => 0.5,
        })
    }

    fn evaluations(&self) -> usize {
        1
    }

    fn step(
        &self,
        field: &F,
        increment: &Increment<'_>,
        x: Batch<'_>,
        mut x_new: BatchMut<'_>,
        ws: &mut Workspace,
    ) {
        let Increment { t, h, dw, .. } = *increment;
        field.eval_batch(t, x, x_new.reborrow(), ws);
        for (new, x) in x_new.as_mut_slice().iter_mut().zip(x.as_slice()) {
            *new = x + h * *new;
        }
        for (((t, x), dw), new) in
            t.iter().zip(x.columns()).zip(dw.columns()).zip(x_new.columns_mut())
        {
            field.add_noise(*t, x, dw, new, ws);
        }
    }
}
