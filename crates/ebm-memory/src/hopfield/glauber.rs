//! Glauber dynamics: a Hopfield network at finite temperature.
//!
//! ```text
//! P(sᵢ = ±1) = 1/(1 + e^{∓2hᵢ/T}),  one neuron after the other
//! stationary law  p(s) ∝ e^{−E(s)/T}
//! ```
//!
//! A sweep draws every neuron once from its law given the others (heat bath).
//! At a load far below capacity a pattern is recalled up to about `T = 1` with
//! overlap `m = tanh(m/T)`; noise is also what lets a network leave spurious
//! states.
//!
//! Sources: R. J. Glauber, J. Math. Phys. 4, 294 (1963),
//! doi:10.1063/1.1703954; D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev.
//! A 32, 1007 (1985), doi:10.1103/PhysRevA.32.1007.

use std::ops::ControlFlow;

use ebm_core::random::stream;
use ebm_core::{Batch, Observer, Outcome, Snapshot, validate};
use rand::RngExt;
use rayon::prelude::*;

use super::LocalFields;
use super::recall::{Order, shuffle};
#[cfg(feature = "serde")]
use crate::patterns;
use crate::{Error, checks};

/// Sweeps after which the fields are computed afresh, so that the rounding of
/// their updates does not add up.
const REFRESH: usize = 64;

/// Heat-bath sweeps at a temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Glauber {
    /// `T`, in units of the energy; > 0.
    pub temperature: f64,
    /// Sweeps before anything is averaged.
    pub burn_in: usize,
    /// Sweeps over which states and energies are averaged, ≥ 1.
    pub sweeps: usize,
    /// The order of the neurons within a sweep.
    pub order: Order,
    /// Seed; the chain from cue `j` draws from stream `j`.
    pub seed: u64,
}

impl Default for Glauber {
    /// `T = 0.5`, half of where recall ends at low load; 100 sweeps after 100
    /// others, several times what a network needs to settle in the basin of a
    /// pattern. Fixed order: as right as a random one, and it draws less.
    fn default() -> Self {
        Self { temperature: 0.5, burn_in: 100, sweeps: 100, order: Order::Fixed, seed: 0 }
    }
}

/// What a chain did.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ChainReport {
    /// `E` of the last state.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// Mean of `E` after the averaged sweeps, those before a field overflowed;
    /// NaN if there is none.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub mean_energy: f64,
    /// Changes of a neuron, burn-in included.
    pub flips: usize,
    /// [`Outcome::Reached`]; [`Outcome::NotFinite`] where a field overflowed;
    /// [`Outcome::Stopped`] by an observer.
    pub outcome: Outcome,
}

/// Last states and averages of chains.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::ChainData"))]
#[must_use]
pub struct Chains {
    states: Vec<f64>,
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    means: Vec<f64>,
    dim: usize,
    reports: Vec<ChainReport>,
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::ChainData> for Chains {
    type Error = Error;

    fn try_from(written: crate::serialized::ChainData) -> Result<Self, Error> {
        let crate::serialized::ChainData { states, means, dim, reports } = written;
        crate::serialized::check_columns("states", states.len(), dim, reports.len())?;
        crate::serialized::check_columns("means", means.len(), dim, reports.len())?;
        patterns::check_signs("state", Batch::new(&states, dim)?)?;
        Ok(Self { states, means, dim, reports })
    }
}

impl Chains {
    /// The last states, one a column, in the order of the cues.
    #[must_use]
    pub fn states(&self) -> Batch<'_> {
        Batch::new(&self.states, self.dim).expect("as the cues")
    }

    /// Last state of the chain from cue `index`.
    ///
    /// # Panics
    /// If there is no such cue.
    #[must_use]
    pub fn state(&self, index: usize) -> &[f64] {
        self.states().column(index)
    }

    /// The last states by themselves, one after the other.
    #[must_use]
    pub fn into_states(self) -> Vec<f64> {
        self.states
    }

    /// The averages `⟨s⟩` of the states after the averaged sweeps, one a
    /// column, of the same sweeps as the mean energies. The overlap of a pattern with such an average is the average of
    /// its overlaps.
    #[must_use]
    pub fn means(&self) -> Batch<'_> {
        Batch::new(&self.means, self.dim).expect("as the cues")
    }

    /// The reports, in the order of the cues.
    #[must_use]
    pub fn reports(&self) -> &[ChainReport] {
        &self.reports
    }
}

impl Glauber {
    /// Runs a chain from every column of `cues`, in parallel.
    ///
    /// ```
    /// use ebm_memory::{Glauber, HopfieldNetwork, Patterns};
    /// let patterns = Patterns::random_signs(1000, 3, 1)?;
    /// let network = HopfieldNetwork::hebb(&patterns)?;
    /// let chains = Glauber::default().retrieve(&network, patterns.as_batch())?;
    /// // m = tanh(2m) has the solution 0.9575.
    /// let overlap = patterns.overlap(0, chains.means().column(0));
    /// assert!((overlap - 0.9575).abs() < 0.02);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the temperature is not a finite number above zero, `sweeps` is zero or
    /// with the burn-in more than can be counted, or the cues are empty, of another dimension than the network or not ±1.
    pub fn retrieve<N: LocalFields>(&self, network: &N, cues: Batch<'_>) -> Result<Chains, Error> {
        let mut chains = self.start(network, cues)?;
        let (dim, go_on) = (chains.dim, |_: usize, _: &[f64]| ControlFlow::Continue(()));
        chains
            .states
            .par_chunks_mut(dim)
            .zip(chains.means.par_chunks_mut(dim))
            .zip(&mut chains.reports)
            .enumerate()
            .for_each_init(
                || Scratch::new(network),
                |scratch, (chain, ((state, mean), report))| {
                    self.chain(network, chain, (state, mean), scratch, report, go_on);
                },
            );
        Ok(chains)
    }

    /// [`retrieve`](Self::retrieve) one chain after the other, showing each cue
    /// and every sweep, burn-in included, to an observer: `step` and `t` are the
    /// sweep, `trajectory` is the cue. Breaking ends that chain.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::StopWhen;
    /// use ebm_memory::{Glauber, HopfieldNetwork, Patterns};
    /// let patterns = Patterns::random_signs(200, 3, 1)?;
    /// let network = HopfieldNetwork::hebb(&patterns)?;
    /// // Until a chain has left its pattern.
    /// let mut lost = StopWhen::new(|now| patterns.overlap(now.trajectory, now.x) < 0.5);
    /// let hot = Glauber { temperature: 2.0, ..Glauber::default() };
    /// let chains = hot.retrieve_watched(&network, patterns.as_batch(), &mut lost)?;
    /// assert!((0..3).all(|mu| patterns.overlap(mu, chains.state(mu)) < 0.5));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched<N: LocalFields>(
        &self,
        network: &N,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Chains, Error> {
        let mut chains = self.start(network, cues)?;
        let (dim, mut scratch) = (chains.dim, Scratch::new(network));
        let columns = chains.states.chunks_mut(dim).zip(chains.means.chunks_mut(dim));
        for (trajectory, (x, report)) in columns.zip(&mut chains.reports).enumerate() {
            let watch = |step: usize, x: &[f64]| {
                observer.observe(&Snapshot { step, t: step as f64, trajectory, x })
            };
            self.chain(network, trajectory, x, &mut scratch, report, watch);
        }
        Ok(chains)
    }

    /// The cues, checked, with empty averages and reports.
    fn start<N: LocalFields>(&self, network: &N, cues: Batch<'_>) -> Result<Chains, Error> {
        let dim = network.dim();
        validate::positive("temperature", self.temperature)?;
        validate::at_least_one("sweeps", self.sweeps)?;
        let limit = usize::MAX - self.sweeps;
        if self.burn_in > limit {
            let (what, size) = ("number of sweeps of the burn-in", self.burn_in);
            return Err(ebm_core::Error::TooLarge { what, size, limit }.into());
        }
        checks::sign_cues(dim, cues)?;
        let states = cues.as_slice().to_vec();
        let means = vec![0.0; states.len()];
        let start =
            ChainReport { energy: 0.0, mean_energy: 0.0, flips: 0, outcome: Outcome::Reached };
        let reports = vec![start; cues.count()];
        Ok(Chains { states, means, dim, reports })
    }

    fn chain<N: LocalFields>(
        &self,
        network: &N,
        chain: usize,
        (state, mean): (&mut [f64], &mut [f64]),
        Scratch { kept, sites, network: scratch }: &mut Scratch<N::Scratch>,
        report: &mut ChainReport,
        mut watch: impl FnMut(usize, &[f64]) -> ControlFlow<()>,
    ) {
        let mut rng = stream(self.seed, chain as u64);
        sites.iter_mut().enumerate().for_each(|(i, site)| *site = i);
        // Finite, so that a neuron without a field is a fair coin.
        let rate = (-2.0 / self.temperature).max(f64::MIN);
        let mut averaged = 0;
        let mut sweeps = self.burn_in + self.sweeps;
        if watch(0, state).is_break() {
            report.outcome = Outcome::Stopped;
            sweeps = 0;
        }
        for sweep in 0..sweeps {
            if sweep % REFRESH == 0 {
                network.keep(Batch::single(state).expect("a state"), kept, scratch);
            }
            if self.order == Order::Random {
                shuffle(&mut rng, sites);
            }
            for &i in &*sites {
                let h = network.field(i, state, kept);
                let up = 1.0 / (1.0 + (rate * h).exp());
                let next = if rng.random::<f64>() < up { 1.0 } else { -1.0 };
                if next != state[i] {
                    network.flip(i, state, kept, scratch);
                    report.flips += 1;
                }
            }
            if let Some(index) = kept.iter().position(|h| !h.is_finite()) {
                report.outcome = Outcome::NotFinite { t: sweep as f64, index };
                break;
            }
            if sweep >= self.burn_in {
                averaged += 1;
                report.mean_energy += network.energy_kept(state, kept);
                mean.iter_mut().zip(&*state).for_each(|(m, s)| *m += s);
            }
            if watch(sweep + 1, state).is_break() {
                report.outcome = Outcome::Stopped;
                break;
            }
        }
        network.keep(Batch::single(state).expect("a state"), kept, scratch);
        report.energy = network.energy_kept(state, kept);
        report.mean_energy /= averaged as f64;
        mean.iter_mut().for_each(|m| *m /= averaged as f64);
    }
}

/// Memory of one worker.
struct Scratch<S> {
    kept: Vec<f64>,
    sites: Vec<usize>,
    network: S,
}

impl<S: Default> Scratch<S> {
    fn new<N: LocalFields<Scratch = S>>(network: &N) -> Self {
        let (kept, sites) = (vec![0.0; network.kept()], vec![0; network.dim()]);
        Self { kept, sites, network: S::default() }
    }
}
