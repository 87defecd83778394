//! The method: settings, and the steps of a block of replicas.

use ebm_core::validate;
use ebm_core::vector_math::Level;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::batch_descent::BlockDescent;
use crate::kernels::dense::{Couplings, Forces};
use crate::kernels::oscillator::{CELLS, Unit, sin_cos_turns};
use crate::kernels::rank_two::{Turns, relax};
use crate::kernels::rows::LANES;
use crate::kernels::spin_fields::BatchFields;
use crate::oscillator::natural_strength;
use crate::solver::{Method, Prepared};
use crate::{Error, Ising, Task};

use super::local_search::Search;

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
        // The first block of a timed run has a thirty-second of these.
        self.couplings.natural_steps(100, 32)
    }

    fn run(&self, task: &mut Task<'_>) {
        let mut units = vec![Unit::ZERO; self.problem.spins()];
        let mut forces = self.couplings.forces(1.0);
        let dense = self.couplings.dense();
        let mut search = Search::new(self.problem, dense);
        let mut fields = dense.map(|dense| BatchFields::new(dense, self.level));
        let mut walkers: Vec<_> =
            (0..LANES).map(|lane| Walker::new(self.problem, task, lane)).collect();
        let patience = self.settings.patience;
        let mut made = 0;
        while made < task.steps() && !task.should_stop() {
            for (lane, walker) in walkers.iter_mut().enumerate() {
                walker.place(&self.settings, lane, &mut units);
            }
            self.descend(task, forces.as_mut(), &mut units);
            match &mut fields {
                None => search_apart(task, &units, &mut search, &mut walkers, patience),
                Some(fields) => {
                    search_together(task, &units, &mut search, fields, &mut walkers, patience);
                }
            }
            made += 1;
        }
        let mut descent = BlockDescent::new(self.problem, &self.couplings, self.level);
        descent.finish(task, made, |lane, spins| {
            let Walker { best, best_spins, spins: last, .. } = &walkers[lane];
            spins.copy_from_slice(if best.is_finite() { best_spins } else { last });
        });
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

/// Rounds, searches and merges one replica after the other.
fn search_apart(
    task: &mut Task<'_>,
    units: &[Unit],
    search: &mut Search<'_>,
    walkers: &mut [Walker],
    patience: usize,
) {
    for (lane, walker) in walkers.iter_mut().take(task.lanes()).enumerate() {
        search.round(units, lane);
        search.polish();
        walker.accept_clusters(search);
        walker.count(patience);
        task.offer(&walker.spins, walker.energy);
        if task.should_stop() {
            break;
        }
    }
}

/// The same on dense couplings, where one product gives the local fields of all
/// replicas, and all that differs from a state is one cluster.
fn search_together(
    task: &mut Task<'_>,
    units: &[Unit],
    search: &mut Search<'_>,
    fields: &mut BatchFields<'_>,
    walkers: &mut [Walker],
    patience: usize,
) {
    for (lane, walker) in walkers.iter().take(task.lanes()).enumerate() {
        search.round(units, lane);
        fields.set(lane, &search.spins);
        // A first state is due even so.
        if task.should_stop() && walker.best.is_finite() {
            return;
        }
    }
    fields.multiply();
    for (lane, walker) in walkers.iter_mut().take(task.lanes()).enumerate() {
        fields.get(lane, &mut search.spins);
        search.polish_from(|i| fields.at(lane, i));
        walker.accept_whole(search);
        walker.count(patience);
        task.offer(&walker.spins, walker.energy);
        if task.should_stop() {
            break;
        }
    }
}

/// Where one replica stands.
struct Walker {
    rng: ChaCha8Rng,
    spins: Vec<i8>,
    /// Of `spins`; infinite before the first state.
    energy: f64,
    /// The energy before the step.
    before: f64,
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
        Self { rng, spins, energy, before: energy, vain: 0, best_spins, best: energy }
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
    fn accept_clusters(&mut self, search: &mut Search<'_>) {
        self.before = self.energy;
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
    }

    /// Takes over `search.spins` unless that raises the energy; ties by chance.
    fn accept_whole(&mut self, search: &Search<'_>) {
        self.before = self.energy;
        let energy = search.energy();
        if energy < self.energy {
            // What seems to be lower may be rounding.
            let energy =
                if search.exact { energy } else { search.problem.energy_of(&search.spins) };
            if energy < self.energy {
                self.energy = energy;
                self.spins.copy_from_slice(&search.spins);
            }
        } else if energy == self.energy && self.rng.random() {
            self.spins.copy_from_slice(&search.spins);
        }
    }

    /// Keeps the best, and starts anew after many vain steps.
    fn count(&mut self, patience: usize) {
        if self.energy < self.best {
            self.best = self.energy;
            self.best_spins.copy_from_slice(&self.spins);
        }
        self.vain = if self.energy < self.before { 0 } else { self.vain + 1 };
        if self.vain >= patience {
            self.vain = 0;
            self.energy = f64::INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank_two::local_search::tests::glass;
    use crate::{Run, Solver, exhaustive};

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
