//! Events: times at which a function of the trajectory crosses zero.
//!
//! ```text
//! g(t, x(t)) = 0,    g changing sign upwards, downwards or either way
//! ```
//!
//! A sign change between the two ends of a step is located on the dense output
//! of that step by the Illinois variant of false position, down to the rounding
//! of `t`. Two crossings of the same function within one step cancel and are
//! not seen: limit the step size where that matters.
//!
//! Source of the root finder: M. Dowell and P. Jarratt, BIT 11 (1971) 168–174.

use std::fmt;

/// Which sign changes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From negative to positive.
    Rising,
    /// From positive to negative.
    Falling,
    /// Both.
    Either,
}

type Function<'a> = dyn FnMut(f64, &[f64]) -> f64 + 'a;

/// A function whose zeros along the trajectory are located.
///
/// ```
/// use ebm_core::ode::Event;
/// let hits_ground = Event::new(|_t, x: &[f64]| x[0]).falling().terminal();
/// # let _ = hits_ground;
/// ```
pub struct Event<'a> {
    function: Box<Function<'a>>,
    direction: Direction,
    terminal: bool,
}

impl<'a> Event<'a> {
    /// The zeros of `function(t, x)`, crossed either way. A NaN value is on
    /// neither side of zero and starts or ends no crossing.
    #[must_use]
    pub fn new(function: impl FnMut(f64, &[f64]) -> f64 + 'a) -> Self {
        Self { function: Box::new(function), direction: Direction::Either, terminal: false }
    }

    /// Only crossings from negative to positive.
    #[must_use]
    pub fn rising(self) -> Self {
        Self { direction: Direction::Rising, ..self }
    }

    /// Only crossings from positive to negative.
    #[must_use]
    pub fn falling(self) -> Self {
        Self { direction: Direction::Falling, ..self }
    }

    /// Ends the run at the first crossing.
    #[must_use]
    pub fn terminal(self) -> Self {
        Self { terminal: true, ..self }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(super) fn value(&mut self, t: f64, x: &[f64]) -> f64 {
        (self.function)(t, x)
    }

    /// Whether going from `before` to `after` is a crossing that counts. A
    /// trajectory that starts on the surface has not crossed it.
    pub(super) fn crosses(&self, before: f64, after: f64) -> bool {
        let rising = before < 0.0 && after >= 0.0;
        let falling = before > 0.0 && after <= 0.0;
        match self.direction {
            Direction::Rising => rising,
            Direction::Falling => falling,
            Direction::Either => rising || falling,
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("direction", &self.direction)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// A located zero of an event function.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Position in the list of events.
    pub index: usize,
    /// When.
    pub t: f64,
    /// The state there.
    pub x: Vec<f64>,
}

/// The root of `g` in `(0, 1]`, given `g(0) = before` and `g(1) = after` on
/// different sides of zero, to within `width`. Of the last bracket it returns
/// the end behind the crossing, so that a run continued from there does not
/// cross again.
pub(super) fn locate(mut g: impl FnMut(f64) -> f64, before: f64, after: f64, width: f64) -> f64 {
    /// False position with the Illinois rule needs some ten evaluations; 60
    /// bisections alone exhaust the digits of `f64`.
    const BISECT_AFTER: usize = 40;
    let (mut low, mut g_low) = (0.0, before);
    let (mut high, mut g_high) = (1.0, after);
    let mut side = 0;
    for iteration in 0..BISECT_AFTER + 60 {
        if high - low <= width || g_high == 0.0 {
            break;
        }
        let secant = high - g_high * (high - low) / (g_high - g_low);
        // At least half a width inside, so that the bracket shrinks from both
        // ends and the loop ends.
        let inside = secant.max(low + 0.5 * width).min(high - 0.5 * width);
        let middle = low + 0.5 * (high - low);
        let theta =
            if iteration < BISECT_AFTER && inside > low && inside < high { inside } else { middle };
        if theta <= low || theta >= high {
            break;
        }
        let value = g(theta);
        // NaN counts as behind the crossing: the bracket then closes on the
        // last place where the function had its old sign.
        if value != 0.0 && (value > 0.0) == (before > 0.0) && !value.is_nan() {
            (low, g_low) = (theta, value);
            if side == -1 {
                g_high *= 0.5;
            }
            side = -1;
        } else {
            (high, g_high) = (theta, value);
            if side == 1 {
                g_low *= 0.5;
            }
            side = 1;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_awkward_functions() {
        type Case = (fn(f64) -> f64, f64);
        let cases: [Case; 6] = [
            (|s| s - 0.3, 0.3),
            (|s| (s - 0.7).powi(3), 0.7),
            (|s| (20.0 * (s - 0.01)).tanh(), 0.01),
            (|s| (s - 0.5).powi(9) * 1e-200, 0.5),
            (|s| if s < 0.123 { -1.0 } else { 1e9 }, 0.123),
            (|s| if s < 0.4 { -1.0 } else { f64::NAN }, 0.4),
        ];
        for (index, (g, root)) in cases.into_iter().enumerate() {
            let mut evaluations = 0;
            let found = locate(
                |s| {
                    evaluations += 1;
                    g(s)
                },
                g(0.0),
                if g(1.0).is_nan() { 1.0 } else { g(1.0) },
                1e-14,
            );
            assert!((found - root).abs() < 1e-13, "case {index}: {found} instead of {root}");
            assert!(found == root || (g(found) > 0.0 || g(found).is_nan()), "case {index}");
            assert!(evaluations <= 100, "case {index}: {evaluations}");
        }
    }

    #[test]
    fn smooth_roots_need_few_evaluations() {
        let mut evaluations = 0;
        let g = |s: f64| s.exp() - 1.5;
        let found = locate(
            |s| {
                evaluations += 1;
                g(s)
            },
            g(0.0),
            g(1.0),
            1e-15,
        );
        assert!((found - 1.5_f64.ln()).abs() < 2e-15);
        assert!(evaluations <= 12, "{evaluations}");
    }

    #[test]
    fn only_true_sign_changes_count() {
        let event = Event::new(|_, _| 0.0);
        assert!(event.crosses(-1.0, 1.0) && event.crosses(1.0, -1.0) && event.crosses(-1.0, 0.0));
        assert!(!event.crosses(0.0, 1.0) && !event.crosses(f64::NAN, 1.0));
        assert!(!event.crosses(-1.0, f64::NAN) && !event.crosses(1.0, 2.0));
        assert!(!Event::new(|_, _| 0.0).rising().crosses(1.0, -1.0));
        assert!(!Event::new(|_, _| 0.0).falling().crosses(-1.0, 1.0));
    }
}
