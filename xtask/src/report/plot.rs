//! Curves, points, bars and bands on axes, as SVG.
//!
//! Sizes suit a phone, where the drawing is shown at about three quarters; the legend is text of the
//! page, which wraps. Colors are classes, so that the page decides between light and dark.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::claim::{Mark, Plot, Series};
use crate::page::escape;
use crate::report::axis::Scale;
use crate::report::figure;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 314.0;
const FONT: f64 = 14.0;
/// Mean width of a character.
const CHARACTER: f64 = 0.56 * FONT;
const TOP: f64 = 32.0;
const BOTTOM: f64 = HEIGHT - 46.0;
const COLORS: usize = 6;
/// Most points of a line that are marked.
const FEW: usize = 16;
/// Height of the title of a standalone drawing.
const TITLE: f64 = 34.0;
const DASHES: [&str; 4] = ["6 4", "2 3", "10 3 2 3", "1 5"];

/// The plot as a figure element.
pub(super) fn render(plot: &Plot) -> String {
    let Some(frame) = Frame::new(plot) else {
        return figure::empty(&plot.title, "nothing to draw: no finite points on these axes");
    };
    let mut content = frame.axes(plot);
    for (series, style) in plot.series.iter().zip(styles(&plot.series)) {
        content += &frame.series(series, &style);
    }
    let label = format!("{}: {} against {}", plot.title, plot.y.label, plot.x.label);
    let svg = figure::svg(WIDTH, HEIGHT, &label, &content);
    let dropped: usize = plot.series.iter().map(|s| frame.dropped(s)).sum();
    let note = (dropped > 0).then(|| {
        let points = if dropped == 1 { "point is" } else { "points are" };
        format!("{dropped} {points} not drawn: not finite, or not positive on a logarithmic axis")
    });
    figure::element(&plot.title, note.as_deref(), &svg, &legend(&plot.series))
}

/// How a series looks; those of one name share it.
struct Style {
    /// Among the differently named series of its kind.
    index: usize,
    /// The same name came before.
    repeated: bool,
    /// Place among the bars, and how many there are.
    bar: (usize, usize),
}

impl Style {
    fn class(&self) -> String {
        format!("c{}", self.index % COLORS)
    }
}

fn styles(series: &[Series]) -> Vec<Style> {
    let bars = series.iter().filter(|s| s.mark == Mark::Bars).count();
    let mut names: [Vec<&str>; 2] = [vec![], vec![]];
    let mut bar = 0;
    series
        .iter()
        .map(|s| {
            let known = &mut names[usize::from(s.mark == Mark::Reference)];
            let found = known.iter().position(|n| *n == s.name);
            if found.is_none() {
                known.push(&s.name);
            }
            let style = Style {
                index: found.unwrap_or(known.len() - 1),
                repeated: found.is_some(),
                bar: (bar, bars),
            };
            bar += usize::from(s.mark == Mark::Bars);
            style
        })
        .collect()
}

/// The area between the axes.
struct Frame {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
}

impl Frame {
    /// `None` where no point can be drawn.
    fn new(plot: &Plot) -> Option<Self> {
        let drawable = |value: f64, log: bool| value.is_finite() && (!log || value > 0.0);
        let points: Vec<(f64, f64)> = plot
            .series
            .iter()
            .flat_map(|s| &s.points)
            .copied()
            .filter(|&(x, y)| drawable(x, plot.x.log) && drawable(y, plot.y.log))
            .collect();
        let bars = plot.series.iter().filter(|s| s.mark == Mark::Bars);
        let widest = bars.map(|s| s.points.len()).max();
        // Half a bar beyond the outermost ones.
        let margin =
            widest.map_or(0.02, |n| 0.02_f64.max(0.55 / n.saturating_sub(1).max(1) as f64));
        let x = Scale::fit(points.iter().map(|p| p.0), plot.x.log, margin)?;
        let base = widest.filter(|_| !plot.y.log).map(|_| 0.0);
        let mut y = Scale::fit(points.iter().map(|p| p.1).chain(base), plot.y.log, 0.04)?;
        if base.is_some() {
            y = y.starting_at_zero(points.iter().map(|p| p.1));
        }
        let labels = y.ticks(6);
        let widest_label = labels.iter().map(|(_, l)| l.chars().count()).max().unwrap_or(0);
        let left = 14.0 + CHARACTER * widest_label as f64;
        let right = WIDTH - 16.0;
        Some(Self { x: x.between(left, right), y: y.between(BOTTOM, TOP), left, right })
    }

    fn axes(&self, plot: &Plot) -> String {
        let (left, right) = (self.left, self.right);
        let mut grid = String::new();
        let mut text = String::new();
        let mut free = f64::INFINITY;
        for (at, label) in self.y.ticks(6) {
            let _ = write!(grid, "M{left:.1} {at:.1}H{right:.1}");
            if at < free {
                let (x, y) = (left - 7.0, at + 0.35 * FONT);
                let _ = writeln!(
                    text,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"
                );
                free = at - 1.2 * FONT;
            }
        }
        let mut free = f64::NEG_INFINITY;
        for (at, label) in self.x_ticks() {
            let _ = write!(grid, "M{at:.1} {TOP}V{BOTTOM}");
            let half = 0.5 * CHARACTER * label.chars().count() as f64;
            if at - half > free {
                let y = BOTTOM + 1.5 * FONT;
                let _ = writeln!(
                    text,
                    "<text x=\"{at:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>"
                );
                free = at + half + 6.0;
            }
        }
        let middle = 0.5 * (left + right);
        format!(
            "<path class=\"grid\" d=\"{grid}\"/>\n\
             <path class=\"axis\" d=\"M{left:.1} {TOP}V{BOTTOM}H{right:.1}\"/>\n\
             <g font-size=\"{FONT}\">\n{text}\
             <text class=\"ink\" x=\"4\" y=\"{:.1}\">{}</text>\n\
             <text class=\"ink\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n</g>\n",
            FONT + 1.0,
            escape(&plot.y.label),
            HEIGHT - 6.0,
            escape(&plot.x.label),
        )
    }

    /// As many ticks as have room for their labels.
    fn x_ticks(&self) -> Vec<(f64, String)> {
        let room = self.right - self.left;
        let width = |ticks: &[(f64, String)]| -> f64 {
            ticks.iter().map(|(_, l)| CHARACTER * l.chars().count() as f64 + 14.0).sum()
        };
        let mut counts = (2..=8).rev().map(|count| self.x.ticks(count));
        counts.find(|ticks| width(ticks) <= room).unwrap_or_else(|| self.x.ticks(2))
    }

    fn position(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x.position(x)?, self.y.position(y)?))
    }

    /// Points that cannot be drawn; gaps in a line are meant.
    fn dropped(&self, series: &Series) -> usize {
        let gaps = matches!(series.mark, Mark::Line | Mark::Reference);
        let meant = |&(x, y): &(f64, f64)| gaps && !(x.is_finite() && y.is_finite());
        series.points.iter().filter(|p| self.position(**p).is_none() && !meant(p)).count()
    }

    fn series(&self, series: &Series, style: &Style) -> String {
        let drawn = match series.mark {
            Mark::Line => {
                let dash = if style.index < COLORS { "" } else { " stroke-dasharray=\"9 4\"" };
                let line =
                    format!("<path class=\"line\"{dash} d=\"{}\"/>", self.path(&series.points));
                // Where a line joins few points, it should not pass for a curve.
                let few = series.points.len() <= FEW;
                if few && series.points.iter().all(|p| self.position(*p).is_some()) {
                    format!(
                        "{line}<path class=\"point\" d=\"{}\"/>\n",
                        self.dots(series, style, 2.6)
                    )
                } else {
                    line + "\n"
                }
            }
            Mark::Reference => {
                let dash = DASHES[style.index % DASHES.len()];
                let path = self.path(&series.points);
                format!("<path class=\"reference\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>\n")
            }
            Mark::Points => {
                format!("<path class=\"point\" d=\"{}\"/>\n", self.dots(series, style, 3.6))
            }
            Mark::Bars => format!("<path class=\"bar\" d=\"{}\"/>\n", self.bars(series, style)),
            Mark::Intervals => {
                format!("<path class=\"interval\" d=\"{}\"/>\n", self.intervals(series))
            }
            Mark::Band => format!("<path class=\"band\" d=\"{}Z\"/>\n", self.path(&series.points)),
        };
        // An empty path is no error, only bytes.
        if drawn.contains("d=\"\"") || drawn.contains("d=\"Z\"") {
            return String::new();
        }
        format!("<g class=\"{}\">{}</g>\n", style.class(), drawn.trim_end())
    }

    /// A polyline, interrupted at points that cannot be drawn. Points closer than a fraction of a
    /// pixel to the last one are left out.
    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        for (k, &point) in points.iter().enumerate() {
            let Some((x, y)) = self.position(point) else {
                last = None;
                continue;
            };
            let ends = k + 1 == points.len();
            match last {
                // The zero-length stroke makes a lone point visible.
                None => drop(write!(path, "M{x:.1} {y:.1}h0")),
                Some((a, b)) if !ends && (x - a).abs() < 0.3 && (y - b).abs() < 0.3 => continue,
                Some(_) => drop(write!(path, "L{x:.1} {y:.1}")),
            }
            last = Some((x, y));
        }
        path
    }

    fn dots(&self, series: &Series, style: &Style, largest: f64) -> String {
        let size = match series.points.len() {
            0..=60 => largest,
            61..=400 => 2.4,
            _ => 1.5,
        };
        let mut seen = HashSet::new();
        let mut path = String::new();
        for (x, y) in series.points.iter().filter_map(|p| self.position(*p)) {
            if seen.insert(((x * 2.0).round() as i64, (y * 2.0).round() as i64)) {
                path += &marker(style.index, x, y, size);
            }
        }
        path
    }

    fn bars(&self, series: &Series, style: &Style) -> String {
        let mut at: Vec<f64> = series.points.iter().filter_map(|p| self.x.position(p.0)).collect();
        at.sort_by(f64::total_cmp);
        let gaps = at.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > 1e-6);
        let spacing = gaps.fold(f64::INFINITY, f64::min).min(0.4 * (self.right - self.left));
        let (place, count) = (style.bar.0 as f64, style.bar.1.max(1) as f64);
        let width = 0.84 * spacing / count;
        let base = self.y.base();
        let mut path = String::new();
        for (x, y) in series.points.iter().filter_map(|p| self.position(*p)) {
            let x = x + width * (place - 0.5 * count);
            let _ = write!(path, "M{x:.1} {base:.1}V{y:.1}h{width:.1}V{base:.1}Z");
        }
        path
    }

    fn intervals(&self, series: &Series) -> String {
        let mut path = String::new();
        for pair in series.points.chunks_exact(2) {
            if let (Some((x, low)), Some((_, high))) =
                (self.position(pair[0]), self.position(pair[1]))
            {
                let _ = write!(path, "M{:.1} {low:.1}h6m-3 0V{high:.1}m-3 0h6", x - 3.0);
            }
        }
        path
    }
}

/// A closed outline around a point; the shape tells series apart where colors do not.
fn marker(index: usize, x: f64, y: f64, r: f64) -> String {
    match index % 4 {
        0 => format!("M{:.1} {y:.1}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", x - r, d = 2.0 * r),
        1 => format!("M{:.1} {:.1}h{d:.1}v{d:.1}h-{d:.1}Z", x - 0.9 * r, y - 0.9 * r, d = 1.8 * r),
        2 => format!("M{x:.1} {:.1}l{:.1} {:.1}h-{:.1}Z", y - 1.25 * r, 1.15 * r, 2.1 * r, 2.3 * r),
        _ => format!(
            "M{x:.1} {:.1}l{d:.1} {d:.1}l-{d:.1} {d:.1}l-{d:.1} -{d:.1}Z",
            y - 1.3 * r,
            d = 1.3 * r
        ),
    }
}

/// An entry of the legend: its class, a sample 28 wide and 12 high, its name.
struct Entry<'a> {
    class: String,
    sample: String,
    name: &'a str,
}

/// One entry for each name, in order.
fn entries(series: &[Series]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (s, style) in series.iter().zip(styles(series)) {
        if style.repeated || s.name.is_empty() {
            continue;
        }
        let sample = match s.mark {
            Mark::Line => {
                let dash = if style.index < COLORS { "" } else { " stroke-dasharray=\"9 4\"" };
                format!("<path class=\"line\"{dash} d=\"M2 6H26\"/>")
            }
            Mark::Reference => {
                let dash = DASHES[style.index % DASHES.len()];
                format!("<path class=\"reference\" stroke-dasharray=\"{dash}\" d=\"M1 6H27\"/>")
            }
            Mark::Points => {
                format!("<path class=\"point\" d=\"{}\"/>", marker(style.index, 14.0, 6.0, 4.0))
            }
            Mark::Bars => "<path class=\"bar\" d=\"M8 11V1h12V11Z\"/>".into(),
            Mark::Intervals => "<path class=\"interval\" d=\"M11 11h6m-3 0V1m-3 0h6\"/>".into(),
            Mark::Band => "<path class=\"band\" d=\"M2 1H26V11H2Z\"/>".into(),
        };
        entries.push(Entry { class: style.class(), sample, name: &s.name });
    }
    entries
}

/// Names with a sample of each mark; nothing where no series has a name.
fn legend(series: &[Series]) -> String {
    let mut items = String::new();
    for Entry { class, sample, name } in entries(series) {
        let name = escape(name);
        let _ = writeln!(
            items,
            "<li><svg viewBox=\"0 0 28 12\" aria-hidden=\"true\"><g class=\"{class}\">{sample}</g></svg>{name}</li>"
        );
    }
    if items.is_empty() { items } else { format!("<ul class=\"legend\">\n{items}</ul>\n") }
}

/// The plot as a file of its own, with title, legend and colors for light and dark.
pub(crate) fn standalone(plot: &Plot) -> String {
    let mut content = match Frame::new(plot) {
        None => format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{FONT}\" text-anchor=\"middle\">nothing to draw</text>\n",
            0.5 * WIDTH,
            0.5 * HEIGHT
        ),
        Some(frame) => {
            let series = plot.series.iter().zip(styles(&plot.series));
            frame.axes(plot) + &series.map(|(s, style)| frame.series(s, &style)).collect::<String>()
        }
    };
    // Entries side by side, on as many rows as they need.
    let (mut x, mut y) = (14.0, HEIGHT + 12.0);
    for Entry { class, sample, name } in entries(&plot.series) {
        let width = 34.0 + CHARACTER * name.chars().count() as f64 + 18.0;
        if x > 14.0 && x + width > WIDTH {
            (x, y) = (14.0, y + 1.5 * FONT);
        }
        let name = escape(name);
        let _ = writeln!(
            content,
            "<g class=\"{class}\" transform=\"translate({x:.1} {:.1})\">{sample}</g>\
             <text class=\"ink\" x=\"{:.1}\" y=\"{y:.1}\" font-size=\"{FONT}\">{name}</text>",
            y - 10.0,
            x + 34.0,
        );
        x += width;
    }
    let (title, style) = (escape(&plot.title), crate::page::drawing_style());
    let height = TITLE + y + 12.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"system-ui, sans-serif\">\n<title>{title}</title>\n<style>\n{style}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--card)\"/>\n\
         <text class=\"ink\" x=\"14\" y=\"22\" font-size=\"{FONT}\" font-weight=\"600\">{title}</text>\n\
         <g transform=\"translate(0 {TITLE})\">\n{content}</g>\n</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{assert_well_formed, plot};

    const MARKS: [Mark; 6] =
        [Mark::Line, Mark::Reference, Mark::Points, Mark::Bars, Mark::Intervals, Mark::Band];

    fn with_marks(points: &[(f64, f64)], log: bool) -> Plot {
        let mut figure = plot(vec![]);
        (figure.x.log, figure.y.log) = (log, log);
        figure.series = MARKS
            .iter()
            .map(|&mark| Series { name: format!("{mark:?}"), points: points.to_vec(), mark })
            .collect();
        figure
    }

    #[test]
    fn any_data_gives_well_formed_markup_without_nan() {
        let cases: [&[(f64, f64)]; 9] = [
            &[],
            &[(f64::NAN, f64::NAN)],
            &[(1.0, 1.0)],
            &[(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)],
            &[(0.0, 0.0), (-1.0, -1.0)],
            &[(1.0, f64::INFINITY), (2.0, 1.0), (3.0, f64::NAN), (4.0, 0.5)],
            &[(-f64::MAX, f64::MAX), (f64::MAX, -f64::MAX)],
            &[(5e-324, 5e-324), (1e-310, 1e-310)],
            &[(1.0, 1.0), (2.0, 1.0 + 1e-15), (3.0, 1e300)],
        ];
        for points in cases {
            for log in [false, true] {
                let html = render(&with_marks(points, log));
                assert_well_formed(&html);
                assert!(!html.contains("NaN") && !html.contains("inf"), "{points:?}: {html}");
            }
        }
    }

    #[test]
    fn everything_lies_inside_the_drawing() {
        let points: Vec<(f64, f64)> = (0..9).map(|k| (k as f64, (k * k) as f64 - 20.0)).collect();
        let frame = Frame::new(&with_marks(&points, false)).unwrap();
        for point in points {
            let (x, y) = frame.position(point).unwrap();
            assert!(x > frame.left && x < frame.right, "{x}");
            assert!(y > TOP && y < BOTTOM, "{y}");
        }
    }

    #[test]
    fn points_off_a_logarithmic_axis_are_counted() {
        let mut figure = plot(vec![(1.0, 1.0), (2.0, 0.0), (3.0, 4.0), (4.0, f64::NAN)]);
        figure.y.log = true;
        assert!(render(&figure).contains("1 point is not drawn"));
        figure.series[0].mark = Mark::Points;
        assert!(render(&figure).contains("2 points are not drawn"));
    }

    #[test]
    fn one_name_is_one_color_and_one_entry() {
        let series = |name: &str, mark| Series {
            name: name.into(),
            points: vec![(1.0, 1.0), (1.0, 2.0)],
            mark,
        };
        let list = [
            series("a", Mark::Points),
            series("bound", Mark::Reference),
            series("b", Mark::Points),
            series("a", Mark::Intervals),
        ];
        let indices: Vec<usize> = styles(&list).iter().map(|s| s.index).collect();
        assert_eq!(indices, [0, 0, 1, 0]);
        assert_eq!(legend(&list).matches("<li>").count(), 3);
    }

    #[test]
    fn long_smooth_lines_stay_small() {
        let points = (0..200_000).map(|k| (k as f64, (k as f64 * 1e-5).sin())).collect();
        assert!(render(&plot(points)).len() < 30_000);
    }

    #[test]
    fn a_drawing_of_its_own_is_complete() {
        for points in [vec![], vec![(0.0, 1.0), (2.0, 3.0)]] {
            let svg = standalone(&plot(points));
            assert_well_formed(&svg);
            assert!(svg.contains("--s0:") && svg.contains("svg .line"), "{svg}");
            assert!(!svg.contains("body"));
        }
    }
}
