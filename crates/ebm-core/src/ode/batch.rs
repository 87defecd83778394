//! Many trajectories of one field in one call, advanced in lock step.
//!
//! ```text
//! Ẋ = F(t, X),    X = (x₁ … x_B),    one matrix product per stage for all columns
//! ```
//!
//! Every round attempts one step of every running trajectory. A trajectory that
//! has ended leaves, and the remaining columns close up, so that the product
//! shrinks with the work left.
//!
//! All arithmetic outside the field is done column by column exactly as in a
//! single run. Where [`VectorField::eval_batch`] gives each column the bits that
//! [`VectorField::eval`] gives it alone, a trajectory under
//! [`BatchControl::Each`] therefore equals its single run bit for bit. A matrix
//! product may round differently from a matrix–vector product; the difference
//! then stays at the level of rounding.
//!
//! A batch takes the explicit methods, whose stages are such products, and
//! records ends and samples. An implicit method has a Jacobian of its own for
//! every state and nothing to share; events and observers follow one trajectory.
//! For those, run [`integrate_watched`](super::integrate_watched) on every
//! column with a stepper of its own, in parallel if the observers allow it.

use std::ops::Range;

use rayon::prelude::*;

use super::combination::Terms;
use super::integrate::validate_problem;
use super::progress::{Progress, Step, first_not_finite};
use super::solution::validate_samples;
use super::step_control::{guess_first_step, refine_first_step};
use super::{Attempt, Options, Solution, StepSize, Tableau};
use crate::{Batch, BatchMut, Error, Outcome, Stats, VectorField, Workspace, validate};

/// Most columns advanced together. Large enough for an efficient matrix
/// product, small enough for the stages of a thousand-component state to stay
/// in cache; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 32;

/// Whose error decides about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum BatchControl {
    /// Every trajectory has its own time, step size and verdict. Blocks of at
    /// most 32 trajectories run in parallel.
    #[default]
    Each,
    /// All share one step, the one that suits the worst of them. All are then
    /// at the same time, as a field that looks at the whole batch may require.
    /// Columns that end leave the batch and reorder it: such a field must not tell
    /// columns apart by their place. If the step becomes too small for one, it
    /// does for all.
    Shared,
}

/// Integrates `field` from every column of `x0` over `span`; one [`Solution`]
/// for each, in order.
///
/// # Errors
/// As [`integrate`](super::integrate), and [`Error::Empty`] for a batch without
/// columns.
///
/// ```
/// use ebm_core::flow::GradientFlow;
/// use ebm_core::ode::{self, BatchControl, Options};
/// use ebm_core::problems::DoubleWell;
/// use ebm_core::Batch;
///
/// let flow = GradientFlow(DoubleWell::default());
/// let starts = [-1.5, -0.2, 0.3, 2.0];
/// let ends = ode::integrate_batch(
///     &flow,
///     &ode::TSITOURAS,
///     (0.0, 20.0),
///     Batch::new(&starts, 1)?,
///     &Options::default(),
///     BatchControl::Each,
/// )?;
/// for (start, end) in starts.iter().zip(&ends) {
///     assert!((end.x[0] - start.signum()).abs() < 1e-6);
/// }
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn integrate_batch<F: VectorField + ?Sized>(
    field: &F,
    method: &'static Tableau,
    span: (f64, f64),
    x0: Batch<'_>,
    options: &Options,
    control: BatchControl,
) -> Result<Vec<Solution>, Error> {
    integrate_batch_sampled(field, method, span, x0, options, control, &[])
}

/// [`integrate_batch`], sampling every trajectory at the given times by dense
/// output.
///
/// # Errors
/// As [`integrate_batch`], and for sample times as
/// [`integrate_watched`](super::integrate_watched).
pub fn integrate_batch_sampled<F: VectorField + ?Sized>(
    field: &F,
    method: &'static Tableau,
    span: (f64, f64),
    x0: Batch<'_>,
    options: &Options,
    control: BatchControl,
    samples: &[f64],
) -> Result<Vec<Solution>, Error> {
    let count = x0.count();
    validate_problem(field.dim(), span, x0.dim(), method.estimate_order(), options)?;
    if count == 0 {
        return Err(Error::Empty { what: "batch of initial states" });
    }
    validate::finite("initial states", x0.as_slice())?;
    validate_samples(samples, span)?;

    let problem = Problem { field, method, span, options, control, samples };
    let blocks = match control {
        BatchControl::Each => count.div_ceil(BLOCK),
        BatchControl::Shared => 1,
    };
    if blocks == 1 {
        return Ok(Block::new(&problem, x0.as_slice()).run());
    }
    let solutions: Vec<_> = x0
        .as_slice()
        .par_chunks(count.div_ceil(blocks) * x0.dim())
        .map(|columns| Block::new(&problem, columns).run())
        .collect();
    Ok(solutions.into_iter().flatten().collect())
}

/// What all blocks share.
struct Problem<'a, F: ?Sized> {
    field: &'a F,
    method: &'static Tableau,
    span: (f64, f64),
    options: &'a Options,
    control: BatchControl,
    samples: &'a [f64],
}

/// A running trajectory. Its data are the columns of the buffers at its slot,
/// the position in [`Block::running`].
struct Column {
    /// Position in the block at the start and in the results.
    index: usize,
    progress: Progress,
    work: Stats,
    sampled: usize,
    step: Step,
    attempt: Attempt,
    bad: Option<usize>,
    accepted: bool,
    outcome: Option<Outcome>,
}

/// Columns that advance together, with all memory they need.
struct Block<'a, F: ?Sized> {
    problem: &'a Problem<'a, F>,
    n: usize,
    running: Vec<Column>,
    x: Vec<f64>,
    x_new: Vec<f64>,
    /// Stages, each for all columns.
    k: Vec<Vec<f64>>,
    /// Arguments of an evaluation, and their times.
    states: Vec<f64>,
    times: Vec<f64>,
    /// Results of an evaluation for some of the columns, and their slots.
    slopes: Vec<f64>,
    slots: Vec<usize>,
    ws: Workspace,
    solutions: Vec<Solution>,
}

impl<'a, F: VectorField + ?Sized> Block<'a, F> {
    fn new(problem: &'a Problem<'a, F>, x0: &[f64]) -> Self {
        let n = problem.field.dim();
        let count = x0.len() / n;
        let (start, estimate_order) = (problem.span.0, problem.method.estimate_order());
        let column = |index| Column {
            index,
            progress: Progress::new(start, estimate_order),
            work: Stats::default(),
            sampled: 0,
            step: Step::default(),
            attempt: Attempt::Unchecked,
            bad: None,
            accepted: false,
            outcome: None,
        };
        let solution = |x: &[f64]| Solution {
            outcome: Outcome::Reached,
            stats: Stats::default(),
            t: start,
            x: x.to_vec(),
            samples: Vec::with_capacity(problem.samples.len().saturating_mul(n)),
            crossings: Vec::new(),
        };
        Self {
            problem,
            n,
            running: (0..count).map(column).collect(),
            x: x0.to_vec(),
            x_new: x0.to_vec(),
            k: vec![vec![0.0; x0.len()]; problem.method.stages()],
            states: vec![0.0; x0.len()],
            times: vec![start; count],
            slopes: vec![0.0; x0.len()],
            slots: Vec::with_capacity(count),
            ws: Workspace::new(),
            solutions: x0.chunks_exact(n).map(solution).collect(),
        }
    }

    fn run(mut self) -> Vec<Solution> {
        self.start();
        while self.plan() {
            self.attempt();
            self.judge();
            self.evaluate_ends();
            self.sample();
            self.advance();
        }
        self.solutions
    }

    /// The components of the column at `slot`.
    fn at(&self, slot: usize) -> Range<usize> {
        slot * self.n..(slot + 1) * self.n
    }

    /// First derivatives, first steps, samples and tests at the start.
    fn start(&mut self) {
        let Problem { field, span, options, samples, control, .. } = *self.problem;
        let n = self.n;
        evaluate(field, &self.times, &self.x, &mut self.k[0], &mut self.ws);
        for (slot, column) in self.running.iter_mut().enumerate() {
            let (x, derivative) = (&self.x[slot * n..][..n], &self.k[0][slot * n..][..n]);
            column.work.evaluations += 1;
            while samples.get(column.sampled) == Some(&span.0) {
                self.solutions[column.index].samples.extend_from_slice(x);
                column.sampled += 1;
            }
            if let Some(index) = first_not_finite(derivative) {
                column.outcome = Some(Outcome::NotFinite { t: span.0, index });
            }
        }
        self.retire();
        self.first_steps();
        if control == BatchControl::Shared {
            let sizes = self.running.iter().map(|column| column.progress.h);
            let smallest = sizes.fold(f64::INFINITY, f64::min);
            self.running.iter_mut().for_each(|column| column.progress.h = smallest);
        }
        for (slot, column) in self.running.iter_mut().enumerate() {
            let derivative = &self.k[0][slot * n..][..n];
            column.outcome = column.progress.steady(derivative, options);
        }
        self.retire();
    }

    fn first_steps(&mut self) {
        let Problem { field, span, options, method, .. } = *self.problem;
        let (n, tolerance) = (self.n, &options.tolerance);
        let (count, len) = (self.running.len(), self.running.len() * n);
        if count == 0 {
            return;
        }
        let StepSize::Adaptive { first, max } = options.step else {
            return;
        };
        if let Some(first) = first {
            self.running.iter_mut().for_each(|column| column.progress.h = first.min(max));
            return;
        }
        for (slot, column) in self.running.iter_mut().enumerate() {
            let at = slot * n..(slot + 1) * n;
            let (x, derivative) = (&self.x[at.clone()], &self.k[0][at.clone()]);
            let guess = guess_first_step(span, x, derivative, tolerance);
            for ((moved, x), d) in self.states[at].iter_mut().zip(x).zip(derivative) {
                *moved = x + guess * d;
            }
            self.times[slot] = span.0 + guess;
            column.progress.h = guess;
            column.work.evaluations += 1;
        }
        let (times, states) = (&self.times[..count], &self.states[..len]);
        evaluate(field, times, states, &mut self.slopes[..len], &mut self.ws);
        let order = method.estimate_order().unwrap_or(0);
        for (slot, column) in self.running.iter_mut().enumerate() {
            let at = slot * n..(slot + 1) * n;
            let (x, derivative) = (&self.x[at.clone()], &self.k[0][at.clone()]);
            let (guess, slope) = (column.progress.h, &mut self.slopes[at]);
            let h = refine_first_step(guess, span, x, derivative, slope, order, tolerance);
            column.progress.h = h.min(max);
        }
    }

    /// Chooses the next step of every column; whether there are any left.
    fn plan(&mut self) -> bool {
        for column in &mut self.running {
            match column.progress.next_step(self.problem.span, self.problem.options) {
                Ok(step) => column.step = step,
                Err(outcome) => column.outcome = Some(outcome),
            }
        }
        self.retire();
        !self.running.is_empty()
    }

    /// The stages and the new state of every column.
    fn attempt(&mut self) {
        let Problem { field, method, .. } = *self.problem;
        let n = self.n;
        let len = self.running.len() * n;
        let (stages, fsal) = (method.b.len(), method.first_same_as_last());
        for i in 1..stages {
            let (done, rest) = self.k.split_at_mut(i);
            // The last stage of a first-same-as-last method is at the new state.
            let states = if fsal && i + 1 == stages { &mut self.x_new } else { &mut self.states };
            for (slot, column) in self.running.iter().enumerate() {
                let (from, h) = (slot * n, column.step.h);
                let (x, state) = (&self.x[from..from + n], &mut states[from..from + n]);
                Terms::new(h, method.a[i], done, from, n).add_to(x, state);
                self.times[slot] = column.progress.t + method.c[i] * h;
            }
            let times = &self.times[..self.running.len()];
            evaluate(field, times, &states[..len], &mut rest[0][..len], &mut self.ws);
        }
        for (slot, column) in self.running.iter_mut().enumerate() {
            column.work.evaluations += stages - 1;
            if !fsal {
                let at = slot * n..(slot + 1) * n;
                Terms::new(column.step.h, method.b, &self.k, at.start, n)
                    .add_to(&self.x[at.clone()], &mut self.x_new[at]);
            }
        }
    }

    /// Accepts or rejects the attempt of every column.
    fn judge(&mut self) {
        let Problem { field, method, options, control, .. } = *self.problem;
        let n = self.n;
        let mut worst = 0.0;
        for (slot, column) in self.running.iter_mut().enumerate() {
            let at = slot * n..(slot + 1) * n;
            let (x, x_new, h) = (&self.x[at.clone()], &self.x_new[at.clone()], column.step.h);
            let error = method.error(h, &self.k, at.start, x, x_new, &options.tolerance);
            column.attempt = error.map_or(Attempt::Unchecked, Attempt::Estimated);
            column.bad = first_not_finite(x_new);
            let error = error.unwrap_or(0.0);
            if column.bad.is_none() && error.is_nan() {
                let slope = &mut self.slopes[at];
                field.eval(column.step.t_new, x_new, slope, &mut self.ws);
                column.work.evaluations += 1;
                column.bad = Some(first_not_finite(slope).unwrap_or(0));
            }
            let error = if column.bad.is_some() { f64::NAN } else { error };
            // Once NaN, always NaN.
            worst = if error <= worst || worst.is_nan() { worst } else { error };
        }
        for column in &mut self.running {
            if control == BatchControl::Shared && method.estimate_order().is_some() {
                column.attempt = Attempt::Estimated(worst);
            }
            match column.progress.judge(column.attempt, column.step, column.bad, options) {
                Ok(accepted) => column.accepted = accepted,
                Err(outcome) => {
                    column.accepted = false;
                    column.outcome = Some(outcome);
                }
            }
        }
    }

    /// The derivative at the new states of accepted steps, unless it is the
    /// last stage already.
    fn evaluate_ends(&mut self) {
        if self.problem.method.first_same_as_last() {
            return;
        }
        self.slots.clear();
        for (slot, column) in self.running.iter_mut().enumerate() {
            if column.accepted {
                let to = self.slots.len();
                self.slots.push(slot);
                self.times[to] = column.step.t_new;
                column.work.evaluations += 1;
                let n = self.n;
                let x_new = &self.x_new[slot * n..(slot + 1) * n];
                self.states[to * n..(to + 1) * n].copy_from_slice(x_new);
            }
        }
        self.evaluate_slots(self.problem.method.end_stage());
    }

    /// Evaluates stage `row` of the columns in `slots`, whose arguments lie
    /// close together in `states` and `times`.
    fn evaluate_slots(&mut self, row: usize) {
        let (count, n) = (self.slots.len(), self.n);
        if count == 0 {
            return;
        }
        let (times, states) = (&self.times[..count], &self.states[..count * n]);
        let slopes = &mut self.slopes[..count * n];
        evaluate(self.problem.field, times, states, slopes, &mut self.ws);
        for (slope, slot) in slopes.chunks_exact(n).zip(&self.slots) {
            self.k[row][slot * n..(slot + 1) * n].copy_from_slice(slope);
        }
    }

    /// Serves the sample times inside accepted steps.
    fn sample(&mut self) {
        let Problem { method, samples, .. } = *self.problem;
        let n = self.n;
        let next = |column: &Column| samples.get(column.sampled).copied().unwrap_or(f64::INFINITY);
        // Columns whose next sample lies inside the step need all stages.
        self.slots.clear();
        for (slot, column) in self.running.iter().enumerate() {
            if column.accepted && next(column) < column.step.t_new {
                self.slots.push(slot);
            }
        }
        for (row, (c, a)) in method.extra.iter().enumerate() {
            for (to, &slot) in self.slots.iter().enumerate() {
                let column = &mut self.running[slot];
                let (from, h) = (slot * n, column.step.h);
                let state = &mut self.states[to * n..(to + 1) * n];
                Terms::new(h, a, &self.k, from, n).add_to(&self.x[from..from + n], state);
                self.times[to] = column.progress.t + c * h;
                column.work.evaluations += 1;
            }
            self.evaluate_slots(method.end_stage() + 1 + row);
        }
        for (slot, column) in self.running.iter_mut().enumerate() {
            let Step { h, t_new } = column.step;
            let at = slot * n..(slot + 1) * n;
            let (x, x_new) = (&self.x[at.clone()], &self.x_new[at.clone()]);
            while column.accepted && next(column) <= t_new {
                let t = next(column);
                let theta = if t < t_new { ((t - column.progress.t) / h).min(1.0) } else { 1.0 };
                let point = &mut self.slopes[at.clone()];
                method.interpolate(theta, h, &self.k, at.start, (x, x_new), point);
                self.solutions[column.index].samples.extend_from_slice(point);
                column.sampled += 1;
            }
        }
    }

    /// Moves the accepted columns to the end of their steps.
    fn advance(&mut self) {
        let end = self.problem.method.end_stage();
        if self.running.iter().all(|column| column.accepted) {
            std::mem::swap(&mut self.x, &mut self.x_new);
            self.k.swap(0, end);
        } else {
            let (first, rest) = self.k.split_at_mut(end);
            for (slot, column) in self.running.iter().enumerate() {
                if column.accepted {
                    let at = slot * self.n..(slot + 1) * self.n;
                    self.x[at.clone()].copy_from_slice(&self.x_new[at.clone()]);
                    first[0][at.clone()].copy_from_slice(&rest[0][at]);
                }
            }
        }
        for (slot, column) in self.running.iter_mut().enumerate() {
            if column.accepted {
                let derivative = &self.k[0][slot * self.n..(slot + 1) * self.n];
                column.progress.advance(column.step.t_new);
                let ended = column.progress.t >= self.problem.span.1;
                column.outcome = column
                    .progress
                    .steady(derivative, self.problem.options)
                    .or(ended.then_some(Outcome::Reached));
            }
        }
        self.retire();
    }

    /// Records the columns that have ended and closes the gaps they leave.
    fn retire(&mut self) {
        // From the back, so that the column moved into a gap was seen before.
        for slot in (0..self.running.len()).rev() {
            let Some(outcome) = self.running[slot].outcome else {
                continue;
            };
            let column = self.running.swap_remove(slot);
            let solution = &mut self.solutions[column.index];
            solution.outcome = outcome;
            solution.stats = column.progress.stats(column.work);
            solution.t = column.progress.t;
            let (gap, last) = (self.at(slot), self.at(self.running.len()));
            self.solutions[column.index].x.copy_from_slice(&self.x[gap.clone()]);
            self.x.copy_within(last.clone(), gap.start);
            self.k[0].copy_within(last, gap.start);
        }
    }
}

/// `F` of all columns of `x`.
fn evaluate<F: VectorField + ?Sized>(
    field: &F,
    t: &[f64],
    x: &[f64],
    dx: &mut [f64],
    ws: &mut Workspace,
) {
    let dim = field.dim();
    field.eval_batch(t, Batch::view(x, dim), BatchMut::view(dx, dim), ws);
}
