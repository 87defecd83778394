//! The report of `reproduce`: one machine-readable file, one for people.

mod axis;
mod figure;
pub(crate) mod html;
pub(crate) mod json;
mod pictures;
pub(crate) mod plot;

use crate::machine::Machine;
use crate::reproduce::Outcome;

/// Everything a run found.
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) machine: Machine,
    /// Whether sizes were cut down.
    pub(crate) quick: bool,
    /// In the order of the registry.
    pub(crate) outcomes: Vec<Outcome>,
}

/// The word for a result.
pub(crate) fn verdict(pass: bool) -> &'static str {
    if pass { "pass" } else { "SHORT" }
}

/// Claims and well-formedness checks shared by the tests of this package.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};
    use std::error::Error;

    fn claim(id: &'static str, run: fn(&Settings) -> Result<Finding, Box<dyn Error>>) -> Claim {
        Claim {
            id,
            crate_name: "ebm-sample",
            claim: "Errors fall as h² & stay < 1",
            source: "Exact solution",
            target: "≤ 1e-6",
            run,
        }
    }

    pub(crate) fn passing() -> Claim {
        claim("sample/passing", |_| {
            let measured = "3.2e-7".into();
            Ok(Finding { measured, pass: true, figure: Figure::Plot(plot(vec![(0.0, 1.0)])) })
        })
    }

    pub(crate) fn failing() -> Claim {
        claim("sample/failing", |_| Err("no <data> & no luck".into()))
    }

    pub(crate) fn panicking() -> Claim {
        claim("sample/panicking", |_| panic!("index {}", 3))
    }

    pub(crate) fn plot(points: Vec<(f64, f64)>) -> Plot {
        Plot {
            title: "A <title> & \"more\"".into(),
            x: Axis { label: "x < 1".into(), log: false },
            y: Axis { label: "y & z".into(), log: false },
            series: vec![Series { name: "<one>".into(), points, mark: Mark::Line }],
        }
    }

    pub(crate) fn report() -> Report {
        let outcome = |claim: Claim, pass, figure| Outcome {
            claim,
            measured: "0.5 < 1 & so on".into(),
            pass,
            seconds: 1.25,
            figure,
        };
        Report {
            machine: Machine::detect(&crate::files::workspace_root()),
            quick: true,
            outcomes: vec![
                outcome(passing(), true, Some(Figure::Plot(plot(vec![(0.0, 1.0), (1.0, 2.0)])))),
                outcome(failing(), false, None),
            ],
        }
    }

    /// Panics unless every element is closed in order and every `&` starts an entity.
    pub(crate) fn assert_well_formed(markup: &str) {
        const VOID: [&str; 3] = ["meta", "!doctype", "br"];
        let mut open: Vec<&str> = Vec::new();
        let mut rest = markup;
        while let Some(at) = rest.find(['<', '&', '>']) {
            let tail = &rest[at..];
            if tail.starts_with('&') {
                let end = tail.find(';').expect("`&` without `;`");
                assert!(
                    end < 8 && tail[1..end].chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
                );
                rest = &tail[end..];
                continue;
            }
            assert!(tail.starts_with('<'), "stray `>` near {}", &tail[..tail.len().min(60)]);
            let end = tag_end(tail);
            let tag = &tail[1..end];
            let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or("");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "closing order");
            } else if !tag.ends_with('/') && !VOID.contains(&name.to_lowercase().as_str()) {
                open.push(name);
            }
            rest = &tail[end + 1..];
            if name == "style" && !tag.starts_with('/') {
                rest = &rest[rest.find("</style>").expect("style is closed")..];
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
    }

    /// The `>` that ends a tag, outside quoted attribute values.
    fn tag_end(tail: &str) -> usize {
        let mut quoted = false;
        for (i, c) in tail.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '<' if i > 0 => panic!("`<` inside a tag: {}", &tail[..i]),
                '>' if !quoted => return i,
                _ => {}
            }
        }
        panic!("a tag never ends: {}", &tail[..tail.len().min(60)]);
    }
}
