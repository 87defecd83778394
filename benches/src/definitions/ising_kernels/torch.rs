//! PyTorch's step, made by the script in `benches/peers/` whenever asked.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use ebm_optim::Ising;

use crate::python::{interpreter_with, script};

/// Replicas in its batch.
pub(super) const REPLICAS: usize = 16;

/// A process that steps on demand, ended when dropped.
pub(super) struct Torch {
    child: Child,
    answers: BufReader<ChildStdout>,
    couplings: PathBuf,
}

/// The script on the couplings of `problem`, or nothing where no interpreter has
/// PyTorch.
pub(super) fn start(problem: &Ising) -> Result<Option<Torch>, Box<dyn Error>> {
    let Some(python) = interpreter_with("torch") else { return Ok(None) };
    let n = problem.spins();
    let mut matrix = vec![0.0_f32; n * n];
    for (i, j, w) in problem.pairs() {
        (matrix[i * n + j], matrix[j * n + i]) = (w as f32, w as f32);
    }
    let couplings = std::env::temp_dir().join(format!("ebm-couplings-{}", std::process::id()));
    let bytes: Vec<u8> = matrix.iter().flat_map(|w| w.to_le_bytes()).collect();
    fs::write(&couplings, bytes)?;
    let mut child = Command::new(python)
        .arg(script("bifurcation_step.py"))
        .arg(&couplings)
        .args([n, REPLICAS].map(|size| size.to_string()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let answers = BufReader::new(child.stdout.take().ok_or("no output of the script")?);
    Ok(Some(Torch { child, answers, couplings }))
}

impl Torch {
    /// Seconds of a step, the mean of `steps`.
    pub(super) fn step_time(&mut self, steps: usize) -> Result<f64, Box<dyn Error>> {
        let requests = self.child.stdin.as_mut().ok_or("no input of the script")?;
        writeln!(requests, "{steps}")?;
        requests.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer.trim().parse().map_err(|_| "PyTorch's script gave no time")?)
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends at the end of its input; what cannot be removed is left to the
        // system's own cleaning.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.couplings);
    }
}
