//! The neighborhood of one-flip local searches: a state, what each flip would
//! gain, and which spins may not move for a while.

use rand::{Rng, RngExt};

use crate::gain_buckets::GainBuckets;
use crate::spin_system::{Count, Links, SpinState, System};

/// Gains beyond which buckets would be too many.
const LARGEST_BUCKET: i32 = 1 << 14;

/// A state with its flips in order of their gain.
pub(crate) struct OneFlipMoves<F: Count> {
    pub(crate) state: SpinState<F>,
    /// None if a scan is faster or gains are too many.
    buckets: Option<GainBuckets>,
    /// Flips made.
    now: u64,
    /// The number of the flip from which on a slot may move.
    free_at: Vec<u64>,
}

impl<F: Count> OneFlipMoves<F> {
    pub(crate) fn new<L: Links<F>>(system: &System<F, L>, spins: &[i8]) -> Self {
        let mut state = system.state();
        system.set(&mut state, spins);
        let largest = system.largest_field();
        let bucketed = !L::DENSE && largest <= LARGEST_BUCKET;
        let buckets = bucketed.then(|| GainBuckets::new(system.slots(), largest));
        let mut moves = Self { state, buckets, now: 0, free_at: vec![0; system.slots()] };
        moves.sort(system);
        moves
    }

    /// Fills the buckets from scratch.
    pub(crate) fn sort<L: Links<F>>(&mut self, system: &System<F, L>) {
        let Some(buckets) = &mut self.buckets else { return };
        buckets.clear();
        for &slot in system.slots_of_spins() {
            buckets.put(slot, self.state.gain(slot as usize));
        }
    }

    /// Flips the spin in a slot and bars it from moving for `tenure` flips.
    pub(crate) fn flip<L: Links<F>>(&mut self, system: &System<F, L>, slot: usize, tenure: u64) {
        system.flip(&mut self.state, slot);
        self.now += 1;
        self.free_at[slot] = self.now + tenure;
        if let Some(buckets) = &mut self.buckets {
            let state = &self.state;
            buckets.put(slot as u32, state.gain(slot));
            system.links.for_each(slot, |j, _| {
                if (j as usize) < system.slots() {
                    buckets.put(j, state.gain(j as usize));
                }
            });
        }
    }

    /// Work of choosing and making a flip, in blocks tested.
    pub(crate) fn work<L: Links<F>>(&self, system: &System<F, L>) -> usize {
        if self.buckets.is_some() { 4 } else { system.slots() / 4 }
    }

    /// Lets a flip's time go by without one.
    pub(crate) fn pass(&mut self) {
        self.now += 1;
    }

    /// The slot of the best flip that `allowed` accepts; ties at random or by
    /// the latest change.
    pub(crate) fn best<L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        rng: &mut impl Rng,
        mut allowed: impl FnMut(&SpinState<F>, usize) -> bool,
    ) -> Option<usize> {
        let state = &self.state;
        if let Some(buckets) = &mut self.buckets {
            return buckets.first(|slot| allowed(state, slot as usize)).map(|slot| slot as usize);
        }
        // From a random slot on, so that ties are not always for the first.
        let slots = system.slots_of_spins();
        let (tail, head) = slots.split_at(rng.random_range(0..slots.len()));
        let mut best = None;
        let mut least = i32::MAX;
        for &slot in head.iter().chain(tail) {
            let slot = slot as usize;
            let gain = state.gain(slot);
            if gain < least && allowed(state, slot) {
                (best, least) = (Some(slot), gain);
            }
        }
        best
    }

    /// The best flip of a tabu search: of the spins that may move, or of any if
    /// it leads below `record`.
    pub(crate) fn best_not_tabu<L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        rng: &mut impl Rng,
        record: i64,
    ) -> Option<usize> {
        let now = self.now;
        let free_at = std::mem::take(&mut self.free_at);
        let chosen = self.best(system, rng, |state, slot| {
            free_at[slot] <= now || state.energy + 2 * i64::from(state.gain(slot)) < record
        });
        self.free_at = free_at;
        chosen
    }

    /// The best flip of the spins of one sign that may move.
    pub(crate) fn best_free<L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        rng: &mut impl Rng,
        sign: i32,
    ) -> Option<usize> {
        let now = self.now;
        let free_at = std::mem::take(&mut self.free_at);
        let chosen = self.best(system, rng, |state, slot| {
            free_at[slot] <= now && state.spins[slot].to_i32() == sign
        });
        self.free_at = free_at;
        chosen
    }
}
