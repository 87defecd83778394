//! A proportion and its confidence interval.
//!
//! ```text
//! p̂ = k/n,      Wilson: all p with |p̂ − p| ≤ z √(p(1 − p)/n)
//! ```
//!
//! Unlike `p̂ ± z√(p̂(1 − p̂)/n)` the interval never leaves `[0, 1]` and does not
//! shrink to a point where all trials agree.
//!
//! Source: E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927),
//! doi:10.1080/01621459.1927.10502953.

/// `hits` of `trials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proportion {
    /// Trials that succeeded, at most all.
    pub hits: u64,
    /// All trials.
    pub trials: u64,
}

impl Proportion {
    /// Counts one trial more.
    pub fn count(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.trials += 1;
    }

    /// The counts of both together.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, trials: self.trials + other.trials }
    }

    /// `p̂`; NaN without trials.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.hits as f64 / self.trials as f64
    }

    /// Wilson's interval at `z` standard errors, 1.96 for a confidence of 95 %:
    /// low and high. From 0 to 1 without trials.
    ///
    /// ```
    /// use ebm_memory::experiment::Proportion;
    /// let (low, high) = Proportion { hits: 10, trials: 10 }.interval(1.96);
    /// assert!((low - 0.7225).abs() < 1e-3 && high == 1.0);
    /// ```
    #[must_use]
    pub fn interval(&self, z: f64) -> (f64, f64) {
        if self.trials == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.trials as f64, self.rate());
        let weight = z * z / n;
        let center = (p + 0.5 * weight) / (1.0 + weight);
        let half = (weight * (p * (1.0 - p) + 0.25 * weight)).sqrt() / (1.0 + weight);
        // Exact at the ends, where the difference would round.
        let low = if self.hits == 0 { 0.0 } else { center - half };
        let high = if self.hits == self.trials { 1.0 } else { center + half };
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use ebm_core::random::stream;
    use rand::RngExt;

    use super::*;

    #[test]
    fn the_ends_solve_the_defining_equation() {
        for (hits, trials) in [(0, 7), (3, 7), (7, 7), (50, 1000)] {
            let proportion = Proportion { hits, trials };
            let (low, high) = proportion.interval(1.96);
            assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            for p in [low, high] {
                let error = 1.96 * (p * (1.0 - p) / trials as f64).sqrt();
                let off = (proportion.rate() - p).abs();
                assert!((off - error).abs() < 1e-12, "{p}");
            }
        }
        assert_eq!(Proportion::default().interval(1.96), (0.0, 1.0));
    }

    #[test]
    fn covers_the_truth_as_often_as_it_says() {
        for truth in [0.05, 0.5, 0.9] {
            let mut covered = Proportion::default();
            for sample in 0..4000 {
                let mut rng = stream(3, sample);
                let mut found = Proportion::default();
                for _ in 0..60 {
                    found.count(rng.random::<f64>() < truth);
                }
                let (low, high) = found.interval(1.96);
                covered.count((low..=high).contains(&truth));
            }
            // Wilson's interval errs by up to two percent at this size.
            assert!((covered.rate() - 0.95).abs() < 0.035, "{truth} {}", covered.rate());
        }
    }
}
