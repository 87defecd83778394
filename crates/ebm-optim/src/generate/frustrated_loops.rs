//! Planted ground states on any graph: a sum of frustrated loops.
//!
//! With all spins up planted, each term is a closed path with couplings +1
//! except for one of −1:
//!
//! ```text
//! H = Σ_loops (−Σ_{edges ≠ e} s s' + s_e s'_e)
//! ```
//!
//! A state violates an odd number of the edges of such a loop, at least one, and
//! the planted state violates exactly one. It is thus optimal on every loop, and
//! so on their sum. A random gauge hides it. Loops come from random walks that
//! stop where they cross themselves. With weights `w = −J` the planted state is
//! a maximum cut of the graph.
//!
//! Source: I. Hen et al., Phys. Rev. A 92, 042325 (2015), arXiv 1502.01663.

use std::collections::BTreeMap;

use ebm_core::random;
use rand::RngExt;

use super::{Planted, check_edges, gauge, parameter, random_spins};
use crate::{Error, Ising};

/// Number and least length of loops.
///
/// ```
/// use ebm_optim::generate::{FrustratedLoops, random_regular};
/// let cubic = random_regular(100, 3, 1)?;
/// let planted = FrustratedLoops::default().sample(100, &cubic, 1)?;
/// assert_eq!(planted.problem.energy(&planted.spins)?, planted.energy);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrustratedLoops {
    /// Loops per node.
    pub density: f64,
    /// Fewest edges of a loop.
    pub least_length: usize,
}

impl Default for FrustratedLoops {
    /// 0.4 loops per node of at least 6 edges: sparse loops rarely touch, dense
    /// ones agree on most edges, and the hard problems lie between.
    fn default() -> Self {
        Self { density: 0.4, least_length: 6 }
    }
}

/// Walks tried for a loop before the graph is taken to have none.
const WALKS: usize = 1000;

impl FrustratedLoops {
    /// A problem on `pairs` with its ground state.
    ///
    /// # Errors
    /// No nodes, a density that is not positive or asks for more than 2²⁷
    /// edges, pairs out of range or of a node with itself, a graph in which
    /// random walks find no long enough loop.
    pub fn sample(
        &self,
        nodes: usize,
        pairs: &[(usize, usize)],
        seed: u64,
    ) -> Result<Planted, Error> {
        ebm_core::validate::positive("loops per node", self.density)?;
        if nodes == 0 {
            return Err(parameter("nodes of a planted problem", "at least 1", 0.0));
        }
        let loops = (self.density * nodes as f64).round().max(1.0);
        let shortest = self.least_length.max(3) as u64;
        check_edges(if loops < 1e9 { (loops as u64).checked_mul(shortest) } else { None })?;
        let mut neighbors = vec![vec![]; nodes];
        for &(i, j) in pairs {
            if i.max(j) >= nodes {
                let (index, bound) = (i.max(j), nodes);
                return Err(ebm_core::Error::OutOfRange { what: "node", index, bound }.into());
            }
            if i == j {
                let expected = "not coupled with itself";
                return Err(parameter("node", expected, i as f64));
            }
            neighbors[i].push(j);
            neighbors[j].push(i);
        }
        let mut rng = random::stream(seed, 0);
        let mut walk = Walk::new(nodes);
        let mut sums = BTreeMap::new();
        let mut energy = 0.0;
        for _ in 0..loops as u64 {
            let found = (0..WALKS).find_map(|_| {
                let closed = walk.closed(&neighbors, &mut rng)?;
                (closed.len() >= self.least_length).then(|| closed.to_vec())
            });
            let Some(ring) = found else {
                let length = self.least_length as f64;
                return Err(parameter("least length of a loop", "one the graph has", length));
            };
            let violated = rng.random_range(0..ring.len());
            for k in 0..ring.len() {
                let (a, b) = (ring[k], ring[(k + 1) % ring.len()]);
                let w = if k == violated { -1.0 } else { 1.0 };
                *sums.entry((a.min(b), a.max(b))).or_insert(0.0) += w;
            }
            energy -= ring.len() as f64 - 2.0;
        }
        let nonzero = sums.into_iter().filter(|(_, w)| *w != 0.0);
        let mut couplings: Vec<_> = nonzero.map(|((i, j), w)| (i, j, w)).collect();
        let spins = random_spins(nodes, seed);
        gauge(&mut couplings, &spins);
        let problem = Ising::from_couplings(nodes, &couplings)?;
        Ok(Planted { problem, spins, energy })
    }
}

/// A random walk that never turns back.
struct Walk {
    path: Vec<usize>,
    /// Position of each node in the path, or none.
    position: Vec<usize>,
}

const ABSENT: usize = usize::MAX;

impl Walk {
    fn new(nodes: usize) -> Self {
        Self { path: vec![], position: vec![ABSENT; nodes] }
    }

    /// The nodes of the loop with which the walk first meets itself; `None` if
    /// it comes to a dead end.
    fn closed(
        &mut self,
        neighbors: &[Vec<usize>],
        rng: &mut rand_chacha::ChaCha8Rng,
    ) -> Option<&[usize]> {
        for &node in &self.path {
            self.position[node] = ABSENT;
        }
        self.path.clear();
        let mut at = rng.random_range(0..neighbors.len());
        let mut before = ABSENT;
        while self.position[at] == ABSENT {
            self.position[at] = self.path.len();
            self.path.push(at);
            let forward = neighbors[at].iter().filter(|&&next| next != before).count();
            if forward == 0 {
                return None;
            }
            let k = rng.random_range(0..forward);
            let next = neighbors[at].iter().filter(|&&next| next != before).nth(k).copied()?;
            (before, at) = (at, next);
        }
        Some(&self.path[self.position[at]..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhaustive;
    use crate::generate::{erdos_renyi, random_regular, toroidal_grid};

    #[test]
    fn planted_states_are_optimal() {
        for seed in 0..8 {
            for (nodes, pairs) in [
                (16, toroidal_grid(4, 4).unwrap()),
                (14, random_regular(14, 3, seed).unwrap()),
                (12, erdos_renyi(12, 30, seed).unwrap()),
            ] {
                for density in [0.05, 0.4, 1.5] {
                    let loops = FrustratedLoops { density, least_length: 4 };
                    let planted = loops.sample(nodes, &pairs, seed).unwrap();
                    let found = exhaustive::ground_state(&planted.problem).unwrap();
                    assert_eq!(found.energy, planted.energy);
                    assert_eq!(planted.problem.energy(&planted.spins).unwrap(), planted.energy);
                    let allowed = |i, j| pairs.contains(&(i, j));
                    assert!(planted.problem.pairs().all(|(i, j, _)| allowed(i, j)));
                }
            }
        }
    }

    #[test]
    fn settings_are_checked() {
        let loops = |density, least_length| FrustratedLoops { density, least_length };
        let ring: Vec<_> = (0..5).map(|i| (i, (i + 1) % 5)).collect();
        assert!(loops(0.5, 5).sample(5, &ring, 1).is_ok());
        assert!(loops(0.5, 6).sample(5, &ring, 1).is_err());
        assert!(loops(0.5, 3).sample(4, &ring, 1).is_err());
        assert!(loops(0.5, 3).sample(0, &[], 1).is_err());
        assert!(loops(0.5, 3).sample(5, &ring[..4], 1).is_err());
        assert!(loops(0.5, 3).sample(3, &[(1, 1)], 1).is_err());
        assert!(loops(f64::NAN, 3).sample(5, &ring, 1).is_err());
        assert!(loops(1e300, 3).sample(5, &ring, 1).is_err());
        assert!(loops(1.0, usize::MAX).sample(5, &ring, 1).is_err());
    }
}
