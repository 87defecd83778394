//! Fields with solutions in closed form.

use ebm_core::ode::{self, Tableau};
use ebm_core::{VectorField, Workspace};

pub(crate) const METHODS: [&Tableau; 7] = [
    &ode::EULER,
    &ode::HEUN,
    &ode::RUNGE_KUTTA4,
    &ode::BOGACKI_SHAMPINE,
    &ode::DORMAND_PRINCE,
    &ode::TSITOURAS,
    &ode::DOP853,
];

pub(crate) const ADAPTIVE: [&Tableau; 4] =
    [&ode::BOGACKI_SHAMPINE, &ode::DORMAND_PRINCE, &ode::TSITOURAS, &ode::DOP853];

/// A closure as a field.
pub(crate) struct Field<F> {
    pub(crate) dim: usize,
    pub(crate) f: F,
}

impl<F: Fn(f64, &[f64], &mut [f64]) + Send + Sync> VectorField for Field<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        (self.f)(t, x, dx);
    }
}

/// `f(t, x, dx)`.
pub(crate) type Rhs = fn(f64, &[f64], &mut [f64]);

/// A field with its solution from `exact(t0)` on.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) field: Rhs,
    pub(crate) exact: fn(f64) -> Vec<f64>,
    pub(crate) span: (f64, f64),
}

impl Known {
    pub(crate) fn field(&self) -> Field<Rhs> {
        Field { dim: (self.exact)(self.span.0).len(), f: self.field }
    }

    pub(crate) fn start(&self) -> Vec<f64> {
        (self.exact)(self.span.0)
    }

    /// Largest error of `x` at `t`.
    pub(crate) fn error(&self, t: f64, x: &[f64]) -> f64 {
        (self.exact)(t).iter().zip(x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

/// `ṙ = r(1 − r²)`, `φ̇ = 1` in Cartesian coordinates: autonomous, nonlinear.
pub(crate) const SWIRL: Known = Known {
    name: "swirl",
    field: |_, x, dx| {
        let growth = 1.0 - x[0] * x[0] - x[1] * x[1];
        dx[0] = x[0] * growth - x[1];
        dx[1] = x[1] * growth + x[0];
    },
    exact: |t| {
        let r = 1.0 / (1.0 + 3.0 * (-2.0 * t).exp()).sqrt();
        vec![r * t.cos(), r * t.sin()]
    },
    span: (0.0, 3.0),
};

/// `ẋ = −2 t x²`, `ẏ = y cos t`: depends on time.
pub(crate) const FORCED: Known = Known {
    name: "forced",
    field: |t, x, dx| {
        dx[0] = -2.0 * t * x[0] * x[0];
        dx[1] = x[1] * t.cos();
    },
    exact: |t| vec![1.0 / (1.0 + t * t), t.sin().exp()],
    span: (0.2, 2.7),
};

/// `u̇ = −v`, `v̇ = u`, `ẏ = y² u`: autonomous, nonlinear, neither growing nor
/// contracting, so that errors stay visible.
pub(crate) const PULSES: Known = Known {
    name: "pulses",
    field: |_, x, dx| {
        dx[0] = -x[1];
        dx[1] = x[0];
        dx[2] = x[2] * x[2] * x[0];
    },
    exact: |t| vec![t.cos(), t.sin(), 1.0 / (2.0 - t.sin())],
    span: (0.3, 8.0),
};

/// `ẏ = y² cos t`, `ż = sin t − z`: depends on time.
pub(crate) const DRIVEN: Known = Known {
    name: "driven",
    field: |t, x, dx| {
        dx[0] = x[0] * x[0] * t.cos();
        dx[1] = t.sin() - x[1];
    },
    exact: |t| vec![1.0 / (1.7 - t.sin()), 0.5 * (t.sin() - t.cos()) + (-t).exp()],
    span: (0.8, 9.0),
};
