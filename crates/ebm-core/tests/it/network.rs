//! The two forms of a symmetric network: derivatives, their common energy, and
//! the exact map between them.

use ebm_core::check;
use ebm_core::network::{Activation, FiringRate, Hopfield, SymmetricNetwork};
use ebm_core::{Batch, BatchMut, Energy, Error, Lyapunov, VectorField, Workspace};
use proptest::prelude::*;

use crate::contract;
use crate::support::{Plain, normals};

const DIM: usize = 6;

fn smooth() -> [Activation; 2] {
    [Activation::Tanh { gain: 1.4 }, Activation::Logistic { gain: 2.0 }]
}

fn kinked() -> [Activation; 4] {
    [
        Activation::Relu,
        Activation::SaturatedLinear,
        Activation::SoftThreshold { threshold: 0.3 },
        Activation::Linear,
    ]
}

fn network(activation: Activation, seed: u64) -> SymmetricNetwork<Plain> {
    let bias = normals(DIM, seed + 1000).iter().map(|b| 0.3 * b).collect();
    SymmetricNetwork::new(Plain::random(DIM, 1.5, seed), bias, activation)
        .unwrap()
        .with_time_constant(0.7)
        .unwrap()
}

/// Distance of the nearest entry to a kink of the activations in `kinked`.
fn clear_of_kinks(values: &[f64]) -> bool {
    values.iter().all(|y| [0.0, 0.3, -0.3, 1.0, -1.0].iter().all(|k| (y - k).abs() > 0.01))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hopfield_contract(
        seed in 0u64..1000,
        x in prop::array::uniform6(-2.0..2.0f64),
        v in prop::array::uniform6(-1.0..1.0f64),
    ) {
        for activation in smooth().into_iter().chain(kinked()) {
            let flow = Hopfield(network(activation, seed));
            contract::field(&flow, &x);
            if clear_of_kinks(&x) {
                contract::jacobian(&flow, &x, &v);
                contract::descent(&flow, &x);
            }
        }
    }

    #[test]
    fn firing_rate_contract(
        seed in 0u64..1000,
        // Inside the range of every activation.
        x in prop::array::uniform6(0.05..0.95f64),
        v in prop::array::uniform6(-1.0..1.0f64),
    ) {
        for activation in smooth().into_iter().chain(kinked()) {
            let net = network(activation, seed);
            let mut y = [0.0; DIM];
            net.input(&x, &mut y, &mut Workspace::new());
            let flow = FiringRate(net);
            contract::field(&flow, &x);
            if clear_of_kinks(&y) && clear_of_kinks(&x) {
                contract::jacobian(&flow, &x, &v);
                contract::descent(&flow, &x);
            }
        }
    }

    #[test]
    fn energy_contract(
        seed in 0u64..1000,
        // φ⁻¹ is singular at the ends of the range.
        v in prop::array::uniform6(0.25..0.75f64),
        u in prop::array::uniform6(-1.0..1.0f64),
    ) {
        for activation in smooth().into_iter().chain(kinked()) {
            contract::curvature(&network(activation, seed), &v, &u);
        }
    }

    /// The Hopfield form descends the energy of its rates.
    #[test]
    fn hopfield_energy_is_that_of_the_rates(
        seed in 0u64..1000,
        x in prop::array::uniform6(-5.0..5.0f64),
    ) {
        for activation in smooth().into_iter().chain(kinked()) {
            let net = network(activation, seed);
            let mut rates = [0.0; DIM];
            activation.values(&x, &mut rates);
            let (e, ws) = (net.energy_at(&rates), &mut Workspace::new());
            let v = Hopfield(net).lyapunov(&x, ws);
            prop_assert!((v - e).abs() < 1e-12 * e.abs().max(1.0), "{activation:?} {v} {e}");
        }
    }

    /// Rates are never positive anywhere, kinks and flat pieces included.
    #[test]
    fn rates_are_never_positive(
        seed in 0u64..1000,
        x in prop::array::uniform6(prop_oneof![-3.0..3.0f64, Just(0.0), Just(1.0), Just(-1.0)]),
    ) {
        let ws = &mut Workspace::new();
        for activation in smooth().into_iter().chain(kinked()) {
            let net = network(activation, seed);
            let rate = FiringRate(net.clone()).lyapunov_rate(&x, ws);
            prop_assert!(rate <= 0.0, "{activation:?} {rate}");
            let rate = Hopfield(net).lyapunov_rate(&x, ws);
            prop_assert!(rate <= 0.0 && rate.is_finite(), "{activation:?} {rate}");
        }
    }

    /// At a kink the rate is the one-sided derivative along the flow.
    #[test]
    fn one_sided_rate_at_kinks(seed in 0u64..1000, free in prop::array::uniform3(0.1..0.9f64)) {
        for (activation, kink) in [
            (Activation::Relu, 0.0),
            (Activation::SaturatedLinear, 1.0),
            (Activation::SaturatedLinear, -1.0),
            (Activation::SoftThreshold { threshold: 0.3 }, 0.0),
        ] {
            let flow = FiringRate(network(activation, seed));
            let x = [free[0], kink, free[1], kink, free[2], kink];
            let (dx, ws) = (flow.eval_at(0.0, &x), &mut Workspace::new());
            let h = 1e-7;
            let moved: Vec<f64> = x.iter().zip(&dx).map(|(x, dx)| x + h * dx).collect();
            let slope = (flow.lyapunov(&moved, ws) - flow.lyapunov(&x, ws)) / h;
            let rate = flow.lyapunov_rate(&x, ws);
            // First-order difference: error of order h times the curvature.
            prop_assert!((slope - rate).abs() < 1e-4 * (1.0 + rate.abs()), "{slope} {rate}");
        }
    }
}

/// Classical fourth-order Runge–Kutta.
fn runge_kutta(field: &impl VectorField, x: &mut [f64], h: f64) {
    let shift = |x: &[f64], k: &[f64], h: f64| -> Vec<f64> {
        x.iter().zip(k).map(|(x, k)| x + h * k).collect()
    };
    let k1 = field.eval_at(0.0, x);
    let k2 = field.eval_at(0.0, &shift(x, &k1, 0.5 * h));
    let k3 = field.eval_at(0.0, &shift(x, &k2, 0.5 * h));
    let k4 = field.eval_at(0.0, &shift(x, &k3, h));
    for (i, x) in x.iter_mut().enumerate() {
        *x += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    }
}

/// `x_H = W x_FR + b` holds along whole trajectories, and the common energy
/// falls on both.
#[test]
fn firing_rate_maps_exactly_onto_hopfield() {
    for activation in smooth().into_iter().chain(kinked()) {
        // Linear and ReLU networks grow without bound for a spectral radius
        // above one.
        let bounded = matches!(
            activation,
            Activation::Tanh { .. } | Activation::Logistic { .. } | Activation::SaturatedLinear
        );
        let n = 40;
        let coupling = Plain::random(n, if bounded { 1.5 } else { 0.8 }, 3);
        let net = SymmetricNetwork::new(coupling, normals(n, 4), activation).unwrap();
        let (slow, fast) = (FiringRate(net.clone()), Hopfield(net.clone()));
        let ws = &mut Workspace::new();
        let mut rates: Vec<f64> = normals(n, 5).iter().map(|x| 0.5 + 0.1 * x.tanh()).collect();
        let mut potentials = vec![0.0; n];
        let mut mapped = vec![0.0; n];
        net.input(&rates, &mut potentials, ws);
        let (mut v_slow, mut v_fast) = (vec![], vec![]);
        for step in 0..400 {
            v_slow.push(slow.lyapunov(&rates, ws));
            v_fast.push(fast.lyapunov(&potentials, ws));
            runge_kutta(&slow, &mut rates, 0.05);
            runge_kutta(&fast, &mut potentials, 0.05);
            net.input(&rates, &mut mapped, ws);
            for (a, b) in mapped.iter().zip(&potentials) {
                let scale = 1f64.max(a.abs());
                assert!((a - b).abs() < 1e-12 * scale, "{activation:?} step {step}: {a} {b}");
            }
        }
        let (down_slow, down_fast) =
            (check::descent(&v_slow, 1e-13).unwrap(), check::descent(&v_fast, 1e-13).unwrap());
        assert!(down_slow.holds(), "{activation:?} {down_slow:?}");
        assert!(down_fast.holds(), "{activation:?} {down_fast:?}");
        assert!(down_slow.total_drop > 0.1 && down_fast.total_drop > 1e-3);
    }
}

/// At an equilibrium both forms have the same energy.
#[test]
fn energies_agree_at_equilibria() {
    for activation in smooth() {
        let net = network(activation, 8);
        let slow = FiringRate(net.clone());
        let mut rates = vec![0.3; DIM];
        for _ in 0..4000 {
            runge_kutta(&slow, &mut rates, 0.1);
        }
        let ws = &mut Workspace::new();
        let mut potentials = vec![0.0; DIM];
        net.input(&rates, &mut potentials, ws);
        let difference = slow.lyapunov(&rates, ws) - Hopfield(net).lyapunov(&potentials, ws);
        assert!(difference.abs() < 1e-12, "{difference}");
    }
}

#[test]
fn outside_the_range_the_firing_rate_energy_is_infinite() {
    let flow = FiringRate(network(Activation::Tanh { gain: 1.0 }, 1));
    let ws = &mut Workspace::new();
    let x = [1.5, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(flow.lyapunov(&x, ws), f64::INFINITY);
    assert_eq!(flow.lyapunov_rate(&x, ws), f64::NEG_INFINITY);
}

#[test]
fn a_batch_is_one_product() {
    /// Counts nothing but panics on a single product.
    struct BatchOnly(Plain);
    impl ebm_core::Coupling for BatchOnly {
        fn dim(&self) -> usize {
            self.0.dim
        }
        fn apply(&self, _: &[f64], _: &mut [f64], _: &mut Workspace) {
            panic!("a batch must not fall back to single products");
        }
        fn apply_batch(&self, x: Batch<'_>, out: BatchMut<'_>, ws: &mut Workspace) {
            self.0.apply_batch(x, out, ws);
        }
        fn row(&self, i: usize, out: &mut [f64]) {
            self.0.row(i, out);
        }
        fn row_dot(&self, i: usize, x: &[f64]) -> f64 {
            self.0.row_dot(i, x)
        }
        fn diagonal(&self, out: &mut [f64]) {
            self.0.diagonal(out);
        }
        fn norm_bound(&self) -> f64 {
            self.0.norm_bound()
        }
    }
    let net = |radius| {
        let coupling = BatchOnly(Plain::random(DIM, radius, 1));
        SymmetricNetwork::new(coupling, vec![0.1; DIM], Activation::default()).unwrap()
    };
    let states = vec![0.2; 3 * DIM];
    let batch = Batch::new(&states, DIM).unwrap();
    let (mut out, mut energies) = (vec![0.0; 3 * DIM], [0.0; 3]);
    let ws = &mut Workspace::new();
    Hopfield(net(1.0)).eval_batch(&[0.0; 3], batch, BatchMut::new(&mut out, DIM).unwrap(), ws);
    FiringRate(net(1.0)).eval_batch(&[0.0; 3], batch, BatchMut::new(&mut out, DIM).unwrap(), ws);
    net(1.0).energy_batch(batch, &mut energies, ws);
}

#[test]
fn bad_parameters_are_refused() {
    let w = || Plain::random(DIM, 1.0, 0);
    let phi = Activation::default();
    assert!(matches!(
        SymmetricNetwork::new(w(), vec![0.0; DIM - 1], phi),
        Err(Error::Dimension { expected: 6, found: 5, .. })
    ));
    let mut bias = vec![0.0; DIM];
    bias[2] = f64::NAN;
    assert!(matches!(
        SymmetricNetwork::new(w(), bias, phi),
        Err(Error::NotFinite { index: 2, .. })
    ));
    let wrong = Activation::Tanh { gain: -1.0 };
    assert!(matches!(
        SymmetricNetwork::new(w(), vec![0.0; DIM], wrong),
        Err(Error::Parameter { .. })
    ));
    let empty = Plain { dim: 0, entries: vec![] };
    assert!(matches!(SymmetricNetwork::new(empty, vec![], phi), Err(Error::Empty { .. })));
    for tau in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let net = SymmetricNetwork::new(w(), vec![0.0; DIM], phi).unwrap();
        assert!(matches!(net.with_time_constant(tau), Err(Error::Parameter { .. })));
    }
}

#[test]
fn nan_states_show() {
    let net = network(Activation::default(), 1);
    let mut x = [0.1; DIM];
    x[3] = f64::NAN;
    assert!(net.energy_at(&x).is_nan());
    assert!(FiringRate(net.clone()).eval_at(0.0, &x).iter().any(|v| v.is_nan()));
    assert!(Hopfield(net).eval_at(0.0, &x).iter().any(|v| v.is_nan()));
}
