//! Coherent Ising machine: a network of optical parametric oscillators, by the
//! means of its amplitudes.
//!
//! ```text
//! dxᵢ = [(r − x²ᵢ) xᵢ + ε eᵢ (Σⱼ Jᵢⱼ xⱼ + √a hᵢ)] dt + σ dWᵢ,      r = pump − 1
//! deᵢ = −ξ (x²ᵢ − a) eᵢ dt
//! ```
//!
//! Without amplitude control, `ξ = 0` and `eᵢ = 1`: the pump rises over the run
//! and amplitudes settle where gain balances saturation; unequal ones
//! misrepresent the problem. With it each error variable `eᵢ` drives its
//! amplitude toward `√a`. Then states that are no local optimum cannot be
//! stable, few others are, and the motion goes on chaotically through states of
//! low energy, of which the best is kept. Fields act as spins held at the target
//! amplitude.
//!
//! Two views of one machine: [`CoherentFlow`] is the motion with its schedules,
//! for any ODE or SDE integrator; [`CoherentIsingMachine`] is the fast batched
//! solver, tested against it.
//!
//! Sources: T. Leleu, Y. Yamamoto, P. L. McMahon, K. Aihara, Phys. Rev. Lett.
//! 122, 040607 (2019), arXiv 1810.12565 (amplitude heterogeneity); T. Leleu et
//! al., Commun. Phys. 4, 266 (2021), DOI 10.1038/s42005-021-00768-0 (chaotic
//! amplitude control); Y. Inui et al., Commun. Phys. 5 (2022), DOI
//! 10.1038/s42005-022-00927-x (fields at the target amplitude).

mod flow;
mod machine;
#[cfg(test)]
mod tests;

pub use flow::CoherentFlow;
pub use machine::CoherentIsingMachine;
