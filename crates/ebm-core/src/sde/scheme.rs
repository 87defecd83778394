//! One step of a stochastic scheme, for a batch of trajectories at once.

use crate::{Batch, BatchMut, NoiseKind, Workspace};

/// What drives one step: time and noise, one column per trajectory.
#[derive(Debug, Clone, Copy)]
pub struct Increment<'a> {
    /// Time at the start of the step, of each trajectory.
    pub t: &'a [f64],
    /// Length of the step, > 0, common to all.
    pub h: f64,
    /// `ΔW ~ N(0, h)`, `noise_dim × count`.
    pub dw: Batch<'a>,
    /// The space-time Lévy area `H ~ N(0, h/12)`, `noise_dim × count`; zero
    /// unless the scheme [uses it](Scheme::uses_area).
    pub area: Batch<'a>,
}

/// A fixed-step method for fields of type `F`. It holds no state: scratch
/// comes from the workspace.
pub trait Scheme<F: ?Sized>: Send + Sync {
    /// Name for messages.
    fn name(&self) -> &'static str;

    /// The order `γ` of the pathwise error, `E|x(t) − xₕ(t)| = O(h^γ)`, for
    /// noise of this kind; `None` if the scheme is not meant for it.
    fn strong_order(&self, noise: NoiseKind) -> Option<f64>;

    /// Whether [`step`](Self::step) reads [`Increment::area`].
    fn uses_area(&self) -> bool {
        false
    }

    /// Evaluations of the drift a step.
    fn evaluations(&self) -> usize;

    /// Advances every column of `x` by one step into `x_new`.
    fn step(
        &self,
        field: &F,
        increment: &Increment<'_>,
        x: Batch<'_>,
        x_new: BatchMut<'_>,
        ws: &mut Workspace,
    );
}
