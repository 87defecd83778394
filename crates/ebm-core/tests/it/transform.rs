//! Energies made from others keep the contract of an energy.

use ebm_core::check::finite_difference as fd;
use ebm_core::flow::{GradientFlow, Langevin};
use ebm_core::problems::{DoubleWell, Quadratic, RandomHopfield, Rosenbrock};
use ebm_core::prox::SquaredL2;
use ebm_core::transform::{Clamped, Counted, Counts, Scaled, SpeedPotential, Sum};
use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Error, Gradient, Jacobian, VectorField, Workspace,
};
use proptest::prelude::*;

use crate::contract;

fn vector() -> impl Strategy<Value = [f64; 4]> {
    prop::array::uniform4(-1.5..1.5f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn sum_and_scaled(x in vector(), v in vector(), factor in 0.1..10.0f64) {
        let sum = Sum::new(Rosenbrock::new(4).unwrap(), DoubleWell { dim: 4 }).unwrap();
        contract::curvature(&sum, &x, &v);
        let scaled = Scaled::new(sum, factor).unwrap();
        contract::curvature(&scaled, &x, &v);
        let direct = factor * (Rosenbrock::new(4).unwrap().energy_at(&x) + DoubleWell { dim: 4 }.energy_at(&x));
        prop_assert!((scaled.energy_at(&x) - direct).abs() <= 1e-12 * (1.0 + direct.abs()));
    }

    #[test]
    fn clamped(y in prop::array::uniform3(-1.5..1.5f64), v in prop::array::uniform3(-1.0..1.0f64), c in vector()) {
        let energy = Sum::new(Rosenbrock::new(5).unwrap(), Quadratic::random(5, 10.0, 2).unwrap()).unwrap();
        let clamped = Clamped::new(energy, &[(3, c[0]), (1, c[1])]).unwrap();
        contract::curvature(&clamped, &y, &v);
        prop_assert!(fd::hessian(&clamped, &y).unwrap().relative < 1e-6);
        prop_assert_eq!(clamped.free(), [0, 2, 4]);
        let mut full = [0.0; 5];
        clamped.expand(&y, &mut full);
        prop_assert_eq!(full, [y[0], c[1], y[1], c[0], y[2]]);
    }

    #[test]
    fn speed_potential(x in vector(), seed in 0u64..100) {
        let problem = RandomHopfield { dim: 4, bias: 0.1, seed, ..RandomHopfield::default() };
        contract::gradient(&SpeedPotential(problem.network().unwrap()), &x);
        contract::gradient(&SpeedPotential(GradientFlow(DoubleWell { dim: 4 })), &x);
    }
}

/// At an equilibrium the Gauss–Newton product is the Hessian's.
#[test]
fn gauss_newton_at_an_equilibrium() {
    let speed = SpeedPotential(GradientFlow(DoubleWell { dim: 2 }));
    let mut out = [0.0; 2];
    speed.gauss_newton_vec(&[1.0, 0.0], &[1.0, 1.0], &mut out, &mut Workspace::new());
    // (E″)² with E″ = 2 at the well and −1 at the saddle.
    assert_eq!(out, [4.0, 1.0]);
}

#[test]
fn clamped_values_can_change() {
    let mut slice = Clamped::new(Rosenbrock::new(3).unwrap(), &[(0, 0.0)]).unwrap();
    let before = slice.energy_at(&[0.5, 0.5]);
    slice.set_values(&[1.0, f64::MAX, 0.0]).unwrap();
    assert_ne!(slice.energy_at(&[0.5, 0.5]), before);
    assert_eq!(slice.energy_at(&[1.0, 1.0]), 0.0);
    assert!(matches!(slice.set_values(&[1.0]), Err(Error::Dimension { .. })));
    assert!(matches!(slice.set_values(&[f64::NAN, 0.0, 0.0]), Err(Error::NotFinite { .. })));
}

#[test]
fn counts() {
    let model = Counted::new(DoubleWell { dim: 2 });
    let ws = &mut Workspace::new();
    let mut out = [0.0; 4];
    let states = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    let batch = Batch::new(&states, 2).unwrap();
    model.energy_batch(batch, &mut out[..3], ws);
    model.energy_gradient(&states[..2], &mut out[..2], ws);
    model.hessian_vec(&states[..2], &states[2..4], &mut out[..2], ws);
    model.hessian(&states[..2], &mut out, ws);
    let seen =
        Counts { energies: 4, gradients: 1, hessian_products: 1, hessians: 1, ..Counts::default() };
    assert_eq!(model.take_counts(), seen);
    assert_eq!(model.counts(), Counts::default());

    // A flow of a counted energy counts in the energy; a counted flow, itself.
    let flow = Counted::new(GradientFlow(&model));
    flow.eval_at(0.0, &states[..2]);
    let mut columns = [0.0; 6];
    flow.eval_batch(&[0.0; 3], batch, BatchMut::new(&mut columns, 2).unwrap(), ws);
    flow.jvp(0.0, &states[..2], &states[..2], &mut out[..2], ws);
    flow.vjp(0.0, &states[..2], &states[..2], &mut out[..2], ws);
    flow.jacobian(0.0, &states[..2], &mut out, ws);
    let seen = Counts { evaluations: 4, jacobian_products: 2, jacobians: 1, ..Counts::default() };
    assert_eq!(flow.counts(), seen);
    assert_eq!(model.counts().gradients, 4);
}

#[test]
fn counters_are_exact_across_threads() {
    let model = Counted::new(DoubleWell { dim: 1 });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    model.energy_at(&[0.5]);
                }
            });
        }
    });
    assert_eq!(model.counts().energies, 4000);
}

#[test]
fn the_same_results_when_counted() {
    let x = [0.3, -0.7];
    let model = Counted::new(Langevin::new(DoubleWell { dim: 2 }, 0.1).unwrap());
    assert_eq!(model.eval_at(0.0, &x), GradientFlow(DoubleWell { dim: 2 }).eval_at(0.0, &x));
    contract::curvature(&Counted::new(DoubleWell { dim: 2 }), &x, &[1.0, 2.0]);
}

#[test]
fn bad_parameters_are_refused() {
    let e = || DoubleWell { dim: 3 };
    assert!(matches!(
        Sum::new(e(), SquaredL2::new(2, 1.0).unwrap()),
        Err(Error::Dimension { expected: 3, found: 2, .. })
    ));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Scaled::new(e(), bad), Err(Error::Parameter { .. })));
    }
    assert!(matches!(
        Clamped::new(e(), &[(3, 0.0)]),
        Err(Error::OutOfRange { index: 3, bound: 3, .. })
    ));
    assert!(matches!(
        Clamped::new(e(), &[(0, 0.0), (1, f64::NAN)]),
        Err(Error::NotFinite { index: 1, .. })
    ));
    assert!(matches!(Clamped::new(e(), &[(1, 0.0), (1, 0.0)]), Err(Error::Duplicate { .. })));
    assert!(matches!(Clamped::new(e(), &[(0, 0.0), (1, 0.0), (2, 0.0)]), Err(Error::Empty { .. })));
}
