//! One step of an oscillator network, all of it in one pass over the couplings:
//! gather, torque, noise, new phase, new sine and cosine.
//!
//! ```text
//! for i = 0, 1, …, n − 1:
//!     δ = μᵢ (Δt Ωᵢ − Δt K [Σⱼ Jᵢⱼ g(θᵢ − θⱼ) + hᵢ g(θᵢ)] − Δt K_s sin 2θᵢ) ± σ √(μᵢ Δt)
//!     uᵢ ← R uᵢ,     R = [1 − t², −2t; 2t, 1 − t²]/(1 + t²),     t = δ/2
//! ```
//!
//! Nodes are updated in place, one after the other: a node feels the new phases
//! of those before it. That halves the memory in flight, needs no bound on the
//! spectral radius of `J` (only on the curvature along each phase), and has the
//! same order as Euler's method. Sine and cosine of the 16 replicas of a node
//! are two adjacent cache lines, so that one visit to a neighbor serves both
//! sums. Phases are in turns, wrapped to `[−½, ½]`; there sine and cosine need
//! no argument reduction beyond the quadrant.
//!
//! Only operations that IEEE 754 rounds in one way, in a fixed order: every
//! [`Level`] gives the same bits.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::dense::Update;
use super::kicks::{Kick, Kicks};
use super::rows::{Kind, LANES, Lanes, Rows};

/// `1.5·2²³`: adding it rounds to an integer, which the low bits then hold.
const ROUND: f32 = 12_582_912.0;

/// Sines and cosines of the replicas of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(128))]
pub(crate) struct Unit {
    pub(crate) sin: [f32; LANES],
    pub(crate) cos: [f32; LANES],
}

#[cfg(test)]
impl Lanes {
    /// Sines and cosines of these phases in turns.
    pub(crate) fn unit(&self) -> Unit {
        let mut unit = Unit::ZERO;
        for lane in 0..LANES {
            (unit.sin[lane], unit.cos[lane]) = sin_cos_turns(self.0[lane]);
        }
        unit
    }
}

impl Unit {
    pub(crate) const ZERO: Self = Self { sin: [0.0; LANES], cos: [0.0; LANES] };

    /// All phases zero.
    pub(crate) const ALIGNED: Self = Self { sin: [0.0; LANES], cos: [1.0; LANES] };

    /// Sines, then cosines.
    #[inline(always)]
    pub(crate) fn cells(&self) -> [f32; CELLS] {
        std::array::from_fn(|k| if k < LANES { self.sin[k] } else { self.cos[k - LANES] })
    }

    #[inline(always)]
    pub(super) fn from_cells(cells: &[f32; CELLS]) -> Self {
        Self {
            sin: std::array::from_fn(|lane| cells[lane]),
            cos: std::array::from_fn(|lane| cells[LANES + lane]),
        }
    }
}

/// Numbers in a unit.
pub(crate) const CELLS: usize = 2 * LANES;

/// What a node has of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// `hᵢ`, in units of the couplings.
    pub(crate) field: f32,
    /// `μᵢ`.
    pub(crate) mobility: f32,
    /// `√μᵢ`.
    pub(crate) root: f32,
    /// `Ωᵢ`.
    pub(crate) drift: f32,
}

/// What all nodes have in common in one step: halves of angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Controls {
    /// `Δt/2`.
    pub(crate) step: f32,
    /// `Δt K/2`.
    pub(crate) coupling: f32,
    /// `Δt K_s`.
    pub(crate) locking: f32,
    /// `σ √Δt/2`.
    pub(crate) kick: f32,
    /// `β` of `g(Δ) = tanh(β sin Δ)`; none for `g = sin`.
    pub(crate) sharpness: Option<f32>,
}

/// Updates the nodes of `range`.
///
/// # Panics
/// If the lengths do not fit, or the range exceeds them.
pub(crate) fn sweep(
    level: Level,
    rows: &Rows,
    nodes: &[Node],
    controls: &Controls,
    kicks: &Kicks,
    range: std::ops::Range<usize>,
    units: &mut [Unit],
) {
    let n = rows.nodes();
    assert!(range.start <= range.end && range.end <= n);
    assert!(nodes.len() == n && units.len() == n);
    run(level, Pass { rows, nodes, controls, kicks, range, units });
}

struct Pass<'a> {
    rows: &'a Rows,
    nodes: &'a [Node],
    controls: &'a Controls,
    kicks: &'a Kicks,
    range: std::ops::Range<usize>,
    units: &'a mut [Unit],
}

impl Kernel for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, nodes, controls, kicks, range, units } = self;
        for i in range {
            let (begin, end) = (rows.starts[i] as usize, rows.starts[i + 1] as usize);
            let own = units[i];
            let field = nodes[i].field;
            let torque = match (&rows.kind, controls.sharpness) {
                (_, None) => sine_torque(&own, &gather(rows, units, i), field),
                (Kind::Signs { negative, scale }, Some(sharpness)) => {
                    let (plus, minus) =
                        rows.columns[begin..end].split_at(negative[i] as usize - begin);
                    let mut sum = square_field(&own, field, sharpness);
                    for &j in plus {
                        add_square(&mut sum, &own, neighbor(rows, units, j), *scale, sharpness);
                    }
                    for &j in minus {
                        add_square(&mut sum, &own, neighbor(rows, units, j), -*scale, sharpness);
                    }
                    sum
                }
                (Kind::Weights(weights), Some(sharpness)) => {
                    let mut sum = square_field(&own, field, sharpness);
                    for (&j, &w) in rows.columns[begin..end].iter().zip(&weights[begin..end]) {
                        add_square(&mut sum, &own, neighbor(rows, units, j), w, sharpness);
                    }
                    sum
                }
            };
            let kick = kicks.of(i, nodes[i].root * controls.kick);
            update(&nodes[i], controls, &torque, &kick, &mut units[i]);
        }
    }
}

/// `Σⱼ Jᵢⱼ (sin θⱼ, cos θⱼ)`.
#[inline(always)]
pub(super) fn gather(rows: &Rows, units: &[Unit], i: usize) -> Unit {
    let (begin, end) = (rows.starts[i] as usize, rows.starts[i + 1] as usize);
    let columns = &rows.columns[begin..end];
    let mut sum = Unit::ZERO;
    match &rows.kind {
        Kind::Signs { negative, scale } => {
            let (plus, minus) = columns.split_at(negative[i] as usize - begin);
            for &j in plus {
                add(&mut sum, neighbor(rows, units, j));
            }
            for &j in minus {
                subtract(&mut sum, neighbor(rows, units, j));
            }
            for lane in 0..LANES {
                sum.sin[lane] *= *scale;
                sum.cos[lane] *= *scale;
            }
        }
        Kind::Weights(weights) => {
            for (&j, &w) in columns.iter().zip(&weights[begin..end]) {
                add_weighted(&mut sum, neighbor(rows, units, j), w);
            }
        }
    }
    sum
}

#[inline(always)]
fn neighbor<'a>(rows: &Rows, units: &'a [Unit], j: u32) -> &'a Unit {
    // The compiler hoists this out of the loops.
    assert!(units.len() == rows.nodes());
    // SAFETY: `Rows::new` checked that every column is below the number of
    // nodes, and there are as many units.
    unsafe { units.get_unchecked(j as usize) }
}

#[inline(always)]
fn add(sum: &mut Unit, unit: &Unit) {
    for lane in 0..LANES {
        sum.sin[lane] += unit.sin[lane];
        sum.cos[lane] += unit.cos[lane];
    }
}

#[inline(always)]
fn subtract(sum: &mut Unit, unit: &Unit) {
    for lane in 0..LANES {
        sum.sin[lane] -= unit.sin[lane];
        sum.cos[lane] -= unit.cos[lane];
    }
}

#[inline(always)]
fn add_weighted(sum: &mut Unit, unit: &Unit, weight: f32) {
    for lane in 0..LANES {
        sum.sin[lane] += weight * unit.sin[lane];
        sum.cos[lane] += weight * unit.cos[lane];
    }
}

/// `sin θᵢ (Σ Jᵢⱼ cos θⱼ + h) − cos θᵢ Σ Jᵢⱼ sin θⱼ`.
#[inline(always)]
fn sine_torque(own: &Unit, sum: &Unit, field: f32) -> Lanes {
    let mut torque = Lanes::ZERO;
    for lane in 0..LANES {
        torque.0[lane] = own.sin[lane] * (sum.cos[lane] + field) - own.cos[lane] * sum.sin[lane];
    }
    torque
}

#[inline(always)]
fn square_field(own: &Unit, field: f32, sharpness: f32) -> Lanes {
    let mut torque = Lanes::ZERO;
    for lane in 0..LANES {
        torque.0[lane] = field * tanh(sharpness * own.sin[lane]);
    }
    torque
}

#[inline(always)]
fn add_square(sum: &mut Lanes, own: &Unit, unit: &Unit, weight: f32, sharpness: f32) {
    for lane in 0..LANES {
        let sine = own.sin[lane] * unit.cos[lane] - own.cos[lane] * unit.sin[lane];
        sum.0[lane] += weight * tanh(sharpness * sine);
    }
}

#[inline(always)]
fn update(node: &Node, controls: &Controls, torque: &Lanes, kick: &Kick<'_>, unit: &mut Unit) {
    let coupling = node.mobility * controls.coupling;
    let locking = node.mobility * controls.locking;
    let drift = node.mobility * (controls.step * node.drift);
    for lane in 0..LANES {
        let (s, c) = (unit.sin[lane], unit.cos[lane]);
        let pull = coupling * torque.0[lane] + locking * (s * c);
        let t = kick.at(lane) + (drift - pull);
        let inverse = 1.0 / (1.0 + t * t);
        // In this form right for every finite t, also where its square is not.
        let cosine = (inverse + inverse) - 1.0;
        let sine = (t + t) * inverse;
        unit.sin[lane] = s * cosine + c * sine;
        unit.cos[lane] = c * cosine - s * sine;
    }
}

/// The same update in a sweep over dense couplings, for the sine.
pub(crate) struct Step<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) controls: Controls,
    pub(crate) kicks: &'a Kicks,
    pub(crate) units: &'a mut [Unit],
}

impl Update<CELLS> for Step<'_> {
    #[inline(always)]
    fn update(&mut self, i: usize, force: &[f32; CELLS]) -> [f32; CELLS] {
        let (node, unit) = (&self.nodes[i], &mut self.units[i]);
        let torque = sine_torque(unit, &Unit::from_cells(force), node.field);
        let kick = self.kicks.of(i, node.root * self.controls.kick);
        update(node, &self.controls, &torque, &kick, unit);
        unit.cells()
    }
}

/// Steps between calls of [`normalize`]: rounding changes a length by about 10⁻⁷
/// a step.
pub(crate) const NORMALIZE: usize = 64;

/// Makes the lengths one again.
pub(crate) fn normalize(units: &mut [Unit]) {
    for unit in units {
        for lane in 0..LANES {
            let (s, c) = (unit.sin[lane], unit.cos[lane]);
            let scale = 1.0 / (s * s + c * c).sqrt();
            (unit.sin[lane], unit.cos[lane]) = (s * scale, c * scale);
        }
    }
}

/// Sine and cosine of `x` turns, `|x| ≤ 1`, to about 2⁻²³ absolute: with `4 x`
/// split into quadrant and remainder `r`, Taylor polynomials of `sin(π r/2)` and
/// `cos(π r/2)` on `|r| ≤ ½`.
#[inline(always)]
pub(crate) fn sin_cos_turns(x: f32) -> (f32, f32) {
    const SIN: [f32; 5] =
        [std::f32::consts::FRAC_PI_2, -0.645_964_1, 0.079_692_63, -0.004_681_754, 0.000_160_441_18];
    const COS: [f32; 4] = [-1.233_700_5, 0.253_669_5, -0.020_863_48, 0.000_919_260_3];
    let quarters = 4.0 * x;
    let shifted = quarters + ROUND;
    let quadrant = shifted.to_bits();
    let r = quarters - (shifted - ROUND);
    let z = r * r;
    let sine = r * (SIN[0] + z * (SIN[1] + z * (SIN[2] + z * (SIN[3] + z * SIN[4]))));
    let cosine = 1.0 + z * (COS[0] + z * (COS[1] + z * (COS[2] + z * COS[3])));
    let odd = quadrant & 1 == 1;
    let (s, c) = if odd { (cosine, sine) } else { (sine, cosine) };
    let s_sign = (quadrant & 2) << 30;
    let c_sign = (quadrant.wrapping_add(1) & 2) << 30;
    (f32::from_bits(s.to_bits() ^ s_sign), f32::from_bits(c.to_bits() ^ c_sign))
}

/// `1 − 2/(e²ˣ + 1)` to about 2⁻²² absolute.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    /// `(ln 2)ᵏ/k!`
    const POWER: [f32; 6] = [
        std::f32::consts::LN_2,
        0.240_226_5,
        0.055_504_11,
        0.009_618_13,
        0.001_333_356,
        0.000_154_035_3,
    ];
    // tanh 10 rounds to one.
    let x = if x > 10.0 { 10.0 } else { x };
    let x = if x < -10.0 { -10.0 } else { x };
    let t = x * (2.0 * std::f32::consts::LOG2_E);
    let shifted = t + ROUND;
    let k = shifted - ROUND;
    let f = t - k;
    let tail = POWER[2] + f * (POWER[3] + f * (POWER[4] + f * POWER[5]));
    let fraction = 1.0 + f * (POWER[0] + f * (POWER[1] + f * tail));
    let power = f32::from_bits((k + (ROUND + 127.0)).to_bits() << 23);
    1.0 - 2.0 / (fraction * power + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ising;
    use ebm_core::random;
    use rand::RngExt;

    #[test]
    fn sine_and_cosine_are_accurate() {
        for k in -400_000..=400_000 {
            let x = k as f32 / 400_000.0;
            let (s, c) = sin_cos_turns(x);
            let (sin, cos) = (std::f64::consts::TAU * f64::from(x)).sin_cos();
            assert!((f64::from(s) - sin).abs() < 3e-7, "sin {x}");
            assert!((f64::from(c) - cos).abs() < 3e-7, "cos {x}");
        }
    }

    #[test]
    fn hyperbolic_tangent_is_accurate() {
        for k in -300_000..=300_000 {
            let x = k as f32 / 20_000.0;
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 4e-7, "tanh {x}");
        }
        assert!(tanh(f32::NAN).is_nan());
    }

    fn glass(n: usize, degree: usize, weighted: bool) -> Ising {
        let mut rng = random::stream(3, 0);
        let mut pairs = std::collections::BTreeMap::new();
        for _ in 0..n * degree / 2 {
            let (i, j) = (rng.random_range(0..n), rng.random_range(0..n));
            let weight = if weighted { rng.random_range(-1.0..1.0) } else { 1.0 };
            if i != j {
                pairs.insert((i.min(j), i.max(j)), if rng.random() { weight } else { -weight });
            }
        }
        let pairs: Vec<_> = pairs.into_iter().map(|((i, j), w)| (i, j, w)).collect();
        Ising::from_couplings(n, &pairs).unwrap()
    }

    fn random_state(n: usize) -> (Vec<Unit>, Vec<Node>, Kicks) {
        let mut rng = random::stream(4, 0);
        let mut phases = vec![Lanes::ZERO; n];
        for lanes in &mut phases {
            lanes.0.iter_mut().for_each(|x| *x = rng.random_range(-0.5..0.5));
        }
        let units = phases.iter().map(Lanes::unit).collect();
        let mut node = || {
            let mobility: f32 = rng.random_range(0.2..2.0);
            let (field, drift) = (rng.random_range(-1.0..1.0), rng.random_range(-0.02..0.02));
            Node { field, mobility, root: mobility.sqrt(), drift }
        };
        let nodes = (0..n).map(|_| node()).collect();
        let mut kicks = Kicks::new(n);
        kicks.draw(&mut (0..16).map(|lane| random::stream(5, lane)).collect::<Vec<_>>());
        (units, nodes, kicks)
    }

    fn controls(sharpness: Option<f32>) -> Controls {
        Controls { step: 0.5, coupling: 0.1, locking: 0.07, kick: 0.2, sharpness }
    }

    fn phase(unit: &Unit, lane: usize) -> f64 {
        f64::from(unit.sin[lane]).atan2(f64::from(unit.cos[lane]))
    }

    /// The same step in double precision, from the equation.
    fn twin(
        problem: &Ising,
        nodes: &[Node],
        controls: &Controls,
        kicks: &Kicks,
        x: &mut [f64],
        lane: usize,
    ) {
        let torque = |delta: f64| match controls.sharpness {
            None => delta.sin(),
            Some(sharpness) => (f64::from(sharpness) * delta.sin()).tanh(),
        };
        for i in 0..x.len() {
            let (columns, weights) = problem.couplings().neighbors(i);
            let mut sum = f64::from(nodes[i].field) * torque(x[i]);
            for (&j, w) in columns.iter().zip(weights) {
                sum += w * torque(x[i] - x[j as usize]);
            }
            let lock = x[i].sin() * x[i].cos();
            let pull = f64::from(controls.coupling) * sum + f64::from(controls.locking) * lock;
            let sign = f64::from(kicks.of(i, 1.0).at(lane));
            let mobility = f64::from(nodes[i].mobility);
            let kick = sign * mobility.sqrt() * f64::from(controls.kick);
            let half = kick + mobility * (0.5 * f64::from(nodes[i].drift) - pull);
            x[i] += 2.0 * half.atan();
        }
    }

    #[test]
    fn agrees_with_the_equation() {
        let n = 70;
        for (weighted, sharpness) in
            [(false, None), (true, None), (false, Some(5.0)), (true, Some(5.0))]
        {
            let problem = glass(n, 6, weighted);
            let (mut state, nodes, kicks) = random_state(n);
            let rows = Rows::new(&problem, 1.0);
            let controls = controls(sharpness);
            let mut twins: Vec<Vec<f64>> = (0..LANES)
                .map(|lane| state.iter().map(|unit| phase(unit, lane)).collect())
                .collect();
            sweep(Level::detect(), &rows, &nodes, &controls, &kicks, 0..n, &mut state);
            for (lane, x) in twins.iter_mut().enumerate() {
                twin(&problem, &nodes, &controls, &kicks, x, lane);
                for (i, x) in x.iter().enumerate() {
                    let difference = x - phase(&state[i], lane);
                    assert!(difference.sin().abs() < 5e-6, "node {i} lane {lane}: {difference}");
                    assert!(difference.cos() > 0.0);
                }
            }
        }
    }

    #[test]
    fn levels_and_ranges_give_the_same_bits() {
        let n = 100;
        for (weighted, sharpness) in [(false, None), (true, None), (true, Some(3.0))] {
            let problem = glass(n, 8, weighted);
            let rows = Rows::new(&problem, 0.7);
            let (start, nodes, kicks) = random_state(n);
            let at = |level: Level, cuts: &[usize]| {
                let mut state = start.clone();
                for cut in cuts.windows(2) {
                    let range = cut[0]..cut[1];
                    sweep(level, &rows, &nodes, &controls(sharpness), &kicks, range, &mut state);
                }
                state
            };
            let baseline = at(Level::Baseline, &[0, n]);
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                assert_eq!(at(level, &[0, n]), baseline, "{level:?}");
                assert_eq!(at(level, &[0, 1, 33, 64, n]), baseline, "{level:?}");
            }
            assert_ne!(baseline, start);
        }
    }

    /// Turns by any finite amount keep the length, up to rounding.
    #[test]
    fn lengths_are_kept() {
        let n = 40;
        let rows = Rows::new(&glass(n, 6, true), 1.0);
        let (start, nodes, kicks) = random_state(n);
        for kick in [0.0, 0.3, 1e10, 1e30] {
            let controls = Controls { kick, ..controls(None) };
            let mut units = start.clone();
            let longest = |units: &[Unit]| {
                let squares = units.iter().flat_map(|unit| {
                    (0..LANES).map(|l| unit.sin[l].powi(2) + unit.cos[l].powi(2) - 1.0)
                });
                squares.fold(0.0, |m: f32, x| if x.is_nan() { x } else { m.max(x.abs()) })
            };
            for _ in 0..NORMALIZE {
                sweep(Level::detect(), &rows, &nodes, &controls, &kicks, 0..n, &mut units);
            }
            assert!(longest(&units) < 2e-5, "kick {kick}: {}", longest(&units));
            normalize(&mut units);
            assert!(longest(&units) < 4e-7, "kick {kick}: {}", longest(&units));
        }
    }
}
