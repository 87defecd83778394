//! The implicit methods on problems with known answers.

use allocation_counter::measure;
use ebm_core::ode::{
    self, Attempt, BatchControl, Context, Options, Rosenbrock, Sdirk, StepSize, Stepper, Tolerance,
    Watch,
};
use ebm_core::{Batch, Jacobian, Outcome, VectorField, Workspace};

/// `u̇ = u(1 − u) cos t`, `v̇ = −2t v²`, seen in the coordinates
/// `x = (u + v, u − v)`, where nothing is diagonal.
struct Coupled;

impl Coupled {
    fn exact(t: f64) -> [f64; 2] {
        let u = 1.0 / (1.0 + 3.0 * (-t.sin()).exp());
        let v = 1.0 / (t * t + 0.8);
        [u + v, u - v]
    }
}

impl VectorField for Coupled {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        let (u, v) = (0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1]));
        let (du, dv) = (u * (1.0 - u) * t.cos(), -2.0 * t * v * v);
        dx.copy_from_slice(&[du + dv, du - dv]);
    }
}

impl Jacobian for Coupled {
    fn jvp(&self, t: f64, x: &[f64], w: &[f64], out: &mut [f64], _: &mut Workspace) {
        let (u, v) = (0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1]));
        let (p, q) = (0.5 * (w[0] + w[1]), 0.5 * (w[0] - w[1]));
        let (dp, dq) = ((1.0 - 2.0 * u) * t.cos() * p, -4.0 * t * v * q);
        out.copy_from_slice(&[dp + dq, dp - dq]);
    }
    fn vjp(&self, t: f64, x: &[f64], w: &[f64], out: &mut [f64], ws: &mut Workspace) {
        // The change of coordinates is symmetric up to scale, so J is symmetric.
        self.jvp(t, x, w, out, ws);
    }
    fn time_derivative(&self, t: f64, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        let (u, v) = (0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1]));
        let (du, dv) = (-u * (1.0 - u) * t.sin(), -2.0 * v * v);
        out.copy_from_slice(&[du + dv, du - dv]);
    }
}

/// `ẋ = −λ(x − cos t)` (Prothero and Robinson).
struct Relaxation {
    rate: f64,
}

impl Relaxation {
    fn slow(&self, t: f64) -> f64 {
        let l = self.rate;
        (l * l * t.cos() + l * t.sin()) / (1.0 + l * l)
    }
}

impl VectorField for Relaxation {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = -self.rate * (x[0] - t.cos());
    }
}

impl Jacobian for Relaxation {
    fn jvp(&self, _: f64, _: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -self.rate * v[0];
    }
    fn vjp(&self, _: f64, _: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -self.rate * v[0];
    }
    fn time_derivative(&self, t: f64, _: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -self.rate * t.sin();
    }
}

/// `ẋ = A x` with `A` row-major.
struct Linear<const N: usize>([[f64; N]; N]);

impl<const N: usize> VectorField for Linear<N> {
    fn dim(&self) -> usize {
        N
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.jvp(t, x, x, dx, ws);
    }
}

impl<const N: usize> Jacobian for Linear<N> {
    fn jvp(&self, _: f64, _: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (row, out) in self.0.iter().zip(out) {
            *out = row.iter().zip(v).map(|(a, v)| a * v).sum();
        }
    }
    fn vjp(&self, _: f64, _: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (j, out) in out.iter_mut().enumerate() {
            *out = self.0.iter().zip(v).map(|(row, v)| row[j] * v).sum();
        }
    }
}

/// Van der Pol's oscillator in the scaling of the IVP test set,
/// `εẍ = (1 − x²)ẋ − x`; `ε = 1e-6` is `μ = 1000`.
struct VanDerPol {
    epsilon: f64,
}

impl VectorField for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = x[1];
        dx[1] = ((1.0 - x[0] * x[0]) * x[1] - x[0]) / self.epsilon;
    }
}

impl Jacobian for VanDerPol {
    fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = v[1];
        out[1] = ((-2.0 * x[0] * x[1] - 1.0) * v[0] + (1.0 - x[0] * x[0]) * v[1]) / self.epsilon;
    }
    fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = (-2.0 * x[0] * x[1] - 1.0) * v[1] / self.epsilon;
        out[1] = v[0] + (1.0 - x[0] * x[0]) * v[1] / self.epsilon;
    }
}

/// Robertson's chemical reaction.
struct Robertson;

impl VectorField for Robertson {
    fn dim(&self) -> usize {
        3
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = -0.04 * x[0] + 1e4 * x[1] * x[2];
        dx[2] = 3e7 * x[1] * x[1];
        dx[1] = -dx[0] - dx[2];
    }
}

impl Jacobian for Robertson {
    fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -0.04 * v[0] + 1e4 * (v[1] * x[2] + x[1] * v[2]);
        out[2] = 6e7 * x[1] * v[1];
        out[1] = -out[0] - out[2];
    }
    fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = 0.04 * (v[1] - v[0]);
        out[1] = 1e4 * x[2] * (v[0] - v[1]) + 6e7 * x[1] * (v[2] - v[1]);
        out[2] = 1e4 * x[1] * (v[0] - v[1]);
    }
}

fn fixed(h: f64, tolerance: f64) -> Options {
    Options {
        step: StepSize::Fixed(h),
        tolerance: Tolerance { rtol: tolerance, atol: tolerance },
        ..Options::default()
    }
}

fn adaptive(rtol: f64, atol: f64) -> Options {
    Options { tolerance: Tolerance { rtol, atol }, ..Options::default() }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn order_of(stepper: &mut dyn Stepper<Coupled>, h: f64) -> f64 {
    let mut error = |h| {
        let end =
            ode::integrate(&Coupled, stepper, (0.0, 2.0), &Coupled::exact(0.0), &fixed(h, 1e-12))
                .unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        distance(&end.x, &Coupled::exact(2.0))
    };
    (error(h) / error(0.5 * h)).log2()
}

#[test]
fn measured_orders_are_the_claimed_ones() {
    let rosenbrock = order_of(&mut Rosenbrock::new(2), 0.05);
    assert!((rosenbrock - 5.0).abs() < 0.1, "{rosenbrock}");
    let sdirk = order_of(&mut Sdirk::new(2), 0.025);
    assert!((sdirk - 4.0).abs() < 0.1, "{sdirk}");
}

#[test]
fn dense_output_has_its_order() {
    // Order p everywhere in a step: one step has error h^(p+1).
    let local = |stepper: &mut dyn Stepper<Coupled>, h: f64| {
        let mut cx =
            Context { tolerance: Tolerance { rtol: 1e-13, atol: 1e-13 }, ..Context::default() };
        let (t, x) = (0.3, Coupled::exact(0.3));
        let (mut x_new, mut out) = ([0.0; 2], [0.0; 2]);
        stepper.start(&Coupled, t, &x, &mut cx);
        stepper.attempt(&Coupled, t, &x, h, &mut x_new, &mut cx);
        stepper.interpolate(&Coupled, 1.0, &x, &x_new, &mut out, &mut cx);
        assert_eq!(out, x_new);
        stepper.interpolate(&Coupled, 0.0, &x, &x_new, &mut out, &mut cx);
        assert_eq!(out, x);
        (1..10)
            .map(|k| {
                let theta = f64::from(k) / 10.0;
                stepper.interpolate(&Coupled, theta, &x, &x_new, &mut out, &mut cx);
                distance(&out, &Coupled::exact(t + theta * h))
            })
            .fold(0.0, f64::max)
    };
    let mut rosenbrock = Rosenbrock::new(2);
    let order = (local(&mut rosenbrock, 0.02) / local(&mut rosenbrock, 0.01)).log2();
    assert!((order - 5.0).abs() < 0.15, "{order}");
    let mut sdirk = Sdirk::new(2);
    let order = (local(&mut sdirk, 0.05) / local(&mut sdirk, 0.025)).log2();
    assert!((order - 4.0).abs() < 0.15, "{order}");
}

fn steppers() -> [(&'static str, Box<dyn Stepper<Relaxation>>); 2] {
    [("Rosenbrock", Box::new(Rosenbrock::new(1))), ("SDIRK", Box::new(Sdirk::new(1)))]
}

#[test]
fn a_stiff_transient_is_gone_after_one_step() {
    // R(z) → 0 as z → −∞: the distance 1 from the slow solution falls below
    // the smooth error at once, at a step 10⁵ times the explicit limit.
    let field = Relaxation { rate: 1e6 };
    for (name, mut stepper) in steppers() {
        let one =
            ode::integrate(&field, &mut *stepper, (0.0, 0.1), &[2.0], &fixed(0.1, 1e-10)).unwrap();
        let after = (one.x[0] - field.slow(0.1)).abs();
        assert!(after < 1e-3, "{name}: {after}");
        let end =
            ode::integrate(&field, &mut *stepper, (0.0, 2.0), &[2.0], &fixed(0.1, 1e-10)).unwrap();
        let error = (end.x[0] - field.slow(2.0)).abs();
        assert!(error < 1e-6, "{name}: {error}");
    }
}

#[test]
fn the_stability_function_is_bounded_by_one_and_vanishes_at_infinity() {
    let norm_after_step = |stepper: &mut dyn Stepper<Linear<2>>, re: f64, im: f64| {
        let field = Linear([[re, -im], [im, re]]);
        let mut cx = Context::default();
        let mut x_new = [0.0; 2];
        stepper.start(&field, 0.0, &[1.0, 0.0], &mut cx);
        let attempt = stepper.attempt(&field, 0.0, &[1.0, 0.0], 1.0, &mut x_new, &mut cx);
        assert!(matches!(attempt, Attempt::Estimated(_)));
        x_new[0].hypot(x_new[1])
    };
    for stepper in [&mut Rosenbrock::new(2) as &mut dyn Stepper<Linear<2>>, &mut Sdirk::new(2)] {
        for k in -30..=60 {
            // Along the imaginary axis, whose values bound the left half plane.
            let growth = norm_after_step(stepper, 0.0, 10.0_f64.powf(f64::from(k) / 10.0));
            assert!(growth <= 1.0 + 1e-12, "{growth} at 10^{}", f64::from(k) / 10.0);
        }
        let far = norm_after_step(stepper, -1e9, 0.0);
        assert!(far < 1e-6, "{far}");
    }
}

#[test]
fn van_der_pol_with_mu_1000_matches_the_test_set() {
    // Reference: IVP test set (Mazzia and Magherini), problem VDPOL, t = 2.
    let reference = [1.706167732170483, -0.8928097010247975];
    let field = VanDerPol { epsilon: 1e-6 };
    let run = |stepper: &mut dyn Stepper<VanDerPol>, rtol: f64| {
        let end = ode::integrate(&field, stepper, (0.0, 2.0), &[2.0, 0.0], &adaptive(rtol, rtol))
            .unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        (distance(&end.x, &reference), end.stats)
    };
    let (error, _) = run(&mut Rosenbrock::new(2), 1e-10);
    assert!(error < 1e-8, "{error}");
    let (error, stats) = run(&mut Rosenbrock::new(2), 1e-6);
    assert!(error < 1e-4, "{error}");
    // A rejected step keeps its Jacobian, but factorizes anew.
    assert!(stats.rejected > 0);
    assert!(stats.jacobians <= stats.steps + 1, "{stats:?}");
    assert_eq!(stats.factorizations, stats.steps + stats.rejected);
    assert_eq!(stats.solves, 8 * stats.factorizations);
    let (error, stats) = run(&mut Sdirk::new(2), 1e-6);
    assert!(error < 1e-4, "{error}");
    assert!(2 * stats.jacobians < stats.steps, "{stats:?}");
    assert!(stats.jacobians < stats.factorizations, "{stats:?}");
    assert!(stats.factorizations < stats.steps + stats.rejected, "{stats:?}");
}

#[test]
fn robertson_is_followed_over_eleven_decades_of_time() {
    // Reference: IVP test set, problem ROBER, t = 10¹¹.
    let reference = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.999999979166505];
    for stepper in [&mut Rosenbrock::new(3) as &mut dyn Stepper<Robertson>, &mut Sdirk::new(3)] {
        let end = ode::integrate(
            &Robertson,
            stepper,
            (0.0, 1e11),
            &[1.0, 0.0, 0.0],
            &adaptive(1e-7, 1e-16),
        )
        .unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        for (x, reference) in end.x.iter().zip(reference) {
            assert!((x / reference - 1.0).abs() < 1e-3, "{:?}", end.x);
        }
        assert!(end.stats.steps < 5000, "{:?}", end.stats);
    }
}

#[test]
fn samples_inside_steps_are_as_good_as_the_steps() {
    let samples: Vec<f64> = (0..=200).map(|k| 0.01 * f64::from(k)).collect();
    let x0 = Coupled::exact(0.0);
    for stepper in [&mut Rosenbrock::new(2) as &mut dyn Stepper<Coupled>, &mut Sdirk::new(2)] {
        let watch = Watch { samples: &samples, ..Watch::default() };
        let run = ode::integrate_watched(
            &Coupled,
            stepper,
            (0.0, 2.0),
            &x0,
            &adaptive(1e-8, 1e-8),
            watch,
        )
        .unwrap();
        for (k, t) in samples.iter().enumerate() {
            let error = distance(run.sample(k).unwrap(), &Coupled::exact(*t));
            assert!(error < 2e-7, "{error} at {t}");
        }
        assert_eq!(run.sample(200).unwrap(), run.x);
    }
}

#[test]
fn a_linear_field_needs_one_jacobian_and_one_factorization() {
    let field = Linear([[-100.0, 1.0, 0.0], [0.0, -1.0, 2.0], [0.5, 0.0, -1e4]]);
    let mut stepper = Sdirk::new(3);
    let end = ode::integrate(&field, &mut stepper, (0.0, 1.0), &[1.0; 3], &fixed(1.0 / 64.0, 1e-8))
        .unwrap();
    assert_eq!(end.stats.jacobians, 1);
    assert_eq!(end.stats.factorizations, 1);
    assert_eq!(end.stats.steps, 64);
    // A little slack in the step changes the iteration matrix, not the result.
    let mut cx = Context { tolerance: Tolerance { rtol: 1e-4, atol: 1e-4 }, ..Context::default() };
    let (mut x, mut x_new) = (end.x, [0.0; 3]);
    stepper.start(&field, 0.0, &x, &mut cx);
    for h in [0.1, 0.11, 0.09, 0.1] {
        let attempt = stepper.attempt(&field, 0.0, &x, h, &mut x_new, &mut cx);
        assert!(matches!(attempt, Attempt::Estimated(_)));
        stepper.accept(&field, 0.0, &x_new, &mut cx);
        x.copy_from_slice(&x_new);
    }
    assert_eq!((cx.stats.jacobians, cx.stats.factorizations), (1, 1));
    stepper.attempt(&field, 0.0, &x, 0.2, &mut x_new, &mut cx);
    assert_eq!((cx.stats.jacobians, cx.stats.factorizations), (1, 2));
}

#[test]
fn a_step_allocates_nothing() {
    let field = VanDerPol { epsilon: 1e-2 };
    for stepper in [&mut Rosenbrock::new(2) as &mut dyn Stepper<VanDerPol>, &mut Sdirk::new(2)] {
        let mut cx = Context::default();
        let (mut x, mut x_new, mut out) = ([2.0, 0.0], [0.0; 2], [0.0; 2]);
        let mut step = |stepper: &mut dyn Stepper<VanDerPol>| {
            stepper.attempt(&field, 0.0, &x, 1e-3, &mut x_new, &mut cx);
            stepper.interpolate(&field, 0.4, &x, &x_new, &mut out, &mut cx);
            stepper.accept(&field, 0.0, &x_new, &mut cx);
            x = x_new;
        };
        stepper.start(&field, 0.0, &[2.0, 0.0], &mut Context::default());
        step(stepper);
        let info = measure(|| (0..50).for_each(|_| step(stepper)));
        assert_eq!(info.count_total, 0);
    }
}

#[test]
fn a_singular_matrix_fails_the_attempt_and_the_driver_goes_around_it() {
    // I/(hγ) − J = 0 at h = 1.
    let gamma = 0.21193756319429014;
    for (stepper, rate) in [
        (&mut Rosenbrock::new(1) as &mut dyn Stepper<Linear<1>>, 1.0 / gamma),
        (&mut Sdirk::new(1), 4.0),
    ] {
        let field = Linear([[rate]]);
        let mut cx = Context::default();
        stepper.start(&field, 0.0, &[1.0], &mut cx);
        let attempt = stepper.attempt(&field, 0.0, &[1.0], 1.0, &mut [0.0], &mut cx);
        assert_eq!(attempt, Attempt::Failed);
        let options = Options {
            step: StepSize::Adaptive { first: Some(1.0), max: 1.0 },
            ..Options::default()
        };
        let end = ode::integrate(&field, stepper, (0.0, 1.0), &[1.0], &options).unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        assert!(end.stats.rejected > 0);
        assert!((end.x[0] / rate.exp() - 1.0).abs() < 1e-4, "{}", end.x[0]);
    }
}

/// Finite field with a Jacobian that is not.
struct Broken;

impl VectorField for Broken {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx.copy_from_slice(x);
    }
}

impl Jacobian for Broken {
    fn jvp(&self, _: f64, _: &[f64], _: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.fill(f64::NAN);
    }
    fn vjp(&self, _: f64, _: &[f64], _: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.fill(f64::NAN);
    }
}

/// Without an absolute tolerance a component that starts at zero has no scale.
#[test]
fn a_component_may_leave_zero_without_absolute_tolerance() {
    let turn = Linear([[0.0, -1.0], [1.0, 0.0]]);
    let options = Options { tolerance: Tolerance { rtol: 1e-6, atol: 0.0 }, ..Options::default() };
    let methods: [&mut dyn Stepper<Linear<2>>; 6] = [
        &mut ode::TSITOURAS.stepper(2),
        &mut ode::DOP853.stepper(2),
        &mut ode::DORMAND_PRINCE.stepper(2),
        &mut ode::BOGACKI_SHAMPINE.stepper(2),
        &mut Rosenbrock::new(2),
        &mut Sdirk::new(2),
    ];
    for (method, stepper) in methods.into_iter().enumerate() {
        let end = ode::integrate(&turn, stepper, (0.0, 1.0), &[1.0, 0.0], &options).unwrap();
        assert_eq!(end.outcome, Outcome::Reached, "method {method}");
        let error = (end.x[0] - 1_f64.cos()).abs().max((end.x[1] - 1_f64.sin()).abs());
        assert!(error < 1e-5, "method {method}: {error}");
    }
    let batch = Batch::new(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
    let control = BatchControl::Each;
    let ends =
        ode::integrate_batch(&turn, &ode::TSITOURAS, (0.0, 1.0), batch, &options, control).unwrap();
    assert!(ends.iter().all(|end| end.outcome == Outcome::Reached));
}

#[test]
fn what_is_not_finite_is_reported() {
    for stepper in [&mut Rosenbrock::new(2) as &mut dyn Stepper<Broken>, &mut Sdirk::new(2)] {
        let end =
            ode::integrate(&Broken, stepper, (0.0, 1.0), &[1.0; 2], &Options::default()).unwrap();
        assert!(matches!(end.outcome, Outcome::NotFinite { .. }), "{:?}", end.outcome);
        let fixed = Options { step: StepSize::Fixed(0.1), ..Options::default() };
        let end = ode::integrate(&Broken, stepper, (0.0, 1.0), &[1.0; 2], &fixed).unwrap();
        assert_eq!(end.outcome, Outcome::NotFinite { t: 0.1, index: 0 });
        assert_eq!(end.t, 0.0);
        let mut cx = Context::default();
        let bad = [f64::NAN, 1.0];
        stepper.start(&Broken, 0.0, &bad, &mut cx);
        stepper.attempt(&Broken, 0.0, &bad, 0.1, &mut [0.0; 2], &mut cx);
        assert!(stepper.derivative()[0].is_nan());
    }
    // ẋ = x² from 1 is infinite at t = 1.
    struct Blowup;
    impl VectorField for Blowup {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            dx[0] = x[0] * x[0];
        }
    }
    impl Jacobian for Blowup {
        fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            out[0] = 2.0 * x[0] * v[0];
        }
        fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            out[0] = 2.0 * x[0] * v[0];
        }
    }
    for stepper in [&mut Rosenbrock::new(1) as &mut dyn Stepper<Blowup>, &mut Sdirk::new(1)] {
        let options = Options { max_steps: 10_000, ..Options::default() };
        let end = ode::integrate(&Blowup, stepper, (0.0, 2.0), &[1.0], &options).unwrap();
        assert!(!end.outcome.is_success(), "{:?}", end.outcome);
        assert!((end.t - 1.0).abs() < 1e-3, "{}", end.t);
    }
}
