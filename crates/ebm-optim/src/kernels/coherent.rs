//! One step of a coherent Ising machine, all of it in one pass over the
//! couplings, and the energies of its signs.
//!
//! ```text
//! for i = 0, 1, …, n − 1:
//!     xᵢ ← xᵢ + Δt [(r − x²ᵢ) xᵢ + eᵢ (Σⱼ ε Jᵢⱼ xⱼ + √a ε hᵢ)] ± σ √Δt
//!     eᵢ ← eᵢ − Δt ξ (x²ᵢ − a) eᵢ        with x before the step
//! ```
//!
//! Nodes are updated in place, one after the other: each feels the new
//! amplitudes of those before it. That has the order of Euler's method, halves
//! the memory in flight, and keeps modes that many nodes share from
//! overshooting, so that the step need not shrink with the largest eigenvalue of
//! `J`.
//!
//! Only operations that IEEE 754 rounds in one way, in a fixed order: every
//! [`Level`] gives the same bits.

use std::ops::Range;

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::dense::Update;
use super::kicks::Kicks;
use super::rows::{LANES, Lanes, Rows};

/// What all nodes have in common in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Controls {
    /// `Δt`.
    pub(crate) step: f32,
    /// `r`.
    pub(crate) gain: f32,
    /// `ξ`.
    pub(crate) control: f32,
    /// `a`.
    pub(crate) target: f32,
    /// `σ √Δt`.
    pub(crate) kick: f32,
}

/// Amplitudes and error variables stay within these: `|x| ≤ x`,
/// `10⁻⁶ ≤ e ≤ e`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) x: f32,
    pub(crate) e: f32,
}

/// No error variable falls below this, so that all can recover.
const LEAST_ERROR: f32 = 1e-6;

/// Amplitudes and error variables of all nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amplitudes {
    pub(crate) x: Vec<Lanes>,
    pub(crate) e: Vec<Lanes>,
}

/// Updates the nodes of `range`.
///
/// # Panics
/// If the lengths do not fit, or the range exceeds them.
pub(crate) fn sweep(
    level: Level,
    (rows, fields): (&Rows, &[f32]),
    (controls, limits): (Controls, Limits),
    kicks: &Kicks,
    range: Range<usize>,
    state: &mut Amplitudes,
) {
    let n = rows.nodes();
    assert!(range.start <= range.end && range.end <= n);
    assert!(fields.len() == n && state.x.len() == n && state.e.len() == n);
    run(level, Sweep { rows, fields, controls, limits, kicks, range, state });
}

struct Sweep<'a> {
    rows: &'a Rows,
    fields: &'a [f32],
    controls: Controls,
    limits: Limits,
    kicks: &'a Kicks,
    range: Range<usize>,
    state: &'a mut Amplitudes,
}

impl Kernel for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, fields, controls, limits, kicks, range, state } = self;
        let mut motion = Motion { fields, controls, limits, kicks, state };
        for i in range {
            let sum = rows.sum(i, &motion.state.x, |x| x);
            motion.update(i, &sum.0);
        }
    }
}

/// The update of a node, also in a sweep over dense couplings.
pub(crate) struct Motion<'a> {
    pub(crate) fields: &'a [f32],
    pub(crate) controls: Controls,
    pub(crate) limits: Limits,
    pub(crate) kicks: &'a Kicks,
    pub(crate) state: &'a mut Amplitudes,
}

impl Update<LANES> for Motion<'_> {
    #[inline(always)]
    fn update(&mut self, i: usize, force: &[f32; LANES]) -> [f32; LANES] {
        let Self { controls: Controls { step, gain, control, target, kick }, limits, .. } = *self;
        let field = target.sqrt() * self.fields[i];
        let kick = self.kicks.of(i, kick);
        let (x, e) = (&mut self.state.x[i].0, &mut self.state.e[i].0);
        for lane in 0..LANES {
            let square = x[lane] * x[lane];
            let rate = (gain - square) * x[lane] + e[lane] * (force[lane] + field);
            x[lane] = clamp(x[lane] + step * rate + kick.at(lane), -limits.x, limits.x);
            let error = e[lane] - step * control * (square - target) * e[lane];
            e[lane] = clamp(error, LEAST_ERROR, limits.e);
        }
        *x
    }
}

/// As [`f32::clamp`], in two instructions.
#[inline(always)]
fn clamp(x: f32, least: f32, most: f32) -> f32 {
    let x = if x > most { most } else { x };
    if x < least { least } else { x }
}

/// The sign that an amplitude reads out as.
#[inline(always)]
pub(crate) fn sign(x: f32) -> f32 {
    if x < 0.0 { -1.0 } else { 1.0 }
}

/// `−Σᵢ sᵢ (½ Σⱼ Jᵢⱼ sⱼ + hᵢ)` of the signs of each replica, in the units of
/// `rows` and `fields`.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn energies(level: Level, rows: &Rows, fields: &[f32], x: &[Lanes]) -> [f64; LANES] {
    assert!(fields.len() == rows.nodes() && x.len() == rows.nodes());
    run(level, Energies { rows, fields, x })
}

struct Energies<'a> {
    rows: &'a Rows,
    fields: &'a [f32],
    x: &'a [Lanes],
}

impl Kernel for Energies<'_> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run(self) -> [f64; LANES] {
        let mut totals = [0.0; LANES];
        for (i, (x, field)) in self.x.iter().zip(self.fields).enumerate() {
            let sum = self.rows.sum(i, self.x, sign);
            for (lane, total) in totals.iter_mut().enumerate() {
                *total -= f64::from(sign(x.0[lane]) * (0.5 * sum.0[lane] + field));
            }
        }
        totals
    }
}

/// [`energies`] from the forces of the signs.
pub(crate) fn energies_in(
    force: impl Fn(usize) -> [f32; LANES],
    fields: &[f32],
    x: &[Lanes],
) -> [f64; LANES] {
    let mut totals = [0.0; LANES];
    for (i, (x, field)) in x.iter().zip(fields).enumerate() {
        let force = force(i);
        for (lane, total) in totals.iter_mut().enumerate() {
            *total -= f64::from(sign(x.0[lane]) * (0.5 * force[lane] + field));
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ising;
    use ebm_core::random;
    use rand::RngExt;

    const LIMITS: Limits = Limits { x: 1.5, e: 32.0 };
    const CONTROLS: Controls =
        Controls { step: 0.3, gain: -0.4, control: 0.5, target: 1.2, kick: 0.1 };

    fn problem(n: usize, weighted: bool) -> Ising {
        let mut rng = random::stream(8, 0);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                let weight: f64 = rng.random_range(-1.0..1.0);
                if rng.random_range(0..n) < 6 {
                    pairs.push((i, j, if weighted { weight } else { weight.signum() }));
                }
            }
        }
        let fields = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        Ising::from_couplings(n, &pairs).unwrap().with_fields(fields).unwrap()
    }

    fn single(fields: &[f64]) -> Vec<f32> {
        fields.iter().map(|h| *h as f32).collect()
    }

    fn random_state(n: usize) -> (Amplitudes, Kicks) {
        let mut rng = random::stream(9, 0);
        let mut draw = |range: Range<f32>| -> Vec<Lanes> {
            (0..n).map(|_| Lanes([0.0; LANES].map(|_| rng.random_range(range.clone())))).collect()
        };
        let state = Amplitudes { x: draw(-1.4..1.4), e: draw(0.1..3.0) };
        let mut kicks = Kicks::new(n);
        kicks.draw(&mut (0..16).map(|lane| random::stream(10, lane)).collect::<Vec<_>>());
        (state, kicks)
    }

    #[test]
    fn agrees_with_the_equation() {
        let n = 70;
        let Controls { step, gain, control, target, kick } = CONTROLS;
        let [step, gain, control, target, kick] =
            [step, gain, control, target, kick].map(f64::from);
        for weighted in [false, true] {
            let problem = problem(n, weighted);
            let (mut state, kicks) = random_state(n);
            let rows = Rows::new(&problem, 1.0);
            let fields = single(problem.fields());
            let start = state.clone();
            let settings = (CONTROLS, LIMITS);
            sweep(Level::detect(), (&rows, &fields), settings, &kicks, 0..n, &mut state);
            for lane in 0..LANES {
                let column = |v: &[Lanes]| v.iter().map(|v| f64::from(v.0[lane])).collect();
                let (mut x, e): (Vec<f64>, Vec<f64>) = (column(&start.x), column(&start.e));
                for i in 0..n {
                    let (neighbors, weights) = problem.couplings().neighbors(i);
                    let pairs = neighbors.iter().zip(weights);
                    let sum: f64 = pairs.map(|(&j, w)| w * x[j as usize]).sum();
                    let force = sum + problem.fields()[i] * target.sqrt();
                    let kick = kick * f64::from(kicks.of(i, 1.0).at(lane));
                    let before = x[i];
                    let rate = (gain - before * before) * before + e[i] * force;
                    x[i] = (before + step * rate + kick).clamp(-1.5, 1.5);
                    let error = e[i] - step * control * (before * before - target) * e[i];
                    assert!((x[i] - f64::from(state.x[i].0[lane])).abs() < 1e-4, "{i} {lane}");
                    assert!((error - f64::from(state.e[i].0[lane])).abs() < 1e-5, "{i} {lane}");
                }
            }
            assert_ne!(state, start);
        }
    }

    #[test]
    fn energies_are_those_of_the_problem() {
        for weighted in [false, true] {
            let problem = problem(50, weighted);
            let (state, _) = random_state(50);
            let rows = Rows::new(&problem, 0.5);
            let fields: Vec<f32> = problem.fields().iter().map(|h| 0.5 * *h as f32).collect();
            let totals = energies(Level::detect(), &rows, &fields, &state.x);
            for (lane, total) in totals.iter().enumerate() {
                let spins: Vec<i8> = state.x.iter().map(|x| sign(x.0[lane]) as i8).collect();
                assert!((2.0 * total - problem.energy(&spins).unwrap()).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn levels_and_ranges_give_the_same_bits() {
        let n = 100;
        for weighted in [false, true] {
            let problem = problem(n, weighted);
            let rows = Rows::new(&problem, 0.7);
            let fields = single(problem.fields());
            let (start, kicks) = random_state(n);
            let at = |level: Level, cuts: &[usize]| {
                let mut state = start.clone();
                for cut in cuts.windows(2) {
                    let settings = (CONTROLS, LIMITS);
                    let range = cut[0]..cut[1];
                    sweep(level, (&rows, &fields), settings, &kicks, range, &mut state);
                }
                (energies(level, &rows, &fields, &state.x), state)
            };
            let baseline = at(Level::Baseline, &[0, n]);
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                assert_eq!(at(level, &[0, n]), baseline, "{level:?}");
                assert_eq!(at(level, &[0, 1, 33, 64, n]), baseline, "{level:?}");
            }
        }
    }
}
