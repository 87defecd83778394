//! Graph files in the format of the `rudy` generator, used by the G-set.
//!
//! ```text
//! nodes edges
//! i j w        (one line an edge; nodes from 1; w may be missing and is then 1)
//! ```
//!
//! Blank lines, blanks around numbers and lines starting with `#` are skipped,
//! because files in circulation have them (the last ones those of MQLib); UTF-16
//! is decoded. Everything else that deviates is an error with its line.
//! Source: G. Rinaldi, *rudy* (1998); C. Helmberg and F. Rendl, SIAM J. Optim.
//! 10, 673 (2000).

use std::io::{Read, Write as _};
use std::path::Path;

pub use super::MAX_NODES;
use super::text::{self, Scanner, check_nodes, counted, malformed, parse_error, shown};
use super::{Written, files};
use crate::{Error, Graph, Instance, Ising, Model};

/// Longest line accepted, in bytes with its end.
pub const MAX_LINE: usize = 4096;

pub(super) type Edge = (usize, usize, f64);

/// Reads a graph file.
///
/// # Errors
/// [`Error::Read`] if the file cannot be opened or is a directory, else [`Error::File`] around
/// what [`parse`] reports.
pub fn read(path: impl AsRef<Path>) -> Result<Graph, Error> {
    let path = path.as_ref();
    let file = files::open(path)?;
    let size = file.metadata().map_or(0, |m| m.len());
    parse_sized(file, usize::try_from(size.min(files::LONGEST)).unwrap_or(0))
        .map_err(|source| Error::File { path: path.into(), source: Box::new(source) })
}

/// Parses a graph from text.
///
/// ```
/// let graph = ebm_optim::rudy::parse("3 2 \n1 2 1\n2 3 -1\n\n".as_bytes())?;
/// assert_eq!((graph.nodes(), graph.edges().len()), (3, 2));
/// let error = ebm_optim::rudy::parse("3 2\n1 2 1\n2 4 1\n".as_bytes()).unwrap_err();
/// assert_eq!(error.to_string(), "line 3: expected a node from 1 to 3, found 4");
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parse`] with the line: a missing or malformed header, more than
/// [`MAX_NODES`] nodes or more than the edges make plausible, a line of more
/// than [`MAX_LINE`] bytes, fewer or more edges than declared, a node out of range,
/// an edge given twice or from a node to itself, a weight that is not a finite
/// number, zero bytes.
pub fn parse(text: impl Read) -> Result<Graph, Error> {
    parse_sized(text, 0)
}

/// Parses text that may have `size` bytes.
fn parse_sized(text: impl Read, size: usize) -> Result<Graph, Error> {
    let bytes = text::collect(text, MAX_LINE, size)?;
    let text = text::decode(&bytes)?;
    let (nodes, edges) = edges(&text)?;
    Graph::new(nodes, edges).map_err(|error| located(error, || lines(&text)))
}

/// The instance in a file; under the hint of an Ising problem, weights are
/// couplings `J`.
pub(super) fn decode(text: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let (nodes, edges) = edges(text)?;
    build(nodes, edges, hint, || lines(text))
}

/// The instance of edges that are in range. `lines` tells the edges once more,
/// numbered as in the file, with their lines.
pub(super) fn build(
    nodes: usize,
    edges: Vec<Edge>,
    hint: Option<Model>,
    lines: impl FnOnce() -> Vec<(usize, usize, usize)>,
) -> Result<Instance, Error> {
    match hint {
        None | Some(Model::Graph) => Graph::new(nodes, edges).map(Instance::from),
        Some(Model::Ising) => Ising::from_couplings(nodes, &edges).map(Instance::from),
        Some(Model::Qubo) => {
            return Err(malformed(
                "format",
                "one for a QUBO, such as mqlib-qubo",
                "one for graphs",
            ));
        }
    }
    .map_err(|error| located(error, lines))
}

/// The file of a graph; other problems become one, see
/// [`Instance::to_max_cut`].
pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let form = instance.to_max_cut()?;
    let mut out = vec![];
    // Writing to memory cannot fail. The header ends with a blank, as rudy's
    // does: its graphs come out byte for byte.
    let _ = writeln!(out, "{} {} ", form.graph.nodes(), form.graph.edges().len());
    for &(i, j, w) in form.graph.edges() {
        let _ = writeln!(out, "{} {} {}", i + 1, j + 1, w + 0.0);
    }
    let written =
        Written { model: Model::Graph, ancilla: form.ancilla, dropped_offset: form.offset };
    Ok((out, written))
}

fn edges(text: &[u8]) -> Result<(usize, Vec<Edge>), Error> {
    let mut scanner = Scanner::new(text, b'#');
    let (nodes, declared) = header(&mut scanner)?;
    let header_line = scanner.line();
    // The shortest edge takes four bytes: what a header declares beyond the
    // text is not allocated.
    let mut edges: Vec<Edge> = Vec::with_capacity(declared.min(text.len() / 4));
    while scanner.next_line()? {
        if edges.len() == declared {
            let expected = format!("the end after {}", counted(declared, "edge", "edges"));
            let rest = scanner.rest();
            return Err(scanner.error(expected, rest));
        }
        match edge(&mut scanner, nodes) {
            Ok(edge) => edges.push(edge),
            Err(error) => return Err(doubtful(error, text, header_line)),
        }
    }
    if edges.len() < declared {
        let expected = format!("{} as declared", counted(declared, "edge", "edges"));
        let found = format!("the end of the file after {}", edges.len());
        return Err(parse_error(scanner.line(), expected, &found));
    }
    check_nodes(header_line, nodes, edges.len())?;
    Ok((nodes, edges))
}

/// The error of an edge, with a doubt where the header is just like the line
/// after it: a list of edges without weights and without a header.
fn doubtful(error: Error, text: &[u8], header: usize) -> Error {
    let words = |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).count();
    let mut lines = text.split(|&b| b == b'\n').skip(header - 1).filter(|line| words(line) > 0);
    let alike = words(lines.next().unwrap_or_default()) == 2
        && words(lines.next().unwrap_or_default()) == 2;
    match error {
        Error::Parse { line, expected, found } if alike => {
            let found =
                format!("{found}; if line {header} is an edge and no header, the format is edges");
            parse_error(line, expected, &found)
        }
        other => other,
    }
}

/// The first line, `nodes entries`.
pub(super) fn header(scanner: &mut Scanner<'_>) -> Result<(usize, usize), Error> {
    let expected = "a header `nodes edges`";
    if !scanner.next_line()? {
        return Err(parse_error(scanner.line(), expected, "the end of the file"));
    }
    let nodes = scanner.count(expected)?;
    let edges = scanner.count(expected)?;
    scanner.end_line("two numbers")?;
    if nodes == 0 || nodes > MAX_NODES {
        let expected = format!("1 to {MAX_NODES} nodes");
        return Err(parse_error(scanner.line(), expected, &nodes.to_string()));
    }
    Ok((nodes, edges))
}

#[inline]
fn edge(scanner: &mut Scanner<'_>, nodes: usize) -> Result<Edge, Error> {
    let row = scanner.plain_row(1, nodes);
    let (i, j) = match row {
        Some((i, j, _)) => (i, j),
        None => (scanner.node(1, nodes)?, scanner.node(1, nodes)?),
    };
    if i == j {
        let found = format!("{0} {0}; a QUBO is read as mqlib-qubo", i + 1);
        return Err(parse_error(scanner.line(), "two different nodes", &found));
    }
    if let Some((i, j, weight)) = row {
        return Ok((i, j, weight.unwrap_or(1.0)));
    }
    let Some(word) = scanner.word() else { return Ok((i, j, 1.0)) };
    let weight = text::number(word)
        .ok_or_else(|| parse_error(scanner.line(), "a finite weight", &shown(word)))?;
    scanner.end_line("an edge `i j w`")?;
    Ok((i, j, weight))
}

/// The edges, nodes from 1, with their lines.
fn lines(text: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut scanner = Scanner::new(text, b'#');
    let mut lines = vec![];
    // The text was read without an error before.
    if let Ok((nodes, _)) = header(&mut scanner) {
        while let Ok(true) = scanner.next_line() {
            let Ok((i, j, _)) = edge(&mut scanner, nodes) else { break };
            lines.push((i + 1, j + 1, scanner.line()));
        }
    }
    lines
}

/// Names the lines of an edge given twice, which only a second look finds.
fn located(error: Error, lines: impl FnOnce() -> Vec<(usize, usize, usize)>) -> Error {
    if !matches!(error, Error::Core(ebm_core::Error::Duplicate { .. })) {
        return error;
    }
    let mut sorted = lines();
    sorted.iter_mut().for_each(|(i, j, _)| (*i, *j) = (*i.min(j), *i.max(j)));
    sorted.sort_unstable();
    let twice = sorted.windows(2).filter(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1));
    match twice.min_by_key(|w| w[1].2) {
        None => error,
        Some(w) => {
            let found = format!("{} {} as on line {}", w[1].0, w[1].1, w[0].2);
            parse_error(w[1].2, "each edge once", &found)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn accepts_what_real_files_contain() {
        let tidy = parse("3 3\n1 2 1\n2 3 -1\n3 1 2.5\n".as_bytes()).unwrap();
        for sloppy in [
            "3 3 \n1 2 1\n2 3 -1\n3 1 2.5",
            "\n 3 3\r\n1 2\r\n2 3 -1 \r\n\r\n3 1 2.5\r\n\n\n",
            "3 3\n1 2 1.0\n2 3 -1e0\n3 1 25e-1\n",
            "# caf\u{e9}\n3 3\n# c\n1 2\n2 3 -1\n3 1 2.5",
        ] {
            assert_eq!(parse(sloppy.as_bytes()).unwrap().edges(), tidy.edges(), "{sloppy:?}");
        }
        let isolated = parse("5 1\n2 4 1\n".as_bytes()).unwrap();
        assert_eq!((isolated.nodes(), isolated.edges().len()), (5, 1));
        assert_eq!(parse("1 0\n".as_bytes()).unwrap().nodes(), 1);
    }

    #[test]
    fn names_line_and_expectation() {
        for (text, expected) in [
            ("", "line 1: expected a header `nodes edges`, found the end of the file"),
            ("x 3\n", "line 1: expected a header `nodes edges`, found x"),
            ("3\n", "line 1: expected a header `nodes edges`, found the end of the line"),
            ("-3 1\n", "line 1: expected a header `nodes edges`, found -3"),
            ("0 0\n", "line 1: expected 1 to 16777216 nodes, found 0"),
            ("1000000000 1\n1 2 1\n", "line 1: expected 1 to 16777216 nodes, found 1000000000"),
            (
                "3 2\n1 2 1\n",
                "line 3: expected 2 edges as declared, found the end of the file after 1",
            ),
            ("3 1\n1 2 1\n2 3 1\n", "line 3: expected the end after 1 edge, found 2 3 1"),
            ("3 1\n1 9 1\n", "line 2: expected a node from 1 to 3, found 9"),
            ("3 1\n0 1 1\n", "line 2: expected a node from 1 to 3, found 0"),
            (
                "3 1\n2 2 1\n",
                "line 2: expected two different nodes, found 2 2; a QUBO is read as mqlib-qubo",
            ),
            ("3 2\n1 2 1\n2 1 1\n", "line 3: expected each edge once, found 1 2 as on line 2"),
            ("3 1\n1 2 NaN\n", "line 2: expected a finite weight, found NaN"),
            ("3 1\n1 2 1e999\n", "line 2: expected a finite weight, found 1e999"),
            ("3 1\n1\n", "line 2: expected a node from 1 to 3, found the end of the line"),
            ("3 1\n1 2 1 7\n", "line 2: expected an edge `i j w`, found a further word `7`"),
        ] {
            assert_eq!(message(text), expected, "{text:?}");
        }
        let utf16: Vec<u8> = "3 1\n1 2 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(
            parse(&utf16[..]).unwrap_err().to_string(),
            "line 1: expected text, found UTF-16 without its byte order mark: save it as UTF-8"
        );
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16).collect();
        assert_eq!(parse(&marked[..]).unwrap().edges(), [(0, 1, 1.0)]);
        assert!(parse(&[0xff, 0xfe, 0x33][..]).unwrap_err().to_string().contains("UTF-16"));
        let missing = read("no/such/file").unwrap_err().to_string();
        assert!(missing.starts_with("cannot read no/such/file"), "{missing}");
    }

    #[test]
    fn implausible_node_counts_name_the_header() {
        let expected = "line 2: expected at most 4194306 nodes for that many entries, \
                        found 16777216 nodes for 1 entry";
        assert_eq!(message("\n16777216 1\n1 2 1\n"), expected);
    }

    #[test]
    fn long_lines_are_errors_before_they_are_stored() {
        let padded = |blanks: usize| format!("2 1\n1 2 1{}\n", " ".repeat(blanks));
        assert!(parse(padded(MAX_LINE - 6).as_bytes()).is_ok());
        let expected = "line 2: expected a line of at most 4096 bytes, found a longer one";
        assert_eq!(message(&padded(MAX_LINE - 5)), expected);
        let mut result = None;
        let endless = std::io::repeat(b'1');
        let info = allocation_counter::measure(|| result = Some(parse(endless)));
        assert!(result.unwrap().is_err());
        assert!(info.bytes_max < 100_000, "{} bytes", info.bytes_max);
    }

    #[test]
    fn declared_edges_allocate_nothing() {
        let text = format!("10 {}\n1 2 1\n", usize::MAX);
        let mut result = None;
        let info = allocation_counter::measure(|| result = Some(parse(text.as_bytes())));
        assert!(result.unwrap().is_err());
        assert!(info.bytes_max < 100_000, "{} bytes", info.bytes_max);
    }

    #[test]
    fn a_directory_is_named() {
        let error = read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert!(matches!(error, Error::Read { .. }));
        assert!(error.to_string().ends_with(": it is a directory"), "{error}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes[..]);
        }

        #[test]
        fn mutated_files_never_panic(at in 0_usize..29, with in any::<u8>(), cut in 0_usize..40) {
            let mut bytes = b"4 4\n1 2 1\n2 3 1\n3 4 -1\n4 1 2\n".to_vec();
            bytes[at] = with;
            bytes.truncate(cut);
            let _ = parse(&bytes[..]);
        }
    }
}
