//! The discrete update of the block: Euler's method with a step chosen for
//! descent, not for accuracy.
//!
//! ```text
//! x ← x − α ∂E/∂g
//! ```
//!
//! Source: B. Hoover et al., arXiv:2302.07253.

use ebm_core::ode::Norm;
use ebm_core::{Gradient, Outcome, Workspace, validate};

use super::EnergyTransformer;
use crate::Error;

/// Repeated updates of all tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Descent {
    /// `α`, > 0.
    pub rate: f64,
    /// Number of updates after which the run ends.
    pub max_steps: usize,
    /// `‖∂E/∂g‖∞` at which it ends before, ≥ 0.
    pub tolerance: f64,
}

impl Default for Descent {
    /// Twelve updates at `α = 0.1`, the depth and rate of the source for
    /// pictures, and no early end.
    fn default() -> Self {
        Self { rate: 0.1, max_steps: 12, tolerance: 0.0 }
    }
}

/// What a descent did.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct Descended {
    /// The internal state of all tokens at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub x: Vec<f64>,
    /// `E` before every update and at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub energies: Vec<f64>,
    /// `‖∂E/∂g‖∞` at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// [`Converged`](Outcome::Converged), [`Reached`](Outcome::Reached) after
    /// all updates, or [`NotFinite`](Outcome::NotFinite), with the update as
    /// time.
    pub outcome: Outcome,
}

/// Room for the energies of this many updates is taken at the start.
const MOST_RESERVED: usize = 1 << 16;

impl Descent {
    /// Updates the tokens from the internal state `x`.
    ///
    /// # Errors
    /// If the rate is not a finite number above zero or the tolerance one not
    /// below, or `x` has the wrong length or is not finite.
    pub fn retrieve(&self, block: &EnergyTransformer, x: &[f64]) -> Result<Descended, Error> {
        validate::positive("rate", self.rate)?;
        validate::non_negative("tolerance", self.tolerance)?;
        validate::dimension("state of the tokens", block.dim(), x.len())?;
        validate::finite("state of the tokens", x)?;
        let mut x = x.to_vec();
        let (mut g, mut slope) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let mut ws = Workspace::new();
        let mut energies = Vec::with_capacity(self.max_steps.min(MOST_RESERVED));
        let outcome = loop {
            block.norm().gradient(&x, &mut g, &mut ws);
            let energy = block.activation_energy().energy_gradient(&g, &mut slope, &mut ws);
            let step = energies.len();
            energies.push(energy);
            let bad = slope.iter().position(|s| !s.is_finite());
            if let Some(index) = bad.or((!energy.is_finite()).then_some(0)) {
                break Outcome::NotFinite { t: step as f64, index };
            }
            if Norm::Max.of(&slope) <= self.tolerance {
                break Outcome::Converged;
            }
            if step == self.max_steps {
                break Outcome::Reached;
            }
            for (x, slope) in x.iter_mut().zip(&slope) {
                *x -= self.rate * slope;
            }
        };
        Ok(Descended { residual: Norm::Max.of(&slope), x, energies, outcome })
    }
}
