//! Instance files: read, write, convert.
//!
//! | [`Format`] | holds | nodes from | given twice | with itself | constant |
//! |---|---|---|---|---|---|
//! | [`Rudy`](Format::Rudy): G-set, MQLib max-cut | graph | 1 | refused | refused | none |
//! | [`Edges`](Format::Edges), not guessed from content | graph | 0 or 1 | refused | refused | none |
//! | [`MqlibQubo`](Format::MqlibQubo) | QUBO, maximized | 1 | summed | linear term | note |
//! | [`Qbsolv`](Format::Qbsolv) | QUBO | 0 | summed | linear term | note |
//! | [`Coo`](Format::Coo): dimod coordinates | Ising or QUBO | 0 | summed | linear term | note |
//! | [`BqmJson`](Format::BqmJson): dimod JSON | Ising or QUBO | labels | summed | constant or linear term | yes |
//! | [`MatrixMarket`](Format::MatrixMarket) | matrix | 1 | refused | diagonal | note |
//! | [`Npy`](Format::Npy) | matrix | | | diagonal | none |
//!
//! A matrix `A` is the weights of a graph unless a [`Hints::model`] or a note
//! says otherwise: couplings `J = A` (`H = −½ sᵀAs`) or a QUBO (`f = xᵀAx`).
//! A note is a comment `ebm: offset=1.5 model=ising`, which other programs skip.
//! Each format's module names its source.
//!
//! ```
//! use ebm_optim::formats::{self, Format};
//! use ebm_optim::{Ising, Model};
//!
//! let ising = Ising::from_couplings(2, &[(0, 1, 1.0)])?.with_fields(vec![0.5, 0.0])?;
//! let (text, _) = formats::encode(&ising.into(), Format::Coo)?;
//! assert_eq!(text, b"# vartype=SPIN\n0 0 -0.5\n0 1 -1\n");
//! let again = formats::decode(&text, &Default::default(), "")?.0;
//! assert_eq!(again.model(), Model::Ising);
//! assert_eq!(again.value(&[1, 1])?, -1.5);
//! # Ok::<(), ebm_optim::Error>(())
//! ```

mod bqm_json;
mod coo;
mod edges;
mod files;
mod matrix;
mod matrix_market;
mod mqlib;
mod npy;
mod qbsolv;
pub mod rudy;
pub mod solution;
mod terms;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::{Error, Instance, Model};
use text::{Scanner, malformed};

/// Largest node count accepted from a header: beyond it, a typing error is
/// likelier than a graph, and the arrays would not fit common machines.
pub const MAX_NODES: usize = 1 << 24;

/// Nodes without entries that a file may declare on top of those its entries
/// can touch, as in [`ebm_core::coupling::SparseCoupling`].
const ISOLATED_NODES: usize = 1 << 22;

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `nodes edges`, then `i j w`, nodes from 1: the G-set, and MQLib's
    /// max-cut files.
    Rudy,
    /// Lines `i j w` without a header, nodes from 0 if that occurs and else from 1;
    /// as many as the largest tells. Not guessed from content, which tells
    /// nothing of itself: only where it is named or is the extension.
    Edges,
    /// As rudy, with `i i q`: the matrix of a QUBO to be *maximized*.
    MqlibQubo,
    /// `p qubo 0 n diagonals couplers`, then `i j q`, nodes from 0.
    Qbsolv,
    /// dimod's coordinates `i j bias`, nodes from 0, `# vartype=SPIN`.
    Coo,
    /// dimod's `BinaryQuadraticModel.to_serializable()` as JSON.
    BqmJson,
    /// A Matrix Market file.
    MatrixMarket,
    /// A square matrix saved by NumPy.
    Npy,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rudy,
        Self::Edges,
        Self::MqlibQubo,
        Self::Qbsolv,
        Self::Coo,
        Self::BqmJson,
        Self::MatrixMarket,
        Self::Npy,
    ];

    /// As typed on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rudy => "rudy",
            Self::Edges => "edges",
            Self::MqlibQubo => "mqlib-qubo",
            Self::Qbsolv => "qbsolv",
            Self::Coo => "coo",
            Self::BqmJson => "bqm-json",
            Self::MatrixMarket => "matrix-market",
            Self::Npy => "npy",
        }
    }

    /// The format that a file name stands for: `rud`, `rudy`, `gset`, `mc` and
    /// `maxcut` for rudy, `edges` and `edgelist`, `qubo`, `coo`, `json`, `mtx`, `npy`.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "rud" | "rudy" | "gset" | "mc" | "maxcut" => Some(Self::Rudy),
            "edges" | "edgelist" => Some(Self::Edges),
            "qubo" => Some(Self::Qbsolv),
            "coo" => Some(Self::Coo),
            "json" => Some(Self::BqmJson),
            "mtx" => Some(Self::MatrixMarket),
            "npy" => Some(Self::Npy),
            _ => None,
        }
    }

    /// The model of its files, where it is always the same.
    #[must_use]
    pub fn model(self) -> Option<Model> {
        match self {
            Self::MqlibQubo | Self::Qbsolv => Some(Model::Qubo),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| malformed("format", format!("one of {}", names()), name))
    }
}

/// What a reader is told beforehand. The default lets the file speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// The format, else told from content and extension.
    pub format: Option<Format>,
    /// What the numbers mean, where the format leaves it open: a matrix is the
    /// weights of a graph unless told; `i j w` under a header may be couplings
    /// `J`, or a QUBO of MQLib; coordinates may lack their vartype.
    pub model: Option<Model>,
}

/// How an instance stands in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Written {
    /// The form in which it was written.
    pub model: Model,
    /// The node that stands for the fields, where the format has none; see
    /// [`FieldFree`](crate::FieldFree).
    pub ancilla: Option<usize>,
    /// The constant that the format has no place for: energies of the file's
    /// problem are smaller by this.
    pub dropped_offset: f64,
}

/// Reads an instance; the format is told from content and extension.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read, else [`Error::File`] around what
/// is wrong in it.
pub fn read(path: impl AsRef<Path>) -> Result<Instance, Error> {
    read_with(path, &Hints::default()).map(|(instance, _)| instance)
}

/// Reads an instance and tells the format.
///
/// # Errors
/// As [`read`], and hints that contradict the file.
pub fn read_with(path: impl AsRef<Path>, hints: &Hints) -> Result<(Instance, Format), Error> {
    let path = path.as_ref();
    let bytes = files::read(path)?;
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    decode(&bytes, hints, &extension)
        .map_err(|source| Error::File { path: path.into(), source: Box::new(source) })
}

/// Reads an instance from the bytes of a file with the given extension, which
/// may be empty.
///
/// # Errors
/// [`Error::Parse`] or [`Error::Malformed`] with the place, what was expected
/// and what was found; [`Error::Core`] for coefficients that sum to infinity.
pub fn decode(bytes: &[u8], hints: &Hints, extension: &str) -> Result<(Instance, Format), Error> {
    let of_extension = Format::of_path(Path::new(&format!("file.{extension}")));
    let format = match hints.format {
        Some(format) => format,
        None if bytes.starts_with(npy::MAGIC) => Format::Npy,
        None if of_extension == Some(Format::Npy) => Format::Npy,
        None => detect(&text::decode(bytes)?, of_extension, hints.model)?,
    };
    match (format.model(), hints.model) {
        (Some(fixed), Some(hint)) if fixed != hint => {
            return Err(malformed("model", format!("{fixed}, as {format} files hold"), hint));
        }
        _ => {}
    }
    let model = hints.model;
    let instance = match format {
        Format::Npy => npy::decode(bytes, model),
        Format::Rudy => rudy::decode(&text::decode(bytes)?, model),
        Format::Edges => edges::decode(&text::decode(bytes)?, model),
        Format::MqlibQubo => mqlib::decode(&text::decode(bytes)?),
        Format::Qbsolv => qbsolv::decode(&text::decode(bytes)?),
        Format::Coo => coo::decode(&text::decode(bytes)?, model),
        Format::BqmJson => bqm_json::decode(&text::decode(bytes)?, model),
        Format::MatrixMarket => matrix_market::decode(&text::decode(bytes)?, model),
    };
    Ok((instance?, format))
}

/// The format of text: marks first, then the extension, then the number of
/// words in the first line.
fn detect(text: &[u8], extension: Option<Format>, model: Option<Model>) -> Result<Format, Error> {
    let start = text.trim_ascii_start();
    if start.get(..14).is_some_and(|s| s.eq_ignore_ascii_case(b"%%MatrixMarket")) {
        return Ok(Format::MatrixMarket);
    }
    if start.first() == Some(&b'{') {
        return Ok(Format::BqmJson);
    }
    if matches!(extension, Some(Format::MatrixMarket | Format::BqmJson)) {
        return Ok(extension.unwrap_or(Format::Rudy));
    }
    if extension == Some(Format::Edges) {
        return Ok(Format::Edges);
    }
    if qbsolv::is_header(text) {
        return Ok(Format::Qbsolv);
    }
    let mut scanner = Scanner::new(text, b'#');
    if !scanner.next_line()? {
        // An empty file: its own format says best what is missing.
        return Ok(extension.unwrap_or(Format::Rudy));
    }
    if scanner.notes.model.is_some() && extension != Some(Format::Rudy) {
        return Ok(Format::Coo);
    }
    let words = std::iter::from_fn(|| scanner.word()).take(4).count();
    match words {
        2 if model == Some(Model::Qubo) || extension == Some(Format::Qbsolv) => {
            Ok(Format::MqlibQubo)
        }
        3 => Ok(Format::Coo),
        _ => Ok(extension.unwrap_or(Format::Rudy)),
    }
}

/// The bytes of a file, and how the instance stands in it.
///
/// A graph is written where an Ising problem is asked for as `J = −w`. Where a
/// format has no fields, an ancilla stands for them; where it has no constant,
/// [`Written::dropped_offset`] tells it.
///
/// # Errors
/// Coefficients that sum to infinity in the form of the format, and matrices
/// beyond 4 GiB.
pub fn encode(instance: &Instance, format: Format) -> Result<(Vec<u8>, Written), Error> {
    match format {
        Format::Rudy => rudy::encode(instance),
        Format::Edges => edges::encode(instance),
        Format::MqlibQubo => mqlib::encode(instance),
        Format::Qbsolv => qbsolv::encode(instance),
        Format::Coo => coo::encode(instance),
        Format::BqmJson => bqm_json::encode(instance),
        Format::MatrixMarket => matrix_market::encode(instance),
        Format::Npy => npy::encode(instance),
    }
}

/// Writes an instance, so that a reader of the path sees the old file or the
/// new one and never a part.
///
/// # Errors
/// As [`encode`], and [`Error::Write`]; the old file is then still there.
pub fn write(
    path: impl AsRef<Path>,
    instance: &Instance,
    format: Format,
) -> Result<Written, Error> {
    let (bytes, written) = encode(instance, format)?;
    files::write(path.as_ref(), &bytes)?;
    Ok(written)
}
