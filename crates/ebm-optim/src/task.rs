//! One block of replicas at work: what it may draw and where it reports.

use ebm_core::random::stream;
use rand_chacha::ChaCha8Rng;

use crate::one_flip::Descent;
use crate::run::{Replica, State};
use crate::solver::Shared;

/// The block of replicas that a [`Prepared`](crate::solver::Prepared) method
/// is to run.
pub struct Task<'a> {
    shared: &'a Shared<'a>,
    index: u64,
    first: usize,
    lanes: usize,
    steps: usize,
    best: State,
    /// Whether `best` holds a state at all.
    seen: bool,
    reached: bool,
    replicas: Vec<Replica>,
    descent: Option<Descent<'a>>,
}

impl<'a> Task<'a> {
    pub(crate) fn new(
        shared: &'a Shared<'a>,
        index: u64,
        first: usize,
        lanes: usize,
        steps: usize,
    ) -> Self {
        let spins = vec![1; shared.problem.spins()];
        let best = State { spins, energy: f64::INFINITY };
        let replicas = Vec::with_capacity(lanes);
        let (seen, reached, descent) = (false, false, None);
        let mut task =
            Self { shared, index, first, lanes, steps, best, seen, reached, replicas, descent };
        // What the user knows already is the least to be returned.
        for lane in 0..lanes.min(shared.run.starts.len()) {
            if let Some(start) = task.start(lane) {
                task.offer(start, shared.problem.energy_of(start));
            }
        }
        task
    }

    /// Position of this block among the blocks of the run.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Replicas of this block: at most as many as the method has lanes, fewer
    /// in the last block of a run.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Steps that each replica is to make.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The random stream of a lane, from its beginning. Lanes beyond
    /// [`lanes`](Self::lanes) have streams too, so that a block may fill up.
    #[must_use]
    pub fn rng(&self, lane: usize) -> ChaCha8Rng {
        stream(self.shared.run.seed, (self.first + lane) as u64)
    }

    /// The state that a lane is to start from, if the run gives one.
    #[must_use]
    pub fn start(&self, lane: usize) -> Option<&'a [i8]> {
        let starts = &self.shared.run.starts;
        (!starts.is_empty()).then(|| starts[(self.first + lane) % starts.len()].as_slice())
    }

    /// All states that the run gives, for methods whose replicas hold several.
    #[must_use]
    pub fn starts(&self) -> &'a [Vec<i8>] {
        &self.shared.run.starts
    }

    /// Must the block end now? It costs a look at the clock, about 30 ns.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.reached || self.shared.should_stop(self.index)
    }

    /// Did the run end so long ago, half a second, that replicas not yet read out
    /// are to be left, so that it does not take much longer than its time? Never
    /// before one has ended.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        !self.replicas.is_empty() && self.is_late()
    }

    /// The same, also before a replica has ended.
    pub(crate) fn is_late(&self) -> bool {
        self.shared.is_overdue(self.index)
    }

    /// Reports a state of a replica; `energy` is `H(s)` with the offset, as
    /// [`Ising::energy`](crate::Ising::energy) up to rounding. Worse states than
    /// before cost a comparison.
    pub fn offer(&mut self, spins: &[i8], energy: f64) {
        if energy < self.best.energy || !self.seen {
            debug_assert_eq!(spins.len(), self.best.spins.len());
            // What is compared and reported is exact, whatever the method kept
            // running.
            let energy = self.shared.problem.energy_of(spins);
            if energy < self.best.energy || !self.seen {
                self.best.spins.copy_from_slice(spins);
                self.best.energy = energy;
                self.seen = true;
                self.reached |= self.shared.record(self.index, energy);
            }
        }
    }

    /// The best energy this block has reported, infinite before the first.
    #[must_use]
    pub fn best_energy(&self) -> f64 {
        self.best.energy
    }

    /// Lowers the energy of `spins` by one-flip descent and reports the result,
    /// for a look in the middle of a run; returns the energies before and after.
    pub fn polish(&mut self, spins: &mut [i8]) -> (f64, f64) {
        let problem = self.shared.problem;
        let read_out = problem.energy_of(spins);
        self.offer(spins, read_out);
        let change = self.descent.get_or_insert_with(|| Descent::new(problem)).run(spins);
        if change == 0.0 {
            return (read_out, read_out);
        }
        let polished = problem.energy_of(spins);
        self.offer(spins, polished);
        (read_out, polished)
    }

    /// Ends the next replica, in order of the lanes, with its best state, made
    /// with `steps` steps: polishes it and takes both energies into the results,
    /// unless [overdue](Self::is_overdue).
    pub fn finish(&mut self, spins: &mut [i8], steps: usize) {
        if self.is_overdue() {
            return;
        }
        let (read_out, polished) = self.polish(spins);
        self.replicas.push(Replica { steps, read_out, polished });
    }

    /// Ends the next replica, in order of the lanes, with a state that the method
    /// has polished by itself, so that no single flip improves it: `polished` is
    /// its exact energy, `read_out` the energy before.
    pub fn finish_polished(&mut self, spins: &[i8], read_out: f64, polished: f64, steps: usize) {
        self.offer(spins, polished);
        self.finish_reported(read_out, polished, steps);
    }

    /// [`finish_polished`](Self::finish_polished) with a state that was reported,
    /// or is no better than one that was.
    pub(crate) fn finish_reported(&mut self, read_out: f64, polished: f64, steps: usize) {
        self.replicas.push(Replica { steps, read_out, polished });
    }

    pub(crate) fn into_results(self) -> (State, Vec<Replica>) {
        (self.best, self.replicas)
    }
}
