//! Couplings and fields that change: edges come, go and merge.
//!
//! Edge `e` is two half-edges, `2e` and `2e + 1`, each in the doubly linked list
//! of its node, so that it leaves both lists in constant time.

use crate::Ising;
use crate::pair_map::{PairMap, pair};

/// No half-edge.
const NONE: u32 = u32::MAX;

/// Lists up to this length are always searched; for longer ones an index is worth
/// making once as many ends of edges have been looked at as it would have.
const SHORT: u32 = 16;

/// One end of an edge, in the list of its node.
#[derive(Clone, Copy)]
struct Half {
    node: u32,
    next: u32,
    previous: u32,
}

/// What a step reads of an edge, in half a cache line.
#[derive(Clone, Copy)]
struct Edge {
    halves: [Half; 2],
    weight: f64,
}

#[derive(Clone, Copy)]
struct Node {
    /// First half-edge.
    first: u32,
    degree: u32,
    /// `Σ |J|`, updated: drifts if sums round.
    strength: f64,
    /// At least the largest `|J|`.
    largest: f64,
}

/// An Ising problem under reduction.
pub(super) struct Network {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Edges that left, to be used again.
    free: Vec<u32>,
    pub(super) field: Vec<f64>,
    pub(super) offset: f64,
    /// Edges by their ends, once searches in long lists have taken long enough.
    index: Option<PairMap<u32>>,
    /// Lengths of the long lists searched so far.
    searched: usize,
}

impl Network {
    pub(super) fn new(problem: &Ising) -> Self {
        let n = problem.spins();
        let couplings = |i: usize| {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            neighbors.iter().copied().zip(weights.iter().copied()).filter(|(_, w)| *w != 0.0)
        };
        // Edges are numbered by their smaller node, then by the other one.
        let (mut next, mut count) = (Vec::with_capacity(n), 0);
        for i in 0..n {
            next.push(count);
            count += couplings(i).filter(|(j, _)| *j as usize > i).count() as u32;
        }
        let none = Half { node: NONE, next: NONE, previous: NONE };
        let mut edges = vec![Edge { halves: [none; 2], weight: 0.0 }; count as usize];
        let mut nodes = Vec::with_capacity(n);
        for i in 0..n {
            let mut node = Node { first: NONE, degree: 0, strength: 0.0, largest: 0.0 };
            let mut later = next[i];
            let mut last = NONE;
            for (j, w) in couplings(i) {
                // An earlier node has its edges numbered in the order in which
                // their other ends come here.
                let (edge, side) =
                    if j as usize > i { (&mut later, 0) } else { (&mut next[j as usize], 1) };
                let half = 2 * *edge + side;
                *edge += 1;
                let place = &mut edges[half as usize / 2];
                place.weight = w;
                place.halves[side as usize] = Half { node: i as u32, next: NONE, previous: last };
                match last {
                    NONE => node.first = half,
                    _ => edges[last as usize / 2].halves[last as usize % 2].next = half,
                }
                last = half;
                node.degree += 1;
                node.strength += w.abs();
                node.largest = node.largest.max(w.abs());
            }
            nodes.push(node);
        }
        Self {
            nodes,
            edges,
            free: vec![],
            field: problem.fields().to_vec(),
            offset: problem.offset(),
            index: None,
            searched: 0,
        }
    }

    fn half(&mut self, half: u32) -> &mut Half {
        &mut self.edges[half as usize / 2].halves[half as usize % 2]
    }

    /// The node at the other end of a half-edge.
    fn other(&self, half: u32) -> u32 {
        self.edges[half as usize / 2].halves[(half as usize % 2) ^ 1].node
    }

    pub(super) fn spins(&self) -> usize {
        self.field.len()
    }

    pub(super) fn degree(&self, v: u32) -> u32 {
        self.nodes[v as usize].degree
    }

    /// `(neighbor, J)` of node `v`.
    pub(super) fn neighbors(&self, v: u32) -> impl Iterator<Item = (u32, f64)> {
        let mut half = self.nodes[v as usize].first;
        std::iter::from_fn(move || {
            (half != NONE).then(|| {
                let edge = &self.edges[half as usize / 2];
                let side = half as usize % 2;
                half = edge.halves[side].next;
                (edge.halves[side ^ 1].node, edge.weight)
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
        field * NEAR >= self.nodes[v as usize].strength && {
            self.measure(v);
            field >= self.nodes[v as usize].strength
        }
    }

    /// The neighbor to which one coupling binds spin `v` whatever the others
    /// are, `|J| ≥ Σ |other J| + |h|`, and that coupling.
    pub(super) fn bound_to(&mut self, v: u32) -> Option<(u32, f64)> {
        let (node, field) = (self.nodes[v as usize], self.field[v as usize].abs());
        if 2.0 * node.largest * NEAR < node.strength + field {
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
        let node = &mut self.nodes[v as usize];
        node.strength = strength;
        node.largest = strongest.map_or(0.0, |(_, w)| w.abs());
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
        let old = self.edges[edge as usize].weight;
        let new = old + w;
        if new == 0.0 {
            self.remove(edge);
            return;
        }
        self.edges[edge as usize].weight = new;
        for v in [a as usize, b as usize] {
            let node = &mut self.nodes[v];
            node.strength += new.abs() - old.abs();
            node.largest = node.largest.max(new.abs());
        }
    }

    /// Takes node `v` out; calls `each` with its former neighbors and couplings.
    pub(super) fn take(&mut self, v: u32, mut each: impl FnMut(&mut Self, u32, f64)) {
        while self.nodes[v as usize].first != NONE {
            let half = self.nodes[v as usize].first;
            let (u, w) = (self.other(half), self.edges[half as usize / 2].weight);
            self.remove(half / 2);
            each(self, u, w);
        }
    }

    fn find(&mut self, a: u32, b: u32) -> Option<u32> {
        let (few, other) = if self.degree(a) <= self.degree(b) { (a, b) } else { (b, a) };
        let long = self.degree(few) > SHORT;
        if !long || self.index.is_none() && self.searched < self.edges.len() {
            if long {
                self.searched += self.degree(few) as usize;
            }
            let mut half = self.nodes[few as usize].first;
            while half != NONE && self.other(half) != other {
                half = self.edges[half as usize / 2].halves[half as usize % 2].next;
            }
            return (half != NONE).then_some(half / 2);
        }
        if self.index.is_none() {
            let free: std::collections::HashSet<u32> = self.free.iter().copied().collect();
            let edges = (0..self.edges.len() as u32).filter(|edge| !free.contains(edge));
            self.index = Some(edges.map(|edge| (self.key(edge), edge)).collect());
        }
        self.index.as_ref().and_then(|index| index.get(&pair(a, b)).copied())
    }

    fn key(&self, edge: u32) -> u64 {
        let [a, b] = self.edges[edge as usize].halves;
        pair(a.node, b.node)
    }

    fn insert(&mut self, a: u32, b: u32, w: f64) {
        let [first, second] = [a, b].map(|v| self.nodes[v as usize].first);
        let halves =
            [(a, first), (b, second)].map(|(node, next)| Half { node, next, previous: NONE });
        let new = Edge { halves, weight: w };
        let edge = match self.free.pop() {
            Some(edge) => {
                self.edges[edge as usize] = new;
                edge
            }
            None => {
                self.edges.push(new);
                self.edges.len() as u32 - 1
            }
        };
        for (half, v, second) in [(2 * edge, a, first), (2 * edge + 1, b, second)] {
            if second != NONE {
                self.half(second).previous = half;
            }
            let node = &mut self.nodes[v as usize];
            node.first = half;
            node.degree += 1;
            node.strength += w.abs();
            node.largest = node.largest.max(w.abs());
        }
        if let Some(index) = &mut self.index {
            index.insert(pair(a, b), edge);
        }
    }

    fn remove(&mut self, edge: u32) {
        if let Some(key) = self.index.is_some().then(|| self.key(edge)) {
            self.index.as_mut().and_then(|index| index.remove(&key));
        }
        let Edge { halves, weight } = self.edges[edge as usize];
        for Half { node, next, previous } in halves {
            if previous == NONE {
                self.nodes[node as usize].first = next;
            } else {
                self.half(previous).next = next;
            }
            if next != NONE {
                self.half(next).previous = previous;
            }
            let node = &mut self.nodes[node as usize];
            node.degree -= 1;
            node.strength -= weight.abs();
        }
        self.free.push(edge);
    }
}

/// More than the drift of an updated sum, as a factor.
const NEAR: f64 = 1.0 + 1e-9;
