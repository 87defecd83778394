//! Settings of simulated bifurcation, and what follows from them for a problem.

use ebm_core::validate;

use super::fixed_point::FixedPoint;
use super::single_precision::SinglePrecision;
use super::step_bound::{coarse_bound, stiffest_mode};
use super::turns::Turns;
use crate::oscillator::natural_strength;
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared};
use crate::{Error, Ising};

/// Which equations of motion.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Variant {
    /// Smooth, with a quartic potential.
    Adiabatic {
        /// The Kerr coefficient `K > 0`.
        kerr: f64,
    },
    /// Walls instead of the quartic potential.
    Ballistic {
        /// The heating rate `γ`; 0.06 in the source, zero for none.
        heat: f64,
    },
    /// Walls, and couplings to the signs of the others.
    Discrete {
        /// The heating rate `γ`; 0.06 in the source, zero for none.
        heat: f64,
    },
    /// Walls, and a bifurcation parameter of each spin's own that falls more
    /// slowly the farther out it is. The ballistic machine if `A = 0`.
    Generalized {
        /// The strength `A` of the nonlinear control.
        control: f64,
    },
}

/// Settings of simulated bifurcation.
///
/// ```
/// use ebm_optim::{Graph, Run, SimulatedBifurcation, Solver};
/// // Petersen's graph: twelve of fifteen edges can be cut.
/// let edges: Vec<_> = (0..5)
///     .flat_map(|i| [(i, (i + 1) % 5, 1.0), (i, i + 5, 1.0), (i + 5, (i + 2) % 5 + 5, 1.0)])
///     .collect();
/// let petersen = Graph::new(10, edges)?;
/// let run = Run { replicas: Some(64), steps: Some(200), ..Run::seeded(1) };
/// let solution = SimulatedBifurcation::default().solve(petersen.ising(), &run)?;
/// assert_eq!(petersen.cut(&solution.best.spins)?, 12.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedBifurcation {
    /// The equations of motion.
    pub variant: Variant,
    /// `a / a₀` over the run. The generalized machine takes the relative speed
    /// at which `1 − a / a₀` falls from it.
    pub pump: Schedule,
    /// The coupling strength `c₀` in units of
    /// [`natural_strength`](crate::oscillator::natural_strength). With fields,
    /// blocks of 16 replicas of the ballistic and the generalized machine take
    /// turns with others, so that not all follow the fields to the same state:
    /// this, half of it, and multiples of it; the third of four ballistic blocks
    /// has this strength and `a = 1` throughout.
    pub coupling: f64,
    /// The step `Δt`; `None` for the best known for the variant. Either is
    /// lowered to [`step_for`](Self::step_for).
    pub step: Option<f64>,
}

impl Default for SimulatedBifurcation {
    /// The discrete machine, `a` from 0 to 1 linearly, `c₀ = 0.5`, as in the
    /// source: the best of the variants on sparse and dense graphs alike.
    fn default() -> Self {
        Self {
            variant: Variant::Discrete { heat: 0.0 },
            pump: Schedule::ramp(0.0, 1.0).unwrap_or_else(|_| unreachable!()),
            coupling: 0.5,
            step: None,
        }
    }
}

impl Method for SimulatedBifurcation {
    fn name(&self) -> &'static str {
        match self.variant {
            Variant::Adiabatic { .. } => "adiabatic-bifurcation",
            Variant::Ballistic { .. } => "ballistic-bifurcation",
            Variant::Discrete { .. } => "bifurcation",
            Variant::Generalized { .. } => "generalized-bifurcation",
        }
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        let plan = self.plan(problem)?;
        if let Some(fixed) = FixedPoint::new(&plan, problem) {
            return Ok(Box::new(fixed));
        }
        let continuous =
            matches!(self.variant, Variant::Ballistic { .. } | Variant::Generalized { .. });
        if continuous && problem.fields().iter().any(|h| *h != 0.0) {
            let plans = self.turns()?.map(|machine| machine.plan(problem));
            let plans = plans.into_iter().collect::<Result<_, _>>()?;
            return Ok(Box::new(Turns::new(plans, problem)?));
        }
        Ok(Box::new(SinglePrecision::new(plan, problem)?))
    }
}

/// What the settings mean for a problem.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) variant: Variant,
    pub(super) pump: Schedule,
    /// `c₀`.
    pub(super) strength: f64,
    /// `Δt`.
    pub(super) step: f64,
    /// No position exceeds this: one, or what the adiabatic machine can reach.
    pub(super) wall: f64,
}

/// Is at least a quarter of all pairs coupled?
fn is_dense(problem: &Ising) -> bool {
    let n = problem.spins();
    let entries: usize = (0..n).map(|i| problem.couplings().neighbors(i).0.len()).sum();
    entries >= n.saturating_mul(n) / 4
}

/// Share of the limit of stability that steps may take.
const SAFETY: f64 = 0.9;

impl SimulatedBifurcation {
    /// A machine of this variant with the default settings.
    #[must_use]
    pub fn new(variant: Variant) -> Self {
        Self { variant, ..Self::default() }
    }

    /// The machines of successive blocks where fields would lead all to one
    /// state: at several strengths, and ballistic with no force to the center.
    fn turns(&self) -> Result<[Self; 4], Error> {
        let scaled = |factor| Self { coupling: factor * self.coupling, ..self.clone() };
        let third = match self.variant {
            Variant::Ballistic { .. } => Self { pump: Schedule::constant(1.0)?, ..self.clone() },
            _ => scaled(3.0),
        };
        let last = if matches!(self.variant, Variant::Ballistic { .. }) { 4.0 } else { 8.0 };
        Ok([self.clone(), scaled(0.5), third, scaled(last)])
    }

    /// The coupling strength `c₀` for a problem.
    #[must_use]
    pub fn strength_for(&self, problem: &Ising) -> f64 {
        self.coupling * natural_strength(problem)
    }

    /// The step that the machine takes for a problem: the one asked for, unless
    /// it would overshoot the stiffest mode.
    ///
    /// # Errors
    /// Settings that are invalid for this problem.
    pub fn step_for(&self, problem: &Ising) -> Result<f64, Error> {
        Ok(self.plan(problem)?.step)
    }

    pub(super) fn plan(&self, problem: &Ising) -> Result<Plan, Error> {
        validate::positive("coupling strength", self.coupling)?;
        if let Some(step) = self.step {
            validate::positive("step", step)?;
        }
        let least = self.pump.knots().iter().fold(f64::INFINITY, |m, knot| m.min(knot.1));
        let most = self.pump.knots().iter().fold(f64::NEG_INFINITY, |m, knot| m.max(knot.1));
        for value in [least, most] {
            if value.abs() > 1e6 {
                let (what, expected) = ("pump schedule", "at most a million in magnitude");
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
        }
        let asked = match self.variant {
            Variant::Adiabatic { kerr } => {
                validate::positive("Kerr coefficient", kerr)?;
                0.5
            }
            Variant::Ballistic { heat } => {
                validate::non_negative("heating rate", heat)?;
                0.5
            }
            Variant::Discrete { heat } => {
                validate::non_negative("heating rate", heat)?;
                // Few neighbors make forces few-valued, which resonate with
                // the walls at some steps near one.
                if is_dense(problem) { 1.0 } else { 0.8 }
            }
            Variant::Generalized { control } => {
                validate::non_negative("control strength A", control)?;
                0.5
            }
        };
        let strength = self.strength_for(problem);
        validate::positive("coupling strength c0", strength)?;
        let step = self.step.unwrap_or(asked);
        let plan = |step, wall| Plan {
            variant: self.variant,
            pump: self.pump.clone(),
            strength,
            step,
            wall,
        };
        let longest = |stiffness: f64| SAFETY * 2.0 / stiffness.max(1e-3).sqrt();
        // (a₀ − a) at its largest, and the mode: ω² of the fastest oscillation.
        let detuning = (1.0 - least).max(0.0);
        let Variant::Adiabatic { kerr } = self.variant else {
            if step <= longest(detuning + coarse_bound(problem, strength)) {
                return Ok(plan(step, 1.0));
            }
            return Ok(plan(step.min(longest(detuning + stiffest_mode(problem, strength))), 1.0));
        };
        let mode = stiffest_mode(problem, strength);
        let field = problem.fields().iter().fold(0.0_f64, |m, h| m.max(strength * h.abs()));
        let certified = strength * ebm_core::Coupling::norm_bound(problem.couplings());
        // Where K x³ exceeds all that pushes outward, with a margin of two.
        let reach = ((most.max(0.0) + certified) / kerr).sqrt() + (field / kerr).cbrt();
        let bent = 3.0 * kerr * (reach * reach).min((most.max(0.0) + mode) / kerr + 1.0);
        Ok(plan(step.min(longest(detuning + mode + bent)), 2.0 * reach.max(0.1)))
    }
}
