//! IDX files, in which MNIST and its relatives are published.
//!
//! ```text
//! 0  0  type  axes     one byte each
//! n_1 … n_axes         four bytes each, big-endian
//! data                 big-endian, the last index varying fastest
//! type: 08 unsigned byte, 09 signed byte, 0B short, 0C int, 0D float, 0E double
//! ```
//!
//! One vector for each of the first index: a picture of a file with three
//! axes, a single number of a file of labels. Source: Y. LeCun, C. Cortes and
//! C. J. C. Burges, *The MNIST database of handwritten digits* (1998).

use std::path::Path;

use ebm_core::Real;

use super::Array;
use crate::Error;

/// Reads the vectors of a file, which must not be compressed.
///
/// # Errors
/// [`Error::File`] where it cannot be read or is not what [`decode`] takes.
pub fn read<T: Real>(path: impl AsRef<Path>) -> Result<Array<T>, Error> {
    let path = path.as_ref();
    super::in_file(path, super::read(path).and_then(|bytes| decode(&bytes)))
}

/// Reads the vectors from the bytes of a file.
///
/// ```
/// let bytes = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
/// let pictures = ebm_memory::files::idx::decode::<f32>(&bytes)?;
/// assert_eq!(pictures.shape, [1, 3]);
/// assert_eq!(pictures.patterns.pattern(1), [4.0, 5.0, 6.0]);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] where the bytes are no IDX file of finite numbers, or
/// of a type that `T` does not hold exactly; [`Error::Core`] where there is no
/// entry.
pub fn decode<T: Real>(bytes: &[u8]) -> Result<Array<T>, Error> {
    let (kind, axes, mut rest) = match bytes {
        [0, 0, kind, axes, rest @ ..] => (*kind, usize::from(*axes), rest),
        [0x1f, 0x8b, ..] => {
            return Err(super::malformed("start of the file", "two zero bytes", "gzip"));
        }
        _ => {
            let found = format!("{:02x?}", &bytes[..bytes.len().min(4)]);
            return Err(super::malformed(
                "start of the file",
                "two zero bytes, a type and a number of axes",
                found,
            ));
        }
    };
    let (size, exact): (usize, bool) = match kind {
        0x08 | 0x09 => (1, true),
        0x0b => (2, true),
        0x0c => (4, false),
        0x0d => (4, true),
        0x0e => (8, false),
        _ => {
            let expected = "08, 09, 0b, 0c, 0d or 0e";
            return Err(super::malformed("type", expected, format!("{kind:02x}")));
        }
    };
    if size_of::<T>() == 4 && !exact {
        let found = if kind == 0x0c { "int" } else { "double" };
        return Err(super::malformed("type", "one that f32 holds exactly", found));
    }
    if axes == 0 {
        return Err(super::malformed("number of axes", "at least one", 0));
    }
    let mut shape = Vec::with_capacity(axes);
    for axis in 0..axes {
        let Some((n, after)) = rest.split_first_chunk() else {
            let place = format!("size of axis {axis}");
            return Err(super::malformed(place, "four bytes", format!("{} bytes", rest.len())));
        };
        // Four bytes always fit into what this crate runs on.
        shape.push(u32::from_be_bytes(*n) as usize);
        rest = after;
    }
    let total = shape.iter().try_fold(size, |total, n| total.checked_mul(*n));
    if total != Some(rest.len()) {
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let expected = format!("{} numbers of {size} bytes", sizes.join(" × "));
        return Err(super::malformed("data", expected, format!("{} bytes", rest.len())));
    }
    super::collect(shape[0], &shape[1..], |index| {
        let mut at = [0; 8];
        at[..size].copy_from_slice(&rest[index * size..(index + 1) * size]);
        let [a, b, c, d, ..] = at;
        let value = match kind {
            0x08 => f64::from(a),
            0x09 => f64::from(a.cast_signed()),
            0x0b => f64::from(i16::from_be_bytes([a, b])),
            0x0c => f64::from(i32::from_be_bytes([a, b, c, d])),
            0x0d => f64::from(f32::from_be_bytes([a, b, c, d])),
            _ => f64::from_be_bytes(at),
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(super::malformed(format!("entry {index}"), "a finite number", value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(kind: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, shape.len() as u8];
        shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    #[test]
    fn reads_all_types() {
        for (kind, data) in [
            (0x09, vec![0xfd]),
            (0x0b, (-3i16).to_be_bytes().to_vec()),
            (0x0c, (-3i32).to_be_bytes().to_vec()),
            (0x0d, (-3f32).to_be_bytes().to_vec()),
            (0x0e, (-3f64).to_be_bytes().to_vec()),
        ] {
            let read = decode::<f64>(&file(kind, &[1], &data)).unwrap();
            assert_eq!((read.patterns.pattern(0), read.shape.len()), (&[-3.0][..], 0));
        }
        let read = decode::<f32>(&file(0x08, &[2, 2], &[0, 255, 7, 8])).unwrap();
        assert_eq!(read.patterns.pattern(0), [0.0, 255.0]);
    }

    #[test]
    fn says_what_is_wrong() {
        for (bytes, message) in [
            (vec![], "start of the file: expected two zero bytes, a type and a number of axes"),
            (vec![0x1f, 0x8b, 8, 0], "start of the file: expected two zero bytes, found gzip"),
            (vec![1, 2, 3, 4, 5], "start of the file: expected two zero bytes"),
            (file(7, &[1], &[0]), "type: expected 08, 09, 0b, 0c, 0d or 0e, found 07"),
            (file(8, &[], &[0]), "number of axes: expected at least one, found 0"),
            (vec![0, 0, 8, 2, 0, 0, 0, 1, 0], "size of axis 1: expected four bytes, found 1"),
            (file(8, &[2, 3], &[0; 5]), "data: expected 2 × 3 numbers of 1 bytes, found 5 bytes"),
            (file(8, &[u32::MAX; 3], &[]), "data: expected 4294967295 × "),
            (file(8, &[0, u32::MAX, u32::MAX, u32::MAX], &[]), "shape: expected vectors that can"),
            (file(0x0d, &[1], &f32::NAN.to_be_bytes()), "entry 0: expected a finite number"),
            (file(8, &[0, 3], &[]), "patterns is empty"),
        ] {
            let found = decode::<f64>(&bytes).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
        assert!(decode::<f32>(&file(0x0e, &[1], &[0; 8])).is_err());
        assert!(read::<f32>("no such file").unwrap_err().to_string().starts_with("no such file: "));
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(
            at in prop::collection::vec((0usize..40, any::<u8>()), 0..4),
            length in 0usize..50,
        ) {
            let mut bytes = file(0x0d, &[2, 3], &[0; 24]);
            for (at, byte) in at {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(length);
            let _ = decode::<f32>(&bytes);
            let _ = decode::<f64>(&bytes);
        }
    }
}
