//! What a run is given and what it returns, the same for every solver.
//!
//! A run consists of independent *replicas*: replica `r` draws from random
//! stream `r` of the seed. Without a time limit the result depends on the seed
//! alone, whatever the number of threads.

use std::ops::ControlFlow;
use std::time::Duration;

use ebm_core::validate;

use crate::{Error, Ising};

/// Seed, size and end of a run.
///
/// Threads are those of the current `rayon` pool.
///
/// ```
/// use std::time::Duration;
/// use ebm_optim::Run;
/// // To the bit reproducible: so many replicas of so many steps.
/// let fixed = Run { replicas: Some(32), steps: Some(1000), ..Run::seeded(1) };
/// // As good as possible in ten seconds.
/// let timed = Run { time: Some(Duration::from_secs(10)), ..Run::seeded(1) };
/// # let _ = (fixed, timed);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Seed of all randomness.
    pub seed: u64,
    /// Replicas. `None`: 64, or as many as the time allows if it is limited.
    pub replicas: Option<usize>,
    /// Steps (sweeps) of each replica. `None`: the method's own choice. If the
    /// time is limited: as many for each of the given `replicas` as they need to
    /// take the time, after a short rehearsal whose best state counts but whose
    /// replicas do not; growing from replica to replica if they are not given.
    pub steps: Option<usize>,
    /// Limit of wall-clock time, counted from the start of the run, set-up
    /// included. `None`: no limit. A run of given `replicas` *and* `steps` ends
    /// when they are done, if that is sooner.
    pub time: Option<Duration>,
    /// Stop as soon as an energy at most this is found.
    pub target: Option<f64>,
    /// Stop after this many replicas in a row that did not improve the best,
    /// rounded up to whole blocks of the replicas that the method runs side by
    /// side.
    pub stagnation: Option<usize>,
    /// States to start from: replica `r` from entry `r` modulo their number.
    /// Empty: each replica from a random state of its own. The result is never
    /// worse than the best state that a replica was to start from. Methods whose
    /// replicas hold several states take others too, and the portfolio all.
    pub starts: Vec<Vec<i8>>,
}

/// Replicas of a run that limits neither them nor the time.
const REPLICAS: usize = 64;

impl Run {
    /// The default run with the given seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(crate) fn replica_limit(&self) -> usize {
        let unlimited = if self.time.is_some() { usize::MAX } else { REPLICAS };
        self.replicas.unwrap_or(unlimited)
    }

    pub(crate) fn check(&self, problem: &Ising) -> Result<(), Error> {
        let counts = [
            ("replicas", self.replicas),
            ("steps", self.steps),
            ("replicas without improvement", self.stagnation),
        ];
        if let Some((what, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            let expected = "at least 1";
            return Err(ebm_core::Error::Parameter { what, expected, value: 0.0 }.into());
        }
        if let Some(target) = self.target {
            // Minus infinity is a target that is never reached.
            if target.is_nan() {
                validate::finite("target energy", &[target])?;
            }
        }
        self.starts.iter().try_for_each(|spins| problem.check_spins(spins))
    }
}

/// Spins and their energy.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `+1` or `−1` each.
    pub spins: Vec<i8>,
    /// `H(s)`, offset included.
    pub energy: f64,
}

/// What one replica reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replica {
    /// Steps it made.
    pub steps: usize,
    /// Best energy of the method alone.
    pub read_out: f64,
    /// Best energy after one-flip descent: what polishing added.
    pub polished: f64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// All replicas made all their steps.
    Completed,
    /// The target energy was reached.
    TargetReached,
    /// The time was over.
    TimeUp,
    /// No improvement for the given number of replicas.
    Stagnated,
    /// The observer asked to stop.
    Interrupted,
}

/// A point of the anytime curve: the best energy known after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TracePoint {
    /// Seconds since the start of the run.
    pub seconds: f64,
    /// Best energy so far.
    pub energy: f64,
}

/// Wall-clock seconds of the parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// Translating the problem into the form that the method runs on.
    pub setup: f64,
    /// The run itself.
    pub run: f64,
}

/// The result of a run.
#[derive(Debug, Clone)]
#[must_use]
pub struct Solution {
    /// The best state seen by any replica at any time.
    pub best: State,
    /// Every replica that ran to its end or to the end of the run, in order;
    /// without those that were not read out half a second after that.
    pub replicas: Vec<Replica>,
    /// Improvements of the best energy over time.
    pub trace: Vec<TracePoint>,
    /// Why the run ended.
    pub outcome: Outcome,
    /// Where the time went.
    pub timing: Timing,
}

impl Solution {
    /// Share of the replicas whose polished energy is at most `target`.
    #[must_use]
    pub fn success_rate(&self, target: f64) -> f64 {
        let hits = self.replicas.iter().filter(|replica| replica.polished <= target).count();
        hits as f64 / self.replicas.len().max(1) as f64
    }
}

/// What an observer of a run is shown, at each improvement and about twenty
/// times a second.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Seconds since the start of the run.
    pub seconds: f64,
    /// Best energy so far, infinite before the first read-out.
    pub energy: f64,
    /// Replicas that have ended.
    pub replicas: usize,
}

/// Observes a run from any of its threads, and may end it.
pub type Watch<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;
