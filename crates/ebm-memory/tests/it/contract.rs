//! The contract that every model of the crate keeps, checked by one function,
//! and the one that every retrieval of a batch keeps, checked by another.
//!
//! ```text
//! energy      ∇E, ∇²E are those of E,  batch = columns,  NaN in → NaN out
//! flow        Jv, Jᵀv, Ė are those of the field,  E(x(t)) does not rise
//! retrieval   no cues, wrong length, NaN → Err,  batch = columns,  E(end) ≤ E(cue)
//! all         nothing allocated by a step,  the same bits on 1, 2 and 4 threads
//! ```
//!
//! Tolerances are relative to `max(1, |value|)`: five-point differences of
//! functions that vary on a scale of 0.2 reach 1e-7, sums in another order
//! 1e-12.

mod models;
mod retrievals;
mod wrong;

use std::fmt::Debug;
use std::ops::ControlFlow;

use ebm_core::check::{self, Deviation, finite_difference as fd};
use ebm_core::flow::GradientFlow;
use ebm_core::ode::{self, Options, Tolerance, Watch};
use ebm_core::random::{fill_normal, stream};
use ebm_core::{
    Batch, BatchMut, Curvature, Gradient, Jacobian, Lyapunov, Snapshot, VectorField, Workspace,
};
use ebm_memory::Error;
use rayon::prelude::*;

const DIFFERENCES: f64 = 1e-6;
const ROUNDING: f64 = 1e-12;

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Gradient,
    Hessian,
    Jacobian,
    Rate,
    Descent,
    Batch,
    NotANumber,
    Allocation,
    Threads,
    BadInput,
}

/// Which clause a model breaks, and how.
#[derive(Debug)]
struct Broken(Clause, String);

type Kept = Result<(), Broken>;

fn require(clause: Clause, holds: bool, why: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(Broken(clause, why())) }
}

/// A field with derivatives and a Lyapunov function.
trait Flow: Jacobian + Lyapunov {}

impl<F: Jacobian + Lyapunov> Flow for F {}

/// A model as all that it claims to be, and states to look at it in.
#[derive(Clone, Copy)]
struct Model<'a> {
    energy: Option<&'a dyn Gradient>,
    curvature: Option<&'a dyn Curvature>,
    /// A flow of its own; the gradient flow of the energy where there is none.
    flow: Option<&'a dyn Flow>,
    field: Option<&'a dyn VectorField>,
    dim: usize,
    /// One after the other, two at least.
    states: &'a [f64],
    /// How far to follow a flow, in units of the size of the state.
    reach: f64,
}

impl<'a> Model<'a> {
    const NOTHING: Self = Self {
        energy: None,
        curvature: None,
        flow: None,
        field: None,
        dim: 0,
        states: &[],
        reach: 0.1,
    };

    fn slope(energy: &'a dyn Gradient, states: &'a [f64]) -> Self {
        Self { energy: Some(energy), dim: energy.dim(), states, ..Self::NOTHING }
    }

    fn energy<E: Curvature>(energy: &'a E, states: &'a [f64]) -> Self {
        Self { curvature: Some(energy), ..Self::slope(energy, states) }
    }

    fn flow<F: Flow>(flow: &'a F, states: &'a [f64]) -> Self {
        let field = Some(flow as &dyn VectorField);
        Self { flow: Some(flow), field, dim: flow.dim(), states, ..Self::NOTHING }
    }

    /// Fails with the name of the model and what it breaks.
    #[track_caller]
    fn stamp(&self, name: impl Debug) {
        if let Err(Broken(clause, why)) = self.check() {
            panic!("{name:?} breaks {clause:?}: {why}");
        }
    }

    fn check(&self) -> Kept {
        let states = Batch::new(self.states, self.dim).unwrap();
        assert!(states.count() >= 2, "a batch, and a direction");
        for (j, x) in states.columns().enumerate() {
            let v = states.column((j + 1) % states.count());
            if let Some(energy) = self.energy {
                slope(energy, x)?;
            }
            if let Some(energy) = self.curvature {
                curvature(energy, x, v)?;
            }
            if let Some(flow) = self.flow {
                derivatives(flow, x, v)?;
            }
            self.descends(x)?;
        }
        if let Some(energy) = self.energy {
            energies_of_batches(energy, states)?;
        }
        if let Some(field) = self.field {
            fields_of_batches(field, states)?;
        }
        self.shows_what_is_not_a_number(states.column(0))?;
        self.allocates_nothing(states)?;
        self.ignores_threads(states)
    }

    /// The energy along a stretch of a solution.
    fn descends(&self, x0: &[f64]) -> Kept {
        let mut ws = Workspace::new();
        let run = |field: &dyn VectorField, value: &mut dyn FnMut(&[f64]) -> f64| {
            let speed = ode::Norm::Max.of(&field.eval_at(0.0, x0));
            if speed == 0.0 {
                return Ok(());
            }
            let span = self.reach * ode::Norm::Max.of(x0).max(1.0) / speed;
            let mut values = vec![];
            let mut observer = |snapshot: &Snapshot<'_>| {
                values.push(value(snapshot.x));
                ControlFlow::Continue(())
            };
            let watch = Watch { observer: Some(&mut observer), ..Watch::default() };
            let tolerance = Tolerance { rtol: 1e-11, atol: 1e-11 };
            let options = Options { tolerance, ..Options::default() };
            let mut method = ode::TSITOURAS.stepper(x0.len());
            let end = ode::integrate_watched(field, &mut method, (0.0, span), x0, &options, watch);
            assert!(end.unwrap().outcome.is_success());
            let found = check::descent(&values, 1e-10).unwrap();
            require(Clause::Descent, found.holds() && found.total_drop > 0.0, || {
                format!("{found:?}")
            })
        };
        if let Some(flow) = self.flow {
            return run(&flow, &mut |x| flow.lyapunov(x, &mut ws));
        }
        match self.energy {
            Some(energy) => run(&GradientFlow(energy), &mut |x| energy.energy(x, &mut ws)),
            None => Ok(()),
        }
    }

    fn shows_what_is_not_a_number(&self, x: &[f64]) -> Kept {
        let ws = &mut Workspace::new();
        let mut out = vec![0.0; self.dim];
        for place in [0, self.dim - 1] {
            let mut x = x.to_vec();
            x[place] = f64::NAN;
            let shown = |name, found: f64, out: Option<&[f64]>| {
                let hidden = !found.is_nan() || out.is_some_and(|o| !o.iter().any(|o| o.is_nan()));
                require(Clause::NotANumber, !hidden, || format!("{name}: {found} {out:?}"))
            };
            if let Some(energy) = self.energy {
                shown("energy", energy.energy(&x, ws), None)?;
                energy.gradient(&x, &mut out, ws);
                shown("gradient", f64::NAN, Some(&out))?;
                shown("both", energy.energy_gradient(&x, &mut out, ws), Some(&out))?;
            }
            if let Some(flow) = self.flow {
                shown("Lyapunov function", flow.lyapunov(&x, ws), None)?;
                shown("its rate", flow.lyapunov_rate(&x, ws), None)?;
            }
            if let Some(field) = self.field {
                field.eval(0.0, &x, &mut out, ws);
                shown("field", f64::NAN, Some(&out))?;
            }
        }
        Ok(())
    }

    fn allocates_nothing(&self, states: Batch<'_>) -> Kept {
        let (n, count) = (self.dim, states.count());
        let (x, v) = (states.column(0), states.column(1));
        let (mut out, mut values) = (vec![0.0; n * count], vec![0.0; count]);
        let times = vec![0.0; count];
        let mut ws = Workspace::new();
        let mut evaluate = || {
            let one = &mut out[..n];
            if let Some(energy) = self.energy {
                energy.energy(x, &mut ws);
                energy.gradient(x, one, &mut ws);
                energy.energy_gradient(x, one, &mut ws);
            }
            if let Some(energy) = self.curvature {
                energy.hessian_vec(x, v, one, &mut ws);
            }
            if let Some(flow) = self.flow {
                flow.jvp(0.0, x, v, one, &mut ws);
                flow.vjp(0.0, x, v, one, &mut ws);
                flow.lyapunov(x, &mut ws);
                flow.lyapunov_rate(x, &mut ws);
            }
            if let Some(field) = self.field {
                field.eval(0.0, x, one, &mut ws);
                field.eval_batch(&times, states, BatchMut::new(&mut out, n).unwrap(), &mut ws);
            }
            if let Some(energy) = self.energy {
                energy.energy_batch(states, &mut values, &mut ws);
                energy.gradient_batch(states, BatchMut::new(&mut out, n).unwrap(), &mut ws);
            }
        };
        evaluate();
        let count = allocation_counter::measure(evaluate).count_total;
        require(Clause::Allocation, count == 0, || format!("{count} allocations"))
    }

    fn ignores_threads(&self, states: Batch<'_>) -> Kept {
        let evaluate = |ws: &mut Workspace, x: &[f64]| {
            let mut out = vec![0.0; self.dim];
            let mut bits = vec![];
            if let Some(energy) = self.energy {
                bits.push(energy.energy_gradient(x, &mut out, ws).to_bits());
                bits.extend(out.iter().map(|g| g.to_bits()));
            }
            if let Some(field) = self.field {
                field.eval(0.0, x, &mut out, ws);
                bits.extend(out.iter().map(|g| g.to_bits()));
            }
            bits
        };
        let columns: Vec<&[f64]> = states.columns().collect();
        let found = [1, 2, 4].map(|threads| {
            on(threads, || -> Vec<Vec<u64>> {
                columns.par_iter().map_init(Workspace::new, |ws, x| evaluate(ws, x)).collect()
            })
        });
        let same = found[0] == found[1] && found[0] == found[2];
        require(Clause::Threads, same, || format!("{found:?}"))
    }
}

/// Runs on a pool of `threads` threads.
fn on<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

fn below(clause: Clause, worst: Result<Deviation, ebm_core::Error>, limit: f64) -> Kept {
    let worst = worst.unwrap();
    require(clause, worst.relative < limit, || format!("{worst:?}"))
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance * 1f64.max(a.abs()).max(b.abs())
}

fn all_close(clause: Clause, a: &[f64], b: &[f64], tolerance: f64) -> Kept {
    let scale = a.iter().chain(b).fold(1.0_f64, |m, v| m.max(v.abs()));
    let off = |(a, b): (&f64, &f64)| {
        let distance = (a - b).abs();
        a != b && (distance > tolerance * scale || distance.is_nan())
    };
    match a.iter().zip(b).position(off) {
        None => Ok(()),
        Some(i) => Err(Broken(clause, format!("entry {i}: {} and {}", a[i], b[i]))),
    }
}

fn slope(energy: &dyn Gradient, x: &[f64]) -> Kept {
    below(Clause::Gradient, fd::gradient(energy, x), DIFFERENCES)?;
    let (mut shared, ws) = (vec![0.0; x.len()], &mut Workspace::new());
    let value = energy.energy_gradient(x, &mut shared, ws);
    let alone = energy.energy(x, ws);
    require(Clause::Gradient, close(value, alone, ROUNDING), || {
        format!("energy {alone}, with the gradient {value}")
    })?;
    all_close(Clause::Gradient, &shared, &energy.gradient_at(x), ROUNDING)
}

fn curvature(energy: &dyn Curvature, x: &[f64], v: &[f64]) -> Kept {
    below(Clause::Hessian, fd::hessian_vec(energy, x, v), DIFFERENCES)?;
    below(Clause::Hessian, fd::hessian_assembly(energy, x), ROUNDING)
}

fn derivatives(flow: &dyn Flow, x: &[f64], v: &[f64]) -> Kept {
    below(Clause::Jacobian, fd::jvp(flow, 0.0, x, v), DIFFERENCES)?;
    below(Clause::Jacobian, fd::vjp(flow, 0.0, x, v), ROUNDING)?;
    below(Clause::Jacobian, fd::jacobian_assembly(flow, 0.0, x), ROUNDING)?;
    below(Clause::Rate, fd::lyapunov_rate(flow, x), DIFFERENCES)?;
    let rate = flow.lyapunov_rate(x, &mut Workspace::new());
    require(Clause::Rate, rate <= 0.0, || format!("rate {rate}"))
}

fn energies_of_batches(energy: &dyn Gradient, states: Batch<'_>) -> Kept {
    let (n, ws) = (energy.dim(), &mut Workspace::new());
    let mut values = vec![0.0; states.count()];
    let mut gradients = vec![0.0; n * states.count()];
    energy.energy_batch(states, &mut values, ws);
    energy.gradient_batch(states, BatchMut::new(&mut gradients, n).unwrap(), ws);
    for (j, x) in states.columns().enumerate() {
        let alone = energy.energy(x, ws);
        require(Clause::Batch, close(values[j], alone, ROUNDING), || {
            format!("energy {alone}, in a batch {}", values[j])
        })?;
        all_close(Clause::Batch, &energy.gradient_at(x), &gradients[n * j..][..n], ROUNDING)?;
    }
    Ok(())
}

fn fields_of_batches(field: &dyn VectorField, states: Batch<'_>) -> Kept {
    let (n, ws) = (field.dim(), &mut Workspace::new());
    let times: Vec<f64> = (0..states.count()).map(|j| 0.5 * j as f64).collect();
    let mut found = vec![0.0; n * states.count()];
    field.eval_batch(&times, states, BatchMut::new(&mut found, n).unwrap(), ws);
    for ((x, t), found) in states.columns().zip(times).zip(found.chunks_exact(n)) {
        all_close(Clause::Batch, &field.eval_at(t, x), found, ROUNDING)?;
    }
    Ok(())
}

/// Where cues ended.
struct Ends {
    states: Vec<f64>,
    /// `E` as reported; empty where there is none.
    energies: Vec<f64>,
    /// All that is reported.
    reports: Box<dyn Debug + Send>,
    /// Steps of the longest run.
    steps: f64,
}

type Value<'a> = &'a (dyn Fn(&[f64]) -> f64 + Sync);

type Run<'a> = &'a (dyn Fn(Batch<'_>, usize) -> Result<Ends, Error> + Sync);

/// A retrieval of batches.
#[derive(Clone, Copy)]
struct Retrieval<'a> {
    /// Cues that take several steps, one after the other, more than a block.
    cues: Batch<'a>,
    /// Runs cues for at most so many steps.
    run: Run<'a>,
    /// `E`, where it is reported.
    energy: Option<Value<'a>>,
    /// No end lies above its cue.
    descends: bool,
    /// How far the end of a cue in a batch may be from that of the cue alone.
    alone: f64,
}

impl<'a> Retrieval<'a> {
    fn new(cues: Batch<'a>, run: Run<'a>) -> Self {
        Self { cues, run, energy: None, descends: false, alone: 0.0 }
    }

    #[track_caller]
    fn stamp(&self, name: impl Debug) {
        if let Err(Broken(clause, why)) = self.check() {
            panic!("{name:?} breaks {clause:?}: {why}");
        }
    }

    fn check(&self) -> Kept {
        const MANY: usize = 60;
        let run = |cues: Batch<'_>, budget| (self.run)(cues, budget).unwrap();
        let dim = self.cues.dim();
        let mut hole = self.cues.column(0).to_vec();
        hole[dim - 1] = f64::NAN;
        let long = vec![1.0; dim + 1];
        for (what, bad) in [
            ("no cues", Batch::new(&[], dim)),
            ("a longer cue", Batch::single(&long)),
            ("not a number", Batch::single(&hole)),
        ] {
            let taken = (self.run)(bad.unwrap(), MANY).is_ok();
            require(Clause::BadInput, !taken, || format!("takes {what}"))?;
        }
        let none = (self.run)(self.cues, 0).is_ok();
        require(Clause::BadInput, !none, || "takes a budget of zero".into())?;

        let found = [1, 2, 4].map(|threads| on(threads, || run(self.cues, MANY)));
        let bits = |ends: &Ends| -> (Vec<u64>, String) {
            let states = ends.states.iter().map(|x| x.to_bits()).collect();
            (states, format!("{:?}", ends.reports))
        };
        for other in &found[1..] {
            let same = bits(&found[0]) == bits(other);
            require(Clause::Threads, same, || "other bits on more threads".into())?;
        }
        let all = &found[0];
        for (j, cue) in self.cues.columns().enumerate().take(3) {
            // Random choices depend on the place in the batch: that of the first.
            if j > 0 && self.alone == 0.0 {
                break;
            }
            let one = run(Batch::single(cue).unwrap(), MANY);
            let end = &all.states[j * one.states.len()..][..one.states.len()];
            all_close(Clause::Batch, &one.states, end, self.alone)?;
        }
        if let Some(energy) = self.energy {
            let ends = all.states.chunks_exact(dim).zip(self.cues.columns());
            for ((end, cue), reported) in ends.zip(&all.energies) {
                let (after, before) = (energy(end), energy(cue));
                require(Clause::Descent, close(after, *reported, 1e-10), || {
                    format!("reports {reported} for {after}")
                })?;
                let fell = after <= before + 1e-10 * before.abs().max(1.0);
                require(Clause::Descent, fell || !self.descends, || {
                    format!("from {before} to {after}")
                })?;
            }
        }
        on(1, || {
            let measure = |budget| {
                let mut steps = 0.0;
                // The first of them fills the buffers of this thread, and now
                // and then the queues of the pool grow.
                let counts = [(); 4].map(|()| {
                    allocation_counter::measure(|| steps = run(self.cues, budget).steps).count_total
                });
                (steps, counts.into_iter().min())
            };
            let ((few, a), (many, b)) = (measure(1), measure(MANY));
            assert!(many > few, "{few} and {many} steps");
            require(Clause::Allocation, a == b, || {
                format!("{a:?} allocations for {few} steps, {b:?} for {many}")
            })
        })
    }
}

/// `count` standard normal numbers, times `scale`.
fn normals(count: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut out = vec![0.0; count];
    fill_normal(&mut stream(seed, 0), &mut out);
    out.iter_mut().for_each(|x| *x *= scale);
    out
}
