//! Solution files: one state of all spins.
//!
//! ```text
//! ±1     spins                        s
//! 0/1    binary values                s = 2x − 1
//! 1/2    sides of a cut               side 1 is s = +1, side 2 is s = −1
//! ```
//!
//! One value a line or all in one line, or an index (from 0 or 1, in any order)
//! and a value on each line, or a string of zeros and ones. The encoding is told
//! from the values; where all are `1`, every encoding means the same.

use std::io::Write as _;
use std::path::Path;

use super::files;
use super::text::{self, Scanner, malformed, parse_error, shown};
use crate::Error;

/// How a spin is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `1` and `-1`.
    Spins,
    /// `1` and `0`.
    Binary,
    /// `1` and `2`.
    Sides,
}

impl Encoding {
    fn of(self, spin: i8) -> i8 {
        match (self, spin > 0) {
            (_, true) => 1,
            (Self::Spins, false) => -1,
            (Self::Binary, false) => 0,
            (Self::Sides, false) => 2,
        }
    }
}

/// How a solution is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// How a spin is written.
    pub encoding: Encoding,
    /// What the index before each value counts from; none without an index.
    pub index: Option<usize>,
    /// All values in one line, if there is no index.
    pub one_line: bool,
}

impl Default for Layout {
    /// `±1`, one a line: what most tools read.
    fn default() -> Self {
        Self { encoding: Encoding::Spins, index: None, one_line: false }
    }
}

/// Reads `n` spins from a file.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read, else [`Error::File`] around what
/// [`decode`] reports.
pub fn read(path: impl AsRef<Path>, n: usize) -> Result<Vec<i8>, Error> {
    let path = path.as_ref();
    decode(&files::read(path)?, n)
        .map_err(|source| Error::File { path: path.into(), source: Box::new(source) })
}

/// Reads `n` spins from text; lines starting with `#` are comments.
///
/// ```
/// use ebm_optim::formats::solution;
/// assert_eq!(solution::decode(b"1\n-1\n1\n", 3)?, [1, -1, 1]);
/// assert_eq!(solution::decode(b"101", 3)?, [1, -1, 1]);
/// assert_eq!(solution::decode(b"3 1\n1 1\n2 2\n", 3)?, [1, -1, 1]);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// A number of values other than `n`, values of no encoding or of two, an index
/// out of range, missing or repeated.
pub fn decode(bytes: &[u8], n: usize) -> Result<Vec<i8>, Error> {
    let text = text::decode(bytes)?;
    let mut scanner = Scanner::new(&text, b'#');
    let mut words: Vec<(&[u8], usize)> = vec![];
    let mut in_pairs = true;
    while scanner.next_line()? {
        let before = words.len();
        while let Some(word) = scanner.word() {
            words.push((word, scanner.line()));
        }
        in_pairs &= words.len() - before == 2;
    }
    let end = scanner.line();
    let values: Vec<(i64, usize)> = match words.as_slice() {
        [(word, line)] if n > 1 && word.len() == n && word.iter().all(|b| b"01".contains(b)) => {
            word.iter().map(|b| (i64::from(b - b'0'), *line)).collect()
        }
        words if words.len() == n => {
            words.iter().map(|word| Ok((value(word)?, word.1))).collect::<Result<_, Error>>()?
        }
        words if in_pairs && words.len() == n.saturating_mul(2) => indexed(words, n)?,
        words => {
            let expected = format!("{n} values, or {n} lines of an index and a value");
            let found = format!("the end of the file after {} words", words.len());
            return Err(parse_error(end, expected, &found));
        }
    };
    spins(&values)
}

fn value((word, line): &(&[u8], usize)) -> Result<i64, Error> {
    match text::number(word) {
        Some(value) if [-1.0, 0.0, 1.0, 2.0].contains(&value) => Ok(value as i64),
        _ => Err(parse_error(*line, "-1, 0, 1 or 2", &shown(word))),
    }
}

/// Values in the order of the index before each.
fn indexed(words: &[(&[u8], usize)], n: usize) -> Result<Vec<(i64, usize)>, Error> {
    let (pairs, _) = words.as_chunks::<2>();
    let base = usize::from(!pairs.iter().any(|[index, _]| text::unsigned(index.0) == Some(0)));
    let mut values = vec![None; n];
    for [index, word] in pairs {
        let (text, line) = *index;
        let place = text::unsigned(text).and_then(|k| k.checked_sub(base)).filter(|&k| k < n);
        let Some(place) = place else {
            let expected = format!("an index from {base} to {}", base + n - 1);
            return Err(parse_error(line, expected, &shown(text)));
        };
        if values[place].replace((value(word)?, line)).is_some() {
            return Err(parse_error(line, "each index once", &shown(text)));
        }
    }
    // As many pairs as values, none repeated: all are there.
    Ok(values.into_iter().flatten().collect())
}

fn spins(values: &[(i64, usize)]) -> Result<Vec<i8>, Error> {
    // The first value that is not 1 tells the encoding.
    let other = values.iter().find(|(value, _)| *value != 1);
    values
        .iter()
        .map(|&(value, line)| match other {
            _ if value == 1 => Ok(1),
            Some(&(other, _)) if value == other => Ok(-1),
            Some(&(other, first)) => {
                let expected = format!("1 or {other} as on line {first}");
                Err(parse_error(line, expected, &value.to_string()))
            }
            None => Ok(1),
        })
        .collect()
}

/// The text of a solution.
///
/// # Errors
/// A spin that is not ±1.
pub fn encode(spins: &[i8], layout: &Layout) -> Result<Vec<u8>, Error> {
    if let Some(index) = spins.iter().position(|&s| s != 1 && s != -1) {
        return Err(Error::Spin { index, value: spins[index] });
    }
    let mut out = vec![];
    for (k, &spin) in spins.iter().enumerate() {
        let value = layout.encoding.of(spin);
        // Writing to memory cannot fail.
        let _ = match layout.index {
            Some(base) => writeln!(out, "{} {value}", k.saturating_add(base)),
            None if layout.one_line && k + 1 < spins.len() => write!(out, "{value} "),
            None => writeln!(out, "{value}"),
        };
    }
    Ok(out)
}

/// Writes a solution, replacing the file as a whole.
///
/// # Errors
/// A spin that is not ±1, and [`Error::Write`].
pub fn write(path: impl AsRef<Path>, spins: &[i8], layout: &Layout) -> Result<(), Error> {
    if spins.is_empty() {
        return Err(malformed("solution", "at least one spin", "none"));
    }
    files::write(path.as_ref(), &encode(spins, layout)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_encoding_is_told_from_its_values() {
        for text in [
            "1\n-1\n-1\n1\n",
            "+1 -1 -1 1",
            "1\n0\n0\n1",
            "1001\n",
            "1 2 2 1\r\n\r\n",
            "# side\n0 1\n1 2\n2 2\n3 1\n",
            "4 1\n3 -1\n2 -1\n1 1\n",
            "1 -1\n-1 1\n",
            "1.0\n-1.0\n-1.0\n1.0\n",
        ] {
            assert_eq!(decode(text.as_bytes(), 4).unwrap(), [1, -1, -1, 1], "{text:?}");
        }
        assert_eq!(decode(b"1 1", 2).unwrap(), [1, 1]);
        assert_eq!(decode(b"1 2\n", 1).unwrap(), [-1]);
    }

    #[test]
    fn names_line_and_expectation() {
        for (text, expected) in [
            (
                "",
                "line 1: expected 3 values, or 3 lines of an index and a value, found the end of the file after 0 words",
            ),
            (
                "1\n1\n",
                "line 3: expected 3 values, or 3 lines of an index and a value, found the end of the file after 2 words",
            ),
            ("1\n-1\n0\n", "line 3: expected 1 or -1 as on line 2, found 0"),
            ("1\n3\n1\n", "line 2: expected -1, 0, 1 or 2, found 3"),
            ("1\nx\n1\n", "line 2: expected -1, 0, 1 or 2, found x"),
            ("1 1\n2 1\n4 1\n", "line 3: expected an index from 1 to 3, found 4"),
            ("1 1\n0 1\n3 1\n", "line 3: expected an index from 0 to 2, found 3"),
            ("1 1\n2 1\n2 1\n", "line 3: expected each index once, found 2"),
        ] {
            assert_eq!(decode(text.as_bytes(), 3).unwrap_err().to_string(), expected, "{text:?}");
        }
        assert!(decode(b"\0", 1).is_err());
        assert!(encode(&[1, 0], &Layout::default()).is_err());
        assert!(read("no/such/file", 3).unwrap_err().to_string().starts_with("cannot read"));
    }

    proptest! {
        #[test]
        fn every_layout_reads_back(
            signs in prop::collection::vec(any::<bool>(), 1..20),
            kind in 0..3_usize,
            index in prop::option::of(0..2_usize),
            one_line in any::<bool>(),
        ) {
            let spins: Vec<i8> = signs.iter().map(|&up| if up { 1 } else { -1 }).collect();
            let encoding = [Encoding::Spins, Encoding::Binary, Encoding::Sides][kind];
            let text = encode(&spins, &Layout { encoding, index, one_line }).unwrap();
            prop_assert_eq!(decode(&text, spins.len()).unwrap(), spins);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), n in 0..9_usize) {
            let _ = decode(&bytes, n);
        }
    }
}
