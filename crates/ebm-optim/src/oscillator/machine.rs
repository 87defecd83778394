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
use ebm_core::{validate, vector_math};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::natural_strength;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared};
use crate::{Error, Ising, Task};

/// Replicas in a block: one cache line of `f32`.
const LANES: usize = 16;

/// Settings of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct OscillatorIsingMachine {
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
        Self { step: 0.2, coupling: 1.0, locking: ramp(0.0, 0.5), noise: ramp(1.5, 0.0) }
    }
}

impl Method for OscillatorIsingMachine {
    fn name(&self) -> &'static str {
        "oscillator"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        self.validate()?;
        Ok(Box::new(Network::new(self, problem)?))
    }
}

impl Prepared for Network {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        5_000
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(self, task);
        let mut spins = vec![1; self.fields.len()];
        let mut made = 0;
        while made < task.steps() && !task.should_stop() {
            block.step(self, made as f64 / task.steps() as f64);
            made += 1;
        }
        vector_math::sin_cos(&block.theta, &mut block.sin, &mut block.cos);
        for lane in 0..task.lanes() {
            block.read_out(lane, &mut spins);
            task.finish(&mut spins, made);
        }
    }
}

impl OscillatorIsingMachine {
    fn validate(&self) -> Result<(), Error> {
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
struct Network {
    settings: OscillatorIsingMachine,
    couplings: SparseCoupling<f32>,
    fields: Vec<f32>,
}

impl Network {
    fn new(settings: &OscillatorIsingMachine, problem: &Ising) -> Result<Self, Error> {
        let strength = settings.coupling * natural_strength(problem);
        let edges: Vec<_> =
            problem.pairs().map(|(i, j, w)| (i, j, (strength * w) as f32)).collect();
        let fields: Vec<f32> = problem.fields().iter().map(|h| (strength * h) as f32).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        Ok(Self {
            settings: settings.clone(),
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
    fn new(network: &Network, task: &Task<'_>) -> Self {
        let n = network.fields.len();
        let mut rngs: Vec<_> = (0..LANES).map(|lane| task.rng(lane)).collect();
        let mut theta = vec![0.0; n * LANES];
        for (lane, rng) in rngs.iter_mut().enumerate() {
            let start = task.start(lane);
            for i in 0..n {
                // A given state leaves the unstable binary phases a little.
                theta[i * LANES + lane] = match start.map(|spins| spins[i]) {
                    None => rng.random_range(0.0..std::f32::consts::TAU),
                    Some(1) => rng.random_range(-0.1..0.1),
                    Some(_) => std::f32::consts::PI + rng.random_range(-0.1_f32..0.1),
                };
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

    /// One step at the given fraction of the run.
    fn step(&mut self, network: &Network, fraction: f64) {
        let settings = &network.settings;
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

    /// `sᵢ = sgn cos θᵢ` from the cosines of the final phases.
    fn read_out(&self, lane: usize, spins: &mut [i8]) {
        for (spin, cos) in spins.iter_mut().zip(self.cos.chunks_exact(LANES)) {
            *spin = if cos[lane] >= 0.0 { 1 } else { -1 };
        }
    }
}

/// Phases of replicas one after the other, before and after a run.
#[cfg(test)]
type Phases = [Vec<f32>; 2];

/// The machine, leaving the phases of its one-block runs behind.
#[cfg(test)]
struct Recorder<'a> {
    machine: &'a OscillatorIsingMachine,
    phases: &'a std::sync::Mutex<Vec<(u64, Phases)>>,
}

#[cfg(test)]
struct Recording<'a> {
    network: Network,
    phases: &'a std::sync::Mutex<Vec<(u64, Phases)>>,
}

#[cfg(test)]
impl Recorder<'_> {
    fn prepared(&self, problem: &Ising) -> Recording<'_> {
        Recording { network: Network::new(self.machine, problem).unwrap(), phases: self.phases }
    }
}

#[cfg(test)]
impl Prepared for Recording<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        1
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(&self.network, task);
        let lanes = |theta: &[f32]| -> Vec<f32> {
            (0..task.lanes())
                .flat_map(|lane| theta.iter().skip(lane).step_by(LANES).copied())
                .collect()
        };
        let start = lanes(&block.theta);
        for k in 0..task.steps() {
            block.step(&self.network, k as f64 / task.steps() as f64);
        }
        let end = lanes(&block.theta);
        self.phases.lock().unwrap().push((task.index(), [start, end]));
    }
}

#[cfg(test)]
impl OscillatorIsingMachine {
    /// Phases of the replicas of a run one after the other, before and after.
    pub(super) fn phases(&self, problem: &Ising, run: &crate::Run) -> Phases {
        let phases = std::sync::Mutex::new(Vec::new());
        let recorder = Recorder { machine: self, phases: &phases };
        let prepared = recorder.prepared(problem);
        let watch = |_: &crate::Progress| std::ops::ControlFlow::Continue(());
        let now = std::time::Instant::now();
        let _ = crate::solver::drive(&prepared, problem, run, &watch, now);
        let mut blocks = std::mem::take(&mut *phases.lock().unwrap());
        blocks.sort_by_key(|(index, _)| *index);
        let [mut start, mut end] = [vec![], vec![]];
        for (_, [first, last]) in blocks {
            start.extend(first);
            end.extend(last);
        }
        [start, end]
    }
}
