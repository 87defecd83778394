//! Lists of edges without a header, as `networkx.write_edgelist` and spreadsheets
//! write them.
//!
//! ```text
//! i j w        (one line an edge; w may be missing and is then 1)
//! ```
//!
//! Nodes are counted from 0 if node 0 occurs and from 1 otherwise, and there are
//! as many as the largest tells. Written are nodes from 0, with a note
//! `# ebm: nodes=n` where that would tell the wrong ones. Lines starting with `#`
//! are comments.

use std::io::Write as _;

use super::rudy::{self, Edge};
use super::text::{self, Scanner, check_nodes, parse_error, shown_word};
use super::{ISOLATED_NODES, MAX_NODES, Written};
use crate::{Error, Instance, Model};

pub(super) fn decode(text: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let (nodes, edges) = edges(text)?;
    rudy::build(nodes, edges, hint, || lines(text))
}

fn edges(text: &[u8]) -> Result<(usize, Vec<Edge>), Error> {
    let mut scanner = Scanner::new(text, b'#');
    let mut edges = vec![];
    let (mut least, mut last, mut last_line) = (usize::MAX, 0, 0);
    while scanner.next_line()? {
        let (i, j, w) = edge(&mut scanner)?;
        least = least.min(i).min(j);
        if i.max(j) > last {
            (last, last_line) = (i.max(j), scanner.line());
        }
        edges.push((i, j, w));
    }
    if let Some((nodes, line)) = scanner.notes.nodes {
        if last >= nodes {
            let expected = format!("a node from 0 to {}, as line {line} says", nodes - 1);
            return Err(parse_error(last_line, expected, &last.to_string()));
        }
        check_nodes(line, nodes, edges.len())?;
        return Ok((nodes, edges));
    }
    if edges.is_empty() {
        return Err(parse_error(scanner.line(), "an edge `i j w`", "the end of the file"));
    }
    let base = least.min(1);
    let nodes = last + 1 - base;
    let limit = (ISOLATED_NODES + 2 * edges.len()).min(MAX_NODES);
    if nodes > limit {
        let expected = format!("a node up to {} for that many edges", limit + base - 1);
        return Err(parse_error(last_line, expected, &last.to_string()));
    }
    edges.iter_mut().for_each(|(i, j, _)| (*i, *j) = (*i - base, *j - base));
    Ok((nodes, edges))
}

/// The nodes of an edge as they are numbered in the file, and its weight.
fn edge(scanner: &mut Scanner<'_>) -> Result<Edge, Error> {
    const EXPECTED: &str = "an edge `i j w`";
    let (i, j, weight) = match scanner.plain_row(0, usize::MAX) {
        Some((i, j, weight)) => (i, j, weight.unwrap_or(1.0)),
        None => {
            let (i, j) = (scanner.count(EXPECTED)?, scanner.count(EXPECTED)?);
            let weight = match scanner.word() {
                None => 1.0,
                Some(word) => text::number(word).ok_or_else(|| {
                    parse_error(scanner.line(), "a finite weight", &shown_word(word))
                })?,
            };
            scanner.end_line(EXPECTED)?;
            (i, j, weight)
        }
    };
    if i == j {
        return Err(parse_error(scanner.line(), "two different nodes", &format!("{i} {i}")));
    }
    Ok((i, j, weight))
}

/// The edges, numbered as in the file, with their lines.
fn lines(text: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut scanner = Scanner::new(text, b'#');
    let mut lines = vec![];
    while let Ok(true) = scanner.next_line() {
        let Ok((i, j, _)) = edge(&mut scanner) else { break };
        lines.push((i, j, scanner.line()));
    }
    lines
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let form = instance.to_max_cut()?;
    let nodes = form.graph.nodes();
    let touched = |node: usize| form.graph.edges().iter().any(|&(i, j, _)| i == node || j == node);
    let mut out = vec![];
    if !(touched(0) && touched(nodes - 1)) {
        let _ = writeln!(out, "# ebm: nodes={nodes}");
    }
    for &(i, j, w) in form.graph.edges() {
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{i} {j} {}", w + 0.0);
    }
    let written =
        Written { model: Model::Graph, ancilla: form.ancilla, dropped_offset: form.offset };
    Ok((out, written))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Hints, decode, encode};
    use crate::{Graph, Instance};

    fn read(text: &str) -> Result<Graph, crate::Error> {
        let hints = Hints { format: Some(Format::Edges), ..Hints::default() };
        match decode(text.as_bytes(), &hints, "")?.0 {
            Instance::Graph(graph) => Ok(graph),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nodes_count_from_the_least() {
        let expected = [(0, 1, 1.0), (1, 2, -1.0), (0, 2, 2.5)];
        for text in [
            "1 2 1\n2 3 -1\n1 3 2.5\n",
            "0 1\n1 2 -1\n0 2 2.5",
            "# a\n0  1 1 \r\n\n1\t2 -1.0\n0 2 25e-1\n",
        ] {
            let graph = read(text).unwrap();
            assert_eq!((graph.nodes(), graph.edges()), (3, &expected[..]), "{text:?}");
        }
        // From 1, as node 0 does not occur: node 1 has no edge.
        assert_eq!(read("2 3\n").unwrap().nodes(), 3);
        let graph = Graph::new(3, expected.to_vec()).unwrap();
        let (bytes, _) = encode(&graph.into(), Format::Edges).unwrap();
        assert_eq!(bytes, b"0 1 1\n1 2 -1\n0 2 2.5\n");
        let gap = Graph::new(3, vec![(1, 2, 1.0)]).unwrap().into();
        let (bytes, _) = encode(&gap, Format::Edges).unwrap();
        assert_eq!(bytes, b"# ebm: nodes=3\n1 2 1\n");
        let graph = read(std::str::from_utf8(&bytes).unwrap()).unwrap();
        assert_eq!((graph.nodes(), graph.edges()), (3, &[(1, 2, 1.0)][..]));
    }

    #[test]
    fn names_line_and_expectation() {
        for (text, expected) in [
            ("# c\n", "line 2: expected an edge `i j w`, found the end of the file"),
            ("1 2 1\n1\n", "line 2: expected an edge `i j w`, found the end of the line"),
            ("1 2 1 3\n", "line 1: expected an edge `i j w`, found a further word `3`"),
            (
                "1,2,1\n",
                "line 1: expected an edge `i j w`, found 1,2,1 (numbers are separated by blanks, not by commas)",
            ),
            ("1 2 x\n", "line 1: expected a finite weight, found x"),
            ("1 2 NaN\n", "line 1: expected a finite weight, found NaN"),
            ("1 2\n3 3\n", "line 2: expected two different nodes, found 3 3"),
            ("0 2\n0 1\n2 0\n", "line 3: expected each edge once, found 0 2 as on line 1"),
            (
                "# ebm: nodes=3\n1 3\n",
                "line 2: expected a node from 0 to 2, as line 1 says, found 3",
            ),
            ("# ebm: nodes=0\n", "line 1: expected 1 to 16777216 nodes, found 0"),
            ("7 8\n8 7\n", "line 2: expected each edge once, found 7 8 as on line 1"),
            (
                "0 1\n1 900000000\n",
                "line 2: expected a node up to 4194307 for that many edges, found 900000000",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text:?}");
        }
    }
}
