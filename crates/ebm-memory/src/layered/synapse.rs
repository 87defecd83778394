//! Synapses: scalar energies of the activations of the layers they join.
//!
//! ```text
//! E(g₁, …, g_k; θ),    ∂E/∂gₖ,    (∂²E/∂g²) v,    ∂/∂θ (v·∂E/∂g)
//! ```
//!
//! The last one, linear in `v`, is what learning through a fixed point needs:
//! how the pull of the synapse on its layers depends on its parameters.

use ebm_core::Workspace;

use super::{Activations, ActivationsMut};
use crate::Error;

/// An energy of the activations of one or more layers, with parameters `θ`.
///
/// Every method adds to its output, for all states of a batch at once, and
/// takes scratch memory from the workspace.
pub trait Synapse: Send + Sync {
    /// Numbers of units of the layers it joins, slot by slot.
    fn dims(&self) -> &[usize];

    /// Adds the energy of state `j` to `out[j]`.
    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace);

    /// Adds `∂E/∂gₖ` to every slot `k` of `out`.
    fn add_gradient(&self, g: Activations<'_>, out: ActivationsMut<'_>, ws: &mut Workspace);

    /// Adds `Σₘ (∂²E/∂gₖ∂gₘ) vₘ` to every slot `k` of `out`.
    fn add_hessian_vec(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: ActivationsMut<'_>,
        ws: &mut Workspace,
    );

    /// Number of parameters.
    fn parameter_count(&self) -> usize;

    /// Writes the parameters to `out`, as long as their number.
    fn parameters(&self, out: &mut [f64]);

    /// Replaces the parameters.
    ///
    /// # Errors
    /// If there is not the right number of them, or one is not finite.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error>;

    /// Adds `∂/∂θ Σₖ vₖ·∂E/∂gₖ`, summed over the states, to `out`.
    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        ws: &mut Workspace,
    );

    /// The matrix of a [`DenseSynapse`](super::DenseSynapse), for
    /// [`LayeredMemory::eliminate`](super::LayeredMemory::eliminate); none for
    /// other synapses.
    fn dense_weights(&self) -> Option<&[f64]> {
        None
    }
}

/// `y ← y − x`.
pub(super) fn subtract(x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y -= x;
    }
}

/// `y ← y + x`.
pub(super) fn add(x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// `x·y`.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
