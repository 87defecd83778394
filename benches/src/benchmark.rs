//! A benchmark: what it claims, how it is run, and what it found.

use std::error::Error;

use serde_json::{Value, json};

/// A registered benchmark. Each is one file in `definitions/`.
pub(crate) struct Benchmark {
    /// Short and unique, `crate/topic`: what `run FILTER` matches.
    pub(crate) id: &'static str,
    /// What is claimed, one sentence.
    pub(crate) claim: &'static str,
    /// The target, in words.
    pub(crate) target: &'static str,
    /// What the ratios are ratios of.
    pub(crate) unit: &'static str,
    /// Measures it.
    pub(crate) run: fn(&Settings) -> Result<Findings, Box<dyn Error>>,
}

/// How benchmarks are to be run.
pub(crate) struct Settings {
    /// Fewer, shorter samples: a check that everything runs.
    pub(crate) quick: bool,
}

/// What a benchmark measured.
#[derive(Default)]
pub(crate) struct Findings {
    /// Absolute figures, for orientation.
    pub(crate) rows: Vec<Row>,
    /// What the claim is judged by.
    pub(crate) ratios: Vec<Ratio>,
    /// What a reader must know to understand the figures.
    pub(crate) note: String,
}

/// An absolute figure.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// The figure.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// Whether it is somebody else's code.
    pub(crate) peer: bool,
}

/// A relative figure; larger is better.
pub(crate) struct Ratio {
    /// What was compared.
    pub(crate) name: String,
    /// The figure.
    pub(crate) value: f64,
    /// What it must reach.
    pub(crate) target: f64,
}

impl Findings {
    /// Adds a figure of our own.
    pub(crate) fn row(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.into(), value, unit, peer: false });
    }

    /// Adds a figure of somebody else's code.
    pub(crate) fn peer(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.into(), value, unit, peer: true });
    }

    /// Adds a ratio that must reach `target`.
    pub(crate) fn ratio(&mut self, name: impl Into<String>, value: f64, target: f64) {
        self.ratios.push(Ratio { name: name.into(), value, target });
    }
}

impl Benchmark {
    /// The line of `list`.
    pub(crate) fn describe(&self) -> Value {
        json!({ "id": self.id, "claim": self.claim })
    }

    /// The line of `run`.
    pub(crate) fn report(&self, findings: &Findings) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.name, "value": row.value, "unit": row.unit, "peer": row.peer,
            })
        };
        let ratio = |ratio: &Ratio| {
            json!({
                "name": ratio.name, "value": ratio.value, "target": ratio.target,
                "pass": ratio.value >= ratio.target,
            })
        };
        json!({
            "id": self.id,
            "claim": self.claim,
            "target": self.target,
            "unit": self.unit,
            "rows": findings.rows.iter().map(row).collect::<Vec<_>>(),
            "ratios": findings.ratios.iter().map(ratio).collect::<Vec<_>>(),
            "note": findings.note,
        })
    }
}
