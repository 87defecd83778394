//! One sweep of coordinate descent on the rank-two relaxation.
//!
//! ```text
//! fᵢ = Σⱼ Jᵢⱼ uⱼ + (hᵢ, 0),    vᵢ = fᵢ/|fᵢ|,    uᵢ ← w/|w|,   w = vᵢ + ω (vᵢ − uᵢ)
//! ```
//!
//! Of all unit vectors, `vᵢ` has the least energy `−fᵢ·uᵢ` in the field of its
//! neighbors; the change is a rotation towards it, beyond it by `ω < 1`. Every
//! update lowers the energy, by `uᵢ′·fᵢ − uᵢ·fᵢ ≥ 0`, without a step size, a sine
//! or a cosine.

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::dense::Update;
use super::oscillator::{CELLS, Unit, gather};
use super::rows::{LANES, Lanes, Rows};

/// Sweeps once over all nodes; returns how much the energy of each replica fell.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn relax(
    level: Level,
    rows: &Rows,
    fields: &[f32],
    overshoot: f32,
    units: &mut [Unit],
) -> Lanes {
    assert!(fields.len() == rows.nodes() && units.len() == rows.nodes());
    run(level, Pass { rows, fields, overshoot, units })
}

struct Pass<'a> {
    rows: &'a Rows,
    fields: &'a [f32],
    overshoot: f32,
    units: &'a mut [Unit],
}

impl Kernel for Pass<'_> {
    type Output = Lanes;

    #[inline(always)]
    fn run(self) -> Lanes {
        let Self { rows, fields, overshoot, units } = self;
        let mut fallen = Lanes::ZERO;
        for (i, field) in fields.iter().enumerate() {
            let sum = gather(rows, units, i);
            turn(&sum, *field, overshoot, &mut units[i], &mut fallen);
        }
        fallen
    }
}

/// The same update in a sweep over dense couplings.
pub(crate) struct Turns<'a> {
    pub(crate) fields: &'a [f32],
    pub(crate) overshoot: f32,
    pub(crate) units: &'a mut [Unit],
}

impl Update<CELLS> for Turns<'_> {
    #[inline(always)]
    fn update(&mut self, i: usize, force: &[f32; CELLS]) -> [f32; CELLS] {
        let unit = &mut self.units[i];
        let sum = Unit::from_cells(force);
        turn(&sum, self.fields[i], self.overshoot, unit, &mut Lanes([0.0; LANES]));
        unit.cells()
    }
}

/// Squares of lengths below this are taken for zero: no direction.
const NOTHING: f32 = 1e-30;

#[inline(always)]
fn turn(sum: &Unit, field: f32, overshoot: f32, unit: &mut Unit, fallen: &mut Lanes) {
    for lane in 0..LANES {
        let (fs, fc) = (sum.sin[lane], sum.cos[lane] + field);
        let (s, c) = (unit.sin[lane], unit.cos[lane]);
        let square = fs * fs + fc * fc;
        let scale = 1.0 / square.sqrt();
        let (vs, vc) = (fs * scale, fc * scale);
        let (ws, wc) = (vs + overshoot * (vs - s), vc + overshoot * (vc - c));
        // At least one: w·v = 1 + ω (1 − u·v).
        let scale = 1.0 / (ws * ws + wc * wc).sqrt();
        let turned = square > NOTHING;
        let new_s = if turned { ws * scale } else { s };
        let new_c = if turned { wc * scale } else { c };
        fallen.0[lane] += (new_s - s) * fs + (new_c - c) * fc;
        (unit.sin[lane], unit.cos[lane]) = (new_s, new_c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ising;
    use crate::oscillator::OscillatorEnergy;
    use ebm_core::{Energy, Gradient, random};
    use rand::RngExt;

    fn glass(n: usize, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                if rng.random::<f64>() < 0.2 {
                    pairs.push((i, j, rng.random_range(-1.0..1.0)));
                }
            }
        }
        let fields = (0..n).map(|_| rng.random_range(-0.5..0.5)).collect();
        Ising::from_couplings(n, &pairs).unwrap().with_fields(fields).unwrap()
    }

    fn start(n: usize) -> Vec<Unit> {
        let mut rng = random::stream(9, 0);
        let mut lanes = || {
            let mut phases = Lanes::ZERO;
            phases.0.iter_mut().for_each(|x| *x = rng.random_range(-0.5..0.5));
            phases.unit()
        };
        (0..n).map(|_| lanes()).collect()
    }

    fn phases(units: &[Unit], lane: usize) -> Vec<f64> {
        units.iter().map(|u| f64::from(u.sin[lane]).atan2(f64::from(u.cos[lane]))).collect()
    }

    /// Against the energy of the oscillators without locking.
    #[test]
    fn every_sweep_lowers_the_energy_to_a_stationary_point() {
        let n = 60;
        let problem = glass(n, 2);
        let energy = OscillatorEnergy::new(&problem, 1.0, 0.0).unwrap();
        let rows = Rows::new(&problem, 1.0);
        let fields: Vec<f32> = problem.fields().iter().map(|h| *h as f32).collect();
        for overshoot in [0.0, 0.5, 0.9] {
            let mut units = start(n);
            for _ in 0..3000 {
                let before: Vec<f64> =
                    (0..LANES).map(|lane| energy.energy_at(&phases(&units, lane))).collect();
                let fallen = relax(Level::detect(), &rows, &fields, overshoot, &mut units);
                for (lane, before) in before.iter().enumerate() {
                    let after = energy.energy_at(&phases(&units, lane));
                    assert!((before - after - f64::from(fallen.0[lane])).abs() < 1e-4);
                    assert!(after < before + 2e-5);
                }
                if fallen.0.iter().all(|fallen| *fallen < 1e-7) {
                    break;
                }
            }
            for lane in 0..LANES {
                let slope = energy.gradient_at(&phases(&units, lane));
                assert!(slope.iter().all(|g| g.abs() < 0.02), "ω {overshoot}");
            }
        }
    }

    #[test]
    fn levels_give_the_same_bits() {
        let problem = glass(70, 3);
        let rows = Rows::new(&problem, 0.3);
        let fields = vec![0.1; 70];
        let at = |level: Level| {
            let mut units = start(70);
            let fallen = relax(level, &rows, &fields, 0.5, &mut units);
            (units, fallen)
        };
        assert_eq!(at(Level::Avx2), at(Level::Baseline));
        assert_eq!(at(Level::Avx512), at(Level::Baseline));
    }

    #[test]
    fn units_without_a_field_stay() {
        let rows = Rows::new(&Ising::from_couplings(3, &[]).unwrap(), 1.0);
        let mut units = start(3);
        let fallen = relax(Level::detect(), &rows, &[0.0; 3], 0.5, &mut units);
        assert_eq!(units, start(3));
        assert_eq!(fallen, Lanes::ZERO);
    }
}
