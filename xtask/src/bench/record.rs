//! Benchmark results: what `ebm-bench` prints, and the records kept of it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::Machine;
use crate::report::verdict;

/// One benchmark, as `ebm-bench` prints it; lists have no rows and no ratios.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Benchmark {
    /// Short and unique.
    pub(super) id: String,
    /// What should hold.
    pub(super) claim: String,
    /// By how much; lists may leave it out.
    #[serde(default)]
    pub(super) target: String,
    /// Unit of the rows that state none.
    #[serde(default)]
    pub(super) unit: String,
    /// Measurements.
    #[serde(default)]
    pub(super) rows: Vec<Row>,
    /// Measurements compared with targets.
    #[serde(default)]
    pub(super) ratios: Vec<Ratio>,
    /// How to read them.
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// What was measured.
    pub(super) name: String,
    /// `None` where it could not be.
    pub(super) value: Option<f64>,
    /// Of the value.
    #[serde(default)]
    pub(super) unit: String,
    /// Whether it is another library's.
    #[serde(default)]
    pub(super) peer: bool,
}

/// A measurement compared with its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratio {
    /// What is compared.
    pub(super) name: String,
    /// `None` where it could not be measured.
    pub(super) value: Option<f64>,
    /// A number to reach, or words.
    #[serde(default)]
    pub(super) target: Value,
    /// Whether it was met.
    pub(super) pass: bool,
}

impl Ratio {
    /// The target as text.
    pub(super) fn target_text(&self) -> String {
        match &self.target {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Number(number) => format!("≥ {number}"),
            other => other.to_string(),
        }
    }
}

/// Results kept with the machine they were measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Of the files, without ending.
    pub(super) name: String,
    /// Whether sizes were cut down.
    pub(super) quick: bool,
    /// Whether Rust peers were measured.
    pub(super) peers: bool,
    /// Where.
    pub(super) machine: Machine,
    /// In the order they ran.
    pub(super) benchmarks: Vec<Benchmark>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// With line and column, where the text is no record.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The record as JSON text.
    pub(super) fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("strings, numbers and lists are always representable") + "\n"
    }

    /// The record as a page for people.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("# Benchmarks: {}\n\n", self.name);
        if self.quick {
            text += "Reduced sizes (`--quick`): the figures only show that everything runs.\n\n";
        }
        text += "| | |\n|---|---|\n";
        for (name, value) in self.machine.entries() {
            let _ = writeln!(text, "| {name} | {} |", cell(&value));
        }
        for b in &self.benchmarks {
            let _ =
                writeln!(text, "\n## `{}`\n\n{} Target: {}.", b.id, sentence(&b.claim), b.target);
            if !b.rows.is_empty() {
                text += "\n| | value | unit |\n|---|---:|---|\n";
            }
            for row in &b.rows {
                let name =
                    if row.peer { format!("*{}*", cell(&row.name)) } else { cell(&row.name) };
                let unit = if row.unit.is_empty() { &b.unit } else { &row.unit };
                let _ = writeln!(text, "| {name} | {} | {} |", number(row.value), cell(unit));
            }
            if !b.ratios.is_empty() {
                text += "\n| ratio | value | target | |\n|---|---:|---|---|\n";
            }
            for r in &b.ratios {
                let (name, target) = (cell(&r.name), cell(&r.target_text()));
                let value = number(r.value);
                let _ = writeln!(text, "| {name} | {value} | {target} | {} |", verdict(r.pass));
            }
            if let Some(note) = b.note.as_ref().filter(|note| !note.is_empty()) {
                let _ = writeln!(text, "\n{note}");
            }
        }
        text
    }
}

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Text with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.into() } else { format!("{text}.") }
}

/// A value with four significant digits.
pub(super) fn number(value: Option<f64>) -> String {
    match value {
        None => "—".into(),
        Some(0.0) => "0".into(),
        Some(v) if !v.is_finite() => v.to_string(),
        Some(v) => {
            let exponent = v.abs().log10().floor();
            if (-3.0..6.0).contains(&exponent) {
                format!("{v:.*}", (3.0 - exponent).max(0.0) as usize)
            } else {
                format!("{v:.3e}")
            }
        }
    }
}

/// Records for the tests of this task.
#[cfg(test)]
pub(super) mod samples {
    use super::*;

    pub(in crate::bench) fn benchmark(value: f64, pass: bool) -> Benchmark {
        let row =
            |name: &str, value, peer| Row { name: name.into(), value, unit: "1/s".into(), peer };
        let ratio = Ratio { name: "speed".into(), value: Some(5.5), target: 5.into(), pass };
        Benchmark {
            id: "ode/batch".into(),
            claim: "A batch is faster".into(),
            target: "5 times".into(),
            unit: "1/s".into(),
            rows: vec![row("batch", Some(value), false), row("x", None, true)],
            ratios: vec![ratio],
            note: Some("warm".into()),
        }
    }

    pub(in crate::bench) fn record(name: &str, value: f64) -> Record {
        let machine = Machine::detect(&crate::files::workspace_root());
        let benchmarks = vec![benchmark(value, true)];
        Record { name: name.into(), quick: false, peers: true, machine, benchmarks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_lines_are_read() {
        let line = r#"{"id":"a/b","claim":"c","target":"t","unit":"ns",
            "rows":[{"name":"r","value":1.5,"unit":"ns","peer":false},{"name":"s","value":null}],
            "ratios":[{"name":"q","value":2,"target":1.5,"pass":true}],"note":"n"}"#;
        let benchmark: Benchmark = serde_json::from_str(line).unwrap();
        assert_eq!(benchmark.rows[0].value, Some(1.5));
        assert_eq!(benchmark.rows[1].value, None);
        assert_eq!(benchmark.ratios[0].target_text(), "≥ 1.5");
        let listed: Benchmark = serde_json::from_str(r#"{"id":"a","claim":"c"}"#).unwrap();
        assert!(listed.rows.is_empty() && listed.note.is_none());
        assert!(serde_json::from_str::<Benchmark>(r#"{"id":"a"}"#).is_err());
    }

    #[test]
    fn records_survive_a_round_trip() {
        let record = samples::record("a", 1.0 / 3.0);
        assert_eq!(Record::parse(&record.to_json()).unwrap(), record);
        let error = Record::parse("{\n\"name\": 3}").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn the_page_holds_machine_rows_and_ratios() {
        let mut record = samples::record("zen3", 1234.6);
        record.benchmarks[0].rows[0].name = "a|b".into();
        let page = record.to_markdown();
        for part in ["# Benchmarks: zen3", "| Processor |", "| a\\|b | 1235 | 1/s |", "| *x* | — |"]
        {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(page.contains("| speed | 5.500 | ≥ 5 | pass |"), "{page}");
    }

    #[test]
    fn numbers_have_four_digits() {
        let shown =
            [0.0, 1.0, 12345.6, 0.001234, 1.5e-7, -2.5, 1e9, f64::NAN].map(|v| number(Some(v)));
        assert_eq!(
            shown,
            ["0", "1.000", "12346", "0.001234", "1.500e-7", "-2.500", "1.000e9", "NaN"]
        );
    }
}
