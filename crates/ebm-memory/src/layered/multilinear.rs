//! The multilinear synapse: a sum of products of overlaps, one factor for each
//! of `k` layers, a `k`-body interaction.
//!
//! ```text
//! E(g₁, …, g_k) = −Σ_r Π_k u_kr,      u_k = A_kᵀ g_k,      A_k ∈ ℝ^{n_k × R}
//! ∂E/∂g_k = −A_k c_k,      c_kr = Π_{m≠k} u_mr
//! ```
//!
//! This is the canonical polyadic form of the tensor `−Σ T_{ij…} g₁ᵢ g₂ⱼ …`,
//! which a hyperedge would otherwise store whole. The dense synapse is `k = 2`
//! with `A_2` the identity.

use ebm_core::{Workspace, linalg, validate};

use super::synapse::Matrices;
use super::{Activations, ActivationsMut, Synapse};
use crate::{Error, Patterns};

/// A `k`-body interaction of rank `R`. Its parameters are the entries of `A_1`,
/// column by column, then those of `A_2`, and so on.
///
/// The same layer in all slots, with the same factors, is the polynomial dense
/// associative memory `−Σ_r (ξ^r·g)ᵏ`. Factors are independent parameters also
/// then: learning may make them differ.
///
/// A hyperedge of three layers, and a synapse inside one of them:
///
/// ```
/// use ebm_memory::ebm_core::{Energy, coupling::DenseCoupling, lagrangian::Elementwise};
/// use ebm_memory::ebm_core::network::Activation;
/// use ebm_memory::Patterns;
/// use ebm_memory::layered::{LateralSynapse, Layer, LayeredMemory, MultilinearSynapse};
/// let factors = [4, 3, 2].map(|dim| Patterns::random_signs(dim, 5, dim as u64));
/// let [a, b, c] = factors;
/// let (a, b, c) = (a?, b?, c?);
/// let layer = |dim| Elementwise::new(dim, Activation::Linear).map(Layer::new);
/// let memory = LayeredMemory::new(vec![layer(4)?, layer(3)?, layer(2)?])?
///     .connect(MultilinearSynapse::new(&[&a, &b, &c])?, &[0, 1, 2])?
///     .connect(LateralSynapse::new(DenseCoupling::from_fn(2, |i, j| f64::from(u8::from(i != j)))?), &[2])?;
/// let state = memory.state(&[(0, a.pattern(0)), (1, b.pattern(0)), (2, c.pattern(0))])?;
/// // The layers have ½‖x‖²; of the terms of the hyperedge the first is 4·3·2.
/// let terms = (0..5).map(|r| {
///     24.0 * a.overlap(r, a.pattern(0)) * b.overlap(r, b.pattern(0)) * c.overlap(r, c.pattern(0))
/// });
/// let inside = c.pattern(0)[0] * c.pattern(0)[1];
/// assert!((memory.energy_at(&state) - (4.5 - terms.sum::<f64>() - inside)).abs() < 1e-12);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MultilinearSynapse {
    factors: Matrices,
    dims: Vec<usize>,
    rank: usize,
}

impl MultilinearSynapse {
    /// From one set of `R` vectors for every slot.
    ///
    /// # Errors
    /// If there are no factors, or their numbers of vectors differ.
    pub fn new(factors: &[&Patterns]) -> Result<Self, Error> {
        let rank = match factors {
            [] => return Err(ebm_core::Error::Empty { what: "factors of the synapse" }.into()),
            [first, ..] => first.count(),
        };
        for factor in factors {
            validate::dimension("vectors of every factor", rank, factor.count())?;
        }
        Ok(Self {
            factors: Matrices(factors.iter().map(|f| f.as_batch().as_slice().to_vec()).collect()),
            dims: factors.iter().map(|f| f.dim()).collect(),
            rank,
        })
    }

    /// `u_k` of all slots, one after the other.
    fn overlaps(&self, g: Activations<'_>, out: &mut [f64]) {
        let size = self.rank * g.count();
        for (slot, u) in out.chunks_exact_mut(size).enumerate() {
            let g = g.layer(slot).as_slice();
            linalg::multiply_transposed(&self.factors.0[slot], g, u, self.dims[slot]);
        }
    }
}

/// `Π u_m` at position `i` over all slots but those in `without`.
fn product_without(u: &[f64], size: usize, i: usize, without: [usize; 2]) -> f64 {
    let slots = u.chunks_exact(size).enumerate();
    slots.filter(|(slot, _)| !without.contains(slot)).map(|(_, u)| u[i]).product()
}

/// `c_k`.
fn complement(u: &[f64], size: usize, slot: usize, out: &mut [f64]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = product_without(u, size, i, [slot, slot]);
    }
}

/// The derivative of `c_k` as `u` moves along `w`.
fn complement_slope(u: &[f64], w: &[f64], size: usize, slot: usize, out: &mut [f64]) {
    let slots = u.len() / size;
    for (i, out) in out.iter_mut().enumerate() {
        let others = (0..slots).filter(|m| *m != slot);
        *out = others.map(|m| w[m * size + i] * product_without(u, size, i, [slot, m])).sum();
    }
}

impl Synapse for MultilinearSynapse {
    fn dims(&self) -> &[usize] {
        &self.dims
    }

    fn add_energy(&self, g: Activations<'_>, out: &mut [f64], ws: &mut Workspace) {
        let size = self.rank * g.count();
        let (u, _) = ws.take(self.dims.len() * size);
        self.overlaps(g, u);
        let none = usize::MAX;
        for (j, out) in out.iter_mut().enumerate() {
            let terms = j * self.rank..(j + 1) * self.rank;
            *out -= terms.map(|i| product_without(u, size, i, [none, none])).sum::<f64>();
        }
    }

    fn add_gradient(&self, g: Activations<'_>, mut out: ActivationsMut<'_>, ws: &mut Workspace) {
        let size = self.rank * g.count();
        let (u, ws) = ws.take(self.dims.len() * size);
        let (c, _) = ws.take(size);
        self.overlaps(g, u);
        for (slot, (factor, dim)) in self.factors.0.iter().zip(&self.dims).enumerate() {
            complement(u, size, slot, c);
            linalg::add_multiply(-1.0, factor, c, out.layer_mut(slot).as_mut_slice(), *dim);
        }
    }

    fn add_hessian_vec(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        mut out: ActivationsMut<'_>,
        ws: &mut Workspace,
    ) {
        let size = self.rank * g.count();
        let (u, ws) = ws.take(self.dims.len() * size);
        let (w, ws) = ws.take(self.dims.len() * size);
        let (d, _) = ws.take(size);
        self.overlaps(g, u);
        self.overlaps(v, w);
        for (slot, (factor, dim)) in self.factors.0.iter().zip(&self.dims).enumerate() {
            complement_slope(u, w, size, slot, d);
            linalg::add_multiply(-1.0, factor, d, out.layer_mut(slot).as_mut_slice(), *dim);
        }
    }

    fn parameter_count(&self) -> usize {
        self.factors.count()
    }

    fn parameters(&self, out: &mut [f64]) {
        self.factors.write(out);
    }

    fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), Error> {
        self.factors.replace("factors of the synapse", parameters)
    }

    fn add_parameter_gradient(
        &self,
        g: Activations<'_>,
        v: Activations<'_>,
        out: &mut [f64],
        ws: &mut Workspace,
    ) {
        let count = g.count();
        let size = self.rank * count;
        let (u, ws) = ws.take(self.dims.len() * size);
        let (w, ws) = ws.take(self.dims.len() * size);
        let (c, _) = ws.take(size);
        self.overlaps(g, u);
        self.overlaps(v, w);
        for (slot, out) in self.factors.cut_mut(out).enumerate() {
            complement(u, size, slot, c);
            linalg::add_outer(-1.0, v.layer(slot).as_slice(), c, out, count);
            complement_slope(u, w, size, slot, c);
            linalg::add_outer(-1.0, g.layer(slot).as_slice(), c, out, count);
        }
    }
}
