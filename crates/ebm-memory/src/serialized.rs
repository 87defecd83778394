//! What is written of models and results, and how it is checked when it is read
//! again, for the feature `serde`.
//!
//! A model is written as its parameters; what follows from them is computed
//! anew, by the function that makes the model, which also checks them. What
//! comes out of a batch is written as `states`, column after column, `dim` and
//! `reports`. Unknown fields are errors.
//!
//! A number in a report may be infinite or NaN, which JSON cannot say: such a
//! number is written as `"inf"`, `"-inf"` or `"NaN"` where people are to read
//! it, as a number elsewhere.

pub(crate) mod learned;

use ebm_core::network::Activation;
use ebm_core::{Batch, Coupling, Real, validate};
use serde::Deserialize;

use crate::dense_associative_memory::{
    DescentReport, DiscreteMemory, DiscretePairs, FenchelYoungMemory, Interaction, KeyValueMemory,
    LogSumExpMemory, PairReport, RandomFeatures, RegularizedArgmax, RetrievalReport, SignPatterns,
    Similarity, SparseReport, ValueReport,
};
use crate::hopfield::{
    AsymmetricNetwork, ChainReport, ContinuousMemory, HopfieldNetwork, LowRankHopfield,
    RecallReport, RelaxationReport,
};
use crate::layered::SettleReport;
use crate::oscillator_memory::{OscillatorCouplings, OscillatorMemory, PhaseReport};
use crate::phase_locked::LockReport;
use crate::{
    CycleGraph, DiffusionMemory, Error, InputDrivenPlasticity, Patterns, PhaseLockedMemory,
    Thermometer, patterns,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternsData<T> {
    data: Vec<T>,
    dim: usize,
}

impl<T: Real> TryFrom<PatternsData<T>> for Patterns<T> {
    type Error = Error;

    fn try_from(written: PatternsData<T>) -> Result<Self, Error> {
        Self::new(written.data, written.dim)
    }
}

/// Bits, pattern after pattern in whole words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bits {
    pub(crate) dim: usize,
    pub(crate) count: usize,
    pub(crate) rows: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Levels {
    max: u8,
}

impl TryFrom<Levels> for Thermometer {
    type Error = Error;

    fn try_from(written: Levels) -> Result<Self, Error> {
        Self::new(written.max)
    }
}

/// Log-sum-exp memory; `rates` are `β_μ/β`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Real + Deserialize<'de>"))]
pub(crate) struct LogSumExp<T> {
    patterns: Patterns<T>,
    beta: f64,
    similarity: Similarity,
    log_priors: Vec<f64>,
    rates: Vec<T>,
}

impl<T: Real> TryFrom<LogSumExp<T>> for LogSumExpMemory<T> {
    type Error = Error;

    fn try_from(written: LogSumExp<T>) -> Result<Self, Error> {
        let mut memory = Self::new(written.patterns, written.beta, written.similarity)?;
        if !written.log_priors.is_empty() {
            memory = memory.with_log_priors(&written.log_priors)?;
        }
        if written.rates.is_empty() { Ok(memory) } else { memory.with_rates(written.rates) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Real + Deserialize<'de>"))]
pub(crate) struct FenchelYoung<T> {
    patterns: Patterns<T>,
    beta: f64,
    similarity: Similarity,
    map: RegularizedArgmax,
}

impl<T: Real> TryFrom<FenchelYoung<T>> for FenchelYoungMemory<T> {
    type Error = Error;

    fn try_from(written: FenchelYoung<T>) -> Result<Self, Error> {
        Self::new(written.patterns, written.beta, written.similarity, written.map)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discrete {
    patterns: SignPatterns,
    interaction: Interaction,
}

impl TryFrom<Discrete> for DiscreteMemory {
    type Error = Error;

    fn try_from(written: Discrete) -> Result<Self, Error> {
        Self::new(written.patterns, written.interaction)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pairs {
    pub(crate) keys: SignPatterns,
    pub(crate) joint: DiscreteMemory,
}

impl TryFrom<Pairs> for DiscretePairs {
    type Error = Error;

    fn try_from(written: Pairs) -> Result<Self, Error> {
        Self::from_joint(written.keys, written.joint)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Real + Deserialize<'de>"))]
pub(crate) struct KeyValue<T> {
    keys: LogSumExpMemory<T>,
    values: Patterns<T>,
}

impl<T: ebm_core::vector_math::VectorMath> TryFrom<KeyValue<T>> for KeyValueMemory<T> {
    type Error = Error;

    fn try_from(written: KeyValue<T>) -> Result<Self, Error> {
        Self::new(written.keys, written.values)
    }
}

/// Random features; the directions follow from the seed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compressed {
    pub(crate) dim: usize,
    pub(crate) beta: f64,
    pub(crate) features: RandomFeatures,
    pub(crate) origin: Vec<f64>,
    #[serde(with = "reals")]
    pub(crate) memory: Vec<f64>,
    pub(crate) added: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network<C> {
    coupling: C,
}

impl<C: Coupling> TryFrom<Network<C>> for HopfieldNetwork<C> {
    type Error = Error;

    fn try_from(written: Network<C>) -> Result<Self, Error> {
        Self::new(written.coupling)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asymmetric {
    dim: usize,
    entries: Vec<f64>,
}

impl TryFrom<Asymmetric> for AsymmetricNetwork {
    type Error = Error;

    fn try_from(written: Asymmetric) -> Result<Self, Error> {
        Self::new(written.entries, written.dim)
    }
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Continuous<C> {
    patterns: Patterns,
    coupling: C,
    activation: Activation,
}

impl<C: Coupling> TryFrom<Continuous<C>> for ContinuousMemory<C> {
    type Error = Error;

    fn try_from(written: Continuous<C>) -> Result<Self, Error> {
        Self::new(written.patterns, written.coupling, written.activation)
    }
}

impl<C: Coupling + Clone> From<ContinuousMemory<C>> for Continuous<C> {
    fn from(memory: ContinuousMemory<C>) -> Self {
        Self {
            patterns: memory.patterns().clone(),
            coupling: memory.network().coupling().clone(),
            activation: memory.network().activation(),
        }
    }
}

/// Patterns one after the other, and the weight of each.
#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LowRank<T> {
    dim: usize,
    patterns: Vec<T>,
    weights: Vec<T>,
}

impl<T: Real> TryFrom<LowRank<T>> for LowRankHopfield<T> {
    type Error = Error;

    fn try_from(written: LowRank<T>) -> Result<Self, Error> {
        Self::new(Batch::new(&written.patterns, written.dim)?, &written.weights)
    }
}

impl<T: Real> From<LowRankHopfield<T>> for LowRank<T> {
    fn from(network: LowRankHopfield<T>) -> Self {
        let dim = crate::LocalFields::dim(&network);
        let mut patterns = vec![T::ZERO; dim * network.count()];
        for (mu, pattern) in patterns.chunks_exact_mut(dim).enumerate() {
            network.pattern(mu, pattern);
        }
        Self { dim, patterns, weights: network.weights().collect() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainData {
    pub(crate) states: Vec<f64>,
    #[serde(with = "reals")]
    pub(crate) means: Vec<f64>,
    pub(crate) dim: usize,
    pub(crate) reports: Vec<ChainReport>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputDriven {
    patterns: Patterns,
    activation: Activation,
}

impl TryFrom<InputDriven> for InputDrivenPlasticity {
    type Error = Error;

    fn try_from(written: InputDriven) -> Result<Self, Error> {
        Self::new(written.patterns, written.activation)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oscillators {
    patterns: Patterns,
    couplings: OscillatorCouplings,
}

impl TryFrom<Oscillators> for OscillatorMemory {
    type Error = Error;

    fn try_from(written: Oscillators) -> Result<Self, Error> {
        Self::new(written.patterns, written.couplings)
    }
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Diffusion {
    data: Patterns,
    variance: f64,
}

impl TryFrom<Diffusion> for DiffusionMemory {
    type Error = Error;

    fn try_from(written: Diffusion) -> Result<Self, Error> {
        Self::new(written.data, written.variance)
    }
}

impl From<DiffusionMemory> for Diffusion {
    fn from(memory: DiffusionMemory) -> Self {
        Self { data: memory.data().clone(), variance: memory.variance() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cycles {
    nodes: usize,
    cycles: Vec<Vec<usize>>,
}

impl TryFrom<Cycles> for CycleGraph {
    type Error = Error;

    fn try_from(written: Cycles) -> Result<Self, Error> {
        Self::new(written.nodes, written.cycles)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhaseLocked {
    graph: CycleGraph,
}

impl TryFrom<PhaseLocked> for PhaseLockedMemory {
    type Error = Error;

    fn try_from(written: PhaseLocked) -> Result<Self, Error> {
        Self::new(written.graph)
    }
}

/// What came out of a batch: a state and a report for each cue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Real, R: Deserialize<'de>"))]
pub(crate) struct Columns<T, R> {
    #[serde(with = "reals")]
    states: Vec<T>,
    dim: usize,
    reports: Vec<R>,
}

impl<T: Real, R> Columns<T, R> {
    /// The parts, if they belong together.
    pub(crate) fn checked(self) -> Result<(Vec<T>, usize, Vec<R>), Error> {
        check_columns("states", self.states.len(), self.dim, self.reports.len())?;
        Ok((self.states, self.dim, self.reports))
    }
}

/// What comes with a state, and what it says of the state.
pub trait Report {
    /// Checks states that are read.
    ///
    /// # Errors
    /// If one of them is none that such a report comes with.
    fn check<T: Real>(_states: Batch<'_, T>) -> Result<(), Error> {
        Ok(())
    }
}

impl Report for RecallReport {
    fn check<T: Real>(states: Batch<'_, T>) -> Result<(), Error> {
        patterns::check_signs("state", states)
    }
}

impl Report for PairReport {
    fn check<T: Real>(states: Batch<'_, T>) -> Result<(), Error> {
        patterns::check_signs("value", states)
    }
}

impl Report for RetrievalReport {}
impl Report for SparseReport {}
impl Report for DescentReport {}
impl Report for ValueReport {}
impl Report for RelaxationReport {}
impl Report for SettleReport {}
impl Report for PhaseReport {}
impl Report for LockReport {}

/// As many whole columns as there are reports, at least one.
pub(crate) fn check_columns(
    what: &'static str,
    len: usize,
    dim: usize,
    reports: usize,
) -> Result<(), Error> {
    if dim == 0 || reports == 0 {
        return Err(ebm_core::Error::Empty { what }.into());
    }
    Ok(validate::dimension(what, dim.saturating_mul(reports), len)?)
}

/// A number that need not be finite.
pub(crate) mod real {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// As people write it.
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Finite(f64),
        Other(Name),
    }

    #[derive(Serialize, Deserialize)]
    enum Name {
        #[serde(rename = "inf")]
        Infinity,
        #[serde(rename = "-inf")]
        MinusInfinity,
        #[serde(rename = "NaN")]
        NotANumber,
    }

    impl From<f64> for Written {
        fn from(x: f64) -> Self {
            if x.is_nan() {
                Self::Other(Name::NotANumber)
            } else if x == f64::INFINITY {
                Self::Other(Name::Infinity)
            } else if x == f64::NEG_INFINITY {
                Self::Other(Name::MinusInfinity)
            } else {
                Self::Finite(x)
            }
        }
    }

    impl From<Written> for f64 {
        fn from(written: Written) -> Self {
            match written {
                Written::Finite(x) => x,
                Written::Other(Name::Infinity) => f64::INFINITY,
                Written::Other(Name::MinusInfinity) => f64::NEG_INFINITY,
                Written::Other(Name::NotANumber) => f64::NAN,
            }
        }
    }

    /// A number by itself, for containers of them.
    pub(super) struct Number(pub(super) f64);

    impl Serialize for Number {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serialize(&self.0, serializer)
        }
    }

    impl<'de> Deserialize<'de> for Number {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserialize(deserializer).map(Self)
        }
    }

    pub(crate) fn serialize<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Written::from(*x).serialize(serializer)
        } else {
            x.serialize(serializer)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        if deserializer.is_human_readable() {
            Written::deserialize(deserializer).map(f64::from)
        } else {
            f64::deserialize(deserializer)
        }
    }
}

/// Numbers that need not be finite, written as those of `f64`.
pub(crate) mod reals {
    use ebm_core::Real;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::real::Number;

    pub(crate) fn serialize<T: Real, S: Serializer>(
        x: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(x.iter().map(|x| Number(x.to_f64())))
    }

    pub(crate) fn deserialize<'de, T: Real, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        let convert = |Number(x): Number| {
            let converted = T::from_f64(x);
            if x.is_finite() && !Real::is_finite(converted) {
                return Err(D::Error::custom(format!("{x} is too large for single precision")));
            }
            Ok(converted)
        };
        Vec::<Number>::deserialize(deserializer)?.into_iter().map(convert).collect()
    }
}

/// Rows of numbers that need not be finite.
pub(crate) mod real_rows {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::real::Number;

    pub(crate) fn serialize<S: Serializer>(
        rows: &[Vec<f64>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let row = |row: &Vec<f64>| row.iter().map(|x| Number(*x)).collect::<Vec<_>>();
        serializer.collect_seq(rows.iter().map(row))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<f64>>, D::Error> {
        let rows = Vec::<Vec<Number>>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(|x| x.0).collect()).collect())
    }
}
