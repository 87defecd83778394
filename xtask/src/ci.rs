//! `cargo xtask ci`: everything that must hold before a change is merged.

use std::time::Instant;

use crate::arguments::{Arguments, Spec};
use crate::console::say;
use crate::error::TaskError;
use crate::files;
use crate::process::{cargo, run as run_command};

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "ci",
    summary: "Check format, lints, documentation, rules and claims, then run all tests",
    details: "Stops at the first step that fails.",
    positionals: &[],
    options: &[],
};

/// The commands of `.ci/run`, without `cargo`.
const STEPS: [&str; 6] = [
    "fmt --all --check",
    "clippy --workspace --all-targets -- -D warnings",
    "xtask docs",
    "xtask tidy",
    "xtask reproduce --quick",
    "test --workspace",
];

/// Runs the task.
pub(crate) fn run(_: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let start = Instant::now();
    for step in STEPS {
        say(&format!("── {step}"));
        let begun = Instant::now();
        let words: Vec<&str> = step.split(' ').collect();
        let result = run_command(cargo(&root, &words));
        say(&format!("── {step}: {:.1} s", begun.elapsed().as_secs_f64()));
        result?;
    }
    say(&format!("all steps pass, {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_the_same_steps() {
        let script = std::fs::read_to_string(files::workspace_root().join(".ci/run")).unwrap();
        let commands: Vec<&str> =
            script.lines().filter_map(|line| line.strip_prefix("cargo ")).collect();
        assert_eq!(commands, STEPS);
    }
}
