//! Heun's method (explicit trapezoidal rule), order 2.
//!
//! ```text
//! x(t + h) ≈ x + h/2 (F(t, x) + F(t + h, x + h F(t, x)))
//! ```
//!
//! Source: K. Heun, Z. Math. Phys. 45 (1900) 23–38.

use super::explicit_runge_kutta::{Estimate, Tableau, hermite};

/// Heun's method: order 2, fixed step.
pub static HEUN: Tableau = Tableau {
    name: "Heun",
    order: 2,
    c: &[0.0, 1.0],
    a: &[&[], &[1.0]],
    b: B,
    estimate: Estimate::None,
    extra: &[],
    dense_order: 2,
    dense: |theta, weights| hermite(theta, B, 2, weights),
};

const B: &[f64] = &[0.5, 0.5];
