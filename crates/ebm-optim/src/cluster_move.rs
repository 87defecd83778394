//! Isoenergetic cluster moves between two copies at one temperature.
//!
//! ```text
//! qᵢ = sᵢᵃ sᵢᵇ;   for each connected cluster C of {i : qᵢ = −1}, with probability ½:
//! sᵢᵃ ← −sᵢᵃ,  sᵢᵇ ← −sᵢᵇ  for i ∈ C,     Hᵃ + Hᵇ unchanged
//! ```
//!
//! The neighbors of a cluster have `q = +1`, so what one copy loses at the
//! boundary the other gains; the overlap `q`, and with it the set of clusters,
//! stays as it is. The moves therefore keep the law `∝ e^{−(Hᵃ + Hᵇ)/T}` without
//! any rejection, and carry whole domains across barriers where clusters are
//! small: on graphs of low dimension. Without fields a global flip of a copy is
//! free, so `q` may be taken with the sign that has fewer `−1`.
//!
//! Source: J. Houdayer, Eur. Phys. J. B 22, 479 (2001); Z. Zhu, A. J. Ochoa and
//! H. G. Katzgraber, arXiv 1501.05630. They exchange one cluster at a time.

use rand::{Rng, RngExt};

use crate::spin_system::{Count, Links, SpinState, System};

/// How a slot stands in a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overlap {
    Plus,
    /// Overlap −1, not yet in a cluster.
    Minus,
    /// Overlap −1, in a cluster.
    Claimed,
}

/// Scratch memory of the moves on one system.
pub(crate) struct ClusterMove {
    overlap: Vec<Overlap>,
    /// The members of the cluster at hand.
    members: Vec<u32>,
    /// Spins that turn the first copy into the best recombination.
    toggles: Vec<u32>,
    has_fields: bool,
    largest: usize,
}

impl ClusterMove {
    /// Room for the moves; clusters of more than `largest` spins stay.
    pub(crate) fn new(slots: usize, has_fields: bool, largest: usize) -> Self {
        Self {
            overlap: vec![Overlap::Plus; slots],
            members: Vec::with_capacity(slots),
            toggles: Vec::with_capacity(slots),
            has_fields,
            largest,
        }
    }

    /// One pass over all clusters of two copies. Returns the energy of the best
    /// recombination of the two, which takes each cluster from the copy where it
    /// is lower: [`toggles`](Self::toggles) make it from the first copy.
    pub(crate) fn pass<F: Count, L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        a: &mut SpinState<F>,
        b: &mut SpinState<F>,
        rng: &mut impl Rng,
    ) -> i64 {
        let mut count = 0;
        for (slot, overlap) in self.overlap.iter_mut().enumerate() {
            let differs = a.spins[slot].to_i32() != b.spins[slot].to_i32();
            count += usize::from(differs);
            *overlap = if differs { Overlap::Minus } else { Overlap::Plus };
        }
        if !self.has_fields && 2 * count > system.spins() {
            for &slot in system.slots_of_spins() {
                let overlap = &mut self.overlap[slot as usize];
                *overlap = if *overlap == Overlap::Plus { Overlap::Minus } else { Overlap::Plus };
            }
        }
        self.toggles.clear();
        let mut lowest = a.energy;
        for seed in 0..self.overlap.len() {
            if self.overlap[seed] != Overlap::Minus {
                continue;
            }
            let change = self.grow(system, a, seed);
            if self.members.len() > self.largest {
                continue;
            }
            let exchange = rng.random::<bool>();
            lowest += change.min(0);
            if exchange != (change < 0) {
                self.toggles.extend_from_slice(&self.members);
            }
            if exchange {
                for &slot in &self.members {
                    system.flip(a, slot as usize);
                    system.flip(b, slot as usize);
                }
            }
        }
        lowest
    }

    /// The spins by which the first copy differs from the recombination.
    pub(crate) fn toggles(&self) -> &[u32] {
        &self.toggles
    }

    /// Collects the cluster of `seed`; returns by how much the energy of `state`
    /// changes if the cluster is flipped.
    fn grow<F: Count, L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        state: &SpinState<F>,
        seed: usize,
    ) -> i64 {
        let Self { overlap, members, .. } = self;
        members.clear();
        members.push(seed as u32);
        overlap[seed] = Overlap::Claimed;
        let (mut change, mut next) = (0, 0);
        while let Some(&slot) = members.get(next) {
            next += 1;
            let slot = slot as usize;
            let mut outside = i64::from(state.fields[slot].to_i32());
            system.links.for_each(slot, |j, weight| {
                let j = j as usize;
                // Fillers lie beyond the last slot. Coupled spins of overlap −1
                // belong to the same cluster.
                if j >= overlap.len() || overlap[j] == Overlap::Plus {
                    return;
                }
                outside -= i64::from(weight * state.spins[j].to_i32());
                if overlap[j] == Overlap::Minus {
                    overlap[j] = Overlap::Claimed;
                    members.push(j as u32);
                }
            });
            change += 2 * outside * i64::from(state.spins[slot].to_i32());
        }
        change
    }
}
