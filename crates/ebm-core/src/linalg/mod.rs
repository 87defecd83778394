//! Dense factorizations and products with caller-owned memory.
//!
//! faer's algorithms are generic and are compiled anew in every crate that
//! calls them. Each is wrapped here once, factorizations for `f64`, behind a value that is
//! built for a size, owns all its memory and never allocates again. Matrices
//! are column-major slices of length `n²`.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};

mod inner_products;
mod lanczos;
mod lu;
mod product;
mod symmetric_eigen;

pub use inner_products::InnerProducts;
pub use lanczos::{Largest, largest_eigenvalue};
pub use lu::Lu;
pub use product::{add_multiply, add_outer, multiply, multiply_transposed};
pub use symmetric_eigen::{Eigenpairs, SymmetricEigen};

/// An `n × n` matrix of zeros. Panics where `n²` overflows, as the allocation
/// of any other length that exceeds the address space does.
pub(crate) fn square(n: usize) -> Vec<f64> {
    vec![0.0; n.checked_mul(n).expect("capacity overflow")]
}

/// Scratch memory for faer, allocated once.
struct Scratch {
    request: StackReq,
    buffer: MemBuffer,
}

impl Scratch {
    fn new(request: StackReq) -> Self {
        Self { request, buffer: MemBuffer::new(request) }
    }

    fn stack(&mut self) -> &mut MemStack {
        MemStack::new(&mut self.buffer)
    }
}

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::new(self.request)
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("request", &self.request).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "capacity overflow")]
    fn a_size_whose_square_overflows_is_no_small_matrix() {
        // 2³² · 2³² wraps to zero.
        drop(Lu::new(1 << 32));
    }
}
