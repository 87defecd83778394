//! Strength, mobilities and step that suit a problem.
//!
//! ```text
//! K unit:      √(n − 1) / ‖(J, h)‖_F
//! mobilities:  μᵢ = r̄ / rᵢ,     rᵢ = Σⱼ |Jᵢⱼ| + |hᵢ|,   r̄ their mean
//! step:        Δt = 3 / λ_max(C), at most 2 / λ_max(C) for K_s = 0,     C = M^½ [K g′(0) (J + diag |h|) + 2 K_s] M^½,   M = diag μ
//! ```
//!
//! A node with many couplings feels a steep potential and a leaf a shallow one:
//! mobilities let both move at their pace without changing the stationary law.
//! Euler steps in the direction of one phase are stable up to two over its
//! curvature; turns by `2 atan(δ/2)` still follow the flow at half as much again.
//! Low states `s` have curvatures `K sᵢ (J s)ᵢ + 2 K_s`, on average at most
//! `λ_max` of the matrix above.

use ebm_core::linalg::largest_eigenvalue;
use rayon::prelude::*;

use crate::schedule::Schedule;
use crate::{Error, Ising};

use super::{CouplingShape, Drive};

/// The coupling strength `√(n − 1) / ‖(J, h)‖_F` in which `K` is measured (every
/// coupling counts twice and every field once): about one over the square root
/// of the degree, so that the same `K`, noise and step suit sparse and dense
/// problems. One if all couplings and fields vanish.
#[must_use]
pub fn natural_strength(problem: &Ising) -> f64 {
    let n = problem.spins();
    let weights = || {
        let couplings = (0..n).flat_map(|i| problem.couplings().neighbors(i).1);
        couplings.chain(problem.fields())
    };
    // Scaled by the largest, the squares cannot overflow.
    let largest = weights().fold(0.0_f64, |m, w| m.max(w.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let squares: f64 = weights().map(|w| (w / largest) * (w / largest)).sum();
    // One over the least numbers is beyond the largest.
    (((n.max(2) - 1) as f64 / squares).sqrt() / largest).min(f64::MAX)
}

/// The paces of the oscillators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mobility {
    /// One for all.
    Uniform,
    /// Inverse to the couplings of each, [`local_mobilities`].
    #[default]
    Local,
}

/// Limits of a mobility: a leaf need not move faster, and none stands still.
const MOBILITIES: (f64, f64) = (1e-9, 4.0);

/// Mobilities inverse to the sum of the magnitudes of a node's couplings and
/// field, one on average of those sums and for nodes without any; between
/// 10⁻⁹ and 4.
#[must_use]
pub fn local_mobilities(problem: &Ising) -> Vec<f64> {
    let n = problem.spins();
    let strength = |i: usize| {
        let (_, weights) = problem.couplings().neighbors(i);
        weights.iter().map(|w| w.abs()).sum::<f64>() + problem.fields()[i].abs()
    };
    let largest = (0..n).map(strength).fold(0.0, f64::max);
    // Relative to the largest, the mean cannot overflow.
    let relative = |i: usize| strength(i) / largest;
    let (mut sum, mut count) = (0.0, 0_usize);
    for relative in (0..n).map(relative).filter(|r| *r > 0.0) {
        sum += relative;
        count += 1;
    }
    let mean = sum / count.max(1) as f64;
    (0..n)
        .map(|i| match relative(i) {
            r if r > 0.0 => (mean / r).clamp(MOBILITIES.0, MOBILITIES.1),
            _ => 1.0,
        })
        .collect()
}

impl Mobility {
    pub(super) fn of(self, problem: &Ising) -> Vec<f64> {
        match self {
            Self::Uniform => vec![1.0; problem.spins()],
            Self::Local => local_mobilities(problem),
        }
    }
}

/// Steps of the eigenvalue iteration: a few per cent are enough.
const ITERATIONS: usize = 30;

/// The same for problems of so many spins that each step takes a good part of a
/// second, and is made by all threads.
const FEW_ITERATIONS: usize = 6;
const LARGE: usize = 200_000;

/// No step is longer, whatever the curvature.
pub(super) const LONGEST_STEP: f64 = 1.5;

/// Steps in units of one over the curvature.
const REACH: f64 = 3.0;

/// Stable steps at any strengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Largest curvature for a unit of `K`, and what a unit of `K_s` adds.
    coupled: f64,
    locked: f64,
}

/// The largest value of a schedule.
fn largest(schedule: &Schedule) -> f64 {
    schedule.knots().iter().map(|knot| knot.1).fold(0.0, f64::max)
}

impl Pace {
    /// For a drive with `K` in units of [`natural_strength`], valid and in
    /// range.
    pub(super) fn new(
        problem: &Ising,
        drive: &Drive,
        shape: CouplingShape,
        mobility: Mobility,
    ) -> Self {
        let unit = shape.steepest() * natural_strength(problem);
        let roots: Vec<f64> = mobility.of(problem).iter().map(|mu| mu.sqrt()).collect();
        let n = problem.spins();
        let mut scaled = vec![0.0; n];
        let mut curvature = |strength: f64, locking: f64| {
            let apply = |v: &[f64], out: &mut [f64]| {
                // Once, in order: the sums below read at random.
                for ((scaled, root), v) in scaled.iter_mut().zip(&roots).zip(v) {
                    *scaled = root * v;
                }
                let row = |i: usize| {
                    let (neighbors, weights) = problem.couplings().neighbors(i);
                    let field = strength * (unit * problem.fields()[i].abs());
                    let pairs = neighbors.iter().zip(weights);
                    let terms = pairs.map(|(&j, w)| (unit * w) * scaled[j as usize]);
                    let pull = strength * terms.sum::<f64>();
                    roots[i] * ((field + 2.0 * locking) * roots[i] * v[i] + pull)
                };
                if n < LARGE {
                    out.iter_mut().enumerate().for_each(|(i, out)| *out = row(i));
                } else {
                    let rows = out.par_iter_mut().enumerate().with_min_len(LARGE / 64);
                    rows.for_each(|(i, out)| *out = row(i));
                }
            };
            let iterations = if n < LARGE { ITERATIONS } else { FEW_ITERATIONS };
            largest_eigenvalue(n, iterations, 0, apply).value.max(0.0)
        };
        let (strength, locking) = (largest(&drive.coupling), largest(&drive.locking));
        let coupled = curvature(1.0, 0.0);
        // The eigenvalue is convex: between the ends it lies below the chord.
        let locked = if locking > 0.0 {
            (curvature(strength, locking) - strength * coupled).max(0.0) / locking
        } else {
            0.0
        };
        Self { coupled, locked }
    }

    /// The step at these strengths. Phases that no locking has made binary move
    /// together, not one by one: for them the bound of Euler's method stays.
    pub(super) fn step(&self, strength: f64, locking: f64) -> f64 {
        let unlocked = 2.0 / (strength * self.coupled);
        (REACH / (strength * self.coupled + locking * self.locked)).min(unlocked).min(LONGEST_STEP)
    }
}

/// The step at which the sequential machine with this drive, `K` in units of
/// [`natural_strength`], follows the flow stably where it matters: near states
/// of low energy, at the largest strengths of the drive.
///
/// # Errors
/// A drive with a negative value or a shape with an invalid parameter.
pub fn stable_step(
    problem: &Ising,
    drive: &Drive,
    shape: CouplingShape,
    mobility: Mobility,
) -> Result<f64, Error> {
    drive.validate()?;
    shape.validate()?;
    let pace = Pace::new(problem, drive, shape, mobility);
    Ok(pace.step(largest(&drive.coupling), largest(&drive.locking)))
}

/// [`stable_step`] of the machine's defaults.
///
/// ```
/// use ebm_optim::{Ising, oscillator::recommended_step};
/// let ring: Vec<_> = (0..50).map(|i| (i, (i + 1) % 50, -1.0)).collect();
/// let step = recommended_step(&Ising::from_couplings(50, &ring)?);
/// assert!(step > 0.7 && step < 1.5);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[must_use]
pub fn recommended_step(problem: &Ising) -> f64 {
    stable_step(problem, &Drive::default(), CouplingShape::Sine, Mobility::Local)
        .unwrap_or(LONGEST_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobilities_are_inverse_to_the_couplings() {
        let star: Vec<_> = (1..9).map(|j| (0, j, -1.0)).collect();
        let mu = local_mobilities(&Ising::from_couplings(10, &star).unwrap());
        // Strengths 8 and 1 (eight times), mean 16/9; the last is alone.
        assert!((mu[0] - 2.0 / 9.0).abs() < 1e-15);
        assert!((mu[1] - 16.0 / 9.0).abs() < 1e-15);
        assert_eq!(mu[9], 1.0);
        let huge = Ising::from_couplings(3, &[(0, 1, 1e200), (1, 2, 1e-200)]).unwrap();
        assert!(local_mobilities(&huge).iter().all(|mu| *mu > 0.0 && mu.is_finite()));
    }

    #[test]
    fn steps_do_not_depend_on_the_unit_of_the_couplings() {
        let pairs =
            |unit: f64| -> Vec<_> { (0..20).map(|i| (i, (7 * i + 3) % 61, unit)).collect() };
        let step = |unit: f64| recommended_step(&Ising::from_couplings(61, &pairs(unit)).unwrap());
        assert!((step(1.0) - step(1e-30)).abs() < 1e-12);
        assert!((step(1.0) - step(1e30)).abs() < 1e-12);
        let free = Ising::from_couplings(4, &[]).unwrap();
        assert_eq!(recommended_step(&free), LONGEST_STEP);
    }

    /// All spins of a ferromagnet feel all others: the step falls.
    #[test]
    fn dense_ferromagnets_take_short_steps() {
        let all = |w: f64| -> Vec<_> {
            (0..40).flat_map(|i| (i + 1..40).map(move |j| (i, j, w))).collect()
        };
        let step = |w: f64| recommended_step(&Ising::from_couplings(40, &all(w)).unwrap());
        assert!(step(1.0) < 0.5 && step(-1.0) > 0.8, "{} {}", step(1.0), step(-1.0));
    }
}
