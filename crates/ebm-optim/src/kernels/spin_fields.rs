//! Local fields of spins over dense couplings: of many states at once, or of one
//! state whose spins flip one after the other.
//!
//! ```text
//! fᵢ = Σⱼ Jᵢⱼ sⱼ
//! ```
//!
//! Sums of couplings of one magnitude are exact.

use ebm_core::vector_math::Level;

use super::dense::{Dense, Forces};
use super::rows::LANES;

/// The fields of the states of a block, by one product.
pub(crate) struct BatchFields<'a> {
    couplings: &'a Dense,
    level: Level,
    signs: Vec<[f32; LANES]>,
    forces: Forces<i32, LANES>,
}

impl<'a> BatchFields<'a> {
    pub(crate) fn new(couplings: &'a Dense, level: Level) -> Self {
        let signs = vec![[1.0; LANES]; couplings.nodes()];
        Self { couplings, level, signs, forces: Forces::new(couplings, 1.0) }
    }

    /// Puts a state into a lane.
    pub(crate) fn set(&mut self, lane: usize, spins: &[i8]) {
        for (signs, spin) in self.signs.iter_mut().zip(spins) {
            signs[lane] = f32::from(*spin);
        }
    }

    /// The state of a lane.
    pub(crate) fn get(&self, lane: usize, spins: &mut [i8]) {
        for (signs, spin) in self.signs.iter().zip(spins) {
            *spin = signs[lane] as i8;
        }
    }

    /// The fields of all lanes.
    pub(crate) fn multiply(&mut self) {
        let signs = &self.signs;
        self.couplings.refresh(self.level, &mut self.forces, |i| signs[i]);
    }

    /// `fᵢ` of a lane.
    pub(crate) fn at(&self, lane: usize, i: usize) -> f64 {
        self.couplings.field(&self.forces, lane, i)
    }
}

/// The fields of one state.
pub(crate) struct StateFields<'a> {
    couplings: &'a Dense,
    state: State,
}

/// A state in the form that the couplings sum over.
#[derive(Debug)]
pub(crate) enum State {
    Signs(super::sign_panels::State),
    Weights(Vec<f32>),
}

impl<'a> StateFields<'a> {
    pub(crate) fn new(couplings: &'a Dense) -> Self {
        Self { couplings, state: couplings.state() }
    }

    pub(crate) fn load(&mut self, spins: &[i8]) {
        self.couplings.load(&mut self.state, spins);
    }

    /// Follows the flip of spin `i` to `spin`.
    pub(crate) fn flip(&mut self, i: usize, spin: i8) {
        self.couplings.flip(&mut self.state, i, spin);
    }

    /// `fᵢ`.
    pub(crate) fn at(&self, i: usize) -> f64 {
        self.couplings.sum(&self.state, i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ising;
    use ebm_core::random;
    use rand::RngExt;

    fn problems() -> [Ising; 3] {
        let mut rng = random::stream(3, 0);
        [(1.0, false), (0.5, false), (1.0, true)].map(|(density, weighted)| {
            let n = 131;
            let mut pairs = vec![];
            for i in 0..n {
                for j in i + 1..n {
                    let w: f64 = rng.random_range(-1.0..1.0);
                    if rng.random::<f64>() < density {
                        pairs.push((i, j, if weighted { w } else { 0.3 * w.signum() }));
                    }
                }
            }
            Ising::from_couplings(n, &pairs).unwrap()
        })
    }

    /// Also beside weights so large that single precision does not hold the others.
    #[test]
    fn fields_are_off_by_no_more_than_is_said() {
        let n = 90;
        let mut rng = random::stream(5, 0);
        let decades = |i: usize| if i.is_multiple_of(3) { -44.0 } else { -(i as f64) / 9.0 };
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                let size = 10_f64.powf(decades(i).min(decades(j)));
                pairs.push((i, j, size * rng.random_range(-1.0..1.0)));
            }
        }
        let wide = Ising::from_couplings(n, &pairs).unwrap();
        for problem in problems().iter().chain([&wide]) {
            let n = problem.spins();
            let dense = Dense::new(problem, 0.7).unwrap();
            let mut batch = BatchFields::new(&dense, Level::detect());
            let mut state = StateFields::new(&dense);
            let spins: Vec<i8> = (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect();
            state.load(&spins);
            batch.set(3, &spins);
            batch.multiply();
            for i in 0..n {
                let (_, weights) = problem.couplings().neighbors(i);
                let most = dense.rounding(weights.iter().map(|w| w.abs()).sum());
                let field = problem.local_field(&spins, i).unwrap();
                assert!((batch.at(3, i) - field).abs() <= most, "{i}");
                assert!((state.at(i) - field).abs() <= most, "{i}");
                let total: f64 = weights.iter().map(|w| w.abs()).sum();
                assert!(most < 3e-5 * total || total < 1e-30, "{i}");
            }
        }
    }

    #[test]
    fn fields_are_those_of_the_problem() {
        for (kind, problem) in problems().iter().enumerate() {
            let n = problem.spins();
            let dense = Dense::new(problem, 0.7).unwrap();
            let slack = if kind < 2 { 1e-12 } else { 1e-4 };
            let mut rng = random::stream(4, 0);
            let mut batch = BatchFields::new(&dense, Level::detect());
            let mut state = StateFields::new(&dense);
            let mut draw =
                || -> Vec<i8> { (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect() };
            let states: Vec<Vec<i8>> = (0..LANES).map(|_| draw()).collect();
            states.iter().enumerate().for_each(|(lane, spins)| batch.set(lane, spins));
            batch.multiply();
            for (lane, spins) in states.iter().enumerate() {
                state.load(spins);
                for i in 0..n {
                    let field = problem.local_field(spins, i).unwrap();
                    assert!((batch.at(lane, i) - field).abs() < slack, "{kind} {lane} {i}");
                    assert!((state.at(i) - field).abs() < slack, "{kind} {lane} {i}");
                }
            }
            let mut spins = states[0].clone();
            state.load(&spins);
            for i in (0..n).rev().step_by(3) {
                spins[i] = -spins[i];
                state.flip(i, spins[i]);
            }
            for i in 0..n {
                let field = problem.local_field(&spins, i).unwrap();
                assert!((state.at(i) - field).abs() < slack, "{kind} {i}");
            }
        }
    }
}
