//! Command-line arguments of a task: declared once, parsed and explained from the same table.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a task accepts.
pub(crate) struct Spec {
    /// As typed after `cargo xtask`, such as `bench run`.
    pub(crate) name: &'static str,
    /// One line for the list of tasks.
    pub(crate) summary: &'static str,
    /// Further paragraphs of `--help`; may be empty.
    pub(crate) details: &'static str,
    /// In the order they are typed.
    pub(crate) positionals: &'static [Positional],
    /// Named options, typed anywhere.
    pub(crate) options: &'static [Opt],
}

/// An argument known by its place.
pub(crate) struct Positional {
    /// Upper case, as shown in the usage line.
    pub(crate) name: &'static str,
    /// Whether the task needs it.
    pub(crate) required: bool,
    /// One line for `--help`.
    pub(crate) help: &'static str,
}

/// An argument known by its name.
pub(crate) struct Opt {
    /// With its dashes, such as `--out`.
    pub(crate) name: &'static str,
    /// What its value is called, or `None` for a flag.
    pub(crate) value: Option<&'static str>,
    /// One line for `--help`.
    pub(crate) help: &'static str,
}

/// Arguments that fit their [`Spec`].
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    positionals: Vec<OsString>,
    options: Vec<(&'static str, OsString)>,
}

/// What a command line asked for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Explain the task and do nothing.
    Help,
    /// Run it.
    Run(Arguments),
}

/// A command line that does not fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\nUsage: {usage}\nSee `cargo xtask {task} --help`.")]
pub(crate) struct UsageError {
    task: &'static str,
    problem: String,
    usage: String,
}

impl Spec {
    /// Reads a command line; `--help` or `-h` anywhere before `--` wins.
    ///
    /// # Errors
    /// [`UsageError`] names the first argument that is unknown, repeated, superfluous or missing.
    pub(crate) fn parse(&self, arguments: &[OsString]) -> Result<Parsed, UsageError> {
        let before_dashes = arguments.iter().take_while(|a| *a != "--");
        if before_dashes.into_iter().any(|a| a == "--help" || a == "-h") {
            return Ok(Parsed::Help);
        }
        let mut parsed = Arguments::default();
        let mut rest = arguments.iter();
        let mut options_end = false;
        while let Some(argument) = rest.next() {
            let text = argument.to_string_lossy();
            if options_end || text == "-" || !text.starts_with('-') {
                if parsed.positionals.len() == self.positionals.len() {
                    return Err(self.error(format!("unexpected argument `{text}`")));
                }
                parsed.positionals.push(argument.clone());
                continue;
            }
            if text == "--" {
                options_end = true;
                continue;
            }
            let (name, inline) = split_value(argument);
            let Some(option) = self.options.iter().find(|o| name == o.name) else {
                let name = name.to_string_lossy();
                return Err(self.error(format!("unknown option `{name}`")));
            };
            if parsed.value(option.name).is_some() {
                return Err(self.error(format!("option `{}` is given twice", option.name)));
            }
            let value = match (option.value, inline) {
                (None, None) => OsString::new(),
                (None, Some(_)) => {
                    return Err(self.error(format!("option `{}` takes no value", option.name)));
                }
                (Some(_), Some(value)) if !value.is_empty() => value,
                (Some(kind), Some(_)) => return Err(self.missing_value(option.name, kind)),
                (Some(kind), None) => match rest.next() {
                    Some(v) if !v.is_empty() && !v.to_string_lossy().starts_with("--") => v.clone(),
                    _ => return Err(self.missing_value(option.name, kind)),
                },
            };
            parsed.options.push((option.name, value));
        }
        match self.positionals.get(parsed.positionals.len()) {
            Some(next) if next.required => Err(self.error(format!("missing {}", next.name))),
            _ => Ok(Parsed::Run(parsed)),
        }
    }

    /// A usage error of this task.
    pub(crate) fn error(&self, problem: String) -> UsageError {
        UsageError { task: self.name, problem, usage: self.usage() }
    }

    fn missing_value(&self, option: &str, kind: &str) -> UsageError {
        self.error(format!("option `{option}` needs a value {kind}"))
    }

    fn usage(&self) -> String {
        let mut usage = format!("cargo xtask {}", self.name);
        for p in self.positionals {
            let (open, close) = if p.required { ("", "") } else { ("[", "]") };
            let _ = write!(usage, " {open}{}{close}", p.name);
        }
        for o in self.options {
            let _ = match o.value {
                Some(value) => write!(usage, " [{} {value}]", o.name),
                None => write!(usage, " [{}]", o.name),
            };
        }
        usage
    }

    /// The text of `--help`.
    pub(crate) fn help(&self) -> String {
        let mut help = format!("{}\n\nUsage: {}\n", self.summary, self.usage());
        if !self.details.is_empty() {
            let _ = write!(help, "\n{}\n", self.details.trim());
        }
        let positionals = self.positionals.iter().map(|p| (p.name.to_string(), p.help));
        let options = self.options.iter().map(|o| match o.value {
            Some(value) => (format!("{} {value}", o.name), o.help),
            None => (o.name.to_string(), o.help),
        });
        let mut rows: Vec<(String, &str)> = positionals.chain(options).collect();
        rows.push(("-h, --help".into(), "Print this text"));
        let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
        help.push_str("\nArguments:\n");
        for (left, right) in rows {
            let _ = writeln!(help, "  {left:width$}  {right}");
        }
        help
    }
}

impl Arguments {
    /// Whether a flag was given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&OsStr> {
        self.options.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_os_str())
    }

    /// The value of an option that is a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    /// The positional argument at `index` as a path.
    pub(crate) fn positional_path(&self, index: usize) -> Option<PathBuf> {
        self.positionals.get(index).map(PathBuf::from)
    }

    /// The positional argument at `index` as text.
    pub(crate) fn positional(&self, index: usize) -> Option<String> {
        self.positionals.get(index).map(|p| p.to_string_lossy().into_owned())
    }
}

/// Splits `--name=value`, keeping bytes that are not text.
fn split_value(argument: &OsStr) -> (OsString, Option<OsString>) {
    let bytes = argument.as_encoded_bytes();
    match bytes.iter().position(|&b| b == b'=') {
        None => (argument.to_os_string(), None),
        Some(at) => {
            // Cutting at an ASCII character keeps both halves valid text where the whole is; other
            // bytes only occur in values, which a lossless conversion carries on platforms where
            // paths are bytes.
            (os_string(&bytes[..at]), Some(os_string(&bytes[at + 1..])))
        }
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(bytes).to_os_string()
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        name: "sample",
        summary: "Does a thing",
        details: "",
        positionals: &[
            Positional { name: "FILTER", required: true, help: "what" },
            Positional { name: "MORE", required: false, help: "more" },
        ],
        options: &[
            Opt { name: "--out", value: Some("DIR"), help: "where" },
            Opt { name: "--quick", value: None, help: "fast" },
        ],
    };

    fn parse(line: &[&str]) -> Result<Parsed, UsageError> {
        SPEC.parse(&line.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn problem(line: &[&str]) -> String {
        parse(line).unwrap_err().problem
    }

    #[test]
    fn options_and_positionals_mix() {
        for line in [["a", "--out", "d", "--quick"].as_slice(), &["--quick", "--out=d", "a"]] {
            let Ok(Parsed::Run(arguments)) = parse(line) else { panic!("{line:?}") };
            assert_eq!(arguments.positional(0).as_deref(), Some("a"));
            assert_eq!(arguments.positional(1), None);
            assert_eq!(arguments.path("--out"), Some(PathBuf::from("d")));
            assert!(arguments.flag("--quick"));
        }
    }

    #[test]
    fn dashes_end_the_options() {
        let Ok(Parsed::Run(arguments)) = parse(&["--", "--quick"]) else { panic!() };
        assert_eq!(arguments.positional(0).as_deref(), Some("--quick"));
        assert!(!arguments.flag("--quick"));
    }

    #[test]
    fn errors_name_the_argument() {
        assert_eq!(problem(&["a", "--fast"]), "unknown option `--fast`");
        assert_eq!(problem(&["a", "-x"]), "unknown option `-x`");
        assert_eq!(problem(&["a", "--fast=3"]), "unknown option `--fast`");
        assert_eq!(problem(&["a", "--out"]), "option `--out` needs a value DIR");
        assert_eq!(problem(&["a", "--out="]), "option `--out` needs a value DIR");
        assert_eq!(problem(&["a", "--out", "--quick"]), "option `--out` needs a value DIR");
        assert_eq!(problem(&["a", "--quick=1"]), "option `--quick` takes no value");
        assert_eq!(problem(&["a", "--quick", "--quick"]), "option `--quick` is given twice");
        assert_eq!(problem(&["a", "b", "c"]), "unexpected argument `c`");
        assert_eq!(problem(&[]), "missing FILTER");
    }

    #[test]
    fn help_wins_and_lists_everything() {
        assert!(matches!(parse(&["--nonsense", "-h"]), Ok(Parsed::Help)));
        let help = SPEC.help();
        assert!(help.contains("Usage: cargo xtask sample FILTER [MORE] [--out DIR] [--quick]"));
        for word in ["where", "fast", "more", "--help"] {
            assert!(help.contains(word), "{word} is not in\n{help}");
        }
    }
}
