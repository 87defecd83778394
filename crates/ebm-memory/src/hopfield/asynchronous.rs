//! Asynchronous recall with incrementally kept fields.
//!
//! ```text
//! flip sᵢ if sᵢhᵢ < −τ:      sᵢ ← −sᵢ,   h ← h + 2sᵢ W_i,   ΔE = −2|hᵢ|
//! ```
//!
//! `τ` bounds the rounding of a field, so that a tie is recognized as one and
//! rounding cannot make the network run forever.

use ebm_core::{Batch, BatchMut, Coupling, Workspace};

use super::network::{energy_from, tie};
use super::{RecallOutcome, RecallReport};

/// Memory for a block of cues, sized once.
pub(super) struct Asynchronous {
    fields: Vec<f64>,
    row: Vec<f64>,
    sites: Vec<usize>,
    dim: usize,
}

impl Asynchronous {
    pub(super) fn new(dim: usize, width: usize) -> Self {
        Self { fields: vec![0.0; dim * width], row: vec![0.0; dim], sites: vec![0; dim], dim }
    }

    /// Runs a block in place. `order(column, sites)` prepares a cue and
    /// returns what puts `sites` in order before each sweep.
    pub(super) fn run<C: Coupling, S: FnMut(&mut [usize])>(
        &mut self,
        coupling: &C,
        max_sweeps: usize,
        states: &mut [f64],
        reports: &mut [RecallReport],
        ws: &mut Workspace,
        mut order: impl FnMut(usize, &mut [usize]) -> S,
    ) {
        let n = self.dim;
        let fields = &mut self.fields[..states.len()];
        {
            let states = Batch::new(states, n).expect("whole columns");
            let fields = BatchMut::new(fields, n).expect("whole columns");
            coupling.apply_batch(states, fields, ws);
        }
        let tie = tie(coupling);
        let columns = states.chunks_exact_mut(n).zip(fields.chunks_exact_mut(n)).zip(reports);
        for (column, ((state, field), report)) in columns.enumerate() {
            let mut shuffle = order(column, &mut self.sites);
            report.outcome = loop {
                if field.iter().any(|h| !h.is_finite()) {
                    break RecallOutcome::NotFinite;
                }
                let settled = |field: &[f64]| field.iter().zip(&*state).all(|(h, s)| s * h >= -tie);
                if settled(field) {
                    // Confirm with fields free of accumulated rounding.
                    coupling.apply(state, field, ws);
                    if settled(field) {
                        break RecallOutcome::FixedPoint;
                    }
                }
                if report.sweeps == max_sweeps {
                    coupling.apply(state, field, ws);
                    break RecallOutcome::MaxSweeps;
                }
                shuffle(&mut self.sites);
                report.sweeps += 1;
                for &i in &self.sites {
                    if state[i] * field[i] < -tie {
                        state[i] = -state[i];
                        report.flips += 1;
                        coupling.row(i, &mut self.row);
                        let twice = 2.0 * state[i];
                        for (h, w) in field.iter_mut().zip(&self.row) {
                            *h += twice * w;
                        }
                    }
                }
            };
            report.energy = energy_from(state, field);
        }
    }
}
