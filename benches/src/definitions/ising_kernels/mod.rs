//! Speed of the Ising machines' steps, against the machine's limits and PyTorch.
//!
//! Claims: on a graph with 2000 nodes and degree 20 (G22's family), a step of
//! discrete bifurcation takes at most 1.5 times what it takes to load the
//! neighbors' cache lines, a step of oscillators at most twice that of its two
//! lines a neighbor with a sine, a cosine and noise a node; an annealer makes
//! 150 million proposals a second. On a complete graph of 2000 nodes a step of
//! bifurcation is 5 times as fast as PyTorch's. Two threads finish 1.8 times the
//! replicas of one.
//!
//! Analysis: with replicas side by side a neighbor is one cache line, wherever
//! it lies; the states of a graph of this size are in the second-level cache,
//! which delivers a line in about two cycles. The sums that go with it cost
//! less, but for the update of a node nothing is left to wait for: it adds to
//! the time of the lines. Bifurcation keeps the signs of 64 replicas in half a
//! line, which pays for its update. The limits are measured by [`limits`], in
//! turn with the steps. A step is a run over its steps, with all looks at the
//! energies, the reading out and the polishing. Each time is the least of three.
//! What two cores can do at once, sharing clock and memory, is measured by two
//! runs side by side that share nothing.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel;
use ebm_optim::generate::rudy;
use ebm_optim::{
    Ising, OscillatorIsingMachine, Run, SimulatedAnnealing, SimulatedBifurcation, Solver,
};
use rayon::ThreadPool;

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::measure::Contest;
use limits::{Lines, Rows, Waves};

mod limits;
mod torch;

/// A random graph of G22's family, and the complete graph of Inagaki et al.,
/// Science 354, 603 (2016).
const SPARSE: &str = "-rnd_graph 2000 1 2201";
const DENSE: &str = "-clique 2000 -random 0 1 20001 -times 2 -plus -1";

/// Replicas that the machines step at once.
const BIFURCATIONS: usize = 64;
const OSCILLATORS: usize = 16;

/// Blocks of them that threads share: so many that the last one, which leaves a
/// thread idle, is a small part.
const BLOCKS: usize = 48;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "optim/ising-kernels",
        claim: "Steps of the Ising machines run near the limits of the memory on sparse graphs, \
                and five times as fast as PyTorch's on dense ones",
        target: "bifurcation at least 1/1.5 of the speed of loading lines and 20 G edge updates a \
                 second, oscillators 1/2 of theirs, annealer 150 M proposals a second, dense step \
                 5 times PyTorch's, two threads 1.8 times one and 0.95 times two separate runs",
        unit: "speed / that of the other",
        run,
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let mut findings = Findings::default();
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let sparse = rudy::generate(SPARSE)?.graph()?;
    against_lines(settings, &alone, sparse.ising(), &mut findings)?;
    against_waves(settings, &alone, sparse.ising(), &mut findings)?;
    annealer(settings, &alone, sparse.ising(), &mut findings)?;
    let dense = rudy::generate(DENSE)?.graph()?;
    let absent = against_torch(settings, &alone, dense.ising(), &mut findings)?;
    threads(settings, &alone, sparse.ising(), &mut findings)?;
    findings.note = "One thread but for the last ratio. Rates of bifurcation count directed edges \
                     times replicas; the ratios to 20 G and 150 M a second are those of this \
                     machine. The line limit loads 64 bytes a directed edge and adds them up; \
                     bifurcation loads 32, which hold as many replicas."
        .into();
    findings.note += &absent;
    Ok(findings)
}

/// Seconds of a step: those of a run, with its looks and its reading out, over
/// its steps.
fn step_time(
    pool: &ThreadPool,
    solver: &dyn Solver,
    problem: &Ising,
    replicas: usize,
    steps: usize,
) -> Result<f64, Box<dyn Error>> {
    let run = Run { replicas: Some(replicas), steps: Some(steps), ..Run::seeded(1) };
    least(|| Ok(pool.install(|| solver.solve(problem, &run))?.timing.run / steps as f64))
}

/// Seconds of one call, of which `calls` make a sample.
fn time(calls: usize, mut work: impl FnMut()) -> Result<f64, Box<dyn Error>> {
    least(|| {
        let start = Instant::now();
        (0..calls).for_each(|_| work());
        Ok(start.elapsed().as_secs_f64() / calls as f64)
    })
}

/// The least of three samples, which the fewest interruptions lengthened.
fn least(mut sample: impl FnMut() -> Result<f64, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    (0..3).try_fold(f64::INFINITY, |least, _| Ok(least.min(sample()?)))
}

fn rounds(settings: &Settings, full: usize) -> usize {
    if settings.quick { 1 } else { full }
}

fn against_lines(
    settings: &Settings,
    pool: &ThreadPool,
    problem: &Ising,
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let steps = if settings.quick { 80 } else { 1000 };
    let rows = Rows::new(problem);
    let (lines, level) = (limits::lines(problem.spins()), Level::detect());
    let machine = SimulatedBifurcation::default();
    let mut contest = Contest::new(2);
    for _ in 0..rounds(settings, 15) {
        contest.record(0, step_time(pool, &machine, problem, BIFURCATIONS, steps)?);
        let pass = || {
            black_box(kernel::run(level, Lines { rows: &rows, lines: black_box(&lines) }));
        };
        contest.record(1, time(steps, pass)?);
    }
    let updates = (rows.edges() * BIFURCATIONS) as f64 / contest.median(0);
    findings.row("bifurcation, step of 64 replicas", 1e6 * contest.median(0), "us");
    findings.row("lines of its neighbors", 1e6 * contest.median(1), "us");
    findings.row("bifurcation, edge updates", 1e-9 * updates, "G/s");
    findings.ratio("bifurcation, speed over that of lines", contest.ratio(1, 0), 1.0 / 1.5);
    findings.ratio("bifurcation, edge updates over 20 G/s", updates / 20e9, 1.0);
    Ok(())
}

fn against_waves(
    settings: &Settings,
    pool: &ThreadPool,
    problem: &Ising,
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let steps = if settings.quick { 30 } else { 500 };
    let rows = Rows::new(problem);
    let mut waves = limits::waves(problem.spins());
    let mut noise = [1; OSCILLATORS];
    let (level, machine) = (Level::detect(), OscillatorIsingMachine::default());
    let mut contest = Contest::new(2);
    for _ in 0..rounds(settings, 15) {
        contest.record(0, step_time(pool, &machine, problem, OSCILLATORS, steps)?);
        let pass = || {
            let (waves, noise) = (black_box(&mut waves[..]), &mut noise);
            kernel::run(level, Waves { rows: &rows, waves, noise });
        };
        contest.record(1, time(steps, pass)?);
    }
    findings.row("oscillators, step of 16 replicas", 1e6 * contest.median(0), "us");
    findings.row("two lines a neighbor, sine, cosine, noise", 1e6 * contest.median(1), "us");
    findings.ratio("oscillators, speed over that of their limit", contest.ratio(1, 0), 0.5);
    Ok(())
}

fn annealer(
    settings: &Settings,
    pool: &ThreadPool,
    problem: &Ising,
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let sweeps = if settings.quick { 100 } else { 2000 };
    let annealer = SimulatedAnnealing::default();
    let mut contest = Contest::new(1);
    for _ in 0..rounds(settings, 7) {
        contest.record(0, step_time(pool, &annealer, problem, 1, sweeps)?);
    }
    let rate = problem.spins() as f64 / contest.median(0);
    findings.row("annealer, proposals over a whole run", 1e-6 * rate, "M/s");
    findings.ratio("annealer, proposals over 150 M/s", rate / 150e6, 1.0);
    Ok(())
}

/// Returns what to note.
fn against_torch(
    settings: &Settings,
    pool: &ThreadPool,
    problem: &Ising,
    findings: &mut Findings,
) -> Result<String, Box<dyn Error>> {
    let steps = if settings.quick { 8 } else { 300 };
    let machine = SimulatedBifurcation::default();
    let mut peer = torch::start(problem)?;
    let mut contest = Contest::new(2);
    for _ in 0..rounds(settings, 5) {
        contest.record(0, step_time(pool, &machine, problem, BIFURCATIONS, steps)?);
        if let Some(peer) = &mut peer {
            contest.record(1, least(|| peer.step_time(steps / 30 + 1))?);
        }
    }
    let per_replica = contest.median(0) / BIFURCATIONS as f64;
    let name = "bifurcation on the complete graph, step of 16 replicas";
    findings.row(name, 16e6 * per_replica, "us");
    if peer.is_none() {
        return Ok(" PyTorch is absent (see benches/peers/README.md).".into());
    }
    findings.peer("PyTorch, step of 16 replicas", 1e6 * contest.median(1), "us");
    let speed = contest.ratio(1, 0) * (BIFURCATIONS / torch::REPLICAS) as f64;
    findings.ratio("complete graph, a replica's step against PyTorch's", speed, 5.0);
    Ok(String::new())
}

fn threads(
    settings: &Settings,
    alone: &ThreadPool,
    problem: &Ising,
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let threads = |count| rayon::ThreadPoolBuilder::new().num_threads(count).build();
    let (pair, single) = (threads(2)?, threads(1)?);
    let steps = if settings.quick { 20 } else { 400 };
    let machine = OscillatorIsingMachine::default();
    let run = Run { replicas: Some(BLOCKS * OSCILLATORS), steps: Some(steps), ..Run::seeded(1) };
    let solve = &|pool: &ThreadPool| pool.install(|| machine.solve(problem, &run));
    let mut contest = Contest::new(3);
    let mut best = vec![];
    for _ in 0..rounds(settings, 5) {
        for (which, pools) in [&[alone][..], &[&pair], &[alone, &single]].into_iter().enumerate() {
            let start = Instant::now();
            let solutions: Vec<_> = std::thread::scope(|scope| {
                let spawn = |pool| scope.spawn(move || solve(pool));
                let runs: Vec<_> = pools.iter().copied().map(spawn).collect();
                runs.into_iter().map(|run| run.join()).collect()
            });
            contest.record(which, start.elapsed().as_secs_f64());
            for solution in solutions {
                best.push(solution.map_err(|_| "a run panicked")??.best.energy);
            }
        }
    }
    if best.iter().any(|energy| *energy != best[0]) {
        return Err("results differ between one and two threads".into());
    }
    let rate = |which: usize| (BLOCKS * OSCILLATORS) as f64 / contest.median(which);
    findings.row("oscillators, replicas on one thread", rate(0), "1/s");
    findings.row("oscillators, replicas on two threads", rate(1), "1/s");
    findings.row("oscillators, replicas of two runs at once, a thread each", 2.0 * rate(2), "1/s");
    findings.ratio("replicas on two threads over one", contest.ratio(0, 1), 1.8);
    let name = "replicas on two threads over those of two runs at once";
    findings.ratio(name, contest.ratio(2, 1) / 2.0, 0.95);
    Ok(())
}
