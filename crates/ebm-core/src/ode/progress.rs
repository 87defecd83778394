//! Where a trajectory stands: its time, its next step, and the verdict on each
//! attempt. Shared by the single driver and the columns of a batch.

use super::step_control::StepControl;
use super::{Attempt, Options, StepSize};
use crate::{Outcome, Stats};

/// An attempted step from `t` to `t_new`, `h` long.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) h: f64,
    pub(super) t_new: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) t: f64,
    /// Size of the next step as far as accuracy is concerned.
    pub(super) h: f64,
    pub(super) steps: usize,
    rejected: usize,
    control: StepControl,
    /// Start of the current stretch of steady state.
    quiet_since: Option<f64>,
    /// Where the last attempt ran into NaN or infinity, until one succeeds.
    not_finite: Option<Outcome>,
}

impl Progress {
    /// The size of the first step is still to be set.
    pub(super) fn new(t: f64, estimate_order: Option<u32>) -> Self {
        Self {
            t,
            h: 0.0,
            steps: 0,
            rejected: 0,
            control: StepControl::new(estimate_order.unwrap_or(0)),
            quiet_since: None,
            not_finite: None,
        }
    }

    /// The step to attempt next, or why there is none.
    pub(super) fn next_step(
        &self,
        (start, end): (f64, f64),
        options: &Options,
    ) -> Result<Step, Outcome> {
        if self.steps + self.rejected >= options.max_steps {
            return Err(Outcome::MaxSteps);
        }
        let (h, t_new, last) = match options.step {
            // Counted from the start, so that rounding does not accumulate
            // into a sliver of a step at the end.
            StepSize::Fixed(h) => {
                let t_new = start + (self.steps + 1) as f64 * h;
                (h, t_new, t_new >= end - 1e-9 * h)
            }
            // Stretched by up to a per cent where that ends the span.
            StepSize::Adaptive { max, .. } => {
                let h = self.h.min(max);
                let reach = (1.01 * h).min((1.0 + 1e-9) * max);
                (h, self.t + h, end - self.t <= reach)
            }
        };
        let step = if last { Step { h: end - self.t, t_new: end } } else { Step { h, t_new } };
        // Ten roundings of t still resolve the stages of a step.
        let moves = step.t_new > self.t && (last || h > 10.0 * f64::EPSILON * self.t.abs());
        if moves {
            Ok(step)
        } else {
            Err(self.not_finite.unwrap_or(Outcome::StepTooSmall { t: self.t }))
        }
    }

    /// Whether to accept an attempted step, and the size of the next one.
    /// `bad` is the component found not to be finite. `Err` where no smaller
    /// step may be tried.
    pub(super) fn judge(
        &mut self,
        attempt: Attempt,
        step: Step,
        bad: Option<usize>,
        options: &Options,
    ) -> Result<bool, Outcome> {
        let not_finite = bad.map(|index| Outcome::NotFinite { t: step.t_new, index });
        if matches!(options.step, StepSize::Fixed(_)) {
            return match not_finite {
                Some(outcome) => Err(outcome),
                None if attempt == Attempt::Failed => Err(Outcome::Stalled),
                None => Ok(true),
            };
        }
        // A shorter step may stay inside the domain of the field.
        self.not_finite = not_finite;
        let factor = match attempt {
            Attempt::Failed => 0.25,
            Attempt::NotFinite { .. } => self.control.rejected(f64::NAN),
            _ if bad.is_some() => self.control.rejected(f64::NAN),
            Attempt::Unchecked => 1.0,
            Attempt::Estimated(error) if error <= 1.0 => self.control.accepted(error),
            Attempt::Estimated(error) => self.control.rejected(error),
        };
        self.h = step.h * factor;
        let accepted = bad.is_none()
            && match attempt {
                Attempt::Failed | Attempt::NotFinite { .. } => false,
                Attempt::Unchecked => true,
                Attempt::Estimated(error) => error <= 1.0,
            };
        self.rejected += usize::from(!accepted);
        Ok(accepted)
    }

    /// Moves to the end of an accepted step.
    pub(super) fn advance(&mut self, t_new: f64) {
        self.t = t_new;
        self.steps += 1;
    }

    /// Whether the steady-state test, if there is one, ends the run.
    pub(super) fn steady(&mut self, derivative: &[f64], options: &Options) -> Option<Outcome> {
        let test = options.steady_state?;
        test.met(self.t, derivative, &mut self.quiet_since).then_some(Outcome::Converged)
    }

    /// `work` with the counts of steps filled in.
    pub(super) fn stats(&self, work: Stats) -> Stats {
        Stats { steps: self.steps, rejected: self.rejected, ..work }
    }
}

/// Index of the first NaN or infinite entry. Looks for the index only when a
/// branch-free pass has found that there is one.
pub(super) fn first_not_finite(x: &[f64]) -> Option<usize> {
    if x.iter().fold(true, |finite, x| finite & x.is_finite()) {
        return None;
    }
    x.iter().position(|x| !x.is_finite())
}
