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

use crate::clusters::Clusters;
use crate::spin_system::{Count, Links, SpinState, System};

/// Scratch memory of the moves on one system.
pub(crate) struct ClusterMove {
    clusters: Clusters,
    /// Spins that turn the first copy into the best recombination.
    toggles: Vec<u32>,
    largest: usize,
}

impl ClusterMove {
    /// Room for the moves; clusters of more than `largest` spins stay.
    pub(crate) fn new(slots: usize, has_fields: bool, largest: usize) -> Self {
        Self {
            clusters: Clusters::new(slots, has_fields),
            toggles: Vec::with_capacity(slots),
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
        self.clusters.compare(system, &a.spins, &b.spins);
        self.toggles.clear();
        let mut lowest = a.energy;
        while let Some(change) = self.clusters.grow(system, a) {
            let members = self.clusters.members();
            if members.len() > self.largest {
                continue;
            }
            let exchange = rng.random::<bool>();
            lowest += change.min(0);
            if exchange != (change < 0) {
                self.toggles.extend_from_slice(members);
            }
            if exchange {
                for &slot in members {
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
}
