//! Every flow keeps its contract: batches, Jacobians, and an energy that falls
//! at the stated rate.

use std::panic::{self, AssertUnwindSafe};

use ebm_core::check::{self, finite_difference};
use ebm_core::coupling::DenseCoupling;
use ebm_core::flow::{
    ActivationFlow, DenseMetric, DiagonalMetric, GradientFlow, Langevin, Metric, MirrorFlow,
    Preconditioned, Projected, Proximal, TangentProjected,
};
use ebm_core::lagrangian::{Elementwise, LayerNorm, LogSumExp, Spherical};
use ebm_core::network::{Activation, FiringRate, SymmetricNetwork};
use ebm_core::problems::{DoubleWell, Quadratic, Rosenbrock};
use ebm_core::prox::{
    Ball, BoxConstraint, L1, NonNegative, NonNegativeL1, SquaredL2, Subdifferentiable, Zero,
};
use ebm_core::transform::Sum;
use ebm_core::{
    Batch, Diffusion, Energy, Error, Gradient, Jacobian, Lyapunov, NoiseKind, VectorField,
    Workspace,
};
use proptest::prelude::*;

use crate::contract;

const DIM: usize = 4;

/// Stiff, curved and not convex.
fn energy() -> Sum<Rosenbrock, DoubleWell> {
    Sum::new(Rosenbrock::new(DIM).unwrap(), DoubleWell { dim: DIM }).unwrap()
}

fn bowl(seed: u64) -> Quadratic {
    Quadratic::random(DIM, 20.0, seed).unwrap()
}

fn dense_metric(condition: f64, seed: u64) -> DenseMetric {
    let spd = Quadratic::random(DIM, condition, seed).unwrap();
    let matrix = DenseCoupling::from_column_major(DIM, spd.matrix()).unwrap();
    DenseMetric::new(matrix).unwrap()
}

fn vector() -> impl Strategy<Value = [f64; DIM]> {
    prop::array::uniform4(-1.5..1.5f64)
}

/// Batches, Jacobian and descent.
fn smooth_flow<F: Jacobian + Lyapunov>(flow: &F, x: &[f64], v: &[f64]) {
    contract::field(flow, x);
    contract::jacobian(flow, x, v);
    contract::descent(flow, x);
}

/// A metric that depends on the state.
struct Polar;

impl Metric for Polar {
    fn dim(&self) -> usize {
        DIM
    }
    fn apply(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        for ((x, v), o) in x.iter().zip(v).zip(out) {
            *o = (1.0 + x * x) * v;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn gradient_flow(x in vector(), v in vector()) {
        smooth_flow(&GradientFlow(energy()), &x, &v);
    }

    #[test]
    fn preconditioned(x in vector(), v in vector(), seed in 0u64..100) {
        let diagonal = DiagonalMetric::new(vec![0.1, 1.0, 2.0, 10.0]).unwrap();
        smooth_flow(&Preconditioned::new(energy(), diagonal).unwrap(), &x, &v);
        smooth_flow(&Preconditioned::new(energy(), dense_metric(30.0, seed)).unwrap(), &x, &v);
        let state_dependent = Preconditioned::new(energy(), Polar).unwrap();
        contract::field(&state_dependent, &x);
        contract::descent(&state_dependent, &x);
    }

    #[test]
    fn langevin(x in vector(), v in vector()) {
        let flow = Langevin::new(energy(), 0.3).unwrap();
        contract::field(&flow, &x);
        contract::jacobian(&flow, &x, &v);
    }

    /// Smooth `g` makes everything differentiable.
    #[test]
    fn proximal_with_smooth_terms(x in vector(), v in vector(), gamma in 0.01..2.0f64) {
        let ridge = SquaredL2::new(DIM, 0.7).unwrap();
        smooth_flow(&Proximal::new(energy(), ridge, gamma).unwrap(), &x, &v);
        smooth_flow(&Proximal::new(energy(), Zero { dim: DIM }, gamma).unwrap(), &x, &v);
    }

    #[test]
    fn proximal_with_kinks(x in vector(), v in vector(), seed in 0u64..100, gamma in 0.05..1.0f64) {
        let flow = Proximal::new(bowl(seed), L1::new(DIM, 0.3).unwrap(), gamma).unwrap();
        contract::field(&flow, &x);
        if clear_of_kinks(flow.smooth(), &x, gamma, &[0.3 * gamma, -0.3 * gamma]) {
            contract::jacobian(&flow, &x, &v);
            contract::descent(&flow, &x);
        }
        let y: Vec<f64> = x.iter().map(|x| x.abs() + 0.05).collect();
        let flow = Proximal::new(bowl(seed), NonNegativeL1::new(DIM, 0.3).unwrap(), gamma).unwrap();
        contract::field(&flow, &y);
        if clear_of_kinks(flow.smooth(), &y, gamma, &[0.3 * gamma]) {
            contract::jacobian(&flow, &y, &v);
            contract::descent(&flow, &y);
        }
    }

    #[test]
    fn projected(x in vector(), v in vector(), seed in 0u64..100, gamma in 0.05..1.0f64) {
        // Strictly inside, where the difference quotient stays inside.
        let cube = BoxConstraint::cube(DIM, -1.6, 1.6).unwrap();
        let flow = Projected::new(bowl(seed), cube, gamma).unwrap();
        contract::field(&flow, &x);
        if clear_of_kinks(flow.energy(), &x, gamma, &[1.6, -1.6]) {
            contract::jacobian(&flow, &x, &v);
        }
        contract::descent(&flow, &x);

        let y: Vec<f64> = x.iter().map(|x| x.abs() + 0.05).collect();
        let orthant = Projected::new(bowl(seed), NonNegative { dim: DIM }, gamma).unwrap();
        contract::field(&orthant, &y);
        contract::descent(&orthant, &y);

        let ball = Projected::new(bowl(seed), Ball::new(vec![0.1; DIM], 4.0).unwrap(), gamma).unwrap();
        contract::field(&ball, &x);
        contract::descent(&ball, &x);
        let distance = |flow: &Projected<Quadratic, Ball>| {
            let g = flow.energy().gradient_at(&x);
            let d = x.iter().zip(&g).map(|(x, g)| (x - gamma * g - 0.1).powi(2)).sum::<f64>();
            d.sqrt()
        };
        if (distance(&ball) - 4.0).abs() > 0.05 {
            contract::jacobian(&ball, &x, &v);
        }
    }

    #[test]
    fn tangent_projected(x in vector()) {
        let cube = BoxConstraint::cube(DIM, -0.8, 0.8).unwrap();
        let flow = TangentProjected::new(energy(), cube).unwrap();
        contract::field(&flow, &x);
        let inside: Vec<f64> = x.iter().map(|x| x.clamp(-0.8, 0.8)).collect();
        contract::descent(&flow, &inside);
        // At a bound nothing points outward.
        for (x, dx) in inside.iter().zip(flow.eval_at(0.0, &inside)) {
            prop_assert!(!(*x == 0.8 && dx > 0.0 || *x == -0.8 && dx < 0.0));
        }
    }

    #[test]
    fn activation_flow(x in vector(), v in vector(), seed in 0u64..100) {
        // Differences across the corner of a rectifier are off by more than rounding.
        let clear = x.map(|x| if x.abs() < 0.01 { 0.01_f64.copysign(x) } else { x });
        for (activation, x) in [
            (Activation::Linear, x),
            (Activation::Tanh { gain: 1.3 }, x),
            (Activation::Logistic { gain: 2.0 }, x),
            (Activation::RectifiedPower { power: 4.0 }, clear),
        ] {
            let layer = Elementwise::new(DIM, activation).unwrap();
            let flow = ActivationFlow::new(bowl(seed), layer).unwrap();
            smooth_flow(&flow.with_time_constant(0.3).unwrap(), &x, &v);
            smooth_flow(&MirrorFlow::new(bowl(seed), layer).unwrap(), &x, &v);
        }
        let softmax = LogSumExp::new(DIM, 2.0).unwrap();
        smooth_flow(&ActivationFlow::new(bowl(seed), softmax).unwrap(), &x, &v);
        smooth_flow(&MirrorFlow::new(bowl(seed), softmax).unwrap(), &x, &v);
        let sphere = Spherical::new(DIM, 1.5, 0.1).unwrap();
        smooth_flow(&ActivationFlow::new(bowl(seed), sphere).unwrap(), &x, &v);
        let norm = LayerNorm::new(0.8, vec![0.1, -0.2, 0.3, 0.0], 0.1).unwrap();
        smooth_flow(&ActivationFlow::new(bowl(seed), norm).unwrap(), &x, &v);
    }

    /// On the domain of `g`, kinks and boundary included, the rate is the
    /// one-sided derivative along the flow and keeps the bound
    /// `Ḟ ≤ −‖ẋ‖²/γ`, and a step `0 < h ≤ 1` stays in the domain.
    #[test]
    fn proximal_descent_bound(
        x in prop::array::uniform4(prop_oneof![-1.5..1.5f64, Just(0.0), Just(1.0)]),
        seed in 0u64..100,
        gamma in 0.05..2.0f64,
        h in 0.01..1.0f64,
    ) {
        fn bound<G: Subdifferentiable + Clone>(
            g: &G, x: &[f64], seed: u64, gamma: f64, h: f64,
        ) -> Result<(), TestCaseError> {
            let ws = &mut Workspace::new();
            let mut inside = vec![0.0; x.len()];
            g.prox(x, 1e-3, &mut inside, ws);
            let flow = Proximal::new(bowl(seed), g.clone(), gamma).unwrap();
            let dx = flow.eval_at(0.0, &inside);
            let speed: f64 = dx.iter().map(|v| v * v).sum();
            let rate = flow.lyapunov_rate(&inside, ws);
            // Terms as large as γ‖∇f‖² cancel.
            let gradient = flow.smooth().gradient_at(&inside);
            let size = gamma * gradient.iter().map(|g| g * g).sum::<f64>() + speed / gamma;
            prop_assert!(rate <= -speed / gamma + 1e-13 * (1.0 + size), "{rate} {speed}");
            // First-order difference: error of order `near` times the curvature.
            let near = 1e-7;
            let moved: Vec<f64> = inside.iter().zip(&dx).map(|(x, dx)| x + near * dx).collect();
            let slope = (flow.lyapunov(&moved, ws) - flow.lyapunov(&inside, ws)) / near;
            prop_assert!((slope - rate).abs() < 1e-5 * (1.0 + size), "{slope} {rate}");
            for (x, dx) in inside.iter_mut().zip(&dx) {
                *x += h * dx;
            }
            prop_assert!(flow.lyapunov(&inside, ws).is_finite());
            Ok(())
        }
        bound(&L1::new(DIM, 0.4).unwrap(), &x, seed, gamma, h)?;
        bound(&NonNegativeL1::new(DIM, 0.4).unwrap(), &x, seed, gamma, h)?;
        bound(&NonNegative { dim: DIM }, &x, seed, gamma, h)?;
        bound(&BoxConstraint::cube(DIM, -0.5, 1.0).unwrap(), &x, seed, gamma, h)?;
        bound(&Ball::new(vec![0.2; DIM], 0.9).unwrap(), &x, seed, gamma, h)?;
        bound(&SquaredL2::new(DIM, 0.4).unwrap(), &x, seed, gamma, h)?;
    }
}

/// Neither `x` nor the point `x − γ∇f(x)` that the proximal operator sees is
/// near a kink.
fn clear_of_kinks(f: &Quadratic, x: &[f64], gamma: f64, kinks: &[f64]) -> bool {
    let gradient = f.gradient_at(x);
    x.iter().zip(&gradient).all(|(x, g)| {
        let seen = x - gamma * g;
        x.abs() > 0.02 && kinks.iter().all(|k| (seen - k).abs() > 0.05)
    })
}

/// With an affine gradient and `γ = 1`, the proximal flow is the firing-rate
/// network with `W = I − A`, `b = Ac` and the proximal operator as activation.
#[test]
fn proximal_flow_is_a_firing_rate_network() {
    let f = bowl(3);
    let weights =
        DenseCoupling::from_fn(DIM, |i, j| f64::from(u8::from(i == j)) - f.matrix()[i + j * DIM])
            .unwrap();
    let bias: Vec<f64> = (0..DIM)
        .map(|i| (0..DIM).map(|j| f.matrix()[i + j * DIM] * f.minimum()[j]).sum())
        .collect();
    let phi = Activation::SoftThreshold { threshold: 0.4 };
    let network = FiringRate(SymmetricNetwork::new(weights, bias, phi).unwrap());
    let flow = Proximal::new(&f, L1::new(DIM, 0.4).unwrap(), 1.0).unwrap();
    let ws = &mut Workspace::new();
    let offset = 0.5 * f.minimum().iter().zip(network.0.bias()).map(|(c, b)| c * b).sum::<f64>();
    for seed in 0..20 {
        let x = crate::support::normals(DIM, seed);
        for (a, b) in flow.eval_at(0.0, &x).iter().zip(network.eval_at(0.0, &x)) {
            assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()), "{a} {b}");
        }
        // The two Lyapunov functions differ by the constant ½cᵀAc.
        let difference = flow.lyapunov(&x, ws) - network.lyapunov(&x, ws);
        assert!((difference - offset).abs() < 1e-11, "{difference} {offset}");
        let (a, b) = (flow.lyapunov_rate(&x, ws), network.lyapunov_rate(&x, ws));
        assert!((a - b).abs() < 1e-10 * (1.0 + a.abs()), "{a} {b}");
    }
}

/// With the identity Lagrangian the activation flow is a gradient flow of
/// `S + ½‖x‖²`; with tanh it is the Hopfield network.
#[test]
fn activation_flow_generalizes_hopfield() {
    let x = [0.3, -1.2, 0.8, 2.0];
    let linear = Elementwise::new(DIM, Activation::Linear).unwrap();
    let flow = ActivationFlow::new(bowl(1), linear).unwrap();
    let ridge = Sum::new(bowl(1), SquaredL2::new(DIM, 1.0).unwrap()).unwrap();
    for (a, b) in flow.eval_at(0.0, &x).iter().zip(GradientFlow(ridge).eval_at(0.0, &x)) {
        assert!((a - b).abs() < 1e-13);
    }
}

#[test]
fn langevin_noise_and_mean_rate() {
    let flow = Langevin::new(DoubleWell { dim: 2 }, 0.4).unwrap();
    let ws = &mut Workspace::new();
    assert_eq!((flow.noise_dim(), flow.noise_kind()), (2, NoiseKind::Additive));
    let mut out = [1.0, 2.0];
    flow.add_noise(0.0, &[0.0; 2], &[0.5, -1.0], &mut out, ws);
    let amplitude = 0.8f64.sqrt();
    assert_eq!(out, [1.0 + 0.5 * amplitude, 2.0 - amplitude]);
    // −‖∇E‖² + T ΔE at (2, 0): −36 + 0.4 (11 − 1).
    assert!((flow.mean_energy_rate(&[2.0, 0.0], ws) + 32.0).abs() < 1e-12);
    // At zero temperature, the rate of the gradient flow.
    let cold = Langevin::new(DoubleWell { dim: 2 }, 0.0).unwrap();
    let rate = GradientFlow(DoubleWell { dim: 2 }).lyapunov_rate(&[2.0, 0.3], ws);
    assert_eq!(cold.mean_energy_rate(&[2.0, 0.3], ws), rate);
}

/// Small Euler steps descend, and end at the minimum known in closed form.
#[test]
fn flows_descend_to_known_minima() {
    fn settle<F: Lyapunov>(flow: &F, mut x: Vec<f64>, h: f64) -> Vec<f64> {
        let mut states = x.clone();
        for _ in 0..4000 {
            let velocity = flow.eval_at(0.0, &x);
            for (x, dx) in x.iter_mut().zip(&velocity) {
                *x += h * dx;
            }
            states.extend(&x);
        }
        let states = Batch::new(&states, x.len()).unwrap();
        let found = check::lyapunov_descent(flow, states, 1e-14).unwrap();
        assert!(found.holds(), "{found:?}");
        x
    }
    let f = bowl(9);
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
    let start = vec![1.0; DIM];
    assert!(close(&settle(&GradientFlow(&f), start.clone(), 0.05), f.minimum()));
    let flow = Preconditioned::new(&f, dense_metric(3.0, 2)).unwrap();
    assert!(close(&settle(&flow, start, 0.02), f.minimum()));
    // A diagonal bowl with an l1 term shrinks each coordinate of the center.
    let mut diagonal = vec![0.0; 4];
    (diagonal[0], diagonal[3]) = (1.0, 4.0);
    let separable = Quadratic::new(diagonal, vec![2.0, -0.1]).unwrap();
    let flow = Proximal::new(&separable, L1::new(2, 0.5).unwrap(), 0.2).unwrap();
    assert!(close(&settle(&flow, vec![-1.0, 1.0], 0.5), &[1.5, 0.0]));
    let cube = BoxConstraint::cube(2, -0.05, 1.0).unwrap();
    let flow = Projected::new(&separable, cube, 0.2).unwrap();
    assert!(close(&settle(&flow, vec![0.0, 1.0], 0.5), &[1.0, -0.05]));
}

#[test]
fn far_outside_the_domain_the_rate_is_minus_infinity() {
    let flow = Projected::new(bowl(1), NonNegative { dim: DIM }, 0.1).unwrap();
    let ws = &mut Workspace::new();
    let x = [1.0, -1.0, 1.0, 1.0];
    assert_eq!(flow.lyapunov(&x, ws), f64::INFINITY);
    assert_eq!(flow.lyapunov_rate(&x, ws), f64::NEG_INFINITY);
}

#[test]
fn bad_parameters_are_refused() {
    let e = || DoubleWell { dim: 2 };
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Langevin::new(e(), bad), Err(Error::Parameter { .. })));
        assert!(matches!(DiagonalMetric::new(vec![1.0, bad]), Err(Error::Entry { index: 1, .. })));
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Proximal::new(e(), Zero { dim: 2 }, bad).is_err());
        assert!(Projected::new(e(), NonNegative { dim: 2 }, bad).is_err());
        let layer = Elementwise::new(2, Activation::Linear).unwrap();
        let flow = ActivationFlow::new(e(), layer).unwrap();
        assert!(flow.with_time_constant(bad).is_err());
    }
    assert!(matches!(DiagonalMetric::new(vec![]), Err(Error::Empty { .. })));
    assert!(DiagonalMetric::new(vec![1.0, 0.0]).is_err());
    let metric = DiagonalMetric::new(vec![1.0; 3]).unwrap();
    assert!(matches!(Preconditioned::new(e(), metric), Err(Error::Dimension { .. })));
    assert!(matches!(Proximal::new(e(), Zero { dim: 3 }, 1.0), Err(Error::Dimension { .. })));
    let cube = BoxConstraint::cube(3, 0.0, 1.0).unwrap();
    assert!(matches!(TangentProjected::new(e(), cube), Err(Error::Dimension { .. })));
    let layer = Elementwise::new(3, Activation::Linear).unwrap();
    assert!(matches!(ActivationFlow::new(e(), layer), Err(Error::Dimension { .. })));
    assert!(matches!(MirrorFlow::new(e(), layer), Err(Error::Dimension { .. })));
    // Asymmetric, then symmetric but indefinite.
    assert!(matches!(
        DenseCoupling::from_column_major(2, vec![1.0, 0.5, 0.0, 1.0]),
        Err(Error::Asymmetric { .. })
    ));
    let indefinite = DenseCoupling::from_column_major(2, vec![1.0, 2.0, 2.0, 1.0]).unwrap();
    assert!(matches!(DenseMetric::new(indefinite), Err(Error::Entry { index: 3, .. })));
}

/// Zipped slices would cut the state short instead.
#[test]
fn states_of_a_wrong_length_are_a_clear_panic() {
    let panics = |evaluate: &dyn Fn(&[f64])| {
        for x in [&[0.1; DIM - 1][..], &[0.1; DIM + 1]] {
            let caught = panic::catch_unwind(AssertUnwindSafe(|| evaluate(x))).unwrap_err();
            let message = caught.downcast_ref::<String>().unwrap();
            assert!(message.contains("state: as long as the dimension"), "{message}");
        }
    };
    let e = DoubleWell { dim: DIM };
    panics(&|x| _ = e.energy_at(x));
    panics(&|x| _ = e.gradient_at(x));
    panics(&|x| _ = GradientFlow(e).eval_at(0.0, x));
}

#[test]
fn nan_states_show() {
    let x = [0.1, f64::NAN, 0.2, 0.3];
    let ws = &mut Workspace::new();
    let flow = Projected::new(bowl(1), NonNegative { dim: DIM }, 0.1).unwrap();
    assert!(flow.eval_at(0.0, &x).iter().any(|v| v.is_nan()));
    assert!(flow.lyapunov(&x, ws).is_nan() && flow.lyapunov_rate(&x, ws).is_nan());
    let layer = LogSumExp::new(DIM, 1.0).unwrap();
    let flow = ActivationFlow::new(bowl(1), layer).unwrap();
    assert!(flow.eval_at(0.0, &x).iter().any(|v| v.is_nan()));
    assert!(finite_difference::jvp(&flow, 0.0, &x, &[1.0; DIM]).is_err());
}
