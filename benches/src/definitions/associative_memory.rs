//! Batch retrieval from a log-sum-exp memory against its own arithmetic bound
//! and against attention in numpy and torch.
//!
//! Claim: 256 cues and 10 000 patterns of 784 entries in `f32`, on one thread.
//! Where all weights count, an update takes at most 1/0.9 of the time of the two
//! matrix products inside it; where nearly none does, it beats the two products
//! by 1.6. Either way it is 1.3 times as fast as numpy and torch. A million
//! patterns of 256 entries fit, with all that retrieval needs, into 2 GiB.
//!
//! Analysis: an update is `Pᵀx` (4 GFLOP for the batch), a softmax over 2.56
//! million numbers and `P w` (4 GFLOP more). The softmax is a few per cent of
//! the products if it is done tile by tile in the cache, and more than that if
//! the numbers travel to memory and back, as in numpy. The bound is faer's two
//! products on the same shapes. We do better on the first because states are
//! laid out once and patterns read in place. At β = 1 a cue with 10 % of its
//! signs flipped is e^500 times as close to its pattern as to any other: the
//! second product disappears, a factor of two at best. Every contestant
//! makes two updates: we need the second to know that the first one arrived.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use ebm_core::linalg;
use ebm_memory::{Batch, Cccp, Corruption, LogSumExpMemory, Patterns, Similarity, corrupt};

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::graph::uniform;
use crate::measure::Contest;
use crate::python::{interpreter_with, script};

/// Inverse temperature at which nearly all weights are negligible.
const SHARP: f64 = 1.0;
/// Inverse temperature at which all weights count.
const FLAT: f64 = 1e-3;
/// Updates that every contestant makes.
const UPDATES: usize = 2;
/// Bytes that a million patterns may take.
const LIMIT: f64 = (2_u64 << 30) as f64;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "memory/log-sum-exp",
        claim: "Batch retrieval from a log-sum-exp memory runs at 90 % of its two matrix products \
                or faster, beats them where weights are negligible, and numpy and torch always",
        target: "time of two products / ours: at least 0.9 with all weights, 1.6 with negligible \
                 ones; time of each peer / ours: at least 1.3; 2 GiB / peak memory for 10⁶ \
                 patterns of 256: at least 1",
        unit: "time of the other / ours",
        run,
    }
}

struct Problem {
    patterns: Patterns<f32>,
    cues: Vec<f32>,
}

impl Problem {
    fn new(dim: usize, count: usize, batch: usize) -> Result<Self, Box<dyn Error>> {
        let patterns = Patterns::random_signs(dim, count, 1)?;
        let chosen: Vec<usize> = (0..batch).map(|q| q * count / batch).collect();
        let chosen = patterns.subset(&chosen)?;
        let cues = corrupt(chosen.as_batch(), 0.1, Corruption::FlipSign, 2)?;
        let cues = cues.to_precision()?.into_data();
        Ok(Self { patterns: patterns.to_precision()?, cues })
    }

    fn data(&self) -> &[f32] {
        self.patterns.as_batch().as_slice()
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let (dim, count, batch) = if settings.quick { (784, 1000, 64) } else { (784, 10_000, 256) };
    let problem = Problem::new(dim, count, batch)?;
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let memory =
        |beta| LogSumExpMemory::new(problem.patterns.clone(), beta, Similarity::DotProduct);
    let (sharp, flat) = (memory(SHARP)?, memory(FLAT)?);
    let retrieve = |memory: &LogSumExpMemory<f32>, negligible: f64| {
        let cccp = Cccp { max_iterations: UPDATES - 1, tolerance: 1e-12, negligible };
        alone.install(|| cccp.retrieve(memory, Batch::new(&problem.cues, dim)?))
    };
    let (mut scores, mut states) = (vec![0.0; count * batch], vec![0.0; dim * batch]);
    let mut products = || {
        for _ in 0..UPDATES {
            linalg::multiply_transposed(problem.data(), &problem.cues, &mut scores, dim);
            linalg::multiply(problem.data(), &scores, &mut states, dim);
        }
    };
    let (mut peers, absent) = peers(&problem, dim)?;

    const OWN: usize = 3;
    let mut contest = Contest::new(OWN + peers.len());
    let rounds = if settings.quick { 2 } else { 15 };
    for round in 0..=rounds {
        for turn in 0..OWN + peers.len() {
            let which = (round + turn) % (OWN + peers.len());
            let start = Instant::now();
            let seconds = match which {
                0 => {
                    products();
                    start.elapsed().as_secs_f64()
                }
                1 => {
                    let found = retrieve(&flat, 0.0)?;
                    let seconds = start.elapsed().as_secs_f64();
                    let made = found.reports().iter().map(|q| q.iterations).min();
                    if made != Some(UPDATES - 1) {
                        return Err("a query stopped before its last update".into());
                    }
                    seconds
                }
                2 => {
                    let found = retrieve(&sharp, Cccp::default().negligible)?;
                    let seconds = start.elapsed().as_secs_f64();
                    recalled(&problem, found.states().as_slice(), batch)?;
                    seconds
                }
                peer => peers[peer - OWN].seconds()?,
            };
            // The first round is to get warm.
            if round > 0 {
                contest.record(which, seconds);
            }
        }
    }

    let mut findings = Findings::default();
    let rate = |which| (UPDATES * batch) as f64 / contest.median(which);
    findings.peer("faer's two products", rate(0), "updates/s");
    findings.row("all weights", rate(1), "updates/s");
    findings.row("negligible weights skipped", rate(2), "updates/s");
    findings.ratio("all weights, against the two products", contest.ratio(0, 1), 0.9);
    findings.ratio(
        "negligible weights skipped, against the two products",
        contest.ratio(0, 2),
        1.6,
    );
    for (at, peer) in peers.iter().enumerate() {
        findings.peer(peer.name, rate(OWN + at), "updates/s");
        let name = format!("all weights, against {}", peer.name);
        findings.ratio(name, contest.ratio(OWN + at, 1), 1.3);
        let name = format!("negligible weights skipped, against {}", peer.name);
        findings.ratio(name, contest.ratio(OWN + at, 2), 1.3);
    }
    findings.note = format!(
        "One thread, f32. {count} random patterns of {dim} signs, {batch} cues with 10 % flipped, \
         {UPDATES} updates each; β = {SHARP}, and {FLAT} where all weights count (peers: {SHARP})."
    );
    if !absent.is_empty() {
        findings.note += &format!(" Absent: {}.", absent.join(", "));
    }
    drop((peers, sharp, flat));
    drop(problem);
    million(settings, &mut findings)?;
    Ok(findings)
}

/// Every state must be its pattern.
fn recalled(problem: &Problem, states: &[f32], batch: usize) -> Result<(), Box<dyn Error>> {
    let (dim, count) = (problem.patterns.dim(), problem.patterns.count());
    if states.len() != dim * batch {
        return Err(format!("{} numbers, expected {}", states.len(), dim * batch).into());
    }
    for (query, state) in states.chunks_exact(dim).enumerate() {
        let pattern = problem.patterns.pattern(query * count / batch);
        if !state.iter().zip(pattern).all(|(x, p)| (x - p).abs() < 1e-3) {
            return Err(format!("cue {query} is not recalled").into());
        }
    }
    Ok(())
}

/// The largest memory of the claim, and what the process took at its peak.
fn million(settings: &Settings, findings: &mut Findings) -> Result<(), Box<dyn Error>> {
    let count = if settings.quick { 10_000 } else { 1_000_000 };
    let patterns = Patterns::new(uniform::<f32>(256 * count, 3), 256)?;
    let cues = patterns.as_batch().as_slice()[..256 * 64].to_vec();
    let memory = LogSumExpMemory::new(patterns, 10.0, Similarity::SquaredDistance)?;
    let start = Instant::now();
    let found = Cccp::default().retrieve(&memory, Batch::new(&cues, 256)?)?;
    let seconds = start.elapsed().as_secs_f64();
    if found.reports().iter().enumerate().any(|(mu, query)| query.pattern != mu) {
        return Err("a stored pattern is not recalled".into());
    }
    let name = format!("{count} patterns of 256, all threads");
    findings.row(name, 64.0 / seconds, "retrievals/s");
    match peak_memory() {
        Some(bytes) => {
            findings.row("peak memory of the process", bytes / (1 << 20) as f64, "MiB");
            findings.ratio(format!("2 GiB / peak memory, {count} patterns"), LIMIT / bytes, 1.0);
        }
        None => findings.note += " Peak memory is not known on this system.",
    }
    Ok(())
}

/// Largest resident size of this process so far, in bytes.
pub(super) fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024.0 * kibibytes)
}

/// A Python process that answers every line with the seconds of its updates.
struct Peer {
    name: &'static str,
    process: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Peer {
    fn seconds(&mut self) -> Result<f64, Box<dyn Error>> {
        writeln!(self.ask)?;
        Ok(self.line()?.trim().parse()?)
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        if self.answer.read_line(&mut line)? == 0 {
            return Err(format!("{} ended", self.name).into());
        }
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Running peers, and the names of those that cannot run.
type Peers = (Vec<Peer>, Vec<&'static str>);

/// Those that some interpreter can run, and the names of the others.
fn peers(problem: &Problem, dim: usize) -> Result<Peers, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("ebm-bench-memory-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let write = |name: &str, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(folder.join(name), bytes)
    };
    write("patterns.f32", problem.data())?;
    write("cues.f32", &problem.cues)?;
    let (mut found, mut absent) = (vec![], vec![]);
    let all = [
        ("numpy", "numpy", "numpy"),
        ("torch", "torch softmax", "torch"),
        ("torch-sdpa", "torch scaled_dot_product_attention", "torch"),
    ];
    for (peer, name, module) in all {
        let Some(python) = interpreter_with(module) else {
            absent.push(name);
            continue;
        };
        let mut process = Command::new(python)
            .arg(script("log_sum_exp.py"))
            .arg(peer)
            .arg(&folder)
            .args([dim.to_string(), SHARP.to_string(), UPDATES.to_string()])
            .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (ask, answer) = (process.stdin.take(), process.stdout.take());
        let (Some(ask), Some(answer)) = (ask, answer) else {
            return Err("no pipe to a peer".into());
        };
        let mut peer_process = Peer { name, process, ask, answer: BufReader::new(answer) };
        if peer_process.line()?.trim() != "ready" {
            return Err(format!("{name} does not begin").into());
        }
        let bytes = fs::read(folder.join(format!("states-{peer}.f32")))?;
        let states: Vec<f32> =
            bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        recalled(problem, &states, problem.cues.len() / dim).map_err(|e| format!("{name}: {e}"))?;
        found.push(peer_process);
    }
    // What cannot be removed is left to the system's own cleaning.
    let _ = fs::remove_dir_all(&folder);
    Ok((found, absent))
}
