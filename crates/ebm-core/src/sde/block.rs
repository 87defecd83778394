//! A block of trajectories that advance together.
//!
//! Columns `0..active` are under way. One that ends is moved to the caller's
//! memory and the last active column takes its place, so a trajectory that
//! diverged or was stopped costs nothing further and touches no other.

use super::{BrownianPath, Increment, Scheme};
use crate::{Batch, BatchMut, Diffusion, Error, Observer, Outcome, Snapshot, Workspace};

/// How far a trajectory came.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) t: f64,
    pub(super) outcome: Outcome,
}

/// The state of a block, its noise and its scratch memory.
pub(super) struct Block<'a> {
    first: usize,
    dim: usize,
    noise_dim: usize,
    /// The trajectory, counted from `first`, and path of each active column.
    columns: Vec<(usize, BrownianPath)>,
    active: usize,
    t: Vec<f64>,
    x: Vec<f64>,
    x_previous: Vec<f64>,
    dw: Vec<f64>,
    area: Vec<f64>,
    final_x: &'a mut [f64],
    ends: &'a mut [End],
    ws: Workspace,
}

impl<'a> Block<'a> {
    /// Trajectories `first..first + ends.len()` that start at the columns of
    /// `x`, where their ends will be left.
    pub(super) fn new(
        first: usize,
        x: &'a mut [f64],
        ends: &'a mut [End],
        noise_dim: usize,
        path: impl Fn(usize) -> Result<BrownianPath, Error>,
    ) -> Result<Self, Error> {
        let count = ends.len();
        let columns =
            (0..count).map(|j| Ok((j, path(first + j)?))).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            first,
            dim: x.len() / count,
            noise_dim,
            columns,
            active: count,
            t: vec![0.0; count],
            x: x.to_vec(),
            x_previous: x.to_vec(),
            dw: vec![0.0; count * noise_dim],
            area: vec![0.0; count * noise_dim],
            final_x: x,
            ends,
            ws: Workspace::new(),
        })
    }

    /// Number of trajectories under way.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Advances the active columns by one step of length `h`.
    pub(super) fn step<F, S>(&mut self, field: &F, scheme: &S, h: f64)
    where
        F: Diffusion + ?Sized,
        S: Scheme<F> + ?Sized,
    {
        let noise = self.active * self.noise_dim;
        let noise_columns = self
            .dw
            .chunks_exact_mut(self.noise_dim)
            .zip(self.area.chunks_exact_mut(self.noise_dim));
        for ((_, path), (dw, area)) in self.columns[..self.active].iter_mut().zip(noise_columns) {
            path.advance();
            dw.copy_from_slice(path.increment());
            if scheme.uses_area() {
                area.copy_from_slice(path.area());
            }
        }
        std::mem::swap(&mut self.x, &mut self.x_previous);
        let increment = Increment {
            t: &self.t[..self.active],
            h,
            dw: Batch::view(&self.dw[..noise], self.noise_dim),
            area: Batch::view(&self.area[..noise], self.noise_dim),
        };
        let len = self.active * self.dim;
        scheme.step(
            field,
            &increment,
            Batch::view(&self.x_previous[..len], self.dim),
            BatchMut::view(&mut self.x[..len], self.dim),
            &mut self.ws,
        );
    }

    /// Shows the states, now at time `t` after `step` steps, to the observer
    /// and takes out the trajectories that end here.
    pub(super) fn arrive<O: Observer + ?Sized>(&mut self, step: usize, t: f64, observer: &mut O) {
        let mut j = 0;
        while j < self.active {
            let x = &self.x[j * self.dim..(j + 1) * self.dim];
            let trajectory = self.first + self.columns[j].0;
            if let Some(index) = x.iter().position(|x| !x.is_finite()) {
                let outcome = Outcome::NotFinite { t, index };
                self.take_out(j, End { t: self.t[j], outcome });
            } else if observer.observe(&Snapshot { step, t, trajectory, x }).is_break() {
                self.take_out(j, End { t, outcome: Outcome::Stopped });
            } else {
                self.t[j] = t;
                j += 1;
            }
        }
    }

    /// Ends the trajectory of column `j`; the last active column moves there.
    fn take_out(&mut self, j: usize, end: End) {
        let Self { dim, ref mut x, .. } = *self;
        let column = |j: usize| j * dim..(j + 1) * dim;
        let trajectory = self.columns[j].0;
        // A state that is not finite is replaced by the one before it.
        let diverged = matches!(end.outcome, Outcome::NotFinite { .. });
        let last_good = if diverged { &self.x_previous[column(j)] } else { &x[column(j)] };
        self.final_x[column(trajectory)].copy_from_slice(last_good);
        self.ends[trajectory] = end;

        self.active -= 1;
        let last = self.active;
        self.columns.swap(j, last);
        self.t[j] = self.t[last];
        x.copy_within(column(last), j * dim);
        self.x_previous.copy_within(column(last), j * dim);
    }

    /// Hands over the states of the trajectories still under way.
    pub(super) fn finish(self) {
        let Self { columns, active, dim, x, final_x, .. } = self;
        for ((trajectory, _), x) in columns[..active].iter().zip(x.chunks_exact(dim)) {
            final_x[trajectory * dim..(trajectory + 1) * dim].copy_from_slice(x);
        }
    }
}
