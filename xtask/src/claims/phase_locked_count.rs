//! Phase-locked memory: how many stable states chains of rings have.

use std::error::Error;
use std::f64::consts::{PI, TAU};

use ebm_memory::experiment::Proportion;
use ebm_memory::phase_locked::{CycleGraph, LockedState, PhaseLockedMemory, PhaseLocking};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

/// Length of the rings, their number, and the stable states expected.
type Case = (usize, usize, usize);

const SHARED_NODES: [Case; 5] = [(5, 2, 9), (6, 2, 9), (7, 2, 9), (6, 3, 27), (5, 3, 27)];
const SHARED_EDGES: [Case; 5] = [(5, 2, 5), (6, 2, 7), (8, 2, 7), (6, 3, 17), (6, 4, 41)];
/// Length of a ring, and the percentage of random starts that end without
/// winding, by an independent count of 4000.
const BASINS: [(usize, f64); 4] = [(5, 93.0), (8, 75.0), (12, 62.0), (24, 45.0)];

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/phase-locked-count",
        crate_name: "ebm-memory",
        claim: "Chains of m rings of n oscillators that share nodes have (2⌈n/4⌉ − 1)^m stable \
                phase-locked states; rings that share edges have fewer",
        source: "T. Guo et al., arXiv 2504.03102; A. Ogranovich et al., arXiv 2604.01469; counts by \
                 seeding every choice of winding numbers and by random starts",
        target: "exactly 9, 9, 9, 27, 27 for (n, m) = (5, 2), (6, 2), (7, 2), (6, 3), (5, 3), and 5, \
                 7, 7, 17, 41 for shared edges at (5, 2), (6, 2), (8, 2), (6, 3), (6, 4), where no \
                 two neighbors of hexagons wind against each other: a(m) = 2a(m − 1) + a(m − 2); \
                 2⌈n/4⌉ − 1 for single rings of 5 to 20; random starts find no other state, all of \
                 those of two rings that share a node, and fewer than the 17 (some are reached once \
                 in 4000 starts: a census by these alone gives about 14); without winding end 93, \
                 75, 62, 45 % of random starts of rings of 5, 8, 12, 24, within 3",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (nodes, edges, starts) = if settings.quick {
        (&SHARED_NODES[..1], &SHARED_EDGES[..1], 300)
    } else {
        (&SHARED_NODES[..], &SHARED_EDGES[..], 4000)
    };
    let locking = PhaseLocking::default();
    let (mut wrong, mut strangers, mut missed) = (vec![], 0, vec![]);
    let (mut formula, mut sharing_nodes, mut sharing_edges) = (vec![], vec![], vec![]);
    for &(length, count, expected) in nodes {
        let memory = PhaseLockedMemory::new(CycleGraph::sharing_nodes(length, count)?)?;
        let seeded = memory.census_by_seeding(&locking)?;
        // Random starts miss small basins of three rings in any case.
        let starts = if count == 2 { starts } else { starts / 4 };
        let random = memory.census_by_random_starts(starts, 1, &locking)?;
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
    let mut sampled = None;
    for &(length, count, expected) in edges {
        let memory = PhaseLockedMemory::new(CycleGraph::sharing_edges(length, count)?)?;
        let seeded = memory.census_by_seeding(&locking)?;
        let found = seeded.states.len();
        // Windings of rings that are traversed alike.
        let against = |s: &LockedState| s.windings.windows(2).any(|w| w[0] * w[1] < 0);
        if found != expected || (length == 6 && seeded.states.iter().any(against)) {
            wrong.push((length, count, found));
        }
        if (length, count) == (6, 3) {
            let random = memory.census_by_random_starts(starts, 1, &locking)?;
            let known = |w: &[i32]| seeded.states.iter().any(|s| s.windings == w);
            strangers += random.states.iter().filter(|s| !known(&s.windings)).count();
            sampled = Some(random.states.len());
        }
        let case = nodes.iter().position(|c| (c.0, c.1) == (length, count));
        if let Some(case) = case {
            sharing_edges.push((case as f64 + 1.0, found as f64));
        }
    }
    let longest = if settings.quick { 8 } else { 20 };
    for length in 5..=longest {
        let ring = PhaseLockedMemory::new(CycleGraph::ring(length)?)?;
        let found = ring.census_by_seeding(&locking)?.states.len();
        if found != 2 * length.div_ceil(4) - 1 {
            wrong.push((length, 1, found));
        }
    }
    let mut basins = vec![];
    for &(length, expected) in if settings.quick { &BASINS[..1] } else { &BASINS[..] } {
        let ring = PhaseLockedMemory::new(CycleGraph::ring(length)?)?;
        let census = ring.census_by_random_starts(starts, 2, &locking)?;
        let still = census.states.iter().find(|s| s.windings == [0]).map_or(0, |s| s.hits);
        let share = Proportion { hits: still as u64, trials: starts as u64 };
        basins.push((length, share, expected));
    }
    let allowed = if settings.quick { 8.0 } else { 3.0 };
    let basins_hold = basins.iter().all(|(_, p, e)| (100.0 * p.rate() - e).abs() <= allowed);
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
            Series { name: "(2⌈n/4⌉ − 1)^m".into(), points: formula, mark: Mark::Points },
        ],
    })];
    let ends = basins.iter().flat_map(|(n, p, _)| {
        let (low, high) = p.interval(1.96);
        [(*n as f64, low), (*n as f64, high)]
    });
    let measured_shares = "measured".to_string();
    panels.push(Figure::Plot(Plot {
        title: "Random starts of one ring that end without winding".into(),
        x: Axis { label: "oscillators in the ring".into(), log: false },
        y: Axis { label: "share of random starts".into(), log: false },
        series: vec![
            Series {
                name: "independent count".into(),
                points: basins.iter().map(|(n, _, e)| (*n as f64, 0.01 * e)).collect(),
                mark: Mark::Reference,
            },
            Series {
                name: measured_shares.clone(),
                points: basins.iter().map(|(n, p, _)| (*n as f64, p.rate())).collect(),
                mark: Mark::Points,
            },
            Series { name: measured_shares, points: ends.collect(), mark: Mark::Intervals },
        ],
    }));
    for windings in [[1, 0], [1, -1]] {
        panels.push(drawing(windings)?);
    }
    Ok(Finding {
        measured: format!(
            "{} counts differ; random starts: {strangers} other states, {} missed{}; without \
             winding end {}",
            if wrong.is_empty() { "no".into() } else { format!("{wrong:?}") },
            missed.iter().map(|m| m.1).sum::<usize>(),
            sampled.map_or(String::new(), |n| format!(", {n} of the 17 of three hexagons")),
            basins
                .iter()
                .map(|(n, p, _)| format!("{:.0} % (n = {n})", 100.0 * p.rate()))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        pass: wrong.is_empty()
            && strangers == 0
            && !two_rings_missed
            && basins_hold
            && sampled.is_none_or(|n| n < 17),
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
        title: format!("Phases with winding numbers {} and {}", windings[0], windings[1])
            .replace('-', "−"),
        x: Axis { label: "a hand shows the phase of its oscillator".into(), log: false },
        y: Axis { label: String::new(), log: false },
        series,
    }))
}
