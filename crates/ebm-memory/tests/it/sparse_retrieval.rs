//! Sparse retrieval in both precisions, with masks, against its definition.

use ebm_core::vector_math::VectorMath;
use ebm_core::{Batch, Energy, Outcome, Real, random};
use ebm_memory::{
    Cccp, Cues, FenchelYoungMemory, Patterns, RegularizedArgmax, Retrieved, Similarity,
    SparseReport,
};
use rand::RngExt;

const MAPS: [RegularizedArgmax; 4] = [
    RegularizedArgmax::Softmax,
    RegularizedArgmax::Sparsemax,
    RegularizedArgmax::Entmax { alpha: 1.5 },
    RegularizedArgmax::KSubset { k: 3 },
];
const SIMILARITIES: [Similarity; 2] = [Similarity::DotProduct, Similarity::SquaredDistance];

/// Patterns of unequal norm, more than one tile of them, and noisy cues.
fn problem(dim: usize, count: usize, cues: usize) -> (Patterns, Vec<f64>) {
    let mut rng = random::stream(dim as u64, 17);
    let data: Vec<f64> = (0..dim * count).map(|_| rng.random_range(-1.0..1.0)).collect();
    let mut noisy = vec![];
    for pattern in data.chunks(dim).take(cues) {
        noisy.extend(pattern.iter().map(|x| x + rng.random_range(-0.3..0.3)));
    }
    (Patterns::new(data, dim).unwrap(), noisy)
}

fn memory<T: Real>(
    patterns: &Patterns<T>,
    beta: f64,
    similarity: Similarity,
    map: RegularizedArgmax,
) -> FenchelYoungMemory<T> {
    FenchelYoungMemory::new(patterns.clone(), beta, similarity, map).unwrap()
}

/// Chosen rows of columns.
fn rows(columns: &[f64], dim: usize, known: &[bool]) -> Vec<f64> {
    let keep = |x: &[f64]| -> Vec<f64> {
        x.iter().zip(known).filter(|(_, k)| **k).map(|(x, _)| *x).collect()
    };
    columns.chunks(dim).flat_map(keep).collect()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn known_entries_descend_as_in_the_memory_of_these_entries() {
    let (dim, count) = (9, 300);
    let (patterns, cues) = problem(dim, count, 40);
    let known: Vec<bool> = (0..dim).map(|i| i % 3 != 1).collect();
    let part = rows(patterns.as_batch().as_slice(), dim, &known);
    let part = Patterns::new(part, 6).unwrap();
    let mut holes = cues.clone();
    for cue in holes.chunks_mut(dim) {
        cue.iter_mut().zip(&known).filter(|(_, k)| !**k).for_each(|(x, _)| *x = f64::NAN);
    }
    let seen = rows(&cues, dim, &known);
    let cccp = Cccp { max_iterations: 30, ..Cccp::default() };
    for map in MAPS {
        for similarity in SIMILARITIES {
            let whole = memory(&patterns, 4.0, similarity, map);
            let masked = Cues::new(&holes, dim).unwrap().with_known(&known).unwrap();
            let found = cccp.retrieve(&whole, masked).unwrap();
            let small = memory(&part, 4.0, similarity, map);
            let expected = cccp.retrieve(&small, Batch::new(&seen, 6).unwrap()).unwrap();
            for j in 0..40 {
                let state = rows(found.state(j), dim, &known);
                assert!(close(&state, expected.state(j), 1e-7), "{map:?} {similarity:?} {j}");
                let (a, b) = (&found.reports()[j], &expected.reports()[j]);
                assert_eq!(a.pattern, b.pattern);
                assert!((a.energy - b.energy).abs() < 1e-9);
                assert!((a.energy - small.energy_at(&state)).abs() < 1e-10);
            }
        }
    }
}

/// Masks of their own for every cue.
fn masks(dim: usize, cues: usize, seed: u64, share: f64) -> Vec<bool> {
    let mut rng = random::stream(seed, 3);
    (0..dim * cues).map(|at| at % dim == 0 || rng.random_bool(share)).collect()
}

fn agree(all: &Retrieved<SparseReport>, j: usize, one: &Retrieved<SparseReport>) {
    assert!(close(all.state(j), one.state(0), 1e-9), "{j}");
    let (a, b) = (&all.reports()[j], &one.reports()[0]);
    assert_eq!((a.pattern, a.iterations, a.outcome), (b.pattern, b.iterations, b.outcome));
    assert!((a.energy - b.energy).abs() < 1e-9 && (a.spill - b.spill).abs() < 1e-9);
}

#[test]
fn masks_of_each_cue_are_those_of_a_single_one() {
    let (dim, count, queries) = (12, 290, 70);
    let (patterns, cues) = problem(dim, count, queries);
    let known = masks(dim, queries, 1, 0.7);
    let fixed = masks(dim, queries, 2, 0.2);
    let cccp = Cccp { max_iterations: 8, tolerance: 1e-6, ..Cccp::default() };
    for map in MAPS {
        for similarity in SIMILARITIES {
            let memory = memory(&patterns, 3.0, similarity, map);
            let masked = Cues::new(&cues, dim).unwrap().with_known(&known).unwrap();
            let held = masked.with_fixed(&fixed).unwrap();
            let (free, all) =
                (cccp.retrieve(&memory, masked).unwrap(), cccp.retrieve(&memory, held).unwrap());
            for j in 0..queries {
                let part = j * dim..(j + 1) * dim;
                let cue = Cues::new(&cues[part.clone()], dim).unwrap();
                let cue = cue.with_known(&known[part.clone()]).unwrap();
                agree(&free, j, &cccp.retrieve(&memory, cue).unwrap());
                let cue = cue.with_fixed(&fixed[part.clone()]).unwrap();
                agree(&all, j, &cccp.retrieve(&memory, cue).unwrap());
                for ((x, fixed), cue) in
                    all.state(j).iter().zip(&fixed[part.clone()]).zip(&cues[part])
                {
                    assert!(!fixed || x == cue);
                }
            }
        }
    }
}

#[test]
fn energies_descend_with_fixed_entries() {
    let (dim, count) = (10, 60);
    let (patterns, cues) = problem(dim, count, 20);
    let fixed = masks(dim, 1, 5, 0.3);
    for map in MAPS {
        for similarity in SIMILARITIES {
            let memory = memory(&patterns, 2.0, similarity, map);
            let batch = Cues::new(&cues, dim).unwrap().with_fixed(&fixed).unwrap();
            let mut before = [f64::INFINITY; 20];
            let mut last = [f64::INFINITY; 20];
            for max_iterations in 1..7 {
                let cccp = Cccp { max_iterations, tolerance: 1e-14, ..Cccp::default() };
                let found = cccp.retrieve(&memory, batch).unwrap();
                for (j, query) in found.reports().iter().enumerate() {
                    assert!((query.energy - memory.energy_at(found.state(j))).abs() < 1e-12);
                    // By half the square of the last step, as without a mask.
                    let drop = if last[j].is_finite() { 0.5 * last[j] * last[j] } else { 0.0 };
                    assert!(query.energy <= before[j] - drop + 1e-12, "{map:?} {j}");
                    if query.outcome == Outcome::MaxSteps {
                        (before[j], last[j]) = (query.energy, query.residual);
                    } else {
                        (before[j], last[j]) = (query.energy, 0.0);
                    }
                }
            }
        }
    }
}

/// A half known is enough for the whole, to the bit.
fn recalls_exactly<T: VectorMath>() {
    let (dim, count) = (200, 400);
    let patterns: Patterns<T> =
        Patterns::random_signs(dim, count, 3).unwrap().to_precision().unwrap();
    let mut cues = patterns.as_batch().as_slice().to_vec();
    let known: Vec<bool> = (0..dim).map(|i| i < dim / 2).collect();
    for cue in cues.chunks_mut(dim) {
        cue[dim / 2..].fill(T::from_f64(f64::NAN));
        cue[..10].iter_mut().for_each(|x| *x = -*x);
    }
    for map in [MAPS[1], MAPS[2], RegularizedArgmax::KSubset { k: 1 }] {
        for similarity in SIMILARITIES {
            let memory = memory(&patterns, 1.0, similarity, map);
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let cues = Cues::new(&cues, dim).unwrap().with_known(&known).unwrap();
                pool.install(|| Cccp::default().retrieve(&memory, cues).unwrap())
            };
            let one = run(1);
            assert_eq!(one.states(), patterns.as_batch(), "{map:?}");
            for (mu, query) in one.reports().iter().enumerate() {
                assert_eq!((query.pattern, query.spill, query.residual), (mu, 0.0, 0.0));
                assert_eq!(query.outcome, Outcome::Converged);
            }
            assert_eq!(one, run(2));
            assert_eq!(one, run(4));
        }
    }
}

#[test]
fn halves_recall_the_whole_exactly_in_both_precisions() {
    recalls_exactly::<f32>();
    recalls_exactly::<f64>();
}

#[test]
fn single_precision_follows_double() {
    let (dim, count) = (20, 500);
    let (patterns, cues) = problem(dim, count, 50);
    let single: Patterns<f32> = patterns.to_precision().unwrap();
    let rounded: Vec<f32> = cues.iter().map(|x| *x as f32).collect();
    for map in MAPS {
        for similarity in SIMILARITIES {
            let (a, b) =
                (memory(&patterns, 2.0, similarity, map), memory(&single, 2.0, similarity, map));
            assert!((a.radius() - b.radius()).abs() < 1e-6);
            let radii = (a.exact_radius(&[0, 1, 2][..map.winners()]).unwrap(), {
                b.exact_radius(&[0, 1, 2][..map.winners()]).unwrap()
            });
            assert_eq!(radii.0.is_some(), radii.1.is_some());
            let once = Cccp { max_iterations: 1, ..Cccp::default() };
            let a = once.retrieve(&a, Batch::new(&cues, dim).unwrap()).unwrap();
            let b = once.retrieve(&b, Batch::new(&rounded, dim).unwrap()).unwrap();
            for (a, b) in a.states().as_slice().iter().zip(b.states().as_slice()) {
                assert!((a - f64::from(*b)).abs() < 1e-4, "{map:?} {a} {b}");
            }
            for (a, b) in a.reports().iter().zip(b.reports()) {
                assert!((a.energy - b.energy).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn the_support_is_that_of_the_next_update() {
    let (dim, count, queries) = (10, 300, 40);
    let (patterns, cues) = problem(dim, count, queries);
    let known = masks(dim, queries, 1, 0.8);
    for map in MAPS {
        for similarity in SIMILARITIES {
            // So flat that several patterns have weight.
            let memory = memory(&patterns, 1.5, similarity, map);
            let cccp = Cccp { max_iterations: 3, ..Cccp::default() };
            let masked = Cues::new(&cues, dim).unwrap().with_known(&known).unwrap();
            let found = cccp.retrieve(&memory, masked).unwrap();
            let k = map.winners();
            let mut several = 0;
            for j in 0..queries {
                let (x, known) = (found.state(j), &known[j * dim..(j + 1) * dim]);
                let score = |p: &[f64]| -> f64 {
                    let norm = if similarity == SIMILARITIES[0] { 0.0 } else { 0.5 };
                    let pairs = p.iter().zip(x).zip(known).filter(|(_, known)| **known);
                    1.5 * pairs.map(|((p, x), _)| p * x - norm * p * p).sum::<f64>()
                };
                let scores: Vec<f64> = patterns.iter().map(score).collect();
                let mut weights = vec![0.0; count];
                map.weights(&scores, &mut weights);
                let mut expected: Vec<(usize, f64)> =
                    weights.iter().copied().enumerate().filter(|(_, w)| *w > 1e-9).collect();
                expected.sort_by(|a, b| b.1.total_cmp(&a.1));
                let support = &found.reports()[j].support;
                if map == RegularizedArgmax::Softmax {
                    assert!(support.is_empty());
                    continue;
                }
                assert!((support.iter().map(|(_, w)| w).sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(support.is_sorted_by(|a, b| a.1 >= b.1));
                for (mu, weight) in support.iter().filter(|(_, w)| *w > 1e-9) {
                    assert!((weights[*mu] - weight).abs() < 1e-9, "{map:?} {j}");
                }
                let counted = support.iter().filter(|(_, w)| *w > 1e-9).count();
                assert!(counted.abs_diff(expected.len()) <= 1);
                several += usize::from(support.len() > k);
                let query = &found.reports()[j];
                let mut sorted = scores.clone();
                sorted.sort_by(|a, b| b.total_cmp(a));
                assert!((query.margin - (sorted[k - 1] - sorted[k])).abs() < 1e-9);
                let rest: f64 = expected.iter().skip(k).map(|(_, w)| w).sum();
                assert!((query.spill - rest).abs() < 1e-7, "{map:?} {} {rest}", query.spill);
            }
            assert!(several > 0 || map == RegularizedArgmax::Softmax, "{map:?}");
        }
    }
    // Without a runner-up the lead is infinite.
    let all = RegularizedArgmax::KSubset { k: 3 };
    let few = memory(&patterns.subset(&[0, 1, 2]).unwrap(), 1.0, SIMILARITIES[0], all);
    let found = Cccp::default().retrieve(&few, Batch::single(&cues[..dim]).unwrap());
    let found = found.unwrap();
    assert_eq!((found.reports()[0].margin, found.reports()[0].spill), (f64::INFINITY, 0.0));
    assert_eq!(found.reports()[0].support, [0, 1, 2].map(|mu| (mu, 1.0 / 3.0)));
}

#[test]
fn masks_that_do_not_fit_are_errors() {
    let (patterns, cues) = problem(4, 20, 2);
    let sparse = memory(&patterns, 1.0, SIMILARITIES[1], MAPS[1]);
    let mut hole = cues[..4].to_vec();
    hole[1] = f64::NAN;
    let known = [true, false, true, true];
    let masked = Cues::new(&hole, 4).unwrap().with_known(&known).unwrap();
    assert!(Cccp::default().retrieve(&sparse, masked).is_ok());
    let fixed = masked.with_fixed(&[false, true, false, false]).unwrap();
    assert!(Cccp::default().retrieve(&sparse, fixed).is_err());
    assert!(Cccp::default().retrieve(&sparse, Cues::new(&hole, 4).unwrap()).is_err());
    let long: Patterns<f32> = Patterns::new(vec![1e30; 2], 2).unwrap();
    assert!(FenchelYoungMemory::new(long, 1.0, SIMILARITIES[0], MAPS[1]).is_err());
}
