//! `cargo xtask reproduce`: runs the registered claims and reports what was measured.

use std::any::Any;
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::{Arguments, Opt, Positional, Spec};
use crate::claim::{Claim, Figure, Settings};
use crate::claims;
use crate::console::{Column, say, table};
use crate::error::TaskError;
use crate::files;
use crate::machine::Machine;
use crate::report::{self, Report};

/// The command line of the task.
pub(crate) const SPEC: Spec = Spec {
    name: "reproduce",
    summary: "Measure every claim of the project and write a report",
    details: "\
Writes report.html (self-contained) and report.json. Exits with code 1 if a claim falls short.
Where no data directory is given, claims that can use one fall back to generated instances.",
    positionals: &[Positional {
        name: "FILTER",
        required: false,
        help: "Only claims whose id or crate contains this text",
    }],
    options: &[
        Opt {
            name: "--data",
            value: Some("DIR"),
            help: "Data files that are not part of the repository [default: $EBM_DATA]",
        },
        Opt {
            name: "--out",
            value: Some("DIR"),
            help: "Where to write the report [default: target/reproduce in the workspace]",
        },
        Opt { name: "--quick", value: None, help: "Smaller sizes, for a smoke test" },
    ],
};

/// What running a claim gave.
pub(crate) struct Outcome {
    /// The claim.
    pub(crate) claim: Claim,
    /// The measured figures, or why there are none.
    pub(crate) measured: String,
    /// Whether the target was met.
    pub(crate) pass: bool,
    /// Wall time.
    pub(crate) seconds: f64,
    /// Absent where the claim could not be measured.
    pub(crate) figure: Option<Figure>,
}

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let root = files::workspace_root();
    let chosen = select(claims::all(), arguments.positional(0).as_deref())?;
    let data = data_directory(arguments.path("--data"), env::var_os("EBM_DATA").map(Into::into))?;
    let settings = Settings { data, quick: arguments.flag("--quick") };
    let out = arguments.path("--out").unwrap_or_else(|| root.join("target/reproduce"));
    // Before the measurements, so that a wrong path costs no time.
    refuse_file(&out)?;
    files::create_directory(&out)?;

    let report = Report {
        machine: Machine::detect(&root),
        quick: settings.quick,
        outcomes: measure(chosen, &settings),
    };
    say(&summary(&report.outcomes));
    let (html, json) = (out.join("report.html"), out.join("report.json"));
    files::write(&json, &report::json::render(&report))?;
    files::write(&html, &report::html::render(&report))?;
    say(&format!("{}\n{}", html.display(), json.display()));

    let short = report.outcomes.iter().filter(|o| !o.pass).count();
    match short {
        0 => Ok(()),
        1 => Err(TaskError::Failed("1 claim falls short".into())),
        _ => Err(TaskError::Failed(format!("{short} claims fall short"))),
    }
}

/// The claims whose id or crate contains the filter.
fn select(claims: Vec<Claim>, filter: Option<&str>) -> Result<Vec<Claim>, TaskError> {
    let Some(filter) = filter else { return Ok(claims) };
    let ids: Vec<&str> = claims.iter().map(|c| c.id).collect();
    let (known, count) = (ids.join(", "), ids.len());
    let chosen: Vec<Claim> = claims
        .into_iter()
        .filter(|c| c.id.contains(filter) || c.crate_name.contains(filter))
        .collect();
    if chosen.is_empty() {
        let problem = format!("no claim matches `{filter}`; there are {count}: {known}");
        return Err(SPEC.error(problem).into());
    }
    Ok(chosen)
}

/// The data directory: the argument, else the environment (where an empty value means none).
fn data_directory(
    argument: Option<PathBuf>,
    environment: Option<PathBuf>,
) -> Result<Option<PathBuf>, TaskError> {
    let (directory, origin) = match (argument, environment) {
        (Some(directory), _) => (directory, "--data"),
        (None, Some(directory)) if !directory.as_os_str().is_empty() => (directory, "EBM_DATA"),
        _ => return Ok(None),
    };
    if directory.is_dir() {
        return Ok(Some(directory));
    }
    let shown = directory.display();
    Err(SPEC.error(format!("{origin} must name a directory, and `{shown}` is none")).into())
}

/// Refuses a directory for the report that is a file, or would lie below one.
fn refuse_file(out: &Path) -> Result<(), TaskError> {
    match out.ancestors().find(|path| path.exists()) {
        Some(file) if !file.is_dir() => {
            let shown = file.display();
            Err(SPEC.error(format!("--out must name a directory, and `{shown}` is a file")).into())
        }
        _ => Ok(()),
    }
}

/// Runs the claims one after the other, since each uses all threads itself.
fn measure(claims: Vec<Claim>, settings: &Settings) -> Vec<Outcome> {
    // Draws nothing where standard error is no terminal.
    let bar = ProgressBar::new(claims.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("[{elapsed}] {bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    let outcomes = claims
        .into_iter()
        .map(|claim| {
            bar.set_message(claim.id);
            let outcome = measure_one(claim, settings);
            bar.inc(1);
            outcome
        })
        .collect();
    bar.finish_and_clear();
    outcomes
}

/// Runs one claim; an error or a panic is a claim that falls short.
fn measure_one(claim: Claim, settings: &Settings) -> Outcome {
    let start = Instant::now();
    let result = catch(|| (claim.run)(settings));
    let seconds = start.elapsed().as_secs_f64();
    match result {
        Ok(Ok(finding)) => Outcome {
            claim,
            measured: finding.measured,
            pass: finding.pass,
            seconds,
            figure: Some(finding.figure),
        },
        Ok(Err(error)) => {
            let measured = format!("error: {error}");
            Outcome { claim, measured, pass: false, seconds, figure: None }
        }
        Err(message) => {
            let measured = format!("panic: {message}");
            Outcome { claim, measured, pass: false, seconds, figure: None }
        }
    }
}

/// The value of `f`, or the message and place of its panic. The usual panic message is not printed:
/// it would tear the progress bar, and the report carries it.
fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static MESSAGE: Mutex<Option<String>> = Mutex::new(None);
    let previous = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        let message = payload_text(info.payload()) + &place.unwrap_or_default();
        if let Ok(mut slot) = MESSAGE.lock() {
            *slot = Some(message);
        }
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    panic::set_hook(previous);
    let recorded = MESSAGE.lock().ok().and_then(|mut slot| slot.take());
    result.map_err(|payload| recorded.unwrap_or_else(|| payload_text(&*payload)))
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// One line for each claim, and the count.
fn summary(outcomes: &[Outcome]) -> String {
    let columns = [
        Column { title: "claim", max_width: 40, right: false },
        Column { title: "target", max_width: 40, right: false },
        Column { title: "measured", max_width: 48, right: false },
        Column { title: "", max_width: 5, right: false },
        Column { title: "seconds", max_width: 8, right: true },
    ];
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|o| {
            vec![
                o.claim.id.to_string(),
                o.claim.target.to_string(),
                o.measured.clone(),
                report::verdict(o.pass).to_string(),
                format!("{:.2}", o.seconds),
            ]
        })
        .collect();
    let seconds: f64 = outcomes.iter().map(|o| o.seconds).sum();
    let passed = outcomes.iter().filter(|o| o.pass).count();
    let total = outcomes.len();
    format!("{}\n{passed} of {total} claims pass, {seconds:.1} s", table(&columns, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn settings() -> Settings {
        Settings { data: None, quick: true }
    }

    #[test]
    fn the_filter_matches_id_and_crate() {
        let three = || vec![samples::passing(), samples::failing(), samples::panicking()];
        assert_eq!(select(three(), None).unwrap().len(), 3);
        assert_eq!(select(three(), Some("ebm-sample")).unwrap().len(), 3);
        assert_eq!(select(three(), Some("panic")).unwrap()[0].id, "sample/panicking");
        let error = select(three(), Some("nothing")).err().unwrap();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("no claim matches `nothing`; there are 3: sample/pass"));
    }

    #[test]
    fn errors_and_panics_are_claims_that_fall_short() {
        let claims = vec![samples::failing(), samples::panicking(), samples::passing()];
        let outcomes = measure(claims, &settings());
        assert_eq!(outcomes[0].measured, "error: no <data> & no luck");
        assert!(outcomes[1].measured.starts_with("panic: index 3 at xtask/src/report/mod.rs:"));
        assert!(!outcomes[0].pass && !outcomes[1].pass && outcomes[2].pass);
        let text = summary(&outcomes);
        assert!(text.contains("SHORT") && text.contains("1 of 3 claims pass"), "{text}");
    }

    #[test]
    fn the_data_directory_is_checked() {
        let here = files::workspace_root();
        assert_eq!(data_directory(None, None).unwrap(), None);
        assert_eq!(data_directory(None, Some("".into())).unwrap(), None);
        assert_eq!(data_directory(None, Some(here.clone())).unwrap(), Some(here.clone()));
        let both = data_directory(Some(here.clone()), Some("/nowhere".into()));
        assert_eq!(both.unwrap(), Some(here.clone()));
        let error = data_directory(Some(here.join("Cargo.toml")), None).unwrap_err();
        assert!(error.to_string().starts_with("--data must name a directory"), "{error}");
        assert!(data_directory(None, Some("/nowhere".into())).is_err());
    }

    #[test]
    fn a_file_is_no_place_for_the_report() {
        let file = files::workspace_root().join("Cargo.toml");
        for out in [file.clone(), file.join("below")] {
            let error = refuse_file(&out).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("Cargo.toml` is a file"), "{error}");
        }
        refuse_file(&files::workspace_root().join("not/there/yet")).unwrap();
    }

    #[test]
    fn ids_are_unique_and_name_their_crate() {
        let claims = claims::all();
        for (i, claim) in claims.iter().enumerate() {
            assert!(claims[..i].iter().all(|c| c.id != claim.id), "{} is there twice", claim.id);
            assert!(claim.crate_name.starts_with("ebm-"), "{}", claim.id);
            assert!(claim.id.contains('/'), "{}", claim.id);
        }
    }
}
