//! A Rosenbrock method: one factorization and no iteration per step.
//!
//! ```text
//! (I/(hγ) − J) uᵢ = F(t + αᵢh, x + Σⱼ aᵢⱼ uⱼ) + h γᵢ ∂F/∂t + Σⱼ (cᵢⱼ/h) uⱼ,   j < i
//! x⁺ = x + Σᵢ mᵢ uᵢ,      J = ∂F/∂x(t, x),      error ≈ u₈
//! ```
//!
//! The coefficients are those of Rodas5P: eight stages, order 5 (4 for the
//! embedded solution and for dense output), L-stable and stiffly accurate, with
//! reduced loss of order on stiff problems.
//!
//! Sources: G. Steinebach, *Construction of Rosenbrock–Wanner method Rodas5P
//! and numerical benchmarks within the Julia Differential Equations package*,
//! BIT 63 (2023) 27, doi:10.1007/s10543-023-00967-x; E. Hairer and G. Wanner,
//! *Solving Ordinary Differential Equations II* (1996), IV.7.

use super::progress::first_not_finite;
use super::{Attempt, Context, Stepper};
use crate::Jacobian;
use crate::linalg::{Lu, square};
use crate::vector::axpy;

const STAGES: usize = 8;

const GAMMA: f64 = 0.21193756319429014;

/// `aᵢⱼ`. The last two stages add the one before with weight one, and so does
/// the new state: `m` is the last row followed by one.
#[rustfmt::skip]
const A: [&[f64]; STAGES] = [
    &[],
    &[3.0],
    &[2.849394379747939, 0.45842242204463923],
    &[-6.954028509809101, 2.489845061869568, -10.358996098473584],
    &[2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
    &[-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
        0.030198172008377946],
    &[-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
        0.030198172008377946, 1.0],
    &[-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
        0.030198172008377946, 1.0, 1.0],
];

/// `cᵢⱼ`.
#[rustfmt::skip]
const C: [&[f64]; STAGES] = [
    &[],
    &[-14.155112264123755],
    &[-17.97296035885952, -2.859693295451294],
    &[147.12150275711716, -1.41221402718213, 71.68940251302358],
    &[165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
    &[24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
        -0.6610691825249471],
    &[30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
        -19.097331116725623, -28.087943162872662],
    &[37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
        -40.06618937091002, -54.66780262877968, -9.48861652309627],
];

/// `αᵢ`.
const ALPHA: [f64; STAGES] = [
    0.0,
    0.6358126895828704,
    0.4095798393397535,
    0.9769306725060716,
    0.4288403609558664,
    1.0,
    1.0,
    1.0,
];

/// `γᵢ`.
const GAMMA_SUM: [f64; STAGES] = [
    GAMMA,
    -0.42387512638858027,
    -0.3384627126235924,
    1.8046452872882734,
    2.325825639765069,
    0.0,
    0.0,
    0.0,
];

/// Weights of the stages in the three coefficients of dense output.
#[rustfmt::skip]
const DENSE: [[f64; STAGES]; 3] = [
    [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
        0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
    [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
        20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372],
    [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
        -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722],
];

/// The Rosenbrock method Rodas5P: for stiff fields, at tolerances from crude
/// to `1e-10`, whose Jacobian matrix is affordable.
///
/// It needs the Jacobian, and `∂F/∂t` of a field that depends on time, exactly:
/// an approximation costs order. Each step evaluates and factorizes one
/// Jacobian; a rejected step keeps the Jacobian.
///
/// ```
/// use ebm_core::ode::{Context, Rosenbrock, Stepper};
/// use ebm_core::{flow::GradientFlow, problems::DoubleWell};
///
/// let flow = GradientFlow(DoubleWell::default());
/// let mut stepper = Rosenbrock::new(1);
/// let mut cx = Context::default();
/// let (mut x, mut x_new) = ([2.0], [0.0]);
/// stepper.start(&flow, 0.0, &x, &mut cx);
/// for step in 0..50 {
///     stepper.attempt(&flow, step as f64, &x, 1.0, &mut x_new, &mut cx);
///     stepper.accept(&flow, step as f64 + 1.0, &x_new, &mut cx);
///     x = x_new;
/// }
/// assert!((x[0] - 1.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone)]
pub struct Rosenbrock {
    n: usize,
    lu: Lu,
    jacobian: Vec<f64>,
    /// Whether `jacobian` and `time_derivative` belong to the current state.
    current: bool,
    time_derivative: Vec<f64>,
    /// `F(t, x)`.
    derivative: Vec<f64>,
    /// `u₁ … u₈`.
    stages: Vec<Vec<f64>>,
    state: Vec<f64>,
}

impl Rosenbrock {
    /// Memory for a state of length `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self {
            n,
            lu: Lu::new(n),
            jacobian: square(n),
            current: false,
            time_derivative: vec![0.0; n],
            derivative: vec![0.0; n],
            stages: vec![vec![0.0; n]; STAGES],
            state: vec![0.0; n],
        }
    }
}

impl<F: Jacobian + ?Sized> Stepper<F> for Rosenbrock {
    fn dim(&self) -> usize {
        self.n
    }

    fn order(&self) -> u32 {
        5
    }

    fn estimate_order(&self) -> Option<u32> {
        Some(4)
    }

    fn start(&mut self, field: &F, t: f64, x: &[f64], cx: &mut Context) {
        field.eval(t, x, &mut self.derivative, &mut cx.ws);
        cx.stats.evaluations += 1;
        self.current = false;
    }

    fn attempt(
        &mut self,
        field: &F,
        t: f64,
        x: &[f64],
        h: f64,
        x_new: &mut [f64],
        cx: &mut Context,
    ) -> Attempt {
        if !self.current {
            field.jacobian(t, x, &mut self.jacobian, &mut cx.ws);
            field.time_derivative(t, x, &mut self.time_derivative, &mut cx.ws);
            cx.stats.jacobians += 1;
            self.current = true;
        }
        cx.stats.factorizations += 1;
        let jacobian = &self.jacobian;
        if self.lu.factorize_with(|w| shifted(1.0 / (h * GAMMA), jacobian, w)).is_err() {
            return not_factorized(jacobian);
        }
        for i in 0..STAGES {
            let (done, rest) = self.stages.split_at_mut(i);
            let u = &mut rest[0];
            if i == 0 {
                u.copy_from_slice(&self.derivative);
            } else {
                // The last three states differ by one stage each.
                let state = if i + 1 == STAGES { &mut *x_new } else { &mut self.state };
                state.copy_from_slice(x);
                for (a, u) in A[i].iter().zip(&*done) {
                    axpy(*a, u, state);
                }
                field.eval(t + ALPHA[i] * h, state, u, &mut cx.ws);
                for (c, done) in C[i].iter().zip(&*done) {
                    axpy(c / h, done, u);
                }
            }
            if GAMMA_SUM[i] != 0.0 {
                axpy(h * GAMMA_SUM[i], &self.time_derivative, u);
            }
            self.lu.solve_in_place(u);
        }
        cx.stats.evaluations += STAGES - 1;
        cx.stats.solves += STAGES;
        let error = &self.stages[STAGES - 1];
        axpy(1.0, error, x_new);
        Attempt::Estimated(cx.tolerance.norm(error, x, x_new))
    }

    fn derivative(&self) -> &[f64] {
        &self.derivative
    }

    fn accept(&mut self, field: &F, t_new: f64, x_new: &[f64], cx: &mut Context) {
        self.start(field, t_new, x_new, cx);
    }

    fn interpolate(
        &mut self,
        _field: &F,
        theta: f64,
        x: &[f64],
        x_new: &[f64],
        out: &mut [f64],
        _cx: &mut Context,
    ) {
        if theta == 1.0 {
            out.copy_from_slice(x_new);
            return;
        }
        // x(θ) = (1−θ) x + θ (x⁺ + (1−θ)(k₁ + θ(k₂ + θ k₃))),  kᵣ = Σⱼ hᵣⱼ uⱼ
        let bump = theta * (1.0 - theta);
        for ((out, x), y) in out.iter_mut().zip(x).zip(x_new) {
            *out = if theta == 0.0 { *x } else { x + theta * (y - x) };
        }
        for (j, u) in self.stages.iter().enumerate() {
            let weight = DENSE[0][j] + theta * (DENSE[1][j] + theta * DENSE[2][j]);
            axpy(bump * weight, u, out);
        }
    }
}

/// What a failed factorization of a [`shifted`] Jacobian means.
pub(super) fn not_factorized(jacobian: &[f64]) -> Attempt {
    match first_not_finite(jacobian) {
        // Its row is the component of the field.
        Some(at) => Attempt::NotFinite { index: at % jacobian.len().isqrt() },
        None => Attempt::Failed,
    }
}

/// Writes `shift · I − jacobian` to `w`.
pub(super) fn shifted(shift: f64, jacobian: &[f64], w: &mut [f64]) {
    for (w, j) in w.iter_mut().zip(jacobian) {
        *w = -j;
    }
    let n = w.len().isqrt();
    for w in w.iter_mut().step_by(n + 1) {
        *w += shift;
    }
}

#[cfg(test)]
mod tests {
    use super::super::order_conditions::violation;
    use super::*;

    type Matrix = Vec<Vec<f64>>;

    /// `Γ = (I/γ − C)⁻¹`, `α = A Γ`: the coefficients in front of the `kⱼ` of
    /// the textbook form, `uᵢ = Σⱼ γᵢⱼ kⱼ`.
    fn textbook() -> (Matrix, Matrix) {
        let mut gamma: Matrix = Vec::new();
        for (i, row) in C.iter().enumerate() {
            let entry = |j| {
                let sum: f64 = row.iter().zip(&gamma).map(|(c, gamma)| c * gamma[j]).sum();
                GAMMA * (sum + f64::from(u8::from(i == j)))
            };
            gamma.push((0..STAGES).map(entry).collect());
        }
        let alpha = A
            .iter()
            .map(|row| {
                (0..STAGES)
                    .map(|j| row.iter().zip(&gamma).map(|(a, gamma)| a * gamma[j]).sum())
                    .collect()
            })
            .collect();
        (alpha, gamma)
    }

    /// Weights of the `kⱼ` in a combination of the `uⱼ`.
    fn weights(m: &[f64], gamma: &Matrix) -> Vec<f64> {
        (0..STAGES).map(|j| m.iter().zip(gamma).map(|(m, row)| m * row[j]).sum()).collect()
    }

    #[test]
    fn coefficients_satisfy_the_order_conditions() {
        let (alpha, gamma) = textbook();
        let beta: Matrix = alpha
            .iter()
            .zip(&gamma)
            .map(|(a, g)| a.iter().zip(g).map(|(a, g)| a + g).collect())
            .collect();
        let embedded = weights(A[STAGES - 1], &gamma);
        let mut m = A[STAGES - 1].to_vec();
        m.push(1.0);
        let b = weights(&m, &gamma);
        for order in 1..=5 {
            assert!(violation(&alpha, &beta, &b, order) < 1e-12, "order {order}");
        }
        assert!(violation(&alpha, &beta, &b, 6) > 1e-5);
        for order in 1..=4 {
            assert!(violation(&alpha, &beta, &embedded, order) < 1e-12, "order {order}");
        }
        assert!(violation(&alpha, &beta, &embedded, 5) > 1e-5);
        for i in 0..STAGES {
            assert!((alpha[i].iter().sum::<f64>() - ALPHA[i]).abs() < 1e-13, "α, stage {i}");
            assert!((gamma[i].iter().sum::<f64>() - GAMMA_SUM[i]).abs() < 1e-13, "γ, stage {i}");
        }
    }

    #[test]
    fn dense_output_satisfies_the_conditions_of_order_four() {
        // Weights of uⱼ at θ; the condition of order q is scaled by θ^q.
        let (alpha, gamma) = textbook();
        let beta: Matrix = alpha
            .iter()
            .zip(&gamma)
            .map(|(a, g)| a.iter().zip(g).map(|(a, g)| a + g).collect())
            .collect();
        for theta in [0.1, 0.5, 0.8_f64] {
            let m: Vec<f64> = (0..STAGES)
                .map(|j| {
                    let end = A[STAGES - 1].get(j).copied().unwrap_or(1.0);
                    let bump = DENSE[0][j] + theta * (DENSE[1][j] + theta * DENSE[2][j]);
                    theta * (end + (1.0 - theta) * bump)
                })
                .collect();
            for order in 1..=4 {
                let scaled: Vec<f64> =
                    weights(&m, &gamma).iter().map(|b| b / theta.powi(order as i32)).collect();
                let violation = violation(&alpha, &beta, &scaled, order);
                assert!(violation < 1e-9, "order {order} at {theta}: {violation}");
            }
        }
    }
}
