//! Weighted graphs and their cuts.
//!
//! ```text
//! cut(s) = Σ_{i<j, sᵢ≠sⱼ} wᵢⱼ = (Σ_{i<j} wᵢⱼ − H(s)) / 2    with  J = −w
//! ```

use crate::{Error, Ising};

/// An undirected graph with edge weights, nodes numbered from 0.
///
/// ```
/// use ebm_optim::Graph;
/// let square = Graph::new(4, vec![(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (0, 3, 1.0)])?;
/// assert_eq!(square.cut(&[1, -1, 1, -1]), 4.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Graph {
    edges: Vec<(usize, usize, f64)>,
    ising: Ising,
}

impl Graph {
    /// A graph from its edges, each given once.
    ///
    /// # Errors
    /// No nodes, a node out of range, an edge given twice or from a node to
    /// itself, a weight that is not finite.
    pub fn new(nodes: usize, edges: Vec<(usize, usize, f64)>) -> Result<Self, Error> {
        let couplings: Vec<_> = edges.iter().map(|&(i, j, w)| (i, j, -w)).collect();
        let ising = Ising::from_couplings(nodes, &couplings)?;
        Ok(Self { edges, ising })
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.ising.spins()
    }

    /// Edges as given, `(i, j, w)`.
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize, f64)] {
        &self.edges
    }

    /// The Ising problem whose ground states are the maximum cuts, `J = −w`.
    #[must_use]
    pub fn ising(&self) -> &Ising {
        &self.ising
    }

    /// Weight of the edges between the nodes with `+1` and those with `−1`.
    #[must_use]
    pub fn cut(&self, spins: &[i8]) -> f64 {
        self.edges.iter().filter(|&&(i, j, _)| spins[i] != spins[j]).map(|&(_, _, w)| w).sum()
    }

    /// The cut that belongs to an Ising energy, `(Σ w − H) / 2`.
    #[must_use]
    pub fn cut_of_energy(&self, energy: f64) -> f64 {
        (self.edges.iter().map(|&(_, _, w)| w).sum::<f64>() - energy) / 2.0
    }
}
