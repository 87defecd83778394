//! Parallel tempering: copies of the system at a ladder of temperatures, which
//! exchange their states.
//!
//! ```text
//! exchange the states at β = 1/T and β′ with probability  min(1, e^{(β − β′)(H − H′)})
//! ```
//!
//! Every copy keeps the law `∝ e^{−H/T}` of its temperature; a state trapped at
//! a cold one escapes through the hot ones. At each of the colder temperatures
//! isoenergetic cluster moves exchange whole domains between the copies there.
//! A step is one sweep of all copies, one pass of cluster moves and one attempt
//! for every other pair of neighboring temperatures.
//!
//! Source: K. Hukushima and K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996), arXiv
//! cond-mat/9512035; cluster moves of Z. Zhu, A. J. Ochoa and H. G. Katzgraber,
//! arXiv 1501.05630.

use std::cell::RefCell;

use ebm_core::{random, validate};
use rand::RngExt;

use crate::best_state::Best;
use crate::cluster_move::ClusterMove;
use crate::kernels::sweep::{self, Clock, Draws};
use crate::simulated_annealing::{Acceptance, TemperatureRange, half_temperature, starting_spins};
use crate::solver::{Method, Prepared};
use crate::spin_system::{self, Count, Links, SpinState, System};
use crate::{Error, IntegerIsing, Ising, Task};

/// Parallel tempering with isoenergetic cluster moves.
///
/// ```
/// use ebm_optim::{Ising, ParallelTempering, Run, Solver};
/// let ring = Ising::from_couplings(4, &[(0, 1, -1.0), (1, 2, -1.0), (2, 3, -1.0), (0, 3, -1.0)])?;
/// let run = Run { replicas: Some(1), steps: Some(50), ..Run::seeded(1) };
/// let solution = ParallelTempering::default().solve(&ring, &run)?;
/// assert_eq!(solution.best.energy, -4.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelTempering {
    /// Ends of the ladder; `None`: [`TemperatureRange::automatic`].
    pub range: Option<TemperatureRange>,
    /// Temperatures, 2 to 1024; `None`: enough for exchanges to succeed.
    pub temperatures: Option<usize>,
    /// Copies at each temperature, 1 to 1024. Clusters move between two.
    pub copies: usize,
    /// Share of the ladder, from the cold end, where clusters move; all of it
    /// from 1 on.
    pub clusters: f64,
}

impl Default for ParallelTempering {
    /// The automatic ladder with two copies at each temperature, the fewest with
    /// which clusters move, and cluster moves in its colder half: above, the
    /// clusters of two copies span the system and moving them does nothing.
    fn default() -> Self {
        Self { range: None, temperatures: None, copies: 2, clusters: 0.5 }
    }
}

/// Temperatures of the longest automatic ladder.
const MAX_TEMPERATURES: usize = 32;

/// Most copies and temperatures.
const MOST: usize = 1024;

/// Bytes of all copies beyond which the automatic ladder is shortened.
const MEMORY: usize = 1 << 30;

impl ParallelTempering {
    fn ladder(&self, problem: &Ising) -> Result<Vec<f64>, Error> {
        let range = self.range.unwrap_or_else(|| TemperatureRange::automatic(problem));
        validate::positive("hot temperature", range.hot)?;
        validate::positive("cold temperature", range.cold)?;
        validate::non_negative("share of the ladder with cluster moves", self.clusters)?;
        let counts =
            [("copies", self.copies, 1), ("temperatures", self.temperatures.unwrap_or(2), 2)];
        for (what, count, least) in counts {
            if !(least..=MOST).contains(&count) {
                let expected = "at least 1 copy and 2 temperatures, at most 1024 of each";
                let value = count as f64;
                return Err(ebm_core::Error::Parameter { what, expected, value }.into());
            }
        }
        let span = (range.hot / range.cold).ln().abs();
        let count = match self.temperatures {
            Some(count) => count,
            None => {
                // Fluctuations of the energy of order √n bridge gaps ∝ 1/√n.
                let wanted = 2.0 + LADDER_DENSITY * span * (problem.spins() as f64).sqrt();
                let room = MEMORY / (8 * self.copies * problem.spins());
                (wanted as usize).min(MAX_TEMPERATURES).min(room).max(2)
            }
        };
        let step = 1.0 / (count - 1) as f64;
        let at = |k: usize| range.cold * (range.hot / range.cold).powf(k as f64 * step);
        Ok((0..count).map(at).collect())
    }
}

/// Temperatures for each factor e and each √n.
const LADDER_DENSITY: f64 = 0.2;

impl Method for ParallelTempering {
    fn name(&self) -> &'static str {
        "tempering"
    }

    fn prepare<'a>(&self, problem: &'a Ising) -> Result<Box<dyn Prepared + 'a>, Error> {
        let ladder = self.ladder(problem)?;
        let integers = IntegerIsing::rounded(problem);
        let clustered = (self.clusters * ladder.len() as f64).ceil() as usize;
        let build = Build {
            offset: problem.offset(),
            unit: integers.unit(),
            has_fields: integers.fields().iter().any(|b| *b != 0),
            clustered: clustered.min(ladder.len()),
            ladder,
            copies: self.copies,
        };
        Ok(spin_system::build(&integers, build))
    }
}

struct Build {
    offset: f64,
    unit: f64,
    has_fields: bool,
    /// From the coldest.
    ladder: Vec<f64>,
    copies: usize,
    /// Temperatures with cluster moves, from the coldest.
    clustered: usize,
}

impl spin_system::Visitor for Build {
    type Output = Box<dyn Prepared>;

    fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> Self::Output {
        Box::new(Tempering { system, settings: self })
    }
}

struct Tempering<F: Count, L> {
    system: System<F, L>,
    settings: Build,
}

/// The copies at all temperatures of one replica.
struct Copies<F: Count> {
    states: Vec<SpinState<F>>,
    /// State of copy `c` at temperature `k`: entry `k · copies + c`.
    at: Vec<usize>,
    temperatures: Vec<f64>,
    draws: Draws<F>,
    clusters: ClusterMove,
    /// Scratch for [`adapt`](Self::adapt).
    widths: Vec<f64>,
    /// Exchanges tried and made between temperatures `k` and `k + 1` since the
    /// last adaptation.
    tried: Vec<u32>,
    made: Vec<u32>,
    /// Parity of the next pairs of temperatures.
    parity: usize,
}

impl<F: Count> Copies<F> {
    fn new<L: Links<F>>(
        system: &System<F, L>,
        settings: &Build,
        start: Option<&[i8]>,
        mut draws: Draws<F>,
        should_stop: impl Fn() -> bool,
    ) -> Self {
        let count = settings.ladder.len() * settings.copies;
        let mut states: Vec<SpinState<F>> = Vec::with_capacity(count);
        for _ in 0..count {
            let mut state = system.state();
            match states.first() {
                // Setting a state from scratch takes much longer than a copy.
                Some(first) if should_stop() => state.copy_from(first),
                _ => {
                    let spins = starting_spins(system.spins(), start, draws.rng());
                    system.set(&mut state, &spins);
                }
            }
            states.push(state);
        }
        let largest = (system.spins() / LARGEST_CLUSTER).max(8);
        Self {
            states,
            at: (0..count).collect(),
            temperatures: settings.ladder.clone(),
            draws,
            clusters: ClusterMove::new(system.slots(), settings.has_fields, largest),
            widths: vec![0.0; settings.ladder.len() - 1],
            tried: vec![0; settings.ladder.len()],
            made: vec![0; settings.ladder.len()],
            parity: 0,
        }
    }

    /// Exchanges between neighboring temperatures, of every other pair.
    fn exchange(&mut self, settings: &Build) {
        let copies = settings.copies;
        for lower in (self.parity..self.temperatures.len() - 1).step_by(2) {
            let beta = |k: usize| settings.unit / self.temperatures[k];
            let difference = beta(lower) - beta(lower + 1);
            for copy in 0..copies {
                let (cold, hot) = (lower * copies + copy, (lower + 1) * copies + copy);
                let energy = |at: usize| self.states[self.at[at]].energy;
                let gain = difference * (energy(cold) - energy(hot)) as f64;
                self.tried[lower] = self.tried[lower].saturating_add(1);
                // Not negated: NaN is refused.
                if gain >= 0.0 || self.draws.rng().random::<f64>() < gain.exp() {
                    self.at.swap(cold, hot);
                    self.made[lower] = self.made[lower].saturating_add(1);
                }
            }
        }
        self.parity ^= 1;
    }

    /// Widens the gaps that exchanges cross easily and narrows the others,
    /// between fixed ends.
    fn adapt(&mut self) {
        let gaps = self.temperatures.len() - 1;
        let rate = |k: usize| f64::from(self.made[k]) / f64::from(self.tried[k].max(1));
        let mean = (0..gaps).map(rate).sum::<f64>() / gaps as f64;
        for k in 0..gaps {
            let width = (self.temperatures[k + 1] / self.temperatures[k]).ln();
            self.widths[k] = width * ((rate(k) + 0.05) / (mean + 0.05)).sqrt();
        }
        let span = (self.temperatures[gaps] / self.temperatures[0]).ln();
        let total: f64 = self.widths.iter().sum();
        // Equal ends leave nothing to adapt.
        if total != 0.0 {
            for k in 1..gaps {
                let factor = (self.widths[k - 1] * span / total).exp();
                self.temperatures[k] = self.temperatures[k - 1] * factor;
            }
        }
        self.tried.fill(0);
        self.made.fill(0);
    }

    /// Sweeps all copies and moves clusters; false if the task is to stop.
    fn round<L: Links<F>>(
        &mut self,
        system: &System<F, L>,
        settings: &Build,
        mut watch: impl FnMut(&SpinState<F>, usize) -> bool,
        mut recombined: impl FnMut(&SpinState<F>, &[u32], i64),
    ) -> bool {
        let copies = settings.copies;
        for (place, &index) in self.at.iter().enumerate() {
            let scale = half_temperature(self.temperatures[place / copies], settings.unit);
            let state = &mut self.states[index];
            for blocks in system.stretches() {
                let acceptance = Acceptance::Metropolis;
                let work = sweep::sweep(system, state, &mut self.draws, acceptance, scale, blocks);
                if !watch(state, work) {
                    return false;
                }
            }
        }
        for k in 0..if copies > 1 { settings.clustered } else { 0 } {
            // Every two copies of neighboring numbers, in a ring.
            let copy = self.draws.rng().random_range(0..copies);
            let pair = [copy, (copy + 1) % copies].map(|c| self.at[k * copies + c]);
            let Ok([a, b]) = self.states.get_disjoint_mut(pair) else { continue };
            let lowest = self.clusters.pass(system, a, b, self.draws.rng());
            recombined(a, self.clusters.toggles(), lowest);
            if !watch(a, system.slots()) {
                return false;
            }
        }
        self.exchange(settings);
        true
    }
}

/// Clusters of more than this share of the spins stay: exchanging them is an
/// exchange of the copies.
const LARGEST_CLUSTER: usize = 3;

/// Rounds between adaptations of the ladder, in the first quarter of a run.
const ADAPT: usize = 20;

impl<F: Count, L: Links<F>> Prepared for Tempering<F, L> {
    fn lanes(&self) -> usize {
        1
    }

    fn natural_steps(&self) -> usize {
        2_000
    }

    fn run(&self, task: &mut Task<'_>) {
        let (system, settings) = (&self.system, &self.settings);
        let draws = Draws::new(task.rng(0));
        let mut copies = Copies::new(system, settings, task.start(0), draws, || task.should_stop());
        let best =
            RefCell::new(Best::new(system, &copies.states[0], settings.unit, settings.offset));
        let mut quenched = system.state();
        let mut clock = Clock::default();
        let mut made = 0;
        while made < task.steps() {
            let watch = |state: &SpinState<F>, work: usize| {
                best.borrow_mut().keep(state);
                !clock.stop_after(work, task)
            };
            let recombined = |state: &SpinState<F>, toggles: &[u32], energy: i64| {
                best.borrow_mut().keep_recombined(state, toggles, energy);
            };
            if !copies.round(system, settings, watch, recombined) {
                break;
            }
            made += 1;
            if made % ADAPT == 0 && 4 * made <= task.steps() {
                copies.adapt();
            }
            // The valley below one of the colder copies, each in turn.
            let cold = copies.at.len().div_ceil(2);
            quenched.copy_from(&copies.states[copies.at[made % cold]]);
            loop {
                let before = quenched.energy;
                let rule = Acceptance::Metropolis;
                for blocks in system.stretches() {
                    sweep::sweep(system, &mut quenched, &mut copies.draws, rule, 0.0, blocks);
                }
                if quenched.energy == before {
                    break;
                }
            }
            best.borrow_mut().keep(&quenched);
            best.borrow_mut().report_now(system, task);
        }
        best.into_inner().finish(system, &copies.states[copies.at[0]], task, made);
    }
}

/// Samples the laws `∝ e^{−H/T}` at fixed temperatures: after each of `rounds`
/// rounds, shows `observe` the number of each temperature and the spins there,
/// for one copy after the other.
///
/// ```
/// use ebm_optim::{Ising, parallel_tempering::sample};
/// let pair = Ising::from_couplings(2, &[(0, 1, 1.0)])?;
/// let mut aligned = [0; 2];
/// let count = |k: usize, spins: &[i8]| aligned[k] += usize::from(spins[0] == spins[1]);
/// sample(&pair, &[1.0, 2.0], 2, 1, 10_000, count)?;
/// for (aligned, temperature) in aligned.iter().zip([1.0_f64, 2.0]) {
///     let expected = 1.0 / (1.0 + (-2.0 / temperature).exp());
///     assert!((*aligned as f64 / 20_000.0 - expected).abs() < 0.02);
/// }
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// Fewer than two temperatures, one that is not positive and finite, no copies,
/// more than 1024 of either.
pub fn sample(
    problem: &Ising,
    temperatures: &[f64],
    copies: usize,
    seed: u64,
    rounds: usize,
    observe: impl FnMut(usize, &[i8]),
) -> Result<(), Error> {
    temperatures.iter().try_for_each(|&t| validate::positive("temperature", t).map(|_| ()))?;
    let method =
        ParallelTempering { temperatures: Some(temperatures.len()), copies, ..Default::default() };
    method.ladder(problem)?;
    let integers = IntegerIsing::rounded(problem);
    let settings = Build {
        offset: 0.0,
        unit: integers.unit(),
        has_fields: integers.fields().iter().any(|b| *b != 0),
        ladder: temperatures.to_vec(),
        copies,
        clustered: temperatures.len(),
    };
    spin_system::build(&integers, Sampler { settings, seed, rounds, observe });
    Ok(())
}

/// [`sample`] as a visitor.
struct Sampler<O> {
    settings: Build,
    seed: u64,
    rounds: usize,
    observe: O,
}

impl<O: FnMut(usize, &[i8])> spin_system::Visitor for Sampler<O> {
    type Output = ();

    fn visit<F: Count, L: Links<F> + 'static>(mut self, system: System<F, L>) {
        let draws = Draws::new(random::stream(self.seed, 0));
        let mut copies = Copies::new(&system, &self.settings, None, draws, || false);
        let mut spins = vec![1; system.spins()];
        for _ in 0..self.rounds {
            copies.round(&system, &self.settings, |_, _| true, |_, _, _| ());
            for (place, &index) in copies.at.iter().enumerate() {
                system.read(&copies.states[index].spins, &mut spins);
                (self.observe)(place / self.settings.copies, &spins);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Solver};

    #[test]
    fn rejects_bad_settings() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        let range = |hot, cold| Some(TemperatureRange { hot, cold });
        let bad = [
            ParallelTempering { copies: 0, ..Default::default() },
            ParallelTempering { copies: usize::MAX, ..Default::default() },
            ParallelTempering { temperatures: Some(1), ..Default::default() },
            ParallelTempering { temperatures: Some(usize::MAX), ..Default::default() },
            ParallelTempering { clusters: f64::NAN, ..Default::default() },
            ParallelTempering { range: range(0.0, 1.0), ..Default::default() },
            ParallelTempering { range: range(1.0, f64::INFINITY), ..Default::default() },
        ];
        for method in bad {
            assert!(method.solve(&pair, &Run::default()).is_err(), "{method:?}");
        }
        let ignore = |_: usize, _: &[i8]| ();
        assert!(sample(&pair, &[1.0], 2, 1, 1, ignore).is_err());
        assert!(sample(&pair, &[1.0, -1.0], 2, 1, 1, ignore).is_err());
        assert!(sample(&pair, &[1.0, 2.0], 0, 1, 1, ignore).is_err());
    }

    #[test]
    fn ladders_of_any_shape_run() {
        let pair = Ising::from_couplings(2, &[(0, 1, 1.0)]).unwrap();
        let run = Run { replicas: Some(1), steps: Some(200), ..Run::seeded(1) };
        for (hot, cold) in [(1.0, 1.0), (0.1, 3.0), (1e300, 1e-300)] {
            for copies in [1, 3] {
                let range = Some(TemperatureRange { hot, cold });
                let method =
                    ParallelTempering { range, copies, clusters: 9.0, ..Default::default() };
                assert_eq!(method.solve(&pair, &run).unwrap().best.energy, -1.0);
            }
        }
    }
}
