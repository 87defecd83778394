//! The perceptron rule: couplings that give every bit of every pattern a
//! stability of at least `κ`, as long as there are any.
//!
//! ```text
//! stability   Δᵢ^μ = ξᵢ^μ Σ_{j≠i} w_ij ξⱼ^μ / ‖w_i‖
//! while some Δᵢ^μ ≤ κ:    w_ij ← w_ij + (εᵢ + εⱼ) ξᵢ^μ ξⱼ^μ / N,      εᵢ = [Δᵢ^μ ≤ κ]
//! ```
//!
//! The couplings stay symmetric, so that there is an energy: the update is the
//! perceptron's in the space of symmetric matrices, where each wrong bit adds
//! its pattern to its own row and, mirrored, to its column. The rule without
//! the `εⱼ` gives every neuron couplings of its own and stores more, but has no
//! energy and is not offered. A pattern whose smallest stability is `κ`
//! survives any flips that change every field by less than `κ‖w_i‖`: a larger
//! `κ` makes larger basins and fewer patterns.
//!
//! Sources: E. Gardner, J. Phys. A 21, 257 (1988),
//! doi:10.1088/0305-4470/21/1/030, for the rule, also in its symmetric form; W.
//! Krauth, M. Mézard, J. Phys. A 20, L745 (1987),
//! doi:10.1088/0305-4470/20/11/013, for the stability as a measure of the
//! memory.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Outcome, linalg, validate};

use super::HopfieldNetwork;
use crate::{Error, Patterns, patterns};

/// Learning by the perceptron rule.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Perceptron {
    /// `κ`, the stability that every bit is to have, ≥ 0; any larger one will
    /// do, an equal one will not.
    pub stability: f64,
    /// Passes over all patterns after which learning is given up, ≥ 1.
    pub max_epochs: usize,
}

impl Default for Perceptron {
    /// `κ = 0.5` makes basins of a useful size and can be met up to a load of
    /// about a half; 1000 passes, where such a load takes some tens.
    fn default() -> Self {
        Self { stability: 0.5, max_epochs: 1000 }
    }
}

/// A network trained by [`Perceptron`], and how training went.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct Trained {
    /// The network.
    pub network: HopfieldNetwork,
    /// The smallest stability of any bit of any pattern; all patterns are
    /// fixed points if it is positive.
    pub stability: f64,
    /// Passes over all patterns that changed a coupling.
    pub epochs: usize,
    /// [`Outcome::Converged`], or [`Outcome::MaxSteps`] where the passes ran
    /// out, be it that there is no solution or that it takes longer.
    pub outcome: Outcome,
}

impl Perceptron {
    /// Learns ±1 patterns from couplings of zero. A pass takes `2 N² K`
    /// operations.
    ///
    /// ```
    /// use ebm_memory::ebm_core::Outcome;
    /// use ebm_memory::{Patterns, Perceptron};
    /// let patterns = Patterns::random_signs(100, 40, 1)?; // the Hebb rule holds 14
    /// let trained = Perceptron::default().learn(&patterns)?;
    /// assert_eq!(trained.outcome, Outcome::Converged);
    /// assert!(trained.stability > 0.5);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a parameter is out of range, an entry is not ±1, or an `N × N` matrix
    /// does not fit into memory.
    pub fn learn(&self, patterns: &Patterns) -> Result<Trained, Error> {
        validate::non_negative("stability", self.stability)?;
        validate::at_least_one("max_epochs", self.max_epochs)?;
        patterns.check_signs()?;
        let n = patterns.dim();
        let mut entries = patterns::allocate_for("coupling matrix", n, n)?;
        entries.resize(n * n, 0.0);
        let mut norms = vec![0.0; n];
        let mut field = vec![0.0; n];
        let mut weak = vec![0.0; n];
        let rate = 1.0 / n as f64;
        let (mut epochs, mut outcome) = (0, Outcome::MaxSteps);
        while epochs < self.max_epochs {
            let mut changed = false;
            for xi in patterns.as_batch().columns() {
                linalg::multiply(&entries, xi, &mut field, n);
                let mut any = false;
                for (((e, xi), h), norm) in weak.iter_mut().zip(xi).zip(&field).zip(&norms) {
                    *e = f64::from(u8::from(xi * h <= self.stability * norm));
                    any |= *e > 0.0;
                }
                if !any {
                    continue;
                }
                changed = true;
                for (j, column) in entries.chunks_exact_mut(n).enumerate() {
                    let (step, weak_j) = (rate * xi[j], weak[j]);
                    for ((w, xi), e) in column.iter_mut().zip(xi).zip(&weak) {
                        *w += (e + weak_j) * (step * xi);
                    }
                    column[j] = 0.0;
                    norms[j] = column.iter().map(|w| w * w).sum::<f64>().sqrt();
                }
            }
            if !changed {
                outcome = Outcome::Converged;
                break;
            }
            epochs += 1;
        }
        let stability = smallest_stability(&entries, &norms, patterns);
        let network = HopfieldNetwork::new(DenseCoupling::from_column_major(n, entries)?)?;
        Ok(Trained { network, stability, epochs, outcome })
    }
}

/// `min Δᵢ^μ`; zero for a neuron without couplings.
fn smallest_stability(entries: &[f64], norms: &[f64], patterns: &Patterns) -> f64 {
    let n = norms.len();
    let mut field = vec![0.0; n];
    let mut least = f64::INFINITY;
    for xi in patterns.as_batch().columns() {
        linalg::multiply(entries, xi, &mut field, n);
        for ((xi, h), norm) in xi.iter().zip(&field).zip(norms) {
            let stability = if *norm == 0.0 { 0.0 } else { xi * h / norm };
            least = least.min(stability);
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recall;

    #[test]
    fn stores_with_the_stability_asked_for() {
        let patterns = Patterns::random_signs(80, 32, 3).unwrap();
        for stability in [0.0, 0.3, 0.6] {
            let trained = Perceptron { stability, ..Perceptron::default() };
            let trained = trained.learn(&patterns).unwrap();
            assert_eq!(trained.outcome, Outcome::Converged);
            assert!(trained.stability > stability - 1e-12, "{}", trained.stability);
            let recalled =
                Recall::default().retrieve(&trained.network, patterns.as_batch()).unwrap();
            assert_eq!(recalled.states(), patterns.as_batch());
        }
    }

    #[test]
    fn what_cannot_be_stored_is_an_outcome() {
        // Two neurons cannot agree and disagree.
        let patterns = Patterns::new(vec![1.0, 1.0, 1.0, -1.0], 2).unwrap();
        let trained = Perceptron { stability: 0.0, max_epochs: 20 }.learn(&patterns).unwrap();
        assert_eq!((trained.outcome, trained.epochs), (Outcome::MaxSteps, 20));
        assert!(trained.stability <= 0.0);
        // A stability above √(N−1) is out of reach of any couplings.
        let one = Patterns::random_signs(5, 1, 1).unwrap();
        let trained = Perceptron { stability: 2.1, max_epochs: 20 }.learn(&one).unwrap();
        assert_eq!(trained.outcome, Outcome::MaxSteps);
        assert!((trained.stability - 2.0).abs() < 1e-12);
    }

    #[test]
    fn rejects_bad_input() {
        let patterns = Patterns::random_signs(5, 1, 1).unwrap();
        for stability in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(Perceptron { stability, ..Perceptron::default() }.learn(&patterns).is_err());
        }
        assert!(Perceptron { max_epochs: 0, ..Perceptron::default() }.learn(&patterns).is_err());
        let half = Patterns::new(vec![0.5], 1).unwrap();
        assert!(Perceptron::default().learn(&half).is_err());
        // One neuron has no coupling to learn.
        let single = Patterns::new(vec![1.0], 1).unwrap();
        let trained = Perceptron::default().learn(&single).unwrap();
        assert_eq!((trained.stability, trained.outcome), (0.0, Outcome::MaxSteps));
    }
}
