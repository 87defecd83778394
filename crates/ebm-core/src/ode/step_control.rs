//! Step-size control: the next step from the error of the last ones.
//!
//! ```text
//! h_new = h · clamp(0.9 · err^(−α) · err_prev^β, 0.2, 10)     after an accepted step
//! h_new = h · clamp(0.9 · err^(−α), 0.2, 1)                   after a rejected one
//! β = 0.2/k,   α = 1/k − 0.75 β,   k = 1 + order of the error estimate
//! ```
//!
//! The memory of the previous error makes it a proportional–integral
//! controller, which keeps the step from oscillating where stability rather
//! than accuracy limits it.
//!
//! Source: K. Gustafsson, ACM Trans. Math. Softw. 17 (1991) 533–554; constants
//! of E. Hairer and G. Wanner, *Solving Ordinary Differential Equations II*
//! (1996), IV.2; automatic first step of E. Hairer, S. P. Nørsett and G. Wanner,
//! *Solving Ordinary Differential Equations I* (1993), II.4.

use super::Tolerance;

const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 10.0;
/// A step with a far smaller error than this says little about the next.
const SMALLEST_ERROR: f64 = 1e-4;

/// The controller of one trajectory.
#[derive(Debug, Clone)]
pub(super) struct StepControl {
    alpha: f64,
    beta: f64,
    previous: f64,
    rejected: bool,
}

impl StepControl {
    pub(super) fn new(estimate_order: u32) -> Self {
        let k = f64::from(estimate_order + 1);
        let beta = 0.2 / k;
        Self { alpha: 1.0 / k - 0.75 * beta, beta, previous: SMALLEST_ERROR, rejected: false }
    }

    /// Factor on the step size after accepting a step with this error (≤ 1).
    pub(super) fn accepted(&mut self, error: f64) -> f64 {
        let factor = SAFETY * error.powf(-self.alpha) * self.previous.powf(self.beta);
        // The step after a rejection does not grow: the error estimate of the
        // large step was just proved too optimistic.
        let limit = if self.rejected { 1.0 } else { GROW };
        self.previous = error.max(SMALLEST_ERROR);
        self.rejected = false;
        factor.clamp(SHRINK, limit)
    }

    /// Factor on the step size after a rejected step. NaN and infinite errors
    /// give the smallest factor.
    pub(super) fn rejected(&mut self, error: f64) -> f64 {
        self.rejected = true;
        let factor = SAFETY * error.powf(-self.alpha);
        if factor >= SHRINK { factor.min(1.0) } else { SHRINK }
    }
}

/// First guess of the first step: an explicit Euler step that moves the state
/// by about one per cent. Probe the field there, then [`refine_first_step`].
pub(super) fn guess_first_step(
    (start, end): (f64, f64),
    x: &[f64],
    derivative: &[f64],
    tolerance: &Tolerance,
) -> f64 {
    let state = tolerance.norm(x, x, x);
    let speed = tolerance.norm(derivative, x, x);
    let ratio = 0.01 * state / speed;
    // Without an absolute tolerance a component that leaves zero has infinite
    // speed.
    let usable = state >= 1e-5 && speed >= 1e-5 && ratio > 0.0 && ratio.is_finite();
    let guess = if usable { ratio } else { 1e-6 };
    guess.min(end - start)
}

/// The first step: one whose error at the order of the method would be about
/// one per cent of the tolerance, judged by the change of the derivative over
/// the guessed step. `slope` is the derivative at its end, and is overwritten.
pub(super) fn refine_first_step(
    guess: f64,
    (start, end): (f64, f64),
    x: &[f64],
    derivative: &[f64],
    slope: &mut [f64],
    estimate_order: u32,
    tolerance: &Tolerance,
) -> f64 {
    for (s, d) in slope.iter_mut().zip(derivative) {
        *s -= d;
    }
    let speed = tolerance.norm(derivative, x, x);
    let bend = tolerance.norm(slope, x, x) / guess;
    let fastest = if bend > speed { bend } else { speed };
    let refined = if fastest <= 1e-15 {
        (1e-3 * guess).max(1e-6)
    } else {
        (0.01 / fastest).powf(1.0 / f64::from(estimate_order + 1))
    };
    // Where the probe left the domain of the field (NaN, infinite) the guess
    // alone has to do.
    let known = bend.is_finite() && refined > 0.0;
    let h = if known { refined.min(100.0 * guess) } else { guess };
    h.min(end - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_the_formula_and_its_limits() {
        let mut control = StepControl::new(4);
        let expected = 0.9 * 0.5_f64.powf(-(0.2 - 0.03)) * 1e-4_f64.powf(0.04);
        assert!((control.accepted(0.5) - expected).abs() < 1e-15);
        let expected = 0.9 * 0.25_f64.powf(-(0.2 - 0.03)) * 0.5_f64.powf(0.04);
        assert!((control.accepted(0.25) - expected).abs() < 1e-15);
        assert_eq!(control.accepted(0.0), GROW);
        assert_eq!(control.rejected(1e30), SHRINK);
        assert_eq!(control.rejected(f64::INFINITY), SHRINK);
        assert_eq!(control.rejected(f64::NAN), SHRINK);
        // No growth right after a rejection, growth again afterwards.
        assert_eq!(control.accepted(0.0), 1.0);
        assert_eq!(control.accepted(0.0), GROW);
    }
}
