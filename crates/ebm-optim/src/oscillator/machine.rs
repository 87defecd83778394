//! The fast solver: many replicas of an oscillator network, 16 to a block,
//! stepped side by side in single precision.
//!
//! ```text
//! for i = 1, …, n:   θᵢ ← θᵢ + 2 atan(δ/2),   δ = −Δt μᵢ ∂E/∂θᵢ + σ √(μᵢ Δt) ξᵢ,   ξᵢ = ±1
//! ```
//!
//! This is the weak Euler scheme with two-point noise, which has the moments
//! that weak order one needs and costs one random bit, taken one oscillator
//! after the other: each sees the new phases of those before it. Turning by
//! `2 atan(δ/2)` in place of `δ` changes nothing at that order and keeps steps
//! beyond the stability bound of Euler's method from oscillating. The replicas of
//! a spin are contiguous, so one sweep over the couplings feeds whole registers.
//!
//! Source: P. E. Kloeden and E. Platen, *Numerical Solution of Stochastic
//! Differential Equations* (1992), §14.1; T. Wang and J. Roychowdhury, arXiv
//! 1903.07163.

use std::f64::consts::TAU;

use ebm_core::validate;
use ebm_core::vector_math::Level;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::energy::check_frequencies;
use super::parameters::{LONGEST_STEP, Pace};
use super::{CouplingShape, Drive, Mobility, ReadOut, Reader, natural_strength};
use crate::batch_descent::BlockDescent;
use crate::kernels::dense::{Couplings, Forces};
use crate::kernels::kicks::Kicks;
use crate::kernels::oscillator::{
    CELLS, Controls, NORMALIZE, Node, Step, Unit, normalize, sin_cos_turns, sweep,
};
use crate::kernels::rows::LANES;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared};
use crate::{Error, Ising, Task};

/// Settings of the machine. The defaults suit every problem; see [`Drive`] for
/// what steers it.
///
/// ```
/// use ebm_optim::oscillator::{CouplingShape, Drive, OscillatorIsingMachine};
/// use ebm_optim::{Ising, Run, Solver, schedule::Schedule};
/// let ring: Vec<_> = (0..12).map(|i| (i, (i + 1) % 12, -1.0)).collect();
/// let ring = Ising::from_couplings(12, &ring)?;
/// let run = Run { replicas: Some(16), steps: Some(1000), ..Run::seeded(1) };
/// let machine = OscillatorIsingMachine {
///     shape: CouplingShape::SquareWave { sharpness: 5.0 },
///     drive: Drive { coupling: Schedule::ramp(0.5, 2.0)?, ..Drive::default() },
///     ..Default::default()
/// };
/// assert_eq!(machine.solve(&ring, &run)?.best.energy, -12.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OscillatorIsingMachine {
    /// Step size `Δt`. `None`: stable at the strengths of the moment, so that
    /// steps shorten as the locking rises, to [`stable_step`](super::stable_step) at
    /// the end.
    pub step: Option<f64>,
    /// `K` in units of [`natural_strength`], `K_s` and `σ` over the run.
    pub drive: Drive,
    /// The shape of the coupling.
    pub shape: CouplingShape,
    /// The paces `μ` of the oscillators.
    pub mobility: Mobility,
    /// Deviations `Ω` of the natural frequencies, one for each oscillator; empty
    /// for none.
    pub frequencies: Vec<f64>,
    /// How spins are read out.
    pub read_out: ReadOut,
}

impl Method for OscillatorIsingMachine {
    fn name(&self) -> &'static str {
        "oscillator"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        Ok(Box::new(Network::new(self, problem)?))
    }
}

/// Values must be finite in single precision, as they are and times `factor`.
fn check_range(what: &'static str, schedule: &Schedule, factor: f64) -> Result<(), Error> {
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
    problem: &'a Ising,
    settings: OscillatorIsingMachine,
    pace: Pace,
    couplings: Couplings,
    nodes: Vec<Node>,
    level: Level,
}

/// Couplings visited between looks at the clock, about 100 µs.
const POLL: usize = 50_000;

/// Spins drawn between looks at the clock, in all replicas, whose units then are
/// in the first-level cache.
const DRAWN: usize = 128;

impl<'a> Network<'a> {
    fn new(settings: &OscillatorIsingMachine, problem: &'a Ising) -> Result<Self, Error> {
        let OscillatorIsingMachine { drive, shape, mobility, frequencies, read_out, .. } = settings;
        drive.validate()?;
        shape.validate()?;
        read_out.validate()?;
        check_frequencies(problem, frequencies)?;
        let step = settings.step.unwrap_or(LONGEST_STEP);
        let single = step as f32;
        if !(single.is_normal() && single > 0.0) {
            let expected = "a positive normal number in single precision";
            return Err(ebm_core::Error::Parameter { what: "step", expected, value: step }.into());
        }
        // What the steps multiply: Δt K, 2 Δt K_s and σ √Δt.
        let factors = [step, 2.0 * step, step.sqrt()];
        for ((what, schedule), factor) in drive.named().into_iter().zip(factors) {
            check_range(what, schedule, factor)?;
        }
        let strength = natural_strength(problem);
        let mobilities = mobility.of(problem);
        let node = |i: usize| {
            let drift = frequencies.get(i).copied().unwrap_or(0.0);
            Node {
                field: (strength * problem.fields()[i]) as f32,
                mobility: mobilities[i] as f32,
                root: mobilities[i].sqrt() as f32,
                drift: drift as f32,
            }
        };
        let nodes: Vec<Node> = (0..problem.spins()).map(node).collect();
        let fields: Vec<f32> = nodes.iter().map(|node| node.field).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        let drifts: Vec<f32> = nodes.iter().map(|node| node.drift).collect();
        validate::finite("frequencies in single precision", &drifts)?;
        // Only sines come apart into products.
        let couplings = match shape {
            CouplingShape::Sine => Couplings::new(problem, strength)?,
            CouplingShape::SquareWave { .. } => Couplings::sparse(problem, strength)?,
        };
        let pace = Pace::new(problem, drive, *shape, *mobility);
        let (settings, level) = (settings.clone(), Level::detect());
        Ok(Self { problem, settings, pace, couplings, nodes, level })
    }

    /// Strengths at a fraction of the run, in the units of a step.
    fn controls(&self, fraction: f64) -> Controls {
        let drive = &self.settings.drive;
        let (coupling, locking) = (drive.coupling.at(fraction), drive.locking.at(fraction));
        let step = self.settings.step.unwrap_or_else(|| self.pace.step(coupling, locking));
        Controls {
            step: (0.5 * step) as f32,
            coupling: (0.5 * step * coupling) as f32,
            locking: (step * locking) as f32,
            kick: (0.5 * drive.noise.at(fraction) * step.sqrt()) as f32,
            sharpness: match self.settings.shape {
                CouplingShape::Sine => None,
                CouplingShape::SquareWave { sharpness } => Some(sharpness as f32),
            },
        }
    }
}

impl Prepared for Network<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        // The first block of a timed run has a thirty-second of these.
        self.couplings.natural_steps(5_000, 320)
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(self, task);
        let mut descent = BlockDescent::new(self.problem, &self.couplings, self.level);
        let mut looks = Looks::new(task.steps());
        let mut made = 0;
        while made < task.steps() && !task.should_stop() {
            block.step(self, made as f64 / task.steps() as f64, || task.should_stop());
            made += 1;
            if looks.due(made) {
                descent.look(task, |lane, spins| block.read_out(ReadOut::Sign, lane, spins));
            }
        }
        let how = self.settings.read_out;
        descent.finish(task, made, |lane, spins| block.read_out(how, lane, spins));
    }
}

/// When to look at the replicas in the middle of a run: a few times towards its
/// end, where the phases are binary, and never so often that it costs.
struct Looks {
    next: usize,
    interval: usize,
}

impl Looks {
    fn new(steps: usize) -> Self {
        // A look costs about as much as 30 steps.
        let interval = (steps / 16).max(600);
        Self { next: steps - steps / 4, interval }
    }

    fn due(&mut self, made: usize) -> bool {
        let due = made >= self.next;
        if due {
            self.next = made + self.interval;
        }
        due
    }
}

/// The phases of [`LANES`] replicas, those of one spin contiguous.
struct Block<'a> {
    units: Vec<Unit>,
    /// Of dense couplings.
    forces: Option<Forces<i16, CELLS>>,
    /// Steps since the lengths of the units were made one.
    since: usize,
    rngs: Vec<ChaCha8Rng>,
    kicks: Kicks,
    reader: Reader<'a>,
}

impl<'a> Block<'a> {
    /// All replicas at their start; spins left when the run is stopped are up.
    fn new(network: &'a Network<'a>, task: &Task<'_>) -> Self {
        let n = network.nodes.len();
        let mut rngs: Vec<_> = (0..LANES).map(|lane| task.rng(lane)).collect();
        let mut units = vec![Unit::ALIGNED; n];
        for (part, some) in units.chunks_mut(DRAWN).enumerate() {
            let first = part * DRAWN;
            if first > 0 && task.should_stop() {
                break;
            }
            for (lane, rng) in rngs.iter_mut().enumerate() {
                let start = task.start(lane).map(|spins| &spins[first..]);
                for (i, unit) in some.iter_mut().enumerate() {
                    // A given state leaves the unstable binary phases a little.
                    let (spin, reach) = start.map_or((1, 0.5), |spins| (spins[i], 0.02));
                    let (sin, cos) = sin_cos_turns(rng.random_range(-reach..reach));
                    let side = f32::from(spin);
                    (unit.sin[lane], unit.cos[lane]) = (side * sin, side * cos);
                }
            }
        }
        Self {
            units,
            forces: network.couplings.forces(1.0),
            // So that forces are computed before the first step.
            since: NORMALIZE - 1,
            rngs,
            kicks: Kicks::new(n),
            reader: Reader::new(network.problem, network.couplings.dense()),
        }
    }

    /// One step at the given fraction of the run, cut short if asked to stop.
    fn step(&mut self, network: &Network<'_>, fraction: f64, should_stop: impl Fn() -> bool) {
        let controls = network.controls(fraction);
        self.kicks.draw(&mut self.rngs);
        self.since += 1;
        if self.since == NORMALIZE {
            normalize(&mut self.units);
            self.since = 0;
        }
        let Network { level, couplings, nodes, .. } = network;
        let (kicks, units) = (&self.kicks, &mut self.units[..]);
        match (couplings, &mut self.forces) {
            (Couplings::Sparse(rows), _) => {
                let mut range = rows.portion(0, POLL);
                while !range.is_empty() {
                    sweep(*level, rows, nodes, &controls, kicks, range.clone(), units);
                    range = rows.portion(range.end, POLL);
                    if !range.is_empty() && should_stop() {
                        break;
                    }
                }
            }
            (Couplings::Dense(dense), Some(forces)) => {
                if self.since == 0 {
                    dense.refresh(*level, forces, |i| units[i].cells());
                }
                let mut step = Step { nodes, controls, kicks, units };
                for panel in 0..dense.panels() {
                    dense.sweep(*level, panel, forces, &mut step);
                    if should_stop() {
                        break;
                    }
                }
            }
            (Couplings::Dense(_), None) => debug_assert!(false, "dense couplings have forces"),
        }
    }

    /// Writes the spins of a lane.
    fn read_out(&mut self, how: ReadOut, lane: usize, spins: &mut [i8]) {
        for (turns, unit) in self.reader.turns.iter_mut().zip(&self.units) {
            *turns = phase(unit, lane) / TAU;
        }
        self.reader.read(how, &mut self.rngs[lane], spins);
    }
}

fn phase(unit: &Unit, lane: usize) -> f64 {
    f64::from(unit.sin[lane]).atan2(f64::from(unit.cos[lane]))
}

/// Phases in radians of replicas one after the other, before and after a run.
#[cfg(test)]
type Phases = [Vec<f64>; 2];

/// The machine, leaving the phases of its blocks behind.
#[cfg(test)]
struct Recording<'a> {
    network: Network<'a>,
    phases: std::sync::Mutex<Vec<(u64, Phases)>>,
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
        let lanes = |units: &[Unit]| -> Vec<f64> {
            (0..task.lanes()).flat_map(|lane| units.iter().map(move |u| phase(u, lane))).collect()
        };
        let start = lanes(&block.units);
        for k in 0..task.steps() {
            block.step(&self.network, k as f64 / task.steps() as f64, || false);
        }
        let end = lanes(&block.units);
        self.phases.lock().unwrap().push((task.index(), [start, end]));
    }
}

#[cfg(test)]
impl OscillatorIsingMachine {
    /// Phases of the replicas of a run one after the other, before and after.
    pub(super) fn phases(&self, problem: &Ising, run: &crate::Run) -> Phases {
        let network = Network::new(self, problem).unwrap();
        let recording = Recording { network, phases: std::sync::Mutex::default() };
        let watch = |_: &crate::Progress| std::ops::ControlFlow::Continue(());
        let now = std::time::Instant::now();
        let _ = crate::solver::drive(&recording, problem, run, &watch, now);
        let mut blocks = recording.phases.into_inner().unwrap();
        blocks.sort_by_key(|(index, _)| *index);
        let [mut start, mut end] = [vec![], vec![]];
        for (_, [first, last]) in blocks {
            start.extend(first);
            end.extend(last);
        }
        [start, end]
    }
}
