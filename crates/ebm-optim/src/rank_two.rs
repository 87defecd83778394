//! Rank-two relaxation: spins become unit vectors in the plane, the best line
//! through them gives spins back, and the search goes on from there.
//!
//! ```text
//! minimize  f(θ) = −½ Σᵢⱼ Jᵢⱼ cos(θᵢ − θⱼ) − Σᵢ hᵢ cos θᵢ
//! ```
//!
//! the energy of an oscillator network without locking. One step of a replica:
//! its state as angles 0 and π, perturbed; descent of `f`; Procedure-CUT (the
//! [best angle](crate::oscillator::ReadOut::BestAngle)); descent by flips of
//! single spins and of coupled pairs. Where the result differs from the state,
//! the differences fall into clusters without couplings between them, each with
//! its own change of energy: those that do not raise it are taken.
//!
//! The descent is by coordinates, each to the minimum in the field of the others
//! and somewhat beyond: no step size, no line search, no sine.
//!
//! Sources: S. Burer, R. D. C. Monteiro and Y. Zhang, SIAM J. Optim. 12, 503
//! (2002); coordinate descent: P.-W. Wang, W.-C. Chang and J. Z. Kolter, arXiv
//! 1706.00476; clusters: D. Whitley, D. Hains and A. Howe, *Tunneling between
//! optima: partition crossover for the traveling salesman problem* (GECCO 2009).

use ebm_core::validate;
use ebm_core::vector_math::Level;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::kernels::dense::{Couplings, Forces};
use crate::kernels::oscillator::{CELLS, Unit, sin_cos_turns};
use crate::kernels::rank_two::{Turns, relax};
use crate::kernels::rows::LANES;
use crate::oscillator::{ReadOut, Reader, natural_strength};
use crate::solver::{Method, Prepared};
use crate::{Error, Ising, Task};

/// Settings of the method.
///
/// ```
/// use ebm_optim::{Ising, RankTwoRelaxation, Run, Solver};
/// let ring: Vec<_> = (0..12).map(|i| (i, (i + 1) % 12, -1.0)).collect();
/// let ring = Ising::from_couplings(12, &ring)?;
/// let run = Run { replicas: Some(16), steps: Some(10), ..Run::seeded(1) };
/// assert_eq!(RankTwoRelaxation::default().solve(&ring, &run)?.best.energy, -12.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RankTwoRelaxation {
    /// Largest angle by which a step perturbs, in radians, up to `π`.
    pub perturbation: f64,
    /// Sweeps of coordinate descent in a step.
    pub sweeps: usize,
    /// How far a coordinate goes beyond its minimum, from 0 to below 1.
    pub overshoot: f64,
    /// Steps without an improvement after which a replica starts anew.
    pub patience: usize,
}

impl Default for RankTwoRelaxation {
    /// Perturbations of 0.4 π; 15 sweeps that go half as far again, which
    /// is where more no longer pays; a new start after 100 vain steps: from a
    /// scan over random, planar and sparse graphs.
    fn default() -> Self {
        Self { perturbation: 0.4 * std::f64::consts::PI, sweeps: 15, overshoot: 0.5, patience: 100 }
    }
}

impl Method for RankTwoRelaxation {
    fn name(&self) -> &'static str {
        "rank-two"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        self.validate()?;
        let strength = natural_strength(problem);
        let couplings = Couplings::new(problem, strength)?;
        let fields: Vec<f32> = problem.fields().iter().map(|h| (strength * h) as f32).collect();
        validate::finite("scaled fields in single precision", &fields)?;
        let (settings, level) = (self.clone(), Level::detect());
        Ok(Box::new(Relaxation { problem, settings, couplings, fields, level }))
    }
}

impl RankTwoRelaxation {
    fn validate(&self) -> Result<(), Error> {
        let fail = |what, expected, value| {
            Err(ebm_core::Error::Parameter { what, expected, value }.into())
        };
        if !(self.perturbation > 0.0 && self.perturbation <= std::f64::consts::PI) {
            return fail("perturbation", "positive, at most pi", self.perturbation);
        }
        if self.sweeps == 0 {
            return fail("sweeps", "at least 1", 0.0);
        }
        if !(0.0..1.0).contains(&self.overshoot) {
            return fail("overshoot", "from 0 to below 1", self.overshoot);
        }
        if self.patience == 0 {
            return fail("patience", "at least 1", 0.0);
        }
        Ok(())
    }
}

struct Relaxation<'a> {
    problem: &'a Ising,
    settings: RankTwoRelaxation,
    couplings: Couplings,
    fields: Vec<f32>,
    level: Level,
}

impl Prepared for Relaxation<'_> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn natural_steps(&self) -> usize {
        100
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut units = vec![Unit::ZERO; self.problem.spins()];
        let mut forces = self.couplings.forces(1.0);
        let mut search = Search::new(self.problem);
        let mut walkers: Vec<_> =
            (0..LANES).map(|lane| Walker::new(self.problem, task, lane)).collect();
        let mut made = 0;
        while made < task.steps() && !task.should_stop() {
            for (lane, walker) in walkers.iter_mut().enumerate() {
                walker.place(&self.settings, lane, &mut units);
            }
            self.descend(task, forces.as_mut(), &mut units);
            for (lane, walker) in walkers.iter_mut().take(task.lanes()).enumerate() {
                search.round(&units, lane);
                search.polish();
                walker.accept(&mut search, self.settings.patience);
                task.offer(&walker.spins, walker.energy);
                if task.should_stop() {
                    break;
                }
            }
            made += 1;
        }
        for walker in walkers.iter_mut().take(task.lanes()) {
            if walker.best.is_finite() {
                task.finish(&mut walker.best_spins, made);
            } else {
                task.finish(&mut walker.spins, made);
            }
        }
    }
}

impl Relaxation<'_> {
    /// `forces` are those of dense couplings.
    fn descend(
        &self,
        task: &Task<'_>,
        mut forces: Option<&mut Forces<i16, CELLS>>,
        units: &mut [Unit],
    ) {
        let overshoot = self.settings.overshoot as f32;
        if let (Couplings::Dense(dense), Some(forces)) = (&self.couplings, &mut forces) {
            dense.refresh(self.level, forces, |i| units[i].cells());
        }
        // A number of sweeps that does not depend on which lanes are in use.
        for _ in 0..self.settings.sweeps {
            match (&self.couplings, &mut forces) {
                (Couplings::Sparse(rows), _) => {
                    let _ = relax(self.level, rows, &self.fields, overshoot, units);
                }
                (Couplings::Dense(dense), Some(forces)) => {
                    let mut turns = Turns { fields: &self.fields, overshoot, units };
                    for panel in 0..dense.panels() {
                        dense.sweep(self.level, panel, forces, &mut turns);
                    }
                }
                (Couplings::Dense(_), None) => debug_assert!(false, "dense couplings have forces"),
            }
            if task.should_stop() {
                break;
            }
        }
    }
}

/// Where one replica stands.
struct Walker {
    rng: ChaCha8Rng,
    spins: Vec<i8>,
    /// Of `spins`; infinite before the first state.
    energy: f64,
    /// Vain steps.
    vain: usize,
    best_spins: Vec<i8>,
    best: f64,
}

impl Walker {
    fn new(problem: &Ising, task: &Task<'_>, lane: usize) -> Self {
        let mut rng = task.rng(lane);
        let start = task.start(lane);
        let spins: Vec<i8> = match start {
            Some(spins) => spins.to_vec(),
            None => (0..problem.spins()).map(|_| if rng.random() { 1 } else { -1 }).collect(),
        };
        // A given state counts as it is.
        let energy = if start.is_some() { problem.energy_of(&spins) } else { f64::INFINITY };
        let best_spins = spins.clone();
        Self { rng, spins, energy, vain: 0, best_spins, best: energy }
    }

    /// Angles around the state, or anywhere before the first.
    fn place(&mut self, settings: &RankTwoRelaxation, lane: usize, units: &mut [Unit]) {
        let fresh = self.energy.is_infinite();
        let reach = if fresh { 0.5 } else { settings.perturbation / std::f64::consts::TAU };
        let scale = (2.0 * reach) as f32 / 65_536.0;
        let mut word = 0;
        for (i, (unit, spin)) in units.iter_mut().zip(&self.spins).enumerate() {
            // Two angles of 16 bits from a word.
            word = if i % 2 == 0 { self.rng.next_u32() } else { word >> 16 };
            let turns = ((word & 0xffff) as f32 - 32_767.5) * scale;
            let (sin, cos) = sin_cos_turns(turns);
            let side = f32::from(*spin);
            (unit.sin[lane], unit.cos[lane]) = (side * sin, side * cos);
        }
    }

    /// Takes over from `search.spins` the clusters that do not raise the energy.
    fn accept(&mut self, search: &mut Search<'_>, patience: usize) {
        let before = self.energy;
        if self.energy.is_infinite() {
            self.spins.copy_from_slice(&search.spins);
            self.energy = search.problem.energy_of(&self.spins);
        } else {
            let change = search.merge(&mut self.spins, &mut self.rng);
            if change < 0.0 {
                // Clusters were optimal apart, not together.
                search.spins.copy_from_slice(&self.spins);
                search.polish();
                self.spins.copy_from_slice(&search.spins);
                self.energy = search.problem.energy_of(&self.spins);
            }
        }
        if self.energy < self.best {
            self.best = self.energy;
            self.best_spins.copy_from_slice(&self.spins);
        }
        self.vain = if self.energy < before { 0 } else { self.vain + 1 };
        if self.vain >= patience {
            self.vain = 0;
            self.energy = f64::INFINITY;
        }
    }
}

/// The memory of rounding, local search and merging.
struct Search<'a> {
    problem: &'a Ising,
    reader: Reader<'a>,
    spins: Vec<i8>,
    field: Vec<f64>,
    /// Changes of a local field below this are rounding.
    slack: Vec<f64>,
    has_fields: bool,
    /// Nodes whose cluster is known carry the number of the merge.
    seen: Vec<u32>,
    merges: u32,
    cluster: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Ising) -> Self {
        let n = problem.spins();
        let exact = problem.has_exact_sums();
        let slack = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            let scale = weights.iter().map(|w| w.abs()).sum::<f64>() + problem.fields()[i].abs();
            if exact { 0.0 } else { 1e-10 * scale }
        };
        Self {
            problem,
            reader: Reader::new(problem),
            spins: vec![1; n],
            field: vec![0.0; n],
            slack: (0..n).map(slack).collect(),
            has_fields: problem.fields().iter().any(|h| *h != 0.0),
            seen: vec![0; n],
            merges: 0,
            cluster: Vec::with_capacity(n),
        }
    }

    /// Procedure-CUT on the units of a lane.
    fn round(&mut self, units: &[Unit], lane: usize) {
        for (turns, unit) in self.reader.turns.iter_mut().zip(units) {
            *turns = diamond(f64::from(unit.sin[lane]), f64::from(unit.cos[lane]));
        }
        // The best angle draws nothing.
        let mut unused = ebm_core::random::stream(0, 0);
        self.reader.read(ReadOut::BestAngle, &mut unused, &mut self.spins);
    }

    /// Flips single spins and coupled pairs as long as that lowers the energy.
    fn polish(&mut self) {
        for (i, field) in self.field.iter_mut().enumerate() {
            *field = self.problem.field_at(&self.spins, i);
        }
        loop {
            while self.single_flips() {}
            if !self.pair_flips() {
                return;
            }
        }
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
    fn merge(&mut self, state: &mut [i8], rng: &mut ChaCha8Rng) -> f64 {
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
mod tests {
    use super::*;
    use crate::{Run, Solver, exhaustive};
    use ebm_core::random;

    fn glass(n: usize, density: f64, seed: u64) -> Ising {
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

    /// By rows, in fixed point and in single precision.
    fn problems_of_all_forms() -> [Ising; 3] {
        [glass(50, 0.1, 1), glass(66, 1.0, 2), glass(66, 1.0, 1)]
    }

    #[test]
    fn finds_the_exhaustive_optimum() {
        for seed in 0..60 {
            let problem = glass(16, 0.4, seed);
            let run = Run { replicas: Some(16), steps: Some(30), ..Run::seeded(seed) };
            let solution = RankTwoRelaxation::default().solve(&problem, &run).unwrap();
            let ground = exhaustive::ground_state(&problem).unwrap();
            assert!((solution.best.energy - ground.energy).abs() < 1e-9, "seed {seed}");
        }
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
            let mut search = Search::new(&problem);
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
            let mut search = Search::new(&problem);
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

    #[test]
    fn bits_do_not_depend_on_threads_or_replica_count() {
        for problem in problems_of_all_forms() {
            bits_of_runs_agree(&problem);
        }
    }

    fn bits_of_runs_agree(problem: &Ising) {
        let run = Run { replicas: Some(40), steps: Some(20), ..Run::seeded(9) };
        let with = |threads: usize, run: &Run| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let solution = RankTwoRelaxation::default().solve(problem, run).unwrap();
                (solution.best, solution.replicas)
            })
        };
        let one = with(1, &run);
        assert_eq!(one, with(2, &run));
        assert_eq!(one, with(4, &run));
        let fewer = Run { replicas: Some(7), ..run };
        assert_eq!(with(1, &fewer).1, one.1[..7]);
    }

    #[test]
    fn steps_do_not_allocate() {
        let count = |problem: &Ising, steps: usize| {
            let run = Run { replicas: Some(16), steps: Some(steps), ..Run::seeded(9) };
            let solve = || RankTwoRelaxation::default().solve(problem, &run).unwrap();
            let mut trace = 0;
            let info = allocation_counter::measure(|| trace = solve().trace.len());
            // Improvements are recorded; nothing else may grow with the steps.
            info.count_total as i64 - (trace.max(4) as i64).ilog2() as i64
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for problem in problems_of_all_forms() {
            pool.install(|| assert!(count(&problem, 100) <= count(&problem, 3) + 1));
        }
    }

    #[test]
    fn given_states_are_never_lost() {
        let problem = glass(14, 0.5, 4);
        let ground = exhaustive::ground_state(&problem).unwrap();
        let starts = vec![ground.spins.clone()];
        let run = Run { replicas: Some(3), steps: Some(2), starts, ..Run::seeded(1) };
        let solution = RankTwoRelaxation::default().solve(&problem, &run).unwrap();
        assert!(solution.replicas.iter().all(|r| (r.read_out - ground.energy).abs() < 1e-9));
    }

    #[test]
    fn degenerate_problems_are_solved() {
        let method = RankTwoRelaxation::default();
        let run = Run { replicas: Some(3), steps: Some(5), ..Run::seeded(0) };
        for n in [1, 2, 5] {
            let free = Ising::from_couplings(n, &[]).unwrap();
            assert_eq!(method.solve(&free, &run).unwrap().best.energy, 0.0);
        }
        let field = Ising::from_couplings(1, &[]).unwrap().with_fields(vec![-2.0]).unwrap();
        assert_eq!(method.solve(&field, &run).unwrap().best.spins, [-1]);
        for unit in [1e200, 1e-200] {
            let pairs = [(0, 1, unit), (1, 2, -unit)];
            let extreme = Ising::from_couplings(3, &pairs).unwrap();
            assert_eq!(method.solve(&extreme, &run).unwrap().best.energy, -2.0 * unit);
        }
    }

    #[test]
    fn rejects_bad_settings() {
        let problem = glass(5, 0.5, 0);
        let default = RankTwoRelaxation::default();
        for method in [
            RankTwoRelaxation { perturbation: 0.0, ..default.clone() },
            RankTwoRelaxation { perturbation: f64::NAN, ..default.clone() },
            RankTwoRelaxation { perturbation: 4.0, ..default.clone() },
            RankTwoRelaxation { sweeps: 0, ..default.clone() },
            RankTwoRelaxation { overshoot: 1.0, ..default.clone() },
            RankTwoRelaxation { patience: 0, ..default },
        ] {
            assert!(method.solve(&problem, &Run::default()).is_err(), "{method:?}");
        }
    }
}
