//! Random regular graphs: stubs paired at random, defects switched away.
//!
//! Each node has as many stubs as its degree; a random pairing of stubs makes
//! loops and double edges, each of which is removed by a switch with a random
//! edge: `ab, cd → ac, bd`. Close to uniform, not exactly. Source: B. D. McKay
//! and N. C. Wormald, J. Algorithms 11, 52 (1990),
//! doi:10.1016/0196-6774(90)90029-E.

use std::collections::{HashMap, HashSet};

use ebm_core::random;
use rand::{Rng, RngExt};

use super::{check_edges, parameter};
use crate::Error;

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
        if let Some(edges) = attempt(nodes, drawn, &mut rng) {
            break edges;
        }
    };
    if dense {
        let absent: HashSet<_> = edges.into_iter().collect();
        let pairs = (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| (i, j)));
        edges = pairs.filter(|pair| !absent.contains(pair)).collect();
    }
    edges.sort_unstable();
    Ok(edges)
}

/// One pairing, repaired; `None` if that takes too long, as it may in very
/// small graphs.
fn attempt(
    nodes: usize,
    degree: usize,
    rng: &mut (impl Rng + ?Sized),
) -> Option<Vec<(usize, usize)>> {
    let mut stubs: Vec<usize> = (0..nodes * degree).map(|k| k / degree).collect();
    for k in (1..stubs.len()).rev() {
        stubs.swap(k, rng.random_range(0..=k));
    }
    let mut edges: Vec<(usize, usize)> =
        stubs.chunks_exact(2).map(|pair| sorted(pair[0], pair[1])).collect();
    let mut count: HashMap<(usize, usize), u32> = HashMap::with_capacity(edges.len());
    for &edge in &edges {
        *count.entry(edge).or_insert(0) += 1;
    }
    let is_defect = |edge: (usize, usize), count: &HashMap<_, u32>| {
        edge.0 == edge.1 || count.get(&edge).is_some_and(|&times| times > 1)
    };
    let mut defects: Vec<usize> =
        (0..edges.len()).filter(|&k| is_defect(edges[k], &count)).collect();
    let mut patience = 100 * (defects.len() + 1) * (degree + 1);
    while let Some(&k) = defects.last() {
        if !is_defect(edges[k], &count) {
            defects.pop();
            continue;
        }
        patience = patience.checked_sub(1)?;
        let other = rng.random_range(0..edges.len());
        let ((a, b), (mut c, mut d)) = (edges[k], edges[other]);
        if rng.random() {
            (c, d) = (d, c);
        }
        let (first, second) = (sorted(a, c), sorted(b, d));
        let taken = |edge| count.get(&edge).is_some_and(|&times| times > 0);
        if a == c || b == d || first == second || taken(first) || taken(second) {
            continue;
        }
        for old in [edges[k], edges[other]] {
            if let Some(times) = count.get_mut(&old) {
                *times -= 1;
            }
        }
        for (at, new) in [(k, first), (other, second)] {
            edges[at] = new;
            *count.entry(new).or_insert(0) += 1;
        }
    }
    Some(edges)
}

fn sorted(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn edges_are_evenly_likely() {
        // Each of the 28 pairs of 8 nodes is an edge with chance 3/7.
        let samples = 4000_u32;
        let mut counts = HashMap::new();
        for seed in 0..samples {
            for edge in random_regular(8, 3, u64::from(seed)).unwrap() {
                *counts.entry(edge).or_insert(0_u32) += 1;
            }
        }
        let (mean, deviation) =
            (f64::from(samples) * 3.0 / 7.0, (f64::from(samples) * 12.0 / 49.0).sqrt());
        assert_eq!(counts.len(), 28);
        for count in counts.values() {
            assert!((f64::from(*count) - mean).abs() < 5.0 * deviation);
        }
    }

    #[test]
    fn sizes_are_checked() {
        assert!(random_regular(0, 0, 1).is_err());
        assert!(random_regular(5, 3, 1).is_err());
        assert!(random_regular(4, 4, 1).is_err());
        assert!(random_regular(usize::MAX, 3, 1).is_err());
    }
}
