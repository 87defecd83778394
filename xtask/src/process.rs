//! Programs that tasks run.

use std::path::Path;
use std::process::Command;

use crate::error::TaskError;

/// The cargo that runs this, with the workspace's root as working directory.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root);
    command
}

/// Runs a program to its end, with the terminal as its own.
///
/// # Errors
/// Where it cannot be started, and where it does not succeed.
pub(crate) fn run(mut command: Command) -> Result<(), TaskError> {
    let status = command.status().map_err(|source| not_started(&command, source))?;
    if status.success() { Ok(()) } else { Err(failed(&command, &status.to_string())) }
}

/// The error of a program that could not be started.
pub(crate) fn not_started(command: &Command, source: std::io::Error) -> TaskError {
    TaskError::Spawn { program: line(command), source }
}

/// The error of a program that did not succeed.
pub(crate) fn failed(command: &Command, status: &str) -> TaskError {
    TaskError::Failed(format!("`{}` failed: {status}", line(command)))
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let words = command.get_args().map(|a| a.to_string_lossy());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let command = cargo(Path::new("."), &["build", "--now"]);
        let error = failed(&command, "exit status: 1").to_string();
        assert!(error.ends_with("cargo build --now` failed: exit status: 1"), "{error}");
        let error = run(Command::new("no-such-program-here")).unwrap_err().to_string();
        assert!(error.starts_with("cannot run `no-such-program-here`: "), "{error}");
    }
}
