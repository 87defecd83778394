//! Inexact Newton with GMRES: the Newton equation is solved only as well as the
//! progress deserves, and only products with the Jacobian are used.
//!
//! ```text
//! ‖F(x) + J(x) s‖ ≤ η ‖F(x)‖,      x ← x + λ s,
//! η = 0.9 (‖F(x)‖ / ‖F(x_previous)‖)²,  safeguarded
//! ```
//!
//! `λ` is backtracked until `‖F‖₂` falls. Without a Jacobian its products are
//! taken by forward differences.
//!
//! Source: S. C. Eisenstat and H. F. Walker, *Choosing the forcing terms in an
//! inexact Newton method*, SIAM J. Sci. Comput. 17 (1996); D. A. Knoll and
//! D. E. Keyes, *Jacobian-free Newton–Krylov methods*, J. Comput. Phys. 193
//! (2004).

use super::gmres::Gmres;
use super::{Equilibrium, Method, Options};
use crate::ode::Norm;
use crate::vector::norm;
use crate::{
    Error, Jacobian, Observer, Outcome, Snapshot, Stats, VectorField, Workspace, validate,
};

/// Inexact Newton with GMRES.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct NewtonKrylov {
    /// Dimension of the Krylov space, ≥ 1; at most that of the state is used.
    /// The basis takes this many states of memory.
    pub krylov: usize,
    /// Largest forcing term `η`, between 0 and 1.
    pub forcing: f64,
}

impl Default for NewtonKrylov {
    /// Sixty basis vectors: an equilibrium whose Jacobian needs more wants a
    /// preconditioner. `η ≤ 0.9` as Eisenstat and Walker advise.
    fn default() -> Self {
        Self { krylov: 60, forcing: 0.9 }
    }
}

impl NewtonKrylov {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `krylov ≥ 1` and `0 < forcing < 1`.
    pub fn validate(&self) -> Result<(), Error> {
        if self.krylov == 0 {
            return Err(Error::Parameter {
                what: "Krylov dimension",
                expected: "at least 1",
                value: 0.0,
            });
        }
        validate::positive("forcing", self.forcing)?;
        if self.forcing < 1.0 {
            Ok(())
        } else {
            Err(Error::Parameter { what: "forcing", expected: "below 1", value: self.forcing })
        }
    }
}

/// Decrease of `‖F‖` demanded, as a part of that promised by the linear model.
const SUFFICIENT: f64 = 1e-4;
/// Smallest part of a Newton step that is tried.
const SMALLEST: f64 = 1e-10;

/// The field, its Jacobian if known, and what their evaluations need.
struct Problem<'a> {
    field: &'a dyn VectorField,
    jacobian: Option<&'a dyn Jacobian>,
    shifted: Vec<f64>,
    ws: Workspace,
    stats: Stats,
}

impl Problem<'_> {
    fn eval(&mut self, x: &[f64], f: &mut [f64]) {
        self.stats.evaluations += 1;
        self.field.eval(0.0, x, f, &mut self.ws);
    }

    /// `J(x) v` for a unit vector `v`, given `f = F(x)`.
    fn product(&mut self, x: &[f64], f: &[f64], v: &[f64], out: &mut [f64]) {
        if let Some(jacobian) = self.jacobian {
            self.stats.products += 1;
            jacobian.jvp(0.0, x, v, out, &mut self.ws);
            return;
        }
        // Balances the truncation error against cancellation.
        let step = f64::EPSILON.sqrt() * (1.0 + norm(x));
        for ((s, x), v) in self.shifted.iter_mut().zip(x).zip(v) {
            *s = x + step * v;
        }
        self.stats.evaluations += 1;
        self.field.eval(0.0, &self.shifted, out, &mut self.ws);
        for (out, f) in out.iter_mut().zip(f) {
            *out = (*out - f) / step;
        }
    }

    fn spent(&self) -> usize {
        self.stats.evaluations + self.stats.products
    }
}

/// Runs from `x0`, having spent `stats` already. If there were any evaluations
/// the observer knows `x0`.
pub(super) fn newton_krylov(
    field: &dyn VectorField,
    jacobian: Option<&dyn Jacobian>,
    x0: &[f64],
    (config, trajectory, stats): (NewtonKrylov, usize, Stats),
    options: &Options,
    observer: &mut dyn Observer,
) -> Equilibrium {
    let n = x0.len();
    let mut problem =
        Problem { field, jacobian, shifted: vec![0.0; n], ws: Workspace::new(), stats };
    let mut gmres = Gmres::new(n, config.krylov);
    let (mut x, mut trial) = (x0.to_vec(), vec![0.0; n]);
    let (mut f, mut f_trial) = (vec![0.0; n], vec![0.0; n]);
    let (mut s, mut rhs) = (vec![0.0; n], vec![0.0; n]);
    problem.eval(&x, &mut f);
    let mut size = norm(&f);
    let mut forcing = config.forcing;
    let mut shown = stats.evaluations > 0;

    let outcome = loop {
        let residual = Norm::Max.of(&f);
        if !residual.is_finite() {
            let index = f.iter().position(|f| !f.is_finite()).unwrap_or(0);
            break Outcome::NotFinite { t: 0.0, index };
        }
        let step = problem.stats.steps;
        let snapshot = Snapshot { step, t: step as f64, trajectory, x: &x };
        let broke = !std::mem::replace(&mut shown, false) && observer.observe(&snapshot).is_break();
        if residual <= options.tolerance {
            break Outcome::Converged;
        }
        if broke {
            break Outcome::Stopped;
        }
        let left = options.max_evaluations.saturating_sub(problem.spent());
        if left < 2 {
            break Outcome::MaxSteps;
        }

        for (rhs, f) in rhs.iter_mut().zip(&f) {
            *rhs = -f;
        }
        // No closer than half of what remains to be done.
        let wanted = forcing.max(0.5 * options.tolerance / residual).min(config.forcing);
        let mut apply = |v: &[f64], out: &mut [f64]| problem.product(&x, &f, v, out);
        let linear = gmres.solve(&mut apply, &rhs, wanted * size, left - 1, &mut s);
        problem.stats.solves += 1;
        let slope = 2.0 * (linear * linear - size * size);
        // No descent in the whole space: the Jacobian is singular here.
        if slope.is_nan() || slope >= 0.0 || s.iter().any(|s| !s.is_finite()) {
            break Outcome::Stalled;
        }

        let mut lambda = 1.0;
        let accepted = loop {
            for ((trial, x), s) in trial.iter_mut().zip(&x).zip(&s) {
                *trial = x + lambda * s;
            }
            problem.eval(&trial, &mut f_trial);
            let new = norm(&f_trial);
            if new <= size * (1.0 - SUFFICIENT * lambda * (1.0 - linear / size)) {
                break Some(new);
            }
            problem.stats.rejected += 1;
            // Minimum of the parabola through what is known of ‖F‖².
            let parabola =
                -0.5 * slope * lambda * lambda / (new * new - size * size - slope * lambda);
            lambda = if parabola.is_finite() {
                parabola.clamp(0.1 * lambda, 0.5 * lambda)
            } else {
                0.1 * lambda
            };
            if lambda < SMALLEST || problem.spent() >= options.max_evaluations {
                break None;
            }
        };
        let Some(new) = accepted else {
            break if lambda < SMALLEST { Outcome::Stalled } else { Outcome::MaxSteps };
        };
        let ratio = new / size;
        let previous = 0.9 * forcing * forcing;
        forcing = 0.9 * ratio * ratio;
        if previous > 0.1 {
            forcing = forcing.max(previous);
        }
        std::mem::swap(&mut x, &mut trial);
        std::mem::swap(&mut f, &mut f_trial);
        size = new;
        problem.stats.steps += 1;
    };
    Equilibrium {
        residual: Norm::Max.of(&f),
        x,
        outcome,
        stats: problem.stats,
        method: Method::NewtonKrylov(config),
    }
}
