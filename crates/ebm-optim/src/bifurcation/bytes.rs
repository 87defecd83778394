//! The discrete machine in eight bits: half of the state in memory, and
//! half a byte for the sign of a spin, where couplings are few and of one
//! magnitude.
//!
//! Coarse positions do not harm: what drives the machine are signs, and dithered
//! rounding keeps weak pulls at work. At equal steps the cuts of graphs of
//! degree 4 to 48 are those of 16 bits, and larger at degree 2.

use ebm_core::vector_math::Level;

use super::machine::Plan;
use crate::forms::{LANES, SignSplit, Signs};
use crate::kernels::byte_bifurcation::{Bytes, Factors, Forces, HalfBytes, Spins, VELOCITY, WALL};

/// Neighbors that the sums of a byte hold.
const MOST_NEIGHBORS: usize = i8::MAX as usize;

/// Velocity from one neighbor, at least: the largest sum that the force tells
/// from smaller ones then throws a spin beyond the middle, without which all
/// spins of a graph of one sign may keep flipping together.
const LEAST_PUSH: f64 = 2.8;

/// Units of the detuning, in velocities a position.
const DETUNING: f64 = 256.0 * VELOCITY / WALL as f64;

/// What all blocks share.
pub(super) struct ByteMachine {
    forces: Forces,
}

impl ByteMachine {
    /// The machine with velocity `push`, in units of a wall a step, from each
    /// neighbor, if eight bits hold all there is. Not for fields or heating.
    pub(super) fn new(plan: &Plan, split: &SignSplit, push: f64) -> Option<Self> {
        let push = VELOCITY * push;
        let step_squared = plan.step * plan.step;
        let fits = |a: f64| (0.0..255.0).contains(&(DETUNING * step_squared * (1.0 - a)));
        let fine = split.largest_degree() <= MOST_NEIGHBORS
            && (LEAST_PUSH..=VELOCITY).contains(&push)
            && plan.pump.knots().iter().all(|knot| fits(knot.1));
        fine.then(|| Self { forces: Forces::new(push) })
    }
}

/// The spins of a block.
pub(super) struct ByteState {
    x: Vec<Bytes>,
    v: Vec<Bytes>,
    signs: Vec<HalfBytes>,
    next: Vec<HalfBytes>,
    made: u16,
}

impl ByteState {
    /// All positions and velocities given, the former in walls and the latter in
    /// walls a step.
    pub(super) fn new(n: usize, at: impl Fn(usize, usize) -> (f64, f64)) -> Self {
        let mut state = Self {
            x: vec![Bytes::ZERO; n],
            v: vec![Bytes::ZERO; n],
            signs: vec![HalfBytes::UP; n],
            next: vec![HalfBytes::UP; n],
            made: 0,
        };
        for i in 0..n {
            for lane in 0..LANES {
                let (x, v) = at(i, lane);
                state.x[i].0[lane] = (x * f64::from(WALL)).round() as i8;
                state.v[i].0[lane] = (v * VELOCITY).round() as i8;
            }
            state.signs[i] = HalfBytes::of(&state.x[i]);
        }
        state
    }

    /// One step with `Δt² (a₀ − a)`.
    pub(super) fn step(
        &mut self,
        machine: &ByteMachine,
        split: &SignSplit,
        level: Level,
        detuning: f64,
    ) {
        let detuning = (DETUNING * detuning).round() as u8;
        let factors = Factors { forces: &machine.forces, detuning, step: self.made };
        let spins = Spins { x: &mut self.x, v: &mut self.v, signs: &mut self.next };
        split.bifurcate(level, &self.signs, factors, spins);
        std::mem::swap(&mut self.signs, &mut self.next);
        self.made = self.made.wrapping_add(1);
    }

    /// Writes the signs as spins.
    pub(super) fn unpack(&self, spins: &mut [Signs]) {
        for (spins, x) in spins.iter_mut().zip(&self.x) {
            for (s, x) in spins.0.iter_mut().zip(&x.0) {
                *s = if *x < 0 { -1 } else { 1 };
            }
        }
    }

    /// Position in walls and velocity in walls a step.
    #[cfg(test)]
    pub(super) fn at(&self, i: usize, lane: usize) -> (f64, f64) {
        let (x, v) = (self.x[i].0[lane], self.v[i].0[lane]);
        (f64::from(x) / f64::from(WALL), f64::from(v) / VELOCITY)
    }
}
