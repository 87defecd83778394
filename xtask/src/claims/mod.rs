//! The registry of claims, one file each.

mod contraction;
mod equilibrium;
mod lyapunov_descent;
mod oscillator_ising;

use crate::claim::Claim;

/// Every claim, in the order of the report.
pub(crate) fn all() -> Vec<Claim> {
    vec![
        equilibrium::claim(),
        oscillator_ising::claim(),
        contraction::claim(),
        lyapunov_descent::claim(),
    ]
}
