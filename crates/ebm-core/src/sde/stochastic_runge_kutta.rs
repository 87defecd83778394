//! Rößler's stochastic Runge–Kutta scheme SRA1, for additive noise.
//!
//! ```text
//! χ    = I₍₁,₀₎/h = ΔW/2 + H
//! x̂    = xₙ + ¾ h F(tₙ, xₙ) + (3/2) G(tₙ₊₁) χ
//! xₙ₊₁ = xₙ + h [⅓ F(tₙ, xₙ) + ⅔ F(tₙ + ¾h, x̂)] + G(tₙ₊₁) (ΔW − χ) + G(tₙ) χ
//! ```
//!
//! Source: A. Rößler, *Runge–Kutta methods for the strong approximation of
//! solutions of stochastic differential equations*, SIAM J. Numer. Anal. 48
//! (2010), table 6.2.

use super::{Increment, Scheme};
use crate::{Batch, BatchMut, Diffusion, NoiseKind, Workspace};

/// SRA1: strong order 1.5 and weak order 2 for additive noise, and only for
/// that. Two evaluations of the drift and three of the noise a step.
///
/// The scheme of choice for Langevin sampling: its bias falls with `h²`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StochasticRungeKutta;

impl<F: Diffusion + ?Sized> Scheme<F> for StochasticRungeKutta {
    fn name(&self) -> &'static str {
        "stochastic Runge-Kutta SRA1"
    }

    fn strong_order(&self, noise: NoiseKind) -> Option<f64> {
        (noise == NoiseKind::Additive).then_some(1.5)
    }

    fn uses_area(&self) -> bool {
        true
    }

    fn evaluations(&self) -> usize {
        2
    }

    fn step(
        &self,
        field: &F,
        increment: &Increment<'_>,
        x: Batch<'_>,
        mut x_new: BatchMut<'_>,
        ws: &mut Workspace,
    ) {
        let Increment { t, h, dw, area } = *increment;
        let (dim, noise_dim, len) = (x.dim(), dw.dim(), x.as_slice().len());
        let (drift, ws) = ws.take(len);
        let (stage, ws) = ws.take(len);
        let (kick, ws) = ws.take(noise_dim);
        let (t_stage, ws) = ws.take(t.len());
        for (stage, t) in t_stage.iter_mut().zip(t) {
            *stage = t + 0.75 * h;
        }

        field.eval_batch(t, x, BatchMut::view(drift, dim), ws);
        for (i, x) in x.as_slice().iter().enumerate() {
            stage[i] = x + 0.75 * h * drift[i];
        }
        for (j, stage) in stage.chunks_exact_mut(dim).enumerate() {
            let noise = dw.column(j).iter().zip(area.column(j));
            for (kick, (dw, area)) in kick.iter_mut().zip(noise) {
                *kick = 1.5 * (0.5 * dw + area);
            }
            field.add_noise(t[j] + h, x.column(j), kick, stage, ws);
        }

        field.eval_batch(t_stage, Batch::view(stage, dim), x_new.reborrow(), ws);
        for (i, new) in x_new.as_mut_slice().iter_mut().enumerate() {
            *new = x.as_slice()[i] + h / 3.0 * (drift[i] + 2.0 * *new);
        }
        for (j, new) in x_new.columns_mut().enumerate() {
            let noise = || dw.column(j).iter().zip(area.column(j));
            for (kick, (dw, area)) in kick.iter_mut().zip(noise()) {
                *kick = 0.5 * dw - area;
            }
            field.add_noise(t[j] + h, x.column(j), kick, new, ws);
            for (kick, (dw, area)) in kick.iter_mut().zip(noise()) {
                *kick = 0.5 * dw + area;
            }
            field.add_noise(t[j], x.column(j), kick, new, ws);
        }
    }
}
