//! The fast solver: many replicas of an oscillator network, 16 to a block,
//! stepped side by side in single precision.
//!
//! ```text
//! θ ← θ − Δt ∇E(θ; K_s) + σ √Δt ξ,      ξᵢ = ±1 with equal probability
//! ```
//!
//! This is the weak Euler scheme with two-point noise, which has the moments
//! that weak order one needs and costs one random bit. The replicas of a spin
//! are contiguous, so one sweep over the couplings feeds whole registers.
//!
//! Source: P. E. Kloeden and E. Platen, *Numerical Solution of Stochastic
//! Differential Equations* (1992), §14.1; T. Wang and J. Roychowdhury, arXiv
//! 1903.07163.

use ebm_core::coupling::SparseCoupling;
use ebm_core::random::stream;
use ebm_core::{validate, vector_math};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::natural_strength;
use crate::schedule::Schedule;
use crate::{Error, Ising, one_flip};

/// Replicas in a block: one cache line of `f32`.
const LANES: usize = 16;

/// Settings of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct OscillatorIsingMachine {
    /// Independent runs, each with its own random stream.
    pub replicas: usize,
    /// Steps of each run.
    pub steps: usize,
    /// Step size `Δt`.
    pub step: f64,
    /// Coupling strength `K` in units of [`natural_strength`].
    pub coupling: f64,
    /// Locking strength `K_s` over the run.
    pub locking: Schedule,
    /// Noise amplitude `σ` over the run.
    pub noise: Schedule,
}

impl Default for OscillatorIsingMachine {
    /// `K = 1`, `K_s` from 0 to 0.5, `σ` from 1.5 to 0, `Δt = 0.2`: the best of
    /// a scan over sparse random graphs of 2000 nodes. More steps are worth
    /// more than more replicas.
    fn default() -> Self {
        let ramp = |start, end| Schedule::ramp(start, end).unwrap_or_else(|_| unreachable!());
        Self {
            replicas: 32,
            steps: 5_000,
            step: 0.2,
            coupling: 1.0,
            locking: ramp(0.0, 0.5),
            noise: ramp(1.5, 0.0),
        }
    }
}

/// What the replicas found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The best state of all, after polishing.
    pub best: ReadOut,
    /// Every replica, in order.
    pub replicas: Vec<Replica>,
}

/// Spins and their energy.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOut {
    /// `+1` or `−1` each.
    pub spins: Vec<i8>,
    /// `H(s)`.
    pub energy: f64,
}

/// One replica's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// The final phases read as `sᵢ = sgn cos θᵢ`: what the dynamics reached.
    pub read_out: ReadOut,
    /// The same after one-flip descent: what polishing added.
    pub polished: ReadOut,
}

impl OscillatorIsingMachine {
    /// Runs all replicas, in parallel over blocks. The result depends on the
    /// seed only; replica `r` draws from stream `r` and is the same in a run
    /// with more replicas.
    ///
    /// # Errors
    /// No replicas or steps; a step, strength or schedule that is negative or not
    /// finite in single precision; couplings that
    /// are not finite in single precision.
    pub fn solve(&self, problem: &Ising, seed: u64) -> Result<Solution, Error> {
        self.validate()?;
        let network = Network::new(self, problem)?;
        let replicas: Vec<Replica> = (0..self.replicas.div_ceil(LANES))
            .into_par_iter()
            .flat_map_iter(|block| {
                let mut phases = Block::new(&network, seed, block);
                phases.run(&network);
                let count = LANES.min(self.replicas - block * LANES);
                vector_math::sin_cos(&phases.theta, &mut phases.sin, &mut phases.cos);
                (0..count).map(move |lane| phases.read_out(problem, lane))
            })
            .collect();
        let mut best = &replicas[0].polished;
        for replica in &replicas {
            if replica.polished.energy < best.energy {
                best = &replica.polished;
            }
        }
        Ok(Solution { best: best.clone(), replicas })
    }

    fn validate(&self) -> Result<(), Error> {
        for (what, value) in [("replicas", self.replicas), ("steps", self.steps)] {
            if value == 0 {
                let expected = "at least 1";
                return Err(ebm_core::Error::Parameter { what, expected, value: 0.0 }.into());
            }
        }
        let step = self.step as f32;
        if !(step.is_normal() && step > 0.0) {
            let expected = "a positive normal number in single precision";
            return Err(
                ebm_core::Error::Parameter { what: "step", expected, value: self.step }.into()
            );
        }
        validate::non_negative("coupling strength K", self.coupling)?;
        // What the steps multiply: 2 Δt K_s and σ √Δt.
        check_schedule("locking strength K_s", &self.locking, 2.0 * self.step)?;
        check_schedule("noise amplitude", &self.noise, self.step.sqrt())?;
        Ok(())
    }
}

/// Values must not be negative, and finite in single precision, as they are and
/// times `factor`.
fn check_schedule(what: &'static str, schedule: &Schedule, factor: f64) -> Result<(), Error> {
    schedule.non_negative(what)?;
    for &(_, value) in schedule.knots() {
        if !((value as f32).is_finite() && ((value * factor) as f32).is_finite()) {
            let expected = "finite in single precision, also in the units of a step";
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
    }
    Ok(())
}

/// What all blocks share: the problem in units in which `K = 1`.
struct Network<'a> {
    settings: &'a OscillatorIsingMachine,
    couplings: SparseCoupling<f32>,
    fields: Vec<f32>,
}

impl<'a> Network<'a> {
    fn new(settings: &'a OscillatorIsingMachine, problem: &Ising) -> Result<Self, Error> {
        let strength = settings.coupling * natural_strength(problem);
        let mut edges = Vec::new();
        for i in 0..problem.spins() {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            let upper = neighbors.iter().zip(weights).filter(|&(&j, _)| j as usize > i);
            edges.extend(upper.map(|(&j, w)| (i, j as usize, (strength * w) as f32)));
        }
        let fields: Vec<f32> = problem.fields().iter().map(|h| (strength * h) as f32).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        Ok(Self {
            settings,
            couplings: SparseCoupling::from_edges(problem.spins(), &edges)?,
            fields,
        })
    }
}

/// The phases of [`LANES`] replicas, those of one spin contiguous.
struct Block {
    theta: Vec<f32>,
    sin: Vec<f32>,
    cos: Vec<f32>,
    coupled_sin: Vec<f32>,
    coupled_cos: Vec<f32>,
    rngs: Vec<ChaCha8Rng>,
    /// Random words of each replica for one step, 32 spins a word.
    noise: Vec<u32>,
}

impl Block {
    fn new(network: &Network<'_>, seed: u64, block: usize) -> Self {
        let n = network.fields.len();
        let lanes = (block * LANES) as u64..((block + 1) * LANES) as u64;
        let mut rngs: Vec<_> = lanes.map(|replica| stream(seed, replica)).collect();
        let mut theta = vec![0.0; n * LANES];
        for (lane, rng) in rngs.iter_mut().enumerate() {
            for i in 0..n {
                theta[i * LANES + lane] = rng.random_range(0.0..std::f32::consts::TAU);
            }
        }
        let zeros = vec![0.0; n * LANES];
        Self {
            theta,
            sin: zeros.clone(),
            cos: zeros.clone(),
            coupled_sin: zeros.clone(),
            coupled_cos: zeros,
            rngs,
            noise: vec![0; n.div_ceil(32) * LANES],
        }
    }

    fn run(&mut self, network: &Network<'_>) {
        let steps = network.settings.steps;
        for k in 0..steps {
            self.step(network, k as f64 / steps as f64);
        }
    }

    /// One step at the given fraction of the run.
    fn step(&mut self, network: &Network<'_>, fraction: f64) {
        let settings = network.settings;
        let dt = settings.step as f32;
        let locking = settings.locking.at(fraction) as f32;
        let kick = (settings.noise.at(fraction) * settings.step.sqrt()) as f32;
        let lock = 2.0 * dt * locking;

        vector_math::sin_cos(&self.theta, &mut self.sin, &mut self.cos);
        network.couplings.apply_interleaved(&self.sin, &mut self.coupled_sin, LANES);
        network.couplings.apply_interleaved(&self.cos, &mut self.coupled_cos, LANES);
        for (word, lane) in (0..self.noise.len()).map(|k| (k / LANES, k % LANES)) {
            self.noise[word * LANES + lane] = self.rngs[lane].next_u32();
        }

        let rows = self.theta.chunks_exact_mut(LANES);
        let unit = self.sin.chunks_exact(LANES).zip(self.cos.chunks_exact(LANES));
        let coupled =
            self.coupled_sin.chunks_exact(LANES).zip(self.coupled_cos.chunks_exact(LANES));
        for (i, ((theta, (s, c)), (js, jc))) in rows.zip(unit).zip(coupled).enumerate() {
            let h = network.fields[i];
            let words = &self.noise[i / 32 * LANES..(i / 32 + 1) * LANES];
            let bit = (i % 32) as u32;
            for lane in 0..LANES {
                let sign = (words[lane] >> bit << 31) ^ kick.to_bits();
                let force =
                    dt * (s[lane] * (jc[lane] + h) - c[lane] * js[lane]) + lock * s[lane] * c[lane];
                theta[lane] += f32::from_bits(sign) - force;
            }
        }
    }

    /// Reads one replica from the cosines of the final phases.
    fn read_out(&self, problem: &Ising, lane: usize) -> Replica {
        let spins: Vec<i8> =
            self.cos.chunks_exact(LANES).map(|cos| if cos[lane] >= 0.0 { 1 } else { -1 }).collect();
        let energy = problem.energy(&spins);
        let mut polished = spins.clone();
        one_flip::descend(problem, &mut polished);
        let polished = ReadOut { energy: problem.energy(&polished), spins: polished };
        Replica { read_out: ReadOut { spins, energy }, polished }
    }
}

#[cfg(test)]
impl OscillatorIsingMachine {
    /// Phases of the replicas one after the other, before and after a run.
    pub(super) fn phases(&self, problem: &Ising, seed: u64) -> Result<[Vec<f32>; 2], Error> {
        let network = Network::new(self, problem)?;
        let [mut start, mut end] = [vec![], vec![]];
        for block in 0..self.replicas.div_ceil(LANES) {
            let mut phases = Block::new(&network, seed, block);
            let count = LANES.min(self.replicas - block * LANES);
            let lanes = |theta: &[f32], out: &mut Vec<f32>| {
                for lane in 0..count {
                    out.extend(theta.iter().skip(lane).step_by(LANES));
                }
            };
            lanes(&phases.theta, &mut start);
            phases.run(&network);
            lanes(&phases.theta, &mut end);
        }
        Ok([start, end])
    }
}
