//! `cargo xtask tidy`: rules of the project that a machine can check.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::arguments::{Arguments, Spec};
use crate::claims;
use crate::console::say;
use crate::error::TaskError;
use crate::files;
use crate::process::not_started;

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "tidy",
    summary: "Check the project's rules on files, words, licences and data",
    details: "Looks at every file that git tracks or would track.",
    positionals: &[],
    options: &[],
};

/// A source file longer than this holds more than one concept.
const LONGEST_FILE: usize = 700;
/// Data in the repository, in bytes.
const MOST_DATA: u64 = 1_000_000;
/// Files with these endings, and those without, are text written by people.
const WRITTEN: [&str; 10] =
    ["rs", "md", "toml", "lock", "css", "py", "sh", "txt", "yml", "gitignore"];

/// Runs the task.
pub(crate) fn run(_: &Arguments) -> Result<(), TaskError> {
    check(&files::workspace_root())
}

/// Prints every violation.
///
/// # Errors
/// Where there is one, or where git cannot list the files.
pub(crate) fn check(root: &Path) -> Result<(), TaskError> {
    let paths = tracked(root)?;
    let mut violations = Vec::new();
    let mut data = 0;
    for path in &paths {
        // A tracked file may be deleted and not yet committed.
        let Ok(bytes) = fs::read(root.join(path)) else { continue };
        if !is_written(path) {
            data += bytes.len() as u64;
            continue;
        }
        match String::from_utf8(bytes) {
            Ok(text) => check_text(path, &text, &mut violations),
            Err(error) => {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + valid.iter().filter(|b| **b == b'\n').count();
                violations.push(Violation::new(path, line, "not UTF-8"));
            }
        }
    }
    if data > MOST_DATA {
        let message = format!("{data} bytes of data are tracked, {MOST_DATA} are allowed");
        violations.push(Violation::new(".", 0, message));
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !paths.iter().any(|p| p == licence) {
            violations.push(Violation::new(licence, 0, "the licence text is missing"));
        }
    }
    check_changelog(&fs::read_to_string(root.join("CHANGELOG.md")).ok(), &mut violations);
    let registry = files::read(&root.join("xtask/src/claims/mod.rs"))?;
    let ids: Vec<&str> = claims::all().iter().map(|c| c.id).collect();
    check_claims(&paths, &registry, &ids, &mut violations);

    for violation in &violations {
        say(&violation.to_string());
    }
    match violations.len() {
        0 => {
            say(&format!("{} files are tidy", paths.len()));
            Ok(())
        }
        1 => Err(TaskError::Failed("1 rule is broken".into())),
        n => Err(TaskError::Failed(format!("{n} rules are broken"))),
    }
}

/// A broken rule and where.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    /// Counted from 1; 0 for the whole file.
    line: usize,
    message: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Files that git tracks or would, relative to the root, with `/` between folders.
fn tracked(root: &Path) -> Result<Vec<String>, TaskError> {
    let mut command = Command::new("git");
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    command.args(arguments).current_dir(root);
    let output = command.output().map_err(|source| not_started(&command, source))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(TaskError::Failed(format!("git cannot list the files: {}", message.trim())));
    }
    let list = String::from_utf8_lossy(&output.stdout);
    Ok(list.split('\0').filter(|p| !p.is_empty()).map(str::to_string).collect())
}

fn is_written(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_none_or(|(_, ending)| WRITTEN.contains(&ending))
}

/// Rules for one file.
fn check_text(path: &str, text: &str, violations: &mut Vec<Violation>) {
    let mut add = |line, message: String| violations.push(Violation::new(path, line, message));
    let rust = path.ends_with(".rs");
    if rust {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            add(0, format!("{lines} lines; split files of more than {LONGEST_FILE} by concept"));
        }
        if !text.starts_with("//!") {
            add(1, "begin with `//!` and say what the file is about".into());
        }
    }
    let generated = path.ends_with(".lock");
    let licence = path.starts_with("LICENSE");
    for (i, line) in text.lines().enumerate() {
        let n = i + 1;
        if line.trim_end() != line {
            add(n, "trailing whitespace".into());
        }
        if generated || licence {
            continue;
        }
        for word in forbidden_words() {
            if holds_word(line, word) {
                add(n, format!("`{word}` does not belong in the repository"));
            }
        }
        for place in forbidden_places() {
            if holds_path(line, place) {
                add(n, format!("`{place}` is a path of one machine"));
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        add(text.lines().count(), "the last line does not end".into());
    }
    if path.ends_with("Cargo.toml") && text.contains("[package]") {
        for key in ["license", "description", "edition", "rust-version"] {
            let has = |line: &str| {
                line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
            };
            if !text.lines().any(has) {
                add(0, format!("the package states no `{key}`"));
            }
        }
        if !text.contains("[lints]") {
            add(0, "the package does not take the workspace's lints".into());
        }
    }
}

/// Put together here so that this file does not hold them.
fn forbidden_words() -> [&'static str; 8] {
    [
        concat!("to", "do!"),
        concat!("db", "g!"),
        concat!("unimple", "mented!"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("simplified", " version"),
        concat!("for", " now"),
        concat!("#[ign", "ore"),
    ]
}

fn forbidden_places() -> [&'static str; 3] {
    [concat!("/wo", "rk"), concat!("/t", "mp"), concat!("/ho", "me")]
}

/// Whether the line holds the word, not as a part of a longer one.
fn holds_word(line: &str, word: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let joined = word.ends_with(char::is_alphanumeric) && inner(after.chars().next());
        !inner(before.chars().next_back()) && !joined
    })
}

/// Whether the line holds the absolute path or one below it.
fn holds_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + place.len()..].chars().next();
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && !"/._-~$}*".contains(c));
        let ends = after.is_none_or(|c| !c.is_alphanumeric() && !"_-.".contains(c));
        starts && ends
    })
}

fn check_changelog(text: &Option<String>, violations: &mut Vec<Violation>) {
    let unreleased = |t: &String| t.lines().any(|line| line.starts_with("## [Unreleased]"));
    if !text.as_ref().is_some_and(unreleased) {
        violations.push(Violation::new("CHANGELOG.md", 0, "there is no section `## [Unreleased]`"));
    }
}

/// Ids are unique, and every file in `claims/` is registered.
fn check_claims(paths: &[String], registry: &str, ids: &[&str], violations: &mut Vec<Violation>) {
    const REGISTRY: &str = "xtask/src/claims/mod.rs";
    for (i, id) in ids.iter().enumerate() {
        if ids[..i].contains(id) {
            violations.push(Violation::new(
                REGISTRY,
                0,
                format!("the claim `{id}` is there twice"),
            ));
        }
    }
    for path in paths {
        let Some(name) = path.strip_prefix("xtask/src/claims/").and_then(|p| p.strip_suffix(".rs"))
        else {
            continue;
        };
        if name != "mod" && !name.contains('/') && !registry.contains(&format!("mod {name};")) {
            violations.push(Violation::new(path, 0, "the file is not listed in mod.rs"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let mut violations = Vec::new();
        check_text(path, text, &mut violations);
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_file_has_no_violation() {
        assert_eq!(messages("a/src/b.rs", "//! Text.\n\nfn f() {}\n"), [""; 0]);
        assert_eq!(messages("docs/a.md", "# Title\n"), [""; 0]);
    }

    #[test]
    fn files_say_what_they_are_and_end() {
        assert_eq!(
            messages("b.rs", "fn f() {}"),
            [
                "b.rs:1: begin with `//!` and say what the file is about",
                "b.rs:1: the last line does not end"
            ]
        );
        let long = "//! Text.\n".repeat(LONGEST_FILE + 1);
        assert!(messages("b.rs", &long)[0].starts_with("b.rs: 701 lines"));
        assert_eq!(messages("b.md", "a \nb\t\n").len(), 2);
    }

    #[test]
    fn words_are_found_where_they_are_words() {
        for word in forbidden_words() {
            let found = messages("a.md", &format!("one\n`{word}` two\n"));
            assert_eq!(found, [format!("a.md:2: `{word}` does not belong in the repository")]);
            assert_eq!(messages("a.md", &format!("x{word}\n")), [""; 0]);
        }
        let nowhere = format!("{}here\n", concat!("for", " now"));
        assert_eq!(messages("a.md", &nowhere), [""; 0]);
    }

    #[test]
    fn machine_paths_are_found_and_others_are_not() {
        for place in forbidden_places() {
            for line in [place.to_string(), format!("in \"{place}/x\""), format!("`{place}`,")] {
                assert_eq!(messages("a.md", &format!("{line}\n")).len(), 1, "{line}");
            }
            for line in
                [format!("target{place}"), format!("{place}shop"), format!("https://a.org{place}/")]
            {
                assert_eq!(messages("a.md", &format!("{line}\n")), [""; 0], "{line}");
            }
        }
    }

    #[test]
    fn manifests_state_their_licence() {
        let good = "[package]\nname = \"a\"\nlicense.workspace = true\ndescription = \"x\"\n\
                    edition.workspace = true\nrust-version.workspace = true\n[lints]\nworkspace = true\n";
        assert_eq!(messages("a/Cargo.toml", good), [""; 0]);
        let bad = good.replace("license.workspace = true\n", "license-file = \"x\"\n");
        assert_eq!(
            messages("a/Cargo.toml", &bad),
            ["a/Cargo.toml: the package states no `license`"]
        );
    }

    #[test]
    fn claims_are_unique_and_listed() {
        let mut violations = Vec::new();
        let paths = ["xtask/src/claims/mod.rs", "xtask/src/claims/a.rs", "xtask/src/claims/b.rs"];
        check_claims(&paths.map(String::from), "mod a;\n", &["x/a", "x/b", "x/a"], &mut violations);
        let found: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "xtask/src/claims/mod.rs: the claim `x/a` is there twice",
                "xtask/src/claims/b.rs: the file is not listed in mod.rs"
            ]
        );
    }

    #[test]
    fn a_changelog_has_an_unreleased_section() {
        let mut violations = Vec::new();
        check_changelog(&Some("# Changelog\n\n## [Unreleased]\n".into()), &mut violations);
        assert_eq!(violations, []);
        check_changelog(&None, &mut violations);
        check_changelog(&Some("## 1.0\n".into()), &mut violations);
        assert_eq!(violations.len(), 2);
    }

    #[test]
    fn data_is_told_from_text() {
        for path in ["a.rs", ".ci/run", "LICENSE-MIT", ".gitignore", "b/Cargo.toml"] {
            assert!(is_written(path), "{path}");
        }
        for path in ["digits.csv", "a/b.csv.gz", "benches/record/x.json"] {
            assert!(!is_written(path), "{path}");
        }
    }
}
