//! Hopfield networks of a hundred thousand neurons without a matrix.
//!
//! Claim: a synchronous sweep takes at most twice the time of reading the
//! patterns once from memory.
//!
//! Analysis: N = 100 000 neurons and 100 patterns are 40 MB in `f32`, beyond
//! the caches, where the matrix would be 40 GB. A sweep multiplies twice with
//! the patterns, for the fields and for the overlaps of the new state, 40 MFLOP
//! in all; both use a block of patterns while it lies in the cache, so that
//! memory is read once. A batch of cues shares that reading. The time to read
//! is that of a sum over the same numbers, in the same run. An asynchronous
//! sweep in fixed order reads the patterns once as well, a neuron at a time.

use std::error::Error;
use std::hint::black_box;

use ebm_core::{Batch, BatchMut};
use ebm_memory::{Corruption, LocalFields, LowRankHopfield, Patterns, corrupt};

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::measure::contest;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "memory/hopfield-low-rank",
        claim: "A synchronous sweep of a Hopfield network of 100 000 neurons and 100 patterns \
                takes at most twice the time of reading the patterns once from memory",
        target: "time to read the patterns / time of a sweep: at least 0.5",
        unit: "time to read / time of a sweep",
        run,
    }
}

/// Cues that share a sweep.
const BATCH: usize = 16;

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let (neurons, count) = if settings.quick { (10_000, 100) } else { (100_000, 100) };
    let patterns = Patterns::random_signs(neurons, count, 1)?;
    let single: Patterns<f32> = patterns.to_precision()?;
    let network = LowRankHopfield::hebb(&single)?;
    let first: Vec<usize> = (0..BATCH).collect();
    let cues = corrupt(patterns.subset(&first)?.as_batch(), 0.3, Corruption::FlipSign, 2)?;

    let mut one = Sweep::new(&network, cues.pattern(0))?;
    let mut many = Sweep::new(&network, cues.as_batch().as_slice())?;
    let mut serial = Sweep::new(&network, cues.pattern(0))?;
    let data = single.as_batch().as_slice();
    let measured = contest(
        settings,
        &mut [
            &mut || {
                black_box(sum(black_box(data)));
            },
            &mut || one.synchronous(&network),
            &mut || many.synchronous(&network),
            &mut || serial.asynchronous(&network),
        ],
    );
    let mut findings = Findings::default();
    let bytes = 4e-9 * (neurons * count) as f64;
    findings.row("reading the patterns", bytes / measured.median(0), "GB/s");
    findings.row("synchronous sweep, one cue", 1e3 * measured.median(1), "ms");
    let each = 1e3 * measured.median(2) / BATCH as f64;
    findings.row(format!("synchronous sweep, each of {BATCH} cues"), each, "ms");
    let spin = 1e9 * measured.median(3) / neurons as f64;
    findings.row("asynchronous sweep, a neuron", spin, "ns");
    let size = format!("{neurons} neurons, {count} patterns, f32");
    findings.ratio(format!("synchronous sweep, {size}"), measured.ratio(0, 1), 0.5);
    findings.note = "One thread. The asynchronous sweep is of a recalled state, where no neuron \
                     changes."
        .into();
    Ok(findings)
}

/// States with what is kept of them.
struct Sweep {
    states: Vec<f64>,
    next: Vec<f64>,
    kept: Vec<f64>,
    scratch: <LowRankHopfield<f32> as LocalFields>::Scratch,
    neurons: usize,
}

impl Sweep {
    fn new(network: &LowRankHopfield<f32>, cues: &[f64]) -> Result<Self, Box<dyn Error>> {
        let neurons = network.dim();
        let mut kept = vec![0.0; network.kept() * cues.len() / neurons];
        let mut scratch = Default::default();
        network.keep(Batch::new(cues, neurons)?, &mut kept, &mut scratch);
        let (states, next) = (cues.to_vec(), vec![0.0; cues.len()]);
        Ok(Self { states, next, kept, scratch, neurons })
    }

    /// One sweep over all states, which costs the same whatever it changes.
    fn synchronous(&mut self, network: &LowRankHopfield<f32>) {
        let Self { states, next, kept, scratch, neurons } = self;
        if let (Ok(now), Ok(after)) = (Batch::new(states, *neurons), BatchMut::new(next, *neurons))
        {
            network.update_all(now, kept, after, scratch);
        }
        std::mem::swap(states, next);
        if let Ok(now) = Batch::new(states, *neurons) {
            network.advance(now, kept, scratch);
        }
    }

    /// One sweep over the neurons in their order.
    fn asynchronous(&mut self, network: &LowRankHopfield<f32>) {
        let Self { states, kept, scratch, neurons, .. } = self;
        for i in 0..*neurons {
            if states[i] * network.field(i, states, kept) < 0.0 {
                network.flip(i, states, kept, scratch);
            }
        }
    }
}

/// Reads every number once.
fn sum(data: &[f32]) -> f32 {
    const LANES: usize = 64;
    let (blocks, rest) = data.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}
