//! Whether a function decreases along a trajectory.
//!
//! ```text
//! V(xₖ₊₁) − V(xₖ) ≤ tol · max(1, |V(xₖ)|)      for every k
//! ```

use crate::{Batch, Energy, Error, Lyapunov, Workspace, validate};

/// What a descent check found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Descent {
    /// Number of steps on which `V` rose by more than the tolerance, or became
    /// NaN.
    pub violations: usize,
    /// The first such step, from state `k` to state `k + 1`.
    pub first_violation: Option<usize>,
    /// The largest `(V(xₖ₊₁) − V(xₖ)) / max(1, |V(xₖ)|)`; negative if `V` fell
    /// on every step, `−∞` for a single state, NaN if `V` is.
    pub largest_rise: f64,
    /// `V(x₀) − V(x_last)`.
    pub total_drop: f64,
}

impl Descent {
    /// No violation.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations == 0
    }
}

/// Checks the values `V(x₀), V(x₁), …` of a trajectory.
///
/// `tolerance ≥ 0` is relative to `max(1, |V|)`; a few times machine epsilon
/// times the number of terms in `V` absorbs rounding.
///
/// ```
/// use ebm_core::check::descent;
/// let found = descent(&[3.0, 1.0, 1.5, 0.0], 1e-12)?;
/// assert_eq!(found.first_violation, Some(1));
/// assert_eq!(found.largest_rise, 0.5);
/// assert_eq!(found.total_drop, 3.0);
/// # Ok::<(), ebm_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] without values, [`Error::Parameter`] for the tolerance.
pub fn descent(values: &[f64], tolerance: f64) -> Result<Descent, Error> {
    validate::non_negative("tolerance", tolerance)?;
    let [first, last] = match values {
        [] => return Err(Error::Empty { what: "trajectory" }),
        [single] => [*single, *single],
        [first, .., last] => [*first, *last],
    };
    let mut found = Descent {
        violations: 0,
        first_violation: None,
        largest_rise: f64::NEG_INFINITY,
        total_drop: first - last,
    };
    for (k, pair) in values.windows(2).enumerate() {
        // From +∞, anything is a descent.
        let rise = if pair[0] == f64::INFINITY && !pair[1].is_nan() {
            0.0
        } else {
            (pair[1] - pair[0]) / pair[0].abs().max(1.0)
        };
        if rise > found.largest_rise || rise.is_nan() {
            found.largest_rise = rise;
        }
        if rise > tolerance || rise.is_nan() {
            found.violations += 1;
            found.first_violation.get_or_insert(k);
        }
    }
    Ok(found)
}

/// [`descent`] of an energy along the states of a trajectory, one a column.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::Parameter`].
pub fn energy_descent<E: Energy + ?Sized>(
    energy: &E,
    states: Batch<'_>,
    tolerance: f64,
) -> Result<Descent, Error> {
    validate::dimension("states", energy.dim(), states.dim())?;
    let mut values = vec![0.0; states.count()];
    energy.energy_batch(states, &mut values, &mut Workspace::new());
    descent(&values, tolerance)
}

/// [`descent`] of a flow's Lyapunov function along the states of a trajectory,
/// one a column.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::Parameter`].
pub fn lyapunov_descent<F: Lyapunov + ?Sized>(
    field: &F,
    states: Batch<'_>,
    tolerance: f64,
) -> Result<Descent, Error> {
    validate::dimension("states", field.dim(), states.dim())?;
    let ws = &mut Workspace::new();
    let values: Vec<f64> = states.columns().map(|x| field.lyapunov(x, ws)).collect();
    descent(&values, tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::GradientFlow;
    use crate::problems::DoubleWell;

    #[test]
    fn counts_and_locates_rises() {
        let found = descent(&[5.0, 4.0, 4.5, 4.0, 4.2], 0.0).unwrap();
        assert_eq!((found.violations, found.first_violation), (2, Some(1)));
        assert!((found.largest_rise - 0.125).abs() < 1e-15);
        assert!(!found.holds());
        assert!(descent(&[5.0, 4.0, 4.0], 0.0).unwrap().holds());
        assert!(descent(&[5.0, 4.0, 4.0 + 1e-13], 1e-12).unwrap().holds());
        assert!(descent(&[1.0], 0.0).unwrap().holds());
    }

    #[test]
    fn nan_is_a_violation() {
        let found = descent(&[2.0, f64::NAN, 1.0], 1.0).unwrap();
        assert_eq!(found.first_violation, Some(0));
        assert!(found.largest_rise.is_nan());
        assert!(descent(&[f64::INFINITY, 1.0], 0.0).unwrap().holds());
        assert!(!descent(&[1.0, f64::INFINITY], 0.0).unwrap().holds());
        assert!(!descent(&[f64::INFINITY, f64::NAN], 0.0).unwrap().holds());
    }

    #[test]
    fn along_states() {
        let flow = GradientFlow(DoubleWell { dim: 1 });
        let down = [0.1, 0.3, 0.8, 0.99];
        let states = Batch::new(&down, 1).unwrap();
        assert!(lyapunov_descent(&flow, states, 0.0).unwrap().holds());
        assert!(energy_descent(&flow.0, states, 0.0).unwrap().holds());
        let up = [0.99, 0.8];
        assert!(!lyapunov_descent(&flow, Batch::new(&up, 1).unwrap(), 0.0).unwrap().holds());
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(descent(&[], 0.0), Err(Error::Empty { .. })));
        assert!(matches!(descent(&[1.0], -1.0), Err(Error::Parameter { .. })));
        assert!(matches!(descent(&[1.0], f64::NAN), Err(Error::Parameter { .. })));
        let states = [1.0; 4];
        let wrong = Batch::new(&states, 2).unwrap();
        assert!(matches!(
            energy_descent(&DoubleWell { dim: 1 }, wrong, 0.0),
            Err(Error::Dimension { .. })
        ));
    }
}
