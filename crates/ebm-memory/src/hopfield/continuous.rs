//! Continuous Hopfield and firing-rate memories.
//!
//! ```text
//! potentials   τẋ = −x + W φ(x) + b,   v = φ(x)         rates   τv̇ = −v + φ(W v + b)
//! E(v) = −½ vᵀWv − bᵀv + Σᵢ ∫^{vᵢ} φ⁻¹(z) dz  falls along both,      x = W v + b  maps the second to the first
//! pattern ↔ rates:   v = ξ  (odd φ),      v = (1 + ξ)/2,  b = −½ W 1  (logistic φ)
//! ```
//!
//! A network with rates from 0 to 1 is with this bias the same as one with
//! rates from −1 to 1. The quiescent state, in which no pattern is recalled,
//! loses its stability where `φ′ λ_max(W) > 1`, `φ′` being the largest slope:
//! a memory needs a gain above that.
//!
//! Source: J. J. Hopfield, PNAS 81, 3088 (1984), doi:10.1073/pnas.81.10.3088.

use ebm_core::coupling::DenseCoupling;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::network::{Activation, FiringRate, Hopfield, SymmetricNetwork};
use ebm_core::ode::{self, Norm, Solution, SteadyState, Tolerance};
use ebm_core::{
    Batch, BatchMut, Coupling, Energy, Observer, Outcome, Snapshot, VectorField, Workspace,
    validate,
};

use super::HopfieldNetwork;
use crate::{Error, Patterns, Retrieved, checks, patterns, watched};

/// Patterns stored in a network of continuous units.
///
/// ```
/// use ebm_memory::ebm_core::network::Activation;
/// use ebm_memory::{ContinuousMemory, Corruption, Patterns, Relaxation, corrupt};
///
/// let patterns = Patterns::random_signs(200, 5, 1)?;
/// let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2)?;
/// let memory = ContinuousMemory::hebb(patterns, Activation::Tanh { gain: 5.0 })?;
/// assert!(memory.critical_slope()? < 1.0);
/// let recalled = Relaxation::default().retrieve(&memory, cues.as_batch())?;
/// for (mu, report) in recalled.reports().iter().enumerate() {
///     assert_eq!(report.pattern, mu);
///     assert!(report.overlap > 0.99 && report.residual < 1e-6);
/// }
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        into = "crate::serialized::Continuous<C>",
        try_from = "crate::serialized::Continuous<C>",
        bound(
            serialize = "C: Coupling + Clone + serde::Serialize",
            deserialize = "C: Coupling + serde::Deserialize<'de>"
        )
    )
)]
pub struct ContinuousMemory<C = DenseCoupling> {
    patterns: Patterns,
    network: SymmetricNetwork<C>,
}

impl ContinuousMemory {
    /// Stores ±1 patterns by the Hebb rule.
    ///
    /// # Errors
    /// If an entry is not ±1, a parameter of the activation is out of range, or
    /// an `N × N` matrix does not fit into memory.
    pub fn hebb(patterns: Patterns, activation: Activation) -> Result<Self, Error> {
        let network = HopfieldNetwork::hebb(&patterns)?;
        Self::new(patterns, network.into_coupling(), activation)
    }

    /// Stores ±1 patterns by the pseudo-inverse rule without self-couplings.
    ///
    /// # Errors
    /// As [`hebb`](Self::hebb).
    pub fn pseudo_inverse(patterns: Patterns, activation: Activation) -> Result<Self, Error> {
        let network = HopfieldNetwork::pseudo_inverse(&patterns)?;
        Self::new(patterns, network.into_coupling(), activation)
    }
}

impl<C: Coupling> ContinuousMemory<C> {
    /// A memory with couplings from anywhere, such as another rule, and the
    /// patterns that its states are compared with.
    ///
    /// # Errors
    /// If an entry of a pattern is not ±1, the coupling has another dimension,
    /// or a parameter of the activation is out of range.
    pub fn new(patterns: Patterns, coupling: C, activation: Activation) -> Result<Self, Error> {
        patterns.check_signs()?;
        let n = patterns.dim();
        validate::dimension("coupling of the memory", n, coupling.dim())?;
        let mut bias = vec![0.0; n];
        if matches!(activation, Activation::Logistic { .. }) {
            coupling.apply(&vec![-0.5; n], &mut bias, &mut Workspace::new());
        }
        let network = SymmetricNetwork::new(coupling, bias, activation)?;
        Ok(Self { patterns, network })
    }

    /// The patterns.
    #[must_use]
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// The network: couplings, bias, activation, and the energy of the rates.
    #[must_use]
    pub fn network(&self) -> &SymmetricNetwork<C> {
        &self.network
    }

    /// The dynamics of the potentials.
    #[must_use]
    pub fn hopfield(&self) -> Hopfield<&C> {
        Hopfield(self.borrowed())
    }

    /// The dynamics of the rates.
    #[must_use]
    pub fn firing_rate(&self) -> FiringRate<&C> {
        FiringRate(self.borrowed())
    }

    fn borrowed(&self) -> SymmetricNetwork<&C> {
        let network = &self.network;
        SymmetricNetwork::new(network.coupling(), network.bias().to_vec(), network.activation())
            .expect("valid as the network is")
    }

    /// The slope `1/λ_max(W)` of the activation above which the quiescent state
    /// is unstable and patterns are recalled; infinite for couplings without a
    /// positive eigenvalue. Computed from all eigenvalues, in `O(N³)`.
    ///
    /// # Errors
    /// If an `N × N` matrix does not fit into memory, or the eigenvalues were
    /// not found.
    pub fn critical_slope(&self) -> Result<f64, Error> {
        let n = self.patterns.dim();
        let mut entries = patterns::allocate_for("coupling matrix", n, n)?;
        entries.resize(n * n, 0.0);
        for (i, row) in entries.chunks_exact_mut(n).enumerate() {
            self.network.coupling().row(i, row);
        }
        let mut solver = SymmetricEigen::new(n);
        let largest = solver.eigenvalues(&entries)?[n - 1];
        Ok(if largest > 0.0 { 1.0 / largest } else { f64::INFINITY })
    }

    /// Turns rates into the units of the patterns: `2v − 1` for a logistic
    /// activation, else `v`.
    pub fn decode(&self, rates: &mut [f64]) {
        if matches!(self.network.activation(), Activation::Logistic { .. }) {
            rates.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
        }
    }

    /// Turns values in the units of the patterns into rates: `(1 + s)/2` for a
    /// logistic activation, else `s`.
    pub fn encode(&self, values: &mut [f64]) {
        if matches!(self.network.activation(), Activation::Logistic { .. }) {
            values.iter_mut().for_each(|s| *s = 0.5 * (1.0 + *s));
        }
    }
}

/// Which variables move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum Form {
    /// The potentials; a cue is the initial potential.
    Hopfield,
    /// The rates; a cue is, in the units of the patterns, the initial rate.
    FiringRate,
}

/// Retrieval by letting a [`ContinuousMemory`] relax to an equilibrium, at unit
/// time constant.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Relaxation {
    /// Which variables move.
    pub form: Form,
    /// Largest `‖ẋ‖∞` of an equilibrium, > 0. The integration is a thousand
    /// times as accurate.
    pub tolerance: f64,
    /// Time after which a cue is given up, > 0, in time constants.
    pub max_time: f64,
}

impl Default for Relaxation {
    /// Firing rates, whose equilibria are the rates themselves; 1e-6, small
    /// against what separates two equilibria; 1000 time constants, where
    /// retrieval takes some tens.
    fn default() -> Self {
        Self { form: Form::FiringRate, tolerance: 1e-6, max_time: 1000.0 }
    }
}

/// How a cue relaxed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RelaxationReport {
    /// The pattern of largest overlap.
    pub pattern: usize,
    /// Its overlap with the rates, in the units of the patterns: one for a
    /// pattern itself.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub overlap: f64,
    /// `E` of the rates.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// `‖ẋ‖∞`.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub residual: f64,
    /// Time taken.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub time: f64,
    /// [`Outcome::Converged`], [`Outcome::Reached`] where the time ran out, or
    /// what the integrator ended with.
    pub outcome: Outcome,
}

impl Relaxation {
    /// Lets every column of `cues` relax, in parallel over blocks of cues; each
    /// stops on its own. The states retrieved are rates, whatever the form.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the memory.
    pub fn retrieve<C: Coupling>(
        &self,
        memory: &ContinuousMemory<C>,
        cues: Batch<'_>,
    ) -> Result<Retrieved<RelaxationReport>, Error> {
        self.relax(memory, cues, None)
    }

    /// [`retrieve`](Self::retrieve) one cue after the other, showing each cue
    /// and every step of its relaxation to an observer: `x` are the rates,
    /// whatever the form, `trajectory` is the cue. Breaking ends that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::network::Activation;
    /// use ebm_memory::ebm_core::observer::EnergyMonitor;
    /// use ebm_memory::{ContinuousMemory, Patterns, Relaxation};
    /// let patterns = Patterns::random_signs(100, 3, 1)?;
    /// let memory = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain: 5.0 })?;
    /// let cues = Patterns::random_signs(100, 2, 2)?;
    ///
    /// let mut monitor = EnergyMonitor::new(memory.network());
    /// let found =
    ///     Relaxation::default().retrieve_watched(&memory, cues.as_batch(), &mut monitor)?;
    /// let first = monitor.readings().iter().find(|now| now.trajectory == 1);
    /// assert!(first.is_some_and(|cue| cue.energy > found.reports()[1].energy));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched<C: Coupling>(
        &self,
        memory: &ContinuousMemory<C>,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<RelaxationReport>, Error> {
        self.relax(memory, cues, Some(observer))
    }

    fn relax<C: Coupling>(
        &self,
        memory: &ContinuousMemory<C>,
        cues: Batch<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Retrieved<RelaxationReport>, Error> {
        validate::positive("tolerance", self.tolerance)?;
        validate::positive("maximal time", self.max_time)?;
        checks::real_cues(memory.patterns.dim(), cues)?;
        let mut start = cues.as_slice().to_vec();
        match self.form {
            Form::Hopfield => {
                let (field, activation) = (memory.hopfield(), memory.network.activation());
                let mut shown = vec![0.0; cues.dim()];
                let mut of_rates = observer.map(|observer| {
                    move |now: &Snapshot<'_>| {
                        activation.values(now.x, &mut shown);
                        observer.observe(&Snapshot { x: &shown, ..*now })
                    }
                });
                let observer = of_rates.as_mut().map(|show| show as &mut dyn Observer);
                let ends = self.integrate(&field, &start, cues.dim(), observer)?;
                let (potentials, residuals) = settled(&field, &ends);
                let mut rates = vec![0.0; potentials.len()];
                activation.values(&potentials, &mut rates);
                Ok(report(memory, rates, &ends, &residuals))
            }
            Form::FiringRate => {
                memory.encode(&mut start);
                let field = memory.firing_rate();
                let ends = self.integrate(&field, &start, cues.dim(), observer)?;
                let (rates, residuals) = settled(&field, &ends);
                Ok(report(memory, rates, &ends, &residuals))
            }
        }
    }

    /// Where the columns of `start` end.
    fn integrate(
        &self,
        field: &impl VectorField,
        start: &[f64],
        dim: usize,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Vec<Solution>, Error> {
        let accuracy = 1e-3 * self.tolerance;
        let steady = SteadyState { tolerance: self.tolerance, ..SteadyState::default() };
        let options = ode::Options {
            tolerance: Tolerance { rtol: accuracy, atol: accuracy },
            steady_state: Some(steady),
            ..ode::Options::default()
        };
        let from = Batch::new(start, dim)?;
        watched::integrate(field, (0.0, self.max_time), from, &options, observer)
    }
}

/// The last states, one after the other, and `‖ẋ‖∞` of each.
fn settled(field: &impl VectorField, ends: &[Solution]) -> (Vec<f64>, Vec<f64>) {
    let states: Vec<f64> = ends.iter().flat_map(|end| end.x.iter().copied()).collect();
    let mut speeds = vec![0.0; states.len()];
    let times: Vec<f64> = ends.iter().map(|end| end.t).collect();
    field.eval_batch(
        &times,
        Batch::new(&states, field.dim()).expect("whole columns"),
        BatchMut::new(&mut speeds, field.dim()).expect("whole columns"),
        &mut Workspace::new(),
    );
    let residuals = speeds.chunks_exact(field.dim()).map(|column| Norm::Max.of(column)).collect();
    (states, residuals)
}

fn report<C: Coupling>(
    memory: &ContinuousMemory<C>,
    rates: Vec<f64>,
    ends: &[Solution],
    residuals: &[f64],
) -> Retrieved<RelaxationReport> {
    let dim = memory.patterns.dim();
    let batch = Batch::new(&rates, dim).expect("whole columns");
    let mut energies = vec![0.0; ends.len()];
    memory.network.energy_batch(batch, &mut energies, &mut Workspace::new());
    let mut decoded = vec![0.0; dim];
    let reports = ends
        .iter()
        .enumerate()
        .map(|(j, end)| {
            decoded.copy_from_slice(batch.column(j));
            memory.decode(&mut decoded);
            let (pattern, overlap) = memory.patterns.best_overlap(&decoded);
            let (energy, residual) = (energies[j], residuals[j]);
            let (time, outcome) = (end.t, end.outcome);
            RelaxationReport { pattern, overlap, energy, residual, time, outcome }
        })
        .collect();
    Retrieved { states: rates, dim, reports }
}
