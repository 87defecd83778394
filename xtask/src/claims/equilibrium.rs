//! Equilibria of contracting networks, against integrating to a steady state.

use std::error::Error;
use std::sync::Mutex;

use ebm_core::coupling::DenseCoupling;
use ebm_core::equilibrium::{self, Anderson, FixedPoint, Method, NewtonKrylov, Options, Step};
use ebm_core::linalg::SymmetricEigen;
use ebm_core::network::{Activation, FiringRate, SymmetricNetwork};
use ebm_core::ode::{self, Norm, SteadyState};
use ebm_core::{Outcome, VectorField, Workspace, random, vector_math};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const TOLERANCE: f64 = 1e-8;
const BUDGET: usize = 50;
/// Largest eigenvalue of the couplings, which leaves a contraction rate of 0.1.
const TOP: f64 = 0.9;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/equilibrium",
        crate_name: "ebm-core",
        claim: "Equilibria of contracting firing-rate networks take at most 50 \
                evaluations; integrating at the default tolerances is not there after 100",
        source: "contraction of firing-rate networks: V. Centorrino et al., arXiv 2302.13452; \
                 D. G. Anderson, J. ACM 12 (1965)",
        target: "residual at most 1e-8 (largest component) within 50 evaluations, 500 units, \
                 spectral abscissa 0.9, tanh and ReLU, symmetric and not; Dormand-Prince on the \
                 first of them above it throughout its first 100",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let n = if settings.quick { 100 } else { 500 };
    let w = coupling(n)?;
    let mut b = vec![0.0; n];
    random::fill_normal(&mut random::stream(1, 1), &mut b);
    let mut pass = true;
    let mut measured = String::from("evaluations:");
    for (name, rectify) in [("tanh", false), ("ReLU", true)] {
        let activation = if rectify { Activation::Relu } else { Activation::Tanh { gain: 1.0 } };
        let network = SymmetricNetwork::new(
            DenseCoupling::from_column_major(n, w.clone())?,
            b.clone(),
            activation,
        )?;
        let symmetric = evaluations(&FiringRate(network))?;
        let asymmetric = evaluations(&Asymmetric::new(&w, &b, rectify)?)?;
        for (kind, count) in [("symmetric", symmetric), ("asymmetric", asymmetric)] {
            pass &= count.is_some_and(|count| count <= BUDGET);
            let count = count.map_or_else(|| "none".into(), |count| count.to_string());
            measured += &format!(" {name} {kind} {count},");
        }
    }
    let network = SymmetricNetwork::new(
        DenseCoupling::from_column_major(n, w)?,
        b,
        Activation::Tanh { gain: 1.0 },
    )?;
    let (plot, integration, later) = compare(&FiringRate(network))?;
    pass &= later;
    measured += &format!(" tanh symmetric by Dormand–Prince {integration}");
    Ok(Finding { measured, pass, figure: Figure::Plot(plot) })
}

/// Evaluations to convergence, if it converges.
fn evaluations(field: &dyn VectorField) -> Result<Option<usize>, Box<dyn Error>> {
    let options = Options { tolerance: TOLERANCE, ..Options::default() };
    let x0 = vec![0.0; field.dim()];
    let found = equilibrium::solve(field, &x0, &options, &mut ())?;
    Ok(found.outcome.is_success().then_some(found.stats.evaluations))
}

/// Gaussian and symmetric, column-major, scaled to the largest eigenvalue.
fn coupling(n: usize) -> Result<Vec<f64>, ebm_core::Error> {
    let mut w = vec![0.0; n * n];
    random::fill_normal(&mut random::stream(1, 0), &mut w);
    for j in 0..n {
        for i in 0..j {
            w[j + i * n] = w[i + j * n];
        }
    }
    let largest = SymmetricEigen::new(n).eigenvalues(&w)?.iter().copied().fold(0.0, f64::max);
    w.iter_mut().for_each(|w| *w *= TOP / largest);
    Ok(w)
}

/// `ẋ = −x + φ(D W D⁻¹ x + b)` with a diagonal `D`: not symmetric, but of the
/// spectrum and the contraction rate of `W`.
struct Asymmetric {
    w: Vec<f64>,
    b: Vec<f64>,
    rectify: bool,
}

impl Asymmetric {
    fn new(w: &[f64], b: &[f64], rectify: bool) -> Result<Self, ebm_core::Error> {
        let n = b.len();
        let mut d = vec![0.0; n];
        random::fill_normal(&mut random::stream(1, 2), &mut d);
        d.iter_mut().for_each(|d| *d *= 0.5);
        vector_math::exp_in_place(&mut d);
        let mut w = w.to_vec();
        for (column, dj) in w.chunks_exact_mut(n).zip(&d) {
            for (w, di) in column.iter_mut().zip(&d) {
                *w *= di / dj;
            }
        }
        Ok(Self { w, b: b.to_vec(), rectify })
    }
}

impl VectorField for Asymmetric {
    fn dim(&self) -> usize {
        self.b.len()
    }
    fn eval(&self, _t: f64, x: &[f64], dx: &mut [f64], _ws: &mut Workspace) {
        dx.copy_from_slice(&self.b);
        for (column, x) in self.w.chunks_exact(x.len()).zip(x) {
            for (dx, w) in dx.iter_mut().zip(column) {
                *dx += w * x;
            }
        }
        if self.rectify {
            dx.iter_mut().for_each(|y| *y = y.max(0.0));
        } else {
            vector_math::tanh_in_place(dx);
        }
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx -= x;
        }
    }
}

/// A field that notes the residual of every evaluation.
struct Recorded<'a> {
    field: &'a dyn VectorField,
    residuals: Mutex<Vec<f64>>,
}

impl<'a> Recorded<'a> {
    fn new(field: &'a dyn VectorField) -> Self {
        Self { field, residuals: Mutex::new(Vec::new()) }
    }

    /// Whether there were more than `count` evaluations, the first `count` of
    /// them above the tolerance.
    fn above_tolerance(&self, count: usize) -> bool {
        self.residuals.lock().is_ok_and(|residuals| {
            residuals.len() > count && residuals[..count].iter().all(|r| *r > TOLERANCE)
        })
    }

    /// The smallest residual so far against the number of evaluations, thinned
    /// to what a logarithmic axis can show.
    fn series(self, name: &str, mark: Mark) -> (Series, usize) {
        let residuals = self.residuals.into_inner().unwrap_or_default();
        let (mut smallest, mut next, mut points) = (f64::INFINITY, 1.0, Vec::new());
        for (k, residual) in residuals.iter().enumerate() {
            smallest = smallest.min(*residual);
            let count = (k + 1) as f64;
            if count >= next || k + 1 == residuals.len() {
                points.push((count, smallest));
                next = 1.03 * count;
            }
        }
        let name = format!("{name}: {}", residuals.len());
        (Series { name, points, mark }, residuals.len())
    }
}

impl VectorField for Recorded<'_> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], ws: &mut Workspace) {
        self.field.eval(t, x, dx, ws);
        if let Ok(mut residuals) = self.residuals.lock() {
            residuals.push(Norm::Max.of(dx));
        }
    }
}

/// The residual against evaluations for every method, and in words what the
/// integration took, and whether that was more than twice the budget.
fn compare(field: &dyn VectorField) -> Result<(Plot, String, bool), Box<dyn Error>> {
    let x0 = vec![0.0; field.dim()];
    let mut series = Vec::new();
    for (name, method) in [
        ("Anderson", Method::Anderson(Anderson::default())),
        ("Newton–Krylov", Method::NewtonKrylov(NewtonKrylov::default())),
        ("fixed point, h = 1", Method::FixedPoint(FixedPoint { step: Step::Given(1.0) })),
    ] {
        let recorded = Recorded::new(field);
        let options = Options { method, tolerance: TOLERANCE, ..Options::default() };
        let _ = equilibrium::solve(&recorded, &x0, &options, &mut ())?;
        series.push(recorded.series(name, Mark::Line).0);
    }
    let recorded = Recorded::new(field);
    let steady = SteadyState { tolerance: TOLERANCE, norm: Norm::Max, window: 0.0 };
    let options =
        ode::Options { steady_state: Some(steady), max_steps: 5_000, ..ode::Options::default() };
    let mut stepper = ode::DORMAND_PRINCE.stepper(x0.len());
    let run = ode::integrate(&recorded, &mut stepper, (0.0, 1e6), &x0, &options)?;
    let later = recorded.above_tolerance(2 * BUDGET);
    let (line, count) = recorded.series("Dormand–Prince", Mark::Line);
    series.push(line);
    let last = count.max(BUDGET) as f64;
    series.push(Series {
        name: "tolerance".into(),
        points: vec![(1.0, TOLERANCE), (last, TOLERANCE)],
        mark: Mark::Reference,
    });
    let axis = |label: &str| Axis { label: label.into(), log: true };
    let plot = Plot {
        title: format!("Equilibrium of a firing-rate network, {} units", x0.len()),
        x: axis("evaluations of the field (totals below)"),
        y: axis("smallest residual so far, largest component"),
        series,
    };
    let reached = run.outcome == Outcome::Converged;
    let integration = if reached { count.to_string() } else { format!("not in {count}") };
    Ok((plot, integration, later))
}
