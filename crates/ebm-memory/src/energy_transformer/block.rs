//! The block: tokens with a layer norm that descend both energies.
//!
//! ```text
//! g_B = γ (x_B − x̄_B)/√(var(x_B) + ε) + δ,      ẋ = −∂E/∂g,      E = E_att + E_HN
//! ∂E/∂x_B = ∇²L(x_B) ∂E/∂g_B
//! ```
//!
//! The tokens do not leak: the flow is the mirror flow of `E` with the layer
//! norm as mirror map, not the activation-space flow of
//! [`layered`](crate::layered). `E` is bounded below because `g` is bounded; the
//! internal state need not be, but only its direction matters.
//!
//! Source: B. Hoover et al., arXiv:2302.07253.

use ebm_core::flow::MirrorFlow;
use ebm_core::lagrangian::{LayerNorm, Replicated};
use ebm_core::transform::Sum;
use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
    validate,
};

use super::{AttentionEnergy, TokenMemoryEnergy};
use crate::{Error, Patterns};

/// The Energy Transformer block. Its state is the internal state of all tokens,
/// one token after the other.
///
/// It is the vector field of its flow, with `E` as Lyapunov function, and as an
/// [`Energy`] a function of the internal state.
/// [`activation_energy`](Self::activation_energy) is the function of the
/// activations.
///
/// ```
/// use ebm_memory::ebm_core::lagrangian::LayerNorm;
/// use ebm_memory::Patterns;
/// use ebm_memory::energy_transformer::{
///     Attention, AttentionEnergy, Descent, EnergyTransformer,
/// };
/// let shape = Attention { tokens: 9, dim: 8, heads: 2, head_dim: 4 };
/// let attention = AttentionEnergy::random(shape, 0.3, 1)?;
/// let memory = Patterns::new((0..160).map(|i| 0.3 * (i as f64).sin()).collect(), 8)?;
/// let norm = LayerNorm::new(1.0, vec![0.0; 8], 1e-5)?;
/// let block = EnergyTransformer::new(attention, memory, norm)?;
///
/// let x: Vec<f64> = (0..72).map(|i| (1.7 * i as f64).cos()).collect();
/// let end = Descent { rate: 0.1, max_steps: 12, ..Descent::default() }.retrieve(&block, &x)?;
/// assert!(end.energies.windows(2).all(|e| e[1] < e[0]));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        into = "crate::serialized::learned::Transformer",
        try_from = "crate::serialized::learned::Transformer"
    )
)]
pub struct EnergyTransformer {
    flow: MirrorFlow<Sum<AttentionEnergy, TokenMemoryEnergy>, Replicated<LayerNorm>>,
}

impl EnergyTransformer {
    /// The block with the given attention, the patterns of the token memory and
    /// the layer norm that all tokens share.
    ///
    /// # Errors
    /// If the patterns or the layer norm do not have the length of a token.
    pub fn new(
        attention: AttentionEnergy,
        patterns: Patterns,
        norm: LayerNorm,
    ) -> Result<Self, Error> {
        let shape = attention.shape();
        validate::dimension("patterns of the token memory", shape.dim, patterns.dim())?;
        validate::dimension("layer norm", shape.dim, norm.dim())?;
        let memory = TokenMemoryEnergy::new(patterns, shape.tokens)?;
        let norm = Replicated::new(norm, shape.tokens)?;
        Ok(Self { flow: MirrorFlow::new(Sum::new(attention, memory)?, norm)? })
    }

    /// Length of the state: tokens times their length.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.flow.mirror().dim()
    }

    /// `E_att + E_HN` as a function of the activations.
    #[must_use]
    pub fn activation_energy(&self) -> &Sum<AttentionEnergy, TokenMemoryEnergy> {
        self.flow.energy()
    }

    /// The layer norm of all tokens.
    #[must_use]
    pub fn norm(&self) -> &Replicated<LayerNorm> {
        self.flow.mirror()
    }
}

impl VectorField for EnergyTransformer {
    fn dim(&self) -> usize {
        self.dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.flow.eval(t, x, dx, ws);
    }
    fn eval_batch(&self, t: &[f64], x: Batch<'_>, dx: BatchMut<'_>, ws: &mut Workspace) {
        self.flow.eval_batch(t, x, dx, ws);
    }
}

impl Jacobian for EnergyTransformer {
    fn jvp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.flow.jvp(t, x, v, out, ws);
    }
    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.flow.vjp(t, x, v, out, ws);
    }
}

impl Lyapunov for EnergyTransformer {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.flow.lyapunov(x, ws)
    }
    fn lyapunov_rate(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.flow.lyapunov_rate(x, ws)
    }
}

/// `E` as a function of the internal state.
impl Energy for EnergyTransformer {
    fn dim(&self) -> usize {
        self.dim()
    }
    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.flow.lyapunov(x, ws)
    }
}

/// `∂E/∂x`.
impl Gradient for EnergyTransformer {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (g, ws) = ws.take(x.len());
        let (slope, ws) = ws.take(x.len());
        self.norm().gradient(x, g, ws);
        let energy = self.activation_energy().energy_gradient(g, slope, ws);
        self.norm().hessian_vec(x, slope, out, ws);
        energy
    }
}
