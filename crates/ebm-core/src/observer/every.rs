//! Thins what an observer sees.

use std::ops::ControlFlow;

use super::{Observer, Snapshot};
use crate::Error;

/// Passes every `n`-th step on to another observer, starting with step 0.
///
/// The last state of a run is passed on only if its step is a multiple of `n`;
/// the solution has it in any case.
///
/// ```
/// use ebm_core::observer::{Every, Trace};
/// use ebm_core::problems::OrnsteinUhlenbeck;
/// use ebm_core::sde::{self, EulerMaruyama, Options};
///
/// let field = OrnsteinUhlenbeck::default();
/// let options = Options { step: 0.1, ..Options::default() };
/// let mut every = Every::new(4, Trace::new())?;
/// let _end = sde::integrate(&field, &EulerMaruyama, (0.0, 1.0), &[0.0], &options, &mut every)?;
/// let steps: Vec<usize> = every.inner.iter().map(|point| point.step).collect();
/// assert_eq!(steps, [0, 4, 8]);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Every<O> {
    n: usize,
    /// The observer that sees the thinned run.
    pub inner: O,
}

impl<O: Observer> Every<O> {
    /// Thins what `inner` sees to every `n`-th step.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `n` is zero.
    pub fn new(n: usize, inner: O) -> Result<Self, Error> {
        if n == 0 {
            let what = "steps between observations";
            return Err(Error::Parameter { what, expected: "at least 1", value: 0.0 });
        }
        Ok(Self { n, inner })
    }
}

impl<O: Observer> Observer for Every<O> {
    fn observe(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        if snapshot.step.is_multiple_of(self.n) {
            self.inner.observe(snapshot)
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_rejected() {
        assert!(matches!(Every::new(0, ()), Err(Error::Parameter { .. })));
    }

    #[test]
    fn an_inner_break_is_passed_on() -> Result<(), Error> {
        let mut every = Every::new(2, |_: &Snapshot<'_>| ControlFlow::Break(()))?;
        let at = |step| Snapshot { step, t: 0.0, trajectory: 0, x: &[] };
        assert!(every.observe(&at(1)).is_continue());
        assert!(every.observe(&at(2)).is_break());
        Ok(())
    }
}
