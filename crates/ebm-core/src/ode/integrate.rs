//! The integration driver: one trajectory, any method.
//!
//! ```text
//! ẋ = F(t, x),    x(t₀) = x₀,    t₀ ≤ t ≤ t_end
//! ```
//!
//! The driver owns what all methods share: the choice and acceptance of steps,
//! sampling, events, the steady-state test, observers and the outcome.

use std::ops::ControlFlow;

use super::solution::validate_samples;
use super::step_control::{StepControl, first_step};
use super::{Attempt, Context, Crossing, Options, Solution, StepSize, Stepper, Watch, event};
use crate::{Error, Outcome, Snapshot, VectorField, validate};

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
/// As [`integrate`], and [`Error::NotFinite`] or [`Error::Parameter`] for
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
    if n == 0 {
        return Err(Error::Empty { what: "state of the field" });
    }
    validate::span(span.0, span.1)?;
    validate::dimension("initial state", n, x0.len())?;
    validate::dimension("stepper", n, stepper.dim())?;
    validate::finite("initial state", x0)?;
    options.validate()?;
    validate_samples(watch.samples, span)?;
    let estimate_order = stepper.estimate_order();
    if estimate_order.is_none() && !matches!(options.step, StepSize::Fixed(_)) {
        return Err(Error::Missing {
            what: "a fixed step size",
            why: "the method has no error estimate",
        });
    }

    let events = watch.events.len();
    let mut run = Run {
        field,
        stepper,
        options,
        span,
        cx: Context { tolerance: options.tolerance, ..Context::default() },
        t: span.0,
        h: 0.0,
        control: StepControl::new(estimate_order.unwrap_or(0)),
        quiet_since: None,
        not_finite: None,
        x_new: vec![0.0; n],
        point: vec![0.0; 2 * n],
        event_values: vec![0.0; events],
        roots: Vec::with_capacity(events),
        solution: Solution {
            outcome: Outcome::Reached,
            stats: crate::Stats::default(),
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
    let Run { mut solution, cx, t, .. } = run;
    solution.outcome = outcome.unwrap_or(Outcome::Reached);
    solution.stats = cx.stats;
    solution.t = t;
    Ok(solution)
}

/// A run in progress. `solution.x` is the current state.
struct Run<'a, 'w, F: ?Sized, S: ?Sized> {
    field: &'a F,
    stepper: &'a mut S,
    options: &'a Options,
    span: (f64, f64),
    cx: Context,
    t: f64,
    /// Size of the next step.
    h: f64,
    control: StepControl,
    /// Start of the current stretch of steady state.
    quiet_since: Option<f64>,
    /// Where the last attempt ran into NaN or infinity, until one succeeds.
    not_finite: Option<Outcome>,
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

/// An attempted step from `t` to `t_new = t + h`.
#[derive(Clone, Copy)]
struct Step {
    h: f64,
    t_new: f64,
}

impl<F: VectorField + ?Sized, S: Stepper<F> + ?Sized> Run<'_, '_, F, S> {
    fn start(&mut self, estimate_order: Option<u32>) -> Option<Outcome> {
        let x = &self.solution.x;
        self.stepper.start(self.field, self.t, x, &mut self.cx);
        if let Some(index) = first_not_finite(self.stepper.derivative()) {
            return Some(Outcome::NotFinite { t: self.t, index });
        }
        self.h = match (self.options.step, estimate_order) {
            (StepSize::Adaptive { first: None, max }, Some(order)) => {
                let derivative = self.stepper.derivative();
                let (cx, probe) = (&mut self.cx, &mut self.point);
                first_step(self.field, self.span, x, derivative, order, probe, cx).min(max)
            }
            (StepSize::Adaptive { first, max }, _) => first.unwrap_or(max).min(max),
            (StepSize::Fixed(h), _) => h,
        };
        for (value, event) in self.event_values.iter_mut().zip(&mut self.watch.events) {
            *value = event.value(self.t, x);
        }
        while self.watch.samples.get(self.sampled) == Some(&self.t) {
            self.solution.samples.extend_from_slice(x);
            self.sampled += 1;
        }
        self.observe().or_else(|| self.steady())
    }

    /// One attempt, and everything that follows from it.
    fn step(&mut self) -> Option<Outcome> {
        if self.cx.stats.steps + self.cx.stats.rejected >= self.options.max_steps {
            return Some(Outcome::MaxSteps);
        }
        let Some(step) = self.next_step() else {
            return Some(self.not_finite.unwrap_or(Outcome::StepTooSmall { t: self.t }));
        };
        let attempt = self.stepper.attempt(
            self.field,
            self.t,
            &self.solution.x,
            step.h,
            &mut self.x_new,
            &mut self.cx,
        );
        match self.verdict(attempt, step) {
            Verdict::Accept { factor } => {
                let outcome = self.advance(step);
                self.h = step.h * factor;
                outcome
            }
            Verdict::Reject { factor } => {
                self.cx.stats.rejected += 1;
                self.h = step.h * factor;
                None
            }
            Verdict::GiveUp(outcome) => Some(outcome),
        }
    }

    /// The step to attempt, or `None` if it would not move `t`.
    fn next_step(&self) -> Option<Step> {
        let (start, end) = self.span;
        let (last, t_new) = match self.options.step {
            // Counted from the start, so that rounding does not accumulate
            // into a sliver of a step at the end.
            StepSize::Fixed(h) => {
                let t_new = start + (self.cx.stats.steps + 1) as f64 * h;
                (t_new >= end - 1e-9 * h, t_new)
            }
            // Stretched by a per cent where that ends the span.
            StepSize::Adaptive { max, .. } => {
                let h = self.h.min(max);
                (end - self.t <= (1.01 * h).min((1.0 + 1e-9) * max), self.t + h)
            }
        };
        let t_new = if last { end } else { t_new };
        let h = match self.options.step {
            StepSize::Fixed(h) if !last => h,
            StepSize::Adaptive { max, .. } if !last => self.h.min(max),
            _ => t_new - self.t,
        };
        // Ten roundings of t still resolve the stages of a step.
        let moves = t_new > self.t && (last || h > 10.0 * f64::EPSILON * self.t.abs());
        moves.then_some(Step { h, t_new })
    }

    fn verdict(&mut self, attempt: Attempt, step: Step) -> Verdict {
        let fixed = matches!(self.options.step, StepSize::Fixed(_));
        let error = match attempt {
            Attempt::Unchecked => 0.0,
            Attempt::Estimated(_) if fixed => 0.0,
            Attempt::Estimated(error) => error,
            Attempt::Failed if fixed => return Verdict::GiveUp(Outcome::Stalled),
            Attempt::Failed => return Verdict::Reject { factor: 0.25 },
        };
        let index = match first_not_finite(&self.x_new) {
            None if error.is_nan() => Some(self.first_bad_slope(step.t_new)),
            found => found,
        };
        if let Some(index) = index {
            let outcome = Outcome::NotFinite { t: step.t_new, index };
            if fixed {
                return Verdict::GiveUp(outcome);
            }
            // A shorter step may stay inside the domain of the field.
            self.not_finite = Some(outcome);
            return Verdict::Reject { factor: self.control.rejected(f64::NAN) };
        }
        self.not_finite = None;
        if fixed {
            Verdict::Accept { factor: 1.0 }
        } else if error <= 1.0 {
            Verdict::Accept { factor: self.control.accepted(error) }
        } else {
            Verdict::Reject { factor: self.control.rejected(error) }
        }
    }

    /// Which component of the derivative at the attempted end spoiled the
    /// error estimate; the first one if it was a stage before.
    fn first_bad_slope(&mut self, t_new: f64) -> usize {
        let slope = &mut self.point[..self.x_new.len()];
        self.field.eval(t_new, &self.x_new, slope, &mut self.cx.ws);
        self.cx.stats.evaluations += 1;
        first_not_finite(slope).unwrap_or(0)
    }

    /// Moves to the end of an accepted step, or to the terminal event in it.
    fn advance(&mut self, step: Step) -> Option<Outcome> {
        let terminal = self.locate_events(step);
        self.sample(step, terminal);
        self.cx.stats.steps += 1;
        if let Some((index, t)) = terminal {
            self.t = t;
            self.solution.x.copy_from_slice(&self.point[..self.x_new.len()]);
            self.observe();
            return Some(Outcome::Event { index, t });
        }
        self.t = step.t_new;
        std::mem::swap(&mut self.solution.x, &mut self.x_new);
        self.stepper.accept(self.field, self.t, &self.solution.x, &mut self.cx);
        let ended = (self.t >= self.span.1).then_some(Outcome::Reached);
        self.observe().or_else(|| self.steady()).or(ended)
    }

    /// Finds and records the crossings in `(t, t_new]` in order of time, up to
    /// the first terminal one, which it returns with its time.
    fn locate_events(&mut self, step: Step) -> Option<(usize, f64)> {
        let Step { h, t_new } = step;
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
                    event.value(self.t + theta * h, point)
                };
                let width = f64::EPSILON * (2.0 * t_new.abs().max(self.t.abs()) / h).max(1.0);
                self.roots.push((event::locate(g, before, after, width), index));
            }
        }
        self.roots.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for &(theta, index) in &self.roots {
            let t = if theta >= 1.0 { t_new } else { (self.t + theta * h).min(t_new) };
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
                let theta = ((t - self.t) / step.h).min(1.0);
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
        let step = self.cx.stats.steps;
        let snapshot = Snapshot { step, t: self.t, trajectory: 0, x: &self.solution.x };
        match self.watch.observer.as_mut()?.observe(&snapshot) {
            ControlFlow::Continue(()) => None,
            ControlFlow::Break(()) => Some(Outcome::Stopped),
        }
    }

    fn steady(&mut self) -> Option<Outcome> {
        let test = self.options.steady_state?;
        test.met(self.t, self.stepper.derivative(), &mut self.quiet_since)
            .then_some(Outcome::Converged)
    }
}

/// What to do with an attempted step, and by which factor to change its size.
enum Verdict {
    Accept { factor: f64 },
    Reject { factor: f64 },
    GiveUp(Outcome),
}

/// Index of the first NaN or infinite entry. Looks for the index only when a
/// branch-free pass has found that there is one.
pub(super) fn first_not_finite(x: &[f64]) -> Option<usize> {
    if x.iter().fold(true, |finite, x| finite & x.is_finite()) {
        return None;
    }
    x.iter().position(|x| !x.is_finite())
}
