//! Safetensors files: named arrays, as machine-learning frameworks exchange
//! them, with the feature `safetensors`.
//!
//! ```text
//! length of the header │ JSON: name → dtype, shape, place of the data │ data
//! ```
//!
//! | tensor | read as numbers | read as signs | written |
//! |---|---|---|---|
//! | `F64` | `f64` | ±1 | [`Writer::add`] of `f64` |
//! | `F32` | `f32`, `f64` | ±1 | [`Writer::add`] of `f32` |
//! | `I8` | both | ±1 | [`Writer::add_signs`] |
//! | `U8`, `BOOL` | both | 0 as −1, 1 as +1 | |
//! | `I16`, `U16` | both | | |
//! | `I32`, `U32` | `f64` | | |
//!
//! A tensor has shape `(K, …)`, one vector for each of its first index, or
//! `(N,)` for a single vector. Format:
//! <https://github.com/huggingface/safetensors>.
//!
//! ```
//! use ebm_memory::files::safetensors::{Tensors, Writer};
//! use ebm_memory::{Patterns, SignPatterns};
//!
//! let keys: Patterns<f32> = Patterns::spherical(50, 300, 1)?.to_precision()?;
//! let values = SignPatterns::random(40, 300, 2)?;
//! let path = std::env::temp_dir().join(format!("pairs-{}.safetensors", std::process::id()));
//! Writer::new().add("keys", keys.as_batch())?.add_signs("values", &values)?.write(&path)?;
//!
//! let file = Tensors::read(&path)?;
//! assert_eq!(file.patterns::<f32>("keys", 50)?, keys);
//! assert_eq!(file.signs("values")?, values);
//! let message = file.patterns::<f32>("keys", 60).unwrap_err().to_string();
//! assert!(message.ends_with(r#"tensor "keys", shape: expected (K, 60), found (300, 50)"#));
//! # std::fs::remove_file(path).expect("just written");
//! # Ok::<(), ebm_memory::Error>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::{TensorInfo, TensorView};
use ::safetensors::{Dtype, SafeTensorError, SafeTensors, View, serialize};
use ebm_core::{Batch, Real, validate};
use serde::Deserialize;

use super::{Array, collect, in_file, malformed};
use crate::{Error, Patterns, SignPatterns};

/// The tensors of a file, read as a whole and found consistent.
#[derive(Debug, Clone)]
pub struct Tensors {
    bytes: Vec<u8>,
    path: Option<PathBuf>,
}

impl Tensors {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, or as [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let tensors = in_file(path, super::read(path).and_then(Self::parse))?;
        Ok(Self { path: Some(path.into()), ..tensors })
    }

    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Malformed`] where they are truncated, the header is no JSON of
    /// tensors, or the places and sizes in it are not those of shapes, types
    /// and data.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        match SafeTensors::deserialize(&bytes) {
            Ok(_) => Ok(Self { bytes, path: None }),
            Err(error) => Err(explain(&bytes, &error)),
        }
    }

    /// The names of the tensors, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.view().names().into_iter().map(Into::into).collect();
        names.sort();
        names
    }

    /// The vectors of a tensor, and the shape of each of them.
    ///
    /// # Errors
    /// If there is no tensor of this name, it has no axis or no entry, its type
    /// is not one that `T` holds exactly, or an entry is not finite.
    pub fn array<T: Real>(&self, name: &str) -> Result<Array<T>, Error> {
        self.located(name, |tensor| numbers(name, tensor))
    }

    /// The vectors of a tensor of shape `(K, dim)`.
    ///
    /// # Errors
    /// As [`array`](Self::array), or if the shape is another one.
    pub fn patterns<T: Real>(&self, name: &str, dim: usize) -> Result<Patterns<T>, Error> {
        self.located(name, |tensor| match tensor.shape() {
            [_, found] if *found == dim => Ok(numbers(name, tensor)?.patterns),
            shape => Err(malformed(
                format!("tensor {name:?}, shape"),
                format!("(K, {dim})"),
                shape_text(shape),
            )),
        })
    }

    /// The vectors of a tensor of signs.
    ///
    /// # Errors
    /// As [`array`](Self::array), or if an entry is no sign.
    pub fn signs(&self, name: &str) -> Result<SignPatterns, Error> {
        self.located(name, |tensor| signs(name, tensor))
    }

    fn view(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("checked on construction")
    }

    /// What `take` makes of a tensor; errors name the file.
    fn located<R>(
        &self,
        name: &str,
        take: impl FnOnce(&TensorView<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let result = match self.view().tensor(name) {
            Ok(tensor) => take(&tensor),
            Err(_) => {
                let names = self.names();
                let found = if names.is_empty() { "no tensor".into() } else { names.join(", ") };
                Err(malformed("names", format!("{name:?}"), found))
            }
        };
        match &self.path {
            Some(path) => in_file(path, result),
            None => result,
        }
    }
}

/// `(3, 4)`
fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({})", sizes.join(", "))
}

/// Count of vectors, and shape of each.
fn split<'a>(name: &str, shape: &'a [usize]) -> Result<(usize, &'a [usize]), Error> {
    let place = || format!("tensor {name:?}, shape");
    if shape.contains(&0) {
        return Err(malformed(place(), "at least one entry", shape_text(shape)));
    }
    match shape {
        [] => Err(malformed(place(), "at least one axis", "()")),
        [_] => Ok((1, shape)),
        [count, shape @ ..] => Ok((*count, shape)),
    }
}

/// The entries of a tensor, of any type that `f64` holds exactly; for Booleans
/// 0 and 1.
fn entry(kind: Dtype, data: &[u8], index: usize) -> Option<f64> {
    fn at<const BYTES: usize>(data: &[u8], index: usize) -> Option<[u8; BYTES]> {
        data.as_chunks().0.get(index).copied()
    }
    Some(match kind {
        Dtype::F64 => f64::from_le_bytes(at(data, index)?),
        Dtype::F32 => f64::from(f32::from_le_bytes(at(data, index)?)),
        Dtype::I8 => f64::from(i8::from_le_bytes(at(data, index)?)),
        Dtype::U8 | Dtype::BOOL => f64::from(*data.get(index)?),
        Dtype::I16 => f64::from(i16::from_le_bytes(at(data, index)?)),
        Dtype::U16 => f64::from(u16::from_le_bytes(at(data, index)?)),
        Dtype::I32 => f64::from(i32::from_le_bytes(at(data, index)?)),
        Dtype::U32 => f64::from(u32::from_le_bytes(at(data, index)?)),
        _ => return None,
    })
}

fn wrong_type(name: &str, expected: &str, kind: Dtype) -> Error {
    malformed(format!("tensor {name:?}, dtype"), expected, kind)
}

fn numbers<T: Real>(name: &str, tensor: &TensorView<'_>) -> Result<Array<T>, Error> {
    use Dtype::{BOOL, F32, F64, I8, I16, I32, U8, U16, U32};
    let (kind, data) = (tensor.dtype(), tensor.data());
    let single = size_of::<T>() == 4;
    let small = matches!(kind, F32 | I8 | U8 | BOOL | I16 | U16);
    if !small && (single || !matches!(kind, F64 | I32 | U32)) {
        let expected = if single {
            "F32, or an integer of at most 2 bytes"
        } else {
            "F64, F32, or an integer of at most 4 bytes"
        };
        return Err(wrong_type(name, expected, kind));
    }
    let (count, shape) = split(name, tensor.shape())?;
    collect(count, shape, |index| {
        let value = entry(kind, data, index).unwrap_or(f64::NAN);
        let place = || format!("tensor {name:?}, entry {index}");
        if !value.is_finite() {
            return Err(malformed(place(), "a finite number", value));
        }
        if kind == BOOL && value > 1.0 {
            return Err(malformed(place(), "0 or 1", value));
        }
        Ok(value)
    })
}

fn signs(name: &str, tensor: &TensorView<'_>) -> Result<SignPatterns, Error> {
    let (kind, data) = (tensor.dtype(), tensor.data());
    let (minus, expected) = match kind {
        Dtype::U8 | Dtype::BOOL => (0.0, "0 or 1"),
        Dtype::I8 | Dtype::F32 | Dtype::F64 => (-1.0, "-1 or 1"),
        _ => return Err(wrong_type(name, "I8, U8, BOOL, F32 or F64", kind)),
    };
    let (count, shape) = split(name, tensor.shape())?;
    let dim = shape.iter().product();
    SignPatterns::from_entries(dim, count, |index| {
        let value = entry(kind, data, index).unwrap_or(f64::NAN);
        if value == minus || value == 1.0 {
            return Ok(value == minus);
        }
        Err(malformed(format!("tensor {name:?}, entry {index}"), expected, value))
    })
}

/// What is wrong with bytes that are no file of tensors.
fn explain(bytes: &[u8], error: &SafeTensorError) -> Error {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        let found = format!("{} bytes", bytes.len());
        return malformed("start of the file", "the length of the header in 8 bytes", found);
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (header, data) = match (error, header) {
        (SafeTensorError::HeaderTooLarge, _) => {
            return malformed("length of the header", "at most 100000000 bytes", length);
        }
        (_, None) => {
            let (expected, found) = (format!("{length} bytes"), format!("{} bytes", rest.len()));
            return malformed("header", expected, found);
        }
        (_, Some(parts)) => parts,
    };
    let no_json = |found: String| malformed("header", "JSON of tensors by name", found);
    let mut map: BTreeMap<String, serde_json::Value> = match serde_json::from_slice(header) {
        Ok(map) => map,
        Err(error) => return no_json(error.to_string()),
    };
    map.remove("__metadata__");
    let mut tensors = vec![];
    for (name, value) in map {
        match TensorInfo::deserialize(value) {
            Ok(info) => tensors.push((name, info)),
            Err(error) => {
                let expected = "dtype, shape and data_offsets";
                return malformed(format!("header, tensor {name:?}"), expected, error);
            }
        }
    }
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in &tensors {
        let (start, stop) = info.data_offsets;
        let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |n, k| n.checked_mul(*k));
        let bytes = bits.filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
        if start != end || bytes.is_none_or(|bytes| end.checked_add(bytes) != Some(stop)) {
            let shape = shape_text(&info.shape);
            let expected = match bytes.and_then(|bytes| end.checked_add(bytes)) {
                Some(to) => format!("[{end}, {to}] for {} of shape {shape}", info.dtype),
                None => format!("a size in whole bytes, not {} of shape {shape}", info.dtype),
            };
            let place = format!("header, tensor {name:?}, data_offsets");
            return malformed(place, expected, format!("[{start}, {stop}]"));
        }
        end = stop;
    }
    if end != data.len() {
        return malformed("data", format!("{end} bytes"), format!("{} bytes", data.len()));
    }
    no_json(error.to_string())
}

/// Tensors to be written to a file.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Debug, Clone)]
struct Tensor {
    kind: Dtype,
    shape: [usize; 2],
    data: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

impl Writer {
    /// No tensors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds vectors as a tensor of shape `(K, N)`, `F32` or `F64`.
    ///
    /// # Errors
    /// If the name is taken or `__metadata__`, an entry is not finite, or there
    /// is no memory for the bytes.
    pub fn add<T: Real>(self, name: &str, batch: Batch<'_, T>) -> Result<Self, Error> {
        validate::finite("vectors", batch.as_slice())?;
        let mut data = room(size_of_val(batch.as_slice()))?;
        let single = size_of::<T>() == 4;
        for x in batch.as_slice() {
            if single {
                data.extend_from_slice(&(x.to_f64() as f32).to_le_bytes());
            } else {
                data.extend_from_slice(&x.to_f64().to_le_bytes());
            }
        }
        let kind = if single { Dtype::F32 } else { Dtype::F64 };
        self.insert(name, Tensor { kind, shape: [batch.count(), batch.dim()], data })
    }

    /// Adds signs as a tensor of shape `(K, N)`, `I8` of −1 and +1.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_signs(self, name: &str, signs: &SignPatterns) -> Result<Self, Error> {
        let mut data = room(signs.count().saturating_mul(signs.dim()))?;
        let byte = |minus: bool| if minus { -1_i8 } else { 1 }.to_le_bytes()[0];
        signs.for_each_entry(|minus| data.push(byte(minus)));
        self.insert(name, Tensor { kind: Dtype::I8, shape: [signs.count(), signs.dim()], data })
    }

    fn insert(mut self, name: &str, tensor: Tensor) -> Result<Self, Error> {
        if name == "__metadata__" || self.tensors.contains_key(name) {
            return Err(malformed("names", "one that is free", format!("{name:?}")));
        }
        self.tensors.insert(name.into(), tensor);
        Ok(self)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If the header is longer than the format allows.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        serialize(&self.tensors, None)
            .map_err(|error| malformed("header", "at most 100000000 bytes", error))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be written; nothing is left behind then.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        super::write(path, &in_file(path, self.encode())?)
    }
}

/// Room for the bytes of a tensor.
fn room(bytes: usize) -> Result<Vec<u8>, Error> {
    let mut data = vec![];
    data.try_reserve_exact(bytes)
        .map_err(|_| ebm_core::Error::Allocation { what: "the bytes of a file", bytes })?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of a header and data.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    fn header(kind: &str, shape: &str, from: usize, to: usize) -> String {
        format!(r#"{{"x":{{"dtype":"{kind}","shape":{shape},"data_offsets":[{from},{to}]}}}}"#)
    }

    fn one(kind: &str, shape: &str, data: &[u8]) -> Tensors {
        Tensors::parse(file(&header(kind, shape, 0, data.len()), data)).unwrap()
    }

    #[test]
    fn reads_all_types_that_fit() {
        for (kind, data) in [
            ("F64", (3f64).to_le_bytes().to_vec()),
            ("F32", (3f32).to_le_bytes().to_vec()),
            ("I8", vec![3]),
            ("U8", vec![3]),
            ("I16", (3i16).to_le_bytes().to_vec()),
            ("U16", (3u16).to_le_bytes().to_vec()),
            ("I32", (3i32).to_le_bytes().to_vec()),
            ("U32", (3u32).to_le_bytes().to_vec()),
        ] {
            let tensors = one(kind, "[1,1,1]", &data);
            let read = tensors.array::<f64>("x").unwrap();
            assert_eq!((read.patterns.pattern(0), read.shape), (&[3.0][..], vec![1, 1]));
            let wide = matches!(kind, "F64" | "I32" | "U32");
            assert_eq!(tensors.array::<f32>("x").is_err(), wide, "{kind}");
        }
        let read = one("BOOL", "[2,2]", &[0, 1, 1, 0]);
        let numbers = read.patterns::<f32>("x", 2).unwrap();
        assert_eq!(numbers.as_batch().as_slice(), [0.0, 1.0, 1.0, 0.0]);
        let signs = read.signs("x").unwrap().to_patterns::<f64>().unwrap();
        assert_eq!(signs.as_batch().as_slice(), [-1.0, 1.0, 1.0, -1.0]);
        assert_eq!(one("U8", "[2,2]", &[0, 1, 1, 0]).signs("x").unwrap(), read.signs("x").unwrap());
        let bytes = [-1f32, 1.0, 1.0, -1.0].map(f32::to_le_bytes).concat();
        assert_eq!(one("F32", "[2,2]", &bytes).signs("x").unwrap(), read.signs("x").unwrap());
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let good = file(&header("F32", "[2,3]", 0, 24), &[0; 24]);
        let cut = good[..good.len() - 4].to_vec();
        let long = [good.clone(), vec![0; 2]].concat();
        let gap = r#"{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},
                      "b":{"dtype":"I8","shape":[2],"data_offsets":[3,5]}}"#;
        for (bytes, message) in [
            (vec![], "start of the file: expected the length of the header in 8 bytes, found 0"),
            (vec![1; 8], "length of the header: expected at most 100000000 bytes, found 7234"),
            (good[..20].to_vec(), "header: expected 57 bytes, found 12 bytes"),
            (cut, "data: expected 24 bytes, found 20 bytes"),
            (long, "data: expected 24 bytes, found 26 bytes"),
            (file("{", &[]), "header: expected JSON of tensors by name, found EOF"),
            (file("[]", &[]), "header: expected JSON of tensors by name, found invalid type"),
            (
                file(&header("F31", "[1]", 0, 4), &[0; 4]),
                r#"header, tensor "x": expected dtype, shape and data_offsets, found unknown variant"#,
            ),
            (
                file(&header("F32", "[-1]", 0, 4), &[0; 4]),
                r#"header, tensor "x": expected dtype, shape and data_offsets, found invalid value"#,
            ),
            (
                file(&header("F32", "[2, 3]", 0, 20), &[0; 20]),
                r#"header, tensor "x", data_offsets: expected [0, 24] for F32 of shape (2, 3), found [0, 20]"#,
            ),
            (
                file(&header("F32", "[2]", 4, 12), &[0; 12]),
                r#"header, tensor "x", data_offsets: expected [0, 8] for F32 of shape (2), found [4, 12]"#,
            ),
            (
                file(&header("F64", "[4294967296,4294967296]", 0, 8), &[0; 8]),
                r#"header, tensor "x", data_offsets: expected a size in whole bytes, not F64 of shape"#,
            ),
            (
                file(gap, &[0; 5]),
                r#"header, tensor "b", data_offsets: expected [2, 4] for I8 of shape (2), found [3, 5]"#,
            ),
        ] {
            let found = Tensors::parse(bytes).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_tensor() {
        let numbers = one("F64", "[1,2]", &[1.0, f64::NAN].map(f64::to_le_bytes).concat());
        let half = one("F16", "[1,2]", &[0; 4]);
        let empty = one("F32", "[0,3]", &[]);
        let scalar = one("F32", "[]", &[0; 4]);
        let odd = one("BOOL", "[1,2]", &[1, 2]);
        let zero = one("I8", "[1,2]", &[1, 0]);
        let message = |result: Result<(), Error>| result.unwrap_err().to_string();
        for (found, expected) in [
            (
                message(numbers.array::<f64>("x").map(drop)),
                r#"tensor "x", entry 1: expected a finite number, found NaN"#,
            ),
            (
                message(numbers.array::<f32>("x").map(drop)),
                r#"tensor "x", dtype: expected F32, or an integer of at most 2 bytes, found F64"#,
            ),
            (
                message(numbers.patterns::<f64>("x", 3).map(drop)),
                r#"tensor "x", shape: expected (K, 3), found (1, 2)"#,
            ),
            (message(numbers.array::<f64>("y").map(drop)), r#"names: expected "y", found x"#),
            (
                message(half.array::<f64>("x").map(drop)),
                r#"tensor "x", dtype: expected F64, F32, or an integer of at most 4 bytes, found F16"#,
            ),
            (
                message(half.signs("x").map(drop)),
                r#"tensor "x", dtype: expected I8, U8, BOOL, F32 or F64, found F16"#,
            ),
            (
                message(empty.array::<f64>("x").map(drop)),
                r#"tensor "x", shape: expected at least one entry, found (0, 3)"#,
            ),
            (
                message(scalar.array::<f64>("x").map(drop)),
                r#"tensor "x", shape: expected at least one axis, found ()"#,
            ),
            (message(odd.signs("x").map(drop)), r#"tensor "x", entry 1: expected 0 or 1, found 2"#),
            (
                message(odd.array::<f64>("x").map(drop)),
                r#"tensor "x", entry 1: expected 0 or 1, found 2"#,
            ),
            (
                message(zero.signs("x").map(drop)),
                r#"tensor "x", entry 1: expected -1 or 1, found 0"#,
            ),
        ] {
            assert_eq!(found, expected);
        }
        let none = Tensors::parse(file("{}", &[])).unwrap();
        assert!(none.names().is_empty());
        let message = none.signs("x").unwrap_err().to_string();
        assert_eq!(message, r#"names: expected "x", found no tensor"#);
    }

    #[test]
    fn files_are_replaced_as_a_whole_and_errors_name_them() {
        let folder = std::env::temp_dir().join(format!("ebm-memory-safe-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("states.safetensors");
        let patterns = Patterns::random_signs(5, 2, 1).unwrap();
        let single: Patterns<f32> = Patterns::spherical(3, 4, 1).unwrap().to_precision().unwrap();
        let bits = SignPatterns::random(70, 3, 2).unwrap();
        std::fs::write(&path, "old").unwrap();
        let message = Tensors::read(&path).unwrap_err().to_string();
        assert!(message.contains("states.safetensors: start of the file: expected"), "{message}");
        let writer = Writer::new().add("double", patterns.as_batch()).unwrap();
        let writer = writer.add("single", single.as_batch()).unwrap();
        let writer = writer.add_signs("bits", &bits).unwrap();
        writer.write(&path).unwrap();
        let read = Tensors::read(&path).unwrap();
        assert_eq!(read.names(), ["bits", "double", "single"]);
        assert_eq!(read.patterns("double", 5).unwrap(), patterns);
        assert_eq!(read.patterns("single", 3).unwrap(), single);
        assert_eq!(read.signs("bits").unwrap(), bits);
        assert_eq!(read.signs("double").unwrap(), SignPatterns::new(&patterns).unwrap());
        let message = read.signs("single").unwrap_err().to_string();
        assert!(message.contains(r#"states.safetensors: tensor "single", entry 0"#), "{message}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(matches!(Tensors::read(&folder), Err(Error::File { .. })));
        assert!(matches!(writer.write(path.join("below")), Err(Error::File { .. })));
        let taken = writer.clone().add("single", patterns.as_batch()).unwrap_err().to_string();
        assert_eq!(taken, r#"names: expected one that is free, found "single""#);
        assert!(writer.clone().add_signs("__metadata__", &bits).is_err());
        let bad = [1.0, f64::INFINITY];
        assert!(writer.add("bad", Batch::new(&bad, 2).unwrap()).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            data in prop::collection::vec(-1e300f64..1e300, 12),
            dim in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 12]),
            name in ".{0,9}",
        ) {
            prop_assume!(name != "__metadata__");
            let patterns = Patterns::new(data, dim).unwrap();
            let writer = Writer::new().add(&name, patterns.as_batch()).unwrap();
            let read = Tensors::parse(writer.encode().unwrap()).unwrap();
            prop_assert_eq!(read.patterns::<f64>(&name, dim).unwrap(), patterns);
        }

        #[test]
        fn mutated_files_never_panic(
            at in prop::collection::vec((0usize..90, any::<u8>()), 0..4),
            length in 0usize..100,
        ) {
            let mut bytes = file(&header("F32", "[2,3]", 0, 24), &[0; 24]);
            for (at, byte) in at {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(length);
            if let Ok(tensors) = Tensors::parse(bytes) {
                for name in tensors.names() {
                    let _ = tensors.array::<f32>(&name);
                    let _ = tensors.array::<f64>(&name);
                    let _ = tensors.signs(&name);
                }
            }
        }
    }
}
