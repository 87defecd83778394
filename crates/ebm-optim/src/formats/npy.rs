//! Square matrices saved by NumPy.
//!
//! What the matrix means is in the parent module, and the bytes in
//! [`ebm_core::npy`]. Written is `<f8`.

use ebm_core::npy::{self, Array, Malformed};

use super::Written;
use super::matrix::{Builder, Matrix};
use super::text::malformed;
use crate::{Error, Instance, Model};

/// The first bytes of every such file.
pub(super) use ebm_core::npy::MAGIC;

/// Data written at most, in bytes.
const LARGEST: usize = 1 << 32;

pub(super) fn decode(bytes: &[u8], hint: Option<Model>) -> Result<Instance, Error> {
    let wrong = |Malformed { place, expected, found }| malformed(place, expected, found);
    let array = Array::parse(bytes).map_err(wrong)?;
    let &[n, columns] = array.shape() else { return Err(not_square(array.shape())) };
    if n != columns || n == 0 {
        return Err(not_square(array.shape()));
    }
    let at = |i: usize, j: usize| {
        let (row, column) = if array.fortran_order() { (j, i) } else { (i, j) };
        array.value(row * n + column).map_err(|Malformed { expected, found, .. }| {
            malformed(format!("entry ({i}, {j})"), expected, found)
        })
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

fn not_square(shape: &[usize]) -> Error {
    malformed("shape", "a square matrix (n, n)", npy::tuple(shape))
}

pub(super) fn encode(instance: &Instance) -> Result<(Vec<u8>, Written), Error> {
    let matrix = Matrix::of(instance)?;
    let n = matrix.n;
    let size = n.saturating_mul(n).saturating_mul(8);
    if size > LARGEST {
        let what = "bytes of a dense matrix";
        return Err(ebm_core::Error::TooLarge { what, size, limit: LARGEST }.into());
    }
    let header = npy::header("<f8", &[n, n])
        .map_err(|Malformed { place, expected, found }| malformed(place, expected, found))?;
    let mut out = Vec::new();
    let total = header.len() + size;
    out.try_reserve_exact(total)
        .map_err(|_| ebm_core::Error::Allocation { what: "a dense matrix", bytes: total })?;
    out.extend_from_slice(&header);
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
