//! Connected graphs given by a basis of their cycles.
//!
//! ```text
//! C_ke = ±1 if cycle k runs along (against) edge e, else 0,      cycles = edges − nodes + 1
//! ```

use std::collections::HashMap;

use ebm_core::linalg::Lu;

use crate::Error;

/// A connected graph whose edges are those of its cycles, with as many
/// independent cycles as it has.
///
/// ```
/// use ebm_memory::phase_locked::CycleGraph;
/// let chain = CycleGraph::sharing_nodes(6, 3)?; // three hexagons
/// assert_eq!((chain.nodes(), chain.edges().len(), chain.cycles().len()), (16, 18, 3));
/// let fused = CycleGraph::sharing_edges(6, 3)?; // anthracene
/// assert_eq!((fused.nodes(), fused.edges().len(), fused.cycles().len()), (14, 16, 3));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::Cycles"))]
pub struct CycleGraph {
    nodes: usize,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    edges: Vec<(usize, usize)>,
    cycles: Vec<Vec<usize>>,
    /// The edges of every cycle with the sign `C_ke`.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    steps: Vec<Vec<(usize, f64)>>,
}

impl CycleGraph {
    /// A graph of `nodes` nodes from its cycles, each the list of its nodes in
    /// order.
    ///
    /// # Errors
    /// If there is no cycle, a cycle has fewer than three nodes or one twice, a
    /// node is out of range or in no cycle, the graph is not connected, or the
    /// cycles are not a basis: as many as edges − nodes + 1, and independent.
    /// If cycles share edges and are more than 4096.
    pub fn new(nodes: usize, cycles: Vec<Vec<usize>>) -> Result<Self, Error> {
        if cycles.is_empty() {
            return Err(ebm_core::Error::Empty { what: "cycles of the graph" }.into());
        }
        let places: usize = cycles.iter().map(Vec::len).sum();
        if nodes > places {
            let (what, expected) = ("number of nodes", "no more than the cycles have");
            return Err(ebm_core::Error::Parameter { what, expected, value: nodes as f64 }.into());
        }
        let mut edges: Vec<(usize, usize)> = vec![];
        let mut steps = vec![];
        // Edges by their nodes, the smaller first.
        let mut known: HashMap<(usize, usize), usize> = HashMap::with_capacity(places);
        let mut last_seen = vec![usize::MAX; nodes];
        for (k, cycle) in cycles.iter().enumerate() {
            if cycle.len() < 3 {
                let (what, expected) = ("length of a cycle", "at least 3");
                let value = cycle.len() as f64;
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
            for &node in cycle {
                let what = "node of a cycle";
                if node >= nodes {
                    let bound = nodes;
                    return Err(ebm_core::Error::OutOfRange { what, index: node, bound }.into());
                }
                if last_seen[node] == k {
                    return Err(ebm_core::Error::Duplicate { what, row: k, col: node }.into());
                }
                last_seen[node] = k;
            }
            let mut along = vec![];
            for (&from, &to) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
                let ends = (from.min(to), from.max(to));
                let edge = *known.entry(ends).or_insert_with(|| {
                    edges.push(ends);
                    edges.len() - 1
                });
                along.push((edge, if from < to { 1.0 } else { -1.0 }));
            }
            steps.push(along);
        }
        let graph = Self { nodes, edges, cycles, steps };
        graph.check_connected()?;
        if graph.cycles.len() + graph.nodes != graph.edges.len() + 1 {
            let (what, expected) = ("number of cycles", "edges - nodes + 1");
            let value = graph.cycles.len() as f64;
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        // Cycles without a common edge are independent.
        if !graph.cycles_are_edge_disjoint() {
            graph.factorize()?;
        }
        Ok(graph)
    }

    /// A single ring of `length` oscillators.
    ///
    /// # Errors
    /// If `length` is below 3.
    pub fn ring(length: usize) -> Result<Self, Error> {
        Self::sharing_nodes(length, 1)
    }

    /// `count` rings of `length` nodes in a chain: each shares one node with
    /// the next, on opposite sides.
    ///
    /// # Errors
    /// If `length` is below 3, or `count` is zero or so large that the nodes
    /// cannot be numbered.
    pub fn sharing_nodes(length: usize, count: usize) -> Result<Self, Error> {
        let fresh = length.saturating_sub(1);
        check_chain(length, count, fresh)?;
        let cycles = (0..count)
            .map(|k| {
                // Nodes k·fresh + 1 … are new; place 0 is the far side of the
                // ring before.
                let first = if k == 0 { 0 } else { (k - 1) * fresh + length / 2 };
                std::iter::once(first).chain((1..length).map(|i| k * fresh + i)).collect()
            })
            .collect();
        Self::new(count * fresh + 1, cycles)
    }

    /// `count` rings of `length` nodes in a chain: each shares one edge with
    /// the next, on opposite sides, as fused hexagons do.
    ///
    /// # Errors
    /// If `length` is below 4, so that a ring has no two disjoint edges, or
    /// `count` is zero or so large that the nodes cannot be numbered.
    pub fn sharing_edges(length: usize, count: usize) -> Result<Self, Error> {
        if length < 4 {
            let (what, expected) = ("length of a ring", "at least 4");
            return Err(ebm_core::Error::Parameter { what, expected, value: length as f64 }.into());
        }
        let fresh = length - 2;
        check_chain(length, count, fresh)?;
        // Places 0 and 1 of a ring are the edge shared with the one before, in
        // reverse; its own far edge starts at place length / 2.
        let node = |k: usize, place: usize| k * fresh + place;
        let mut cycles: Vec<Vec<usize>> = vec![];
        for k in 0..count {
            let shared = match cycles.last() {
                None => [0, 1],
                Some(before) => [before[length / 2 + 1], before[length / 2]],
            };
            cycles.push(shared.into_iter().chain((2..length).map(|i| node(k, i))).collect());
        }
        Self::new(count * fresh + 2, cycles)
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The edges, smaller node first.
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The nodes of every cycle, in order.
    #[must_use]
    pub fn cycles(&self) -> &[Vec<usize>] {
        &self.cycles
    }

    /// No edge belongs to two cycles.
    #[must_use]
    pub fn cycles_are_edge_disjoint(&self) -> bool {
        self.steps.iter().map(Vec::len).sum::<usize>() == self.edges.len()
    }

    /// The edges of cycle `k` with their signs.
    pub(super) fn steps(&self, k: usize) -> &[(usize, f64)] {
        &self.steps[k]
    }

    /// `C Cᵀ`, factorized; an error if the cycles are dependent.
    pub(super) fn factorize(&self) -> Result<Lu, Error> {
        const LIMIT: usize = 4096;
        let m = self.cycles.len();
        if m > LIMIT {
            let what = "cycles that share edges";
            return Err(ebm_core::Error::TooLarge { what, size: m, limit: LIMIT }.into());
        }
        let mut owners: Vec<Vec<(usize, f64)>> = vec![vec![]; self.edges.len()];
        for (k, steps) in self.steps.iter().enumerate() {
            for (edge, sign) in steps {
                owners[*edge].push((k, *sign));
            }
        }
        let mut gram = vec![0.0; m * m];
        for owners in &owners {
            for (k, a) in owners {
                for (l, b) in owners {
                    gram[k * m + l] += a * b;
                }
            }
        }
        let mut lu = Lu::new(m);
        lu.factorize(&gram)?;
        Ok(lu)
    }

    /// Every node, after the first, with the edge by which a search from node 0
    /// reaches it and the node it comes from.
    pub(super) fn spanning_tree(&self) -> Vec<(usize, usize, usize)> {
        let mut neighbors: Vec<Vec<(usize, usize)>> = vec![vec![]; self.nodes];
        for (e, &(i, j)) in self.edges.iter().enumerate() {
            neighbors[i].push((j, e));
            neighbors[j].push((i, e));
        }
        let mut seen = vec![false; self.nodes];
        seen[0] = true;
        let (mut queue, mut next, mut tree) = (vec![0], 0, vec![]);
        while let Some(&from) = queue.get(next) {
            next += 1;
            for &(to, edge) in &neighbors[from] {
                if !seen[to] {
                    seen[to] = true;
                    queue.push(to);
                    tree.push((from, to, edge));
                }
            }
        }
        tree
    }

    fn check_connected(&self) -> Result<(), Error> {
        let reached = self.spanning_tree().len() + 1;
        if reached == self.nodes {
            return Ok(());
        }
        let (what, expected) = ("nodes reached from node 0", "all of them");
        Err(ebm_core::Error::Parameter { what, expected, value: reached as f64 }.into())
    }
}

fn check_chain(length: usize, count: usize, fresh: usize) -> Result<(), Error> {
    if length < 3 {
        let (what, expected) = ("length of a ring", "at least 3");
        return Err(ebm_core::Error::Parameter { what, expected, value: length as f64 }.into());
    }
    if count == 0 {
        return Err(ebm_core::Error::Empty { what: "chain of rings" }.into());
    }
    const LIMIT: usize = 1 << 24;
    if count.saturating_mul(fresh) > LIMIT {
        let what = "chain of rings";
        let size = count.saturating_mul(fresh);
        return Err(ebm_core::Error::TooLarge { what, size, limit: LIMIT }.into());
    }
    Ok(())
}
