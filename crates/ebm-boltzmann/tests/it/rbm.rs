//! The machine against its definition.

use ebm_boltzmann::{Layer, Rbm, RbmGradient};
use ebm_core::{Batch, BatchMut, Curvature, Energy, Gradient, Workspace};
use proptest::prelude::*;

use crate::{all_states, machine};

proptest! {
    #[test]
    fn free_energy_is_the_sum_over_hidden_states(
        visible in 1usize..6, hidden in 1usize..6, scale in 0.1f64..3.0, seed: u64,
    ) {
        let rbm = machine(visible, hidden, scale, seed);
        let (vs, hs) = (all_states(visible), all_states(hidden));
        for v in vs.chunks_exact(visible) {
            let weight = |h: &[f64]| (-rbm.joint_energy(v, h)).exp();
            let sum: f64 = hs.chunks_exact(hidden).map(weight).sum();
            let free = rbm.energy_at(v);
            prop_assert!((free + sum.ln()).abs() < 1e-11 * (1.0 + free.abs()));
            // P(h_j = 1 | v) from the same sum.
            let mut p = vec![0.0; hidden];
            rbm.probabilities(Layer::Hidden, v, &mut p);
            for (j, p) in p.iter().enumerate() {
                let on: f64 = hs.chunks_exact(hidden).filter(|h| h[j] == 1.0).map(weight).sum();
                prop_assert!((on / sum - p).abs() < 1e-12);
            }
        }
        for h in hs.chunks_exact(hidden) {
            let weight = |v: &[f64]| (-rbm.joint_energy(v, h)).exp();
            let sum: f64 = vs.chunks_exact(visible).map(weight).sum();
            let mut p = vec![0.0; visible];
            rbm.probabilities(Layer::Visible, h, &mut p);
            for (i, p) in p.iter().enumerate() {
                let on: f64 = vs.chunks_exact(visible).filter(|v| v[i] == 1.0).map(weight).sum();
                prop_assert!((on / sum - p).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn derivatives_agree_with_differences(
        seed: u64,
        x in prop::collection::vec(-1.0f64..2.0, 5),
        v in prop::collection::vec(-1.0f64..1.0, 5),
    ) {
        let rbm = machine(5, 4, 1.0, seed);
        let h = 1e-5;
        let shifted = |s: f64| -> Vec<f64> { x.iter().zip(&v).map(|(x, v)| x + s * h * v).collect() };
        let (plus, minus) = (shifted(1.0), shifted(-1.0));
        let slope = (rbm.energy_at(&plus) - rbm.energy_at(&minus)) / (2.0 * h);
        let gradient = rbm.gradient_at(&x);
        let directional: f64 = gradient.iter().zip(&v).map(|(g, v)| g * v).sum();
        prop_assert!((slope - directional).abs() < 1e-8);
        let mut hv = vec![0.0; 5];
        rbm.hessian_vec(&x, &v, &mut hv, &mut Workspace::new());
        let (gp, gm) = (rbm.gradient_at(&plus), rbm.gradient_at(&minus));
        for i in 0..5 {
            prop_assert!(((gp[i] - gm[i]) / (2.0 * h) - hv[i]).abs() < 1e-8);
        }
    }
}

#[test]
fn a_batch_is_its_columns() {
    let rbm = machine(4, 3, 1.0, 5);
    let states = all_states(4);
    let batch = Batch::new(&states, 4).unwrap();
    let ws = &mut Workspace::new();
    let mut energies = vec![0.0; 16];
    rbm.energy_batch(batch, &mut energies, ws);
    let mut gradients = vec![0.0; 64];
    rbm.gradient_batch(batch, BatchMut::new(&mut gradients, 4).unwrap(), ws);
    for (j, v) in batch.columns().enumerate() {
        assert!((energies[j] - rbm.energy_at(v)).abs() < 1e-13);
        for (a, b) in rbm.gradient_at(v).iter().zip(&gradients[j * 4..]) {
            assert!((a - b).abs() < 1e-13);
        }
    }
}

#[test]
fn large_inputs_neither_overflow_nor_jump() {
    for (scale, expected) in [(1e4, -1e4), (-1e4, 0.0), (9.999_999, -10.000_044_4)] {
        let rbm = Rbm::new(vec![scale], vec![0.0], vec![0.0]).unwrap();
        // F(1) = −softplus(scale)
        assert!((rbm.energy_at(&[1.0]) - expected).abs() < 1e-6);
        let mut p = [0.0];
        rbm.probabilities(Layer::Hidden, &[1.0], &mut p);
        assert!((0.0..=1.0).contains(&p[0]));
    }
}

#[test]
fn evaluations_do_not_allocate() {
    let rbm = machine(30, 20, 0.3, 1);
    let x = vec![1.0; 30];
    let mut out = vec![0.0; 30];
    let ws = &mut Workspace::new();
    let mut evaluate = || {
        rbm.energy_gradient(&x, &mut out, ws);
        rbm.hessian_vec(&x, &x, &mut out, ws);
    };
    evaluate();
    assert_eq!(allocation_counter::measure(evaluate).count_total, 0);
}

#[test]
fn rejects_bad_input() {
    assert!(Rbm::new(vec![], vec![], vec![0.0]).is_err());
    assert!(Rbm::new(vec![], vec![0.0], vec![]).is_err());
    let message = |r: Result<Rbm, ebm_boltzmann::Error>| r.unwrap_err().to_string();
    assert_eq!(message(Rbm::random(usize::MAX, 0, 1.0, 1)), "hidden layer is empty");
    assert_eq!(message(Rbm::random(0, usize::MAX, 1.0, 1)), "visible layer is empty");
    let huge = message(Rbm::random(usize::MAX, 2, 1.0, 1));
    assert!(huge.starts_with("weights: cannot allocate "), "{huge}");
    let message = Rbm::new(vec![0.0; 5], vec![0.0; 2], vec![0.0; 3]).unwrap_err().to_string();
    assert_eq!(message, "weights, visible x hidden: expected length 6, found 5");
    assert!(Rbm::new(vec![f64::NAN], vec![0.0], vec![0.0]).is_err());
    assert!(Rbm::new(vec![0.0], vec![f64::INFINITY], vec![0.0]).is_err());
    assert!(Rbm::random(0, 3, 0.1, 1).is_err());
    assert!(Rbm::random(3, 3, -0.1, 1).is_err());
    assert!(Rbm::random(usize::MAX, 2, 0.1, 1).is_err());
    assert!(Rbm::random(2, 2, 0.1, 1).unwrap().with_visible_bias(vec![0.0]).is_err());
}

#[test]
#[should_panic(expected = "a direction has the shapes of its machine")]
fn ascending_along_a_direction_of_other_shapes_panics() {
    let direction = RbmGradient::zero(&Rbm::random(3, 2, 0.1, 1).unwrap());
    Rbm::random(3, 3, 0.1, 1).unwrap().ascend(&direction, 0.1);
}
