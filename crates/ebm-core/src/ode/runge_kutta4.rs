//! The classical Runge–Kutta method, order 4.
//!
//! ```text
//! x(t + h) ≈ x + h/6 (k₁ + 2k₂ + 2k₃ + k₄)
//! ```
//!
//! Source: W. Kutta, Z. Math. Phys. 46 (1901) 435–453.

use super::explicit_runge_kutta::{Estimate, Tableau, hermite};

/// The classical Runge–Kutta method: order 4, fixed step, dense output of
/// order 3.
pub static RUNGE_KUTTA4: Tableau = Tableau {
    name: "Runge–Kutta 4",
    order: 4,
    c: &[0.0, 0.5, 0.5, 1.0],
    a: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    b: B,
    estimate: Estimate::None,
    extra: &[],
    dense_order: 3,
    dense: |theta, weights| hermite(theta, B, 4, weights),
};

const B: &[f64] = &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
