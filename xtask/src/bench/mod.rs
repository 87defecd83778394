//! `cargo xtask bench`: lists, runs, records and compares the benchmarks of the package `ebm-bench`.
//!
//! That package measures and prints one JSON object for each benchmark; this task builds it
//! optimized, shows what it prints, and keeps it with the machine it was measured on.

mod compare;
mod record;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::arguments::{Arguments, Opt, Positional, Spec};
use crate::bench::record::{Benchmark, Record};
use crate::console::{Column, say, table, warn};
use crate::error::TaskError;
use crate::files;
use crate::machine::Machine;
use crate::process;
use crate::report::verdict;

/// The command line of `bench list`.
pub(crate) const LIST: Spec = Spec {
    name: "bench list",
    summary: "List the benchmarks",
    details: "",
    positionals: &[],
    options: &[PEERS],
};

/// The command line of `bench run`.
pub(crate) const RUN: Spec = Spec {
    name: "bench run",
    summary: "Run benchmarks against their targets",
    details: "\
Exits with code 1 if a ratio misses its target, except with --quick, where sizes are too small to
tell. Records go to benches/record/NAME.json and NAME.md.",
    positionals: &[Positional {
        name: "FILTER",
        required: false,
        help: "Only benchmarks whose id contains this text",
    }],
    options: &[
        Opt { name: "--quick", value: None, help: "Smaller sizes and fewer repetitions" },
        Opt {
            name: "--record",
            value: Some("NAME"),
            help: "Keep the results under this name (letters, digits, `-`, `_`, `.`)",
        },
        PEERS,
    ],
};

/// The command line of `bench compare`.
pub(crate) const COMPARE: Spec = Spec {
    name: "bench compare",
    summary: "Compare two records row by row",
    details: "A record is a name in benches/record or the path of a JSON file.",
    positionals: &[
        Positional { name: "A", required: true, help: "The record that counts as 1" },
        Positional { name: "B", required: true, help: "The record that is compared with it" },
    ],
    options: &[],
};

const PEERS: Opt =
    Opt { name: "--peers", value: None, help: "Build and measure the Rust peers too" };

/// Where records are kept, seen from the root of the workspace.
const RECORDS: &str = "benches/record";

/// Runs `bench list`.
pub(crate) fn list(arguments: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let mut rows = vec![];
    measure(&root, arguments, &["list"], |b| rows.push(vec![b.id, b.claim]))?;
    let column = |title, max_width| Column { title, max_width, right: false };
    let columns = [column("benchmark", 40), column("claim", 80)];
    say(table(&columns, &rows).trim_end());
    Ok(())
}

/// Runs `bench run`.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let name = arguments.value("--record").map(|n| n.to_string_lossy().into_owned());
    if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
        let problem =
            format!("`{name}` is no name of a record: use letters, digits, `-`, `_`, `.`");
        return Err(RUN.error(problem).into());
    }
    let quick = arguments.flag("--quick");
    let filter = arguments.positional(0);
    let mut words = vec!["run"];
    words.extend(filter.as_deref());
    words.extend(quick.then_some("--quick"));

    let machine = Machine::detect(&root);
    let mut benchmarks = vec![];
    measure(&root, arguments, &words, |benchmark| {
        say(&shown(&benchmark));
        benchmarks.push(benchmark);
    })?;
    if benchmarks.is_empty() {
        let filter = filter.unwrap_or_default();
        return Err(TaskError::Failed(format!("no benchmark matches `{filter}`")));
    }
    let short = benchmarks.iter().flat_map(|b| &b.ratios).filter(|r| !r.pass).count();
    let total = benchmarks.iter().map(|b| b.ratios.len()).sum::<usize>();
    if let Some(name) = name {
        let record = Record { name, quick, peers: arguments.flag("--peers"), machine, benchmarks };
        let directory = root.join(RECORDS);
        files::create_directory(&directory)?;
        let stem = directory.join(&record.name);
        for (ending, text) in [("json", record.to_json()), ("md", record.to_markdown())] {
            let path = with_ending(&stem, ending);
            files::write(&path, &text)?;
            say(&path.display().to_string());
        }
    }
    say(&format!("{} of {total} targets met", total - short));
    match short {
        0 => Ok(()),
        _ if quick => Ok(()),
        _ => Err(TaskError::Failed(format!("{short} of {total} targets missed"))),
    }
}

/// Runs `bench compare`.
pub(crate) fn compare(arguments: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let read = |index| {
        let name = arguments.positional(index).unwrap_or_default();
        let path = match name.ends_with(".json") {
            true => PathBuf::from(&name),
            false => with_ending(&root.join(RECORDS).join(&name), "json"),
        };
        Record::parse(&files::read(&path)?)
            .map_err(|error| TaskError::Failed(format!("{}: {error}", path.display())))
    };
    say(&compare::render(&read(0)?, &read(1)?));
    Ok(())
}

/// Runs `ebm-bench` and hands over each benchmark as soon as it is printed.
fn measure(
    root: &Path,
    arguments: &Arguments,
    words: &[&str],
    mut take: impl FnMut(Benchmark),
) -> Result<(), TaskError> {
    let mut command =
        process::cargo(root, &["run", "--quiet", "--release", "--package", "ebm-bench"]);
    if arguments.flag("--peers") {
        command.args(["--features", "peers"]);
    }
    command.arg("--").args(words).stdout(Stdio::piped());
    // Cargo is told to be quiet, and a first build takes minutes.
    warn("Building the benchmarks, optimized");
    let mut child = command.spawn().map_err(|source| process::not_started(&command, source))?;
    let read =
        child.stdout.take().map_or(Ok(()), |out| each_benchmark(BufReader::new(out), &mut take));
    if read.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|source| process::not_started(&command, source))?;
    read.map_err(TaskError::Failed)?;
    if status.success() { Ok(()) } else { Err(process::failed(&command, &status.to_string())) }
}

/// Hands over the benchmark of each line; empty lines are skipped.
fn each_benchmark(lines: impl BufRead, take: &mut impl FnMut(Benchmark)) -> Result<(), String> {
    for (n, line) in lines.lines().enumerate() {
        let wrong = |error: String| format!("line {} of ebm-bench is no benchmark: {error}", n + 1);
        let line = line.map_err(|error| wrong(error.to_string()))?;
        if !line.trim().is_empty() {
            take(
                serde_json::from_str(&line)
                    .map_err(|error| wrong(format!("{error} in `{line}`")))?,
            );
        }
    }
    Ok(())
}

/// A benchmark as text for the terminal.
fn shown(benchmark: &Benchmark) -> String {
    let column = |title, right| Column { title, max_width: 60, right };
    let columns = [column("", false), column("value", true), column("unit", false)];
    let rows: Vec<Vec<String>> = benchmark
        .rows
        .iter()
        .map(|row| {
            let peer = if row.peer { " (peer)" } else { "" };
            vec![format!("{}{peer}", row.name), record::number(row.value), row.unit.clone()]
        })
        .collect();
    let mut text = format!("{}: {}\n{}", benchmark.id, benchmark.claim, table(&columns, &rows));
    if !benchmark.ratios.is_empty() {
        let columns = [
            column("ratio", false),
            column("value", true),
            column("target", false),
            column("", false),
        ];
        let rows: Vec<Vec<String>> = benchmark
            .ratios
            .iter()
            .map(|r| {
                let pass = verdict(r.pass).to_string();
                vec![r.name.clone(), record::number(r.value), r.target_text(), pass]
            })
            .collect();
        text += &table(&columns, &rows);
    }
    if let Some(note) = &benchmark.note {
        text += &format!("{note}\n");
    }
    text
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.starts_with('.') && name.chars().all(plain)
}

/// Appends an ending; names may hold dots.
fn with_ending(stem: &Path, ending: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_os_string();
    path.push(".");
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_directory() {
        for name in ["zen3", "2026-11-22_a.b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["../a", ".hidden", "a/b", "a b", "ü"] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(with_ending(Path::new("a/b.c"), "md"), PathBuf::from("a/b.c.md"));
    }

    #[test]
    fn the_terminal_shows_rows_ratios_and_note() {
        let text = shown(&record::samples::benchmark(2.0, true));
        assert_eq!(
            text,
            "ode/batch: A batch is faster\n          value  unit\n────────  ─────  ────\nbatch     2.000  1/s\n\
             x (peer)      —  1/s\nratio  value  target\n─────  ─────  ──────  ────\nspeed  5.500  ≥ 5     pass\nwarm\n"
        );
    }

    #[test]
    fn lines_that_are_no_benchmarks_are_named() {
        let good = serde_json::to_string(&record::samples::benchmark(1.0, true)).unwrap();
        let mut found = vec![];
        each_benchmark(format!("{good}\n\n{good}\n").as_bytes(), &mut |b| found.push(b.id))
            .unwrap();
        assert_eq!(found, ["ode/batch", "ode/batch"]);
        for bad in ["x", "{}", "{\"id\":"] {
            let text = format!("{good}\n{bad}\n");
            let error = each_benchmark(text.as_bytes(), &mut |_| ()).unwrap_err();
            assert!(error.starts_with("line 2 of ebm-bench is no benchmark: "), "{error}");
        }
    }

    #[test]
    fn a_bad_name_is_a_usage_error() {
        let Ok(crate::arguments::Parsed::Run(arguments)) =
            RUN.parse(&["--record".into(), "../x".into()])
        else {
            panic!("the arguments fit")
        };
        assert_eq!(run(&arguments).unwrap_err().exit_code(), 2);
    }
}
