//! Oscillator memory: derivatives and thresholds against definitions, and
//! retrieval on both sides of the window.

use ebm_core::check::finite_difference;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::{Batch, Curvature, Energy, Gradient, Outcome, Workspace};
use ebm_memory::oscillator_memory::{
    OscillatorCouplings, OscillatorMemory, PhaseReport, PhaseRetrieval, binary_phases,
};
use ebm_memory::{Corruption, Patterns, Retrieved, corrupt};
use proptest::prelude::*;

fn memory(dim: usize, count: usize, second_harmonic: f64) -> OscillatorMemory {
    let couplings = OscillatorCouplings { second_harmonic, ..OscillatorCouplings::default() };
    OscillatorMemory::new(Patterns::random_signs(dim, count, 1).unwrap(), couplings).unwrap()
}

/// Any couplings, patterns, phases and direction.
fn arbitrary() -> impl Strategy<Value = (OscillatorMemory, Vec<f64>, Vec<f64>)> {
    let sizes = (1usize..12, 1usize..6, 0u64..1000);
    let couplings = (0.0f64..2.0, 0.0f64..2.0, 0.0f64..2.0);
    (sizes, couplings).prop_flat_map(
        |((dim, count, seed), (pairwise, quartic, second_harmonic))| {
            let angles = prop::collection::vec(-7.0f64..7.0, dim);
            (angles.clone(), angles).prop_map(move |(x, v)| {
                let patterns = Patterns::random_signs(dim, count, seed).unwrap();
                let couplings = OscillatorCouplings { pairwise, quartic, second_harmonic };
                (OscillatorMemory::new(patterns, couplings).unwrap(), x, v)
            })
        },
    )
}

/// `E` by its double, or quadruple, sum.
fn energy_by_definition(memory: &OscillatorMemory, x: &[f64]) -> f64 {
    let OscillatorCouplings { pairwise, quartic, second_harmonic } = memory.couplings();
    let n = x.len() as f64;
    let mut energy = 0.0;
    for a in x {
        for b in x {
            energy -= 0.25 * second_harmonic / n * (2.0 * (a - b)).cos();
        }
    }
    for p in memory.patterns().as_batch().columns() {
        for i in 0..x.len() {
            for j in 0..x.len() {
                let pair = p[i] * p[j];
                energy -= 0.5 * pairwise / n * pair * (x[i] - x[j]).cos();
                for k in 0..x.len() {
                    for l in 0..x.len() {
                        let four = pair * p[k] * p[l] * (x[i] - x[j] + x[k] - x[l]).cos();
                        energy -= 0.25 * quartic / n.powi(3) * four;
                    }
                }
            }
        }
    }
    energy
}

proptest! {
    #[test]
    fn energy_and_derivatives_agree_with_the_definition((memory, x, v) in arbitrary()) {
        let energy = memory.energy_at(&x);
        let expected = energy_by_definition(&memory, &x);
        prop_assert!((energy - expected).abs() < 1e-11 * (1.0 + expected.abs()));
        let (mut gradient, ws) = (vec![0.0; x.len()], &mut Workspace::new());
        prop_assert_eq!(memory.energy_gradient(&x, &mut gradient, ws), energy);
        prop_assert_eq!(&gradient, &memory.gradient_at(&x));
        prop_assert!(finite_difference::gradient(&memory, &x).unwrap().relative < 1e-7);
        prop_assert!(finite_difference::hessian_vec(&memory, &x, &v).unwrap().relative < 1e-6);
        prop_assert!(finite_difference::hessian(&memory, &x).unwrap().relative < 1e-6);
    }

    #[test]
    fn a_common_shift_and_the_sign_of_patterns_do_not_matter(
        (memory, x, _) in arbitrary(),
        shift in -4.0f64..4.0,
    ) {
        let shifted: Vec<f64> = x.iter().map(|x| x + shift).collect();
        let scale = 1.0 + memory.energy_at(&x).abs();
        prop_assert!((memory.energy_at(&x) - memory.energy_at(&shifted)).abs() < 1e-12 * scale);
        let total: f64 = memory.gradient_at(&x).iter().sum();
        prop_assert!(total.abs() < 1e-11 * scale);
        let turned: Vec<f64> =
            memory.patterns().as_batch().as_slice().iter().map(|s| -s).collect();
        let turned = Patterns::new(turned, x.len()).unwrap();
        let turned = OscillatorMemory::new(turned, memory.couplings()).unwrap();
        prop_assert_eq!(memory.energy_at(&x), turned.energy_at(&x));
    }

    #[test]
    fn binary_states_are_equilibria((memory, x, _) in arbitrary()) {
        let signs: Vec<f64> = x.iter().map(|x| if *x > 0.0 { 1.0 } else { -1.0 }).collect();
        let phases = binary_phases(Batch::single(&signs).unwrap()).unwrap().into_data();
        prop_assert!(memory.gradient_at(&phases).iter().all(|g| g.abs() < 1e-13));
    }

    /// `2(ε_c − ε)` is the largest eigenvalue of −∇²E off the common shift.
    #[test]
    fn the_threshold_is_where_the_curvature_vanishes((memory, x, _) in arbitrary()) {
        let n = x.len();
        prop_assume!(n >= 2);
        let signs: Vec<f64> = x.iter().map(|x| if *x > 0.0 { 1.0 } else { -1.0 }).collect();
        let phases = binary_phases(Batch::single(&signs).unwrap()).unwrap().into_data();
        let mut hessian = vec![0.0; n * n];
        memory.hessian(&phases, &mut hessian, &mut Workspace::new());
        // Lifts the common shift above all others.
        hessian.iter_mut().for_each(|h| *h += 1e3 / n as f64);
        let least = SymmetricEigen::new(n).eigenvalues(&hessian).unwrap()[0];
        let threshold = memory.stability_threshold(&signs).unwrap();
        prop_assert!(threshold.exact);
        let growth = 2.0 * (threshold.second_harmonic - memory.couplings().second_harmonic);
        prop_assert!((growth + least).abs() < 1e-10 * (1.0 + growth.abs()), "{growth} {least}");
    }
}

#[test]
fn a_single_pattern_has_its_known_threshold() {
    // One pattern: A = 11ᵀ/N at the pattern, so λ = −1 on the rest.
    let memory = memory(40, 1, 0.0);
    let stored = memory.stability_threshold(memory.patterns().pattern(0)).unwrap();
    assert!((stored.second_harmonic + 0.5).abs() < 1e-12);
}

/// Retrieval of every pattern from a cue with flipped signs.
fn retrieve(
    memory: &OscillatorMemory,
    flips: f64,
    method: PhaseRetrieval,
) -> Retrieved<PhaseReport> {
    let cues = corrupt(memory.patterns().as_batch(), flips, Corruption::FlipSign, 5).unwrap();
    let cues = binary_phases(cues.as_batch()).unwrap();
    method.retrieve(memory, cues.as_batch()).unwrap()
}

fn error_free(found: &Retrieved<PhaseReport>) -> usize {
    let right = |(mu, q): (usize, &ebm_memory::oscillator_memory::PhaseReport)| {
        q.pattern == mu && q.is_error_free(1e-3)
    };
    found.reports().iter().enumerate().filter(|q| right((q.0, q.1))).count()
}

#[test]
fn retrieval_succeeds_inside_the_window_only() {
    // Four patterns of 200: ε_c is about 0.05 for them and 0.55 for others.
    let method = PhaseRetrieval { max_time: 300.0, ..PhaseRetrieval::default() };
    for (second_harmonic, expected) in [(0.0, 0), (0.2, 4), (0.9, 0)] {
        let memory = memory(200, 4, second_harmonic);
        let found = retrieve(&memory, 0.2, method);
        assert_eq!(error_free(&found), expected, "{second_harmonic}");
        for query in found.reports() {
            assert!(query.outcome.is_success());
            // Without the second harmonic minima are flat, and come to rest
            // like a power of time.
            if second_harmonic > 0.0 {
                assert_eq!(query.outcome, Outcome::Converged);
                assert!(query.residual <= 1e-5 && query.time < 1000.0);
            }
        }
    }
    // Far above, the cue freezes: its overlap is one minus twice the flips.
    let found = retrieve(&memory(200, 4, 3.0), 0.2, PhaseRetrieval::default());
    for query in found.reports() {
        assert!((query.overlap - 0.6).abs() < 1e-6 && query.wrong == 40 && query.spread < 1e-4);
    }
}

#[test]
fn the_quartic_network_holds_more_patterns_than_oscillators() {
    let dim = 80;
    let patterns = Patterns::random_signs(dim, 200, 2).unwrap();
    let quartic = OscillatorCouplings { pairwise: 0.0, quartic: 1.0, second_harmonic: 0.0 };
    let dense = OscillatorMemory::new(patterns.clone(), quartic).unwrap();
    let hebbian = OscillatorMemory::new(patterns, OscillatorCouplings::default()).unwrap();
    for mu in 0..20 {
        let pattern = dense.patterns().pattern(mu);
        assert!(dense.stability_threshold(pattern).unwrap().second_harmonic < 0.0);
        assert!(hebbian.stability_threshold(pattern).unwrap().second_harmonic > 0.5);
    }
    let found = retrieve(&dense, 0.1, PhaseRetrieval::default());
    assert_eq!(error_free(&found), 200);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let memory = memory(60, 70, 0.3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let method = PhaseRetrieval { max_time: 5.0, ..PhaseRetrieval::default() };
        pool.install(|| retrieve(&memory, 0.1, method))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn budgets_are_outcomes() {
    let memory = memory(60, 5, 0.3);
    let brief = PhaseRetrieval { max_time: 0.5, ..PhaseRetrieval::default() };
    let found = retrieve(&memory, 0.2, brief);
    assert!(found.reports().iter().all(|q| q.outcome == Outcome::Reached && q.time == 0.5));
    let short = PhaseRetrieval { max_steps: 3, ..PhaseRetrieval::default() };
    let found = retrieve(&memory, 0.2, short);
    assert!(found.reports().iter().all(|q| q.outcome == Outcome::MaxSteps && q.steps <= 3));
}

#[test]
fn bad_input_is_refused() {
    let patterns = || Patterns::random_signs(8, 2, 1).unwrap();
    let default = OscillatorCouplings::default();
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        for couplings in [
            OscillatorCouplings { pairwise: bad, ..default },
            OscillatorCouplings { quartic: bad, ..default },
            OscillatorCouplings { second_harmonic: bad, ..default },
        ] {
            assert!(OscillatorMemory::new(patterns(), couplings).is_err());
        }
    }
    let grey = Patterns::new(vec![0.5, 1.0], 2).unwrap();
    assert!(OscillatorMemory::new(grey, default).is_err());
    let memory = OscillatorMemory::new(patterns(), default).unwrap();
    assert!(memory.stability_threshold(&[1.0; 7]).is_err());
    assert!(memory.stability_threshold(&[0.5; 8]).is_err());
    let single = Patterns::random_signs(1, 2, 1).unwrap();
    let single = OscillatorMemory::new(single, default).unwrap();
    assert!(single.stability_threshold(&[1.0]).is_err());
    assert!(binary_phases(Batch::single(&[1.0, 0.0]).unwrap()).is_err());

    let method = PhaseRetrieval::default();
    let fails = |method: PhaseRetrieval, cue: &[f64]| {
        method.retrieve(&memory, Batch::new(cue, 8.min(cue.len().max(1))).unwrap()).is_err()
    };
    assert!(!fails(method, &[0.1; 8]));
    assert!(fails(method, &[0.1; 7]));
    assert!(fails(method, &[]));
    assert!(fails(method, &[f64::NAN; 8]));
    assert!(fails(PhaseRetrieval { jitter: -1.0, ..method }, &[0.1; 8]));
    assert!(fails(PhaseRetrieval { max_steps: 0, ..method }, &[0.1; 8]));
    assert!(fails(PhaseRetrieval { tolerance: 0.0, ..method }, &[0.1; 8]));
    assert!(fails(PhaseRetrieval { max_time: f64::NAN, ..method }, &[0.1; 8]));
}
