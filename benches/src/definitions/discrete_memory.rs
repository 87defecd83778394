//! Trying and changing neurons of the discrete dense associative memory.
//!
//! Claim: a proposed change of a neuron costs a few nanoseconds a hundred
//! patterns, in proportion to their number and whatever the degree, a tenth of
//! what computing the energy of the new state would; a million patterns of 256
//! neurons fit, with all that recall needs, into 2 GiB.
//!
//! Analysis: the Hamming distances to all patterns are kept. A proposal reads
//! them and a bit of each pattern, and looks up what the change adds in a table
//! over distances, for any degree; an energy from the state reads all bits of
//! all patterns. At 1024 neurons that is 16 words a pattern against one number.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ebm_core::Batch;
use ebm_memory::{
    Corruption, DiscreteMemory, Interaction, LocalFields, Patterns, Recall, SignPatterns, corrupt,
};

use super::associative_memory::peak_memory;
use crate::benchmark::{Benchmark, Findings, Settings};
use crate::measure::contest;

/// Bytes that a million patterns may take.
const LIMIT: f64 = (2_u64 << 30) as f64;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "memory/discrete-spin",
        claim: "Trying a neuron of the discrete polynomial memory takes time in proportion to the \
                number of patterns, whatever the degree, and a million patterns fit into 2 GiB",
        target: "ten times the time at 10³ patterns / that at 10⁴: at least 0.8; time at degree 2 \
                 / that at degree 6: at least 0.8; time of an energy from the state / that of a \
                 proposal, 1024 neurons: at least 4; 2 GiB / peak memory for 10⁶ patterns of 256: \
                 at least 1",
        unit: "time of the other / time of a proposal",
        run,
    }
}

/// A state with what is kept of it.
struct Running {
    memory: DiscreteMemory,
    state: Vec<f64>,
    kept: Vec<f64>,
    next: usize,
}

impl Running {
    fn new(neurons: usize, count: usize, degree: u32) -> Result<Self, Box<dyn Error>> {
        let patterns = SignPatterns::random(neurons, count, 1)?;
        let memory = DiscreteMemory::new(patterns, Interaction::RectifiedPolynomial { degree })?;
        let state = Patterns::random_signs(neurons, 1, 2)?.pattern(0).to_vec();
        let mut kept = vec![0.0; memory.kept()];
        memory.keep(Batch::single(&state)?, &mut kept, &mut Vec::new());
        Ok(Self { memory, state, kept, next: 0 })
    }

    /// The field of one neuron after the other.
    fn propose(&mut self) {
        let field = self.memory.field(self.next, &self.state, &self.kept);
        black_box(field);
        self.next = (self.next + 1) % self.state.len();
    }

    fn flip(&mut self) {
        self.memory.flip(self.next, &mut self.state, &mut self.kept, &mut Vec::new());
        self.next = (self.next + 1) % self.state.len();
    }

    fn energy(&self) {
        black_box(self.memory.exact_energy(black_box(&self.state)).is_ok());
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let (neurons, large) = (1024, if settings.quick { 2000 } else { 100_000 });
    let mut few = Running::new(neurons, 1000, 4)?;
    let mut many = Running::new(neurons, 10_000, 4)?;
    let mut most = Running::new(neurons, large, 4)?;
    let mut quadratic = Running::new(neurons, 10_000, 2)?;
    let mut sextic = Running::new(neurons, 10_000, 6)?;
    let mut changed = Running::new(neurons, 10_000, 4)?;
    let afresh = Running::new(neurons, 10_000, 4)?;
    let measured = contest(
        settings,
        &mut [
            &mut || few.propose(),
            &mut || many.propose(),
            &mut || most.propose(),
            &mut || quadratic.propose(),
            &mut || sextic.propose(),
            &mut || changed.flip(),
            &mut || afresh.energy(),
        ],
    );
    let mut findings = Findings::default();
    let mut row = |name: String, which| findings.row(name, 1e9 * measured.median(which), "ns");
    row("proposal, 1000 patterns".into(), 0);
    row("proposal, 10000 patterns".into(), 1);
    row(format!("proposal, {large} patterns"), 2);
    row("proposal, 10000 patterns, degree 2".into(), 3);
    row("proposal, 10000 patterns, degree 6".into(), 4);
    row("change, 10000 patterns".into(), 5);
    row("energy of a state, 10000 patterns".into(), 6);
    let proportion = 10.0 * measured.ratio(0, 1);
    findings.ratio("ten times the time at 10³ patterns, at 10⁴", proportion, 0.8);
    findings.ratio("degree 2, at degree 6", measured.ratio(3, 4), 0.8);
    findings.ratio("energy from the state, against a proposal", measured.ratio(6, 1), 4.0);
    findings.note = "One thread, 1024 neurons, rectified polynomial of degree 4.".into();
    drop((few, many, most, quadratic, sextic, changed, afresh));
    million(settings, &mut findings)?;
    Ok(findings)
}

/// The largest memory of the claim, and what the process took at its peak.
fn million(settings: &Settings, findings: &mut Findings) -> Result<(), Box<dyn Error>> {
    let (neurons, cues) = (256, 8);
    let count = if settings.quick { 10_000 } else { 1_000_000 };
    let memory = DiscreteMemory::new(
        SignPatterns::random(neurons, count, 1)?,
        Interaction::RectifiedPolynomial { degree: 6 },
    )?;
    // Patterns do not depend on how many follow.
    let stored = Patterns::random_signs(neurons, cues, 1)?;
    let spoilt = corrupt(stored.as_batch(), 0.1, Corruption::FlipSign, 2)?;
    let start = Instant::now();
    let found = Recall::default().retrieve(&memory, spoilt.as_batch())?;
    let seconds = start.elapsed().as_secs_f64();
    if found.states() != stored.as_batch() {
        return Err("a stored pattern is not recalled".into());
    }
    let name = format!("{count} patterns of {neurons}, all threads");
    findings.row(name, cues as f64 / seconds, "recalls/s");
    match peak_memory() {
        Some(bytes) => {
            findings.row("peak memory of the process", bytes / (1 << 20) as f64, "MiB");
            findings.ratio(format!("2 GiB / peak memory, {count} patterns"), LIMIT / bytes, 1.0);
        }
        None => findings.note += " Peak memory is not known on this system.",
    }
    Ok(())
}
