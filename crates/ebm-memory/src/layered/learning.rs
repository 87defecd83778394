//! Learning the synapses: the gradient of a retrieval loss through the fixed
//! point to which a cue settles, by implicit differentiation.
//!
//! ```text
//! 0 = x − I + ∇S(g(x); θ)                        fixed point x(θ), loss ℓ(g(x))
//! (1 + ∇²L ∇²S) λ = ∇²L ∂ℓ/∂g                    adjoint, free layers only
//! dℓ/dθ = −∂/∂θ (λ·∇S(g; θ))                     at fixed λ and g
//! ```
//!
//! Nothing of the way to the fixed point is kept: memory does not grow with the
//! time a query takes to settle, and the gradient is exact up to the tolerances
//! of the two solutions. Almeida and Pineda let the adjoint relax as a second
//! network; here the same linear system is solved by GMRES.
//!
//! Sources: L. B. Almeida, *A learning rule for asynchronous perceptrons with
//! feedback in a combinatorial environment*, Proc. IEEE ICNN (1987); F. J.
//! Pineda, *Generalization of back-propagation to recurrent neural networks*,
//! Phys. Rev. Lett. 59 (1987), 2229; S. Bai, J. Z. Kolter, V. Koltun, *Deep
//! Equilibrium Models*, NeurIPS 2019, arXiv:1909.01377.

use std::ops::Range;

use ebm_core::equilibrium::{self, Method, NewtonKrylov};
use ebm_core::ode::Norm;
use ebm_core::{Batch, Jacobian, Outcome, VectorField, Workspace, validate};
use rayon::prelude::*;

use super::synapse::add;
use super::{LayeredMemory, Settle, SettleReport};
use crate::{Error, Retrieved};

/// A loss of what was retrieved.
pub trait RetrievalLoss: Sync {
    /// The loss of query `query`, whose fixed point has the activations `g`,
    /// layer after layer; writes `∂ℓ/∂g` to `slope`, which comes filled with
    /// zeros.
    fn evaluate(&self, query: usize, g: &[f64], slope: &mut [f64]) -> f64;

    /// The number of queries it is for, if that is limited.
    fn queries(&self) -> Option<usize> {
        None
    }
}

/// `½‖g − target‖²` over the neurons of one layer.
#[derive(Debug, Clone)]
pub struct SquaredError<'a> {
    range: Range<usize>,
    targets: Batch<'a>,
}

impl<'a> SquaredError<'a> {
    /// The error of the activations of `layer`, with the target of query `j` in
    /// column `j`.
    ///
    /// # Errors
    /// If there is no such layer, it has another size than the targets, or they
    /// are not finite.
    pub fn new(memory: &LayeredMemory, layer: usize, targets: Batch<'a>) -> Result<Self, Error> {
        let bound = memory.layers().len();
        if layer >= bound {
            return Err(ebm_core::Error::OutOfRange { what: "layer", index: layer, bound }.into());
        }
        let range = memory.range(layer);
        validate::dimension("targets", range.len(), targets.dim())?;
        validate::finite("targets", targets.as_slice())?;
        Ok(Self { range, targets })
    }
}

impl RetrievalLoss for SquaredError<'_> {
    fn queries(&self) -> Option<usize> {
        Some(self.targets.count())
    }

    fn evaluate(&self, query: usize, g: &[f64], slope: &mut [f64]) -> f64 {
        let target = self.targets.column(query);
        let mut sum = 0.0;
        let slope = &mut slope[self.range.clone()];
        for ((slope, g), target) in slope.iter_mut().zip(&g[self.range.clone()]).zip(target) {
            *slope = g - target;
            sum += 0.5 * *slope * *slope;
        }
        sum
    }
}

/// How to differentiate through the fixed point.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ImplicitGradient {
    /// How queries settle.
    pub settle: Settle,
    /// Residual of the adjoint system relative to its right-hand side, > 0.
    pub tolerance: f64,
}

impl Default for ImplicitGradient {
    /// The default [`Settle`], and 1e-10, its counterpart for the adjoint: both
    /// cost one or two Krylov spaces more than a coarse solution.
    fn default() -> Self {
        Self { settle: Settle::default(), tolerance: 1e-10 }
    }
}

/// A loss, and its gradient by the parameters of all synapses.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
pub struct LossGradient {
    /// Mean loss of the queries that were differentiated; NaN if there is none.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::real"))]
    pub loss: f64,
    /// Its gradient, in the order of [`LayeredMemory::parameters`].
    #[cfg_attr(feature = "serde", serde(with = "crate::serialized::reals"))]
    pub gradient: Vec<f64>,
    /// For every query: [`Converged`](Outcome::Converged) if it was
    /// differentiated; what [`Settle`] reports if it did not settle;
    /// [`Stalled`](Outcome::Stalled) if its adjoint system has no solution, as
    /// at a bifurcation.
    pub outcomes: Vec<Outcome>,
    /// Where the queries settled.
    pub settled: Retrieved<SettleReport>,
}

impl LossGradient {
    /// Number of queries that were differentiated.
    #[must_use]
    pub fn count(&self) -> usize {
        self.outcomes.iter().filter(|o| **o == Outcome::Converged).count()
    }
}

impl ImplicitGradient {
    /// The mean of `loss` over the fixed points of all `cues`, and its gradient
    /// by the parameters. Queries that do not settle are left out and reported.
    ///
    /// ```
    /// use ebm_memory::ebm_core::lagrangian::{Elementwise, LogSumExp};
    /// use ebm_memory::ebm_core::network::Activation;
    /// use ebm_memory::layered::{
    ///     DenseSynapse, ImplicitGradient, Layer, LayeredMemory, SquaredError,
    /// };
    /// use ebm_memory::Patterns;
    ///
    /// // The known half of a pattern is clamped, the other half is to follow.
    /// let known = Patterns::random_signs(10, 8, 1)?;
    /// let unknown = Patterns::random_signs(6, 8, 2)?;
    /// let layer = |dim| Elementwise::new(dim, Activation::Tanh { gain: 1.0 });
    /// let mut memory = LayeredMemory::new(vec![
    ///     Layer::new(Elementwise::new(10, Activation::Linear)?),
    ///     Layer::new(layer(12)?),
    ///     Layer::new(layer(6)?),
    /// ])?
    /// .connect(DenseSynapse::random(10, 12, 0.3, 3)?, &[0, 1])?
    /// .connect(DenseSynapse::random(12, 6, 0.3, 4)?, &[1, 2])?
    /// .clamp(0)?;
    ///
    /// let cues = memory.states(0, known.as_batch())?;
    /// let loss = SquaredError::new(&memory, 2, unknown.as_batch())?;
    /// let learning = ImplicitGradient::default();
    /// let mut losses = Vec::new();
    /// for _ in 0..100 {
    ///     let found = learning.gradient(&memory, cues.as_batch(), &loss)?;
    ///     let mut parameters = memory.parameters();
    ///     for (p, slope) in parameters.iter_mut().zip(&found.gradient) {
    ///         *p -= 0.1 * slope;
    ///     }
    ///     memory.set_parameters(&parameters)?;
    ///     losses.push(found.loss);
    /// }
    /// assert!(losses[99] < 0.1 * losses[0]);
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Settle::retrieve`]; if the loss is for another number of queries.
    pub fn gradient(
        &self,
        memory: &LayeredMemory,
        cues: Batch<'_>,
        loss: &dyn RetrievalLoss,
    ) -> Result<LossGradient, Error> {
        validate::positive("tolerance of the adjoint", self.tolerance)?;
        if let Some(count) = loss.queries() {
            validate::dimension("queries of the loss", cues.count(), count)?;
        }
        let settled = self.settle.retrieve(memory, cues)?;
        let queries: Vec<Query> = settled
            .states()
            .columns()
            .zip(settled.reports())
            .enumerate()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map_init(Workspace::new, |ws, (index, (x, report))| {
                if report.outcome == Outcome::Converged {
                    self.adjoint(memory, x, index, loss, ws)
                } else {
                    Ok(Query { outcome: report.outcome, ..Query::default() })
                }
            })
            .collect::<Result<_, Error>>()?;

        let good: Vec<&Query> =
            queries.iter().filter(|q| q.outcome == Outcome::Converged).collect();
        let mut gradient = vec![0.0; memory.parameter_count()];
        let mut mean = f64::NAN;
        if !good.is_empty() {
            let g = sorted(memory, &good, |q| &q.g)?;
            let adjoint = sorted(memory, &good, |q| &q.adjoint)?;
            let ws = &mut Workspace::new();
            memory.add_parameter_gradient(&g, &adjoint, good.len(), &mut gradient, ws);
            let scale = 1.0 / good.len() as f64;
            gradient.iter_mut().for_each(|slope| *slope *= -scale);
            mean = good.iter().map(|q| q.loss).sum::<f64>() * scale;
        }
        let outcomes = queries.iter().map(|q| q.outcome).collect();
        Ok(LossGradient { loss: mean, gradient, outcomes, settled })
    }

    /// The loss of one query and the solution of its adjoint system.
    fn adjoint(
        &self,
        memory: &LayeredMemory,
        x: &[f64],
        index: usize,
        loss: &dyn RetrievalLoss,
        ws: &mut Workspace,
    ) -> Result<Query, Error> {
        let g = memory.activations(x);
        let mut slope = vec![0.0; x.len()];
        let loss = loss.evaluate(index, &g, &mut slope);
        let mut rhs = vec![0.0; x.len()];
        memory.layer_hessian_vec(x, &slope, &mut rhs, ws);
        memory.silence_clamped(&mut rhs);
        let size = Norm::Max.of(&rhs);
        if !(loss.is_finite() && size.is_finite()) {
            let bad = rhs.iter().position(|r| !r.is_finite()).unwrap_or(0);
            let outcome = Outcome::NotFinite { t: 0.0, index: bad };
            return Ok(Query { outcome, ..Query::default() });
        }
        let system = Adjoint { memory, x, g: &g, rhs: &rhs };
        let options = equilibrium::Options {
            method: Method::NewtonKrylov(NewtonKrylov::default()),
            tolerance: (self.tolerance * size).max(f64::MIN_POSITIVE),
            ..equilibrium::Options::default()
        };
        let found = equilibrium::solve_with_jacobian(&system, &rhs, &options, &mut ())?;
        Ok(Query { loss, g, adjoint: found.x, outcome: found.outcome })
    }
}

/// What one query contributes.
struct Query {
    loss: f64,
    g: Vec<f64>,
    adjoint: Vec<f64>,
    outcome: Outcome,
}

impl Default for Query {
    fn default() -> Self {
        Self { loss: 0.0, g: Vec::new(), adjoint: Vec::new(), outcome: Outcome::Stalled }
    }
}

/// The columns that `part` finds in every query, sorted by layers.
fn sorted<'a>(
    memory: &LayeredMemory,
    queries: &[&'a Query],
    part: impl Fn(&'a Query) -> &'a [f64],
) -> Result<Vec<f64>, Error> {
    let columns: Vec<f64> = queries.iter().flat_map(|q| part(q).iter().copied()).collect();
    let mut out = vec![0.0; columns.len()];
    memory.gather(Batch::new(&columns, memory.dim())?, &mut out);
    Ok(out)
}

/// The adjoint system as the equilibrium of `λ̇ = ∇²L ∂ℓ/∂g − (1 + ∇²L ∇²S) λ`,
/// which is the second network of Almeida and Pineda.
struct Adjoint<'a> {
    memory: &'a LayeredMemory,
    x: &'a [f64],
    g: &'a [f64],
    rhs: &'a [f64],
}

impl VectorField for Adjoint<'_> {
    fn dim(&self) -> usize {
        self.x.len()
    }
    fn eval(&self, t: f64, lambda: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.jvp(t, lambda, lambda, out, ws);
        add(self.rhs, out);
    }
}

impl Jacobian for Adjoint<'_> {
    fn jvp(&self, _t: f64, _lambda: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (pulled, ws) = ws.take(v.len());
        let (free, ws) = ws.take(v.len());
        free.copy_from_slice(v);
        self.memory.silence_clamped(free);
        pulled.fill(0.0);
        self.memory.add_synapse_hessian_vec(self.g, free, pulled, ws);
        self.memory.layer_hessian_vec(self.x, pulled, out, ws);
        self.memory.silence_clamped(out);
        for (out, v) in out.iter_mut().zip(v) {
            *out = -*out - v;
        }
    }

    fn vjp(&self, _t: f64, _lambda: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (moved, ws) = ws.take(v.len());
        let (free, ws) = ws.take(v.len());
        free.copy_from_slice(v);
        self.memory.silence_clamped(free);
        self.memory.layer_hessian_vec(self.x, free, moved, ws);
        out.fill(0.0);
        self.memory.add_synapse_hessian_vec(self.g, moved, out, ws);
        self.memory.silence_clamped(out);
        for (out, v) in out.iter_mut().zip(v) {
            *out = -*out - v;
        }
    }
}
