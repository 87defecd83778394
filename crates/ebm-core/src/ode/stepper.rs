//! One step of an integrator: the interface between methods and the driver.

use crate::{Stats, Workspace};

/// Error tolerances: a step is accepted when the root mean square of
/// `errᵢ / (atol + rtol·max(|xᵢ|, |x̂ᵢ|))` is at most one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Tolerance {
    /// Relative part, > 0.
    pub rtol: f64,
    /// Absolute part, ≥ 0, in units of the state.
    pub atol: f64,
}

impl Default for Tolerance {
    /// `rtol = 1e-6`, `atol = 1e-9`: accuracy well below what a plot shows at
    /// the cost where fifth-order methods are at their best.
    fn default() -> Self {
        Self { rtol: 1e-6, atol: 1e-9 }
    }
}

impl Tolerance {
    /// Root mean square of the error in units of the tolerance. NaN if any
    /// component of `error` or `x_new` is NaN. A component without error counts
    /// zero, even where the tolerance is zero too.
    #[must_use]
    pub fn norm(&self, error: &[f64], x: &[f64], x_new: &[f64]) -> f64 {
        let mut sum = 0.0;
        for ((e, x), y) in error.iter().zip(x).zip(x_new) {
            let ratio = self.ratio(*e, *x, *y);
            sum += ratio * ratio;
        }
        (sum / error.len() as f64).sqrt()
    }

    /// Error of one component in units of the tolerance. Compiles to
    /// comparisons without branches; NaN passes through, as `f64::max` would
    /// not let it.
    #[inline(always)]
    pub(super) fn ratio(&self, error: f64, x: f64, x_new: f64) -> f64 {
        let (a, b) = (x.abs(), x_new.abs());
        let ratio = error / (self.atol + self.rtol * if a > b { a } else { b });
        if error == 0.0 && !b.is_nan() { 0.0 } else { ratio }
    }
}

/// What an attempted step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attempt {
    /// A fixed-step method: always accepted.
    Unchecked,
    /// The error estimate in units of the tolerance; accepted when ≤ 1.
    Estimated(f64),
    /// The nonlinear or linear solve failed; try again with a smaller step.
    Failed,
    /// The field or its Jacobian was NaN or infinite in this component inside
    /// the step, so that there is no new state.
    NotFinite {
        /// The first such component.
        index: usize,
    },
}

/// What a stepper is handed besides the state: the tolerance to aim at, the
/// counters to keep, and scratch memory for the field.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Error tolerances of the run.
    pub tolerance: Tolerance,
    /// Work done so far.
    pub stats: Stats,
    /// Scratch memory.
    pub ws: Workspace,
}

/// An integration method for fields of type `F`, with its own stage memory.
///
/// A stepper is built for a dimension and allocates only then. The driver calls
/// [`start`](Self::start) once, then [`attempt`](Self::attempt) until a step is
/// accepted, then [`accept`](Self::accept). Between an attempt and the next
/// one, [`interpolate`](Self::interpolate) gives the state inside that step.
pub trait Stepper<F: ?Sized> {
    /// Length of the state it was built for.
    fn dim(&self) -> usize;

    /// Classical order of the propagated solution.
    fn order(&self) -> u32;

    /// Order of the local error estimate, which sets the exponent of the step
    /// controller; `None` for a method without an estimate.
    fn estimate_order(&self) -> Option<u32>;

    /// Prepares for a trajectory at `(t, x)`. Also called after the state was
    /// changed from outside, so nothing may be reused across it.
    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context);

    /// Attempts a step of size `h > 0` from `(t, x)`, writing `x(t + h)` to
    /// `x_new`. Leaves `x` as it is.
    fn attempt(
        &mut self,
        field: &F,
        t: f64,
        x: &[f64],
        h: f64,
        x_new: &mut [f64],
        cx: &mut Context,
    ) -> Attempt;

    /// `F(t, x)` at the start of the last attempted step, or as computed by
    /// [`start`](Self::start) before the first one; after
    /// [`accept`](Self::accept), at the new state.
    fn derivative(&self) -> &[f64];

    /// Commits the last attempt; the next one starts at its end
    /// `(t_new, x_new)`.
    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context);

    /// State at `t + theta·h` of the last attempted step from `x` to `x_new`,
    /// `0 ≤ theta ≤ 1`; exactly `x` at 0 and `x_new` at 1. Call it before
    /// [`accept`](Self::accept).
    fn interpolate(
        &mut self,
        field: &F,
        theta: f64,
        x: &[f64],
        x_new: &[f64],
        out: &mut [f64],
        cx: &mut Context,
    );
}
