//! GMRES: the generalized minimal residual method, without a matrix.
//!
//! ```text
//! s_k = argmin ‖b − A s‖₂  over  s ∈ span{b, Ab, …, A^{k−1}b}
//! ```
//!
//! Source: Y. Saad and M. H. Schultz, *GMRES: a generalized minimal residual
//! algorithm for solving nonsymmetric linear systems*, SIAM J. Sci. Stat.
//! Comput. 7 (1986).

use crate::vector::{axpy, dot, norm};

/// The Krylov basis and the least-squares problem in it.
#[derive(Debug)]
pub(super) struct Gmres {
    n: usize,
    limit: usize,
    /// Orthonormal rows of length `n`, one more than `limit`.
    basis: Vec<f64>,
    /// Columns of the triangle, `limit + 1` apart.
    h: Vec<f64>,
    /// Rotations, cosine and sine.
    rotations: Vec<(f64, f64)>,
    /// Rotated right-hand side, then the coefficients.
    g: Vec<f64>,
}

impl Gmres {
    pub(super) fn new(n: usize, limit: usize) -> Self {
        let limit = limit.min(n);
        Self {
            n,
            limit,
            basis: vec![0.0; (limit + 1) * n],
            h: vec![0.0; (limit + 1) * limit],
            rotations: vec![(1.0, 0.0); limit],
            g: vec![0.0; limit + 1],
        }
    }

    /// Writes an approximate solution of `A s = b` to `s` and returns
    /// `‖b − A s‖₂`. Stops when that falls to `target`, or after `products`
    /// products with `A` or a full basis.
    pub(super) fn solve(
        &mut self,
        apply: &mut dyn FnMut(&[f64], &mut [f64]),
        b: &[f64],
        target: f64,
        products: usize,
        s: &mut [f64],
    ) -> f64 {
        let Self { n, limit, basis, h, rotations, g } = self;
        let (n, stride) = (*n, *limit + 1);
        s.fill(0.0);
        let mut residual = norm(b);
        if !(residual.is_finite() && residual > 0.0) {
            return residual;
        }
        for (v, b) in basis.iter_mut().zip(b) {
            *v = b / residual;
        }
        g.fill(0.0);
        g[0] = residual;
        let mut size = 0;
        while size < products.min(*limit) && residual > target {
            let (done, rest) = basis.split_at_mut((size + 1) * n);
            let w = &mut rest[..n];
            apply(&done[size * n..], w);
            let before = norm(w);
            if !before.is_finite() {
                break;
            }
            let column = &mut h[size * stride..(size + 1) * stride];
            column.fill(0.0);
            for _ in 0..2 {
                for (v, h) in done.chunks_exact(n).zip(&mut *column) {
                    let projection = dot(v, w);
                    *h += projection;
                    axpy(-projection, v, w);
                }
            }
            let after = norm(w);
            for (k, (c, s)) in rotations[..size].iter().enumerate() {
                let (a, b) = (column[k], column[k + 1]);
                (column[k], column[k + 1]) = (c * a + s * b, c * b - s * a);
            }
            // Below rounding level the basis spans an invariant subspace.
            let below = if after > f64::EPSILON * before { after } else { 0.0 };
            let length = column[size].hypot(below);
            if length <= f64::EPSILON * before {
                break;
            }
            let (c, s) = (column[size] / length, below / length);
            rotations[size] = (c, s);
            column[size] = length;
            (g[size], g[size + 1]) = (c * g[size], -s * g[size]);
            residual = g[size + 1].abs();
            size += 1;
            if below == 0.0 {
                break;
            }
            for w in w {
                *w /= after;
            }
        }
        for j in (0..size).rev() {
            for k in j + 1..size {
                g[j] -= h[j + k * stride] * g[k];
            }
            g[j] /= h[j + j * stride];
        }
        for (v, g) in basis.chunks_exact(n).zip(&g[..size]) {
            axpy(*g, v, s);
        }
        residual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solves with the 3 × 3 matrix `a`, row-major.
    fn solve(a: [f64; 9], b: [f64; 3], products: usize) -> ([f64; 3], f64) {
        let mut s = [0.0; 3];
        let mut apply = |v: &[f64], out: &mut [f64]| {
            for (row, out) in a.chunks_exact(3).zip(out) {
                *out = row.iter().zip(v).map(|(a, v)| a * v).sum();
            }
        };
        let residual = Gmres::new(3, 10).solve(&mut apply, &b, 0.0, products, &mut s);
        (s, residual)
    }

    #[test]
    fn a_full_basis_solves_exactly() {
        let (s, residual) =
            solve([2.0, 1.0, 0.0, -1.0, 3.0, 1.0, 0.0, 0.5, 1.0], [4.0, 8.0, 4.0], 3);
        for (s, exact) in s.iter().zip([1.0, 2.0, 3.0]) {
            assert!((s - exact).abs() < 1e-13, "{s} {exact}");
        }
        assert!(residual < 1e-13);
    }

    #[test]
    fn fewer_products_leave_the_least_residual_of_their_subspace() {
        // One product: s = α b with α = bᵀAb/‖Ab‖², here A = diag(1, 2, 4).
        let (s, residual) = solve([1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 4.0], [1.0; 3], 1);
        let alpha = 7.0 / 21.0;
        assert!((s[0] - alpha).abs() < 1e-15);
        let exact = (1..=3).map(|k| (1.0 - alpha * f64::from(1 << (k - 1))).powi(2)).sum::<f64>();
        assert!((residual - exact.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn degenerate_systems_end_without_a_number_out_of_range() {
        assert_eq!(solve([0.0; 9], [1.0; 3], 3), ([0.0; 3], 3f64.sqrt()));
        assert_eq!(solve([f64::NAN; 9], [1.0; 3], 3), ([0.0; 3], 3f64.sqrt()));
        assert_eq!(solve([1.0; 9], [0.0; 3], 3), ([0.0; 3], 0.0));
        // Rank one: solves what lies in the range.
        let (s, residual) = solve([1.0; 9], [3.0; 3], 3);
        assert!(residual < 1e-14 && (s.iter().sum::<f64>() - 3.0).abs() < 1e-14, "{s:?}");
    }
}
