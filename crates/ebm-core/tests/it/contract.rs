//! The contract every energy and every flow keeps, checked by one function
//! each.
//!
//! The tolerances are relative to `max(1, |value|)`: five-point differences of
//! functions that vary on a scale of 0.2 reach 1e-7, products summed in another
//! order 1e-12.

use ebm_core::check::finite_difference as fd;
use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
};

const DIFFERENCES: f64 = 1e-6;
const ROUNDING: f64 = 1e-12;

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance * 1f64.max(a.abs()).max(b.abs())
}

#[track_caller]
fn assert_all_close(a: &[f64], b: &[f64], what: &str) {
    let scale = a.iter().chain(b).fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a == b || (a - b).abs() <= ROUNDING * scale, "{what}: entry {i}: {a} and {b}");
    }
}

/// The five states around `x` that batches are made of.
fn batch_around(x: &[f64]) -> Vec<f64> {
    (0..5).flat_map(|j| x.iter().map(move |x| x * (1.0 - 0.125 * f64::from(j)))).collect()
}

/// Energies of a batch are those of its columns, and once warm an evaluation
/// does not allocate.
#[track_caller]
pub(crate) fn energy<E: Energy + ?Sized>(model: &E, x: &[f64]) {
    let mut ws = Workspace::new();
    let states = batch_around(x);
    let batch = Batch::new(&states, x.len()).unwrap();
    let mut together = vec![0.0; 5];
    model.energy_batch(batch, &mut together, &mut ws);
    for (x, e) in batch.columns().zip(&together) {
        let alone = model.energy(x, &mut ws);
        assert!(close(alone, *e, ROUNDING), "energy of a batch: {e}, alone {alone}");
    }
    let allocations = allocation_counter::measure(|| {
        model.energy(x, &mut ws);
        model.energy_batch(batch, &mut together, &mut ws);
    });
    assert_eq!(allocations.count_total, 0, "energies allocate");
}

/// [`energy`], and the gradient is that of the energy.
#[track_caller]
pub(crate) fn gradient<E: Gradient>(model: &E, x: &[f64]) {
    energy(model, x);
    let worst = fd::gradient(model, x).unwrap();
    assert!(worst.relative < DIFFERENCES, "gradient: {worst:?} at {x:?}");

    let mut ws = Workspace::new();
    let mut shared = vec![0.0; x.len()];
    let value = model.energy_gradient(x, &mut shared, &mut ws);
    assert!(close(value, model.energy_at(x), ROUNDING));
    assert_all_close(&shared, &model.gradient_at(x), "energy_gradient");

    let states = batch_around(x);
    let batch = Batch::new(&states, x.len()).unwrap();
    let mut together = vec![0.0; states.len()];
    model.gradient_batch(batch, BatchMut::new(&mut together, x.len()).unwrap(), &mut ws);
    for (x, g) in batch.columns().zip(together.chunks(x.len())) {
        assert_all_close(&model.gradient_at(x), g, "gradient of a batch");
    }
    let allocations = allocation_counter::measure(|| {
        model.energy_gradient(x, &mut shared, &mut ws);
        model.gradient(x, &mut shared, &mut ws);
        let out = BatchMut::new(&mut together, x.len()).unwrap();
        model.gradient_batch(batch, out, &mut ws);
    });
    assert_eq!(allocations.count_total, 0, "gradients allocate");
}

/// [`gradient`], and the Hessian is that of the energy, and symmetric.
#[track_caller]
pub(crate) fn curvature<E: Curvature>(model: &E, x: &[f64], v: &[f64]) {
    gradient(model, x);
    let worst = fd::hessian_vec(model, x, v).unwrap();
    assert!(worst.relative < DIFFERENCES, "Hessian: {worst:?} at {x:?}");
    let worst = fd::hessian_assembly(model, x).unwrap();
    assert!(worst.relative < ROUNDING, "assembled Hessian: {worst:?} at {x:?}");
    let mut ws = Workspace::new();
    let mut out = vec![0.0; x.len()];
    model.hessian_vec(x, v, &mut out, &mut ws);
    let allocations = allocation_counter::measure(|| model.hessian_vec(x, v, &mut out, &mut ws));
    assert_eq!(allocations.count_total, 0, "Hessian products allocate");
}

/// A batch is evaluated as its columns are, without allocation once warm.
#[track_caller]
pub(crate) fn field<F: VectorField>(model: &F, x: &[f64]) {
    let mut ws = Workspace::new();
    let states = batch_around(x);
    let times = [0.0, 0.5, 1.0, 1.5, 2.0];
    let batch = Batch::new(&states, x.len()).unwrap();
    let mut together = vec![0.0; states.len()];
    model.eval_batch(&times, batch, BatchMut::new(&mut together, x.len()).unwrap(), &mut ws);
    for ((x, t), dx) in batch.columns().zip(times).zip(together.chunks(x.len())) {
        assert_all_close(&model.eval_at(t, x), dx, "batch of states");
    }
    let mut dx = vec![0.0; x.len()];
    model.eval(0.0, x, &mut dx, &mut ws);
    let allocations = allocation_counter::measure(|| {
        model.eval(0.0, x, &mut dx, &mut ws);
        let out = BatchMut::new(&mut together, x.len()).unwrap();
        model.eval_batch(&times, batch, out, &mut ws);
    });
    assert_eq!(allocations.count_total, 0, "evaluations allocate");
}

/// Jv, Jᵀv and the assembled Jacobian belong to the field.
#[track_caller]
pub(crate) fn jacobian<F: Jacobian>(model: &F, x: &[f64], v: &[f64]) {
    let worst = fd::jvp(model, 0.0, x, v).unwrap();
    assert!(worst.relative < DIFFERENCES, "Jv: {worst:?} at {x:?}");
    let worst = fd::vjp(model, 0.0, x, v).unwrap();
    assert!(worst.relative < ROUNDING, "Jᵀv: {worst:?} at {x:?}");
    let worst = fd::jacobian_assembly(model, 0.0, x).unwrap();
    assert!(worst.relative < ROUNDING, "assembled Jacobian: {worst:?} at {x:?}");
    let mut ws = Workspace::new();
    let mut out = vec![0.0; x.len()];
    model.jvp(0.0, x, v, &mut out, &mut ws);
    model.vjp(0.0, x, v, &mut out, &mut ws);
    let allocations = allocation_counter::measure(|| {
        model.jvp(0.0, x, v, &mut out, &mut ws);
        model.vjp(0.0, x, v, &mut out, &mut ws);
    });
    assert_eq!(allocations.count_total, 0, "Jacobian products allocate");
}

/// The Lyapunov function does not increase, at the rate the flow states.
#[track_caller]
pub(crate) fn descent<F: Lyapunov>(model: &F, x: &[f64]) {
    let worst = fd::lyapunov_rate(model, x).unwrap();
    assert!(worst.relative < DIFFERENCES, "rate: {worst:?} at {x:?}");
    let mut ws = Workspace::new();
    let rate = model.lyapunov_rate(x, &mut ws);
    let speed: f64 = model.eval_at(0.0, x).iter().map(|v| v * v).sum();
    assert!(rate <= ROUNDING * speed, "rate {rate} at {x:?}");
    model.lyapunov(x, &mut ws);
    let allocations = allocation_counter::measure(|| {
        model.lyapunov(x, &mut ws);
        model.lyapunov_rate(x, &mut ws);
    });
    assert_eq!(allocations.count_total, 0, "rates allocate");
}
