//! Asynchronous recall: one neuron after the other.
//!
//! ```text
//! flip sᵢ if sᵢhᵢ < −τ:      sᵢ ← −sᵢ,      ΔE = −2|hᵢ|
//! ```

use std::ops::ControlFlow;

use ebm_core::Batch;

use super::{LocalFields, RecallOutcome, RecallReport};

/// Memory for a block of cues, sized once.
pub(super) struct Asynchronous<N: LocalFields> {
    kept: Vec<f64>,
    sites: Vec<usize>,
    scratch: N::Scratch,
}

impl<N: LocalFields> Asynchronous<N> {
    pub(super) fn new(network: &N, width: usize) -> Self {
        Self {
            kept: vec![0.0; network.kept() * width],
            sites: vec![0; network.dim()],
            scratch: N::Scratch::default(),
        }
    }

    /// Runs a block in place. `order(column, sites)` prepares a cue and
    /// returns what puts `sites` in order before each sweep;
    /// `watch(column, sweep, state)` sees the cue and every state after a
    /// sweep that changed it.
    pub(super) fn run<S: FnMut(&mut [usize])>(
        &mut self,
        network: &N,
        max_sweeps: usize,
        states: &mut [f64],
        reports: &mut [RecallReport],
        mut order: impl FnMut(usize, &mut [usize]) -> S,
        mut watch: impl FnMut(usize, usize, &[f64]) -> ControlFlow<()>,
    ) {
        let (n, size) = (network.dim(), network.kept());
        let Self { kept, sites, scratch } = self;
        let kept = &mut kept[..reports.len() * size];
        network.keep(Batch::new(states, n).expect("whole columns"), kept, scratch);
        let columns = states.chunks_exact_mut(n).zip(kept.chunks_exact_mut(size)).zip(reports);
        for (column, ((state, kept), report)) in columns.enumerate() {
            let mut shuffle = order(column, sites);
            let mut seen = watch(column, 0, state);
            report.outcome = loop {
                if kept.iter().any(|h| !h.is_finite()) {
                    break RecallOutcome::NotFinite;
                }
                if seen.is_break() {
                    break RecallOutcome::Stopped;
                }
                let tie = network.tie(kept);
                let stable = |i: usize, state: &[f64], kept: &[f64]| {
                    state[i] * network.field(i, state, kept) >= -tie
                };
                let mut flips = 0;
                if report.sweeps < max_sweeps {
                    shuffle(sites);
                    for &i in &*sites {
                        if !stable(i, state, kept) {
                            network.flip(i, state, kept, scratch);
                            flips += 1;
                        }
                    }
                }
                if flips > 0 {
                    report.sweeps += 1;
                    report.flips += flips;
                    seen = watch(column, report.sweeps, state);
                    continue;
                }
                // Confirm with fields free of accumulated rounding.
                network.keep(Batch::single(state).expect("a state"), kept, scratch);
                if (0..n).all(|i| stable(i, state, kept)) {
                    break RecallOutcome::FixedPoint;
                }
                if report.sweeps == max_sweeps {
                    break RecallOutcome::MaxSweeps;
                }
            };
            report.energy = network.energy_kept(state, kept);
        }
    }
}
