//! `report.html`: a summary, a table of all claims, and a card with a figure for each.

use std::fmt::Write as _;

use crate::page::{escape, page};
use crate::report::{Report, figure, verdict};
use crate::reproduce::Outcome;

/// The report as a self-contained page.
pub(crate) fn render(report: &Report) -> String {
    let mut body = heading(report);
    body += &overview(&report.outcomes);
    for outcome in &report.outcomes {
        body += &card(outcome);
    }
    page("Claims of ebm, measured", &body)
}

fn heading(report: &Report) -> String {
    let total = report.outcomes.len();
    let passed = report.outcomes.iter().filter(|o| o.pass).count();
    let seconds: f64 = report.outcomes.iter().map(|o| o.seconds).sum();
    let class = color(passed == total);
    let size = if report.quick { " · reduced sizes (<code>--quick</code>)" } else { "" };
    let machine = &report.machine;
    let rows: String = machine
        .entries()
        .iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value)))
        .collect();
    format!(
        "<h1>Claims of ebm, measured</h1>\n\
         <p><strong class=\"{class}\">{passed} of {total} claims pass</strong>{size}<br>\n\
         <span class=\"muted\">{} · {} threads · {seconds:.1} s · {}</span></p>\n\
         <details><summary>Machine</summary>\n<dl>\n{rows}</dl>\n</details>\n",
        escape(&machine.cpu),
        machine.cores,
        escape(&machine.date),
    )
}

/// Narrow screens hide target and measurement here; the cards show them.
fn overview(outcomes: &[Outcome]) -> String {
    let mut rows = String::new();
    for o in outcomes {
        let _ = writeln!(
            rows,
            "<tr><td><a href=\"#{}\">{}</a></td>\
             <td class=\"wide\">{}</td><td class=\"wide\">{}</td>\
             <td class=\"{}\">{}</td><td class=\"number\">{:.2}</td></tr>",
            anchor(o.claim.id),
            escape(o.claim.id),
            escape(o.claim.target),
            escape(&o.measured),
            color(o.pass),
            verdict(o.pass),
            o.seconds,
        );
    }
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Claim</th>\
         <th class=\"wide\">Target</th><th class=\"wide\">Measured</th>\
         <th>Result</th><th class=\"number\">Seconds</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n"
    )
}

fn card(outcome: &Outcome) -> String {
    let claim = &outcome.claim;
    let figure = outcome.figure.as_ref().map_or(String::new(), figure::render);
    format!(
        "<article class=\"card\" id=\"{}\">\n<header><h2>{}</h2>\
         <span class=\"badge {}\">{}</span></header>\n\
         <p class=\"meta\"><code>{}</code> · {} · {:.2} s</p>\n{figure}\
         <dl>\n<dt>Target</dt><dd>{}</dd>\n<dt>Measured</dt><dd>{}</dd>\n\
         <dt>Source</dt><dd>{}</dd>\n</dl>\n</article>\n",
        anchor(claim.id),
        escape(claim.claim),
        color(outcome.pass),
        verdict(outcome.pass),
        escape(claim.id),
        escape(claim.crate_name),
        outcome.seconds,
        escape(claim.target),
        escape(&outcome.measured),
        escape(claim.source),
    )
}

fn color(pass: bool) -> &'static str {
    if pass { "good" } else { "bad" }
}

/// An id usable in a link.
fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn the_page_is_well_formed_and_escaped() {
        let html = render(&samples::report());
        samples::assert_well_formed(&html);
        assert!(html.contains("1 of 2 claims pass"));
        assert!(html.contains("0.5 &lt; 1 &amp; so on"));
        assert!(
            html.contains("href=\"#sample-passing\"") && html.contains("id=\"sample-passing\"")
        );
        assert!(html.contains("A &lt;title&gt; &amp; &quot;more&quot;"));
        assert_eq!(html.matches("<article").count(), 2);
        assert_eq!(html.matches("<figure").count(), 1);
    }

    #[test]
    fn an_empty_report_is_a_page() {
        let report = Report { outcomes: vec![], ..samples::report() };
        let html = render(&report);
        samples::assert_well_formed(&html);
        assert!(html.contains("0 of 0 claims pass"));
    }
}
