//! Two records beside each other.

use crate::bench::record::{Record, number};
use crate::console::{Column, table};

/// Row by row: both values and the second in units of the first.
pub(super) fn render(a: &Record, b: &Record) -> String {
    let column = |title, right| Column { title, max_width: 48, right };
    let columns = [
        column("benchmark", false),
        column("row", false),
        column("A", true),
        column("B", true),
        column("unit", false),
        column("B / A", true),
    ];
    let (first, second) = (values(a), values(b));
    let mut rows = vec![];
    for (id, name, unit, value) in &first {
        let other = second.iter().find(|(i, n, u, _)| (i, n, u) == (id, name, unit));
        let other = other.and_then(|(.., v)| *v);
        let ratio = value.zip(other).map(|(a, b)| b / a);
        rows.push(cells(id, name, unit, [*value, other, ratio]));
    }
    for (id, name, unit, value) in &second {
        if !first.iter().any(|(i, n, u, _)| (i, n, u) == (id, name, unit)) {
            rows.push(cells(id, name, unit, [None, *value, None]));
        }
    }
    let mut text = String::new();
    for (letter, record) in [("A", a), ("B", b)] {
        let (machine, quick) = (&record.machine, if record.quick { ", reduced sizes" } else { "" });
        text += &format!(
            "{letter}: {}, {}, {} threads, {}, {}{quick}\n",
            record.name, machine.cpu, machine.cores, machine.date, machine.commit
        );
    }
    if a.machine.cpu != b.machine.cpu || a.machine.cores != b.machine.cores {
        text += "The machines differ: only ratios within a record compare.\n";
    }
    text + "\n" + table(&columns, &rows).trim_end()
}

fn cells(id: &str, name: &str, unit: &str, values: [Option<f64>; 3]) -> Vec<String> {
    let [a, b, ratio] = values.map(number);
    vec![id.into(), name.into(), a, b, unit.into(), ratio]
}

/// Benchmark, row, unit and value.
fn values(record: &Record) -> Vec<(&str, &str, &str, Option<f64>)> {
    let rows = record.benchmarks.iter().flat_map(|b| b.rows.iter().map(move |r| (b, r)));
    rows.map(|(b, r)| {
        let unit = if r.unit.is_empty() { &b.unit } else { &r.unit };
        (b.id.as_str(), r.name.as_str(), unit.as_str(), r.value)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::samples::record;

    #[test]
    fn rows_are_matched_by_name_and_unit() {
        let (a, mut b) = (record("old", 2.0), record("new", 3.0));
        b.benchmarks[0].rows[1].unit = "s".into();
        let text = render(&a, &b);
        let line = |start: &str| text.lines().filter(|l| l.contains(start)).count();
        assert!(text.contains("A: old") && text.contains("B: new") && !text.contains("differ"));
        let words: Vec<&str> =
            text.lines().find(|l| l.contains("batch  ")).unwrap().split_whitespace().collect();
        assert_eq!(words, ["ode/batch", "batch", "2.000", "3.000", "1/s", "1.500"]);
        // The peer's rows have different units, so that each stands alone.
        assert_eq!(line(" x "), 2);
        b.machine.cores += 1;
        assert!(render(&a, &b).contains("The machines differ"));
    }
}
