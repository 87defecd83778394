//! The energy of a Hopfield network.
//!
//! ```text
//! E(s) = −½ sᵀW s,      h = W s = −∇E,      W = Wᵀ,  W_ii = 0,  s ∈ {−1, +1}ᴺ
//! ```
//!
//! The sum over pairs is written with the factor ½, so every pair counts once.
//!
//! Source: J. J. Hopfield, *Neural networks and physical systems with emergent
//! collective computational abilities*, PNAS 79 (1982).

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, BatchMut, Coupling, Curvature, Energy, Gradient, Workspace};

use crate::Error;

/// A Hopfield network on any coupling with zero diagonal.
///
/// As an [`Energy`] it is the quadratic form on all of ℝᴺ, of which the states
/// of the network are the ±1 points; [`Recall`](super::Recall) runs its
/// dynamics.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::{Corruption, HopfieldNetwork, Patterns, Recall, corrupt};
///
/// let patterns = Patterns::random_signs(200, 8, 1)?;
/// let network = HopfieldNetwork::hebb(&patterns)?;
/// let cues = corrupt(patterns.as_batch(), 0.2, Corruption::FlipSign, 2)?;
/// let recalled = Recall::default().retrieve(&network, cues.as_batch())?;
/// for mu in 0..8 {
///     assert!(patterns.overlap(mu, recalled.state(mu)) > 0.98);
///     let energy = network.energy_at(recalled.state(mu));
///     assert!((recalled.reports()[mu].energy - energy).abs() < 1e-12);
/// }
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "crate::serialized::Network<C>",
        bound(deserialize = "C: Coupling + serde::Deserialize<'de>")
    )
)]
pub struct HopfieldNetwork<C = DenseCoupling> {
    coupling: C,
}

impl<C: Coupling> HopfieldNetwork<C> {
    /// A network with the given coupling.
    ///
    /// # Errors
    /// [`Error::SelfCoupling`] if an entry of the diagonal is not zero.
    pub fn new(coupling: C) -> Result<Self, Error> {
        let mut diagonal = vec![0.0; coupling.dim()];
        coupling.diagonal(&mut diagonal);
        match diagonal.iter().position(|d| *d != 0.0) {
            None => Ok(Self { coupling }),
            Some(index) => Err(Error::SelfCoupling { index, value: diagonal[index] }),
        }
    }

    /// `W`.
    #[must_use]
    pub fn coupling(&self) -> &C {
        &self.coupling
    }

    /// `W` by itself.
    #[must_use]
    pub fn into_coupling(self) -> C {
        self.coupling
    }
}

impl<C: Coupling> Energy for HopfieldNetwork<C> {
    fn dim(&self) -> usize {
        self.coupling.dim()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        -0.5 * self.coupling.quadratic(x, ws)
    }

    fn energy_batch(&self, x: Batch<'_>, out: &mut [f64], ws: &mut Workspace) {
        let (field, ws) = ws.take(x.as_slice().len());
        let mut field = BatchMut::new(field, x.dim()).expect("length of a batch");
        self.coupling.apply_batch(x, field.reborrow(), ws);
        for ((out, x), h) in out.iter_mut().zip(x.columns()).zip(field.as_batch().columns()) {
            *out = energy_from(x, h);
        }
    }
}

impl<C: Coupling> Gradient for HopfieldNetwork<C> {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.coupling.apply(x, out, ws);
        out.iter_mut().for_each(|g| *g = -*g);
    }

    fn gradient_batch(&self, x: Batch<'_>, mut out: BatchMut<'_>, ws: &mut Workspace) {
        self.coupling.apply_batch(x, out.reborrow(), ws);
        out.as_mut_slice().iter_mut().for_each(|g| *g = -*g);
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        self.gradient(x, out, ws);
        -energy_from(x, out)
    }
}

impl<C: Coupling> Curvature for HopfieldNetwork<C> {
    fn hessian_vec(&self, _: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.gradient(v, out, ws);
    }
}

/// `−½ s·h`.
pub(crate) fn energy_from(state: &[f64], field: &[f64]) -> f64 {
    -0.5 * state.iter().zip(field).map(|(s, h)| s * h).sum::<f64>()
}

/// Bound on the rounding of a field: `N ε Σ_j |W_ij|`, the sum in turn at most
/// `√N ρ(W)`.
pub(crate) fn tie<C: Coupling>(coupling: &C) -> f64 {
    let n = coupling.dim() as f64;
    n * n.sqrt() * f64::EPSILON * coupling.norm_bound()
}
