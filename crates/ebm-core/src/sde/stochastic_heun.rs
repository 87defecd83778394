//! The stochastic Heun scheme, for Stratonovich equations.
//!
//! ```text
//! x̂    = xₙ + h F(tₙ, xₙ) + G(tₙ, xₙ) ΔWₙ
//! xₙ₊₁ = xₙ + ½ h [F(tₙ, xₙ) + F(tₙ₊₁, x̂)] + ½ [G(tₙ, xₙ) + G(tₙ₊₁, x̂)] ΔWₙ
//! ```
//!
//! Source: W. Rümelin, *Numerical treatment of stochastic differential
//! equations*, SIAM J. Numer. Anal. 19 (1982).

use super::{Increment, Scheme};
use crate::{Batch, BatchMut, Diffusion, NoiseKind, Workspace};

/// Strong order 1 for additive and diagonal noise, 0.5 for noise that does not
/// commute; deterministic order 2. Two evaluations of drift and noise a step.
///
/// State-dependent noise is read in the sense of Stratonovich, the limit of
/// ever faster smooth noise. For additive noise the two readings agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StochasticHeun;

impl<F: Diffusion + ?Sized> Scheme<F> for StochasticHeun {
    fn name(&self) -> &'static str {
        "stochastic Heun"
    }

    fn strong_order(&self, noise: NoiseKind) -> Option<f64> {
        Some(match noise {
            NoiseKind::Additive | NoiseKind::Diagonal => 1.0,
            NoiseKind::General => 0.5,
        })
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
        let Increment { t, h, dw, .. } = *increment;
        let (dim, len) = (x.dim(), x.as_slice().len());
        let (drift, ws) = ws.take(len);
        let (noise, ws) = ws.take(len);
        let (guess, ws) = ws.take(len);
        let (t_end, ws) = ws.take(t.len());
        for (end, t) in t_end.iter_mut().zip(t) {
            *end = t + h;
        }

        // The slope and noise at the start.
        field.eval_batch(t, x, BatchMut::view(drift, dim), ws);
        noise.fill(0.0);
        for (j, noise) in noise.chunks_exact_mut(dim).enumerate() {
            field.add_noise(t[j], x.column(j), dw.column(j), noise, ws);
        }
        for (i, x) in x.as_slice().iter().enumerate() {
            guess[i] = x + h * drift[i] + noise[i];
        }

        // Those at the end; the noise is summed in place.
        let guess = Batch::view(guess, dim);
        field.eval_batch(t_end, guess, x_new.reborrow(), ws);
        for (j, noise) in noise.chunks_exact_mut(dim).enumerate() {
            field.add_noise(t_end[j], guess.column(j), dw.column(j), noise, ws);
        }
        for (i, new) in x_new.as_mut_slice().iter_mut().enumerate() {
            *new = x.as_slice()[i] + 0.5 * (h * (drift[i] + *new) + noise[i]);
        }
    }
}
