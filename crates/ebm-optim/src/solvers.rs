//! Every solver with its default settings, by name.

use crate::{
    BreakoutLocalSearch, CoherentIsingMachine, MemeticAnnealing, OscillatorIsingMachine,
    ParallelTempering, Portfolio, RankTwoRelaxation, SimulatedAnnealing, SimulatedBifurcation,
    Solver, TabuSearch,
};

/// Every solver with its default settings, in alphabetical order.
///
/// ```
/// let names: Vec<_> = ebm_optim::solvers::all().iter().map(|solver| solver.name()).collect();
/// assert!(names.contains(&"oscillator"));
/// ```
#[must_use]
pub fn all() -> Vec<Box<dyn Solver>> {
    vec![
        Box::new(SimulatedAnnealing::default()),
        Box::new(SimulatedBifurcation::default()),
        Box::new(BreakoutLocalSearch::default()),
        Box::new(CoherentIsingMachine::default()),
        Box::new(MemeticAnnealing::default()),
        Box::new(OscillatorIsingMachine::default()),
        Box::new(Portfolio::default()),
        Box::new(RankTwoRelaxation::default()),
        Box::new(TabuSearch::default()),
        Box::new(ParallelTempering::default()),
    ]
}

/// The solver of that name with its default settings.
#[must_use]
pub fn named(name: &str) -> Option<Box<dyn Solver>> {
    all().into_iter().find(|solver| solver.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        let names: Vec<_> = all().iter().map(|solver| solver.name()).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        for name in names {
            assert_eq!(named(name).map(|solver| solver.name()), Some(name));
        }
        assert!(named("no such solver").is_none());
    }
}
