//! The minimum-overlap rule: couplings of the largest stability there is.
//!
//! ```text
//! stability   Δᵢ^μ = ξᵢ^μ Σ_{j≠i} w_ij ξⱼ^μ / ‖w_i‖,      κᵢ = max_w min_μ Δᵢ^μ
//! repeat      w_i ← w_i + ξᵢ^μ ξ^μ      for the μ of least Δᵢ^μ
//! bounds      min_μ Δᵢ^μ ≤ κᵢ ≤ ‖w_i‖ / (number of updates)
//! ```
//!
//! With `z^μ = ξᵢ^μ ξ^μ` and entry `i` left out, `w_i/t` after `t` updates is a
//! point of the convex hull of the `z^μ`, and `κᵢ` is the distance of that hull
//! from the origin, hence the upper bound; the rule is the Frank–Wolfe method
//! for this distance. The two bounds meet, so learning stops with a proof of
//! how good it is. Couplings are counts of updates, hence exact integers, until
//! rows are divided by their norms.
//!
//! Each neuron learns by itself, so that `W` is not symmetric and there is no
//! energy: [`Perceptron`](super::Perceptron) learns symmetric couplings, which
//! store less. Of random patterns no couplings store more than Gardner's bound
//!
//! ```text
//! K/N ≤ α_c(κ) = 1 / ∫_{−κ}^∞ (t + κ)² φ(t) dt = 1 / ((1 + κ²) Φ(κ) + κ φ(κ))
//! ```
//!
//! with stability `κ`, and these reach it: two patterns a neuron at `κ = 0`.
//!
//! Sources: W. Krauth, M. Mézard, J. Phys. A 20, L745 (1987),
//! doi:10.1088/0305-4470/20/11/013; E. Gardner, J. Phys. A 21, 257 (1988),
//! doi:10.1088/0305-4470/21/1/030; for the hull M. Frank, P. Wolfe, Naval
//! Research Logistics Quarterly 3, 95 (1956), doi:10.1002/nav.3800030109.

use ebm_core::statistics::normal;
use ebm_core::{linalg, validate};
use rayon::prelude::*;

use super::AsymmetricNetwork;
use crate::{Error, Patterns, patterns};

/// Learning of the couplings of largest stability.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct MinOver {
    /// A neuron has learned when its stability is within this share of the
    /// largest there is, > 0 and < 1.
    pub accuracy: f64,
    /// Updates after which a neuron is given up, from 1 to 2⁴⁰.
    pub max_updates: u64,
}

impl Default for MinOver {
    /// One percent, which random patterns reach after some `100 K` updates at
    /// half the capacity; a million updates, for loads near it.
    fn default() -> Self {
        Self { accuracy: 0.01, max_updates: 1_000_000 }
    }
}

/// What a neuron has learned.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct NeuronStability {
    /// `min_μ Δᵢ^μ`; the neuron keeps its state in all patterns if positive.
    pub stability: f64,
    /// No couplings have a larger stability than this. One that is zero says
    /// that no couplings store all patterns with a positive one.
    pub bound: f64,
    /// Updates made.
    pub updates: u64,
}

impl NeuronStability {
    /// Whether the stability is within a share `accuracy` of the largest there
    /// is.
    #[must_use]
    pub fn is_within(&self, accuracy: f64) -> bool {
        self.stability > 0.0 && self.stability >= (1.0 - accuracy) * self.bound
    }
}

/// A network of largest stability.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct MostStable {
    /// The network, with `‖w_i‖ = 1` for every neuron that has couplings.
    pub network: AsymmetricNetwork,
    /// What each neuron has learned.
    pub neurons: Vec<NeuronStability>,
}

impl MostStable {
    /// The smallest stability of any neuron; all patterns are fixed points if
    /// it is positive.
    #[must_use]
    pub fn stability(&self) -> f64 {
        self.neurons.iter().fold(f64::INFINITY, |least, neuron| least.min(neuron.stability))
    }
}

impl MinOver {
    /// Learns ±1 patterns, in parallel over neurons. An update takes `O(K)`,
    /// beside `K²` overlaps of the patterns that all neurons share.
    ///
    /// ```
    /// use ebm_memory::{MinOver, Patterns, Recall, min_over};
    /// let patterns = Patterns::random_signs(60, 60, 1)?; // the Hebb rule holds 8
    /// let learned = MinOver::default().learn(&patterns)?;
    /// assert!(learned.neurons.iter().all(|neuron| neuron.is_within(0.01)));
    /// // Gardner: 0.504 at a load of one, for many neurons.
    /// let mean = learned.neurons.iter().map(|n| n.stability).sum::<f64>() / 60.0;
    /// assert!((mean - min_over::largest_stability(1.0)?).abs() < 0.15);
    /// let recalled = Recall::default().retrieve(&learned.network, patterns.as_batch())?;
    /// assert_eq!(recalled.states(), patterns.as_batch());
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a parameter is out of range, an entry is not ±1, or an `N × N` or
    /// `K × K` matrix does not fit into memory.
    pub fn learn(&self, patterns: &Patterns) -> Result<MostStable, Error> {
        if !(self.accuracy > 0.0 && self.accuracy < 1.0) {
            let (what, expected) = ("accuracy", "a number between 0 and 1");
            return Err(ebm_core::Error::Parameter { what, expected, value: self.accuracy }.into());
        }
        if !(1..=1 << 40).contains(&self.max_updates) {
            let (what, expected) = ("maximal number of updates", "1 to 2^40");
            let value = self.max_updates as f64;
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        patterns.check_signs()?;
        let (n, count) = (patterns.dim(), patterns.count());
        let data = patterns.as_batch().as_slice();
        let mut overlaps = patterns::allocate_for("overlaps of the patterns", count, count)?;
        overlaps.resize(count * count, 0.0);
        // Sums of ±1 are exact, whatever the order.
        linalg::multiply_transposed(data, data, &mut overlaps, n);
        let mut rows = patterns::allocate_for("coupling matrix", n, n)?;
        rows.resize(n * n, 0.0);
        let neurons: Vec<NeuronStability> = rows
            .par_chunks_exact_mut(n)
            .enumerate()
            .map_init(
                || (vec![0.0; count], vec![0_u64; count], vec![0.0; count]),
                |(own, updates, fields), (i, row)| {
                    for (own, pattern) in own.iter_mut().zip(patterns.as_batch().columns()) {
                        *own = pattern[i];
                    }
                    let (learned, norm) = self.learn_neuron(own, n, &overlaps, updates, fields);
                    if norm > 0.0 {
                        for ((pattern, own), a) in
                            patterns.as_batch().columns().zip(&*own).zip(&*updates)
                        {
                            let weight = own * *a as f64;
                            row.iter_mut().zip(pattern).for_each(|(w, x)| *w += weight * x);
                        }
                        row.iter_mut().for_each(|w| *w /= norm);
                    }
                    row[i] = 0.0;
                    learned
                },
            )
            .collect();
        transpose(&mut rows, n);
        Ok(MostStable { network: AsymmetricNetwork::new(rows, n)?, neurons })
    }

    /// Counts the updates of each pattern for a neuron whose entries in the
    /// patterns are `own`; returns what it learned and `‖w‖`. Sums are of
    /// integers, and exact below 2⁵³.
    fn learn_neuron(
        &self,
        own: &[f64],
        n: usize,
        overlaps: &[f64],
        updates: &mut [u64],
        fields: &mut [f64],
    ) -> (NeuronStability, f64) {
        let count = own.len();
        let length = (n - 1) as f64;
        updates.fill(0);
        fields.fill(0.0);
        let mut square = 0.0_f64;
        let mut learned = NeuronStability { stability: 0.0, bound: length.sqrt(), updates: 0 };
        loop {
            let (mut least, mut field) = (0, f64::INFINITY);
            for (mu, h) in fields.iter().enumerate() {
                if *h < field {
                    (least, field) = (mu, *h);
                }
            }
            let norm = square.sqrt();
            learned.stability = if square > 0.0 { field / norm } else { 0.0 };
            if learned.updates > 0 {
                learned.bound = learned.bound.min(norm / learned.updates as f64);
            }
            let done = learned.is_within(self.accuracy) || learned.bound == 0.0;
            if done || learned.updates == self.max_updates {
                return (learned, norm);
            }
            square += 2.0 * field + length;
            let sign = own[least];
            let column = &overlaps[least * count..(least + 1) * count];
            for ((h, own), overlap) in fields.iter_mut().zip(own).zip(column) {
                // Without the term of the neuron itself, (ξᵢ^μ ξᵢ^ν)² = 1.
                *h += sign * own * overlap - 1.0;
            }
            updates[least] += 1;
            learned.updates += 1;
        }
    }
}

/// Rows become columns.
fn transpose(entries: &mut [f64], n: usize) {
    for j in 0..n {
        for i in 0..j {
            entries.swap(i + j * n, j + i * n);
        }
    }
}

/// `α_c(κ)`, Gardner's bound on the number of random patterns per neuron that
/// any couplings store with stability `κ`, for many neurons.
///
/// ```
/// assert_eq!(ebm_memory::min_over::gardner_capacity(0.0)?, 2.0);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If `stability` is negative or not finite.
pub fn gardner_capacity(stability: f64) -> Result<f64, Error> {
    validate::non_negative("stability", stability)?;
    Ok(capacity(stability))
}

fn capacity(kappa: f64) -> f64 {
    let integral = (1.0 + kappa * kappa) * normal::distribution(kappa);
    1.0 / (integral + kappa * normal::density(kappa))
}

/// The largest stability of any couplings for `load` random patterns per
/// neuron, at which [`gardner_capacity`] is that load; zero from a load of two.
///
/// # Errors
/// If `load` is not a finite number above zero.
pub fn largest_stability(load: f64) -> Result<f64, Error> {
    validate::positive("load", load)?;
    if load >= 2.0 {
        return Ok(0.0);
    }
    // α_c(κ) falls, and is below 1/κ².
    let (mut low, mut high) = (0.0, 1.0 / load.sqrt());
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return Ok(middle);
        }
        if capacity(middle) > load {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HopfieldNetwork, Perceptron, Recall};

    /// Solves `A x = b` for a few unknowns by elimination; nothing if singular.
    fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
        let n = b.len();
        for k in 0..n {
            let pivot = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()))?;
            if a[pivot][k].abs() < 1e-9 {
                return None;
            }
            a.swap(k, pivot);
            b.swap(k, pivot);
            let (above, below) = a.split_at_mut(k + 1);
            for (row, i) in below.iter_mut().zip(k + 1..) {
                let factor = row[k] / above[k][k];
                row.iter_mut().zip(&above[k]).for_each(|(x, p)| *x -= factor * p);
                b[i] -= factor * b[k];
            }
        }
        for k in (0..n).rev() {
            b[k] = (b[k] - (k + 1..n).map(|j| a[k][j] * b[j]).sum::<f64>()) / a[k][k];
        }
        Some(b)
    }

    /// The distance of the hull of the `z^μ` of a neuron from the origin: the
    /// least norm of the points of all faces, by Lagrange's equations.
    fn exact(patterns: &Patterns, i: usize) -> f64 {
        let count = patterns.count();
        let z = |mu: usize, j: usize| {
            let p = patterns.pattern(mu);
            if i == j { 0.0 } else { p[i] * p[j] }
        };
        let dot = |mu, nu| (0..patterns.dim()).map(|j| z(mu, j) * z(nu, j)).sum::<f64>();
        let mut least = f64::INFINITY;
        for code in 1..1_usize << count {
            let face: Vec<usize> = (0..count).filter(|mu| code >> mu & 1 == 1).collect();
            let gram: Vec<Vec<f64>> =
                face.iter().map(|mu| face.iter().map(|nu| dot(*mu, *nu)).collect()).collect();
            // Gram a = 1 with the weights a up to their sum: norm² = 1/Σa.
            if let Some(a) = solve(gram, vec![1.0; face.len()])
                && a.iter().all(|a| *a >= 0.0)
            {
                least = least.min(1.0 / a.iter().sum::<f64>());
            }
        }
        least.sqrt()
    }

    #[test]
    fn the_stability_is_the_largest_there_is() {
        let mut compared = 0;
        for (n, count, seed) in [(12, 4, 1), (15, 8, 2), (21, 9, 3)] {
            let patterns = Patterns::random_signs(n, count, seed).unwrap();
            let rule = MinOver { accuracy: 1e-3, ..MinOver::default() };
            let learned = rule.learn(&patterns).unwrap();
            for (i, neuron) in learned.neurons.iter().enumerate() {
                assert!(neuron.is_within(1e-3), "{n} {i} {neuron:?}");
                let best = exact(&patterns, i);
                assert!(neuron.stability <= best * (1.0 + 1e-12), "{n} {i}");
                assert!(neuron.bound >= best * (1.0 - 1e-12), "{n} {i}");
                compared += 1;
            }
        }
        assert_eq!(compared, 48);
    }

    #[test]
    fn reported_stabilities_are_those_of_the_network() {
        let patterns = Patterns::random_signs(30, 25, 4).unwrap();
        let learned = MinOver::default().learn(&patterns).unwrap();
        let (network, n) = (&learned.network, 30);
        for (i, neuron) in learned.neurons.iter().enumerate() {
            let row: Vec<f64> = (0..n).map(|j| network.entries()[i + j * n]).collect();
            let norm = row.iter().map(|w| w * w).sum::<f64>().sqrt();
            assert!((norm - 1.0).abs() < 1e-12);
            let stability = |p: &[f64]| p[i] * row.iter().zip(p).map(|(w, x)| w * x).sum::<f64>();
            let least = patterns.as_batch().columns().map(stability).fold(f64::INFINITY, f64::min);
            assert!((least - neuron.stability).abs() < 1e-12);
        }
        let found = Recall::default().retrieve(network, patterns.as_batch()).unwrap();
        assert_eq!(found.states(), patterns.as_batch());
        // A flip changes no field by more than twice the largest coupling.
        assert!(learned.stability() > 0.3);
    }

    #[test]
    fn the_mean_stability_is_that_of_gardner() {
        for load in [0.25, 0.5, 1.0] {
            let n = 150;
            let patterns = Patterns::random_signs(n, (load * n as f64) as usize, 5).unwrap();
            let learned = MinOver::default().learn(&patterns).unwrap();
            let mean = |f: fn(&NeuronStability) -> f64| {
                learned.neurons.iter().map(f).sum::<f64>() / n as f64
            };
            let (low, high) = (mean(|n| n.stability), mean(|n| n.bound));
            let theory = largest_stability(load).unwrap();
            // Rows share their patterns; corrections for 150 neurons are of a
            // few percent.
            assert!(low <= high && high <= 1.01 * low + 1e-12);
            assert!((low / theory - 1.0).abs() < 0.06, "{load}: {low} {theory}");
        }
    }

    #[test]
    fn couplings_of_ones_own_are_more_stable_than_symmetric_ones() {
        let patterns = Patterns::random_signs(60, 30, 6).unwrap();
        let learned = MinOver::default().learn(&patterns).unwrap();
        let best = learned.stability();
        let symmetric = |stability| {
            Perceptron { stability, max_epochs: 300 }.learn(&patterns).unwrap().stability
        };
        assert!([0.3, 0.5, best].into_iter().all(|aim| symmetric(aim) < best));
    }

    #[test]
    fn what_cannot_be_stored_says_so() {
        // Neuron 1 must agree with neuron 0 and disagree.
        let patterns = Patterns::new(vec![1.0, 1.0, 1.0, -1.0], 2).unwrap();
        let learned = MinOver::default().learn(&patterns).unwrap();
        for neuron in &learned.neurons {
            assert_eq!((neuron.bound, neuron.stability), (0.0, 0.0));
            assert!(!neuron.is_within(0.5));
        }
        // Four times as many random patterns as couplings.
        let patterns = Patterns::random_signs(20, 80, 2).unwrap();
        let rule = MinOver { accuracy: 0.01, max_updates: 20_000 };
        let learned = rule.learn(&patterns).unwrap();
        assert!(learned.neurons.iter().all(|n| n.bound < 0.05 && n.stability <= 0.0));
        // One neuron has nothing to learn from.
        let alone = Patterns::new(vec![1.0, -1.0], 1).unwrap();
        let learned = MinOver::default().learn(&alone).unwrap();
        assert_eq!((learned.stability(), learned.neurons[0].bound), (0.0, 0.0));
    }

    #[test]
    fn does_not_depend_on_the_number_of_threads() {
        let patterns = Patterns::random_signs(40, 30, 7).unwrap();
        let learn = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| MinOver::default().learn(&patterns).unwrap())
        };
        let one = learn(1);
        assert_eq!(one, learn(2));
        assert_eq!(one, learn(4));
    }

    #[test]
    fn capacity_and_stability_are_inverse() {
        assert_eq!(gardner_capacity(0.0).unwrap(), 2.0);
        for kappa in [0.01, 0.5, 1.0, 3.0, 20.0] {
            // ∫_{−κ}^∞ (t + κ)² φ(t) dt by Simpson's rule.
            let (steps, h) = (20_000, (12.0 + kappa) / 20_000.0);
            let value = |k: usize| {
                let t = -kappa + k as f64 * h;
                let weight = if k == 0 || k == steps { 1.0 } else { 2.0 + 2.0 * (k % 2) as f64 };
                weight * (t + kappa) * (t + kappa) * normal::density(t)
            };
            let integral = (0..=steps).map(value).sum::<f64>() * h / 3.0;
            let capacity = gardner_capacity(kappa).unwrap();
            assert!((capacity * integral - 1.0).abs() < 1e-10, "{kappa}");
            assert!((largest_stability(capacity).unwrap() - kappa).abs() < 1e-9 * (1.0 + kappa));
        }
        assert_eq!(largest_stability(3.0).unwrap(), 0.0);
        assert!(gardner_capacity(-0.1).is_err());
        assert!(gardner_capacity(f64::NAN).is_err());
        assert!(largest_stability(0.0).is_err());
    }

    #[test]
    fn rejects_bad_input() {
        let patterns = Patterns::random_signs(5, 2, 1).unwrap();
        for accuracy in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(MinOver { accuracy, ..MinOver::default() }.learn(&patterns).is_err());
        }
        for max_updates in [0, u64::MAX] {
            assert!(MinOver { max_updates, ..MinOver::default() }.learn(&patterns).is_err());
        }
        let half = Patterns::new(vec![0.5], 1).unwrap();
        assert!(MinOver::default().learn(&half).is_err());
        // Basins: the pattern comes back from a few flips, as with the Hebb rule.
        let patterns = Patterns::random_signs(100, 5, 3).unwrap();
        let learned = MinOver::default().learn(&patterns).unwrap();
        let cues = crate::corrupt(patterns.as_batch(), 0.1, crate::Corruption::FlipSign, 1);
        let cues = cues.unwrap();
        let cues = cues.as_batch();
        let found = Recall::default().retrieve(&learned.network, cues).unwrap();
        assert_eq!(found.states(), patterns.as_batch());
        let hebb = HopfieldNetwork::hebb(&patterns).unwrap();
        assert_eq!(Recall::default().retrieve(&hebb, cues).unwrap().states(), found.states());
    }
}
