//! Ground states by enumeration in Gray-code order: one flip a state.
//!
//! Source: F. Gray, US patent 2 632 058 (1953); the `k`-th step flips the bit
//! at the number of trailing zeros of `k`.

use crate::{Error, Ising};

/// Largest problem accepted: 2³⁰ states take seconds to a minute.
pub const MAX_SPINS: usize = 30;

/// A state of least energy.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundState {
    /// The state.
    pub spins: Vec<i8>,
    /// Its energy.
    pub energy: f64,
}

/// Finds a ground state by visiting all `2ⁿ` states.
///
/// ```
/// use ebm_optim::{Ising, exhaustive};
/// let frustrated = Ising::from_couplings(3, &[(0, 1, -1.0), (1, 2, -1.0), (0, 2, -1.0)])?;
/// assert_eq!(exhaustive::ground_state(&frustrated)?.energy, -1.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// More than [`MAX_SPINS`] spins.
pub fn ground_state(problem: &Ising) -> Result<GroundState, Error> {
    let n = problem.spins();
    if n > MAX_SPINS {
        return Err(Error::TooManySpins { method: "enumeration", limit: MAX_SPINS, spins: n });
    }
    let mut spins = vec![-1_i8; n];
    let mut field: Vec<f64> = (0..n).map(|i| problem.field_at(&spins, i)).collect();
    let mut energy = problem.energy_of(&spins);
    let mut best = GroundState { spins: spins.clone(), energy };
    // Bounds the rounding of REFRESH updates of n sums each.
    let updates = if problem.has_exact_sums() { 0 } else { REFRESH };
    let slack = updates as f64 * (n + 2) as f64 * f64::EPSILON * problem.energy_bound();
    for k in 1..1_u64 << n {
        let i = k.trailing_zeros() as usize;
        let s = f64::from(spins[i]);
        energy += 2.0 * s * field[i];
        spins[i] = -spins[i];
        let (neighbors, weights) = problem.couplings().neighbors(i);
        for (&j, w) in neighbors.iter().zip(weights) {
            field[j as usize] -= 2.0 * s * w;
        }
        if k.is_multiple_of(REFRESH) {
            energy = problem.energy_of(&spins);
            for (i, field) in field.iter_mut().enumerate() {
                *field = problem.field_at(&spins, i);
            }
        }
        // The running sum carries rounding: what comes near is compared exactly.
        if energy < best.energy + slack {
            let exact = problem.energy_of(&spins);
            if exact < best.energy {
                best.energy = exact;
                best.spins.copy_from_slice(&spins);
            }
        }
    }
    Ok(best)
}

/// Flips after which running sums are taken anew.
const REFRESH: u64 = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_brute_force(
            n in 1_usize..10,
            couplings in prop::collection::vec(-1.0..1.0_f64, 45),
            fields in prop::collection::vec(-1.0..1.0_f64, 10),
            decades in prop::collection::vec(-18_i32..=0, 45),
        ) {
            let pairs: Vec<_> = (0..n)
                .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
                .zip(couplings.iter().zip(&decades))
                .map(|((i, j), (w, d))| (i, j, w * 10_f64.powi(*d)))
                .collect();
            let problem = Ising::from_couplings(n, &pairs).unwrap();
            let problem = problem.with_fields(fields[..n].to_vec()).unwrap();
            let least = (0..1_u32 << n)
                .map(|bits| {
                    let spin = |i: usize| if bits >> i & 1 == 1 { 1 } else { -1 };
                    problem.energy(&(0..n).map(spin).collect::<Vec<i8>>()).unwrap()
                })
                .fold(f64::INFINITY, f64::min);
            let found = ground_state(&problem).unwrap();
            prop_assert_eq!(found.energy, least);
            prop_assert_eq!(problem.energy(&found.spins).unwrap(), least);
        }
    }
}
