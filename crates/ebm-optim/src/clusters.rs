//! The connected clusters of the spins in which two states differ.
//!
//! ```text
//! qᵢ = sᵢᵃ sᵢᵇ,    clusters: connected components of {i : qᵢ = −1}
//! ΔHᵃ(C) = 2 Σ_{i ∈ C} sᵢᵃ (fᵢᵃ − Σ_{j ∈ C} Aᵢⱼ sⱼᵃ)    where cluster C is flipped
//! ```
//!
//! No coupling joins two clusters, so flipping one leaves `ΔH` of the others.

use crate::spin_system::{Count, Links, SpinState, System};

/// How a slot stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overlap {
    Plus,
    /// Overlap −1, not yet in a cluster.
    Minus,
    /// Overlap −1, in a cluster.
    Claimed,
}

/// Scratch memory for the clusters of one system.
pub(crate) struct Clusters {
    overlap: Vec<Overlap>,
    /// The members of the cluster at hand.
    members: Vec<u32>,
    /// The first slot that may begin the next cluster.
    next: usize,
    has_fields: bool,
}

impl Clusters {
    pub(crate) fn new(slots: usize, has_fields: bool) -> Self {
        let (overlap, members) = (vec![Overlap::Plus; slots], Vec::with_capacity(slots));
        Self { overlap, members, next: 0, has_fields }
    }

    /// Compares two states. Without fields a state and its negative are the same
    /// solution, so the overlap is taken with the sign that has fewer `−1`.
    pub(crate) fn compare<F: Count, L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        a: &[F],
        b: &[F],
    ) {
        let mut count = 0;
        for (slot, overlap) in self.overlap.iter_mut().enumerate() {
            let differs = a[slot].to_i32() != b[slot].to_i32();
            count += usize::from(differs);
            *overlap = if differs { Overlap::Minus } else { Overlap::Plus };
        }
        if !self.has_fields && 2 * count > system.spins() {
            for &slot in system.slots_of_spins() {
                let overlap = &mut self.overlap[slot as usize];
                *overlap = if *overlap == Overlap::Plus { Overlap::Minus } else { Overlap::Plus };
            }
        }
        self.next = 0;
    }

    /// Collects the next cluster; by how much the energy of `state`, one of the
    /// two or made of it by flips of earlier clusters, changes if it is flipped.
    pub(crate) fn grow<F: Count, L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        state: &SpinState<F>,
    ) -> Option<i64> {
        let Self { overlap, members, .. } = self;
        let seed = self.next + overlap[self.next..].iter().position(|q| *q == Overlap::Minus)?;
        self.next = seed + 1;
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
        Some(change)
    }

    /// The slots of the cluster at hand.
    pub(crate) fn members(&self) -> &[u32] {
        &self.members
    }
}
