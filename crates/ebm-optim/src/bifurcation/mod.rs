//! Simulated bifurcation: nonlinear oscillators that each branch into one of two
//! states as a parameter passes a threshold.
//!
//! ```text
//! adiabatic    ẋ = a₀ y,   ẏ = −[K x² + a₀ − a(t)] x + c₀ (J x + h)
//! ballistic    ẋ = a₀ y,   ẏ = −[a₀ − a(t)] x + c₀ (J x + h),        |x| ≤ 1
//! discrete     ẋ = a₀ y,   ẏ = −[a₀ − a(t)] x + c₀ (J sgn x + h),    |x| ≤ 1
//! generalized  ẋ = a₀ y,   ẏ = −p x + c₀ (J x + h),                  |x| ≤ 1,
//!              pᵢ ← pᵢ − (1 − A xᵢ²) pᵢ / (steps left),   pᵢ = 1 at first
//! ```
//!
//! with `a₀ = 1`, `a` rising from 0 to 1, and symplectic Euler steps, `y` first.
//! At the walls `x = ±1` a spin stops: `y = 0`. Heated ballistic and discrete
//! machines then add `γ Δt y` with the `y` of before the step. Signs of `x` are
//! the spins.
//!
//! [`SimulatedBifurcation`] is the fast solver. The discrete machine on couplings
//! of one magnitude runs in 16-bit or 8-bit fixed point, 64 replicas a cache line
//! ([`SignSplit`](crate::forms::SignSplit),
//! [`BitMatrix`](crate::forms::BitMatrix)), on couplings that are small multiples
//! of a unit in 16 bits ([`ByteWeights`](crate::forms::ByteWeights)); all else in
//! single precision, 16 replicas a line. [`BifurcationEnergy`] is the Hamiltonian of the adiabatic
//! machine, [`BifurcationFlow`] the equations of motion of each, for any
//! integrator; the fast solver is tested against them.
//!
//! Sources: H. Goto, K. Tatsumura, A. R. Dixon, DOI 10.1126/sciadv.aav2372
//! (adiabatic); H. Goto et al., DOI 10.1126/sciadv.abe7953 (ballistic,
//! discrete); T. Kanao, H. Goto, DOI 10.1038/s42005-022-00929-9 (heated);
//! H. Goto, R. Hidaka, K. Tatsumura, arXiv 2508.17655 (generalized).

mod bytes;
mod couplings;
mod descent;
mod energy;
mod fixed_point;
mod flow;
mod looks;
mod machine;
mod single_precision;
mod step_bound;
#[cfg(test)]
mod tests;
mod turns;

pub use energy::BifurcationEnergy;
pub use flow::BifurcationFlow;
pub use machine::{SimulatedBifurcation, Variant};
