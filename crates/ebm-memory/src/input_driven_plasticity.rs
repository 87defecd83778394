//! Input-driven plasticity: the input sets how strongly each memory is coupled,
//! instead of being added to the neurons' drive or setting their initial state.
//!
//! ```text
//! ẋ = −x + W(u) Ψ(x),      W(u) = (1/N) Σ_μ α_μ(u) ξ^μ ξ^μᵀ,      α_μ(u) = ξ^μ·u
//! E(x; u) = −½ Ψᵀ W(u) Ψ + xᵀΨ − Σᵢ ∫₀^{xᵢ} ψ,      Ψ = ψ(x)
//! ```
//!
//! The gain `α_μ` is the plain scalar product, so an input of size one in every
//! neuron has gains up to `N`; `u = Σ_μ α_μ ξ^μ / N` has the gains `α` if the
//! patterns are orthogonal ±1 vectors. For these, with `ψ` odd, bounded and
//! steepest at the origin:
//!
//! - *existence*: memory `x = c ξ^μ`, `c = α_μ ψ(c) > 0`, exists iff
//!   `α_μ ψ′(0) > 1`;
//! - *stability*: it attracts iff `max_ν α_ν ψ′(c) < 1`;
//! - *depth*: `E/N = −½ α_μ ψ(c)² + c ψ(c) − ∫₀^c ψ`, with
//!   `dE/dα = −½ N ψ(c)²`: the larger the gain, the deeper the well.
//!
//! Source: S. Betteti, G. Baggio, F. Bullo and S. Zampieri, *Input-driven
//! dynamics for robust memory retrieval in Hopfield networks*, Science Advances
//! 11 (2025), arXiv 2411.05849.

use ebm_core::coupling::LowRankCoupling;
use ebm_core::network::{Activation, Hopfield, SymmetricNetwork};
use ebm_core::{Batch, BatchMut, VectorField, Workspace, linalg, validate};

use crate::{Error, Patterns};

/// Memories that the input makes deeper or shallower; see the
/// [module](self) for the equations.
///
/// Under a constant input it is a Hopfield network with a low-rank coupling,
/// [`under`](Self::under): a vector field with Jacobian and Lyapunov function.
/// Under an input that changes with time it is [`driven`](Self::driven).
///
/// ```
/// use ebm_memory::ebm_core::network::Activation;
/// use ebm_memory::ebm_core::{Lyapunov, Workspace, ode};
/// use ebm_memory::{InputDrivenPlasticity, Patterns};
///
/// let patterns = Patterns::hadamard(64, 3)?;
/// let memory = InputDrivenPlasticity::new(patterns, Activation::Tanh { gain: 1.0 })?;
/// let gains = [2.0, 1.5, 0.9];
/// assert!(memory.law(&gains, 1)?.unwrap().is_stable());
/// assert!(memory.law(&gains, 2)?.is_none()); // α ≤ 1
///
/// let network = memory.under(&memory.input(&gains)?)?;
/// let start: Vec<f64> = memory.patterns().pattern(1).iter().map(|s| 0.5 * s).collect();
/// let options = ode::Options::default();
/// let end = ode::integrate(&network, &mut ode::TSITOURAS.stepper(64), (0.0, 60.0), &start, &options)?;
/// let predicted = memory.law(&gains, 1)?.unwrap();
/// assert!((end.x[0].abs() - predicted.amplitude).abs() < 1e-6);
/// let energy = network.lyapunov(&end.x, &mut Workspace::new());
/// assert!((energy / 64.0 - predicted.energy_per_neuron).abs() < 1e-9);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::InputDriven"))]
pub struct InputDrivenPlasticity {
    patterns: Patterns,
    activation: Activation,
}

/// What theory says about one memory under given gains.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct MemoryLaw {
    /// `c` of the memory state `c ξ^μ`, > 0.
    pub amplitude: f64,
    /// `E/N` there; negative, and lower than that of every memory of smaller
    /// gain.
    pub energy_per_neuron: f64,
    /// `1 − max_ν α_ν ψ′(c)`: the rate at which the slowest perturbation in the
    /// span of the patterns decays, or grows if negative.
    pub margin: f64,
}

impl MemoryLaw {
    /// The memory attracts its surroundings.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.margin > 0.0
    }
}

impl InputDrivenPlasticity {
    /// Memories at `patterns` with the activation `ψ`, `tanh` or
    /// piecewise linear: odd and bounded.
    ///
    /// # Errors
    /// If the activation is another one or invalid, or a pattern has an entry
    /// other than ±1.
    pub fn new(patterns: Patterns, activation: Activation) -> Result<Self, Error> {
        activation.validate()?;
        if !matches!(activation, Activation::Tanh { .. } | Activation::SaturatedLinear) {
            let what = "an odd, bounded activation";
            let why = "the memories are states c ξ and −c ξ";
            return Err(ebm_core::Error::Missing { what, why }.into());
        }
        patterns.check_signs()?;
        Ok(Self { patterns, activation })
    }

    /// The memories.
    #[must_use]
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// `ψ`.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// `max_{μ≠ν} |ξ^μ·ξ^ν| / N`: zero for orthogonal patterns, for which the
    /// laws are exact.
    #[must_use]
    pub fn crosstalk(&self) -> f64 {
        let count = self.patterns.count();
        let pairs = (0..count).flat_map(|mu| (0..mu).map(move |nu| (mu, nu)));
        pairs
            .map(|(mu, nu)| self.patterns.overlap(mu, self.patterns.pattern(nu)).abs())
            .fold(0.0, f64::max)
    }

    /// `α_μ(u) = ξ^μ·u` for every memory.
    ///
    /// # Errors
    /// If `input` has another length than the patterns, is not finite, or is
    /// so large that a gain overflows.
    pub fn gains(&self, input: &[f64]) -> Result<Vec<f64>, Error> {
        validate::dimension("input", self.patterns.dim(), input.len())?;
        validate::finite("input", input)?;
        let mut gains = vec![0.0; self.patterns.count()];
        self.multiply_transposed(input, &mut gains);
        validate::finite("gains", &gains)?;
        Ok(gains)
    }

    /// The input `Σ_μ α_μ ξ^μ / N`, whose gains are `gains` if the patterns are
    /// orthogonal.
    ///
    /// # Errors
    /// If there are not as many finite gains as memories.
    pub fn input(&self, gains: &[f64]) -> Result<Vec<f64>, Error> {
        self.check_gains(gains)?;
        let scaled: Vec<f64> = gains.iter().map(|a| a / self.patterns.dim() as f64).collect();
        let mut input = vec![0.0; self.patterns.dim()];
        self.multiply(&scaled, &mut input);
        Ok(input)
    }

    /// The network under the constant input `u`.
    ///
    /// # Errors
    /// If `input` has another length than the patterns, is not finite or so
    /// large that a gain overflows.
    pub fn under(&self, input: &[f64]) -> Result<Hopfield<LowRankCoupling>, Error> {
        let gains = self.gains(input)?;
        let coupling = LowRankCoupling::new(self.patterns.as_batch(), &gains)?;
        let bias = vec![0.0; self.patterns.dim()];
        Ok(Hopfield(SymmetricNetwork::new(coupling, bias, self.activation)?))
    }

    /// The network under an input that changes with time: `input(t, u)` writes
    /// the `N` entries of `u(t)`.
    ///
    /// ```
    /// use ebm_memory::ebm_core::{network::Activation, ode};
    /// use ebm_memory::{InputDrivenPlasticity, Patterns};
    /// let memory = InputDrivenPlasticity::new(Patterns::hadamard(64, 2)?, Activation::default())?;
    /// // The first memory is called, and from time 20 on the second.
    /// let inputs = [memory.input(&[2.0, 0.0])?, memory.input(&[0.0, 2.0])?];
    /// let field = memory.driven(|t, u| u.copy_from_slice(&inputs[usize::from(t > 20.0)]));
    /// let start: Vec<f64> = (0..64).map(|i| f64::from(i % 5) - 1.9).collect();
    /// let options = ode::Options::default();
    /// let end = ode::integrate(&field, &mut ode::TSITOURAS.stepper(64), (0.0, 60.0), &start, &options)?;
    /// assert!(memory.patterns().overlap(0, &end.x).abs() < 1e-3);
    /// assert!(memory.patterns().overlap(1, &end.x).abs() > 1.9);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    pub fn driven<U>(&self, input: U) -> Driven<'_, U>
    where
        U: Fn(f64, &mut [f64]) + Send + Sync,
    {
        Driven { memory: self, input }
    }

    /// The gain above which a memory exists, `1/ψ′(0)`.
    #[must_use]
    pub fn existence_threshold(&self) -> f64 {
        1.0 / self.activation.slope(0.0)
    }

    /// What theory says about memory `mu` under the `gains`; `None` if it does
    /// not exist. Exact for orthogonal patterns.
    ///
    /// # Errors
    /// If there are not as many finite gains as memories, or no memory `mu`.
    pub fn law(&self, gains: &[f64], mu: usize) -> Result<Option<MemoryLaw>, Error> {
        self.check_gains(gains)?;
        let Some(&gain) = gains.get(mu) else {
            let (what, bound) = ("memory", gains.len());
            return Err(ebm_core::Error::OutOfRange { what, index: mu, bound }.into());
        };
        let psi = self.activation;
        Ok(amplitude(psi, gain).map(|c| {
            let rate = psi.value(c);
            let strongest = gains.iter().fold(f64::NEG_INFINITY, |m: f64, a| m.max(*a));
            MemoryLaw {
                amplitude: c,
                energy_per_neuron: c * rate - psi.lagrangian(c) - 0.5 * gain * rate * rate,
                margin: 1.0 - strongest * psi.slope(c),
            }
        }))
    }

    fn check_gains(&self, gains: &[f64]) -> Result<(), Error> {
        validate::dimension("gains", self.patterns.count(), gains.len())?;
        Ok(validate::finite("gains", gains)?)
    }

    /// `Ξᵀ X`.
    fn multiply_transposed(&self, x: &[f64], out: &mut [f64]) {
        let dim = self.patterns.dim();
        linalg::multiply_transposed(self.patterns.as_batch().as_slice(), x, out, dim);
    }

    /// `Ξ M`.
    fn multiply(&self, m: &[f64], out: &mut [f64]) {
        linalg::multiply(self.patterns.as_batch().as_slice(), m, out, self.patterns.dim());
    }
}

/// The positive solution of `c = α ψ(c)`, if there is one.
///
/// `ψ` is concave for positive arguments, so `α ψ(c) − c` is positive up to the
/// solution and negative beyond.
fn amplitude(psi: Activation, gain: f64) -> Option<f64> {
    if gain * psi.slope(0.0) <= 1.0 {
        return None;
    }
    let (mut low, mut high) = (0.0, gain);
    // Bisection to the last bit: at most one halving per bit of the exponent
    // range and of the mantissa.
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            // So close to the threshold that c is not a normal number.
            return (low > 0.0).then_some(low);
        }
        if gain * psi.value(middle) >= middle { low = middle } else { high = middle }
    }
}

/// [`InputDrivenPlasticity`] under an input `u(t)`, of which nothing is formed
/// but the `K` gains: an evaluation costs three passes over the patterns.
#[derive(Debug, Clone, Copy)]
pub struct Driven<'a, U> {
    memory: &'a InputDrivenPlasticity,
    input: U,
}

impl<U: Fn(f64, &mut [f64]) + Send + Sync> VectorField for Driven<'_, U> {
    fn dim(&self) -> usize {
        self.memory.patterns.dim()
    }

    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.evaluate(&[t], x, dx, ws);
    }

    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        self.evaluate(t, x.as_slice(), dx.as_mut_slice(), ws);
    }
}

impl<U: Fn(f64, &mut [f64]) + Send + Sync> Driven<'_, U> {
    fn evaluate(&self, t: &[f64], x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let (n, count) = (self.dim(), self.memory.patterns.count());
        let (inputs, ws) = ws.take(x.len());
        let (gains, ws) = ws.take(count * t.len());
        let (overlaps, _) = ws.take(count * t.len());
        for (t, input) in t.iter().zip(inputs.chunks_exact_mut(n)) {
            (self.input)(*t, input);
        }
        self.memory.multiply_transposed(inputs, gains);
        let rates = inputs;
        self.memory.activation.values(x, rates);
        self.memory.multiply_transposed(rates, overlaps);
        for (overlap, gain) in overlaps.iter_mut().zip(&*gains) {
            *overlap *= gain / n as f64;
        }
        self.memory.multiply(overlaps, dx);
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx -= x;
        }
    }
}
