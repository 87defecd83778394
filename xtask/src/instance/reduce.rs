//! `cargo xtask instance reduce`.

use ebm_optim::{Instance, Reduction};

use super::{DETAILS, FROM, MODEL, TO, failed, parsed, positional_path, read, write};
use crate::arguments::{Arguments, Positional, Spec};
use crate::console::say;
use crate::error::TaskError;

/// The command line.
pub(crate) const SPEC: Spec = Spec {
    name: "instance reduce",
    summary: "Remove what can be decided exactly and write the rest",
    details: DETAILS,
    positionals: &[
        Positional { name: "IN", required: true, help: "Instance to read" },
        Positional { name: "OUT", required: true, help: "File for the kernel" },
    ],
    options: &[FROM, MODEL, TO],
};

/// Runs the task. If nothing is left, nothing is written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    parsed::<ebm_optim::formats::Format>(&SPEC, arguments, TO.name)?;
    let (instance, _) = read(&SPEC, arguments)?;
    let ising = instance.to_ising().map_err(failed)?;
    let reduction = Reduction::new(&ising);
    let Some(kernel) = reduction.kernel() else {
        let value = instance.value_of_energy(reduction.offset());
        say(&format!(
            "nothing is left of {} nodes and no file is written: the optimum is {value}",
            instance.len()
        ));
        return Ok(());
    };
    let left = kernel.spins();
    let couplings = kernel.pairs().count();
    say(&format!("{left} of {} nodes and {couplings} couplings are left", instance.len()));
    let kernel = Instance::from(kernel.clone());
    let (written, line) = write(&SPEC, arguments, &positional_path(arguments, 1), &kernel)?;
    say(&line);
    if let (Instance::Graph(graph), ebm_optim::Model::Graph) = (&instance, written.model) {
        // Both cuts belong to one energy.
        let form = kernel.to_max_cut().map_err(failed)?;
        let gained = graph.cut_of_energy(form.energy_of_cut(0.0));
        say(&format!("cuts of the whole graph are larger by {gained}"));
    }
    Ok(())
}
