//! A proportion and its confidence intervals.
//!
//! ```text
//! p̂ = k/n
//! Wilson            all p with |p̂ − p| ≤ z √(p(1 − p)/n)
//! Clopper, Pearson  all p with P(k or more | p) ≥ (1 − c)/2 and P(k or fewer | p) ≥ (1 − c)/2
//! ```
//!
//! Unlike `p̂ ± z√(p̂(1 − p̂)/n)` neither leaves `[0, 1]` or shrinks to a point
//! where all trials agree. Wilson's covers the truth about as often as it says,
//! that of Clopper and Pearson at least as often, for which it is longer.
//!
//! Sources: E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927),
//! doi:10.1080/01621459.1927.10502953; C. J. Clopper and E. S. Pearson,
//! Biometrika 26, 404 (1934), doi:10.1093/biomet/26.4.404.

use super::check_chance;
use super::incomplete::{crossing, incomplete_beta};
use crate::Error;

/// `hits` of `trials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Written"))]
pub struct Proportion {
    /// Trials that succeeded, at most all.
    pub hits: u64,
    /// All trials.
    pub trials: u64,
}

/// A proportion in a file.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    hits: u64,
    trials: u64,
}

#[cfg(feature = "serde")]
impl TryFrom<Written> for Proportion {
    type Error = Error;

    fn try_from(Written { hits, trials }: Written) -> Result<Self, Error> {
        let written = Self { hits, trials };
        written.check()?;
        Ok(written)
    }
}

impl Proportion {
    /// There are no more hits than trials.
    fn check(&self) -> Result<(), Error> {
        if self.hits <= self.trials {
            return Ok(());
        }
        let (expected, value) = ("at most the number of runs", self.hits as f64);
        Err(Error::Parameter { what: "successes", expected, value })
    }

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
    /// low and high. From 0 to 1 without trials; NaN for more hits than trials,
    /// which are no proportion.
    ///
    /// ```
    /// use ebm_core::statistics::Proportion;
    /// let (low, high) = Proportion { hits: 10, trials: 10 }.interval(1.96);
    /// assert!((low - 0.7225).abs() < 1e-3 && high == 1.0);
    /// ```
    #[must_use]
    pub fn interval(&self, z: f64) -> (f64, f64) {
        if self.trials == 0 {
            return (0.0, 1.0);
        }
        if self.hits > self.trials {
            return (f64::NAN, f64::NAN);
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

    /// The interval of Clopper and Pearson at a confidence between 0 and 1: low
    /// and high.
    ///
    /// ```
    /// use ebm_core::statistics::Proportion;
    /// let (low, high) = Proportion { hits: 0, trials: 10 }.exact_interval(0.95)?;
    /// assert_eq!(low, 0.0);
    /// assert!((high - (1.0 - 0.025_f64.powf(0.1))).abs() < 1e-12);
    /// # Ok::<(), ebm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// No trials, more hits than trials, a confidence not between 0 and 1.
    pub fn exact_interval(&self, confidence: f64) -> Result<(f64, f64), Error> {
        check_chance("confidence", confidence)?;
        if self.trials == 0 {
            return Err(Error::Empty { what: "sample of runs" });
        }
        self.check()?;
        let tail = 0.5 * (1.0 - confidence);
        let (k, n) = (self.hits as f64, self.trials as f64);
        // At the ends, as many hits or more, and as many or fewer, have chance `tail`.
        let low = if self.hits == 0 {
            0.0
        } else {
            crossing(|p| incomplete_beta(k, n - k + 1.0, p), tail, 0.0, 1.0)
        };
        let high = if self.hits == self.trials {
            1.0
        } else {
            crossing(|p| incomplete_beta(k + 1.0, n - k, p), 1.0 - tail, 0.0, 1.0)
        };
        Ok((low, high))
    }
}

/// [`Proportion::exact_interval`] of `successes` in `runs`.
///
/// # Errors
/// No runs, more successes than runs, a confidence not between 0 and 1.
pub fn clopper_pearson(
    successes: usize,
    runs: usize,
    confidence: f64,
) -> Result<(f64, f64), Error> {
    Proportion { hits: successes as u64, trials: runs as u64 }.exact_interval(confidence)
}

#[cfg(test)]
mod tests {
    use crate::random::stream;
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
        let (low, high) = Proportion { hits: 3, trials: 2 }.interval(1.96);
        assert!(low.is_nan() && high.is_nan());
    }

    #[test]
    fn exact_ends_have_the_tails_they_should() {
        for (hits, trials) in [(1, 7), (3, 7), (20, 50)] {
            let (low, high) = Proportion { hits, trials }.exact_interval(0.9).unwrap();
            let at_most = |n: u64, p: f64| {
                let (mut term, mut sum) = ((1.0 - p).powi(trials as i32), 0.0);
                for k in 0..=n {
                    sum += term;
                    term *= (trials - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
                }
                sum
            };
            assert!((1.0 - at_most(hits - 1, low) - 0.05).abs() < 1e-12);
            assert!((at_most(hits, high) - 0.05).abs() < 1e-12);
        }
        assert_eq!(clopper_pearson(5, 5, 0.5).unwrap().1, 1.0);
        assert!(clopper_pearson(0, 0, 0.5).is_err());
        assert!(clopper_pearson(3, 2, 0.5).is_err());
        for confidence in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(clopper_pearson(1, 2, confidence).is_err());
        }
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
