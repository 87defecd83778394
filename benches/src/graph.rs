//! Inputs shared by benchmarks.

use std::collections::HashSet;

use ebm_core::Real;
use ebm_core::random::stream;
use rand::RngExt;

/// `count` numbers, uniform in `[−1, 1)`.
pub(crate) fn uniform<T: Real>(count: usize, seed: u64) -> Vec<T> {
    let mut rng = stream(seed, 0);
    (0..count).map(|_| T::from_f64(rng.random_range(-1.0..1.0))).collect()
}

/// A random graph of `nodes` nodes and mean degree `degree`, with weights
/// uniform in `[−1, 1)`.
pub(crate) fn random<T: Real>(nodes: usize, degree: usize, seed: u64) -> Vec<(usize, usize, T)> {
    let mut rng = stream(seed, 1);
    let mut seen = HashSet::new();
    let mut edges = Vec::new();
    while edges.len() < nodes * degree / 2 {
        let (i, j) = (rng.random_range(0..nodes), rng.random_range(0..nodes));
        if i != j && seen.insert((i.min(j), i.max(j))) {
            edges.push((i, j, T::from_f64(rng.random_range(-1.0..1.0))));
        }
    }
    edges
}
