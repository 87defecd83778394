//! Random regular graphs: stubs paired at random, defects switched away.
//!
//! Each node has as many stubs as its degree `d`. A pairing of all stubs at
//! random makes some loops and double edges, about `(d² − 1)/4` of them however
//! large the graph; each is removed by a switch with a random edge:
//! `ab, cd → ac, bd`. As every graph comes from equally many pairings, `d!ⁿ`, it
//! is uniform if nothing had to be repaired, and a few switches make little
//! difference to a large one. A small one is switched on at random, ten times for
//! each edge: where such a switch would make a defect it is left out, so the
//! chain is symmetric, its stationary law uniform, and no step of it leads
//! further away.
//!
//! Sources: B. Bollobás, Eur. J. Comb. 1, 311 (1980); B. D. McKay and N. C.
//! Wormald, J. Algorithms 11, 52 (1990), doi:10.1016/0196-6774(90)90029-E, for
//! the repair; C. Cooper, M. Dyer and C. Greenhill, Comb. Probab. Comput. 16, 557
//! (2007), doi:10.1017/S0963548306007978, for the chain.

use ebm_core::random;
use rand::{Rng, RngExt};

use super::{check_edges, parameter};
use crate::Error;
use crate::pair_map::{PairMap, pair};

/// The sorted edges of a random graph in which all nodes have `degree`
/// neighbors.
///
/// ```
/// let cubic = ebm_optim::generate::random_regular(100, 3, 1)?;
/// assert_eq!(cubic.len(), 150);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// No nodes, a degree that is not below their number, an odd number of stubs,
/// more than 2²⁷ edges.
pub fn random_regular(
    nodes: usize,
    degree: usize,
    seed: u64,
) -> Result<Vec<(usize, usize)>, Error> {
    if nodes == 0 {
        return Err(parameter("nodes of a regular graph", "at least 1", 0.0));
    }
    if degree >= nodes {
        let expected = "less than the number of nodes";
        return Err(parameter("degree of a regular graph", expected, degree as f64));
    }
    let stubs = (nodes as u64).checked_mul(degree as u64);
    check_edges(stubs.map(|stubs| stubs / 2))?;
    if nodes % 2 == 1 && degree % 2 == 1 {
        let expected = "even for an odd number of nodes";
        return Err(parameter("degree of a regular graph", expected, degree as f64));
    }
    // Dense graphs leave no room to switch, their complements do.
    let dense = 2 * degree >= nodes;
    if dense {
        check_edges((nodes as u64).checked_mul(nodes as u64 - 1).map(|twice| twice / 2))?;
    }
    let drawn = if dense { nodes - 1 - degree } else { degree };
    let mut rng = random::stream(seed, 0);
    let mut edges = loop {
        if let Some(mut pairing) = Pairing::new(nodes, drawn, &mut rng).repaired(&mut rng) {
            pairing.mix(&mut rng);
            break pairing.edges;
        }
    };
    edges.sort_unstable();
    let nodes_of = |edge: u64| ((edge >> 32) as usize, edge as u32 as usize);
    if !dense {
        return Ok(edges.into_iter().map(nodes_of).collect());
    }
    let mut absent = edges.into_iter().map(nodes_of).peekable();
    let pairs = (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| (i, j)));
    Ok(pairs.filter(|pair| absent.next_if_eq(pair).is_none()).collect())
}

/// The nodes of a [`pair`].
fn ends(edge: u64) -> (u32, u32) {
    ((edge >> 32) as u32, edge as u32)
}

/// Edges that change one by one.
struct Pairing {
    edges: Vec<u64>,
    /// Those at the start, sorted, and how much oftener each occurs since.
    initial: Vec<u64>,
    changes: PairMap<i32>,
    degree: usize,
}

/// Switches that mix a graph, at most: beyond this size, the repairs are too few
/// to matter.
const MIXING: usize = 1 << 15;

impl Pairing {
    fn new(nodes: usize, degree: usize, rng: &mut (impl Rng + ?Sized)) -> Self {
        let mut stubs: Vec<u32> = (0..nodes * degree).map(|k| (k / degree) as u32).collect();
        for k in (1..stubs.len()).rev() {
            stubs.swap(k, rng.random_range(0..=k));
        }
        let (pairs, _) = stubs.as_chunks::<2>();
        let edges: Vec<u64> = pairs.iter().map(|[a, b]| pair(*a, *b)).collect();
        let mut initial = edges.clone();
        initial.sort_unstable();
        Self { edges, initial, changes: PairMap::default(), degree }
    }

    /// How often an edge is there.
    fn count(&self, edge: u64) -> i32 {
        let first = self.initial.partition_point(|e| *e < edge);
        let initial = self.initial[first..].iter().take_while(|e| **e == edge).count();
        initial as i32 + self.changes.get(&edge).unwrap_or(&0)
    }

    fn is_defect(&self, edge: u64) -> bool {
        let (a, b) = ends(edge);
        a == b || self.count(edge) > 1
    }

    /// Switches edge `k` with a random one, unless that would make a defect.
    fn switch(&mut self, k: usize, rng: &mut (impl Rng + ?Sized)) {
        let other = rng.random_range(0..self.edges.len());
        let ((a, b), (mut c, mut d)) = (ends(self.edges[k]), ends(self.edges[other]));
        if rng.random() {
            (c, d) = (d, c);
        }
        let (first, second) = (pair(a, c), pair(b, d));
        if a == c || b == d || first == second || self.count(first) > 0 || self.count(second) > 0 {
            return;
        }
        for (at, new) in [(k, first), (other, second)] {
            *self.changes.entry(self.edges[at]).or_insert(0) -= 1;
            *self.changes.entry(new).or_insert(0) += 1;
            self.edges[at] = new;
        }
    }

    /// Without loops and double edges; `None` if that takes too long, as it may
    /// in very small graphs.
    fn repaired(mut self, rng: &mut (impl Rng + ?Sized)) -> Option<Self> {
        let repeated = self.initial.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut wrong: Vec<u64> = repeated.map(|pair| pair[0]).collect();
        wrong.extend(self.initial.iter().filter(|edge| ends(**edge).0 == ends(**edge).1));
        wrong.sort_unstable();
        let is_wrong = |k: &usize| wrong.binary_search(&self.edges[*k]).is_ok();
        let mut defects: Vec<usize> = (0..self.edges.len()).filter(is_wrong).collect();
        let mut patience = 100 * (defects.len() + 1) * (self.degree + 1);
        while let Some(&k) = defects.last() {
            if !self.is_defect(self.edges[k]) {
                defects.pop();
                continue;
            }
            patience = patience.checked_sub(1)?;
            self.switch(k, rng);
        }
        Some(self)
    }

    fn mix(&mut self, rng: &mut (impl Rng + ?Sized)) {
        for _ in 0..self.edges.len().saturating_mul(10).min(MIXING) {
            let k = rng.random_range(0..self.edges.len());
            self.switch(k, rng);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn all_degrees_of_all_small_sizes() {
        for nodes in 1..12 {
            for degree in (0..nodes).filter(|degree| degree * nodes % 2 == 0) {
                for seed in 0..5 {
                    let edges = random_regular(nodes, degree, seed).unwrap();
                    let mut count = vec![0; nodes];
                    for &(i, j) in &edges {
                        assert!(i < j);
                        count[i] += 1;
                        count[j] += 1;
                    }
                    assert!(count.iter().all(|&c| c == degree), "{nodes} {degree}");
                    assert!(edges.windows(2).all(|w| w[0] < w[1]));
                }
            }
        }
    }

    /// All graphs of a size, of the sparse kind and of the dense one.
    #[test]
    fn graphs_are_equally_likely() {
        for (nodes, degree, graphs) in [(5, 2, 12), (6, 2, 70), (6, 3, 70), (7, 2, 465)] {
            let samples = 100 * graphs;
            let mut counts = HashMap::new();
            for seed in 0..samples {
                let graph = random_regular(nodes, degree, seed).unwrap();
                *counts.entry(graph).or_insert(0_u32) += 1;
            }
            assert_eq!(counts.len() as u64, graphs);
            let square = |count: &u32| (f64::from(*count) - 100.0).powi(2) / 100.0;
            let chi_square: f64 = counts.values().map(square).sum();
            // Five standard deviations above the mean.
            let freedom = (graphs - 1) as f64;
            assert!(chi_square < freedom + 5.0 * (2.0 * freedom).sqrt(), "{nodes}: {chi_square}");
        }
    }

    /// Short cycles of a large graph: `(d − 1)ᵏ / 2k` of length `k` on average,
    /// with as much variance.
    #[test]
    fn large_graphs_have_as_many_triangles_as_random_ones() {
        let (samples, degree) = (40, 4);
        let mut triangles = 0;
        for seed in 0..samples {
            let edges = random_regular(3000, degree, seed).unwrap();
            let mut neighbors = vec![vec![]; 3000];
            for &(i, j) in &edges {
                neighbors[i].push(j);
                neighbors[j].push(i);
            }
            let common = |&(i, j): &(usize, usize)| {
                neighbors[i].iter().filter(|k| neighbors[j].contains(k)).count()
            };
            triangles += edges.iter().map(common).sum::<usize>() / 3;
        }
        let mean = samples as f64 * 27.0 / 6.0;
        assert!((triangles as f64 - mean).abs() < 5.0 * mean.sqrt(), "{triangles}, not {mean}");
    }

    #[test]
    fn sizes_are_checked() {
        assert!(random_regular(0, 0, 1).is_err());
        assert!(random_regular(5, 3, 1).is_err());
        assert!(random_regular(4, 4, 1).is_err());
        assert!(random_regular(usize::MAX, 3, 1).is_err());
    }
}
