//! Which stable states there are, by seeding and by random starts, and how far
//! a state can be pushed and come back.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use ebm_core::{Batch, Energy, Outcome, random, validate};
use rand::RngExt;

use super::energy::wrap;
use super::{LockReport, PhaseLockedMemory, PhaseLocking};
use crate::Error;
use crate::patterns::allocate_for;

/// Most starts of a census.
const MAX_STARTS: usize = 1 << 20;

/// A stable state found by a census.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LockedState {
    /// Winding number of every cycle.
    pub windings: Vec<i32>,
    /// Its phases, from the first start that found it.
    pub phases: Vec<f64>,
    /// Rate at which the slowest perturbation decays.
    pub margin: f64,
    /// `E` there.
    pub energy: f64,
    /// Starts that ended there.
    pub hits: usize,
}

/// The distinct stable states that a set of starts led to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct LockedStates {
    /// By winding numbers, in ascending order.
    pub states: Vec<LockedState>,
    /// Starts that ended at an unstable or marginal state or did not rest.
    pub unsettled: usize,
}

/// How many disturbed copies of a state came back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Basin {
    /// Copies that came to rest with the same winding numbers.
    pub returned: usize,
    /// Copies tried.
    pub trials: usize,
}

impl PhaseLockedMemory {
    /// Seeds a state with every choice of winding numbers up to half the length
    /// of each cycle, disturbs it slightly, and collects where they settle.
    ///
    /// ```
    /// use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory, PhaseLocking};
    /// let sharing_a_node = PhaseLockedMemory::new(CycleGraph::sharing_nodes(5, 2)?)?;
    /// let sharing_an_edge = PhaseLockedMemory::new(CycleGraph::sharing_edges(5, 2)?)?;
    /// assert_eq!(sharing_a_node.census_by_seeding(&PhaseLocking::default())?.states.len(), 9);
    /// assert_eq!(sharing_an_edge.census_by_seeding(&PhaseLocking::default())?.states.len(), 5);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a parameter is out of range, the choices are more than a million or
    /// do not fit into memory, or as [`stability`](Self::stability).
    pub fn census_by_seeding(&self, locking: &PhaseLocking) -> Result<LockedStates, Error> {
        let limits: Vec<usize> = self.graph().cycles().iter().map(|c| c.len() / 2).collect();
        let count = limits.iter().fold(1_usize, |p, limit| p.saturating_mul(2 * limit + 1));
        if count > MAX_STARTS {
            let what = "choices of winding numbers";
            return Err(ebm_core::Error::TooLarge { what, size: count, limit: MAX_STARTS }.into());
        }
        let n = self.graph().nodes();
        let mut starts = allocate_for("starts", n, count)?;
        let mut gram = self.gram().cloned();
        for index in 0..count {
            let mut rest = index;
            let windings: Vec<i32> = limits
                .iter()
                .map(|limit| {
                    let digit = rest % (2 * limit + 1);
                    rest /= 2 * limit + 1;
                    digit as i32 - *limit as i32
                })
                .collect();
            let mut noise = vec![0.0; n];
            random::fill_normal(&mut random::stream(0, index as u64), &mut noise);
            // Enough to leave an unstable equilibrium.
            let seed = self.seed_with(gram.as_mut(), &windings)?;
            starts.extend(seed.iter().zip(&noise).map(|(p, z)| p + 1e-3 * z));
        }
        self.collect(&starts, locking)
    }

    /// Collects where `count` starts with independent uniform phases settle;
    /// start `j` comes from stream `j` of `seed`.
    ///
    /// # Errors
    /// If a parameter is out of range, `count` is zero or more than a million or
    /// the starts do not fit into memory, or as [`stability`](Self::stability).
    pub fn census_by_random_starts(
        &self,
        count: usize,
        seed: u64,
        locking: &PhaseLocking,
    ) -> Result<LockedStates, Error> {
        if count > MAX_STARTS {
            let what = "random starts";
            return Err(ebm_core::Error::TooLarge { what, size: count, limit: MAX_STARTS }.into());
        }
        let mut starts = allocate_for("starts", self.graph().nodes(), count)?;
        for j in 0..count {
            let mut rng = random::stream(seed, j as u64);
            starts.extend((0..self.graph().nodes()).map(|_| rng.random_range(-PI..PI)));
        }
        self.collect(&starts, locking)
    }

    /// Disturbs every phase of the state with the given winding numbers by an
    /// independent uniform angle up to `radius` in either direction, and counts
    /// how many of `trials` copies come back; trial `j` draws from stream `j`.
    ///
    /// # Errors
    /// If there are not as many winding numbers as cycles, `radius` is negative
    /// or not finite, or `trials` is zero or more than a million or the copies
    /// do not fit into memory.
    pub fn basin(
        &self,
        windings: &[i32],
        radius: f64,
        trials: usize,
        seed: u64,
        locking: &PhaseLocking,
    ) -> Result<Basin, Error> {
        validate::non_negative("radius", radius)?;
        if trials > MAX_STARTS {
            let (what, size) = ("trials", trials);
            return Err(ebm_core::Error::TooLarge { what, size, limit: MAX_STARTS }.into());
        }
        let state = self.seed(windings)?;
        let mut starts = allocate_for("starts", state.len(), trials)?;
        for j in 0..trials {
            let mut rng = random::stream(seed, j as u64);
            starts.extend(state.iter().map(|p| p + radius * rng.random_range(-1.0..=1.0)));
        }
        let found = locking.retrieve(self, Batch::new(&starts, state.len())?)?;
        let back = |r: &&LockReport| r.outcome == Outcome::Converged && r.windings == windings;
        let returned = found.reports().iter().filter(back).count();
        Ok(Basin { returned, trials })
    }

    fn collect(&self, starts: &[f64], locking: &PhaseLocking) -> Result<LockedStates, Error> {
        let ends = locking.retrieve(self, Batch::new(starts, self.graph().nodes())?)?;
        let mut found: BTreeMap<Vec<i32>, Vec<LockedState>> = BTreeMap::new();
        let mut unsettled = 0;
        for (phases, report) in ends.states().columns().zip(ends.reports()) {
            let windings = report.windings.clone();
            if report.outcome != Outcome::Converged {
                unsettled += 1;
                continue;
            }
            let states = found.entry(windings.clone()).or_default();
            let same = |s: &&mut LockedState| self.same_differences(&s.phases, phases);
            if let Some(known) = states.iter_mut().find(same) {
                known.hits += 1;
                continue;
            }
            let margin = self.stability(phases)?.margin;
            if margin < locking.least_margin {
                unsettled += 1;
                continue;
            }
            let energy = self.energy_at(phases);
            let phases = phases.to_vec();
            states.push(LockedState { windings, phases, margin, energy, hits: 1 });
        }
        Ok(LockedStates { states: found.into_values().flatten().collect(), unsettled })
    }

    /// Equal up to a common shift, within a hundredth of a radian: far below
    /// the distance of different states and above that of two runs to one.
    fn same_differences(&self, a: &[f64], b: &[f64]) -> bool {
        let edges = self.graph().edges().iter();
        edges.map(|&(i, j)| wrap(a[j] - a[i] - b[j] + b[i])).all(|d| d.abs() < 1e-2)
    }
}
