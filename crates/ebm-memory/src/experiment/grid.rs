//! Capacity and basins of attraction: the share of cues recalled over a grid of
//! loads and corruptions.
//!
//! ```text
//! for every number of patterns K, trial t:     Ξ ← K new patterns
//!     for every level of corruption:           cues ← spoilt ξ¹, ξ², …
//!     recalled  ⇔  cosine(end state, ξ^μ) ≥ threshold
//! ```
//!
//! Along the loads, without corruption, this is the capacity; along the levels
//! of corruption, at one load, the size of the basins.

use ebm_core::{Batch, Real, random::stream, validate};
use rand::Rng;
use rayon::prelude::*;

use super::Proportion;
use crate::{Corruption, Cues, Error, Patterns, Region, corrupt_region};

/// How cues are spoilt.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Level {
    /// Which entries.
    pub region: Region,
    /// How.
    pub corruption: Corruption,
}

impl Level {
    /// The pattern itself.
    pub const INTACT: Self = Self::flips(0.0);

    /// A share of the entries with the wrong sign.
    #[must_use]
    pub const fn flips(fraction: f64) -> Self {
        Self { region: Region::Scattered { fraction }, corruption: Corruption::FlipSign }
    }

    /// A share of the entries unknown; less than all.
    #[must_use]
    pub const fn erased(fraction: f64) -> Self {
        Self { region: Region::Scattered { fraction }, corruption: Corruption::Erase }
    }
}

/// A grid of loads and corruptions.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Experiment {
    /// Numbers of patterns, each ≥ 1.
    pub counts: Vec<usize>,
    /// Corruptions of the cues.
    pub levels: Vec<Level>,
    /// Sets of patterns for every number of them, ≥ 1.
    pub trials: usize,
    /// Patterns of a set that are tried, the first ones, ≥ 1.
    pub cues: usize,
    /// The cosine of the angle between end state and pattern from which on a
    /// pattern counts as recalled; for ±1 patterns and states the overlap.
    pub overlap: f64,
    /// Seed of patterns and corruption.
    pub seed: u64,
}

impl Default for Experiment {
    /// No counts, to be given. Intact cues, all of them, which measures the
    /// capacity; ten sets; recalled means to nine digits, that is, exactly for
    /// states of signs.
    fn default() -> Self {
        Self {
            counts: vec![],
            levels: vec![Level::INTACT],
            trials: 10,
            cues: usize::MAX,
            overlap: 1.0 - 1e-9,
            seed: 0,
        }
    }
}

/// What was found at a number of patterns and a level of corruption.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct GridPoint {
    /// Number of patterns.
    pub count: usize,
    /// Position in [`Experiment::levels`].
    pub level: usize,
    /// Cues recalled. Those of a set share its luck: the interval of this
    /// proportion is that of independent cues where each set gives one.
    pub cues: Proportion,
    /// Sets of which all cues were recalled.
    pub sets: Proportion,
    /// Mean overlap of the end states with their patterns, set by set.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub overlaps: Vec<f64>,
}

impl GridPoint {
    /// Mean overlap, and its standard error from the spread of the sets;
    /// infinite for a single one.
    #[must_use]
    pub fn overlap(&self) -> (f64, f64) {
        let n = self.overlaps.len() as f64;
        let mean = self.overlaps.iter().sum::<f64>() / n;
        let squares: f64 = self.overlaps.iter().map(|m| (m - mean) * (m - mean)).sum();
        let error = if n > 1.0 { (squares / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
        (mean, error)
    }
}

impl Experiment {
    /// Runs the experiment, in parallel over sets of patterns.
    ///
    /// `make(count, seed)` draws a set of patterns. `recall(patterns, cues)`
    /// stores them and returns the states that the cues, all levels of one set
    /// together, end in, one after the other. Entries that were
    /// [erased](Corruption::Erase) are marked as unknown, so that a recall that
    /// takes [`Cues`] does not compare them; one that does not takes
    /// [`Cues::batch`], where they are zero. Points come load by load, and level
    /// by level within. Patterns are in the precision that `make` returns.
    ///
    /// ```
    /// use ebm_memory::experiment::{Experiment, Level};
    /// use ebm_memory::{Error, HopfieldNetwork, Patterns, Recall};
    /// let experiment = Experiment {
    ///     counts: vec![5, 40],
    ///     levels: vec![Level::flips(0.1), Level::flips(0.4)],
    ///     ..Experiment::default()
    /// };
    /// let points = experiment.run(
    ///     |count, seed| Patterns::random_signs(200, count, seed),
    ///     |patterns, cues| {
    ///         let network = HopfieldNetwork::hebb(patterns)?;
    ///         Ok::<_, Error>(Recall::default().retrieve(&network, cues.batch())?.into_states())
    ///     },
    /// )?;
    /// assert!(points[0].cues.rate() > 0.9); // few patterns, near cues
    /// assert!(points[3].cues.rate() < 0.1); // many, far
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// Nine tenths of each pattern unknown, in single precision:
    ///
    /// ```
    /// use ebm_memory::experiment::{Experiment, Level};
    /// use ebm_memory::{Cccp, Error, LogSumExpMemory, Patterns, Similarity};
    /// let experiment =
    ///     Experiment { counts: vec![50], levels: vec![Level::erased(0.9)], ..Experiment::default() };
    /// let points = experiment.run(
    ///     |count, seed| Patterns::random_signs(200, count, seed)?.to_precision::<f32>(),
    ///     |patterns, cues| {
    ///         let memory = LogSumExpMemory::new(patterns.clone(), 4.0, Similarity::DotProduct)?;
    ///         let found = Cccp::default().retrieve(&memory, cues)?;
    ///         Ok::<_, Error>(found.states().as_slice().to_vec())
    ///     },
    /// )?;
    /// assert!(points[0].cues.rate() > 0.95);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the grid is empty, a number in it is zero, the threshold is not a
    /// number, a level erases all of a cue, or the states returned are not as
    /// many as the cues; and whatever `make`, the corruption or `recall` returns.
    pub fn run<T: Real, E: From<Error> + Send>(
        &self,
        make: impl Fn(usize, u64) -> Result<Patterns<T>, E> + Sync,
        recall: impl Fn(&Patterns<T>, Cues<'_, T>) -> Result<Vec<T>, E> + Sync,
    ) -> Result<Vec<GridPoint>, E> {
        self.validate()?;
        let sets: Vec<(usize, usize)> = (0..self.counts.len())
            .flat_map(|load| (0..self.trials).map(move |trial| (load, trial)))
            .collect();
        let found: Vec<Vec<(Proportion, f64)>> = sets
            .par_iter()
            .map(|&(load, trial)| {
                let index = (load * self.trials + trial) as u64;
                let mut rng = stream(self.seed, index);
                let patterns = make(self.counts[load], rng.next_u64())?;
                self.try_set(&patterns, rng.next_u64(), &recall)
            })
            .collect::<Result<_, E>>()?;
        let mut points = vec![];
        for (count, sets) in self.counts.iter().zip(found.chunks(self.trials)) {
            for level in 0..self.levels.len() {
                let mut point = GridPoint {
                    count: *count,
                    level,
                    cues: Proportion::default(),
                    sets: Proportion::default(),
                    overlaps: vec![],
                };
                for set in sets {
                    let (cues, overlap) = set[level];
                    point.cues = point.cues.merged(cues);
                    point.sets.count(cues.hits == cues.trials);
                    point.overlaps.push(overlap);
                }
                points.push(point);
            }
        }
        Ok(points)
    }

    fn validate(&self) -> Result<(), Error> {
        for (what, empty) in [
            ("numbers of patterns", self.counts.is_empty()),
            ("levels of corruption", self.levels.is_empty()),
        ] {
            if empty {
                return Err(ebm_core::Error::Empty { what }.into());
            }
        }
        for count in &self.counts {
            validate::at_least_one("number of patterns", *count)?;
        }
        validate::at_least_one("trials", self.trials)?;
        validate::at_least_one("cues", self.cues)?;
        Ok(validate::finite("overlap of what is recalled", &[self.overlap])?)
    }

    /// Recalled cues and mean overlap of a set, for every level.
    fn try_set<T: Real, E: From<Error>>(
        &self,
        patterns: &Patterns<T>,
        seed: u64,
        recall: impl Fn(&Patterns<T>, Cues<'_, T>) -> Result<Vec<T>, E>,
    ) -> Result<Vec<(Proportion, f64)>, E> {
        let (dim, tried) = (patterns.dim(), self.cues.min(patterns.count()));
        let from =
            Batch::new(&patterns.as_batch().as_slice()[..dim * tried], dim).map_err(Error::from)?;
        let mut cues = Vec::with_capacity(dim * tried * self.levels.len());
        let mut known = vec![];
        for (k, level) in self.levels.iter().enumerate() {
            let seed = seed.wrapping_add(k as u64);
            let spoilt = corrupt_region(from, level.region, level.corruption, seed)?;
            if level.corruption == Corruption::Erase {
                known.resize(cues.len(), true);
                known.extend(spoilt.intact);
            }
            cues.extend_from_slice(spoilt.cues.as_batch().as_slice());
        }
        let given = Cues::new(&cues, dim)?;
        let ends = if known.is_empty() {
            recall(patterns, given)?
        } else {
            known.resize(cues.len(), true);
            recall(patterns, given.with_known(&known)?)?
        };
        validate::dimension("states recalled", cues.len(), ends.len()).map_err(Error::from)?;
        let mut found = vec![];
        for ends in ends.chunks_exact(dim * tried) {
            let (mut cues, mut sum) = (Proportion::default(), 0.0);
            for (end, pattern) in ends.chunks_exact(dim).zip(from.columns()) {
                let overlap = cosine(end, pattern);
                cues.count(overlap >= self.overlap);
                sum += overlap;
            }
            found.push((cues, sum / tried as f64));
        }
        Ok(found)
    }
}

/// Cosine of the angle between two vectors; zero if one of them is.
pub(super) fn cosine<T: Real>(a: &[T], b: &[T]) -> f64 {
    let dot = |a: &[T], b: &[T]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    let lengths = dot(a, a).sqrt() * dot(b, b).sqrt();
    if lengths == 0.0 { 0.0 } else { dot(a, b) / lengths }
}

/// Where a curve first falls through `level`: the `x` between the last point
/// not below and the next one, by linear interpolation; `None` where it never
/// does or starts below. The capacity, for a curve of success over load.
#[must_use]
pub fn threshold(curve: &[(f64, f64)], level: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        (y0 >= level && y1 < level).then(|| x0 + (x1 - x0) * (y0 - level) / (y0 - y1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(count: usize, seed: u64) -> Result<Patterns, Error> {
        Patterns::random_signs(50, count, seed)
    }

    /// A memory that recalls cues as they are.
    fn as_given<T: Real>(cues: Cues<'_, T>) -> Result<Vec<T>, Error> {
        Ok(cues.batch().as_slice().to_vec())
    }

    #[test]
    fn counts_what_a_memory_with_known_failures_does() {
        // Returns cues as they are: overlap 1 − 2·0.2 of the spoilt ones.
        let experiment = Experiment {
            counts: vec![3, 7],
            levels: vec![Level::INTACT, Level::flips(0.2)],
            trials: 4,
            cues: 5,
            ..Experiment::default()
        };
        let points = experiment.run(signs, |_, cues| as_given(cues)).unwrap();
        let sizes: Vec<_> = points.iter().map(|p| (p.count, p.level, p.cues, p.sets)).collect();
        let all = |trials| Proportion { hits: trials, trials };
        let none = |trials| Proportion { hits: 0, trials };
        assert_eq!(
            sizes,
            [
                (3, 0, all(12), all(4)),
                (3, 1, none(12), none(4)),
                (7, 0, all(20), all(4)),
                (7, 1, none(20), none(4)),
            ]
        );
        assert!((points[1].overlap().0 - 0.6).abs() < 1e-12);
        assert!(points[1].overlap().1 < 1e-12);
        let near = Experiment { overlap: 0.6 - 1e-9, ..experiment };
        let points = near.run(signs, |_, cues| as_given(cues)).unwrap();
        assert_eq!(points[1].cues, all(12));
    }

    #[test]
    fn what_was_erased_is_unknown_and_nothing_else() {
        let experiment = Experiment {
            counts: vec![3],
            levels: vec![Level::flips(0.2), Level::erased(0.4), Level::INTACT],
            trials: 2,
            ..Experiment::default()
        };
        let recall = |patterns: &Patterns<f32>, cues: Cues<'_, f32>| {
            for cue in 0..9 {
                let known = cues.known_of(cue);
                let (x, pattern) = (cues.batch().column(cue), patterns.pattern(cue % 3));
                for i in 0..50 {
                    let erased = cue / 3 == 1 && x[i] == 0.0;
                    assert_eq!(known[i], !erased);
                    assert!(erased || x[i] == pattern[i] || cue < 3);
                }
                assert_eq!(
                    known.iter().filter(|k| !**k).count(),
                    if cue / 3 == 1 { 20 } else { 0 }
                );
            }
            as_given(cues)
        };
        let single = |count, seed| signs(count, seed)?.to_precision::<f32>();
        let points = experiment.run(single, recall).unwrap();
        // The cosine of a vector with two fifths of its entries erased.
        assert!((points[1].overlap().0 - 0.6_f64.sqrt()).abs() < 1e-12);
        assert_eq!(points[2].cues.hits, 6);
        let nothing = Experiment { levels: vec![Level::erased(1.0)], ..experiment };
        let message = nothing.run(signs, |_, cues| as_given(cues)).unwrap_err().to_string();
        assert_eq!(message, "cue 0: no entry is known, expected at least one");
        // Without erased entries there is no mask at all.
        let plain = Experiment { levels: vec![Level::INTACT], ..nothing };
        let recall = |_: &Patterns, cues: Cues<'_>| {
            assert!(cues.known_of(0).is_empty());
            as_given(cues)
        };
        plain.run(signs, recall).unwrap();
    }

    #[test]
    fn does_not_depend_on_the_number_of_threads() {
        let experiment = Experiment {
            counts: vec![4, 6],
            levels: vec![Level::flips(0.3)],
            ..Experiment::default()
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            // A memory that depends on all its input.
            let recall = |patterns: &Patterns, cues: Cues<'_>| {
                let mut ends = vec![];
                for cue in cues.batch().columns() {
                    ends.extend_from_slice(patterns.pattern(patterns.best_overlap(cue).0));
                }
                Ok::<_, Error>(ends)
            };
            pool.install(|| experiment.run(signs, recall).unwrap())
        };
        let one = run(1);
        assert!(one[0].cues.hits > 0);
        assert_eq!(one, run(2));
        assert_eq!(one, run(4));
    }

    #[test]
    fn bad_grids_and_failing_memories_are_errors() {
        let good = Experiment { counts: vec![2], ..Experiment::default() };
        let run = |experiment: &Experiment| experiment.run(signs, |_, cues| as_given(cues));
        assert!(run(&good).is_ok());
        let bad = [
            Experiment { counts: vec![], ..good.clone() },
            Experiment { counts: vec![0], ..good.clone() },
            Experiment { levels: vec![], ..good.clone() },
            Experiment { levels: vec![Level::flips(2.0)], ..good.clone() },
            Experiment { trials: 0, ..good.clone() },
            Experiment { cues: 0, ..good.clone() },
            Experiment { overlap: f64::NAN, ..good.clone() },
        ];
        for experiment in &bad {
            assert!(run(experiment).is_err(), "{experiment:?}");
        }
        assert!(good.run(signs, |_, _| Ok::<_, Error>(vec![1.0])).is_err());
        let failing = |_: &Patterns, _: Cues<'_>| Err(Error::SelfCoupling { index: 0, value: 1.0 });
        assert!(matches!(good.run(signs, failing), Err(Error::SelfCoupling { .. })));
        // A state of zeros or of NaN is not recalled.
        let nothing = |_: &Patterns, cues: Cues<'_>| {
            Ok::<_, Error>(vec![f64::NAN; cues.batch().as_slice().len()])
        };
        assert_eq!(good.run(signs, nothing).unwrap()[0].cues.hits, 0);
    }

    #[test]
    fn thresholds_are_interpolated() {
        let curve = [(1.0, 1.0), (2.0, 0.9), (4.0, 0.1), (5.0, 0.6), (6.0, 0.0)];
        assert_eq!(threshold(&curve, 0.5), Some(3.0));
        assert_eq!(threshold(&curve, 1.5), None);
        assert_eq!(threshold(&curve[..2], 0.5), None);
    }
}
