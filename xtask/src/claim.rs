//! A claim: something the project says it reproduces, and how to check it.

use std::error::Error;
use std::path::PathBuf;

/// A registered claim. Each is one file in `claims/`, listed in `claims/mod.rs`.
pub(crate) struct Claim {
    /// Short and unique, `crate/topic`: what `reproduce FILTER` matches.
    pub(crate) id: &'static str,
    /// The crate that makes it, such as `ebm-core`.
    pub(crate) crate_name: &'static str,
    /// What is claimed, one sentence.
    pub(crate) claim: &'static str,
    /// Where the target comes from: a paper, a theorem, enumeration.
    pub(crate) source: &'static str,
    /// Target with tolerance.
    pub(crate) target: &'static str,
    /// Measures it.
    pub(crate) run: fn(&Settings) -> Result<Finding, Box<dyn Error>>,
}

/// How claims are to be run.
pub(crate) struct Settings {
    /// Directory with data files that are not part of the repository.
    pub(crate) data: Option<PathBuf>,
    /// Smaller sizes and fewer repetitions, for a smoke test.
    pub(crate) quick: bool,
}

/// The larger value; NaN if either is, so that no bound holds for it.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// What a claim measured.
pub(crate) struct Finding {
    /// The measured figures, in the units of the target.
    pub(crate) measured: String,
    /// Whether the target was met.
    pub(crate) pass: bool,
    /// What a reader should see.
    pub(crate) figure: Figure,
}

/// A figure of the report.
#[allow(dead_code, reason = "claims choose among the kinds")]
pub(crate) enum Figure {
    /// Curves and points on axes.
    Plot(Plot),
    /// Small grey-level pictures in rows, such as cue and recall.
    Pictures(Pictures),
    /// Several figures beside each other, two in a row where there is room.
    Panels(Vec<Figure>),
}

/// Curves and points on axes.
pub(crate) struct Plot {
    /// Caption above the axes.
    pub(crate) title: String,
    /// Horizontal axis.
    pub(crate) x: Axis,
    /// Vertical axis.
    pub(crate) y: Axis,
    /// What is drawn, in order.
    pub(crate) series: Vec<Series>,
}

/// An axis.
pub(crate) struct Axis {
    /// Quantity and unit.
    pub(crate) label: String,
    /// Logarithmic scale; all values must then be positive.
    pub(crate) log: bool,
}

/// A named set of points. A line is interrupted where a coordinate is not finite.
pub(crate) struct Series {
    /// Entry in the legend. Series of one name share color and entry, such as points and their
    /// intervals.
    pub(crate) name: String,
    /// Coordinates.
    pub(crate) points: Vec<(f64, f64)>,
    /// How they are drawn.
    pub(crate) mark: Mark,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code, reason = "claims choose among the marks")]
pub(crate) enum Mark {
    /// Connected line; the points of a short one are marked.
    Line,
    /// Dashed line, for targets and references.
    Reference,
    /// Dots.
    Points,
    /// Bars from zero (from the lower end of a logarithmic axis) to the points; the bars of several
    /// series stand beside each other.
    Bars,
    /// Error bars: the points are pairs, `(x, low)` followed by `(x, high)`.
    Intervals,
    /// Shaded area: the points go along one edge and come back along the other.
    Band,
}

/// Rows of pictures with a label each.
pub(crate) struct Pictures {
    /// Caption.
    pub(crate) title: String,
    /// Width of a picture in pixels; the height follows from its length.
    pub(crate) width: usize,
    /// A label and its pictures; grey levels from 0 (paper) to 1 (ink), row-major.
    pub(crate) rows: Vec<(String, Vec<Vec<f64>>)>,
}
