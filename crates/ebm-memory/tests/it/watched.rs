//! Retrieval before an observer: the same ends as without, every state on the
//! way, no allocation for a step, and an end where the observer says so.

use std::ops::ControlFlow;

use ebm_core::network::Activation;
use ebm_core::observer::{EnergyMonitor, Trace};
use ebm_core::{Batch, Energy, Observer, Outcome, Snapshot};
use ebm_memory::experiment::RetrievalTrace;
use ebm_memory::layered::Settle;
use ebm_memory::oscillator_memory::OscillatorCouplings;
use ebm_memory::{
    Cccp, ContinuousMemory, Cues, CycleGraph, Error, FenchelYoungMemory, Form, Glauber,
    HopfieldNetwork, LayeredMemory, LogSumExpMemory, OscillatorMemory, Patterns, PhaseLockedMemory,
    PhaseLocking, PhaseRetrieval, RegularizedArgmax, Relaxation, Retrieved, Similarity,
    SteepestDescent,
};

const DIM: usize = 20;

fn patterns() -> Patterns {
    Patterns::spherical(DIM, 60, 1).unwrap()
}

fn cues() -> Patterns {
    Patterns::spherical(DIM, 150, 2).unwrap()
}

/// The end of every cue, its outcome, and the last state that was shown.
type Ends = Vec<(Vec<f64>, Outcome)>;

/// A retrieval without or with an observer.
type Retrieve<'a> = dyn Fn(Batch<'_>, Option<&mut dyn Observer>) -> Result<Ends, Error> + 'a;

fn ends<R>(found: &Retrieved<R>, outcome: impl Fn(&R) -> Outcome) -> Ends {
    let states = found.states().columns().map(<[f64]>::to_vec);
    states.zip(found.reports().iter().map(outcome)).collect()
}

/// Checks a retrieval, given without (`None`) and with an observer. `rounding`
/// is that of products of other shapes, relative to the states.
#[track_caller]
fn check(cues: Batch<'_>, rounding: f64, retrieve: &Retrieve<'_>) {
    let alone = retrieve(cues, None).unwrap();
    let mut trace = Trace::new();
    let watched = retrieve(cues, Some(&mut trace)).unwrap();
    for (cue, (a, b)) in alone.iter().zip(&watched).enumerate() {
        assert_eq!(a.1, b.1, "{cue}");
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= rounding * (1.0 + a.abs());
        assert!(a.0.iter().zip(&b.0).all(near), "{cue}: {:?} {:?}", a.0, b.0);
        let shown: Vec<_> = trace.iter().filter(|point| point.trajectory == cue).collect();
        assert_eq!(shown.last().map(|point| point.x), Some(&b.0[..]), "{cue}");
        // Steps count up from the cue.
        assert!(shown.iter().enumerate().all(|(k, point)| point.step == k), "{cue}");
        assert!(shown.windows(2).all(|pair| pair[0].t <= pair[1].t), "{cue}");
    }
    // Ends cue 1 at its third state, and no other.
    let mut third = |now: &Snapshot<'_>| {
        if (now.trajectory, now.step) == (1, 2) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let stopped = retrieve(cues, Some(&mut third)).unwrap();
    let at = trace.iter().find(|point| (point.trajectory, point.step) == (1, 2)).unwrap();
    assert_eq!((&stopped[1].0[..], stopped[1].1), (at.x, Outcome::Stopped));
    assert_eq!(stopped[0], watched[0]);
    assert_eq!(stopped[2..], watched[2..]);
}

fn given<'a>(cues: Batch<'a>, masks: Option<(&'a [bool], &'a [bool])>) -> Result<Cues<'a>, Error> {
    match masks {
        Some((known, fixed)) => Cues::from(cues).with_known(known)?.with_fixed(fixed),
        None => Ok(cues.into()),
    }
}

#[test]
fn updates() {
    let cues = cues();
    let cues = cues.as_batch();
    let known: Vec<bool> = (0..DIM).map(|i| i % 4 > 0).collect();
    let fixed: Vec<bool> = (0..DIM).map(|i| i % 4 == 1).collect();
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
        let memory = LogSumExpMemory::new(patterns(), 0.08, similarity).unwrap();
        // Patterns far from the origin are compared relative to their mean.
        let moved = |x: Batch<'_>| {
            let moved = x.as_slice().iter().map(|x| x + 1e6).collect();
            Patterns::new(moved, DIM).unwrap()
        };
        let (shifted, away) = (moved(patterns().as_batch()), moved(cues));
        let far = LogSumExpMemory::new(shifted.clone(), 0.08, Similarity::SquaredDistance).unwrap();
        let map = RegularizedArgmax::Entmax { alpha: 1.5 };
        let sparse = FenchelYoungMemory::new(patterns(), 0.05, similarity, map).unwrap();
        let far_sparse =
            FenchelYoungMemory::new(shifted, 0.05, Similarity::SquaredDistance, map).unwrap();
        for masked in [false, true] {
            let masks = masked.then_some((&known[..], &fixed[..]));
            let cccp = Cccp::default();
            check(cues, 0.0, &|cues, observer| {
                let found = match observer {
                    None => cccp.retrieve(&memory, given(cues, masks)?)?,
                    Some(observer) => {
                        cccp.retrieve_watched(&memory, given(cues, masks)?, observer)?
                    }
                };
                Ok(ends(&found, |r| r.outcome))
            });
            check(away.as_batch(), 0.0, &|cues, observer| {
                let found = match observer {
                    None => cccp.retrieve(&far, given(cues, masks)?)?,
                    Some(observer) => cccp.retrieve_watched(&far, given(cues, masks)?, observer)?,
                };
                Ok(ends(&found, |r| r.outcome))
            });
            check(cues, 0.0, &|cues, observer| {
                let found = match observer {
                    None => cccp.retrieve(&sparse, given(cues, masks)?)?,
                    Some(observer) => {
                        cccp.retrieve_watched(&sparse, given(cues, masks)?, observer)?
                    }
                };
                Ok(ends(&found, |r| r.outcome))
            });
            check(away.as_batch(), 0.0, &|cues, observer| {
                let found = match observer {
                    None => cccp.retrieve(&far_sparse, given(cues, masks)?)?,
                    Some(observer) => {
                        cccp.retrieve_watched(&far_sparse, given(cues, masks)?, observer)?
                    }
                };
                Ok(ends(&found, |r| r.outcome))
            });
        }
    }
}

#[test]
fn descents() {
    let memory = LogSumExpMemory::new(patterns(), 0.08, Similarity::SquaredDistance).unwrap();
    check(cues().as_batch(), 0.0, &|cues, observer| {
        let descent = SteepestDescent::default();
        let found = match observer {
            None => descent.retrieve(&memory, cues)?,
            Some(observer) => descent.retrieve_watched(&memory, cues, observer)?,
        };
        Ok(ends(&found, |r| r.outcome))
    });
}

#[test]
fn chains() {
    let signs = Patterns::random_signs(DIM, 3, 1).unwrap();
    let network = HopfieldNetwork::hebb(&signs).unwrap();
    let cues = Patterns::random_signs(DIM, 40, 2).unwrap();
    check(cues.as_batch(), 0.0, &|cues, observer| {
        let glauber = Glauber { burn_in: 3, sweeps: 5, ..Glauber::default() };
        let found = match observer {
            None => glauber.retrieve(&network, cues)?,
            Some(observer) => glauber.retrieve_watched(&network, cues, observer)?,
        };
        let states = found.states().columns().map(<[f64]>::to_vec);
        Ok(states.zip(found.reports().iter().map(|r| r.outcome)).collect())
    });
}

#[test]
fn flows() {
    let signs = Patterns::random_signs(DIM, 3, 1).unwrap();
    let cues = Patterns::spherical(DIM, 40, 2).unwrap();
    let cues = cues.as_batch();
    let continuous = ContinuousMemory::hebb(signs.clone(), Activation::Tanh { gain: 3.0 }).unwrap();
    for form in [Form::Hopfield, Form::FiringRate] {
        check(cues, 1e-6, &|cues, observer| {
            let relaxation = Relaxation { form, ..Relaxation::default() };
            let found = match observer {
                None => relaxation.retrieve(&continuous, cues)?,
                Some(observer) => relaxation.retrieve_watched(&continuous, cues, observer)?,
            };
            Ok(ends(&found, |r| r.outcome))
        });
    }
    let phases = OscillatorMemory::new(signs, OscillatorCouplings::default()).unwrap();
    check(cues, 1e-3, &|cues, observer| {
        let found = match observer {
            None => PhaseRetrieval::default().retrieve(&phases, cues)?,
            Some(observer) => {
                PhaseRetrieval::default().retrieve_watched(&phases, cues, observer)?
            }
        };
        Ok(ends(&found, |r| r.outcome))
    });
    let rings = PhaseLockedMemory::new(CycleGraph::ring(DIM).unwrap()).unwrap();
    check(cues, 1e-3, &|cues, observer| {
        let found = match observer {
            None => PhaseLocking::default().retrieve(&rings, cues)?,
            Some(observer) => PhaseLocking::default().retrieve_watched(&rings, cues, observer)?,
        };
        Ok(ends(&found, |r| r.outcome))
    });
}

#[test]
fn settling() {
    let signs = Patterns::random_signs(DIM, 12, 1).unwrap();
    let memory = LayeredMemory::model_b(&signs, 0.3, 0.1).unwrap();
    let cues = Patterns::spherical(DIM, 40, 2).unwrap();
    let starts = memory.states(0, cues.as_batch()).unwrap();
    let starts = starts.as_batch();
    check(starts, 1e-9, &|cues, observer| {
        let found = match observer {
            None => Settle::default().retrieve(&memory, cues)?,
            Some(observer) => Settle::default().retrieve_watched(&memory, cues, observer)?,
        };
        Ok(ends(&found, |r| r.outcome))
    });
    // The overlaps are those of the visible layer, the energy that of both.
    let energy = |x: &[f64]| memory.energy_at(x);
    let mut trace = RetrievalTrace::new(&signs, energy).over(memory.range(0));
    let found = Settle::default().retrieve_watched(&memory, starts, &mut trace).unwrap();
    for (cue, run) in trace.trajectories().iter().enumerate() {
        let visible = &found.state(cue)[memory.range(0)];
        assert_eq!(run.overlaps.last().unwrap()[3], signs.overlap(3, visible));
        assert_eq!(run.energies.last(), Some(&found.reports()[cue].energy));
        assert!(run.energies.windows(2).all(|e| e[1] <= e[0] + 1e-9), "{cue}");
    }
    let mut whole = RetrievalTrace::new(&signs, energy);
    let _ = Settle::default().retrieve_watched(&memory, starts, &mut whole).unwrap();
    assert!(whole.trajectories()[0].overlap(0).iter().all(|m| m.is_nan()));
}

#[test]
fn energies_fall_along_any_retrieval() {
    let memory = LogSumExpMemory::new(patterns(), 0.08, Similarity::DotProduct).unwrap();
    let mut monitor = EnergyMonitor::new(&memory);
    let cues = cues();
    let found = Cccp::default().retrieve_watched(&memory, cues.as_batch(), &mut monitor).unwrap();
    let updates: usize = found.reports().iter().map(|r| r.iterations + 1).sum();
    assert_eq!(monitor.readings().len(), updates);
    assert!(monitor.largest_rise().is_none_or(|rise| rise.amount < 1e-12));
}

#[test]
fn no_allocation_for_a_step() {
    let memory = LogSumExpMemory::new(patterns(), 0.08, Similarity::DotProduct).unwrap();
    let signs = Patterns::random_signs(DIM, 3, 1).unwrap();
    let continuous = ContinuousMemory::hebb(signs, Activation::Tanh { gain: 3.0 }).unwrap();
    let cues = cues();
    let cues = cues.as_batch();
    let allocations = |budget: usize| {
        allocation_counter::measure(|| {
            let cccp = Cccp { max_iterations: budget, tolerance: 1e-300, ..Cccp::default() };
            let _ = cccp.retrieve_watched(&memory, cues, &mut ()).unwrap();
            let max_time = 0.1 * budget as f64;
            let relaxation = Relaxation { form: Form::Hopfield, max_time, ..Relaxation::default() };
            let _ = relaxation.retrieve_watched(&continuous, cues, &mut ()).unwrap();
        })
        .count_total
    };
    allocations(1);
    assert_eq!(allocations(2), allocations(20));
}
