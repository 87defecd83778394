//! Simulated annealing: single-spin updates at a temperature that falls.
//!
//! ```text
//! flip i with probability  min(1, e^{−ΔHᵢ/T})  or  1/(1 + e^{ΔHᵢ/T}),    T = T(step/steps)
//! ```
//!
//! (the first ¾ where `ΔHᵢ = 0`, see [`Acceptance`]).//!
//! At a fixed temperature the states occur with probability `∝ e^{−H/T}`; slow
//! cooling ends in states of low energy. A step is a sweep, one proposal for
//! each spin. Local fields are integers and kept up to date, so a rejected
//! proposal costs one comparison in a vector of sixteen and an accepted one
//! `O(degree)`. Couplings that are not multiples of a unit are rounded to 28
//! bits of the largest local field; reported energies are those of the problem.
//!
//! Source: S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi, Science 220, 671
//! (1983), DOI 10.1126/science.220.4598.671.

use ebm_core::validate;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::best_state::Best;
pub use crate::kernels::sweep::Acceptance;
use crate::kernels::sweep::{self, Clock, Draws};
use crate::schedule::Schedule;
use crate::solver::{Method, Prepared};
use crate::spin_system::{self, Count, LANES, Links, System};
use crate::{Error, IntegerIsing, Ising, Task};

/// The automatic range, in typical local fields and typical couplings: the best
/// of a scan over sparse and dense graphs.
const HOT: f64 = 0.6;
const COLD: f64 = 0.1;

/// Longest share of a run in which the spins of the largest fields settle.
const HEAD: f64 = 0.1;

/// The temperatures between which a run cools.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureRange {
    /// At the start.
    pub hot: f64,
    /// At the end.
    pub cold: f64,
}

impl TemperatureRange {
    /// The range that suits a problem: from a share of the typical local field
    /// `σ = √(mean over i of Σⱼ Jᵢⱼ² + hᵢ²)`, where nearly all order is lost, to
    /// a share of the typical coupling, where nearly all spins are frozen.
    ///
    /// ```
    /// use ebm_optim::{Ising, simulated_annealing::TemperatureRange};
    /// let chain = Ising::from_couplings(3, &[(0, 1, 2.0), (1, 2, -2.0)])?;
    /// let range = TemperatureRange::automatic(&chain);
    /// assert!(0.0 < range.cold && range.cold < range.hot);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn automatic(problem: &Ising) -> Self {
        let scales = Scales::new(problem);
        // Of the least couplings there are, a share is zero.
        let share = |share: f64, scale: f64| (share * scale).max(f64::MIN_POSITIVE);
        Self { hot: share(HOT, scales.field), cold: share(COLD, scales.coupling) }
    }
}

/// Root mean squares, one where all couplings and fields vanish.
struct Scales {
    /// Of the local field of a typical spin, over random states.
    field: f64,
    /// The same of the spin where it is largest, over that.
    spread: f64,
    /// Of the couplings and fields that are not zero.
    coupling: f64,
}

impl Scales {
    fn new(problem: &Ising) -> Self {
        let n = problem.spins();
        let weights = |i: usize| {
            let couplings = problem.couplings().neighbors(i).1.iter();
            couplings.chain([&problem.fields()[i]]).map(|w| w.abs()).filter(|w| *w > 0.0)
        };
        let largest = (0..n).flat_map(weights).fold(0.0, f64::max);
        if largest == 0.0 {
            return Self { field: 1.0, spread: 1.0, coupling: 1.0 };
        }
        // In units of the largest weight, so that no square overflows.
        let (mut sum, mut most, mut count) = (0.0, 0.0_f64, 0_usize);
        for i in 0..n {
            let row: f64 = weights(i).map(|w| (w / largest) * (w / largest)).sum();
            sum += row;
            most = most.max(row);
            count += weights(i).count();
        }
        let root = |square: f64| square.sqrt() * largest;
        Self {
            field: root(sum / n as f64),
            spread: (most / (sum / n as f64)).sqrt(),
            coupling: root(sum / count as f64),
        }
    }
}

/// Temperature over a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Cooling {
    /// Linear over [`TemperatureRange::automatic`]; where some spins feel much
    /// larger fields than others, up to a tenth of the run before that cools from
    /// the scale of the largest, so that these spins do not freeze at once.
    Automatic,
    /// Falling in equal differences; `None`: [`TemperatureRange::automatic`].
    Linear(Option<TemperatureRange>),
    /// Falling in equal ratios; `None`: [`TemperatureRange::automatic`].
    Geometric(Option<TemperatureRange>),
    /// Any schedule of temperatures, not negative.
    Custom(Schedule),
}

/// Simulated annealing.
///
/// ```
/// use ebm_optim::{Ising, Run, SimulatedAnnealing, Solver};
/// let ring = Ising::from_couplings(4, &[(0, 1, -1.0), (1, 2, -1.0), (2, 3, -1.0), (0, 3, -1.0)])?;
/// let run = Run { replicas: Some(4), steps: Some(100), ..Run::seeded(1) };
/// let solution = SimulatedAnnealing::default().solve(&ring, &run)?;
/// assert_eq!(solution.best.energy, -4.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedAnnealing {
    /// The rule of acceptance.
    pub acceptance: Acceptance,
    /// Temperature over the run.
    pub cooling: Cooling,
}

impl Default for SimulatedAnnealing {
    /// Metropolis with automatic cooling: the best of a scan over sparse and
    /// dense graphs.
    fn default() -> Self {
        Self { acceptance: Acceptance::Metropolis, cooling: Cooling::Automatic }
    }
}

impl Method for SimulatedAnnealing {
    fn name(&self) -> &'static str {
        "annealing"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        let cooling = self.cooling.resolve(problem)?;
        let integers = IntegerIsing::rounded(problem);
        let build = Build {
            offset: problem.offset(),
            unit: integers.unit(),
            cooling,
            acceptance: self.acceptance,
        };
        Ok(spin_system::build(&integers, build))
    }
}

/// A cooling whose temperatures are known.
enum Temperatures {
    Linear(TemperatureRange),
    Geometric(TemperatureRange),
    Custom(Schedule),
}

impl Cooling {
    fn resolve(&self, problem: &Ising) -> Result<Temperatures, Error> {
        let range = |given: &Option<TemperatureRange>| -> Result<TemperatureRange, Error> {
            let Some(range) = *given else { return Ok(TemperatureRange::automatic(problem)) };
            validate::non_negative("hot temperature", range.hot)?;
            validate::non_negative("cold temperature", range.cold)?;
            Ok(range)
        };
        Ok(match self {
            Self::Automatic => {
                let scales = Scales::new(problem);
                let range = TemperatureRange::automatic(problem);
                let head = HEAD * (1.0 - 1.0 / scales.spread);
                let mut knots = vec![(head, range.hot), (1.0, range.cold)];
                if head > 0.0 {
                    knots.insert(0, (0.0, range.hot * scales.spread));
                }
                Temperatures::Custom(Schedule::new(knots)?)
            }
            Self::Linear(given) => Temperatures::Linear(range(given)?),
            Self::Geometric(given) => {
                let range = range(given)?;
                validate::positive("hot temperature", range.hot)?;
                validate::positive("cold temperature", range.cold)?;
                Temperatures::Geometric(range)
            }
            Self::Custom(schedule) => {
                schedule.non_negative("temperature")?;
                Temperatures::Custom(schedule.clone())
            }
        })
    }
}

impl Temperatures {
    fn at(&self, fraction: f64) -> f64 {
        match self {
            Self::Linear(range) => range.hot + (range.cold - range.hot) * fraction,
            Self::Geometric(range) => range.hot * (range.cold / range.hot).powf(fraction),
            Self::Custom(schedule) => schedule.at(fraction),
        }
    }
}

/// Samples the law `∝ e^{−H/T}` at one temperature: shows `observe` the state
/// after each of `sweeps` sweeps. Without `start` the first state is random.
///
/// ```
/// use ebm_optim::{Ising, simulated_annealing::{Acceptance, sample}};
/// let pair = Ising::from_couplings(2, &[(0, 1, 1.0)])?;
/// let (temperature, mut aligned) = (2.0, 0);
/// let count = |spins: &[i8]| aligned += usize::from(spins[0] == spins[1]);
/// sample(&pair, Acceptance::HeatBath, temperature, 1, 10_000, None, count)?;
/// let expected = 1.0 / (1.0 + (-2.0_f64 / temperature).exp());
/// assert!((aligned as f64 / 10_000.0 - expected).abs() < 0.03);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// A temperature that is negative or not finite, a `start` that is no state of
/// the problem.
pub fn sample(
    problem: &Ising,
    acceptance: Acceptance,
    temperature: f64,
    seed: u64,
    sweeps: usize,
    start: Option<&[i8]>,
    observe: impl FnMut(&[i8]),
) -> Result<(), Error> {
    validate::non_negative("temperature", temperature)?;
    start.map_or(Ok(()), |start| problem.check_spins(start))?;
    let integers = IntegerIsing::rounded(problem);
    let scale = half_temperature(temperature, integers.unit());
    let rng = ebm_core::random::stream(seed, 0);
    let chain = Chain { acceptance, scale, rng, sweeps, start, observe };
    spin_system::build(&integers, chain);
    Ok(())
}

/// `T/2` in units of the integers.
pub(crate) fn half_temperature(temperature: f64, unit: f64) -> f32 {
    (0.5 * temperature / unit).min(1e30) as f32
}

/// [`sample`] as a visitor.
struct Chain<'a, O> {
    acceptance: Acceptance,
    scale: f32,
    rng: ChaCha8Rng,
    sweeps: usize,
    start: Option<&'a [i8]>,
    observe: O,
}

impl<O: FnMut(&[i8])> spin_system::Visitor for Chain<'_, O> {
    type Output = ();

    fn visit<F: Count, L: Links<F> + 'static>(mut self, system: System<F, L>) {
        let mut draws = Draws::new(self.rng);
        let mut spins = starting_spins(system.spins(), self.start, draws.rng());
        let mut state = system.state();
        system.set(&mut state, &spins);
        let blocks = system.slots() / LANES;
        for _ in 0..self.sweeps {
            sweep::sweep(&system, &mut state, &mut draws, self.acceptance, self.scale, 0..blocks);
            system.read(&state.spins, &mut spins);
            (self.observe)(&spins);
        }
    }
}

struct Build {
    offset: f64,
    unit: f64,
    cooling: Temperatures,
    acceptance: Acceptance,
}

impl spin_system::Visitor for Build {
    type Output = Box<dyn Prepared>;

    fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> Self::Output {
        Box::new(Annealer { system, settings: self })
    }
}

struct Annealer<F: Count, L> {
    system: System<F, L>,
    settings: Build,
}

impl<F: Count, L: Links<F>> Prepared for Annealer<F, L> {
    fn lanes(&self) -> usize {
        1
    }

    fn natural_steps(&self) -> usize {
        4_000
    }

    /// Measured on graphs of 800 to 10 000 nodes: beyond some twenty sweeps a
    /// spin, several runs find more than one that is longer.
    fn longest_steps(&self) -> usize {
        self.system.spins().saturating_mul(20).max(10_000)
    }

    fn run(&self, task: &mut Task<'_>) {
        let (system, settings) = (&self.system, &self.settings);
        let mut draws = Draws::new(task.rng(0));
        let spins = starting_spins(system.spins(), task.start(0), draws.rng());
        let mut state = system.state();
        system.set(&mut state, &spins);
        let mut best = Best::new(system, &state, settings.unit, settings.offset);
        let mut clock = Clock::default();
        let mut made = 0;
        'run: while made < task.steps() {
            let fraction = made as f64 / (task.steps() - 1).max(1) as f64;
            let scale = half_temperature(settings.cooling.at(fraction), settings.unit);
            for blocks in system.stretches() {
                let rule = settings.acceptance;
                let work = sweep::sweep(system, &mut state, &mut draws, rule, scale, blocks);
                if clock.stop_after(work, task) {
                    break 'run;
                }
            }
            made += 1;
            best.keep(&state);
            best.report(system, task);
        }
        best.finish(system, &state, task, made);
    }
}

/// The given state, or a random one.
pub(crate) fn starting_spins(n: usize, given: Option<&[i8]>, rng: &mut impl Rng) -> Vec<i8> {
    let mut spins = vec![1; n];
    match given {
        Some(given) => spins.copy_from_slice(given),
        None => {
            for chunk in spins.chunks_mut(64) {
                let mut bits = rng.next_u64();
                for spin in chunk {
                    *spin = if bits & 1 == 1 { 1 } else { -1 };
                    bits >>= 1;
                }
            }
        }
    }
    spins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Solver};

    #[test]
    fn the_least_couplings_have_temperatures() {
        let pairs: Vec<_> = (0..30).map(|i| (i, (i + 1) % 30, -5e-324)).collect();
        let least = Ising::from_couplings(30, &pairs).unwrap();
        let range = TemperatureRange::automatic(&least);
        assert!(range.cold > 0.0 && range.hot > 0.0);
        let run = Run { replicas: Some(2), steps: Some(10), ..Run::seeded(1) };
        for solver in crate::solvers::all() {
            assert!(solver.solve(&least, &run).is_ok(), "{}", solver.name());
        }
        let geometric =
            SimulatedAnnealing { cooling: Cooling::Geometric(None), ..Default::default() };
        assert!(geometric.solve(&least, &run).is_ok());
    }

    #[test]
    fn rejects_bad_settings() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        let range = |hot, cold| Some(TemperatureRange { hot, cold });
        let bad = [
            Cooling::Linear(range(-1.0, 0.0)),
            Cooling::Linear(range(1.0, f64::NAN)),
            Cooling::Geometric(range(1.0, 0.0)),
            Cooling::Geometric(range(f64::INFINITY, 1.0)),
            Cooling::Custom(Schedule::ramp(1.0, -1.0).unwrap()),
        ];
        for cooling in bad {
            let method = SimulatedAnnealing { cooling, ..Default::default() };
            assert!(method.solve(&pair, &Run::default()).is_err(), "{method:?}");
        }
        assert!(sample(&pair, Acceptance::Metropolis, -1.0, 1, 1, None, |_| ()).is_err());
        assert!(sample(&pair, Acceptance::Metropolis, 1.0, 1, 1, Some(&[1]), |_| ()).is_err());
    }

    #[test]
    fn hubs_are_given_time_to_settle() {
        let star: Vec<_> = (1..101).map(|i| (0, i, 1.0)).collect();
        let star = Ising::from_couplings(101, &star).unwrap();
        let automatic = Cooling::Automatic.resolve(&star).unwrap();
        let range = TemperatureRange::automatic(&star);
        assert!((automatic.at(0.0) - HOT * 10.0).abs() < 1e-12);
        assert!((automatic.at(1.0) - range.cold).abs() < 1e-12);
        let ring: Vec<_> = (0..100).map(|i| (i, (i + 1) % 100, 1.0)).collect();
        let ring = Ising::from_couplings(100, &ring).unwrap();
        let automatic = Cooling::Automatic.resolve(&ring).unwrap();
        let linear = Cooling::Linear(None).resolve(&ring).unwrap();
        for fraction in [0.0, 0.05, 0.5, 1.0] {
            assert!((automatic.at(fraction) - linear.at(fraction)).abs() < 1e-12);
        }
    }
}
