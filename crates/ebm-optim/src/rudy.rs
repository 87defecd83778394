//! Graph files in the format of the `rudy` generator, used by the G-set.
//!
//! ```text
//! nodes edges
//! i j w        (one line an edge; nodes from 1; w may be missing and is then 1)
//! ```
//!
//! Blank lines and blanks around numbers are skipped, because files in
//! circulation have them. Everything else that deviates is an error with its
//! line. Source: G. Rinaldi, *rudy* (1998);
//! C. Helmberg and F. Rendl, SIAM J. Optim. 10, 673 (2000).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::{Error, Graph};

/// Largest node count accepted from a header: beyond it, a typing error is
/// likelier than a graph, and the arrays would not fit common machines.
pub const MAX_NODES: usize = 1 << 24;

/// Longest line accepted, in bytes with its end.
pub const MAX_LINE: usize = 4096;

/// Reads a graph file.
///
/// # Errors
/// [`Error::Read`] if the file cannot be opened or is a directory, else [`Error::File`] around
/// what [`parse`] reports.
pub fn read(path: impl AsRef<Path>) -> Result<Graph, Error> {
    let path = path.as_ref();
    let cannot = |source| Error::Read { path: path.into(), source };
    let file = File::open(path).map_err(cannot)?;
    // Some systems open a directory and fail at its first line.
    if file.metadata().map_err(cannot)?.is_dir() {
        return Err(cannot(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
    }
    parse(BufReader::new(file))
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
/// number, text that is not UTF-8.
pub fn parse(mut text: impl BufRead) -> Result<Graph, Error> {
    let mut buffer = Vec::new();
    let mut line = 0;
    let (mut header, mut header_line) = (None, 0);
    // Grows with what is read, not with what the header declares.
    let mut edges: Vec<(usize, usize, f64)> = Vec::new();
    let mut lines: Vec<usize> = Vec::new();
    loop {
        buffer.clear();
        line += 1;
        let length = (&mut text).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut buffer).map_err(
            |error| parse_error(line, "readable text", &format!("an input error: {error}")),
        )?;
        if length == 0 {
            break;
        }
        if length > MAX_LINE {
            let expected = format!("a line of at most {MAX_LINE} bytes");
            return Err(parse_error(line, &expected, "a longer one"));
        }
        let content = std::str::from_utf8(&buffer)
            .map_err(|_| parse_error(line, "UTF-8 text", "other bytes"))?;
        let mut words = content.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        let Some((nodes, declared)) = header else {
            header = Some(parse_header(line, first, &mut words)?);
            header_line = line;
            continue;
        };
        if edges.len() == declared {
            let expected = format!("the end after {}", edge_count(declared));
            return Err(parse_error(line, &expected, content.trim()));
        }
        edges.push(parse_edge(line, nodes, first, &mut words)?);
        lines.push(line);
    }
    let Some((nodes, declared)) = header else {
        return Err(parse_error(1, "a header `nodes edges`", "the end of the file"));
    };
    if edges.len() < declared {
        let expected = format!("{} as declared", edge_count(declared));
        let found = format!("the end of the file after {}", edges.len());
        return Err(parse_error(line, &expected, &found));
    }
    reject_duplicates(&edges, &lines)?;
    let found = format!("{nodes} nodes for {}", edge_count(edges.len()));
    Graph::new(nodes, edges).map_err(|error| match error {
        Error::Core(ebm_core::Error::TooLarge { limit, .. }) => {
            parse_error(header_line, &format!("at most {limit} nodes for that many edges"), &found)
        }
        other => other,
    })
}

fn parse_header<'a>(
    line: usize,
    first: &str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(usize, usize), Error> {
    let expected = "a header `nodes edges`";
    let nodes = first.parse().map_err(|_| parse_error(line, expected, first))?;
    let second = rest.next().ok_or_else(|| parse_error(line, expected, "one number"))?;
    let edges = second.parse().map_err(|_| parse_error(line, expected, second))?;
    no_more(line, "two numbers", rest)?;
    if nodes == 0 || nodes > MAX_NODES {
        let expected = format!("1 to {MAX_NODES} nodes");
        return Err(parse_error(line, &expected, first));
    }
    Ok((nodes, edges))
}

fn parse_edge<'a>(
    line: usize,
    nodes: usize,
    first: &str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(usize, usize, f64), Error> {
    let node = |word: &str| match word.parse::<usize>() {
        Ok(node) if (1..=nodes).contains(&node) => Ok(node - 1),
        _ => Err(parse_error(line, &format!("a node from 1 to {nodes}"), word)),
    };
    let i = node(first)?;
    let second = rest.next().ok_or_else(|| parse_error(line, "an edge `i j w`", first))?;
    let j = node(second)?;
    if i == j {
        return Err(parse_error(line, "two different nodes", &format!("{first} {second}")));
    }
    let weight = match rest.next() {
        None => 1.0,
        Some(word) => match word.parse::<f64>() {
            Ok(weight) if weight.is_finite() => weight,
            _ => return Err(parse_error(line, "a finite weight", word)),
        },
    };
    no_more(line, "an edge `i j w`", rest)?;
    Ok((i, j, weight))
}

fn no_more<'a>(
    line: usize,
    expected: &str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(), Error> {
    match rest.next() {
        None => Ok(()),
        Some(word) => Err(parse_error(line, expected, &format!("a further word `{word}`"))),
    }
}

/// `1 edge`, `2 edges`.
fn edge_count(count: usize) -> String {
    format!("{count} edge{}", if count == 1 { "" } else { "s" })
}

fn reject_duplicates(edges: &[(usize, usize, f64)], lines: &[usize]) -> Result<(), Error> {
    let mut sorted: Vec<(usize, usize, usize)> =
        edges.iter().zip(lines).map(|(&(i, j, _), &line)| (i.min(j), i.max(j), line)).collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).filter(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1));
    match twice.min_by_key(|w| w[1].2) {
        None => Ok(()),
        Some(w) => {
            let found = format!("{} {} as on line {}", w[1].0 + 1, w[1].1 + 1, w[0].2);
            Err(parse_error(w[1].2, "each edge once", &found))
        }
    }
}

fn parse_error(line: usize, expected: &str, found: &str) -> Error {
    let mut shown: String = found.chars().take(40).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    Error::Parse { line, expected: expected.into(), found: shown }
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
            ("3\n", "line 1: expected a header `nodes edges`, found one number"),
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
            ("3 1\n2 2 1\n", "line 2: expected two different nodes, found 2 2"),
            ("3 2\n1 2 1\n2 1 1\n", "line 3: expected each edge once, found 1 2 as on line 2"),
            ("3 1\n1 2 NaN\n", "line 2: expected a finite weight, found NaN"),
            ("3 1\n1 2 1e999\n", "line 2: expected a finite weight, found 1e999"),
            ("3 1\n1\n", "line 2: expected an edge `i j w`, found 1"),
            ("3 1\n1 2 1 7\n", "line 2: expected an edge `i j w`, found a further word `7`"),
        ] {
            assert_eq!(message(text), expected, "{text:?}");
        }
        let utf16: Vec<u8> = "3 1\n1 2 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(parse(&utf16[..]).is_err());
        assert!(parse(&[0xff, 0xfe, 0x33][..]).unwrap_err().to_string().contains("UTF-8"));
        let missing = read("no/such/file").unwrap_err().to_string();
        assert!(missing.starts_with("cannot read no/such/file"), "{missing}");
    }

    #[test]
    fn implausible_node_counts_name_the_header() {
        let expected = "line 2: expected at most 4194306 nodes for that many edges, \
                        found 16777216 nodes for 1 edge";
        assert_eq!(message("\n16777216 1\n1 2 1\n"), expected);
    }

    #[test]
    fn long_lines_are_errors_before_they_are_stored() {
        let padded = |blanks: usize| format!("2 1\n1 2 1{}\n", " ".repeat(blanks));
        assert!(parse(padded(MAX_LINE - 6).as_bytes()).is_ok());
        let expected = "line 2: expected a line of at most 4096 bytes, found a longer one";
        assert_eq!(message(&padded(MAX_LINE - 5)), expected);
        let mut result = None;
        let endless = BufReader::new(std::io::repeat(b'1'));
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
