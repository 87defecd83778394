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
/// assert_eq!(square.cut(&[1, -1, 1, -1])?, 4.0);
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
    /// itself, a weight that is not finite, weights whose magnitudes sum to
    /// infinity.
    pub fn new(nodes: usize, mut edges: Vec<(usize, usize, f64)>) -> Result<Self, Error> {
        // In place and back: a copy would take as long as the rest.
        edges.iter_mut().for_each(|(_, _, w)| *w = -*w);
        let ising = Ising::from_couplings(nodes, &edges)?;
        edges.iter_mut().for_each(|(_, _, w)| *w = -*w);
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
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn cut(&self, spins: &[i8]) -> Result<f64, Error> {
        self.ising.check_spins(spins)?;
        let across = self.edges.iter().filter(|&&(i, j, _)| spins[i] != spins[j]);
        // From +0: the empty sum of floats is −0.
        Ok(across.fold(0.0, |cut, &(_, _, w)| cut + w))
    }

    /// The cut that belongs to an Ising energy, `(Σ w − H) / 2`.
    #[must_use]
    pub fn cut_of_energy(&self, energy: f64) -> f64 {
        (self.weight() - energy) / 2.0
    }

    /// The Ising energy that belongs to a cut, `Σ w − 2 cut`.
    #[must_use]
    pub fn energy_of_cut(&self, cut: f64) -> f64 {
        self.weight() - 2.0 * cut
    }

    /// `Σ w` over all edges.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.edges.iter().fold(0.0, |sum, &(_, _, w)| sum + w)
    }
}
