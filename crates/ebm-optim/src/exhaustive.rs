//! Ground states by enumeration in Gray-code order: one flip a state.
//!
//! Source: F. Gray, US patent 2 632 058 (1953); the `k`-th step flips the bit
//! at the number of trailing zeros of `k`.

use crate::{Error, Ising};

/// Largest problem accepted: 2²⁹ states take seconds.
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
    let mut field: Vec<f64> = (0..n).map(|i| problem.local_field(&spins, i)).collect();
    let mut energy = problem.energy(&spins);
    let mut best = GroundState { spins: spins.clone(), energy };
    for k in 1..1_u64 << n {
        let i = k.trailing_zeros() as usize;
        let s = f64::from(spins[i]);
        energy += 2.0 * s * field[i];
        spins[i] = -spins[i];
        let (neighbors, weights) = problem.couplings().neighbors(i);
        for (&j, w) in neighbors.iter().zip(weights) {
            field[j as usize] -= 2.0 * s * w;
        }
        if energy < best.energy {
            best.energy = energy;
            best.spins.copy_from_slice(&spins);
        }
    }
    // The running sum carries rounding; the reported value does not.
    best.energy = problem.energy(&best.spins);
    Ok(best)
}
