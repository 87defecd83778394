//! Every test problem keeps the contract of an energy.

use ebm_core::equilibrium::{self, Method, NewtonKrylov};
use ebm_core::observer::Trace;
use ebm_core::problems::{DoubleWell, MullerBrown, Quadratic, RandomHopfield, Rosenbrock};
use ebm_core::{Batch, Energy, Jacobian, Lyapunov, Outcome, VectorField, check, ode};
use proptest::prelude::*;

use crate::contract;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn double_well(x in prop::array::uniform4(-2.0..2.0f64), v in prop::array::uniform4(-1.0..1.0f64)) {
        contract::curvature(&DoubleWell { dim: 4 }, &x, &v);
    }

    #[test]
    fn rosenbrock(x in prop::array::uniform5(-2.0..2.0f64), v in prop::array::uniform5(-1.0..1.0f64)) {
        contract::curvature(&Rosenbrock::new(5).unwrap(), &x, &v);
    }

    #[test]
    fn muller_brown(x in -1.5..1.2f64, y in -0.5..2.0f64, v in prop::array::uniform2(-1.0..1.0f64)) {
        contract::curvature(&MullerBrown, &[x, y], &v);
    }

    #[test]
    fn quadratic(seed in 0u64..1000, x in prop::array::uniform6(-2.0..2.0f64), v in prop::array::uniform6(-1.0..1.0f64)) {
        contract::curvature(&Quadratic::random(6, 50.0, seed).unwrap(), &x, &v);
    }
    /// The field in the potentials, and its energy in the rates.
    #[test]
    fn random_hopfield(seed in 0u64..1000, v in prop::array::uniform6(-1.0..1.0f64)) {
        let problem = RandomHopfield { dim: 6, bias: 0.3, seed, ..RandomHopfield::default() };
        let flow = problem.network().unwrap();
        let x = problem.state(0);
        contract::field(&flow, &x);
        contract::jacobian(&flow, &x, &v);
        contract::descent(&flow, &x);
        // φ⁻¹ is singular at the ends of the range.
        let rates: Vec<f64> = x.iter().map(|x| 0.8 * x.tanh()).collect();
        contract::curvature(&flow.0, &rates, &v);
    }
}

/// Everything runs through trait objects: an integration, a search for the
/// equilibrium it ends in, and the checks.
#[test]
fn solvers_and_checks_take_trait_objects() {
    let problem = RandomHopfield { dim: 12, bias: 0.2, seed: 4, ..RandomHopfield::default() };
    let network = problem.network().unwrap();
    let start = problem.state(0);

    let field: &dyn VectorField = &network;
    let mut stepper = ode::TSITOURAS.stepper(field.dim());
    let mut trace = Trace::new();
    let watch = ode::Watch { observer: Some(&mut trace), ..ode::Watch::default() };
    let options = ode::Options::default();
    let end =
        ode::integrate_watched(field, &mut stepper, (0.0, 100.0), &start, &options, watch).unwrap();
    assert_eq!(end.outcome, Outcome::Reached);

    let options = equilibrium::Options::default();
    let found = equilibrium::solve(field, &end.x, &options, &mut ()).unwrap();
    assert_eq!(found.outcome, Outcome::Converged);
    assert!(found.x.iter().zip(&end.x).all(|(a, b)| (a - b).abs() < 1e-5));
    let with_jacobian: &dyn Jacobian = &network;
    let newton = Method::NewtonKrylov(NewtonKrylov::default());
    let options = equilibrium::Options { method: newton, ..options };
    let again = equilibrium::solve_with_jacobian(with_jacobian, &end.x, &options, &mut ()).unwrap();
    assert_eq!(again.outcome, Outcome::Converged);
    assert!(again.x.iter().zip(&found.x).all(|(a, b)| (a - b).abs() < 1e-6));

    let lyapunov: &dyn Lyapunov = &network;
    // At the minimum an error of the relative tolerance 1e-6 raises the energy by
    // its square.
    let states = Batch::new(trace.states(), problem.dim).unwrap();
    let descent = check::lyapunov_descent(lyapunov, states, 1e-10).unwrap();
    assert!(descent.holds() && descent.total_drop > 1.0, "{descent:?}");
    let mut rates = vec![0.0; trace.states().len()];
    network.0.activation().values(trace.states(), &mut rates);
    let energy: &dyn Energy = &network.0;
    let states = Batch::new(&rates, problem.dim).unwrap();
    let by_rates = check::energy_descent(energy, states, 1e-10).unwrap();
    assert!((by_rates.total_drop - descent.total_drop).abs() < 1e-11, "{by_rates:?}");
}
