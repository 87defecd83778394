//! A singly diagonally implicit Runge–Kutta method, its stages solved by a
//! Newton iteration with a frozen Jacobian.
//!
//! ```text
//! kᵢ = F(t + cᵢh, x + h Σⱼ aᵢⱼ kⱼ),   j ≤ i,   aᵢᵢ = γ = 1/4
//! x⁺ = x + h Σⱼ a₅ⱼ kⱼ,      error = (I − h₀γJ)⁻¹ h Σⱼ eⱼ kⱼ
//! ```
//!
//! Five stages, order 4 (3 for the embedded solution), L-stable and stiffly
//! accurate. Each stage is solved for `z = hγkᵢ` by iterating
//!
//! ```text
//! (I/(h₀γ) − J) Δ = F(t + cᵢh, g + z) − z/(hγ),      z ← z + 2/(1 + h₀/h) Δ
//! ```
//!
//! with the Jacobian and the step `h₀` of the last factorization. Both are kept
//! over steps: the Jacobian until the iteration slows down, the factorization
//! until the step has changed by a fifth; the factor in front of `Δ` is the one
//! that treats stiff and non-stiff components equally well when `h ≠ h₀`.
//!
//! Sources: E. Hairer and G. Wanner, *Solving Ordinary Differential Equations
//! II* (1996), IV.6 (method, error estimate), IV.8 (iteration); the relaxation
//! is that of CVODE.

use super::progress::first_not_finite;
use super::rosenbrock::{not_factorized, shifted};
use super::{Attempt, Context, Stepper};
use crate::linalg::{Lu, square};
use crate::vector::axpy;
use crate::{Error, Jacobian, validate};

const STAGES: usize = 5;
const GAMMA: f64 = 0.25;

/// `aᵢⱼ` for `j < i`; the diagonal is `γ`.
const A: [&[f64]; STAGES] = [
    &[],
    &[1.0 / 2.0],
    &[17.0 / 50.0, -1.0 / 25.0],
    &[371.0 / 1360.0, -137.0 / 2720.0, 15.0 / 544.0],
    &[25.0 / 24.0, -49.0 / 48.0, 125.0 / 16.0, -85.0 / 12.0],
];

const ABSCISSAE: [f64; STAGES] = [1.0 / 4.0, 3.0 / 4.0, 11.0 / 20.0, 1.0 / 2.0, 1.0];

/// Weights of the solution less those of the embedded one.
const ERROR: [f64; STAGES] = [-3.0 / 16.0, -27.0 / 32.0, 25.0 / 32.0, 0.0, 1.0 / 4.0];

/// Dense output `bⱼ(θ) = Σₚ DENSE[j][p] θᵖ⁺¹`.
const DENSE: [[f64; 4]; STAGES] = [
    [11.0 / 3.0, -463.0 / 72.0, 217.0 / 36.0, -20.0 / 9.0],
    [11.0 / 2.0, -385.0 / 16.0, 661.0 / 24.0, -10.0],
    [-125.0 / 18.0, 20125.0 / 432.0, -8875.0 / 216.0, 250.0 / 27.0],
    [0.0, -85.0 / 4.0, 85.0 / 6.0, 0.0],
    [-11.0 / 9.0, 557.0 / 108.0, -359.0 / 54.0, 80.0 / 27.0],
];

/// How the Newton iteration of [`Sdirk`] is run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct NewtonOptions {
    /// Iterations per stage before the step is given up.
    pub max_iterations: usize,
    /// Error left in a stage, in units of the tolerance of the run.
    pub accuracy: f64,
    /// Contraction per iteration above which the next step gets a new Jacobian.
    pub refresh_rate: f64,
}

impl Default for NewtonOptions {
    /// Ten iterations to a thousandth of the tolerance: what they leave adds up
    /// over the steps, while much of the error that the tolerance allows does
    /// not. A Jacobian is kept while every iteration gains a factor of five.
    fn default() -> Self {
        Self { max_iterations: 10, accuracy: 1e-3, refresh_rate: 0.2 }
    }
}

impl NewtonOptions {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless there is at least one iteration, the accuracy
    /// is positive and at most 1, and the refresh rate is not negative.
    pub fn validate(&self) -> Result<(), Error> {
        if self.max_iterations == 0 {
            return Err(Error::Parameter {
                what: "Newton iterations",
                expected: "at least 1",
                value: 0.0,
            });
        }
        if !(self.accuracy > 0.0 && self.accuracy <= 1.0) {
            return Err(Error::Parameter {
                what: "accuracy of the Newton iteration",
                expected: "a number > 0, at most the tolerance itself (1)",
                value: self.accuracy,
            });
        }
        validate::non_negative("refresh rate", self.refresh_rate)
    }
}

/// The SDIRK method of order 4 of Hairer and Wanner: for stiff fields whose
/// Jacobian is dear, as it is evaluated once in many steps, need not be exact,
/// and `∂F/∂t` is not needed at all.
///
/// ```
/// use ebm_core::ode::{Context, Sdirk, Stepper};
/// use ebm_core::{flow::GradientFlow, problems::DoubleWell};
///
/// let flow = GradientFlow(DoubleWell::default());
/// let mut stepper = Sdirk::new(1);
/// let mut cx = Context::default();
/// let (mut x, mut x_new) = ([2.0], [0.0]);
/// stepper.start(&flow, 0.0, &x, &mut cx);
/// for step in 0..50 {
///     stepper.attempt(&flow, step as f64, &x, 1.0, &mut x_new, &mut cx);
///     stepper.accept(&flow, step as f64 + 1.0, &x_new, &mut cx);
///     x = x_new;
/// }
/// assert!((x[0] - 1.0).abs() < 1e-9);
/// assert!(cx.stats.jacobians < 10);
/// ```
#[derive(Debug, Clone)]
pub struct Sdirk {
    n: usize,
    options: NewtonOptions,
    lu: Lu,
    jacobian: Vec<f64>,
    /// Age of `jacobian`.
    age: Age,
    /// Step size of the factorization; NaN if there is none.
    factorized: f64,
    /// Step size of the last attempt.
    h: f64,
    /// Slowest contraction seen in the last attempt.
    rate: f64,
    /// Error left after a correction of size one, as last observed.
    eta: f64,
    /// `F(t, x)`.
    derivative: Vec<f64>,
    /// `k₁ … k₅`.
    stages: Vec<Vec<f64>>,
    /// `x + h Σ aᵢⱼ kⱼ`, `j < i`.
    base: Vec<f64>,
    /// `hγ kᵢ`.
    increment: Vec<f64>,
    correction: Vec<f64>,
    /// First guess of `k₁`: the last slope of the step before.
    guess: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Of this state.
    Current,
    /// Of an earlier state.
    Kept,
    /// To be evaluated before use.
    Stale,
}

enum Stage {
    Solved,
    TooSlow,
    /// The field is not finite in this component.
    NotFinite(usize),
}

impl Sdirk {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self::build(n, NewtonOptions::default())
    }

    /// As [`new`](Self::new) with options for the Newton iteration.
    ///
    /// # Errors
    /// As [`NewtonOptions::validate`].
    pub fn with_options(n: usize, options: NewtonOptions) -> Result<Self, Error> {
        options.validate()?;
        Ok(Self::build(n, options))
    }

    fn build(n: usize, options: NewtonOptions) -> Self {
        Self {
            n,
            options,
            lu: Lu::new(n),
            jacobian: square(n),
            age: Age::Stale,
            factorized: f64::NAN,
            h: 0.0,
            rate: 0.0,
            eta: 1.0,
            derivative: vec![0.0; n],
            stages: vec![vec![0.0; n]; STAGES],
            base: vec![0.0; n],
            increment: vec![0.0; n],
            correction: vec![0.0; n],
            guess: vec![0.0; n],
        }
    }

    /// Makes sure that a factorization fit for step `h` is there.
    fn prepare<F: Jacobian + ?Sized>(
        &mut self,
        field: &F,
        t: f64,
        x: &[f64],
        h: f64,
        cx: &mut Context,
    ) -> bool {
        if self.age == Age::Stale {
            field.jacobian(t, x, &mut self.jacobian, &mut cx.ws);
            cx.stats.jacobians += 1;
            self.age = Age::Current;
            self.factorized = f64::NAN;
        }
        if (h / self.factorized - 1.0).abs() <= 0.2 {
            return true;
        }
        cx.stats.factorizations += 1;
        let jacobian = &self.jacobian;
        let good = self.lu.factorize_with(|w| shifted(1.0 / (h * GAMMA), jacobian, w)).is_ok();
        self.factorized = if good { h } else { f64::NAN };
        self.eta = 1.0;
        good
    }

    /// Solves stage `i`, leaving its slope in `stages[i]` and its state in
    /// `out`.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a step and the stage number")]
    fn solve_stage<F: Jacobian + ?Sized>(
        &mut self,
        field: &F,
        i: usize,
        t: f64,
        x: &[f64],
        h: f64,
        out: &mut [f64],
        cx: &mut Context,
    ) -> Stage {
        let (done, rest) = self.stages.split_at_mut(i);
        let slope = &mut rest[0];
        self.base.copy_from_slice(x);
        for (a, k) in A[i].iter().zip(&*done) {
            axpy(h * a, k, &mut self.base);
        }
        // The slope one stage earlier is as good a guess as any for the next:
        // the abscissae jump back and forth.
        let guess = done.last().unwrap_or(&self.guess);
        for (z, k) in self.increment.iter_mut().zip(guess) {
            *z = h * GAMMA * k;
        }
        let relax = 2.0 / (1.0 + self.factorized / h);
        // The observed contraction is trusted less the longer ago it was.
        self.eta = self.eta.max(f64::EPSILON).powf(0.8);
        let mut before = 0.0;
        sum(&self.base, &self.increment, out);
        for iteration in 0..self.options.max_iterations {
            field.eval(t + ABSCISSAE[i] * h, out, &mut self.correction, &mut cx.ws);
            cx.stats.evaluations += 1;
            if let Some(index) = first_not_finite(&self.correction) {
                return Stage::NotFinite(index);
            }
            axpy(-1.0 / (h * GAMMA), &self.increment, &mut self.correction);
            self.lu.solve_in_place(&mut self.correction);
            cx.stats.solves += 1;
            axpy(relax, &self.correction, &mut self.increment);
            sum(&self.base, &self.increment, out);
            let size = relax * cx.tolerance.norm(&self.correction, x, out);
            if !size.is_finite() {
                return first_not_finite(out).map_or(Stage::TooSlow, Stage::NotFinite);
            }
            // At rounding level an iteration cannot contract any more.
            let exhausted = iteration > 0 && converged_to_rounding(&self.correction, out);
            if iteration > 0 {
                let rate = size / before;
                let remaining = (self.options.max_iterations - 1 - iteration) as i32;
                let hopeless = rate >= 1.0
                    || rate.powi(remaining) * size > self.options.accuracy * (1.0 - rate);
                if hopeless && !exhausted {
                    return Stage::TooSlow;
                } else if !exhausted {
                    self.rate = self.rate.max(rate);
                }
                if rate < 1.0 {
                    self.eta = rate / (1.0 - rate);
                }
            }
            if exhausted || self.eta * size <= self.options.accuracy {
                for (k, z) in slope.iter_mut().zip(&self.increment) {
                    *k = z / (h * GAMMA);
                }
                return Stage::Solved;
            }
            before = size;
        }
        Stage::TooSlow
    }
}

/// Whether a correction is at the level of rounding errors of the state.
fn converged_to_rounding(correction: &[f64], state: &[f64]) -> bool {
    let size = |v: &[f64]| v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    size(correction) <= 16.0 * f64::EPSILON * size(state)
}

impl<F: Jacobian + ?Sized> Stepper<F> for Sdirk {
    fn dim(&self) -> usize {
        self.n
    }

    fn order(&self) -> u32 {
        4
    }

    fn estimate_order(&self) -> Option<u32> {
        Some(3)
    }

    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context) {
        field.eval(t, x, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
        self.age = Age::Stale;
        self.guess.fill(0.0);
    }

    fn attempt(
        &mut self,
        field: &F,
        t: f64,
        x: &[f64],
        h: f64,
        x_new: &mut [f64],
        cx: &mut Context,
    ) -> Attempt {
        self.h = h;
        loop {
            if !self.prepare(field, t, x, h, cx) {
                return not_factorized(&self.jacobian);
            }
            self.rate = 0.0;
            let failure =
                (0..STAGES).find_map(|i| match self.solve_stage(field, i, t, x, h, x_new, cx) {
                    Stage::Solved => None,
                    failure => Some(failure),
                });
            match failure {
                None => break,
                // An old Jacobian, or the factorization of another step size,
                // may be to blame; then the step has another chance.
                Some(_) if self.age == Age::Kept => self.age = Age::Stale,
                Some(Stage::TooSlow) if self.factorized != h => self.factorized = f64::NAN,
                Some(Stage::NotFinite(index)) => return Attempt::NotFinite { index },
                Some(_) => return Attempt::Failed,
            }
        }
        self.correction.fill(0.0);
        for (e, k) in ERROR.iter().zip(&self.stages) {
            axpy(e * h / (self.factorized * GAMMA), k, &mut self.correction);
        }
        // Damps the error of stiff components, which the method damps too.
        self.lu.solve_in_place(&mut self.correction);
        cx.stats.solves += 1;
        Attempt::Estimated(cx.tolerance.norm(&self.correction, x, x_new))
    }

    fn derivative(&self) -> &[f64] {
        &self.derivative
    }

    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context) {
        field.eval(t_new, x_new, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
        self.guess.copy_from_slice(&self.stages[STAGES - 1]);
        self.age = if self.rate > self.options.refresh_rate { Age::Stale } else { Age::Kept };
    }

    fn interpolate(
        &mut self,
        _field: &F,
        theta: f64,
        x: &[f64],
        x_new: &[f64],
        out: &mut [f64],
        _cx: &mut Context,
    ) {
        if theta == 1.0 {
            out.copy_from_slice(x_new);
            return;
        }
        out.copy_from_slice(x);
        for (k, b) in self.stages.iter().zip(&DENSE) {
            let weight = theta * b.iter().rev().fold(0.0, |sum, b| sum * theta + b);
            axpy(self.h * weight, k, out);
        }
    }
}

/// `out = base + increment`.
fn sum(base: &[f64], increment: &[f64], out: &mut [f64]) {
    for ((out, g), z) in out.iter_mut().zip(base).zip(increment) {
        *out = g + z;
    }
}

#[cfg(test)]
mod tests {
    use super::super::order_conditions::violation;
    use super::*;

    fn matrix() -> Vec<Vec<f64>> {
        let row = |(i, a): (usize, &&[f64])| {
            let mut row = a.to_vec();
            row.resize(STAGES, 0.0);
            row[i] = GAMMA;
            row
        };
        A.iter().enumerate().map(row).collect()
    }

    #[test]
    fn coefficients_satisfy_the_order_conditions() {
        let a = matrix();
        let b = &a[STAGES - 1];
        let embedded: Vec<f64> = b.iter().zip(&ERROR).map(|(b, e)| b - e).collect();
        for order in 1..=4 {
            assert!(violation(&a, &a, b, order) < 1e-14, "order {order}");
            assert!(order == 4 || violation(&a, &a, &embedded, order) < 1e-14);
        }
        assert!(violation(&a, &a, b, 5) > 1e-4);
        assert!(violation(&a, &a, &embedded, 4) > 1e-4);
        for (row, c) in a.iter().zip(&ABSCISSAE) {
            assert!((row.iter().sum::<f64>() - c).abs() < 1e-15);
        }
    }

    #[test]
    fn dense_output_satisfies_the_conditions_of_order_three_and_ends_at_the_step() {
        let a = matrix();
        let at = |theta: f64| -> Vec<f64> {
            DENSE
                .iter()
                .map(|b| theta * b.iter().rev().fold(0.0, |sum, b| sum * theta + b))
                .collect()
        };
        for (dense, b) in at(1.0).iter().zip(&a[STAGES - 1]) {
            assert!((dense - b).abs() < 1e-14);
        }
        for theta in [0.1, 0.5, 0.8] {
            for order in 1..=3 {
                let scaled: Vec<f64> =
                    at(theta).iter().map(|b| b / theta.powi(order as i32)).collect();
                assert!(violation(&a, &a, &scaled, order) < 1e-11, "order {order} at {theta}");
            }
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let good = NewtonOptions::default();
        assert!(Sdirk::with_options(2, good).is_ok());
        for bad in [
            NewtonOptions { max_iterations: 0, ..good },
            NewtonOptions { accuracy: 0.0, ..good },
            NewtonOptions { accuracy: f64::NAN, ..good },
            NewtonOptions { accuracy: 2.0, ..good },
            NewtonOptions { refresh_rate: -1.0, ..good },
            NewtonOptions { refresh_rate: f64::NAN, ..good },
        ] {
            assert!(matches!(Sdirk::with_options(2, bad), Err(Error::Parameter { .. })));
        }
    }
}
