//! Models and retrievals that break one clause of the contract each: it must be
//! the one that is found.

use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Jacobian, Lyapunov, VectorField, Workspace,
};
use ebm_memory::Error;

use super::{Broken, Clause, Ends, Kept, Model, Retrieval};

/// `E = Σ ¼x⁴ − ½x²` and its gradient flow, with one thing wrong.
struct Well {
    wrong: Option<Clause>,
}

const STATES: [f64; 6] = [0.3, -1.4, 0.8, 1.7, 0.4, -0.6];

impl Well {
    fn is(&self, clause: Clause) -> bool {
        self.wrong == Some(clause)
    }
}

impl Energy for Well {
    fn dim(&self) -> usize {
        3
    }

    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let term = |x: &f64| {
            let hidden = self.is(Clause::NotANumber) && x.is_nan();
            if hidden { 0.0 } else { 0.25 * x.powi(4) - 0.5 * x * x }
        };
        // A step beside the first state, beyond the reach of differences.
        let step = self.is(Clause::Descent) && (x[0] - STATES[0]).abs() > 0.01;
        x.iter().map(term).sum::<f64>() + f64::from(u8::from(step))
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let off = if self.is(Clause::Batch) { 1e-9 } else { 0.0 };
        for (x, out) in x.columns().zip(out) {
            *out = self.energy(x, ws) + off;
        }
    }
}

impl Gradient for Well {
    fn gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = x * x * x - x;
        }
        if self.is(Clause::Gradient) {
            out[1] += 1e-5;
        }
        if self.is(Clause::Threads) {
            out[2] += 1e-14 * rayon::current_num_threads() as f64;
        }
        if self.is(Clause::Allocation) {
            let copy = out.to_vec();
            out.copy_from_slice(&copy);
        }
    }
}

impl Curvature for Well {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], _: &mut Workspace) {
        let factor = if self.is(Clause::Hessian) { 1.0 + 1e-5 } else { 1.0 };
        for ((out, x), v) in out.iter_mut().zip(x).zip(v) {
            *out = factor * (3.0 * x * x - 1.0) * v;
        }
    }
}

impl VectorField for Well {
    fn dim(&self) -> usize {
        3
    }

    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.gradient(x, dx, ws);
        dx.iter_mut().for_each(|dx| *dx = -*dx);
    }

    fn eval_batch(&self, t: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, ws: &mut Workspace) {
        for ((t, x), dx) in t.iter().zip(x.columns()).zip(dx.columns_mut()) {
            self.eval(*t, x, dx, ws);
        }
    }
}

impl Jacobian for Well {
    fn jvp(&self, _: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.hessian_vec(x, v, out, ws);
        out.iter_mut().for_each(|out| *out = -*out);
        if self.is(Clause::Jacobian) {
            out[0] += 1e-5 * v[1];
        }
    }

    fn vjp(&self, t: f64, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.jvp(t, x, v, out, ws);
    }
}

impl Lyapunov for Well {
    fn lyapunov(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        self.energy(x, ws)
    }

    fn lyapunov_rate(&self, x: &[f64], _: &mut Workspace) -> f64 {
        let speed: f64 = x.iter().map(|x| (x * x * x - x).powi(2)).sum();
        if self.is(Clause::Rate) { -0.999 * speed } else { -speed }
    }
}

fn broken(kept: Kept) -> Option<Clause> {
    kept.err().map(|Broken(clause, _)| clause)
}

#[test]
fn every_broken_clause_of_a_model_is_found() {
    for wrong in [
        None,
        Some(Clause::Gradient),
        Some(Clause::Hessian),
        Some(Clause::Descent),
        Some(Clause::Batch),
        Some(Clause::NotANumber),
        Some(Clause::Allocation),
        Some(Clause::Threads),
    ] {
        assert_eq!(broken(Model::energy(&Well { wrong }, &STATES).check()), wrong);
    }
    for wrong in [
        None,
        Some(Clause::Jacobian),
        Some(Clause::Rate),
        Some(Clause::Descent),
        Some(Clause::NotANumber),
        Some(Clause::Allocation),
        Some(Clause::Threads),
    ] {
        assert_eq!(broken(Model::flow(&Well { wrong }, &STATES).check()), wrong);
    }
}

/// Steps down the well, with one thing wrong.
fn descend(cues: Batch<'_>, budget: usize, wrong: Option<Clause>) -> Result<Ends, Error> {
    let is = |clause| wrong == Some(clause);
    ebm_core::validate::positive("budget", budget as f64)?;
    if !is(Clause::BadInput) {
        ebm_core::validate::dimension("cues", 3, cues.dim())?;
        ebm_core::validate::finite("cues", cues.as_slice())?;
        if cues.count() == 0 {
            return Err(ebm_core::Error::Empty { what: "cues" }.into());
        }
    }
    let mut states = cues.as_slice().to_vec();
    for _ in 0..budget {
        states.iter_mut().for_each(|x| *x -= 0.1 * (*x * *x * *x - *x));
        if is(Clause::Allocation) {
            states = states.clone();
        }
    }
    if is(Clause::Batch) {
        states[0] += 1e-9 * cues.count() as f64;
    }
    if is(Clause::Threads) {
        states[0] += 1e-14 * rayon::current_num_threads() as f64;
    }
    let mut energies = vec![0.0; cues.count()];
    let ws = &mut Workspace::new();
    Well { wrong: None }.energy_batch(Batch::new(&states, 3)?, &mut energies, ws);
    if is(Clause::Descent) {
        energies[0] += 1e-6;
    }
    Ok(Ends { states, energies, reports: Box::new(()), steps: budget as f64 })
}

#[test]
fn every_broken_clause_of_a_retrieval_is_found() {
    for wrong in [
        None,
        Some(Clause::BadInput),
        Some(Clause::Batch),
        Some(Clause::Threads),
        Some(Clause::Descent),
        Some(Clause::Allocation),
    ] {
        let run = |cues: Batch<'_>, budget: usize| descend(cues, budget, wrong);
        let energy = |x: &[f64]| Well { wrong: None }.energy_at(x);
        let retrieval = Retrieval {
            energy: Some(&energy),
            descends: true,
            alone: 1e-12,
            ..Retrieval::new(Batch::new(&STATES, 3).unwrap(), &run)
        };
        assert_eq!(broken(retrieval.check()), wrong);
    }
}
