//! How to integrate: tolerances, step sizes, budget and stopping test.

use super::{SteadyState, Tolerance};
use crate::{Error, validate};

/// How the step size is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum StepSize {
    /// From the error estimate of the method. Methods without one are refused.
    Adaptive {
        /// First step, > 0; chosen from the field when `None`.
        first: Option<f64>,
        /// Largest step, > 0, possibly infinite.
        #[cfg_attr(feature = "serde", serde(with = "unlimited"))]
        max: f64,
    },
    /// Constant, > 0; the last step is shortened to end the span exactly. An
    /// error estimate is ignored.
    Fixed(f64),
}

impl Default for StepSize {
    /// Adaptive, first step automatic, unlimited: the estimate knows best.
    fn default() -> Self {
        Self::Adaptive { first: None, max: f64::INFINITY }
    }
}

/// How to integrate.
///
/// ```
/// use ebm_core::ode::{Options, StepSize, Tolerance};
/// let tight = Options { tolerance: Tolerance { rtol: 1e-10, atol: 1e-12 }, ..Options::default() };
/// let fixed = Options { step: StepSize::Fixed(0.01), ..Options::default() };
/// assert!(tight.validate().is_ok() && fixed.validate().is_ok());
/// assert!(Options { step: StepSize::Fixed(-1.0), ..fixed }.validate().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Options {
    /// Error allowed in a step.
    pub tolerance: Tolerance,
    /// Choice of the step size.
    pub step: StepSize,
    /// Budget of attempted steps, accepted and rejected ones together.
    pub max_steps: usize,
    /// End the run early where the state no longer moves. Takes a stiff method,
    /// or a threshold well above the rates that error control leaves: see
    /// [`SteadyState`].
    pub steady_state: Option<SteadyState>,
}

impl Default for Options {
    /// Error-controlled steps at the default [`Tolerance`], run to the end of
    /// the span. A million attempts end a hopeless run (a stiff field under an
    /// explicit method) in seconds to minutes rather than never.
    fn default() -> Self {
        Self {
            tolerance: Tolerance::default(),
            step: StepSize::default(),
            max_steps: 1_000_000,
            steady_state: None,
        }
    }
}

impl Options {
    /// Checks every field; the integrators call it first.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `rtol` and all step sizes are positive,
    /// `atol` is not negative, and the steady-state test is valid.
    pub fn validate(&self) -> Result<(), Error> {
        validate::positive("rtol", self.tolerance.rtol)?;
        validate::non_negative("atol", self.tolerance.atol)?;
        match self.step {
            StepSize::Fixed(h) => validate::positive("step size", h)?,
            StepSize::Adaptive { first, max } => {
                if let Some(first) = first {
                    validate::positive("first step", first)?;
                }
                if max != f64::INFINITY {
                    validate::positive("largest step", max)?;
                }
            }
        }
        self.steady_state.as_ref().map_or(Ok(()), SteadyState::validate)
    }
}

/// A step without limit as a missing number: JSON has no infinity.
#[cfg(feature = "serde")]
mod unlimited {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(max: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        (*max != f64::INFINITY).then_some(*max).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;
    use crate::ode::{BatchControl, NewtonOptions, Norm};

    #[test]
    fn options_survive_a_file() -> Result<(), serde_json::Error> {
        let default = Options::default();
        let steps = [
            StepSize::Fixed(0.1),
            StepSize::Adaptive { first: Some(1e-3), max: 2.0 },
            StepSize::Adaptive { first: None, max: f64::INFINITY },
        ];
        let steady = SteadyState { tolerance: 1e-5, norm: Norm::Rms, window: 0.3 };
        for step in steps {
            for steady_state in [None, Some(steady)] {
                let options = Options { step, steady_state, max_steps: 7, ..default };
                let text = serde_json::to_string(&options)?;
                assert_eq!(serde_json::from_str::<Options>(&text)?, options, "{text}");
                let unknown = text.replace("max_steps", "max_step");
                assert!(serde_json::from_str::<Options>(&unknown).is_err());
                let unknown = text.replace("rtol", "reltol");
                assert!(serde_json::from_str::<Options>(&unknown).is_err());
            }
        }
        let newton = NewtonOptions { accuracy: 1e-2, ..NewtonOptions::default() };
        let text = serde_json::to_string(&(newton, BatchControl::Shared))?;
        assert_eq!(serde_json::from_str(&text).ok(), Some((newton, BatchControl::Shared)));
        Ok(())
    }
}
