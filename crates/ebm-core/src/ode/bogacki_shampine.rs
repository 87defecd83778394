//! Bogacki–Shampine 3(2).
//!
//! Source: P. Bogacki and L. F. Shampine, Appl. Math. Lett. 2 (1989) 321–325.
//! Dense output is the cubic Hermite interpolant.

use super::explicit_runge_kutta::{Estimate, Tableau, hermite};

/// Bogacki–Shampine: order 3, error estimate of order 2, three evaluations a
/// step. For loose tolerances (1e-3) and kinks.
pub static BOGACKI_SHAMPINE: Tableau = Tableau {
    name: "Bogacki–Shampine 3(2)",
    order: 3,
    c: &[0.0, 0.5, 0.75, 1.0],
    a: &[&[], &[0.5], &[0.0, 0.75], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    b: B,
    estimate: Estimate::Embedded { order: 2, e: &[-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0] },
    extra: &[],
    dense_order: 3,
    dense: |theta, weights| hermite(theta, B, 3, weights),
};

const B: &[f64] = &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0, 0.0];
