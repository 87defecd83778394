//! Timing contestants against each other on a machine that is never quite
//! quiet.
//!
//! ```text
//! ratio(a, b) = median over rounds of  t_a(round) / t_b(round)
//! ```
//!
//! Every round times every contestant once, in an order that rotates. Drift of
//! the clock and load from elsewhere then fall on all of them, and cancel in
//! the ratio of a round; the median drops the rounds that were interrupted.

use std::time::{Duration, Instant};

use crate::benchmark::Settings;

/// Long against a reading of the clock, short against a turn of the scheduler:
/// a round is then mostly uninterrupted, and samples do not fall into step with
/// the turns of a busy machine.
const SAMPLE: Duration = Duration::from_micros(300);

/// Seconds per call, by contestant and round.
pub(crate) struct Contest {
    seconds: Vec<Vec<f64>>,
}

/// Times the contestants, each a call of the work to be measured.
pub(crate) fn contest(settings: &Settings, contestants: &mut [&mut dyn FnMut()]) -> Contest {
    let (least, budget) = match settings.quick {
        true => (5, Duration::ZERO),
        false => (21, Duration::from_millis(300) * contestants.len() as u32),
    };
    let calls: Vec<u32> = contestants.iter_mut().map(|work| calibrate(*work)).collect();
    let mut seconds = vec![Vec::new(); contestants.len()];
    let start = Instant::now();
    for round in 0.. {
        if round >= least && start.elapsed() >= budget {
            break;
        }
        for turn in 0..contestants.len() {
            let which = (round + turn) % contestants.len();
            let elapsed = time(&mut *contestants[which], calls[which]);
            seconds[which].push(elapsed.as_secs_f64() / f64::from(calls[which]));
        }
    }
    Contest { seconds }
}

fn time(work: &mut dyn FnMut(), calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed()
}

/// How many calls fill a sample.
fn calibrate(work: &mut dyn FnMut()) -> u32 {
    work();
    let mut calls = 1;
    while calls < 1 << 24 {
        let elapsed = time(work, calls);
        if elapsed >= SAMPLE / 2 {
            let scale = SAMPLE.as_secs_f64() / elapsed.as_secs_f64();
            return (f64::from(calls) * scale).ceil().max(1.0) as u32;
        }
        calls *= 2;
    }
    calls
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Contest {
    /// A contest whose rounds the caller runs and [`record`](Self::record)s.
    pub(crate) fn new(contestants: usize) -> Self {
        Self { seconds: vec![Vec::new(); contestants] }
    }

    /// The time of a contestant's next round.
    pub(crate) fn record(&mut self, contestant: usize, seconds: f64) {
        self.seconds[contestant].push(seconds);
    }

    /// Median time of a call, in seconds.
    pub(crate) fn median(&self, contestant: usize) -> f64 {
        median(self.seconds[contestant].clone())
    }

    /// How many times as long contestant `a` takes as contestant `b`.
    pub(crate) fn ratio(&self, a: usize, b: usize) -> f64 {
        median(self.seconds[a].iter().zip(&self.seconds[b]).map(|(a, b)| a / b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_cancels_in_the_ratio() {
        // Twice as fast in every round, on a machine that slows down fivefold.
        let slow: Vec<f64> = (1..=5).map(f64::from).collect();
        let fast = slow.iter().map(|t| t / 2.0).collect();
        let contest = Contest { seconds: vec![slow, fast] };
        assert_eq!(contest.ratio(0, 1), 2.0);
        assert_eq!(contest.median(0), 3.0);
    }

    #[test]
    fn every_contestant_is_called_and_timed_in_every_round() {
        let (mut first, mut second) = (0_u64, 0_u64);
        let work = |count: &mut u64| *count = std::hint::black_box(*count + 1);
        let settings = Settings { quick: true };
        let contest =
            contest(&settings, &mut [&mut || work(&mut first), &mut || work(&mut second)]);
        assert!(first > 5 && second > 5);
        for seconds in &contest.seconds {
            assert_eq!(seconds.len(), 5);
            assert!(seconds.iter().all(|t| t.is_finite() && *t > 0.0));
        }
    }
}
