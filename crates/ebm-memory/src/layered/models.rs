//! The three two-layer models of Krotov and Hopfield.
//!
//! ```text
//! τ_v v̇ = Ξ f − v,      τ_h ḣ = Ξᵀ g − h,      τ_v = 1
//! E = [v·g − L_v] + [h·f − L_h] − gᵀ Ξ f
//!
//! A   L_v = (1/β) Σ ln cosh βvᵢ     L_h = (1/n) Σ max(h_μ, 0)ⁿ    polynomial memory
//! B   L_v = ½‖v‖²                   L_h = (1/β) ln Σ e^{βh_μ}      softmax attention
//! C   L_v = √(‖v‖² + ε)             L_h = (1/n) Σ max(h_μ, 0)ⁿ    spherical memory
//! ```
//!
//! Visible neurons come first, and the patterns are the columns of `Ξ`. In the
//! limit `τ_h → 0`, which [`LayeredMemory::eliminate`] of layer 1 takes, they
//! are memories of one layer: B is [`LogSumExpMemory`](crate::LogSumExpMemory).
//! The source has `L_v = Σ|vᵢ|` in A, the limit `β → ∞`, where the visible
//! activation is a sign and its dynamics no differential equation, and
//! `ε = 0` in C.
//!
//! A and C are bounded below for every `n`, since their visible activations are
//! bounded.
//!
//! Source: D. Krotov and J. J. Hopfield, arXiv:2008.06996.

use ebm_core::lagrangian::{Elementwise, Lagrangian, LogSumExp, Spherical};
use ebm_core::network::Activation;

use super::{DenseSynapse, Layer, LayeredMemory};
use crate::{Error, Patterns};

/// The `ε` of model C: small against patterns of unit size, large enough for
/// the activation to be smooth on the scale of a rounding error.
const EPSILON: f64 = 1e-6;

impl LayeredMemory {
    /// Model A: bounded visible neurons `tanh βv` with `β = gain`, hidden ones
    /// `max(h, 0)^{n−1}` with `n = power`, of time constant `tau`.
    ///
    /// ```
    /// use ebm_memory::{Patterns, layered::LayeredMemory};
    /// let patterns = Patterns::random_signs(20, 30, 1)?;
    /// let memory = LayeredMemory::model_a(&patterns, 1.0, 3.0, 0.1)?;
    /// assert_eq!(memory.dim(), 50);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `gain` or `tau` is not a finite number above 0, or `power` not one
    /// above 1.
    pub fn model_a(patterns: &Patterns, gain: f64, power: f64, tau: f64) -> Result<Self, Error> {
        let visible = Elementwise::new(patterns.dim(), Activation::Tanh { gain })?;
        two_layers(patterns, visible, rectified(patterns, power)?, tau)
    }

    /// Model B: linear visible neurons, hidden ones `softmax(βh)` of time
    /// constant `tau`.
    ///
    /// ```
    /// use ebm_memory::ebm_core::Energy;
    /// use ebm_memory::{LogSumExpMemory, Patterns, Similarity, layered::LayeredMemory};
    /// let patterns = Patterns::random_signs(20, 30, 1)?;
    /// let memory = LayeredMemory::model_b(&patterns, 8.0, 0.1)?;
    ///
    /// // Without the hidden layer it is the log-sum-exp memory.
    /// let fast = memory.eliminate(1)?;
    /// let one_layer = LogSumExpMemory::new(patterns, 8.0, Similarity::DotProduct)?;
    /// let x = [0.3; 20];
    /// assert!((fast.energy_at(&x) - one_layer.energy_at(&x)).abs() < 1e-12);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `beta` or `tau` is not a finite number above 0.
    pub fn model_b(patterns: &Patterns, beta: f64, tau: f64) -> Result<Self, Error> {
        let visible = Elementwise::new(patterns.dim(), Activation::Linear)?;
        two_layers(patterns, visible, LogSumExp::new(patterns.count(), beta)?, tau)
    }

    /// Model C: visible neurons `v/‖v‖`, hidden ones `max(h, 0)^{n−1}` with
    /// `n = power`, of time constant `tau`.
    ///
    /// ```
    /// use ebm_memory::{Patterns, layered::LayeredMemory};
    /// let patterns = Patterns::random_signs(20, 30, 1)?;
    /// let memory = LayeredMemory::model_c(&patterns, 3.0, 0.1)?;
    /// let state = memory.state(&[(0, &[0.5; 20])])?;
    /// let length: f64 = memory.activations(&state)[..20].iter().map(|g| g * g).sum();
    /// assert!((length - 1.0).abs() < 1e-6);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `tau` is not a finite number above 0, or `power` not one above 1.
    pub fn model_c(patterns: &Patterns, power: f64, tau: f64) -> Result<Self, Error> {
        let visible = Spherical::new(patterns.dim(), 1.0, EPSILON)?;
        two_layers(patterns, visible, rectified(patterns, power)?, tau)
    }
}

fn rectified(patterns: &Patterns, power: f64) -> Result<Elementwise, Error> {
    Ok(Elementwise::new(patterns.count(), Activation::RectifiedPower { power })?)
}

fn two_layers(
    patterns: &Patterns,
    visible: impl Lagrangian + 'static,
    hidden: impl Lagrangian + 'static,
    tau: f64,
) -> Result<LayeredMemory, Error> {
    LayeredMemory::new(vec![Layer::new(visible), Layer::new(hidden).with_time_constant(tau)?])?
        .connect(DenseSynapse::from_patterns(patterns), &[0, 1])
}
