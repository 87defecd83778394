//! Every Lagrangian is a convex energy, finite far out.

use ebm_core::lagrangian::{Elementwise, Lagrangian, LayerNorm, LogSumExp, Replicated, Spherical};
use ebm_core::network::Activation;
use ebm_core::{Energy, Error, Gradient, Workspace};
use proptest::prelude::*;

use crate::contract;

const DIM: usize = 4;

fn all() -> Vec<Box<dyn Lagrangian>> {
    let elementwise = |activation| -> Box<dyn Lagrangian> {
        Box::new(Elementwise::new(DIM, activation).unwrap())
    };
    vec![
        elementwise(Activation::Linear),
        elementwise(Activation::Tanh { gain: 1.5 }),
        elementwise(Activation::Logistic { gain: 3.0 }),
        elementwise(Activation::RectifiedPower { power: 3.0 }),
        Box::new(LogSumExp::new(DIM, 2.0).unwrap()),
        Box::new(Spherical::new(DIM, 1.5, 0.1).unwrap()),
        Box::new(LayerNorm::new(0.8, vec![0.1, -0.2, 0.3, 0.0], 0.1).unwrap()),
        Box::new(Replicated::new(LogSumExp::new(DIM / 2, 1.5).unwrap(), 2).unwrap()),
    ]
}

fn vector() -> impl Strategy<Value = [f64; DIM]> {
    prop::array::uniform4(-2.0..2.0f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn contract_of_an_energy(x in vector(), v in vector()) {
        prop_assume!(x.iter().all(|x| x.abs() > 0.01));
        for lagrangian in all() {
            contract::curvature(&&*lagrangian, &x, &v);
        }
    }

    /// Activations are monotone: `(g(x) − g(y))·(x − y) ≥ 0`, and Hessians
    /// positive semidefinite.
    #[test]
    fn convex(x in vector(), y in vector()) {
        for lagrangian in all() {
            let (g, h) = (lagrangian.gradient_at(&x), lagrangian.gradient_at(&y));
            let inner: f64 = (0..DIM).map(|i| (g[i] - h[i]) * (x[i] - y[i])).sum();
            prop_assert!(inner >= -1e-13);
            let mut product = [0.0; DIM];
            lagrangian.hessian_vec(&x, &y, &mut product, &mut Workspace::new());
            let quadratic: f64 = product.iter().zip(&y).map(|(a, b)| a * b).sum();
            prop_assert!(quadratic >= -1e-13);
        }
    }
}

#[test]
fn finite_far_out() {
    let states = [[1e4; DIM], [-1e4; DIM], [1e4, -1e4, 0.0, 1e4], [-1e4, -1e4, -1e4, 1e4]];
    for lagrangian in all() {
        for x in &states {
            assert!(lagrangian.energy_at(x).is_finite());
            assert!(lagrangian.gradient_at(x).iter().all(|g| g.is_finite()));
            let mut product = [0.0; DIM];
            lagrangian.hessian_vec(x, &[1.0; DIM], &mut product, &mut Workspace::new());
            assert!(product.iter().all(|h| h.is_finite()));
        }
    }
}

#[test]
fn closed_forms() {
    // Softmax of equal inputs; the sphere's radius; layer norm's mean and variance.
    let softmax = LogSumExp::new(4, 2.0).unwrap();
    assert_eq!(softmax.gradient_at(&[3.0; 4]), [0.25; 4]);
    assert!((softmax.energy_at(&[3.0; 4]) - (3.0 + 4f64.ln() / 2.0)).abs() < 1e-14);
    let sphere = Spherical::new(2, 2.0, 1e-12).unwrap().gradient_at(&[3.0, 4.0]);
    assert!((sphere[0] - 1.2).abs() < 1e-12 && (sphere[1] - 1.6).abs() < 1e-12);
    let norm = LayerNorm::new(1.0, vec![0.0; 4], 1e-12).unwrap().gradient_at(&[1.0, 2.0, 3.0, 6.0]);
    assert!(norm.iter().sum::<f64>().abs() < 1e-12);
    assert!((norm.iter().map(|g| g * g).sum::<f64>() - 4.0).abs() < 1e-10);
}

#[test]
fn bad_parameters_are_refused() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(LogSumExp::new(2, bad), Err(Error::Parameter { .. })));
        assert!(Spherical::new(2, bad, 1.0).is_err() && Spherical::new(2, 1.0, bad).is_err());
        assert!(LayerNorm::new(bad, vec![0.0], 1.0).is_err());
        assert!(LayerNorm::new(1.0, vec![0.0], bad).is_err());
        assert!(Elementwise::new(2, Activation::Tanh { gain: bad }).is_err());
    }
    assert!(LayerNorm::new(1.0, vec![f64::NAN], 1.0).is_err());
    assert!(matches!(LayerNorm::new(1.0, vec![], 1.0), Err(Error::Empty { .. })));
    assert!(matches!(LogSumExp::new(0, 1.0), Err(Error::Empty { .. })));
    let pair = LogSumExp::new(2, 1.0).unwrap();
    assert!(matches!(Replicated::new(pair, 0), Err(Error::Empty { .. })));
    assert!(matches!(Replicated::new(pair, usize::MAX), Err(Error::TooLarge { .. })));
    assert!(matches!(Spherical::new(0, 1.0, 1.0), Err(Error::Empty { .. })));
    assert!(matches!(Elementwise::new(0, Activation::Linear), Err(Error::Empty { .. })));
}
