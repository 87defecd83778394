//! A [`Figure`] as markup: caption, SVG that follows the page's colors, legend.

use crate::claim::Figure;
use crate::page::escape;
use crate::report::{pictures, plot};

/// The figure as `<figure>` elements.
pub(crate) fn render(figure: &Figure) -> String {
    match figure {
        Figure::Plot(plot) => plot::render(plot),
        Figure::Pictures(pictures) => pictures::render(pictures),
        Figure::Panels(panels) => {
            let panels: String = panels.iter().map(render).collect();
            format!("<div class=\"panels\">\n{panels}</div>\n")
        }
    }
}

/// A figure element; `note` is a remark below the title, `svg` and `legend` are markup.
pub(super) fn element(title: &str, note: Option<&str>, svg: &str, legend: &str) -> String {
    let note = note.map_or(String::new(), |note| format!("<small>{}</small>", escape(note)));
    format!("<figure>\n<figcaption>{}{note}</figcaption>\n{svg}{legend}</figure>\n", escape(title))
}

/// An SVG element that scales with the page; `label` is for readers who do not see it.
pub(super) fn svg(width: f64, height: f64, label: &str, content: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         aria-label=\"{}\">\n{content}</svg>\n",
        escape(label)
    )
}

/// A message in place of a drawing.
pub(super) fn empty(title: &str, message: &str) -> String {
    let text = format!(
        "<rect class=\"frame\" x=\"0.5\" y=\"0.5\" width=\"479\" height=\"79\"/>\n\
         <text x=\"240\" y=\"45\" font-size=\"14\" text-anchor=\"middle\">{}</text>\n",
        escape(message)
    );
    element(title, None, &svg(480.0, 80.0, title, &text), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn panels_hold_their_figures() {
        let one = || Figure::Plot(samples::plot(vec![(0.0, 1.0), (2.0, 3.0)]));
        let html = render(&Figure::Panels(vec![one(), Figure::Panels(vec![one()]), one()]));
        samples::assert_well_formed(&html);
        assert_eq!(html.matches("<svg viewBox=\"0 0 480").count(), 3);
        samples::assert_well_formed(&render(&Figure::Panels(vec![])));
    }
}
