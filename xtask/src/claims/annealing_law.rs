//! Annealing kernels at a fixed temperature: frequencies of states against the
//! Boltzmann law by enumeration.

use std::error::Error;

use ebm_core::random;
use ebm_optim::simulated_annealing::{self, Acceptance};
use ebm_optim::{Ising, parallel_tempering};
use rand::RngExt;

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

pub(crate) fn claim() -> Claim {
    Claim {
        id: "optim/annealing-law",
        crate_name: "ebm-optim",
        claim: "At a fixed temperature the annealing kernels and parallel tempering with cluster \
                moves visit states with their Boltzmann probabilities",
        source: "enumeration of all states; Metropolis et al., J. Chem. Phys. 21, 1087 (1953); \
                 Glauber, J. Math. Phys. 4, 294 (1963); Zhu, Ochoa and Katzgraber, arXiv 1501.05630",
        target: "Pearson's statistic over all 1024 states of 10 spins below the value that exact \
                 samples exceed once in 10⁶ times, for each kernel; above it for a sampler that is \
                 12 % too hot",
        run,
    }
}

/// The quantile of the standard normal law beyond which one in 10⁶ lies.
const ONE_IN_A_MILLION: f64 = 4.753_424;

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let problem = glass()?;
    let temperature = 2.0;
    let exact = boltzmann(&problem, temperature)?;
    let sweeps = if settings.quick { 400_000 } else { 1_600_000 };
    let chain = |acceptance: Acceptance, temperature: f64| {
        let mut counts = Counts::new(problem.spins());
        let show = |spins: &[i8]| counts.show(0, spins);
        simulated_annealing::sample(&problem, acceptance, temperature, 1, sweeps, None, show)?;
        Ok::<_, ebm_optim::Error>(counts.of_states)
    };
    let tempering = || {
        let mut counts = Counts::new(problem.spins());
        let mut shown = 0;
        let show = |k: usize, spins: &[i8]| {
            // Copies at one temperature depend on each other: the first alone.
            if shown % 2 == 0 {
                counts.show(k, spins);
            }
            shown += 1;
        };
        let ladder = [temperature, 1.4 * temperature];
        parallel_tempering::sample(&problem, &ladder, 2, 1, sweeps / 2, show)?;
        Ok::<_, ebm_optim::Error>(counts.of_states)
    };
    let kernels = [
        ("Metropolis", chain(Acceptance::Metropolis, temperature)?),
        ("heat bath", chain(Acceptance::HeatBath, temperature)?),
        ("tempering with cluster moves", tempering()?),
    ];
    let hot = statistic(&chain(Acceptance::Metropolis, 1.12 * temperature)?, &exact);
    let mut pass = hot.0 > hot.1;
    let mut measured = String::new();
    let mut series = vec![];
    for (name, counts) in kernels {
        let (found, limit) = statistic(&counts, &exact);
        pass &= found < limit;
        measured += &format!("{name} {found:.0} of {limit:.0}; ");
        let total: usize = counts.iter().sum();
        let points = exact.iter().zip(&counts).filter(|(_, count)| **count > 0);
        let points = points.map(|(&p, &count)| (p, count as f64 / total as f64)).collect();
        series.push(Series { name: name.into(), points, mark: Mark::Points });
    }
    measured += &format!("12 % too hot {:.0} of {:.0}", hot.0, hot.1);
    let ends = [0.0, 1.0].map(|pick: f64| {
        let end = |best: fn(f64, f64) -> f64| exact.iter().copied().reduce(best).unwrap_or(1.0);
        let p = if pick == 0.0 { end(f64::min) } else { end(f64::max) };
        (p, p)
    });
    series.push(Series {
        name: "Boltzmann law".into(),
        points: ends.to_vec(),
        mark: Mark::Reference,
    });
    let plot = Plot {
        title: "Frequencies of the 1024 states of ten coupled spins".into(),
        x: Axis { label: "exact probability".into(), log: true },
        y: Axis { label: "frequency".into(), log: true },
        series,
    };
    Ok(Finding { measured, pass, figure: Figure::Plot(plot) })
}

/// Ten spins with couplings ±1 between six pairs in ten, and fields.
fn glass() -> Result<Ising, Box<dyn Error>> {
    let mut rng = random::stream(11, 0);
    let mut pairs = vec![];
    for i in 0..10 {
        for j in i + 1..10 {
            if rng.random::<f64>() < 0.6 {
                pairs.push((i, j, if rng.random() { 1.0 } else { -1.0 }));
            }
        }
    }
    let fields = (0..10).map(|_| f64::from(rng.random_range(-2_i32..=2)) / 2.0).collect();
    Ok(Ising::from_couplings(10, &pairs)?.with_fields(fields)?)
}

/// Probabilities of all states: bit `i` of the index is set where spin `i` is +1.
fn boltzmann(problem: &Ising, temperature: f64) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut weights = vec![];
    for state in 0..1_usize << problem.spins() {
        let spin = |i: usize| if state >> i & 1 == 1 { 1 } else { -1 };
        let spins: Vec<i8> = (0..problem.spins()).map(spin).collect();
        weights.push((-problem.energy(&spins)? / temperature).exp());
    }
    let total: f64 = weights.iter().sum();
    Ok(weights.iter().map(|w| w / total).collect())
}

/// Visits of every eighth state shown of the first temperature.
struct Counts {
    of_states: Vec<usize>,
    shown: usize,
}

impl Counts {
    fn new(spins: usize) -> Self {
        Self { of_states: vec![0; 1 << spins], shown: 0 }
    }

    fn show(&mut self, k: usize, spins: &[i8]) {
        if k == 0 {
            self.shown += 1;
            if self.shown.is_multiple_of(8) {
                let bits = spins.iter().enumerate();
                let state: usize = bits.map(|(i, s)| usize::from(*s > 0) << i).sum();
                self.of_states[state] += 1;
            }
        }
    }
}

/// Pearson's statistic and its limit, by Wilson and Hilferty; states expected
/// fewer than ten times share a bin.
fn statistic(counts: &[usize], exact: &[f64]) -> (f64, f64) {
    let total = counts.iter().sum::<usize>() as f64;
    let mut bins = vec![];
    let mut rare = (0.0, 0.0);
    for (&count, &p) in counts.iter().zip(exact) {
        let (count, expected) = (count as f64, p * total);
        if expected < 10.0 {
            rare = (rare.0 + count, rare.1 + expected);
        } else {
            bins.push((count, expected));
        }
    }
    if rare.1 >= 10.0 {
        bins.push(rare);
    }
    let found = bins.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum();
    let freedom = (bins.len().max(2) - 1) as f64;
    let spread: f64 = 2.0 / (9.0 * freedom);
    (found, freedom * (1.0 - spread + ONE_IN_A_MILLION * spread.sqrt()).powi(3))
}
