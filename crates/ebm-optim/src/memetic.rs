//! A memetic algorithm: a small population whose members are recombined by
//! partition crossover and improved by annealing from a moderate temperature.
//!
//! ```text
//! found:   s₁ … s_P, each annealed from the hot end
//! repeat:  c ← best child of s_a and s_b
//!          t ← c annealed from a random share of the hot temperature
//!          c ← best child of c and t;      s_a ← c if H(c) ≤ H(s_a)
//! ```
//!
//! On sparse graphs a reheated state differs from its origin in many clusters
//! that no coupling joins, of which some are better and some worse; the
//! crossover keeps the better ones, so what many short runs find in different
//! places adds up. Given states join the population as they are. A step is a
//! sweep, one proposal for each spin.
//!
//! Sources: P. Moscato, Caltech Concurrent Computation Program Report 826
//! (1989), for the scheme; R. Tinós, D. Whitley and F. Chicano, FOGA 2015, DOI
//! 10.1145/2725494.2725497, for the crossover; A. Möbius et al., Phys. Rev.
//! Lett. 79, 4297 (1997), for cycles of heating and quenching.

use ebm_core::validate;
use rand::{Rng, RngExt};

use crate::best_state::Best;
use crate::kernels::sweep::{self, Acceptance, Clock, Draws};
use crate::partition_crossover::PartitionCrossover;
use crate::simulated_annealing::{TemperatureRange, half_temperature, starting_spins};
use crate::solver::{Method, Prepared};
use crate::spin_system::{self, Count, Links, SpinState, System};
use crate::{Error, IntegerIsing, Ising, Task};

/// The memetic algorithm.
///
/// ```
/// use ebm_optim::{Graph, MemeticAnnealing, Run, Solver};
/// let ring = (0..40).map(|i| (i, (i + 1) % 40, 1.0));
/// let graph = Graph::new(40, ring.collect())?;
/// let run = Run { replicas: Some(1), steps: Some(2000), ..Run::seeded(1) };
/// let solution = MemeticAnnealing::default().solve(graph.ising(), &run)?;
/// assert_eq!(graph.cut(&solution.best.spins)?, 40.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemeticAnnealing {
    /// Members of the population; `None`: as many as can be founded with ten
    /// sweeps a spin each, from 4 to 16, and a single one, annealed throughout,
    /// in runs of less than four reheatings. At most 1024.
    pub members: Option<usize>,
    /// Share of the steps in which the population is founded, from 0 to 1.
    pub founding: f64,
    /// Sweeps of a reheating, ≥ 1.
    pub sweeps: usize,
    /// Lowest and highest temperature of a reheating, as shares of the hot end
    /// of [`TemperatureRange::automatic`].
    pub reheat: (f64, f64),
}

impl Default for MemeticAnnealing {
    /// Half of the steps for the population, then 500 sweeps from 0.4 to 0.8 of
    /// the hot temperature: among the best of a scan over a planar graph of
    /// 2000 and a random one of 5000 nodes, and flat around there.
    fn default() -> Self {
        Self { members: None, founding: 0.5, sweeps: 500, reheat: (0.4, 0.8) }
    }
}

/// Each member holds a state of all spins.
const MOST_MEMBERS: usize = 1024;

/// Sweeps a spin below which founding one member more is worth less than
/// founding the others well.
const FOUNDING_SWEEPS: f64 = 10.0;

/// Reheatings that take so long that breeding is worth it.
const SHORT: usize = 4;

impl Method for MemeticAnnealing {
    fn name(&self) -> &'static str {
        "memetic"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        let members = self.members.unwrap_or(1);
        if !(1..=MOST_MEMBERS).contains(&members) {
            let (what, expected) = ("members of the population", "1 to 1024");
            let value = members as f64;
            return Err(ebm_core::Error::Parameter { what, expected, value }.into());
        }
        validate::positive("sweeps of a reheating", self.sweeps as f64)?;
        let shares = [
            ("share of founding", self.founding),
            ("lowest reheating", self.reheat.0),
            ("highest reheating", self.reheat.1),
        ];
        for (what, value) in shares {
            validate::non_negative(what, value)?;
        }
        if self.founding > 1.0 {
            let (what, expected) = ("share of founding", "at most 1");
            return Err(ebm_core::Error::Parameter { what, expected, value: self.founding }.into());
        }
        let integers = IntegerIsing::rounded(problem);
        let build = Build {
            offset: problem.offset(),
            unit: integers.unit(),
            range: TemperatureRange::automatic(problem),
            has_fields: problem.fields().iter().any(|h| *h != 0.0),
            method: *self,
        };
        Ok(spin_system::build(&integers, build))
    }
}

struct Build {
    offset: f64,
    unit: f64,
    range: TemperatureRange,
    has_fields: bool,
    method: MemeticAnnealing,
}

impl spin_system::Visitor for Build {
    type Output = Box<dyn Prepared>;

    fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> Self::Output {
        Box::new(Breeder { system, settings: self })
    }
}

struct Breeder<F: Count, L> {
    system: System<F, L>,
    settings: Build,
}

/// One replica at work: the annealing of a state.
struct Annealing<'a, F: Count, L> {
    system: &'a System<F, L>,
    settings: &'a Build,
    draws: Draws<F>,
    clock: Clock,
    made: usize,
}

impl<F: Count, L: Links<F>> Annealing<'_, F, L> {
    /// Cools `state` linearly from `hot` within `sweeps`; false if the task
    /// ended on the way.
    fn cool(&mut self, state: &mut SpinState<F>, hot: f64, sweeps: usize, task: &Task<'_>) -> bool {
        let cold = self.settings.range.cold;
        for k in 0..sweeps {
            if self.made >= task.steps() {
                return false;
            }
            let fraction = k as f64 / (sweeps - 1).max(1) as f64;
            let scale = half_temperature(hot + (cold - hot) * fraction, self.settings.unit);
            for blocks in self.system.stretches() {
                let rule = Acceptance::Metropolis;
                let work = sweep::sweep(self.system, state, &mut self.draws, rule, scale, blocks);
                if self.clock.stop_after(work, task) {
                    return false;
                }
            }
            self.made += 1;
        }
        true
    }

    /// A number between the two.
    fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.draws.rng().random::<f64>()
    }

    /// Two different members.
    fn pair(&mut self, members: usize) -> (usize, usize) {
        let a = self.draws.rng().random_range(0..members);
        if members == 1 {
            return (0, 0);
        }
        let b = self.draws.rng().random_range(0..members - 1);
        (a, b + usize::from(b >= a))
    }
}

/// The states of the members, side by side.
struct Population<F> {
    spins: Vec<F>,
    fields: Vec<F>,
    energies: Vec<i64>,
}

impl<F: Count> Population<F> {
    /// Room for `members` states like `state`.
    fn new(state: &SpinState<F>, members: usize) -> Self {
        Self {
            spins: state.spins.repeat(members),
            fields: state.fields.repeat(members),
            energies: vec![state.energy; members],
        }
    }

    fn spins(&self, member: usize) -> &[F] {
        let length = self.spins.len() / self.energies.len();
        &self.spins[member * length..][..length]
    }

    fn get(&self, member: usize, state: &mut SpinState<F>) {
        state.spins.copy_from_slice(self.spins(member));
        let length = state.fields.len();
        state.fields.copy_from_slice(&self.fields[member * length..][..length]);
        state.energy = self.energies[member];
    }

    fn put(&mut self, member: usize, state: &SpinState<F>) {
        let length = state.spins.len();
        self.spins[member * length..][..length].copy_from_slice(&state.spins);
        let length = state.fields.len();
        self.fields[member * length..][..length].copy_from_slice(&state.fields);
        self.energies[member] = state.energy;
    }
}

/// Flips each spin with probability one half.
fn scramble<F: Count, L: Links<F>>(
    system: &System<F, L>,
    state: &mut SpinState<F>,
    rng: &mut impl Rng,
) {
    for slots in system.slots_of_spins().chunks(64) {
        let mut bits = rng.next_u64();
        for &slot in slots {
            if bits & 1 == 1 {
                system.flip(state, slot as usize);
            }
            bits >>= 1;
        }
    }
}

/// The given states that join a population: the replica's own and then the
/// others in order, but at most half of the members, so that there are some to
/// bring what those lack.
fn given<'a>(task: &Task<'a>, members: usize) -> Vec<&'a [i8]> {
    let own = task.start(0);
    let others = task.starts().iter().map(Vec::as_slice);
    // The same state twice would be no second member.
    let others = others.filter(|spins| own.is_some_and(|own| own != *spins));
    own.into_iter().chain(others).take((members / 2).max(1)).collect()
}

impl<F: Count, L: Links<F>> Breeder<F, L> {
    /// Members of a population, and sweeps for founding each.
    fn population(&self, steps: usize) -> (usize, usize) {
        let method = &self.settings.method;
        let founding = method.founding * steps as f64;
        if method.members.is_none() && steps / SHORT < method.sweeps {
            return (1, steps);
        }
        let automatic = || {
            let well_founded = founding / (FOUNDING_SWEEPS * self.system.spins() as f64);
            (well_founded as usize).clamp(4, 16)
        };
        let members = method.members.unwrap_or_else(automatic);
        (members, ((founding / members as f64) as usize).max(1))
    }
}

impl<F: Count, L: Links<F>> Prepared for Breeder<F, L> {
    fn lanes(&self) -> usize {
        1
    }

    fn natural_steps(&self) -> usize {
        10_000
    }

    fn prefers_one_replica(&self) -> bool {
        true
    }

    fn run(&self, task: &mut Task<'_>) {
        let (system, settings) = (&self.system, &self.settings);
        let (members, founding) = self.population(task.steps());
        let draws = Draws::new(task.rng(0));
        let mut annealing = Annealing { system, settings, draws, clock: Clock::default(), made: 0 };
        let given = given(task, members);
        let start = task.start(0);
        let spins = starting_spins(system.spins(), start, annealing.draws.rng());
        let mut child = system.state();
        system.set(&mut child, &spins);
        let mut best = Best::new(system, &child, settings.unit, settings.offset);
        let mut crossover = PartitionCrossover::new(system, settings.has_fields);
        let mut trial = system.state();
        let mut population = Population::new(&child, members);
        let mut going = true;
        for member in 0..members {
            if let Some(spins) = given.get(member) {
                // A given state is a member as it is.
                system.set(&mut child, spins);
            } else {
                if member > 0 {
                    scramble(system, &mut child, annealing.draws.rng());
                }
                going = annealing.cool(&mut child, settings.range.hot, founding, task);
            }
            best.keep(&child);
            best.report_now(system, task);
            population.put(member, &child);
            if !going {
                break;
            }
        }
        while going {
            let (a, b) = annealing.pair(members);
            population.get(a, &mut child);
            crossover.improve(system, &mut child, population.spins(b));
            trial.copy_from(&child);
            let hot = settings.range.hot * annealing.between(settings.method.reheat);
            going = annealing.cool(&mut trial, hot, settings.method.sweeps, task);
            crossover.improve(system, &mut child, &trial.spins);
            if child.energy <= population.energies[a] {
                population.put(a, &child);
            }
            best.keep(&trial);
            best.keep(&child);
            best.report_now(system, task);
        }
        best.finish(system, &child, task, annealing.made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Solver};

    #[test]
    fn rejects_bad_settings() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        let default = MemeticAnnealing::default();
        let bad = [
            MemeticAnnealing { members: Some(0), ..default },
            MemeticAnnealing { members: Some(usize::MAX), ..default },
            MemeticAnnealing { sweeps: 0, ..default },
            MemeticAnnealing { founding: 1.5, ..default },
            MemeticAnnealing { founding: f64::NAN, ..default },
            MemeticAnnealing { reheat: (-0.1, 0.5), ..default },
            MemeticAnnealing { reheat: (0.1, f64::INFINITY), ..default },
        ];
        for method in bad {
            assert!(method.solve(&pair, &Run::default()).is_err(), "{method:?}");
        }
    }

    /// A target that the founders reach ends the run before it breeds.
    #[test]
    fn improvements_are_told_as_they_are_made() {
        let ring: Vec<_> = (0..50).map(|i| (i, (i + 1) % 50, 1.0)).collect();
        let ring = Ising::from_couplings(50, &ring).unwrap();
        let run =
            Run { replicas: Some(1), steps: Some(100_000), target: Some(-50.0), ..Run::seeded(1) };
        let solution = MemeticAnnealing::default().solve(&ring, &run).unwrap();
        assert_eq!(solution.outcome, crate::Outcome::TargetReached);
        assert!(solution.replicas[0].steps < 60_000, "{}", solution.replicas[0].steps);
    }

    /// Recombination keeps what the founders found, and on most graphs adds to it.
    #[test]
    fn recombination_gains_over_its_founders() {
        let mut gained = 0;
        for seed in 1..=6 {
            let cubic = crate::generate::random_regular(600, 3, seed).unwrap();
            let mut rng = ebm_core::random::stream(seed, 1);
            let signs = |(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 });
            let pairs: Vec<_> = cubic.into_iter().map(signs).collect();
            let glass = Ising::from_couplings(600, &pairs).unwrap();
            let energy = |founding, steps| {
                let method = MemeticAnnealing {
                    members: Some(4),
                    founding,
                    sweeps: 100,
                    ..Default::default()
                };
                let run = Run { replicas: Some(1), steps: Some(steps), ..Run::seeded(seed) };
                method.solve(&glass, &run).unwrap().best.energy
            };
            // The same founders, 250 sweeps each; then half of the steps for more.
            let (founders, bred) = (energy(1.0, 1000), energy(0.5, 2000));
            assert!(bred <= founders, "{bred} after {founders}");
            gained += usize::from(bred < founders);
        }
        assert!(gained >= 5, "{gained}");
    }
}
