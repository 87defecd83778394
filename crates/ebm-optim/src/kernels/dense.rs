//! Sweeps over dense couplings, one node after the other, whose work is products
//! of a matrix and a batch.
//!
//! ```text
//! F = J x
//! for each panel P of columns:
//!     for i ∈ P in order:   xᵢ ← new state in the force Fᵢ,   dᵢ = its change,   Fⱼ += Jⱼᵢ dᵢ for the later j ∈ P
//!     F += J[:, P] d
//! ```
//!
//! Every node feels the new states of those before it, as in a sweep over sparse
//! rows, and all but what happens within a panel is a product: of
//! [tables](SignPanels) where the couplings have one magnitude, of
//! [single-precision numbers](WeightPanels) where they have not. This is the
//! right-looking form of blocked substitution, G. H. Golub and C. F. Van Loan,
//! *Matrix Computations* (2013), §3.1.

use ebm_core::validate;
use ebm_core::vector_math::Level;

use super::rows::Rows;
use super::sign_panels::{Entry, SignForces, SignPanels};
use super::spin_fields::State;
use super::weight_panels::{WeightForces, WeightPanels};
use crate::{Error, Ising};

/// Couplings in the form that sweeps over them are fastest in.
#[derive(Debug)]
pub(crate) enum Couplings {
    Sparse(Rows),
    Dense(Dense),
}

impl Couplings {
    /// The couplings of `problem` times `strength`.
    pub(crate) fn new(problem: &Ising, strength: f64) -> Result<Self, Error> {
        let Some(dense) = Dense::new(problem, strength) else {
            return Self::sparse(problem, strength);
        };
        validate::finite(SCALED, &[dense.largest()])?;
        Ok(Self::Dense(dense))
    }

    /// The same by rows, for sums that are no products.
    pub(crate) fn sparse(problem: &Ising, strength: f64) -> Result<Self, Error> {
        let rows = Rows::new(problem, strength);
        validate::finite(SCALED, &[rows.largest()])?;
        Ok(Self::Sparse(rows))
    }

    /// About how long a sweep takes, in units of a coupling in a sparse row.
    fn work(&self) -> usize {
        match self {
            Self::Sparse(rows) => rows.entries_before(rows.nodes()) + UPDATE * rows.nodes(),
            Self::Dense(dense) => {
                let n = dense.nodes();
                let pairs_of_one = if dense.is_exact() { 12 } else { 2 };
                n.saturating_mul(n) / pairs_of_one + UPDATE * n
            }
        }
    }

    /// `steps` for a run, or fewer where sweeps take so long that a run of seconds
    /// could not make them.
    pub(crate) fn natural_steps(&self, steps: usize, least: usize) -> usize {
        /// Work of a sweep of about a millisecond or two.
        const WORK: usize = 1_000_000;
        (steps * WORK / self.work().max(WORK)).max(least)
    }

    pub(crate) fn dense(&self) -> Option<&Dense> {
        match self {
            Self::Sparse(_) => None,
            Self::Dense(dense) => Some(dense),
        }
    }

    /// Forces of states within `±reach`, if sweeps need them.
    pub(crate) fn forces<E: Entry, const W: usize>(&self, reach: f32) -> Option<Forces<E, W>> {
        match self {
            Self::Sparse(_) => None,
            Self::Dense(dense) => Some(Forces::new(dense, reach)),
        }
    }
}

/// What the update of a node costs.
const UPDATE: usize = 30;

const SCALED: &str = "scaled couplings in single precision";

/// `W` numbers of a node, such as sines and cosines of its replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Cells<T, const W: usize>(pub(crate) [T; W]);

/// What a sweep does to a node.
pub(crate) trait Update<const W: usize> {
    /// The new state of node `i`, given the sum of its couplings times the states
    /// of the others. Implementations are `#[inline(always)]`.
    fn update(&mut self, i: usize, force: &[f32; W]) -> [f32; W];
}

/// Dense couplings.
#[derive(Debug)]
pub(crate) enum Dense {
    Signs(SignPanels),
    Weights(WeightPanels),
}

/// Nodes from which on panels are worth their tables.
const NODES: usize = 64;

impl Dense {
    /// The couplings of `problem` times `strength`, if there are so many that
    /// products are faster than a sweep over those that are not zero.
    pub(crate) fn new(problem: &Ising, strength: f64) -> Option<Self> {
        let n = problem.spins();
        if n < NODES {
            return None;
        }
        let row = |i: usize| problem.couplings().neighbors(i).1;
        let entries: usize = (0..n).map(|i| row(i).iter().filter(|w| **w != 0.0).count()).sum();
        let density = entries as f64 / (n as f64 * n as f64);
        if density < SignPanels::LEAST_DENSITY {
            return None;
        }
        if let Some(signs) = SignPanels::new(problem, strength) {
            return Some(Self::Signs(signs));
        }
        (density >= WeightPanels::LEAST_DENSITY)
            .then(|| Self::Weights(WeightPanels::new(problem, strength)))
    }

    /// The largest magnitude stored, for a check of the range.
    fn largest(&self) -> f32 {
        match self {
            Self::Signs(signs) => signs.scale(),
            Self::Weights(weights) => weights.largest(),
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        match self {
            Self::Signs(signs) => signs.nodes(),
            Self::Weights(weights) => weights.nodes(),
        }
    }

    /// Are sums of spins exact?
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Signs(_))
    }

    /// Panels of a sweep.
    pub(crate) fn panels(&self) -> usize {
        match self {
            Self::Signs(signs) => signs.panels(),
            Self::Weights(weights) => weights.panels(),
        }
    }

    /// Sweeps over the nodes of one panel. States of
    /// [`Forces::new`](Forces::new)'s reach at most; all that has been seen of
    /// them before must have come through `forces`.
    pub(crate) fn sweep<E: Entry, const W: usize>(
        &self,
        level: Level,
        panel: usize,
        forces: &mut Forces<E, W>,
        update: &mut impl Update<W>,
    ) {
        match (self, forces) {
            (Self::Signs(signs), Forces::Signs(forces)) => {
                signs.sweep(level, panel, forces, update);
            }
            (Self::Weights(weights), Forces::Weights(forces)) => {
                weights.sweep(level, panel, forces, update);
            }
            _ => debug_assert!(false, "forces of other couplings"),
        }
    }

    /// Makes the forces those of the given states.
    pub(crate) fn refresh<E: Entry, const W: usize>(
        &self,
        level: Level,
        forces: &mut Forces<E, W>,
        state: impl Fn(usize) -> [f32; W],
    ) {
        forces.clear();
        let mut given = Given(state);
        for panel in 0..self.panels() {
            self.sweep(level, panel, forces, &mut given);
        }
    }
}

impl Dense {
    /// `Σⱼ Jᵢⱼ xⱼ` of a lane, in the units of the problem.
    pub(super) fn field<E: Entry, const W: usize>(
        &self,
        forces: &Forces<E, W>,
        lane: usize,
        i: usize,
    ) -> f64 {
        match (self, forces) {
            (Self::Signs(signs), Forces::Signs(forces)) => signs.field(forces, lane, i),
            (Self::Weights(weights), Forces::Weights(forces)) => weights.field(forces, lane, i),
            _ => f64::NAN,
        }
    }

    /// How far the field of spins may be off in a row whose magnitudes add up to
    /// `total`, in the units of the problem.
    pub(crate) fn rounding(&self, total: f64) -> f64 {
        match self {
            Self::Signs(signs) => signs.nodes() as f64 * f64::EPSILON * total,
            Self::Weights(weights) => weights.rounding(total),
        }
    }

    /// A state with all spins zero.
    pub(super) fn state(&self) -> State {
        match self {
            Self::Signs(signs) => State::Signs(signs.state()),
            Self::Weights(weights) => State::Weights(weights.state()),
        }
    }

    pub(super) fn load(&self, state: &mut State, spins: &[i8]) {
        match (self, state) {
            (Self::Signs(signs), State::Signs(state)) => signs.load(state, spins),
            (_, State::Weights(state)) => {
                state.iter_mut().zip(spins).for_each(|(state, spin)| *state = f32::from(*spin));
            }
            _ => debug_assert!(false, "state of other couplings"),
        }
    }

    pub(super) fn flip(&self, state: &mut State, i: usize, spin: i8) {
        match (self, state) {
            (Self::Signs(signs), State::Signs(state)) => signs.flip(state, i, spin),
            (_, State::Weights(state)) => state[i] = f32::from(spin),
            _ => debug_assert!(false, "state of other couplings"),
        }
    }

    /// `Σⱼ Jᵢⱼ sⱼ`, in the units of the problem.
    pub(super) fn sum(&self, state: &State, i: usize) -> f64 {
        match (self, state) {
            (Self::Signs(signs), State::Signs(state)) => signs.sum(state, i),
            (Self::Weights(weights), State::Weights(state)) => weights.sum(state, i),
            _ => f64::NAN,
        }
    }
}

/// States that no force changes.
struct Given<S>(S);

impl<S: Fn(usize) -> [f32; W], const W: usize> Update<W> for Given<S> {
    #[inline(always)]
    fn update(&mut self, i: usize, _: &[f32; W]) -> [f32; W] {
        (self.0)(i)
    }
}

/// The forces on all nodes, and the states that they come from.
#[derive(Debug)]
pub(crate) enum Forces<E, const W: usize> {
    Signs(SignForces<E, W>),
    Weights(WeightForces<W>),
}

impl<E: Entry, const W: usize> Forces<E, W> {
    /// For states within `±reach`, all zero so far.
    pub(crate) fn new(couplings: &Dense, reach: f32) -> Self {
        match couplings {
            Dense::Signs(signs) => Self::Signs(SignForces::new(signs, reach)),
            Dense::Weights(weights) => Self::Weights(WeightForces::new(weights)),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Signs(forces) => forces.clear(),
            Self::Weights(forces) => forces.clear(),
        }
    }

    /// The sum of the couplings of node `i` times the states of the others.
    pub(crate) fn at(&self, i: usize) -> [f32; W] {
        match self {
            Self::Signs(forces) => forces.at(i),
            Self::Weights(forces) => forces.at(i),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random;
    use rand::RngExt;

    /// What a coupling may be.
    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Complete,
        Negative,
        Positive,
        Ternary,
        Real,
    }

    const KINDS: [Kind; 5] =
        [Kind::Complete, Kind::Negative, Kind::Positive, Kind::Ternary, Kind::Real];

    fn problem(n: usize, kind: Kind) -> Ising {
        let mut rng = random::stream(n as u64, 1);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                let draw: f64 = rng.random_range(-1.0..1.0);
                let present = rng.random_range(0..3) > 0;
                let weight = match kind {
                    Kind::Complete => 0.5 * draw.signum(),
                    Kind::Negative if present => -1.0,
                    Kind::Positive if present => 2.0,
                    Kind::Ternary if present => draw.signum(),
                    Kind::Real => draw,
                    _ => continue,
                };
                pairs.push((i, j, weight));
            }
        }
        Ising::from_couplings(n, &pairs).unwrap()
    }

    /// States move some way along the force, from a random start.
    struct Drift<const W: usize> {
        states: Vec<[f32; W]>,
    }

    impl<const W: usize> Update<W> for Drift<W> {
        #[inline(always)]
        fn update(&mut self, i: usize, force: &[f32; W]) -> [f32; W] {
            for (x, force) in self.states[i].iter_mut().zip(force) {
                *x = (*x + 0.02 * force).clamp(-1.0, 1.0);
            }
            self.states[i]
        }
    }

    fn start<const W: usize>(n: usize) -> Vec<[f32; W]> {
        let mut rng = random::stream(7, 0);
        (0..n).map(|_| [0.0; W].map(|_: f32| rng.random_range(-1.0..1.0))).collect()
    }

    fn sweep<E: Entry, const W: usize>(
        level: Level,
        dense: &Dense,
        sweeps: usize,
    ) -> (Vec<[f32; W]>, Vec<[f32; W]>) {
        let n = dense.nodes();
        let mut drift = Drift { states: start::<W>(n) };
        let mut forces = Forces::<E, W>::new(dense, 1.0);
        dense.refresh(level, &mut forces, |i| drift.states[i]);
        for _ in 0..sweeps {
            for panel in 0..dense.panels() {
                dense.sweep(level, panel, &mut forces, &mut drift);
            }
        }
        let sums = (0..n).map(|i| forces.at(i)).collect();
        (drift.states, sums)
    }

    /// The sweep from its definition, in double precision; returns the largest
    /// differences of states and forces.
    fn differences<E: Entry, const W: usize>(problem: &Ising) -> (f64, f64) {
        let n = problem.spins();
        let dense = Dense::new(problem, 0.3).unwrap();
        let (states, sums) = sweep::<E, W>(Level::detect(), &dense, 2);
        let (mut state_gap, mut force_gap) = (0.0_f64, 0.0_f64);
        for lane in 0..W {
            let mut x: Vec<f64> =
                start::<W>(n).iter().map(|state| f64::from(state[lane])).collect();
            let force = |x: &[f64], i: usize| {
                let (neighbors, weights) = problem.couplings().neighbors(i);
                let pairs = neighbors.iter().zip(weights);
                0.3 * pairs.map(|(&j, w)| w * x[j as usize]).sum::<f64>()
            };
            for _ in 0..2 {
                for i in 0..n {
                    x[i] = (x[i] + 0.02 * force(&x, i)).clamp(-1.0, 1.0);
                }
            }
            for i in 0..n {
                state_gap = state_gap.max((x[i] - f64::from(states[i][lane])).abs());
                force_gap = force_gap.max((force(&x, i) - f64::from(sums[i][lane])).abs());
            }
        }
        (state_gap, force_gap)
    }

    #[test]
    fn sweeps_are_those_of_the_definition() {
        for n in [64, 97, 130, 181] {
            for kind in KINDS {
                let problem = problem(n, kind);
                let real = matches!(kind, Kind::Real);
                // Single precision, and states of 22 bits.
                let (state, force) = differences::<i32, 16>(&problem);
                assert!(state < 1e-5 && force < 1e-4, "{n} {kind:?}: {state:e} {force:e}");
                // States of 9 bits: each is off by up to half a unit of 1/273.
                let (state, force) = differences::<i16, 32>(&problem);
                let (most_state, most_force) = if real { (1e-5, 1e-4) } else { (0.01, 0.3) };
                assert!(state < most_state && force < most_force, "{n} {kind:?}: {state} {force}");
            }
        }
    }

    #[test]
    fn levels_give_the_same_bits() {
        for n in [64, 99, 150] {
            for kind in KINDS {
                let dense = Dense::new(&problem(n, kind), 0.3).unwrap();
                let wide = |level| sweep::<i16, 32>(level, &dense, 3);
                let narrow = |level| sweep::<i32, 16>(level, &dense, 3);
                for level in [Level::Avx2, Level::Avx512] {
                    assert_eq!(wide(level), wide(Level::Baseline), "{n} {kind:?}");
                    assert_eq!(narrow(level), narrow(Level::Baseline), "{n} {kind:?}");
                }
            }
        }
    }

    /// Sums of a thousand sweeps of whole numbers are those of the last states.
    #[test]
    fn whole_numbers_do_not_drift() {
        for kind in [Kind::Complete, Kind::Negative, Kind::Ternary] {
            let dense = Dense::new(&problem(70, kind), 0.3).unwrap();
            let (states, sums) = sweep::<i16, 32>(Level::detect(), &dense, 1000);
            let mut fresh = Forces::<i16, 32>::new(&dense, 1.0);
            dense.refresh(Level::detect(), &mut fresh, |i| states[i]);
            for (i, sums) in sums.iter().enumerate() {
                assert_eq!(*sums, fresh.at(i));
            }
        }
    }

    #[test]
    fn sparse_problems_stay_sparse() {
        let ring: Vec<_> = (0..80).map(|i| (i, (i + 1) % 80, 1.0)).collect();
        let ring = Ising::from_couplings(80, &ring).unwrap();
        assert!(matches!(Couplings::new(&ring, 1.0).unwrap(), Couplings::Sparse(_)));
        let zeros: Vec<_> = (0..80)
            .flat_map(|i| (i + 1..80).map(move |j| (i, j, if i == 0 { 1.0 } else { 0.0 })))
            .collect();
        let zeros = Ising::from_couplings(80, &zeros).unwrap();
        assert!(matches!(Couplings::new(&zeros, 1.0).unwrap(), Couplings::Sparse(_)));
        let couplings = Couplings::new(&problem(80, Kind::Real), 1.0).unwrap();
        assert!(matches!(couplings, Couplings::Dense(_)));
        assert!(couplings.forces::<i16, 32>(1.0).is_some());
        assert_eq!(couplings.natural_steps(5000, 320), 5000);
        let free = Ising::from_couplings(200_000, &[]).unwrap();
        let free = Couplings::new(&free, 1.0).unwrap();
        assert_eq!((free.natural_steps(600, 32), free.natural_steps(60, 32)), (100, 32));
        assert!(Couplings::new(&problem(80, Kind::Complete), 1e39).is_err());
        assert!(Couplings::new(&problem(80, Kind::Real), 1e39).is_err());
    }
}
