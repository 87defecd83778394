//! The best state a replica has seen, kept and reported at bounded cost.

use crate::Task;
use crate::spin_system::{Count, Links, SpinState, System};

/// The best state so far, by slot.
pub(crate) struct Best<F> {
    spins: Vec<F>,
    energy: i64,
    unreported: bool,
    /// Looks since the last report.
    looks: usize,
    unit: f64,
    offset: f64,
    /// The state in the order of the problem.
    buffer: Vec<i8>,
}

/// Looks between two reports, each of which costs about as much as a few sweeps.
const PATIENCE: usize = 64;

impl<F: Count> Best<F> {
    /// Energies are `unit · energy + offset` to the task.
    pub(crate) fn new<L: Links<F>>(
        system: &System<F, L>,
        state: &SpinState<F>,
        unit: f64,
        offset: f64,
    ) -> Self {
        Self {
            spins: state.spins.clone(),
            energy: state.energy,
            unreported: true,
            looks: 0,
            unit,
            offset,
            buffer: vec![1; system.spins()],
        }
    }

    pub(crate) fn energy(&self) -> i64 {
        self.energy
    }

    /// Remembers the state if it is the best so far.
    pub(crate) fn keep(&mut self, state: &SpinState<F>) {
        if state.energy < self.energy {
            self.energy = state.energy;
            self.spins.copy_from_slice(&state.spins);
            self.unreported = true;
        }
    }

    /// Remembers a state of the given energy, made from another by flips.
    pub(crate) fn keep_recombined(&mut self, state: &SpinState<F>, flips: &[u32], energy: i64) {
        if energy < self.energy {
            self.energy = energy;
            self.spins.copy_from_slice(&state.spins);
            for &slot in flips {
                let spin = &mut self.spins[slot as usize];
                *spin = spin.neg();
            }
            self.unreported = true;
        }
    }

    /// Takes a state back to the best, flip by flip.
    pub(crate) fn restore<L: Links<F>>(&self, system: &System<F, L>, state: &mut SpinState<F>) {
        for &slot in system.slots_of_spins() {
            let slot = slot as usize;
            if state.spins[slot].to_i32() != self.spins[slot].to_i32() {
                system.flip(state, slot);
            }
        }
    }

    /// Tells the task of an improvement now and then: for looks every few sweeps.
    pub(crate) fn report<L: Links<F>>(&mut self, system: &System<F, L>, task: &mut Task<'_>) {
        self.looks += 1;
        if self.unreported && self.looks >= PATIENCE {
            self.report_now(system, task);
        }
    }

    /// Tells the task of an improvement: for looks many sweeps apart.
    pub(crate) fn report_now<L: Links<F>>(&mut self, system: &System<F, L>, task: &mut Task<'_>) {
        self.looks = 0;
        if std::mem::take(&mut self.unreported) {
            let energy = self.energy as f64 * self.unit + self.offset;
            if energy < task.best_energy() {
                system.read(&self.spins, &mut self.buffer);
                task.offer(&self.buffer, energy);
            }
        }
    }

    /// Polishes `last`, which may lie in another valley, and ends the replica
    /// with the best state.
    pub(crate) fn finish<L: Links<F>>(
        mut self,
        system: &System<F, L>,
        last: &SpinState<F>,
        task: &mut Task<'_>,
        steps: usize,
    ) {
        self.keep(last);
        if last.energy > self.energy {
            system.read(&last.spins, &mut self.buffer);
            task.polish(&mut self.buffer);
        }
        system.read(&self.spins, &mut self.buffer);
        task.finish(&mut self.buffer, steps);
    }
}
