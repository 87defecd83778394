//! The Hopfield network with random couplings: many attractors, no symmetry
//! but that of the couplings.
//!
//! ```text
//! τ ẋ = −x + W tanh(g x) + b
//! W_ij = W_ji = σ ξ_ij / √N  (i < j),      W_ii = 0,      ξ_ij ~ N(0, 1)
//! ```
//!
//! The eigenvalues of `W` fill `[−2σ, 2σ]` as `N` grows (E. P. Wigner, Ann.
//! Math. 67, 325 (1958)). Without bias the origin is therefore the only
//! equilibrium for `2σg < 1` and unstable for `2σg > 1`, up to corrections of
//! order `N^(−2/3)`.

use rand_distr::{Distribution, StandardNormal};

use crate::coupling::DenseCoupling;
use crate::network::{Activation, Hopfield, SymmetricNetwork};
use crate::random::{fill_normal, stream};
use crate::{Error, validate};

/// The parameters of a random Hopfield network with time constant 1; equal
/// parameters give equal networks.
///
/// ```
/// use ebm_core::{VectorField, check::finite_difference, problems::RandomHopfield};
/// let problem = RandomHopfield { dim: 20, ..RandomHopfield::default() };
/// let flow = problem.network()?;
/// assert_eq!(flow, problem.network()?);
/// let x = problem.state(0);
/// assert!(finite_difference::jacobian(&flow, 0.0, &x)?.relative < 1e-8);
/// assert!(finite_difference::lyapunov_rate(&flow, &x)?.relative < 1e-8);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomHopfield {
    /// `N ≥ 1`.
    pub dim: usize,
    /// `σ ≥ 0`; the spectral radius of `W` is near `2σ`.
    pub strength: f64,
    /// Standard deviation of the biases, ≥ 0.
    pub bias: f64,
    /// `g > 0`.
    pub gain: f64,
    /// Seed of couplings, biases and states: three kinds of streams, so that
    /// none depends on another.
    pub seed: u64,
}

impl Default for RandomHopfield {
    /// A hundred units with `2σg = 3`: the origin is unstable and many
    /// attractors coexist. No bias, so that `x` and `−x` move alike. Seed 0.
    fn default() -> Self {
        Self { dim: 100, strength: 1.0, bias: 0.0, gain: 1.5, seed: 0 }
    }
}

impl RandomHopfield {
    /// The network as a vector field of its potentials.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::TooLarge`] for the dimension,
    /// [`Error::Parameter`] for a strength, bias or gain out of range,
    /// [`Error::NotFinite`] if a coupling or bias overflows.
    pub fn network(&self) -> Result<Hopfield<DenseCoupling>, Error> {
        validate::non_negative("strength of the couplings", self.strength)?;
        validate::non_negative("standard deviation of the biases", self.bias)?;
        let mut rng = stream(self.seed, 0);
        let scale = self.strength / (self.dim as f64).sqrt();
        let coupling = DenseCoupling::from_fn(self.dim, |i, j| {
            if i == j {
                return 0.0;
            }
            let xi: f64 = StandardNormal.sample(&mut rng);
            scale * xi
        })?;
        let mut bias = vec![0.0; self.dim];
        fill_normal(&mut stream(self.seed, 1), &mut bias);
        bias.iter_mut().for_each(|b| *b *= self.bias);
        let activation = Activation::Tanh { gain: self.gain };
        Ok(Hopfield(SymmetricNetwork::new(coupling, bias, activation)?))
    }

    /// State `index` of the problem: standard normal potentials.
    #[must_use]
    pub fn state(&self, index: u32) -> Vec<f64> {
        let mut x = vec![0.0; self.dim];
        fill_normal(&mut stream(self.seed, 2 + u64::from(index)), &mut x);
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coupling;
    use crate::linalg::SymmetricEigen;

    /// The moments of Wigner's law: `tr W² / N → σ²`, `tr W⁴ / N → 2σ⁴`, and no
    /// eigenvalue far beyond `2σ`.
    #[test]
    fn couplings_follow_the_semicircle_law() {
        let problem = RandomHopfield { dim: 200, strength: 0.7, seed: 3, ..Default::default() };
        let network = problem.network().unwrap();
        let coupling = network.0.coupling();
        let matrix: Vec<f64> =
            (0..problem.dim).flat_map(|j| coupling.column(j).iter().copied()).collect();
        let mut diagonal = vec![1.0; problem.dim];
        coupling.diagonal(&mut diagonal);
        assert_eq!(diagonal, vec![0.0; problem.dim]);
        let mut eigen = SymmetricEigen::new(problem.dim);
        let values = eigen.eigenvalues(&matrix).unwrap();
        let moment = |k| {
            let sum: f64 = values.iter().map(|v| (v / problem.strength).powi(k)).sum();
            sum / problem.dim as f64
        };
        // Standard error of the second moment 2/N, of the fourth near 8/N,
        // bias of both of order 1/N.
        assert!((moment(2) - 1.0).abs() < 0.05, "{}", moment(2));
        assert!((moment(4) - 2.0).abs() < 0.2, "{}", moment(4));
        let radius = values.iter().fold(0.0_f64, |m, v| m.max(v.abs())) / problem.strength;
        assert!((radius - 2.0).abs() < 0.2, "{radius}");
    }

    #[test]
    fn parts_have_streams_of_their_own() {
        let small = RandomHopfield { dim: 5, bias: 0.3, ..Default::default() };
        let other = RandomHopfield { strength: 0.1, gain: 3.0, bias: 0.6, ..small };
        let (a, b) = (small.network().unwrap(), other.network().unwrap());
        for (a, b) in a.0.bias().iter().zip(b.0.bias()) {
            assert_eq!(2.0 * a, *b);
        }
        assert_eq!(small.state(4), other.state(4));
        assert_ne!(small.state(4), small.state(5));
        assert_ne!(a, RandomHopfield { seed: 1, ..small }.network().unwrap());
    }

    #[test]
    fn bad_input_is_refused() {
        let good = RandomHopfield::default();
        let empty = RandomHopfield { dim: 0, ..good }.network();
        assert!(matches!(empty, Err(Error::Empty { .. })));
        let huge = RandomHopfield { dim: usize::MAX, ..good }.network();
        assert!(matches!(huge, Err(Error::TooLarge { .. })));
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            for problem in [
                RandomHopfield { strength: bad, ..good },
                RandomHopfield { bias: bad, ..good },
                RandomHopfield { gain: bad, ..good },
            ] {
                assert!(matches!(problem.network(), Err(Error::Parameter { .. })), "{problem:?}");
            }
        }
        let large = RandomHopfield { strength: f64::MAX, dim: 30, ..good }.network();
        assert!(large.is_ok() || matches!(large, Err(Error::NotFinite { .. })));
        assert!(matches!(
            RandomHopfield { bias: f64::MAX, ..good }.network(),
            Err(Error::NotFinite { .. })
        ));
    }
}
