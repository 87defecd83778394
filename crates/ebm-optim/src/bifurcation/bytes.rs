//! The discrete machine in eight bits: half of the state in memory, and
//! half a byte for the sign of a spin, where couplings are few and of one
//! magnitude.
//!
//! Coarse positions do not harm: what drives the machine are signs, and dithered
//! rounding keeps weak pulls at work. At equal steps the mean cuts of graphs of
//! degree 4 to 48 are those of 16 bits to about a ten-thousandth, of degree 2
//! larger. Graphs with spins of more neighbors than a byte counts take 16 bits.

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::run;

use super::looks::SelectHalves;
use super::machine::Plan;
use crate::forms::{LANES, SignSplit, Signs};
use crate::kernels::byte_bifurcation::{Bytes, Factors, Forces, Run, Spins, WALL};
use crate::kernels::half_bytes::HalfBytes;

/// Neighbors that the sums of a byte hold.
const MOST_NEIGHBORS: usize = i8::MAX as usize;

/// Velocity from one neighbor, at least: the largest sum that the force tells
/// from smaller ones then throws a spin beyond the middle, without which all
/// spins of a graph of one sign may keep flipping together.
const LEAST_PUSH: f64 = 4.2;

/// Units of the detuning.
const DETUNING: f64 = 256.0;

/// What all blocks share.
pub(super) struct ByteMachine {
    forces: Forces,
    /// Where the couplings of each row to later spins begin.
    later: Vec<u32>,
    runs: Vec<Run>,
}

impl ByteMachine {
    /// The machine with velocity `push`, in units of a wall a step, from each
    /// neighbor, if eight bits hold all there is. Not for fields or heating.
    pub(super) fn new(plan: &Plan, split: &SignSplit, push: f64) -> Option<Self> {
        let push = f64::from(WALL) * push;
        let step_squared = plan.step * plan.step;
        let fits = |a: f64| (0.0..=DETUNING).contains(&(DETUNING * step_squared * (1.0 - a)));
        let fine = split.largest_degree() <= MOST_NEIGHBORS
            && (LEAST_PUSH..=f64::from(WALL)).contains(&push)
            && plan.pump.knots().iter().all(|knot| fits(knot.1));
        fine.then(|| Self { forces: Forces::new(push), later: split.later(), runs: split.runs() })
    }
}

/// The spins of a block.
pub(super) struct ByteState {
    x: Vec<Bytes>,
    v: Vec<Bytes>,
    signs: Vec<HalfBytes>,
    next: Vec<HalfBytes>,
    /// The best states seen.
    best: Vec<HalfBytes>,
    made: u16,
}

impl ByteState {
    /// All at rest in the middle.
    pub(super) fn new(n: usize) -> Self {
        let up = || vec![HalfBytes::UP; n];
        let still = || vec![Bytes::ZERO; n];
        Self { x: still(), v: still(), signs: up(), next: up(), best: up(), made: 0 }
    }

    /// Sets a position and a velocity, in units of 1/32767 and 1/16384 a step.
    #[inline]
    pub(super) fn set(&mut self, i: usize, lane: usize, x: i16, v: i16) {
        self.x[i].0[lane] = ((i32::from(x) * i32::from(WALL) + (1 << 14)) >> 15) as i8;
        self.v[i].0[lane] = ((i32::from(v) * i32::from(WALL) + (1 << 13)) >> 14) as i8;
    }

    /// Takes over the signs of positions that were [`set`](Self::set).
    pub(super) fn start(&mut self) {
        for (signs, x) in self.signs.iter_mut().zip(&self.x) {
            *signs = x.signs();
        }
        self.best.copy_from_slice(&self.signs);
    }

    /// One step with `Δt² (a₀ − a)`.
    pub(super) fn step(
        &mut self,
        machine: &ByteMachine,
        split: &SignSplit,
        level: Level,
        detuning: f64,
    ) {
        // At most a unit too small.
        let detuning = (DETUNING * detuning).round().min(255.0) as u8;
        let factors = Factors { forces: &machine.forces, detuning, step: self.made };
        let spins = Spins { x: &mut self.x, v: &mut self.v, signs: &mut self.next };
        split.bifurcate(level, &machine.runs, &self.signs, factors, spins);
        std::mem::swap(&mut self.signs, &mut self.next);
        self.made = self.made.wrapping_add(1);
    }

    /// Writes `Σ sᵢ Fᵢ` of each replica.
    pub(super) fn pair_sums(
        &self,
        machine: &ByteMachine,
        split: &SignSplit,
        level: Level,
        pairs: &mut [i64; LANES],
    ) {
        let mut violated = [0; LANES];
        split.violations(level, &machine.later, &self.signs, &mut violated);
        for (pairs, violated) in pairs.iter_mut().zip(violated) {
            *pairs = 2 * (split.couplings() as i64 - 2 * i64::from(violated));
        }
    }

    /// Takes over the states of the replicas whose mask is −1; others have 0.
    pub(super) fn keep_best(&mut self, mask: &[i8; LANES], level: Level) {
        let mask = HalfBytes::from_fn(|lane| mask[lane] < 0).0.map(|bits| 15 * bits);
        run(level, SelectHalves { mask, from: &self.signs, to: &mut self.best });
    }

    /// Is a spin of a replica's best state negative?
    pub(super) fn is_down(&self, i: usize, lane: usize) -> bool {
        self.best[i].is_down(lane)
    }

    /// The best states as spins.
    pub(super) fn unpack(&self) -> Vec<Signs> {
        let spins = |halves: &HalfBytes| {
            Signs(std::array::from_fn(|lane| 1 - 2 * i8::from(halves.is_down(lane))))
        };
        self.best.iter().map(spins).collect()
    }

    /// Position in walls and velocity in walls a step.
    #[cfg(test)]
    pub(super) fn at(&self, i: usize, lane: usize) -> (f64, f64) {
        let (x, v) = (self.x[i].0[lane], self.v[i].0[lane]);
        (f64::from(x) / f64::from(WALL), f64::from(v) / f64::from(WALL))
    }
}
