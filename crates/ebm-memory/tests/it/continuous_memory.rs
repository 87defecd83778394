//! Continuous memories: the shared energy, the exact map, and retrieval.

use ebm_core::coupling::LowRankCoupling;
use ebm_core::network::Activation;
use ebm_core::ode::{EULER, Options, StepSize, Watch, integrate_watched};
use ebm_core::{Batch, Energy, Lyapunov, Outcome, Snapshot, VectorField, Workspace, check};
use ebm_memory::{
    ContinuousMemory, Corruption, Error, Form, HopfieldNetwork, Patterns, Relaxation, corrupt,
};
use std::ops::ControlFlow;

const BOTH: [Relaxation; 2] = [
    Relaxation { form: Form::Hopfield, tolerance: 1e-6, max_time: 1000.0 },
    Relaxation { form: Form::FiringRate, tolerance: 1e-6, max_time: 1000.0 },
];

/// The states after every Euler step.
fn euler(field: &dyn Lyapunov, x0: &[f64], steps: usize) -> Vec<Vec<f64>> {
    let mut states = vec![];
    let mut record = |snapshot: &Snapshot<'_>| {
        states.push(snapshot.x.to_vec());
        ControlFlow::Continue(())
    };
    let options = Options { step: StepSize::Fixed(0.05), ..Options::default() };
    let watch = Watch { observer: Some(&mut record), ..Watch::default() };
    let span = (0.0, 0.05 * steps as f64);
    let mut method = EULER.stepper(x0.len());
    let end = integrate_watched(field, &mut method, span, x0, &options, watch).unwrap();
    assert_eq!(end.outcome, Outcome::Reached);
    states
}

fn memory(gain: f64) -> (ContinuousMemory, Patterns) {
    let patterns = Patterns::random_signs(120, 6, 4).unwrap();
    let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2).unwrap();
    (ContinuousMemory::hebb(patterns, Activation::Tanh { gain }).unwrap(), cues)
}

#[test]
fn the_map_carries_rates_to_potentials_and_one_energy_falls_along_both() {
    for (activation, scale) in [
        (Activation::Tanh { gain: 3.0 }, 0.9),
        (Activation::Logistic { gain: 12.0 }, 0.9),
        (Activation::SaturatedLinear, 0.9),
    ] {
        let patterns = Patterns::random_signs(120, 6, 4).unwrap();
        let start = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2).unwrap();
        let mut start = start.pattern(0).to_vec();
        start.iter_mut().for_each(|x| *x *= scale);
        let memory = ContinuousMemory::hebb(patterns, activation).unwrap();
        memory.encode(&mut start);
        let ws = &mut Workspace::new();
        let mut mapped = vec![0.0; 120];
        memory.network().input(&start, &mut mapped, ws);
        let (slow, fast) = (memory.firing_rate(), memory.hopfield());
        let rates = euler(&slow, &start, 600);
        let potentials = euler(&fast, &mapped, 600);
        for (rates, potentials) in rates.iter().zip(&potentials) {
            memory.network().input(rates, &mut mapped, ws);
            for (a, b) in mapped.iter().zip(potentials) {
                assert!((a - b).abs() < 1e-13, "{activation:?} {a} {b}");
            }
        }
        for (field, states) in [(&slow as &dyn Lyapunov, &rates), (&fast, &potentials)] {
            let energies: Vec<f64> = states.iter().map(|x| field.lyapunov(x, ws)).collect();
            let descent = check::descent(&energies, 1e-12).unwrap();
            assert!(descent.largest_rise <= 1e-12, "{activation:?} {}", descent.largest_rise);
        }
    }
}

#[test]
fn recalls_from_corrupted_cues_in_both_forms() {
    let (memory, cues) = memory(5.0);
    for relaxation in BOTH {
        let found = relaxation.retrieve(&memory, cues.as_batch()).unwrap();
        for (mu, report) in found.reports().iter().enumerate() {
            assert_eq!((report.pattern, report.outcome), (mu, Outcome::Converged));
            assert!(report.overlap > 0.97, "{}", report.overlap);
            assert!(report.residual <= 1e-6 && report.time < 100.0);
            let rates = found.states().column(mu);
            assert!((memory.network().energy_at(rates) - report.energy).abs() < 1e-12);
            // An equilibrium: v = φ(Wv + b).
            let speed = memory.firing_rate().eval_at(0.0, rates);
            assert!(speed.iter().all(|v| v.abs() < 1e-4));
        }
    }
}

#[test]
fn logistic_units_recall_what_odd_units_do() {
    let patterns = Patterns::random_signs(120, 6, 4).unwrap();
    let cues = corrupt(patterns.as_batch(), 0.15, Corruption::FlipSign, 2).unwrap();
    let cues = cues.as_batch();
    // A logistic of gain 4β has the slope of tanh(βx) at the origin.
    let tanh = ContinuousMemory::hebb(patterns.clone(), Activation::Tanh { gain: 3.0 }).unwrap();
    let logistic = ContinuousMemory::hebb(patterns, Activation::Logistic { gain: 12.0 }).unwrap();
    let a = BOTH[1].retrieve(&tanh, cues).unwrap();
    let b = BOTH[1].retrieve(&logistic, cues).unwrap();
    let mut decoded = b.states().as_slice().to_vec();
    logistic.decode(&mut decoded);
    for (a, b) in a.states().as_slice().iter().zip(&decoded) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    for (a, b) in a.reports().iter().zip(b.reports()) {
        assert_eq!(a.pattern, b.pattern);
        assert!((a.overlap - b.overlap).abs() < 1e-5);
    }
}

#[test]
fn nothing_is_recalled_below_the_critical_slope() {
    let (below, cues) = memory(1.0);
    let critical = below.critical_slope().unwrap();
    // λ_max is about (1 + √α)² − α for zero diagonal, α = 0.05: 1.45.
    assert!((0.5..1.0).contains(&critical), "{critical}");
    for (factor, recalls) in [(0.9, false), (1.3, true)] {
        let (memory, _) = memory(factor * critical);
        for relaxation in BOTH {
            let found = relaxation.retrieve(&memory, cues.as_batch()).unwrap();
            for report in found.reports() {
                assert_eq!(report.overlap > 0.1, recalls, "{factor} {}", report.overlap);
            }
        }
    }
    let single = Patterns::new(vec![1.0], 1).unwrap();
    let single = ContinuousMemory::hebb(single, Activation::default()).unwrap();
    assert_eq!(single.critical_slope().unwrap(), f64::INFINITY);
}

#[test]
fn other_rules_and_couplings_can_be_used() {
    let patterns = Patterns::random_signs(100, 30, 4).unwrap();
    let activation = Activation::Tanh { gain: 8.0 };
    let cues = patterns.as_batch();
    let projection = ContinuousMemory::pseudo_inverse(patterns.clone(), activation).unwrap();
    let found = Relaxation::default().retrieve(&projection, cues).unwrap();
    assert!(found.reports().iter().enumerate().all(|(mu, r)| r.pattern == mu && r.overlap > 0.95));
    let few = patterns.subset(&[0, 1, 2]).unwrap();
    let coupling = LowRankCoupling::new(few.as_batch(), &[1.0; 3]).unwrap().with_zero_diagonal();
    let low = ContinuousMemory::new(few.clone(), coupling, activation).unwrap();
    let dense = ContinuousMemory::hebb(few.clone(), activation).unwrap();
    let a = Relaxation::default().retrieve(&low, few.as_batch()).unwrap();
    let b = Relaxation::default().retrieve(&dense, few.as_batch()).unwrap();
    for (a, b) in a.states().as_slice().iter().zip(b.states().as_slice()) {
        assert!((a - b).abs() < 1e-8);
    }
}

#[test]
fn bad_input_is_an_error_and_a_short_time_an_outcome() {
    let (memory, cues) = memory(5.0);
    let cues = cues.as_batch();
    let good = Relaxation::default();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Relaxation { tolerance: bad, ..good }.retrieve(&memory, cues).is_err());
        assert!(Relaxation { max_time: bad, ..good }.retrieve(&memory, cues).is_err());
    }
    for relaxation in BOTH {
        assert!(relaxation.retrieve(&memory, Batch::new(&[], 120).unwrap()).is_err());
        assert!(relaxation.retrieve(&memory, Batch::new(&[1.0; 7], 7).unwrap()).is_err());
        assert!(relaxation.retrieve(&memory, Batch::new(&[f64::NAN; 120], 120).unwrap()).is_err());
        let short = Relaxation { max_time: 0.1, ..relaxation }.retrieve(&memory, cues).unwrap();
        assert!(short.reports().iter().all(|r| r.outcome == Outcome::Reached));
        assert!(short.reports().iter().all(|r| r.residual > 1e-6));
    }
    let patterns = Patterns::random_signs(4, 2, 1).unwrap();
    let activation = Activation::Tanh { gain: 0.0 };
    assert!(ContinuousMemory::hebb(patterns.clone(), activation).is_err());
    let other = HopfieldNetwork::hebb(&Patterns::random_signs(5, 2, 1).unwrap()).unwrap();
    let other = other.into_coupling();
    assert!(ContinuousMemory::new(patterns, other, Activation::default()).is_err());
    let half = Patterns::new(vec![0.5], 1).unwrap();
    let found = ContinuousMemory::hebb(half, Activation::default());
    assert!(matches!(found, Err(Error::NotSign { .. })));
}
