//! scipy's `solve_ivp`, run by the script in `benches/peers/`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use super::{Contestant, Kind, Problem, SPAN, Solved, TOLERANCE};
use crate::python::{interpreter_with, script};

/// Where the problem and the results lie, removed with the last contestant.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// scipy's contestants, or nothing where no interpreter has scipy.
pub(super) fn contestants(
    problem: &Problem,
) -> Result<Option<Vec<Contestant<'_>>>, Box<dyn Error>> {
    let Some(python) = interpreter_with("scipy.integrate") else { return Ok(None) };
    let path = std::env::temp_dir().join(format!("ebm-bench-{}", std::process::id()));
    fs::create_dir_all(&path)?;
    let folder = Rc::new(Folder(path));
    write(&folder.0.join("weights.f64"), &problem.weights)?;
    write(&folder.0.join("starts.f64"), &problem.starts)?;
    let contestant = |method: &'static str| {
        let (python, folder) = (python.clone(), Rc::clone(&folder));
        Contestant {
            name: format!("scipy {method}"),
            kind: Kind::Peer,
            solve: Box::new(move || solve(&python, &folder.0, method)),
        }
    };
    Ok(Some(vec![contestant("RK45"), contestant("DOP853")]))
}

fn solve(python: &Path, folder: &Path, method: &str) -> Result<Solved, Box<dyn Error>> {
    let output = Command::new(python)
        .arg(script("solve_ivp.py"))
        .arg(folder)
        .arg(method)
        .args([SPAN.1, TOLERANCE.rtol, TOLERANCE.atol].map(|value| value.to_string()))
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let seconds = String::from_utf8(output.stdout)?.trim().parse()?;
    let bytes = fs::read(folder.join(format!("ends-{method}.f64")))?;
    let ends = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    Ok(Solved { ends, seconds })
}

fn write(path: &Path, values: &[f64]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path, bytes)?;
    Ok(())
}
