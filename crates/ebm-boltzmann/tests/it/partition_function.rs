//! Exact sums against brute force over all joint states.

use ebm_boltzmann::{Error, ExactLikelihood, Layer, Rbm, RbmGradient};
use ebm_core::Batch;
use proptest::prelude::*;

use crate::{all_states, machine};

/// `ln Σ exp(−E(v, h))` over all joint states, one by one.
fn brute_force(rbm: &Rbm) -> f64 {
    let (visible, hidden) = (rbm.units(Layer::Visible), rbm.units(Layer::Hidden));
    let (vs, hs) = (all_states(visible), all_states(hidden));
    let mut sum = 0.0;
    for v in vs.chunks_exact(visible) {
        for h in hs.chunks_exact(hidden) {
            sum += (-rbm.joint_energy(v, h)).exp();
        }
    }
    sum.ln()
}

proptest! {
    #[test]
    fn log_partition_is_the_joint_sum(
        visible in 1usize..7, hidden in 1usize..7, scale in 0.1f64..3.0, seed: u64,
    ) {
        let rbm = machine(visible, hidden, scale, seed);
        let found = ExactLikelihood::new(&rbm).unwrap().log_partition(&rbm).unwrap();
        let expected = brute_force(&rbm);
        prop_assert!((found - expected).abs() < 1e-11 * (1.0 + expected.abs()));
    }

    #[test]
    fn likelihood_does_not_depend_on_what_a_hidden_unit_calls_on(
        visible in 1usize..6, hidden in 1usize..6, seed: u64,
    ) {
        // h₀ → 1 − h₀: W₀ and c₀ change sign, and the visible bias takes W₀.
        let rbm = machine(visible, hidden, 1.0, seed);
        let data = all_states(visible);
        let data = Batch::new(&data[..visible * data.len().div_ceil(2 * visible)], visible).unwrap();
        let (mut w, mut a) = (rbm.weights().to_vec(), rbm.bias(Layer::Visible).to_vec());
        let mut c = rbm.bias(Layer::Hidden).to_vec();
        for (w, a) in w[..visible].iter_mut().zip(&mut a) {
            *a += *w;
            *w = -*w;
        }
        c[0] = -c[0];
        let gauged = Rbm::new(w, a, c).unwrap();
        let mut exact = ExactLikelihood::new(&rbm).unwrap();
        let (one, other) = (exact.log_likelihood(&rbm, data), exact.log_likelihood(&gauged, data));
        prop_assert!((one.unwrap() - other.unwrap()).abs() < 1e-11);
    }
}

#[test]
fn probabilities_of_all_visible_states_sum_to_one() {
    // 10 units below 11: 1024 states, several blocks, either layer enumerated.
    for (visible, hidden) in [(10, 11), (11, 10)] {
        let rbm = machine(visible, hidden, 0.7, 3);
        let mut exact = ExactLikelihood::new(&rbm).unwrap();
        let states = all_states(visible);
        let total: f64 = states
            .chunks_exact(visible)
            .map(|v| exact.log_likelihood(&rbm, Batch::single(v).unwrap()).unwrap().exp())
            .sum();
        assert!((total - 1.0).abs() < 1e-11, "{total}");
    }
}

#[test]
fn gradient_agrees_with_differences_for_every_parameter() {
    for (visible, hidden) in [(4, 3), (3, 5), (9, 10)] {
        let rbm = machine(visible, hidden, 0.8, 7);
        let data = all_states(visible);
        let data = Batch::new(&data[visible..visible * 6], visible).unwrap();
        let mut exact = ExactLikelihood::new(&rbm).unwrap();
        let mut gradient = RbmGradient::zero(&rbm);
        exact.gradient(&rbm, data, &mut gradient).unwrap();
        let h = 1e-5;
        let mut difference = |direction: &RbmGradient| {
            let mut at = |rate| {
                let mut moved = rbm.clone();
                moved.ascend(direction, rate);
                exact.log_likelihood(&moved, data).unwrap()
            };
            (at(h) - at(-h)) / (2.0 * h)
        };
        let zero = RbmGradient::zero(&rbm);
        for (i, g) in gradient.weights.iter().enumerate() {
            let mut direction = zero.clone();
            direction.weights[i] = 1.0;
            assert!((difference(&direction) - g).abs() < 1e-8);
        }
        for (i, g) in gradient.visible_bias.iter().enumerate() {
            let mut direction = zero.clone();
            direction.visible_bias[i] = 1.0;
            assert!((difference(&direction) - g).abs() < 1e-8);
        }
        for (i, g) in gradient.hidden_bias.iter().enumerate() {
            let mut direction = zero.clone();
            direction.hidden_bias[i] = 1.0;
            assert!((difference(&direction) - g).abs() < 1e-8);
        }
    }
}

#[test]
fn huge_weights_stay_finite() {
    let rbm = Rbm::new(vec![1e4; 6], vec![-1e3; 3], vec![1e3; 2]).unwrap();
    let mut exact = ExactLikelihood::new(&rbm).unwrap();
    // All on: 6·10⁴ − 3·10³ + 2·10³; the next state is 2·10⁴ below.
    assert_eq!(exact.log_partition(&rbm).unwrap(), 59_000.0);
    let data = [1.0; 3];
    assert_eq!(exact.log_likelihood(&rbm, Batch::single(&data).unwrap()).unwrap(), 0.0);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let rbm = machine(12, 13, 0.5, 2);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ExactLikelihood::new(&rbm).unwrap().log_partition(&rbm).unwrap())
    };
    assert_eq!(run(1).to_bits(), run(2).to_bits());
    assert_eq!(run(1).to_bits(), run(4).to_bits());
}

#[test]
fn rejects_bad_input() {
    let large = Rbm::new(vec![0.0; 25 * 25], vec![0.0; 25], vec![0.0; 25]).unwrap();
    let refused = ExactLikelihood::new(&large);
    assert!(matches!(refused, Err(Error::TooManyStates { found: 25, limit: 24 })));
    let rbm = machine(3, 2, 1.0, 1);
    let mut exact = ExactLikelihood::new(&rbm).unwrap();
    assert!(exact.log_partition(&machine(4, 2, 1.0, 1)).is_err());
    assert!(exact.log_likelihood(&rbm, Batch::new(&[], 3).unwrap()).is_err());
    assert!(exact.log_likelihood(&rbm, Batch::new(&[1.0, 0.0], 2).unwrap()).is_err());
    let message = exact.log_likelihood(&rbm, Batch::new(&[1.0, 0.5, 0.0], 3).unwrap());
    assert_eq!(message.unwrap_err().to_string(), "data row 0: entry 1 is 0.5, expected 0 or 1");
    let mut wrong = RbmGradient::zero(&machine(4, 2, 1.0, 1));
    let row = Batch::new(&[1.0, 1.0, 0.0], 3).unwrap();
    assert!(exact.gradient(&rbm, row, &mut wrong).is_err());
}
