//! Steady-state test: the state has stopped moving.
//!
//! ```text
//! ‖ẋ(s)‖ ≤ tolerance   at every step end s in [t − window, t]
//! ```
//!
//! This ends an integration that has arrived. It is not the way to *find* an
//! equilibrium: an explicit method under error control sits at its stability
//! boundary there and keeps ‖ẋ‖ at the level of its tolerance.

use crate::{Error, validate};

/// Norm of the derivative in a [`SteadyState`] test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum Norm {
    /// Largest magnitude of a component.
    Max,
    /// Root mean square of the components.
    Rms,
}

impl Norm {
    /// The norm of `v`; NaN if any component is NaN.
    #[must_use]
    pub fn of(self, v: &[f64]) -> f64 {
        match self {
            Self::Max => {
                v.iter().fold(
                    0.0,
                    |max: f64, v| {
                        if v.abs() <= max || max.is_nan() { max } else { v.abs() }
                    },
                )
            }
            Self::Rms => (v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64).sqrt(),
        }
    }
}

/// When to call a state steady.
///
/// Near an equilibrium with rates of decay up to `λ` the step of an explicit
/// method grows to its stability boundary, where errors of the size of the
/// [`Tolerance`](super::Tolerance) come and go: `‖ẋ‖` stays around
/// `λ (atol + rtol ‖x‖)`, and a smaller threshold is met late, by chance, or
/// never. Use a stiff method, or a threshold well above that.
///
/// ```
/// use ebm_core::ode::{self, Options, SteadyState};
/// use ebm_core::{Outcome, flow::GradientFlow, problems::Quadratic};
///
/// // Rates of decay from 1 to 100.
/// let flow = GradientFlow(Quadratic::random(10, 100.0, 1)?);
/// let (span, start) = ((0.0, 100.0), [0.0; 10]);
/// let until = |tolerance| Options {
///     steady_state: Some(SteadyState { tolerance, ..SteadyState::default() }),
///     ..Options::default()
/// };
/// let explicit = |options| ode::integrate(&flow, &mut ode::TSITOURAS.stepper(10), span, &start, &options);
/// let mut stiff = ode::Rosenbrock::new(10);
///
/// assert_eq!(explicit(until(1e-8))?.outcome, Outcome::Reached);
/// assert_eq!(explicit(until(1e-2))?.outcome, Outcome::Converged);
/// let end = ode::integrate(&flow, &mut stiff, span, &start, &until(1e-8))?;
/// assert_eq!(end.outcome, Outcome::Converged);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SteadyState {
    /// Largest `‖ẋ‖` of a steady state, > 0, in state units per time.
    pub tolerance: f64,
    /// The norm.
    pub norm: Norm,
    /// For how long `‖ẋ‖` must stay there, ≥ 0, in time units.
    pub window: f64,
}

impl Default for SteadyState {
    /// `‖ẋ‖∞ ≤ 1e-8` for one unit of time: no component moves by more than
    /// the default integration tolerance, for as long as a leaky unit with
    /// unit time constant needs to respond.
    fn default() -> Self {
        Self { tolerance: 1e-8, norm: Norm::Max, window: 1.0 }
    }
}

impl SteadyState {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `tolerance > 0` and `window ≥ 0`.
    pub fn validate(&self) -> Result<(), Error> {
        validate::positive("steady-state tolerance", self.tolerance)?;
        validate::non_negative("steady-state window", self.window)
    }

    /// Whether the test is met at `t` given the derivative there; `since` is
    /// the start of the current quiet stretch, kept by the caller.
    pub(super) fn met(&self, t: f64, derivative: &[f64], since: &mut Option<f64>) -> bool {
        // A NaN norm is not quiet.
        if self.norm.of(derivative) <= self.tolerance {
            t - *since.get_or_insert(t) >= self.window
        } else {
            *since = None;
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_by_hand_and_with_nan() {
        let v = [3.0, -4.0];
        assert_eq!(Norm::Max.of(&v), 4.0);
        assert_eq!(Norm::Rms.of(&v), 12.5_f64.sqrt());
        for v in [[f64::NAN, 1.0], [1.0, f64::NAN]] {
            assert!(Norm::Rms.of(&v).is_nan());
            assert!(Norm::Max.of(&v).is_nan());
        }
    }

    #[test]
    fn a_window_restarts_when_the_state_moves_again() {
        let test = SteadyState { tolerance: 1.0, norm: Norm::Max, window: 2.0 };
        let mut since = None;
        let mut met = |t, v: f64| test.met(t, &[v], &mut since);
        assert!(!met(0.0, 0.5));
        assert!(!met(1.0, -0.5));
        assert!(!met(2.0, f64::NAN));
        assert!(!met(3.0, 0.1));
        assert!(!met(4.5, 0.1));
        assert!(met(5.0, 0.1));
    }
}
