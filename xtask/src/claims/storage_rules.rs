//! Four rules to store patterns in one and the same network.

use std::error::Error;

use ebm_memory::experiment::{Experiment, GridPoint, Level, threshold};
use ebm_memory::{HopfieldNetwork, Patterns, Perceptron, Recall};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// How a rule makes a network of patterns.
type Rule = fn(&Patterns) -> Result<HopfieldNetwork, ebm_memory::Error>;

const RULES: [(&str, Rule); 4] = [
    ("Hebb", |patterns| HopfieldNetwork::hebb(patterns)),
    ("Storkey", |patterns| HopfieldNetwork::storkey(patterns)),
    ("perceptron", |patterns| {
        let perceptron = Perceptron { stability: 0.0, max_epochs: 100 };
        Ok(perceptron.learn(patterns)?.network)
    }),
    ("pseudo-inverse", |patterns| HopfieldNetwork::pseudo_inverse(patterns)),
];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/storage-rules",
        crate_name: "ebm-memory",
        claim: "The pseudo-inverse and the perceptron rule fix every pattern at loads where \
                Storkey's rule fixes some and the Hebb rule none",
        source: "L. Personnaz et al., J. Physique Lett. 46, L359 (1985); A. Storkey, ICANN 1997; \
                 E. Gardner, J. Phys. A 21, 257 (1988)",
        target: "N = 200, patterns fixed exactly: pseudo-inverse all up to load 0.9, perceptron all \
                 up to 0.5; half of them at a load of 0.137 ± 0.025 (Hebb, where independent Gaussian \
                 fields put it) and at least twice that (Storkey)",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    // The load α at which independent Gaussian fields fix half of the patterns:
    // Q(1/√α) = 1 − 2^(−1/N), Q the normal tail.
    let (neurons, trials, gaussian, loads): (usize, usize, f64, &[f64]) = if settings.quick {
        (100, 2, 0.165, &[0.05, 0.12, 0.2, 0.4, 0.5, 0.9])
    } else {
        (200, 3, 0.137, &[0.05, 0.1, 0.12, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9])
    };
    let counts = loads.iter().map(|load| (load * neurons as f64).round() as usize).collect();
    let levels = vec![Level::INTACT, Level::flips(0.1)];
    let experiment = Experiment { counts, levels, trials, seed: 1, ..Experiment::default() };
    let mut stable = vec![];
    let mut recalled = vec![];
    for (name, rule) in RULES {
        let points = experiment.run(
            |count, seed| Patterns::random_signs(neurons, count, seed),
            |patterns, cues| {
                Ok::<_, ebm_memory::Error>(
                    Recall::default().retrieve(&rule(patterns)?, cues.batch())?.into_states(),
                )
            },
        )?;
        let curve = |level: usize| -> Vec<(f64, f64)> {
            let share = |p: &GridPoint| (p.count as f64 / neurons as f64, p.cues.rate());
            points.iter().filter(|p| p.level == level).map(share).collect()
        };
        // Where two rules fix everything, one would hide the other.
        let mark = if name == "perceptron" { Mark::Points } else { Mark::Line };
        stable.push(Series { name: name.into(), points: curve(0), mark });
        recalled.push(Series { name: name.into(), points: curve(1), mark: Mark::Line });
    }
    let half = |rule: usize| threshold(&stable[rule].points, 0.5).unwrap_or(f64::NAN);
    let all_up_to = |rule: usize| {
        let whole = stable[rule].points.iter().take_while(|p| p.1 == 1.0);
        whole.last().map_or(0.0, |p| p.0)
    };
    let (hebb, storkey) = (half(0), half(1));
    let (perceptron, projection) = (all_up_to(2), all_up_to(3));
    let panel = |title: &str, series| {
        Figure::Plot(Plot {
            title: title.into(),
            x: Axis { label: "load, patterns per neuron".into(), log: false },
            y: Axis { label: "share of patterns".into(), log: false },
            series,
        })
    };
    Ok(Finding {
        measured: format!(
            "all fixed up to load {projection:.2} (pseudo-inverse) and {perceptron:.2} \
             (perceptron); half fixed at {hebb:.3} (Hebb) and {storkey:.3} (Storkey)"
        ),
        pass: projection >= 0.9
            && perceptron >= 0.5
            && (hebb - gaussian).abs() <= 0.025
            && storkey >= 2.0 * hebb,
        figure: Figure::Panels(vec![
            panel("Patterns that are fixed points", stable),
            panel("Patterns recalled exactly from cues with 10 % flipped", recalled),
        ]),
    })
}
