//! Input-driven plasticity: laws against integration, and the contracts of its
//! fields.

use ebm_core::check::finite_difference;
use ebm_core::network::Activation;
use ebm_core::sde::{self, StochasticRungeKutta};
use ebm_core::transform::Noisy;
use ebm_core::{Batch, BatchMut, Lyapunov, VectorField, Workspace, ode, random};
use ebm_memory::{InputDrivenPlasticity, Patterns};
use proptest::prelude::*;

const TANH: Activation = Activation::Tanh { gain: 1.0 };

fn memory(dim: usize, count: usize) -> InputDrivenPlasticity {
    InputDrivenPlasticity::new(Patterns::hadamard(dim, count).unwrap(), TANH).unwrap()
}

/// Where the flow goes from `scale · ξ^mu` with a little noise.
fn settle(memory: &InputDrivenPlasticity, gains: &[f64], mu: usize, scale: f64) -> Vec<f64> {
    let network = memory.under(&memory.input(gains).unwrap()).unwrap();
    let mut x = vec![0.0; memory.patterns().dim()];
    random::fill_normal(&mut random::stream(3, mu as u64), &mut x);
    for (x, s) in x.iter_mut().zip(memory.patterns().pattern(mu)) {
        *x = scale * s + 0.02 * *x;
    }
    let mut stepper = ode::TSITOURAS.stepper(x.len());
    let options = ode::Options::default();
    ode::integrate(&network, &mut stepper, (0.0, 400.0), &x, &options).unwrap().x
}

/// The overlap with memory `mu` per neuron.
fn overlap(memory: &InputDrivenPlasticity, mu: usize, x: &[f64]) -> f64 {
    memory.patterns().overlap(mu, x)
}

#[test]
fn laws_have_the_values_of_their_equations() {
    // c = α tanh c and E/N = −½αψ² + cψ − ln cosh c, solved to four digits by
    // hand-checked iteration.
    let memory = memory(16, 4);
    let gains = [2.0, 1.5, 1.2, 0.9];
    let expected = [(1.9150, -0.3265), (1.2878, -0.1152), (0.7902, -0.0241)];
    for (mu, (amplitude, energy)) in expected.into_iter().enumerate() {
        let law = memory.law(&gains, mu).unwrap().unwrap();
        assert!((law.amplitude - amplitude).abs() < 1e-4, "{law:?}");
        assert!((law.energy_per_neuron - energy).abs() < 1e-4, "{law:?}");
        assert!((law.amplitude - gains[mu] * law.amplitude.tanh()).abs() < 1e-14);
        assert_eq!(law.is_stable(), mu < 2);
    }
    assert!(memory.law(&gains, 3).unwrap().is_none());
    assert_eq!(memory.existence_threshold(), 1.0);
}

#[test]
fn the_flow_does_what_the_laws_say() {
    let memory = memory(128, 4);
    assert_eq!(memory.crosstalk(), 0.0);
    for gains in [[2.0, 1.5, 1.2, 0.9], [3.0, 2.9, 1.2, 0.5]] {
        for mu in 0..4 {
            let law = memory.law(&gains, mu).unwrap();
            let end = settle(&memory, &gains, mu, law.map_or(0.5, |l| l.amplitude));
            let held = overlap(&memory, mu, &end);
            match law {
                Some(law) if law.is_stable() => {
                    assert!((held - law.amplitude).abs() < 1e-6, "{gains:?} {mu} {held}");
                }
                _ => assert!(held.abs() < 1e-3, "{gains:?} {mu} {held}"),
            }
        }
    }
}

#[test]
fn the_depth_falls_with_the_gain_as_its_derivative_says() {
    let memory = memory(16, 1);
    let depth = |a: f64| memory.law(&[a], 0).unwrap().unwrap();
    for a in [1.05, 1.5, 3.0, 8.0] {
        let slope = (depth(a + 1e-5).energy_per_neuron - depth(a - 1e-5).energy_per_neuron) / 2e-5;
        let rate = depth(a).amplitude.tanh();
        assert!((slope + 0.5 * rate * rate).abs() < 1e-6, "{slope} {rate}");
    }
    // The saturated linear unit holds c = α with energy −½α + ½.
    let linear =
        InputDrivenPlasticity::new(Patterns::hadamard(16, 2).unwrap(), Activation::SaturatedLinear);
    let law = linear.unwrap().law(&[1.5, 9.0], 0).unwrap().unwrap();
    assert!((law.amplitude - 1.5).abs() < 1e-15);
    assert!((law.energy_per_neuron - (-0.5 * 1.5 + 1.5 - (1.5 - 0.5))).abs() < 1e-15);
    assert_eq!(law.margin, 1.0);
}

proptest! {
    #[test]
    fn gains_and_inputs_are_inverse_for_orthogonal_patterns(
        gains in prop::collection::vec(-3.0f64..3.0, 5),
    ) {
        let memory = memory(32, 5);
        let back = memory.gains(&memory.input(&gains).unwrap()).unwrap();
        for (a, b) in gains.iter().zip(&back) {
            prop_assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn no_gain_panics_and_every_memory_solves_its_equation(a in any::<f64>(), b in -1e3f64..1e3) {
        let memory = memory(8, 1);
        for gain in [a, b, 1.0 + b.abs() * 1e-16, 1.0 + b.abs() * 1e-10] {
            let Ok(law) = memory.law(&[gain], 0) else {
                prop_assert!(!gain.is_finite());
                continue;
            };
            if let Some(law) = law {
                prop_assert!(gain > 1.0 && law.amplitude > 0.0);
                let error = law.amplitude - gain * law.amplitude.tanh();
                prop_assert!(error.abs() <= 1e-15 * (gain * law.amplitude).max(law.amplitude));
            } else {
                prop_assert!(gain <= 1.0 + 1e-15);
            }
        }
    }

    #[test]
    fn a_constant_input_drives_like_a_fixed_network(
        x in prop::collection::vec(-2.0f64..2.0, 16),
        u in prop::collection::vec(-0.5f64..0.5, 16),
    ) {
        let memory = memory(16, 3);
        let fixed = memory.under(&u).unwrap();
        let driven = memory.driven(|_, out: &mut [f64]| out.copy_from_slice(&u));
        for (a, b) in fixed.eval_at(0.0, &x).iter().zip(driven.eval_at(0.0, &x)) {
            prop_assert!((a - b).abs() < 1e-12);
        }
        let deviation = finite_difference::jacobian(&fixed, 0.0, &x).unwrap();
        prop_assert!(deviation.relative < 1e-7, "{deviation:?}");
        let deviation = finite_difference::lyapunov_rate(&fixed, &x).unwrap();
        prop_assert!(deviation.relative < 1e-6, "{deviation:?}");
        let ws = &mut Workspace::new();
        prop_assert!(fixed.lyapunov_rate(&x, ws) <= 0.0);
    }
}

#[test]
fn a_changing_input_switches_memories_and_a_batch_is_its_columns() {
    // The second memory is called from time 12 on.
    let memory = memory(64, 2);
    let (first, second) = (memory.input(&[2.0, 0.0]).unwrap(), memory.input(&[0.0, 2.0]).unwrap());
    let field = memory.driven(|t, u: &mut [f64]| {
        u.copy_from_slice(if t < 12.0 { &first } else { &second });
    });
    let mut x0 = vec![0.0; 128];
    random::fill_normal(&mut random::stream(2, 0), &mut x0);
    let times = [12.0, 60.0];
    let ends = ode::integrate_batch_sampled(
        &field,
        &ode::TSITOURAS,
        (0.0, 60.0),
        Batch::new(&x0, 64).unwrap(),
        &ode::Options::default(),
        ode::BatchControl::Each,
        &times,
    )
    .unwrap();
    for end in &ends {
        assert!((overlap(&memory, 0, end.sample(0).unwrap()).abs() - 1.915).abs() < 1e-2);
        assert!((overlap(&memory, 1, end.sample(1).unwrap()).abs() - 1.915).abs() < 1e-3);
        assert!(overlap(&memory, 0, end.sample(1).unwrap()).abs() < 1e-3);
    }
    let (t, ws) = ([5.0, 40.0], &mut Workspace::new());
    let mut batch = vec![0.0; 128];
    let views = (Batch::new(&x0, 64).unwrap(), BatchMut::new(&mut batch, 64).unwrap());
    field.eval_batch(&t, views.0, views.1, ws);
    for (j, t) in t.into_iter().enumerate() {
        for (a, b) in field.eval_at(t, &x0[64 * j..64 * (j + 1)]).iter().zip(&batch[64 * j..]) {
            assert!((a - b).abs() < 1e-14);
        }
    }
}

#[test]
fn noise_drives_the_state_from_the_shallow_well_to_the_deep_one() {
    let memory = memory(256, 2);
    let gains = [2.0, 1.5];
    assert!(memory.law(&gains, 1).unwrap().unwrap().is_stable());
    let network = memory.under(&memory.input(&gains).unwrap()).unwrap();
    let start: Vec<f64> = memory.patterns().pattern(1).iter().map(|s| 1.288 * s).collect();
    let starts: Vec<f64> = (0..8).flat_map(|_| start.iter().copied()).collect();
    let run = |amplitude, threads| {
        let field = Noisy::new(&network, amplitude).unwrap();
        let options = sde::Options { step: 0.05, seed: 5, ..sde::Options::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let batch = Batch::new(&starts, 256).unwrap();
        let scheme = StochasticRungeKutta;
        pool.install(|| {
            sde::integrate_batch(&field, &scheme, (0.0, 80.0), batch, &options, |_| ()).unwrap()
        })
    };
    let strongest =
        |x: &[f64]| usize::from(overlap(&memory, 1, x).abs() > overlap(&memory, 0, x).abs());
    let quiet = run(0.1, 1);
    assert!(quiet.states().columns().all(|x| strongest(x) == 1));
    let noisy = run(1.0, 1);
    assert!(noisy.states().columns().all(|x| strongest(x) == 0));
    assert_eq!(noisy.x, run(1.0, 4).x);
}

#[test]
fn bad_input_is_refused() {
    let patterns = || Patterns::hadamard(8, 2).unwrap();
    for activation in [
        Activation::Tanh { gain: 0.0 },
        Activation::Tanh { gain: f64::NAN },
        Activation::Relu,
        Activation::Linear,
        Activation::Logistic { gain: 1.0 },
    ] {
        assert!(InputDrivenPlasticity::new(patterns(), activation).is_err());
    }
    let grey = Patterns::new(vec![0.5, 1.0], 2).unwrap();
    assert!(InputDrivenPlasticity::new(grey, TANH).is_err());
    let memory = memory(8, 2);
    assert!(memory.gains(&[0.0; 7]).is_err());
    assert!(memory.under(&[f64::NAN; 8]).is_err());
    let huge: Vec<f64> = memory.patterns().pattern(0).iter().map(|s| s * f64::MAX).collect();
    let message = memory.under(&huge).unwrap_err().to_string();
    assert_eq!(message, "gains: entry 0 is inf, expected a finite number");
    assert!(memory.input(&[1.0]).is_err());
    assert!(memory.law(&[1.0, f64::INFINITY], 0).is_err());
    let message = memory.law(&[1.0, 1.0], 2).unwrap_err().to_string();
    assert_eq!(message, "memory: index 2 is out of range, expected less than 2");
}
