//! A census of the states in which retrieval ends.
//!
//! ```text
//! stored      x ≈  ξ^μ
//! inverse     x ≈ −ξ^μ
//! mixture     x ≈ sgn(± ξ^{μ₁} ± … ± ξ^{μₙ}),   n odd,   overlap with each 2^{1−n} C(n−1, (n−1)/2)
//! other       none of these: spin-glass states, which overlap with no few patterns
//! ```
//!
//! Inverse and mixture states come with any network whose energy is even in
//! the patterns; for those of the Hopfield network see D. J. Amit, H.
//! Gutfreund, H. Sompolinsky, Phys. Rev. A 32, 1007 (1985),
//! doi:10.1103/PhysRevA.32.1007.

use std::collections::BTreeMap;

use ebm_core::{Batch, validate};

use super::grid::cosine;
use crate::{Error, Patterns};

/// What an end state is, in terms of the patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum EndState {
    /// A pattern.
    Stored {
        /// Its position.
        pattern: usize,
    },
    /// A pattern with all signs changed.
    Inverse {
        /// Its position.
        pattern: usize,
    },
    /// The majority of an odd number of patterns, three or more.
    Mixture {
        /// Their positions, the one of largest overlap first, and whether each
        /// enters with its signs changed.
        patterns: Vec<(usize, bool)>,
    },
    /// None of these.
    Other,
}

/// What counts as which end state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Census {
    /// The cosine of the angle from which on a state is called by the name of
    /// another.
    pub overlap: f64,
    /// The largest number of patterns of a mixture that is looked for.
    pub max_mixture: usize,
}

impl Default for Census {
    /// Overlap 0.9: below that of retrieval at full load, 0.967, above that of
    /// any two different mixtures of few patterns. Mixtures of three, five and
    /// seven; larger ones lose their stability first.
    fn default() -> Self {
        Self { overlap: 0.9, max_mixture: 7 }
    }
}

/// A state in which at least one retrieval ended.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Attractor {
    /// What it is.
    pub kind: EndState,
    /// Retrievals that ended in it.
    pub count: usize,
    /// Its energy.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub energy: f64,
    /// The first retrieval that did.
    pub first: usize,
}

impl Census {
    /// What `state` is.
    ///
    /// # Panics
    /// If `state` has another length than the patterns.
    #[must_use]
    pub fn classify(&self, patterns: &Patterns, state: &[f64]) -> EndState {
        assert_eq!(state.len(), patterns.dim(), "a state has the length of the patterns");
        let mut overlaps: Vec<(usize, f64)> =
            patterns.as_batch().columns().map(|p| cosine(p, state)).enumerate().collect();
        overlaps.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        // A state with a NaN sorts anywhere and passes no threshold.
        let (pattern, largest) = overlaps[0];
        if largest >= self.overlap {
            return EndState::Stored { pattern };
        }
        if -largest >= self.overlap {
            return EndState::Inverse { pattern };
        }
        let mut sum = vec![0.0; state.len()];
        let most = self.max_mixture.min(overlaps.len());
        for (taken, &(pattern, overlap)) in (1..=most).zip(&overlaps) {
            let sign = if overlap < 0.0 { -1.0 } else { 1.0 };
            sum.iter_mut().zip(patterns.pattern(pattern)).for_each(|(s, p)| *s += sign * p);
            if taken % 2 == 0 || taken == 1 {
                continue;
            }
            let majority: Vec<f64> = sum.iter().map(|s| s.signum()).collect();
            if cosine(&majority, state) >= self.overlap {
                let patterns = overlaps[..taken].iter().map(|(p, m)| (*p, *m < 0.0)).collect();
                return EndState::Mixture { patterns };
            }
        }
        EndState::Other
    }

    /// Sorts end states and their energies into attractors, the most frequent
    /// one first. States with equal signs count as one.
    ///
    /// ```
    /// use ebm_memory::experiment::{Census, EndState};
    /// use ebm_memory::{HopfieldNetwork, Patterns, Recall};
    /// let patterns = Patterns::random_signs(500, 3, 1)?;
    /// let network = HopfieldNetwork::hebb(&patterns)?;
    /// let cues = Patterns::random_signs(500, 200, 2)?;
    /// let ends = Recall::default().retrieve(&network, cues.as_batch())?;
    /// let energies: Vec<f64> = ends.reports().iter().map(|r| r.energy).collect();
    /// let found = Census::default().sort(&patterns, ends.states(), &energies)?;
    /// // Three patterns, their inverses, and ±ξ¹±ξ²±ξ³: 14 states, no others.
    /// assert!(found.len() <= 14);
    /// assert!(found.iter().all(|a| a.kind != EndState::Other));
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the states have another dimension than the patterns, or there are not
    /// as many energies.
    pub fn sort(
        &self,
        patterns: &Patterns,
        states: Batch<'_>,
        energies: &[f64],
    ) -> Result<Vec<Attractor>, Error> {
        validate::dimension("end states", patterns.dim(), states.dim())?;
        validate::dimension("energies of the end states", states.count(), energies.len())?;
        let mut found: BTreeMap<Vec<bool>, Attractor> = BTreeMap::new();
        for (first, (state, &energy)) in states.columns().zip(energies).enumerate() {
            let signs = state.iter().map(|x| *x > 0.0).collect();
            found.entry(signs).and_modify(|attractor| attractor.count += 1).or_insert_with(|| {
                let kind = self.classify(patterns, state);
                Attractor { kind, count: 1, energy, first }
            });
        }
        let mut found: Vec<Attractor> = found.into_values().collect();
        found.sort_by_key(|a| (std::cmp::Reverse(a.count), a.first));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_known() {
        let patterns = Patterns::random_signs(400, 6, 3).unwrap();
        let census = Census::default();
        let mix = |terms: &[(usize, f64)]| -> Vec<f64> {
            let sum = |i: usize| -> f64 {
                terms.iter().map(|(mu, sign)| sign * patterns.pattern(*mu)[i]).sum()
            };
            (0..400).map(|i| sum(i).signum()).collect()
        };
        let mut noisy = patterns.pattern(4).to_vec();
        noisy[..15].iter_mut().for_each(|x| *x = -*x);
        assert_eq!(census.classify(&patterns, &noisy), EndState::Stored { pattern: 4 });
        noisy.iter_mut().for_each(|x| *x *= -0.3);
        assert_eq!(census.classify(&patterns, &noisy), EndState::Inverse { pattern: 4 });
        for terms in [
            &[(0, 1.0), (2, -1.0), (5, 1.0)][..],
            &[(0, 1.0), (1, 1.0), (2, 1.0), (3, -1.0), (5, -1.0)],
        ] {
            let EndState::Mixture { patterns: mut found } = census.classify(&patterns, &mix(terms))
            else {
                panic!("{terms:?}");
            };
            found.sort_unstable();
            let expected: Vec<_> = terms.iter().map(|(mu, sign)| (*mu, *sign < 0.0)).collect();
            assert_eq!(found, expected);
        }
        let five = [(0, 1.0), (1, 1.0), (2, 1.0), (3, -1.0), (5, -1.0)];
        let few = Census { max_mixture: 3, ..census };
        assert_eq!(few.classify(&patterns, &mix(&five)), EndState::Other);
        let random = Patterns::random_signs(400, 1, 99).unwrap();
        assert_eq!(census.classify(&patterns, random.pattern(0)), EndState::Other);
        assert_eq!(census.classify(&patterns, &[0.0; 400]), EndState::Other);
        assert_eq!(census.classify(&patterns, &[f64::NAN; 400]), EndState::Other);
    }

    #[test]
    fn counts_equal_states_once() {
        let patterns = Patterns::random_signs(20, 2, 3).unwrap();
        let states = [patterns.pattern(1), patterns.pattern(0), patterns.pattern(1)].concat();
        let states = Batch::new(&states, 20).unwrap();
        let found = Census::default().sort(&patterns, states, &[-2.0, -1.0, -2.0]).unwrap();
        let kind = EndState::Stored { pattern: 1 };
        assert_eq!(found[0], Attractor { kind, count: 2, energy: -2.0, first: 0 });
        assert_eq!((found[1].count, found[1].first), (1, 1));
        assert!(Census::default().sort(&patterns, states, &[0.0]).is_err());
        let short = Batch::new(&[1.0; 3], 3).unwrap();
        assert!(Census::default().sort(&patterns, short, &[0.0]).is_err());
    }
}
