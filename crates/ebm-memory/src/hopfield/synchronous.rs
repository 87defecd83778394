//! Synchronous recall: all neurons at once, for a block of cues together.
//!
//! ```text
//! s(t+1) = sgn(W s(t)),      stop when s(t+1) = s(t)  or  s(t+1) = s(t−1)
//!                            or  s(t) = s(2ᵏ),  2ᵏ < t ≤ 2ᵏ⁺¹
//! ```
//!
//! The last condition finds cycles of every length, with a single state to
//! remember: R. P. Brent, BIT 20, 176 (1980), doi:10.1007/BF01933190. With a
//! symmetric matrix there are none of more than two states.

use std::ops::ControlFlow;

use ebm_core::{Batch, BatchMut};

use super::{LocalFields, RecallOutcome, RecallReport};

/// Memory for a block of cues, sized once.
pub(super) struct Synchronous<N: LocalFields> {
    /// Cues that still run, side by side, and what is kept of them.
    current: Vec<f64>,
    kept: Vec<f64>,
    next: Vec<f64>,
    /// State before the current one, for all cues of the block.
    previous: Vec<f64>,
    /// State after the last power of two of sweeps, for all cues of the block.
    saved: Vec<f64>,
    active: Vec<usize>,
    scratch: N::Scratch,
}

impl<N: LocalFields> Synchronous<N> {
    pub(super) fn new(network: &N, width: usize) -> Self {
        let size = network.dim() * width;
        Self {
            current: vec![0.0; size],
            kept: vec![0.0; network.kept() * width],
            next: vec![0.0; size],
            previous: vec![0.0; size],
            saved: vec![0.0; size],
            active: Vec::with_capacity(width),
            scratch: N::Scratch::default(),
        }
    }

    /// Runs a block in place; `watch(column, sweep, state)` sees every cue and
    /// every state after a sweep that changed it.
    pub(super) fn run(
        &mut self,
        network: &N,
        max_sweeps: usize,
        states: &mut [f64],
        reports: &mut [RecallReport],
        mut watch: impl FnMut(usize, usize, &[f64]) -> ControlFlow<()>,
    ) {
        let (n, size) = (network.dim(), network.kept());
        let Self { current, kept, next, previous, saved, active, scratch } = self;
        current[..states.len()].copy_from_slice(states);
        previous[..states.len()].copy_from_slice(states);
        active.clear();
        active.extend(0..reports.len());
        let batch = Batch::new(states, n).expect("whole columns");
        network.keep(batch, &mut kept[..reports.len() * size], scratch);
        while !active.is_empty() {
            let (values, kept_values) = (active.len() * n, active.len() * size);
            network.update_all(
                Batch::new(&current[..values], n).expect("whole columns"),
                &mut kept[..kept_values],
                BatchMut::new(&mut next[..values], n).expect("whole columns"),
                scratch,
            );
            let (mut column, mut running) = (0, 0);
            active.retain(|&cue| {
                let (from, to) = (column, running);
                column += 1;
                let (now, after) = (from * n..(from + 1) * n, &next[from * n..(from + 1) * n]);
                let all = cue * n..(cue + 1) * n;
                let (state, before) = (&mut states[all.clone()], &mut previous[all.clone()]);
                let saved = &mut saved[all];
                let report = &mut reports[cue];
                let kept_now = from * size..(from + 1) * size;
                report.energy = network.energy_kept(&current[now.clone()], &kept[kept_now.clone()]);
                let flips =
                    current[now.clone()].iter().zip(after).filter(|(s, next)| s != next).count();
                let finite = kept[kept_now.clone()].iter().all(|h| h.is_finite());
                let ended = if !finite {
                    RecallOutcome::NotFinite
                } else if watch(cue, report.sweeps, &current[now.clone()]).is_break() {
                    RecallOutcome::Stopped
                } else if flips == 0 {
                    RecallOutcome::FixedPoint
                } else if report.sweeps > 0 && after == before {
                    RecallOutcome::TwoCycle
                } else if report.sweeps > 1 && *saved == current[now.clone()] {
                    RecallOutcome::Cycle { length: report.sweeps - earlier_power(report.sweeps) }
                } else if report.sweeps == max_sweeps {
                    RecallOutcome::MaxSweeps
                } else {
                    if report.sweeps.is_power_of_two() {
                        saved.copy_from_slice(&current[now.clone()]);
                    }
                    report.sweeps += 1;
                    report.flips += flips;
                    before.copy_from_slice(&current[now]);
                    // Close up: what ended leaves the block.
                    current[to * n..(to + 1) * n].copy_from_slice(after);
                    kept.copy_within(kept_now, to * size);
                    running += 1;
                    return true;
                };
                // The state that the energy was taken of.
                state.copy_from_slice(&current[now]);
                report.outcome = ended;
                false
            });
            let current = Batch::new(&current[..running * n], n).expect("whole columns");
            if running > 0 {
                network.advance(current, &mut kept[..running * size], scratch);
            }
        }
    }
}

/// The largest power of two below `n > 1`.
fn earlier_power(n: usize) -> usize {
    1 << (n - 1).ilog2()
}
