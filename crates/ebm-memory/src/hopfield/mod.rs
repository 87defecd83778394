//! The Hopfield network: binary neurons with symmetric couplings, and its
//! continuous forms.

pub mod asymmetric;
mod asynchronous;
pub mod clamped;
pub mod continuous;
pub mod glauber;
pub mod hebb;
pub mod local_field;
pub mod low_rank;
pub mod min_over;
pub mod network;
pub mod perceptron;
pub mod pseudo_inverse;
pub mod recall;
pub mod storkey;
mod synchronous;

pub use asymmetric::AsymmetricNetwork;
pub use clamped::Clamped;
pub use continuous::{ContinuousMemory, Form, Relaxation, RelaxationReport};
pub use glauber::{ChainReport, Chains, Glauber};
pub use hebb::Hebb;
pub use local_field::LocalFields;
pub use low_rank::LowRankHopfield;
pub use min_over::{MinOver, MostStable, NeuronStability};
pub use network::HopfieldNetwork;
pub use perceptron::{Perceptron, Trained};
pub use pseudo_inverse::Projection;
pub use recall::{Order, Recall, RecallOutcome, RecallReport, Update};
pub use storkey::Storkey;
