//! Exponential integrators for leaky networks: the decay is integrated exactly,
//! however fast it is.
//!
//! ```text
//! ẋ = F(t, x) = −a∘x + N(t, x)
//! x̂ = x + h φ₁(−ah)∘F(t, x)                                order 1
//! x⁺ = x̂ + h φ₂(−ah)∘(N(t+h, x̂) − N(t, x))                 order 2
//! φ₁(z) = (eᶻ − 1)/z,      φ₂(z) = (eᶻ − 1 − z)/z²
//! ```
//!
//! `x̂` is a convex combination of `x` and `N(t, x)/a`, so a network whose
//! drive `N` is bounded stays bounded at every step size.
//!
//! Source: S. M. Cox and P. C. Matthews, *Exponential time differencing for
//! stiff systems*, J. Comput. Phys. 176 (2002) 430–455,
//! doi:10.1006/jcph.2002.6995 (methods ETD1 and ETD2RK).

use super::{Attempt, Context, Stepper};
use crate::VectorField;

/// A vector field with a diagonal linear part, `F(t, x) = −a∘x + N(t, x)`.
pub trait Leaky: VectorField {
    /// Writes the decay rates `a`, in units of inverse time, to `out`. Zero and
    /// negative rates are allowed.
    fn decay(&self, out: &mut [f64]);
}

impl<F: Leaky + ?Sized> Leaky for &F {
    fn decay(&self, out: &mut [f64]) {
        (**self).decay(out);
    }
}

/// The exponential Euler method (ETD1), order 1: one evaluation a step. It is
/// exact where `N` is constant.
///
/// ```
/// use ebm_core::ode::{Context, ExponentialEuler, Leaky, Stepper};
/// use ebm_core::{VectorField, Workspace};
///
/// /// `ẋ = −1000 x + 500`.
/// struct Membrane;
/// impl VectorField for Membrane {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], _ws: &mut Workspace) {
///         dx[0] = 500.0 - 1000.0 * x[0];
///     }
/// }
/// impl Leaky for Membrane {
///     fn decay(&self, out: &mut [f64]) {
///         out[0] = 1000.0;
///     }
/// }
///
/// let mut stepper = ExponentialEuler::new(1);
/// let mut cx = Context::default();
/// let mut x_new = [0.0];
/// stepper.start(&Membrane, 0.0, &[2.0], &mut cx);
/// stepper.attempt(&Membrane, 0.0, &[2.0], 0.1, &mut x_new, &mut cx);
/// assert!((x_new[0] - 0.5).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct ExponentialEuler {
    decay: Vec<f64>,
    derivative: Vec<f64>,
    /// `h φ₁(−ah)` for the step size `h`.
    phi1: Vec<f64>,
    h: f64,
}

impl ExponentialEuler {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { decay: vec![0.0; n], derivative: vec![0.0; n], phi1: vec![0.0; n], h: f64::NAN }
    }

    /// `x + θh φ₁(−aθh)∘F(t, x)`.
    fn relax(&self, theta: f64, x: &[f64], out: &mut [f64]) {
        for (((out, x), f), a) in out.iter_mut().zip(x).zip(&self.derivative).zip(&self.decay) {
            *out = x + theta * self.h * phi1(-a * theta * self.h) * f;
        }
    }
}

impl<F: Leaky + ?Sized> Stepper<F> for ExponentialEuler {
    fn dim(&self) -> usize {
        self.decay.len()
    }

    fn order(&self) -> u32 {
        1
    }

    fn estimate_order(&self) -> Option<u32> {
        None
    }

    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context) {
        field.decay(&mut self.decay);
        self.h = f64::NAN;
        self.accept(field, t, x, cx);
    }

    fn attempt(
        &mut self,
        _field: &F,
        _t: f64,
        x: &[f64],
        h: f64,
        x_new: &mut [f64],
        _cx: &mut Context,
    ) -> Attempt {
        if self.h != h {
            self.h = h;
            for (p, a) in self.phi1.iter_mut().zip(&self.decay) {
                *p = h * phi1(-a * h);
            }
        }
        for (((y, x), p), f) in x_new.iter_mut().zip(x).zip(&self.phi1).zip(&self.derivative) {
            *y = x + p * f;
        }
        Attempt::Unchecked
    }

    fn derivative(&self) -> &[f64] {
        &self.derivative
    }

    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context) {
        field.eval(t_new, x_new, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
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
        } else {
            self.relax(theta, x, out);
        }
    }
}

/// The exponential Runge–Kutta method ETD2RK, order 2 with the exponential
/// Euler method as its error estimate: two evaluations a step.
///
/// Fit for error-controlled steps at moderate tolerances; the step is limited
/// by how fast the drive `N` changes, not by the decay.
#[derive(Debug, Clone)]
pub struct ExponentialRungeKutta {
    euler: ExponentialEuler,
    /// `h φ₂(−ah)` for the step size `h`.
    phi2: Vec<f64>,
    h: f64,
    /// `N(t+h, x̂) − N(t, x)`.
    change: Vec<f64>,
    error: Vec<f64>,
}

impl ExponentialRungeKutta {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self {
            euler: ExponentialEuler::new(n),
            phi2: vec![0.0; n],
            h: f64::NAN,
            change: vec![0.0; n],
            error: vec![0.0; n],
        }
    }
}

impl<F: Leaky + ?Sized> Stepper<F> for ExponentialRungeKutta {
    fn dim(&self) -> usize {
        self.phi2.len()
    }

    fn order(&self) -> u32 {
        2
    }

    fn estimate_order(&self) -> Option<u32> {
        Some(1)
    }

    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context) {
        self.euler.start(field, t, x, cx);
        self.h = f64::NAN;
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
        self.euler.attempt(field, t, x, h, x_new, cx);
        if self.h != h {
            self.h = h;
            for (p, a) in self.phi2.iter_mut().zip(&self.euler.decay) {
                *p = h * phi2(-a * h);
            }
        }
        field.eval(t + h, x_new, &mut self.change, &mut cx.ws);
        cx.stats.evaluations += 1;
        for i in 0..x.len() {
            // N = F + a∘x; the difference of states is exact where they agree.
            self.change[i] += self.euler.decay[i] * (x_new[i] - x[i]) - self.euler.derivative[i];
            self.error[i] = self.phi2[i] * self.change[i];
            x_new[i] += self.error[i];
        }
        Attempt::Estimated(cx.tolerance.norm(&self.error, x, x_new))
    }

    fn derivative(&self) -> &[f64] {
        &self.euler.derivative
    }

    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context) {
        self.euler.accept(field, t_new, x_new, cx);
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
        self.euler.relax(theta, x, out);
        for ((out, a), n) in out.iter_mut().zip(&self.euler.decay).zip(&self.change) {
            *out += theta * theta * self.h * phi2(-a * theta * self.h) * n;
        }
    }
}

/// `(eᶻ − 1)/z`, 1 at zero.
fn phi1(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { z.exp_m1() / z }
}

/// `(eᶻ − 1 − z)/z²`, ½ at zero.
fn phi2(z: f64) -> f64 {
    if z.abs() > 1.0 {
        return (z.exp_m1() - z) / z / z;
    }
    // The closed form cancels near zero: Σₖ zᵏ/(k+2)!, remainder below 1/19!.
    (3..=18).rev().fold(1.0, |sum, k| 1.0 + sum * z / f64::from(k)) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;

    #[test]
    fn phi_functions_match_their_series_and_recurrence() {
        // φ₂(z) = (φ₁(z) − 1)/z, compared where neither side cancels.
        for z in [-50.0, -3.0, -1.0, -0.99, 0.5, 0.99, 1.0, 2.0, 10.0_f64] {
            let expected = (phi1(z) - 1.0) / z;
            assert!((phi2(z) / expected - 1.0).abs() < 1e-15, "{z}: {} {expected}", phi2(z));
        }
        assert_eq!((phi1(0.0), phi2(0.0)), (1.0, 0.5));
        for z in [-1e-3, 1e-5, -1e-9, 1e-300_f64] {
            let tolerance = z.abs().powi(3) + 1e-15;
            assert!((phi1(z) - (1.0 + z / 2.0 + z * z / 6.0)).abs() < tolerance);
            assert!((phi2(z) - (0.5 + z / 6.0 + z * z / 24.0)).abs() < tolerance);
        }
        assert!(phi1(-1e308) > 0.0 && phi2(-1e308) >= 0.0);
    }

    /// `ẋᵢ = −aᵢ xᵢ + tanh(xᵢ₋₁ + sin t)`.
    struct Ring {
        rates: Vec<f64>,
    }

    impl VectorField for Ring {
        fn dim(&self) -> usize {
            self.rates.len()
        }
        fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            let n = x.len();
            for i in 0..n {
                dx[i] = -self.rates[i] * x[i] + (2.0 * x[(i + n - 1) % n] + t.sin()).tanh();
            }
        }
    }

    impl Leaky for Ring {
        fn decay(&self, out: &mut [f64]) {
            out.copy_from_slice(&self.rates);
        }
    }

    /// The state at `t_end` after `steps` equal steps, and dense output at the
    /// middle of the last one.
    fn solve<S: Stepper<Ring> + ?Sized>(
        stepper: &mut S,
        field: &Ring,
        x0: &[f64],
        t_end: f64,
        steps: usize,
    ) -> (Vec<f64>, Vec<f64>) {
        let mut cx = Context::default();
        let h = t_end / steps as f64;
        let (mut x, mut x_new, mut middle) = (x0.to_vec(), x0.to_vec(), x0.to_vec());
        stepper.start(field, 0.0, &x, &mut cx);
        for step in 0..steps {
            stepper.attempt(field, step as f64 * h, &x, h, &mut x_new, &mut cx);
            stepper.interpolate(field, 0.5, &x, &x_new, &mut middle, &mut cx);
            stepper.accept(field, (step + 1) as f64 * h, &x_new, &mut cx);
            x.copy_from_slice(&x_new);
        }
        (x, middle)
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn orders_are_one_and_two_also_of_dense_output() {
        let ring = Ring { rates: vec![1.0, 0.0, 5.0, 20.0] };
        let x0 = [0.5, -0.2, 0.1, 1.0];
        let (reference, _) = solve(&mut ExponentialRungeKutta::new(4), &ring, &x0, 2.0, 1 << 15);
        let order = |stepper: &mut dyn Stepper<Ring>| {
            let error = |stepper: &mut dyn Stepper<Ring>, steps| {
                distance(&solve(stepper, &ring, &x0, 2.0, steps).0, &reference)
            };
            (error(stepper, 400) / error(stepper, 800)).log2()
        };
        let first = order(&mut ExponentialEuler::new(4));
        let second = order(&mut ExponentialRungeKutta::new(4));
        assert!((first - 1.0).abs() < 0.1, "{first}");
        assert!((second - 2.0).abs() < 0.1, "{second}");

        // The middle of the only step of size h: local error of one order more.
        let dense = |h: f64| {
            let (exact, _) = solve(&mut ExponentialRungeKutta::new(4), &ring, &x0, 0.5 * h, 4096);
            let (_, middle) = solve(&mut ExponentialRungeKutta::new(4), &ring, &x0, h, 1);
            distance(&middle, &exact)
        };
        let order = (dense(0.02) / dense(0.01)).log2();
        assert!((order - 3.0).abs() < 0.15, "{order}");
    }

    #[test]
    fn a_bounded_drive_keeps_the_state_bounded_at_any_step() {
        // |tanh| ≤ 1, so |xᵢ| ≤ max(|xᵢ(0)|, 1/aᵢ).
        let ring = Ring { rates: vec![1.0, 1e3, 1e6, 3.0] };
        for h in [1e-3, 1.0, 1e3, 1e9] {
            let x0 = [3.0, -3.0, 2.0, 0.0];
            let (x, _) = solve(&mut ExponentialEuler::new(4), &ring, &x0, 20.0 * h, 20);
            for ((x, a), start) in x.iter().zip(&ring.rates).zip(x0) {
                assert!(x.abs() <= (1.0 / a).max(start.abs()) * (1.0 + 1e-12), "h = {h}: {x}");
            }
        }
    }

    #[test]
    fn a_step_allocates_nothing_and_nan_passes_through() {
        let ring = Ring { rates: vec![1.0; 64] };
        let mut stepper = ExponentialRungeKutta::new(64);
        let mut cx = Context::default();
        let (x, mut x_new, mut out) = (vec![0.3; 64], vec![0.0; 64], vec![0.0; 64]);
        stepper.start(&ring, 0.0, &x, &mut cx);
        let info = allocation_counter::measure(|| {
            for step in 0..5 {
                stepper.attempt(&ring, 0.0, &x, 0.1 + step as f64, &mut x_new, &mut cx);
                stepper.interpolate(&ring, 0.3, &x, &x_new, &mut out, &mut cx);
                stepper.accept(&ring, 0.1, &x_new, &mut cx);
            }
        });
        assert_eq!(info.count_total, 0);
        stepper.interpolate(&ring, 1.0, &x, &x_new, &mut out, &mut cx);
        assert_eq!(out, x_new);
        stepper.interpolate(&ring, 0.0, &x, &x_new, &mut out, &mut cx);
        assert_eq!(out, x);

        let bad = vec![f64::NAN; 64];
        stepper.start(&ring, 0.0, &bad, &mut cx);
        let attempt = stepper.attempt(&ring, 0.0, &bad, 0.1, &mut x_new, &mut cx);
        assert!(matches!(attempt, Attempt::Estimated(e) if e.is_nan()));
    }
}
