//! `cargo xtask instance lift`.

use ebm_optim::formats::solution::{self, Layout};
use ebm_optim::{FieldFree, Instance, Model, Reduction};

use super::{DETAILS, FROM, MODEL, failed, positional_path, read};
use crate::arguments::{Arguments, Positional, Spec};
use crate::console::say;
use crate::error::TaskError;

/// The command line.
pub(crate) const SPEC: Spec = Spec {
    name: "instance lift",
    summary: "Extend a solution of a reduced file to the original",
    details: DETAILS,
    positionals: &[
        Positional { name: "IN", required: true, help: "Instance that was reduced" },
        Positional {
            name: "SOLUTION",
            required: true,
            help: "Solution of the file that `instance reduce IN` wrote, in any format",
        },
        Positional { name: "OUT", required: true, help: "File for the solution of IN" },
    ],
    options: &[FROM, MODEL],
};

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let (instance, _) = read(&SPEC, arguments)?;
    let (source, out) = (positional_path(arguments, 1), positional_path(arguments, 2));
    let reduction = Reduction::new(&instance.to_ising().map_err(failed)?);
    let Some(kernel) = reduction.kernel() else {
        let shown = positional_path(arguments, 0);
        return Err(TaskError::Failed(format!(
            "nothing is left of {0} to be solved; `cargo xtask solve {0}` gives its optimum",
            shown.display()
        )));
    };
    // In a file without fields one more node, the last, stands for them.
    let free = FieldFree::of(kernel).map_err(failed)?;
    let with_ancilla = free.ancilla.and_then(|_| solution::read(&source, free.ising.spins()).ok());
    let spins = match with_ancilla {
        Some(spins) => free.lift(&spins).map_err(failed)?,
        None => solution::read(&source, kernel.spins()).map_err(failed)?,
    };
    let spins = reduction.lift(&spins).map_err(failed)?;
    solution::write(&out, &spins, &Layout::default()).map_err(failed)?;
    let value = instance.value(&spins).map_err(failed)?;
    say(&format!("{}: {} {value}", out.display(), objective(&instance)));
    Ok(())
}

fn objective(instance: &Instance) -> &'static str {
    match instance.model() {
        Model::Graph => "cut",
        Model::Ising => "energy",
        Model::Qubo => "value",
    }
}
