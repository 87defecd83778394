//! Energy, winding numbers and stability of oscillators on the edges of a graph.
//!
//! ```text
//! E(θ) = −Σ_{ij edge} cos(θᵢ − θⱼ),      ∇²E = Σ_{ij edge} cos(θᵢ − θⱼ)(eᵢ − eⱼ)(eᵢ − eⱼ)ᵀ
//! ```
//!
//! The Hessian is a Laplacian weighted by `cos(θᵢ − θⱼ)`: positive semidefinite
//! wherever all differences are below π/2.

use std::f64::consts::TAU;

use ebm_core::linalg::{Lu, SymmetricEigen};
use ebm_core::vector_math::sin_cos;
use ebm_core::{Curvature, Energy, Gradient, Workspace, validate};

use super::CycleGraph;
use crate::Error;
use crate::patterns::allocate_for;

/// Most nodes of which a dense Hessian is made, 0.8 GB.
const MAX_DENSE: usize = 10_000;

/// Oscillators on a [`CycleGraph`]; its
/// [`GradientFlow`](ebm_core::flow::GradientFlow) is the Kuramoto network in the
/// frame of the common frequency. States are phases in radians, on the real
/// line.
///
/// ```
/// use ebm_memory::ebm_core::Energy;
/// use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory};
/// let memory = PhaseLockedMemory::new(CycleGraph::sharing_nodes(6, 3)?)?;
/// assert_eq!(memory.state_count(), Some(27));
/// let phases = memory.seed(&[1, 0, -1])?;
/// assert_eq!(memory.windings(&phases), [1, 0, -1]);
/// assert!(memory.stability(&phases)?.margin > 0.0);
/// assert!((memory.energy_at(&phases) + 12.0).abs() < 1e-12); // −6 (½ + 1 + ½)
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::PhaseLocked"))]
pub struct PhaseLockedMemory {
    graph: CycleGraph,
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    tree: Vec<(usize, usize, usize)>,
    /// `C Cᵀ` where it is not diagonal.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    gram: Option<Lu>,
}

/// Linear stability of a phase-locked state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LockStability {
    /// Least eigenvalue of `∇²E` off the common shift: the rate at which the
    /// slowest perturbation decays, or grows if negative.
    pub margin: f64,
    /// Largest difference of phases along an edge, in `[0, π]`.
    pub largest_difference: f64,
}

impl PhaseLockedMemory {
    /// Oscillators with unit coupling on every edge of `graph`.
    ///
    /// # Errors
    /// If cycles share edges and are too many for a dense factorization.
    pub fn new(graph: CycleGraph) -> Result<Self, Error> {
        let gram = if graph.cycles_are_edge_disjoint() { None } else { Some(graph.factorize()?) };
        let tree = graph.spanning_tree();
        Ok(Self { graph, tree, gram })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &CycleGraph {
        &self.graph
    }

    /// The largest stable winding number of a cycle of `length`, `⌈n/4⌉ − 1`,
    /// where it shares no edge.
    #[must_use]
    pub fn max_winding(length: usize) -> i32 {
        i32::try_from(length.div_ceil(4)).unwrap_or(i32::MAX).saturating_sub(1)
    }

    /// `Π_k (2⌈n_k/4⌉ − 1)`, the number of stable states, if no cycles share an
    /// edge; `None` if they do, or if the number exceeds 128 bits.
    #[must_use]
    pub fn state_count(&self) -> Option<u128> {
        if self.gram.is_some() {
            return None;
        }
        self.graph
            .cycles()
            .iter()
            .try_fold(1_u128, |product, cycle| product.checked_mul(self.base(cycle)))
    }

    /// Stable winding numbers of a cycle.
    pub(super) fn base(&self, cycle: &[usize]) -> u128 {
        2 * (cycle.len().div_ceil(4) as u128) - 1
    }

    /// The winding number of every cycle: turns that the phases make along it,
    /// each step by the shorter way round; zero for a cycle with a phase that is
    /// not finite.
    ///
    /// # Panics
    /// If `phases` has another length than the graph has nodes.
    #[must_use]
    pub fn windings(&self, phases: &[f64]) -> Vec<i32> {
        assert_eq!(phases.len(), self.graph.nodes(), "one phase a node");
        let along = |cycle: &Vec<usize>| -> f64 {
            let next = cycle.iter().cycle().skip(1);
            cycle.iter().zip(next).map(|(&i, &j)| wrap(phases[j] - phases[i])).sum()
        };
        self.graph.cycles().iter().map(|cycle| (along(cycle) / TAU).round() as i32).collect()
    }

    /// A state with the given winding numbers: the shortest edge differences
    /// `Δ = Cᵀ(CCᵀ)⁻¹ 2πq` that have them, with the phase of node 0 at zero.
    ///
    /// If no cycles share an edge it is an equilibrium, the twisted state of
    /// every ring, stable or not; otherwise it is a start near one, if one
    /// exists. Large winding numbers wrap: the state then has others.
    ///
    /// # Errors
    /// If there are not as many winding numbers as cycles.
    pub fn seed(&self, windings: &[i32]) -> Result<Vec<f64>, Error> {
        self.seed_with(self.gram.clone().as_mut(), windings)
    }

    /// `C Cᵀ` where it is not diagonal.
    pub(super) fn gram(&self) -> Option<&Lu> {
        self.gram.as_ref()
    }

    /// [`seed`](Self::seed) with a copy of [`gram`](Self::gram) to solve with.
    pub(super) fn seed_with(
        &self,
        gram: Option<&mut Lu>,
        windings: &[i32],
    ) -> Result<Vec<f64>, Error> {
        validate::dimension("winding numbers", self.graph.cycles().len(), windings.len())?;
        let mut turns: Vec<f64> = windings.iter().map(|q| TAU * f64::from(*q)).collect();
        match gram {
            Some(lu) => lu.solve_in_place(&mut turns),
            None => {
                for (turn, cycle) in turns.iter_mut().zip(self.graph.cycles()) {
                    *turn /= cycle.len() as f64;
                }
            }
        }
        // Along every edge from its smaller node.
        let mut differences = vec![0.0; self.graph.edges().len()];
        for (k, turn) in turns.iter().enumerate() {
            for &(edge, sign) in self.graph.steps(k) {
                differences[edge] += sign * turn;
            }
        }
        let mut phases = vec![0.0; self.graph.nodes()];
        for &(from, to, edge) in &self.tree {
            let sign = if from < to { 1.0 } else { -1.0 };
            phases[to] = phases[from] + sign * differences[edge];
        }
        Ok(phases)
    }

    /// Linear stability at `phases`, which should be an equilibrium. Dense,
    /// `O(N³)`.
    ///
    /// # Errors
    /// If `phases` has another length than the graph has nodes or is not finite,
    /// or there are more than 10 000 nodes.
    pub fn stability(&self, phases: &[f64]) -> Result<LockStability, Error> {
        let n = self.graph.nodes();
        validate::dimension("phases", n, phases.len())?;
        validate::finite("phases", phases)?;
        if n > MAX_DENSE {
            let (what, limit) = ("nodes of a graph whose stability is asked", MAX_DENSE);
            return Err(ebm_core::Error::TooLarge { what, size: n, limit }.into());
        }
        let mut hessian = allocate_for("Hessian", n, n)?;
        hessian.resize(n * n, 0.0);
        self.hessian(phases, &mut hessian, &mut Workspace::new());
        // Lifts the common shift above all other directions, which are at most
        // twice the largest degree.
        let lift = 4.0 * self.graph.edges().len() as f64 / n as f64;
        hessian.iter_mut().for_each(|h| *h += lift);
        let margin = SymmetricEigen::new(n).eigenvalues(&hessian)?[0];
        let difference = |&(i, j): &(usize, usize)| wrap(phases[j] - phases[i]).abs();
        let largest_difference = self.graph.edges().iter().map(difference).fold(0.0, f64::max);
        Ok(LockStability { margin, largest_difference })
    }
}

/// The representative of an angle in `[−π, π]`.
pub(super) fn wrap(angle: f64) -> f64 {
    angle - TAU * (angle / TAU).round()
}

impl Energy for PhaseLockedMemory {
    fn dim(&self) -> usize {
        self.graph.nodes()
    }

    fn energy(&self, x: &[f64], ws: &mut Workspace) -> f64 {
        let (sin, ws) = ws.take(x.len());
        let (cos, _) = ws.take(x.len());
        sin_cos(x, sin, cos);
        let edges = self.graph.edges().iter();
        -edges.map(|&(i, j)| cos[i] * cos[j] + sin[i] * sin[j]).sum::<f64>()
    }
}

impl Gradient for PhaseLockedMemory {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }

    fn energy_gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let (sin, ws) = ws.take(x.len());
        let (cos, _) = ws.take(x.len());
        sin_cos(x, sin, cos);
        out.fill(0.0);
        let mut energy = 0.0;
        for &(i, j) in self.graph.edges() {
            let force = sin[i] * cos[j] - cos[i] * sin[j];
            out[i] += force;
            out[j] -= force;
            energy -= cos[i] * cos[j] + sin[i] * sin[j];
        }
        energy
    }
}

impl Curvature for PhaseLockedMemory {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (sin, ws) = ws.take(x.len());
        let (cos, _) = ws.take(x.len());
        sin_cos(x, sin, cos);
        out.fill(0.0);
        for &(i, j) in self.graph.edges() {
            let force = (cos[i] * cos[j] + sin[i] * sin[j]) * (v[i] - v[j]);
            out[i] += force;
            out[j] -= force;
        }
    }

    fn hessian(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = x.len();
        let (sin, ws) = ws.take(n);
        let (cos, _) = ws.take(n);
        sin_cos(x, sin, cos);
        out.fill(0.0);
        for &(i, j) in self.graph.edges() {
            let weight = cos[i] * cos[j] + sin[i] * sin[j];
            out[i * n + i] += weight;
            out[j * n + j] += weight;
            out[i * n + j] -= weight;
            out[j * n + i] -= weight;
        }
    }
}
