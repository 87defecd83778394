//! A document of the guide: Markdown with TeX formulas, rendered to HTML with MathML.
//!
//! Formulas are `$…$`, `$$…$$`, and code blocks marked `math`.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser as FormulaParser, Storage, push_mathml};

/// A parsed document.
pub(super) struct Document {
    events: Vec<Event<'static>>,
    title: Option<String>,
    /// Ids of the headings.
    pub(super) anchors: BTreeSet<String>,
    /// In the order of the text.
    pub(super) links: Vec<Link>,
    /// Line, counted from 1, and what is wrong there.
    pub(super) problems: Vec<(usize, String)>,
}

/// A link or a picture.
pub(super) struct Link {
    /// Counted from 1.
    pub(super) line: usize,
    /// Where it leads.
    pub(super) target: Target,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A place on the network, which is not looked at.
    Elsewhere,
    /// A heading of the same document.
    Here(String),
    /// A file relative to the document, and a heading in it.
    File(String, Option<String>),
}

impl Target {
    fn parse(url: &str) -> Self {
        let scheme = url.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
        match url.split_once('#') {
            _ if scheme || url.starts_with("//") => Self::Elsewhere,
            Some(("", anchor)) => Self::Here(anchor.to_string()),
            Some((path, anchor)) => Self::File(path.to_string(), Some(anchor.to_string())),
            None => Self::File(url.to_string(), None),
        }
    }
}

impl Document {
    /// Reads Markdown. What cannot be rendered is noted in `problems`.
    pub(super) fn parse(text: &str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_MATH;
        let mut document = Self {
            events: vec![],
            title: None,
            anchors: BTreeSet::new(),
            links: vec![],
            problems: vec![],
        };
        let mut formula: Option<(Range<usize>, String)> = None;
        // Index of the opening event and the text so far.
        let mut heading: Option<(usize, String)> = None;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = 1 + text[..range.start].matches('\n').count();
            let event = match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) if &*kind == "math" => {
                    formula = Some((range, String::new()));
                    continue;
                }
                Event::Text(tex) if formula.is_some() => {
                    formula.iter_mut().for_each(|(_, whole)| whole.push_str(&tex));
                    continue;
                }
                Event::End(TagEnd::CodeBlock) if formula.is_some() => {
                    let (range, tex) = formula.take().unwrap_or_default();
                    let line = 1 + text[..range.start].matches('\n').count();
                    document.formula(&tex, DisplayMode::Block, line)
                }
                Event::InlineMath(tex) => document.formula(&tex, DisplayMode::Inline, line),
                Event::DisplayMath(tex) => document.formula(&tex, DisplayMode::Block, line),
                event => event,
            };
            match &event {
                Event::Start(Tag::Heading { .. }) => {
                    heading = Some((document.events.len(), String::new()));
                }
                Event::Text(words) | Event::Code(words) => {
                    heading.iter_mut().for_each(|(_, whole)| whole.push_str(words));
                }
                Event::Start(Tag::Link { dest_url, .. }) => document.link(dest_url, line),
                Event::Start(Tag::Image { dest_url, .. }) => {
                    if Target::parse(dest_url) == Target::Elsewhere {
                        document
                            .problems
                            .push((line, format!("the picture `{dest_url}` is fetched")));
                    }
                    document.link(dest_url, line);
                }
                Event::Html(markup) | Event::InlineHtml(markup) if markup.contains("<script") => {
                    document.problems.push((line, "scripts do not belong in the guide".into()));
                }
                Event::End(TagEnd::Heading(_)) => {
                    if let Some((opening, words)) = heading.take() {
                        document.name_heading(opening, &words);
                    }
                }
                _ => {}
            }
            document.events.push(event.into_static());
        }
        document
    }

    fn link(&mut self, url: &str, line: usize) {
        self.links.push(Link { line, target: Target::parse(url) });
    }

    fn name_heading(&mut self, opening: usize, words: &str) {
        self.title.get_or_insert_with(|| words.to_string());
        let slug = slug(words);
        let numbered = (1..).map(|k| format!("{slug}-{k}"));
        let mut names = std::iter::once(slug.clone()).chain(numbered);
        let name = names.find(|name| !self.anchors.contains(name)).unwrap_or(slug);
        if let Some(Event::Start(Tag::Heading { id, .. })) = self.events.get_mut(opening) {
            *id = Some(CowStr::from(name.clone()));
        }
        self.anchors.insert(name);
    }

    /// The formula as markup; what cannot be rendered is noted and left out.
    fn formula(&mut self, tex: &str, display_mode: DisplayMode, line: usize) -> Event<'static> {
        let storage = Storage::new();
        let parsed: Result<Vec<_>, _> = FormulaParser::new(tex, &storage).collect();
        let mut markup = String::new();
        match parsed {
            Ok(events) => {
                let config = RenderConfig { display_mode, ..RenderConfig::default() };
                let events = events.into_iter().map(Ok::<_, std::fmt::Error>);
                if let Err(error) = push_mathml(&mut markup, events, config) {
                    self.problems.push((line, format!("`{}`: {error}", tex.trim())));
                }
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().next().unwrap_or_default().trim_end_matches(':');
                self.problems.push((line, format!("cannot render `{}`: {reason}", tex.trim())));
            }
        }
        // Wide formulas scroll by themselves.
        if display_mode == DisplayMode::Block {
            markup = format!("<span class=\"formula\">{markup}</span>");
        }
        Event::InlineHtml(markup.into())
    }

    /// The first heading, or the path of a document without one.
    pub(super) fn title<'a>(&'a self, path: &'a str) -> &'a str {
        self.title.as_deref().unwrap_or(path)
    }

    /// The document as markup; `href` says where a link leads, or `None` to keep it.
    pub(super) fn html(&self, href: impl Fn(&Target) -> Option<String>) -> String {
        let rewrite =
            |url: &CowStr<'static>| href(&Target::parse(url)).map_or(url.clone(), CowStr::from);
        let events = self.events.iter().cloned().map(|event| match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = rewrite(&dest_url);
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = rewrite(&dest_url);
                Event::Start(Tag::Image { link_type, dest_url, title, id })
            }
            event => event,
        });
        let mut markup = String::new();
        html::push_html(&mut markup, events);
        // Wide tables scroll by themselves.
        markup
            .replace("<table>", "<div class=\"scroll\"><table>")
            .replace("</table>", "</table></div>")
    }
}

/// The id of a heading, as code hosts form it.
fn slug(words: &str) -> String {
    let lower = words.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_mathml() {
        let document = Document::parse(
            "# E\n\nInline $x_i^2$ and\n\n$$\\frac{a}{b}$$\n\n```math\n\\dot x = -\\nabla E(x)\n```\n",
        );
        assert_eq!(document.problems, []);
        let html = document.html(|_| None);
        assert_eq!(html.matches("<math").count(), 3, "{html}");
        assert_eq!(html.matches("display=\"block\"").count(), 2, "{html}");
        assert!(
            html.contains("<mfrac>") && !html.contains('$') && !html.contains("<code"),
            "{html}"
        );
    }

    #[test]
    fn bad_formulas_are_named_with_their_line() {
        let document = Document::parse(
            "# E\n\ntext $\\frac{a}$\n\n```math\n\\nosuchcommand\n```\n\n$\\left( x$\n",
        );
        let lines: Vec<usize> = document.problems.iter().map(|p| p.0).collect();
        assert_eq!(lines, [3, 5, 9], "{:?}", document.problems);
        assert!(document.problems[0].1.starts_with("cannot render `\\frac{a}`: "));
    }

    #[test]
    fn headings_get_the_ids_of_code_hosts() {
        let document = Document::parse("# The `Energy` trait, in short\n\n## A\n\n## A\n");
        let anchors: Vec<&str> = document.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["a", "a-1", "the-energy-trait-in-short"]);
        assert_eq!(document.title("x"), "The Energy trait, in short");
        assert!(document.html(|_| None).contains("<h2 id=\"a-1\">"));
    }

    #[test]
    fn links_are_told_apart() {
        assert_eq!(Target::parse("https://a.org/b#c"), Target::Elsewhere);
        assert_eq!(Target::parse("mailto:a@b"), Target::Elsewhere);
        assert_eq!(Target::parse("#a"), Target::Here("a".into()));
        assert_eq!(Target::parse("a/b.md#c"), Target::File("a/b.md".into(), Some("c".into())));
        assert_eq!(Target::parse("a.md"), Target::File("a.md".into(), None));
    }

    #[test]
    fn fetched_pictures_and_scripts_are_problems() {
        let document = Document::parse("![x](https://a.org/b.png)\n\n<script>1</script>\n");
        assert_eq!(document.problems.len(), 2, "{:?}", document.problems);
    }
}
