//! Random graphs with a given number of edges, all equally likely.
//!
//! Sources: P. Erdős and A. Rényi, Publ. Math. Debrecen 6, 290 (1959); drawing
//! without replacement after R. W. Floyd, Commun. ACM 30, 754 (1987),
//! doi:10.1145/30401.315746.

use std::collections::HashSet;

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
    let mut rng = random::stream(seed, 0);
    let mut chosen = HashSet::with_capacity(edges);
    for last in pairs - edges as u64..pairs {
        let k = rng.random_range(0..=last);
        if !chosen.insert(k) {
            chosen.insert(last);
        }
    }
    let mut list: Vec<(usize, usize)> = chosen.into_iter().map(pair).collect();
    list.sort_unstable();
    Ok(list)
}

/// Pair number `k` in the order (0, 1), (0, 2), (1, 2), (0, 3), …
fn pair(k: u64) -> (usize, usize) {
    // The larger node j has j (j − 1) / 2 pairs before it.
    let mut j = ((2 * k) as f64).sqrt() as u64;
    while j * (j + 1) / 2 <= k {
        j += 1;
    }
    while j * (j - 1) / 2 > k {
        j -= 1;
    }
    ((k - j * (j - 1) / 2) as usize, j as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbered_without_gap() {
        let mut k = 0;
        for j in 1..60 {
            for i in 0..j {
                assert_eq!(pair(k), (i, j));
                k += 1;
            }
        }
        let last = u64::from(u32::MAX) * (u64::from(u32::MAX) - 1) / 2 - 1;
        assert_eq!(pair(last), (u32::MAX as usize - 2, u32::MAX as usize - 1));
    }

    #[test]
    fn pairs_are_equally_likely() {
        let (nodes, edges, samples) = (6, 5, 6000_u32);
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..samples {
            for pair in erdos_renyi(nodes, edges, u64::from(seed)).unwrap() {
                *counts.entry(pair).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(counts.len(), 15);
        // Each pair is in a third of the graphs; five standard errors.
        let deviation = (f64::from(samples) * 2.0 / 9.0).sqrt();
        for count in counts.values() {
            assert!((f64::from(*count) - f64::from(samples) / 3.0).abs() < 5.0 * deviation);
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
