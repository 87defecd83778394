//! The Hopfield network: binary neurons with symmetric couplings.

mod asynchronous;
pub mod network;
pub mod recall;
mod synchronous;

pub use network::HopfieldNetwork;
pub use recall::{Order, Recall, RecallOutcome, RecallReport, Recalled, Update};
