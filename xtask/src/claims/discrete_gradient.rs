//! Discrete gradients: the energy never rises, whatever the step.

use std::error::Error;

use ebm_core::coupling::DenseCoupling;
use ebm_core::flow::GradientFlow;
use ebm_core::linalg::SymmetricEigen;
use ebm_core::network::{Activation, SymmetricNetwork};
use ebm_core::ode::{Attempt, Context, DiscreteGradient, EULER, ItohAbe, Stepper};
use ebm_core::problems::{DoubleWell, MullerBrown, Quadratic, Rosenbrock};
use ebm_core::{Curvature, Workspace, random};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Gradient flow of some energy.
type Flow<'a> = GradientFlow<&'a dyn Curvature>;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/discrete-gradient",
        crate_name: "ebm-core",
        claim: "The discrete gradient integrators never raise the energy, at steps up to 100 \
                times the explicit limit",
        source: "O. Gonzalez, J. Nonlinear Sci. 6 (1996) 449; T. Itoh and K. Abe, J. Comput. \
                 Phys. 76 (1988) 85: E(x⁺) − E(x) = −‖x⁺ − x‖²/h",
        target: "10⁴ random (energy, state, step) cases, either method: 0 rises, 0 failed steps, and \
                 0 states left in place where the decrease owed, ½‖∇E‖² min(h, 1/L), is above 64 ε|E|",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let cases = if settings.quick { 500 } else { 10_000 };
    let mut gonzalez = Tally::default();
    let mut itoh_abe = Tally::default();
    let mut euler = Tally::default();
    for case in 0..cases {
        let Problem { energy, low, high } = problem(case)?;
        let n = energy.dim();
        let mut rng = random::stream(17, case);
        let x: Vec<f64> = (0..n).map(|_| rng.random_range(low..high)).collect();
        let limit = explicit_limit(&*energy, &x)?;
        let h = limit * 10.0_f64.powf(rng.random_range(-1.0..2.0));
        let flow = GradientFlow(&*energy);
        gonzalez.count(&flow, &mut DiscreteGradient::new(n), &x, h, limit);
        itoh_abe.count(&flow, &mut ItohAbe::new(n), &x, h, limit);
        euler.count(&flow, &mut EULER.stepper(n), &x, h, limit);
    }
    Ok(Finding {
        measured: format!(
            "{cases} cases: Gonzalez {gonzalez}, Itoh–Abe {itoh_abe}; the explicit Euler method \
             {euler}",
        ),
        pass: gonzalez.is_clean() && itoh_abe.is_clean() && euler.rises > 0,
        figure: Figure::Plot(descent()?),
    })
}

/// What happened in a number of single steps.
#[derive(Default)]
struct Tally {
    rises: usize,
    failures: usize,
    /// Steps from a state to itself that owed a decrease the energy can show.
    stalls: usize,
}

impl Tally {
    fn count<'a, S: Stepper<Flow<'a>>>(
        &mut self,
        flow: &Flow<'a>,
        stepper: &mut S,
        x: &[f64],
        h: f64,
        limit: f64,
    ) {
        let mut cx = Context::default();
        let mut x_new = vec![0.0; x.len()];
        stepper.start(flow, 0.0, x, &mut cx);
        let attempt = stepper.attempt(flow, 0.0, x, h, &mut x_new, &mut cx);
        self.failures += usize::from(attempt == Attempt::Failed);
        let (before, after) = (flow.0.energy(x, &mut cx.ws), flow.0.energy(&x_new, &mut cx.ws));
        // NaN is no descent either.
        let descends = after <= before;
        self.rises += usize::from(!descends);
        let mut gradient = vec![0.0; x.len()];
        flow.0.gradient(x, &mut gradient, &mut cx.ws);
        // A step of the gradient method up to 1/L = limit/2 would lower the
        // energy by this much.
        let square: f64 = gradient.iter().map(|g| g * g).sum();
        let owed = 0.5 * square * h.min(0.5 * limit);
        let resolution = 64.0 * f64::EPSILON * before.abs();
        self.stalls += usize::from(x_new == x && (owed > resolution || owed.is_nan()));
    }

    fn is_clean(&self) -> bool {
        self.rises == 0 && self.failures == 0 && self.stalls == 0
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rises, {} failed, {} in place", self.rises, self.failures, self.stalls)
    }
}

/// An energy, and the interval for the components of its random states.
struct Problem {
    energy: Box<dyn Curvature>,
    low: f64,
    high: f64,
}

/// The energies take turns.
fn problem(case: u64) -> Result<Problem, ebm_core::Error> {
    let seed = case / 5;
    let size = 2 + (seed % 5) as usize;
    let (energy, low, high): (Box<dyn Curvature>, _, _) = match case % 5 {
        0 => (Box::new(DoubleWell { dim: size }), -3.0, 3.0),
        1 => (Box::new(Quadratic::random(size, 100.0, seed)?), -3.0, 3.0),
        2 => (Box::new(Rosenbrock::new(size)?), -2.0, 2.0),
        3 => (Box::new(MullerBrown), -1.2, 1.2),
        _ => (Box::new(hopfield(size, seed)?), -0.99, 0.99),
    };
    Ok(Problem { energy, low, high })
}

/// The energy of a random network in its rates: finite in a cube only, with
/// several minima.
fn hopfield(size: usize, seed: u64) -> Result<SymmetricNetwork<DenseCoupling>, ebm_core::Error> {
    let mut rng = random::stream(23, seed);
    let mut entries = vec![0.0; size * size];
    for j in 0..size {
        for i in 0..j {
            let weight = rng.random_range(-2.0..2.0);
            entries[j * size + i] = weight;
            entries[i * size + j] = weight;
        }
    }
    let coupling = DenseCoupling::from_column_major(size, entries)?;
    let bias = (0..size).map(|_| rng.random_range(-0.5..0.5)).collect();
    SymmetricNetwork::new(coupling, bias, Activation::Tanh { gain: 2.0 })
}

/// `2/L` with `L` the largest curvature at the state: beyond it the explicit
/// Euler method is unstable.
fn explicit_limit(energy: &dyn Curvature, x: &[f64]) -> Result<f64, ebm_core::Error> {
    let n = x.len();
    let mut hessian = vec![0.0; n * n];
    energy.hessian(x, &mut hessian, &mut Workspace::new());
    let mut solver = SymmetricEigen::new(n);
    let curvature = solver.eigenvalues(&hessian)?.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Ok(2.0 / curvature)
}

/// Energy over steps in a quadratic bowl of condition 100.
fn descent() -> Result<Plot, Box<dyn Error>> {
    let bowl = Quadratic::random(8, 100.0, 1)?;
    let start = [0.0; 8];
    let limit = explicit_limit(&bowl, &start)?;
    let flow: Flow<'_> = GradientFlow(&bowl);
    let mut series = vec![];
    for (factor, mark) in [(0.9, Mark::Reference), (1.1, Mark::Line)] {
        let points = energies(&flow, &mut EULER.stepper(8), &start, factor * limit);
        series.push(Series { name: format!("explicit Euler, {factor} × limit"), points, mark });
    }
    for factor in [1.1, 10.0, 100.0] {
        let points = energies(&flow, &mut DiscreteGradient::new(8), &start, factor * limit);
        let name = format!("discrete gradient, {factor} × limit");
        series.push(Series { name, points, mark: Mark::Line });
    }
    Ok(Plot {
        title: "Energy in a quadratic bowl: rises with Euler beyond its limit, never with a \
                discrete gradient"
            .into(),
        x: Axis { label: "step".into(), log: false },
        y: Axis { label: "energy above the minimum".into(), log: true },
        series,
    })
}

/// `(step, E)` for 60 steps, or until the energy leaves the figure.
fn energies<'a, S: Stepper<Flow<'a>>>(
    flow: &Flow<'a>,
    stepper: &mut S,
    start: &[f64],
    h: f64,
) -> Vec<(f64, f64)> {
    let mut cx = Context::default();
    let (mut x, mut x_new) = (start.to_vec(), start.to_vec());
    let mut points = vec![];
    stepper.start(flow, 0.0, &x, &mut cx);
    for step in 0..=60 {
        let energy = flow.0.energy(&x, &mut cx.ws);
        if !(1e-8..1e6).contains(&energy) {
            break;
        }
        points.push((f64::from(step), energy));
        if stepper.attempt(flow, 0.0, &x, h, &mut x_new, &mut cx) == Attempt::Failed {
            break;
        }
        stepper.accept(flow, 0.0, &x_new, &mut cx);
        x.copy_from_slice(&x_new);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step to where it began, which raises no energy either.
    struct Motionless(Vec<f64>);

    impl<'a> Stepper<Flow<'a>> for Motionless {
        fn dim(&self) -> usize {
            self.0.len()
        }
        fn order(&self) -> u32 {
            1
        }
        fn estimate_order(&self) -> Option<u32> {
            None
        }
        fn start(&mut self, _: &Flow<'a>, _: f64, _: &[f64], _: &mut Context) {}
        fn attempt(
            &mut self,
            _: &Flow<'a>,
            _: f64,
            x: &[f64],
            _: f64,
            x_new: &mut [f64],
            _: &mut Context,
        ) -> Attempt {
            x_new.copy_from_slice(x);
            Attempt::Unchecked
        }
        fn derivative(&self) -> &[f64] {
            &self.0
        }
        fn accept(&mut self, _: &Flow<'a>, _: f64, _: &[f64], _: &mut Context) {}
        fn interpolate(
            &mut self,
            _: &Flow<'a>,
            _: f64,
            x: &[f64],
            _: &[f64],
            out: &mut [f64],
            _: &mut Context,
        ) {
            out.copy_from_slice(x);
        }
    }

    #[test]
    fn staying_in_place_falls_short() {
        for case in 0..5 {
            let Problem { energy, low, high } = problem(case).unwrap();
            let x = vec![low + 0.3 * (high - low); energy.dim()];
            let limit = explicit_limit(&*energy, &x).unwrap();
            let flow = GradientFlow(&*energy);
            let mut tally = Tally::default();
            tally.count(&flow, &mut Motionless(x.clone()), &x, limit, limit);
            assert!(tally.stalls == 1 && !tally.is_clean(), "case {case}");
        }
    }
}
