//! Real pictures: a dense memory recalls every digit of a data set from
//! corrupted cues where a Hopfield network of the same neurons holds a few.

use std::error::Error;

use ebm_core::{Batch, Outcome};
use ebm_memory::{
    Cccp, Corruption, HopfieldNetwork, LogSumExpMemory, Patterns, Recall, Similarity, Thermometer,
    corrupt,
};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Pictures, Plot, Series, Settings, larger};
use crate::digits::{Digits, MAX_LEVEL, PIXELS, SIDE};

/// Share of the pixels of a cue that are replaced.
const CORRUPTED: f64 = 0.25;
/// Inverse temperature: a digit scores at least 32 β above the closest other one.
const BETA: f64 = 1.0;
/// Low-overlap digits that the Hopfield network must recall.
const FEW: usize = 3;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/digits",
        crate_name: "ebm-memory",
        claim: "Stored together, all 1797 digits are recalled by a log-sum-exp memory from cues \
                with 25 % of the pixels replaced by random grey levels; a Hebbian Hopfield network \
                of the same 1024 neurons recalls three of low overlap and loses most cues of ten",
        source: "H. Ramsauer et al., arXiv 2008.02217; digits of E. Alpaydin and C. Kaynak, DOI \
                 10.24432/C50P49, as thermometer codes",
        target: "at least 99 % of the 1797 cues recalled in every pixel, each with a certified \
                 distance below 1e-6; Hopfield: all cues of 3 digits of low overlap, less than \
                 half of those of 10",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let digits = Digits::test_set()?;
    let all: Vec<usize> = (0..if settings.quick { 300 } else { digits.len() }).collect();
    let store = Store::new(&digits, &all)?;
    let copies = if settings.quick { 2 } else { 10 };

    let dense = store.dense(&all)?;
    let raw = store.raw_pixels()?;
    let order = store.by_low_overlap(20);
    let mut hopfield = vec![];
    for count in [2, FEW, 4, 5, 6, 8, 10, 20] {
        hopfield.push((count as f64, store.hopfield(&order[..count], copies)?));
    }
    let rate = |count: usize| hopfield.iter().find(|p| p.0 == count as f64).map_or(0.0, |p| p.1);
    let mut dense_points = vec![];
    for count in [2, 10, 30, 100, 300, 1000] {
        if count < all.len() {
            dense_points.push((count as f64, store.dense(&all[..count])?.rate));
        }
    }
    dense_points.push((all.len() as f64, dense.rate));

    Ok(Finding {
        measured: format!(
            "{:.1} % of {} by the dense memory (distance at most {:.0e}, at most {} updates); on \
             raw pixels by squared distance {:.0} %; Hopfield {:.0} % of {FEW} digits, {:.0} % of 10",
            100.0 * dense.rate,
            all.len(),
            dense.distance,
            dense.iterations,
            100.0 * raw,
            100.0 * rate(FEW),
            100.0 * rate(10),
        ),
        pass: dense.rate >= 0.99 && dense.distance < 1e-6 && rate(FEW) == 1.0 && rate(10) < 0.5,
        figure: Figure::Panels(vec![
            Figure::Pictures(store.pictures()?),
            Figure::Plot(Plot {
                title: "Cues recalled in every pixel".into(),
                x: Axis { label: "digits stored".into(), log: true },
                y: Axis { label: "share of cues".into(), log: false },
                series: vec![
                    Series {
                        name: "log-sum-exp memory".into(),
                        points: dense_points,
                        mark: Mark::Line,
                    },
                    Series { name: "Hopfield network".into(), points: hopfield, mark: Mark::Line },
                ],
            }),
        ]),
    })
}

/// What the dense memory made of the cues.
struct Dense {
    /// Share recalled in every pixel.
    rate: f64,
    /// Largest certified distance to a stored pattern.
    distance: f64,
    /// Most updates of any query.
    iterations: usize,
}

/// Digits as levels and as signs, with a corrupted cue for each.
struct Store {
    code: Thermometer,
    levels: Vec<f64>,
    signs: Patterns,
    cues: Vec<f64>,
}

impl Store {
    fn new(digits: &Digits, indices: &[usize]) -> Result<Self, Box<dyn Error>> {
        let code = Thermometer::new(MAX_LEVEL)?;
        let levels: Vec<f64> =
            indices.iter().flat_map(|&i| digits.picture(i).iter().map(|l| f64::from(*l))).collect();
        let signs = Patterns::new(code.encode(&levels)?, PIXELS * code.width())?;
        let cues = spoil(&levels, 0)?;
        Ok(Self { code, levels, signs, cues })
    }

    fn picture(&self, index: usize) -> &[f64] {
        &self.levels[index * PIXELS..(index + 1) * PIXELS]
    }

    /// Recalls the cues of the digits at `stored`, and nothing else, from a
    /// memory of these digits.
    fn dense(&self, stored: &[usize]) -> Result<Dense, Box<dyn Error>> {
        let memory =
            LogSumExpMemory::new(self.signs.subset(stored)?, BETA, Similarity::DotProduct)?;
        let cues: Vec<f64> = stored
            .iter()
            .flat_map(|&i| self.cues[i * PIXELS..(i + 1) * PIXELS].iter().copied())
            .collect();
        let cues = self.code.encode(&cues)?;
        let found = Cccp::default().retrieve(&memory, Batch::new(&cues, self.signs.dim())?)?;
        let mut exact = 0;
        for ((&index, state), query) in
            stored.iter().zip(found.states().columns()).zip(found.reports())
        {
            let right = self.code.decode(state)? == self.picture(index);
            exact += usize::from(right && query.outcome == Outcome::Converged);
        }
        Ok(Dense {
            rate: exact as f64 / stored.len() as f64,
            distance: found.reports().iter().map(|q| q.distance_bound(&memory)).fold(0.0, larger),
            iterations: found.reports().iter().map(|q| q.iterations).max().unwrap_or(0),
        })
    }

    /// Share of the cues whose digit wins when grey levels are compared by
    /// squared distance, without the code.
    fn raw_pixels(&self) -> Result<f64, Box<dyn Error>> {
        let patterns = Patterns::new(self.levels.clone(), PIXELS)?;
        let memory = LogSumExpMemory::new(patterns, BETA, Similarity::SquaredDistance)?;
        let found = Cccp::default().retrieve(&memory, Batch::new(&self.cues, PIXELS)?)?;
        let right = found.reports().iter().enumerate().filter(|(i, q)| q.pattern == *i).count();
        Ok(right as f64 / found.reports().len() as f64)
    }

    /// The first digit, then always the one whose largest overlap with those
    /// already chosen is smallest.
    fn by_low_overlap(&self, count: usize) -> Vec<usize> {
        let mut order = vec![0];
        let mut largest = vec![0.0f64; self.signs.count()];
        while order.len() < count {
            let last = self.signs.pattern(order[order.len() - 1]);
            for (mu, largest) in largest.iter_mut().enumerate() {
                *largest = largest.max(self.signs.overlap(mu, last).abs());
            }
            let next = (0..largest.len()).min_by(|a, b| largest[*a].total_cmp(&largest[*b]));
            order.extend(next);
        }
        order
    }

    /// Share of exact recalls by a Hebbian network of the digits at `stored`,
    /// from `copies` cues of each.
    fn hopfield(&self, stored: &[usize], copies: u64) -> Result<f64, Box<dyn Error>> {
        let network = HopfieldNetwork::hebb(&self.signs.subset(stored)?)?;
        let levels: Vec<f64> = stored.iter().flat_map(|&i| self.picture(i).to_vec()).collect();
        let mut cues = vec![];
        for copy in 0..copies {
            cues.extend(self.code.encode(&spoil(&levels, 1 + copy)?)?);
        }
        let found = Recall::default().retrieve(&network, Batch::new(&cues, self.signs.dim())?)?;
        let right = found
            .states()
            .columns()
            .zip(stored.iter().cycle())
            .filter(|(state, index)| *state == self.signs.pattern(**index))
            .count();
        Ok(right as f64 / found.reports().len() as f64)
    }

    /// The first ten digits, which show 0 to 9: stored, cue, both recalls.
    fn pictures(&self) -> Result<Pictures, Box<dyn Error>> {
        let ten: Vec<usize> = (0..10).collect();
        let cues = self.code.encode(&self.cues[..10 * PIXELS])?;
        let cues = Batch::new(&cues, self.signs.dim())?;
        let memory = LogSumExpMemory::new(self.signs.clone(), BETA, Similarity::DotProduct)?;
        let dense = Cccp::default().retrieve(&memory, cues)?;
        let network = HopfieldNetwork::hebb(&self.signs.subset(&ten)?)?;
        let hopfield = Recall::default().retrieve(&network, cues)?;
        let grey = |levels: &[f64]| -> Vec<Vec<f64>> {
            let scaled = |p: &[f64]| p.iter().map(|l| l / f64::from(MAX_LEVEL)).collect();
            levels.chunks_exact(PIXELS).map(scaled).collect()
        };
        Ok(Pictures {
            title: "Digits recalled from cues with 25 % of the pixels replaced".into(),
            width: SIDE,
            rows: vec![
                ("stored".into(), grey(&self.levels[..10 * PIXELS])),
                ("cue".into(), grey(&self.cues[..10 * PIXELS])),
                (
                    format!("dense, {} stored", self.signs.count()),
                    grey(&self.code.decode(dense.states().as_slice())?),
                ),
                (
                    "Hopfield, 10 stored".into(),
                    grey(&self.code.decode(hopfield.states().as_slice())?),
                ),
            ],
        })
    }
}

/// A quarter of the pixels of every picture replaced by a random level.
fn spoil(levels: &[f64], seed: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let corruption = Corruption::RandomLevel { max: MAX_LEVEL };
    Ok(corrupt(Batch::new(levels, PIXELS)?, CORRUPTED, corruption, seed)?.into_data())
}
