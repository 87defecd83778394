//! The Python peers of the max-cut benchmarks.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Best and mean cut over the runs, and processor seconds of one.
pub(super) struct Score {
    pub(super) best: f64,
    pub(super) mean: f64,
    pub(super) seconds: f64,
}

/// A score, or why there is none.
pub(super) type Found = Result<Score, String>;

/// The peers of the names given, all for none; nothing where the interpreter
/// named by `EBM_PYTHON` (default `python3`) has no numpy.
pub(super) fn python(
    path: &Path,
    seconds: f64,
    runs: u64,
    names: &[&str],
) -> Result<Vec<(String, Found)>, Box<dyn Error>> {
    let python = std::env::var("EBM_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-c", "import numpy"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return Ok(vec![]);
    }
    let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "peers", "max_cut.py"].iter().collect();
    let mut command = Command::new(&python);
    command.arg(script).arg(path).args([seconds.to_string(), runs.to_string()]);
    command.args(names);
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
