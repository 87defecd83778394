//! A claim: something the project says it reproduces, and how to check it.

use std::error::Error;
use std::path::PathBuf;

/// A registered claim. Each is one file in `claims/`, listed in `claims/mod.rs`.
pub struct Claim {
    /// Short and unique, `crate/topic`: what `reproduce FILTER` matches.
    pub id: &'static str,
    /// The crate that makes it, such as `ebm-core`.
    pub crate_name: &'static str,
    /// What is claimed, one sentence.
    pub claim: &'static str,
    /// Where the target comes from: a paper, a theorem, enumeration.
    pub source: &'static str,
    /// Target with tolerance.
    pub target: &'static str,
    /// Measures it.
    pub run: fn(&Settings) -> Result<Finding, Box<dyn Error>>,
}

/// How claims are to be run.
pub struct Settings {
    /// Directory with data files that are not part of the repository.
    pub data: Option<PathBuf>,
    /// Smaller sizes and fewer repetitions, for a smoke test.
    pub quick: bool,
}

/// What a claim measured.
pub struct Finding {
    /// The measured figures, in the units of the target.
    pub measured: String,
    /// Whether the target was met.
    pub pass: bool,
    /// What a reader should see.
    pub figure: Figure,
}

/// A figure of the report.
pub enum Figure {
    /// Curves and points on axes.
    Plot(Plot),
    /// Small grey-level pictures in rows, such as cue and recall.
    Pictures(Pictures),
}

/// Curves and points on axes.
pub struct Plot {
    /// Caption above the axes.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, in order.
    pub series: Vec<Series>,
}

/// An axis.
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Logarithmic scale; all values must then be positive.
    pub log: bool,
}

/// A named set of points.
pub struct Series {
    /// Entry in the legend.
    pub name: String,
    /// Coordinates.
    pub points: Vec<(f64, f64)>,
    /// How they are drawn.
    pub mark: Mark,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Connected line.
    Line,
    /// Dashed line, for targets and references.
    Reference,
    /// Dots.
    Points,
}

/// Rows of pictures with a label each.
pub struct Pictures {
    /// Caption.
    pub title: String,
    /// Width of a picture in pixels; the height follows from its length.
    pub width: usize,
    /// A label and its pictures; grey levels from 0 (paper) to 1 (ink), row-major.
    pub rows: Vec<(String, Vec<Vec<f64>>)>,
}
