//! The tableaus of the explicit methods against every order condition: of the
//! solution, the error estimates and dense output.

use super::combination::MAX_STAGES;
use super::explicit_runge_kutta::{Estimate, Tableau};
use super::order_conditions::deviation;
use super::{BOGACKI_SHAMPINE, DOP853, DORMAND_PRINCE, EULER, HEUN, RUNGE_KUTTA4, TSITOURAS};

const METHODS: [&Tableau; 7] =
    [&EULER, &HEUN, &RUNGE_KUTTA4, &BOGACKI_SHAMPINE, &DORMAND_PRINCE, &TSITOURAS, &DOP853];

/// The full coefficient matrix, with the derivative at the new state and the
/// stages of dense output.
fn matrix(method: &Tableau) -> Vec<Vec<f64>> {
    let mut full = vec![vec![0.0; MAX_STAGES]; MAX_STAGES];
    let mut set = |row: usize, values: &[f64]| full[row][..values.len()].copy_from_slice(values);
    for (row, values) in method.a.iter().enumerate() {
        set(row, values);
    }
    set(method.end_stage(), method.b);
    for (row, (_, values)) in method.extra.iter().enumerate() {
        set(method.end_stage() + 1 + row, values);
    }
    full
}

/// The weights meet `Σᵢ wᵢ Φᵢ(τ) = target(|τ|)/γ(τ)` up to this order. Returns
/// by how much they miss it at the next.
fn check(
    method: &Tableau,
    weights: &[f64],
    order: u32,
    accuracy: f64,
    target: impl Fn(i32) -> f64,
) -> f64 {
    let a = matrix(method);
    let deviation = |order: u32| deviation(&a, &a, weights, order as usize, target(order as i32));
    for order in 1..=order {
        let found = deviation(order);
        assert!(found < accuracy, "{}, order {order}: off by {found}", method.name);
    }
    deviation(order + 1)
}

#[test]
fn rows_sum_to_the_nodes() {
    for method in METHODS {
        for (row, c) in method.a.iter().zip(method.c) {
            let sum: f64 = row.iter().sum();
            assert!((sum - c).abs() < 2e-14, "{}: {sum} instead of {c}", method.name);
        }
        for (c, row) in method.extra {
            let sum: f64 = row.iter().sum();
            assert!((sum - c).abs() < 2e-15, "{}: {sum} instead of {c}", method.name);
        }
    }
}

#[test]
fn weights_meet_every_condition_up_to_the_order_and_fail_beyond() {
    for method in METHODS {
        let beyond = check(method, method.b, method.order, 2e-14, |_| 1.0);
        assert!(beyond > 1e-6, "{} has a higher order than it claims", method.name);
    }
}

#[test]
fn error_estimates_vanish_up_to_their_order() {
    for method in METHODS {
        let estimates: &[(&[f64], u32)] = match method.estimate {
            Estimate::None => &[],
            Estimate::Embedded { order, e } => &[(e, order)],
            Estimate::Combined { e5, e3, .. } => &[(e5, 5), (e3, 3)],
        };
        for (e, order) in estimates {
            let beyond = check(method, e, *order, 2e-14, |_| 0.0);
            assert!(beyond > 1e-6, "{} estimates nothing", method.name);
        }
    }
}

#[test]
fn dense_output_meets_every_condition_up_to_its_order_at_every_theta() {
    for method in METHODS {
        let mut beyond: f64 = 0.0;
        for theta in [0.0, 1e-3, 0.1, 0.25, 0.5, 0.618, 0.75, 0.9, 1.0] {
            let mut weights = [0.0; MAX_STAGES];
            (method.dense)(theta, &mut weights);
            let power = |order| f64::powi(theta, order);
            beyond = beyond.max(check(method, &weights, method.dense_order, 5e-14, power));
        }
        assert!(beyond > 1e-6, "{}: dense output has a higher order than it claims", method.name);
    }
}

#[test]
fn dense_output_joins_the_steps_with_matching_derivative() {
    // βᵢ(1) = bᵢ, βᵢ′(0) = δ of the first stage, βᵢ′(1) = δ of the last.
    for method in METHODS {
        let weights = |theta| {
            let mut weights = [0.0; MAX_STAGES];
            (method.dense)(theta, &mut weights);
            weights
        };
        let slope = |theta: f64| {
            let d = 1e-6;
            let (low, high) = (weights(theta - d), weights(theta + d));
            std::array::from_fn::<_, MAX_STAGES, _>(|i| (high[i] - low[i]) / (2.0 * d))
        };
        let (end, at_start, at_end) = (weights(1.0), slope(0.0), slope(1.0));
        for i in 0..method.stages() {
            let b = method.b.get(i).copied().unwrap_or(0.0);
            assert!((end[i] - b).abs() < 3e-14, "{}, stage {i}", method.name);
            let first = if i == 0 { 1.0 } else { 0.0 };
            assert!((at_start[i] - first).abs() < 1e-8, "{}, stage {i}", method.name);
            let last = if i == method.end_stage() { 1.0 } else { 0.0 };
            assert!((at_end[i] - last).abs() < 1e-8, "{}, stage {i}", method.name);
        }
    }
}
