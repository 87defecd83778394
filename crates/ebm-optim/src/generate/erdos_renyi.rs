//! Random graphs with a given number of edges, all equally likely.
//!
//! Pairs are drawn with replacement, and as many again as there were repetitions,
//! until enough are distinct. No step tells one pair from another, so all sets of
//! that size are equally likely. Of more than half of all pairs, those that are
//! absent are drawn. Source: P. Erdős and A. Rényi, Publ. Math. Debrecen 6, 290
//! (1959).

use ebm_core::random;
use rand::RngExt;

use super::{check_edges, parameter};
use crate::Error;

/// The sorted edges of a uniformly random graph.
///
/// ```
/// let edges = ebm_optim::generate::erdos_renyi(100, 300, 1)?;
/// assert_eq!(edges.len(), 300);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// No nodes, 2³² nodes or more, more edges than pairs, more than 2²⁷ edges.
pub fn erdos_renyi(nodes: usize, edges: usize, seed: u64) -> Result<Vec<(usize, usize)>, Error> {
    if nodes == 0 || nodes > u32::MAX as usize {
        return Err(parameter("nodes of a random graph", "1 to 2^32 − 1", nodes as f64));
    }
    check_edges(Some(edges as u64))?;
    let pairs = nodes as u64 * (nodes as u64 - 1) / 2;
    if edges as u64 > pairs {
        let expected = "at most one for each pair of nodes";
        return Err(parameter("edges of a random graph", expected, edges as f64));
    }
    let edges = edges as u64;
    let sparse = 2 * edges <= pairs;
    let mut rng = random::stream(seed, 0);
    let mut drawn: Vec<u64> = vec![];
    let wanted = if sparse { edges } else { pairs - edges } as usize;
    while drawn.len() < wanted {
        drawn.extend((drawn.len()..wanted).map(|_| rng.random_range(0..pairs)));
        // Merges what is sorted already with what is new.
        drawn.sort();
        drawn.dedup();
    }
    Ok(if sparse { numbered(nodes, drawn) } else { numbered(nodes, Absent::of(drawn, pairs)) })
}

/// The pairs with these numbers, increasing, in the order (0, 1), (0, 2), …,
/// (1, 2), …
fn numbered(nodes: usize, numbers: impl IntoIterator<Item = u64>) -> Vec<(usize, usize)> {
    // Those of node i end at `end`, with the pair (i, nodes − 1).
    let (mut i, mut end) = (0, nodes as u64 - 1);
    let pair = |number: u64| {
        while number >= end {
            i += 1;
            end += (nodes - 1 - i) as u64;
        }
        (i, nodes - (end - number) as usize)
    };
    numbers.into_iter().map(pair).collect()
}

/// The numbers below a bound that are not in an increasing list.
struct Absent {
    listed: std::iter::Peekable<std::vec::IntoIter<u64>>,
    next: u64,
    bound: u64,
}

impl Absent {
    fn of(listed: Vec<u64>, bound: u64) -> Self {
        Self { listed: listed.into_iter().peekable(), next: 0, bound }
    }
}

impl Iterator for Absent {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.listed.next_if_eq(&self.next).is_some() {
            self.next += 1;
        }
        let number = self.next;
        self.next += 1;
        (number < self.bound).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbered_without_gap() {
        for nodes in 1..30 {
            let all: Vec<_> =
                (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| (i, j))).collect();
            assert_eq!(erdos_renyi(nodes, all.len(), 1).unwrap(), all);
            assert_eq!(numbered(nodes, 0..all.len() as u64), all);
        }
        let nodes = u32::MAX as usize;
        let pairs = nodes as u64 * (nodes as u64 - 1) / 2;
        assert_eq!(numbered(nodes, [0, pairs - 1]), [(0, 1), (nodes - 2, nodes - 1)]);
    }

    /// All graphs of a size, from few edges to nearly all.
    #[test]
    fn graphs_are_equally_likely() {
        for (nodes, edges, graphs) in [(4, 2, 15), (5, 3, 120), (5, 6, 210), (4, 5, 6)] {
            let mut counts = std::collections::BTreeMap::new();
            let samples = 100 * graphs;
            for seed in 0..samples {
                let list = erdos_renyi(nodes, edges, seed).unwrap();
                assert!(list.is_sorted() && list.len() == edges);
                *counts.entry(list).or_insert(0_u32) += 1;
            }
            assert_eq!(counts.len() as u64, graphs);
            let square = |count: &u32| (f64::from(*count) - 100.0).powi(2) / 100.0;
            let chi_square: f64 = counts.values().map(square).sum();
            // Five standard deviations above the mean.
            let freedom = (graphs - 1) as f64;
            assert!(chi_square < freedom + 5.0 * (2.0 * freedom).sqrt(), "{edges}: {chi_square}");
        }
    }

    #[test]
    fn sizes_are_checked() {
        assert!(erdos_renyi(0, 0, 1).is_err());
        assert!(erdos_renyi(4, 7, 1).is_err());
        assert!(erdos_renyi(usize::MAX, 1, 1).is_err());
        assert_eq!(erdos_renyi(4, 6, 1).unwrap().len(), 6);
        assert_eq!(erdos_renyi(1, 0, 1).unwrap(), []);
    }
}
