//! The integration driver: one trajectory, any method.
//!
//! ```text
//! ẋ = F(t, x),    x(t₀) = x₀,    t₀ ≤ t ≤ t_end
//! ```
//!
//! The driver owns what all methods share: the choice and acceptance of steps,
//! sampling, events, the steady-state test, observers and the outcome.

use std::ops::ControlFlow;

use super::progress::{Progress, Step, first_not_finite};
use super::solution::validate_samples;
use super::step_control::{guess_first_step, refine_first_step};
use super::{Attempt, Context, Crossing, Options, Solution, StepSize, Stepper, Watch, event};
use crate::{Error, Outcome, Snapshot, Stats, VectorField, validate};

/// Integrates `field` from `x0` over `span = (t₀, t_end)`.
///
/// # Errors
/// [`Error::Span`] unless `t₀ < t_end` are finite, [`Error::Dimension`] if `x0`
/// or `stepper` do not fit the field, [`Error::Empty`] if the field has no
/// components, [`Error::NotFinite`] if `x0` is not finite,
/// [`Error::Parameter`] for invalid options, [`Error::Missing`] if the method
/// has no error estimate and no fixed step is given.
///
/// A state that diverges, a step that becomes too small or a budget that runs
/// out is not an error but the [`Outcome`] of the run.
///
/// ```
/// use ebm_core::flow::GradientFlow;
/// use ebm_core::ode::{self, Options};
/// use ebm_core::problems::DoubleWell;
///
/// let flow = GradientFlow(DoubleWell { dim: 2 });
/// let mut method = ode::TSITOURAS.stepper(2);
/// let end = ode::integrate(&flow, &mut method, (0.0, 20.0), &[0.1, -0.3], &Options::default())?;
///
/// assert!(end.outcome.is_success());
/// assert!((end.x[0] - 1.0).abs() < 1e-6 && (end.x[1] + 1.0).abs() < 1e-6);
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn integrate<F, S>(
    field: &F,
    stepper: &mut S,
    span: (f64, f64),
    x0: &[f64],
    options: &Options,
) -> Result<Solution, Error>
where
    F: VectorField + ?Sized,
    S: Stepper<F> + ?Sized,
{
    integrate_watched(field, stepper, span, x0, options, Watch::default())
}

/// [`integrate`], recording samples and events and showing every step to an
/// observer.
///
/// A sample at the end of the run equals the final state bit for bit.
///
/// # Errors
/// As [`integrate`], and [`Error::NotFinite`] or [`Error::Entry`] for
/// sample times that are not finite, not ordered or outside the span.
///
/// ```
/// use ebm_core::flow::GradientFlow;
/// use ebm_core::ode::{self, Event, Options, Watch};
/// use ebm_core::problems::DoubleWell;
///
/// let flow = GradientFlow(DoubleWell::default());
/// let watch = Watch {
///     samples: &[1.0, 2.0, 20.0],
///     events: vec![Event::new(|_t, x| x[0] - 0.5).rising()],
///     ..Watch::default()
/// };
/// let mut method = ode::TSITOURAS.stepper(1);
/// let run =
///     ode::integrate_watched(&flow, &mut method, (0.0, 20.0), &[0.1], &Options::default(), watch)?;
///
/// // ẋ = x − x³ is solved by x = (1 + c e^(−2t))^(−1/2).
/// let exact = |t: f64| 1.0 / (1.0 + 99.0 * (-2.0 * t).exp()).sqrt();
/// assert!((run.sample(1).unwrap()[0] - exact(2.0)).abs() < 1e-6);
/// assert_eq!(run.sample(2), Some(&run.x[..]));
/// assert!((run.crossings[0].t - 0.5 * 33.0_f64.ln()).abs() < 1e-6);
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn integrate_watched<F, S>(
    field: &F,
    stepper: &mut S,
    span: (f64, f64),
    x0: &[f64],
    options: &Options,
    watch: Watch<'_>,
) -> Result<Solution, Error>
where
    F: VectorField + ?Sized,
    S: Stepper<F> + ?Sized,
{
    let n = field.dim();
    let estimate_order = stepper.estimate_order();
    validate_problem(n, span, x0.len(), estimate_order, options)?;
    validate::dimension("stepper", n, stepper.dim())?;
    validate::finite("initial state", x0)?;
    validate_samples(watch.samples, span)?;

    let events = watch.events.len();
    let mut run = Run {
        field,
        stepper,
        options,
        span,
        cx: Context { tolerance: options.tolerance, ..Context::default() },
        progress: Progress::new(span.0, estimate_order),
        x_new: vec![0.0; n],
        point: vec![0.0; 2 * n],
        event_values: vec![0.0; events],
        roots: Vec::with_capacity(events),
        solution: Solution {
            outcome: Outcome::Reached,
            stats: Stats::default(),
            t: span.0,
            x: x0.to_vec(),
            samples: Vec::with_capacity(watch.samples.len().saturating_mul(n)),
            crossings: Vec::new(),
        },
        sampled: 0,
        watch,
    };
    let mut outcome = run.start(estimate_order);
    while outcome.is_none() {
        outcome = run.step();
    }
    let Run { mut solution, cx, progress, .. } = run;
    solution.outcome = outcome.unwrap_or(Outcome::Reached);
    solution.stats = progress.stats(cx.stats);
    solution.t = progress.t;
    Ok(solution)
}

/// The checks that single runs and batches share; `len` is the length of an
/// initial state.
pub(super) fn validate_problem(
    dim: usize,
    span: (f64, f64),
    len: usize,
    estimate_order: Option<u32>,
    options: &Options,
) -> Result<(), Error> {
    if dim == 0 {
        return Err(Error::Empty { what: "state of the field" });
    }
    validate::span(span.0, span.1)?;
    validate::dimension("initial state", dim, len)?;
    options.validate()?;
    if estimate_order.is_none() && !matches!(options.step, StepSize::Fixed(_)) {
        return Err(Error::Missing {
            what: "a fixed step size",
            why: "the method has no error estimate",
        });
    }
    Ok(())
}

/// A run in progress. `solution.x` is the current state.
struct Run<'a, 'w, F: ?Sized, S: ?Sized> {
    field: &'a F,
    stepper: &'a mut S,
    options: &'a Options,
    span: (f64, f64),
    cx: Context,
    progress: Progress,
    x_new: Vec<f64>,
    /// Scratch for dense output, 2n; the first half holds the state at a
    /// terminal event.
    point: Vec<f64>,
    /// Event functions at `t`.
    event_values: Vec<f64>,
    /// Crossings found in the current step, `(theta, event)`.
    roots: Vec<(f64, usize)>,
    solution: Solution,
    /// Sample times already served.
    sampled: usize,
    watch: Watch<'w>,
}

impl<F: VectorField + ?Sized, S: Stepper<F> + ?Sized> Run<'_, '_, F, S> {
    fn start(&mut self, estimate_order: Option<u32>) -> Option<Outcome> {
        let (t, x) = (self.progress.t, &self.solution.x);
        self.stepper.start(self.field, t, x, &mut self.cx);
        if let Some(index) = first_not_finite(self.stepper.derivative()) {
            return Some(Outcome::NotFinite { t, index });
        }
        for (value, event) in self.event_values.iter_mut().zip(&mut self.watch.events) {
            *value = event.value(t, x);
        }
        while self.watch.samples.get(self.sampled) == Some(&t) {
            self.solution.samples.extend_from_slice(x);
            self.sampled += 1;
        }
        self.progress.h = match (self.options.step, estimate_order) {
            (StepSize::Adaptive { first: None, max }, Some(order)) => {
                self.first_step(order).min(max)
            }
            (StepSize::Adaptive { first, max }, _) => first.unwrap_or(max).min(max),
            (StepSize::Fixed(h), _) => h,
        };
        self.observe().or_else(|| self.steady())
    }

    fn first_step(&mut self, estimate_order: u32) -> f64 {
        let (x, derivative) = (&self.solution.x, self.stepper.derivative());
        let (moved, slope) = self.point.split_at_mut(x.len());
        let tolerance = &self.cx.tolerance;
        let guess = guess_first_step(self.span, x, derivative, tolerance);
        for ((moved, x), d) in moved.iter_mut().zip(x).zip(derivative) {
            *moved = x + guess * d;
        }
        self.field.eval(self.span.0 + guess, moved, slope, &mut self.cx.ws);
        self.cx.stats.evaluations += 1;
        refine_first_step(guess, self.span, x, derivative, slope, estimate_order, tolerance)
    }

    /// One attempt, and everything that follows from it.
    fn step(&mut self) -> Option<Outcome> {
        let step = match self.progress.next_step(self.span, self.options) {
            Ok(step) => step,
            Err(outcome) => return Some(outcome),
        };
        let (t, x, x_new) = (self.progress.t, &self.solution.x, &mut self.x_new);
        let attempt = self.stepper.attempt(self.field, t, x, step.h, x_new, &mut self.cx);
        let bad = self.first_bad_component(attempt, step);
        match self.progress.judge(attempt, step, bad, self.options) {
            Ok(true) => self.advance(step),
            Ok(false) => None,
            Err(outcome) => Some(outcome),
        }
    }

    /// The first component of the new state that is not finite; where a NaN
    /// error estimate tells of an evaluation outside the domain of the field,
    /// that of the derivative at the new state, or else 0.
    fn first_bad_component(&mut self, attempt: Attempt, step: Step) -> Option<usize> {
        match (attempt, first_not_finite(&self.x_new)) {
            // The new state of a failed attempt is meaningless.
            (Attempt::Failed, _) => None,
            (Attempt::NotFinite { index }, _) => Some(index),
            (Attempt::Estimated(error), None) if error.is_nan() => {
                let slope = &mut self.point[..self.x_new.len()];
                self.field.eval(step.t_new, &self.x_new, slope, &mut self.cx.ws);
                self.cx.stats.evaluations += 1;
                Some(first_not_finite(slope).unwrap_or(0))
            }
            (_, found) => found,
        }
    }

    /// Moves to the end of an accepted step, or to the terminal event in it.
    fn advance(&mut self, step: Step) -> Option<Outcome> {
        let terminal = self.locate_events(step);
        self.sample(step, terminal);
        if let Some((index, t)) = terminal {
            self.progress.advance(t);
            self.solution.x.copy_from_slice(&self.point[..self.x_new.len()]);
            self.observe();
            return Some(Outcome::Event { index, t });
        }
        self.progress.advance(step.t_new);
        std::mem::swap(&mut self.solution.x, &mut self.x_new);
        self.stepper.accept(self.field, step.t_new, &self.solution.x, &mut self.cx);
        let ended = (step.t_new >= self.span.1).then_some(Outcome::Reached);
        self.observe().or_else(|| self.steady()).or(ended)
    }

    /// Finds and records the crossings in `(t, t_new]` in order of time, up to
    /// the first terminal one, which it returns with its time.
    fn locate_events(&mut self, step: Step) -> Option<(usize, f64)> {
        let Step { h, t_new } = step;
        let t = self.progress.t;
        let n = self.x_new.len();
        let (field, stepper, cx) = (self.field, &mut *self.stepper, &mut self.cx);
        let (x, x_new, point) = (&self.solution.x, &mut self.x_new, &mut self.point[..n]);
        self.roots.clear();
        for (index, event) in self.watch.events.iter_mut().enumerate() {
            let before = self.event_values[index];
            let after = event.value(t_new, x_new);
            self.event_values[index] = after;
            if event.crosses(before, after) {
                let g = |theta| {
                    stepper.interpolate(field, theta, x, x_new, point, cx);
                    event.value(t + theta * h, point)
                };
                let width = f64::EPSILON * (2.0 * t_new.abs().max(t.abs()) / h).max(1.0);
                self.roots.push((event::locate(g, before, after, width), index));
            }
        }
        self.roots.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for &(theta, index) in &self.roots {
            let t = if theta >= 1.0 { t_new } else { (t + theta * h).min(t_new) };
            stepper.interpolate(field, theta, x, x_new, point, cx);
            self.solution.crossings.push(Crossing { index, t, x: point.to_vec() });
            if self.watch.events[index].is_terminal() {
                return Some((index, t));
            }
        }
        None
    }

    /// Serves the sample times in the step, up to its terminal event if any.
    fn sample(&mut self, step: Step, terminal: Option<(usize, f64)>) {
        let (stop, rest) = self.point.split_at_mut(self.x_new.len());
        let t_stop = terminal.map_or(step.t_new, |(_, t)| t);
        while let Some(&t) = self.watch.samples.get(self.sampled).filter(|t| **t <= t_stop) {
            let state = if t < t_stop {
                let theta = ((t - self.progress.t) / step.h).min(1.0);
                let (x, x_new) = (&self.solution.x, &self.x_new);
                self.stepper.interpolate(self.field, theta, x, x_new, rest, &mut self.cx);
                &*rest
            } else if terminal.is_some() {
                &*stop
            } else {
                &self.x_new
            };
            self.solution.samples.extend_from_slice(state);
            self.sampled += 1;
        }
    }

    fn observe(&mut self) -> Option<Outcome> {
        let Progress { steps: step, t, .. } = self.progress;
        let snapshot = Snapshot { step, t, trajectory: 0, x: &self.solution.x };
        match self.watch.observer.as_mut()?.observe(&snapshot) {
            ControlFlow::Continue(()) => None,
            ControlFlow::Break(()) => Some(Outcome::Stopped),
        }
    }

    fn steady(&mut self) -> Option<Outcome> {
        self.progress.steady(self.stepper.derivative(), self.options)
    }
}
