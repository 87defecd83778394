//! The registry: every benchmark is one file here and one line in `all`.

use crate::benchmark::Benchmark;

mod associative_memory;
mod coupling_dense;
mod coupling_sparse;
mod discrete_memory;
mod hopfield;
mod ising_kernels;
mod max_cut;
mod ode_batch;
mod vector_math;

/// Every benchmark, in the order of the report.
pub(crate) fn all() -> Vec<Benchmark> {
    vec![
        coupling_dense::benchmark(),
        coupling_sparse::benchmark(),
        vector_math::benchmark(),
        ode_batch::benchmark(),
        ising_kernels::benchmark(),
        associative_memory::benchmark(),
        hopfield::benchmark(),
        discrete_memory::benchmark(),
        max_cut::one_second(),
        max_cut::ten_seconds(),
        max_cut::thirty_seconds(),
        max_cut::time_to_quality(),
    ]
}
