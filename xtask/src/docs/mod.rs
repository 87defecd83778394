//! `cargo xtask docs`: the reference by rustdoc, and the guide as HTML pages with formulas.

mod markdown;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::{Arguments, Spec};
use crate::console::say;
use crate::docs::markdown::{Document, Target};
use crate::error::TaskError;
use crate::files;
use crate::page::{escape, page};
use crate::process;

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "docs",
    summary: "Build the reference and the guide, with every warning an error",
    details: "\
The reference goes to target/doc, the guide (README.md and docs/**/*.md) to target/docs, with
formulas as MathML. Broken links and formulas that cannot be rendered are errors.",
    positionals: &[],
    options: &[],
};

/// Where the pages go, seen from the root of the workspace.
const OUT: &str = "target/docs";

/// The document that lists the chapters.
const INDEX: &str = "docs/guide/README.md";

/// Runs the task.
pub(crate) fn run(_: &Arguments) -> Result<(), TaskError> {
    build(&files::workspace_root())
}

/// Builds both.
///
/// # Errors
/// Where rustdoc warns, a formula cannot be rendered or a link leads nowhere.
pub(crate) fn build(root: &Path) -> Result<(), TaskError> {
    let guide = Guide::read(root)?;
    let problems = guide.problems(root);
    if !problems.is_empty() {
        problems.iter().for_each(|problem| say(problem));
        return Err(TaskError::Failed(format!("{} problems in the guide", problems.len())));
    }
    guide.write(root)?;
    say(&format!("{} pages in {}", guide.0.len(), root.join(OUT).display()));
    let mut rustdoc = process::cargo(root, &["doc", "--workspace", "--no-deps"]);
    rustdoc.env("RUSTDOCFLAGS", "-D warnings");
    process::run(rustdoc)
}

/// The documents, by their path from the root, with `/` between folders.
struct Guide(BTreeMap<String, Document>);

impl Guide {
    fn read(root: &Path) -> Result<Self, TaskError> {
        let mut paths = vec![];
        for single in ["README.md", "CHANGELOG.md"] {
            if root.join(single).is_file() {
                paths.push(PathBuf::from(single));
            }
        }
        if root.join("docs").is_dir() {
            collect(root, Path::new("docs"), &mut paths)?;
        }
        let mut documents = BTreeMap::new();
        for path in paths {
            let text = files::read(&root.join(&path))?;
            documents.insert(with_slashes(&path), Document::parse(&text));
        }
        Ok(Self(documents))
    }

    /// Everything wrong, each as `file:line: what`.
    fn problems(&self, root: &Path) -> Vec<String> {
        let mut problems = vec![];
        for (path, document) in &self.0 {
            let mut add = |line: usize, what: &str| problems.push(format!("{path}:{line}: {what}"));
            for (line, what) in &document.problems {
                add(*line, what);
            }
            for link in &document.links {
                if let Err(what) = self.check(root, path, &link.target) {
                    add(link.line, &what);
                }
            }
        }
        problems
    }

    fn check(&self, root: &Path, from: &str, target: &Target) -> Result<(), String> {
        let (path, anchor) = match target {
            Target::Elsewhere => return Ok(()),
            Target::Here(anchor) => (from.to_string(), Some(anchor)),
            Target::File(path, anchor) => {
                let resolved = resolve(from, path);
                let resolved = resolved.ok_or(format!("`{path}` lies outside the repository"))?;
                (resolved, anchor.as_ref())
            }
        };
        if !root.join(&path).exists() {
            return Err(format!("`{path}` does not exist"));
        }
        match (anchor, self.0.get(&path)) {
            (Some(anchor), Some(document)) if !document.anchors.contains(anchor) => {
                Err(format!("`{path}` has no heading `#{anchor}`"))
            }
            _ => Ok(()),
        }
    }

    /// The paths in the order of reading: the README, what [`INDEX`] links to in its order, other
    /// documents, the changes.
    fn order(&self) -> Vec<&String> {
        let mut listed: Vec<String> = vec!["README.md".into(), INDEX.into()];
        for link in self.0.get(INDEX).map_or(&[][..], |index| &index.links[..]) {
            if let Target::File(path, _) = &link.target {
                listed.extend(resolve(INDEX, path));
            }
        }
        let rank = |path: &String| {
            let place = listed.iter().position(|other| other == path).unwrap_or(listed.len());
            (path == "CHANGELOG.md", place)
        };
        let mut order: Vec<&String> = self.0.keys().collect();
        order.sort_by_key(|path| rank(path));
        order
    }

    fn write(&self, root: &Path) -> Result<(), TaskError> {
        let out = root.join(OUT);
        let order = self.order();
        for (k, path) in order.iter().enumerate() {
            let document = &self.0[*path];
            let here = page_of(path);
            let link = |to: &str| relative(&here, to);
            let entries: String = order
                .iter()
                .map(|other| {
                    let current = if other == path { " aria-current=\"page\"" } else { "" };
                    let title = escape(self.0[*other].title(other));
                    format!("<a href=\"{}\"{current}>{title}</a>\n", link(&page_of(other)))
                })
                .collect();
            let crates = link("../doc/ebm_core/index.html");
            let next = order.get(k + 1).map_or(String::new(), |next| {
                let title = escape(self.0[*next].title(next));
                format!(
                    "<p class=\"next\">Next: <a href=\"{}\">{title}</a></p>\n",
                    link(&page_of(next))
                )
            });
            let content = document.html(|target| self.href(root, path, target));
            let body = format!(
                "<nav class=\"pages\">\n{entries}<a href=\"{crates}\">Reference</a>\n</nav>\n\
                 <main class=\"prose\">\n{content}</main>\n{next}"
            );
            let file = out.join(&here);
            files::create_directory(file.parent().unwrap_or(&out))?;
            files::write(&file, &page(&format!("{} · ebm", document.title(path)), &body))?;
        }
        Ok(())
    }

    /// Where a link leads from the written page; files that are no pages stay where they are.
    fn href(&self, root: &Path, from: &str, target: &Target) -> Option<String> {
        let Target::File(path, anchor) = target else { return None };
        let resolved = resolve(from, path)?;
        let anchor = anchor.as_ref().map_or(String::new(), |anchor| format!("#{anchor}"));
        let to = match self.0.contains_key(&resolved) {
            true => page_of(&resolved),
            false if root.join(&resolved).is_dir() => format!("../../{resolved}/"),
            false => format!("../../{resolved}"),
        };
        Some(relative(&page_of(from), &to) + &anchor)
    }
}

fn collect(root: &Path, directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), TaskError> {
    let full = root.join(directory);
    let failed = |source| TaskError::File { action: "list", path: full.clone(), source };
    for entry in fs::read_dir(&full).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let path = directory.join(name);
        if root.join(&path).is_dir() {
            collect(root, &path, paths)?;
        } else if path.extension().is_some_and(|e| e == "md") {
            paths.push(path);
        }
    }
    Ok(())
}

fn with_slashes(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The page of a document, seen from the output directory.
fn page_of(path: &str) -> String {
    if path == "README.md" {
        return "index.html".into();
    }
    let inner = path.strip_prefix("docs/").unwrap_or(path);
    inner.strip_suffix(".md").unwrap_or(inner).to_string() + ".html"
}

/// The path that `link` means in the document `from`, both seen from the root.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The link from one page to another, both seen from the output directory.
fn relative(from: &str, to: &str) -> String {
    "../".repeat(from.matches('/').count()) + to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_of_this_workspace_has_no_problems() {
        let root = files::workspace_root();
        let guide = Guide::read(&root).unwrap();
        assert_eq!(guide.problems(&root), [""; 0]);
    }

    #[test]
    fn paths_are_resolved_from_the_document() {
        assert_eq!(resolve("docs/guide/a.md", "../b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(resolve("README.md", "./docs/").as_deref(), Some("docs"));
        assert_eq!(resolve("README.md", "../x"), None);
        assert_eq!(page_of("docs/guide/a.md"), "guide/a.html");
        assert_eq!(relative("guide/a.html", "index.html"), "../index.html");
    }

    #[test]
    fn broken_links_are_named_with_their_line() {
        let root = files::workspace_root();
        let text = "# A b\n\n[good](#a-b) [bad](#c)\n\n[gone](gone.md) [root](../Cargo.toml)\n\
                    [out](../../x) [web](https://example.org)\n";
        let guide = Guide(BTreeMap::from([("docs/a.md".to_string(), Document::parse(text))]));
        // The document itself is not on disk, so that links to it would fail: give it one that is.
        let problems = guide.problems(&root);
        assert_eq!(
            problems[problems.len() - 2..],
            [
                "docs/a.md:5: `docs/gone.md` does not exist",
                "docs/a.md:6: `../../x` lies outside the repository"
            ]
        );
        let guide = Guide(BTreeMap::from([("Cargo.toml".to_string(), Document::parse(text))]));
        assert!(
            guide
                .problems(&root)
                .contains(&"Cargo.toml:3: `Cargo.toml` has no heading `#c`".into())
        );
    }

    #[test]
    fn chapters_come_in_the_order_of_the_index() {
        let page = |path: &str, text| (path.to_string(), Document::parse(text));
        let guide = Guide(BTreeMap::from([
            page("CHANGELOG.md", "# Changes"),
            page("README.md", "# Project"),
            page("docs/a.md", "# Unlisted"),
            page("docs/b.md", "# B"),
            page("docs/guide/c.md", "# C"),
            page("docs/guide/z.md", "# Z"),
            page(INDEX, "# Guide\n\n1. [Z](z.md#z)\n2. [C](c.md)\n\n[B](../b.md)\n"),
        ]));
        let order = ["README.md", INDEX, "docs/guide/z.md", "docs/guide/c.md", "docs/b.md"];
        assert_eq!(guide.order(), [&order[..], &["docs/a.md", "CHANGELOG.md"]].concat());
    }

    #[test]
    fn links_between_documents_become_links_between_pages() {
        let root = files::workspace_root();
        let guide = Guide(BTreeMap::from([
            (
                "docs/guide/a.md".to_string(),
                Document::parse("# A\n\n[b](../b.md#x) [c](../../Cargo.toml)\n"),
            ),
            ("docs/b.md".to_string(), Document::parse("# B\n\n## x\n")),
        ]));
        let a = &guide.0["docs/guide/a.md"];
        let html = a.html(|target| guide.href(&root, "docs/guide/a.md", target));
        assert!(html.contains("href=\"../b.html#x\""), "{html}");
        assert!(html.contains("href=\"../../../Cargo.toml\""), "{html}");
    }
}
