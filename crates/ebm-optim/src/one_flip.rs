//! One-flip descent: flip a spin as long as that lowers the energy.
//!
//! ```text
//! flip i  if  ΔHᵢ = 2 sᵢ (Σⱼ Jᵢⱼ sⱼ + hᵢ) < 0
//! ```
//!
//! Ends in a state that no single flip improves. Used to polish what a
//! dynamical solver reads out, and reported apart from it.

use crate::Ising;

/// Flips spins in index order, sweep after sweep, until no flip lowers the
/// energy; returns the total change of `H`, at most zero.
///
/// Local fields are kept up to date, so a sweep costs `O(n)` plus `O(degree)`
/// for each flip.
pub fn descend(problem: &Ising, spins: &mut [i8]) -> f64 {
    let n = problem.spins();
    let mut field: Vec<f64> = (0..n).map(|i| problem.local_field(spins, i)).collect();
    // A flip must gain more than rounding can feign, or sweeps could cycle.
    let slack = 1e-12 * field.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
    let mut change = 0.0;
    loop {
        let mut flipped = false;
        for i in 0..n {
            let s = f64::from(spins[i]);
            if s * field[i] < -slack {
                change += 2.0 * s * field[i];
                spins[i] = -spins[i];
                flipped = true;
                let (neighbors, weights) = problem.couplings().neighbors(i);
                for (&j, w) in neighbors.iter().zip(weights) {
                    field[j as usize] -= 2.0 * s * w;
                }
            }
        }
        if !flipped {
            return change;
        }
    }
}
