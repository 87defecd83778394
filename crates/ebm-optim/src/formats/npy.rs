//! Square matrices saved by NumPy.
//!
//! ```text
//! \x93NUMPY  major minor  header length  {'descr': '<f8', 'fortran_order': False, 'shape': (n, n), }  data
//! ```
//!
//! What the matrix means is in the parent module. Read are floating-point
//! numbers of 4 and 8 bytes, integers of 1 to 8 and Booleans, in either byte
//! order; written is `<f8`. Source: NumPy enhancement proposal 1, *A simple
//! file format for NumPy arrays* (2007).

use super::matrix::{Builder, Matrix};
use super::text::malformed;
use super::{Written, text};
use crate::{Error, Instance, Model};

/// The first bytes of every such file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Data written at most, in bytes.
const LARGEST: usize = 1 << 32;

pub(super) fn decode(bytes: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let found = String::from_utf8_lossy(&bytes[..bytes.len().min(6)]);
        return Err(malformed("start of the file", "the mark \\x93NUMPY", format!("{found:?}")));
    };
    let truncated = || malformed("header", "a length and a dictionary", "the end of the file");
    let (header, data) = match rest {
        [1, _, a, b, rest @ ..] => rest.split_at_checked(usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
        }
        [1..=3, ..] | [] => None,
        [major, ..] => return Err(malformed("header", "version 1, 2 or 3", major)),
    }
    .ok_or_else(truncated)?;
    let header = String::from_utf8_lossy(header);
    let element = Element::parse(field(&header, "descr")?)?;
    let fortran = match field(&header, "fortran_order")? {
        "True" => true,
        "False" => false,
        other => return Err(malformed("fortran_order", "True or False", other)),
    };
    let n = square(field(&header, "shape")?)?;
    let size = n.checked_mul(n).and_then(|count| count.checked_mul(element.size));
    if size != Some(data.len()) {
        let expected = format!("{n} × {n} numbers of {} bytes", element.size);
        return Err(malformed("data", expected, format!("{} bytes", data.len())));
    }
    let at = |i: usize, j: usize| {
        let (row, column) = if fortran { (j, i) } else { (i, j) };
        let start = (row * n + column) * element.size;
        element
            .value(&data[start..start + element.size])
            .map_err(|found| malformed(format!("entry ({i}, {j})"), element.expected(), found))
    };
    let mut builder = Builder::new(hint.unwrap_or(Model::Graph), 0);
    for i in 0..n {
        builder.diagonal(i, at(i, i)?)?;
        for j in i + 1..n {
            let (upper, lower) = (at(i, j)?, at(j, i)?);
            if upper != 0.0 || lower != 0.0 {
                builder.pair(i, j, upper, lower)?;
            }
        }
    }
    builder.finish(n, 0.0)
}

/// The value of a key in the header, which is a Python dictionary of a string,
/// a Boolean and a tuple.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, Error> {
    let missing = || malformed("header", format!("a dictionary with '{key}'"), header.trim());
    let after = [format!("'{key}':"), format!("\"{key}\":")]
        .iter()
        .find_map(|name| header.split_once(name.as_str()))
        .ok_or_else(missing)?
        .1
        .trim_start();
    let end = match after.as_bytes().first() {
        Some(b'(') => after.find(')').map(|end| end + 1),
        Some(quote @ (b'\'' | b'"')) => after[1..].find(char::from(*quote)).map(|end| end + 2),
        _ => after.find([',', '}']),
    };
    Ok(after[..end.ok_or_else(missing)?].trim_end())
}

fn square(shape: &str) -> Result<usize, Error> {
    let wrong = || malformed("shape", "a square matrix (n, n)", shape);
    let inner = shape.strip_prefix('(').and_then(|s| s.strip_suffix(')')).ok_or_else(wrong)?;
    let sizes: Option<Vec<usize>> = inner
        .split(',')
        .map(|size| size.trim().trim_end_matches('L'))
        .filter(|size| !size.is_empty())
        .map(|size| text::unsigned(size.as_bytes()))
        .collect();
    match sizes.ok_or_else(wrong)?.as_slice() {
        &[rows, columns] if rows == columns && rows > 0 => Ok(rows),
        _ => Err(wrong()),
    }
}

/// How one number is stored.
#[derive(Debug)]
struct Element {
    kind: u8,
    size: usize,
    big_endian: bool,
}

impl Element {
    fn parse(descr: &str) -> Result<Self, Error> {
        let quoted = descr.trim_matches(['\'', '"']);
        let (order, kind) = match quoted.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), kind @ ..] => (*order, kind),
            kind => (b'=', kind),
        };
        let (kind, size) = match kind {
            [b'f', size @ (b'4' | b'8')] | [b'i' | b'u', size @ (b'1' | b'2' | b'4' | b'8')] => {
                (kind[0], usize::from(size - b'0'))
            }
            b"b1" | b"?" => (b'b', 1),
            _ => {
                let expected = "f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1";
                return Err(malformed("descr", expected, descr));
            }
        };
        let native = cfg!(target_endian = "big");
        Ok(Self { kind, size, big_endian: order == b'>' || order == b'=' && native })
    }

    /// The number in `size` bytes, or what is wrong with it.
    fn value(&self, bytes: &[u8]) -> Result<f64, String> {
        // The largest to which all integers are exact.
        const EXACT: u64 = 1 << 53;
        let mut little = [0; 8];
        for (k, byte) in bytes.iter().enumerate() {
            little[if self.big_endian { self.size - 1 - k } else { k }] = *byte;
        }
        let bits = u64::from_le_bytes(little);
        let value = match self.kind {
            b'f' if self.size == 4 => f64::from(f32::from_bits(bits as u32)),
            b'f' => f64::from_bits(bits),
            b'i' => {
                let unused = 64 - 8 * self.size as u32;
                let value = (bits << unused).cast_signed() >> unused;
                if value.unsigned_abs() > EXACT {
                    return Err(value.to_string());
                }
                value as f64
            }
            b'b' => f64::from(u8::from(bits != 0)),
            _ if bits > EXACT => return Err(bits.to_string()),
            _ => bits as f64,
        };
        if value.is_finite() { Ok(value) } else { Err(value.to_string()) }
    }

    fn expected(&self) -> &'static str {
        if self.kind == b'f' { "a finite number" } else { "an integer of at most 2⁵³" }
    }
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let matrix = Matrix::of(instance)?;
    let n = matrix.n;
    let size = n.saturating_mul(n).saturating_mul(8);
    if size > LARGEST {
        let what = "bytes of a dense matrix";
        return Err(ebm_core::Error::TooLarge { what, size, limit: LARGEST }.into());
    }
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n}, {n}), }}");
    // The data start at a multiple of 64, after a line end.
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).next_multiple_of(64) - before;
    header.push_str(&" ".repeat(padded - 1 - header.len()));
    header.push('\n');
    let mut out = Vec::new();
    let total = before + padded + size;
    out.try_reserve_exact(total)
        .map_err(|_| ebm_core::Error::Allocation { what: "a dense matrix", bytes: total })?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    // One line of a few dozen characters.
    out.extend_from_slice(&(padded as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    let data = out.len();
    out.resize(total, 0);
    let mut set = |i: usize, j: usize, a: f64| {
        let at = data + 8 * (i * n + j);
        out[at..at + 8].copy_from_slice(&a.to_le_bytes());
    };
    for (i, &a) in matrix.diagonal.iter().enumerate() {
        set(i, i, a);
    }
    for &(i, j, a) in &matrix.pairs {
        set(i, j, a);
        set(j, i, a);
    }
    Ok((out, matrix.written(false)))
}
