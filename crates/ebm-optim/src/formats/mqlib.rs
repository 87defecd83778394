//! QUBO files of MQLib.
//!
//! ```text
//! # comment
//! n entries
//! i j q        Qᵢⱼ = Qⱼᵢ = q, variables from 1;   maximize xᵀQx
//! ```
//!
//! The function minimized here is `f(x) = −xᵀQx`: linear terms `−Qᵢᵢ`, quadratic
//! terms `−2 Qᵢⱼ`. Source: I. Dunning, S. Gupta, J. Silberholz, INFORMS J.
//! Comput. 30, 608 (2018), and the library's description of its files.

use std::io::Write as _;

use super::Written;
use super::terms::Terms;
use super::text::{Scanner, check_nodes, counted, parse_error};
use crate::{Error, Instance, Model};

pub(super) fn decode(text: &[u8]) -> Result<Instance, Error> {
    let mut scanner = Scanner::new(text, b'#');
    let (variables, declared) = super::rudy::header(&mut scanner)?;
    let header = scanner.line();
    let mut terms = Terms::default();
    while scanner.next_line()? {
        if terms.len() == declared {
            let expected = format!("the end after {}", counted(declared, "entry", "entries"));
            let rest = scanner.rest();
            return Err(scanner.error(expected, rest));
        }
        let (i, j, q) = scanner.entry(1, variables, "an entry `i j q`")?;
        terms.add(i, j, if i == j { 0.0 - q } else { 0.0 - 2.0 * q });
    }
    if terms.len() < declared {
        let found = format!("the end of the file after {}", terms.len());
        let expected = format!("{} as declared", counted(declared, "entry", "entries"));
        return Err(parse_error(scanner.line(), expected, &found));
    }
    check_nodes(header, variables, declared)?;
    terms.offset = scanner.notes.offset;
    Ok(terms.into_qubo(variables)?.into())
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let qubo = instance.to_qubo()?;
    let mut out = vec![];
    if qubo.constant() != 0.0 {
        let _ = writeln!(out, "# ebm: offset={}", qubo.constant());
    }
    let linear = || qubo.linear().iter().enumerate().filter(|(_, q)| **q != 0.0);
    let entries = linear().count() + qubo.quadratic().count();
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{} {entries}", qubo.variables());
    for (i, &q) in linear() {
        let _ = writeln!(out, "{0} {0} {1}", i + 1, 0.0 - q);
    }
    for (i, j, q) in qubo.quadratic() {
        let _ = writeln!(out, "{} {} {}", i + 1, j + 1, 0.0 - 0.5 * q);
    }
    Ok((out, Written { model: Model::Qubo, ancilla: None, dropped_offset: 0.0 }))
}
