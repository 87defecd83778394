//! Oscillator Ising machine: phases that lock to binary values and read out as
//! spins.
//!
//! ```text
//! dθᵢ = −μᵢ [K Σⱼ Jᵢⱼ g(θᵢ − θⱼ) + K hᵢ g(θᵢ) + K_s sin 2θᵢ − Ωᵢ] dt + σ √μᵢ dWᵢ
//! E(θ) = −(K/2) Σᵢⱼ Jᵢⱼ G(θᵢ − θⱼ) − K Σᵢ hᵢ G(θᵢ) − (K_s/2) Σᵢ cos 2θᵢ − Σᵢ Ωᵢ θᵢ
//! ```
//!
//! with `g = sin`, `G = cos`, or a square wave. The second harmonic `K_s` pulls
//! every phase to 0 or π, where `E = K·G(0)·H(s) − n K_s/2`: descending `E`
//! descends the Ising energy. Noise that falls and locking that rises make it
//! work.
//!
//! Three views of one machine: [`OscillatorEnergy`] is an energy that any
//! integrator, sampler or certificate takes; [`AnnealedOscillators`] is the
//! flow with its schedules, for any ODE or SDE integrator;
//! [`OscillatorIsingMachine`] is the fast batched solver, tested against it.
//! [`ReadOut`] turns phases into spins, and [`read_out_stability`] says whether
//! the oscillators would hold them.
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1709.08102 and 1903.07163. They
//! count every pair twice and write `E` twice as large; our `K_s` is theirs.

mod annealed;
mod coupling_shape;
mod drive;
mod energy;
mod machine;
mod parameters;
mod read_out;
mod stability;
#[cfg(test)]
mod tests;

pub use annealed::AnnealedOscillators;
pub use coupling_shape::CouplingShape;
pub use drive::Drive;
pub use energy::OscillatorEnergy;
pub use machine::OscillatorIsingMachine;
pub use parameters::{Mobility, local_mobilities, natural_strength, recommended_step, stable_step};
pub(crate) use read_out::Reader;
pub use read_out::{ReadOut, read_out};
pub use stability::{Argument, StabilityCertificate, Verdict, read_out_stability};
