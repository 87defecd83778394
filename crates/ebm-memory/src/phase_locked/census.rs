//! Which stable states there are, by seeding and by random starts, and how far
//! a state can be pushed and come back.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, BatchControl, SteadyState, Tolerance};
use ebm_core::{Batch, Energy, Outcome, random, validate};
use rand::RngExt;

use super::PhaseLockedMemory;
use super::energy::wrap;
use crate::Error;
use crate::patterns::allocate;

/// Most starts of a census.
const MAX_STARTS: usize = 1 << 20;

/// How phases are let go until they rest.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Settle {
    /// Largest `‖θ̇‖∞` of a state at rest, > 0.
    pub tolerance: f64,
    /// Time after which a state is given up, > 0, in units of the inverse
    /// coupling.
    pub max_time: f64,
    /// Least [`margin`](super::LockStability::margin) of a stable state, > 0:
    /// separates it from the marginal ones at differences of π/2.
    pub least_margin: f64,
}

impl Default for Settle {
    /// 1e-6 within time 2000: a ring of 40 relaxes at a rate of 0.02, so that
    /// even there the phases have a hundred relaxation times. The margin of 1e-4
    /// is below those of rings of up to a hundred, 4 sin²(π/n) cos(2πq/n), and
    /// above the error of phases at rest.
    fn default() -> Self {
        Self { tolerance: 1e-6, max_time: 2000.0, least_margin: 1e-4 }
    }
}

/// Where one start came to rest.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Settled {
    /// The final phases.
    pub phases: Vec<f64>,
    /// Their winding numbers, one a cycle.
    pub windings: Vec<i32>,
    /// [`Converged`](Outcome::Converged) at rest.
    pub outcome: Outcome,
}

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
pub struct Census {
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
    /// Lets every column of `starts` go, in parallel.
    ///
    /// # Errors
    /// If a parameter is out of range, or the starts are empty, not finite or of
    /// another dimension than the graph.
    pub fn settle(&self, starts: Batch<'_>, settle: &Settle) -> Result<Vec<Settled>, Error> {
        validate::positive("least margin", settle.least_margin)?;
        let options = ode::Options {
            // Explicit steps leave rates of the order of this accuracy.
            tolerance: Tolerance { rtol: 0.001 * settle.tolerance, atol: 0.02 * settle.tolerance },
            steady_state: Some(SteadyState {
                tolerance: settle.tolerance,
                ..SteadyState::default()
            }),
            ..ode::Options::default()
        };
        let (span, control) = ((0.0, settle.max_time), BatchControl::Each);
        let field = GradientFlow(self);
        let ends = ode::integrate_batch(&field, &ode::TSITOURAS, span, starts, &options, control)?;
        let settled = |end: ode::Solution| {
            let windings = self.windings(&end.x);
            Settled { phases: end.x, windings, outcome: end.outcome }
        };
        Ok(ends.into_iter().map(settled).collect())
    }

    /// Seeds a state with every choice of winding numbers up to half the length
    /// of each cycle, disturbs it slightly, and collects where they settle.
    ///
    /// ```
    /// use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory, Settle};
    /// let sharing_a_node = PhaseLockedMemory::new(CycleGraph::sharing_nodes(5, 2)?)?;
    /// let sharing_an_edge = PhaseLockedMemory::new(CycleGraph::sharing_edges(5, 2)?)?;
    /// assert_eq!(sharing_a_node.census_by_seeding(&Settle::default())?.states.len(), 9);
    /// assert_eq!(sharing_an_edge.census_by_seeding(&Settle::default())?.states.len(), 5);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a parameter is out of range, the choices are more than a million or
    /// do not fit into memory, or as [`stability`](Self::stability).
    pub fn census_by_seeding(&self, settle: &Settle) -> Result<Census, Error> {
        let limits: Vec<usize> = self.graph().cycles().iter().map(|c| c.len() / 2).collect();
        let count = limits.iter().fold(1_usize, |p, limit| p.saturating_mul(2 * limit + 1));
        if count > MAX_STARTS {
            let what = "choices of winding numbers";
            return Err(ebm_core::Error::TooLarge { what, size: count, limit: MAX_STARTS }.into());
        }
        let n = self.graph().nodes();
        let mut starts = allocate(n, count)?;
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
        self.collect(&starts, settle)
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
        settle: &Settle,
    ) -> Result<Census, Error> {
        if count > MAX_STARTS {
            let what = "random starts";
            return Err(ebm_core::Error::TooLarge { what, size: count, limit: MAX_STARTS }.into());
        }
        let mut starts = allocate(self.graph().nodes(), count)?;
        for j in 0..count {
            let mut rng = random::stream(seed, j as u64);
            starts.extend((0..self.graph().nodes()).map(|_| rng.random_range(-PI..PI)));
        }
        self.collect(&starts, settle)
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
        settle: &Settle,
    ) -> Result<Basin, Error> {
        validate::non_negative("radius", radius)?;
        if trials > MAX_STARTS {
            let (what, size) = ("trials", trials);
            return Err(ebm_core::Error::TooLarge { what, size, limit: MAX_STARTS }.into());
        }
        let state = self.seed(windings)?;
        let mut starts = allocate(state.len(), trials)?;
        for j in 0..trials {
            let mut rng = random::stream(seed, j as u64);
            starts.extend(state.iter().map(|p| p + radius * rng.random_range(-1.0..=1.0)));
        }
        let settled = self.settle(Batch::new(&starts, state.len())?, settle)?;
        let back = |s: &&Settled| s.outcome == Outcome::Converged && s.windings == windings;
        let returned = settled.iter().filter(back).count();
        Ok(Basin { returned, trials })
    }

    fn collect(&self, starts: &[f64], settle: &Settle) -> Result<Census, Error> {
        let settled = self.settle(Batch::new(starts, self.graph().nodes())?, settle)?;
        let mut found: BTreeMap<Vec<i32>, Vec<LockedState>> = BTreeMap::new();
        let mut unsettled = 0;
        for Settled { phases, windings, outcome } in settled {
            if outcome != Outcome::Converged {
                unsettled += 1;
                continue;
            }
            let states = found.entry(windings.clone()).or_default();
            let same = |s: &&mut LockedState| self.same_differences(&s.phases, &phases);
            if let Some(known) = states.iter_mut().find(same) {
                known.hits += 1;
                continue;
            }
            let margin = self.stability(&phases)?.margin;
            if margin < settle.least_margin {
                unsettled += 1;
                continue;
            }
            let energy = self.energy_at(&phases);
            states.push(LockedState { windings, phases, margin, energy, hits: 1 });
        }
        Ok(Census { states: found.into_values().flatten().collect(), unsettled })
    }

    /// Equal up to a common shift, within a hundredth of a radian: far below
    /// the distance of different states and above that of two runs to one.
    fn same_differences(&self, a: &[f64], b: &[f64]) -> bool {
        let edges = self.graph().edges().iter();
        edges.map(|&(i, j)| wrap(a[j] - a[i] - b[j] + b[i])).all(|d| d.abs() < 1e-2)
    }
}
