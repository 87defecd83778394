//! A drawing of oscillator phases that lock: one run of the stochastic
//! differential equation itself.

use std::error::Error;
use std::f64::consts::TAU;
use std::ops::ControlFlow;

use ebm_core::sde::{self, EulerMaruyama};
use ebm_core::{Snapshot, random};
use ebm_optim::Ising;
use ebm_optim::oscillator::{AnnealedOscillators, Drive, natural_strength};
use ebm_optim::schedule::Schedule;
use rand::RngExt;

use crate::claim::{Axis, Mark, Plot, Series};

/// Oscillators drawn; more would hide each other.
const SHOWN: usize = 40;

/// Whether a drawing takes seconds, not minutes.
pub(crate) fn drawable(problem: &Ising) -> bool {
    step_cost(problem) <= 10_000_000
}

/// Couplings to sum, and noise and sines at the price of twenty.
fn step_cost(problem: &Ising) -> usize {
    problem.couplings().entry_count() + 20 * problem.spins()
}

/// Phases modulo 2π over one annealing run, in the colors of the spins read out.
///
/// # Errors
/// Where the problem does not fit the oscillator network.
pub(crate) fn over_time(problem: &Ising, seed: u64) -> Result<Plot, Box<dyn Error>> {
    let n = problem.spins();
    let step = 0.05;
    // As many steps as a few seconds allow.
    let steps = (200_000_000 / step_cost(problem)).clamp(100, 4000);
    let duration = step * steps as f64;
    let coupling = Schedule::constant(natural_strength(problem))?;
    let drive = Drive { coupling, ..Drive::default() };
    let field = AnnealedOscillators::new(problem, drive, duration)?;
    let mut rng = random::stream(seed, 1);
    let start: Vec<f64> = (0..n).map(|_| rng.random_range(0.0..TAU)).collect();
    let mut phases = vec![vec![]; n.min(SHOWN)];
    let mut record = |snapshot: &Snapshot<'_>| {
        if snapshot.step.is_multiple_of(steps.div_ceil(200)) {
            for (series, x) in phases.iter_mut().zip(snapshot.x) {
                // From −π/2, so that neither locked phase sits on the border.
                let phase = (x + TAU / 4.0).rem_euclid(TAU) - TAU / 4.0;
                series.push((snapshot.t, phase / TAU));
            }
        }
        ControlFlow::Continue(())
    };
    let options = sde::Options { step, seed: seed.wrapping_add(1), ..Default::default() };
    let end =
        sde::integrate(&field, &EulerMaruyama, (0.0, duration), &start, &options, &mut record)?;
    let side = |x: &f64| if x.cos() >= 0.0 { 1 } else { -1 };
    let spins: Vec<i8> = end.x.iter().map(side).collect();
    let energy = problem.energy(&spins)?;
    let series = [("s = +1", 1), ("s = −1", -1)].into_iter().flat_map(|(name, spin)| {
        let of_side = phases.iter().zip(&spins).filter(move |(_, s)| **s == spin);
        of_side
            .map(move |(points, _)| Series {
                name: name.into(),
                points: points.clone(),
                mark: Mark::Points,
            })
            .collect::<Vec<_>>()
    });
    let which = if n > SHOWN { format!("{SHOWN} of {n}") } else { n.to_string() };
    Ok(Plot {
        title: format!("Phases of {which} oscillators lock to energy {energy}"),
        x: Axis { label: "time".into(), log: false },
        y: Axis { label: "phase / 2π".into(), log: false },
        series: series.collect(),
    })
}
