//! Phase-locked memory: how many stable states chains of rings have.

use std::error::Error;
use std::f64::consts::{PI, TAU};

use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory, Settle};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Length of the rings, their number, and the stable states expected.
type Case = (usize, usize, usize);

const SHARED_NODES: [Case; 5] = [(5, 2, 9), (6, 2, 9), (7, 2, 9), (6, 3, 27), (5, 3, 27)];
const SHARED_EDGES: [Case; 4] = [(5, 2, 5), (6, 2, 7), (8, 2, 7), (6, 3, 17)];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/phase-locked-count",
        crate_name: "ebm-memory",
        claim: "Chains of m rings of n oscillators that share nodes have (2⌈n/4⌉ − 1)^m stable \
                phase-locked states; rings that share edges have fewer",
        source: "T. Guo et al., arXiv 2504.03102; A. Ogranovich et al., arXiv 2604.01469; counts by \
                 seeding every choice of winding numbers and by random starts",
        target: "exactly 9, 9, 9, 27, 27 for (n, m) = (5, 2), (6, 2), (7, 2), (6, 3), (5, 3), and 5, \
                 7, 7, 17 for shared edges at (5, 2), (6, 2), (8, 2), (6, 3); 2⌈n/4⌉ − 1 for single \
                 rings of 5 to 20; random starts find no other state, and all of those of two rings \
                 that share a node",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (nodes, edges, starts) = if settings.quick {
        (&SHARED_NODES[..1], &SHARED_EDGES[..1], 300)
    } else {
        (&SHARED_NODES[..], &SHARED_EDGES[..], 4000)
    };
    let settle = Settle::default();
    let (mut wrong, mut strangers, mut missed) = (vec![], 0, vec![]);
    let (mut formula, mut sharing_nodes, mut sharing_edges) = (vec![], vec![], vec![]);
    for &(length, count, expected) in nodes {
        let memory = PhaseLockedMemory::new(CycleGraph::sharing_nodes(length, count)?)?;
        let seeded = memory.census_by_seeding(&settle)?;
        // Random starts miss small basins of three rings in any case.
        let starts = if count == 2 { starts } else { starts / 4 };
        let random = memory.census_by_random_starts(starts, 1, &settle)?;
        let known = |w: &[i32]| seeded.states.iter().any(|s| s.windings == w);
        strangers += random.states.iter().filter(|s| !known(&s.windings)).count();
        let shortfall = seeded.states.len() - random.states.len().min(seeded.states.len());
        if shortfall > 0 {
            missed.push((count, shortfall));
        }
        if seeded.states.len() != expected || memory.state_count() != Some(expected as u128) {
            wrong.push((length, count, seeded.states.len()));
        }
        let place = formula.len() as f64 + 1.0;
        formula.push((place, expected as f64));
        sharing_nodes.push((place, seeded.states.len() as f64));
    }
    for &(length, count, expected) in edges {
        let memory = PhaseLockedMemory::new(CycleGraph::sharing_edges(length, count)?)?;
        let found = memory.census_by_seeding(&settle)?.states.len();
        if found != expected {
            wrong.push((length, count, found));
        }
        let case = nodes.iter().position(|c| (c.0, c.1) == (length, count));
        if let Some(case) = case {
            sharing_edges.push((case as f64 + 1.0, found as f64));
        }
    }
    let longest = if settings.quick { 8 } else { 20 };
    for length in 5..=longest {
        let ring = PhaseLockedMemory::new(CycleGraph::ring(length)?)?;
        let found = ring.census_by_seeding(&settle)?.states.len();
        if found != 2 * length.div_ceil(4) - 1 {
            wrong.push((length, 1, found));
        }
    }
    let two_rings_missed = !settings.quick && missed.iter().any(|(count, _)| *count == 2);
    let list: Vec<String> =
        nodes.iter().map(|(length, count, _)| format!("({length}, {count})")).collect();
    let mut panels = vec![Figure::Plot(Plot {
        title: format!("Stable states for (n, m) = {}", list.join(", ")),
        x: Axis { label: "chain of m rings of n, as in the title".into(), log: false },
        y: Axis { label: "stable states".into(), log: false },
        series: vec![
            Series { name: "sharing nodes".into(), points: sharing_nodes, mark: Mark::Bars },
            Series { name: "sharing edges".into(), points: sharing_edges, mark: Mark::Bars },
            Series { name: "(2⌈n/4⌉ − 1)^m".into(), points: formula, mark: Mark::Reference },
        ],
    })];
    for windings in [[0, 0], [1, 0], [1, -1]] {
        panels.push(drawing(windings)?);
    }
    Ok(Finding {
        measured: format!(
            "{} counts differ; random starts: {strangers} other states, {} missed",
            if wrong.is_empty() { "no".into() } else { format!("{wrong:?}") },
            missed.iter().map(|m| m.1).sum::<usize>(),
        ),
        pass: wrong.is_empty() && strangers == 0 && !two_rings_missed,
        figure: Figure::Panels(panels),
    })
}

/// Two hexagons with a hand at every oscillator that shows its phase.
fn drawing(windings: [i32; 2]) -> Result<Figure, Box<dyn Error>> {
    let memory = PhaseLockedMemory::new(CycleGraph::sharing_nodes(6, 2)?)?;
    let phases = memory.seed(&windings)?;
    let mut places = vec![(0.0, 0.0); memory.graph().nodes()];
    for (k, cycle) in memory.graph().cycles().iter().enumerate() {
        for (i, node) in cycle.iter().enumerate() {
            // From the left corner, against the clock.
            let angle = PI - TAU * i as f64 / cycle.len() as f64;
            places[*node] = (1.6 * (2.0 * k as f64 + angle.cos()), 1.6 * angle.sin());
        }
    }
    let gap = (f64::NAN, f64::NAN);
    let links =
        memory.graph().edges().iter().flat_map(|&(i, j)| [places[i], places[j], gap]).collect();
    let mut series = vec![Series { name: String::new(), points: links, mark: Mark::Reference }];
    for sixth in 0..6 {
        let name = format!("{}°", 60 * sixth);
        let of_sixth =
            |phase: &f64| (phase / TAU * 6.0).round().rem_euclid(6.0) == f64::from(sixth);
        let (mut dots, mut hands) = (vec![], vec![]);
        for (&(x, y), phase) in places.iter().zip(&phases) {
            if of_sixth(phase) {
                dots.push((x, y));
                hands.extend([(x, y), (x + 0.55 * phase.cos(), y + 0.55 * phase.sin()), gap]);
            }
        }
        if !dots.is_empty() {
            series.push(Series { name: name.clone(), points: hands, mark: Mark::Line });
            series.push(Series { name, points: dots, mark: Mark::Points });
        }
    }
    Ok(Figure::Plot(Plot {
        title: format!("Phases with winding numbers {} and {}", windings[0], windings[1]),
        x: Axis { label: "a hand shows the phase of its oscillator".into(), log: false },
        y: Axis { label: String::new(), log: false },
        series,
    }))
}
