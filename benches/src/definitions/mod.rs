//! The registry: every benchmark is one file here and one line in `all`.

use crate::benchmark::Benchmark;

mod coupling_dense;
mod coupling_sparse;
mod ode_batch;
mod vector_math;

/// Every benchmark, in the order of the report.
pub(crate) fn all() -> Vec<Benchmark> {
    vec![
        coupling_dense::benchmark(),
        coupling_sparse::benchmark(),
        vector_math::benchmark(),
        ode_batch::benchmark(),
    ]
}
