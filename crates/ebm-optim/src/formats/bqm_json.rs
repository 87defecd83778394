//! dimod's binary quadratic models as JSON.
//!
//! ```text
//! {"type": "BinaryQuadraticModel", "version": {"bqm_schema": "3.0.0"}, "use_bytes": false,
//!  "num_variables": n, "num_interactions": m, "variable_labels": [...], "variable_type": "SPIN",
//!  "offset": c, "linear_biases": [...],
//!  "quadratic_biases": [...], "quadratic_head": [...], "quadratic_tail": [...], ...}
//!
//! minimize c + Σ linearₖ zₖ + Σ biasₖ z_{headₖ} z_{tailₖ},   z spins or binary;   J = −bias, h = −bias
//! ```
//!
//! Variables are numbered in the order of `variable_labels`; labels are not
//! kept. With `use_bytes`, arrays are read as base64 of little-endian numbers of
//! `bias_type` and `index_type`, which is how binary data travel in JSON.
//! Source: the documentation of `dimod.BinaryQuadraticModel.to_serializable`,
//! schemas 2.0.0 and 3.0.0.

use std::fmt;
use std::io::Write as _;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::error::Category;

use super::terms::Terms;
use super::text::{malformed, parse_error};
use super::{MAX_NODES, Written};
use crate::{Error, Instance, Model};

const MODEL: &str = "a binary quadratic model as dimod's `to_serializable` writes it";

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    use_bytes: bool,
    #[serde(default)]
    index_type: Option<String>,
    #[serde(default)]
    bias_type: Option<String>,
    #[serde(default)]
    num_variables: Option<u64>,
    #[serde(default)]
    num_interactions: Option<u64>,
    #[serde(default)]
    variable_labels: Option<Vec<IgnoredAny>>,
    variable_type: String,
    #[serde(default)]
    offset: f64,
    linear_biases: Array,
    quadratic_biases: Array,
    quadratic_head: Array,
    quadratic_tail: Array,
}

#[derive(Debug, Deserialize)]
struct Version {
    bqm_schema: String,
}

/// Numbers, or the bytes of numbers in base64.
#[derive(Debug)]
enum Array {
    Numbers(Vec<f64>),
    Base64(String),
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Array;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers or base64 text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Array, E> {
                Ok(Array::Base64(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Array, A::Error> {
                let mut numbers = vec![];
                while let Some(number) = items.next_element()? {
                    numbers.push(number);
                }
                Ok(Array::Numbers(numbers))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

pub(super) fn decode(text: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err(parse_error(1, MODEL, "a list"));
    }
    let document: Document = serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        // The line is told apart from the message.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(m, _)| m);
        let line = error.line().max(1);
        if let Some(field) = message.strip_prefix("missing field ") {
            return parse_error(line, format!("{MODEL}, with a field {field}"), "none");
        }
        let found = match error.classify() {
            Category::Data => message.into(),
            // NaN and Infinity, which Python writes, are no JSON.
            _ => format!("no JSON at column {}: {message}", error.column()),
        };
        parse_error(line, MODEL, &found)
    })?;
    if let Some(kind) = &document.kind
        && !(kind.ends_with("BinaryQuadraticModel") || kind.ends_with("BQM"))
    {
        return Err(malformed("type", "BinaryQuadraticModel", kind));
    }
    let schema = document.version.as_ref().map_or("3.0.0", |version| &version.bqm_schema);
    let known = match schema.split('.').next() {
        Some("3") => true,
        // Bytes were stored in another way.
        Some("2") => !document.use_bytes,
        _ => false,
    };
    if !known {
        let expected = "2.0.0 without use_bytes, or 3.0.0";
        return Err(malformed("bqm_schema", expected, schema));
    }
    let model = match document.variable_type.as_str() {
        "SPIN" => Model::Ising,
        "BINARY" => Model::Qubo,
        other => return Err(malformed("variable_type", "SPIN or BINARY", other)),
    };
    match hint {
        Some(hint) if hint != model => {
            Err(malformed("model", format!("{model}, as the file says"), hint))
        }
        _ => build(document, model),
    }
}

fn build(document: Document, model: Model) -> Result<Instance, Error> {
    let bias_type = document.bias_type.as_deref().unwrap_or("float64");
    let index_type = document.index_type.as_deref().unwrap_or("int32");
    let bytes = document.use_bytes;
    let linear = numbers("linear_biases", document.linear_biases, bytes, bias_type)?;
    let biases = numbers("quadratic_biases", document.quadratic_biases, bytes, bias_type)?;
    let head = numbers("quadratic_head", document.quadratic_head, bytes, index_type)?;
    let tail = numbers("quadratic_tail", document.quadratic_tail, bytes, index_type)?;
    let (n, m) = (linear.len(), biases.len());
    let labels = document.variable_labels.map(|labels| labels.len() as u64);
    for (place, declared, found) in [
        ("num_variables", document.num_variables, n),
        ("variable_labels", labels, n),
        ("num_interactions", document.num_interactions, m),
        ("quadratic_head", Some(head.len() as u64), m),
        ("quadratic_tail", Some(tail.len() as u64), m),
    ] {
        if let Some(declared) = declared
            && declared != found as u64
        {
            let expected = format!("{found}, the number of biases");
            return Err(malformed(place, expected, declared));
        }
    }
    if n == 0 || n > MAX_NODES {
        return Err(malformed("linear_biases", format!("1 to {MAX_NODES} variables"), n));
    }
    let node = |place: &str, k: usize, value: f64| {
        if value >= 0.0 && value < n as f64 && value.fract() == 0.0 {
            return Ok(value as usize);
        }
        Err(malformed(format!("{place}[{k}]"), format!("a variable from 0 to {}", n - 1), value))
    };
    let mut terms = Terms { offset: document.offset, ..Terms::default() };
    terms.linear.extend(linear.into_iter().enumerate());
    for (k, bias) in biases.into_iter().enumerate() {
        let (i, j) = (node("quadratic_head", k, head[k])?, node("quadratic_tail", k, tail[k])?);
        if i == j && model == Model::Ising {
            // The square of a spin is 1.
            terms.offset += bias;
        } else {
            terms.add(i, j, bias);
        }
    }
    match model {
        Model::Qubo => Ok(terms.into_qubo(n)?.into()),
        _ => Ok(terms.into_ising(n)?.into()),
    }
}

fn numbers(place: &str, array: Array, bytes: bool, kind: &str) -> Result<Vec<f64>, Error> {
    match (array, bytes) {
        (Array::Numbers(numbers), false) => Ok(numbers),
        (Array::Base64(text), true) => {
            let bytes = base64(&text)
                .map_err(|at| malformed(place, "base64 text", format!("another byte at {at}")))?;
            from_bytes(place, &bytes, kind)
        }
        (Array::Numbers(_), true) => {
            Err(malformed(place, "base64 text, as use_bytes is true", "a list"))
        }
        (Array::Base64(_), false) => Err(malformed(place, "a list, as use_bytes is false", "text")),
    }
}

fn from_bytes(place: &str, bytes: &[u8], kind: &str) -> Result<Vec<f64>, Error> {
    fn each<const N: usize>(bytes: &[u8], value: fn([u8; N]) -> f64) -> Option<Vec<f64>> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| chunks.iter().map(|chunk| value(*chunk)).collect())
    }
    let numbers = match kind {
        "float64" => each(bytes, f64::from_le_bytes),
        "float32" => each(bytes, |b| f32::from_le_bytes(b).into()),
        "int8" => each(bytes, |b| i8::from_le_bytes(b).into()),
        "int16" => each(bytes, |b| i16::from_le_bytes(b).into()),
        "int32" => each(bytes, |b| i32::from_le_bytes(b).into()),
        "int64" => each(bytes, |b| i64::from_le_bytes(b) as f64),
        "uint8" => each(bytes, |b| u8::from_le_bytes(b).into()),
        "uint16" => each(bytes, |b| u16::from_le_bytes(b).into()),
        "uint32" => each(bytes, |b| u32::from_le_bytes(b).into()),
        other => {
            let expected = "the type float32, float64, int8 to int64 or uint8 to uint32";
            return Err(malformed(place, expected, other));
        }
    };
    numbers.ok_or_else(|| {
        malformed(place, format!("whole numbers of {kind}"), format!("{} bytes", bytes.len()))
    })
}

/// Decodes base64 (RFC 4648, §4); an error is the place of a byte that does
/// not belong there.
fn base64(text: &str) -> Result<Vec<u8>, usize> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0);
    for (at, byte) in digits.bytes().enumerate() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(at),
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Whole groups of four; what is left over is zero.
    if !text.len().is_multiple_of(4) || padding > 2 || bits != 0 {
        return Err(digits.len());
    }
    Ok(bytes)
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let (model, kind, linear, pairs, offset): (_, _, Vec<f64>, Vec<_>, _) = match instance {
        Instance::Qubo(qubo) => {
            let pairs = qubo.quadratic().collect();
            (Model::Qubo, "BINARY", qubo.linear().to_vec(), pairs, qubo.constant())
        }
        _ => {
            let ising = instance.to_ising()?;
            let linear = ising.fields().iter().map(|h| 0.0 - h).collect();
            let pairs = ising.pairs().map(|(i, j, w)| (i, j, 0.0 - w)).collect();
            (Model::Ising, "SPIN", linear, pairs, ising.offset())
        }
    };
    let (n, m) = (linear.len(), pairs.len());
    let mut out = vec![];
    // Writing to memory cannot fail. Finite numbers print as JSON has them.
    let _ = write!(
        out,
        "{{\"type\": \"BinaryQuadraticModel\", \"version\": {{\"bqm_schema\": \"3.0.0\"}}, \
         \"use_bytes\": false, \"index_type\": \"int32\", \"bias_type\": \"float64\", \
         \"num_variables\": {n}, \"num_interactions\": {m}, \"variable_type\": \"{kind}\", \
         \"offset\": {offset:?}, \"info\": {{}}"
    );
    list(&mut out, "variable_labels", 0..n);
    list(&mut out, "linear_biases", linear.iter().map(Float));
    list(&mut out, "quadratic_biases", pairs.iter().map(|p| Float(&p.2)));
    list(&mut out, "quadratic_head", pairs.iter().map(|p| p.0));
    list(&mut out, "quadratic_tail", pairs.iter().map(|p| p.1));
    out.extend_from_slice(b"}\n");
    Ok((out, Written { model, ancilla: None, dropped_offset: 0.0 }))
}

/// A number that reads as floating point.
struct Float<'a>(&'a f64);

impl fmt::Display for Float<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0 + 0.0)
    }
}

fn list(out: &mut Vec<u8>, name: &str, items: impl Iterator<Item = impl fmt::Display>) {
    let _ = write!(out, ", \"{name}\": [");
    for (k, item) in items.enumerate() {
        let _ = write!(out, "{}{item}", if k == 0 { "" } else { ", " });
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_base64() {
        // The examples of RFC 4648, §10.
        for (text, expected) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")]
        {
            assert_eq!(base64(text).unwrap(), expected.as_bytes());
        }
        for (text, at) in [("Zm9v!", 4), ("Zg=", 2), ("Zh==", 2), ("====", 0), ("Z", 1)] {
            assert_eq!(base64(text), Err(at), "{text}");
        }
    }
}
