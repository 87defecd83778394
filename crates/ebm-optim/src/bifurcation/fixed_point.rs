//! The discrete machine in 16-bit fixed point, 64 replicas to a block, on
//! couplings of one magnitude.
//!
//! Positions and velocities of a spin take 256 bytes instead of 512, signs one
//! cache line. Rounding changes a trajectory, as it does in single precision,
//! but not the quality of its end.

use std::ops::Range;

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};
use rand::Rng;

use super::machine::{Plan, Variant};
use crate::forms::{BitMatrix, LANES, SignSplit, SignTables, Signs, Sums, TableSpace};
use crate::kernels::discrete_bifurcation::{Factors, Spins, WALL, step};
use crate::schedule::Schedule;
use crate::solver::Prepared;
use crate::{Ising, Task};

/// Velocities are in units of one over this.
const VELOCITY: f64 = 16_384.0;

/// Spins whose sums stay in the first-level cache between product and update.
const CHUNK: usize = 64;

/// Spins from which on a complete graph is worth its tables.
const DENSE: usize = 96;

/// Spins that are sorted among each other by their numbers of neighbors: the
/// ends of short loops are then foreseen, and neighbors stay near each other.
const WINDOW: usize = 4096;

/// Steps between looks at the energies, in the second half of a run.
const LOOK: usize = 16;

/// Couplings in the form the block multiplies with.
enum Couplings {
    Sparse(SignSplit),
    Dense(BitMatrix, SignTables),
}

/// The machine on one problem.
pub(super) struct FixedPoint<'a> {
    problem: &'a Ising,
    couplings: Couplings,
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
    /// The machine, if it is discrete, the couplings have one magnitude, and
    /// its factors fit the units.
    pub(super) fn new(plan: &Plan, problem: &'a Ising) -> Option<Self> {
        let Variant::Discrete { heat } = plan.variant else { return None };
        let mut order: Vec<u32> = (0..problem.spins() as u32).collect();
        let (couplings, unit) = match BitMatrix::new(problem) {
            Some(bits) if bits.spins() >= DENSE => {
                let (unit, tables) = (bits.unit(), bits.tabulated());
                (Couplings::Dense(bits, tables), unit)
            }
            _ => {
                let split = SignSplit::new(problem)?;
                let counts = |i: &u32| {
                    let (positive, negative) = split.neighbors(*i as usize);
                    (positive.len(), negative.len())
                };
                order.chunks_mut(WINDOW).for_each(|window| window.sort_by_key(counts));
                (Couplings::Sparse(split.reordered(&order)), split.unit())
            }
        };
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
        let degree = match &couplings {
            Couplings::Sparse(split) => split.largest_degree(),
            Couplings::Dense(..) => problem.spins(),
        };
        let whole = |h: &f64| {
            let multiple = h / unit;
            let fits = multiple.fract() == 0.0 && multiple.abs() + degree as f64 <= largest;
            fits.then_some(multiple as i16)
        };
        let exact = problem.has_exact_sums();
        let whole_fields = exact.then(|| fields.iter().map(whole).collect()).flatten();
        Some(Self {
            problem,
            couplings,
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

    /// Where in the block spin `i` is.
    pub(super) fn place(&self, i: usize) -> usize {
        self.place[i] as usize
    }

    /// Dense products are made at once, for all rows.
    fn multiply_all(&self, signs: &[Signs], sums: &mut [Sums], space: &mut TableSpace) {
        if let Couplings::Dense(_, tables) = &self.couplings {
            tables.sums(self.level, signs, sums, space);
        }
    }

    /// The coupling sums of `rows`, at most [`CHUNK`]; dense ones are in `sums`
    /// already.
    fn multiply<'s>(
        &self,
        signs: &[Signs],
        rows: Range<usize>,
        sums: &'s mut [Sums],
    ) -> &'s [Sums] {
        match &self.couplings {
            Couplings::Dense(..) => &sums[rows],
            Couplings::Sparse(split) => {
                let sums = &mut sums[..rows.len()];
                split.sums(self.level, signs, rows, sums);
                sums
            }
        }
    }

    /// The factors of a step at a fraction of the run.
    fn factors(&self, fraction: f64) -> Factors {
        let detuning = self.step_squared * (1.0 - self.pump.at(fraction)) * VELOCITY;
        Factors {
            force: self.force,
            limit: i16::MAX / self.force,
            detuning: detuning.round() as i16,
            heat: self.heat,
        }
    }
}

/// [`LANES`] replicas.
pub(super) struct Block {
    pub(super) x: Vec<Sums>,
    pub(super) v: Vec<Sums>,
    signs: Vec<Signs>,
    next: Vec<Signs>,
    sums: Vec<Sums>,
    space: TableSpace,
    /// `Σ sᵢ Fᵢ` and `Σ hᵢ sᵢ` of each replica.
    pairs: [i64; LANES],
    field_sums: [f64; LANES],
    /// The best states seen, and their energies.
    best: Vec<Signs>,
    energies: [f64; LANES],
}

impl Block {
    pub(super) fn new(machine: &FixedPoint<'_>, task: &Task<'_>) -> Self {
        let n = machine.fields.len();
        let mut x = vec![Sums::ZERO; n];
        let mut v = vec![Sums::ZERO; n];
        for lane in 0..LANES {
            let mut rng = task.rng(lane);
            let start = task.start(lane);
            for i in 0..n {
                let at = machine.place(i);
                let bits = rng.next_u32();
                // Positions in a tenth of the range, momenta y within ±1.
                let (low, high) = (bits as u16 as i16 / 10, (bits >> 16) as u16 as i16);
                let high = (0.5 * machine.step_squared.sqrt() * f64::from(high)) as i16;
                x[at].0[lane] = match start.map(|spins| spins[i]) {
                    None => low,
                    Some(1) => WALL / 2 + low,
                    Some(_) => -(WALL / 2) + low,
                };
                v[at].0[lane] = high;
            }
        }
        let mut signs = vec![Signs::UP; n];
        for (signs, x) in signs.iter_mut().zip(&x) {
            for (s, x) in signs.0.iter_mut().zip(&x.0) {
                *s = if *x < 0 { -1 } else { 1 };
            }
        }
        let buffered = if matches!(machine.couplings, Couplings::Dense(..)) { n } else { CHUNK };
        Self {
            x,
            v,
            best: signs.clone(),
            next: signs.clone(),
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
        self.sweep(machine, Some(machine.factors(fraction)), look);
        if look {
            self.keep_best(machine);
        }
        std::mem::swap(&mut self.signs, &mut self.next);
    }

    /// A look at the state as it is.
    pub(super) fn look(&mut self, machine: &FixedPoint<'_>) {
        self.sweep(machine, None, true);
        self.keep_best(machine);
    }

    fn sweep(&mut self, machine: &FixedPoint<'_>, factors: Option<Factors>, look: bool) {
        let n = self.x.len();
        if look {
            self.pairs = [0; LANES];
            self.field_sums = [0.0; LANES];
        }
        machine.multiply_all(&self.signs, &mut self.sums, &mut self.space);
        for first in (0..n).step_by(CHUNK) {
            let rows = first..(first + CHUNK).min(n);
            let sums = machine.multiply(&self.signs, rows.clone(), &mut self.sums);
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
            if let Some(factors) = factors {
                let spins = Spins {
                    x: &mut self.x[rows.clone()],
                    v: &mut self.v[rows.clone()],
                    signs: &mut self.next[rows.clone()],
                    fields: &machine.pushes[rows],
                };
                step(machine.level, factors, sums, spins);
            }
        }
    }

    /// Takes over the states of the replicas that have not been better.
    fn keep_best(&mut self, machine: &FixedPoint<'_>) {
        let mut mask = [0_i8; LANES];
        let mut any = false;
        let offset = machine.problem.offset();
        for (lane, mask) in mask.iter_mut().enumerate() {
            let energy =
                offset - 0.5 * machine.unit * self.pairs[lane] as f64 - self.field_sums[lane];
            if energy < self.energies[lane] {
                self.energies[lane] = energy;
                *mask = -1;
                any = true;
            }
        }
        if any {
            run(machine.level, Select { mask, from: &self.signs, to: &mut self.best });
        }
    }

    /// Reports the best of all replicas.
    fn offer(&self, machine: &FixedPoint<'_>, task: &mut Task<'_>, spins: &mut [i8]) {
        let mut best = 0;
        for lane in 1..task.lanes() {
            if self.energies[lane] < self.energies[best] {
                best = lane;
            }
        }
        // Below the best by more than rounding.
        if self.energies[best] < task.best_energy() - 1e-9 * task.best_energy().abs() {
            self.extract(machine, best, spins);
            task.offer(spins, self.energies[best]);
        }
    }

    fn extract(&self, machine: &FixedPoint<'_>, lane: usize, spins: &mut [i8]) {
        for (spin, place) in spins.iter_mut().zip(&machine.place) {
            *spin = self.best[*place as usize].0[lane];
        }
    }

    /// For each replica, is its best state known to be one that no single flip
    /// improves? Ends the run: the states go.
    fn settled(&mut self, machine: &FixedPoint<'_>) -> [bool; LANES] {
        let Some(fields) = &machine.whole_fields else { return [false; LANES] };
        self.signs.copy_from_slice(&self.best);
        let mut least = [0_i16; LANES];
        machine.multiply_all(&self.signs, &mut self.sums, &mut self.space);
        for first in (0..self.x.len()).step_by(CHUNK) {
            let rows = first..(first + CHUNK).min(self.x.len());
            let sums = machine.multiply(&self.signs, rows.clone(), &mut self.sums);
            let (signs, fields) = (&self.signs[rows.clone()], &fields[rows]);
            run(machine.level, LeastStability { sums, signs, fields, least: &mut least });
        }
        least.map(|least| least == 0)
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
        let settled = block.settled(self);
        let mut fields = vec![0; if self.whole_fields.is_some() { spins.len() } else { 0 }];
        for (lane, settled) in settled.into_iter().enumerate().take(task.lanes()) {
            block.extract(self, lane, &mut spins);
            let energy = block.energies[lane];
            match (&self.couplings, &self.whole_fields) {
                _ if settled => task.finish_polished(&spins, energy, energy, made),
                (Couplings::Dense(bits, _), Some(whole)) => {
                    // The sums of the best states are still there.
                    for ((f, sums), h) in fields.iter_mut().zip(&block.sums).zip(whole) {
                        *f = i32::from(sums.0[lane]) + i32::from(*h);
                    }
                    let change = bits.descend(&mut spins, &mut fields);
                    let polished = energy + self.unit * change as f64;
                    task.finish_polished(&spins, energy, polished, made);
                }
                _ => task.finish(&mut spins, made),
            }
        }
    }
}

/// Adds `sᵢ Fᵢ` of each replica.
struct PairSums<'a> {
    sums: &'a [Sums],
    signs: &'a [Signs],
    pairs: &'a mut [i64; LANES],
}

impl Kernel for PairSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // A chunk's sums, at most 2¹⁵ each, stay below 2³¹.
        let mut totals = [0_i32; LANES];
        for (sums, signs) in self.sums.iter().zip(self.signs) {
            for ((total, f), s) in totals.iter_mut().zip(&sums.0).zip(&signs.0) {
                *total = total.wrapping_add(i32::from(f.wrapping_mul(i16::from(*s))));
            }
        }
        for (pairs, total) in self.pairs.iter_mut().zip(&totals) {
            *pairs += i64::from(*total);
        }
    }
}

/// Lowers `least` to the smallest `sᵢ (Fᵢ + hᵢ)` of each replica.
struct LeastStability<'a> {
    sums: &'a [Sums],
    signs: &'a [Signs],
    fields: &'a [i16],
    least: &'a mut [i16; LANES],
}

impl Kernel for LeastStability<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((sums, signs), h) in self.sums.iter().zip(self.signs).zip(self.fields) {
            for ((least, f), s) in self.least.iter_mut().zip(&sums.0).zip(&signs.0) {
                *least = (*least).min(f.wrapping_add(*h).wrapping_mul(i16::from(*s)));
            }
        }
    }
}

/// Adds `hᵢ sᵢ` of each replica.
struct FieldSums<'a> {
    fields: &'a [f64],
    signs: &'a [Signs],
    sums: &'a mut [f64; LANES],
}

impl Kernel for FieldSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (h, signs) in self.fields.iter().zip(self.signs) {
            for (sum, s) in self.sums.iter_mut().zip(&signs.0) {
                *sum += h * f64::from(*s);
            }
        }
    }
}

/// Copies the replicas whose mask is −1; others have 0.
struct Select<'a> {
    mask: [i8; LANES],
    from: &'a [Signs],
    to: &'a mut [Signs],
}

impl Kernel for Select<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (from, to) in self.from.iter().zip(self.to) {
            for ((to, from), mask) in to.0.iter_mut().zip(&from.0).zip(&self.mask) {
                *to = *from & *mask | *to & !*mask;
            }
        }
    }
}
