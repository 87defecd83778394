//! `cargo xtask solve`: reads an instance, looks for its best state, and keeps it.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ebm_optim::formats::solution;
use ebm_optim::{Instance, Ising, Model, Outcome, Progress, Run, Solution, Solver, solvers};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::arguments::{Arguments, Opt, Positional, Spec, UsageError};
use crate::claim::{Axis, Mark, Plot, Series};
use crate::console::say;
use crate::error::TaskError;
use crate::files;
use crate::instance::{FROM, MODEL, hints, read_with};
use crate::phases;
use crate::report::plot;

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "solve",
    summary: "Look for the best state of a max-cut, Ising or QUBO instance",
    details: "\
Prints the best cut (of a graph, larger is better), energy (of an Ising problem) or value (of a
QUBO, smaller is better). Ctrl-C ends the run and keeps the best. A run takes its time: replicas
are as long as it allows, unless --steps says how long. With --steps and --replicas and without
--time the result depends on the seed alone. With --time the portfolio makes as many of each in
every trial.

Solvers: portfolio reduces exactly, then chooses among the others by short trials and recombines
their states; annealing, bifurcation, breakout, coherent, memetic, oscillator, rank-two, tabu,
tempering.",
    positionals: &[Positional { name: "FILE", required: true, help: "The instance" }],
    options: &[
        Opt {
            name: "--solver",
            value: Some("NAME"),
            help: "One of the above [default: portfolio]",
        },
        Opt {
            name: "--time",
            value: Some("SECONDS"),
            help: "Limit of wall-clock time [default: 10, none with --steps]",
        },
        Opt {
            name: "--replicas",
            value: Some("N"),
            help: "Independent replicas, of equal length [default: of growing length]",
        },
        Opt { name: "--steps", value: Some("N"), help: "Steps (sweeps) of each replica" },
        Opt {
            name: "--threads",
            value: Some("N"),
            help: "Threads [default: those of the machine]",
        },
        Opt {
            name: "--target",
            value: Some("VALUE"),
            help: "Stop at a cut of at least, or an energy or value of at most, this",
        },
        Opt { name: "--seed", value: Some("N"), help: "Seed of all randomness [default: 1]" },
        Opt {
            name: "--start",
            value: Some("FILE"),
            help: "A solution file to start from; the result is never worse",
        },
        Opt {
            name: "--out",
            value: Some("DIR"),
            help: "Write solution.txt, anytime.svg and, unless it would take long, phases.svg there",
        },
        FROM,
        MODEL,
        Opt { name: "--json", value: None, help: "Print one JSON object instead of text" },
    ],
};

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let request = Request::new(arguments)?;
    let hints = hints(&SPEC, arguments)?;
    if let Some(out) = &request.out {
        // Before the run, so that a wrong path costs no time.
        files::create_directory(out)?;
    }
    let begun = Instant::now();
    let cpu_before = cpu_seconds();
    let failed = |error: ebm_optim::Error| TaskError::Failed(error.to_string());
    let (instance, _) = read_with(&request.file, &hints)?;
    let objective = Objective::new(instance).map_err(failed)?;
    let problem = objective.problem();
    let load = begun.elapsed().as_secs_f64();

    let mut run = request.run.clone();
    run.target = request.target.map(|value| objective.energy_of(value));
    if let Some(path) = &request.start {
        let spins = solution::read(path, problem.spins()).map_err(failed)?;
        run.starts = vec![spins];
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // Without a handler Ctrl-C ends the process and loses the best, nothing else.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    let live = Live::new(&request, &objective);
    let watch = |progress: &Progress| {
        live.show(progress);
        if interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let solve = || request.solver.solve_watched(problem, &run, &watch);
    let solution = match request.threads {
        None => solve(),
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| TaskError::Failed(format!("cannot start {threads} threads: {error}")))?
            .install(solve),
    }
    .map_err(failed)?;
    live.clear();
    let cpu = cpu_before.zip(cpu_seconds()).map(|(before, after)| after - before);

    let found = Found { request: &request, objective: &objective, solution: &solution, load, cpu };
    if let Some(out) = &request.out {
        found.write(out)?;
    }
    say(&if request.json { found.json().to_string() } else { found.text() });
    Ok(())
}

/// The command line, checked.
struct Request {
    file: PathBuf,
    solver: Box<dyn Solver>,
    run: Run,
    threads: Option<usize>,
    /// In terms of the objective.
    target: Option<f64>,
    start: Option<PathBuf>,
    out: Option<PathBuf>,
    json: bool,
}

impl Request {
    fn new(arguments: &Arguments) -> Result<Self, UsageError> {
        let text = |name: &str| arguments.value(name).map(OsStr::to_string_lossy);
        let wrong = |name: &str, expected: &str| {
            let value = text(name).unwrap_or_default();
            SPEC.error(format!("option `{name}` is `{value}`, expected {expected}"))
        };
        let count = |name: &str| {
            let parse = |value: &str| value.parse().ok().filter(|&n: &usize| n > 0);
            text(name)
                .map(|value| {
                    parse(&value).ok_or_else(|| wrong(name, "a whole number of at least 1"))
                })
                .transpose()
        };
        let number = |name: &str| {
            text(name)
                .map(|value| {
                    let parsed = value.parse().ok().filter(|x: &f64| x.is_finite());
                    parsed.ok_or_else(|| wrong(name, "a finite number"))
                })
                .transpose()
        };
        let seed = match text("--seed") {
            None => 1,
            Some(value) => {
                value.parse().map_err(|_| wrong("--seed", "a whole number of at least 0"))?
            }
        };
        let names = || solvers::all().iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
        let name = text("--solver").unwrap_or("portfolio".into());
        let solver = solvers::named(&name).ok_or_else(|| {
            SPEC.error(format!("there is no solver `{name}`; there are {}", names()))
        })?;
        let steps = count("--steps")?;
        let seconds = match number("--time")? {
            None => steps.is_none().then_some(10.0),
            Some(seconds) => Some(seconds),
        };
        let time = match seconds.map(|s| (s, Duration::try_from_secs_f64(s))) {
            None => None,
            // Some thirty years; clocks overflow beyond.
            Some((s, Ok(time))) if s <= 1e9 => Some(time),
            Some(_) => return Err(wrong("--time", "seconds from 0 to 1e9")),
        };
        let replicas = count("--replicas")?;
        Ok(Self {
            file: arguments.positional_path(0).unwrap_or_default(),
            solver,
            run: Run { seed, replicas, steps, time, ..Run::default() },
            threads: count("--threads")?,
            target: number("--target")?,
            start: arguments.path("--start"),
            out: arguments.path("--out"),
            json: arguments.flag("--json"),
        })
    }
}

/// What is optimized, as the user states it, and as a solver takes it.
struct Objective {
    instance: Instance,
    /// Where the instance is no Ising problem itself.
    translated: Option<Ising>,
}

impl Objective {
    fn new(instance: Instance) -> Result<Self, ebm_optim::Error> {
        let translated = match instance {
            Instance::Qubo(_) => Some(instance.to_ising()?),
            _ => None,
        };
        Ok(Self { instance, translated })
    }

    fn problem(&self) -> &Ising {
        match (&self.instance, &self.translated) {
            (_, Some(problem)) | (Instance::Ising(problem), None) => problem,
            (Instance::Graph(graph), None) => graph.ising(),
            (Instance::Qubo(_), None) => unreachable!("a QUBO is translated by `new`"),
        }
    }

    fn name(&self) -> &'static str {
        match self.instance.model() {
            Model::Graph => "cut",
            Model::Ising => "energy",
            Model::Qubo => "value",
        }
    }

    /// Such as `3 nodes, 1 edge`.
    fn size(&self) -> String {
        let (node, edge) = match self.instance.model() {
            Model::Graph => ("node", "edge"),
            Model::Ising => ("spin", "coupling"),
            Model::Qubo => ("variable", "product"),
        };
        let problem = self.problem();
        let couplings = problem.couplings().entry_count() / 2;
        format!("{}, {}", counted(problem.spins(), node), counted(couplings, edge))
    }

    /// How a value stands to a target.
    fn standing(&self, value: f64, target: f64) -> String {
        let excess = match self.instance.model() {
            Model::Graph => value - target,
            Model::Ising | Model::Qubo => target - value,
        };
        if excess < 0.0 {
            format!("short of the target by {}", gap(value, target))
        } else if excess > 0.0 {
            format!("better than the target by {}", gap(value, target))
        } else {
            "equal to the target".into()
        }
    }

    fn value_of(&self, energy: f64) -> f64 {
        self.instance.value_of_energy(energy)
    }

    fn energy_of(&self, value: f64) -> f64 {
        self.instance.energy_of_value(value)
    }
}

/// A line on the terminal while the run goes on.
struct Live<'a> {
    bar: ProgressBar,
    objective: &'a Objective,
    target: Option<f64>,
    shown: Mutex<f64>,
}

impl<'a> Live<'a> {
    fn new(request: &Request, objective: &'a Objective) -> Self {
        let quiet = request.json || !io::stderr().is_terminal();
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, objective, target: request.target, shown: Mutex::new(f64::NEG_INFINITY) }
    }

    fn show(&self, progress: &Progress) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // Early in a run improvements come faster than eyes.
        if self.bar.is_hidden() || progress.seconds < *shown + 0.05 {
            return;
        }
        *shown = progress.seconds;
        let mut line = format!("{:6.1} s", progress.seconds);
        if progress.energy.is_finite() {
            let value = self.objective.value_of(progress.energy);
            line += &format!("  best {} {value}", self.objective.name());
            if let Some(target) = self.target {
                line += &format!("  gap {}", gap(value, target));
            }
        }
        line += &format!("  {} done", counted(progress.replicas, "replica"));
        self.bar.set_message(line);
        self.bar.tick();
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// How far a value is from a target.
fn gap(value: f64, target: f64) -> String {
    let distance = (target - value).abs();
    if target == 0.0 {
        format!("{distance}")
    } else {
        format!("{:.3} %", 100.0 * distance / target.abs())
    }
}

/// The result, ready to be told.
struct Found<'a> {
    request: &'a Request,
    objective: &'a Objective,
    solution: &'a Solution,
    load: f64,
    cpu: Option<f64>,
}

impl Found<'_> {
    fn value(&self) -> f64 {
        self.objective.value_of(self.solution.best.energy)
    }

    fn outcome(&self) -> &'static str {
        match self.solution.outcome {
            Outcome::Completed => "completed",
            Outcome::TargetReached => "target reached",
            Outcome::TimeUp => "time up",
            Outcome::Stagnated => "stagnated",
            Outcome::Interrupted => "interrupted",
            _ => "ended",
        }
    }

    fn text(&self) -> String {
        let timing = &self.solution.timing;
        let mut text = format!(
            "{}: {}\n{} {} by {} in {:.3} s ({}, {})\nload {:.3} s, set-up {:.3} s, run {:.3} s",
            self.request.file.display(),
            self.objective.size(),
            self.objective.name(),
            self.value(),
            self.request.solver.name(),
            timing.setup + timing.run,
            self.outcome(),
            counted(self.solution.replicas.len(), "replica"),
            self.load,
            timing.setup,
            timing.run,
        );
        if let Some(cpu) = self.cpu {
            text += &format!(", processor {cpu:.3} s");
        }
        if let Some(target) = self.request.target {
            text += &format!("\n{}", self.objective.standing(self.value(), target));
        }
        if let Some(out) = &self.request.out {
            text += &format!("\nin {}: solution.txt, anytime.svg", out.display());
            text += if phases::drawable(self.objective.problem()) {
                ", phases.svg"
            } else {
                "; too large to draw phases.svg"
            };
        }
        text
    }

    fn json(&self) -> Value {
        let problem = self.objective.problem();
        let timing = &self.solution.timing;
        let trace: Vec<Value> = self
            .solution
            .trace
            .iter()
            .map(|point| json!([point.seconds, self.objective.value_of(point.energy)]))
            .collect();
        let cut = (self.objective.instance.model() == Model::Graph).then(|| self.value());
        json!({
            "instance": self.request.file.display().to_string(),
            "n": problem.spins(),
            "m": problem.couplings().entry_count() / 2,
            "solver": self.request.solver.name(),
            "cut": cut,
            "energy": self.solution.best.energy,
            "seconds": timing.setup + timing.run,
            "cpu_seconds": self.cpu,
            "timing": { "load": self.load, "setup": timing.setup, "run": timing.run },
            "outcome": self.outcome(),
            "target": self.request.target,
            "replicas": self.solution.replicas.len(),
            "seed": self.request.run.seed,
            "solution": self.solution.best.spins,
            "trace": trace,
        })
    }

    fn write(&self, out: &Path) -> Result<(), TaskError> {
        let spins = &self.solution.best.spins;
        solution::write(out.join("solution.txt"), spins, &solution::Layout::default())
            .map_err(|error| TaskError::Failed(error.to_string()))?;
        files::write(&out.join("anytime.svg"), &plot::standalone(&self.anytime()))?;
        if !phases::drawable(self.objective.problem()) {
            return Ok(());
        }
        let phases = phases::over_time(self.objective.problem(), self.request.run.seed)
            .map_err(|error| TaskError::Failed(error.to_string()))?;
        files::write(&out.join("phases.svg"), &plot::standalone(&phases))
    }

    /// Best value against time, as steps.
    fn anytime(&self) -> Plot {
        let end = self.solution.timing.setup + self.solution.timing.run;
        let mut points: Vec<(f64, f64)> = Vec::new();
        for point in &self.solution.trace {
            // A logarithmic axis has no zero.
            let seconds = point.seconds.max(1e-6);
            if let Some(&(_, before)) = points.last() {
                points.push((seconds, before));
            }
            points.push((seconds, self.objective.value_of(point.energy)));
        }
        if let Some(&(_, last)) = points.last() {
            points.push((end.max(1e-6), last));
        }
        let name = self.objective.name();
        let mut series =
            vec![Series { name: self.request.solver.name().into(), points, mark: Mark::Line }];
        if let Some(target) = self.request.target {
            let first = self.solution.trace.first().map_or(1e-6, |point| point.seconds.max(1e-6));
            let points = vec![(first, target), (end.max(1e-6), target)];
            series.push(Series { name: "target".into(), points, mark: Mark::Reference });
        }
        let file = self.request.file.file_name().unwrap_or_default().to_string_lossy();
        Plot {
            title: format!("{file}: best {name} {} in {end:.3} s", self.value()),
            x: Axis { label: "seconds".into(), log: true },
            y: Axis { label: format!("best {name}"), log: false },
            series,
        }
    }
}

/// Processor seconds of this process so far, all threads together.
fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Parsed;
    use std::ffi::OsString;

    fn request(line: &[&str]) -> Result<Request, String> {
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        match SPEC.parse(&words).unwrap() {
            Parsed::Run(arguments) => {
                Request::new(&arguments).map_err(|e| e.to_string().lines().next().unwrap().into())
            }
            Parsed::Help => panic!("{line:?} asks for help"),
        }
    }

    #[test]
    fn options_are_checked() {
        let problem = |line: &[&str]| request(line).err().unwrap();
        assert_eq!(
            problem(&["f", "--time", "-1"]),
            "option `--time` is `-1`, expected seconds from 0 to 1e9"
        );
        assert!(problem(&["f", "--time", "1e19"]).ends_with("seconds from 0 to 1e9"));
        assert_eq!(
            problem(&["f", "--replicas", "0"]),
            "option `--replicas` is `0`, expected a whole number of at least 1"
        );
        assert!(problem(&["f", "--seed", "x"]).contains("`x`"));
        assert!(problem(&["f", "--target", "nan"]).contains("finite"));
        assert!(problem(&["f", "--solver", "magic"]).starts_with("there is no solver `magic`"));
    }

    #[test]
    fn help_lists_every_solver() {
        for solver in solvers::all() {
            assert!(SPEC.details.contains(solver.name()), "{}", solver.name());
        }
    }

    #[test]
    fn targets_are_larger_cuts_and_smaller_energies() {
        let graph = ebm_optim::Graph::new(2, vec![(0, 1, 1.0)]).unwrap();
        let ising = graph.ising().clone();
        let cut = Objective::new(graph.into()).unwrap();
        let energy = Objective::new(ising.into()).unwrap();
        assert_eq!(cut.standing(8.0, 10.0), "short of the target by 20.000 %");
        assert_eq!(cut.standing(12.0, 10.0), "better than the target by 20.000 %");
        assert_eq!(cut.standing(10.0, 10.0), "equal to the target");
        assert_eq!(energy.standing(8.0, 10.0), "better than the target by 20.000 %");
        assert_eq!(energy.standing(0.0, -10.0), "short of the target by 100.000 %");
        assert_eq!(
            (cut.size(), energy.size()),
            ("2 nodes, 1 edge".into(), "2 spins, 1 coupling".into())
        );
    }

    #[test]
    fn time_is_limited_unless_steps_are() {
        assert_eq!(request(&["f"]).unwrap().run.time, Some(Duration::from_secs(10)));
        assert_eq!(request(&["f", "--steps", "5"]).unwrap().run.time, None);
        let both = request(&["f", "--steps", "5", "--time", "0.5"]).unwrap().run;
        assert_eq!((both.steps, both.time), (Some(5), Some(Duration::from_millis(500))));
    }

    #[test]
    fn the_object_has_what_is_documented() {
        let graph = ebm_optim::Graph::new(3, vec![(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)]).unwrap();
        let request = request(&["f", "--solver", "oscillator", "--steps", "50", "--json"]).unwrap();
        let solution = request.solver.solve(graph.ising(), &request.run).unwrap();
        let objective = Objective::new(graph.into()).unwrap();
        let found = Found {
            request: &request,
            objective: &objective,
            solution: &solution,
            load: 0.0,
            cpu: Some(0.1),
        };
        let object = found.json();
        assert_eq!((object["n"].as_u64(), object["m"].as_u64()), (Some(3), Some(3)));
        assert_eq!((object["cut"].as_f64(), object["energy"].as_f64()), (Some(2.0), Some(-1.0)));
        for key in ["instance", "solver", "seconds", "cpu_seconds", "replicas", "seed"] {
            assert!(!object[key].is_null(), "{key}");
        }
        assert_eq!(object["solution"].as_array().unwrap().len(), 3);
        assert_eq!(object["trace"].as_array().unwrap().last().unwrap()[1], 2.0);
        assert!(found.text().contains("cut 2 by oscillator"));
        let svg = plot::standalone(&found.anytime());
        crate::report::samples::assert_well_formed(&svg);
    }
}
