//! NumPy files.
//!
//! The array has shape `(K, …)`, one vector for each of its first index, or
//! `(N,)` for a single vector; see [`ebm_core::npy`] for the bytes.

use std::path::Path;

use ebm_core::npy::{self, Malformed};
use ebm_core::{Batch, Real, validate};

use super::Array;
use crate::Error;
use crate::patterns::allocate;

/// Reads the vectors of a file.
///
/// # Errors
/// [`Error::File`] where it cannot be read or is not what [`decode`] takes.
pub fn read<T: Real>(path: impl AsRef<Path>) -> Result<Array<T>, Error> {
    let path = path.as_ref();
    super::in_file(path, super::read(path).and_then(|bytes| decode(&bytes)))
}

/// Writes vectors as an array of shape `(K, N)`, as `<f4` or `<f8`.
///
/// # Errors
/// [`Error::File`] where it cannot be written; nothing is left behind then.
pub fn write<T: Real>(path: impl AsRef<Path>, batch: Batch<'_, T>) -> Result<(), Error> {
    super::write(path.as_ref(), &encode(batch)?)
}

/// Writes numbers as an array of any shape, the last index varying fastest, as
/// `<f4` or `<f8`: the pictures of an [`Array`] as they came, or one energy for
/// each cue.
///
/// ```
/// use ebm_memory::{Patterns, files};
/// let path = std::env::temp_dir().join(format!("pictures-{}.npy", std::process::id()));
/// let pictures = Patterns::random_signs(3 * 5, 20, 1)?;
/// files::npy::write_shaped(&path, pictures.as_batch().as_slice(), &[20, 3, 5])?;
/// let read: files::Array = files::npy::read(&path)?;
/// assert_eq!((&read.patterns, read.full_shape()), (&pictures, vec![20, 3, 5]));
///
/// let energies = [0.5, 0.25];
/// files::npy::write_shaped(&path, &energies, &[2])?;
/// # std::fs::remove_file(path).expect("just written");
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// If the shape is not that of as many numbers; [`Error::File`] where it cannot
/// be written, and nothing is left behind then.
pub fn write_shaped<T: Real>(
    path: impl AsRef<Path>,
    data: &[T],
    shape: &[usize],
) -> Result<(), Error> {
    super::write(path.as_ref(), &encode_shaped(data, shape)?)
}

/// Reads a mask, of Booleans or of numbers 0 and 1, in the order of the vectors
/// that it belongs to: as [`Cues::with_known`](crate::Cues::with_known) takes it.
///
/// ```
/// use ebm_memory::files::npy;
/// let path = std::env::temp_dir().join(format!("known-{}.npy", std::process::id()));
/// npy::write_mask(&path, &[true, false, true, true], &[2, 2])?;
/// assert_eq!(npy::read_mask(&path)?, [true, false, true, true]);
/// # std::fs::remove_file(path).expect("just written");
/// # Ok::<(), ebm_memory::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] where it cannot be read or is not what [`decode_mask`] takes.
pub fn read_mask(path: impl AsRef<Path>) -> Result<Vec<bool>, Error> {
    let path = path.as_ref();
    super::in_file(path, super::read(path).and_then(|bytes| decode_mask(&bytes)))
}

/// Writes a mask as an array of Booleans of any shape, the last index varying
/// fastest.
///
/// # Errors
/// As [`write_shaped`].
pub fn write_mask(path: impl AsRef<Path>, mask: &[bool], shape: &[usize]) -> Result<(), Error> {
    let mut bytes = shaped_header("|b1", mask.len(), shape)?;
    bytes.extend(mask.iter().map(|known| u8::from(*known)));
    super::write(path.as_ref(), &bytes)
}

/// Reads the vectors from the bytes of a file.
///
/// # Errors
/// [`Error::Malformed`] where the bytes are no NumPy file of finite numbers, or
/// of a type that `T` does not hold exactly; [`Error::Core`] where the array
/// has no axis or no entry.
pub fn decode<T: Real>(bytes: &[u8]) -> Result<Array<T>, Error> {
    let array = npy::Array::parse(bytes).map_err(from_core)?;
    let kind = array.kind();
    let exact = ["f2", "f4", "i1", "i2", "u1", "u2", "b1"];
    if size_of::<T>() == 4 && !exact.contains(&kind.as_str()) {
        return Err(super::malformed("descr", "f2, f4, or an integer of at most 2 bytes", kind));
    }
    let (count, shape) = match array.shape() {
        [] => return Err(super::malformed("shape", "at least one axis", "()")),
        [dim] => (1, std::slice::from_ref(dim)),
        [count, shape @ ..] => (*count, shape),
    };
    super::collect(count, shape, |index| value(&array, index))
}

/// The number at a place in the order of `Patterns`, the last index varying
/// fastest.
fn value(array: &npy::Array<'_>, index: usize) -> Result<f64, Error> {
    let mut place = index;
    if array.fortran_order() {
        let (mut rest, mut stride) = (index, array.shape().iter().product::<usize>());
        place = 0;
        for n in array.shape().iter().rev() {
            stride /= n;
            place += rest % n * stride;
            rest /= n;
        }
    }
    array.value(place).map_err(from_core)
}

/// Reads a mask from the bytes of a file.
///
/// # Errors
/// [`Error::Malformed`] where the bytes are no NumPy file of Booleans, or of
/// numbers 0 and 1; [`Error::Core`] where it has no entry.
pub fn decode_mask(bytes: &[u8]) -> Result<Vec<bool>, Error> {
    let array = npy::Array::parse(bytes).map_err(from_core)?;
    // Its bytes are there, so that the product is that of all but zeros.
    let count = if array.shape().contains(&0) { 0 } else { array.shape().iter().product() };
    let mut mask = allocate(1, count).map_err(|error| match error {
        Error::Core(ebm_core::Error::Empty { .. }) => {
            ebm_core::Error::Empty { what: "mask" }.into()
        }
        other => other,
    })?;
    for index in 0..count {
        mask.push(match value(&array, index)? {
            0.0 => false,
            1.0 => true,
            other => return Err(super::malformed(format!("entry {index}"), "0 or 1", other)),
        });
    }
    Ok(mask)
}

/// The bytes of a file of shape `(K, N)`.
///
/// # Errors
/// If they do not fit into memory.
pub fn encode<T: Real>(batch: Batch<'_, T>) -> Result<Vec<u8>, Error> {
    encode_shaped(batch.as_slice(), &[batch.count(), batch.dim()])
}

/// The bytes of a file of any shape.
///
/// # Errors
/// If the shape is not that of as many numbers, or the bytes do not fit into
/// memory.
pub fn encode_shaped<T: Real>(data: &[T], shape: &[usize]) -> Result<Vec<u8>, Error> {
    let single = size_of::<T>() == 4;
    let mut out = shaped_header(if single { "<f4" } else { "<f8" }, data.len(), shape)?;
    let bytes = size_of_val(data);
    out.try_reserve_exact(bytes)
        .map_err(|_| ebm_core::Error::Allocation { what: "the bytes of a file", bytes })?;
    for x in data {
        if single {
            out.extend_from_slice(&(x.to_f64() as f32).to_le_bytes());
        } else {
            out.extend_from_slice(&x.to_f64().to_le_bytes());
        }
    }
    Ok(out)
}

/// The header of an array of `count` entries.
fn shaped_header(descr: &str, count: usize, shape: &[usize]) -> Result<Vec<u8>, Error> {
    let size = shape.iter().fold(1_usize, |size, n| size.saturating_mul(*n));
    validate::dimension("data of the shape", size, count)?;
    npy::header(descr, shape).map_err(from_core)
}

fn from_core(error: Malformed) -> Error {
    super::malformed(error.place, error.expected, error.found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Patterns;

    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn an_error_names_its_file_once() {
        let path = std::env::temp_dir().join("no such file.npy");
        let message = read::<f64>(&path).unwrap_err().to_string();
        assert_eq!(message.matches("no such file.npy").count(), 1, "{message}");
    }

    #[test]
    fn both_orders_and_higher_shapes_give_the_same_vectors() {
        // a[i, j, k] = 100 i + 10 j + k for shape (2, 3, 4).
        let entry = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as u8;
        let (mut c, mut fortran) = (vec![], vec![]);
        for i in 0..2 {
            for j in 0..3 {
                for k in 0..4 {
                    c.push(entry(i, j, k));
                }
            }
        }
        for k in 0..4 {
            for j in 0..3 {
                for i in 0..2 {
                    fortran.push(entry(i, j, k));
                }
            }
        }
        let read: Array<f32> = decode(&file("|u1", "False", "(2, 3, 4)", &c)).unwrap();
        assert_eq!(read.shape, [3, 4]);
        assert_eq!((read.patterns.count(), read.patterns.dim()), (2, 12));
        assert_eq!(read.patterns.pattern(1)[7], 113.0);
        assert_eq!(read, decode(&file("|u1", "True", "(2, 3, 4)", &fortran)).unwrap());
        let shape = read.full_shape();
        assert_eq!(shape, [2, 3, 4]);
        let written = encode_shaped(read.patterns.as_batch().as_slice(), &shape).unwrap();
        assert_eq!(decode::<f32>(&written).unwrap(), read);
        let one: Array = decode(&file("|u1", "True", "(24,)", &c)).unwrap();
        assert_eq!((one.patterns.count(), one.shape), (1, vec![24]));
    }

    #[test]
    fn masks_and_shapes() {
        let mask = [true, false, false, true, true, false];
        let bytes: Vec<u8> = mask.iter().map(|known| u8::from(*known)).collect();
        // The same in the other order.
        let turned: Vec<u8> = [0, 3, 1, 4, 2, 5].map(|k| bytes[k]).to_vec();
        for (descr, fortran, data) in [
            ("|b1", "False", bytes.clone()),
            ("|b1", "True", turned),
            ("<i2", "False", bytes.iter().flat_map(|b| [*b, 0]).collect()),
        ] {
            assert_eq!(decode_mask(&file(descr, fortran, "(2, 3)", &data)).unwrap(), mask);
        }
        let message = decode_mask(&file("|u1", "False", "(2,)", &[1, 2])).unwrap_err();
        assert_eq!(message.to_string(), "entry 1: expected 0 or 1, found 2");
        let message = decode_mask(&file("|b1", "False", "(0, 3)", &[])).unwrap_err();
        assert_eq!(message.to_string(), "mask is empty");
        assert!(decode_mask(&file("|b1", "False", "(2, 3)", &[1; 5])).is_err());
        assert!(decode_mask(&file("<f2", "False", "(1,)", &[0, 0x7e])).is_err());

        let energies = encode_shaped(&[0.5, 1.5], &[2]).unwrap();
        assert_eq!(decode::<f64>(&energies).unwrap().patterns.pattern(0), [0.5, 1.5]);
        for shape in [&[3][..], &[2, 2], &[], &[usize::MAX, usize::MAX]] {
            let message = encode_shaped(&[0.5, 1.5], shape).unwrap_err().to_string();
            assert!(message.starts_with("data of the shape: expected length "), "{message}");
            assert!(write_mask("unused", &[true, false], shape).is_err());
        }
        assert!(encode_shaped(&[1.0; 1], &[1; 40_000]).is_err());
        let half = decode::<f32>(&file("<f2", "False", "(2,)", &[0x00, 0xbe, 0x00, 0x3c])).unwrap();
        assert_eq!(half.patterns.pattern(0), [-1.5, 1.0]);
    }

    #[test]
    fn says_what_is_wrong() {
        let nan = [1.0, f64::NAN].map(f64::to_be_bytes).concat();
        for (bytes, message) in [
            (
                file(">f8", "False", "(1, 2)", &nan),
                "entry (0, 1): expected a finite number, found NaN",
            ),
            (file("<f8", "False", "()", &[0; 8]), "shape: expected at least one axis, found ()"),
            (file("<f8", "False", "(0, 3)", &[]), "patterns is empty"),
            (file("<f8", "False", "(3, 0)", &[]), "patterns is empty"),
            (
                file("<f8", "False", "(0, 1099511627776, 1099511627776)", &[]),
                "shape: expected vectors that can",
            ),
            (file("<f8", "False", "(2, 2)", &[0; 31]), "data: expected 2 × 2 numbers of 8 bytes"),
            (file("<f8", "Maybe", "(1,)", &[0; 8]), "fortran_order: expected True or False"),
        ] {
            let found = decode::<f64>(&bytes).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
        let message = decode::<f32>(&file("<f8", "False", "(1,)", &[0; 8])).unwrap_err();
        assert_eq!(
            message.to_string(),
            "descr: expected f2, f4, or an integer of at most 2 bytes, found f8"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            data in prop::collection::vec(-1e300f64..1e300, 1..40),
            dim in 1usize..5,
        ) {
            let data = &data[..data.len().max(dim) / dim * dim.min(data.len())];
            prop_assume!(data.len() % dim == 0 && !data.is_empty());
            let patterns = Patterns::new(data.to_vec(), dim).unwrap();
            let bytes = encode(patterns.as_batch()).unwrap();
            prop_assert_eq!(&decode::<f64>(&bytes).unwrap().patterns, &patterns);
            let single: Vec<f32> = data.iter().map(|x| (*x / 1e290) as f32).collect();
            let single = Patterns::new(single, dim).unwrap();
            let bytes = encode(single.as_batch()).unwrap();
            prop_assert_eq!(decode::<f32>(&bytes).unwrap().patterns, single);
        }

        #[test]
        fn mutated_files_never_panic(
            at in prop::collection::vec((0usize..200, any::<u8>()), 0..4),
            length in 0usize..240,
            fortran: bool,
        ) {
            let fortran = if fortran { "True" } else { "False" };
            let mut bytes = file("<f4", fortran, "(2, 3, 2)", &[0; 48]);
            for (at, byte) in at {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(length);
            let _ = decode::<f32>(&bytes);
            let _ = decode::<f64>(&bytes);
            let _ = decode_mask(&bytes);
        }
    }

    #[test]
    fn files_are_replaced_as_a_whole_and_errors_name_them() {
        let folder = std::env::temp_dir().join(format!("ebm-memory-npy-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("states.npy");
        let patterns = Patterns::random_signs(5, 2, 1).unwrap();
        std::fs::write(&path, "old").unwrap();
        let message = read::<f64>(&path).unwrap_err().to_string();
        assert!(message.contains("states.npy: start of the file: expected"), "{message}");
        write(&path, patterns.as_batch()).unwrap();
        assert_eq!(read::<f64>(&path).unwrap().patterns, patterns);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(matches!(read::<f64>(&folder), Err(Error::File { .. })));
        assert!(matches!(read::<f64>(folder.join("missing")), Err(Error::File { .. })));
        let below = path.join("below");
        assert!(matches!(write(&below, patterns.as_batch()), Err(Error::File { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
