//! Many cues along the flow of a memory: in parallel, or one after the other
//! before an observer.

use ebm_core::ode::{self, BatchControl, Solution, Watch};
use ebm_core::{Batch, Observer, Snapshot, VectorField};

use crate::Error;

/// Where the columns of `cues` end. An observer sees every cue and every
/// accepted step, with the position of the cue as trajectory, and may end it.
pub(crate) fn integrate<F: VectorField>(
    field: &F,
    span: (f64, f64),
    cues: Batch<'_>,
    options: &ode::Options,
    observer: Option<&mut dyn Observer>,
) -> Result<Vec<Solution>, Error> {
    let Some(observer) = observer else {
        let (method, control) = (&ode::TSITOURAS, BatchControl::Each);
        return Ok(ode::integrate_batch(field, method, span, cues, options, control)?);
    };
    let mut method = ode::TSITOURAS.stepper(field.dim());
    let mut ends = Vec::with_capacity(cues.count());
    for (trajectory, cue) in cues.columns().enumerate() {
        let mut one = |now: &Snapshot<'_>| observer.observe(&Snapshot { trajectory, ..*now });
        let watch = Watch { observer: Some(&mut one), ..Watch::default() };
        ends.push(ode::integrate_watched(field, &mut method, span, cue, options, watch)?);
    }
    Ok(ends)
}
