//! Every variant in single precision on any couplings, 16 replicas to a block.

use ebm_core::coupling::{DenseCoupling, SparseCoupling};
use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};
use ebm_core::{Batch, BatchMut, Coupling, Workspace, validate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::machine::{Plan, Variant};
use crate::solver::Prepared;
use crate::{Error, Ising, Task};

/// Replicas in a block: one cache line of `f32`.
pub(super) const LANES: usize = 16;

/// Spins drawn between polls of the clock.
const DRAWN: usize = 256;

/// Steps between looks at the energies, in the second half of a run.
const LOOK: usize = 32;

/// Share of the pairs that are coupled from which a dense product is faster.
const DENSE: f64 = 0.25;

/// `c₀ J`.
enum Couplings {
    Sparse(SparseCoupling<f32>),
    Dense(DenseCoupling<f32>),
}

/// The machine on one problem.
pub(super) struct SinglePrecision<'a> {
    problem: &'a Ising,
    plan: Plan,
    couplings: Couplings,
    /// `c₀ h`.
    fields: Vec<f32>,
    level: Level,
}

impl<'a> SinglePrecision<'a> {
    pub(super) fn new(plan: Plan, problem: &'a Ising) -> Result<Self, Error> {
        let n = problem.spins();
        let scaled = |w: f64| (plan.strength * w) as f32;
        let fields: Vec<f32> = problem.fields().iter().map(|h| scaled(*h)).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        let entries: usize = (0..n).map(|i| problem.couplings().neighbors(i).0.len()).sum();
        let couplings = if n >= 64 && entries as f64 >= DENSE * (n as f64) * (n as f64) {
            let mut matrix = vec![0.0; n * n];
            for (i, column) in matrix.chunks_exact_mut(n).enumerate() {
                let (neighbors, weights) = problem.couplings().neighbors(i);
                for (&j, &w) in neighbors.iter().zip(weights) {
                    column[j as usize] = scaled(w);
                }
            }
            Couplings::Dense(DenseCoupling::from_column_major(n, &matrix)?)
        } else {
            let edges: Vec<_> = problem.pairs().map(|(i, j, w)| (i, j, scaled(w))).collect();
            Couplings::Sparse(SparseCoupling::from_edges(n, &edges)?)
        };
        Ok(Self { problem, plan, couplings, fields, level: Level::detect() })
    }

    /// The same on another instruction set.
    #[cfg(test)]
    pub(super) fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

/// [`LANES`] replicas, those of a spin side by side.
pub(super) struct Block {
    pub(super) x: Vec<[f32; LANES]>,
    pub(super) y: Vec<[f32; LANES]>,
    /// The bifurcation parameters `p`, of the generalized machine only.
    p: Vec<[f32; LANES]>,
    /// What the couplings act on, and what they yield.
    input: Vec<[f32; LANES]>,
    force: Vec<[f32; LANES]>,
    /// The same two with replicas one after the other.
    columns: Vec<f32>,
    products: Vec<f32>,
    ws: Workspace<f32>,
    best: Vec<[i8; LANES]>,
    energies: [f64; LANES],
}

impl Block {
    /// All replicas at their start; spins left when the run is stopped are not
    /// drawn.
    pub(super) fn new(machine: &SinglePrecision<'_>, task: &Task<'_>) -> Self {
        let n = machine.fields.len();
        let mut x = vec![[0.0; LANES]; n];
        let mut y = vec![[0.0; LANES]; n];
        let mut rngs: Vec<ChaCha8Rng> = (0..LANES).map(|lane| task.rng(lane)).collect();
        for first in (0..n).step_by(DRAWN) {
            if first > 0 && task.should_stop() {
                break;
            }
            for (lane, rng) in rngs.iter_mut().enumerate() {
                let start = task.start(lane);
                for i in first..n.min(first + DRAWN) {
                    let center = match start.map(|spins| spins[i]) {
                        None => 0.0,
                        Some(s) => 0.5 * machine.plan.wall.min(1.0) as f32 * f32::from(s),
                    };
                    x[i][lane] = center + rng.random_range(-0.1..0.1);
                    y[i][lane] = rng.random_range(-1.0..1.0);
                }
            }
        }
        let generalized = matches!(machine.plan.variant, Variant::Generalized { .. });
        let dense = matches!(machine.couplings, Couplings::Dense(_));
        let long = if dense { n * LANES } else { 0 };
        Self {
            x,
            y,
            p: vec![[1.0; LANES]; if generalized { n } else { 0 }],
            input: vec![[0.0; LANES]; n],
            force: vec![[0.0; LANES]; n],
            columns: vec![0.0; long],
            products: vec![0.0; long],
            ws: Workspace::new(),
            best: vec![[1; LANES]; n],
            energies: [f64::INFINITY; LANES],
        }
    }

    /// One step at the given fraction of the run, of `steps` in all.
    pub(super) fn step(&mut self, machine: &SinglePrecision<'_>, made: usize, steps: usize) {
        let plan = &machine.plan;
        let discrete = matches!(plan.variant, Variant::Discrete { .. });
        self.set_input(discrete);
        self.multiply(machine);
        let a = plan.pump.at(made as f64 / steps as f64);
        let after = plan.pump.at((made + 1) as f64 / steps as f64);
        let dt = plan.step as f32;
        let detuning = (1.0 - a) as f32;
        let (force, fields) = (&self.force[..], &machine.fields[..]);
        let (x, y) = (&mut self.x[..], &mut self.y[..]);
        let state = State { x, y, force, fields, dt };
        match plan.variant {
            Variant::Adiabatic { kerr } => {
                let (kerr, wall) = (kerr as f32, plan.wall as f32);
                run(machine.level, Adiabatic { state, detuning, kerr, wall });
            }
            Variant::Ballistic { heat } | Variant::Discrete { heat } => {
                let heat = (heat * plan.step) as f32;
                run(machine.level, Walled { state, detuning, heat });
            }
            Variant::Generalized { control } => {
                // The relative fall of 1 − a in this step.
                let fall = if a < 1.0 { ((after - a) / (1.0 - a)).clamp(-1.0, 1.0) } else { 0.0 };
                let (fall, control) = (fall as f32, control as f32);
                run(machine.level, Generalized { state, p: &mut self.p, fall, control });
            }
        }
    }

    fn set_input(&mut self, signs: bool) {
        for (input, x) in self.input.iter_mut().zip(&self.x) {
            for (input, x) in input.iter_mut().zip(x) {
                *input = if !signs {
                    *x
                } else if *x < 0.0 {
                    -1.0
                } else {
                    1.0
                };
            }
        }
    }

    /// `force = c₀ J input`.
    fn multiply(&mut self, machine: &SinglePrecision<'_>) {
        match &machine.couplings {
            Couplings::Sparse(sparse) => {
                let (input, force) = (self.input.as_flattened(), self.force.as_flattened_mut());
                sparse.apply_interleaved(input, force, LANES);
            }
            Couplings::Dense(dense) => {
                let n = self.input.len();
                for (i, row) in self.input.iter().enumerate() {
                    for (lane, value) in row.iter().enumerate() {
                        self.columns[lane * n + i] = *value;
                    }
                }
                if let (Ok(x), Ok(out)) =
                    (Batch::new(&self.columns, n), BatchMut::new(&mut self.products, n))
                {
                    dense.apply_batch(x, out, &mut self.ws);
                }
                for (i, row) in self.force.iter_mut().enumerate() {
                    for (lane, value) in row.iter_mut().enumerate() {
                        *value = self.products[lane * n + i];
                    }
                }
            }
        }
    }

    /// Keeps the states of the replicas that have not been better.
    pub(super) fn look(&mut self, machine: &SinglePrecision<'_>, lanes: usize) {
        self.set_input(true);
        self.multiply(machine);
        let mut totals = [0.0_f64; LANES];
        for ((s, f), h) in self.input.iter().zip(&self.force).zip(&machine.fields) {
            for ((total, s), f) in totals.iter_mut().zip(s).zip(f) {
                *total -= f64::from(*s) * (0.5 * f64::from(*f) + f64::from(*h));
            }
        }
        for (lane, total) in totals.iter().enumerate().take(lanes) {
            if *total < self.energies[lane] {
                self.energies[lane] = *total;
                for (best, s) in self.best.iter_mut().zip(&self.input) {
                    best[lane] = if s[lane] < 0.0 { -1 } else { 1 };
                }
            }
        }
    }

    fn extract(&self, lane: usize, spins: &mut [i8]) {
        for (spin, best) in spins.iter_mut().zip(&self.best) {
            *spin = best[lane];
        }
    }
}

impl Prepared for SinglePrecision<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        2000
    }

    fn longest_steps(&self) -> usize {
        20_000
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut block = Block::new(self, task);
        let mut spins = vec![1; self.fields.len()];
        let (steps, lanes) = (task.steps(), task.lanes());
        block.look(self, lanes);
        let mut reported = f64::INFINITY;
        let mut made = 0;
        while made < steps && !task.should_stop() {
            if made >= steps / 2 && made % LOOK == 0 {
                block.look(self, lanes);
                let energies = &block.energies[..lanes];
                let best = (0..lanes).fold(0, |b, r| if energies[r] < energies[b] { r } else { b });
                if energies[best] < reported {
                    reported = energies[best];
                    block.extract(best, &mut spins);
                    let energy = self.problem.energy_of(&spins);
                    task.offer(&spins, energy);
                }
            }
            block.step(self, made, steps);
            made += 1;
        }
        block.look(self, lanes);
        for lane in 0..lanes {
            block.extract(lane, &mut spins);
            task.finish(&mut spins, made);
        }
    }
}

/// What every variant steps.
struct State<'a> {
    x: &'a mut [[f32; LANES]],
    y: &'a mut [[f32; LANES]],
    force: &'a [[f32; LANES]],
    fields: &'a [f32],
    dt: f32,
}

impl State<'_> {
    /// Calls `step(i, lane, x, y, force)` for every spin and replica.
    #[inline(always)]
    fn each(self, mut step: impl FnMut(usize, usize, &mut f32, &mut f32, f32)) {
        let rows = self.x.iter_mut().zip(self.y).zip(self.force).zip(self.fields);
        for (i, (((x, y), force), h)) in rows.enumerate() {
            for lane in 0..LANES {
                step(i, lane, &mut x[lane], &mut y[lane], force[lane] + h);
            }
        }
    }
}

/// Where `|x|` exceeds `wall`, the spin stops there.
#[inline(always)]
fn stop(x: &mut f32, y: &mut f32, wall: f32) {
    let inside = x.clamp(-wall, wall);
    *y = if *x == inside { *y } else { 0.0 };
    *x = inside;
}

struct Adiabatic<'a> {
    state: State<'a>,
    detuning: f32,
    kerr: f32,
    wall: f32,
}

impl Kernel for Adiabatic<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (dt, detuning, kerr, wall) = (self.state.dt, self.detuning, self.kerr, self.wall);
        self.state.each(|_, _, x, y, force| {
            *y += dt * (force - (kerr * *x * *x + detuning) * *x);
            *x += dt * *y;
            stop(x, y, wall);
        });
    }
}

struct Walled<'a> {
    state: State<'a>,
    detuning: f32,
    /// `γ Δt`.
    heat: f32,
}

impl Kernel for Walled<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (dt, detuning, heat) = (self.state.dt, self.detuning, self.heat);
        // Faster than this a spin crosses from wall to wall in a step.
        let fastest = 2.0 / dt;
        self.state.each(|_, _, x, y, force| {
            let before = *y;
            *y = (*y + dt * (force - detuning * *x)).clamp(-fastest, fastest);
            *x += dt * *y;
            stop(x, y, 1.0);
            *y += heat * before;
        });
    }
}

struct Generalized<'a> {
    state: State<'a>,
    p: &'a mut [[f32; LANES]],
    fall: f32,
    control: f32,
}

impl Kernel for Generalized<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (dt, fall, control) = (self.state.dt, self.fall, self.control);
        let p = self.p;
        self.state.each(|i, lane, x, y, force| {
            let p = &mut p[i][lane];
            // A spin far out may have p rise: at most to where it began.
            *p = (*p - (1.0 - control * *x * *x) * *p * fall).clamp(0.0, 1.0);
            *y += dt * (force - *p * *x);
            *x += dt * *y;
            stop(x, y, 1.0);
        });
    }
}
