//! `cargo xtask instance describe`.

use ebm_optim::components::labels;
use ebm_optim::ebm_core::linalg::largest_eigenvalue;
use ebm_optim::ebm_core::{Coupling as _, Workspace};
use ebm_optim::oscillator::{natural_strength, recommended_step};
use ebm_optim::{Instance, Ising};

use super::{DETAILS, FROM, MODEL, failed, read};
use crate::arguments::{Arguments, Positional, Spec};
use crate::console::say;
use crate::error::TaskError;

/// The command line.
pub(crate) const SPEC: Spec = Spec {
    name: "instance describe",
    summary: "Size, degrees, weights and scales of an instance file",
    details: DETAILS,
    positionals: &[Positional { name: "FILE", required: true, help: "Instance" }],
    options: &[FROM, MODEL],
};

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let (instance, format) = read(&SPEC, arguments)?;
    let mut rows = vec![("format", format!("{format}, {}", instance.model()))];
    rows.extend(describe(&instance)?);
    for (name, value) in rows {
        say(&format!("{name:<22}{value}"));
    }
    Ok(())
}

fn describe(instance: &Instance) -> Result<Vec<(&'static str, String)>, TaskError> {
    let translated;
    let ising = match instance {
        Instance::Graph(graph) => graph.ising(),
        Instance::Ising(ising) => ising,
        Instance::Qubo(qubo) => {
            translated = qubo.to_ising().map_err(failed)?;
            &translated
        }
    };
    let n = ising.spins();
    let (parts, scales) = rayon::join(|| parts(ising), || scales(ising));
    let degrees: Vec<usize> = (0..n).map(|i| ising.couplings().neighbors(i).0.len()).collect();
    let m = degrees.iter().sum::<usize>() / 2;
    let least = degrees.iter().min().copied().unwrap_or(0);
    let most = degrees.iter().max().copied().unwrap_or(0);
    let mean = 2.0 * m as f64 / n as f64;
    let isolated = degrees.iter().filter(|d| **d == 0).count();

    let mut rows = vec![
        ("nodes", n.to_string()),
        ("edges", m.to_string()),
        ("degree", format!("{least} to {most}, mean {mean:.2}")),
        ("isolated nodes", isolated.to_string()),
        ("components", parts),
    ];
    match instance {
        Instance::Graph(graph) => {
            rows.push(("weights", range(graph.edges().iter().map(|e| e.2))));
            rows.push(("sum of weights", graph.weight().to_string()));
        }
        Instance::Ising(ising) => {
            rows.push(("couplings", range(ising.pairs().map(|p| p.2))));
            rows.push(("fields", range(ising.fields().iter().copied())));
            rows.push(("offset", ising.offset().to_string()));
        }
        Instance::Qubo(qubo) => {
            rows.push(("quadratic", range(qubo.quadratic().map(|p| p.2))));
            rows.push(("linear", range(qubo.linear().iter().copied())));
            rows.push(("constant", qubo.constant().to_string()));
        }
    }
    rows.extend(scales);
    Ok(rows)
}

/// The components, and the largest where there are several.
fn parts(ising: &Ising) -> String {
    let (label, count) = labels(ising);
    if count == 1 {
        return "1".into();
    }
    let mut sizes = vec![0_usize; count];
    label.iter().for_each(|part| sizes[*part as usize] += 1);
    format!("{count}, largest {}", sizes.iter().max().unwrap_or(&0))
}

/// What sets the scale of dynamics, in units of the couplings `J`.
fn scales(ising: &Ising) -> Vec<(&'static str, String)> {
    let (bound, least) = rayon::join(|| ising.couplings().norm_bound(), || radius(ising));
    let mut shown = significant(bound);
    if least > 0.0 && bound > least {
        shown += &format!(", too large by {:.1} % at most", 100.0 * (bound / least - 1.0));
    }
    vec![
        ("bound on |λ| of J", shown),
        ("natural strength", significant(natural_strength(ising))),
        ("oscillator time step", significant(recommended_step(ising))),
    ]
}

/// At most the largest |λ| of `J`: a Ritz value of `J²`.
fn radius(ising: &Ising) -> f64 {
    const STEPS: usize = 6;
    let (n, couplings) = (ising.spins(), ising.couplings());
    let (mut half, mut workspace) = (vec![0.0; n], Workspace::new());
    let square = largest_eigenvalue(n, STEPS, 1, |v, out| {
        couplings.apply(v, &mut half, &mut workspace);
        couplings.apply(&half, out, &mut workspace);
    });
    square.value.max(0.0).sqrt()
}

/// Four significant digits.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

fn range(values: impl Iterator<Item = f64>) -> String {
    let (mut least, mut most, mut integer) = (f64::INFINITY, f64::NEG_INFINITY, true);
    for value in values {
        (least, most) = (least.min(value), most.max(value));
        integer &= value.fract() == 0.0;
    }
    let kind = if integer { "integer" } else { "not integer" };
    if least > most {
        "none".into()
    } else if least == most {
        format!("all {least}, {kind}")
    } else {
        format!("{least} to {most}, {kind}")
    }
}

#[cfg(test)]
mod tests {
    use ebm_optim::Graph;

    use super::*;

    #[test]
    fn counts_are_those_of_the_instance() {
        let graph = Graph::new(5, vec![(0, 1, 1.0), (1, 2, -2.0), (0, 2, 1.5)]).unwrap();
        let rows = describe(&graph.into()).unwrap();
        let value = |name: &str| rows.iter().find(|row| row.0 == name).unwrap().1.as_str();
        for (name, expected) in [
            ("nodes", "5"),
            ("edges", "3"),
            ("degree", "0 to 2, mean 1.20"),
            ("isolated nodes", "2"),
            ("components", "3, largest 3"),
            ("weights", "-2 to 1.5, not integer"),
            ("sum of weights", "0.5"),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        // The largest eigenvalue of |J|, 3.0374, is a root of x³ − 7.25 x − 6.
        let (bound, excess) = value("bound on |λ| of J").split_once(", too large by ").unwrap();
        let bound: f64 = bound.parse().unwrap();
        assert!((3.037..3.1).contains(&bound), "{bound}");
        // J has the same largest eigenvalue, as the product of the three couplings is positive.
        let excess: f64 = excess.trim_end_matches(" % at most").parse().unwrap();
        assert!((bound / (1.0 + excess / 100.0) - 3.0374).abs() < 5e-3, "{excess}");
        assert_eq!(range([1.0, 1.0].into_iter()), "all 1, integer");
        assert_eq!(range([].into_iter()), "none");
        assert_eq!(
            (significant(47.9412), significant(0.0), significant(2e9)),
            ("47.94".into(), "0".into(), "2.000e9".into())
        );
    }
}
