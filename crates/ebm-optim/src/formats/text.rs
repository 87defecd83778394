//! The text of instance files: encodings, lines, words and numbers.

use std::borrow::Cow;
use std::io::Read;

use crate::{Error, Model};

/// The error of a line.
pub(super) fn parse_error(line: usize, expected: impl Into<String>, found: &str) -> Error {
    Error::Parse { line, expected: expected.into(), found: shortened(found) }
}

/// The error of data without lines.
pub(super) fn malformed(
    place: impl Into<String>,
    expected: impl Into<String>,
    found: impl ToString,
) -> Error {
    let found = shortened(&found.to_string());
    Error::Malformed { place: place.into(), expected: expected.into(), found }
}

fn shortened(found: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = found.chars().take(LONGEST).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    shown
}

/// First bytes of files that people hand over by mistake, and what they are.
const FOREIGN: [(&[u8], &str); 12] = [
    (b"\x1f\x8b", "gzip data: unpack them first"),
    (b"BZh", "bzip2 data: unpack them first"),
    (b"\xfd7zXZ", "xz data: unpack them first"),
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack them first"),
    (b"PK\x03\x04", "a zip archive (.npz is one): unpack it first"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array, whose format is npy"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\x7fELF", "a program"),
    (b"<", "a page in HTML or XML"),
    (b"\x80\x04", "a Python pickle"),
];

/// The bytes of text in UTF-8 without a mark: files in UTF-16 circulate, with a
/// byte order mark, and are decoded; zero bytes are no text.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if let Some((_, what)) = FOREIGN.iter().find(|(mark, _)| start.starts_with(mark)) {
        return Err(malformed("start of the file", "an instance as text", what));
    }
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes[2..].as_chunks::<2>();
        if !rest.is_empty() {
            return Err(malformed("text", "UTF-16 text", "an odd number of bytes"));
        }
        let units = units.iter().map(|&pair| unit(pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) => Ok(Cow::Owned(text.into_bytes())),
            Err(error) => Err(malformed("text", "UTF-16 text", error)),
        }
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes)?,
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(bytes),
    };
    // Searching for one byte is many times faster than for its place.
    if text.contains(&0) {
        let at = text.iter().position(|&b| b == 0).unwrap_or(0);
        let line = 1 + text[..at].iter().filter(|&&b| b == b'\n').count();
        // Every other byte of a digit or line end in UTF-16.
        let head = &text[..text.len().min(64)];
        let (pairs, _) = head.as_chunks::<2>();
        let is_wide = |k: usize| !pairs.is_empty() && pairs.iter().all(|pair| pair[k] == 0);
        let found = if is_wide(0) || is_wide(1) {
            "UTF-16 without its byte order mark: save it as UTF-8"
        } else {
            "a zero byte, as in binary files"
        };
        return Err(parse_error(line, "text", found));
    }
    Ok(text)
}

/// All bytes of a reader that may have `size`, refusing a line of more than
/// `longest` bytes before more than that of it is stored.
pub(super) fn collect(reader: impl Read, longest: usize, size: usize) -> Result<Vec<u8>, Error> {
    const CHUNK: u64 = 1 << 15;
    let mut reader = reader;
    let mut bytes = vec![];
    // A failed reservation shows again, as an error, when reading.
    let _ = bytes.try_reserve_exact(size);
    let mut start = 0;
    loop {
        let line =
            |start: usize, bytes: &[u8]| 1 + bytes[..start].iter().filter(|&&b| b == b'\n').count();
        let read = reader.by_ref().take(CHUNK).read_to_end(&mut bytes).map_err(|error| {
            let found = format!("an input error: {error}");
            parse_error(line(start, &bytes), "readable text", &found)
        })?;
        while bytes.len() - start > longest {
            match bytes[start..start + longest].iter().rposition(|&b| b == b'\n') {
                Some(end) => start += end + 1,
                None => {
                    let expected = format!("a line of at most {longest} bytes");
                    return Err(parse_error(line(start, &bytes), expected, "a longer one"));
                }
            }
        }
        if read == 0 {
            return Ok(bytes);
        }
    }
}

/// What comments say: `vartype=SPIN` as written by dimod, and after `ebm:` what
/// a format has no place for.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// The constant of the objective.
    pub(super) offset: f64,
    /// What the numbers mean.
    pub(super) model: Option<Model>,
    /// The number of nodes, and the line that tells it.
    pub(super) nodes: Option<(usize, usize)>,
}

impl Notes {
    fn read(&mut self, line: usize, comment: &[u8]) -> Result<(), Error> {
        let comment = String::from_utf8_lossy(comment);
        let comment = comment.trim_start_matches(['#', '%', 'c']).trim();
        if let Some(pairs) = comment.strip_prefix("ebm:") {
            for pair in pairs.split_ascii_whitespace() {
                match pair.split_once('=') {
                    Some(("offset", value)) => {
                        self.offset = number(value.as_bytes())
                            .ok_or_else(|| parse_error(line, "a finite offset", value))?;
                    }
                    Some(("model", value)) => {
                        let model = value.parse().map_err(|_| {
                            parse_error(line, "the model graph, ising or qubo", value)
                        })?;
                        self.set_model(line, model, value)?;
                    }
                    Some(("nodes", value)) => {
                        let nodes = unsigned(value.as_bytes());
                        let nodes = nodes.filter(|n| (1..=super::MAX_NODES).contains(n));
                        let expected = format!("1 to {} nodes", super::MAX_NODES);
                        let nodes = nodes.ok_or_else(|| parse_error(line, expected, value))?;
                        self.nodes = Some((nodes, line));
                    }
                    _ => return Err(parse_error(line, "`offset=`, `model=` or `nodes=`", pair)),
                }
            }
        } else if let Some((_, rest)) = comment.split_once("vartype")
            && let Some(value) = rest.strip_prefix([':', '='])
        {
            let value = value.split_ascii_whitespace().next().unwrap_or("");
            let model = match value {
                "SPIN" => Model::Ising,
                "BINARY" => Model::Qubo,
                _ => return Err(parse_error(line, "the vartype SPIN or BINARY", value)),
            };
            self.set_model(line, model, value)?;
        }
        Ok(())
    }

    fn set_model(&mut self, line: usize, model: Model, found: &str) -> Result<(), Error> {
        match self.model.replace(model) {
            Some(before) if before != model => {
                Err(parse_error(line, format!("{before} as on a line before"), found))
            }
            _ => Ok(()),
        }
    }
}

/// Walks over text, line by line and word by word.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    comment: u8,
    /// What the comments passed so far say.
    pub(super) notes: Notes,
}

impl<'a> Scanner<'a> {
    /// Lines whose first character is `comment` are comments.
    pub(super) fn new(bytes: &'a [u8], comment: u8) -> Self {
        Self { bytes, at: 0, line: 1, comment, notes: Notes::default() }
    }

    /// Counted from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Goes to the next line that has words, past blank lines and comments.
    /// Must be called at the end of a line.
    pub(super) fn next_line(&mut self) -> Result<bool, Error> {
        loop {
            self.skip_blanks();
            match self.bytes.get(self.at) {
                None => return Ok(false),
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(&c) if c == self.comment => {
                    let comment = self.rest();
                    self.notes.read(self.line, comment)?;
                }
                Some(_) => return Ok(true),
            }
        }
    }

    /// The next word of the line.
    #[inline]
    pub(super) fn word(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|b| !is_blank(*b) && *b != b'\n') {
            self.at += 1;
        }
        (self.at > start).then(|| &self.bytes[start..self.at])
    }

    /// What remains of the line.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The line must have no further word.
    pub(super) fn end_line(&mut self, expected: &str) -> Result<(), Error> {
        match self.word() {
            None => Ok(()),
            Some(word) => {
                let found = format!("a further word `{}`", shown(word));
                Err(parse_error(self.line, expected, &found))
            }
        }
    }

    /// Two nodes, as of [`node`](Self::node), and a whole number, which may be
    /// missing, up to the end of the line: as almost all lines of large files
    /// are. Where the line is anything else, nothing is read: the slow way reads
    /// it or tells what is wrong. Must be called at the start of a line.
    #[inline]
    pub(super) fn plain_row(
        &mut self,
        base: usize,
        nodes: usize,
    ) -> Option<(usize, usize, Option<f64>)> {
        let (i, after) = digits(self.bytes, self.at)?;
        let (j, after) = digits(self.bytes, blank(self.bytes, after)?)?;
        let node = |k: u32| (k as usize).checked_sub(base).filter(|k| *k < nodes);
        let (i, j) = (node(i)?, node(j)?);
        let (weight, mut after) = match self.bytes.get(after)? {
            b'\n' | b'\r' => (None, after),
            _ => {
                let start = blank(self.bytes, after)?;
                let negative = self.bytes.get(start) == Some(&b'-');
                let (size, after) = digits(self.bytes, start + usize::from(negative))?;
                let size = f64::from(size);
                (Some(if negative { -size } else { size }), after)
            }
        };
        if self.bytes.get(after) == Some(&b'\r') {
            after += 1;
        }
        if self.bytes.get(after) != Some(&b'\n') {
            return None;
        }
        // The line is left at its end, as by reading its words.
        self.at = after;
        Some((i, j, weight))
    }

    /// The next word, which must be a count.
    pub(super) fn count(&mut self, expected: &str) -> Result<usize, Error> {
        match self.word() {
            Some(word) => {
                unsigned(word).ok_or_else(|| parse_error(self.line, expected, &shown_word(word)))
            }
            None => Err(parse_error(self.line, expected, "the end of the line")),
        }
    }

    /// The next word, which must be a node counted from `base` below
    /// `base + nodes`; returned counted from 0.
    #[inline]
    pub(super) fn node(&mut self, base: usize, nodes: usize) -> Result<usize, Error> {
        let word = self.word();
        let node = word.and_then(unsigned).and_then(|node| node.checked_sub(base));
        match node {
            Some(node) if node < nodes => Ok(node),
            _ => {
                let expected = format!("a node from {base} to {}", base + nodes - 1);
                let found = word.map_or("the end of the line".into(), shown_word);
                Err(parse_error(self.line, expected, &found))
            }
        }
    }

    /// The next word, which must be a finite number.
    #[inline]
    pub(super) fn weight(&mut self) -> Result<f64, Error> {
        match self.word() {
            Some(word) => number(word).ok_or_else(|| self.error("a finite weight", word)),
            None => Err(parse_error(self.line, "a finite weight", "the end of the line")),
        }
    }

    /// The whole line, two nodes as of [`node`](Self::node) and a finite number.
    #[inline]
    pub(super) fn entry(
        &mut self,
        base: usize,
        nodes: usize,
        expected: &str,
    ) -> Result<(usize, usize, f64), Error> {
        match self.plain_row(base, nodes) {
            Some((i, j, Some(value))) => return Ok((i, j, value)),
            Some((_, _, None)) => {
                return Err(parse_error(self.line, "a finite weight", "the end of the line"));
            }
            None => {}
        }
        let (i, j) = (self.node(base, nodes)?, self.node(base, nodes)?);
        let value = self.weight()?;
        self.end_line(expected)?;
        Ok((i, j, value))
    }

    /// The error of this line.
    pub(super) fn error(&self, expected: impl Into<String>, found: &[u8]) -> Error {
        parse_error(self.line, expected, &shown(found))
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(|b| is_blank(*b)) {
            self.at += 1;
        }
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

/// The place after one blank.
#[inline]
fn blank(bytes: &[u8], at: usize) -> Option<usize> {
    matches!(bytes.get(at), Some(b' ' | b'\t')).then_some(at + 1)
}

/// A number of one to seven digits and the place after it; none for longer ones
/// and within eight bytes of the end.
///
/// Eight bytes at a time, as lengths that differ from number to number would
/// mislead the prediction of branches.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?) ^ 0x3030_3030_3030_3030;
    // The upper bit of each byte beyond 9; right up to the first such byte.
    let beyond = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    let length = beyond.trailing_zeros() / 8;
    if length == 0 || length == 8 {
        return None;
    }
    // Leading zeros in place of what follows; then pairs, fours and all eight
    // digits are joined.
    let word = word << (64 - 8 * length);
    let word = (word.wrapping_mul(2561) >> 8) & 0x00ff_00ff_00ff_00ff;
    let word = (word.wrapping_mul(6_553_601) >> 16) & 0x0000_ffff_0000_ffff;
    let value = word.wrapping_mul(42_949_672_960_001) >> 32;
    Some((value as u32, at + length as usize))
}

/// `1 edge`, `2 edges`.
pub(super) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Bytes as text, if they are.
pub(super) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok(text) if !text.contains(|c: char| c.is_control() && c != '\t') => text.into(),
        _ => "bytes that are no text".into(),
    }
}

/// [`shown`], and advice where words are not separated by blanks.
pub(super) fn shown_word(word: &[u8]) -> String {
    let text = shown(word);
    let separators = [(',', "commas"), (';', "semicolons"), ('|', "bars")];
    // A comma may also be meant as the point of a decimal fraction.
    match separators.iter().find(|(mark, _)| text.contains(*mark)) {
        Some((_, name)) => format!("{text} (numbers are separated by blanks, not by {name})"),
        None => text,
    }
}

/// A number of digits only.
#[inline]
pub(super) fn unsigned(word: &[u8]) -> Option<usize> {
    // Nineteen digits fit 64 bits.
    if word.is_empty() || word.len() > 19 {
        return None;
    }
    let mut value = 0_u64;
    for byte in word {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    usize::try_from(value).ok()
}

/// A finite number.
#[inline]
pub(super) fn number(word: &[u8]) -> Option<f64> {
    let (negative, digits) = match word {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, word),
    };
    // Short integers, which most weights are, need no rounding.
    if digits.len() <= 15
        && let Some(value) = unsigned(digits)
    {
        let value = value as f64;
        return Some(if negative { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// A node count that the entries make plausible, before anything of that size
/// is stored: else a typing error is likelier.
pub(super) fn check_nodes(line: usize, nodes: usize, entries: usize) -> Result<(), Error> {
    let limit = super::ISOLATED_NODES.saturating_add(entries.saturating_mul(2));
    if nodes > limit {
        let found = format!("{nodes} nodes for {}", counted(entries, "entry", "entries"));
        let expected = format!("at most {limit} nodes for that many entries");
        return Err(parse_error(line, expected, &found));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for word in ["0", "-0", "1", "-17", "999999999999999", "1e3", "-2.5", ".5", "1.", "+4"] {
            let expected: f64 = word.parse().unwrap();
            assert_eq!(number(word.as_bytes()).map(f64::to_bits), Some(expected.to_bits()));
        }
        for word in ["", "-", "inf", "NaN", "1e999", "0x1", "1,5", "--1", "é"] {
            assert_eq!(number(word.as_bytes()), None, "{word}");
        }
        assert_eq!(unsigned(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(unsigned(b"99999999999999999999"), None);
    }

    #[test]
    fn plain_rows_are_read_as_by_words() {
        let tail = "\n0 0 0\n";
        for row in ["1 2", "12 3 4", "1234567 7654321 -1234567", "9 10\t-0\r", "1 2\r"] {
            let text = format!("{row}{tail}");
            let mut scanner = Scanner::new(text.as_bytes(), b'#');
            let (i, j, weight) = scanner.plain_row(0, 10_000_000).unwrap();
            assert_eq!(scanner.at, row.len());
            let mut slow = Scanner::new(text.as_bytes(), b'#');
            assert!(slow.next_line().unwrap());
            let words: Vec<_> = std::iter::from_fn(|| slow.word()).collect();
            assert_eq!(Some(i), unsigned(words[0]), "{row}");
            assert_eq!(Some(j), unsigned(words[1]), "{row}");
            let expected = words.get(2).and_then(|word| number(word));
            assert_eq!(weight.map(f64::to_bits), expected.map(f64::to_bits), "{row}");
        }
        for row in [
            "",
            " 1 2",
            "1  2",
            "1",
            "1 ",
            "1 2 ",
            "1 2 3 ",
            "1 2 3 4",
            "1 2 1.5",
            "1 2 +1",
            "1 2 --1",
            "1 2 -",
            "x 2",
            "1 x",
            "12345678 1",
            "1 2 12345678",
            "# c",
            "-1 2",
            "0 1",
            "1 1000001",
        ] {
            let text = format!("{row}{tail}");
            let mut scanner = Scanner::new(text.as_bytes(), b'#');
            assert_eq!(scanner.plain_row(1, 1_000_000), None, "{row}");
            assert_eq!(scanner.at, 0);
        }
        assert_eq!(Scanner::new(b"1 2 3\n", b'#').plain_row(0, 9), None);
        for value in (0..10_000_000).step_by(997) {
            let text = format!("{value},abcdefgh");
            assert_eq!(digits(text.as_bytes(), 0), Some((value, text.len() - 9)));
        }
    }

    #[test]
    fn encodings_are_told_by_their_marks() {
        let text = "3 1\r\n1 2 é\n";
        let units = || text.encode_utf16();
        let little: Vec<u8> =
            [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> =
            [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
        let marked: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
        for bytes in [&little, &big, &marked] {
            assert_eq!(decode(bytes).unwrap().as_ref(), text.as_bytes());
        }
        let message = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        for bytes in [&little[2..], &big[2..]] {
            assert_eq!(
                message(bytes),
                "line 1: expected text, found UTF-16 without its byte order mark: save it as UTF-8"
            );
        }
        for (bytes, found) in [
            (&b"\x1f\x8b\x08\x00"[..], "gzip data: unpack them first"),
            (b"PK\x03\x04\x14\x00", "a zip archive (.npz is one): unpack it first"),
            (b"\n<!DOCTYPE html>", "a page in HTML or XML"),
            (b"\xef\xbb\xbf<?xml?>", "a page in HTML or XML"),
            (b"%PDF-1.4", "a PDF document"),
        ] {
            let expected =
                format!("start of the file: expected an instance as text, found {found}");
            assert_eq!(message(bytes), expected);
        }
        assert!(message(&little[..5]).contains("odd number of bytes"));
        assert!(message(&[0xff, 0xfe, 0x00, 0xd8]).contains("UTF-16"));
        assert_eq!(
            message(b"1\n2\0"),
            "line 2: expected text, found a zero byte, as in binary files"
        );
    }

    #[test]
    fn words_keep_to_their_lines() {
        let mut scanner = Scanner::new(b"\n# ebm: offset=2.5 model=qubo\n a  b\r\n\n c", b'#');
        assert!(scanner.next_line().unwrap());
        assert_eq!((scanner.notes.offset, scanner.notes.model), (2.5, Some(Model::Qubo)));
        assert_eq!(
            (scanner.word(), scanner.word(), scanner.word()),
            (Some(&b"a"[..]), Some(&b"b"[..]), None)
        );
        assert_eq!(scanner.line(), 3);
        assert!(scanner.next_line().unwrap());
        assert_eq!((scanner.line(), scanner.rest()), (5, &b"c"[..]));
        assert!(!scanner.next_line().unwrap());
        for (comment, expected) in [
            ("# ebm: offset=x", "line 1: expected a finite offset, found x"),
            ("# ebm: bias=1", "line 1: expected `offset=`, `model=` or `nodes=`, found bias=1"),
            ("# vartype=INTEGER", "line 1: expected the vartype SPIN or BINARY, found INTEGER"),
            (
                "# vartype=SPIN\n#vartype: BINARY",
                "line 2: expected ising as on a line before, found BINARY",
            ),
        ] {
            let error = Scanner::new(comment.as_bytes(), b'#').next_line().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
