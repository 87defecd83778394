//! The frame of every HTML page written here: inline style, no scripts, nothing fetched.

/// Colors, type and layout, for light and dark and for narrow screens.
const STYLE: &str = include_str!("page.css");

/// The rules of [`STYLE`] that drawings need: colors, and what is inside `svg`.
pub(crate) fn drawing_style() -> String {
    let colors = STYLE.split("* {").next().unwrap_or_default();
    let rules = STYLE.lines().filter(|line| line.starts_with("svg "));
    rules.fold(colors.to_string(), |style, line| style + line + "\n")
}

/// A complete page; `body` is markup, `title` is text.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

/// Text as markup, for element content and quoted attributes. Characters that no markup may hold
/// become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::assert_well_formed;

    #[test]
    fn markup_in_text_is_inert() {
        assert_eq!(
            escape("a<b> & \"c\" 'd' ≤\u{0}"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; ≤\u{fffd}"
        );
    }

    #[test]
    fn a_page_is_self_contained() {
        let page = page("<title>", "<p>text</p>\n");
        assert_well_formed(&page);
        for fetched in ["http:", "https:", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(fetched), "{fetched}");
        }
    }
}
