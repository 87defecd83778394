//! Blocks of replicas that run on different machines.
//!
//! Fields break the symmetry that the machine is to break: where positions
//! couple continuously, they lead every replica along one path to one state,
//! whatever it started from. Which state, depends on the coupling strength and
//! the pump: the stronger they are, the earlier the spins branch. So blocks take
//! turns.

use super::machine::Plan;
use super::single_precision::SinglePrecision;
use crate::solver::Prepared;
use crate::{Error, Ising, Task};

/// Block `b` runs on machine `b` modulo their number.
pub(super) struct Turns<'a>(Vec<SinglePrecision<'a>>);

impl<'a> Turns<'a> {
    /// One machine for each plan, of which there is at least one.
    pub(super) fn new(plans: Vec<Plan>, problem: &'a Ising) -> Result<Self, Error> {
        let machine = |plan| SinglePrecision::new(plan, problem);
        Ok(Self(plans.into_iter().map(machine).collect::<Result<_, _>>()?))
    }
}

impl Prepared for Turns<'_> {
    fn lanes(&self) -> usize {
        self.0[0].lanes()
    }

    fn natural_steps(&self) -> usize {
        self.0[0].natural_steps()
    }

    fn longest_steps(&self) -> usize {
        self.0[0].longest_steps()
    }

    fn run(&self, task: &mut Task<'_>) {
        let machine = task.index() % self.0.len() as u64;
        self.0[machine as usize].run(task);
    }
}
