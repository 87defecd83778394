//! Recurrent networks with symmetric coupling, in their two standard forms.
//!
//! ```text
//! Hopfield:     τ ẋ = −x + W φ(x) + b        x potentials, v = φ(x) rates
//! firing rate:  τ ẋ = −x + φ(W x + b)        x rates,      v = x
//!
//! both descend  E(v) = −½ vᵀWv − bᵀv + Σᵢ ∫^{vᵢ} φ⁻¹(z) dz
//! ```
//!
//! Sources: J. J. Hopfield, *Neurons with graded response have collective
//! computational properties like those of two-state neurons*, PNAS 81, 3088
//! (1984); M. A. Cohen and S. Grossberg, IEEE Trans. Syst. Man Cybern. 13, 815
//! (1983).

mod activation;
mod firing_rate;
mod hopfield;
mod symmetric;

pub use activation::Activation;
pub use firing_rate::FiringRate;
pub use hopfield::Hopfield;
pub use symmetric::SymmetricNetwork;
