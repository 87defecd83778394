//! What a step of the relaxation does with one replica after the descent:
//! rounding, local search and merging.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::Ising;
use crate::kernels::dense::Dense;
use crate::kernels::oscillator::Unit;
use crate::oscillator::{ReadOut, Reader};

/// The memory of rounding, local search and merging.
pub(super) struct Search<'a> {
    pub(super) problem: &'a Ising,
    reader: Reader<'a>,
    pub(super) spins: Vec<i8>,
    field: Vec<f64>,
    /// Are fields and energies exact?
    pub(super) exact: bool,
    /// Changes of a local field below this are rounding.
    slack: Vec<f64>,
    /// The largest magnitude of a coupling of each spin.
    strongest: Vec<f64>,
    has_fields: bool,
    /// Nodes whose cluster is known carry the number of the merge.
    seen: Vec<u32>,
    merges: u32,
    cluster: Vec<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Ising, dense: Option<&'a Dense>) -> Self {
        let n = problem.spins();
        let exact = problem.has_exact_sums();
        let weights = |i: usize| problem.couplings().neighbors(i).1.iter().map(|w| w.abs());
        let slack = |i: usize| {
            let scale = weights(i).sum::<f64>() + problem.fields()[i].abs();
            if exact { 0.0 } else { 1e-10 * scale }
        };
        Self {
            problem,
            reader: Reader::new(problem, dense),
            spins: vec![1; n],
            field: vec![0.0; n],
            exact: exact && dense.is_none_or(Dense::is_exact),
            slack: (0..n).map(slack).collect(),
            strongest: (0..n).map(|i| weights(i).fold(0.0, f64::max)).collect(),
            has_fields: problem.fields().iter().any(|h| *h != 0.0),
            seen: vec![0; n],
            merges: 0,
            cluster: Vec::with_capacity(n),
        }
    }

    /// Procedure-CUT on the units of a lane.
    pub(super) fn round(&mut self, units: &[Unit], lane: usize) {
        for (turns, unit) in self.reader.turns.iter_mut().zip(units) {
            *turns = diamond(f64::from(unit.sin[lane]), f64::from(unit.cos[lane]));
        }
        // The best angle draws nothing.
        let mut unused = ebm_core::random::stream(0, 0);
        self.reader.read(ReadOut::BestAngle, &mut unused, &mut self.spins);
    }

    /// Flips single spins and coupled pairs as long as that lowers the energy.
    pub(super) fn polish(&mut self) {
        for (i, field) in self.field.iter_mut().enumerate() {
            *field = self.problem.field_at(&self.spins, i);
        }
        self.descend();
    }

    /// The same, given the coupling sums of the spins.
    pub(super) fn polish_from(&mut self, sum: impl Fn(usize) -> f64) {
        for (i, (field, h)) in self.field.iter_mut().zip(self.problem.fields()).enumerate() {
            *field = sum(i) + h;
        }
        self.descend();
    }

    fn descend(&mut self) {
        loop {
            while self.single_flips() {}
            if !self.pair_flips() {
                return;
            }
        }
    }

    /// The energy of the spins, from their local fields.
    pub(super) fn energy(&self) -> f64 {
        let spins = self.spins.iter().zip(&self.field).zip(self.problem.fields());
        let terms = spins.map(|((s, field), h)| -0.5 * f64::from(*s) * (field + h));
        terms.sum::<f64>() + self.problem.offset()
    }

    /// `sᵢ fᵢ`: half of what flipping `i` costs.
    fn cost(&self, i: usize) -> f64 {
        f64::from(self.spins[i]) * self.field[i]
    }

    fn single_flips(&mut self) -> bool {
        let mut any = false;
        for i in 0..self.spins.len() {
            if self.cost(i) < -self.slack[i] {
                self.flip(i);
                any = true;
            }
        }
        any
    }

    fn pair_flips(&mut self) -> bool {
        let mut any = false;
        for i in 0..self.spins.len() {
            let own = self.cost(i);
            // No partner costs less than nothing, so none makes up for this.
            if own > 2.0 * self.strongest[i] + self.slack[i] {
                continue;
            }
            let (neighbors, weights) = self.problem.couplings().neighbors(i);
            let spin = f64::from(self.spins[i]);
            let partner = neighbors.iter().zip(weights).find(|(j, w)| {
                let j = **j as usize;
                let shared = 2.0 * **w * spin * f64::from(self.spins[j]);
                own + self.cost(j) - shared < -(self.slack[i] + self.slack[j])
            });
            if let Some((&j, _)) = partner {
                self.flip(i);
                self.flip(j as usize);
                any = true;
            }
        }
        any
    }

    fn flip(&mut self, i: usize) {
        let change = -2.0 * f64::from(self.spins[i]);
        self.spins[i] = -self.spins[i];
        let (neighbors, weights) = self.problem.couplings().neighbors(i);
        for (&j, w) in neighbors.iter().zip(weights) {
            self.field[j as usize] += change * w;
        }
    }

    /// Moves `state` towards `spins` cluster by cluster, where that does not
    /// raise the energy; ties by chance. Returns the change of the energy.
    pub(super) fn merge(&mut self, state: &mut [i8], rng: &mut ChaCha8Rng) -> f64 {
        if !self.has_fields {
            // A state and its mirror image are one: take the nearer.
            let overlap: i64 = state.iter().zip(&self.spins).map(|(a, b)| i64::from(a * b)).sum();
            if overlap < 0 {
                self.spins.iter_mut().for_each(|s| *s = -*s);
            }
        }
        if self.merges == u32::MAX {
            self.seen.fill(0);
            self.merges = 0;
        }
        self.merges += 1;
        let mut total = 0.0;
        for root in 0..state.len() {
            if state[root] == self.spins[root] || self.seen[root] == self.merges {
                continue;
            }
            let (cost, slack) = self.collect(root, state);
            if cost < -slack || cost <= slack && rng.random::<bool>() {
                if cost < -slack {
                    total += 2.0 * cost;
                }
                for &i in &self.cluster {
                    state[i as usize] = self.spins[i as usize];
                }
            }
        }
        total
    }

    /// The cluster of differing nodes around `root`; half of what it costs to
    /// flip it in `state`, and the rounding of that.
    fn collect(&mut self, root: usize, state: &[i8]) -> (f64, f64) {
        self.cluster.clear();
        self.cluster.push(root as u32);
        self.seen[root] = self.merges;
        let (mut cost, mut slack) = (0.0, 0.0);
        let mut at = 0;
        while at < self.cluster.len() {
            let i = self.cluster[at] as usize;
            at += 1;
            let spin = f64::from(state[i]);
            cost += spin * self.problem.fields()[i];
            slack += self.slack[i];
            let (neighbors, weights) = self.problem.couplings().neighbors(i);
            for (&j, w) in neighbors.iter().zip(weights) {
                let other = j as usize;
                if state[other] == self.spins[other] {
                    cost += w * spin * f64::from(state[other]);
                } else if self.seen[other] != self.merges {
                    self.seen[other] = self.merges;
                    self.cluster.push(j);
                }
            }
        }
        (cost, slack)
    }
}

/// A quarter of the place on the unit diamond: it rises with the angle and takes
/// the same values at multiples of a quarter turn, so that sorting by it, also
/// modulo half a turn, sorts by angle.
fn diamond(sin: f64, cos: f64) -> f64 {
    let size = sin.abs() + cos.abs();
    if size == 0.0 {
        return 0.0;
    }
    let along = sin / size;
    let place = if cos >= 0.0 {
        along
    } else if sin >= 0.0 {
        2.0 - along
    } else {
        -2.0 - along
    };
    0.25 * place
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ebm_core::random;

    pub(in super::super) fn glass(n: usize, density: f64, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                if rng.random::<f64>() < density {
                    let weight =
                        if seed.is_multiple_of(2) { 1.0 } else { rng.random_range(0.1..1.0) };
                    pairs.push((i, j, if rng.random() { weight } else { -weight }));
                }
            }
        }
        let problem = Ising::from_couplings(n, &pairs).unwrap();
        if seed.is_multiple_of(3) {
            return problem;
        }
        problem.with_fields((0..n).map(|_| rng.random_range(-1.0..1.0)).collect()).unwrap()
    }

    /// What merging says of the energy is what happens to it, and it never rises.
    #[test]
    fn merging_takes_what_lowers_the_energy() {
        for seed in 0..40 {
            let n = 60;
            let problem = glass(n, 0.05, seed);
            let mut rng = random::stream(seed, 5);
            let mut random = |count: usize| -> Vec<i8> {
                (0..count).map(|_| if rng.random() { 1 } else { -1 }).collect()
            };
            let (mut state, other) = (random(n), random(n));
            let mut search = Search::new(&problem, None);
            search.spins.copy_from_slice(&other);
            let before = problem.energy(&state).unwrap();
            let change = search.merge(&mut state, &mut random::stream(seed, 6));
            let after = problem.energy(&state).unwrap();
            assert!((after - before - change).abs() < 1e-8, "seed {seed}");
            assert!(change <= 0.0 && after <= problem.energy(&other).unwrap() + 1e-9);
        }
    }

    #[test]
    fn local_search_ends_where_no_pair_improves() {
        for seed in 0..20 {
            let problem = glass(40, 0.15, seed);
            let mut rng = random::stream(seed, 5);
            let mut search = Search::new(&problem, None);
            search.spins.iter_mut().for_each(|s| *s = if rng.random() { 1 } else { -1 });
            search.polish();
            let energy = |flips: &[usize]| {
                let mut spins = search.spins.clone();
                flips.iter().for_each(|i| spins[*i] = -spins[*i]);
                problem.energy(&spins).unwrap()
            };
            let reached = energy(&[]);
            for i in 0..40 {
                assert!(energy(&[i]) >= reached - 1e-8);
                for j in i + 1..40 {
                    assert!(energy(&[i, j]) >= reached - 1e-8, "seed {seed}: {i} {j}");
                }
            }
        }
    }

    #[test]
    fn the_diamond_keeps_the_order_of_angles() {
        let mut last = -0.5;
        for k in -999..1000 {
            let angle = std::f64::consts::PI * f64::from(k) / 1000.0;
            let place = diamond(angle.sin(), angle.cos());
            assert!(place > last && place < 0.5);
            let opposite = diamond(-angle.sin(), -angle.cos());
            let half = (place - opposite).abs();
            assert!((half - 0.5).abs() < 1e-12);
            last = place;
        }
        assert_eq!(diamond(0.0, 0.0), 0.0);
    }
}
