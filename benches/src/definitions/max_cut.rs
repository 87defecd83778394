//! Cuts found in equal processor time, against the solvers that Python users
//! install.
//!
//! Instances are those of the table below: a file of that name in the directory
//! `EBM_DATA`, or else the same graph, edge for edge, out of its generator. Every
//! solver has one thread and the same seconds; peers find out beforehand, on
//! the house, how many steps that is.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ebm_optim::{Graph, Run, generate, rudy, solvers};
use serde_json::Value;

use crate::benchmark::{Benchmark, Findings, Settings};

/// Graphs of the G-set and the complete graph of Inagaki et al., Science 354,
/// 603 (2016): name, expression of the generator, and the best cut known from
/// the literature.
const INSTANCES: [(&str, &str, f64); 8] = [
    ("G1", "-rnd_graph 800 6 8001", 11_624.0),
    ("G14", "-planar 800 99 8001 -planar 800 99 8002 +", 3_064.0),
    ("G22", "-rnd_graph 2000 1 20001", 13_359.0),
    ("G32", "-toroidal_grid_2D 100 20 -random 0 1 20003 -times 2 -plus -1", 1_410.0),
    (
        "G39",
        "-planar 2000 99 20001 -planar 2000 99 20002 + -random 0 1 20001 -times 2 -plus -1",
        2_408.0,
    ),
    ("G55", "-rnd_graph 5000 0.1 50001", 10_299.0),
    ("G70", "-rnd_graph 10000 0.02 100001", 9_595.0),
    ("K2000", "-clique 2000 -random 0 1 20001 -times 2 -plus -1", 33_337.0),
];

/// What a quick run measures instead.
const QUICK: &str = "-rnd_graph 100 20 1";

/// Seeds of each solver on each instance.
const RUNS: u64 = 2;

pub(crate) fn one_second() -> Benchmark {
    Benchmark { id: "optim/max-cut-1s", run: |settings| run(settings, 1.0), ..benchmark() }
}

pub(crate) fn ten_seconds() -> Benchmark {
    Benchmark { id: "optim/max-cut-10s", run: |settings| run(settings, 10.0), ..benchmark() }
}

pub(crate) fn thirty_seconds() -> Benchmark {
    Benchmark { id: "optim/max-cut-30s", run: |settings| run(settings, 30.0), ..benchmark() }
}

fn benchmark() -> Benchmark {
    Benchmark {
        id: "",
        claim: "In equal processor time the portfolio finds cuts at least as large as any solver \
                that Python users install",
        target: "best and mean cut of the portfolio over the best of all peers at least 1 on \
                 every instance",
        unit: "cut of the portfolio / largest cut of the peers",
        run: |settings| run(settings, 1.0),
    }
}

/// Best and mean cut over the runs, and processor seconds of one.
struct Score {
    best: f64,
    mean: f64,
    seconds: f64,
}

fn run(settings: &Settings, seconds: f64) -> Result<Findings, Box<dyn Error>> {
    let (seconds, runs) = if settings.quick { (0.1, 1) } else { (seconds, RUNS) };
    let mut findings = Findings::default();
    let folder = std::env::temp_dir().join(format!("ebm-max-cut-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = (|| {
        let mut notes = BTreeMap::new();
        for instance in instances(settings, &folder)? {
            measure(&instance, seconds, runs, &mut findings, &mut notes)?;
        }
        let absent = notes.iter().map(|(solver, why)| format!("{solver} is absent: {why}"));
        findings.note = absent.collect::<Vec<_>>().join("; ");
        Ok(())
    })();
    // The folder holds copies only.
    let _ = fs::remove_dir_all(&folder);
    outcome.map(|()| findings)
}

struct Instance {
    name: &'static str,
    path: PathBuf,
    graph: Graph,
    best_known: Option<f64>,
}

fn instances(settings: &Settings, folder: &Path) -> Result<Vec<Instance>, Box<dyn Error>> {
    let generated = |name: &'static str, expression: &str, best_known| {
        let made = generate::rudy::generate(expression)?;
        let path = folder.join(name);
        // The peers read it.
        fs::write(&path, made.to_string())?;
        Ok(Instance { name, path, graph: made.graph()?, best_known })
    };
    if settings.quick {
        return Ok(vec![generated("random 100", QUICK, None)?]);
    }
    let data = std::env::var_os("EBM_DATA").map(PathBuf::from);
    let instance = |(name, expression, best_known)| {
        let path = data.as_ref().map(|data| data.join(name)).filter(|path| path.is_file());
        match path {
            Some(path) => {
                Ok(Instance { name, graph: rudy::read(&path)?, path, best_known: Some(best_known) })
            }
            None => generated(name, expression, Some(best_known)),
        }
    };
    INSTANCES.into_iter().map(instance).collect()
}

fn measure(
    instance: &Instance,
    seconds: f64,
    runs: u64,
    findings: &mut Findings,
    notes: &mut BTreeMap<String, String>,
) -> Result<(), Box<dyn Error>> {
    let name = instance.name;
    let gap = |cut: f64| match instance.best_known {
        Some(best) => format!(", gap {:.3} %", 100.0 * (best - cut) / best),
        None => String::new(),
    };
    let title =
        |solver: &str, which: &str, cut: f64| format!("{name} {solver}, {which}{}", gap(cut));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut portfolio = None;
    for solver in solvers::all() {
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
    for (solver, found) in python(&instance.path, seconds, runs)? {
        let score = match found {
            Ok(score) => score,
            Err(why) => {
                notes.insert(solver, why);
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

type Found = Result<Score, String>;

/// The Python peers; none where the interpreter named by `EBM_PYTHON` (default
/// `python3`) has no numpy.
fn python(path: &Path, seconds: f64, runs: u64) -> Result<Vec<(String, Found)>, Box<dyn Error>> {
    let python = std::env::var("EBM_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-c", "import numpy"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return Ok(vec![]);
    }
    let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "peers", "max_cut.py"].iter().collect();
    let mut command = Command::new(&python);
    command.arg(script).arg(path).args([seconds.to_string(), runs.to_string()]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(parse).collect()
}

/// A line of the script.
fn parse(line: &str) -> Result<(String, Found), Box<dyn Error>> {
    let object: Value = serde_json::from_str(line)?;
    let solver = object["solver"].as_str().ok_or("a line without a solver")?.to_string();
    if let Some(why) = object["absent"].as_str() {
        return Ok((solver, Err(why.to_string())));
    }
    let number = |key: &str| {
        let found = object[key].as_f64().filter(|value| value.is_finite());
        found.ok_or_else(|| format!("{solver}: no number `{key}` in {line}"))
    };
    let score = Score { best: number("best")?, mean: number("mean")?, seconds: number("cpu")? };
    Ok((solver, Ok(score)))
}
