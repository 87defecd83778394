//! Streamed retrieval, its masks, priors and precisions, against the plain
//! form with two products.

use ebm_core::check::finite_difference;
use ebm_core::vector_math::VectorMath;
use ebm_core::{Batch, Energy, Gradient, Outcome, Real, random};
use ebm_memory::{Cccp, Corruption, Cues, Error, LogSumExpMemory, Patterns, Similarity, corrupt};
use rand::RngExt;

const SIMILARITIES: [Similarity; 3] =
    [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan];

/// Patterns of unequal norm, more than two tiles of them, and a noisy cue of
/// every 40th.
fn problem<T: Real>(dim: usize, count: usize) -> (Patterns<T>, Vec<T>) {
    let mut rng = random::stream(dim as u64, 7);
    let data: Vec<T> = (0..dim * count).map(|_| T::from_f64(rng.random_range(-1.0..1.0))).collect();
    let mut cues = vec![];
    for pattern in data.chunks(dim).step_by(40) {
        cues.extend(pattern.iter().map(|x| *x + T::from_f64(rng.random_range(-0.3..0.3))));
    }
    (Patterns::new(data, dim).unwrap(), cues)
}

/// One update and its weights, by two products.
fn plain<T: VectorMath>(memory: &LogSumExpMemory<T>, x: &[T]) -> (Vec<f64>, Vec<T>) {
    let patterns = memory.patterns();
    let mut weights = vec![T::ZERO; patterns.count()];
    memory.weights(Batch::single(x).unwrap(), &mut weights);
    let mut next = vec![0.0; x.len()];
    for (w, pattern) in weights.iter().zip(patterns.as_batch().columns()) {
        next.iter_mut().zip(pattern).for_each(|(y, p)| *y += w.to_f64() * p.to_f64());
    }
    (next, weights)
}

/// The streamed update agrees with the plain one within what is neglected.
fn agrees<T: VectorMath>(memory: &LogSumExpMemory<T>, cues: &[T], rounding: f64) {
    let dim = memory.patterns().dim();
    for negligible in [0.0, 1e-16, 1e-9, 1e-3] {
        let once = Cccp { max_iterations: 1, tolerance: 1e-30, negligible };
        let found = once.retrieve(memory, Batch::new(cues, dim).unwrap()).unwrap();
        let slack = negligible * memory.radius() + rounding;
        for (j, cue) in cues.chunks(dim).enumerate() {
            let (expected, _) = plain(memory, cue);
            let state = found.state(j);
            let error =
                state.iter().zip(&expected).map(|(a, b)| (a.to_f64() - b).powi(2)).sum::<f64>();
            assert!(error.sqrt() <= slack, "{:?}: {} {slack}", memory.similarity(), error.sqrt());
            // The report is of the state after that update.
            let report = found.reports()[j];
            let (next, mut weights) = plain(memory, state);
            weights[report.pattern] = T::ZERO;
            let spill: f64 = weights.iter().map(|w| w.to_f64()).sum();
            assert!(report.spill >= spill * (1.0 - 1e-3) - rounding);
            assert!(report.spill <= spill + negligible + rounding, "{} {spill}", report.spill);
            let residual =
                state.iter().zip(&next).map(|(a, b)| (a.to_f64() - b).powi(2)).sum::<f64>();
            assert!((report.residual - residual.sqrt()).abs() <= slack);
        }
    }
}

#[test]
fn streaming_agrees_with_two_products() {
    for similarity in SIMILARITIES {
        for beta in [0.01, 0.5, 8.0, 300.0] {
            let (patterns, cues) = problem::<f64>(17, 611);
            let memory = LogSumExpMemory::new(patterns, beta, similarity).unwrap();
            agrees(&memory, &cues, 1e-11);
            let (patterns, cues) = problem::<f32>(17, 611);
            let memory = LogSumExpMemory::new(patterns, beta, similarity).unwrap();
            // Exponents of the size of β · 17 round by that times 2⁻²⁴.
            agrees(&memory, &cues, 4e-6 * (1.0 + beta));
        }
    }
}

#[test]
fn streaming_agrees_with_two_products_for_unequal_memories() {
    let (patterns, cues) = problem::<f64>(9, 700);
    let mut rng = random::stream(3, 0);
    let log_priors: Vec<f64> = (0..700).map(|_| rng.random_range(-3.0..3.0)).collect();
    let betas: Vec<f64> = (0..700).map(|_| rng.random_range(0.5..20.0)).collect();
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), 4.0, similarity).unwrap();
        let memory = memory.with_log_priors(&log_priors).unwrap();
        agrees(&memory, &cues, 1e-11);
        agrees(&memory.with_inverse_temperatures(&betas).unwrap(), &cues, 1e-11);
    }
}

#[test]
fn reported_energies_are_those_of_the_memory() {
    let (patterns, cues) = problem::<f64>(9, 600);
    let betas: Vec<f64> = (0..600).map(|mu| 1.0 + f64::from(mu % 7)).collect();
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), 2.0, similarity).unwrap();
        for memory in [memory.clone(), memory.with_inverse_temperatures(&betas).unwrap()] {
            let found = Cccp { max_iterations: 2, ..Cccp::default() }
                .retrieve(&memory, Batch::new(&cues, 9).unwrap())
                .unwrap();
            for (state, report) in found.states().columns().zip(found.reports()) {
                let energy = memory.energy_at(state);
                assert!((report.energy - energy).abs() < 1e-11, "{} {energy}", report.energy);
            }
        }
    }
}

/// Memories of every similarity whose members differ, and the same that do not.
fn unequal() -> Vec<LogSumExpMemory> {
    let (patterns, _) = problem::<f64>(5, 12);
    let priors: Vec<f64> = (0..12).map(|mu| 0.3 * f64::from(mu % 5)).collect();
    let betas: Vec<f64> = (0..12).map(|mu| 0.4 + 0.2 * f64::from(mu % 4)).collect();
    let mut memories = vec![];
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), 0.7, similarity).unwrap();
        memories.push(memory.clone());
        let memory = memory.with_log_priors(&priors).unwrap();
        memories.push(memory.with_inverse_temperatures(&betas).unwrap());
    }
    memories
}

#[test]
fn derivatives_are_those_of_the_definition() {
    let betas: Vec<f64> = (0..12).map(|mu| 0.4 + 0.2 * f64::from(mu % 4)).collect();
    for (which, memory) in unequal().iter().enumerate() {
        for seed in 0..20 {
            let mut rng = random::stream(11, seed);
            // Away from the kinks of the Manhattan distance.
            let kink = |x: f64| {
                let data = memory.patterns().as_batch().as_slice();
                data.iter().any(|p| (x - p).abs() < 0.01)
            };
            let mut draw = || loop {
                let x = rng.random_range(-1.5..1.5);
                if !kink(x) {
                    return x;
                }
            };
            let x: Vec<f64> = (0..5).map(|_| draw()).collect();
            let v: Vec<f64> = (0..5).map(|_| draw()).collect();
            let worst = finite_difference::gradient(memory, &x).unwrap();
            assert!(worst.relative < 1e-9, "{which} {worst:?}");
            let worst = finite_difference::hessian_vec(memory, &x, &v).unwrap();
            assert!(worst.relative < 1e-9, "{which} {worst:?}");
            // The energy, term by term.
            let mut sum = 0.0;
            for (mu, p) in memory.patterns().as_batch().columns().enumerate() {
                let unequal = which % 2 == 1;
                let beta = if unequal { betas[mu] } else { 0.7 };
                let prior = if unequal { 0.3 * (mu % 5) as f64 } else { 0.0 };
                let norm: f64 = x.iter().map(|x| x * x).sum();
                let s: f64 = match memory.similarity() {
                    Similarity::DotProduct => {
                        x.iter().zip(p).map(|(x, p)| x * p).sum::<f64>() - 0.5 * norm
                    }
                    Similarity::SquaredDistance => {
                        -0.5 * x.iter().zip(p).map(|(x, p)| (x - p) * (x - p)).sum::<f64>()
                    }
                    _ => -x.iter().zip(p).map(|(x, p)| (x - p).abs()).sum::<f64>(),
                };
                sum += (prior + beta * s).exp();
            }
            assert!((memory.energy_at(&x) + sum.ln() / 0.7).abs() < 1e-12);
        }
    }
}

#[test]
fn updates_of_unequal_memories_descend() {
    for memory in unequal() {
        if memory.similarity() == Similarity::Manhattan {
            continue;
        }
        for seed in 0..50 {
            let mut rng = random::stream(12, seed);
            let x: Vec<f64> = (0..5).map(|_| rng.random_range(-1.5..1.5)).collect();
            let once = Cccp { max_iterations: 1, ..Cccp::default() };
            let found = once.retrieve(&memory, Batch::single(&x).unwrap()).unwrap();
            let next = found.state(0);
            // ∇E = (Σ β_μ p_μ/β)(x − x⁺), and E falls by ½ ∇E·(x − x⁺) or more.
            let gain: f64 = memory
                .gradient_at(&x)
                .iter()
                .zip(&x)
                .zip(next)
                .map(|((g, x), y)| g * (x - y))
                .sum();
            assert!(gain >= 0.0);
            assert!(memory.energy_at(next) <= memory.energy_at(&x) - 0.5 * gain + 1e-12);
        }
    }
}

#[test]
fn equal_inverse_temperatures_are_one() {
    let (patterns, cues) = problem::<f64>(6, 50);
    for similarity in SIMILARITIES {
        let new = |beta| LogSumExpMemory::new(patterns.clone(), beta, similarity).unwrap();
        let memory = new(3.0);
        let other = new(3.0).with_inverse_temperatures(&[3.0; 50]).unwrap();
        let other = other.with_log_priors(&[0.7; 50]).unwrap();
        let x = &cues[..6];
        // A common prior shifts the energy.
        let shift = memory.energy_at(x) - other.energy_at(x);
        assert!((shift - 0.7 / 3.0).abs() < 1e-12);
        for (a, b) in memory.gradient_at(x).iter().zip(&other.gradient_at(x)) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}

/// A mask for each of `count` cues of length `dim`.
fn masks(dim: usize, count: usize) -> Vec<bool> {
    let mut rng = random::stream(5, 1);
    let mut masks: Vec<bool> = (0..dim * count).map(|_| rng.random_range(0..3) > 0).collect();
    masks.iter_mut().step_by(dim).for_each(|m| *m = true);
    masks
}

/// Comparing the known entries is retrieval from the patterns cut down to them.
fn masked_is_cut<T: VectorMath>(beta: f64, tolerance: f64) {
    let (dim, count) = (14, 600);
    let (patterns, mut cues) = problem::<T>(dim, count);
    let known = masks(dim, cues.len() / dim);
    for (x, known) in cues.iter_mut().zip(&known) {
        if !known {
            *x = T::from_f64(f64::NAN);
        }
    }
    let cccp = Cccp { max_iterations: 3, ..Cccp::default() };
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), beta, similarity).unwrap();
        let each = Cues::new(&cues, dim).unwrap().with_known(&known).unwrap();
        let found = cccp.retrieve(&memory, each).unwrap();
        for (j, (cue, known)) in cues.chunks(dim).zip(known.chunks(dim)).enumerate() {
            let cut = |x: &[T]| -> Vec<T> {
                x.iter().zip(known).filter(|(_, k)| **k).map(|(x, _)| *x).collect()
            };
            let small: Vec<T> = patterns.as_batch().columns().flat_map(cut).collect();
            let small = Patterns::new(small, cut(cue).len()).unwrap();
            let small = LogSumExpMemory::new(small, beta, similarity).unwrap();
            let fixed_count = Cccp { tolerance: 1e-30, ..cccp };
            let expected = fixed_count.retrieve(&small, Batch::single(&cut(cue)).unwrap()).unwrap();
            // The mask of this cue, for all of one cue.
            let one = Cues::new(cue, dim).unwrap().with_known(known).unwrap();
            let alone = fixed_count.retrieve(&memory, one).unwrap();
            for state in [found.state(j), alone.state(0)] {
                for (a, b) in cut(state).iter().zip(expected.state(0)) {
                    let error = (a.to_f64() - b.to_f64()).abs();
                    assert!(error < tolerance, "{similarity:?} {error}");
                }
            }
            let (a, b) = (alone.reports()[0], expected.reports()[0]);
            assert!((a.energy - b.energy).abs() < tolerance);
            assert!(alone.state(0).iter().all(|x| Real::is_finite(*x)));
        }
    }
}

#[test]
fn masked_comparison_is_that_of_the_known_entries() {
    masked_is_cut::<f64>(6.0, 1e-9);
    masked_is_cut::<f32>(6.0, 1e-3);
}

#[test]
fn unknown_entries_are_filled_in_by_the_pattern() {
    let patterns = Patterns::random_signs(60, 400, 1).unwrap();
    let cues = &patterns.as_batch().as_slice()[..60 * 30];
    let known: Vec<bool> = (0..60).map(|i| i % 2 == 0).collect();
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), 3.0, similarity).unwrap();
        let masked = Cues::new(cues, 60).unwrap().with_known(&known).unwrap();
        let found = Cccp::default().retrieve(&memory, masked).unwrap();
        for (mu, report) in found.reports().iter().enumerate() {
            assert_eq!((report.pattern, report.outcome), (mu, Outcome::Converged));
            assert!(report.iterations > 0);
            for (x, p) in found.state(mu).iter().zip(patterns.pattern(mu)) {
                assert!((x - p).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn fixed_entries_stay_and_the_energy_descends() {
    let (patterns, cues) = problem::<f64>(8, 300);
    let fixed = masks(8, cues.len() / 8);
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
        let memory = LogSumExpMemory::new(patterns.clone(), 5.0, similarity).unwrap();
        let held = Cues::new(&cues, 8).unwrap().with_fixed(&fixed).unwrap();
        let mut last: Vec<f64> = cues.chunks(8).map(|cue| memory.energy_at(cue)).collect();
        for max_iterations in 1..6 {
            let cccp = Cccp { max_iterations, ..Cccp::default() };
            let found = cccp.retrieve(&memory, held).unwrap();
            for ((x, cue), fixed) in found.states().as_slice().iter().zip(&cues).zip(&fixed) {
                assert!(!fixed || x == cue);
            }
            for (report, last) in found.reports().iter().zip(&mut last) {
                assert!(report.energy <= *last + 1e-12);
                *last = report.energy;
            }
        }
        // At the end the gradient vanishes where the state may move.
        let long = Cccp { max_iterations: 2000, ..Cccp::default() };
        let found = long.retrieve(&memory, held).unwrap();
        for ((state, fixed), report) in
            found.states().columns().zip(fixed.chunks(8)).zip(found.reports())
        {
            assert_eq!(report.outcome, Outcome::Converged);
            for (g, fixed) in memory.gradient_at(state).iter().zip(fixed) {
                assert!(*fixed || g.abs() < 1e-8);
            }
        }
    }
}

#[test]
fn weights_below_the_limit_do_not_change_a_recall() {
    let patterns = Patterns::random_signs(100, 3000, 1).unwrap();
    let cues = corrupt(
        patterns.subset(&[5, 1700, 2999]).unwrap().as_batch(),
        0.1,
        Corruption::FlipSign,
        2,
    )
    .unwrap();
    let memory = LogSumExpMemory::new(patterns.clone(), 1.0, Similarity::DotProduct).unwrap();
    let found = Cccp::default().retrieve(&memory, cues.as_batch()).unwrap();
    let exact = Cccp { negligible: 0.0, ..Cccp::default() };
    let exact = exact.retrieve(&memory, cues.as_batch()).unwrap();
    for (a, b) in found.reports().iter().zip(exact.reports()) {
        assert_eq!((a.pattern, a.iterations, a.margin), (b.pattern, b.iterations, b.margin));
        // Small spills are still bounded by small numbers.
        assert!(a.spill >= b.spill && a.spill <= 1e4 * b.spill, "{} {}", a.spill, b.spill);
    }
    for (j, mu) in [5, 1700, 2999].into_iter().enumerate() {
        assert_eq!(found.reports()[j].pattern, mu);
    }
}

#[test]
fn what_is_neglected_is_bounded_as_stated() {
    // One pattern at 1 and many at −1, each just too light to be read out.
    let (count, negligible) = (10_000, 1e-3);
    let mut data = vec![-1.0; count];
    data[0] = 1.0;
    let patterns = Patterns::new(data, 1).unwrap();
    for share in [0.99, 0.49] {
        let beta = -0.5 * f64::ln(share * negligible / count as f64);
        let memory = LogSumExpMemory::new(patterns.clone(), beta, Similarity::DotProduct).unwrap();
        let once = Cccp { max_iterations: 1, tolerance: 1e-30, negligible };
        let found = once.retrieve(&memory, Batch::single(&[1.0]).unwrap()).unwrap();
        let (expected, _) = plain(&memory, &[1.0]);
        let error = (found.state(0)[0] - expected[0]).abs();
        assert!(error <= negligible, "{share} {error}");
    }
}

#[test]
fn single_precision_recalls_and_converges() {
    let patterns = Patterns::random_signs(80, 2000, 1).unwrap().to_precision::<f32>().unwrap();
    let cues: Vec<f32> = patterns
        .as_batch()
        .columns()
        .flat_map(|p| p.iter().enumerate().map(|(i, x)| if i % 9 == 0 { -x } else { *x }))
        .collect();
    let memory = LogSumExpMemory::new(patterns, 1.0, Similarity::DotProduct).unwrap();
    let found = Cccp::default().retrieve(&memory, Batch::new(&cues, 80).unwrap()).unwrap();
    let right = found.reports().iter().enumerate().filter(|(mu, q)| q.pattern == *mu).count();
    assert!(right >= 1990, "{right}");
    assert!(found.reports().iter().all(|q| q.outcome == Outcome::Converged));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (patterns, cues) = problem::<f32>(12, 9000);
    let known = masks(12, cues.len() / 12);
    for similarity in SIMILARITIES {
        let memory = LogSumExpMemory::new(patterns.clone(), 20.0, similarity).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let cues = Cues::new(&cues, 12).unwrap().with_known(&known).unwrap();
                Cccp { max_iterations: 4, ..Cccp::default() }.retrieve(&memory, cues).unwrap()
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(4));
    }
}

#[test]
fn memory_does_not_grow_with_the_patterns() {
    let cues: Vec<f32> = (0..64 * 100).map(|i| (i % 13) as f32).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let peak = |count: usize| {
        let patterns = Patterns::random_signs(64, count, 1).unwrap().to_precision().unwrap();
        let memory = LogSumExpMemory::new(patterns, 0.1, Similarity::SquaredDistance).unwrap();
        let cues = Batch::new(&cues, 64).unwrap();
        pool.install(|| {
            let run = || drop(Cccp::default().retrieve(&memory, cues).unwrap());
            run(); // faer's buffers of this thread
            allocation_counter::measure(run).bytes_max
        })
    };
    let (few, many) = (peak(1000), peak(16_000));
    assert!(few > 0);
    assert_eq!(few, many);
    // The plain form would need this for the weights alone.
    assert!(many < 16_000 * 100 * 4 / 4, "{many}");
}

#[test]
fn the_bound_of_one_update_holds() {
    let patterns = Patterns::random_signs(60, 50, 8).unwrap();
    let once = Cccp { max_iterations: 1, ..Cccp::default() };
    let mut tight = 0;
    for similarity in SIMILARITIES {
        for (beta, noise) in [(0.3, 0.0), (0.3, 0.1), (2.0, 0.2), (0.05, 0.3)] {
            let memory = LogSumExpMemory::new(patterns.clone(), beta, similarity).unwrap();
            let mut rng = random::stream(9, 0);
            for mu in 0..50 {
                let pattern = patterns.pattern(mu);
                let cue: Vec<f64> =
                    pattern.iter().map(|x| x + noise * rng.random_range(-1.0..1.0)).collect();
                let distance = |x: &[f64]| {
                    x.iter().zip(pattern).map(|(x, p)| (x - p).powi(2)).sum::<f64>().sqrt()
                };
                let found = once.retrieve(&memory, Batch::single(&cue).unwrap()).unwrap();
                let bound = memory.one_step_bound(mu, distance(&cue)).unwrap();
                let error = distance(found.state(0));
                assert!(error <= bound * (1.0 + 1e-12) + 1e-14, "{error} {bound}");
                tight += usize::from(bound < 0.1 * memory.radius());
            }
        }
    }
    // It says something in many cases.
    assert!(tight > 150, "{tight}");
    let memory = LogSumExpMemory::new(patterns.clone(), 1.0, Similarity::DotProduct).unwrap();
    let closest = (1..50).map(|nu| patterns.overlap(nu, patterns.pattern(0))).fold(-1.0, f64::max);
    assert!((memory.separation(0).unwrap() - 60.0 * (1.0 - closest)).abs() < 1e-12);
    assert!(memory.separation(50).is_err());
    assert!(memory.one_step_bound(0, f64::NAN).is_err());
    let alone = LogSumExpMemory::new(patterns.subset(&[3]).unwrap(), 1.0, Similarity::Manhattan);
    assert_eq!(alone.unwrap().one_step_bound(0, 3.0).unwrap(), 0.0);
    let unequal = memory.with_inverse_temperatures(&[2.0; 50]).unwrap();
    assert_eq!(unequal.one_step_bound(0, 0.0).unwrap(), f64::INFINITY);
}

#[test]
fn rejects_bad_masks_and_parameters() {
    let (patterns, cues) = problem::<f64>(4, 50);
    let memory = LogSumExpMemory::new(patterns, 1.0, Similarity::Manhattan).unwrap();
    let cues = || Cues::new(&cues, 4).unwrap();
    assert!(cues().with_known(&[true; 3]).is_err());
    assert!(cues().with_known(&[]).is_err());
    assert!(cues().with_fixed(&[true; 5]).is_err());
    assert_eq!(cues().with_known(&[false; 4]).unwrap_err(), Error::NothingKnown { cue: 0 });
    let error = cues().with_known(&[true, true, true, true, false, false, false, false]);
    assert_eq!(error.unwrap_err(), Error::NothingKnown { cue: 1 });
    let hole = [0.0, f64::NAN, 0.0, 0.0];
    let known = [true, false, true, true];
    let masked = Cues::new(&hole, 4).unwrap().with_known(&known).unwrap();
    assert!(Cccp::default().retrieve(&memory, masked).is_ok());
    let fixed = masked.with_fixed(&[false, true, false, false]).unwrap();
    assert!(Cccp::default().retrieve(&memory, fixed).is_err());
    assert!(Cccp::default().retrieve(&memory, Cues::new(&hole, 4).unwrap()).is_err());
    for negligible in [-1e-3, 1.0, f64::NAN] {
        assert!(Cccp { negligible, ..Cccp::default() }.retrieve(&memory, cues()).is_err());
    }
    assert!(memory.clone().with_log_priors(&[0.0; 49]).is_err());
    assert!(memory.clone().with_log_priors(&[f64::NAN; 50]).is_err());
    assert!(memory.clone().with_inverse_temperatures(&[1.0; 51]).is_err());
    assert!(memory.clone().with_inverse_temperatures(&[0.0; 50]).is_err());
    assert!(memory.with_inverse_temperatures(&[f64::INFINITY; 50]).is_err());
}
