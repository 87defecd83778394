//! Cuts found in equal processor time, against the solvers that Python users
//! install.
//!
//! Every solver has one thread and the same seconds; peers find out beforehand, on
//! the house, how many steps that is.

use std::error::Error;
use std::time::Duration;

use ebm_optim::{Run, solvers};

use super::instances::Instance;
use super::python::{Score, python};
use super::{Absent, on_instances};
use crate::benchmark::{Benchmark, Findings, Settings};

/// What is run; empty lists stand for all.
#[derive(Clone, Copy)]
struct Plan {
    seconds: f64,
    /// Seeds of each solver on each instance.
    runs: u64,
    instances: &'static [&'static str],
    solvers: &'static [&'static str],
    peers: &'static [&'static str],
}

/// The solvers worth a long run, and the peers: those that win on some instance, and
/// three heuristics of MQLib.
const LONG_SOLVERS: [&str; 4] = ["bifurcation", "coherent", "oscillator", "portfolio"];
const LONG_PEERS: [&str; 8] = [
    "dwave-samplers SA",
    "OpenJij SA",
    "simulated-bifurcation dSB",
    "simulated-bifurcation bSB",
    "mindquantum dSB",
    "MQLib BURER2002",
    "MQLib PALUBECKIS2006",
    "MQLib LU2010",
];

const ONE: Plan = Plan { seconds: 1.0, runs: 2, instances: &[], solvers: &[], peers: &[] };
const TEN: Plan = Plan { seconds: 10.0, solvers: &LONG_SOLVERS, peers: &LONG_PEERS, ..ONE };
const THIRTY: Plan =
    Plan { seconds: 30.0, runs: 1, instances: &["G22", "G55", "G70", "K2000"], ..TEN };

pub(crate) fn one_second() -> Benchmark {
    Benchmark { id: "optim/max-cut-1s", ..benchmark(|settings| run(settings, &ONE)) }
}

pub(crate) fn ten_seconds() -> Benchmark {
    Benchmark { id: "optim/max-cut-10s", ..benchmark(|settings| run(settings, &TEN)) }
}

pub(crate) fn thirty_seconds() -> Benchmark {
    Benchmark { id: "optim/max-cut-30s", ..benchmark(|settings| run(settings, &THIRTY)) }
}

fn benchmark(run: fn(&Settings) -> Result<Findings, Box<dyn Error>>) -> Benchmark {
    Benchmark {
        id: "",
        claim: "In equal processor time the portfolio finds cuts at least as large as any solver \
                that Python users install",
        target: "best and mean cut of the portfolio over the best of all peers at least 1 on \
                 every instance",
        unit: "cut of the portfolio / largest cut of the peers",
        run,
    }
}

fn run(settings: &Settings, plan: &Plan) -> Result<Findings, Box<dyn Error>> {
    let quick = Plan { seconds: 0.1, runs: 1, ..*plan };
    let plan = if settings.quick { &quick } else { plan };
    on_instances(settings, plan.instances, |instance, findings, absent| {
        measure(instance, plan, findings, absent)
    })
}

fn measure(
    instance: &Instance,
    plan: &Plan,
    findings: &mut Findings,
    absent: &mut Absent,
) -> Result<(), Box<dyn Error>> {
    let (name, Plan { seconds, runs, .. }) = (instance.name, *plan);
    let gap = |cut: f64| match instance.best_known {
        Some(best) => format!(", gap {:.3} %", 100.0 * (best - cut) / best),
        None => String::new(),
    };
    let title =
        |solver: &str, which: &str, cut: f64| format!("{name} {solver}, {which}{}", gap(cut));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut portfolio = None;
    let listed = |name: &str| plan.solvers.is_empty() || plan.solvers.contains(&name);
    for solver in solvers::all().into_iter().filter(|solver| listed(solver.name())) {
        let mut cuts = vec![];
        for seed in 1..=runs {
            let run = Run { time: Some(Duration::from_secs_f64(seconds)), ..Run::seeded(seed) };
            let solution = pool.install(|| solver.solve(instance.graph.ising(), &run))?;
            cuts.push(instance.graph.cut(&solution.best.spins)?);
        }
        let score = score(&cuts, seconds);
        findings.row(title(solver.name(), "best", score.best), score.best, "cut");
        findings.row(title(solver.name(), "mean", score.mean), score.mean, "cut");
        if solver.name() == "portfolio" {
            portfolio = Some(score);
        }
    }
    let mut peers: Option<Score> = None;
    for (solver, found) in python(&instance.path, seconds, runs, plan.peers)? {
        let score = match found {
            Ok(score) => score,
            Err(why) => {
                absent.insert(solver, why);
                continue;
            }
        };
        findings.peer(title(&solver, "best", score.best), score.best, "cut");
        findings.peer(title(&solver, "mean", score.mean), score.mean, "cut");
        findings.peer(format!("{name} {solver}, processor time"), score.seconds, "s");
        peers = Some(match peers {
            None => score,
            Some(so_far) => Score {
                best: so_far.best.max(score.best),
                mean: so_far.mean.max(score.mean),
                seconds,
            },
        });
    }
    if let (Some(ours), Some(peers)) = (portfolio, peers) {
        findings.ratio(format!("{name}, best cut"), ours.best / peers.best, 1.0);
        findings.ratio(format!("{name}, mean cut"), ours.mean / peers.mean, 1.0);
    }
    Ok(())
}

fn score(cuts: &[f64], seconds: f64) -> Score {
    let best = cuts.iter().fold(f64::NEG_INFINITY, |best, &cut| best.max(cut));
    Score { best, mean: cuts.iter().sum::<f64>() / cuts.len() as f64, seconds }
}
