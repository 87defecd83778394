//! The minimizing movement: the part of a step where the equation of the
//! discrete gradient has no solution.
//!
//! ```text
//! y = argmin φ,    φ(y) = E(y) + ‖y − x‖²/(2h),    so that (y − x)/h = −∇E(y)
//! ```
//!
//! An energy that is finite in a box only, as that of a network in its rates,
//! may have no second point of the level that a long step of the discrete
//! gradient aims at. `φ` has a minimum wherever `E` is bounded below on closed
//! sets, and descent from `y = x`, however far it gets, ends with
//!
//! ```text
//! E(y) ≤ E(x) − ‖y − x‖²/(2h)      for every h > 0
//! ```
//!
//! in the values as computed. The price is order 1.
//!
//! Source: R. T. Rockafellar, SIAM J. Control Optim. 14 (1976) 877–898,
//! doi:10.1137/0314056.

use super::{Context, DiscreteGradient, Equation, dot, norm};
use crate::Curvature;

const ITERATIONS: usize = 60;
/// Share of the predicted decrease that a Newton step has to realize.
const SUFFICIENT: f64 = 1e-4;

impl DiscreteGradient {
    /// Descends `φ` from `self.from` by Newton's method, its matrix shifted
    /// where it is not positive or the step too long; the result is in
    /// `self.equation`. Whether the energy fell, or has nowhere to fall.
    pub(super) fn minimizing_movement<E: Curvature>(
        &mut self,
        energy: &E,
        energy_x: f64,
        h: f64,
        cx: &mut Context,
    ) -> bool {
        let n = self.n;
        self.equation.d.fill(0.0);
        self.equation.y.copy_from_slice(&self.from);
        self.equation.energy = energy_x;
        self.equation.evaluate_end(energy, h, cx);
        let steepness = norm(&self.equation.gradient);
        let (mut shift, mut moved) = (0.0, true);
        for _ in 0..ITERATIONS {
            if self.equation.solved() {
                return true;
            }
            if moved {
                energy.hessian(&self.equation.y, &mut self.hessian, &mut cx.ws);
                cx.stats.jacobians += 1;
            }
            let hessian = &self.hessian;
            let factorized = self.lu.factorize_with(|w| {
                for (w, b) in w.iter_mut().zip(hessian) {
                    *w = h * b;
                }
                w.iter_mut().step_by(n + 1).for_each(|w| *w += 1.0 + shift);
            });
            cx.stats.factorizations += 1;
            self.newton.copy_from_slice(&self.equation.residual);
            self.lu.solve_in_place(&mut self.newton);
            cx.stats.solves += 1;
            let decrease = dot(&self.newton, &self.equation.residual);
            // Nothing below the rounding of the energies can be verified.
            let noise = f64::EPSILON * h * (energy_x.abs() + self.equation.energy.abs());
            if factorized.is_ok() && (0.0..=noise).contains(&decrease) {
                return true;
            }
            moved = factorized.is_ok()
                && decrease > 0.0
                && self.try_movement(energy, energy_x, h, decrease, cx);
            shift = match moved {
                true if shift <= 1e-3 => 0.0,
                true => 0.1 * shift,
                false => (10.0 * shift).max(1.0),
            };
        }
        // Next to a wall the minimum may be many iterations away. What is lower
        // will do, at steps that are too long to follow the flow anyway.
        self.equation.energy < energy_x || self.close_enough(energy_x, h, steepness)
    }

    /// Takes the step `self.newton` if `hφ` falls with it.
    fn try_movement<E: Curvature>(
        &mut self,
        energy: &E,
        energy_x: f64,
        h: f64,
        decrease: f64,
        cx: &mut Context,
    ) -> bool {
        let (trial, equation) = (&mut self.trial, &self.equation);
        for i in 0..self.n {
            trial.y[i] = self.from[i] + (equation.d[i] - self.newton[i]);
            trial.d[i] = trial.y[i] - self.from[i];
        }
        trial.energy = energy.energy(&trial.y, &mut cx.ws);
        let before = h * (equation.energy - energy_x) + 0.5 * dot(&equation.d, &equation.d);
        let after = h * (trial.energy - energy_x) + 0.5 * dot(&trial.d, &trial.d);
        // False outside the domain too, where the energy is infinite or NaN.
        let falls = after <= before - SUFFICIENT * decrease;
        if !falls {
            return false;
        }
        trial.evaluate_end(energy, h, cx);
        // On the boundary of its domain a finite energy may have no gradient.
        let inside = trial.size().is_finite();
        if inside {
            std::mem::swap(&mut self.trial, &mut self.equation);
        }
        inside
    }
}

impl Equation {
    /// The gradient at `y`, and the residual `d + h∇E(y)`.
    fn evaluate_end<E: Curvature>(&mut self, energy: &E, h: f64, cx: &mut Context) {
        energy.gradient(&self.y, &mut self.gradient, &mut cx.ws);
        cx.stats.evaluations += 1;
        for ((r, d), g) in self.residual.iter_mut().zip(&self.d).zip(&self.gradient) {
            *r = d + h * g;
        }
    }
}
