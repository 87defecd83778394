//! Couplings and fields that change: edges come, go and merge.
//!
//! An edge is two half-edges, `2e` and `2e + 1`, each in the doubly linked list
//! of its node, so that it leaves both lists in constant time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::Ising;

/// No half-edge.
const NONE: u32 = u32::MAX;

/// Lists up to this length are searched; longer ones need the index.
const SHORT: u32 = 16;

/// An Ising problem under reduction.
pub(super) struct Network {
    /// First half-edge of each node.
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Node at which a half-edge is; its other end is that of `half ^ 1`.
    node: Vec<u32>,
    weight: Vec<f64>,
    /// Edges that left, to be used again.
    free: Vec<u32>,
    degree: Vec<u32>,
    /// `Σ |J|` of each node, updated: drifts if sums round.
    strength: Vec<f64>,
    /// At least the largest `|J|` of each node.
    largest: Vec<f64>,
    pub(super) field: Vec<f64>,
    pub(super) offset: f64,
    /// Edges by their ends, once two nodes with long lists had to be looked up.
    index: Option<HashMap<u64, u32, BuildHasherDefault<PairHasher>>>,
}

impl Network {
    pub(super) fn new(problem: &Ising) -> Self {
        let n = problem.spins();
        let mut network = Self {
            first: vec![NONE; n],
            next: vec![],
            previous: vec![],
            node: vec![],
            weight: vec![],
            free: vec![],
            degree: vec![0; n],
            strength: vec![0.0; n],
            largest: vec![0.0; n],
            field: problem.fields().to_vec(),
            offset: problem.offset(),
            index: None,
        };
        for (i, j, w) in problem.pairs().filter(|(_, _, w)| *w != 0.0) {
            network.insert(i as u32, j as u32, w);
        }
        network
    }

    pub(super) fn spins(&self) -> usize {
        self.field.len()
    }

    pub(super) fn degree(&self, v: u32) -> u32 {
        self.degree[v as usize]
    }

    /// `(neighbor, J)` of node `v`.
    pub(super) fn neighbors(&self, v: u32) -> impl Iterator<Item = (u32, f64)> {
        let mut half = self.first[v as usize];
        std::iter::from_fn(move || {
            let at = half as usize;
            (half != NONE).then(|| {
                half = self.next[at];
                (self.node[at ^ 1], self.weight[at / 2])
            })
        })
    }

    /// The neighbors of a node with at most three, the rest with weight zero.
    pub(super) fn star(&self, v: u32) -> ([u32; 3], [f64; 3]) {
        let (mut ends, mut weights) = ([v; 3], [0.0; 3]);
        for (slot, (u, w)) in self.neighbors(v).take(3).enumerate() {
            (ends[slot], weights[slot]) = (u, w);
        }
        (ends, weights)
    }

    /// Does the field decide spin `v`, `|h| ≥ Σ |J|`?
    pub(super) fn is_decided(&mut self, v: u32) -> bool {
        let field = self.field[v as usize].abs();
        field * NEAR >= self.strength[v as usize] && {
            self.measure(v);
            field >= self.strength[v as usize]
        }
    }

    /// The neighbor to which one coupling binds spin `v` whatever the others
    /// are, `|J| ≥ Σ |other J| + |h|`, and that coupling.
    pub(super) fn bound_to(&mut self, v: u32) -> Option<(u32, f64)> {
        let (at, field) = (v as usize, self.field[v as usize].abs());
        if 2.0 * self.largest[at] * NEAR < self.strength[at] + field {
            return None;
        }
        let strongest = self.measure(v)?;
        let mut others = 0.0;
        for (u, w) in self.neighbors(v) {
            others += if u == strongest.0 { 0.0 } else { w.abs() };
        }
        (strongest.1.abs() >= others + field).then_some(strongest)
    }

    /// Sums `Σ |J|` anew and returns the strongest neighbor, the first of equals.
    fn measure(&mut self, v: u32) -> Option<(u32, f64)> {
        let (mut strength, mut strongest) = (0.0, None::<(u32, f64)>);
        for (u, w) in self.neighbors(v) {
            strength += w.abs();
            let stronger = strongest.is_none_or(|(other, best)| {
                w.abs() > best.abs() || w.abs() == best.abs() && u < other
            });
            if stronger {
                strongest = Some((u, w));
            }
        }
        self.strength[v as usize] = strength;
        self.largest[v as usize] = strongest.map_or(0.0, |(_, w)| w.abs());
        strongest
    }

    /// Adds `w` to the coupling of `a` and `b`, which may be new or vanish.
    pub(super) fn add(&mut self, a: u32, b: u32, w: f64) {
        if w == 0.0 {
            return;
        }
        let Some(edge) = self.find(a, b) else {
            self.insert(a, b, w);
            return;
        };
        let old = self.weight[edge as usize];
        let new = old + w;
        if new == 0.0 {
            self.remove(edge);
            return;
        }
        self.weight[edge as usize] = new;
        for v in [a as usize, b as usize] {
            self.strength[v] += new.abs() - old.abs();
            self.largest[v] = self.largest[v].max(new.abs());
        }
    }

    /// Takes node `v` out; calls `each` with its former neighbors and couplings.
    pub(super) fn take(&mut self, v: u32, mut each: impl FnMut(&mut Self, u32, f64)) {
        while self.first[v as usize] != NONE {
            let half = self.first[v as usize];
            let (u, w) = (self.node[half as usize ^ 1], self.weight[half as usize / 2]);
            self.remove(half / 2);
            each(self, u, w);
        }
    }

    fn find(&mut self, a: u32, b: u32) -> Option<u32> {
        let (few, other) = if self.degree(a) <= self.degree(b) { (a, b) } else { (b, a) };
        if self.degree(few) <= SHORT {
            let mut half = self.first[few as usize];
            while half != NONE && self.node[half as usize ^ 1] != other {
                half = self.next[half as usize];
            }
            return (half != NONE).then_some(half / 2);
        }
        if self.index.is_none() {
            let free: std::collections::HashSet<u32> = self.free.iter().copied().collect();
            let edges = (0..self.weight.len() as u32).filter(|edge| !free.contains(edge));
            self.index = Some(edges.map(|edge| (self.key(edge), edge)).collect());
        }
        self.index.as_ref().and_then(|index| index.get(&pair(a, b)).copied())
    }

    fn key(&self, edge: u32) -> u64 {
        pair(self.node[2 * edge as usize], self.node[2 * edge as usize + 1])
    }

    fn insert(&mut self, a: u32, b: u32, w: f64) {
        let edge = self.free.pop().unwrap_or_else(|| {
            for list in [&mut self.next, &mut self.previous, &mut self.node] {
                list.extend([NONE; 2]);
            }
            self.weight.push(0.0);
            self.weight.len() as u32 - 1
        });
        self.weight[edge as usize] = w;
        for (half, v) in [(2 * edge, a), (2 * edge + 1, b)] {
            let (at, v) = (half as usize, v as usize);
            let second = self.first[v];
            (self.node[at], self.next[at], self.previous[at]) = (v as u32, second, NONE);
            if second != NONE {
                self.previous[second as usize] = half;
            }
            self.first[v] = half;
            self.degree[v] += 1;
            self.strength[v] += w.abs();
            self.largest[v] = self.largest[v].max(w.abs());
        }
        if let Some(index) = &mut self.index {
            index.insert(pair(a, b), edge);
        }
    }

    fn remove(&mut self, edge: u32) {
        if let Some(key) = self.index.is_some().then(|| self.key(edge)) {
            self.index.as_mut().and_then(|index| index.remove(&key));
        }
        for half in [2 * edge as usize, 2 * edge as usize + 1] {
            let (v, before, after) =
                (self.node[half] as usize, self.previous[half], self.next[half]);
            if before == NONE {
                self.first[v] = after;
            } else {
                self.next[before as usize] = after;
            }
            if after != NONE {
                self.previous[after as usize] = before;
            }
            self.degree[v] -= 1;
            self.strength[v] -= self.weight[edge as usize].abs();
        }
        self.free.push(edge);
    }
}

/// More than the drift of an updated sum, as a factor.
const NEAR: f64 = 1.0 + 1e-9;

fn pair(a: u32, b: u32) -> u64 {
    u64::from(a.min(b)) << 32 | u64::from(a.max(b))
}

/// Multiplies by an odd number and folds: the keys are distinct pairs of
/// indices and only looked up, so neither order nor secrecy matters.
#[derive(Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        let product = u128::from(key ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}
