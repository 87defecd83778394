//! Diffusion memory: the energy against definitions, the limit of many data,
//! and the census of minima.

use std::f64::consts::TAU;

use ebm_core::check::finite_difference;
use ebm_core::{Curvature, Energy, Gradient, Workspace, random};
use ebm_memory::diffusion_memory::circle_energy;
use ebm_memory::{DiffusionMemory, LandscapeSearch, MinimumKind, Patterns};
use proptest::prelude::*;
use rand::RngExt;

/// Random points on the unit circle.
fn circle(count: usize, seed: u64) -> Patterns {
    let mut rng = random::stream(seed, 0);
    let point = |_| f64::sin_cos(rng.random_range(0.0..TAU));
    Patterns::new((0..count).map(point).flat_map(|(s, c)| [c, s]).collect(), 2).unwrap()
}

/// Equally spaced points on the unit circle.
fn regular(count: usize) -> Patterns {
    let point = |k| f64::sin_cos(TAU * k as f64 / count as f64);
    Patterns::new((0..count).map(point).flat_map(|(s, c)| [c, s]).collect(), 2).unwrap()
}

proptest! {
    #[test]
    fn energy_and_derivatives_agree_with_the_definition(
        data in prop::collection::vec(-2.0f64..2.0, 12),
        x in prop::collection::vec(-2.0f64..2.0, 3),
        v in prop::collection::vec(-2.0f64..2.0, 3),
        variance in 0.05f64..3.0,
    ) {
        let memory = DiffusionMemory::new(Patterns::new(data.clone(), 3).unwrap(), variance).unwrap();
        let sum: f64 = data
            .chunks_exact(3)
            .map(|p| p.iter().zip(&x).map(|(p, x)| (p - x) * (p - x)).sum::<f64>())
            .map(|squared| (-squared / (2.0 * variance)).exp())
            .sum();
        let expected = -2.0 * variance * sum.ln();
        prop_assert!((memory.energy_at(&x) - expected).abs() < 1e-11 * (1.0 + expected.abs()));
        prop_assert!(finite_difference::gradient(&memory, &x).unwrap().relative < 1e-6);
        prop_assert!(finite_difference::hessian_vec(&memory, &x, &v).unwrap().relative < 1e-5);
        // score = −∇E/(2σ²t).
        let (mut score, ws) = ([0.0; 3], &mut Workspace::new());
        memory.score(&x, &mut score, ws);
        for (s, g) in score.iter().zip(memory.gradient_at(&x)) {
            prop_assert!((s + g * memory.inverse_temperature()).abs() < 1e-11 * (1.0 + s.abs()));
        }
    }
}

#[test]
fn many_points_on_a_circle_have_the_energy_of_the_limit() {
    // Equally spaced points are the trapezoidal rule, exact for this many.
    let count = 400;
    for variance in [0.01, 0.1, 0.5] {
        let memory = DiffusionMemory::new(regular(count), variance).unwrap();
        for radius in [0.0, 0.3, 1.0, 1.7] {
            let found = memory.energy_at(&[0.6 * radius, 0.8 * radius])
                + 2.0 * variance * (count as f64).ln();
            let expected = circle_energy(radius, variance).unwrap();
            assert!((found - expected).abs() < 1e-12, "{variance} {radius}: {found} {expected}");
        }
    }
    // Without noise the energy is the squared distance to the circle.
    for radius in [0.5, 1.0, 1.5] {
        let limit = circle_energy(radius, 1e-6).unwrap();
        assert!((limit - (radius - 1.0) * (radius - 1.0)).abs() < 1e-4);
    }
}

#[test]
fn data_are_memorized_then_merge_then_form_a_valley() {
    let search = LandscapeSearch { starts: 100, ..LandscapeSearch::default() };
    let at =
        |count| DiffusionMemory::new(circle(count, 3), 0.04).unwrap().landscape(&search).unwrap();
    let few = at(2);
    assert_eq!((few.count(MinimumKind::Stored), few.minima.len()), (2, 2));
    let some = at(9);
    assert!(some.count(MinimumKind::Spurious) > 0, "{some:?}");
    assert_eq!(some.count(MinimumKind::Continuous), 0, "{some:?}");
    let many = at(1000);
    assert_eq!(many.count(MinimumKind::Stored), 0);
    assert!(many.share(MinimumKind::Continuous) > 0.5, "{many:?}");
}

#[test]
fn every_minimum_is_one() {
    let memory = DiffusionMemory::new(circle(9, 1), 0.04).unwrap();
    let landscape = memory.landscape(&LandscapeSearch::default()).unwrap();
    assert_eq!(landscape.unsettled, 0);
    assert_eq!(landscape.minima.iter().map(|m| m.hits).sum::<usize>(), 300);
    for minimum in &landscape.minima {
        assert!(memory.gradient_at(&minimum.x).iter().all(|g| g.abs() < 1e-6));
        assert!((memory.energy_at(&minimum.x) - minimum.energy).abs() < 1e-9);
        for k in 0..16 {
            let (sin, cos) = (TAU * f64::from(k) / 16.0).sin_cos();
            let beside = [minimum.x[0] + 0.01 * cos, minimum.x[1] + 0.01 * sin];
            assert!(memory.energy_at(&beside) > minimum.energy);
        }
    }
    let shares = [MinimumKind::Stored, MinimumKind::Spurious, MinimumKind::Continuous];
    assert!((shares.map(|k| landscape.share(k)).iter().sum::<f64>() - 1.0).abs() < 1e-15);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let memory = DiffusionMemory::new(circle(30, 1), 0.04).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| memory.landscape(&LandscapeSearch::default()).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn evaluations_do_not_allocate() {
    let memory = DiffusionMemory::new(circle(30, 1), 0.04).unwrap();
    let (x, v, mut out, ws) = ([0.4, 0.1], [1.0, 2.0], [0.0; 2], &mut Workspace::new());
    let mut evaluate = || {
        memory.energy(&x, ws);
        memory.energy_gradient(&x, &mut out, ws);
        memory.hessian_vec(&x, &v, &mut out, ws);
    };
    evaluate();
    assert_eq!(allocation_counter::measure(evaluate).count_total, 0);
}

#[test]
fn bad_input_is_refused() {
    for variance in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310] {
        assert!(DiffusionMemory::new(circle(3, 1), variance).is_err(), "{variance}");
        if variance != 1e-310 {
            assert!(circle_energy(1.0, variance).is_err());
        }
    }
    assert!(circle_energy(-1.0, 1.0).is_err() && circle_energy(f64::NAN, 1.0).is_err());
    let memory = DiffusionMemory::new(circle(3, 1), 0.1).unwrap();
    let default = LandscapeSearch::default();
    for search in [
        LandscapeSearch { starts: 0, ..default },
        LandscapeSearch { starts: usize::MAX, ..default },
        LandscapeSearch { merge: 0.0, ..default },
        LandscapeSearch { flat: f64::NAN, ..default },
        LandscapeSearch { max_iterations: 0, ..default },
        LandscapeSearch { tolerance: -1.0, ..default },
    ] {
        assert!(memory.landscape(&search).is_err(), "{search:?}");
    }
    // Data at the origin have no length to measure by.
    let origin = Patterns::new(vec![0.0; 4], 2).unwrap();
    let found = DiffusionMemory::new(origin, 0.1).unwrap().landscape(&default).unwrap();
    assert!(found.minima.len() <= 1);
}

#[test]
fn no_scale_of_data_or_noise_breaks_the_search() {
    // Nothing but the origin has no length to measure by.
    let origin = Patterns::new(vec![0.0; 2], 2).unwrap();
    for variance in [1e-200, 1.0, 1e20] {
        let memory = DiffusionMemory::new(origin.clone(), variance).unwrap();
        let found = memory.landscape(&LandscapeSearch::default()).unwrap();
        assert_eq!((found.minima.len(), found.unsettled), (1, 0), "{variance}");
        assert_eq!(found.minima[0].x, [0.0; 2]);
    }
    for (radius, variance) in [(1e200, 1.0), (1e10, 1e-300), (1.0, 1e-310)] {
        assert!(circle_energy(radius, variance).is_err(), "{radius} {variance}");
    }
}
