//! The discrete machine in fixed point, 64 replicas to a block, on couplings of
//! one magnitude or that are small multiples of a unit.
//!
//! Positions and velocities have 16 bits, or [8](super::bytes) where couplings
//! have one magnitude and there are few neighbors and no fields. Rounding changes
//! a trajectory, as it does in single precision, but not the quality of its end.

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::run;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::bytes::{ByteMachine, ByteState};
use super::couplings::{CHUNK, Couplings, Placed};
use super::descent::Descent;
use super::looks::{FieldSums, PairSums, Select};
use super::machine::{Plan, Variant};
use crate::forms::{BitMatrix, LANES, Signs, Sums, TableSpace};
use crate::kernels::discrete_bifurcation::{Factors, Spins, WALL, step};
use crate::schedule::Schedule;
use crate::solver::Prepared;
use crate::{Ising, Task};

/// Velocities are in units of one over this.
const VELOCITY: f64 = 16_384.0;

/// Spins drawn between polls of the clock; their state is in the first-level
/// cache.
const DRAWN: usize = 64;

/// Steps between looks at the energies, in the second half of a run.
const LOOK: usize = 16;

/// The machine on one problem.
pub(super) struct FixedPoint<'a> {
    problem: &'a Ising,
    couplings: Couplings,
    bytes: Option<ByteMachine>,
    unit: f64,
    pump: Schedule,
    /// `Δt²`.
    step_squared: f64,
    force: i16,
    heat: i16,
    /// Velocities from the fields, and the fields, in the order of the block.
    pushes: Vec<i16>,
    fields: Vec<f64>,
    /// The fields as multiples of `unit`, if they are whole and so small that no
    /// local field exceeds 16 bits.
    whole_fields: Option<Vec<i16>>,
    /// Where in the block each spin is.
    place: Vec<u32>,
    level: Level,
}

impl<'a> FixedPoint<'a> {
    /// The machine, if it is discrete, the couplings are small multiples of a
    /// unit, and its factors fit the units.
    pub(super) fn new(plan: &Plan, problem: &'a Ising) -> Option<Self> {
        let Variant::Discrete { heat } = plan.variant else { return None };
        let Placed { couplings, unit, order } = Placed::new(problem)?;
        let mut place = vec![0; order.len()];
        for (k, &i) in order.iter().enumerate() {
            place[i as usize] = k as u32;
        }
        let step_squared = plan.step * plan.step;
        let velocity = step_squared * plan.strength * VELOCITY;
        let force = (velocity * unit).round();
        // Rounded to better than a tenth, and more than one neighbor counts.
        if !(5.0..=VELOCITY).contains(&force) {
            return None;
        }
        let fits = |a: f64| (step_squared * (1.0 - a)).abs() < 1.99;
        if !plan.pump.knots().iter().all(|knot| fits(knot.1)) {
            return None;
        }
        let heat = heat * plan.step * 32_768.0;
        if heat > 16_384.0 {
            return None;
        }
        let largest = f64::from(i16::MAX);
        let push = |h: &f64| (velocity * h).round().clamp(-largest, largest) as i16;
        let fields: Vec<f64> = order.iter().map(|&i| problem.fields()[i as usize]).collect();
        let largest_sum = couplings.largest_sum();
        let whole = |h: &f64| {
            let multiple = h / unit;
            let fits = multiple.fract() == 0.0 && multiple.abs() + largest_sum as f64 <= largest;
            fits.then_some(multiple as i16)
        };
        let bytes = match &couplings {
            Couplings::Sparse(split) if heat == 0.0 && fields.iter().all(|h| *h == 0.0) => {
                ByteMachine::new(plan, split, velocity * unit / VELOCITY)
            }
            _ => None,
        };
        let exact = problem.has_exact_sums();
        let whole_fields = exact.then(|| fields.iter().map(whole).collect()).flatten();
        Some(Self {
            problem,
            couplings,
            bytes,
            unit,
            pump: plan.pump.clone(),
            step_squared,
            force: force as i16,
            heat: heat.round() as i16,
            pushes: fields.iter().map(push).collect(),
            fields,
            whole_fields,
            place,
            level: Level::detect(),
        })
    }

    /// The same on another instruction set.
    #[cfg(test)]
    pub(super) fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The same without a form in eight bits.
    #[cfg(test)]
    pub(super) fn in_words(mut self) -> Self {
        self.bytes = None;
        self
    }

    /// Where in the block spin `i` is.
    #[cfg(test)]
    pub(super) fn place(&self, i: usize) -> usize {
        self.place[i] as usize
    }

    #[cfg(test)]
    pub(super) fn spins(&self) -> usize {
        self.place.len()
    }

    /// `Δt² (a₀ − a)` at a fraction of the run.
    fn detuning(&self, fraction: f64) -> f64 {
        self.step_squared * (1.0 - self.pump.at(fraction))
    }

    /// The factors of a step at a fraction of the run.
    fn factors(&self, fraction: f64) -> Factors {
        Factors {
            force: self.force,
            limit: i16::MAX / self.force,
            detuning: (self.detuning(fraction) * VELOCITY).round() as i16,
            heat: self.heat,
        }
    }
}

/// Positions and velocities, and the best states seen.
enum Motion {
    /// With the signs after the step being made.
    Words {
        x: Vec<Sums>,
        v: Vec<Sums>,
        next: Vec<Signs>,
        best: Vec<Signs>,
    },
    Bytes(ByteState),
}

/// [`LANES`] replicas.
pub(super) struct Block {
    motion: Motion,
    /// Of the motion in words; at the end of a run, the best states.
    signs: Vec<Signs>,
    sums: Vec<Sums>,
    space: TableSpace,
    /// `Σ sᵢ Fᵢ` and `Σ hᵢ sᵢ` of each replica.
    pairs: [i64; LANES],
    field_sums: [f64; LANES],
    /// Those of the best states seen.
    energies: [f64; LANES],
}

/// Draws where all replicas start and calls `set(i, lane, x, v)` for each spin;
/// those left when the run is stopped are not drawn.
fn draw(machine: &FixedPoint<'_>, task: &Task<'_>, mut set: impl FnMut(usize, usize, i16, i16)) {
    let mut rngs: Vec<ChaCha8Rng> = (0..LANES).map(|lane| task.rng(lane)).collect();
    let speed = 0.5 * machine.step_squared.sqrt();
    for first in (0..machine.place.len()).step_by(DRAWN) {
        if first > 0 && task.should_stop() {
            break;
        }
        let places = &machine.place[first..machine.place.len().min(first + DRAWN)];
        for (lane, rng) in rngs.iter_mut().enumerate() {
            let start = task.start(lane).map(|spins| &spins[first..]);
            for (k, place) in places.iter().enumerate() {
                let bits = rng.next_u32();
                // Positions in a tenth of the range, momenta y within ±1.
                let (low, high) = (bits as u16 as i16 / 10, (bits >> 16) as u16 as i16);
                let center = start.map_or(0, |spins| i16::from(spins[k]) * (WALL / 2));
                set(*place as usize, lane, center + low, (speed * f64::from(high)) as i16);
            }
        }
    }
}

impl Block {
    pub(super) fn new(machine: &FixedPoint<'_>, task: &Task<'_>) -> Self {
        let n = machine.fields.len();
        let mut signs = vec![];
        let motion = if machine.bytes.is_some() {
            let mut state = ByteState::new(n);
            draw(machine, task, |i, lane, x, v| state.set(i, lane, x, v));
            state.start();
            Motion::Bytes(state)
        } else {
            let (mut x, mut v) = (vec![Sums::ZERO; n], vec![Sums::ZERO; n]);
            draw(machine, task, |i, lane, at, speed| {
                (x[i].0[lane], v[i].0[lane]) = (at, speed);
            });
            let sign = |x: i16| if x < 0 { -1 } else { 1 };
            signs = x.iter().map(|x| Signs(x.0.map(sign))).collect();
            Motion::Words { x, v, next: signs.clone(), best: signs.clone() }
        };
        let buffered = if machine.couplings.is_dense() { n } else { CHUNK };
        Self {
            motion,
            signs,
            sums: vec![Sums::ZERO; buffered],
            space: TableSpace::default(),
            pairs: [0; LANES],
            field_sums: [0.0; LANES],
            energies: [f64::INFINITY; LANES],
        }
    }

    /// One step at the given fraction of the run; a look sums up the energies
    /// of the state before it.
    pub(super) fn step(&mut self, machine: &FixedPoint<'_>, fraction: f64, look: bool) {
        if let (Motion::Bytes(_), true) = (&self.motion, look) {
            self.look(machine);
        }
        if let (Motion::Bytes(state), Some(bytes), Couplings::Sparse(split)) =
            (&mut self.motion, &machine.bytes, &machine.couplings)
        {
            state.step(bytes, split, machine.level, machine.detuning(fraction));
            return;
        }
        self.sweep(machine, Some(machine.factors(fraction)), look);
        if look {
            self.keep_best(machine);
        }
        if let Motion::Words { next, .. } = &mut self.motion {
            std::mem::swap(&mut self.signs, next);
        }
    }

    /// A look at the state as it is.
    pub(super) fn look(&mut self, machine: &FixedPoint<'_>) {
        match (&self.motion, &machine.bytes, &machine.couplings) {
            (Motion::Bytes(state), Some(bytes), Couplings::Sparse(split)) => {
                state.pair_sums(bytes, split, machine.level, &mut self.pairs);
            }
            _ => self.sweep(machine, None, true),
        }
        self.keep_best(machine);
    }

    /// Sums up the energies, steps in words, or both.
    fn sweep(&mut self, machine: &FixedPoint<'_>, factors: Option<Factors>, look: bool) {
        let n = self.signs.len();
        if look {
            self.pairs = [0; LANES];
            self.field_sums = [0.0; LANES];
        }
        let (level, couplings) = (machine.level, &machine.couplings);
        couplings.multiply_all(level, &self.signs, &mut self.sums, &mut self.space);
        for first in (0..n).step_by(CHUNK) {
            let rows = first..(first + CHUNK).min(n);
            let sums = couplings.multiply(level, &self.signs, rows.clone(), &mut self.sums);
            if look {
                let signs = &self.signs[rows.clone()];
                let pairs = &mut self.pairs;
                run(machine.level, PairSums { sums, signs, pairs });
                let fields = &machine.fields[rows.clone()];
                if fields.iter().any(|h| *h != 0.0) {
                    let sums = &mut self.field_sums;
                    run(machine.level, FieldSums { fields, signs, sums });
                }
            }
            if let (Some(factors), Motion::Words { x, v, next, .. }) = (factors, &mut self.motion) {
                let spins = Spins {
                    x: &mut x[rows.clone()],
                    v: &mut v[rows.clone()],
                    signs: &mut next[rows.clone()],
                    fields: &machine.pushes[rows],
                };
                step(machine.level, factors, sums, spins);
            }
        }
    }

    /// Position in walls and velocity in walls a step.
    #[cfg(test)]
    pub(super) fn at(&self, i: usize, lane: usize) -> (f64, f64) {
        match &self.motion {
            Motion::Words { x, v, .. } => {
                (f64::from(x[i].0[lane]) / 32_767.0, f64::from(v[i].0[lane]) / 16_383.5)
            }
            Motion::Bytes(state) => state.at(i, lane),
        }
    }

    /// The energy of a replica as summed up last.
    fn energy(&self, machine: &FixedPoint<'_>, lane: usize) -> f64 {
        let pairs = 0.5 * machine.unit * self.pairs[lane] as f64;
        machine.problem.offset() - pairs - self.field_sums[lane]
    }

    /// Takes over the states of the replicas that have not been better.
    fn keep_best(&mut self, machine: &FixedPoint<'_>) {
        let mut mask = [0_i8; LANES];
        let mut any = false;
        for (lane, mask) in mask.iter_mut().enumerate() {
            let energy = self.energy(machine, lane);
            if energy < self.energies[lane] {
                self.energies[lane] = energy;
                *mask = -1;
                any = true;
            }
        }
        match &mut self.motion {
            _ if !any => {}
            Motion::Words { best, .. } => {
                run(machine.level, Select { mask, from: &self.signs, to: best });
            }
            Motion::Bytes(state) => state.keep_best(&mask, machine.level),
        }
    }

    /// The first of the replicas, among `lanes`, whose best state is the best.
    fn best(&self, lanes: usize) -> usize {
        (1..lanes).fold(0, |b, r| if self.energies[r] < self.energies[b] { r } else { b })
    }

    /// Reports the best of all replicas.
    fn offer(&self, machine: &FixedPoint<'_>, task: &mut Task<'_>, spins: &mut [i8]) {
        let best = self.best(task.lanes());
        // Below the best by more than rounding.
        if self.energies[best] < task.best_energy() - 1e-9 * task.best_energy().abs() {
            self.extract(machine, best, spins);
            task.offer(spins, self.energies[best]);
        }
    }

    /// The best state of a replica.
    fn extract(&self, machine: &FixedPoint<'_>, lane: usize, spins: &mut [i8]) {
        for (spin, place) in spins.iter_mut().zip(&machine.place) {
            *spin = match &self.motion {
                Motion::Words { best, .. } => best[*place as usize].0[lane],
                Motion::Bytes(state) => 1 - 2 * i8::from(state.is_down(*place as usize, lane)),
            };
        }
    }

    /// Ends the motion: the best states take the place of the last.
    fn return_to_best(&mut self) {
        match &self.motion {
            Motion::Words { best, .. } => self.signs.copy_from_slice(best),
            Motion::Bytes(state) => self.signs = state.unpack(),
        }
    }

    /// The state of a replica after the motion.
    fn read(&self, machine: &FixedPoint<'_>, lane: usize, spins: &mut [i8]) {
        for (spin, place) in spins.iter_mut().zip(&machine.place) {
            *spin = self.signs[*place as usize].0[lane];
        }
    }
}

impl Prepared for FixedPoint<'_> {
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
        block.look(self);
        let steps = task.steps();
        let mut made = 0;
        while made < steps && !task.should_stop() {
            let look = made >= steps / 2 && made % LOOK == 0;
            block.step(self, made as f64 / steps as f64, look);
            if look {
                block.offer(self, task, &mut spins);
            }
            made += 1;
        }
        block.look(self);
        match (&self.whole_fields, &self.couplings) {
            (None, _) => {
                for lane in 0..task.lanes() {
                    block.extract(self, lane, &mut spins);
                    task.finish(&mut spins, made);
                }
            }
            (Some(fields), Couplings::Dense(bits, _)) => {
                self.finish_dense(bits, fields, &mut block, task, made);
            }
            (Some(fields), _) => self.finish_sparse(fields, &mut block, task, made),
        }
    }
}

impl FixedPoint<'_> {
    /// Ends the replicas of a block with the states below their best ones.
    fn finish_sparse(&self, fields: &[i16], block: &mut Block, task: &mut Task<'_>, made: usize) {
        let Self { level, couplings, place, .. } = self;
        let mut spins = vec![1; fields.len()];
        let read_out = block.energies;
        block.return_to_best();
        let descent = Descent { level: *level, couplings, fields, place };
        if !descent.run(&mut block.signs, &mut block.sums, || task.is_late()) {
            // Half way down is below the best, and one replica is due.
            let best = block.best(task.lanes());
            block.read(self, best, &mut spins);
            task.offer(&spins, read_out[best]);
            block.read(self, 0, &mut spins);
            task.finish(&mut spins, made);
            return;
        }
        block.sweep(self, None, true);
        for (lane, read_out) in read_out.into_iter().enumerate().take(task.lanes()) {
            let polished = block.energy(self, lane);
            if polished < task.best_energy() {
                block.read(self, lane, &mut spins);
                task.offer(&spins, polished);
            }
            task.finish_reported(read_out, polished, made);
        }
    }

    /// The same on dense couplings, where one product gives all local fields.
    fn finish_dense(
        &self,
        bits: &BitMatrix,
        fields: &[i16],
        block: &mut Block,
        task: &mut Task<'_>,
        made: usize,
    ) {
        let (mut spins, mut local) = (vec![1; fields.len()], vec![0; fields.len()]);
        block.return_to_best();
        let Block { signs, sums, space, .. } = block;
        self.couplings.multiply_all(self.level, signs, sums, space);
        for lane in 0..task.lanes() {
            block.read(self, lane, &mut spins);
            for ((f, sums), h) in local.iter_mut().zip(&block.sums).zip(fields) {
                *f = i32::from(sums.0[lane]) + i32::from(*h);
            }
            let change = self.unit * bits.descend(&mut spins, &mut local) as f64;
            let read_out = block.energies[lane];
            task.finish_polished(&spins, read_out, read_out + change, made);
        }
    }
}
