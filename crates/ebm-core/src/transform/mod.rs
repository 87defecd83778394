//! Energies made from other energies and fields: sums, multiples, restrictions,
//! speed potentials, and counters around any of them.

mod clamped;
mod counted;
mod scaled;
mod speed_potential;
mod sum;

pub use clamped::Clamped;
pub use counted::{Counted, Counts};
pub use scaled::Scaled;
pub use speed_potential::SpeedPotential;
pub use sum::Sum;
