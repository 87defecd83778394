//! The Python peers of the max-cut benchmarks.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::python::{interpreters, script};

/// Best and mean cut over the runs, and processor seconds of one.
pub(super) struct Score {
    pub(super) best: f64,
    pub(super) mean: f64,
    pub(super) seconds: f64,
}

/// A score, or why there is none.
pub(super) type Found = Result<Score, String>;

/// The peers of the names given, all for none, each in the first interpreter that
/// can run it; nothing where none has numpy.
pub(super) fn python(
    path: &Path,
    seconds: f64,
    runs: u64,
    names: &[&str],
) -> Result<Vec<(String, Found)>, Box<dyn Error>> {
    let mut all: Vec<(String, Found)> = vec![];
    for python in interpreters() {
        let missing: Vec<String> = if all.is_empty() {
            names.iter().map(ToString::to_string).collect()
        } else {
            let absent = all.iter().filter(|(_, found)| found.is_err());
            absent.map(|(name, _)| name.clone()).collect()
        };
        if !all.is_empty() && missing.is_empty() {
            break;
        }
        let mut probe = Command::new(&python);
        probe.args(["-c", "import numpy"]).stdout(Stdio::null()).stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            continue;
        }
        let mut command = Command::new(&python);
        command.arg(script("max_cut.py")).arg(path).args([seconds.to_string(), runs.to_string()]);
        let output = command.args(&missing).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            let (name, found) = parse(line)?;
            match all.iter_mut().find(|(known, _)| *known == name) {
                // The first interpreter tells why a peer is absent from all.
                Some(known) if found.is_ok() => known.1 = found,
                Some(_) => {}
                None => all.push((name, found)),
            }
        }
    }
    Ok(all)
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
