//! Equilibria: known roots, certified rates, evaluation counts of contracting
//! networks, and every way in which a search can fail.

use std::ops::ControlFlow;

use allocation_counter::measure;
use ebm_core::equilibrium::{
    Anderson, Equilibrium, FixedPoint, Method, NewtonKrylov, Options, Step, solve, solve_batch,
    solve_with_jacobian,
};
use ebm_core::flow::GradientFlow;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::problems::DoubleWell;
use ebm_core::random::{fill_normal, stream};
use ebm_core::{Batch, Error, Jacobian, Outcome, Snapshot, VectorField, Workspace};

/// A field given by a function.
struct Field<F>(usize, F);

impl<F: Fn(&[f64], &mut [f64]) + Send + Sync> VectorField for Field<F> {
    fn dim(&self) -> usize {
        self.0
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        (self.1)(x, dx);
    }
}

/// A scalar field given by a function.
fn scalar(f: impl Fn(f64) -> f64 + Send + Sync) -> impl VectorField {
    Field(1, move |x: &[f64], dx: &mut [f64]| dx[0] = f(x[0]))
}

/// `ẋ = −x + φ(W x + b)`, `W` column-major.
struct Network {
    n: usize,
    w: Vec<f64>,
    b: Vec<f64>,
    phi: fn(f64) -> f64,
}

impl VectorField for Network {
    fn dim(&self) -> usize {
        self.n
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx.copy_from_slice(&self.b);
        for (column, x) in self.w.chunks_exact(self.n).zip(x) {
            for (dx, w) in dx.iter_mut().zip(column) {
                *dx += w * x;
            }
        }
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx = (self.phi)(*dx) - x;
        }
    }
}

fn relu(x: f64) -> f64 {
    x.max(0.0)
}

/// Gaussian, symmetric, largest eigenvalue `top`.
fn symmetric(n: usize, top: f64) -> Vec<f64> {
    let mut w = gaussian(n, 1.0);
    for i in 0..n {
        for j in 0..i {
            w[i + j * n] = w[j + i * n];
        }
    }
    let mut eigen = SymmetricEigen::new(n);
    let largest = eigen.eigenvalues(&w).unwrap().iter().copied().fold(0.0, f64::max);
    w.iter_mut().for_each(|w| *w *= top / largest);
    w
}

/// Similar to [`symmetric`] by a diagonal matrix: same spectrum and contraction
/// rate, in a weighted norm.
fn diagonally_similar(n: usize, top: f64) -> Vec<f64> {
    let mut w = symmetric(n, top);
    let mut d = vec![0.0; n];
    fill_normal(&mut stream(5, 1), &mut d);
    for (j, column) in w.chunks_exact_mut(n).enumerate() {
        for (i, w) in column.iter_mut().enumerate() {
            *w *= (0.5 * (d[i] - d[j])).exp();
        }
    }
    w
}

/// Independent entries; the spectrum fills the disk of radius `top`.
fn gaussian(n: usize, top: f64) -> Vec<f64> {
    let mut w = vec![0.0; n * n];
    fill_normal(&mut stream(5, 0), &mut w);
    w.iter_mut().for_each(|w| *w *= top / (n as f64).sqrt());
    w
}

fn network(w: Vec<f64>, phi: fn(f64) -> f64) -> Network {
    let n = w.len().isqrt();
    let mut b = vec![0.0; n];
    fill_normal(&mut stream(6, 0), &mut b);
    Network { n, w, b, phi }
}

fn with(method: Method) -> Options {
    Options { method, ..Options::default() }
}

fn all_methods() -> [Method; 4] {
    [
        Method::Auto,
        Method::FixedPoint(FixedPoint::default()),
        Method::Anderson(Anderson::default()),
        Method::NewtonKrylov(NewtonKrylov::default()),
    ]
}

#[test]
fn contracting_networks_are_solved_within_fifty_evaluations() {
    let n = 500;
    for (name, w) in [
        ("symmetric", symmetric(n, 0.9)),
        ("similar", diagonally_similar(n, 0.9)),
        ("gaussian", gaussian(n, 0.9)),
    ] {
        for (phi, phi_name) in [(f64::tanh as fn(f64) -> f64, "tanh"), (relu, "relu")] {
            let net = network(w.clone(), phi);
            let found = solve(&net, &vec![0.0; n], &Options::default(), &mut ()).unwrap();
            assert_eq!(found.outcome, Outcome::Converged);
            let residual = net.eval_at(0.0, &found.x).iter().fold(0.0, |m: f64, f| m.max(f.abs()));
            assert_eq!(residual, found.residual);
            assert!(residual <= 1e-8);
            assert!(found.stats.evaluations <= 50, "{name} {phi_name}: {:?}", found.stats);
        }
    }
}

#[test]
fn every_method_finds_the_well_it_starts_in() {
    let flow = GradientFlow(DoubleWell { dim: 3 });
    for method in all_methods() {
        let found = solve(&flow, &[0.9, -1.2, 1.1], &with(method), &mut ()).unwrap();
        assert_eq!(found.outcome, Outcome::Converged, "{method:?}");
        for (x, root) in found.x.iter().zip([1.0, -1.0, 1.0]) {
            assert!((x - root).abs() <= 1e-8, "{method:?}: {x}");
        }
        assert_ne!(found.method, Method::Auto);
    }
    // At an equilibrium already, a saddle even: one evaluation.
    let found = solve(&flow, &[0.0; 3], &Options::default(), &mut ()).unwrap();
    assert_eq!((found.outcome, found.stats.evaluations), (Outcome::Converged, 1));
}

#[test]
fn a_certified_gradient_step_contracts_at_its_rate() {
    let (c, l) = (0.5, 20.0);
    let bowl = Field(2, move |x: &[f64], dx: &mut [f64]| {
        (dx[0], dx[1]) = (-c * x[0], -l * x[1]);
    });
    let step = Step::Gradient { convexity: c, smoothness: l };
    let mut errors = Vec::new();
    let mut watch = |s: &Snapshot<'_>| {
        errors.push(s.x[0].hypot(s.x[1]));
        ControlFlow::Continue(())
    };
    let options = with(Method::FixedPoint(FixedPoint { step }));
    let found = solve(&bowl, &[1.0, 1.0], &options, &mut watch).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    let rate = (l - c) / (l + c);
    for pair in errors.windows(2) {
        assert!((pair[1] / pair[0] - rate).abs() < 1e-12);
    }
}

#[test]
fn a_certified_contraction_step_contracts_at_its_rate() {
    // ẋ = −x + 3 J x with J a rotation by a right angle: c = 1, ℓ² = 10.
    let spiral = Field(2, |x: &[f64], dx: &mut [f64]| {
        (dx[0], dx[1]) = (-x[0] + 3.0 * x[1], -x[1] - 3.0 * x[0]);
    });
    let step = Step::Contracting { rate: 1.0, lipschitz: 10f64.sqrt() };
    let options = with(Method::FixedPoint(FixedPoint { step }));
    let found = solve(&spiral, &[1.0, 0.0], &options, &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    // The bound √(1 − 1/10) per step is attained: ‖F‖ = √10·0.9^(k/2).
    let predicted = ((1e-8 / 10f64.sqrt()).ln() / (0.5 * 0.9f64.ln())).ceil() as usize;
    assert!(found.stats.steps.abs_diff(predicted) <= 8, "{} {predicted}", found.stats.steps);
    // A step of one diverges; it is given, so it is kept, and said so.
    let options = with(Method::FixedPoint(FixedPoint { step: Step::Given(1.0) }));
    let found = solve(&spiral, &[1.0, 0.0], &options, &mut ()).unwrap();
    assert!(matches!(found.outcome, Outcome::NotFinite { .. }), "{:?}", found.outcome);
    // Backing off finds a step that works.
    let found = solve(&spiral, &[1.0, 0.0], &with(all_methods()[1]), &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
}

/// `F(x) = A (x* − x)`, `x* = (1, 2, …)`, with spread eigenvalues and an
/// antisymmetric part.
fn linear(n: usize, spread: f64) -> impl VectorField {
    Field(n, move |x: &[f64], dx: &mut [f64]| {
        let error = |j: usize| (j + 1) as f64 - x[j];
        for (i, dx) in dx.iter_mut().enumerate() {
            let scale = spread.powf(i as f64 / (n - 1) as f64);
            *dx = scale * (error(i) + 0.3 * error((i + 1) % n) - 0.3 * error((i + n - 1) % n));
        }
    })
}

#[test]
fn anderson_with_full_memory_ends_a_linear_problem_like_a_krylov_method() {
    let method = Method::Anderson(Anderson { memory: 6, damping: 0.5 });
    let found = solve(&linear(6, 3.0), &[0.0; 6], &with(method), &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    assert!(found.stats.evaluations <= 9, "{:?}", found.stats);
    for (i, x) in found.x.iter().enumerate() {
        assert!((x - (i + 1) as f64).abs() < 1e-7);
    }
}

#[test]
fn auto_hands_a_stiff_problem_to_newton() {
    let n = 30;
    let found = solve(&linear(n, 1e5), &vec![0.0; n], &Options::default(), &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged, "{found:?}");
    assert_eq!(found.method, Method::NewtonKrylov(NewtonKrylov::default()));
    assert!(found.stats.solves >= 1 && found.stats.evaluations > 20);
}

#[test]
fn the_hand_over_to_newton_shows_no_state_twice() {
    let n = 30;
    let mut seen: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut watch = |s: &Snapshot<'_>| {
        seen.push((s.step, s.x.to_vec()));
        ControlFlow::Continue(())
    };
    let found = solve(&linear(n, 1e5), &vec![0.0; n], &Options::default(), &mut watch).unwrap();
    assert_eq!(found.method, Method::NewtonKrylov(NewtonKrylov::default()));
    let steps: Vec<usize> = seen.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (0..=found.stats.steps).collect::<Vec<_>>());
    for (k, (_, x)) in seen.iter().enumerate() {
        assert!(seen[..k].iter().all(|(_, earlier)| earlier != x), "{k}");
    }
    assert_eq!(seen.last().map(|(_, x)| &x[..]), Some(&found.x[..]));
}

#[test]
fn newton_solves_rosenbrocks_system_with_and_without_a_jacobian() {
    /// Rosenbrock's system, `F = (1 − x, 10 (y − x²))`.
    struct Valley;
    impl VectorField for Valley {
        fn dim(&self) -> usize {
            2
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            (dx[0], dx[1]) = (1.0 - x[0], 10.0 * (x[1] - x[0] * x[0]));
        }
    }
    impl Jacobian for Valley {
        fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            (out[0], out[1]) = (-v[0], 10.0 * (v[1] - 2.0 * x[0] * v[0]));
        }
        fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            (out[0], out[1]) = (-v[0] - 20.0 * x[0] * v[1], 10.0 * v[1]);
        }
    }
    let method = with(Method::NewtonKrylov(NewtonKrylov::default()));
    let exact = solve_with_jacobian(&Valley, &[-1.2, 1.0], &method, &mut ()).unwrap();
    let differences = solve(&Valley, &[-1.2, 1.0], &method, &mut ()).unwrap();
    for found in [&exact, &differences] {
        assert_eq!(found.outcome, Outcome::Converged, "{found:?}");
        assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-7), "{found:?}");
    }
    assert!(exact.stats.products > 0 && differences.stats.products == 0);
    assert!(differences.stats.evaluations > exact.stats.evaluations);
}

#[test]
fn newton_closes_in_quadratically() {
    // F = −x³ + 2 componentwise, coupled by a small antisymmetric part.
    struct Cubic;
    impl VectorField for Cubic {
        fn dim(&self) -> usize {
            2
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            dx[0] = 2.0 - x[0].powi(3) + 0.1 * x[1];
            dx[1] = 2.0 - x[1].powi(3) - 0.1 * x[0];
        }
    }
    impl Jacobian for Cubic {
        fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            out[0] = -3.0 * x[0] * x[0] * v[0] + 0.1 * v[1];
            out[1] = -3.0 * x[1] * x[1] * v[1] - 0.1 * v[0];
        }
        fn vjp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            out[0] = -3.0 * x[0] * x[0] * v[0] - 0.1 * v[1];
            out[1] = -3.0 * x[1] * x[1] * v[1] + 0.1 * v[0];
        }
    }
    let method = Method::NewtonKrylov(NewtonKrylov { krylov: 2, forcing: 1e-9 });
    let options = Options { method, tolerance: 1e-13, ..Options::default() };
    let mut residuals = Vec::new();
    let mut watch = |s: &Snapshot<'_>| {
        residuals.push(Cubic.eval_at(0.0, s.x).iter().fold(0.0, |m: f64, f| m.max(f.abs())));
        ControlFlow::Continue(())
    };
    let found = solve_with_jacobian(&Cubic, &[2.0, 1.5], &options, &mut watch).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    let near: Vec<f64> = residuals.into_iter().filter(|r| *r < 0.1 && *r > 1e-12).collect();
    assert!(near.len() >= 2);
    for pair in near.windows(2) {
        assert!(pair[1] <= pair[0] * pair[0], "{pair:?}");
    }
}

#[test]
fn a_singular_root_is_approached_and_a_missing_one_reported() {
    let newton = with(Method::NewtonKrylov(NewtonKrylov::default()));
    // Double root: linear convergence of Newton's method, but convergence.
    let found = solve(&scalar(|x| x * x), &[1.0], &newton, &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    assert!(found.x[0].abs() <= 1e-4);
    // The Jacobian vanishes at the start.
    struct NoRoot;
    impl VectorField for NoRoot {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
            dx[0] = 1.0 + x[0] * x[0];
        }
    }
    impl Jacobian for NoRoot {
        fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
            out[0] = 2.0 * x[0] * v[0];
        }
        fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
            self.jvp(t, x, v, out, ws);
        }
    }
    let found = solve_with_jacobian(&NoRoot, &[0.0], &newton, &mut ()).unwrap();
    assert_eq!((found.outcome, found.residual), (Outcome::Stalled, 1.0));
    for method in all_methods() {
        let found = solve_with_jacobian(&NoRoot, &[0.7], &with(method), &mut ()).unwrap();
        assert!(!found.outcome.is_success(), "{method:?}: {found:?}");
        assert!(found.residual >= 1.0 && found.stats.evaluations < 10_001);
    }
}

#[test]
fn fields_that_are_not_finite_end_the_search() {
    let field = Field(2, |_: &[f64], dx: &mut [f64]| (dx[0], dx[1]) = (1.0, f64::NAN));
    for method in all_methods() {
        let found = solve(&field, &[0.0; 2], &with(method), &mut ()).unwrap();
        assert_eq!(found.outcome, Outcome::NotFinite { t: 0.0, index: 1 }, "{method:?}");
        assert!(found.residual.is_nan());
        assert_eq!(found.x, [0.0; 2]);
    }
    // Not a number for x < 0, where a full step leads: backing off avoids it.
    for method in all_methods() {
        let found = solve(&scalar(|x| 10.0 * (1.0 - x.sqrt())), &[0.04], &with(method), &mut ());
        let found = found.unwrap();
        assert_eq!(found.outcome, Outcome::Converged, "{method:?}");
        assert!((found.x[0] - 1.0).abs() < 1e-8);
    }
}

#[test]
fn the_budget_is_kept() {
    let net = network(gaussian(50, 0.9), f64::tanh);
    for method in all_methods() {
        for max_evaluations in [1, 2, 3, 7] {
            let options = Options { method, max_evaluations, ..Options::default() };
            let found = solve(&net, &[0.0; 50], &options, &mut ()).unwrap();
            assert_eq!(found.outcome, Outcome::MaxSteps, "{method:?}");
            assert!(found.stats.evaluations + found.stats.products <= max_evaluations);
            assert!(found.residual.is_finite());
        }
    }
}

#[test]
fn an_observer_ends_the_search() {
    let net = network(gaussian(50, 0.9), f64::tanh);
    for method in all_methods() {
        let mut seen = Vec::new();
        let mut third = |s: &Snapshot<'_>| {
            seen.push(s.step);
            if s.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let found = solve(&net, &[0.0; 50], &with(method), &mut third).unwrap();
        assert_eq!((found.outcome, found.stats.steps), (Outcome::Stopped, 2));
        assert_eq!(seen, [0, 1, 2]);
    }
}

/// Breaking ends one search of a batch; the others go on as if alone.
#[test]
fn an_observer_ends_one_search_of_a_batch() {
    let net = network(gaussian(50, 0.9), f64::tanh);
    let starts: Vec<f64> = (0..150).map(|k| 0.5 - 0.01 * f64::from(k / 50)).collect();
    let batch = Batch::new(&starts, 50).unwrap();
    for method in all_methods() {
        let mut seen = [0; 3];
        let mut second = |s: &Snapshot<'_>| {
            assert_eq!(s.step, seen[s.trajectory]);
            seen[s.trajectory] += 1;
            if s.trajectory == 1 && s.step == 1 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let found = solve_batch(&net, batch, &with(method), &mut second).unwrap();
        let alone = solve_batch(&net, batch, &with(method), &mut ()).unwrap();
        assert_eq!((found[1].outcome, found[1].stats.steps), (Outcome::Stopped, 1), "{method:?}");
        for j in [0, 2] {
            assert_eq!(found[j].outcome, Outcome::Converged, "{method:?}");
            let distance = |k: usize| (found[j].x[k] - alone[j].x[k]).abs();
            assert!((0..50).all(|k| distance(k) < 1e-7), "{method:?}");
            assert_eq!(seen[j], found[j].stats.steps + 1);
        }
        assert_eq!(seen[1], 2);
    }
}

#[test]
fn a_batch_finds_what_its_columns_find_alone() {
    let flow = GradientFlow(DoubleWell { dim: 2 });
    let starts = [0.9, -1.2, 1.0, 1.0, -0.7, -0.8, 3.0, 0.1, 0.0, 0.0];
    for method in all_methods() {
        let options = with(method);
        let batch = Batch::new(&starts, 2).unwrap();
        let together = solve_batch(&flow, batch, &options, &mut ()).unwrap();
        let alone: Vec<Equilibrium> =
            batch.columns().map(|x| solve(&flow, x, &options, &mut ()).unwrap()).collect();
        assert_eq!(together, alone);
    }
}

#[test]
fn iterations_do_not_allocate() {
    let net = network(gaussian(40, 0.9), f64::tanh);
    for method in all_methods() {
        let count = |max_evaluations| {
            // Unreachable, so that the budget decides.
            let options = Options { method, tolerance: 1e-300, max_evaluations };
            measure(|| {
                let _ = solve(&net, &[0.0; 40], &options, &mut ()).unwrap();
            })
            .count_total
        };
        assert_eq!(count(5), count(19), "{method:?}");
    }
}

#[test]
fn bad_input_is_refused() {
    let flow = GradientFlow(DoubleWell { dim: 2 });
    let refused = |options: Options| solve(&flow, &[1.0, 1.0], &options, &mut ()).is_err();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refused(Options { tolerance: bad, ..Options::default() }));
        for step in [
            Step::BackOff { first: bad },
            Step::Given(bad),
            Step::Contracting { rate: bad, lipschitz: 1.0 },
            Step::Contracting { rate: 1.0, lipschitz: bad },
            Step::Gradient { convexity: bad, smoothness: 1.0 },
            Step::Gradient { convexity: 1.0, smoothness: bad },
        ] {
            assert!(refused(with(Method::FixedPoint(FixedPoint { step }))), "{step:?}");
        }
        assert!(refused(with(Method::Anderson(Anderson { damping: bad, memory: 1 }))));
        let newton = NewtonKrylov { forcing: bad, ..NewtonKrylov::default() };
        assert!(refused(with(Method::NewtonKrylov(newton))));
    }
    let crossed = Step::Contracting { rate: 2.0, lipschitz: 1.0 };
    assert!(refused(with(Method::FixedPoint(FixedPoint { step: crossed }))));
    assert!(refused(with(Method::Anderson(Anderson { memory: 0, damping: 1.0 }))));
    assert!(refused(with(Method::NewtonKrylov(NewtonKrylov { krylov: 0, forcing: 0.5 }))));
    assert!(refused(with(Method::NewtonKrylov(NewtonKrylov { krylov: 1, forcing: 1.0 }))));
    assert!(refused(Options { max_evaluations: 0, ..Options::default() }));

    let options = Options::default();
    let wrong = solve(&flow, &[1.0], &options, &mut ());
    assert!(matches!(wrong, Err(Error::Dimension { expected: 2, found: 1, .. })));
    assert!(matches!(solve(&flow, &[], &options, &mut ()), Err(Error::Empty { .. })));
    let nan = solve(&flow, &[1.0, f64::NAN], &options, &mut ());
    assert!(matches!(nan, Err(Error::NotFinite { index: 1, .. })));
    let none = solve_batch(&flow, Batch::new(&[], 2).unwrap(), &options, &mut ());
    assert!(matches!(none, Err(Error::Empty { .. })));
}
