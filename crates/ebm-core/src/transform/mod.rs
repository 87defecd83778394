//! Energies and fields made from others: sums, multiples, restrictions, speed
//! potentials, added noise, and counters around any of them.

mod clamped;
mod counted;
mod noisy;
mod scaled;
mod speed_potential;
mod sum;

pub use clamped::Clamped;
pub use counted::{Counted, Counts};
pub use noisy::Noisy;
pub use scaled::Scaled;
pub use speed_potential::SpeedPotential;
pub use sum::Sum;
