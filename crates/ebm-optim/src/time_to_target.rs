//! Time to target: how long until a solver has found a given energy with a
//! given chance.
//!
//! ```text
//! TTS_q = t ln(1 − q) / ln(1 − p)      runs of time t that each succeed with chance p
//! TTS_q = −ln(1 − q) / λ               a target found at a constant rate λ
//! ```
//!
//! The chance `p` is estimated by the share of successful runs, the rate `λ` by
//! successes over the total time of all runs, successful or not. Intervals are
//! exact in the sense that they cover the truth at least as often as they say:
//! that of Clopper and Pearson for `p`, and its counterpart for `λ`.
//!
//! Sources: T. F. Rønnow et al., Science 345, 420 (2014), arXiv 1401.2910; C. J.
//! Clopper and E. S. Pearson, Biometrika 26, 404 (1934),
//! doi:10.1093/biomet/26.4.404; F. Garwood, Biometrika 28, 437 (1936),
//! doi:10.1093/biomet/28.3-4.437.

pub use ebm_core::statistics::clopper_pearson;
use ebm_core::statistics::{check_chance, poisson};
use ebm_core::validate;

use crate::Error;
use crate::run::{Outcome, Solution};

/// Chances that an estimate is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeToTarget {
    /// Chance of having found the target by then.
    pub quantile: f64,
    /// Chance that the interval covers the truth.
    pub confidence: f64,
}

impl Default for TimeToTarget {
    /// The 99 % that the literature reports, with 95 % confidence.
    fn default() -> Self {
        Self { quantile: 0.99, confidence: 0.95 }
    }
}

/// An estimate with its interval; infinite where no run succeeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Runs that found the target.
    pub successes: usize,
    /// All runs.
    pub runs: usize,
}

/// One run until the target or until it was given up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunTime {
    /// How long it ran.
    pub seconds: f64,
    /// Did it find the target, at that time?
    pub reached: bool,
}

impl TimeToTarget {
    /// From runs of one length, `seconds` each, of which so many succeeded. A
    /// whole run is the least there is: where one suffices, that is the result.
    ///
    /// ```
    /// use ebm_optim::time_to_target::TimeToTarget;
    /// let time = TimeToTarget::default().of_counts(50, 100, 2.0)?;
    /// // 1 − 0.5^6.64 = 0.99
    /// assert!((time.value - 2.0 * 6.644).abs() < 1e-3);
    /// assert!(time.low < 11.0 && time.high > 16.0);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// Chances that are not between 0 and 1, no runs, more successes than runs,
    /// a time that is not positive.
    pub fn of_counts(
        &self,
        successes: usize,
        runs: usize,
        seconds: f64,
    ) -> Result<Estimate, Error> {
        self.check()?;
        validate::positive("seconds of a run", seconds)?;
        let (low, high) = clopper_pearson(successes, runs, self.confidence)?;
        let time = |chance: f64| {
            if chance <= 0.0 {
                return f64::INFINITY;
            }
            seconds * ((-self.quantile).ln_1p() / (-chance).ln_1p()).max(1.0)
        };
        let value = time(successes as f64 / runs as f64);
        Ok(Estimate { value, low: time(high), high: time(low), successes, runs })
    }

    /// From the replicas of a solution: one that reached `target`, polished or
    /// not, is a success. The time of a replica is its share of the time of the
    /// run, set-up apart, on as many threads as that had.
    ///
    /// ```
    /// use ebm_optim::time_to_target::TimeToTarget;
    /// use ebm_optim::{Ising, OscillatorIsingMachine, Run, Solver};
    /// let pair = Ising::from_couplings(2, &[(0, 1, -1.0)])?;
    /// let run = Run { replicas: Some(16), steps: Some(100), ..Run::seeded(1) };
    /// let solution = OscillatorIsingMachine::default().solve(&pair, &run)?;
    /// let time = TimeToTarget::default().of_solution(&solution, -1.0)?;
    /// assert_eq!((time.successes, time.runs), (16, 16));
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`of_counts`](Self::of_counts); a target that is no number; replicas of
    /// different lengths, or a run that was cut short, whose replicas are no fair
    /// sample.
    pub fn of_solution(&self, solution: &Solution, target: f64) -> Result<Estimate, Error> {
        if target.is_nan() {
            validate::finite("target energy", &[target])?;
        }
        let replicas = &solution.replicas;
        let steps = replicas.first().map_or(0, |first| first.steps);
        if let Some(other) = replicas.iter().find(|replica| replica.steps != steps) {
            let expected = "the same for all replicas";
            let (what, value) = ("steps of a replica", other.steps as f64);
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        if solution.outcome != Outcome::Completed {
            let expected = "those of a run that made all its steps";
            let (what, value) = ("replicas", replicas.len() as f64);
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        let reached = |replica: &&crate::Replica| replica.read_out.min(replica.polished) <= target;
        let successes = replicas.iter().filter(reached).count();
        // Clocks may not resolve the run.
        let seconds = solution.timing.run.max(f64::MIN_POSITIVE) / replicas.len().max(1) as f64;
        self.of_counts(successes, replicas.len(), seconds.max(f64::MIN_POSITIVE))
    }

    /// From runs that each stopped at the target or were given up, at times that
    /// may differ, taking the rate of success as constant in time.
    ///
    /// ```
    /// use ebm_optim::time_to_target::{RunTime, TimeToTarget};
    /// let found = |seconds| RunTime { seconds, reached: true };
    /// let given_up = RunTime { seconds: 10.0, reached: false };
    /// let median = TimeToTarget { quantile: 0.5, ..Default::default() };
    /// let time = median.of_run_times(&[found(3.0), found(7.0), given_up])?;
    /// assert!((time.value - 10.0 * 2_f64.ln()).abs() < 1e-12);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// Chances that are not between 0 and 1, no runs, a time that is negative or
    /// not finite, all times zero.
    pub fn of_run_times(&self, times: &[RunTime]) -> Result<Estimate, Error> {
        self.check()?;
        for time in times {
            validate::non_negative("seconds of a run", time.seconds)?;
        }
        let total: f64 = times.iter().map(|time| time.seconds).sum();
        validate::positive("seconds of all runs", total)?;
        let successes = times.iter().filter(|time| time.reached).count();
        let (least, most) = poisson::garwood(successes, self.confidence)?;
        // λ = mean / total, and −ln(1 − q) / λ.
        let time = |mean: f64| -(-self.quantile).ln_1p() * total / mean;
        Ok(Estimate {
            value: time(successes as f64),
            low: time(most),
            high: time(least),
            successes,
            runs: times.len(),
        })
    }

    fn check(&self) -> Result<(), Error> {
        check_chance("quantile", self.quantile)?;
        Ok(check_chance("confidence", self.confidence)?)
    }
}

#[cfg(test)]
mod tests {
    use ebm_core::random;
    use rand::RngExt;

    use super::*;
    use crate::{Replica, State, Timing};

    /// Share of samples whose interval covers `truth`, which must be at least
    /// the confidence, up to four standard errors, and not 1.
    fn check_coverage(truth: f64, confidence: f64, sample: impl Fn(u64) -> Estimate) {
        let samples = 4000_u32;
        let covered = (0..samples)
            .filter(|&seed| {
                let estimate = sample(u64::from(seed));
                assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
                estimate.low <= truth && truth <= estimate.high
            })
            .count();
        let share = covered as f64 / f64::from(samples);
        let error = (confidence * (1.0 - confidence) / f64::from(samples)).sqrt();
        assert!(share >= confidence - 4.0 * error, "{share}");
        assert!(share < 1.0, "{share}");
    }

    #[test]
    fn counts_are_covered() {
        for (chance, runs) in [(0.02, 60), (0.3, 30), (0.7, 12)] {
            let time = TimeToTarget { quantile: 0.99, confidence: 0.9 };
            let truth = (0.01_f64.ln() / (1.0_f64 - chance).ln()).max(1.0);
            check_coverage(truth, 0.9, |seed| {
                let mut rng = random::stream(seed, 0);
                let successes = (0..runs).filter(|_| rng.random_bool(chance)).count();
                time.of_counts(successes, runs, 1.0).unwrap()
            });
        }
    }

    #[test]
    fn run_times_are_covered() {
        // Exponential times of rate 1, given up at 0.5, at 2, or never.
        for (runs, limit) in [(40, 0.5), (10, 2.0), (8, f64::INFINITY)] {
            let time = TimeToTarget { quantile: 0.9, confidence: 0.9 };
            check_coverage(10_f64.ln(), 0.9, |seed| {
                let mut rng = random::stream(seed, 1);
                let times: Vec<RunTime> = (0..runs)
                    .map(|_| {
                        let seconds = -(1.0 - rng.random::<f64>()).ln();
                        RunTime { seconds: seconds.min(limit), reached: seconds <= limit }
                    })
                    .collect();
                time.of_run_times(&times).unwrap()
            });
        }
    }

    #[test]
    fn extremes() {
        let time = TimeToTarget::default();
        let none = time.of_counts(0, 20, 1.0).unwrap();
        assert_eq!((none.value, none.high), (f64::INFINITY, f64::INFINITY));
        assert!(none.low.is_finite() && none.low > 1.0);
        let all = time.of_counts(20, 20, 3.0).unwrap();
        assert_eq!((all.value, all.low), (3.0, 3.0));
        assert!(all.high > 3.0);
        let never = [RunTime { seconds: 2.0, reached: false }; 5];
        let never = time.of_run_times(&never).unwrap();
        assert_eq!((never.value, never.high), (f64::INFINITY, f64::INFINITY));
        // With none of five, the rate is at most −ln(0.025) / 10.
        assert!((never.low - 100_f64.ln() * 10.0 / 40_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn wrong_input_is_an_error() {
        let time = TimeToTarget::default();
        assert!(time.of_counts(0, 0, 1.0).is_err());
        assert!(time.of_counts(3, 2, 1.0).is_err());
        assert!(time.of_counts(1, 2, 0.0).is_err());
        assert!(time.of_counts(1, 2, f64::NAN).is_err());
        assert!(time.of_run_times(&[]).is_err());
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(time.of_run_times(&[RunTime { seconds, reached: true }]).is_err());
        }
        for quantile in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(TimeToTarget { quantile, ..time }.of_counts(1, 2, 1.0).is_err());
            assert!(clopper_pearson(1, 2, quantile).is_err());
        }
    }

    #[test]
    fn solutions_must_be_fair_samples() {
        let replica = Replica { steps: 10, read_out: -1.0, polished: -2.0 };
        let missed = Replica { polished: -1.0, ..replica };
        let solution = |replicas: Vec<Replica>, outcome| Solution {
            best: State { spins: vec![1], energy: -2.0 },
            replicas,
            trace: vec![],
            outcome,
            timing: Timing { setup: 0.0, run: 4.0 },
        };
        let time = TimeToTarget::default();
        let fair = solution(vec![replica, missed, missed, missed], Outcome::Completed);
        let estimate = time.of_solution(&fair, -2.0).unwrap();
        assert_eq!(estimate, time.of_counts(1, 4, 1.0).unwrap());
        assert_eq!(time.of_solution(&fair, -1.0).unwrap().successes, 4);
        assert_eq!(time.of_solution(&fair, f64::NEG_INFINITY).unwrap().successes, 0);
        assert!(time.of_solution(&fair, f64::NAN).is_err());
        let stopped = solution(vec![replica], Outcome::TargetReached);
        assert!(time.of_solution(&stopped, -2.0).is_err());
        let longer = Replica { steps: 20, ..replica };
        let uneven = solution(vec![replica, longer], Outcome::Completed);
        assert!(time.of_solution(&uneven, -2.0).is_err());
        assert!(time.of_solution(&solution(vec![], Outcome::Completed), -2.0).is_err());
    }
}
