//! How much second harmonic makes a binary state attract.
//!
//! ```text
//! J(η) = A − diag(A1) − 2ε (I − 11ᵀ/N),      A = (1/N) Σ_μ w_μ (η∘ξ^μ)(η∘ξ^μ)ᵀ
//! ε_c(η) = ½ λ_max(A − diag(A1) on 1^⊥),     w_μ = J₂ + J₄ m_μ²
//! ```
//!
//! `J` is the Jacobian of the network at the state `η`. The second harmonic
//! shifts its spectrum on `1^⊥` and changes nothing else, so that each binary
//! state has a threshold of its own, and `2(ε_c − ε)` is the growth rate of its
//! fastest perturbation. Along `1` all phases turn together.

use ebm_core::linalg::{self, SymmetricEigen, largest_eigenvalue};
use ebm_core::{Energy, validate};

use super::OscillatorMemory;
use crate::Error;
use crate::patterns::check_signs;

/// Largest number of oscillators whose eigenvalues are all computed.
const DENSE: usize = 300;
/// Lanczos steps beyond.
const STEPS: usize = 250;

/// The threshold of one binary state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct StabilityThreshold {
    /// `ε_c`: above it the state attracts, below it is left. Negative for a
    /// state that attracts without any second harmonic.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub second_harmonic: f64,
    /// From all eigenvalues, or from a Lanczos iteration that ended in an
    /// invariant space; otherwise it is a lower bound from 250 steps.
    pub exact: bool,
}

impl OscillatorMemory {
    /// The second harmonic above which the binary `state` attracts, whatever
    /// the second harmonic of this memory.
    ///
    /// All eigenvalues up to 300 oscillators, `O(N³)`; beyond, 250 Lanczos
    /// steps of `O(NP)` without a matrix.
    ///
    /// ```
    /// use ebm_memory::Patterns;
    /// use ebm_memory::oscillator_memory::{OscillatorCouplings, OscillatorMemory};
    /// let patterns = Patterns::random_signs(200, 10, 1)?;
    /// let random = Patterns::random_signs(200, 1, 2)?;
    /// let memory = OscillatorMemory::new(patterns, OscillatorCouplings::default())?;
    /// let stored = memory.stability_threshold(memory.patterns().pattern(0))?.second_harmonic;
    /// let spurious = memory.stability_threshold(random.pattern(0))?.second_harmonic;
    /// assert!(0.1 < stored && stored < 0.25 && 0.6 < spurious && spurious < 0.8);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `state` has another length than the patterns or an entry other than
    /// ±1, or if there is a single oscillator, which has no neighbor.
    pub fn stability_threshold(&self, state: &[f64]) -> Result<StabilityThreshold, Error> {
        let n = self.dim();
        validate::dimension("state", n, state.len())?;
        check_signs("state", ebm_core::Batch::single(state)?)?;
        if n < 2 {
            let (what, expected) = ("number of oscillators", "at least 2");
            return Err(ebm_core::Error::Parameter { what, expected, value: 1.0 }.into());
        }
        // In the gauge in which the state is all ones.
        let mut gauged = self.patterns().as_batch().as_slice().to_vec();
        for pattern in gauged.chunks_exact_mut(n) {
            pattern.iter_mut().zip(state).for_each(|(p, s)| *p *= s);
        }
        let scale = 1.0 / n as f64;
        let weights: Vec<f64> = gauged
            .chunks_exact(n)
            .map(|pattern| {
                let overlap = scale * pattern.iter().sum::<f64>();
                scale * self.weight(overlap * overlap)
            })
            .collect();
        let mut row_sums = vec![0.0; n];
        for (pattern, weight) in gauged.chunks_exact(n).zip(&weights) {
            let total = weight * pattern.iter().sum::<f64>();
            pattern.iter().zip(&mut row_sums).for_each(|(p, sum)| *sum += total * p);
        }
        // Moves the direction 1 below all others.
        let radius = row_sums.iter().fold(0.0_f64, |m, r| m.max(r.abs()));
        let shift = 2.0 * radius + n as f64 * weights.iter().sum::<f64>() + 1.0;
        let (value, exact) = if n <= DENSE {
            (dense(&gauged, &weights, &row_sums, shift)?, true)
        } else {
            lanczos(&gauged, &weights, &row_sums, shift)
        };
        Ok(StabilityThreshold { second_harmonic: 0.5 * value, exact })
    }
}

fn dense(gauged: &[f64], weights: &[f64], row_sums: &[f64], shift: f64) -> Result<f64, Error> {
    let n = row_sums.len();
    let mut scaled = gauged.to_vec();
    for (pattern, weight) in scaled.chunks_exact_mut(n).zip(weights) {
        pattern.iter_mut().for_each(|p| *p *= weight);
    }
    let mut matrix = vec![-shift / n as f64; n * n];
    linalg::add_outer(1.0, &scaled, gauged, &mut matrix, weights.len());
    for (i, sum) in row_sums.iter().enumerate() {
        matrix[i * (n + 1)] -= sum;
    }
    Ok(SymmetricEigen::new(n).eigenvalues(&matrix)?[n - 1])
}

fn lanczos(gauged: &[f64], weights: &[f64], row_sums: &[f64], shift: f64) -> (f64, bool) {
    let n = row_sums.len();
    let mut overlaps = vec![0.0; weights.len()];
    let found = largest_eigenvalue(n, STEPS, 0, |v, out| {
        linalg::multiply_transposed(gauged, v, &mut overlaps, n);
        overlaps.iter_mut().zip(weights).for_each(|(m, w)| *m *= w);
        linalg::multiply(gauged, &overlaps, out, n);
        let mean = v.iter().sum::<f64>() / n as f64;
        for ((out, v), sum) in out.iter_mut().zip(v).zip(row_sums) {
            *out -= sum * v + shift * mean;
        }
    });
    (found.value, found.exhausted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patterns;
    use crate::oscillator_memory::OscillatorCouplings;

    #[test]
    fn both_ways_agree() {
        let couplings = OscillatorCouplings { quartic: 0.5, ..OscillatorCouplings::default() };
        for count in [1, 5, 40] {
            let patterns = Patterns::random_signs(120, count, 3).unwrap();
            let memory = OscillatorMemory::new(patterns, couplings).unwrap();
            let n = memory.dim();
            let all = memory.patterns().as_batch().as_slice();
            // The gauge of the all-ones state.
            let weights: Vec<f64> = (0..count)
                .map(|mu| {
                    let overlap = memory.patterns().pattern(mu).iter().sum::<f64>() / n as f64;
                    memory.weight(overlap * overlap) / n as f64
                })
                .collect();
            let mut row_sums = vec![0.0; n];
            for (mu, weight) in weights.iter().enumerate() {
                let pattern = memory.patterns().pattern(mu);
                let total: f64 = weight * pattern.iter().sum::<f64>();
                pattern.iter().zip(&mut row_sums).for_each(|(p, sum)| *sum += total * p);
            }
            let exact = dense(all, &weights, &row_sums, 300.0).unwrap();
            let (value, _) = lanczos(all, &weights, &row_sums, 300.0);
            assert!((exact - value).abs() < 1e-8, "{count}: {exact} {value}");
            let found = memory.stability_threshold(&vec![1.0; n]).unwrap();
            assert!((2.0 * found.second_harmonic - exact).abs() < 1e-12);
        }
    }
}
