//! Integration tests, one binary; one module per concept.

mod contrastive_divergence;
mod gibbs;
mod partition_function;
mod rbm;

use ebm_boltzmann::Rbm;

/// A machine with normal weights and biases of standard deviation `scale`.
fn machine(visible: usize, hidden: usize, scale: f64, seed: u64) -> Rbm {
    let draw = |n, seed| Rbm::random(n, 1, scale, seed).unwrap().weights().to_vec();
    Rbm::new(draw(visible * hidden, seed), draw(visible, !seed), draw(hidden, seed ^ 0xabc))
        .unwrap()
}

/// All `2ⁿ` states, one a column; unit 0 is the lowest bit of the number.
fn all_states(n: usize) -> Vec<f64> {
    (0..1usize << n).flat_map(|code| (0..n).map(move |i| (code >> i & 1) as f64)).collect()
}
