//! The log-sum-exp memory and its retrieval against definitions and bounds.

use ebm_core::flow::GradientFlow;
use ebm_core::{Batch, Curvature, Energy, Gradient, Outcome, Workspace, ode};
use ebm_memory::{
    Cccp, Corruption, Error, FenchelYoungMemory, LogSumExpMemory, Patterns, RegularizedArgmax,
    Similarity, corrupt,
};
use proptest::prelude::*;

const SIMILARITIES: [Similarity; 2] = [Similarity::DotProduct, Similarity::SquaredDistance];

/// A small memory of arbitrary patterns, with a state and a direction.
fn arbitrary() -> impl Strategy<Value = (LogSumExpMemory, Vec<f64>, Vec<f64>)> {
    (1usize..6, 1usize..8, 0.05f64..5.0, 0usize..2).prop_flat_map(
        |(dim, count, beta, similarity)| {
            let entry = -2.0f64..2.0;
            (
                prop::collection::vec(entry.clone(), dim * count),
                prop::collection::vec(entry.clone(), dim),
                prop::collection::vec(entry, dim),
            )
                .prop_map(move |(data, x, v)| {
                    let patterns = Patterns::new(data, dim).unwrap();
                    let memory = LogSumExpMemory::new(patterns, beta, SIMILARITIES[similarity]);
                    (memory.unwrap(), x, v)
                })
        },
    )
}

/// `E` term by term, as the module defines it.
fn energy_by_definition(memory: &LogSumExpMemory, x: &[f64]) -> f64 {
    let beta = memory.beta();
    let mut sum = 0.0;
    for p in memory.patterns().as_batch().columns() {
        let dot: f64 = p.iter().zip(x).map(|(p, x)| p * x).sum();
        let distance: f64 = p.iter().zip(x).map(|(p, x)| (p - x) * (p - x)).sum();
        sum += match memory.similarity() {
            Similarity::SquaredDistance => (-0.5 * beta * distance).exp(),
            _ => (beta * dot - 0.5 * beta * x.iter().map(|x| x * x).sum::<f64>()).exp(),
        };
    }
    -sum.ln() / beta
}

proptest! {
    #[test]
    fn energy_and_derivatives_agree_with_the_definition((memory, x, v) in arbitrary()) {
        let ws = &mut Workspace::new();
        let energy = memory.energy(&x, ws);
        prop_assert!((energy - energy_by_definition(&memory, &x)).abs() < 1e-10 * (1.0 + energy.abs()));

        let h = 1e-5;
        let shifted = |s: f64| -> Vec<f64> { x.iter().zip(&v).map(|(x, v)| x + s * h * v).collect() };
        let (plus, minus) = (shifted(1.0), shifted(-1.0));
        let slope = (memory.energy_at(&plus) - memory.energy_at(&minus)) / (2.0 * h);
        let gradient = memory.gradient_at(&x);
        let directional: f64 = gradient.iter().zip(&v).map(|(g, v)| g * v).sum();
        prop_assert!((slope - directional).abs() < 1e-6, "{slope} {directional}");

        let mut hv = vec![0.0; x.len()];
        memory.hessian_vec(&x, &v, &mut hv, ws);
        let (gp, gm) = (memory.gradient_at(&plus), memory.gradient_at(&minus));
        for i in 0..x.len() {
            let difference = (gp[i] - gm[i]) / (2.0 * h);
            prop_assert!((difference - hv[i]).abs() < 1e-5, "{difference} {}", hv[i]);
        }
    }

    #[test]
    fn an_update_descends_by_half_its_squared_length((memory, x, _) in arbitrary()) {
        let gradient = memory.gradient_at(&x);
        let next: Vec<f64> = x.iter().zip(&gradient).map(|(x, g)| x - g).collect();
        let length: f64 = gradient.iter().map(|g| g * g).sum();
        let (before, after) = (memory.energy_at(&x), memory.energy_at(&next));
        prop_assert!(after <= before - 0.5 * length + 1e-12 * (1.0 + before.abs()));
    }

    #[test]
    fn retrieval_certifies_what_it_returns((memory, x, _) in arbitrary()) {
        let cccp = Cccp { max_iterations: 400, ..Cccp::default() };
        let found = cccp.retrieve(&memory, Batch::single(&x).unwrap()).unwrap();
        let report = found.reports()[0];
        let state = found.state(0);
        prop_assert!(report.energy <= memory.energy_at(&x) + 1e-12);
        prop_assert!((report.energy - memory.energy_at(state)).abs() < 1e-11);
        let residual = memory.gradient_at(state).iter().map(|g| g * g).sum::<f64>().sqrt();
        prop_assert!((report.residual - residual).abs() < 1e-12);
        let pattern = memory.patterns().pattern(report.pattern);
        let distance: f64 =
            pattern.iter().zip(state).map(|(p, s)| (p - s) * (p - s)).sum::<f64>().sqrt();
        prop_assert!(distance <= report.distance_bound(&memory) + 1e-12);
        prop_assert!(report.margin >= 0.0);
    }

    #[test]
    fn order_and_rotation_of_the_patterns_do_not_matter((memory, x, _) in arbitrary()) {
        // Reverse the patterns, and flip the sign of the first coordinate of
        // all patterns and of the state (a gauge change).
        let count = memory.patterns().count();
        let reversed: Vec<usize> = (0..count).rev().collect();
        let mut data = memory.patterns().subset(&reversed).unwrap().as_batch().as_slice().to_vec();
        data.chunks_exact_mut(x.len()).for_each(|p| p[0] = -p[0]);
        let patterns = Patterns::new(data, x.len()).unwrap();
        let other = LogSumExpMemory::new(patterns, memory.beta(), memory.similarity()).unwrap();
        let mut y = x.clone();
        y[0] = -y[0];
        prop_assert!((memory.energy_at(&x) - other.energy_at(&y)).abs() < 1e-12);
        let (a, mut b) = (memory.gradient_at(&x), other.gradient_at(&y));
        b[0] = -b[0];
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b).abs() < 1e-12);
        }
    }
}

/// 300 patterns of length 40 and a cue for each with 15 % of the signs flipped.
fn many() -> (LogSumExpMemory, Vec<f64>) {
    let patterns = Patterns::random_signs(40, 300, 3).unwrap();
    let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 4).unwrap().into_data();
    (LogSumExpMemory::new(patterns, 0.5, Similarity::DotProduct).unwrap(), cues)
}

#[test]
fn queries_stop_on_their_own() {
    // A query at a fixed point does no update while its neighbor runs on.
    let (memory, cues) = many();
    let settled = Cccp::default().retrieve(&memory, Batch::single(&cues[..40]).unwrap()).unwrap();
    let mut pair = settled.state(0).to_vec();
    pair.extend_from_slice(&cues[40..80]);
    let found = Cccp::default().retrieve(&memory, Batch::new(&pair, 40).unwrap()).unwrap();
    assert_eq!(found.reports()[0].iterations, 0);
    assert!(found.reports()[1].iterations > 0);
    assert_eq!(found.state(0), settled.state(0));
}

#[test]
fn one_update_recalls_within_the_published_error() {
    // Ramsauer et al., retrieval error: ‖f(ξ) − ξ‖ ≤ 2(K − 1) exp(−βΔ) M with the
    // separation Δ of the pattern, here for the cue at the pattern itself.
    let patterns = Patterns::random_signs(60, 50, 8).unwrap();
    let beta = 0.4;
    let memory = LogSumExpMemory::new(patterns.clone(), beta, Similarity::DotProduct).unwrap();
    for mu in 0..50 {
        let pattern = patterns.pattern(mu);
        let closest = (0..50)
            .filter(|nu| *nu != mu)
            .map(|nu| patterns.overlap(nu, pattern))
            .fold(-1.0, f64::max);
        let separation = 60.0 * (1.0 - closest);
        let bound = 2.0 * 49.0 * (-beta * separation).exp() * 60f64.sqrt();
        let error = memory.gradient_at(pattern).iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!(error <= bound + 1e-12, "{error} {bound}");
    }
}

#[test]
fn small_beta_averages_and_one_pattern_is_recalled_at_once() {
    let patterns = Patterns::random_signs(30, 20, 2).unwrap();
    let mean: Vec<f64> =
        (0..30).map(|i| patterns.as_batch().columns().map(|p| p[i]).sum::<f64>() / 20.0).collect();
    let memory = LogSumExpMemory::new(patterns.clone(), 1e-9, Similarity::DotProduct).unwrap();
    let cue = patterns.pattern(0);
    let found = Cccp::default().retrieve(&memory, Batch::single(cue).unwrap()).unwrap();
    for (a, b) in found.state(0).iter().zip(&mean) {
        assert!((a - b).abs() < 1e-6);
    }
    let single = LogSumExpMemory::new(patterns.subset(&[4]).unwrap(), 1.0, Similarity::DotProduct);
    let found = Cccp::default().retrieve(&single.unwrap(), Batch::single(cue).unwrap()).unwrap();
    assert_eq!(found.state(0), patterns.pattern(4));
    assert_eq!(found.reports()[0].margin, f64::INFINITY);
    assert_eq!(found.reports()[0].iterations, 1);
}

#[test]
fn overflow_is_an_outcome() {
    let patterns = Patterns::new(vec![1.0, -1.0, 1.0, 1.0], 2).unwrap();
    let memory = LogSumExpMemory::new(patterns, 1e300, Similarity::DotProduct).unwrap();
    let found = Cccp::default().retrieve(&memory, Batch::single(&[1e200, 1.0]).unwrap()).unwrap();
    assert!(matches!(found.reports()[0].outcome, Outcome::NotFinite { t: 0.0, index: 0 }));
}

#[test]
fn rejects_bad_input() {
    let patterns = || Patterns::new(vec![1.0, -1.0, 1.0, 1.0], 2).unwrap();
    for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(LogSumExpMemory::new(patterns(), beta, Similarity::DotProduct).is_err());
    }
    let huge = Patterns::new(vec![1e200, 0.0], 2).unwrap();
    assert!(LogSumExpMemory::new(huge, 1.0, Similarity::DotProduct).is_err());
    let long = Patterns::new(vec![2.0, 0.0], 2).unwrap();
    assert!(LogSumExpMemory::new(long, f64::MAX, Similarity::SquaredDistance).is_err());

    let memory = LogSumExpMemory::new(patterns(), 1.0, Similarity::DotProduct).unwrap();
    let try_cue = |cccp: Cccp, cue: &[f64], dim| -> Result<(), Error> {
        cccp.retrieve(&memory, Batch::new(cue, dim)?).map(|_| ())
    };
    let cccp = Cccp::default();
    assert!(try_cue(cccp, &[1.0, 1.0], 2).is_ok());
    assert!(try_cue(cccp, &[1.0, f64::NAN], 2).is_err());
    assert!(try_cue(cccp, &[1.0, 1.0, 1.0], 3).is_err());
    assert!(try_cue(cccp, &[], 2).is_err());
    assert!(try_cue(Cccp { max_iterations: 0, ..cccp }, &[1.0, 1.0], 2).is_err());
    assert!(try_cue(Cccp { tolerance: 0.0, ..cccp }, &[1.0, 1.0], 2).is_err());
}

#[test]
fn the_flow_ends_where_the_updates_do() {
    // Both descend to the pattern of the cue.
    let (memory, cues) = many();
    let cue = &cues[..40];
    let jump = Cccp::default().retrieve(&memory, Batch::single(cue).unwrap()).unwrap();
    let mut stepper = ode::DORMAND_PRINCE.stepper(40);
    let field = GradientFlow(&memory);
    let options = ode::Options::default();
    let glide = ode::integrate(&field, &mut stepper, (0.0, 40.0), cue, &options).unwrap();
    assert!(glide.outcome.is_success());
    for (a, b) in jump.state(0).iter().zip(&glide.x) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn scores_that_would_overflow_are_refused() {
    let similarities = [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan];
    let patterns = Patterns::random_signs(64, 5, 1).unwrap();
    let single = patterns.to_precision::<f32>().unwrap();
    let map = RegularizedArgmax::Sparsemax;
    for similarity in similarities {
        let new = |beta| LogSumExpMemory::new(patterns.clone(), beta, similarity);
        let message = new(1e308).unwrap_err().to_string();
        let scores = message.contains("overflow") || message.contains("squared norms");
        assert!(message.starts_with("beta") && scores, "{message}");
        assert!(LogSumExpMemory::new(single.clone(), 1e38, similarity).is_err());
        // The largest that are taken give states and reports without NaN.
        let memory = new(1e305).unwrap();
        let cold = LogSumExpMemory::new(single.clone(), 1e35, similarity).unwrap();
        for x in [0.0, 2.0] {
            let cues: Vec<f64> = patterns.as_batch().as_slice().iter().map(|p| x * p).collect();
            let found = Cccp::default().retrieve(&memory, Batch::new(&cues, 64).unwrap()).unwrap();
            let cues: Vec<f32> = cues.iter().map(|x| *x as f32).collect();
            let near = Cccp::default().retrieve(&cold, Batch::new(&cues, 64).unwrap()).unwrap();
            for query in found.reports().iter().chain(near.reports()) {
                let finite = query.energy.is_finite() && query.residual.is_finite();
                assert!(finite && !query.margin.is_nan() && !query.spill.is_nan(), "{query:?}");
            }
        }
        let bare = new(1.0).unwrap();
        assert!(bare.clone().with_inverse_temperatures(&[1.0, 1.0, 1e308, 1.0, 1.0]).is_err());
        // Longer than those whose scores fit.
        let mut memory = new(1e303).unwrap();
        assert!(memory.add(&[1e5; 64]).is_err());
        assert_eq!(memory, new(1e303).unwrap());
        let mut uneven = bare.with_inverse_temperatures(&[1e303, 1.0, 1.0, 1.0, 1.0]).unwrap();
        let before = uneven.clone();
        assert!(uneven.add(&[1e5; 64]).is_err());
        assert_eq!(uneven, before);
        if similarity == Similarity::Manhattan {
            continue;
        }
        let new = |beta| FenchelYoungMemory::new(patterns.clone(), beta, similarity, map);
        assert!(new(1e308).is_err());
        let mut memory = new(1e303).unwrap();
        assert!(memory.add(&[1e5; 64]).is_err());
        assert_eq!(memory, new(1e303).unwrap());
        let found = Cccp::default().retrieve(&memory, patterns.as_batch()).unwrap();
        assert_eq!(found.states(), patterns.as_batch());
        assert!(found.reports().iter().all(|q| q.energy.is_finite() && q.spill == 0.0));
    }
}
