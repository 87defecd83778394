//! Kernels and lifts against enumeration; size, rounding and wrong input.

use ebm_core::random;
use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::exhaustive;

fn spins_of(bits: u32, n: usize) -> Vec<i8> {
    (0..n).map(|i| if bits >> i & 1 == 1 { 1 } else { -1 }).collect()
}

/// A random problem whose pairs are coupled with probability `density`.
fn random_problem(seed: u64, n: usize, density: f64, mut weight: impl FnMut(f64) -> f64) -> Ising {
    let mut rng = random::stream(seed, 0);
    let mut couplings = vec![];
    for i in 0..n {
        for j in i + 1..n {
            if rng.random_bool(density) {
                couplings.push((i, j, weight(rng.random_range(-1.0..1.0))));
            }
        }
    }
    let with_fields = rng.random_bool(0.5);
    let mut field = |_| if with_fields && rng.random() { rng.random_range(-1.0..1.0) } else { 0.0 };
    let fields = (0..n).map(|i| weight(field(i))).collect();
    let problem = Ising::from_couplings(n, &couplings).unwrap();
    problem.with_fields(fields).unwrap().with_offset(0.5).unwrap()
}

/// The kernel against enumeration: every state of the kernel has the least
/// energy of the states that agree with it, its lift is one of them, and a lift
/// is as good as its energy says.
fn check(problem: &Ising, tolerance: f64) {
    let n = problem.spins();
    let reduction = Reduction::new(problem);
    let size = reduction.nodes().len();
    assert_eq!(reduction.kernel().map_or(0, Ising::spins), size);
    let mut least = vec![f64::INFINITY; 1 << size];
    for bits in 0..1_u32 << n {
        let kernel_bits: usize =
            reduction.nodes().iter().enumerate().map(|(k, i)| (bits as usize >> i & 1) << k).sum();
        let energy = problem.energy(&spins_of(bits, n)).unwrap();
        least[kernel_bits] = least[kernel_bits].min(energy);
    }
    for (bits, &least) in least.iter().enumerate() {
        let kernel_spins = spins_of(bits as u32, size);
        let energy = match reduction.kernel() {
            Some(kernel) => kernel.energy(&kernel_spins).unwrap(),
            None => reduction.offset(),
        };
        let lifted = reduction.lift(&kernel_spins).unwrap();
        assert!((energy - least).abs() <= tolerance, "{energy} {least}");
        assert!((problem.energy(&lifted).unwrap() - energy).abs() <= tolerance);
        assert_eq!(reduction.restrict(&lifted).unwrap(), kernel_spins);
    }
    let optimum = exhaustive::ground_state(problem).unwrap().energy;
    let reached = reduction
        .kernel()
        .map_or(reduction.offset(), |kernel| exhaustive::ground_state(kernel).unwrap().energy);
    assert!((optimum - reached).abs() <= tolerance, "{optimum} {reached}");
}

proptest! {
    #[test]
    fn exact_for_signs(seed: u64, n in 1_usize..=10, density in 0.05..0.9_f64) {
        check(&random_problem(seed, n, density, |w: f64| if w == 0.0 { 0.0 } else { w.signum() }), 0.0);
    }

    #[test]
    fn exact_for_integers(seed: u64, n in 1_usize..=10, density in 0.05..0.9_f64, top in 1.0..9.0_f64) {
        check(&random_problem(seed, n, density, |w: f64| (w * top).round()), 0.0);
    }

    #[test]
    fn exact_to_rounding_for_reals(seed: u64, n in 1_usize..=9, density in 0.05..0.9_f64) {
        check(&random_problem(seed, n, density, |w| w), 1e-13);
    }

    #[test]
    fn exact_across_magnitudes(seed: u64, n in 1_usize..=9, density in 0.2..0.9_f64) {
        // Large weights bind, small ones decide among what is left.
        check(&random_problem(seed, n, density, |w: f64| w.signum() * 10_f64.powf(3.0 * w)), 1e-11);
    }
}

#[test]
fn rules_do_what_they_say() {
    let kernel_size = |problem: &Ising| Reduction::new(problem).nodes().len();
    // Five spins, all coupled: no rule applies, and the kernel is the problem.
    let pairs = || (0..5).flat_map(|i| (i + 1..5).map(move |j| (i, j)));
    let complete: Vec<_> = pairs().map(|(i, j)| (i, j, -1.0)).collect();
    let complete = Ising::from_couplings(5, &complete).unwrap();
    assert_eq!(kernel_size(&complete), 5);
    // A field of 4 decides one of them; the others have three neighbors and a
    // field each, which leaves a cubic term.
    let decided = complete.clone().with_fields(vec![4.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    assert_eq!(kernel_size(&decided), 4);
    // One coupling of 3 binds two of them; four neighbors become three.
    let bound: Vec<_> =
        pairs().map(|(i, j)| (i, j, if (i, j) == (1, 3) { 3.0 } else { -1.0 })).collect();
    assert_eq!(kernel_size(&Ising::from_couplings(5, &bound).unwrap()), 0);
    // Trees, rings and a spin alone are solved.
    for couplings in [vec![], vec![(0, 1, 1.0)], (0..9).map(|i| (i, (i + 1) % 9, -1.0)).collect()] {
        let problem = Ising::from_couplings(9, &couplings).unwrap();
        let reduction = Reduction::new(&problem);
        assert!(reduction.kernel().is_none());
        let spins = reduction.lift(&[]).unwrap();
        assert_eq!(problem.energy(&spins).unwrap(), reduction.offset());
        assert!(reduction.lift(&[1]).is_err());
    }
}

#[test]
fn couplings_of_zero_do_not_count() {
    let problem = Ising::from_couplings(3, &[(0, 1, 0.0), (1, 2, 0.0), (0, 2, 0.0)]).unwrap();
    let reduction = Reduction::new(&problem.with_fields(vec![1.0, -2.0, 0.0]).unwrap());
    assert_eq!(reduction.offset(), -3.0);
    assert_eq!(reduction.lift(&[]).unwrap(), [1, -1, 1]);
}

#[test]
fn exact_kernels_stay_exact() {
    // Rings of three-neighbor spins: each replacement halves a weight.
    let n = 4000;
    let mut couplings: Vec<_> = (0..n).map(|i| (i, (i + 1) % n, 1.0)).collect();
    couplings.extend((0..n / 2).map(|i| (i, i + n / 2, -1.0)));
    let problem = Ising::from_couplings(n, &couplings).unwrap();
    let reduction = Reduction::new(&problem);
    let mut rng = random::stream(1, 0);
    let size = reduction.nodes().len();
    for _ in 0..20 {
        let kernel_spins: Vec<i8> = (0..size).map(|_| if rng.random() { 1 } else { -1 }).collect();
        let energy = reduction.kernel().map_or(reduction.offset(), |kernel| {
            assert!(kernel.has_exact_sums());
            kernel.energy(&kernel_spins).unwrap()
        });
        let lifted = reduction.lift(&kernel_spins).unwrap();
        assert_eq!(problem.energy(&lifted).unwrap(), energy);
    }
}

/// Hubs and long chains of bound spins would be quadratic if each step looked
/// at whole lists.
#[test]
fn hubs_and_chains_take_linear_time() {
    let n = 200_000;
    let star: Vec<_> = (1..n).map(|i| (0, i, 1.0)).collect();
    let between: Vec<_> = (2..n).flat_map(|i| [(0, i, 1.0), (1, i, -1.0)]).collect();
    // A chain bound ever tighter, whose spins share five neighbors.
    let mut chain: Vec<_> = (0..n - 6).map(|i| (i, i + 1, 1e3 + i as f64)).collect();
    chain.extend((0..n - 5).map(|i| (i, n - 5 + i % 5, if i % 3 == 0 { 1.0 } else { -1.0 })));
    for couplings in [star, between, chain] {
        let problem = Ising::from_couplings(n, &couplings).unwrap();
        let reduction = Reduction::new(&problem);
        assert!(reduction.nodes().len() <= 6, "{}", reduction.nodes().len());
        let size = reduction.nodes().len();
        let lifted = reduction.lift(&vec![1; size]).unwrap();
        let energy = reduction
            .kernel()
            .map_or(reduction.offset(), |kernel| kernel.energy(&vec![1; size]).unwrap());
        assert_eq!(problem.energy(&lifted).unwrap(), energy);
    }
}

#[test]
fn largest_numbers_are_survived() {
    let huge = Ising::from_couplings(3, &[(0, 1, 4e307), (1, 2, -4e307)]).unwrap();
    let reduction = Reduction::new(&huge);
    assert!(reduction.offset().is_finite());
    let tiny = Ising::from_couplings(3, &[(0, 1, 5e-324), (1, 2, -5e-324)]).unwrap();
    let spins = Reduction::new(&tiny).lift(&[]).unwrap();
    assert_eq!(spins.len(), 3);
}

#[test]
fn wrong_spins_are_errors() {
    let pairs: Vec<_> = (0..6).flat_map(|i| (i + 1..6).map(move |j| (i, j, -1.0))).collect();
    let reduction = Reduction::new(&Ising::from_couplings(6, &pairs).unwrap());
    assert!(reduction.lift(&[1; 5]).is_err());
    assert!(reduction.lift(&[1, 1, 0, 1, 1, 1]).is_err());
    assert!(reduction.restrict(&[1; 5]).is_err());
    assert!(reduction.restrict(&[1, 1, 2, 1, 1, 1]).is_err());
}
