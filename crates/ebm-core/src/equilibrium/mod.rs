//! Equilibria of vector fields, found without integrating.
//!
//! ```text
//! F(x) = 0
//! ```
//!
//! Integrating to a steady state under error control spends its evaluations on
//! a path that nobody asked for, and an explicit method ends at its stability
//! boundary, where the residual stays at the size of the tolerance. The methods
//! here look at the residual alone: [`FixedPoint`] (with a step certified by
//! contraction where the constants are known), [`Anderson`] acceleration, and
//! [`NewtonKrylov`], which needs no matrix either.
//!
//! The field is evaluated at `t = 0`. An equilibrium found here may be unstable,
//! and need not be the one whose basin `x0` lies in: Anderson and Newton converge
//! to saddles too, and leap.
//!
//! ```
//! use ebm_core::equilibrium::{self, Options};
//! use ebm_core::{Outcome, flow::GradientFlow, problems::DoubleWell};
//! let flow = GradientFlow(DoubleWell { dim: 2 });
//! let found = equilibrium::solve(&flow, &[0.9, -1.2], &Options::default(), &mut ())?;
//! assert_eq!(found.outcome, Outcome::Converged);
//! assert!((found.x[0] - 1.0).abs() < 1e-8 && (found.x[1] + 1.0).abs() < 1e-8);
//! # Ok::<(), ebm_core::Error>(())
//! ```

mod anderson;
mod fixed_point;
mod gmres;
mod iterate;
mod newton_krylov;

pub use anderson::Anderson;
pub use fixed_point::{FixedPoint, Step};
pub use newton_krylov::NewtonKrylov;

use crate::{Batch, Error, Jacobian, Observer, Outcome, Stats, VectorField, validate};

/// How to look for an equilibrium.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum Method {
    /// [`Anderson`] until its residual falls by less than a factor of ten in
    /// twenty evaluations, then [`NewtonKrylov`] from the best state, both as
    /// their defaults. The default: the first is the cheapest where it works,
    /// the second works near every regular equilibrium.
    #[default]
    Auto,
    /// Damped fixed-point iteration.
    FixedPoint(FixedPoint),
    /// Anderson acceleration.
    Anderson(Anderson),
    /// Inexact Newton with GMRES.
    NewtonKrylov(NewtonKrylov),
}

/// How to look for an equilibrium, and when to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Options {
    /// The method.
    pub method: Method,
    /// Largest `‖F(x)‖∞` of an equilibrium, > 0, in state units per time.
    pub tolerance: f64,
    /// Budget of evaluations of the field and products with its Jacobian, ≥ 1,
    /// for every start.
    pub max_evaluations: usize,
}

impl Default for Options {
    /// [`Method::Auto`] to `‖F‖∞ ≤ 1e-8`, the square root of the machine
    /// precision, which any method reaches in double precision. A search that
    /// has not ended after ten thousand evaluations will not.
    fn default() -> Self {
        Self { method: Method::Auto, tolerance: 1e-8, max_evaluations: 10_000 }
    }
}

impl Options {
    /// Checks every field; the solvers call it first.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless tolerance and budget are positive and the
    /// method is valid.
    pub fn validate(&self) -> Result<(), Error> {
        validate::positive("tolerance", self.tolerance)?;
        if self.max_evaluations == 0 {
            return Err(Error::Parameter {
                what: "budget of evaluations",
                expected: "at least 1",
                value: 0.0,
            });
        }
        match &self.method {
            Method::Auto => Ok(()),
            Method::FixedPoint(method) => method.step.validate(),
            Method::Anderson(method) => method.validate(),
            Method::NewtonKrylov(method) => method.validate(),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Equilibrium {
    /// The state with the smallest residual seen; the equilibrium if
    /// [`Outcome::Converged`].
    pub x: Vec<f64>,
    /// `‖F(x)‖∞`.
    pub residual: f64,
    /// How the search ended: [`Converged`](Outcome::Converged),
    /// [`Stalled`](Outcome::Stalled) where no further progress was possible,
    /// [`MaxSteps`](Outcome::MaxSteps) where the budget ran out,
    /// [`NotFinite`](Outcome::NotFinite) or [`Stopped`](Outcome::Stopped).
    pub outcome: Outcome,
    /// Work done; `steps` are iterations.
    pub stats: Stats,
    /// The method that ended the search; never [`Method::Auto`].
    pub method: Method,
}

/// Looks for an equilibrium from `x0`. Newton's method, if it comes to that,
/// takes its derivatives by forward differences; use [`solve_with_jacobian`]
/// where they are known.
///
/// The observer sees the start and every accepted iterate, each once, the
/// iteration number as its time. Where [`Method::Auto`] changes methods, Newton
/// goes on from the best of them, which is not shown again.
///
/// # Errors
/// If the options are invalid, `x0` is not as long as the field's dimension, is
/// empty or not finite.
pub fn solve<F: VectorField + ?Sized>(
    field: &F,
    x0: &[f64],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Equilibrium, Error> {
    single(&field, None, x0, options, observer)
}

/// Looks for an equilibrium from `x0`, with the exact Jacobian in Newton's
/// method. As [`solve`] otherwise.
///
/// # Errors
/// As [`solve`].
pub fn solve_with_jacobian<F: Jacobian + ?Sized>(
    field: &F,
    x0: &[f64],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Equilibrium, Error> {
    single(&field, Some(&field), x0, options, observer)
}

/// Looks for an equilibrium from every column of `x0`, in order. The columns
/// advance together, one batch evaluation of the field an iteration (Newton's
/// method takes them one by one), and leave when they end. As with the
/// integrators, breaking ends the search of that snapshot and no other.
///
/// # Errors
/// As [`solve`], with the columns in place of the state; [`Error::Empty`] for a
/// batch without columns.
pub fn solve_batch<F: VectorField + ?Sized>(
    field: &F,
    x0: Batch<'_>,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Vec<Equilibrium>, Error> {
    search(&field, None, x0, options, observer)
}

fn single(
    field: &dyn VectorField,
    jacobian: Option<&dyn Jacobian>,
    x0: &[f64],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Equilibrium, Error> {
    let found = search(field, jacobian, Batch::single(x0)?, options, observer)?;
    // A batch of one gives one.
    found.into_iter().next().ok_or(Error::Empty { what: "batch" })
}

fn search(
    field: &dyn VectorField,
    jacobian: Option<&dyn Jacobian>,
    x0: Batch<'_>,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Vec<Equilibrium>, Error> {
    options.validate()?;
    validate::dimension("initial state", field.dim(), x0.dim())?;
    if x0.count() == 0 {
        return Err(Error::Empty { what: "batch of initial states" });
    }
    validate::finite("initial state", x0.as_slice())?;
    let newton = |config, trajectory, x: &[f64], stats, observer: &mut dyn Observer| {
        let start = (config, trajectory, stats);
        newton_krylov::newton_krylov(field, jacobian, x, start, options, observer)
    };
    if let Method::NewtonKrylov(config) = options.method {
        let columns = x0.columns().enumerate();
        return Ok(columns
            .map(|(j, x)| newton(config, j, x, Stats::default(), observer))
            .collect());
    }
    let mut found = iterate::iterate(field, x0, options, observer)?;
    for (j, e) in found.iter_mut().enumerate() {
        if options.method == Method::Auto && e.outcome == Outcome::Stalled {
            *e = newton(NewtonKrylov::default(), j, &e.x, e.stats, observer);
        }
    }
    Ok(found)
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn options_survive_a_file() -> Result<(), serde_json::Error> {
        let gradient = Step::Gradient { convexity: 0.1, smoothness: 3.0 };
        for method in [
            Method::Auto,
            Method::FixedPoint(FixedPoint::default()),
            Method::FixedPoint(FixedPoint { step: gradient }),
            Method::Anderson(Anderson { memory: 3, damping: 0.5 }),
            Method::NewtonKrylov(NewtonKrylov { krylov: 9, forcing: 0.1 }),
        ] {
            let options = Options { method, tolerance: 1e-9, max_evaluations: 77 };
            let text = serde_json::to_string(&options)?;
            assert_eq!(serde_json::from_str::<Options>(&text)?, options, "{text}");
            let unknown = text.replace("tolerance", "tol");
            assert!(serde_json::from_str::<Options>(&unknown).is_err());
        }
        Ok(())
    }
}
