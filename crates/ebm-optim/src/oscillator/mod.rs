//! Oscillator Ising machine: phases that lock to binary values and read out as
//! spins.
//!
//! ```text
//! dθᵢ = [−K Σⱼ Jᵢⱼ sin(θᵢ − θⱼ) − K hᵢ sin θᵢ − K_s sin 2θᵢ] dt + σ dWᵢ
//! E(θ) = −(K/2) Σᵢⱼ Jᵢⱼ cos(θᵢ − θⱼ) − K Σᵢ hᵢ cos θᵢ − (K_s/2) Σᵢ cos 2θᵢ
//! ```
//!
//! The second harmonic `K_s` pulls every phase to 0 or π, where
//! `E = K·H(s) − n K_s/2`: descending `E` descends the Ising energy. Noise and
//! a slow rise of `K_s` make it work.
//!
//! Three views of one machine: [`OscillatorEnergy`] is an energy that any
//! integrator, sampler or certificate takes; [`AnnealedOscillators`] is the
//! flow with its schedules, for any ODE or SDE integrator;
//! [`OscillatorIsingMachine`] is the fast batched solver, tested against it.
//!
//! Source: T. Wang and J. Roychowdhury, arXiv 1709.08102 and 1903.07163. They
//! count every pair twice and write `E` twice as large; our `K_s` is theirs.

mod annealed;
mod energy;
mod machine;
#[cfg(test)]
mod tests;

pub use annealed::AnnealedOscillators;
pub use energy::OscillatorEnergy;
pub use machine::OscillatorIsingMachine;

/// The coupling strength `√(n − 1) / ‖(J, h)‖_F` in which `K` is measured (every
/// coupling counts twice and every field once): about one over the square root
/// of the degree, so that the same `K`, noise and step suit sparse and dense
/// problems. One if all couplings and fields vanish.
#[must_use]
pub fn natural_strength(problem: &crate::Ising) -> f64 {
    let n = problem.spins();
    let weights = || {
        let couplings = (0..n).flat_map(|i| problem.couplings().neighbors(i).1);
        couplings.chain(problem.fields())
    };
    // Scaled by the largest, the squares cannot overflow.
    let largest = weights().fold(0.0_f64, |m, w| m.max(w.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let squares: f64 = weights().map(|w| (w / largest) * (w / largest)).sum();
    ((n.max(2) - 1) as f64 / squares).sqrt() / largest
}
