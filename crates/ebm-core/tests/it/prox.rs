//! Proximal operators against their definition: the minimum itself, Moreau's
//! identity, nonexpansiveness, and their Jacobians.

use ebm_core::prox::{
    Ball, BoxConstraint, Indicator, L1, NonNegative, NonNegativeL1, ProxJacobian, SquaredL2,
    Subdifferentiable, Zero,
};
use ebm_core::transform::Scaled;
use ebm_core::{Energy, Error, Prox, Workspace};
use proptest::prelude::*;

use crate::contract;

const DIM: usize = 4;

fn vector() -> impl Strategy<Value = [f64; DIM]> {
    prop::array::uniform4(-3.0..3.0f64)
}

fn prox(g: &impl Prox, x: &[f64], gamma: f64) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    g.prox(x, gamma, &mut out, &mut Workspace::new());
    out
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The functions under test, as one list of trait objects.
trait Full: ProxJacobian + Subdifferentiable {}
impl<G: ProxJacobian + Subdifferentiable> Full for G {}

fn all() -> Vec<(&'static str, Box<dyn Full>)> {
    vec![
        ("l1", Box::new(L1::new(DIM, 0.7).unwrap())),
        ("non-negative", Box::new(NonNegative { dim: DIM })),
        ("non-negative l1", Box::new(NonNegativeL1::new(DIM, 0.7).unwrap())),
        ("box", Box::new(BoxConstraint::cube(DIM, -0.5, 1.25).unwrap())),
        ("ball", Box::new(Ball::new(vec![0.25; DIM], 1.5).unwrap())),
        ("squared l2", Box::new(SquaredL2::new(DIM, 0.7).unwrap())),
        ("zero", Box::new(Zero { dim: DIM })),
        ("scaled l1", Box::new(Scaled::new(L1::new(DIM, 0.7).unwrap(), 2.5).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No point has a smaller `g(z) + ‖z − x‖²/(2γ)`: by the strong convexity
    /// of that function any other `z` exceeds it by `‖z − p‖²/(2γ)`.
    #[test]
    fn is_the_minimum(x in vector(), z in vector(), gamma in 0.05..3.0f64) {
        for (name, g) in all() {
            let p = prox(&&*g, &x, gamma);
            let ws = &mut Workspace::new();
            // A competitor in the domain.
            let z = prox(&&*g, &z, 1e-3);
            let value = g.energy(&p, ws) + square(&p, &x) / (2.0 * gamma);
            let other = g.energy(&z, ws) + square(&z, &x) / (2.0 * gamma);
            let gap = square(&p, &z) / (2.0 * gamma);
            prop_assert!(value + gap <= other + 1e-12 * (1.0 + other), "{name} {value} {other}");
        }
    }

    #[test]
    fn is_firmly_nonexpansive(x in vector(), y in vector(), gamma in 0.05..3.0f64) {
        for (name, g) in all() {
            let (p, q) = (prox(&&*g, &x, gamma), prox(&&*g, &y, gamma));
            let inner: f64 =
                (0..DIM).map(|i| (p[i] - q[i]) * (x[i] - y[i])).sum();
            prop_assert!(square(&p, &q) <= inner + 1e-12, "{name}");
        }
    }

    /// Moreau: `x = prox_{γg}(x) + γ prox_{g*/γ}(x/γ)`. The conjugate of
    /// `λ‖x‖₁` is the indicator of the cube `[−λ, λ]ⁿ`, that of the
    /// non-negative orthant the non-positive one, that of `½λ‖x‖²` is
    /// `‖x‖²/(2λ)`, and that of the cube of half-width `λ` again `λ‖x‖₁`.
    #[test]
    fn moreau_identity(x in vector(), gamma in 0.05..3.0f64) {
        fn holds(
            g: &impl Prox, conjugate: &impl Prox, x: &[f64], gamma: f64,
        ) -> Result<(), TestCaseError> {
            let scaled: Vec<f64> = x.iter().map(|x| x / gamma).collect();
            let (p, q) = (prox(g, x, gamma), prox(conjugate, &scaled, 1.0 / gamma));
            for i in 0..x.len() {
                prop_assert!((x[i] - p[i] - gamma * q[i]).abs() < 1e-13, "{x:?} {p:?} {q:?}");
            }
            Ok(())
        }
        let l1 = L1::new(DIM, 0.7).unwrap();
        let cube = BoxConstraint::cube(DIM, -0.7, 0.7).unwrap();
        holds(&l1, &cube, &x, gamma)?;
        holds(&cube, &l1, &x, gamma)?;
        let negative = BoxConstraint::cube(DIM, f64::NEG_INFINITY, 0.0).unwrap();
        holds(&NonNegative { dim: DIM }, &negative, &x, gamma)?;
        let below = BoxConstraint::cube(DIM, f64::NEG_INFINITY, 0.7).unwrap();
        holds(&NonNegativeL1::new(DIM, 0.7).unwrap(), &below, &x, gamma)?;
        let (ridge, dual) = (SquaredL2::new(DIM, 0.5).unwrap(), SquaredL2::new(DIM, 2.0).unwrap());
        holds(&ridge, &dual, &x, gamma)?;
        let origin = BoxConstraint::cube(DIM, 0.0, 0.0).unwrap();
        holds(&Zero { dim: DIM }, &origin, &x, gamma)?;
    }

    #[test]
    fn jacobian_is_the_derivative(x in vector(), v in vector(), gamma in 0.1..2.0f64) {
        // Away from every kink of every function.
        let kinks = [0.0, 0.7 * gamma, -0.7 * gamma, 1.75 * gamma, -1.75 * gamma, -0.5, 1.25];
        prop_assume!(x.iter().all(|x| kinks.iter().all(|k| (x - k).abs() > 1e-3)));
        prop_assume!((square(&x, &[0.25; DIM]).sqrt() - 1.5).abs() > 0.05);
        let h = 1e-5;
        for (name, g) in all() {
            let ws = &mut Workspace::new();
            let mut product = [0.0; DIM];
            g.prox_jvp(&x, gamma, &v, &mut product, ws);
            let shift = |s: f64| -> Vec<f64> {
                x.iter().zip(&v).map(|(x, v)| x + s * h * v).collect()
            };
            let (up, down) = (prox(&&*g, &shift(1.0), gamma), prox(&&*g, &shift(-1.0), gamma));
            for i in 0..DIM {
                let slope = (up[i] - down[i]) / (2.0 * h);
                prop_assert!((slope - product[i]).abs() < 1e-7, "{name} {slope} {}", product[i]);
            }
        }
    }

    #[test]
    fn slope_is_the_one_sided_derivative(
        x in prop::array::uniform4(prop_oneof![-3.0..3.0f64, Just(0.0)]),
        z in vector(),
    ) {
        let h = 1e-7;
        for (name, g) in all() {
            let ws = &mut Workspace::new();
            // Both inside the domain, on its boundary at times.
            let (x, p) = (prox(&&*g, &x, 1e-3), prox(&&*g, &z, 1e-3));
            let slope = g.slope_toward(&x, &p, ws);
            let moved: Vec<f64> = x.iter().zip(&p).map(|(x, p)| x + h * (p - x)).collect();
            let difference = (g.energy(&moved, ws) - g.energy(&x, ws)) / h;
            prop_assert!((slope - difference).abs() < 1e-4, "{name} {slope} {difference}");
        }
    }

    #[test]
    fn squared_norm_is_an_energy(x in vector(), v in vector()) {
        contract::curvature(&SquaredL2::new(DIM, 0.7).unwrap(), &x, &v);
    }
}

#[test]
fn projections_are_idempotent() {
    let ball = Ball::new(vec![0.25; 3], 1.5).unwrap();
    let mut once = [0.0; 3];
    ball.project(&[4.0, -3.0, 0.5], &mut once, &mut Workspace::new());
    assert_eq!(ball.energy_at(&once), 0.0);
    assert_eq!(ball.energy_at(&[4.0, -3.0, 0.5]), f64::INFINITY);
    for (a, b) in prox(&ball, &once, 7.0).iter().zip(once) {
        assert!((a - b).abs() < 1e-15);
    }
}

/// Neither a center far from the origin nor squares beyond the range of `f64`
/// put a projected point outside.
#[test]
fn projections_lie_in_balls_of_any_scale() {
    let ws = &mut Workspace::new();
    for (center, radius, from) in [
        ([1e8, -3e8, 2e8], 1e-3, [1e8 + 5.0, -3e8, 2e8 - 1.0]),
        ([1e12, 1.0, -7e11], 0.7, [0.0, 3.0, 9.0]),
        ([0.25; 3], 1.5, [1e200, -2e200, 3e199]),
        ([0.0; 3], 1e-200, [1e-180, 2e-180, 0.0]),
    ] {
        let ball = Ball::new(center.to_vec(), radius).unwrap();
        let mut once = [0.0; 3];
        ball.project(&from, &mut once, ws);
        assert_eq!(ball.energy_at(&once), 0.0, "{center:?}");
        assert_eq!(ball.energy_at(&from), f64::INFINITY, "{center:?}");
        let size = center.iter().fold(radius, |size, c: &f64| size.max(c.abs()));
        let distance = once.iter().zip(&center).fold(0.0, |d: f64, (a, c)| d.hypot(a - c));
        assert!((distance - radius).abs() <= 4.0 * f64::EPSILON * size, "{distance} {radius}");
    }
    // The slack is one of rounding.
    assert_eq!(Ball::new(vec![1e8], 1.0).unwrap().energy_at(&[1e8 + 1.001]), f64::INFINITY);
}

#[test]
fn nan_is_not_swallowed() {
    let x = [0.5, f64::NAN, 0.1, 0.2];
    for (name, g) in all() {
        assert!(prox(&&*g, &x, 0.5).iter().any(|p| p.is_nan()), "{name}");
        assert!(name == "zero" || g.energy_at(&x).is_nan(), "{name}");
    }
}

#[test]
fn bad_parameters_are_refused() {
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(L1::new(2, bad), Err(Error::Parameter { .. })));
        assert!(matches!(NonNegativeL1::new(2, bad), Err(Error::Parameter { .. })));
        assert!(matches!(SquaredL2::new(2, bad), Err(Error::Parameter { .. })));
        assert!(matches!(Ball::new(vec![0.0], bad), Err(Error::Parameter { .. })));
        assert!(matches!(Scaled::new(Zero { dim: 2 }, bad), Err(Error::Parameter { .. })));
    }
    assert!(Ball::new(vec![0.0], 0.0).is_err());
    assert!(matches!(Ball::new(vec![f64::NAN], 1.0), Err(Error::NotFinite { .. })));
    assert!(matches!(BoxConstraint::new(vec![0.0], vec![1.0, 2.0]), Err(Error::Dimension { .. })));
    let inf = f64::INFINITY;
    for (low, high) in [(1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::NAN), (inf, inf), (-inf, -inf)] {
        assert!(matches!(
            BoxConstraint::new(vec![0.0, low], vec![0.0, high]),
            Err(Error::Entry { index: 1, .. })
        ));
    }
    assert!(BoxConstraint::cube(1, -inf, inf).is_ok());
}
