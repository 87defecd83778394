//! Phase-locked memory: counts by seeding and by random starts, stability laws,
//! and messages.

use std::f64::consts::{PI, TAU};

use ebm_core::check::finite_difference;
use ebm_core::{Batch, Energy, Gradient, Outcome, Workspace};
use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory, PhaseLocking};
use proptest::prelude::*;

fn nodes(length: usize, count: usize) -> PhaseLockedMemory {
    PhaseLockedMemory::new(CycleGraph::sharing_nodes(length, count).unwrap()).unwrap()
}

fn edges(length: usize, count: usize) -> PhaseLockedMemory {
    PhaseLockedMemory::new(CycleGraph::sharing_edges(length, count).unwrap()).unwrap()
}

fn any_memory() -> impl Strategy<Value = PhaseLockedMemory> {
    (4usize..8, 1usize..4, any::<bool>()).prop_map(|(length, count, shared)| {
        if shared { edges(length, count) } else { nodes(length, count) }
    })
}

fn with_phases() -> impl Strategy<Value = (PhaseLockedMemory, Vec<f64>, Vec<f64>)> {
    any_memory().prop_flat_map(|memory| {
        let angles = prop::collection::vec(-7.0f64..7.0, memory.graph().nodes());
        (Just(memory), angles.clone(), angles)
    })
}

proptest! {
    #[test]
    fn derivatives_agree_with_differences((memory, x, v) in with_phases()) {
        let pairs = memory.graph().edges().iter();
        let expected: f64 = -pairs.map(|&(i, j)| (x[i] - x[j]).cos()).sum::<f64>();
        prop_assert!((memory.energy_at(&x) - expected).abs() < 1e-12);
        let mut gradient = vec![0.0; x.len()];
        let energy = memory.energy_gradient(&x, &mut gradient, &mut Workspace::new());
        prop_assert_eq!(energy, memory.energy_at(&x));
        prop_assert!(finite_difference::gradient(&memory, &x).unwrap().relative < 1e-7);
        prop_assert!(finite_difference::hessian_vec(&memory, &x, &v).unwrap().relative < 1e-6);
        prop_assert!(finite_difference::hessian(&memory, &x).unwrap().relative < 1e-6);
    }

    #[test]
    fn windings_are_those_seeded_and_ignore_turns(
        memory in any_memory(),
        choice in prop::collection::vec(-1i32..=1, 3),
        turns in prop::collection::vec(-3i32..=3, 40),
        shift in -10.0f64..10.0,
    ) {
        let windings = &choice[..memory.graph().cycles().len()];
        let mut phases = memory.seed(windings).unwrap();
        prop_assume!(memory.stability(&phases).unwrap().largest_difference < 0.99 * PI);
        prop_assert_eq!(&memory.windings(&phases), windings);
        for (phase, turn) in phases.iter_mut().zip(&turns) {
            *phase += TAU * f64::from(*turn) + shift;
        }
        prop_assert_eq!(&memory.windings(&phases), windings);
    }

    #[test]
    fn every_message_that_fits_comes_back(
        (length, count) in (5usize..20, 10usize..40),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let memory = nodes(length, count);
        let fits = memory.capacity_bytes();
        let message = &bytes[..fits.min(bytes.len())];
        let phases = memory.encode(message).unwrap();
        let stability = memory.stability(&phases).unwrap();
        prop_assert!(stability.margin > 0.0 && stability.largest_difference < 0.5 * PI);
        prop_assert!(memory.gradient_at(&phases).iter().all(|g| g.abs() < 1e-12));
        prop_assert_eq!(memory.decode(&phases, message.len()).unwrap(), Some(message.to_vec()));
        prop_assert!(memory.encode(&vec![0; fits + 1]).is_err());
    }
}

#[test]
fn a_ring_is_stable_exactly_below_a_quarter_of_its_length() {
    for n in 3..=24 {
        let ring = nodes(n, 1);
        for q in -(n as i32) / 2..=(n as i32) / 2 {
            let state = ring.seed(&[q]).unwrap();
            let margin = ring.stability(&state).unwrap().margin;
            // The Laplacian of the ring, weighted by cos(2πq/n).
            let (angle, gap) = (TAU * f64::from(q) / n as f64, 2.0 - 2.0 * (TAU / n as f64).cos());
            let weight = angle.cos();
            let expected = if weight > 0.0 {
                weight * gap
            } else {
                // The most negative eigenvalue is that of the fastest mode.
                weight * (2.0 - 2.0 * (TAU * (n / 2) as f64 / n as f64).cos())
            };
            assert!((margin - expected).abs() < 1e-12, "{n} {q}: {margin} {expected}");
            if 4 * q.unsigned_abs() as usize != n {
                assert_eq!(margin > 0.0, 4 * (q.unsigned_abs() as usize) < n, "{n} {q}");
            }
        }
        let count = 2 * PhaseLockedMemory::max_winding(n) + 1;
        assert_eq!(ring.state_count(), Some(count as u128));
    }
}

#[test]
fn rings_that_share_a_node_hold_what_the_formula_says() {
    let locking = PhaseLocking::default();
    for (length, count, expected) in [(5, 2, 9), (6, 2, 9), (7, 2, 9), (5, 3, 27), (12, 1, 5)] {
        let memory = nodes(length, count);
        let census = memory.census_by_seeding(&locking).unwrap();
        assert_eq!(census.states.len(), expected, "{length} {count}");
        assert_eq!(memory.state_count(), Some(expected as u128));
        for state in &census.states {
            let largest = state.windings.iter().map(|q| q.abs()).max().unwrap();
            assert!(largest <= PhaseLockedMemory::max_winding(length));
            // The twisted state of every ring: its energy is a sum of cosines.
            let energy: f64 = state
                .windings
                .iter()
                .map(|q| -(length as f64) * (TAU * f64::from(*q) / length as f64).cos())
                .sum();
            assert!((state.energy - energy).abs() < 1e-9);
        }
    }
    // Random starts find the same states and no others.
    let memory = nodes(6, 2);
    let census = memory.census_by_random_starts(1500, 1, &locking).unwrap();
    assert_eq!(census.states.len(), 9);
    assert!(census.unsettled < 5, "{}", census.unsettled);
    let seeded = memory.census_by_seeding(&locking).unwrap();
    for (a, b) in census.states.iter().zip(&seeded.states) {
        assert_eq!(a.windings, b.windings);
    }
}

#[test]
fn rings_that_share_an_edge_hold_fewer() {
    for (length, count, expected) in [(5, 2, 5), (6, 2, 7), (8, 2, 7), (6, 3, 17)] {
        let memory = edges(length, count);
        let census = memory.census_by_seeding(&PhaseLocking::default()).unwrap();
        assert_eq!(census.states.len(), expected, "{length} {count}");
        assert_eq!((memory.state_count(), memory.capacity_bytes()), (None, 0));
        // Differences below π/2 make the Hessian a positive Laplacian.
        for state in &census.states {
            assert!(memory.gradient_at(&state.phases).iter().all(|g| g.abs() < 1e-5));
            assert!(memory.stability(&state.phases).unwrap().largest_difference < 0.5 * PI);
        }
    }
}

#[test]
fn small_disturbances_decay_and_large_ones_do_not() {
    let memory = nodes(6, 3);
    let locking = PhaseLocking::default();
    let near = memory.basin(&[1, -1, 0], 0.3, 50, 1, &locking).unwrap();
    assert_eq!((near.returned, near.trials), (50, 50));
    let far = memory.basin(&[1, -1, 0], 3.0, 50, 1, &locking).unwrap();
    assert!(far.returned < 25, "{far:?}");
    // What has not come to rest has not come back.
    let brief = PhaseLocking { max_time: 0.01, ..locking };
    assert_eq!(memory.basin(&[1, -1, 0], 0.3, 5, 1, &brief).unwrap().returned, 0);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let memory = nodes(5, 2);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| memory.census_by_random_starts(100, 3, &PhaseLocking::default()).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn states_without_a_message_decode_to_none() {
    let memory = nodes(5, 8);
    // Windings of two are no digit of a ring of five; three of them wrap back.
    let phases = memory.seed(&[2; 8]).unwrap();
    assert_eq!(memory.windings(&phases), [2; 8]);
    assert_eq!(memory.decode(&phases, 1).unwrap(), None);
    // The largest number of eight ternary digits needs more than one byte.
    let phases = memory.seed(&[1; 8]).unwrap();
    assert_eq!(memory.decode(&phases, 1).unwrap(), None);
    assert_eq!(memory.decode(&phases, 2).unwrap(), Some(vec![25, 160])); // 3⁸ − 1 = 6560
}

#[test]
fn a_node_of_many_cycles_is_no_burden() {
    let petals = 100_000;
    let cycles = (0..petals).map(|k| vec![0, 2 * k + 1, 2 * k + 2]).collect();
    let graph = CycleGraph::new(2 * petals + 1, cycles).unwrap();
    assert_eq!(graph.edges().len(), 3 * petals);
    assert!(graph.cycles_are_edge_disjoint());
}

#[test]
fn bad_input_is_refused() {
    let fails = |nodes, cycles: Vec<Vec<usize>>| CycleGraph::new(nodes, cycles).is_err();
    assert!(!fails(3, vec![vec![0, 1, 2]]));
    assert!(fails(3, vec![]));
    assert!(fails(3, vec![vec![0, 1]]));
    assert!(fails(3, vec![vec![0, 1, 1]]));
    assert!(fails(3, vec![vec![0, 1, 3]]));
    assert!(fails(4, vec![vec![0, 1, 2]]));
    assert!(fails(usize::MAX, vec![vec![0, 1, 2]]));
    assert!(fails(6, vec![vec![0, 1, 2], vec![3, 4, 5]]));
    assert!(fails(3, vec![vec![0, 1, 2], vec![2, 1, 0]]));
    // Three squares of a cube cannot replace five faces.
    assert!(fails(4, vec![vec![0, 1, 2], vec![0, 2, 3], vec![0, 1, 2, 3]]));
    for (length, count) in [(0, 1), (2, 1), (5, 0), (5, usize::MAX), (usize::MAX, 2)] {
        assert!(CycleGraph::sharing_nodes(length, count).is_err(), "{length} {count}");
        assert!(CycleGraph::sharing_edges(length, count).is_err(), "{length} {count}");
    }
    assert!(CycleGraph::sharing_edges(3, 1).is_err());

    let memory = nodes(5, 2);
    assert!(memory.seed(&[0]).is_err());
    assert!(memory.stability(&[0.0; 8]).is_err());
    assert!(memory.stability(&[f64::NAN; 9]).is_err());
    assert!(memory.decode(&[0.0; 8], 1).is_err());
    assert!(memory.decode(&[0.0; 9], usize::MAX).is_err());
    assert!(edges(5, 2).encode(b"").is_err());
    let locking = PhaseLocking::default();
    assert!(locking.retrieve(&memory, Batch::new(&[f64::NAN; 9], 9).unwrap()).is_err());
    assert!(locking.retrieve(&memory, Batch::new(&[0.0; 8], 8).unwrap()).is_err());
    assert!(memory.census_by_random_starts(0, 1, &locking).is_err());
    assert!(memory.census_by_random_starts(usize::MAX, 1, &locking).is_err());
    assert!(nodes(12, 8).census_by_seeding(&locking).is_err());
    assert!(memory.basin(&[0, 0], -1.0, 5, 1, &locking).is_err());
    assert!(memory.basin(&[0, 0], 0.1, 0, 1, &locking).is_err());
    assert!(memory.basin(&[0, 0], 0.1, usize::MAX, 1, &locking).is_err());
    assert!(CycleGraph::sharing_edges(4, 5000).is_err());
    assert!(nodes(5, 2500).stability(&[0.0; 10_001]).is_err());
    assert_eq!(nodes(5, 20_000).seed(&[1; 20_000]).unwrap().len(), 80_001);
    for bad in [
        PhaseLocking { tolerance: 0.0, ..locking },
        PhaseLocking { max_time: f64::NAN, ..locking },
        PhaseLocking { least_margin: -1.0, ..locking },
    ] {
        assert!(memory.census_by_random_starts(2, 1, &bad).is_err());
    }
    let brief = PhaseLocking { max_time: 0.1, ..locking };
    let census = memory.census_by_random_starts(4, 1, &brief).unwrap();
    assert_eq!((census.states.len(), census.unsettled), (0, 4));
    let found = locking.retrieve(&memory, Batch::new(&[0.0; 9], 9).unwrap()).unwrap();
    assert_eq!(found.reports()[0].outcome, Outcome::Converged);
}
