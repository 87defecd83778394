//! The square grid on a torus, the lattice of two-dimensional spin glasses.

use super::check_edges;
use crate::Error;

/// The edges of a grid whose rows and columns close to rings; node
/// `(row, column)` has index `row × columns + column`. First the edges along
/// the rows, then those along the columns.
///
/// ```
/// let grid = ebm_optim::generate::toroidal_grid(3, 4)?;
/// assert_eq!(grid.len(), 24);
/// assert!(grid.contains(&(8, 11)) && grid.contains(&(0, 8)));
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// Fewer than three rows or columns, whose rings would have double edges, or
/// more than 2²⁷ edges.
pub fn toroidal_grid(rows: usize, columns: usize) -> Result<Vec<(usize, usize)>, Error> {
    for (what, size) in [("rows of a torus", rows), ("columns of a torus", columns)] {
        if size < 3 {
            return Err(super::parameter(what, "at least 3", size as f64));
        }
    }
    check_edges((rows as u64).checked_mul(columns as u64).and_then(|n| n.checked_mul(2)))?;
    let nodes = rows * columns;
    let along = |v: usize| (v, v / columns * columns + (v + 1) % columns);
    let across = |v: usize| (v, (v + columns) % nodes);
    let edges = (0..nodes).map(along).chain((0..nodes).map(across));
    Ok(edges.map(|(a, b)| (a.min(b), a.max(b))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_four_neighbors() {
        let grid = toroidal_grid(5, 3).unwrap();
        let mut degree = [0; 15];
        for &(i, j) in &grid {
            assert!(i < j);
            degree[i] += 1;
            degree[j] += 1;
        }
        assert_eq!(degree, [4; 15]);
        let mut sorted = grid.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), grid.len());
    }

    #[test]
    fn sizes_are_checked() {
        assert!(toroidal_grid(2, 5).is_err());
        assert!(toroidal_grid(5, 0).is_err());
        assert!(toroidal_grid(usize::MAX, 3).is_err());
        assert!(toroidal_grid(1 << 14, 1 << 13).is_err());
    }
}
