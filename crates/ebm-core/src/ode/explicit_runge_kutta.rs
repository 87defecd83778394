//! Explicit Runge–Kutta methods: one engine over a Butcher tableau.
//!
//! ```text
//! kᵢ = F(t + cᵢ h,  x + h Σ_{j<i} aᵢⱼ kⱼ),      x(t + h) ≈ x + h Σᵢ bᵢ kᵢ
//! x(t + θh) ≈ x + h Σᵢ βᵢ(θ) kᵢ                 (dense output)
//! ```
//!
//! A [`Tableau`] is the method and holds constants only; an
//! [`ExplicitRungeKutta`] is the stage memory of one trajectory. Where the last
//! stage is the derivative at the new state ("first same as last") it becomes
//! the first stage of the next step.
//!
//! Source: E. Hairer, S. P. Nørsett and G. Wanner, *Solving Ordinary
//! Differential Equations I*, 2nd ed. (1993), chapter II.

use super::combination::{MAX_STAGES, Terms};
use super::{Attempt, Context, Stepper, Tolerance};
use crate::VectorField;

/// An explicit Runge–Kutta method.
///
/// The derivative at the new state, `F(t + h, x(t + h))`, counts as the stage
/// after the last one unless the method is first-same-as-last, when it *is* the
/// last one. Stages that only dense output needs follow it.
#[derive(Debug)]
pub struct Tableau {
    pub(super) name: &'static str,
    /// Order of the solution.
    pub(super) order: u32,
    /// Nodes.
    pub(super) c: &'static [f64],
    /// Row `i` holds the `i` coefficients of stage `i`.
    pub(super) a: &'static [&'static [f64]],
    /// Weights.
    pub(super) b: &'static [f64],
    pub(super) estimate: Estimate,
    /// Nodes and rows of the stages for dense output.
    pub(super) extra: &'static [(f64, &'static [f64])],
    /// Order of dense output.
    pub(super) dense_order: u32,
    /// Writes the weights `βᵢ(θ)` of all stages.
    pub(super) dense: fn(f64, &mut [f64; MAX_STAGES]),
}

/// How a method estimates its error.
#[derive(Debug)]
pub(super) enum Estimate {
    /// Not at all.
    None,
    /// `h Σ eᵢ kᵢ`, the difference to an embedded method of this order.
    Embedded { order: u32, e: &'static [f64] },
    /// `|e₅|²/√(|e₅|² + 0.01 |e₃|²)` of two embedded estimates; it behaves as
    /// one of this order.
    Combined { order: u32, e5: &'static [f64], e3: &'static [f64] },
}

impl Tableau {
    /// Name, as in the literature.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Order of the solution.
    #[must_use]
    pub fn order(&self) -> u32 {
        self.order
    }

    /// Order of the error estimate, if there is one.
    #[must_use]
    pub fn estimate_order(&self) -> Option<u32> {
        match self.estimate {
            Estimate::None => None,
            Estimate::Embedded { order, .. } | Estimate::Combined { order, .. } => Some(order),
        }
    }

    /// Order of dense output: its local error is one power of `h` smaller.
    #[must_use]
    pub fn dense_order(&self) -> u32 {
        self.dense_order
    }

    /// Evaluations of the field in an accepted step, dense output excluded.
    #[must_use]
    pub fn evaluations_per_step(&self) -> usize {
        self.b.len() - usize::from(self.first_same_as_last())
    }

    /// Stage memory for a state of length `dim`.
    ///
    /// ```
    /// use ebm_core::ode;
    /// let stepper = ode::DORMAND_PRINCE.stepper(100);
    /// # let _ = stepper;
    /// ```
    #[must_use]
    pub fn stepper(&'static self, dim: usize) -> ExplicitRungeKutta {
        ExplicitRungeKutta::new(self, dim)
    }

    /// Whether the last stage is the derivative at the new state.
    pub(super) fn first_same_as_last(&self) -> bool {
        self.a.last().is_some_and(|row| *row == &self.b[..row.len()])
            && self.c.last() == Some(&1.0)
            && self.b.last() == Some(&0.0)
    }

    /// Index of the derivative at the new state.
    pub(super) fn end_stage(&self) -> usize {
        self.b.len() - usize::from(self.first_same_as_last())
    }

    /// Stages to store.
    pub(super) fn stages(&self) -> usize {
        self.end_stage() + 1 + self.extra.len()
    }

    /// The error of a step in units of the tolerance, for the components
    /// `from..from + x.len()` of the stages.
    pub(super) fn error(
        &self,
        h: f64,
        stages: &[Vec<f64>],
        from: usize,
        x: &[f64],
        x_new: &[f64],
        tolerance: &Tolerance,
    ) -> Option<f64> {
        let norm = |e| Terms::new(h, e, stages, from, x.len()).norm(tolerance, x, x_new);
        match self.estimate {
            Estimate::None => None,
            Estimate::Embedded { e, .. } => Some(norm(e)),
            Estimate::Combined { e5, e3, .. } => {
                let (five, three) = (norm(e5), norm(e3));
                let scale = (five * five + 0.01 * three * three).sqrt();
                Some(if scale == 0.0 { 0.0 } else { five * (five / scale) })
            }
        }
    }

    /// The state at `t + theta·h`, exactly `x` and `x_new` at the ends.
    pub(super) fn interpolate(
        &self,
        theta: f64,
        h: f64,
        stages: &[Vec<f64>],
        from: usize,
        (x, x_new): (&[f64], &[f64]),
        out: &mut [f64],
    ) {
        if theta == 0.0 {
            out.copy_from_slice(x);
        } else if theta == 1.0 {
            out.copy_from_slice(x_new);
        } else {
            let mut weights = [0.0; MAX_STAGES];
            (self.dense)(theta, &mut weights);
            Terms::new(h, &weights, stages, from, x.len()).add_to(x, out);
        }
    }
}

/// Weights of the cubic Hermite interpolant through the states and derivatives
/// at both ends of a step, for a method with weights `b` whose derivative at
/// the new state is stage `end`.
pub(super) fn hermite(theta: f64, b: &[f64], end: usize, weights: &mut [f64; MAX_STAGES]) {
    let rise = theta * theta * (3.0 - 2.0 * theta);
    for (weight, b) in weights.iter_mut().zip(b) {
        *weight = rise * b;
    }
    weights[0] += theta * (1.0 - theta) * (1.0 - theta);
    weights[end] += theta * theta * (theta - 1.0);
}

/// Weights `βᵢ(θ) = Σⱼ p[i][j] θ^(j+1)`.
pub(super) fn polynomial<const DEGREE: usize>(
    theta: f64,
    p: &[[f64; DEGREE]],
    weights: &mut [f64; MAX_STAGES],
) {
    for (weight, p) in weights.iter_mut().zip(p) {
        *weight = theta * p.iter().rev().fold(0.0, |sum, p| sum * theta + p);
    }
}

/// Stage memory of an explicit Runge–Kutta method for one trajectory.
///
/// Dense output may need derivatives beyond those of the step; they are
/// evaluated when first asked for and counted in the statistics.
#[derive(Debug, Clone)]
pub struct ExplicitRungeKutta {
    tableau: &'static Tableau,
    k: Vec<Vec<f64>>,
    stage: Vec<f64>,
    t: f64,
    h: f64,
    /// How many of the stages belong to the last attempt.
    known: usize,
}

impl ExplicitRungeKutta {
    fn new(tableau: &'static Tableau, dim: usize) -> Self {
        Self {
            tableau,
            k: vec![vec![0.0; dim]; tableau.stages()],
            stage: vec![0.0; dim],
            t: 0.0,
            h: 0.0,
            known: 0,
        }
    }

    /// The method.
    #[must_use]
    pub fn tableau(&self) -> &'static Tableau {
        self.tableau
    }

    /// Evaluates the derivative at the new state, and up to `stages` stages in
    /// all, as far as not done yet.
    fn complete<F: VectorField + ?Sized>(
        &mut self,
        field: &F,
        stages: usize,
        (x, x_new): (&[f64], &[f64]),
        cx: &mut Context,
    ) {
        let end = self.tableau.end_stage();
        while self.known < stages {
            let (done, rest) = self.k.split_at_mut(self.known);
            if self.known == end {
                field.eval(self.t + self.h, x_new, &mut rest[0], &mut cx.ws);
            } else {
                let (c, a) = self.tableau.extra[self.known - end - 1];
                Terms::new(self.h, a, done, 0, x.len()).add_to(x, &mut self.stage);
                field.eval(self.t + c * self.h, &self.stage, &mut rest[0], &mut cx.ws);
            }
            cx.stats.evaluations += 1;
            self.known += 1;
        }
    }
}

impl<F: VectorField + ?Sized> Stepper<F> for ExplicitRungeKutta {
    fn dim(&self) -> usize {
        self.stage.len()
    }

    fn order(&self) -> u32 {
        self.tableau.order
    }

    fn estimate_order(&self) -> Option<u32> {
        self.tableau.estimate_order()
    }

    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context) {
        field.eval(t, x, &mut self.k[0], &mut cx.ws);
        cx.stats.evaluations += 1;
        self.known = 1;
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
        let Tableau { a, b, c, .. } = self.tableau;
        let fsal = self.tableau.first_same_as_last();
        (self.t, self.h) = (t, h);
        for i in 1..b.len() {
            let (done, rest) = self.k.split_at_mut(i);
            let new = fsal && i + 1 == b.len();
            let state = if new { &mut *x_new } else { &mut self.stage };
            Terms::new(h, a[i], done, 0, x.len()).add_to(x, state);
            field.eval(t + c[i] * h, state, &mut rest[0], &mut cx.ws);
        }
        cx.stats.evaluations += b.len() - 1;
        self.known = b.len();
        if !fsal {
            Terms::new(h, b, &self.k, 0, x.len()).add_to(x, x_new);
        }
        self.tableau
            .error(h, &self.k, 0, x, x_new, &cx.tolerance)
            .map_or(Attempt::Unchecked, Attempt::Estimated)
    }

    fn derivative(&self) -> &[f64] {
        &self.k[0]
    }

    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context) {
        let end = self.tableau.end_stage();
        if self.known <= end {
            field.eval(t_new, x_new, &mut self.k[end], &mut cx.ws);
            cx.stats.evaluations += 1;
        }
        self.k.swap(0, end);
        self.known = 1;
    }

    fn interpolate(
        &mut self,
        field: &F,
        theta: f64,
        x: &[f64],
        x_new: &[f64],
        out: &mut [f64],
        cx: &mut Context,
    ) {
        if theta > 0.0 && theta < 1.0 {
            self.complete(field, self.tableau.stages(), (x, x_new), cx);
        }
        self.tableau.interpolate(theta, self.h, &self.k, 0, (x, x_new), out);
    }
}
