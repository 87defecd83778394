//! Retrieval by the flow of an oscillator memory, until the phases rest.
//!
//! ```text
//! θ(0) = cue + jitter,      θ̇ = −∇E(θ),      ‖θ̇‖∞ ≤ tolerance at the end
//! ```

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, SteadyState, Tolerance};
use ebm_core::{Batch, Energy, Gradient, Observer, Outcome, Workspace, random, validate};

use super::OscillatorMemory;
use crate::{Error, Retrieved, checks, watched};

/// Retrieval of phase patterns.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PhaseRetrieval {
    /// Standard deviation of the Gaussian angle added to every phase of a cue,
    /// in radians, ≥ 0. Binary states are equilibria even where they do not
    /// attract; without it a binary cue stays where it is.
    pub jitter: f64,
    /// Seed of the jitter; cue `j` draws from stream `j`.
    pub seed: u64,
    /// Largest `‖θ̇‖∞` of a state at rest, > 0.
    pub tolerance: f64,
    /// Time after which a cue is given up, > 0, in units of the inverse of a
    /// pairwise coupling of one. Above its load a memory creeps on for all of it.
    pub max_time: f64,
    /// Budget of integration steps for every cue, ≥ 1.
    pub max_steps: usize,
}

impl Default for PhaseRetrieval {
    /// A jitter of 0.05 rad, too little to change a sign. Phases rest when none
    /// turns by more than 1e-5 in a unit of time, a thousandth of what the
    /// jitter sets off at the rates of a useful memory. Time 1000 covers states
    /// within 1 % of their threshold.
    fn default() -> Self {
        Self { jitter: 0.05, seed: 0, tolerance: 1e-5, max_time: 1000.0, max_steps: 100_000 }
    }
}

/// How the retrieval of one cue ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PhaseReport {
    /// The pattern of largest overlap.
    pub pattern: usize,
    /// `|m|` with it, from 0 to 1: one if the phases are the pattern up to a
    /// common shift.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub overlap: f64,
    /// `arg m`: the common shift, in radians from −π to π.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub phase: f64,
    /// Oscillators that read out, relative to `phase`, as the other sign.
    pub wrong: usize,
    /// Largest angle, in radians, between an oscillator and the nearer one of
    /// the two opposite phases of the read-out: 0 for a binary state, at most
    /// π/2.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub spread: f64,
    /// `E` at the end.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// `‖θ̇‖∞` at the end.
    pub residual: f64,
    /// Time integrated.
    pub time: f64,
    /// Steps accepted.
    pub steps: usize,
    /// `Converged` at rest, `Reached` if time ran out, `MaxSteps` if the budget
    /// did, `Stopped` by an observer.
    pub outcome: Outcome,
}

impl PhaseReport {
    /// The pattern without a wrong sign, with all phases within `tolerance`
    /// radians of it.
    #[must_use]
    pub fn is_error_free(&self, tolerance: f64) -> bool {
        self.wrong == 0 && self.spread <= tolerance
    }
}

impl PhaseRetrieval {
    /// Retrieves from every column of `cues`, phases in radians, in parallel
    /// over fixed blocks.
    ///
    /// # Errors
    /// If a parameter is out of range, or the cues are empty, not finite or of
    /// another dimension than the memory.
    pub fn retrieve(
        &self,
        memory: &OscillatorMemory,
        cues: Batch<'_>,
    ) -> Result<Retrieved<PhaseReport>, Error> {
        self.integrate(memory, cues, None)
    }

    /// [`retrieve`](Self::retrieve) one cue after the other, showing each cue,
    /// with its jitter, and every step of its flow to an observer: `trajectory`
    /// is the cue. Breaking ends that cue.
    ///
    /// ```
    /// use ebm_memory::ebm_core::observer::EnergyMonitor;
    /// use ebm_memory::oscillator_memory::{OscillatorCouplings, binary_phases};
    /// use ebm_memory::{OscillatorMemory, Patterns, PhaseRetrieval};
    /// let patterns = Patterns::random_signs(60, 3, 1)?;
    /// let cue = binary_phases(patterns.subset(&[1])?.as_batch())?;
    /// let memory = OscillatorMemory::new(patterns, OscillatorCouplings::default())?;
    ///
    /// let mut monitor = EnergyMonitor::new(&memory);
    /// let cue = cue.as_batch();
    /// let found = PhaseRetrieval::default().retrieve_watched(&memory, cue, &mut monitor)?;
    /// let last = monitor.readings().last().map(|now| now.energy);
    /// assert_eq!(last, Some(found.reports()[0].energy));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve).
    pub fn retrieve_watched(
        &self,
        memory: &OscillatorMemory,
        cues: Batch<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Retrieved<PhaseReport>, Error> {
        self.integrate(memory, cues, Some(observer))
    }

    fn integrate(
        &self,
        memory: &OscillatorMemory,
        cues: Batch<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Retrieved<PhaseReport>, Error> {
        let dim = memory.dim();
        validate::non_negative("jitter", self.jitter)?;
        validate::at_least_one("max_steps", self.max_steps)?;
        checks::real_cues(dim, cues)?;
        let mut starts = vec![0.0; cues.as_slice().len()];
        for (j, (start, cue)) in starts.chunks_exact_mut(dim).zip(cues.columns()).enumerate() {
            random::fill_normal(&mut random::stream(self.seed, j as u64), start);
            start.iter_mut().zip(cue).for_each(|(x, c)| *x = c + self.jitter * *x);
        }
        let options = ode::Options {
            // Explicit steps leave rates of the order of this accuracy.
            tolerance: Tolerance { rtol: 0.003 * self.tolerance, atol: 0.01 * self.tolerance },
            max_steps: self.max_steps,
            steady_state: Some(SteadyState { tolerance: self.tolerance, ..SteadyState::default() }),
            ..ode::Options::default()
        };
        let (span, from) = ((0.0, self.max_time), Batch::new(&starts, dim)?);
        let ends = watched::integrate(&GradientFlow(memory), span, from, &options, observer)?;
        let (ws, mut gradient) = (&mut Workspace::new(), vec![0.0; dim]);
        let reports = ends.iter().map(|end| report(memory, end, &mut gradient, ws)).collect();
        for (state, end) in starts.chunks_exact_mut(dim).zip(&ends) {
            state.copy_from_slice(&end.x);
        }
        Ok(Retrieved { states: starts, dim, reports })
    }
}

/// What phases say, read modulo a common shift.
struct ReadOut {
    pattern: usize,
    overlap: f64,
    phase: f64,
    wrong: usize,
    spread: f64,
}

impl ReadOut {
    fn of(memory: &OscillatorMemory, phases: &[f64]) -> Self {
        let (mut pattern, (mut overlap, mut phase)) = (0, memory.overlap(0, phases));
        for mu in 1..memory.patterns().count() {
            let next = memory.overlap(mu, phases);
            if next.0 > overlap {
                (pattern, (overlap, phase)) = (mu, next);
            }
        }
        let stored = memory.patterns().pattern(pattern);
        // Here and below, what is no number is not right.
        let right = |(t, s): &(&f64, &f64)| (*t - phase).cos() * **s > 0.0;
        let wrong = phases.len() - phases.iter().zip(stored).filter(right).count();
        let (sin, cos) = phases.iter().fold((0.0, 0.0), |(sin, cos), theta| {
            let (s, c) = (2.0 * theta).sin_cos();
            (sin + s, cos + c)
        });
        let axis = 0.5 * f64::atan2(sin, cos);
        let angle = |theta: &f64| {
            let (sin, cos) = (theta - axis).sin_cos();
            sin.abs().atan2(cos.abs())
        };
        let spread = phases.iter().map(angle).fold(0.0, |widest: f64, angle: f64| {
            if angle <= widest || widest.is_nan() { widest } else { angle }
        });
        Self { pattern, overlap, phase, wrong, spread }
    }
}

/// How the integration of a cue ended.
fn report(
    memory: &OscillatorMemory,
    end: &ode::Solution,
    gradient: &mut [f64],
    ws: &mut Workspace,
) -> PhaseReport {
    let phases = &end.x;
    let ReadOut { pattern, overlap, phase, wrong, spread } = ReadOut::of(memory, phases);
    let energy = memory.energy_gradient(phases, gradient, ws);
    PhaseReport {
        pattern,
        overlap,
        phase,
        wrong,
        spread,
        energy,
        residual: ode::Norm::Max.of(gradient),
        time: end.t,
        steps: end.stats.steps,
        outcome: end.outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patterns;
    use crate::oscillator_memory::{OscillatorCouplings, binary_phases};

    #[test]
    fn what_is_no_number_is_not_read_as_a_pattern() {
        let patterns = Patterns::random_signs(6, 2, 1).unwrap();
        let mut phases = binary_phases(patterns.as_batch()).unwrap().pattern(1).to_vec();
        let memory = OscillatorMemory::new(patterns, OscillatorCouplings::default()).unwrap();
        let found = ReadOut::of(&memory, &phases);
        assert_eq!((found.pattern, found.wrong), (1, 0));
        assert!((found.overlap - 1.0).abs() < 1e-15 && found.spread < 1e-15);
        phases[2] = f64::NAN;
        let found = ReadOut::of(&memory, &phases);
        assert_eq!(found.wrong, 6);
        assert!(found.overlap.is_nan() && found.spread.is_nan());
    }
}
