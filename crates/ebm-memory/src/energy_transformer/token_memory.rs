//! The Hopfield energy of the tokens.
//!
//! ```text
//! E(G) = −½ Σ_B Σ_μ max(ξ^μ·g_B, 0)²,      ∂E/∂G = −Ξ max(Ξᵀ G, 0)
//! ```
//!
//! A polynomial dense associative memory with `n = 2`, rectified, that all
//! tokens share; its derivative is the two-layer network of a transformer with
//! tied weights.
//!
//! Source: B. Hoover et al., arXiv:2302.07253.

use ebm_core::{Curvature, Energy, Gradient, Workspace, linalg};

use crate::{Error, Patterns};

/// A rectified quadratic memory of `N` tokens, a function of their activations,
/// one token after the other.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::{Patterns, energy_transformer::TokenMemoryEnergy};
/// let memory = TokenMemoryEnergy::new(Patterns::new(vec![1.0, 2.0], 2)?, 3)?;
/// // Overlaps 1, 2 and −1, of which the last is cut off.
/// assert_eq!(memory.energy_at(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0]), -0.5 * (1.0 + 4.0));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::learned::TokenMemory"))]
pub struct TokenMemoryEnergy {
    patterns: Patterns,
    tokens: usize,
}

impl TokenMemoryEnergy {
    /// The memory of `patterns`, of the length of a token, for `tokens ≥ 1`
    /// tokens.
    ///
    /// # Errors
    /// If there are no tokens, or too many to address.
    pub fn new(patterns: Patterns, tokens: usize) -> Result<Self, Error> {
        if tokens == 0 {
            return Err(ebm_core::Error::Empty { what: "list of tokens" }.into());
        }
        let limit = isize::MAX as usize / size_of::<f64>();
        let size = tokens.saturating_mul(patterns.dim().max(patterns.count()));
        if size > limit {
            return Err(ebm_core::Error::TooLarge { what: "list of tokens", size, limit }.into());
        }
        Ok(Self { patterns, tokens })
    }

    /// The stored patterns.
    #[must_use]
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// A number below `E` wherever every token has `‖g_B‖ ≤ radius`:
    /// `−½ N radius² Σ_μ ‖ξ^μ‖²`.
    #[must_use]
    pub fn lower_bound(&self, radius: f64) -> f64 {
        let square: f64 = self.weights().iter().map(|w| w * w).sum();
        -0.5 * self.tokens as f64 * radius * radius * square
    }

    fn weights(&self) -> &[f64] {
        self.patterns.as_batch().as_slice()
    }

    fn overlaps(&self, g: &[f64], out: &mut [f64]) {
        linalg::multiply_transposed(self.weights(), g, out, self.patterns.dim());
    }
}

impl Energy for TokenMemoryEnergy {
    fn dim(&self) -> usize {
        self.patterns.dim() * self.tokens
    }

    fn energy(&self, g: &[f64], ws: &mut Workspace) -> f64 {
        let (hidden, _) = ws.take(self.patterns.count() * self.tokens);
        self.overlaps(g, hidden);
        -0.5 * hidden.iter().map(|h| if *h < 0.0 { 0.0 } else { h * h }).sum::<f64>()
    }
}

impl Gradient for TokenMemoryEnergy {
    fn gradient(&self, g: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(g, out, ws);
    }

    fn energy_gradient(&self, g: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (hidden, _) = ws.take(self.patterns.count() * self.tokens);
        self.overlaps(g, hidden);
        let mut sum = 0.0;
        for h in hidden.iter_mut() {
            // Not `max`, which would hide a NaN.
            *h = if *h < 0.0 { 0.0 } else { *h };
            sum += *h * *h;
        }
        out.fill(0.0);
        linalg::add_multiply(-1.0, self.weights(), hidden, out, self.patterns.dim());
        -0.5 * sum
    }
}

impl Curvature for TokenMemoryEnergy {
    fn hessian_vec(&self, g: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let size = self.patterns.count() * self.tokens;
        let (hidden, ws) = ws.take(size);
        let (moved, _) = ws.take(size);
        self.overlaps(g, hidden);
        self.overlaps(v, moved);
        for (m, h) in moved.iter_mut().zip(&*hidden) {
            *m = if *h < 0.0 { 0.0 } else { *m };
        }
        out.fill(0.0);
        linalg::add_multiply(-1.0, self.weights(), moved, out, self.patterns.dim());
    }
}
