//! The Rust peers: diffsol and ode_solvers, one trajectory after the other, on
//! the plain field and on ours.

use std::error::Error;

use diffsol::{FaerMat, OdeBuilder, OdeSolverMethod};
use ebm_core::ode::Tolerance;
use ebm_core::{VectorField, Workspace};
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{DVector, Dop853, Dopri5, System};

use super::{Contestant, Kind, N, Problem, SPAN, TOLERANCE};

pub(super) fn contestants(problem: &Problem) -> Vec<Contestant<'_>> {
    let methods: [(&str, Solve); 3] = [
        ("diffsol tsit45", diffsol),
        ("ode_solvers Dopri5", dopri5),
        ("ode_solvers Dop853", dop853),
    ];
    let plain = methods.map(|(name, solve)| {
        Contestant::new(name, Kind::Peer, move || each(problem, &problem.plain(), solve))
    });
    let ours = methods.map(|(name, solve)| {
        let name = format!("{name}, our field");
        Contestant::new(&name, Kind::PeerWithOurField, move || each(problem, &problem.field, solve))
    });
    plain.into_iter().chain(ours).collect()
}

type Solve = fn(&dyn VectorField, &[f64]) -> Result<Vec<f64>, Box<dyn Error>>;

fn each(
    problem: &Problem,
    field: &dyn VectorField,
    solve: Solve,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut ends = Vec::with_capacity(problem.starts.len());
    for start in problem.starts.chunks_exact(N) {
        ends.extend(solve(field, start)?);
    }
    Ok(ends)
}

fn diffsol(field: &dyn VectorField, start: &[f64]) -> Result<Vec<f64>, Box<dyn Error>> {
    let ws = std::cell::RefCell::new(Workspace::new());
    let problem = OdeBuilder::<FaerMat<f64>>::new()
        .t0(SPAN.0)
        .rtol(TOLERANCE.rtol)
        .atol([TOLERANCE.atol])
        .rhs(|x: &[f64], _p: &[f64], t: f64, dx: &mut [f64]| {
            field.eval(t, x, dx, &mut ws.borrow_mut());
        })
        .init(|_p: &[f64], _t: f64, x: &mut [f64]| x.copy_from_slice(start), N)
        .build()?;
    let mut solver = problem.tsit45()?;
    // Only the end is asked for, so nothing on the way is stored.
    let (states, _) = solver.solve_dense(&[SPAN.1])?;
    Ok((0..N).map(|i| states[(i, 0)]).collect())
}

/// The field in the form that ode_solvers wants.
struct Adapter<'a> {
    field: &'a dyn VectorField,
    ws: std::cell::RefCell<Workspace>,
}

impl<'a> Adapter<'a> {
    fn new(field: &'a dyn VectorField) -> Self {
        Self { field, ws: Workspace::new().into() }
    }
}

impl System<f64, DVector<f64>> for Adapter<'_> {
    fn system(&self, t: f64, x: &DVector<f64>, dx: &mut DVector<f64>) {
        self.field.eval(t, x.as_slice(), dx.as_mut_slice(), &mut self.ws.borrow_mut());
    }
}

fn dopri5(field: &dyn VectorField, start: &[f64]) -> Result<Vec<f64>, Box<dyn Error>> {
    let (x0, Tolerance { rtol, atol }) = (DVector::from_column_slice(start), TOLERANCE);
    let mut stepper = Dopri5::from_param(
        Adapter::new(field),
        SPAN.0,
        SPAN.1,
        SPAN.1,
        x0,
        rtol,
        atol,
        0.9,
        0.04,
        0.2,
        10.0,
        SPAN.1,
        0.0,
        100_000,
        1_000,
        ode_solvers::dop_shared::OutputType::Sparse,
    );
    last(stepper.integrate().map(|_| ()), stepper.y_out())
}

fn dop853(field: &dyn VectorField, start: &[f64]) -> Result<Vec<f64>, Box<dyn Error>> {
    let (x0, Tolerance { rtol, atol }) = (DVector::from_column_slice(start), TOLERANCE);
    let mut stepper = Dop853::from_param(
        Adapter::new(field),
        SPAN.0,
        SPAN.1,
        SPAN.1,
        x0,
        rtol,
        atol,
        0.9,
        0.0,
        0.333,
        6.0,
        SPAN.1,
        0.0,
        100_000,
        1_000,
        ode_solvers::dop_shared::OutputType::Sparse,
    );
    last(stepper.integrate().map(|_| ()), stepper.y_out())
}

fn last(
    outcome: Result<(), IntegrationError>,
    states: &[DVector<f64>],
) -> Result<Vec<f64>, Box<dyn Error>> {
    outcome.map_err(|error| error.to_string())?;
    Ok(states.last().ok_or("no state was returned")?.as_slice().to_vec())
}
