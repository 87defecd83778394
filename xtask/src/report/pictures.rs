//! Rows of small grey-level pictures, as SVG.
//!
//! Pictures with the same place in their rows stand below each other, in blocks of as many columns
//! as are readable. Equal grey levels of a row are one path, with runs of pixels merged.

use std::fmt::Write as _;

use crate::claim::Pictures;
use crate::page::escape;
use crate::report::figure;

const WIDTH: f64 = 480.0;
const FONT: f64 = 12.0;
/// Smallest legible picture, largest useful one.
const PICTURE: (f64, f64) = (26.0, 150.0);
const GAP: f64 = 4.0;
/// Steps of grey between paper and ink.
const LEVELS: usize = 16;

/// The pictures as a figure element.
pub(super) fn render(pictures: &Pictures) -> String {
    let columns = pictures.rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0);
    let largest = pictures.rows.iter().flat_map(|(_, row)| row).map(Vec::len).max().unwrap_or(0);
    if columns == 0 || largest == 0 || pictures.width == 0 {
        return figure::empty(&pictures.title, "no pictures");
    }
    let layout = Layout::new(pictures, columns, largest);
    let mut content = String::new();
    let mut top = 2.0;
    for first in (0..columns).step_by(layout.per_line) {
        for (label, row) in &pictures.rows {
            let Some(part) = row.get(first..row.len().min(first + layout.per_line)) else {
                continue;
            };
            content += &layout.label(label, top);
            content += &layout.row(part, pictures.width, top);
            top += layout.height + GAP;
        }
        top += 2.0 * GAP;
    }
    let names: Vec<&str> = pictures.rows.iter().map(|(label, _)| label.as_str()).collect();
    let label = format!("{}: {}", pictures.title, names.join(", "));
    figure::element(
        &pictures.title,
        None,
        &figure::svg(WIDTH, top - 2.0 * GAP, &label, &content),
        "",
    )
}

struct Layout {
    /// Width of the labels.
    left: f64,
    per_line: usize,
    pixel: f64,
    height: f64,
}

impl Layout {
    fn new(pictures: &Pictures, columns: usize, largest: usize) -> Self {
        let longest = pictures.rows.iter().map(|(l, _)| l.chars().count()).max().unwrap_or(0);
        let left = (0.56 * FONT * longest as f64 + 8.0).min(0.3 * WIDTH);
        // The frames of the last column need a little more.
        let room = WIDTH - left - 1.0;
        let fitting = (((room + GAP) / (PICTURE.0 + GAP)) as usize).max(1);
        // Lines of equal length: no picture is left alone on the last one.
        let per_line = columns.div_ceil(columns.div_ceil(fitting));
        let size = ((room + GAP) / per_line as f64 - GAP).min(PICTURE.1);
        let pixel = size / pictures.width as f64;
        let height = pixel * largest.div_ceil(pictures.width) as f64;
        Self { left, per_line, pixel, height: height.max(1.2 * FONT) }
    }

    fn label(&self, label: &str, top: f64) -> String {
        let room = ((self.left - 6.0) / (0.56 * FONT)) as usize;
        let mut shown: String = label.chars().take(room).collect();
        if shown.len() < label.len() {
            shown.pop();
            shown.push('…');
        }
        let y = top + 0.5 * self.height + 0.35 * FONT;
        let (shown, whole) = (escape(&shown), escape(label));
        format!(
            "<text class=\"ink\" x=\"0\" y=\"{y:.1}\" font-size=\"{FONT}\">{shown}<title>{whole}</title></text>\n"
        )
    }

    /// Paths in units of a pixel, shifted and scaled into place.
    fn row(&self, row: &[Vec<f64>], width: usize, top: f64) -> String {
        // The last path collects pixels that are no numbers.
        let mut paths = vec![String::new(); LEVELS + 1];
        let step = width as f64 + GAP / self.pixel;
        let mut frames = String::new();
        for (k, picture) in row.iter().enumerate() {
            let x0 = k as f64 * step;
            let lines = picture.len().div_ceil(width);
            let _ = write!(frames, "M{x0:.2} 0h{width}v{lines}h-{width}Z");
            for (y, line) in picture.chunks(width).enumerate() {
                let mut x = 0;
                for run in line.chunk_by(|a, b| level(*a) == level(*b)) {
                    let n = run.len();
                    if level(run[0]) > 0 {
                        let _ = write!(
                            paths[level(run[0]) - 1],
                            "M{:.2} {y}h{n}v1h-{n}Z",
                            x0 + x as f64
                        );
                    }
                    x += n;
                }
            }
        }
        let mut out = format!(
            "<g transform=\"translate({:.1} {top:.1}) scale({:.4})\">\n",
            self.left, self.pixel
        );
        for (i, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let _ = match i {
                LEVELS => writeln!(out, "<path class=\"bad\" d=\"{path}\"/>"),
                _ => {
                    let opacity = (i + 1) as f64 / LEVELS as f64;
                    writeln!(
                        out,
                        "<path class=\"pixel\" fill-opacity=\"{opacity:.2}\" shape-rendering=\"crispEdges\" d=\"{path}\"/>"
                    )
                }
            };
        }
        let _ = writeln!(
            out,
            "<path class=\"frame\" vector-effect=\"non-scaling-stroke\" d=\"{frames}\"/>\n</g>"
        );
        out
    }
}

/// 0 for paper, up to [`LEVELS`] for ink, one more for what is no number.
fn level(grey: f64) -> usize {
    if grey.is_nan() { LEVELS + 1 } else { (grey.clamp(0.0, 1.0) * LEVELS as f64).round() as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::assert_well_formed;

    fn pictures(width: usize, rows: Vec<(String, Vec<Vec<f64>>)>) -> String {
        render(&Pictures { title: "Cue & recall".into(), width, rows })
    }

    #[test]
    fn degenerate_pictures_are_drawn_or_named() {
        let bad = vec![f64::NAN, f64::INFINITY, -1.0, 2.0, 0.5];
        let cases = [
            (0, vec![("a".to_string(), vec![vec![1.0]])]),
            (8, vec![]),
            (8, vec![("a".into(), vec![])]),
            (8, vec![("a".into(), vec![vec![]])]),
            (2, vec![("<a>".into(), vec![bad, vec![], vec![1.0]]), (String::new(), vec![])]),
            (
                3,
                vec![(
                    "a label that is far too long to fit in the column".into(),
                    vec![vec![0.2; 9]; 100],
                )],
            ),
        ];
        for (width, rows) in cases {
            let html = pictures(width, rows);
            assert_well_formed(&html);
            assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        }
    }

    #[test]
    fn equal_pixels_are_one_run() {
        let html =
            pictures(4, vec![("r".into(), vec![vec![1.0, 1.0, 1.0, 0.0, 0.5, 0.5, 0.0, 0.0]])]);
        assert!(html.contains("M0.00 0h3v1h-3Z") && html.contains("M0.00 1h2v1h-2Z"), "{html}");
        assert_eq!(html.matches("class=\"pixel\"").count(), 2);
    }

    #[test]
    fn rows_break_together() {
        let row = |name: &str| (name.to_string(), vec![vec![1.0; 64]; 40]);
        let html = pictures(8, vec![row("cue"), row("recall")]);
        // Three blocks of two rows.
        assert_eq!(html.matches("<text").count(), 6);
    }
}
