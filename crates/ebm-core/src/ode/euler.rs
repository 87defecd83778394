//! Explicit Euler, order 1.
//!
//! ```text
//! x(t + h) ≈ x + h F(t, x)
//! ```
//!
//! Source: L. Euler, *Institutiones calculi integralis* I (1768), § 650.

use super::explicit_runge_kutta::{Estimate, Tableau, hermite};

/// Explicit Euler: order 1, fixed step. The choice for iterating a map that is
/// contracting at a known step size, not for accuracy.
pub static EULER: Tableau = Tableau {
    name: "Euler",
    order: 1,
    c: &[0.0],
    a: &[&[]],
    b: B,
    estimate: Estimate::None,
    extra: &[],
    dense_order: 1,
    dense: |theta, weights| hermite(theta, B, 1, weights),
};

const B: &[f64] = &[1.0];
