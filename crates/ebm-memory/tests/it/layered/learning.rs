//! Settling of layered memories, and derivatives through the fixed point.

use ebm_core::lagrangian::Elementwise;
use ebm_core::network::Activation;
use ebm_core::{Batch, Outcome};
use ebm_memory::layered::{
    DenseSynapse, ImplicitGradient, Layer, LayeredMemory, RetrievalLoss, Settle, SquaredError,
};
use ebm_memory::{Cccp, Corruption, Error, LogSumExpMemory, Patterns, Similarity, corrupt};

use super::{normals, stored, zoo};

/// `Σ cᵢ gᵢ + ½ Σ gᵢ²` with coefficients that depend on the query.
struct Mixed;

impl RetrievalLoss for Mixed {
    fn evaluate(&self, query: usize, g: &[f64], slope: &mut [f64]) -> f64 {
        let c = normals(g.len(), 70 + query as u64);
        let mut sum = 0.0;
        for ((slope, g), c) in slope.iter_mut().zip(g).zip(&c) {
            *slope = c + g;
            sum += c * g + 0.5 * g * g;
        }
        sum
    }
}

#[test]
fn gradients_through_the_fixed_point_are_finite_differences() {
    for (k, mut memory) in zoo().into_iter().enumerate() {
        let n = memory.dim();
        // Near stored patterns, where there are some.
        let mut cues = normals(3 * n, 60 + k as u64);
        if memory.layers()[0].dim() == 6 {
            for (cue, pattern) in cues.chunks_exact_mut(n).zip(stored().as_batch().columns()) {
                for (x, p) in cue.iter_mut().zip(pattern) {
                    *x = p + 0.2 * *x;
                }
            }
        }
        let cues = Batch::new(&cues, n).unwrap();
        let implicit = ImplicitGradient::default();
        let theta = memory.parameters();
        let found = implicit.gradient(&memory, cues, &Mixed).unwrap();
        assert_eq!(found.count(), cues.count(), "memory {k}: {:?}", found.outcomes);
        for seed in 0..4 {
            let direction = normals(theta.len(), 80 + seed);
            let along: f64 = direction.iter().zip(&found.gradient).map(|(d, g)| d * g).sum();
            let mut loss = |h: f64| {
                let moved: Vec<f64> =
                    theta.iter().zip(&direction).map(|(p, d)| p + h * d).collect();
                memory.set_parameters(&moved).unwrap();
                implicit.gradient(&memory, cues, &Mixed).unwrap().loss
            };
            let h = 3e-5;
            let difference =
                (8.0 * (loss(h) - loss(-h)) - (loss(2.0 * h) - loss(-2.0 * h))) / (12.0 * h);
            let scale = 1.0 + along.abs();
            assert!(
                (difference - along).abs() < 1e-6 * scale,
                "memory {k}: {difference} and {along}"
            );
        }
        memory.set_parameters(&theta).unwrap();
    }
}

/// Clamped linear input of 8, tanh hidden layer of 7, tanh output of 4.
fn completion() -> LayeredMemory {
    let layer = |dim, activation| Layer::new(Elementwise::new(dim, activation).unwrap());
    let tanh = Activation::Tanh { gain: 1.0 };
    LayeredMemory::new(vec![layer(8, Activation::Linear), layer(7, tanh), layer(4, tanh)])
        .unwrap()
        .connect(DenseSynapse::random(8, 7, 0.3, 3).unwrap(), &[0, 1])
        .unwrap()
        .connect(DenseSynapse::random(7, 4, 0.3, 4).unwrap(), &[1, 2])
        .unwrap()
        .clamp(0)
        .unwrap()
}

#[test]
fn every_weight_of_a_completion_network_has_its_derivative() {
    let mut memory = completion();
    let known = Patterns::random_signs(8, 5, 1).unwrap();
    let unknown = Patterns::random_signs(4, 5, 2).unwrap();
    let cues = memory.states(0, known.as_batch()).unwrap();
    let cues = cues.as_batch();
    let loss = SquaredError::new(&memory, 2, unknown.as_batch()).unwrap();
    let implicit = ImplicitGradient::default();
    let theta = memory.parameters();
    let found = implicit.gradient(&memory, cues, &loss).unwrap();
    for (i, slope) in found.gradient.iter().enumerate().step_by(5) {
        let mut value = |h: f64| {
            let mut moved = theta.clone();
            moved[i] += h;
            memory.set_parameters(&moved).unwrap();
            implicit.gradient(&memory, cues, &loss).unwrap().loss
        };
        let h = 1e-4;
        let difference =
            (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
        assert!((difference - slope).abs() < 1e-6, "weight {i}: {difference} and {slope}");
    }
}

#[test]
fn learned_synapses_complete_patterns() {
    let mut memory = completion();
    let known = Patterns::random_signs(8, 5, 1).unwrap();
    let unknown = Patterns::random_signs(4, 5, 2).unwrap();
    let cues = memory.states(0, known.as_batch()).unwrap();
    let cues = cues.as_batch();
    let loss = SquaredError::new(&memory, 2, unknown.as_batch()).unwrap();
    let (implicit, mut losses) = (ImplicitGradient::default(), Vec::new());
    for _ in 0..200 {
        let found = implicit.gradient(&memory, cues, &loss).unwrap();
        let steps = found.gradient.iter().map(|slope| 0.05 * slope);
        let theta: Vec<f64> = memory.parameters().iter().zip(steps).map(|(p, s)| p - s).collect();
        memory.set_parameters(&theta).unwrap();
        losses.push(found.loss);
    }
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    assert!(losses[199] < 0.02 * losses[0], "{losses:?}");
    let end = implicit.settle.retrieve(&memory, cues).unwrap();
    for (mu, x) in end.states().columns().enumerate() {
        let output = &memory.activations(x)[memory.range(2)];
        assert!(output.iter().zip(unknown.pattern(mu)).all(|(g, target)| g * target > 0.5));
    }
}

#[test]
fn settling_recalls_what_the_one_layer_memory_does() {
    let patterns = Patterns::random_signs(30, 50, 1).unwrap();
    let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2).unwrap();
    let cues = cues.as_batch();
    let one_layer = LogSumExpMemory::new(patterns.clone(), 0.5, Similarity::DotProduct).unwrap();
    let expected = Cccp::default().retrieve(&one_layer, cues).unwrap();
    for fast in [false, true] {
        let mut memory = LayeredMemory::model_b(&patterns, 0.5, 0.1).unwrap();
        if fast {
            memory = memory.eliminate(1).unwrap();
        }
        let starts = memory.states(0, cues).unwrap();
        let starts = starts.as_batch();
        let settled = Settle::default().retrieve(&memory, starts).unwrap();
        assert_eq!(settled, Settle::default().retrieve_from_layer(&memory, 0, cues).unwrap());
        for (mu, report) in settled.reports().iter().enumerate() {
            assert_eq!(report.outcome, Outcome::Converged);
            assert!(report.residual <= 1e-11 && report.evaluations > 0);
            assert!((report.energy - expected.reports()[mu].energy).abs() < 1e-9);
            let visible = &settled.state(mu)[memory.range(0)];
            for (a, b) in visible.iter().zip(expected.state(mu)) {
                assert!((a - b).abs() < 1e-8);
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let memory = completion();
    let known = Patterns::random_signs(8, 70, 1).unwrap();
    let unknown = Patterns::random_signs(4, 70, 2).unwrap();
    let cues = memory.states(0, known.as_batch()).unwrap();
    let loss = SquaredError::new(&memory, 2, unknown.as_batch()).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cues = cues.as_batch();
        pool.install(|| ImplicitGradient::default().gradient(&memory, cues, &loss).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn what_does_not_settle_is_reported_and_left_out() {
    let memory = completion();
    let known = Patterns::random_signs(8, 2, 1).unwrap();
    let unknown = Patterns::random_signs(4, 2, 2).unwrap();
    let cues = memory.states(0, known.as_batch()).unwrap();
    let cues = cues.as_batch();
    let loss = SquaredError::new(&memory, 2, unknown.as_batch()).unwrap();
    let settle = Settle { max_time: 1.0, ..Settle::default() };
    let hasty = ImplicitGradient { settle, ..ImplicitGradient::default() };
    let found = hasty.gradient(&memory, cues, &loss).unwrap();
    assert_eq!(found.outcomes, [Outcome::MaxSteps; 2]);
    assert_eq!(found.count(), 0);
    assert!(found.loss.is_nan() && found.gradient.iter().all(|g| *g == 0.0));

    // Two patterns of overlap 1/3 have a degenerate mixture in model C, which is
    // approached ever more slowly.
    let patterns = Patterns::random_signs(6, 4, 3).unwrap();
    assert_eq!(patterns.overlap(2, patterns.pattern(0)), 1.0 / 3.0);
    let mixing = LayeredMemory::model_c(&patterns, 3.0, 0.1).unwrap();
    let mut start = patterns.pattern(0).to_vec();
    start[2] = 0.5;
    let start = mixing.state(&[(0, &start)]).unwrap();
    let end = Settle::default().retrieve(&mixing, Batch::single(&start).unwrap()).unwrap();
    assert_eq!(end.reports()[0].outcome, Outcome::Stalled);

    // A quartic memory with linear visible neurons is not bounded below.
    let patterns = Patterns::random_signs(4, 2, 1).unwrap();
    let linear = Elementwise::new(4, Activation::Linear).unwrap();
    let quartic = Elementwise::new(2, Activation::RectifiedPower { power: 4.0 }).unwrap();
    let unbounded = LayeredMemory::new(vec![Layer::new(linear), Layer::new(quartic)])
        .unwrap()
        .connect(DenseSynapse::from_patterns(&patterns), &[0, 1])
        .unwrap();
    let start = unbounded.states(0, patterns.as_batch()).unwrap();
    let end = Settle::default().retrieve(&unbounded, start.as_batch()).unwrap();
    for report in end.reports() {
        assert!(!report.outcome.is_success(), "{report:?}");
    }
}

#[test]
fn bad_input_is_an_error() {
    let memory = completion();
    let n = memory.dim();
    let run = |settle: Settle, cues: &[f64], dim| -> Result<(), Error> {
        settle.retrieve(&memory, Batch::new(cues, dim)?).map(|_| ())
    };
    let settle = Settle::default();
    let good = vec![0.1; n];
    assert!(run(settle, &good, n).is_ok());
    assert!(run(settle, &good[1..], n - 1).is_err());
    assert!(run(settle, &[], n).is_err());
    assert!(run(settle, &vec![f64::NAN; n], n).is_err());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(run(Settle { max_time: bad, ..settle }, &good, n).is_err());
        assert!(run(Settle { arrival: bad, ..settle }, &good, n).is_err());
        assert!(run(Settle { tolerance: bad, ..settle }, &good, n).is_err());
        let implicit = ImplicitGradient { tolerance: bad, ..ImplicitGradient::default() };
        assert!(implicit.gradient(&memory, Batch::single(&good).unwrap(), &Mixed).is_err());
    }
    let two = [0.5; 8];
    let two = Batch::new(&two, 4).unwrap();
    let loss = SquaredError::new(&memory, 2, two).unwrap();
    let one = Batch::single(&good).unwrap();
    let message = ImplicitGradient::default().gradient(&memory, one, &loss).unwrap_err();
    assert_eq!(message.to_string(), "queries of the loss: expected length 1, found 2");
    assert!(SquaredError::new(&memory, 3, two).is_err());
    assert!(SquaredError::new(&memory, 1, two).is_err());
    let nan = [f64::NAN; 4];
    assert!(SquaredError::new(&memory, 2, Batch::new(&nan, 4).unwrap()).is_err());
}
