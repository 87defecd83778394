//! Lyapunov descent along a trajectory.
//!
//! ```text
//! V(x(t)) ≤ V(x(s)) for t ≥ s,        V(x(t)) − V(x(0)) = ∫₀ᵗ V̇(x(s)) ds
//! ```
//!
//! The integral is carried along as one more component of the state, so that
//! the same error control serves both sides of the identity: a wrong closed
//! form of `V̇` shows even where `V` happens to fall.
//!
//! Source: A. M. Lyapunov, *The General Problem of the Stability of Motion*
//! (1892); H. K. Khalil, *Nonlinear Systems* (2002), ch. 4.

use std::ops::ControlFlow;

use ebm_core::ode::{self, Options, Watch};
use ebm_core::{Lyapunov, Outcome, Snapshot, VectorField, Workspace, validate};

use crate::{Argument, Error};

/// What a trajectory showed. Always [`Argument::Sampled`]: nothing is claimed
/// of other initial states.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Descent {
    /// How the integration ended.
    pub outcome: Outcome,
    /// `(t, V)` at the initial state and after every accepted step.
    pub values: Vec<(f64, f64)>,
    /// Largest increase of `V` over one step, and the time at its end; zero if
    /// there was none.
    pub largest_rise: (f64, f64),
    /// Largest `V̇` met, and its time.
    pub largest_rate: (f64, f64),
    /// Largest `|V(t) − V(0) − ∫ V̇|`, and its time.
    pub largest_mismatch: (f64, f64),
    /// How it was shown.
    pub argument: Argument,
}

impl Descent {
    /// Whether `V` never rose and `V̇` was never positive and both agreed, each
    /// within `tolerance` in units of `V`.
    #[must_use]
    pub fn holds_within(&self, tolerance: f64) -> bool {
        self.outcome.is_success()
            && self.largest_rise.0 <= tolerance
            && self.largest_rate.0 <= tolerance
            && self.largest_mismatch.0 <= tolerance
    }
}

/// Follows the solution from `x0` over `span` with the Dormand–Prince method and
/// checks the Lyapunov function of `field` at every step.
///
/// ```
/// use ebm_control::lyapunov_descent;
/// use ebm_core::{flow::GradientFlow, ode::Options, problems::DoubleWell};
/// let flow = GradientFlow(DoubleWell { dim: 2 });
/// let descent =
///     lyapunov_descent::check(&flow, &[0.1, -0.3], (0.0, 20.0), &Options::default())?;
/// assert!(descent.holds_within(1e-5));
/// # Ok::<(), ebm_control::Error>(())
/// ```
///
/// # Errors
/// An initial state of the wrong length or not finite, a span or options that
/// [`ode::integrate`] rejects.
pub fn check<F: Lyapunov + ?Sized>(
    field: &F,
    x0: &[f64],
    span: (f64, f64),
    options: &Options,
) -> Result<Descent, Error> {
    let n = field.dim();
    validate::dimension("initial state", n, x0.len())?;
    let mut state = x0.to_vec();
    state.push(0.0);

    let mut ws = Workspace::new();
    let mut descent = Descent {
        outcome: Outcome::Reached,
        values: Vec::new(),
        largest_rise: (0.0, span.0),
        largest_rate: (f64::NEG_INFINITY, span.0),
        largest_mismatch: (0.0, span.0),
        argument: Argument::Sampled,
    };
    let mut record = |snapshot: &Snapshot<'_>| {
        let (x, integral) = (&snapshot.x[..n], snapshot.x[n]);
        let (v, rate) = (field.lyapunov(x, &mut ws), field.lyapunov_rate(x, &mut ws));
        let t = snapshot.t;
        let (first, last) = match (descent.values.first(), descent.values.last()) {
            (Some(&(_, first)), Some(&(_, last))) => (first, last),
            _ => (v, v),
        };
        keep_largest(&mut descent.largest_rise, v - last, t);
        keep_largest(&mut descent.largest_rate, rate, t);
        keep_largest(&mut descent.largest_mismatch, (v - first - integral).abs(), t);
        descent.values.push((t, v));
        ControlFlow::Continue(())
    };
    let mut method = ode::DORMAND_PRINCE.stepper(n + 1);
    let watch = Watch { observer: Some(&mut record), ..Watch::default() };
    let end = ode::integrate_watched(&Augmented(field), &mut method, span, &state, options, watch)?;
    descent.outcome = end.outcome;
    Ok(descent)
}

/// Keeps the larger value; NaN counts as largest, so that it cannot hide.
fn keep_largest(largest: &mut (f64, f64), value: f64, t: f64) {
    if value > largest.0 || (value.is_nan() && !largest.0.is_nan()) {
        *largest = (value, t);
    }
}

/// The field with `∫ V̇ dt` as its last component.
struct Augmented<'a, F: ?Sized>(&'a F);

impl<F: Lyapunov + ?Sized> VectorField for Augmented<'_, F> {
    fn dim(&self) -> usize {
        self.0.dim() + 1
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        let n = self.0.dim();
        self.0.eval(t, &x[..n], &mut dx[..n], ws);
        dx[n] = self.0.lyapunov_rate(&x[..n], ws);
    }
}

#[cfg(test)]
mod tests {
    use ebm_core::flow::GradientFlow;
    use ebm_core::problems::DoubleWell;

    use super::*;

    /// A field that descends `V = ½x²`, with the stated rate scaled wrongly
    /// unless `scale` is one, and rising where `sign` is negative.
    struct Decay {
        sign: f64,
        scale: f64,
    }

    impl VectorField for Decay {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            dx[0] = -self.sign * x[0];
        }
    }

    impl Lyapunov for Decay {
        fn lyapunov(&self, x: &[f64], _: &mut Workspace) -> f64 {
            0.5 * x[0] * x[0]
        }
        fn lyapunov_rate(&self, x: &[f64], _: &mut Workspace) -> f64 {
            -self.scale * self.sign * x[0] * x[0]
        }
    }

    fn run(sign: f64, scale: f64) -> Descent {
        check(&Decay { sign, scale }, &[2.0], (0.0, 3.0), &Options::default()).unwrap()
    }

    #[test]
    fn accepts_a_descent_and_its_rate() {
        let descent = run(1.0, 1.0);
        assert!(descent.holds_within(1e-5), "{descent:?}");
        let &(t, v) = descent.values.last().unwrap();
        assert_eq!(t, 3.0);
        assert!((v - 2.0 * (-6.0_f64).exp()).abs() < 1e-6);
        assert_eq!(descent.argument, Argument::Sampled);
    }

    #[test]
    fn rejects_an_ascent_and_a_wrong_rate() {
        assert!(run(-1.0, 1.0).largest_rise.0 > 0.1);
        assert!(!run(-1.0, 1.0).holds_within(1e-3));
        let wrong = run(1.0, 1.01);
        assert_eq!(wrong.largest_rise.0, 0.0);
        assert!(wrong.largest_mismatch.0 > 0.01 && !wrong.holds_within(1e-3));
    }

    #[test]
    fn rejects_bad_input() {
        let flow = GradientFlow(DoubleWell::default());
        let options = Options::default();
        assert!(check(&flow, &[1.0, 2.0], (0.0, 1.0), &options).is_err());
        assert!(check(&flow, &[f64::NAN], (0.0, 1.0), &options).is_err());
        assert!(check(&flow, &[1.0], (1.0, 0.0), &options).is_err());
        assert!(check(&flow, &[1.0], (0.0, f64::INFINITY), &options).is_err());
    }
}
