//! The sparse coupling for many replicas at once.
//!
//! Claim: for a graph of 2000 nodes and mean degree 20 (the shape of G22), one
//! sweep for 16 interleaved replicas in `f32` costs a replica at most a sixth
//! of a sweep for one state.
//!
//! Analysis: a single sweep pays, for every stored entry, an index, a weight
//! and a state loaded, one multiplication and an addition that waits for the
//! one before. With 16 replicas the index and the weight are loaded once, the
//! states of a node are one cache line and two registers of 32 bytes, and the
//! sums of the replicas do not wait for each other: 16 results for about twice
//! the instructions. The line comes from the second-level cache, 128 KiB of
//! states, which sets the limit of 8 to 16 times; two lines a node (32
//! replicas, or `f64`) change little. A batch in columns pays for its
//! transposition on top.

use std::error::Error;
use std::hint::black_box;

use ebm_core::coupling::SparseCoupling;
use ebm_core::{Batch, BatchMut, Coupling, Real, Workspace};

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::graph::{random, uniform};
use crate::measure::contest;

const NODES: usize = 2000;
const DEGREE: usize = 20;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "core/coupling-sparse",
        claim: "On a graph of 2000 nodes and degree 20, sixteen interleaved f32 replicas cost at \
                most a sixth each of a single sweep",
        target: "single sweep / (interleaved sweep / replicas): at least 6 for 16 f32 replicas",
        unit: "time of a single sweep / time per replica",
        run,
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let mut findings = Findings::default();
    sweeps::<f32>(settings, &mut findings, "f32", &[(8, 3.0), (16, 6.0), (64, 6.0)], 4.0)?;
    sweeps::<f64>(settings, &mut findings, "f64", &[(8, 3.0), (16, 4.0), (32, 4.0)], 3.0)?;
    findings.note = format!(
        "One thread, {NODES} nodes, mean degree {DEGREE}, states aligned to cache lines. Times \
         are per replica and stored entry."
    );
    Ok(findings)
}

fn sweeps<T: Real>(
    settings: &Settings,
    findings: &mut Findings,
    scalar: &str,
    widths: &[(usize, f64)],
    batch_target: f64,
) -> Result<(), Box<dyn Error>> {
    const BATCH: usize = 16;
    let coupling = SparseCoupling::from_edges(NODES, &random::<T>(NODES, DEGREE, 1))?;
    let x = uniform::<T>(NODES * BATCH, 2);
    let (mut single, mut columns) = (vec![T::ZERO; NODES], vec![T::ZERO; NODES * BATCH]);
    let (mut ws, mut batch_ws) = (Workspace::new(), Workspace::new());

    let mut states: Vec<_> = widths
        .iter()
        .map(|(r, _)| (*r, Aligned::new(NODES * r), Aligned::new(NODES * r)))
        .collect();
    let mut sweeps: Vec<_> = states
        .iter_mut()
        .map(|(replicas, states, out)| {
            states.as_mut_slice().copy_from_slice(&uniform::<T>(NODES * *replicas, 3));
            let coupling = &coupling;
            move || {
                let states = black_box(states.as_slice());
                coupling.apply_interleaved(states, out.as_mut_slice(), *replicas);
            }
        })
        .collect();
    let mut one = || coupling.apply(black_box(&x[..NODES]), &mut single, &mut ws);
    let mut batch = || {
        let x = Batch::new(black_box(&x[..]), NODES);
        if let (Ok(x), Ok(out)) = (x, BatchMut::new(&mut columns, NODES)) {
            coupling.apply_batch(x, out, &mut batch_ws);
        }
    };
    let mut contestants: Vec<&mut dyn FnMut()> = vec![&mut one, &mut batch];
    contestants.extend(sweeps.iter_mut().map(|sweep| sweep as &mut dyn FnMut()));
    let measured = contest(settings, &mut contestants);

    let per_entry = |which: usize, replicas: usize| {
        1e9 * measured.median(which) / (replicas * coupling.entry_count()) as f64
    };
    findings.row(format!("{scalar}, one state"), per_entry(0, 1), "ns");
    let name = format!("{scalar}, batch of {BATCH} columns");
    findings.row(&name, per_entry(1, BATCH), "ns");
    findings.ratio(name, measured.ratio(0, 1) * BATCH as f64, batch_target);
    for (at, (replicas, target)) in widths.iter().enumerate() {
        let name = format!("{scalar}, {replicas} interleaved replicas");
        findings.row(&name, per_entry(at + 2, *replicas), "ns");
        findings.ratio(name, measured.ratio(0, at + 2) * *replicas as f64, *target);
    }
    Ok(())
}

/// A buffer that starts at a cache line.
struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Aligned<T> {
    fn new(len: usize) -> Self {
        let buffer = vec![T::ZERO; len + 64];
        let start = buffer.as_ptr().align_offset(64).min(64);
        Self { buffer, start, len }
    }

    fn as_slice(&self) -> &[T] {
        &self.buffer[self.start..self.start + self.len]
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
