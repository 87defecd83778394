//! One-flip descent: flip a spin as long as that lowers the energy.
//!
//! ```text
//! flip i  if  ΔHᵢ = 2 sᵢ (Σⱼ Jᵢⱼ sⱼ + hᵢ) < 0
//! ```
//!
//! Ends in a state that no single flip improves. Used to polish what a
//! dynamical solver reads out, and reported apart from it.

use crate::{Error, Ising};

/// Flips spins in index order, sweep after sweep, until no flip lowers the
/// energy by more than the rounding of that spin's own local field (which is
/// none where
/// [`Ising::has_exact_sums`]); returns the total change of `H`, at
/// most zero.
///
/// Local fields are kept up to date, so a sweep costs `O(n)` plus `O(degree)`
/// for each flip.
///
/// # Errors
/// Spins that are too many, too few, or not ±1.
pub fn descend(problem: &Ising, spins: &mut [i8]) -> Result<f64, Error> {
    problem.check_spins(spins)?;
    Ok(Descent::new(problem).run(spins))
}

/// The workspace of descents in one problem.
pub(crate) struct Descent<'a> {
    problem: &'a Ising,
    field: Vec<f64>,
    exact: bool,
}

impl<'a> Descent<'a> {
    pub(crate) fn new(problem: &'a Ising) -> Self {
        let exact = problem.has_exact_sums();
        Self { problem, field: vec![0.0; problem.spins()], exact }
    }

    /// [`descend`] for spins known to be valid.
    pub(crate) fn run(&mut self, spins: &mut [i8]) -> f64 {
        let mut change = 0.0;
        // Updated fields drift by rounding: begin anew until a fresh set of
        // fields finds nothing to flip.
        loop {
            for (i, field) in self.field.iter_mut().enumerate() {
                *field = self.problem.field_at(spins, i);
            }
            let gained = self.sweeps(spins);
            if gained == 0.0 || self.exact {
                change += gained;
                return change;
            }
            change += gained;
        }
    }

    /// [`run`](Self::run), given all local fields, each to within its `slack`.
    pub(crate) fn run_from(
        &mut self,
        spins: &mut [i8],
        field: impl Fn(usize) -> f64,
        slack: &[f64],
    ) -> f64 {
        for (i, value) in self.field.iter_mut().enumerate() {
            *value = field(i);
        }
        let mut change = 0.0;
        loop {
            for (i, slack) in slack.iter().enumerate() {
                if f64::from(spins[i]) * self.field[i] < *slack {
                    self.field[i] = self.problem.field_at(spins, i);
                }
            }
            let gained = self.sweeps(spins);
            change += gained;
            if gained == 0.0 || self.exact && slack.iter().all(|slack| *slack == 0.0) {
                return change;
            }
        }
    }

    fn sweeps(&mut self, spins: &mut [i8]) -> f64 {
        let mut change = 0.0;
        loop {
            let mut flipped = false;
            for i in 0..spins.len() {
                let s = f64::from(spins[i]);
                if s * self.field[i] >= 0.0 {
                    continue;
                }
                // The field from scratch, against the rounding of its sum.
                let (neighbors, weights) = self.problem.couplings().neighbors(i);
                self.field[i] = self.problem.field_at(spins, i);
                let scale: f64 =
                    weights.iter().map(|w| w.abs()).sum::<f64>() + self.problem.fields()[i].abs();
                let rounding = (weights.len() + 1) as f64 * f64::EPSILON * scale;
                let gain = -s * self.field[i];
                if gain <= if self.exact { 0.0 } else { rounding } {
                    continue;
                }
                change -= 2.0 * gain;
                spins[i] = -spins[i];
                flipped = true;
                for (&j, w) in neighbors.iter().zip(weights) {
                    self.field[j as usize] -= 2.0 * s * w;
                }
            }
            if !flipped {
                return change;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random;
    use proptest::prelude::*;
    use rand::RngExt;

    proptest! {
        #[test]
        fn ends_where_no_flip_improves(seed in 0_u64..1000, decades in 0.0..18.0_f64) {
            let mut rng = random::stream(seed, 0);
            let n = 12;
            let mut couplings = Vec::new();
            for i in 0..n {
                for j in i + 1..n {
                    let size = 10_f64.powf(rng.random_range(-decades..=0.0));
                    couplings.push((i, j, rng.random_range(-1.0..1.0) * size));
                }
            }
            let problem = Ising::from_couplings(n, &couplings).unwrap();
            let mut spins: Vec<i8> = (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect();
            let before = problem.energy(&spins).unwrap();
            let change = descend(&problem, &mut spins).unwrap();
            let after = problem.energy(&spins).unwrap();
            prop_assert!((after - before - change).abs() <= 1e-13 * problem.energy_bound());
            for i in 0..n {
                let (_, weights) = problem.couplings().neighbors(i);
                let row: f64 = weights.iter().map(|w| w.abs()).sum();
                let slack = 2.0 * n as f64 * f64::EPSILON * row;
                prop_assert!(problem.flip_delta(&spins, i).unwrap() >= -slack);
            }
            prop_assert_eq!(descend(&problem, &mut spins).unwrap(), 0.0);
        }
    }

    #[test]
    fn small_couplings_beside_huge_ones_count() {
        // Spins 2 and 3 feel 1 while 0 and 1 feel 1e17.
        let problem = Ising::from_couplings(4, &[(0, 1, 1e17), (2, 3, 1.0)]).unwrap();
        let mut spins = [1, 1, 1, -1];
        descend(&problem, &mut spins).unwrap();
        assert_eq!(spins[2], spins[3]);
    }

    #[test]
    fn rejects_wrong_spins() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        assert!(descend(&pair, &mut [1]).is_err());
        assert!(descend(&pair, &mut [1, 3]).is_err());
    }
}
