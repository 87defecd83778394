//! The compressed distance memory against the exact one.

use ebm_core::random::{fill_normal, stream};
use ebm_core::{Batch, Energy, Gradient, Outcome, Workspace};
use ebm_memory::dense_associative_memory::{Features, RandomFeatureMemory, RandomFeatures};
use ebm_memory::{Cccp, LogSumExpMemory, Patterns, Similarity, SteepestDescent};

const KINDS: [Features; 2] = [Features::Trigonometric, Features::Positive];

/// Eight patterns of length 3 within the unit ball, and states near them.
fn small() -> (Patterns, Vec<f64>) {
    let mut data = vec![0.0; 24];
    fill_normal(&mut stream(2, 0), &mut data);
    data.iter_mut().for_each(|x| *x *= 0.4);
    let mut states = vec![0.0; 24];
    fill_normal(&mut stream(2, 1), &mut states);
    states.iter_mut().zip(&data).for_each(|(x, p)| *x = p + 0.1 * *x);
    (Patterns::new(data, 3).unwrap(), states)
}

fn compressed(patterns: &Patterns, beta: f64, features: RandomFeatures) -> RandomFeatureMemory {
    let mut memory = RandomFeatureMemory::new(patterns.dim(), beta, features).unwrap();
    for pattern in patterns.as_batch().columns() {
        memory.add(pattern).unwrap();
    }
    memory
}

fn exact_sum(patterns: &Patterns, beta: f64, x: &[f64]) -> f64 {
    let square = |p: &[f64]| p.iter().zip(x).map(|(p, x)| (p - x) * (p - x)).sum::<f64>();
    patterns.as_batch().columns().map(|p| (-0.5 * beta * square(p)).exp()).sum()
}

#[test]
fn the_error_falls_like_one_over_the_root_of_the_features() {
    let (patterns, states) = small();
    let beta = 1.0;
    let exact = LogSumExpMemory::new(patterns.clone(), beta, Similarity::SquaredDistance).unwrap();
    for kind in KINDS {
        let counts = [64, 256, 1024, 4096];
        let mut errors = vec![];
        for count in counts {
            let (mut sums, mut energies) = (0.0, 0.0);
            for seed in 0..60 {
                let features = RandomFeatures { kind, count, seed, ..RandomFeatures::default() };
                let memory = compressed(&patterns, beta, features);
                for x in states.chunks(3) {
                    sums += (memory.kernel_sum(x) - exact_sum(&patterns, beta, x)).powi(2);
                    energies += (memory.energy_at(x) - exact.energy_at(x)).powi(2);
                }
            }
            errors.push((sums / 480.0, energies / 480.0));
        }
        // A mean square over 60 draws of the features is known to about
        // √(2/60) = 18 %, its root to 9 %; the slope over a factor of 64 in the
        // number of features then has a standard error of 0.03. Four of them.
        let slope = |of: fn(&(f64, f64)) -> f64| {
            0.5 * (of(&errors[3]) / of(&errors[0])).ln() / (4096.0_f64 / 64.0).ln()
        };
        for found in [slope(|e| e.0), slope(|e| e.1)] {
            assert!((found + 0.5).abs() < 0.12, "{kind:?} {found}");
        }
        assert!(errors[3].1.sqrt() < 0.05, "{kind:?} {errors:?}");
    }
}

#[test]
fn the_energy_is_smooth_across_the_floor() {
    let patterns = Patterns::new(vec![0.0], 1).unwrap();
    let memory = compressed(&patterns, 1.0, RandomFeatures { floor: 0.5, ..Default::default() });
    // S = exp(−x²/2) crosses 0.5 near x = 1.18.
    let (mut low, mut high) = (0.0, 2.0);
    while high - low > 1e-13 {
        let middle = 0.5 * (low + high);
        if memory.kernel_sum(&[middle]) > 0.5 { low = middle } else { high = middle }
    }
    assert!((low - 1.1774).abs() < 0.05, "{low}");
    let (inside, outside) = (low - 1e-9, low + 1e-9);
    assert!((memory.energy_at(&[inside]) - memory.energy_at(&[outside])).abs() < 1e-8);
    assert!((memory.gradient_at(&[inside])[0] - memory.gradient_at(&[outside])[0]).abs() < 1e-7);
    assert!(memory.energy_at(&[50.0]).is_finite());
}

#[test]
fn an_origin_moves_the_memory_and_nothing_else() {
    let (patterns, states) = small();
    let place = [300.0, -1e4, 7.0];
    let moved = |x: &[f64]| -> Vec<f64> { x.iter().zip(place).map(|(x, p)| x + p).collect() };
    for kind in KINDS {
        let features = RandomFeatures { kind, count: 300, ..RandomFeatures::default() };
        let here = compressed(&patterns, 2.0, features);
        assert_eq!(here.origin(), [0.0; 3]);
        let there = RandomFeatureMemory::new(3, 2.0, features).unwrap();
        let mut there = there.with_origin(&place).unwrap();
        assert_eq!(there.origin(), place);
        for pattern in &patterns {
            there.add(&moved(pattern)).unwrap();
        }
        for x in states.chunks(3) {
            // The coordinates are rounded by 1e-12, and β = 2.
            let y = moved(x);
            assert!((here.kernel_sum(x) - there.kernel_sum(&y)).abs() < 1e-10, "{kind:?}");
            assert!((here.energy_at(x) - there.energy_at(&y)).abs() < 1e-10, "{kind:?}");
            for (a, b) in here.gradient_at(x).iter().zip(there.gradient_at(&y)) {
                assert!((a - b).abs() < 1e-9, "{kind:?}");
            }
        }
        let message = here.with_origin(&place).unwrap_err().to_string();
        assert_eq!(message, "number of patterns before the origin is 8, expected 0");
        let empty = || RandomFeatureMemory::new(3, 2.0, features).unwrap();
        assert!(empty().with_origin(&[1.0]).is_err());
        assert!(empty().with_origin(&[1.0, f64::NAN, 0.0]).is_err());
    }
}

#[test]
fn size_and_time_of_an_addition_do_not_depend_on_the_patterns() {
    for kind in KINDS {
        let features = RandomFeatures { kind, count: 50, ..RandomFeatures::default() };
        let mut memory = RandomFeatureMemory::new(3, 1.0, features).unwrap();
        assert!(memory.is_empty());
        let before = memory.len();
        let first = allocation_counter::measure(|| memory.add(&[0.1, 0.2, 0.3]).unwrap());
        for i in 0..500 {
            memory.add(&[0.001 * f64::from(i), 0.0, 0.1]).unwrap();
        }
        let later = allocation_counter::measure(|| memory.add(&[0.1, 0.2, 0.3]).unwrap());
        assert_eq!((memory.len(), memory.patterns_added()), (before, 502));
        assert_eq!(first.bytes_total, later.bytes_total);
        let (x, mut out) = ([0.1; 3], [0.0; 3]);
        let ws = &mut Workspace::new();
        memory.energy_gradient(&x, &mut out, ws);
        let counted = allocation_counter::measure(|| {
            memory.energy_gradient(&x, &mut out, ws);
        });
        assert_eq!(counted.count_total, 0);
    }
}

#[test]
fn rejects_bad_input() {
    let features = RandomFeatures::default();
    assert!(RandomFeatureMemory::new(0, 1.0, features).is_err());
    assert!(RandomFeatureMemory::new(2, 1.0, RandomFeatures { count: 0, ..features }).is_err());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(RandomFeatureMemory::new(2, bad, features).is_err());
        assert!(
            RandomFeatureMemory::new(2, 1.0, RandomFeatures { floor: bad, ..features }).is_err()
        );
    }
    let huge = RandomFeatures { count: usize::MAX, ..features };
    let message = RandomFeatureMemory::new(2, 1.0, huge).unwrap_err().to_string();
    assert!(message.contains("cannot allocate"), "{message}");
    for kind in KINDS {
        let few = RandomFeatures { kind, count: 10, ..features };
        let mut memory = RandomFeatureMemory::new(2, 1.0, few).unwrap();
        assert!(memory.add(&[1.0]).is_err());
        assert!(memory.add(&[1.0, f64::NAN]).is_err());
        assert!(memory.add(&[1e200, 0.0]).is_err());
        assert!(memory.is_empty());
        memory.add(&[0.5, 0.5]).unwrap();
        assert!(memory.energy_at(&[f64::NAN, 0.0]).is_nan());
    }
}

#[test]
fn descent_ends_where_the_exact_memory_does_or_says_why_not() {
    let (patterns, states) = small();
    let beta = 8.0;
    let features = RandomFeatures { count: 20_000, ..RandomFeatures::default() };
    let memory = compressed(&patterns, beta, features);
    let exact = LogSumExpMemory::new(patterns, beta, Similarity::SquaredDistance).unwrap();
    let cues = Batch::new(&states, 3).unwrap();
    let found = SteepestDescent::default().retrieve(&memory, cues).unwrap();
    let expected = Cccp { max_iterations: 1000, ..Cccp::default() }.retrieve(&exact, cues).unwrap();
    for (j, report) in found.reports().iter().enumerate() {
        assert_eq!(report.outcome, Outcome::Converged);
        assert!(report.residual <= 1e-8);
        assert!((report.energy - memory.energy_at(found.state(j))).abs() < 1e-14);
        let off = found.state(j).iter().zip(expected.state(j)).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 0.1);
    }
    let hasty = SteepestDescent { max_iterations: 1, ..SteepestDescent::default() };
    let found = hasty.retrieve(&memory, cues).unwrap();
    assert!(found.reports().iter().all(|r| (r.iterations, r.outcome) == (1, Outcome::MaxSteps)));
    // Positive features of no pattern have an infinite energy.
    let positive = RandomFeatures { kind: Features::Positive, ..features };
    let empty = RandomFeatureMemory::new(3, beta, positive).unwrap();
    let found = SteepestDescent::default().retrieve(&empty, cues).unwrap();
    assert!(matches!(found.reports()[0].outcome, Outcome::NotFinite { .. }));
    let fails = |descent: SteepestDescent| descent.retrieve(&memory, cues).is_err();
    for bad in [0.0, f64::NAN, f64::INFINITY] {
        assert!(fails(SteepestDescent { tolerance: bad, ..SteepestDescent::default() }));
    }
}
