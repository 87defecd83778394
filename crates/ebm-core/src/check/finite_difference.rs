//! Derivatives compared with finite differences.
//!
//! ```text
//! f′(x) ≈ [8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))] / (12 h),   error O(h⁴)
//! ```
//!
//! with `h = ε^{1/5} max(1, |x|)`, where truncation and rounding balance. For
//! functions of moderate size a correct derivative deviates by about 1e-11, a
//! wrong one by the size of the mistake. Points within `2h` of a kink compare
//! two different things.

use crate::{
    Curvature, Energy, Error, Gradient, Jacobian, Lyapunov, VectorField, Workspace, validate,
};

/// The entry where a derivative and its finite difference differ most.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Deviation {
    /// `|found − expected| / max(1, largest magnitude of either vector)`; NaN if
    /// anything compared is NaN.
    pub relative: f64,
    /// Position of the worst entry; in a matrix, `row + dim·column`.
    pub index: usize,
    /// What the model returned there.
    pub found: f64,
    /// What the differences, or the product compared with, give there.
    pub expected: f64,
}

impl Deviation {
    /// The worst entry of two vectors of equal length.
    fn worst(found: &[f64], expected: &[f64]) -> Self {
        let scale = found.iter().chain(expected).fold(1.0_f64, |m, v| m.max(v.abs()));
        let mut worst = Self { relative: 0.0, index: 0, found: found[0], expected: expected[0] };
        for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
            let relative = (found - expected).abs() / scale;
            // Equal infinities differ by NaN and agree.
            let relative = if found == expected { 0.0 } else { relative };
            if relative > worst.relative || relative.is_nan() && !worst.relative.is_nan() {
                worst = Self { relative, index, found, expected };
            }
        }
        worst
    }
}

fn state(what: &'static str, dim: usize, x: &[f64]) -> Result<(), Error> {
    if dim == 0 {
        return Err(Error::Empty { what });
    }
    validate::dimension(what, dim, x.len())?;
    validate::finite(what, x)
}

fn magnitude(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// Step for a function varying on the scale of `x`.
fn step(scale: f64) -> f64 {
    f64::EPSILON.powf(0.2) * scale.max(1.0)
}

/// Derivative at 0 of `f`.
fn derivative(h: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

/// Derivative at `x` along `v` of the vector function `f(x, out)`.
fn directional(x: &[f64], v: &[f64], mut f: impl FnMut(&[f64], &mut [f64])) -> Vec<f64> {
    let size = magnitude(v);
    let h = if size > 0.0 { step(magnitude(x)) / size } else { 1.0 };
    let mut moved = vec![0.0; x.len()];
    let mut value = vec![0.0; x.len()];
    let mut sum = vec![0.0; x.len()];
    for (shift, weight) in [(1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)] {
        for ((m, x), v) in moved.iter_mut().zip(x).zip(v) {
            *m = x + shift * h * v;
        }
        f(&moved, &mut value);
        for (s, v) in sum.iter_mut().zip(&value) {
            *s += weight * v / (12.0 * h);
        }
    }
    sum
}

/// `∇E(x)` against differences of `E`.
///
/// ```
/// use ebm_core::{check::finite_difference, problems::DoubleWell};
/// let worst = finite_difference::gradient(&DoubleWell { dim: 2 }, &[0.3, -1.2])?;
/// assert!(worst.relative < 1e-10);
/// # Ok::<(), ebm_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`.
pub fn gradient<E: Gradient + ?Sized>(energy: &E, x: &[f64]) -> Result<Deviation, Error> {
    state("state", energy.dim(), x)?;
    let ws = &mut Workspace::new();
    let mut found = vec![0.0; x.len()];
    energy.gradient(x, &mut found, ws);
    let mut moved = x.to_vec();
    let mut expected = vec![0.0; x.len()];
    for i in 0..x.len() {
        expected[i] = derivative(step(x[i].abs()), |h| {
            moved[i] = x[i] + h;
            energy.energy(&moved, ws)
        });
        moved[i] = x[i];
    }
    Ok(Deviation::worst(&found, &expected))
}

/// `∇²E(x) v` against differences of `∇E` along `v`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`, `v`.
pub fn hessian_vec<E: Curvature + ?Sized>(
    energy: &E,
    x: &[f64],
    v: &[f64],
) -> Result<Deviation, Error> {
    state("state", energy.dim(), x)?;
    state("direction", energy.dim(), v)?;
    let ws = &mut Workspace::new();
    let mut found = vec![0.0; x.len()];
    energy.hessian_vec(x, v, &mut found, ws);
    let expected = directional(x, v, |x, out| energy.gradient(x, out, ws));
    Ok(Deviation::worst(&found, &expected))
}

/// The assembled Hessian against differences of the gradient along every axis
/// and against [its products](hessian_assembly); the worse of the two.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`.
pub fn hessian<E: Curvature + ?Sized>(energy: &E, x: &[f64]) -> Result<Deviation, Error> {
    let assembly = hessian_assembly(energy, x)?;
    let (n, ws) = (x.len(), &mut Workspace::new());
    let mut found = vec![0.0; n * n];
    energy.hessian(x, &mut found, ws);
    let differences = matrix(n, |unit, column| {
        column.copy_from_slice(&directional(x, unit, |x, out| energy.gradient(x, out, ws)));
    });
    Ok(worse(Deviation::worst(&found, &differences), assembly))
}

/// The assembled Hessian against its products with unit vectors and against its
/// own transpose: equal to rounding, at kinks too. Says nothing about whether
/// either is the derivative of the gradient.
///
/// # Errors
/// As [`hessian`].
pub fn hessian_assembly<E: Curvature + ?Sized>(energy: &E, x: &[f64]) -> Result<Deviation, Error> {
    state("state", energy.dim(), x)?;
    let (n, ws) = (x.len(), &mut Workspace::new());
    let mut found = vec![0.0; n * n];
    energy.hessian(x, &mut found, ws);
    let products = matrix(n, |unit, column| energy.hessian_vec(x, unit, column, ws));
    let transpose: Vec<f64> = (0..n * n).map(|k| products[k % n * n + k / n]).collect();
    Ok(worse(Deviation::worst(&found, &products), Deviation::worst(&found, &transpose)))
}

/// The larger of two deviations; NaN counts as larger.
fn worse(a: Deviation, b: Deviation) -> Deviation {
    if b.relative.is_nan() || b.relative > a.relative { b } else { a }
}

/// Columns `f(eⱼ)` of an `n × n` matrix.
fn matrix(n: usize, mut f: impl FnMut(&[f64], &mut [f64])) -> Vec<f64> {
    let mut unit = vec![0.0; n];
    let mut out = vec![0.0; n * n];
    for (j, column) in out.chunks_exact_mut(n).enumerate() {
        unit[j] = 1.0;
        f(&unit, column);
        unit[j] = 0.0;
    }
    out
}

/// `J(t, x) v` against differences of `F` along `v`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`, `v`.
pub fn jvp<F: Jacobian + ?Sized>(
    field: &F,
    t: f64,
    x: &[f64],
    v: &[f64],
) -> Result<Deviation, Error> {
    state("state", field.dim(), x)?;
    state("direction", field.dim(), v)?;
    let ws = &mut Workspace::new();
    let mut found = vec![0.0; x.len()];
    field.jvp(t, x, v, &mut found, ws);
    let expected = directional(x, v, |x, out| field.eval(t, x, out, ws));
    Ok(Deviation::worst(&found, &expected))
}

/// `Jᵀ u` against `J`, entry by entry: `uᵀ(J eⱼ) = (Jᵀu)ⱼ`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`, `u`.
pub fn vjp<F: Jacobian + ?Sized>(
    field: &F,
    t: f64,
    x: &[f64],
    u: &[f64],
) -> Result<Deviation, Error> {
    state("state", field.dim(), x)?;
    state("direction", field.dim(), u)?;
    let (n, ws) = (x.len(), &mut Workspace::new());
    let mut found = vec![0.0; n];
    field.vjp(t, x, u, &mut found, ws);
    let columns = matrix(n, |unit, column| field.jvp(t, x, unit, column, ws));
    let expected: Vec<f64> = columns
        .chunks_exact(n)
        .map(|column| column.iter().zip(u).map(|(j, u)| j * u).sum())
        .collect();
    Ok(Deviation::worst(&found, &expected))
}

/// The assembled Jacobian against differences of `F` along every axis and
/// against [its products](jacobian_assembly); the worse of the two.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`.
pub fn jacobian<F: Jacobian + ?Sized>(field: &F, t: f64, x: &[f64]) -> Result<Deviation, Error> {
    let assembly = jacobian_assembly(field, t, x)?;
    let (n, ws) = (x.len(), &mut Workspace::new());
    let mut found = vec![0.0; n * n];
    field.jacobian(t, x, &mut found, ws);
    let differences = matrix(n, |unit, column| {
        column.copy_from_slice(&directional(x, unit, |x, out| field.eval(t, x, out, ws)));
    });
    Ok(worse(Deviation::worst(&found, &differences), assembly))
}

/// The assembled Jacobian against its products with unit vectors: equal to
/// rounding, at kinks too. Says nothing about whether either is the derivative
/// of the field.
///
/// # Errors
/// As [`jacobian`].
pub fn jacobian_assembly<F: Jacobian + ?Sized>(
    field: &F,
    t: f64,
    x: &[f64],
) -> Result<Deviation, Error> {
    state("state", field.dim(), x)?;
    let (n, ws) = (x.len(), &mut Workspace::new());
    let mut found = vec![0.0; n * n];
    field.jacobian(t, x, &mut found, ws);
    let products = matrix(n, |unit, column| field.jvp(t, x, unit, column, ws));
    Ok(Deviation::worst(&found, &products))
}

/// `∂F/∂t` against differences in time.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`.
pub fn time_derivative<F: Jacobian + ?Sized>(
    field: &F,
    t: f64,
    x: &[f64],
) -> Result<Deviation, Error> {
    state("state", field.dim(), x)?;
    let ws = &mut Workspace::new();
    let mut found = vec![0.0; x.len()];
    field.time_derivative(t, x, &mut found, ws);
    let mut value = vec![0.0; x.len()];
    let expected: Vec<f64> = (0..x.len())
        .map(|i| {
            derivative(step(t.abs()), |h| {
                field.eval(t + h, x, &mut value, ws);
                value[i]
            })
        })
        .collect();
    Ok(Deviation::worst(&found, &expected))
}

/// The rate `V̇(x)` of an autonomous flow against differences of `V` along
/// `F(0, x)`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`.
pub fn lyapunov_rate<F: Lyapunov + ?Sized>(field: &F, x: &[f64]) -> Result<Deviation, Error> {
    let velocity = velocity(field, x)?;
    let ws = &mut Workspace::new();
    let found = field.lyapunov_rate(x, ws);
    let expected = along(x, &velocity, |x| field.lyapunov(x, ws));
    Ok(Deviation::worst(&[found], &[expected]))
}

/// `F(0, x)`, after checks of `x`.
fn velocity<F: VectorField + ?Sized>(field: &F, x: &[f64]) -> Result<Vec<f64>, Error> {
    state("state", field.dim(), x)?;
    Ok(field.eval_at(0.0, x))
}

/// Derivative at `x` along `v` of the scalar function `f`.
fn along(x: &[f64], v: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> f64 {
    let size = magnitude(v);
    let h = if size > 0.0 { step(magnitude(x)) / size } else { 1.0 };
    let mut moved = vec![0.0; x.len()];
    derivative(h, |h| {
        for ((m, x), v) in moved.iter_mut().zip(x).zip(v) {
            *m = x + h * v;
        }
        f(&moved)
    })
}

/// The derivative of `E` at `x` along `v`, by differences.
///
/// # Errors
/// [`Error::Empty`], [`Error::Dimension`], [`Error::NotFinite`] for `x`, `v`.
pub fn slope_along<E: Energy + ?Sized>(energy: &E, x: &[f64], v: &[f64]) -> Result<f64, Error> {
    state("state", energy.dim(), x)?;
    state("direction", energy.dim(), v)?;
    let ws = &mut Workspace::new();
    Ok(along(x, v, |x| energy.energy(x, ws)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::GradientFlow;
    use crate::problems::{DoubleWell, MullerBrown};

    /// A double well whose derivatives are wrong by a stated amount.
    struct Wrong {
        gradient: f64,
        hessian: f64,
    }

    impl Energy for Wrong {
        fn dim(&self) -> usize {
            2
        }
        fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
            DoubleWell { dim: 2 }.energy(x, ws)
        }
    }
    impl Gradient for Wrong {
        fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
            DoubleWell { dim: 2 }.gradient(x, out, ws);
            out[1] += self.gradient;
        }
    }
    impl Curvature for Wrong {
        fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
            DoubleWell { dim: 2 }.hessian_vec(x, v, out, ws);
            out[0] += self.hessian * v[1];
        }
    }

    #[test]
    fn finds_the_wrong_entry() {
        let x = [0.3, -0.4];
        let worst = gradient(&Wrong { gradient: 1e-6, hessian: 0.0 }, &x).unwrap();
        assert_eq!(worst.index, 1);
        assert!((worst.relative - 1e-6).abs() < 1e-10);

        let wrong = Wrong { gradient: 0.0, hessian: 1e-6 };
        assert!((hessian_vec(&wrong, &x, &[0.0, 1.0]).unwrap().relative - 1e-6).abs() < 1e-10);
        // Asymmetric: the entry (0, 1) is off, its mirror image is not.
        assert!((hessian(&wrong, &x).unwrap().relative - 1e-6).abs() < 1e-10);
        // The flow's vjp assumes symmetry and therefore disagrees with its jvp.
        assert!(vjp(&GradientFlow(&wrong), 0.0, &x, &[1.0, 0.0]).unwrap().relative > 9e-7);
    }

    /// The default assembly repeats the products, so only differences show that
    /// both are wrong.
    #[test]
    fn a_symmetric_wrong_hessian_is_found() {
        struct Scaled(DoubleWell);
        impl Energy for Scaled {
            fn dim(&self) -> usize {
                self.0.dim()
            }
            fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
                self.0.energy(x, ws)
            }
        }
        impl Gradient for Scaled {
            fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
                self.0.gradient(x, out, ws);
            }
        }
        impl Curvature for Scaled {
            fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
                self.0.hessian_vec(x, v, out, ws);
                out.iter_mut().for_each(|h| *h *= 1.5);
            }
        }
        let (model, x) = (Scaled(DoubleWell { dim: 2 }), [1.3, -1.4]);
        assert!(hessian(&model, &x).unwrap().relative > 0.1);
        assert!(jacobian(&GradientFlow(&model), 0.0, &x).unwrap().relative > 0.1);
    }

    #[test]
    fn correct_derivatives_deviate_by_rounding_only() {
        let x = [-0.7, 0.9];
        let v = [0.4, -1.3];
        // Values near 100 on a length scale of 0.2.
        assert!(gradient(&MullerBrown, &x).unwrap().relative < 1e-8);
        assert!(hessian_vec(&MullerBrown, &x, &v).unwrap().relative < 1e-8);
        assert!(hessian(&MullerBrown, &x).unwrap().relative < 1e-8);
        let flow = GradientFlow(DoubleWell { dim: 2 });
        assert!(jvp(&flow, 0.0, &x, &v).unwrap().relative < 1e-11);
        assert!(lyapunov_rate(&flow, &x).unwrap().relative < 1e-11);
        assert_eq!(time_derivative(&flow, 0.0, &x).unwrap().relative, 0.0);
    }

    #[test]
    fn nan_is_reported_not_hidden() {
        let wrong = Wrong { gradient: f64::NAN, hessian: 0.0 };
        let worst = gradient(&wrong, &[0.1, 0.2]).unwrap();
        assert!(worst.relative.is_nan());
        assert_eq!(worst.index, 1);
    }

    #[test]
    fn bad_states_are_refused() {
        let e = DoubleWell { dim: 2 };
        assert!(matches!(gradient(&e, &[1.0]), Err(Error::Dimension { .. })));
        assert!(matches!(gradient(&e, &[1.0, f64::NAN]), Err(Error::NotFinite { .. })));
        assert!(matches!(gradient(&DoubleWell { dim: 0 }, &[]), Err(Error::Empty { .. })));
        assert!(hessian_vec(&e, &[1.0, 1.0], &[1.0]).is_err());
    }
}
