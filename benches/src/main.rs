//! Benchmarks of the workspace, for `cargo xtask bench`.
//!
//! ```text
//! ebm-bench list                       one JSON object a line: id, claim
//! ebm-bench run [FILTER] [--quick]     one JSON object a line as each finishes
//! ```
//!
//! Every benchmark states a claim as a ratio of two timings taken side by side,
//! which a slower or busier machine changes little; absolute times are printed
//! for orientation. A missed target is a result, not a failure of the program.

mod benchmark;
mod definitions;
mod graph;
mod measure;
mod python;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use benchmark::Settings;

const USAGE: &str = "usage: ebm-bench list | ebm-bench run [FILTER] [--quick]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["list"] => list(),
        ["run", rest @ ..] => match parse(rest) {
            Some((filter, settings)) => run(filter, &settings),
            None => return refuse(USAGE, 2),
        },
        _ => return refuse(USAGE, 2),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("error: {error}"), 1),
    }
}

fn refuse(message: &str, code: u8) -> ExitCode {
    // Nothing is left to do if even this cannot be written.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(code)
}

/// At most one filter; any number of `--quick`.
fn parse<'a>(arguments: &[&'a str]) -> Option<(&'a str, Settings)> {
    let (mut filter, mut settings) = (None, Settings { quick: false });
    for argument in arguments {
        match *argument {
            "--quick" => settings.quick = true,
            flag if flag.starts_with('-') => return None,
            text if filter.is_none() => filter = Some(text),
            _ => return None,
        }
    }
    Some((filter.unwrap_or(""), settings))
}

fn list() -> Result<(), Box<dyn Error>> {
    for benchmark in definitions::all() {
        writeln!(io::stdout(), "{}", benchmark.describe())?;
    }
    Ok(())
}

fn run(filter: &str, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let chosen = definitions::all().into_iter().filter(|b| b.id.contains(filter));
    let mut any = false;
    for benchmark in chosen {
        any = true;
        let findings = (benchmark.run)(settings)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", benchmark.report(&findings))?;
        out.flush()?;
    }
    if any { Ok(()) } else { Err(format!("no benchmark matches `{filter}`").into()) }
}
