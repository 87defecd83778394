//! Instances made, not read: random graphs and couplings, problems with planted
//! ground states, and the graphs of Rinaldi's generator rudy.
//!
//! Topology and weights are apart: a generator of edges returns pairs `i < j`,
//! and [`Weights`] turns them into couplings or edge weights.
//!
//! ```
//! use ebm_optim::Ising;
//! use ebm_optim::generate::{Weights, toroidal_grid};
//! // A spin glass on a 10 × 10 torus.
//! let glass = Weights::Signs.draw(&toroidal_grid(10, 10)?, 1);
//! assert_eq!(Ising::from_couplings(100, &glass)?.pairs().count(), 200);
//! # Ok::<(), ebm_optim::Error>(())
//! ```

mod erdos_renyi;
pub mod frustrated_loops;
mod gb_flip;
mod random_regular;
pub mod rudy;
mod sherrington_kirkpatrick;
pub mod tile_planting;
mod toroidal_grid;
pub mod wishart;

use ebm_core::random;

pub use erdos_renyi::erdos_renyi;
pub use frustrated_loops::FrustratedLoops;
pub use gb_flip::GbFlip;
pub use random_regular::random_regular;
pub use sherrington_kirkpatrick::sherrington_kirkpatrick;
pub use tile_planting::TilePlanting;
pub use toroidal_grid::toroidal_grid;
pub use wishart::Wishart;

use crate::{Error, Ising};

/// A problem made around a known ground state.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The problem.
    pub problem: Ising,
    /// A state of least energy.
    pub spins: Vec<i8>,
    /// Its energy.
    pub energy: f64,
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weights {
    /// All 1.
    Ones,
    /// −1 or +1 with equal chance.
    Signs,
    /// Standard normal.
    Normal,
}

impl Weights {
    /// Gives each pair a weight, in order.
    #[must_use]
    pub fn draw(self, pairs: &[(usize, usize)], seed: u64) -> Vec<(usize, usize, f64)> {
        let mut weights = vec![1.0; pairs.len()];
        self.fill(seed, 0, &mut weights);
        pairs.iter().zip(weights).map(|(&(i, j), w)| (i, j, w)).collect()
    }

    /// Fills `out` from a stream of its own, apart from those of topologies.
    fn fill(self, seed: u64, stream: u64, out: &mut [f64]) {
        let mut rng = random::stream(seed, WEIGHTS + stream);
        match self {
            Self::Ones => out.fill(1.0),
            Self::Signs => random::fill_signs(&mut rng, out),
            Self::Normal => random::fill_normal(&mut rng, out),
        }
    }
}

/// First stream of weights; topologies draw from stream 0, planted states from
/// stream 1.
const WEIGHTS: u64 = 1 << 32;

/// Most edges that a generator makes.
const MAX_EDGES: u64 = 1 << 27;

fn check_edges(edges: Option<u64>) -> Result<(), Error> {
    match edges {
        Some(edges) if edges <= MAX_EDGES => Ok(()),
        _ => {
            let size = edges.map_or(usize::MAX, |edges| edges as usize);
            let limit = MAX_EDGES as usize;
            Err(ebm_core::Error::TooLarge { what: "edges of a generated graph", size, limit }
                .into())
        }
    }
}

/// A parameter out of its range.
fn parameter(what: &'static str, expected: &'static str, value: f64) -> Error {
    ebm_core::Error::Parameter { what, expected, value }.into()
}

/// A random state to plant.
fn random_spins(spins: usize, seed: u64) -> Vec<i8> {
    let mut signs = vec![0.0; spins];
    random::fill_signs(&mut random::stream(seed, 1), &mut signs);
    signs.iter().map(|&s: &f64| s as i8).collect()
}

/// Couplings made for the state of all +1, turned to `spins`.
fn gauge(couplings: &mut [(usize, usize, f64)], spins: &[i8]) {
    for (i, j, w) in couplings {
        *w *= f64::from(spins[*i] * spins[*j]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_what_they_say() {
        let pairs = toroidal_grid(30, 30).unwrap();
        let of = |weights: Weights| -> Vec<f64> {
            weights.draw(&pairs, 7).iter().map(|edge| edge.2).collect()
        };
        assert!(of(Weights::Ones).iter().all(|&w| w == 1.0));
        let signs = of(Weights::Signs);
        assert!(signs.iter().all(|w| w.abs() == 1.0));
        // Five standard errors of a mean of 1800.
        let bound = 5.0 / (pairs.len() as f64).sqrt();
        assert!((signs.iter().sum::<f64>() / pairs.len() as f64).abs() < bound);
        let normal = of(Weights::Normal);
        let square = normal.iter().map(|w| w * w).sum::<f64>() / pairs.len() as f64;
        assert!((square - 1.0).abs() < bound * 2_f64.sqrt());
        assert_eq!(of(Weights::Normal), normal);
    }
}
