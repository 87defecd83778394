//! Coordinate text of dimod.
//!
//! ```text
//! # vartype=SPIN                 or BINARY
//! i i bias                       variables from 0
//! i j bias
//!
//! minimize Σ biasᵢ zᵢ + Σ biasᵢⱼ zᵢ zⱼ,   z spins or binary;   J = −bias, h = −bias
//! ```
//!
//! There are as many variables as the largest one tells. Numbers are written
//! without exponents, which dimod does not read. Source: the documentation of
//! `dimod.serialization.coo`.

use std::io::Write as _;

use super::terms::Terms;
use super::text::{Scanner, malformed, parse_error, shown};
use super::{ISOLATED_NODES, MAX_NODES, Written};
use crate::{Error, Instance, Model};

pub(super) fn decode(text: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let mut scanner = Scanner::new(text, b'#');
    let mut terms = Terms::default();
    let (mut last, mut last_line) = (0, 0);
    let mut first = None;
    while scanner.next_line()? {
        if first.is_none() {
            first = Some((scanner.line(), scanner.clone().rest()));
        }
        let (i, j, bias) = scanner.entry(0, MAX_NODES, "an entry `i j bias`")?;
        terms.add(i, j, bias);
        if last_line == 0 || i.max(j) > last {
            (last, last_line) = (i.max(j), scanner.line());
        }
    }
    if terms.len() == 0 {
        return Err(parse_error(scanner.line(), "an entry `i j bias`", "the end of the file"));
    }
    let limit = ISOLATED_NODES + 2 * terms.quadratic.len() - 1;
    if last > limit {
        let expected = format!("a variable up to {limit} for that many entries");
        return Err(parse_error(last_line, expected, &last.to_string()));
    }
    let model = match (scanner.notes.model, hint) {
        (Some(model), Some(hint)) if model != hint => {
            return Err(malformed("model", format!("{model}, as the file says"), hint));
        }
        (Some(model), _) | (None, Some(model)) => model,
        (None, None) => {
            let (line, entry) = first.unwrap_or_default();
            let expected = "a header (`nodes edges` of a graph; `# vartype=SPIN` or `# vartype=BINARY` \
                            of coordinates) or to be told the format edges or a model";
            let found = format!("the entry `{}`", shown(entry));
            return Err(parse_error(line, expected, &found));
        }
    };
    terms.offset = scanner.notes.offset;
    match model {
        Model::Ising => Ok(terms.into_ising(last + 1)?.into()),
        Model::Qubo => Ok(terms.into_qubo(last + 1)?.into()),
        Model::Graph => Err(malformed("model", "ising or qubo, as coo files hold", model)),
    }
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let mut out = vec![];
    // Writing to memory cannot fail.
    let model = match instance {
        Instance::Qubo(qubo) => {
            let _ = writeln!(out, "# vartype=BINARY");
            note(&mut out, qubo.constant());
            rows(&mut out, qubo.linear(), || qubo.quadratic(), 1.0);
            Model::Qubo
        }
        _ => {
            let ising = instance.to_ising()?;
            let _ = writeln!(out, "# vartype=SPIN");
            note(&mut out, ising.offset());
            rows(&mut out, ising.fields(), || ising.pairs(), -1.0);
            Model::Ising
        }
    };
    Ok((out, Written { model, ancilla: None, dropped_offset: 0.0 }))
}

fn note(out: &mut Vec<u8>, offset: f64) {
    if offset != 0.0 {
        let _ = writeln!(out, "# ebm: offset={offset}");
    }
}

/// Terms in the order of their variables. One without terms is listed with
/// zero, so that it is counted.
fn rows<I: Iterator<Item = (usize, usize, f64)>>(
    out: &mut Vec<u8>,
    linear: &[f64],
    quadratic: impl Fn() -> I,
    factor: f64,
) {
    let mut listed = vec![false; linear.len()];
    for (i, j, _) in quadratic() {
        listed[i] = true;
        listed[j] = true;
    }
    let mut pairs = quadratic().peekable();
    for (i, &bias) in linear.iter().enumerate() {
        if bias != 0.0 || !listed[i] {
            let _ = writeln!(out, "{i} {i} {}", factor * bias + 0.0);
        }
        while let Some((_, j, bias)) = pairs.next_if(|pair| pair.0 == i) {
            let _ = writeln!(out, "{i} {j} {}", factor * bias + 0.0);
        }
    }
}
