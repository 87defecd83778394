//! Patterns and states in files.
//!
//! | format | read | written | one vector is |
//! |---|---|---|---|
//! | [`npy`] (NumPy) | floats, integers, Booleans; C and Fortran order; versions 1 to 3 | `<f4`, `<f8`, of any shape; masks as `\|b1` | what the first index selects |
//! | [`idx`] (MNIST) | all six types | | what the first index selects |
//! | `safetensors`, a feature | floats, integers, Booleans, by name | `F32`, `F64`, `I8` signs | what the first index selects |
//!
//! A file is read as a whole and checked before anything is returned: a
//! truncated file, one of another shape or of numbers that do not fit, NaN and
//! infinity are errors that say where. Numbers are read without rounding, so
//! `f32` takes only types that it holds exactly. A file is written beside its
//! place and then renamed, so that a reader sees the old content or the new.
//!
//! ```
//! use ebm_memory::{Patterns, files};
//! let patterns = Patterns::random_signs(10, 3, 1)?;
//! let path = std::env::temp_dir().join(format!("patterns-{}.npy", std::process::id()));
//! files::npy::write(&path, patterns.as_batch())?;
//! let read: files::Array<f64> = files::npy::read(&path)?;
//! assert_eq!(read.shape, [10]);
//! assert_eq!(read.patterns, patterns);
//! # std::fs::remove_file(path).expect("just written");
//! # Ok::<(), ebm_memory::Error>(())
//! ```

pub mod idx;
pub mod npy;
#[cfg(feature = "safetensors")]
pub mod safetensors;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use ebm_core::Real;

use crate::patterns::allocate;
use crate::{Error, Patterns};

/// Longest file that is read, in bytes: an endless one must end.
const LONGEST: u64 = 1 << 36;

/// The vectors of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T = f64> {
    /// The vectors, flattened with the last index varying fastest.
    pub patterns: Patterns<T>,
    /// Shape of each of them before, such as height and width of pictures.
    pub shape: Vec<usize>,
}

impl<T: Real> Array<T> {
    /// Shape of the whole: the number of vectors, and the shape of each.
    #[must_use]
    pub fn full_shape(&self) -> Vec<usize> {
        [&[self.patterns.count()], &self.shape[..]].concat()
    }
}

/// Where a file is not what it must be.
fn malformed(place: impl Into<String>, expected: impl Into<String>, found: impl ToString) -> Error {
    // Enough to recognize it, not the whole header of a broken file.
    const LONGEST: usize = 60;
    let found = found.to_string().chars().take(LONGEST).collect();
    Error::Malformed { place: place.into(), expected: expected.into(), found }
}

/// Vectors of `count × shape` numbers, of which `value` gives the one at each
/// place.
fn collect<T: Real>(
    count: usize,
    shape: &[usize],
    mut value: impl FnMut(usize) -> Result<f64, Error>,
) -> Result<Array<T>, Error> {
    // A shape without an entry passes every check of the length of its data.
    let Some(dim) = shape.iter().try_fold(1_usize, |dim, n| dim.checked_mul(*n)) else {
        return Err(malformed("shape", "vectors that can be addressed", format!("{shape:?}")));
    };
    let mut data = allocate(dim, count)?;
    for index in 0..dim * count {
        data.push(T::from_f64(value(index)?));
    }
    Ok(Array { patterns: Patterns::new(data, dim)?, shape: shape.to_vec() })
}

/// All bytes of a file.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| file_error(path, &error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut bytes = vec![];
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > LONGEST {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Writes beside the file, then renames.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(|error| {
        // The error worth reporting is the first one.
        let _ = fs::remove_file(&partial);
        file_error(path, &error)
    })
}

fn file_error(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.into(), problem: error.to_string() }
}

/// Names the file of an error in its content.
fn in_file<T>(path: &Path, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| match error {
        Error::File { .. } => error,
        _ => Error::File { path: path.into(), problem: error.to_string() },
    })
}
