//! `report.json`: `{"version", "quick", "machine", "claims": [{"id", "crate", …}]}`.

use serde::Serialize;

use crate::machine::Machine;
use crate::report::Report;

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    quick: bool,
    machine: &'a Machine,
    claims: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    #[serde(rename = "crate")]
    crate_name: &'a str,
    claim: &'a str,
    source: &'a str,
    target: &'a str,
    measured: &'a str,
    pass: bool,
    seconds: f64,
}

/// The report as JSON text.
pub(crate) fn render(report: &Report) -> String {
    let claims = report.outcomes.iter().map(|o| Entry {
        id: o.claim.id,
        crate_name: o.claim.crate_name,
        claim: o.claim.claim,
        source: o.claim.source,
        target: o.claim.target,
        measured: &o.measured,
        pass: o.pass,
        // Microseconds are noise already.
        seconds: (o.seconds * 1e6).round() / 1e6,
    });
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        quick: report.quick,
        machine: &report.machine,
        claims: claims.collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("strings, numbers and lists are always representable") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use serde_json::Value;

    #[test]
    fn the_shape_is_as_documented() {
        let value: Value = serde_json::from_str(&render(&samples::report())).unwrap();
        assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(value["quick"], true);
        assert!(value["machine"]["cpu"].is_string());
        let claims = value["claims"].as_array().unwrap();
        assert_eq!(claims.len(), 2);
        let names: Vec<&str> = claims[0].as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected =
            ["id", "crate", "claim", "source", "target", "measured", "pass", "seconds"];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(claims[0]["crate"], "ebm-sample");
        assert_eq!(claims[0]["measured"], "0.5 < 1 & so on");
        assert_eq!(claims[0]["pass"], true);
        assert_eq!(claims[1]["pass"], false);
        assert_eq!(claims[0]["seconds"], 1.25);
    }
}
