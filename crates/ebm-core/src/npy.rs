//! Arrays saved by NumPy, as bytes.
//!
//! ```text
//! \x93NUMPY  major minor  header length  {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }  data
//! ```
//!
//! Read are versions 1 to 3 with floating-point numbers of 2, 4 and 8 bytes,
//! integers of 1 to 8 and Booleans, in either byte order; written is version 1,
//! little-endian. What an array means is for the caller to say. Source: NumPy
//! enhancement proposal 1, *A simple file format for NumPy arrays* (2007).
//!
//! ```
//! use ebm_core::npy::{Array, header};
//! let mut bytes = header("<f4", &[2, 3])?;
//! for x in [0.0f32, 0.25, 0.5, 1.0, 2.0, 4.0] {
//!     bytes.extend(x.to_le_bytes());
//! }
//! let array = Array::parse(&bytes)?;
//! assert_eq!((array.shape(), array.value(3)?), (&[2, 3][..], 1.0));
//! # Ok::<(), ebm_core::npy::Malformed>(())
//! ```

use std::fmt;

/// The first bytes of every such file.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// Where bytes are not an array, or not one of numbers that `f64` holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct Malformed {
    /// The part of the file.
    pub place: String,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

fn malformed(
    place: impl Into<String>,
    expected: impl Into<String>,
    found: impl fmt::Display,
) -> Malformed {
    Malformed { place: place.into(), expected: expected.into(), found: found.to_string() }
}

/// A parsed header, and the bytes of the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'a> {
    element: Element,
    fortran_order: bool,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Array<'a> {
    /// Reads the header, and checks that the data have the length it states.
    ///
    /// # Errors
    /// Where the bytes are not such a file, are truncated or too long, or have
    /// numbers of another kind than the [module](self) lists.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            let found = String::from_utf8_lossy(&bytes[..bytes.len().min(6)]);
            return Err(malformed(
                "start of the file",
                "the mark \\x93NUMPY",
                format!("{found:?}"),
            ));
        };
        let truncated = || malformed("header", "a length and a dictionary", "the end of the file");
        let (header, data) = match rest {
            [1, _, a, b, rest @ ..] => {
                rest.split_at_checked(usize::from(u16::from_le_bytes([*a, *b])))
            }
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
        let fortran_order = match field(&header, "fortran_order")? {
            "True" => true,
            "False" => false,
            other => return Err(malformed("fortran_order", "True or False", other)),
        };
        let shape = shape(field(&header, "shape")?)?;
        let size = shape.iter().try_fold(element.size, |size, n| size.checked_mul(*n));
        if size != Some(data.len()) {
            let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
            let expected = format!("{} numbers of {} bytes", sizes.join(" × "), element.size);
            return Err(malformed("data", expected, format!("{} bytes", data.len())));
        }
        Ok(Self { element, fortran_order, shape, data })
    }

    /// Size along each axis; empty for a single number.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether the first index varies fastest, and not the last.
    #[must_use]
    pub fn fortran_order(&self) -> bool {
        self.fortran_order
    }

    /// Kind of the numbers, as NumPy writes it but without the byte order: `f2`,
    /// `f4`, `f8`, `i1` to `i8`, `u1` to `u8` or `b1`.
    #[must_use]
    pub fn kind(&self) -> String {
        format!("{}{}", char::from(self.element.kind), self.element.size)
    }

    /// The number at `index`, in the order of storage.
    ///
    /// # Errors
    /// Where it is not finite, or an integer beyond 2⁵³.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn value(&self, index: usize) -> Result<f64, Malformed> {
        let size = self.element.size;
        self.element.value(&self.data[index * size..(index + 1) * size]).map_err(|found| {
            let place = format!("entry {}", self.indices(index));
            malformed(place, self.element.expected(), found)
        })
    }

    /// The indices of the number at a place in the order of storage, as NumPy
    /// writes them.
    fn indices(&self, place: usize) -> String {
        let mut rest = place;
        let mut indices = vec![0; self.shape.len()];
        let next = |(index, size): (&mut usize, &usize)| {
            *index = rest % size;
            rest /= size;
        };
        let axes = indices.iter_mut().zip(&self.shape);
        if self.fortran_order {
            axes.for_each(next)
        } else {
            axes.rev().for_each(next)
        }
        if indices.len() < 2 { place.to_string() } else { tuple(&indices) }
    }
}

/// Everything before the data: version 1, the last index varying fastest.
///
/// # Errors
/// If the shape has so many axes that the header becomes too long.
pub fn header(descr: &str, shape: &[usize]) -> Result<Vec<u8>, Malformed> {
    let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // A tuple of one needs its comma; longer ones do without.
    let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let dictionary =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // The data start at a multiple of 64, after a line end.
    let before = MAGIC.len() + 4;
    let padded = (before + dictionary.len() + 1).next_multiple_of(64) - before;
    let Ok(length) = u16::try_from(padded) else {
        let found = format!("{} axes", shape.len());
        return Err(malformed("shape", "a header of at most 65535 bytes", found));
    };
    let mut out = Vec::with_capacity(before + padded);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(dictionary.as_bytes());
    out.resize(before + padded - 1, b' ');
    out.push(b'\n');
    Ok(out)
}

/// A shape as Python writes it, such as `(4,)` or `(2, 3)`.
#[must_use]
pub fn tuple(shape: &[usize]) -> String {
    match shape {
        // A tuple of one needs its comma.
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The value of a key in the header, which is a Python dictionary of a string,
/// a Boolean and a tuple.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, Malformed> {
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

fn shape(text: &str) -> Result<Vec<usize>, Malformed> {
    let wrong = || malformed("shape", "a tuple of sizes", text);
    let inner = text.strip_prefix('(').and_then(|s| s.strip_suffix(')')).ok_or_else(wrong)?;
    inner
        .split(',')
        .map(|size| size.trim().trim_end_matches('L'))
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok().filter(|_| !size.starts_with('+')).ok_or_else(wrong))
        .collect()
}

/// How one number is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Element {
    kind: u8,
    size: usize,
    big_endian: bool,
}

impl Element {
    fn parse(descr: &str) -> Result<Self, Malformed> {
        let quoted = descr.trim_matches(['\'', '"']);
        let (order, kind) = match quoted.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), kind @ ..] => (*order, kind),
            kind => (b'=', kind),
        };
        let (kind, size) = match kind {
            [b'f', size @ (b'2' | b'4' | b'8')]
            | [b'i' | b'u', size @ (b'1' | b'2' | b'4' | b'8')] => {
                (kind[0], usize::from(size - b'0'))
            }
            b"b1" | b"?" => (b'b', 1),
            _ => {
                let expected = "f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1";
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
            b'f' if self.size == 2 => half(bits as u16),
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

/// A number of IEEE 754 in two bytes: a sign, five bits of exponent, ten of
/// fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(version: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([version, 0]);
        if version == 1 {
            out.extend((dictionary.len() as u16).to_le_bytes());
        } else {
            out.extend((dictionary.len() as u32).to_le_bytes());
        }
        out.extend_from_slice(dictionary.as_bytes());
        out.extend_from_slice(data);
        out
    }

    fn dictionary(descr: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
    }

    #[test]
    fn reads_every_kind_in_both_byte_orders_and_all_versions() {
        for version in 1..=3 {
            for (descr, data, expected) in [
                ("<f2", &[0x00, 0xbe][..], -1.5),
                (">f2", &[0x2e, 0x66], 0.099_975_585_937_5),
                ("<f4", &(-1.5f32).to_le_bytes(), -1.5),
                (">f4", &(-1.5f32).to_be_bytes(), -1.5),
                ("<f8", &0.1f64.to_le_bytes(), 0.1),
                (">f8", &0.1f64.to_be_bytes(), 0.1),
                ("|i1", &[0xfe], -2.0),
                (">i2", &(-300i16).to_be_bytes(), -300.0),
                ("<u4", &u32::MAX.to_le_bytes(), 4_294_967_295.0),
                ("<i8", &(-(1i64 << 53)).to_le_bytes(), -9_007_199_254_740_992.0),
                ("|b1", &[1], 1.0),
            ] {
                let bytes = file(version, &dictionary(descr, "(1,)"), data);
                let array = Array::parse(&bytes).unwrap();
                assert_eq!(array.value(0).unwrap(), expected, "{descr}");
                assert_eq!(array.kind(), descr[1..]);
            }
        }
    }

    #[test]
    fn halves_are_those_of_the_standard() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 2f64.powi(-24)),
            (0x03ff, 1023.0 * 2f64.powi(-24)),
            (0x0400, 2f64.powi(-14)),
            (0x3c00, 1.0),
            (0x3c01, 1.0 + 2f64.powi(-10)),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:x}");
        }
        assert!(half(0x7c01).is_nan() && half(0x8000).is_sign_negative());
        // Bits of numbers without a sign are in their order.
        assert!((0..0x7c00).all(|bits| half(bits) < half(bits + 1)));
        let bytes = file(1, &dictionary("<f2", "(1,)"), &[0x00, 0x7c]);
        let message = Array::parse(&bytes).unwrap().value(0).unwrap_err().to_string();
        assert_eq!(message, "entry 0: expected a finite number, found inf");
    }

    #[test]
    fn says_what_is_wrong() {
        for (bytes, message) in [
            (b"PK\x03\x04".to_vec(), "the mark \\x93NUMPY, found \"PK"),
            (file(4, "{}", &[]), "version 1, 2 or 3, found 4"),
            (file(1, "{}", &[])[..9].to_vec(), "found the end of the file"),
            (file(1, "{}", &[]), "a dictionary with 'descr'"),
            (file(1, &dictionary("<c16", "(1,)"), &[0; 16]), "descr: expected f2, f4"),
            (file(1, &dictionary("<f8", "(2, x)"), &[]), "shape: expected a tuple of sizes"),
            (file(1, &dictionary("<f8", "(2, 3)"), &[0; 47]), "2 × 3 numbers of 8 bytes, found 47"),
            (file(1, &dictionary("<f8", "(2, 3)"), &[0; 49]), "found 49 bytes"),
            (file(1, &dictionary("<f8", &format!("({}, 9)", usize::MAX)), &[]), "found 0 bytes"),
        ] {
            let found = Array::parse(&bytes).unwrap_err().to_string();
            assert!(found.contains(message), "{found}");
        }
        let bytes = file(1, &dictionary("<f8", "()"), &f64::NAN.to_le_bytes());
        let error = Array::parse(&bytes).unwrap().value(0).unwrap_err();
        assert_eq!(error.to_string(), "entry 0: expected a finite number, found NaN");
        // The second number by rows is the third by columns.
        for (order, at) in [("False", 1), ("True", 2)] {
            let mut data = [0; 6 * 4];
            data[4 * at..4 * at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
            let header = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': (2, 3), }}");
            let bytes = file(1, &header, &data);
            let error = Array::parse(&bytes).unwrap().value(at).unwrap_err();
            assert_eq!(error.to_string(), "entry (0, 1): expected a finite number, found inf");
        }
        let bytes = file(1, &dictionary("<u8", "()"), &u64::MAX.to_le_bytes());
        assert!(Array::parse(&bytes).unwrap().value(0).is_err());
        assert!(header("<f8", &vec![1; 40_000]).is_err());
    }

    proptest! {
        #[test]
        fn headers_survive(shape in prop::collection::vec(0usize..5, 0..5)) {
            let mut bytes = header("<f8", &shape).unwrap();
            prop_assert_eq!(bytes.len() % 64, 0);
            bytes.resize(bytes.len() + 8 * shape.iter().product::<usize>(), 0);
            let array = Array::parse(&bytes).unwrap();
            prop_assert_eq!(array.shape(), &shape[..]);
            prop_assert!(!array.fortran_order());
        }

        #[test]
        fn mutated_files_never_panic(at in 0usize..90, byte: u8, length in 0usize..200) {
            let mut bytes = file(1, &dictionary("<f4", "(2, 3)"), &[0; 24]);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(length);
            if let Ok(array) = Array::parse(&bytes) {
                for index in 0..array.shape().iter().product() {
                    let _ = array.value(index);
                }
            }
        }
    }
}
