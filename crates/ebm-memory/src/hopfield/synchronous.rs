//! Synchronous recall: one matrix product a sweep for a block of cues.
//!
//! ```text
//! s(t+1) = sgn(W s(t)),      stop when s(t+1) = s(t)  or  s(t+1) = s(t−1)
//! ```

use ebm_core::{Batch, BatchMut, Coupling, Workspace};

use super::network::{energy_from, tie};
use super::{RecallOutcome, RecallReport};

/// Memory for a block of cues, sized once.
pub(super) struct Synchronous {
    /// Cues that still run, side by side.
    current: Vec<f64>,
    fields: Vec<f64>,
    /// State before the current one, for all cues of the block.
    previous: Vec<f64>,
    active: Vec<usize>,
    dim: usize,
}

impl Synchronous {
    pub(super) fn new(dim: usize, width: usize) -> Self {
        let size = dim * width;
        Self {
            current: vec![0.0; size],
            fields: vec![0.0; size],
            previous: vec![0.0; size],
            active: Vec::with_capacity(width),
            dim,
        }
    }

    /// Runs a block in place.
    pub(super) fn run<C: Coupling>(
        &mut self,
        coupling: &C,
        max_sweeps: usize,
        states: &mut [f64],
        reports: &mut [RecallReport],
        ws: &mut Workspace,
    ) {
        let n = self.dim;
        let tie = tie(coupling);
        let Self { current, fields, previous, active, .. } = self;
        previous[..states.len()].copy_from_slice(states);
        active.clear();
        active.extend(0..reports.len());
        while !active.is_empty() {
            for (column, &cue) in current.chunks_exact_mut(n).zip(&*active) {
                column.copy_from_slice(&states[cue * n..(cue + 1) * n]);
            }
            let size = active.len() * n;
            let current = Batch::new(&current[..size], n).expect("whole columns");
            let fields = &mut fields[..size];
            coupling.apply_batch(current, BatchMut::new(fields, n).expect("whole columns"), ws);
            let mut column = 0;
            active.retain(|&cue| {
                let field = &fields[column * n..(column + 1) * n];
                let now = current.column(column);
                column += 1;
                let range = cue * n..(cue + 1) * n;
                let (state, before) = (&mut states[range.clone()], &mut previous[range]);
                let report = &mut reports[cue];
                report.energy = energy_from(now, field);
                if field.iter().any(|h| !h.is_finite()) {
                    report.outcome = RecallOutcome::NotFinite;
                    return false;
                }
                for ((s, now), h) in state.iter_mut().zip(now).zip(field) {
                    *s = if h.abs() <= tie { *now } else { h.signum() };
                }
                let flips = state.iter().zip(now).filter(|(s, now)| s != now).count();
                let ended = if flips == 0 {
                    RecallOutcome::FixedPoint
                } else if report.sweeps > 0 && state == before {
                    RecallOutcome::TwoCycle
                } else if report.sweeps == max_sweeps {
                    RecallOutcome::MaxSweeps
                } else {
                    report.sweeps += 1;
                    report.flips += flips;
                    before.copy_from_slice(now);
                    return true;
                };
                // The state that the energy was taken of.
                state.copy_from_slice(now);
                report.outcome = ended;
                false
            });
        }
    }
}
