//! The fast solver: 16 replicas to a block, stepped side by side in single
//! precision. Equation and sources as in [the module](super); the noise is the
//! weak scheme's, one random bit a step.

use ebm_core::validate;
use ebm_core::vector_math::Level;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::batch_descent::BlockDescent;
use crate::kernels::coherent::{
    Amplitudes, Controls, Limits, Motion, energies, energies_in, sign, sweep,
};
use crate::kernels::dense::{Couplings, Forces};
use crate::kernels::kicks::Kicks;
use crate::kernels::rows::{LANES, Lanes};
use crate::oscillator::natural_strength;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared};
use crate::{Error, Ising, Task};

/// Settings of the machine.
///
/// ```
/// use ebm_optim::{CoherentIsingMachine, Graph, Run, Solver};
/// let edges = (0..5).flat_map(|i| (i + 1..5).map(move |j| (i, j, 1.0)));
/// let complete = Graph::new(5, edges.collect())?;
/// let run = Run { replicas: Some(16), steps: Some(300), ..Run::seeded(1) };
/// let solution = CoherentIsingMachine::default().solve(complete.ising(), &run)?;
/// assert_eq!(complete.cut(&solution.best.spins)?, 6.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CoherentIsingMachine {
    /// `r`, the pump less the loss, over the run; at most 32 in magnitude.
    pub gain: Schedule,
    /// `ε` in units of
    /// [`natural_strength`](crate::oscillator::natural_strength).
    pub coupling: f64,
    /// The rate `ξ` of amplitude control; zero for the plain mean field.
    pub control: f64,
    /// The target `a` of the squared amplitudes, from 0.001 to 1000.
    pub target: f64,
    /// The strength `σ` of the noise over the run.
    pub noise: Schedule,
    /// The step `Δt`: at least 10⁻⁶, at most ½, and at most `1/(2a)`.
    pub step: f64,
}

impl Default for CoherentIsingMachine {
    /// Chaotic amplitude control: `r` from −2 to 0, `ε = 0.5`, `ξ = 0.4`,
    /// `a = 1`, `σ` from 0.6 to 0, `Δt = 0.4`. Without the noise fields would guide
    /// all replicas of a small problem along one path, and cuts of sparse graphs
    /// are smaller, by one and a half per cent on G70; on dense ones it neither
    /// helps nor harms much. From −1 on, `r` finds a little more on dense graphs and
    /// a little less on sparse ones.
    fn default() -> Self {
        Self {
            gain: ramp(-2.0, 0.0),
            coupling: 0.5,
            control: 0.4,
            target: 1.0,
            noise: ramp(0.6, 0.0),
            step: 0.4,
        }
    }
}

fn ramp(start: f64, end: f64) -> Schedule {
    Schedule::ramp(start, end).unwrap_or_else(|_| unreachable!())
}

/// No error variable exceeds this.
const MOST_ERROR: f64 = 32.0;

/// Bounds of the strengths and rates, far from any that make sense.
const MOST: f64 = 1e3;

impl CoherentIsingMachine {
    /// The mean field without amplitude control: `r` from −1 to 1.
    #[must_use]
    pub fn mean_field() -> Self {
        Self { gain: ramp(-1.0, 1.0), control: 0.0, ..Self::default() }
    }

    /// The coupling strength `ε` for a problem.
    #[must_use]
    pub fn strength_for(&self, problem: &Ising) -> f64 {
        self.coupling * natural_strength(problem)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        validate::positive("coupling strength", self.coupling)?;
        validate::non_negative("rate of amplitude control", self.control)?;
        // In single precision, and in fixed point beside amplitudes up to `1/√Δt`.
        for (what, value, least, expected) in [
            ("target of the squared amplitudes", self.target, 1e-3, "at least 0.001"),
            ("step", self.step, 1e-6, "at least 1e-6"),
        ] {
            validate::positive(what, value)?;
            if value < least {
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
        }
        self.noise.non_negative("noise")?;
        let largest =
            |schedule: &Schedule| schedule.knots().iter().fold(0.0_f64, |m, k| m.max(k.1.abs()));
        let bounds = [
            ("coupling strength", self.coupling, MOST, "at most 1000"),
            ("rate of amplitude control", self.control, MOST, "at most 1000"),
            ("target of the squared amplitudes", self.target, MOST, "at most 1000"),
            ("noise", largest(&self.noise), MOST, "at most 1000"),
            ("gain", largest(&self.gain), 32.0, "at most 32 in magnitude"),
            ("step", self.step, 0.5_f64.min(0.5 / self.target), "at most 1/2 and 1/(2a)"),
        ];
        for (what, value, most, expected) in bounds {
            if value > most {
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
        }
        Ok(())
    }
}

impl Method for CoherentIsingMachine {
    fn name(&self) -> &'static str {
        "coherent"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        Ok(Box::new(Network::new(self, problem)?))
    }
}

/// What all blocks share.
pub(super) struct Network<'a> {
    problem: &'a Ising,
    machine: CoherentIsingMachine,
    strength: f64,
    /// `ε J` and `ε h`.
    couplings: Couplings,
    fields: Vec<f32>,
    limits: Limits,
    level: Level,
}

/// Couplings visited between looks at the clock, about 100 µs.
const POLL: usize = 50_000;

/// Spins drawn between looks at the clock, in all replicas, whose amplitudes then
/// are in the first-level cache.
const DRAWN: usize = 256;

/// Steps after which forces of dense couplings are computed anew, which rounding
/// has changed.
const REFRESH: usize = 64;

/// Steps between looks at the energies.
const LOOK: usize = 10;

/// Steps between reports of the best state over dense couplings, where its exact
/// energy takes as long as several steps.
const DENSE_REPORT: usize = 10 * LOOK;

impl<'a> Network<'a> {
    pub(super) fn new(machine: &CoherentIsingMachine, problem: &'a Ising) -> Result<Self, Error> {
        machine.check()?;
        let strength = machine.strength_for(problem);
        let fields: Vec<f32> = problem.fields().iter().map(|h| (strength * h) as f32).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        let couplings = Couplings::new(problem, strength)?;
        // There saturation alone makes a step of one amplitude; the target lies
        // below.
        let limits = Limits { x: (1.0 / machine.step).sqrt() as f32, e: MOST_ERROR as f32 };
        let (machine, level) = (machine.clone(), Level::detect());
        Ok(Self { problem, machine, strength, couplings, fields, limits, level })
    }

    fn controls(&self, fraction: f64) -> Controls {
        let CoherentIsingMachine { gain, control, target, noise, step, .. } = &self.machine;
        Controls {
            step: *step as f32,
            gain: gain.at(fraction) as f32,
            control: *control as f32,
            target: *target as f32,
            kick: (noise.at(fraction) * step.sqrt()) as f32,
        }
    }
}

impl Prepared for Network<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        2000
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(self, task);
        let mut spins = vec![1; self.fields.len()];
        let (steps, lanes) = (task.steps(), task.lanes());
        block.look(self, lanes);
        let interval = if self.couplings.dense().is_some() { DENSE_REPORT } else { LOOK };
        let mut reported = f64::INFINITY;
        let mut made = 0;
        loop {
            let ended = made == steps || task.should_stop();
            if ended || made > 0 && made % LOOK == 0 {
                let (lane, energy) = block.look(self, lanes);
                // At the end before all others, for which there may be no time.
                if energy < reported && (ended || made % interval == 0) {
                    reported = energy;
                    block.extract(lane, &mut spins);
                    task.offer(&spins, self.problem.offset() + energy / self.strength);
                }
            }
            if ended {
                break;
            }
            block.step(self, made as f64 / steps as f64, || task.should_stop());
            made += 1;
        }
        let mut descent = BlockDescent::new(self.problem, &self.couplings, self.level);
        descent.finish(task, made, |lane, spins| block.extract(lane, spins));
    }
}

/// [`LANES`] replicas, those of a spin side by side.
pub(super) struct Block {
    pub(super) state: Amplitudes,
    /// Of dense couplings: those of the amplitudes and those of their signs.
    forces: Option<[Forces<i32, LANES>; 2]>,
    /// Steps since the forces were computed anew.
    since: usize,
    rngs: Vec<ChaCha8Rng>,
    kicks: Kicks,
    /// The best signs seen, and their energies less the offset in the units of
    /// the rows.
    best: Vec<[i8; LANES]>,
    energies: [f64; LANES],
}

impl Block {
    /// All replicas at their start; spins left when the run is stopped stay at zero.
    pub(super) fn new(network: &Network<'_>, task: &Task<'_>) -> Self {
        let n = network.fields.len();
        let amplitude = network.machine.target.sqrt() as f32;
        let mut rngs: Vec<_> = (0..LANES).map(|lane| task.rng(lane)).collect();
        let mut state = Amplitudes { x: vec![Lanes::ZERO; n], e: vec![Lanes([1.0; LANES]); n] };
        for (part, some) in state.x.chunks_mut(DRAWN).enumerate() {
            let first = part * DRAWN;
            if first > 0 && task.should_stop() {
                break;
            }
            for (lane, rng) in rngs.iter_mut().enumerate() {
                let start = task.start(lane).map(|spins| &spins[first..]);
                for (i, x) in some.iter_mut().enumerate() {
                    // A given state is left a little.
                    let (center, reach) =
                        start.map_or((0.0, 1.0), |s| (0.5 * f32::from(s[i]), 0.1));
                    x.0[lane] = amplitude * (center + reach * rng.random_range(-1.0..1.0));
                }
            }
        }
        let forces = |reach: f32| network.couplings.forces(reach);
        Self {
            state,
            forces: forces(network.limits.x).zip(forces(1.0)).map(|(x, signs)| [x, signs]),
            // So that forces are computed before the first step.
            since: REFRESH - 1,
            rngs,
            kicks: Kicks::new(n),
            best: vec![[1; LANES]; n],
            energies: [f64::INFINITY; LANES],
        }
    }

    /// One step at the given fraction of the run, cut short if asked to stop.
    pub(super) fn step(
        &mut self,
        network: &Network<'_>,
        fraction: f64,
        should_stop: impl Fn() -> bool,
    ) {
        let Network { couplings, fields, limits, level, .. } = network;
        let controls = network.controls(fraction);
        if controls.kick > 0.0 {
            self.kicks.draw(&mut self.rngs);
        }
        self.since = (self.since + 1) % REFRESH;
        let (kicks, state) = (&self.kicks, &mut self.state);
        match (couplings, &mut self.forces) {
            (Couplings::Sparse(rows), _) => {
                let settings = (controls, *limits);
                let mut range = rows.portion(0, POLL);
                while !range.is_empty() {
                    let problem = (rows, &fields[..]);
                    sweep(*level, problem, settings, kicks, range.clone(), state);
                    range = rows.portion(range.end, POLL);
                    if !range.is_empty() && should_stop() {
                        break;
                    }
                }
            }
            (Couplings::Dense(dense), Some([forces, _])) => {
                if self.since == 0 {
                    dense.refresh(*level, forces, |i| state.x[i].0);
                }
                let limits = *limits;
                let mut motion = Motion { fields, controls, limits, kicks, state };
                for panel in 0..dense.panels() {
                    dense.sweep(*level, panel, forces, &mut motion);
                    if should_stop() {
                        break;
                    }
                }
            }
            (Couplings::Dense(_), None) => debug_assert!(false, "dense couplings have forces"),
        }
    }

    /// Keeps the states of the replicas that have not been better; returns the
    /// best of all and its energy.
    fn look(&mut self, network: &Network<'_>, lanes: usize) -> (usize, f64) {
        let Network { couplings, fields, level, .. } = network;
        let x = &self.state.x;
        let now = match (couplings, &mut self.forces) {
            (Couplings::Dense(dense), Some([_, forces])) => {
                let signs = |i: usize| x[i].0.map(sign);
                dense.refresh(*level, forces, signs);
                energies_in(|i| forces.at(i), fields, x)
            }
            (Couplings::Sparse(rows), _) => energies(*level, rows, fields, x),
            (Couplings::Dense(_), None) => [f64::INFINITY; LANES],
        };
        let mut better = [false; LANES];
        for lane in 0..lanes {
            better[lane] = now[lane] < self.energies[lane];
            if better[lane] {
                self.energies[lane] = now[lane];
            }
        }
        if better.contains(&true) {
            for (best, x) in self.best.iter_mut().zip(&self.state.x) {
                for lane in 0..LANES {
                    let spin = sign(x.0[lane]) as i8;
                    best[lane] = if better[lane] { spin } else { best[lane] };
                }
            }
        }
        let energies = &self.energies[..lanes];
        let best = (0..lanes).fold(0, |b, r| if energies[r] < energies[b] { r } else { b });
        (best, self.energies[best])
    }

    fn extract(&self, lane: usize, spins: &mut [i8]) {
        for (spin, best) in spins.iter_mut().zip(&self.best) {
            *spin = best[lane];
        }
    }
}
