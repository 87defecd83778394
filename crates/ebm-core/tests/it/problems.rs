//! Every test problem keeps the contract of an energy.

use ebm_core::problems::{DoubleWell, MullerBrown, Quadratic, Rosenbrock};
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
}
