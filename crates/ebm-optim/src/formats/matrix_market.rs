//! Matrix Market files.
//!
//! ```text
//! %%MatrixMarket matrix coordinate real symmetric      | array, integer, pattern, general
//! % comment
//! rows columns entries                                 | rows columns
//! i j a                                                | a, column by column
//! ```
//!
//! Nodes from 1; of a symmetric matrix one triangle is listed. The weight of a
//! pattern is 1. What the matrix means is in the parent module; `model` and
//! `offset` are kept in a note. Source: R. F. Boisvert, R. Pozo,
//! K. A. Remington, *The Matrix Market exchange formats*, NISTIR 5935 (1996).

use std::io::Write as _;

use super::matrix::{Builder, Matrix};
use super::text::{Scanner, check_nodes, counted, malformed, parse_error, shown};
use super::{MAX_NODES, Written};
use crate::{Error, Instance, Model};

const BANNER: &str = "a banner `%%MatrixMarket matrix coordinate|array \
                      real|integer|pattern general|symmetric`";

#[derive(Debug)]
struct Banner {
    coordinate: bool,
    pattern: bool,
    symmetric: bool,
}

/// Row, column, value and line.
type Entry = (usize, usize, f64, usize);

pub(super) fn decode(text: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let line = text.iter().position(|&b| b == b'\n').unwrap_or(text.len());
    let banner = banner(&text[..line])?;
    let mut scanner = Scanner::new(text, b'%');
    if !scanner.next_line()? {
        return Err(parse_error(scanner.line(), "a line of sizes", "the end of the file"));
    }
    let size_line = scanner.line();
    let sizes =
        if banner.coordinate { "sizes `rows columns entries`" } else { "sizes `rows columns`" };
    let (rows, columns) = (scanner.count(sizes)?, scanner.count(sizes)?);
    let declared = match banner.coordinate {
        true => scanner.count(sizes)?,
        false => 0,
    };
    scanner.end_line(sizes)?;
    if rows != columns {
        let found = format!("{rows} rows and {columns} columns");
        return Err(parse_error(size_line, "a square matrix", &found));
    }
    if rows == 0 || rows > MAX_NODES {
        let expected = format!("1 to {MAX_NODES} rows");
        return Err(parse_error(size_line, expected, &rows.to_string()));
    }
    let mut entries = match banner.coordinate {
        true => coordinates(&mut scanner, &banner, rows, declared)?,
        false => array(&mut scanner, &banner, rows)?,
    };
    check_nodes(size_line, rows, entries.len())?;
    let model = match (scanner.notes.model, hint) {
        (Some(model), Some(hint)) if model != hint => {
            return Err(malformed("model", format!("{model}, as the file says"), hint));
        }
        (model, hint) => model.or(hint).unwrap_or(Model::Graph),
    };
    let mut builder = Builder::new(model, 1);
    let key = |&(i, j, _, line): &Entry| (i.min(j), i.max(j), line);
    if !entries.is_sorted_by_key(key) {
        entries.sort_unstable_by_key(key);
    }
    for group in entries.chunk_by(|a, b| (key(a).0, key(a).1) == (key(b).0, key(b).1)) {
        let (i, j, _) = key(&group[0]);
        // Of a general matrix an entry and its mirror image may be given.
        let (mut upper, mut lower) = (None, None);
        for entry in group {
            let slot = if banner.symmetric || entry.0 <= entry.1 { &mut upper } else { &mut lower };
            if let Some((_, line)) = slot.replace((entry.2, entry.3)) {
                let found = format!("({}, {}) as on line {line}", entry.0 + 1, entry.1 + 1);
                return Err(parse_error(entry.3, "each entry once", &found));
            }
        }
        let [upper, lower] = [upper, lower].map(|slot| slot.map_or(0.0, |(value, _)| value));
        if i == j {
            builder.diagonal(i, upper)?;
        } else {
            builder.pair(i, j, upper, if banner.symmetric { upper } else { lower })?;
        }
    }
    builder.finish(rows, scanner.notes.offset)
}

fn banner(line: &[u8]) -> Result<Banner, Error> {
    let lower = shown(line).to_ascii_lowercase();
    let words: Vec<&str> = lower.split_ascii_whitespace().collect();
    let &["%%matrixmarket", "matrix", layout, field, symmetry] = words.as_slice() else {
        return Err(parse_error(1, BANNER, &shown(line)));
    };
    let wrong = |expected: &str, found: &str| Err(parse_error(1, expected, found));
    let coordinate = match layout {
        "coordinate" => true,
        "array" => false,
        other => return wrong("coordinate or array", other),
    };
    let pattern = match field {
        "real" | "double" | "integer" => false,
        "pattern" if coordinate => true,
        "pattern" => return wrong("real or integer, as an array has values", field),
        other => return wrong("real, integer or pattern", other),
    };
    let symmetric = match symmetry {
        "general" => false,
        "symmetric" => true,
        other => return wrong("general or symmetric", other),
    };
    Ok(Banner { coordinate, pattern, symmetric })
}

fn coordinates(
    scanner: &mut Scanner<'_>,
    banner: &Banner,
    n: usize,
    declared: usize,
) -> Result<Vec<Entry>, Error> {
    let mut entries = vec![];
    while scanner.next_line()? {
        if entries.len() == declared {
            let expected = format!("the end after {}", counted(declared, "entry", "entries"));
            let rest = scanner.rest();
            return Err(scanner.error(expected, rest));
        }
        let (i, j, value) = if banner.pattern {
            let (i, j) = (scanner.node(1, n)?, scanner.node(1, n)?);
            scanner.end_line("an entry `i j`")?;
            (i, j, 1.0)
        } else {
            scanner.entry(1, n, "an entry `i j a`")?
        };
        entries.push((i, j, value, scanner.line()));
    }
    if entries.len() < declared {
        let found = format!("the end of the file after {}", entries.len());
        let expected = format!("{} as declared", counted(declared, "entry", "entries"));
        return Err(parse_error(scanner.line(), expected, &found));
    }
    Ok(entries)
}

/// Zeros are no entries.
fn array(scanner: &mut Scanner<'_>, banner: &Banner, n: usize) -> Result<Vec<Entry>, Error> {
    let mut entries = vec![];
    let (mut i, mut j, mut count) = (0, 0, 0_u64);
    while scanner.next_line()? {
        while let Some(word) = scanner.word() {
            if j == n {
                return Err(scanner.error(format!("the end after {count} numbers"), word));
            }
            let value =
                super::text::number(word).ok_or_else(|| scanner.error("a finite weight", word))?;
            if value != 0.0 {
                entries.push((i, j, value, scanner.line()));
            }
            count += 1;
            i += 1;
            if i == n {
                j += 1;
                i = if banner.symmetric { j } else { 0 };
            }
        }
    }
    if j < n {
        let n = n as u64;
        let size = if banner.symmetric { n * (n + 1) / 2 } else { n * n };
        let found = format!("the end of the file after {count}");
        return Err(parse_error(scanner.line(), format!("{size} numbers"), &found));
    }
    Ok(entries)
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let mut matrix = Matrix::of(instance)?;
    let diagonal = || matrix.diagonal.iter().enumerate().filter(|(_, a)| **a != 0.0);
    let whole = |a: f64| a.fract() == 0.0;
    let integer = diagonal().all(|(_, a)| whole(*a)) && matrix.pairs.iter().all(|p| whole(p.2));
    let mut out = vec![];
    // Writing to memory cannot fail.
    let field = if integer { "integer" } else { "real" };
    let _ = writeln!(out, "%%MatrixMarket matrix coordinate {field} symmetric");
    if matrix.offset != 0.0 {
        let _ = writeln!(out, "% ebm: model={} offset={}", matrix.model, matrix.offset);
    } else if matrix.model != Model::Graph {
        let _ = writeln!(out, "% ebm: model={}", matrix.model);
    }
    let entries = diagonal().count() + matrix.pairs.len();
    let _ = writeln!(out, "{0} {0} {entries}", matrix.n);
    for (i, a) in diagonal() {
        let _ = writeln!(out, "{0} {0} {a}", i + 1);
    }
    // Column by column of the lower triangle, as is usual.
    if !matrix.pairs.is_sorted_by_key(|p| (p.0, p.1)) {
        matrix.pairs.sort_unstable_by_key(|p| (p.0, p.1));
    }
    for (i, j, a) in &matrix.pairs {
        let _ = writeln!(out, "{} {} {a}", j + 1, i + 1);
    }
    let written = matrix.written(true);
    Ok((out, written))
}
