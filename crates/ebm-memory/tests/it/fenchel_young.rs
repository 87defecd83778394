//! Sparse memories: derivatives, descent, and exact retrieval.

use ebm_core::check::finite_difference;
use ebm_core::random::{fill_normal, stream};
use ebm_core::{Batch, Energy, Gradient, Outcome};
use ebm_memory::dense_associative_memory::{FenchelYoungMemory, RegularizedArgmax};
use ebm_memory::{Cccp, Error, LogSumExpMemory, Patterns, Similarity, corrupt};

pub(crate) const MAPS: [RegularizedArgmax; 6] = [
    RegularizedArgmax::Softmax,
    RegularizedArgmax::Sparsemax,
    RegularizedArgmax::Entmax { alpha: 1.3 },
    RegularizedArgmax::Entmax { alpha: 1.5 },
    RegularizedArgmax::Entmax { alpha: 1.8 },
    RegularizedArgmax::KSubset { k: 3 },
];
const SIMILARITIES: [Similarity; 2] = [Similarity::DotProduct, Similarity::SquaredDistance];

fn normal(len: usize, seed: u64) -> Vec<f64> {
    let mut out = vec![0.0; len];
    fill_normal(&mut stream(seed, 0), &mut out);
    out
}

pub(crate) fn memory(
    map: RegularizedArgmax,
    similarity: Similarity,
    beta: f64,
) -> FenchelYoungMemory {
    let patterns = Patterns::new(normal(6 * 15, 11), 6).unwrap();
    FenchelYoungMemory::new(patterns, beta, similarity, map).unwrap()
}

#[test]
fn derivatives_agree_with_differences() {
    for map in MAPS {
        for similarity in SIMILARITIES {
            let memory = memory(map, similarity, 0.7);
            // A point within the step of a kink compares two different things;
            // most points are not.
            let (mut slopes, mut curvatures) = (vec![], vec![]);
            for seed in 0..11 {
                let (x, v) = (normal(6, 100 + seed), normal(6, 200 + seed));
                slopes.push(finite_difference::gradient(&memory, &x).unwrap().relative);
                let found = finite_difference::hessian_vec(&memory, &x, &v).unwrap();
                curvatures.push(found.relative);
            }
            for deviations in [&mut slopes, &mut curvatures] {
                deviations.sort_by(f64::total_cmp);
                let smooth = if map == RegularizedArgmax::Softmax { 10 } else { 6 };
                assert!(deviations[smooth] < 1e-8, "{map:?} {deviations:?}");
            }
            assert!(slopes[10] < 1e-4, "{map:?} {slopes:?}");
        }
    }
}

#[test]
fn softmax_is_the_log_sum_exp_memory() {
    for similarity in SIMILARITIES {
        let sparse = memory(RegularizedArgmax::Softmax, similarity, 2.0);
        let dense = LogSumExpMemory::new(sparse.patterns().clone(), 2.0, similarity).unwrap();
        let cues = normal(60, 4);
        for x in cues.chunks(6) {
            assert!((sparse.energy_at(x) - dense.energy_at(x)).abs() < 1e-13);
        }
        let cues = Batch::new(&cues, 6).unwrap();
        let a = Cccp::default().retrieve(&sparse, cues).unwrap();
        let b = Cccp::default().retrieve(&dense, cues).unwrap();
        for (a, b) in a.reports().iter().zip(b.reports()) {
            assert_eq!((a.pattern, a.outcome), (b.pattern, b.outcome));
            assert!((a.energy - b.energy).abs() < 1e-12);
            assert!((a.margin - b.margin).abs() < 1e-6 * (1.0 + b.margin));
        }
    }
}

#[test]
fn updates_descend_by_half_their_squared_length() {
    for map in MAPS {
        for similarity in SIMILARITIES {
            for beta in [0.1, 1.0, 10.0] {
                let memory = memory(map, similarity, beta);
                for seed in 0..20 {
                    let mut x = normal(6, 300 + seed);
                    for _ in 0..5 {
                        let gradient = memory.gradient_at(&x);
                        let before = memory.energy_at(&x);
                        x.iter_mut().zip(&gradient).for_each(|(x, g)| *x -= g);
                        let drop = 0.5 * gradient.iter().map(|g| g * g).sum::<f64>();
                        let after = memory.energy_at(&x);
                        assert!(after <= before - drop + 1e-12 * (1.0 + before.abs()), "{map:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_radius_of_exact_retrieval_is_exact() {
    let patterns = Patterns::spherical(30, 60, 5).unwrap();
    for map in &MAPS[1..] {
        for similarity in SIMILARITIES {
            // Far above the margin of every map.
            let memory = FenchelYoungMemory::new(patterns.clone(), 4.0, similarity, *map).unwrap();
            let k = map.winners();
            let mut compared = 0;
            for first in 0..20 {
                let set: Vec<usize> = (first..first + k).collect();
                let Some(radius) = memory.exact_radius(&set).unwrap() else { continue };
                let mean: Vec<f64> = (0..30)
                    .map(|i| set.iter().fold(0.0, |m, mu| m + patterns.pattern(*mu)[i] / k as f64))
                    .collect();
                let mut worst = 0.0f64;
                for other in (0..60).filter(|nu| !set.contains(nu)) {
                    for &mu in &set {
                        // Straight at the half-space of this pair.
                        let away: Vec<f64> = patterns
                            .pattern(other)
                            .iter()
                            .zip(patterns.pattern(mu))
                            .map(|(b, a)| b - a)
                            .collect();
                        let length = away.iter().map(|a| a * a).sum::<f64>().sqrt();
                        let spill = |distance: f64| -> f64 {
                            let cue: Vec<f64> = mean
                                .iter()
                                .zip(&away)
                                .map(|(m, a)| m + distance * a / length)
                                .collect();
                            let next = memory.gradient_at(&cue);
                            let off = cue.iter().zip(&next).zip(&mean);
                            off.map(|((x, g), m)| (x - g - m).abs()).fold(0.0, f64::max)
                        };
                        assert!(spill(0.999 * radius) < 1e-13, "{map:?}");
                        worst = worst.max(spill(1.02 * radius));
                    }
                }
                // A little outside, the nearest half-space is left.
                assert!(worst > 1e-8, "{map:?} {worst}");
                compared += 1;
            }
            // Means of three lie near the middle of the sphere; patterns do not.
            assert!(compared >= if k == 1 { 20 } else { 5 }, "{map:?} {compared}");
        }
    }
}

#[test]
fn retrieval_is_exact_to_the_bit_in_one_update() {
    let patterns = Patterns::random_signs(64, 500, 1).unwrap();
    for map in &MAPS[1..5] {
        let memory =
            FenchelYoungMemory::new(patterns.clone(), 1.0, Similarity::DotProduct, *map).unwrap();
        let mut cues = patterns.as_batch().as_slice().to_vec();
        cues.chunks_mut(64).for_each(|cue| cue[..6].fill(0.0));
        let found = Cccp::default().retrieve(&memory, Batch::new(&cues, 64).unwrap()).unwrap();
        assert_eq!(found.states().as_slice(), patterns.as_batch().as_slice(), "{map:?}");
        for (mu, query) in found.reports().iter().enumerate() {
            assert_eq!((query.pattern, query.iterations, query.spill), (mu, 1, 0.0));
            assert_eq!((query.residual, query.outcome), (0.0, Outcome::Converged));
            assert_eq!(memory.distance_bound(query), 0.0);
            assert!(query.margin >= map.margin());
        }
    }
}

#[test]
fn an_association_is_recalled_from_a_part_of_it() {
    // The mean of three patterns, from the mean of two of them and a little of
    // the third.
    let patterns = Patterns::random_signs(400, 100, 3).unwrap();
    let map = RegularizedArgmax::KSubset { k: 3 };
    let memory =
        FenchelYoungMemory::new(patterns.clone(), 0.05, Similarity::DotProduct, map).unwrap();
    let mix = |weights: [f64; 3]| -> Vec<f64> {
        (0..400).map(|i| (0..3).map(|m| weights[m] * patterns.pattern(20 * m)[i]).sum()).collect()
    };
    let cue = mix([0.4, 0.4, 0.2]);
    let found = Cccp::default().retrieve(&memory, Batch::single(&cue).unwrap()).unwrap();
    let mean = mix([1.0 / 3.0; 3]);
    assert!(found.state(0).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_eq!(found.reports()[0].iterations, 1);
    let query = &found.reports()[0];
    assert_eq!(query.spill, 0.0);
    assert!(memory.distance_bound(query) < 1e-13);
    assert_eq!(query.support, [0, 20, 40].map(|mu| (mu, 1.0 / 3.0)));
    // The third pattern leads the fourth by about 400 β/5, the first the second
    // by nothing.
    assert!(query.margin > 2.0 && query.margin < 0.05 * 400.0 / 3.0 + 3.0, "{}", query.margin);
}

#[test]
fn rejects_bad_input() {
    let patterns = Patterns::random_signs(4, 3, 1).unwrap();
    let new =
        |beta, similarity, map| FenchelYoungMemory::new(patterns.clone(), beta, similarity, map);
    let (dot, sparsemax) = (Similarity::DotProduct, RegularizedArgmax::Sparsemax);
    for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(new(beta, dot, sparsemax).is_err());
    }
    assert!(new(1.0, dot, RegularizedArgmax::KSubset { k: 4 }).is_err());
    assert!(new(1.0, dot, RegularizedArgmax::Entmax { alpha: 1.0 }).is_err());
    let error = new(1.0, Similarity::Manhattan, sparsemax).unwrap_err();
    assert_eq!(error, Error::Similarity { found: Similarity::Manhattan });
    let long = Patterns::new(vec![1e200; 2], 2).unwrap();
    assert!(FenchelYoungMemory::new(long, 1.0, dot, sparsemax).is_err());

    let memory = new(1.0, dot, sparsemax).unwrap();
    assert!(memory.exact_radius(&[3]).is_err());
    assert!(memory.exact_radius(&[]).is_err());
    assert!(memory.exact_radius(&[0, 1]).is_err());
    let two = new(1.0, dot, RegularizedArgmax::KSubset { k: 2 }).unwrap();
    assert!(two.exact_radius(&[1, 1]).unwrap_err().to_string().contains("not named before"));
    let only = new(1.0, dot, RegularizedArgmax::KSubset { k: 3 }).unwrap();
    assert_eq!(only.exact_radius(&[0, 1, 2]).unwrap(), Some(f64::INFINITY));
    let softmax = new(1.0, dot, RegularizedArgmax::Softmax).unwrap();
    assert_eq!(softmax.exact_radius(&[0]).unwrap(), None);

    let retrieve =
        |cues: &[f64], dim| Cccp::default().retrieve(&memory, Batch::new(cues, dim).unwrap());
    assert!(retrieve(&[], 4).is_err());
    assert!(retrieve(&[1.0; 3], 3).is_err());
    assert!(retrieve(&[1.0, f64::NAN, 0.0, 0.0], 4).is_err());
    for options in [
        Cccp { max_iterations: 0, ..Cccp::default() },
        Cccp { tolerance: f64::NAN, ..Cccp::default() },
    ] {
        assert!(options.retrieve(&memory, Batch::single(&[1.0; 4]).unwrap()).is_err());
    }
    // An overflow is an outcome.
    let large = Patterns::new(vec![1e150, -1e150, 1e150, 1e150], 2).unwrap();
    let memory = FenchelYoungMemory::new(large, 1.0, dot, sparsemax).unwrap();
    let found = Cccp::default().retrieve(&memory, Batch::single(&[1e200, 1.0]).unwrap());
    let outcome = found.unwrap().reports()[0].outcome;
    assert!(matches!(outcome, Outcome::NotFinite { .. }), "{outcome:?}");
    let nan = memory.energy_at(&[f64::NAN, 0.0]);
    assert!(nan.is_nan());
    let cues = corrupt(patterns.as_batch(), 0.25, ebm_memory::Corruption::FlipSign, 1).unwrap();
    assert!(retrieve(cues.as_batch().as_slice(), 4).is_ok());
}
