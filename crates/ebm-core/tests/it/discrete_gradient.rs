//! The energy-decreasing integrators: the energy falls whatever the step.

use allocation_counter::measure;
use ebm_core::coupling::DenseCoupling;
use ebm_core::flow::GradientFlow;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::network::SymmetricNetwork;
use ebm_core::ode::{
    self, Attempt, Context, DiscreteGradient, ItohAbe, Options, StepSize, Stepper, Tolerance,
};
use ebm_core::problems::{DoubleWell, MullerBrown, Quadratic, RandomHopfield, Rosenbrock};
use ebm_core::random::stream;
use ebm_core::{Curvature, Energy, Gradient, Outcome, Workspace};
use rand::RngExt;

/// The log-sum-exp Hopfield energy `½‖x‖² − β⁻¹ ln Σₘ exp(β ξₘ·x)`.
struct Memory {
    beta: f64,
    /// One pattern after the other.
    patterns: Vec<f64>,
    dim: usize,
}

impl Memory {
    fn random(dim: usize, count: usize, beta: f64, seed: u64) -> Self {
        let mut rng = stream(seed, 0);
        let patterns = (0..dim * count).map(|_| rng.random_range(-1.0..1.0)).collect();
        Self { beta, patterns, dim }
    }

    /// Calls `visit` with the softmax weight of each pattern.
    fn attend(&self, x: &[f64], mut visit: impl FnMut(f64, &[f64])) -> f64 {
        let logits = || {
            self.patterns
                .chunks_exact(self.dim)
                .map(|p| self.beta * p.iter().zip(x).map(|(p, x)| p * x).sum::<f64>())
        };
        let top = logits().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits().map(|l| (l - top).exp()).sum();
        for (logit, pattern) in logits().zip(self.patterns.chunks_exact(self.dim)) {
            visit((logit - top).exp() / total, pattern);
        }
        (top + total.ln()) / self.beta
    }
}

impl Energy for Memory {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        0.5 * x.iter().map(|x| x * x).sum::<f64>() - self.attend(x, |_, _| {})
    }
}

impl Gradient for Memory {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.copy_from_slice(x);
        self.attend(x, |weight, pattern| {
            out.iter_mut().zip(pattern).for_each(|(g, p)| *g -= weight * p);
        });
    }
}

impl Curvature for Memory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let along = |p: &[f64]| p.iter().zip(v).map(|(p, v)| p * v).sum::<f64>();
        let mut mean = 0.0;
        self.attend(x, |weight, pattern| mean += weight * along(pattern));
        out.copy_from_slice(v);
        self.attend(x, |weight, pattern| {
            let factor = self.beta * weight * (along(pattern) - mean);
            out.iter_mut().zip(pattern).for_each(|(h, p)| *h -= factor * p);
        });
    }
}

/// The energy of a random network in its rates: infinite outside a cube.
fn network(dim: usize, seed: u64) -> SymmetricNetwork<DenseCoupling> {
    let problem = RandomHopfield { dim, strength: 2.0, bias: 0.2, gain: 2.0, seed };
    problem.network().unwrap().0
}

/// A problem and the box its random states come from.
fn problem(kind: u64, seed: u64) -> (Box<dyn Curvature>, [f64; 2]) {
    match kind % 6 {
        0 => (Box::new(DoubleWell { dim: 1 + (seed % 4) as usize }), [-3.0, 3.0]),
        1 => {
            let dim = 2 + (seed % 5) as usize;
            (Box::new(Quadratic::random(dim, 100.0, seed).unwrap()), [-3.0, 3.0])
        }
        2 => (Box::new(Rosenbrock::new(2 + (seed % 3) as usize).unwrap()), [-2.0, 2.0]),
        3 => (Box::new(MullerBrown), [-1.2, 1.2]),
        4 => (Box::new(Memory::random(6, 4, 8.0, seed)), [-2.0, 2.0]),
        _ => (Box::new(network(2 + (seed % 5) as usize, seed)), [-0.99, 0.99]),
    }
}

/// `2/L` with `L` the largest curvature at the state.
fn explicit_limit(energy: &dyn Curvature, x: &[f64]) -> f64 {
    let n = x.len();
    let mut hessian = vec![0.0; n * n];
    energy.hessian(x, &mut hessian, &mut Workspace::new());
    let mut solver = SymmetricEigen::new(n);
    let values = solver.eigenvalues(&hessian).unwrap();
    2.0 / values.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

fn never_rises(cases: u64, mut stepper: impl FnMut(usize) -> Box<dyn for<'a> AnyStepper<'a>>) {
    for case in 0..cases {
        let (energy, [low, high]) = problem(case, case / 6);
        let n = energy.dim();
        let mut rng = stream(11, case);
        let mut x: Vec<f64> = (0..n).map(|_| rng.random_range(low..high)).collect();
        let h = explicit_limit(&*energy, &x) * 10.0_f64.powf(rng.random_range(-1.0..2.0));
        let flow = GradientFlow(&*energy);
        let mut cx = Context::default();
        let mut x_new = vec![0.0; n];
        let mut stepper = stepper(n);
        stepper.start(&flow, 0.0, &x, &mut cx);
        for step in 0..3 {
            let attempt = stepper.attempt(&flow, 0.0, &x, h, &mut x_new, &mut cx);
            assert_eq!(attempt, Attempt::Unchecked, "case {case}, step {step}: {x:?}, h = {h}");
            let (before, after) = (energy.energy_at(&x), energy.energy_at(&x_new));
            assert!(after <= before, "case {case}, step {step}: {before} to {after}");
            if x_new == x {
                // No more was owed than the rounding of the energy hides.
                let square: f64 = energy.gradient_at(&x).iter().map(|g| g * g).sum();
                let owed = 0.5 * square * h.min(0.5 * explicit_limit(&*energy, &x));
                let resolution = 64.0 * f64::EPSILON * before.abs();
                assert!(owed <= resolution, "case {case}, step {step}: {owed:e} at {x:?}");
            }
            stepper.accept(&flow, 0.0, &x_new, &mut cx);
            x.copy_from_slice(&x_new);
        }
    }
}

/// A stepper for the gradient flow of any energy.
trait AnyStepper<'a>: Stepper<GradientFlow<&'a dyn Curvature>> {}
impl<'a, S: Stepper<GradientFlow<&'a dyn Curvature>>> AnyStepper<'a> for S {}

#[test]
fn the_energy_never_rises() {
    never_rises(2000, |n| Box::new(DiscreteGradient::new(n)));
    never_rises(500, |n| Box::new(ItohAbe::new(n)));
}

#[test]
fn the_energy_falls_by_the_squared_step_over_h() {
    let flow = GradientFlow(Rosenbrock::new(3).unwrap());
    let x = [-1.2, 1.0, 0.4];
    let mut cx = Context::default();
    let mut x_new = [0.0; 3];
    for h in [1e-4, 1e-2] {
        let mut stepper = DiscreteGradient::new(3);
        stepper.start(&flow, 0.0, &x, &mut cx);
        stepper.attempt(&flow, 0.0, &x, h, &mut x_new, &mut cx);
        let square: f64 = x.iter().zip(x_new).map(|(x, y)| (y - x) * (y - x)).sum();
        let change = flow.0.energy_at(&x_new) - flow.0.energy_at(&x);
        assert!((change * h / square + 1.0).abs() < 1e-7, "h = {h}: {change} {square}");
    }
}

fn order_of(stepper: &mut dyn Stepper<GradientFlow<MullerBrown>>, h: f64) -> f64 {
    let flow = GradientFlow(MullerBrown);
    let mut end = |h: f64| {
        let options = Options { step: StepSize::Fixed(h), ..Options::default() };
        let end = ode::integrate(&flow, stepper, (0.0, 0.004), &[-0.9, 1.2], &options).unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        end.x
    };
    let tight = Options { tolerance: Tolerance { rtol: 1e-12, atol: 1e-12 }, ..Options::default() };
    let mut reference = ode::Rosenbrock::new(2);
    let exact =
        ode::integrate(&flow, &mut reference, (0.0, 0.004), &[-0.9, 1.2], &tight).unwrap().x;
    let mut error = |h| end(h).iter().zip(&exact).map(|(x, e)| (x - e).abs()).fold(0.0, f64::max);
    (error(h) / error(0.5 * h)).log2()
}

#[test]
fn measured_orders_are_two() {
    let order = order_of(&mut DiscreteGradient::new(2), 0.004 / 64.0);
    assert!((order - 2.0).abs() < 0.1, "{order}");
    // Increments from large to near the resolution of the state.
    for steps in [64.0, 2048.0] {
        let order = order_of(&mut ItohAbe::new(2), 0.004 / steps);
        assert!((order - 2.0).abs() < 0.1, "{order}");
    }
}

#[test]
fn a_run_ends_in_the_minimum_at_steps_far_beyond_the_explicit_limit() {
    let bowl = Quadratic::random(8, 100.0, 3).unwrap();
    let minimum = bowl.minimum().to_vec();
    let flow = GradientFlow(bowl);
    let options = Options { step: StepSize::Fixed(0.5), ..Options::default() };
    for stepper in [&mut DiscreteGradient::new(8) as &mut dyn Stepper<_>, &mut ItohAbe::new(8)] {
        let end = ode::integrate(&flow, stepper, (0.0, 300.0), &[0.0; 8], &options).unwrap();
        assert_eq!(end.outcome, Outcome::Reached);
        for (x, m) in end.x.iter().zip(&minimum) {
            assert!((x - m).abs() < 1e-6, "{x} {m}");
        }
    }
}

/// `E(x) = Σᵢ |xᵢ| + ½ (x₁ − x₀)²`: a kink where the minimum is.
struct Kink;

impl Energy for Kink {
    fn dim(&self) -> usize {
        2
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        x[0].abs() + x[1].abs() + 0.5 * (x[1] - x[0]).powi(2)
    }
}

impl Gradient for Kink {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = x[0].signum() - (x[1] - x[0]);
        out[1] = x[1].signum() + (x[1] - x[0]);
    }
}

#[test]
fn itoh_abe_needs_no_derivative() {
    let flow = GradientFlow(Kink);
    let mut stepper = ItohAbe::new(2);
    let mut cx = Context::default();
    let (mut x, mut x_new) = ([2.0, -3.0], [0.0; 2]);
    stepper.start(&flow, 0.0, &x, &mut cx);
    for _ in 0..200 {
        assert_eq!(stepper.attempt(&flow, 0.0, &x, 0.2, &mut x_new, &mut cx), Attempt::Unchecked);
        assert!(flow.0.energy_at(&x_new) <= flow.0.energy_at(&x));
        stepper.accept(&flow, 0.0, &x_new, &mut cx);
        x = x_new;
    }
    // Each sweep crosses the kink and comes to rest a little closer, by the
    // factor 1 − 4|x|/h, so the distance falls as h/(4 · sweeps) only.
    assert!(x[0].abs() + x[1].abs() < 2e-4, "{x:?}");
}

#[test]
fn an_equilibrium_stays() {
    let flow = GradientFlow(DoubleWell { dim: 2 });
    let mut cx = Context::default();
    let x = [1.0, 0.0];
    let mut x_new = [9.0; 2];
    let mut gonzalez = DiscreteGradient::new(2);
    gonzalez.start(&flow, 0.0, &x, &mut cx);
    assert_eq!(gonzalez.attempt(&flow, 0.0, &x, 3.0, &mut x_new, &mut cx), Attempt::Unchecked);
    assert_eq!(x_new, x);
    // At a well nothing moves; a maximum along a coordinate is left, as the
    // energy has solutions on both sides of it.
    let mut itoh_abe = ItohAbe::new(2);
    itoh_abe.start(&flow, 0.0, &[1.0, -1.0], &mut cx);
    itoh_abe.attempt(&flow, 0.0, &[1.0, -1.0], 3.0, &mut x_new, &mut cx);
    assert!((x_new[0] - 1.0).abs() < 1e-7 && (x_new[1] + 1.0).abs() < 1e-7, "{x_new:?}");
}

#[test]
fn a_step_allocates_nothing_and_dense_output_meets_its_ends() {
    let flow = GradientFlow(Rosenbrock::new(4).unwrap());
    for stepper in [&mut DiscreteGradient::new(4) as &mut dyn Stepper<_>, &mut ItohAbe::new(4)] {
        let mut cx = Context::default();
        let (mut x, mut x_new, mut out) = ([-1.0, 0.5, 0.2, 1.0], [0.0; 4], [0.0; 4]);
        stepper.start(&flow, 0.0, &x, &mut cx);
        let mut step = || {
            stepper.attempt(&flow, 0.0, &x, 0.01, &mut x_new, &mut cx);
            stepper.interpolate(&flow, 0.0, &x, &x_new, &mut out, &mut cx);
            assert_eq!(out, x);
            stepper.interpolate(&flow, 1.0, &x, &x_new, &mut out, &mut cx);
            assert_eq!(out, x_new);
            stepper.accept(&flow, 0.01, &x_new, &mut cx);
            x = x_new;
        };
        step();
        assert_eq!(measure(|| (0..20).for_each(|_| step())).count_total, 0);
    }
}

/// `E(x) = −x²`, unbounded below.
struct Abyss;

impl Energy for Abyss {
    fn dim(&self) -> usize {
        1
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        -x[0] * x[0]
    }
}

impl Gradient for Abyss {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -2.0 * x[0];
    }
}

impl Curvature for Abyss {
    fn hessian_vec(&self, _: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] = -2.0 * v[0];
    }
}

#[test]
fn bad_energies_end_the_run_without_a_panic() {
    let flow = GradientFlow(Abyss);
    for stepper in [&mut DiscreteGradient::new(1) as &mut dyn Stepper<_>, &mut ItohAbe::new(1)] {
        let mut cx = Context::default();
        let mut x_new = [0.0];
        for x in [f64::NAN, f64::INFINITY, 1e200] {
            stepper.start(&flow, 0.0, &[x], &mut cx);
            assert_eq!(
                stepper.attempt(&flow, 0.0, &[x], 1.0, &mut x_new, &mut cx),
                Attempt::Failed
            );
        }
        // d = −h∇̄E = h(2x + d) has no solution in the direction of descent
        // for h ≥ 1: whatever is returned, the energy must not rise.
        stepper.start(&flow, 0.0, &[1.0], &mut cx);
        for h in [0.9, 1.0, 1.5] {
            let attempt = stepper.attempt(&flow, 0.0, &[1.0], h, &mut x_new, &mut cx);
            assert!(attempt == Attempt::Failed || x_new[0].abs() >= 1.0, "{h}: {x_new:?}");
        }
    }
}

#[test]
fn walls_do_not_stop_the_descent() {
    // The energy of a network is finite in a cube, beyond which the midpoint
    // equation would take a long step.
    for case in 0..600 {
        let n = 1 + (case % 6) as usize;
        let energy = network(n, case);
        let mut rng = stream(13, case);
        let wall = 1.0 - 10.0_f64.powf(rng.random_range(-9.0..0.0));
        let mut x: Vec<f64> = (0..n).map(|_| wall * rng.random_range(-1.0..1.0)).collect();
        x[0] = wall;
        let h = 10.0_f64.powf(rng.random_range(-2.0..4.0));
        let flow = GradientFlow(&energy);
        let mut cx = Context::default();
        let mut x_new = vec![0.0; n];
        let mut stepper = DiscreteGradient::new(n);
        stepper.start(&flow, 0.0, &x, &mut cx);
        let attempt = stepper.attempt(&flow, 0.0, &x, h, &mut x_new, &mut cx);
        assert_eq!(attempt, Attempt::Unchecked, "case {case}: {x:?}, h = {h}");
        let fall = energy.energy_at(&x) - energy.energy_at(&x_new);
        let square: f64 = x.iter().zip(&x_new).map(|(x, y)| (y - x) * (y - x)).sum();
        // Eight parts at least as good as minimizing movements guarantee
        // ‖Σd‖²/2h, since Σ‖dₖ‖²/hₖ ≥ ‖Σdₖ‖²/Σhₖ.
        assert!(fall > 0.0 && fall >= 0.499 * square / h, "case {case}: {fall} {square}");
        assert!(cx.stats.factorizations < 2000, "case {case}: {:?}", cx.stats);
    }
}

#[test]
fn few_steps_have_to_be_divided() {
    // A step that was solved whole satisfies E(x⁺) − E(x) = −‖x⁺ − x‖²/h.
    let mut divided = 0;
    // Without the networks: between their walls many long steps have no solution.
    let cases: Vec<u64> = (0..3000).filter(|case| case % 6 != 5).collect();
    for &case in &cases {
        let (energy, [low, high]) = problem(case, case / 6);
        let n = energy.dim();
        let mut rng = stream(11, case);
        let x: Vec<f64> = (0..n).map(|_| rng.random_range(low..high)).collect();
        let h = explicit_limit(&*energy, &x) * 10.0_f64.powf(rng.random_range(-1.0..2.0));
        let flow = GradientFlow(&*energy);
        let mut cx = Context::default();
        let mut x_new = vec![0.0; n];
        let mut stepper = DiscreteGradient::new(n);
        stepper.start(&flow, 0.0, &x, &mut cx);
        stepper.attempt(&flow, 0.0, &x, h, &mut x_new, &mut cx);
        let square: f64 = x.iter().zip(&x_new).map(|(x, y)| (y - x) * (y - x)).sum();
        let change = energy.energy_at(&x_new) - energy.energy_at(&x);
        let whole = (change * h / square + 1.0).abs() <= 1e-6;
        divided += usize::from(!whole);
    }
    assert!(10 * divided < cases.len(), "{divided} of {}", cases.len());
}
