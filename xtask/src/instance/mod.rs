//! `cargo xtask instance`: instance files described, converted, reduced and made,
//! solutions of reduced ones lifted.

mod convert;
mod describe;
mod generate;
mod lift;
mod reduce;

use std::path::{Path, PathBuf};

use ebm_optim::Instance;
use ebm_optim::formats::{self, Format, Hints, Written};

pub(crate) use convert::{SPEC as CONVERT, run as convert};
pub(crate) use describe::{SPEC as DESCRIBE, run as describe};
pub(crate) use generate::{SPEC as GENERATE, run as generate};
pub(crate) use lift::{SPEC as LIFT, run as lift};
pub(crate) use reduce::{SPEC as REDUCE, run as reduce};

use crate::arguments::{Arguments, Opt, Spec};
use crate::error::TaskError;

/// Formats and models, for `--help`.
const DETAILS: &str = "\
Formats: rudy (G-set, MQLib max-cut), edges (a list without header), mqlib-qubo, qbsolv, coo and
bqm-json (dimod), matrix-market, npy. The format is told from content and extension unless given;
edges only from the extension, edges or edgelist.
Models: graph, ising, qubo. A matrix holds the weights of a graph unless told otherwise.";

/// The format of a file that is read.
pub(crate) const FROM: Opt =
    Opt { name: "--from", value: Some("FORMAT"), help: "Format of the input" };
/// The model of a file that is read.
pub(crate) const MODEL: Opt =
    Opt { name: "--model", value: Some("MODEL"), help: "What the numbers mean" };
const TO: Opt =
    Opt { name: "--to", value: Some("FORMAT"), help: "Format of the output, else by extension" };

/// The word of an option, parsed.
fn parsed<T: std::str::FromStr>(
    spec: &Spec,
    arguments: &Arguments,
    option: &str,
) -> Result<Option<T>, TaskError>
where
    T::Err: std::fmt::Display,
{
    let Some(word) = arguments.value(option) else { return Ok(None) };
    let word = word.to_string_lossy();
    let value =
        word.parse().map_err(|e| spec.error(format!("option `{option}`, `{word}`: {e}")))?;
    Ok(Some(value))
}

fn positional_path(arguments: &Arguments, index: usize) -> PathBuf {
    PathBuf::from(arguments.positional(index).unwrap_or_default())
}

/// What [`FROM`] and [`MODEL`] say.
pub(crate) fn hints(spec: &Spec, arguments: &Arguments) -> Result<Hints, TaskError> {
    let format = parsed(spec, arguments, FROM.name)?;
    Ok(Hints { format, model: parsed(spec, arguments, MODEL.name)? })
}

/// Reads a file as the [`hints`] say.
pub(crate) fn read_with(path: &Path, hints: &Hints) -> Result<(Instance, Format), TaskError> {
    formats::read_with(path, hints).map_err(|error| {
        let mut message = error.to_string();
        if matches!(error, ebm_optim::Error::File { .. }) && hints.format.is_none() {
            message +=
                "\nThe format was guessed; --from names it, and --model what the numbers mean.";
        }
        TaskError::Failed(message)
    })
}

/// Reads the first argument.
fn read(spec: &Spec, arguments: &Arguments) -> Result<(Instance, Format), TaskError> {
    read_with(&positional_path(arguments, 0), &hints(spec, arguments)?)
}

/// Writes an instance and says how it stands in the file.
fn write(
    spec: &Spec,
    arguments: &Arguments,
    path: &Path,
    instance: &Instance,
) -> Result<(Written, String), TaskError> {
    let format = output_format(spec, arguments, path, instance)?;
    let written = formats::write(path, instance, format).map_err(failed)?;
    let line = line(path, format, instance, &written);
    Ok((written, line))
}

fn output_format(
    spec: &Spec,
    arguments: &Arguments,
    path: &Path,
    instance: &Instance,
) -> Result<Format, TaskError> {
    let given = parsed(spec, arguments, TO.name)?;
    Ok(given.or_else(|| Format::of_path(path)).unwrap_or(match instance {
        Instance::Graph(_) => Format::Rudy,
        Instance::Ising(_) | Instance::Qubo(_) => Format::Coo,
    }))
}

/// How an instance stands in a file.
fn line(path: &Path, format: Format, instance: &Instance, written: &Written) -> String {
    let nodes = instance.len() + usize::from(written.ancilla.is_some());
    let s = if nodes == 1 { "" } else { "s" };
    let mut line = format!("{}: {format}, {}, {nodes} node{s}", path.display(), written.model);
    if written.ancilla.is_some() {
        line += "; the last node stands for the fields: flip all spins where it is -1";
    }
    if written.dropped_offset != 0.0 {
        line += &format!("; add {} to its energies", written.dropped_offset);
    }
    line
}

fn failed(error: ebm_optim::Error) -> TaskError {
    TaskError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::arguments::Parsed;

    fn call(
        spec: &Spec,
        run: fn(&Arguments) -> Result<(), TaskError>,
        line: &[&str],
    ) -> Result<(), TaskError> {
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        match spec.parse(&words)? {
            Parsed::Run(arguments) => run(&arguments),
            Parsed::Help => panic!("help"),
        }
    }

    #[test]
    fn made_described_converted_and_reduced() {
        let folder = std::env::temp_dir().join(format!("ebm-instance-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let (graph, model, kernel) = (file("a.rud"), file("a.json"), file("k.json"));

        let mut edges: Vec<_> = (1..60).map(|i| (i / 2, i, 1.0)).collect();
        edges.extend((0..29).map(|i| (i, i + 30, -1.0)));
        let instance = ebm_optim::Graph::new(60, edges).unwrap().into();
        formats::write(&graph, &instance, Format::Rudy).unwrap();
        let original = formats::read(&graph).unwrap();
        assert_eq!(original.len(), 60);
        call(&DESCRIBE, describe, &[&graph]).unwrap();
        call(&CONVERT, convert, &[&graph, &model, "--as", "qubo"]).unwrap();
        let again = formats::read(&model).unwrap();
        let spins: Vec<i8> = (0..60).map(|i| if i % 3 == 0 { 1 } else { -1 }).collect();
        let energy = original.energy_of_value(original.value(&spins).unwrap());
        assert_eq!(again.value(&spins).unwrap(), energy);
        call(&REDUCE, reduce, &[&graph, &kernel]).unwrap();
        assert!(formats::read(&kernel).unwrap().len() < 60);

        let (tiles, ground) = (file("t.coo"), file("t.sol"));
        let line = ["tiles", "6", "4", "--seed", "1", "--out", &tiles, "--solution", &ground];
        call(&GENERATE, generate, &line).unwrap();
        let planted = formats::read(&tiles).unwrap();
        let spins = formats::solution::read(&ground, 24).unwrap();
        assert_eq!(
            planted.to_ising().unwrap().energy(&spins).unwrap(),
            planted.value(&spins).unwrap()
        );
        for kind in [
            &["regular", "20", "--degree", "3", "--weights", "signs"][..],
            &["torus", "5"],
            &["complete", "9", "--weights", "normal"],
            &["loops", "60", "--degree", "3"],
            &["wishart", "20", "--columns", "5"],
            &["rudy", "--expression", "-rnd_graph 20 30 7"],
        ] {
            call(&GENERATE, generate, &[kind, &["--out", &graph]].concat()).unwrap();
            formats::read(&graph).unwrap();
        }
        let (list, told) = (file("list.txt"), file("told.rud"));
        std::fs::write(&list, "1 2 -1\n2 3 1\n").unwrap();
        let error = call(&CONVERT, convert, &[&list, &told]).unwrap_err().to_string();
        assert!(error.contains("line 1: expected a header") && error.contains("--from"), "{error}");
        call(&CONVERT, convert, &[&list, &told, "--from", "edges"]).unwrap();
        assert_eq!(std::fs::read_to_string(&told).unwrap(), "3 2 \n1 2 -1\n2 3 1\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// Lifted solutions have the least energy of all states that agree with them, in whatever
    /// form the reduced file is.
    #[test]
    fn solutions_of_reduced_files_are_lifted() {
        let folder = std::env::temp_dir().join(format!("ebm-lift-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let (input, solved, lifted) = (file("a.coo"), file("k.sol"), file("a.sol"));
        // A dense core, with fields, that carries a tree.
        let (n, core) = (20, 9);
        let weight = |i: usize, j: usize| (i * 7 + j * 5) as f64 % 3.0 - 1.0 + 0.25;
        let inner = (0..core).flat_map(|i| (i + 1..core).map(move |j| (i, j)));
        let outer = (core..n).map(|i| (i / 2, i));
        let pairs: Vec<_> = inner.chain(outer).map(|(i, j)| (i, j, weight(i, j))).collect();
        let fields = (0..n).map(|i| (i % 3) as f64 - 1.0).collect();
        let ising = ebm_optim::Ising::from_couplings(n, &pairs).unwrap();
        let ising = ising.with_fields(fields).unwrap().with_offset(2.5).unwrap();
        let optimum = ebm_optim::exhaustive::ground_state(&ising).unwrap().energy;
        formats::write(&input, &ising.clone().into(), Format::Coo).unwrap();

        for kernel in ["k.coo", "k.json", "k.qubo", "k.rud"] {
            let kernel = file(kernel);
            call(&REDUCE, reduce, &[&input, &kernel]).unwrap();
            let left = formats::read(&kernel).unwrap().to_ising().unwrap();
            assert!((2..n).contains(&left.spins()), "{kernel}");
            let ground = ebm_optim::exhaustive::ground_state(&left).unwrap();
            let layout = formats::solution::Layout::default();
            formats::solution::write(&solved, &ground.spins, &layout).unwrap();
            call(&LIFT, lift, &[&input, &solved, &lifted]).unwrap();
            let spins = formats::solution::read(&lifted, n).unwrap();
            assert_eq!(ising.energy(&spins).unwrap(), optimum, "{kernel}");
        }

        // A wrong length is an error that names the file; so is a tree, of which nothing is left.
        std::fs::write(&solved, "1\n-1\n1\n").unwrap();
        let error = call(&LIFT, lift, &[&input, &solved, &lifted]).unwrap_err().to_string();
        assert!(error.starts_with(&solved) && error.contains("values"), "{error}");
        let tree = file("tree.rud");
        std::fs::write(&tree, "3 2\n1 2 1\n2 3 1\n").unwrap();
        let error = call(&LIFT, lift, &[&tree, &solved, &lifted]).unwrap_err().to_string();
        assert!(error.starts_with("nothing is left"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn generated_rudy_files_are_the_published_ones() {
        use ebm_optim::generate::rudy::PUBLISHED;
        use sha2::{Digest, Sha256};

        let g1 = PUBLISHED[0];
        assert_eq!(g1.name, "G1");
        let path = std::env::temp_dir().join(format!("ebm-rudy-{}", std::process::id()));
        let out = path.display().to_string();
        let line = ["rudy", "--expression", g1.expression, "--out", &out];
        call(&GENERATE, generate, &line).unwrap();
        let digest = Sha256::digest(std::fs::read(&path).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, g1.sha256);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn wrong_calls_are_usage_errors() {
        let usage = |spec, run, line: &[&str]| {
            let error = call(spec, run, line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line:?}: {error}");
            error.to_string()
        };
        let message = usage(&CONVERT, convert, &["a", "b", "--to", "dot"]);
        assert!(
            message.starts_with("option `--to`, `dot`: format: expected one of rudy"),
            "{message}"
        );
        usage(&DESCRIBE, describe, &["a", "--model", "cut"]);
        let out = ["--out", "never-written.rud"];
        for line in [
            &["blob", "9"][..],
            &["random", "9"],
            &["random", "9", "--degree", "x"],
            &["random", "9", "--degree", "3", "--density", "0.5"],
            &["random", "9", "--density", "2"],
            &["random", "nine", "--degree", "3"],
            &["torus"],
            &["complete", "9", "--weights", "heavy"],
            &["complete", "9", "--solution", "s"],
            &["rudy"],
        ] {
            usage(&GENERATE, generate, &[line, &out].concat());
        }
        let error = call(&DESCRIBE, describe, &["no/such/file"]).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().starts_with("cannot read")), (1, true));
    }
}
