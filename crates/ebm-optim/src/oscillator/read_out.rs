//! From phases to spins.
//!
//! ```text
//! s_i(α) = sgn cos(θ_i − α) · sgn cos α
//! ```
//!
//! A line through the origin, turned by `α`, divides the phases. The second
//! factor is the side of an ancilla at phase 0 to which the fields couple; it
//! drops out where there are none. *Sign* takes `α = 0`, right where locking has
//! made the phases binary. *Best angle* turns the line by half a turn; each
//! oscillator crosses it once, so a sweep over the sorted phases sees all cuts
//! of the circle in `O(m + n log n)` time. *Random hyperplane* tries random
//! angles.
//!
//! Sources: S. Burer, R. D. C. Monteiro and Y. Zhang, SIAM J. Optim. 12, 503
//! (2002), Procedure-CUT; M. X. Goemans and D. P. Williamson, J. ACM 42, 1115
//! (1995); M. Erementchouk, A. Shukla and P. Mazumder, arXiv 2105.07591, on why
//! read-out without locking needs rounding of its own.

use std::f64::consts::TAU;

use ebm_core::{random, validate};
use rand::{Rng, RngExt};

use crate::kernels::dense::Dense;
use crate::kernels::spin_fields::StateFields;
use crate::run::State;
use crate::{Error, Ising};

/// How spins are read out of phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadOut {
    /// `sgn cos θ`.
    Sign,
    /// The best of all lines through the origin; never worse than
    /// [`Sign`](Self::Sign).
    #[default]
    BestAngle,
    /// The best of so many random lines.
    RandomHyperplane {
        /// Lines tried, at least one.
        draws: usize,
    },
}

/// Reads out phases in radians; `seed` is for random lines.
///
/// ```
/// use ebm_optim::{Ising, oscillator::{ReadOut, read_out}};
/// let pair = Ising::from_couplings(2, &[(0, 1, -1.0)])?;
/// // Opposite, but on the same side of the vertical axis up to rounding.
/// let phases = [1.5, 1.5 + std::f64::consts::PI - 0.2];
/// let state = read_out(&pair, &phases, ReadOut::BestAngle, 0)?;
/// assert_eq!(state.energy, -1.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// A wrong number of phases, one that is not finite, no draws.
pub fn read_out(problem: &Ising, phases: &[f64], how: ReadOut, seed: u64) -> Result<State, Error> {
    validate::dimension("phases", problem.spins(), phases.len())?;
    validate::finite("phases", phases)?;
    how.validate()?;
    let mut reader = Reader::new(problem, None);
    for (turns, phase) in reader.turns.iter_mut().zip(phases) {
        *turns = phase / TAU;
    }
    let mut spins = vec![1; phases.len()];
    reader.read(how, &mut random::stream(seed, 0), &mut spins);
    let energy = problem.energy_of(&spins);
    Ok(State { spins, energy })
}

impl ReadOut {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if let Self::RandomHyperplane { draws: 0 } = self {
            let (what, expected) = ("draws of a random hyperplane", "at least 1");
            return Err(ebm_core::Error::Parameter { what, expected, value: 0.0 }.into());
        }
        Ok(())
    }
}

/// The memory of read-outs of one problem.
pub(crate) struct Reader<'a> {
    problem: &'a Ising,
    has_fields: bool,
    /// The phases to read, in turns.
    pub(crate) turns: Vec<f64>,
    /// Angle at which an oscillator crosses the line, above its index.
    crossings: Vec<u64>,
    trial: Vec<i8>,
    /// Local fields, where couplings are dense.
    fields: Option<StateFields<'a>>,
}

/// Index of the ancilla among the crossings.
const ANCILLA: u64 = u32::MAX as u64;

impl<'a> Reader<'a> {
    /// `dense` are the same couplings in a form that sums are faster in.
    pub(crate) fn new(problem: &'a Ising, dense: Option<&'a Dense>) -> Self {
        let n = problem.spins();
        let has_fields = problem.fields().iter().any(|h| *h != 0.0);
        let (turns, trial) = (vec![0.0; n], vec![1; n]);
        let (crossings, fields) = (Vec::with_capacity(n + 1), dense.map(StateFields::new));
        Self { problem, has_fields, turns, crossings, trial, fields }
    }

    /// Writes the spins that `turns` read out to.
    pub(crate) fn read<R: Rng>(&mut self, how: ReadOut, rng: &mut R, spins: &mut [i8]) {
        match how {
            ReadOut::Sign => self.divide(0.0, spins),
            ReadOut::BestAngle => self.best_angle(spins),
            ReadOut::RandomHyperplane { draws } => {
                let mut trial = std::mem::take(&mut self.trial);
                let mut best = f64::INFINITY;
                for _ in 0..draws {
                    self.divide(rng.random(), &mut trial);
                    let energy = self.problem.energy_of(&trial);
                    if energy < best {
                        best = energy;
                        spins.copy_from_slice(&trial);
                    }
                }
                self.trial = trial;
            }
        }
    }

    /// The spins at an angle in turns.
    fn divide(&self, angle: f64, spins: &mut [i8]) {
        let ancilla = if self.has_fields { side(-angle) } else { 1 };
        for (spin, turns) in spins.iter_mut().zip(&self.turns) {
            *spin = side(turns - angle) * ancilla;
        }
    }

    fn best_angle(&mut self, spins: &mut [i8]) {
        self.divide(0.0, spins);
        self.crossings.clear();
        let positions = self.turns.iter().enumerate();
        self.crossings.extend(positions.map(|(i, turns)| crossing(*turns) << 32 | i as u64));
        if self.has_fields {
            self.crossings.push(crossing(0.0) << 32 | ANCILLA);
        }
        self.crossings.sort_unstable();
        if let Some(sums) = &mut self.fields {
            sums.load(spins);
        }
        let fields = self.problem.fields();
        let (mut ancilla, mut change) = (1.0, 0.0);
        let (mut best, mut flips) = (0.0, 0);
        for (k, crossing) in self.crossings.iter().enumerate() {
            let i = crossing & ANCILLA;
            if i == ANCILLA {
                let pull: f64 = fields.iter().zip(&*spins).map(|(h, s)| h * f64::from(*s)).sum();
                change += 2.0 * ancilla * pull;
                ancilla = -ancilla;
            } else {
                let i = i as usize;
                let field = match &self.fields {
                    None => self.problem.field_at(spins, i) + (ancilla - 1.0) * fields[i],
                    Some(sums) => sums.at(i) + ancilla * fields[i],
                };
                change += 2.0 * f64::from(spins[i]) * field;
                spins[i] = -spins[i];
                if let Some(sums) = &mut self.fields {
                    sums.flip(i, spins[i]);
                }
            }
            if change < best {
                (best, flips) = (change, k + 1);
            }
        }
        // Back from the end of the sweep to the best angle.
        for crossing in &self.crossings[flips..] {
            let i = crossing & ANCILLA;
            if i == ANCILLA {
                ancilla = -ancilla;
            } else {
                spins[i as usize] = -spins[i as usize];
            }
        }
        if ancilla < 0.0 {
            spins.iter_mut().for_each(|s| *s = -*s);
        }
    }
}

/// `sgn cos` of an angle in turns.
fn side(turns: f64) -> i8 {
    let wrapped = turns - turns.round();
    if wrapped.abs() <= 0.25 { 1 } else { -1 }
}

/// The angle in `[0, ½)` turns at which a phase crosses the line, in units of
/// `2⁻³³`.
fn crossing(turns: f64) -> u64 {
    let angle = 2.0 * (turns + 0.25);
    // Rounding may reach one from below.
    ((angle - angle.floor()) * 4_294_967_296.0).min(4_294_967_295.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glass(n: usize, fields: bool, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let pairs: Vec<_> = pairs.map(|(i, j)| (i, j, rng.random_range(-1.0..1.0))).collect();
        let problem = Ising::from_couplings(n, &pairs).unwrap();
        let size = if fields { 2.0 } else { 0.0 };
        let fields = (0..n).map(|_| size * rng.random_range(-1.0..1.0)).collect();
        problem.with_fields(fields).unwrap()
    }

    fn energy(problem: &Ising, phases: &[f64], how: ReadOut) -> f64 {
        let state = read_out(problem, phases, how, 3).unwrap();
        assert_eq!(problem.energy(&state.spins).unwrap(), state.energy);
        state.energy
    }

    proptest! {
        #[test]
        fn best_angle_equals_the_best_of_a_fine_scan(
            seed in 0_u64..10_000, n in 1_usize..12, fields in any::<bool>(),
        ) {
            let problem = glass(n, fields, seed);
            let mut rng = random::stream(seed, 1);
            let phases: Vec<f64> = (0..n).map(|_| rng.random_range(-20.0..20.0)).collect();
            let best = energy(&problem, &phases, ReadOut::BestAngle);
            // Between any two crossings: all angles that matter, by definition.
            let mut crossings: Vec<f64> =
                phases.iter().chain([&0.0]).map(|x| (x + TAU / 4.0).rem_euclid(TAU / 2.0)).collect();
            crossings.extend([0.0, TAU / 2.0]);
            crossings.sort_by(f64::total_cmp);
            let scanned = crossings.windows(2).map(|pair| {
                let angle = 0.5 * (pair[0] + pair[1]);
                let ancilla = if fields && angle.cos() < 0.0 { -1 } else { 1 };
                let spin = |x: &f64| if (x - angle).cos() >= 0.0 { ancilla } else { -ancilla };
                problem.energy(&phases.iter().map(spin).collect::<Vec<i8>>()).unwrap()
            });
            let least = scanned.fold(f64::INFINITY, f64::min);
            prop_assert!((best - least).abs() < 1e-9, "{best} {least}");
            prop_assert!(best <= energy(&problem, &phases, ReadOut::Sign) + 1e-9);
            let random = energy(&problem, &phases, ReadOut::RandomHyperplane { draws: 5 });
            prop_assert!(random >= best - 1e-9);
        }
    }

    #[test]
    fn many_random_lines_find_the_best() {
        let problem = glass(9, true, 4);
        let mut rng = random::stream(8, 1);
        let phases: Vec<f64> = (0..9).map(|_| rng.random_range(0.0..TAU)).collect();
        let best = energy(&problem, &phases, ReadOut::BestAngle);
        let random = energy(&problem, &phases, ReadOut::RandomHyperplane { draws: 5000 });
        assert!((best - random).abs() < 1e-12);
    }

    #[test]
    fn binary_phases_read_out_as_they_are() {
        let problem = glass(20, true, 5);
        let spin = |i: usize| if i.is_multiple_of(3) { -1_i8 } else { 1 };
        let phases: Vec<f64> = (0..20).map(|i| if spin(i) > 0 { 0.0 } else { TAU / 2.0 }).collect();
        let spins: Vec<i8> = (0..20).map(spin).collect();
        assert_eq!(read_out(&problem, &phases, ReadOut::Sign, 0).unwrap().spins, spins);
    }

    #[test]
    fn bad_input_is_refused() {
        let problem = glass(3, false, 0);
        assert!(read_out(&problem, &[0.0; 2], ReadOut::Sign, 0).is_err());
        assert!(read_out(&problem, &[0.0, f64::NAN, 0.0], ReadOut::BestAngle, 0).is_err());
        let none = ReadOut::RandomHyperplane { draws: 0 };
        assert!(read_out(&problem, &[0.0; 3], none, 0).is_err());
    }
}
