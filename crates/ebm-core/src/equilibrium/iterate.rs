//! The driver of the iterations that use nothing but `F`: safeguards, stopping,
//! and many states at once with one batch evaluation an iteration.

use super::anderson::{History, Scratch};
use super::{Equilibrium, Method, Options};
use crate::ode::Norm;
use crate::vector::{axpy, dot};
use crate::{Batch, BatchMut, Error, Observer, Outcome, Snapshot, Stats, VectorField, Workspace};

/// A residual this many times the smallest one so far has run away. Residuals
/// may rise for a while even where the iteration contracts, in another norm.
const RUNAWAY: f64 = 10.0;
/// Iterations allowed without a new smallest residual.
const PATIENCE: usize = 20;
/// A residual that does not fall by this factor in [`PATIENCE`] iterations is
/// slow. [`Method::Auto`] then leaves; [`Step::BackOff`](super::Step::BackOff)
/// halves the step if it is too long, which shows in residuals of alternating
/// sign.
const WORTHWHILE: f64 = 0.1;
/// Smallest damping, relative to the first.
const SMALLEST: f64 = 1e-9;

/// What all states of a batch share.
struct Rule {
    method: Method,
    h: f64,
    may_back_off: bool,
    memory: Option<usize>,
    leave_when_slow: bool,
}

impl Rule {
    fn new(method: Method) -> Self {
        match method {
            Method::FixedPoint(fixed) => {
                let (h, may_back_off) = fixed.step.resolve();
                Self { method, h, may_back_off, memory: None, leave_when_slow: false }
            }
            Method::Anderson(anderson) => Self {
                method,
                h: anderson.damping,
                may_back_off: true,
                memory: Some(anderson.memory),
                leave_when_slow: false,
            },
            Method::Auto | Method::NewtonKrylov(_) => {
                let first = Method::Anderson(super::Anderson::default());
                Self { leave_when_slow: true, ..Self::new(first) }
            }
        }
    }
}

/// One state of the batch on its way.
struct Search {
    trajectory: usize,
    history: Option<History>,
    h: f64,
    best_x: Vec<f64>,
    best_f: Vec<f64>,
    best: f64,
    /// `F` one iteration ago; not kept where there is a history.
    previous: Vec<f64>,
    /// Iterations since the residual was last the smallest.
    since_best: usize,
    /// Iterations and smallest residual at the last check of the pace.
    mark: (usize, f64),
    stats: Stats,
}

impl Search {
    fn new(n: usize, trajectory: usize, rule: &Rule) -> Self {
        Self {
            trajectory,
            history: rule.memory.map(|memory| History::new(n, memory)),
            h: rule.h,
            best_x: vec![0.0; n],
            best_f: vec![0.0; n],
            best: f64::INFINITY,
            previous: vec![0.0; if rule.memory.is_none() { n } else { 0 }],
            since_best: 0,
            mark: (0, f64::INFINITY),
            stats: Stats::default(),
        }
    }

    /// Given `f = F(x)`, ends or replaces `x` by the next state.
    fn advance(
        &mut self,
        x: &mut [f64],
        f: &[f64],
        rule: &Rule,
        options: &Options,
        scratch: &mut Scratch,
        observer: &mut dyn Observer,
    ) -> Option<Outcome> {
        let first = self.stats.evaluations == 0;
        self.stats.evaluations += 1;
        let residual = Norm::Max.of(f);
        if residual < self.best {
            self.best = residual;
            self.best_x.copy_from_slice(x);
            self.best_f.copy_from_slice(f);
            self.since_best = 0;
        } else {
            self.since_best += 1;
        }
        if first {
            self.best = residual;
            self.best_x.copy_from_slice(x);
            self.mark = (1, residual);
        }
        let finite = residual.is_finite();
        if !finite && (first || !rule.may_back_off) {
            let index = f.iter().position(|f| !f.is_finite()).unwrap_or(0);
            return Some(Outcome::NotFinite { t: 0.0, index });
        }
        let slow = self.check_pace();
        let overshoots = dot(&self.previous, f) < 0.0;
        if rule.memory.is_none() {
            self.previous.copy_from_slice(f);
        }
        let runs_away = !finite || residual > RUNAWAY * self.best || self.since_best >= PATIENCE;
        let converged = residual <= options.tolerance;
        let rejected = rule.may_back_off && !converged && (runs_away || slow && overshoots);
        if rejected {
            self.stats.rejected += 1;
        } else {
            self.stats.steps += usize::from(!first);
            let step = self.stats.steps;
            let snapshot = Snapshot { step, t: step as f64, trajectory: self.trajectory, x };
            let broke = observer.observe(&snapshot).is_break();
            if converged {
                return Some(Outcome::Converged);
            }
            if broke {
                return Some(Outcome::Stopped);
            }
        }
        if self.stats.evaluations >= options.max_evaluations {
            return Some(Outcome::MaxSteps);
        }
        if rule.leave_when_slow && slow {
            return Some(Outcome::Stalled);
        }
        if rejected {
            self.h *= 0.5;
            if self.h < SMALLEST * rule.h {
                return Some(Outcome::Stalled);
            }
            self.since_best = 0;
            x.copy_from_slice(&self.best_x);
            if let Some(history) = &mut self.history {
                history.clear();
            }
            step(x, &self.best_f, self.h, self.history.as_mut(), scratch);
        } else {
            step(x, f, self.h, self.history.as_mut(), scratch);
        }
        None
    }

    /// Every [`PATIENCE`] iterations, whether the residual has fallen slowly.
    fn check_pace(&mut self) -> bool {
        if self.stats.evaluations < self.mark.0 + PATIENCE {
            return false;
        }
        let slow = self.best > WORTHWHILE * self.mark.1;
        self.mark = (self.stats.evaluations, self.best);
        slow
    }

    fn finish(self, outcome: Outcome, method: Method) -> (usize, Equilibrium) {
        let Self { trajectory, best_x: x, best: residual, stats, .. } = self;
        (trajectory, Equilibrium { x, residual, outcome, stats, method })
    }
}

fn step(x: &mut [f64], f: &[f64], h: f64, history: Option<&mut History>, scratch: &mut Scratch) {
    match history {
        Some(history) => history.advance(x, f, h, scratch),
        None => axpy(h, f, x),
    }
}

/// Iterates every column of `x0` to the end. The columns still under way are
/// kept in front, so that one batch evaluation serves them.
pub(super) fn iterate(
    field: &dyn VectorField,
    x0: Batch<'_>,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Vec<Equilibrium>, Error> {
    let (n, count) = (x0.dim(), x0.count());
    let rule = Rule::new(options.method);
    let mut scratch = Scratch::new(n, rule.memory.unwrap_or(0));
    let mut ws = Workspace::new();
    let time = vec![0.0; count];
    let mut x = x0.as_slice().to_vec();
    let mut f = vec![0.0; x.len()];
    let mut under_way: Vec<Search> = (0..count).map(|j| Search::new(n, j, &rule)).collect();
    let mut done = Vec::with_capacity(count);
    while !under_way.is_empty() {
        let active = under_way.len();
        if active == 1 {
            field.eval(0.0, &x[..n], &mut f[..n], &mut ws);
        } else {
            let columns = Batch::new(&x[..active * n], n)?;
            let out = BatchMut::new(&mut f[..active * n], n)?;
            field.eval_batch(&time[..active], columns, out, &mut ws);
        }
        for j in (0..active).rev() {
            let column = j * n..(j + 1) * n;
            let outcome = under_way[j].advance(
                &mut x[column.clone()],
                &f[column.clone()],
                &rule,
                options,
                &mut scratch,
                observer,
            );
            if let Some(outcome) = outcome {
                done.push(under_way.swap_remove(j).finish(outcome, rule.method));
                let last = under_way.len() * n;
                x.copy_within(last..last + n, j * n);
            }
        }
    }
    done.sort_by_key(|(trajectory, _)| *trajectory);
    Ok(done.into_iter().map(|(_, found)| found).collect())
}
