//! Partition crossover: the best child of two states that takes each
//! independent difference from either parent.
//!
//! ```text
//! D = {i : sᵢ ≠ tᵢ},    C₁ … C_k the connected clusters of D
//! H(s with the clusters of K flipped) = H(s) + Σ_{C ∈ K} ΔH(C)
//! ```
//!
//! No coupling joins two clusters, so the best of `2ᵏ` children is found one
//! cluster at a time, in the time of one look at all couplings of `D`.
//!
//! Source: R. Tinós, D. Whitley and F. Chicano, *Partition Crossover for
//! Pseudo-Boolean Optimization*, FOGA 2015, DOI 10.1145/2725494.2725497.

use crate::clusters::Clusters;
use crate::spin_system::{Count, Links, SpinState, System};

/// Scratch memory of crossovers on one system.
pub(crate) struct PartitionCrossover(Clusters);

/// What a crossover did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Clusters in which the parents differ.
    pub(crate) clusters: usize,
    /// By how much the energy fell, not negative.
    pub(crate) gained: i64,
}

impl PartitionCrossover {
    pub(crate) fn new<F: Count, L: Links<F>>(system: &System<F, L>, has_fields: bool) -> Self {
        Self(Clusters::new(system.slots(), has_fields))
    }

    /// Turns `state` into the best child of it and the spins `other`; clusters of equal
    /// energy are taken from `other`, so that states on a plateau move on.
    ///
    /// Without fields `other` and its negative are the same solution; the one
    /// nearer to `state` is meant.
    pub(crate) fn improve<F: Count, L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        state: &mut SpinState<F>,
        other: &[F],
    ) -> Exchange {
        self.0.compare(system, &state.spins, other);
        let mut exchange = Exchange::default();
        while let Some(change) = self.0.grow(system, state) {
            exchange.clusters += 1;
            if change <= 0 {
                exchange.gained -= change;
                for &slot in self.0.members() {
                    system.flip(state, slot as usize);
                }
            }
        }
        exchange
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spin_system::{self, Visitor};
    use crate::{IntegerIsing, Ising};
    use ebm_core::random::stream;
    use rand::RngExt;

    /// Crosses random pairs of states and compares with all children.
    struct Check<'a>(&'a IntegerIsing, bool);

    impl Visitor for Check<'_> {
        type Output = usize;

        fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> usize {
            let (problem, has_fields) = (self.0, self.1);
            let n = problem.spins();
            let mut rng = stream(5, 0);
            let mut crossover = PartitionCrossover::new(&system, has_fields);
            let mut several = 0;
            for share in [0.1, 0.3, 0.5, 0.8] {
                for _ in 0..25 {
                    let s: Vec<i8> = (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect();
                    let differs: Vec<bool> = (0..n).map(|_| rng.random_bool(share)).collect();
                    let t: Vec<i8> =
                        s.iter().zip(&differs).map(|(s, d)| if *d { -s } else { *s }).collect();
                    let (mut state, mut other) = (system.state(), system.state());
                    system.set(&mut state, &s);
                    system.set(&mut other, &t);
                    let exchange = crossover.improve(&system, &mut state, &other.spins);
                    let mut child = vec![1; n];
                    system.read(&state.spins, &mut child);
                    assert_eq!(state.energy, problem.energy(&child));
                    assert_eq!(problem.energy(&s) - state.energy, exchange.gained);
                    // The clusters, found anew, and every choice among them.
                    let many = differs.iter().filter(|d| **d).count();
                    let turn = !has_fields && 2 * many > n;
                    let inside = |i: usize| differs[i] != turn;
                    let clusters = clusters(problem, inside);
                    assert_eq!(clusters.len(), exchange.clusters);
                    several += usize::from(clusters.len() > 1);
                    let children = (0..1_usize << clusters.len()).map(|choice| {
                        let mut spins = s.clone();
                        for (k, cluster) in clusters.iter().enumerate() {
                            if choice >> k & 1 == 1 {
                                cluster.iter().for_each(|&i| spins[i] = -spins[i]);
                            }
                        }
                        problem.energy(&spins)
                    });
                    assert_eq!(children.min(), Some(state.energy));
                }
            }
            several
        }
    }

    fn clusters(problem: &IntegerIsing, inside: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let n = problem.spins();
        let mut label: Vec<usize> = (0..n).collect();
        for _ in 0..n {
            for i in (0..n).filter(|&i| inside(i)) {
                for &j in problem.neighbors(i).0 {
                    if inside(j as usize) {
                        label[i] = label[i].min(label[j as usize]);
                    }
                }
            }
        }
        let roots = (0..n).filter(|&i| inside(i) && label[i] == i);
        roots.map(|root| (0..n).filter(|&i| inside(i) && label[i] == root).collect()).collect()
    }

    #[test]
    fn finds_the_best_of_all_children() {
        for (n, degree, has_fields) in [(14, 2, false), (14, 2, true), (12, 3, false), (8, 7, true)]
        {
            let mut rng = stream(n as u64, degree);
            let mut pairs = vec![];
            for i in 0..n {
                for j in i + 1..n {
                    if rng.random_bool(degree as f64 / (n - 1) as f64) {
                        pairs.push((i, j, f64::from(rng.random_range(-3_i32..=3))));
                    }
                }
            }
            let mut problem = Ising::from_couplings(n, &pairs).unwrap();
            if has_fields {
                let fields = (0..n).map(|_| f64::from(rng.random_range(-2_i32..=2))).collect();
                problem = problem.with_fields(fields).unwrap();
            }
            let integers = IntegerIsing::rounded(&problem);
            let several = spin_system::build(&integers, Check(&integers, has_fields));
            assert!(several > 20 || n == 8, "{several}");
        }
    }
}
