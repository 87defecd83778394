//! NumPy files.
//!
//! The array has shape `(K, …)`, one vector for each of its first index, or
//! `(N,)` for a single vector; see [`ebm_core::npy`] for the bytes.

use std::path::Path;

use ebm_core::npy::{self, Malformed};
use ebm_core::{Batch, Real};

use super::Array;
use crate::Error;

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

/// Reads the vectors from the bytes of a file.
///
/// # Errors
/// [`Error::Malformed`] where the bytes are no NumPy file of finite numbers, or
/// of a type that `T` does not hold exactly; [`Error::Core`] where the array
/// has no axis or no entry.
pub fn decode<T: Real>(bytes: &[u8]) -> Result<Array<T>, Error> {
    let array = npy::Array::parse(bytes).map_err(from_core)?;
    let kind = array.kind();
    let exact = ["f4", "i1", "i2", "u1", "u2", "b1"];
    if size_of::<T>() == 4 && !exact.contains(&kind.as_str()) {
        return Err(super::malformed("descr", "f4, or an integer of at most 2 bytes", kind));
    }
    let (count, shape) = match array.shape() {
        [] => return Err(super::malformed("shape", "at least one axis", "()")),
        [dim] => (1, std::slice::from_ref(dim)),
        [count, shape @ ..] => (*count, shape),
    };
    let value = |index| array.value(index).map_err(from_core);
    if !array.fortran_order() || array.shape().len() == 1 {
        return super::collect(count, shape, value);
    }
    // Place in the file of a place in the order of `Patterns`.
    super::collect(count, shape, |index| {
        let (mut rest, mut place, mut stride) = (index, 0, 1);
        for n in array.shape() {
            stride *= n;
        }
        for n in array.shape().iter().rev() {
            stride /= n;
            place += rest % n * stride;
            rest /= n;
        }
        value(place)
    })
}

/// The bytes of a file of shape `(K, N)`.
///
/// # Errors
/// If they do not fit into memory.
pub fn encode<T: Real>(batch: Batch<'_, T>) -> Result<Vec<u8>, Error> {
    let single = size_of::<T>() == 4;
    let shape = [batch.count(), batch.dim()];
    let mut out = npy::header(if single { "<f4" } else { "<f8" }, &shape).map_err(from_core)?;
    let bytes = size_of_val(batch.as_slice());
    out.try_reserve_exact(bytes)
        .map_err(|_| ebm_core::Error::Allocation { what: "the bytes of a file", bytes })?;
    for x in batch.as_slice() {
        if single {
            out.extend_from_slice(&(x.to_f64() as f32).to_le_bytes());
        } else {
            out.extend_from_slice(&x.to_f64().to_le_bytes());
        }
    }
    Ok(out)
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
        let one: Array = decode(&file("|u1", "True", "(24,)", &c)).unwrap();
        assert_eq!((one.patterns.count(), one.shape), (1, vec![24]));
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
            "descr: expected f4, or an integer of at most 2 bytes, found f8"
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
