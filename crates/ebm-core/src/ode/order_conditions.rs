//! Order conditions of one-step methods by enumeration of rooted trees.
//!
//! ```text
//! Σᵢ bᵢ Φᵢ(τ) = 1/γ(τ)   for every tree τ with at most p vertices
//! Φᵢ([τ₁ … τₘ]) = Πₖ Σⱼ wᵢⱼ Φⱼ(τₖ),    w = β if m = 1, α if m > 1
//! ```
//!
//! with `α` the Runge–Kutta matrix and, for Rosenbrock methods, `β = α + Γ`.
//!
//! Source: E. Hairer and G. Wanner, *Solving Ordinary Differential Equations
//! II* (1996), IV.7, theorem 7.4.

/// A rooted tree: its subtrees, sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Tree(Vec<Tree>);

impl Tree {
    fn order(&self) -> usize {
        1 + self.0.iter().map(Tree::order).sum::<usize>()
    }

    fn density(&self) -> f64 {
        self.order() as f64 * self.0.iter().map(Tree::density).product::<f64>()
    }

    /// All trees with one more leaf.
    fn grow(&self) -> Vec<Tree> {
        let mut grown = vec![self.with(Tree(vec![]))];
        for (k, child) in self.0.iter().enumerate() {
            let mut rest = self.clone();
            rest.0.remove(k);
            grown.extend(child.grow().into_iter().map(|child| rest.with(child)));
        }
        grown
    }

    fn with(&self, child: Tree) -> Tree {
        let mut tree = self.clone();
        tree.0.push(child);
        tree.0.sort();
        tree
    }

    fn weights(&self, alpha: &[Vec<f64>], beta: &[Vec<f64>]) -> Vec<f64> {
        let matrix = if self.0.len() == 1 { beta } else { alpha };
        let mut phi = vec![1.0; matrix.len()];
        for child in &self.0 {
            let inner = child.weights(alpha, beta);
            for (phi, row) in phi.iter_mut().zip(matrix) {
                *phi *= row.iter().zip(&inner).map(|(w, v)| w * v).sum::<f64>();
            }
        }
        phi
    }
}

fn trees(order: usize) -> Vec<Tree> {
    let mut all = vec![Tree(vec![])];
    for _ in 1..order {
        all = all.iter().flat_map(Tree::grow).collect();
        all.sort();
        all.dedup();
    }
    all
}

/// Largest violation of the conditions of exactly this order.
pub(super) fn violation(alpha: &[Vec<f64>], beta: &[Vec<f64>], b: &[f64], order: usize) -> f64 {
    deviation(alpha, beta, b, order, 1.0)
}

/// Largest deviation of `Σᵢ bᵢ Φᵢ(τ)` from `target/γ(τ)` over the trees of
/// exactly this order. An error estimate aims at 0, dense output at `θ^order`.
pub(super) fn deviation(
    alpha: &[Vec<f64>],
    beta: &[Vec<f64>],
    b: &[f64],
    order: usize,
    target: f64,
) -> f64 {
    trees(order)
        .iter()
        .map(|tree| {
            let phi = tree.weights(alpha, beta);
            let sum: f64 = b.iter().zip(&phi).map(|(b, phi)| b * phi).sum();
            (sum - target / tree.density()).abs()
        })
        .fold(0.0, f64::max)
}

#[test]
fn there_are_as_many_trees_as_there_should_be() {
    // OEIS A000081.
    let counts: Vec<usize> = (1..=8).map(|order| trees(order).len()).collect();
    assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115]);
}

#[test]
fn the_classical_runge_kutta_method_has_order_four() {
    let a = [[0.0; 4], [0.5, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    let a: Vec<Vec<f64>> = a.iter().map(|row| row.to_vec()).collect();
    let b = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
    for order in 1..=4 {
        assert!(violation(&a, &a, &b, order) < 1e-15);
    }
    assert!(violation(&a, &a, &b, 5) > 1e-3);
}
