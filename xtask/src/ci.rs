//! `cargo xtask ci`: everything that must hold before a change is merged.

use std::path::Path;
use std::time::Instant;

use crate::arguments::{Arguments, Spec};
use crate::console::say;
use crate::error::TaskError;
use crate::process::{cargo, run as run_command};
use crate::{docs, files, tidy};

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "ci",
    summary: "Check format, lints, documentation and rules, then run all tests",
    details: "Stops at the first step that fails.",
    positionals: &[],
    options: &[],
};

/// A step and what it does.
type Step = (&'static str, fn(&Path) -> Result<(), TaskError>);

const STEPS: [Step; 5] = [
    ("format", |root| run_command(cargo(root, &["fmt", "--all", "--check"]))),
    ("clippy", |root| {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run_command(cargo(root, &arguments))
    }),
    ("docs", docs::build),
    ("tidy", tidy::check),
    ("test", |root| run_command(cargo(root, &["test", "--workspace"]))),
];

/// Runs the task.
pub(crate) fn run(_: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let start = Instant::now();
    for (name, step) in STEPS {
        say(&format!("── {name}"));
        let begun = Instant::now();
        let result = step(&root);
        say(&format!("── {name}: {:.1} s", begun.elapsed().as_secs_f64()));
        result?;
    }
    say(&format!("all steps pass, {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}
