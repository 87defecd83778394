//! Contrastive divergence against its exact expectation.

use ebm_boltzmann::{
    ContrastiveDivergence, Error, ExactLikelihood, Layer, Multiplicity, Rbm, RbmGradient, Training,
    TrainingState, bars_and_stripes,
};
use ebm_core::{Batch, Outcome};

use crate::{all_states, machine};

/// The three data rows of the tests, on three visible units.
const ROWS: [f64; 9] = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];

/// `copies` of the rows, so that one update averages over as many chains.
fn repeated(copies: usize) -> Vec<f64> {
    ROWS.repeat(copies)
}

/// One update at rate 1 from rest: the statistics of CD-k.
fn statistics(rbm: &Rbm, sweeps: usize, data: &[f64]) -> RbmGradient {
    let data = Batch::new(data, 3).unwrap();
    let method = ContrastiveDivergence {
        sweeps,
        learning_rate: 1.0,
        batch_size: data.count(),
        seed: 5,
        ..Default::default()
    };
    let mut training = Training::new(method, TrainingState::new(rbm.clone()), data).unwrap();
    training.update();
    training.into_state().velocity
}

/// `⟨v P(h|v)ᵀ⟩` over visible states with the given probabilities.
fn correlation(rbm: &Rbm, states: &[f64], weights: &[f64]) -> Vec<f64> {
    let hidden = rbm.units(Layer::Hidden);
    let mut sum = vec![0.0; 3 * hidden];
    let mut p = vec![0.0; hidden];
    for (v, weight) in states.chunks_exact(3).zip(weights) {
        rbm.probabilities(Layer::Hidden, v, &mut p);
        for (sum, p) in sum.chunks_exact_mut(3).zip(&p) {
            for (sum, v) in sum.iter_mut().zip(v) {
                *sum += weight * v * p;
            }
        }
    }
    sum
}

/// `Π pᵢ or 1 − pᵢ`.
fn probability_of(bits: &[f64], p: &[f64]) -> f64 {
    bits.iter().zip(p).map(|(b, p)| if *b == 1.0 { *p } else { 1.0 - p }).product()
}

#[test]
fn one_sweep_has_the_enumerated_mean() {
    let rbm = machine(3, 2, 1.0, 9);
    let (vs, hs) = (all_states(3), all_states(2));
    // P(v₁) = (1/3) Σ_rows Σ_h P(v₁|h) P(h|row)
    let mut after = [0.0; 8];
    let (mut ph, mut pv) = ([0.0; 2], [0.0; 3]);
    for row in ROWS.chunks_exact(3) {
        rbm.probabilities(Layer::Hidden, row, &mut ph);
        for h in hs.chunks_exact(2) {
            rbm.probabilities(Layer::Visible, h, &mut pv);
            for (after, v) in after.iter_mut().zip(vs.chunks_exact(3)) {
                *after += probability_of(h, &ph) * probability_of(v, &pv) / 3.0;
            }
        }
    }
    let data = correlation(&rbm, &ROWS, &[1.0 / 3.0; 3]);
    let model = correlation(&rbm, &vs, &after);
    let copies = 20_000;
    let found = statistics(&rbm, 1, &repeated(copies));
    // An entry lies in [0, 1], so its standard error is at most ½/√rows.
    let tolerance = 6.0 * 0.5 / (3.0 * copies as f64).sqrt();
    for ((d, m), f) in data.iter().zip(&model).zip(&found.weights) {
        assert!((d - m - f).abs() < tolerance, "{} {f}", d - m);
    }
    for i in 0..3 {
        let data = ROWS.chunks_exact(3).map(|r| r[i]).sum::<f64>() / 3.0;
        let model: f64 = vs.chunks_exact(3).zip(&after).map(|(v, p)| p * v[i]).sum();
        assert!((data - model - found.visible_bias[i]).abs() < tolerance);
    }
}

#[test]
fn many_sweeps_estimate_the_likelihood_gradient() {
    let rbm = machine(3, 2, 1.0, 9);
    let copies = 5_000;
    let found = statistics(&rbm, 50, &repeated(copies));
    let mut exact = RbmGradient::zero(&rbm);
    let mut likelihood = ExactLikelihood::new(&rbm).unwrap();
    likelihood.gradient(&rbm, Batch::new(&ROWS, 3).unwrap(), &mut exact).unwrap();
    let tolerance = 6.0 * 0.5 / (3.0 * copies as f64).sqrt();
    let all = |g: &RbmGradient| [&g.weights[..], &g.visible_bias, &g.hidden_bias].concat();
    for (f, e) in all(&found).iter().zip(all(&exact)) {
        assert!((f - e).abs() < tolerance, "{f} {e}");
    }
}

#[test]
fn a_checkpoint_continues_bit_for_bit() {
    let pictures = bars_and_stripes(3, Multiplicity::Distinct).unwrap();
    let data = Batch::new(&pictures, 9).unwrap();
    let method = ContrastiveDivergence {
        sweeps: 2,
        momentum: 0.5,
        weight_decay: 1e-3,
        batch_size: 4,
        seed: 3,
        ..Default::default()
    };
    let start = TrainingState::new(Rbm::random(9, 5, 0.1, 1).unwrap());
    let mut whole = Training::new(method, start.clone(), data).unwrap();
    for _ in 0..6 {
        whole.epoch();
    }
    // Four updates an epoch: interrupt in the middle of the second one.
    let mut part = Training::new(method, start, data).unwrap();
    (0..6).for_each(|_| part.update());
    let mut part = Training::new(method, part.into_state(), data).unwrap();
    let reports: Vec<_> = (0..5).map(|_| part.epoch()).collect();
    assert_eq!(reports[0].epoch, 2);
    assert_eq!(reports[4].epoch, 6);
    assert_eq!(part.state(), whole.state());
}

#[test]
fn momentum_and_decay_follow_their_formula() {
    // With a single data row of zeros, hidden input far negative and visible
    // bias far negative every statistic vanishes, and only decay moves weights.
    let rbm = Rbm::new(vec![0.5, -0.25], vec![-1e4, -1e4], vec![-1e4]).unwrap();
    let row = [0.0, 0.0];
    let method = ContrastiveDivergence {
        learning_rate: 0.1,
        momentum: 0.5,
        weight_decay: 0.2,
        ..Default::default()
    };
    let data = Batch::single(&row).unwrap();
    let mut training = Training::new(method, TrainingState::new(rbm), data).unwrap();
    let (mut w, mut velocity) = (0.5, 0.0);
    for _ in 0..4 {
        training.update();
        velocity = 0.5 * velocity - 0.1 * 0.2 * w;
        w += velocity;
        assert!((training.state().rbm.weights()[0] - w).abs() < 1e-15);
    }
    assert_eq!(training.state().rbm.bias(Layer::Visible), [-1e4, -1e4]);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // Batches of 300 rows are five blocks.
    let data = repeated(250);
    let data = Batch::new(&data, 3).unwrap();
    let method = ContrastiveDivergence { batch_size: 300, ..Default::default() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let state = TrainingState::new(machine(3, 2, 0.5, 1));
            let mut training = Training::new(method, state, data).unwrap();
            let errors: Vec<_> = (0..5).map(|_| training.epoch().reconstruction_error).collect();
            (training.into_state(), errors)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn updates_do_not_allocate() {
    let pictures = bars_and_stripes(3, Multiplicity::Distinct).unwrap();
    let data = Batch::new(&pictures, 9).unwrap();
    let state = TrainingState::new(Rbm::random(9, 8, 0.1, 1).unwrap());
    let method = ContrastiveDivergence { sweeps: 3, batch_size: 5, ..Default::default() };
    let mut training = Training::new(method, state, data).unwrap();
    training.epoch();
    let counted = allocation_counter::measure(|| {
        training.epoch();
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn divergence_is_an_outcome() {
    let data = Batch::new(&ROWS, 3).unwrap();
    let method =
        ContrastiveDivergence { learning_rate: 1e308, momentum: 0.9, ..Default::default() };
    let state = TrainingState::new(machine(3, 2, 1.0, 1));
    let mut training = Training::new(method, state, data).unwrap();
    let outcomes: Vec<_> = (0..20).map(|_| training.epoch().outcome).collect();
    assert!(matches!(outcomes[19], Outcome::NotFinite { .. }), "{outcomes:?}");
}

#[test]
fn rejects_bad_input() {
    let rbm = machine(3, 2, 1.0, 1);
    let good = ContrastiveDivergence::default();
    let attempt = |method, state: TrainingState, data: &[f64], dim| -> Result<(), Error> {
        Training::new(method, state, Batch::new(data, dim)?).map(|_| ())
    };
    let start = || TrainingState::new(rbm.clone());
    assert!(attempt(good, start(), &ROWS, 3).is_ok());
    for bad in [
        ContrastiveDivergence { sweeps: 0, ..good },
        ContrastiveDivergence { learning_rate: 0.0, ..good },
        ContrastiveDivergence { learning_rate: f64::NAN, ..good },
        ContrastiveDivergence { momentum: 1.0, ..good },
        ContrastiveDivergence { momentum: -0.1, ..good },
        ContrastiveDivergence { weight_decay: -1.0, ..good },
        ContrastiveDivergence { batch_size: 0, ..good },
    ] {
        assert!(attempt(bad, start(), &ROWS, 3).is_err(), "{bad:?}");
    }
    let huge = ContrastiveDivergence { batch_size: usize::MAX, ..good };
    assert!(attempt(huge, start(), &ROWS, 3).is_ok());
    assert!(attempt(good, start(), &[], 3).is_err());
    assert!(attempt(good, start(), &[1.0, 2.0, 0.0], 3).is_err());
    assert!(attempt(good, start(), &[1.0, f64::NAN, 0.0], 3).is_err());
    assert!(attempt(good, start(), &[1.0; 4], 4).is_err());
    let mut broken = start();
    broken.velocity.weights.pop();
    assert!(attempt(good, broken, &ROWS, 3).is_err());
}
