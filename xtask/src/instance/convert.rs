//! `cargo xtask instance convert`.

use ebm_optim::Model;

use super::{DETAILS, FROM, MODEL, TO, failed, parsed, positional_path, read, write};
use crate::arguments::{Arguments, Opt, Positional, Spec};
use crate::console::say;
use crate::error::TaskError;

/// The command line.
pub(crate) const SPEC: Spec = Spec {
    name: "instance convert",
    summary: "Write an instance file in another format",
    details: DETAILS,
    positionals: &[
        Positional { name: "IN", required: true, help: "Instance to read" },
        Positional { name: "OUT", required: true, help: "File to write or replace" },
    ],
    options: &[
        FROM,
        MODEL,
        TO,
        Opt { name: "--as", value: Some("MODEL"), help: "Form to change to before writing" },
    ],
};

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    // Wrong options are told before a large file is read.
    let form: Option<Model> = parsed(&SPEC, arguments, "--as")?;
    parsed::<ebm_optim::formats::Format>(&SPEC, arguments, TO.name)?;
    let (mut instance, _) = read(&SPEC, arguments)?;
    let mut notes = vec![];
    if let Some(model) = form {
        if model == Model::Graph {
            let form = instance.to_max_cut().map_err(failed)?;
            if form.ancilla.is_some() {
                notes.push("the last node stands for the fields".to_owned());
            }
            if form.offset != 0.0 {
                notes.push(format!("add {} to the energies of the graph", form.offset));
            }
        }
        instance = instance.to_model(model).map_err(failed)?;
    }
    let (_, line) = write(&SPEC, arguments, &positional_path(arguments, 1), &instance)?;
    say(&line);
    for note in notes {
        say(&note);
    }
    Ok(())
}
