//! What wrong files are told.

use super::*;

#[test]
fn errors_name_line_and_expectation() {
    const MTX: &str = "%%MatrixMarket matrix coordinate real symmetric\n";
    let mtx = |rest: &str| message(Format::MatrixMarket, &format!("{MTX}{rest}"));
    for (found, expected) in [
        (
            message(Format::MqlibQubo, "2 2\n1 1 1\n"),
            "line 3: expected 2 entries as declared, found the end of the file after 1",
        ),
        (
            message(Format::MqlibQubo, "2 1\n1 1 1\n1 2 1\n"),
            "line 3: expected the end after 1 entry, found 1 2 1",
        ),
        (
            message(Format::MqlibQubo, "2 1\n1 2\n"),
            "line 2: expected a finite weight, found the end of the line",
        ),
        (
            message(Format::MqlibQubo, "2 1\n0 2 1\n"),
            "line 2: expected a node from 1 to 2, found 0",
        ),
        (
            message(Format::Qbsolv, ""),
            "line 1: expected a header `p qubo topology n diagonals couplers`, found the end of the file",
        ),
        (
            message(Format::Qbsolv, "c x\np cnf 3 4\n"),
            "line 2: expected a header `p qubo topology n diagonals couplers`, found p cnf 3 4",
        ),
        (
            message(Format::Qbsolv, "p qubo 0 2 1 1\n0 0 1\n1 1 1\n"),
            "line 3: expected 1 diagonal as declared, found one more, 1 1 1",
        ),
        (
            message(Format::Qbsolv, "p qubo 0 2 1 1\n0 0 1\n"),
            "line 3: expected 1 coupler as declared, found the end of the file after 0",
        ),
        (
            message(Format::Qbsolv, "p qubo 0 2 0 1\n0 2 1\n"),
            "line 2: expected a node from 0 to 1, found 2",
        ),
        (
            message(Format::Qbsolv, "p qubo 0 1000000000 0 0\n"),
            "line 1: expected 1 to 16777216 variables, found 1000000000",
        ),
        (
            message(Format::Coo, "0 0 1\n"),
            "line 1: expected a header (`nodes edges` of a graph; `# vartype=SPIN` or `# vartype=BINARY` of coordinates) or to be told the format edges or a model, found the entry `0 0 1`",
        ),
        (
            message(Format::Coo, "# vartype=SPIN\n"),
            "line 2: expected an entry `i j bias`, found the end of the file",
        ),
        (
            message(Format::Coo, "# vartype=SPIN\n0 1 inf\n"),
            "line 2: expected a finite weight, found inf",
        ),
        (
            message(Format::Coo, "# vartype=SPIN\n0 1 1\n0 9000000 1\n"),
            "line 3: expected a variable up to 4194307 for that many entries, found 9000000",
        ),
        (
            message(Format::Coo, "# vartype=SPIN\n0 -1 1\n"),
            "line 2: expected a node from 0 to 16777215, found -1",
        ),
        (
            message(Format::MatrixMarket, "1 1 1\n"),
            "line 1: expected a banner `%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric`, found 1 1 1",
        ),
        (
            message(Format::MatrixMarket, "%%MatrixMarket matrix coordinate complex general\n"),
            "line 1: expected real, integer or pattern, found complex",
        ),
        (
            message(Format::MatrixMarket, "%%MatrixMarket matrix array real skew-symmetric\n"),
            "line 1: expected general or symmetric, found skew-symmetric",
        ),
        (mtx("2 3 1\n1 2 1\n"), "line 2: expected a square matrix, found 2 rows and 3 columns"),
        (mtx("% c\n2 2 1\n2 1 1\n2 1 1\n"), "line 5: expected the end after 1 entry, found 2 1 1"),
        (
            mtx("2 2 2\n2 1 1\n1 2 1\n"),
            "line 4: expected each entry once, found (1, 2) as on line 3",
        ),
        (
            mtx("2 2 1\n1 1 4\n"),
            "entry (1, 1): expected 0, as no node has an edge to itself (is the model a QUBO?), found 4",
        ),
        (
            mtx("1000000000 1000000000 1\n2 1 1\n"),
            "line 2: expected 1 to 16777216 rows, found 1000000000",
        ),
        (
            mtx("16777216 16777216 1\n2 1 1\n"),
            "line 2: expected at most 4194306 nodes for that many entries, found 16777216 nodes for 1 entry",
        ),
        (
            message(
                Format::MatrixMarket,
                "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 3\n",
            ),
            "entry (1, 2): expected 0, as entry (2, 1), found 3",
        ),
        (
            message(
                Format::MatrixMarket,
                "%%MatrixMarket matrix array real general\n2 2\n0\n1\n1\n",
            ),
            "line 6: expected 4 numbers, found the end of the file after 3",
        ),
        (
            message(
                Format::MatrixMarket,
                "%%MatrixMarket matrix array real symmetric\n2 2\n0\n1\n0\n9",
            ),
            "line 6: expected the end after 3 numbers, found 9",
        ),
        (message(Format::Npy, ""), "start of the file: expected the mark \\x93NUMPY, found \"\""),
        (
            message(Format::BqmJson, "{\n\"type\": 3}"),
            "line 2: expected a binary quadratic model as dimod's `to_serializable` writes it, found invalid type: integer `3`, expected a string",
        ),
        (
            message(Format::BqmJson, ""),
            "line 1: expected a binary quadratic model as dimod's `to_serializable` writes it, found no JSON at column 0: EOF while parsing a value",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

/// Files handed over by mistake, told by their content as a newcomer would.
#[test]
fn foreign_files_are_named() {
    let message = |text: &[u8], extension: &str| {
        decode(text, &Hints::default(), extension).unwrap_err().to_string()
    };
    const MODEL: &str = "a binary quadratic model as dimod's `to_serializable` writes it";
    for (text, extension, expected) in [
        (
            &b"1 2 -1\n2 3 1\n"[..],
            "txt",
            "line 1: expected a header (`nodes edges` of a graph; `# vartype=SPIN` or `# vartype=BINARY` of coordinates) or to be told the format edges or a model, found the entry `1 2 -1`",
        ),
        (
            b"1 2\n1 3\n",
            "",
            "line 2: expected a node from 1 to 1, found 3; if line 1 is an edge and no header, the format is edges",
        ),
        (
            b"source,target,weight\n1,2,1\n",
            "csv",
            "line 1: expected a header `nodes edges`, found source,target,weight (numbers are separated by blanks, not by commas)",
        ),
        (
            b"<!DOCTYPE html>\n<html>",
            "rud",
            "start of the file: expected an instance as text, found a page in HTML or XML",
        ),
        (
            b"\x1f\x8b\x08\x00\x01",
            "rud",
            "start of the file: expected an instance as text, found gzip data: unpack them first",
        ),
        (
            b"PK\x03\x04\x14\x00",
            "npz",
            "start of the file: expected an instance as text, found a zip archive (.npz is one): unpack it first",
        ),
        (
            b"\xc3\x28\xa0\xff 3\n",
            "",
            "line 1: expected a header `nodes edges`, found bytes that are no text",
        ),
        (
            b"{\"nodes\": [{\"id\": 0}], \"links\": []}",
            "json",
            &format!("line 1: expected {MODEL}, with a field `variable_type`, found none"),
        ),
        (b"[[0, 1, 1.0]]", "json", &format!("line 1: expected {MODEL}, found a list")),
        (
            b"{(0, 1): 1.0}",
            "txt",
            &format!("line 1: expected {MODEL}, found no JSON at column 2: key must be a string"),
        ),
        (
            b"p edge 3 2\ne 1 2\n",
            "col",
            "line 1: expected a header `p qubo topology n diagonals couplers`, found p edge 3 2",
        ),
        (b"1 2 3\n", "npy", "start of the file: expected the mark \\x93NUMPY, found \"1 2 3\\n\""),
    ] {
        assert_eq!(message(text, extension), expected);
    }
    // Sums that overflow are told before anything is computed with them.
    let overflow = message(b"3 2\n1 2 1e308\n2 3 1e308\n", "");
    assert!(overflow.starts_with("sum of the magnitudes"), "{overflow}");
}
