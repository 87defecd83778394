//! The midpoint discrete gradient of Gonzalez: a gradient flow whose energy
//! falls at every step size.
//!
//! ```text
//! (x⁺ − x)/h = −∇̄E(x, x⁺)
//! ∇̄E(x, y) = ∇E(m) + (E(y) − E(x) − ∇E(m)·d)/‖d‖² d,    m = (x + y)/2,  d = y − x
//! ```
//!
//! **Why the energy cannot rise.** By construction `∇̄E(x, y)·d = E(y) − E(x)`
//! for *all* `x` and `y`. Let the step be solved with residual
//! `r = d + h∇̄E(x, y)`, `‖r‖ ≤ κ‖d‖`. Then
//!
//! ```text
//! E(y) − E(x) = ∇̄E·d = (r − d)·d/h ≤ −(1 − κ)‖d‖²/h ≤ 0      for every h > 0, κ ≤ 1,
//! ```
//!
//! with `E(y) − E(x) = −h‖∇̄E‖²` when `r = 0`. No bound on `h`, no convexity and
//! no Lipschitz constant enter. The solver aims at `κ ≤ 10⁻⁹`, and accepts
//! `κ ≤ 10⁻³` where rounding keeps it from more: far below the 1 that the proof
//! needs. Where the step owed, `h‖∇E(x)‖`, is itself close to the resolution of
//! the state or of the energy, any `κ` is accepted; then the comparison of
//! energies below stands in for the proof.
//!
//! Where the equation has no solution (the energy is finite in a box only, say,
//! and the step would leave it), shorter parts of the step are tried, and at
//! last a minimizing movement, for which `E(y) − E(x) ≤ −‖d‖²/(2h)`, again at
//! every `h`.
//!
//! **In floating point** the values of `E` carry rounding errors `δ`, so the
//! computed energy can rise by `2δ` where the true decrease `‖d‖²/h` is smaller
//! still. The stepper compares the computed energies: it returns a new state
//! only if its computed energy is not above that of the old one, tries a
//! minimizing movement otherwise, and returns the old state if that finds no
//! decrease either. Close to an equilibrium, where the decrease left is that of
//! the rounding errors, the state therefore stands still.
//!
//! Source: O. Gonzalez, J. Nonlinear Sci. 6 (1996) 449–467,
//! doi:10.1007/BF02440162; R. I. McLachlan, G. R. W. Quispel and N. Robidoux,
//! Phil. Trans. R. Soc. A 357 (1999) 1021–1045, doi:10.1098/rsta.1999.0363.

mod minimizing_movement;

use super::{Attempt, Context, Stepper};
use crate::Curvature;
use crate::flow::GradientFlow;
use crate::linalg::{Lu, square};
use crate::vector::{dot, norm};

/// Residual at which a step counts as solved, relative to its length.
const ACCURACY: f64 = 1e-9;
const NEWTON_ITERATIONS: usize = 30;
/// A part that was halved this often may be a minimizing movement.
const HALVINGS_BEFORE_MOVEMENT: u32 = 3;
/// A step is halved at most this often: its parts are then below a millionth of
/// a millionth of it.
const MAX_HALVINGS: u32 = 40;
/// More parts than this are not worth the step.
const MAX_PARTS: usize = 4096;

/// The discrete gradient method of Gonzalez, order 2, for gradient flows.
///
/// A step solves its equation by Newton's method with the Hessian and a line
/// search; where that fails, it is taken as two of half the size, and so on down
/// to an eighth, which may be a minimizing movement instead. Every part
/// lowers the energy by proof, hence so does the whole.
///
/// ```
/// use ebm_core::ode::{Context, DiscreteGradient, Stepper};
/// use ebm_core::{Energy, flow::GradientFlow, problems::DoubleWell};
///
/// let flow = GradientFlow(DoubleWell { dim: 2 });
/// let mut stepper = DiscreteGradient::new(2);
/// let mut cx = Context::default();
/// let (mut x, mut x_new) = ([3.0, -0.1], [0.0; 2]);
/// stepper.start(&flow, 0.0, &x, &mut cx);
/// for _ in 0..20 {
///     // The explicit Euler method diverges beyond h = 0.08 from here.
///     stepper.attempt(&flow, 0.0, &x, 5.0, &mut x_new, &mut cx);
///     assert!(flow.0.energy_at(&x_new) <= flow.0.energy_at(&x));
///     stepper.accept(&flow, 5.0, &x_new, &mut cx);
///     x = x_new;
/// }
/// ```
#[derive(Debug, Clone)]
pub struct DiscreteGradient {
    n: usize,
    lu: Lu,
    hessian: Vec<f64>,
    /// `E` at the start of the step and `−∇E` there.
    energy: f64,
    derivative: Vec<f64>,
    /// Start of the current part of the step.
    from: Vec<f64>,
    /// The iterate and what belongs to it.
    equation: Equation,
    trial: Equation,
    newton: Vec<f64>,
    /// `∂s/∂y` of the Gonzalez correction `s = E(y) − E(x) − ∇E(m)·d`.
    slope: Vec<f64>,
    midpoint: Vec<f64>,
}

/// The discrete gradient equation at a displacement `d`.
#[derive(Debug, Clone)]
struct Equation {
    d: Vec<f64>,
    y: Vec<f64>,
    /// `E(y)`.
    energy: f64,
    /// `∇E(m)`.
    gradient: Vec<f64>,
    /// `(E(y) − E(x) − ∇E(m)·d)/‖d‖²`.
    alpha: f64,
    /// `d + h∇̄E(x, y)`.
    residual: Vec<f64>,
}

impl Equation {
    fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Self {
            d: zeros(),
            y: zeros(),
            energy: 0.0,
            gradient: zeros(),
            alpha: 0.0,
            residual: zeros(),
        }
    }

    /// Evaluates everything from `d`.
    fn evaluate<E: Curvature>(
        &mut self,
        energy: &E,
        x: &[f64],
        energy_x: f64,
        h: f64,
        midpoint: &mut [f64],
        cx: &mut Context,
    ) {
        for i in 0..x.len() {
            self.y[i] = x[i] + self.d[i];
            // The displacement that was really made.
            self.d[i] = self.y[i] - x[i];
            midpoint[i] = x[i] + 0.5 * self.d[i];
        }
        self.energy = energy.energy(&self.y, &mut cx.ws);
        energy.gradient(midpoint, &mut self.gradient, &mut cx.ws);
        cx.stats.evaluations += 1;
        let square = dot(&self.d, &self.d);
        let along = dot(&self.gradient, &self.d);
        let correction = self.energy - energy_x - along;
        // Below the rounding errors of the energies, and of the states they are
        // taken at, the correction is noise, which the division would blow up.
        let spread = norm(&self.gradient) * norm(x);
        let noise = 4.0 * f64::EPSILON * (self.energy.abs() + energy_x.abs() + spread);
        self.alpha = if !correction.is_finite() {
            // Outside the domain of the energy: no residual, so no line search
            // and no test of convergence, may hold here.
            f64::NAN
        } else if correction.abs() <= noise {
            0.0
        } else {
            correction / square
        };
        for ((r, d), g) in self.residual.iter_mut().zip(&self.d).zip(&self.gradient) {
            *r = d + h * (g + self.alpha * d);
        }
    }

    fn size(&self) -> f64 {
        norm(&self.residual)
    }

    fn solved(&self) -> bool {
        self.size() <= ACCURACY * norm(&self.d)
    }
}

impl DiscreteGradient {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Self {
            n,
            lu: Lu::new(n),
            hessian: square(n),
            energy: 0.0,
            derivative: zeros(),
            from: zeros(),
            equation: Equation::new(n),
            trial: Equation::new(n),
            newton: zeros(),
            slope: zeros(),
            midpoint: zeros(),
        }
    }

    /// `E` of the current state, as computed by
    /// [`Energy::energy`](crate::Energy::energy).
    #[must_use]
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// Solves a step of size `h` from `self.from`; the result is in
    /// `self.equation`.
    fn solve<E: Curvature>(&mut self, energy: &E, energy_x: f64, h: f64, cx: &mut Context) -> bool {
        let n = self.n;
        // Newton's first iterate from d = 0, where α = 0, with the gradient
        // step instead if the Hessian makes it go uphill.
        energy.gradient(&self.from, &mut self.slope, &mut cx.ws);
        energy.hessian(&self.from, &mut self.hessian, &mut cx.ws);
        cx.stats.evaluations += 1;
        cx.stats.jacobians += 1;
        let steepness = dot(&self.slope, &self.slope);
        if steepness == 0.0 {
            self.equation.d.fill(0.0);
            self.equation.y.copy_from_slice(&self.from);
            self.equation.energy = energy_x;
            return true;
        }
        let hessian = &self.hessian;
        cx.stats.factorizations += 1;
        let factorized = self.lu.factorize_with(|w| {
            for (w, b) in w.iter_mut().zip(hessian) {
                *w = 0.5 * h * b;
            }
            w.iter_mut().step_by(n + 1).for_each(|w| *w += 1.0);
        });
        for (d, g) in self.equation.d.iter_mut().zip(&self.slope) {
            *d = -h * g;
        }
        if factorized.is_ok() {
            self.newton.copy_from_slice(&self.equation.d);
            self.lu.solve_in_place(&mut self.newton);
            cx.stats.solves += 1;
            if dot(&self.newton, &self.slope) < 0.0 {
                self.equation.d.copy_from_slice(&self.newton);
            }
        }
        // Hold the first guess to where the energy falls.
        for _ in 0..60 {
            self.equation.evaluate(energy, &self.from, energy_x, h, &mut self.midpoint, cx);
            if self.equation.energy <= energy_x && self.equation.size().is_finite() {
                break;
            }
            self.equation.d.iter_mut().for_each(|d| *d *= 0.5);
        }

        for _ in 0..NEWTON_ITERATIONS {
            if self.equation.solved() {
                return true;
            }
            if !self.newton_direction(energy, h, cx) || !self.line_search(energy, energy_x, h, cx) {
                break;
            }
        }
        self.close_enough(energy_x, h, steepness.sqrt())
    }

    /// Whether an iterate from which there is no further progress will do, in a
    /// step of size `h` from where the gradient has length `steepness`.
    fn close_enough(&self, energy_x: f64, h: f64, steepness: f64) -> bool {
        let (length, size) = (norm(&self.equation.d), self.equation.size());
        // Outside the domain of the energy nothing will.
        if !(size.is_finite() && self.equation.energy.is_finite()) {
            return false;
        }
        // Close to an equilibrium rounding keeps the residual above the goal.
        // The proof needs no more than the first of these, and at the
        // resolution of the energy or of the state the comparison of energies
        // at the end of the step is all there is.
        // A stalled iterate may be short because it never got anywhere: the
        // step that counts is the one owed.
        let owed = (h * steepness).max(length);
        let resolution = f64::EPSILON * (energy_x.abs() + self.equation.energy.abs());
        size <= 1e-3 * length
            || owed * steepness <= 1e5 * resolution
            || owed <= 1e7 * f64::EPSILON * norm(&self.from)
    }

    /// The Newton direction of the residual at the current iterate:
    ///
    /// ```text
    /// ∂(d + h∇̄E)/∂d = (1 + hα) I + ½h∇²E(m) + h d (∂α/∂d)ᵀ
    /// ∂α/∂d = (∇E(y) − ∇E(m) − ½∇²E(m)d)/‖d‖² − 2αd/‖d‖²
    /// ```
    fn newton_direction<E: Curvature>(&mut self, energy: &E, h: f64, cx: &mut Context) -> bool {
        let n = self.n;
        let Equation { d, y, gradient, alpha, residual, .. } = &self.equation;
        let square = dot(d, d);
        for (m, (x, d)) in self.midpoint.iter_mut().zip(self.from.iter().zip(d)) {
            *m = x + 0.5 * d;
        }
        energy.hessian(&self.midpoint, &mut self.hessian, &mut cx.ws);
        energy.gradient(y, &mut self.slope, &mut cx.ws);
        cx.stats.jacobians += 1;
        cx.stats.evaluations += 1;
        for i in 0..n {
            // The Hessian is symmetric: its column i is its row i.
            let curvature = dot(&self.hessian[i * n..(i + 1) * n], d);
            self.slope[i] -= gradient[i] + 0.5 * curvature + 2.0 * alpha * d[i];
            self.slope[i] *= if *alpha == 0.0 || square == 0.0 { 0.0 } else { h / square };
        }
        let (hessian, slope) = (&self.hessian, &self.slope);
        cx.stats.factorizations += 1;
        let factorized = self.lu.factorize_with(|w| {
            for (j, (w, b)) in w.chunks_exact_mut(n).zip(hessian.chunks_exact(n)).enumerate() {
                for i in 0..n {
                    w[i] = 0.5 * h * b[i] + slope[j] * d[i];
                }
                w[j] += 1.0 + h * alpha;
            }
        });
        self.newton.copy_from_slice(residual);
        self.lu.solve_in_place(&mut self.newton);
        cx.stats.solves += 1;
        factorized.is_ok() && self.newton.iter().all(|v| v.is_finite())
    }

    /// Moves along the Newton direction as far as the residual falls.
    fn line_search<E: Curvature>(
        &mut self,
        energy: &E,
        energy_x: f64,
        h: f64,
        cx: &mut Context,
    ) -> bool {
        let before = self.equation.size();
        let mut step = 1.0;
        for _ in 0..12 {
            for (trial, (d, v)) in
                self.trial.d.iter_mut().zip(self.equation.d.iter().zip(&self.newton))
            {
                *trial = d - step * v;
            }
            self.trial.evaluate(energy, &self.from, energy_x, h, &mut self.midpoint, cx);
            // d = 0 has residual zero only at an equilibrium, and there alone
            // is it a solution.
            if self.trial.size() < (1.0 - 1e-3 * step) * before {
                std::mem::swap(&mut self.trial, &mut self.equation);
                return true;
            }
            step *= 0.5;
        }
        false
    }
}

impl<E: Curvature> Stepper<GradientFlow<E>> for DiscreteGradient {
    fn dim(&self) -> usize {
        self.n
    }

    fn order(&self) -> u32 {
        2
    }

    fn estimate_order(&self) -> Option<u32> {
        None
    }

    fn start(&mut self, field: &GradientFlow<E>, _t: f64, x: &[f64], cx: &mut Context) {
        self.energy = field.0.energy(x, &mut cx.ws);
        field.0.gradient(x, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
        self.derivative.iter_mut().for_each(|d| *d = -*d);
    }

    fn attempt(
        &mut self,
        field: &GradientFlow<E>,
        _t: f64,
        x: &[f64],
        h: f64,
        x_new: &mut [f64],
        cx: &mut Context,
    ) -> Attempt {
        x_new.copy_from_slice(x);
        if !self.energy.is_finite() {
            return Attempt::Failed;
        }
        let mut energy_x = self.energy;
        // The step is a sum of parts h/2ᵏ, each as large as can be solved;
        // `done` counts parts of the smallest size.
        let whole = 1_u64 << MAX_HALVINGS;
        let (mut part, mut done) = (whole, 0);
        for _ in 0..MAX_PARTS {
            self.from.copy_from_slice(x_new);
            let h = h * (part as f64 / whole as f64);
            let solved = self.solve(&field.0, energy_x, h, cx)
                || (part <= whole >> HALVINGS_BEFORE_MOVEMENT
                    && self.minimizing_movement(&field.0, energy_x, h, cx));
            if !solved {
                part /= 2;
                if part == 0 {
                    return Attempt::Failed;
                }
                continue;
            }
            // Where rounding spoils the equation, descent may still see a way.
            if self.equation.energy > energy_x {
                self.minimizing_movement(&field.0, energy_x, h, cx);
            }
            if self.equation.energy <= energy_x {
                x_new.copy_from_slice(&self.equation.y);
                energy_x = self.equation.energy;
            }
            done += part;
            if done == whole {
                return Attempt::Unchecked;
            }
            // Double the part where that leaves it aligned.
            if done % (2 * part) == 0 {
                part *= 2;
            }
        }
        Attempt::Failed
    }

    fn derivative(&self) -> &[f64] {
        &self.derivative
    }

    fn accept(&mut self, field: &GradientFlow<E>, t_new: f64, x_new: &[f64], cx: &mut Context) {
        self.start(field, t_new, x_new, cx);
    }

    fn interpolate(
        &mut self,
        _field: &GradientFlow<E>,
        theta: f64,
        x: &[f64],
        x_new: &[f64],
        out: &mut [f64],
        _cx: &mut Context,
    ) {
        line(theta, x, x_new, out);
    }
}

/// Linear dense output: its error is `O(h²)`, as that of the method, and it
/// never leaves the segment, however large the step.
pub(super) fn line(theta: f64, x: &[f64], x_new: &[f64], out: &mut [f64]) {
    for ((out, x), y) in out.iter_mut().zip(x).zip(x_new) {
        *out = if theta == 1.0 { *y } else { x + theta * (y - x) };
    }
}
