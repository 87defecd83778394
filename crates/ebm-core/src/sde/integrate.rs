//! The drivers: one trajectory, or a batch in lock step.
//!
//! ```text
//! dx = F(t, x) dt + G(t, x) dW,    x(t₀) = x₀,    t₀ ≤ t ≤ t_end
//! ```
//!
//! A batch is cut into fixed blocks of columns that run in parallel. A block
//! advances all its columns together, so a drift with a coupling costs one
//! matrix product a stage; columns that have ended leave it.

use std::ops::Range;

use rayon::prelude::*;

use super::block::{Block, End};
use super::options::Grid;
use super::{BrownianPath, Options, Scheme};
use crate::{Batch, Diffusion, Error, Observer, Outcome, Stats, validate};

/// Columns of a block. Wide enough for the matrix product, narrow enough to
/// spread a batch over threads; fixed, so that bits do not depend on them.
const BLOCK: usize = 64;

/// The end of a trajectory.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Solution {
    /// Why the run ended.
    pub outcome: Outcome,
    /// Work done.
    pub stats: Stats,
    /// The last time reached with a finite state.
    pub t: f64,
    /// The state there.
    pub x: Vec<f64>,
}

/// The ends of a batch of trajectories.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct BatchSolution<O> {
    /// Why each trajectory ended.
    pub outcomes: Vec<Outcome>,
    /// Work done, summed over the trajectories.
    pub stats: Stats,
    /// The last time each trajectory reached with a finite state.
    pub t: Vec<f64>,
    /// The states there, one after the other.
    pub x: Vec<f64>,
    /// The observers in the order of their trajectories.
    pub observers: Vec<O>,
    dim: usize,
}

impl<O> BatchSolution<O> {
    /// The final states, `dim × count`.
    #[must_use]
    pub fn states(&self) -> Batch<'_> {
        Batch::view(&self.x, self.dim)
    }
}

/// Integrates `field` from `x0` over `span = (t₀, t_end)` by steps of
/// `options.step`, along the Brownian path `options.first_stream` of
/// `options.seed`.
///
/// # Errors
/// [`Error::UnsupportedNoise`] if the scheme is not meant for the noise of the
/// field, [`Error::Span`] or [`Error::Parameter`] for an invalid span, step or
/// level or too many steps,
/// [`Error::Dimension`] or [`Error::NotFinite`] for an `x0` that does not fit
/// the field or is not finite, [`Error::Empty`] for a field without components
/// or without noise.
///
/// A state that diverges is not an error but the [`Outcome`] of the run.
///
/// ```
/// use ebm_core::problems::OrnsteinUhlenbeck;
/// use ebm_core::sde::{self, Options, StochasticRungeKutta};
///
/// let field = OrnsteinUhlenbeck::default();
/// let options = Options { step: 0.1, seed: 7, ..Options::default() };
/// let coarse =
///     sde::integrate(&field, &StochasticRungeKutta, (0.0, 1.0), &[1.0], &options, &mut ())?;
/// let finer = Options { level: 6, ..options };
/// let fine = sde::integrate(&field, &StochasticRungeKutta, (0.0, 1.0), &[1.0], &finer, &mut ())?;
/// // The same path, seen more finely.
/// assert!((coarse.x[0] - fine.x[0]).abs() < 0.01);
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn integrate<F, S, O>(
    field: &F,
    scheme: &S,
    span: (f64, f64),
    x0: &[f64],
    options: &Options,
    observer: &mut O,
) -> Result<Solution, Error>
where
    F: Diffusion + ?Sized,
    S: Scheme<F> + ?Sized,
    O: Observer + ?Sized,
{
    let run = Run::new(field, scheme, span, options)?;
    validate::dimension("initial state", field.dim(), x0.len())?;
    validate::finite("initial state", x0)?;
    let mut x = x0.to_vec();
    let mut ends = [run.unfinished()];
    let stats = run.block(0, &mut x, &mut ends, observer)?;
    let [End { t, outcome }] = ends;
    Ok(Solution { outcome, stats, t, x })
}

/// Integrates every column of `x0`, trajectory `j` along the Brownian path
/// `options.first_stream + j`.
///
/// The batch is cut into blocks that run in parallel; `observer` makes one
/// observer for each, given the trajectories it will see. Breaking ends the
/// trajectory of that snapshot and no other. The result does not depend on the
/// number of threads, and trajectory `j` is that of [`integrate`] on its stream
/// as far as the field computes a column alike alone and in a batch.
///
/// # Errors
/// As [`integrate`]; [`Error::Empty`] for an empty batch.
///
/// ```
/// use ebm_core::Batch;
/// use ebm_core::problems::OrnsteinUhlenbeck;
/// use ebm_core::sde::{self, Options, StochasticRungeKutta};
///
/// let field = OrnsteinUhlenbeck::default();
/// let start = [0.0; 4000];
/// let options = Options { step: 0.1, seed: 7, ..Options::default() };
/// let end = sde::integrate_batch(
///     &field, &StochasticRungeKutta, (0.0, 2.0), Batch::new(&start, 1)?, &options, |_| (),
/// )?;
/// let variance = end.x.iter().map(|x| x * x).sum::<f64>() / 4000.0;
/// assert!((variance - field.variance(2.0)).abs() < 0.09); // 4 standard errors
/// # Ok::<(), ebm_core::Error>(())
/// ```
pub fn integrate_batch<F, S, O>(
    field: &F,
    scheme: &S,
    span: (f64, f64),
    x0: Batch<'_>,
    options: &Options,
    observer: impl Fn(Range<usize>) -> O + Sync,
) -> Result<BatchSolution<O>, Error>
where
    F: Diffusion + ?Sized,
    S: Scheme<F> + ?Sized,
    O: Observer + Send,
{
    let run = Run::new(field, scheme, span, options)?;
    let (dim, count) = (x0.dim(), x0.count());
    validate::dimension("initial states", field.dim(), dim)?;
    if count == 0 {
        return Err(Error::Empty { what: "batch of initial states" });
    }
    validate::finite("initial states", x0.as_slice())?;

    let mut x = x0.as_slice().to_vec();
    let mut ends = vec![run.unfinished(); count];
    let block = |(index, (x, ends)): (usize, (&mut [f64], &mut [End]))| {
        let first = index * BLOCK;
        let mut observer = observer(first..first + ends.len());
        let stats = run.block(first, x, ends, &mut observer)?;
        Ok((observer, stats))
    };
    let blocks: Vec<(O, Stats)> = if count <= BLOCK {
        // Not worth waking the thread pool.
        vec![block((0, (&mut x, &mut ends)))?]
    } else {
        x.par_chunks_mut(BLOCK * dim)
            .zip(ends.par_chunks_mut(BLOCK))
            .enumerate()
            .map(block)
            .collect::<Result<_, Error>>()?
    };

    let mut stats = Stats::default();
    let mut observers = Vec::with_capacity(blocks.len());
    for (observer, block) in blocks {
        observers.push(observer);
        stats.steps += block.steps;
        stats.evaluations += block.evaluations;
    }
    let outcomes = ends.iter().map(|end| end.outcome).collect();
    let t = ends.iter().map(|end| end.t).collect();
    Ok(BatchSolution { outcomes, stats, t, x, observers, dim })
}

/// What all blocks of a run share.
struct Run<'a, F: ?Sized, S: ?Sized> {
    field: &'a F,
    scheme: &'a S,
    options: &'a Options,
    grid: Grid,
}

impl<'a, F, S> Run<'a, F, S>
where
    F: Diffusion + ?Sized,
    S: Scheme<F> + ?Sized,
{
    fn new(
        field: &'a F,
        scheme: &'a S,
        span: (f64, f64),
        options: &'a Options,
    ) -> Result<Self, Error> {
        let grid = Grid::new(span, options)?;
        let noise = field.noise_kind();
        if scheme.strong_order(noise).is_none() {
            return Err(Error::UnsupportedNoise { scheme: scheme.name(), noise });
        }
        if field.dim() == 0 {
            return Err(Error::Empty { what: "state of the field" });
        }
        if field.noise_dim() == 0 {
            return Err(Error::Empty { what: "noise of the field" });
        }
        Ok(Self { field, scheme, options, grid })
    }

    fn unfinished(&self) -> End {
        End { t: self.grid.time(self.grid.steps), outcome: Outcome::Reached }
    }

    /// Takes the columns of `x`, trajectories `first..`, to their ends.
    fn block<O: Observer + ?Sized>(
        &self,
        first: usize,
        x: &mut [f64],
        ends: &mut [End],
        observer: &mut O,
    ) -> Result<Stats, Error> {
        let Self { field, scheme, options, grid } = self;
        let mut stats = Stats::default();
        let areas = scheme.uses_area();
        let noise_dim = field.noise_dim();
        let mut block = Block::new(first, x, ends, noise_dim, |j| {
            let stream = options.first_stream.wrapping_add(j as u64);
            let path =
                BrownianPath::new(options.seed, stream, noise_dim, grid.base, options.level)?;
            Ok(if areas { path.with_areas() } else { path })
        })?;
        block.arrive(0, grid.time(0), observer);
        for step in 1..=grid.steps {
            if block.active() == 0 {
                break;
            }
            stats.steps += block.active();
            stats.evaluations += block.active() * scheme.evaluations();
            block.step(*field, *scheme, grid.h);
            block.arrive(step, grid.time(step), observer);
        }
        block.finish();
        Ok(stats)
    }
}
