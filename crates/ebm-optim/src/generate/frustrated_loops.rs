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

use ebm_core::random;
use rand::RngExt;

use super::{MAX_EDGES, Planted, check_edges, gauge, parameter, random_spins};
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

/// Loops after which the length of all is estimated.
const TRIAL: u64 = 100;

impl FrustratedLoops {
    /// A problem on `pairs` with its ground state.
    ///
    /// # Errors
    /// No nodes, a density that is not positive, loops of more than 2²⁷ edges in
    /// total (those of random graphs are as long as the square root of their
    /// size), pairs out of range or of a node with itself, a graph in which
    /// random walks find no long enough loop.
    pub fn sample(
        &self,
        nodes: usize,
        pairs: &[(usize, usize)],
        seed: u64,
    ) -> Result<Planted, Error> {
        ebm_core::validate::positive("loops per node", self.density)?;
        if nodes == 0 || nodes > u32::MAX as usize {
            return Err(parameter("nodes of a planted problem", "1 to 2^32 − 1", nodes as f64));
        }
        let loops = (self.density * nodes as f64).round().max(1.0);
        let shortest = self.least_length.max(3) as u64;
        check_edges(if loops < 1e9 { (loops as u64).checked_mul(shortest) } else { None })?;
        check_edges(Some(pairs.len() as u64))?;
        for &(i, j) in pairs {
            if i.max(j) >= nodes {
                let (index, bound) = (i.max(j), nodes);
                return Err(ebm_core::Error::OutOfRange { what: "node", index, bound }.into());
            }
            if i == j {
                let expected = "not coupled with itself";
                return Err(parameter("node", expected, i as f64));
            }
        }
        let mut rng = random::stream(seed, 0);
        let mut walk = Walk::new(nodes, pairs);
        let mut sums = vec![0_i32; pairs.len()];
        let (mut energy, mut length) = (0.0, 0);
        for made in 0..loops as u64 {
            let expected = length as f64 / made.max(1) as f64 * loops;
            if made >= TRIAL && expected > MAX_EDGES as f64 {
                let (what, limit) = ("edges of frustrated loops", MAX_EDGES as usize);
                let size = expected as usize;
                return Err(ebm_core::Error::TooLarge { what, size, limit }.into());
            }
            let found = (0..WALKS).find_map(|_| {
                let closed = walk.closed(&mut rng)?;
                (closed.len() >= self.least_length).then(|| closed.to_vec())
            });
            let Some(ring) = found else {
                let length = self.least_length as f64;
                return Err(parameter("least length of a loop", "one the graph has", length));
            };
            let violated = rng.random_range(0..ring.len());
            for (k, pair) in ring.iter().enumerate() {
                sums[*pair as usize] += if k == violated { -1 } else { 1 };
            }
            energy -= ring.len() as f64 - 2.0;
            length += ring.len() as u64;
        }
        let edge = |(&(i, j), &w): (&(usize, usize), &i32)| (i.min(j), i.max(j), f64::from(w));
        let mut couplings: Vec<_> = pairs.iter().zip(&sums).map(edge).collect();
        // A pair may have been given twice.
        couplings.sort_by_key(|&(i, j, _)| (i, j));
        couplings.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        couplings.retain(|(_, _, w)| *w != 0.0);
        let spins = random_spins(nodes, seed);
        gauge(&mut couplings, &spins);
        let problem = Ising::from_couplings(nodes, &couplings)?;
        Ok(Planted { problem, spins, energy })
    }
}

/// A random walk that never turns back.
struct Walk {
    /// First place of each node in `ways`.
    starts: Vec<u32>,
    /// Neighbor, and the pair that leads there.
    ways: Vec<(u32, u32)>,
    path: Vec<u32>,
    /// The pair by which each node of the path was left.
    taken: Vec<u32>,
    /// Position of each node in the path, or none.
    position: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Walk {
    /// On valid pairs, no more than [`MAX_EDGES`].
    fn new(nodes: usize, pairs: &[(usize, usize)]) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for &(i, j) in pairs {
            starts[i + 1] += 1;
            starts[j + 1] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut ways = vec![(0, 0); 2 * pairs.len()];
        for (k, &(i, j)) in pairs.iter().enumerate() {
            for (from, to) in [(i, j), (j, i)] {
                ways[next[from] as usize] = (to as u32, k as u32);
                next[from] += 1;
            }
        }
        Self { starts, ways, path: vec![], taken: vec![], position: vec![ABSENT; nodes] }
    }

    /// The pairs of the loop with which the walk first meets itself; `None` if
    /// it comes to a dead end.
    fn closed(&mut self, rng: &mut rand_chacha::ChaCha8Rng) -> Option<&[u32]> {
        for &node in &self.path {
            self.position[node as usize] = ABSENT;
        }
        self.path.clear();
        self.taken.clear();
        let mut at = rng.random_range(0..self.position.len()) as u32;
        let mut before = ABSENT;
        while self.position[at as usize] == ABSENT {
            self.position[at as usize] = self.path.len() as u32;
            self.path.push(at);
            let row = self.starts[at as usize] as usize..self.starts[at as usize + 1] as usize;
            let forward = || self.ways[row.clone()].iter().filter(|way| way.0 != before);
            let count = forward().count();
            if count == 0 {
                return None;
            }
            let &(next, pair) = forward().nth(rng.random_range(0..count))?;
            self.taken.push(pair);
            (before, at) = (at, next);
        }
        Some(&self.taken[self.position[at as usize] as usize..])
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
        // A pair given twice is one.
        assert!(loops(0.5, 5).sample(5, &[&ring[..], &ring[..]].concat(), 1).is_ok());
        // Loops of a long ring are as long.
        let ring: Vec<_> = (0..100_000).map(|i| (i, (i + 1) % 100_000)).collect();
        let message = loops(0.4, 6).sample(100_000, &ring, 1).unwrap_err().to_string();
        assert!(message.starts_with("edges of frustrated loops"), "{message}");
    }
}
