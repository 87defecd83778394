//! QUBO files of qbsolv.
//!
//! ```text
//! c comment
//! p qubo topology n diagonals couplers
//! i i q        (so many as diagonals; variables from 0)
//! i j q        (so many as couplers)
//!
//! minimize Σ qᵢ xᵢ + Σ qᵢⱼ xᵢ xⱼ
//! ```
//!
//! Lines may come in any order. Source: M. Booth, S. P. Reinhardt, A. Roy,
//! *Partitioning optimization problems for hybrid classical/quantum execution*,
//! D-Wave technical report 14-1006A-A (2017).

use std::io::Write as _;

use super::terms::Terms;
use super::text::{Scanner, check_nodes, counted, parse_error};
use super::{MAX_NODES, Written};
use crate::{Error, Instance, Model};

const HEADER: &str = "a header `p qubo topology n diagonals couplers`";

/// Is the first line that is no comment a problem line?
pub(super) fn is_header(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text, b'c');
    matches!(scanner.next_line(), Ok(true)) && scanner.word() == Some(b"p")
}

pub(super) fn decode(text: &[u8]) -> Result<Instance, Error> {
    let mut scanner = Scanner::new(text, b'c');
    if !scanner.next_line()? {
        return Err(parse_error(scanner.line(), HEADER, "the end of the file"));
    }
    let mut words = scanner.clone();
    for name in [&b"p"[..], b"qubo"] {
        if !words.word().unwrap_or_default().eq_ignore_ascii_case(name) {
            let line = scanner.rest();
            return Err(scanner.error(HEADER, line));
        }
    }
    scanner = words;
    // For QUBOs, `0` or `unconstrained`.
    let Some(_topology) = scanner.word() else {
        return Err(parse_error(scanner.line(), HEADER, "the end of the line"));
    };
    let variables = scanner.count(HEADER)?;
    let declared = [scanner.count(HEADER)?, scanner.count(HEADER)?];
    scanner.end_line(HEADER)?;
    let header = scanner.line();
    if variables == 0 || variables > MAX_NODES {
        let expected = format!("1 to {MAX_NODES} variables");
        return Err(parse_error(header, expected, &variables.to_string()));
    }
    let mut terms = Terms::default();
    const KIND: [[&str; 2]; 2] = [["diagonal", "diagonals"], ["coupler", "couplers"]];
    let as_declared = |kind: usize| {
        let [one, more] = KIND[kind];
        format!("{} as declared", counted(declared[kind], one, more))
    };
    while scanner.next_line()? {
        let (i, j, q) = scanner.entry(0, variables, "an entry `i j q`")?;
        let (kind, count) = match i == j {
            true => (0, terms.linear.len()),
            false => (1, terms.quadratic.len()),
        };
        if count == declared[kind] {
            let expected = as_declared(kind);
            let found = format!("one more, {i} {j} {q}");
            return Err(parse_error(scanner.line(), expected, &found));
        }
        terms.add(i, j, q);
    }
    for (kind, count) in [terms.linear.len(), terms.quadratic.len()].into_iter().enumerate() {
        if count < declared[kind] {
            let expected = as_declared(kind);
            let found = format!("the end of the file after {count}");
            return Err(parse_error(scanner.line(), expected, &found));
        }
    }
    check_nodes(header, variables, terms.len())?;
    terms.offset = scanner.notes.offset;
    Ok(terms.into_qubo(variables)?.into())
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let qubo = instance.to_qubo()?;
    let mut out = vec![];
    if qubo.constant() != 0.0 {
        let _ = writeln!(out, "c ebm: offset={}", qubo.constant());
    }
    // Writing to memory cannot fail. A coupler may only name listed variables,
    // so all are listed.
    let (n, couplers) = (qubo.variables(), qubo.quadratic().count());
    let _ = writeln!(out, "p qubo 0 {n} {n} {couplers}");
    for (i, q) in qubo.linear().iter().enumerate() {
        let _ = writeln!(out, "{i} {i} {}", q + 0.0);
    }
    for (i, j, q) in qubo.quadratic() {
        let _ = writeln!(out, "{i} {j} {}", q + 0.0);
    }
    Ok((out, Written { model: Model::Qubo, ancilla: None, dropped_offset: 0.0 }))
}
