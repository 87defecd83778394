//! The coordinate increment discrete gradient of Itoh and Abe: a gradient flow
//! whose energy falls at every step size, from values of the energy alone.
//!
//! One coordinate after the other moves from `x` to `x + δeᵢ` with
//!
//! ```text
//! δ/h = −(E(x + δeᵢ) − E(x))/δ,      δ = 0 where none is found near the guess.
//! ```
//!
//! **Why the energy cannot rise.** The equation says
//! `E(x + δeᵢ) − E(x) = −δ²/h ≤ 0`, whatever `h` and `E`; no derivative of `E`
//! enters, so it holds for energies with kinks too. Each scalar equation is
//! solved by bracketing, and of the final bracket the end with
//! `E(x + δeᵢ) + δ²/h ≤ E(x)`, *as computed*, is taken. The computed energy
//! therefore cannot rise either, at any accuracy of the solution and in spite of
//! rounding errors.
//!
//! A step takes the coordinates forwards with `h/2` and then backwards with
//! `h/2`. The two halves are adjoint to each other, which makes the method
//! symmetric and of order 2; a single sweep is of order 1.
//!
//! Sources: T. Itoh and K. Abe, J. Comput. Phys. 76 (1988) 85–102,
//! doi:10.1016/0021-9991(88)90132-5; E. S. Riis, M. J. Ehrhardt, G. R. W. Quispel
//! and C.-B. Schönlieb, *A geometric integration approach to nonsmooth, nonconvex
//! optimisation*, Found. Comput. Math. 22 (2022) 1351–1394, arXiv:1807.07554.

use super::discrete_gradient::line;
use super::{Attempt, Context, Stepper};
use crate::flow::GradientFlow;
use crate::{Energy, Gradient, Workspace};

/// Width of the final bracket, relative to the increment.
const ACCURACY: f64 = 1e-11;
const MAX_ITERATIONS: usize = 100;
/// Probes for the direction of descent before a coordinate counts as at rest.
const MAX_PROBES: usize = 24;

/// The symmetric Itoh–Abe method, order 2, for gradient flows.
///
/// A step costs some ten energies for each coordinate and direction: for few
/// coordinates, or where nothing but the energy is to be trusted.
/// [`DiscreteGradient`](super::DiscreteGradient) scales better. The gradient is
/// used only for [`derivative`](Stepper::derivative).
///
/// ```
/// use ebm_core::ode::{Context, ItohAbe, Stepper};
/// use ebm_core::{Energy, flow::GradientFlow, problems::DoubleWell};
///
/// let flow = GradientFlow(DoubleWell { dim: 2 });
/// let mut stepper = ItohAbe::new(2);
/// let mut cx = Context::default();
/// let (mut x, mut x_new) = ([3.0, -0.1], [0.0; 2]);
/// stepper.start(&flow, 0.0, &x, &mut cx);
/// for _ in 0..20 {
///     stepper.attempt(&flow, 0.0, &x, 5.0, &mut x_new, &mut cx);
///     assert!(flow.0.energy_at(&x_new) <= flow.0.energy_at(&x));
///     stepper.accept(&flow, 5.0, &x_new, &mut cx);
///     x = x_new;
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ItohAbe {
    energy: f64,
    derivative: Vec<f64>,
    /// Last increment of every coordinate, the first guess of the next one.
    last: Vec<f64>,
}

impl ItohAbe {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { energy: 0.0, derivative: vec![0.0; n], last: vec![0.0; n] }
    }

    /// `E` of the current state, as computed by [`Energy::energy`].
    #[must_use]
    pub fn energy(&self) -> f64 {
        self.energy
    }
}

/// The energy along one coordinate line through `x`.
struct Line<'a, E> {
    energy: &'a E,
    x: &'a mut [f64],
    i: usize,
    origin: f64,
    value: f64,
    h: f64,
    evaluations: usize,
    ws: &'a mut Workspace,
}

/// A trial increment: where it led, and by how much
/// `E(x + δeᵢ) − E(x) + δ²/h` missed zero. Energies that are not finite are
/// walls.
#[derive(Clone, Copy)]
struct Trial {
    point: f64,
    delta: f64,
    energy: f64,
    excess: f64,
}

impl<E: Energy> Line<'_, E> {
    fn at(&mut self, delta: f64) -> Trial {
        let point = self.origin + delta;
        self.x[self.i] = point;
        // The increment that was really made.
        let delta = point - self.origin;
        let energy = self.energy.energy(self.x, self.ws);
        self.evaluations += 1;
        let excess = (energy - self.value) + delta * delta / self.h;
        Trial {
            point,
            delta,
            energy,
            excess: if energy.is_finite() { excess } else { f64::INFINITY },
        }
    }

    /// An increment with negative excess, and one beyond it in the same
    /// direction without; `None` if the coordinate is at rest. `guess` is
    /// a first length to try.
    fn bracket(&mut self, guess: f64) -> Option<(Trial, Trial)> {
        let resolution = f64::EPSILON * self.origin.abs().max(f64::MIN_POSITIVE);
        let mut length = guess.abs().max(16.0 * resolution);
        for _ in 0..MAX_PROBES {
            let ahead = self.at(length.copysign(guess));
            if ahead.excess < 0.0 {
                return self.expand(ahead);
            }
            let behind = self.at(-length.copysign(guess));
            if behind.excess < 0.0 {
                return self.expand(behind);
            }
            // The solution is shorter: go by the parabola through the probes.
            let slope = (ahead.excess - behind.excess) / 2.0;
            let bend = ahead.excess + behind.excess;
            let fraction = (slope / bend).abs();
            let (outer, side) =
                if slope <= 0.0 { (ahead, ahead.delta) } else { (behind, behind.delta) };
            if fraction > 0.0 && fraction < 0.5 {
                let inner = self.at(side * fraction);
                if inner.excess < 0.0 {
                    return Some((inner, outer));
                }
            }
            length *= if fraction > 1e-3 && fraction < 0.5 { fraction } else { 1e-3 };
            if length <= resolution {
                return None;
            }
        }
        None
    }

    /// Doubles `inner` until it is too long.
    fn expand(&mut self, mut inner: Trial) -> Option<(Trial, Trial)> {
        loop {
            let outer = self.at(2.0 * inner.delta);
            if outer.excess >= 0.0 || outer.delta == inner.delta {
                return Some((inner, outer));
            }
            inner = outer;
        }
    }

    /// Closes the bracket on a zero of `excess/δ` by the Illinois method, and
    /// returns its inner end.
    fn close(&mut self, mut inner: Trial, mut outer: Trial) -> Trial {
        let value = |t: Trial| t.excess / t.delta.abs();
        let (mut low, mut high) = (value(inner), value(outer));
        for iteration in 0..MAX_ITERATIONS {
            let width = outer.delta - inner.delta;
            let goal = (ACCURACY * outer.delta.abs()).max(2.0 * f64::EPSILON * self.origin.abs());
            if low == 0.0 || width.abs() <= goal {
                break;
            }
            // Next to a wall, or when the secants have had their chance, halve.
            let fraction =
                if high.is_finite() && iteration % 8 < 7 { low / (low - high) } else { 0.5 };
            // A secant that lands on an end would leave the other one behind.
            let margin = (0.5 * goal / width.abs()).min(0.5);
            let fraction = fraction.clamp(margin, 1.0 - margin);
            let trial = self.at(inner.delta + fraction * width);
            if trial.delta == inner.delta || trial.delta == outer.delta {
                break;
            }
            if trial.excess <= 0.0 {
                (inner, low, high) = (trial, value(trial), 0.5 * high);
            } else {
                (outer, high, low) = (trial, value(trial), 0.5 * low);
            }
        }
        inner
    }
}

impl<E: Gradient> Stepper<GradientFlow<E>> for ItohAbe {
    fn dim(&self) -> usize {
        self.last.len()
    }

    fn order(&self) -> u32 {
        2
    }

    fn estimate_order(&self) -> Option<u32> {
        None
    }

    fn start(&mut self, field: &GradientFlow<E>, t: f64, x: &[f64], cx: &mut Context) {
        self.last.fill(0.0);
        self.accept(field, t, x, cx);
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
        let mut value = self.energy;
        let n = x.len();
        for i in (0..n).chain((0..n).rev()) {
            let guess = if self.last[i] == 0.0 { h * self.derivative[i] } else { self.last[i] };
            let origin = x_new[i];
            let mut line = Line {
                energy: &field.0,
                x: &mut *x_new,
                i,
                origin,
                value,
                h: 0.5 * h,
                evaluations: 0,
                ws: &mut cx.ws,
            };
            let step = line.bracket(guess).map(|(inner, outer)| line.close(inner, outer));
            cx.stats.evaluations += line.evaluations;
            match step {
                Some(step) => {
                    x_new[i] = step.point;
                    self.last[i] = step.delta;
                    value = step.energy;
                }
                None => {
                    x_new[i] = origin;
                    self.last[i] = 0.0;
                }
            }
        }
        if value.is_finite() { Attempt::Unchecked } else { Attempt::Failed }
    }

    fn derivative(&self) -> &[f64] {
        &self.derivative
    }

    fn accept(&mut self, field: &GradientFlow<E>, _t: f64, x_new: &[f64], cx: &mut Context) {
        self.energy = field.0.energy(x_new, &mut cx.ws);
        field.0.gradient(x_new, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
        self.derivative.iter_mut().for_each(|d| *d = -*d);
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
