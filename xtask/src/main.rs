//! Tasks of the workspace, run as `cargo xtask TASK`.

mod arguments;
mod bench;
mod ci;
mod claim;
mod claims;
mod console;
mod digits;
mod docs;
mod error;
mod files;
mod instance;
mod machine;
mod page;
mod phases;
mod process;
mod report;
mod reproduce;
mod solve;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::{Arguments, Parsed, Spec};
use console::{say, warn};
use error::TaskError;

/// A task: how it is called and what it does.
struct Task {
    spec: &'static Spec,
    run: fn(&Arguments) -> Result<(), TaskError>,
}

/// Every task. Names of two words share the first.
const TASKS: [Task; 13] = [
    Task { spec: &solve::SPEC, run: solve::run },
    Task { spec: &reproduce::SPEC, run: reproduce::run },
    Task { spec: &bench::LIST, run: bench::list },
    Task { spec: &bench::RUN, run: bench::run },
    Task { spec: &bench::COMPARE, run: bench::compare },
    Task { spec: &instance::DESCRIBE, run: instance::describe },
    Task { spec: &instance::CONVERT, run: instance::convert },
    Task { spec: &instance::REDUCE, run: instance::reduce },
    Task { spec: &instance::LIFT, run: instance::lift },
    Task { spec: &instance::GENERATE, run: instance::generate },
    Task { spec: &docs::SPEC, run: docs::run },
    Task { spec: &tidy::SPEC, run: tidy::run },
    Task { spec: &ci::SPEC, run: ci::run },
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refusal::Command(problem)) => {
            warn(&format!("error: {problem}\n\n{}", overview("")));
            ExitCode::from(2)
        }
        Err(Refusal::Task(error)) => {
            warn(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Why nothing, or not everything, was done.
#[derive(Debug)]
enum Refusal {
    /// There is no such task.
    Command(String),
    /// The task said no.
    Task(TaskError),
}

fn dispatch(arguments: &[OsString]) -> Result<(), Refusal> {
    let words: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
    let first = match words.first() {
        None => return Err(Refusal::Command("no task is given".into())),
        Some(word) if matches!(word.as_ref(), "--help" | "-h" | "help") => {
            say(&overview(""));
            return Ok(());
        }
        Some(word) if word.starts_with('-') => {
            return Err(Refusal::Command(format!("a task must come before `{word}`")));
        }
        Some(word) => word.as_ref(),
    };
    let second = words.get(1).map_or("", AsRef::as_ref);
    let pair = format!("{first} {second}");
    let chosen = TASKS.iter().find_map(|task| match task.spec.name {
        name if name == pair => Some((task, 2)),
        name if name == first => Some((task, 1)),
        _ => None,
    });
    let Some((task, skip)) = chosen else {
        let group = format!("{first} ");
        return match second {
            _ if !TASKS.iter().any(|t| t.spec.name.starts_with(&group)) => {
                Err(Refusal::Command(format!("there is no task `{first}`")))
            }
            "--help" | "-h" | "help" => {
                say(&overview(&group));
                Ok(())
            }
            "" => Err(Refusal::Command(format!("`{first}` needs a command"))),
            _ => Err(Refusal::Command(format!("`{first}` has no command `{second}`"))),
        };
    };
    match task.spec.parse(&arguments[skip..]) {
        Ok(Parsed::Help) => {
            say(task.spec.help().trim_end());
            Ok(())
        }
        Ok(Parsed::Run(arguments)) => (task.run)(&arguments).map_err(Refusal::Task),
        Err(error) => Err(Refusal::Task(error.into())),
    }
}

/// The tasks whose names start with `prefix`.
fn overview(prefix: &str) -> String {
    let shown = TASKS.iter().map(|t| t.spec).filter(|s| s.name.starts_with(prefix));
    let lines: Vec<String> = shown.map(|s| format!("  {:<18} {}", s.name, s.summary)).collect();
    format!(
        "Usage: cargo xtask TASK [ARGUMENTS]\n\nTasks:\n{}\n\nSee `cargo xtask TASK --help`.",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &[&str]) -> String {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        match dispatch(&arguments) {
            Err(Refusal::Command(problem)) => problem,
            Err(Refusal::Task(error)) => {
                assert_eq!(error.exit_code(), 2);
                error.to_string()
            }
            Ok(()) => panic!("{line:?} was accepted"),
        }
    }

    #[test]
    fn unknown_tasks_and_arguments_are_named() {
        assert_eq!(refusal(&[]), "no task is given");
        assert_eq!(refusal(&["--quick"]), "a task must come before `--quick`");
        assert_eq!(refusal(&["frobnicate"]), "there is no task `frobnicate`");
        assert!(
            refusal(&["reproduce", "--fast"]).starts_with("unknown option `--fast`\nUsage: cargo")
        );
        assert!(refusal(&["reproduce", "--out"]).starts_with("option `--out` needs a value DIR"));
        assert_eq!(refusal(&["bench"]), "`bench` needs a command");
        assert_eq!(refusal(&["bench", "all"]), "`bench` has no command `all`");
        assert!(refusal(&["bench", "compare", "a"]).starts_with("missing B"));
        assert!(refusal(&["reproduce", "no-such-claim"]).starts_with("no claim matches"));
    }

    #[test]
    fn every_task_explains_itself() {
        for task in &TASKS {
            let mut words: Vec<OsString> = task.spec.name.split(' ').map(OsString::from).collect();
            words.push("--help".into());
            dispatch(&words).unwrap();
            assert!(overview("").contains(task.spec.summary));
        }
    }
}
