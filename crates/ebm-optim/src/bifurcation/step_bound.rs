//! The largest step that no linear mode of the machine overshoots.
//!
//! ```text
//! ẍ = −a₀ (a₀ − a − c₀ J) x:   the mode of the lowest eigenvalue −λ of J is the
//! fastest,  ω² ≤ a₀ (a₀ + c₀ λ),   and symplectic Euler follows it if  Δt ω < 2
//! ```
//!
//! Beyond that, all spins of a graph with one large negative eigenvalue, such as
//! a complete one, flip in every step. `λ` comes from the Lanczos process, whose
//! estimates lie below it by a few percent after some steps; it is raised by a
//! tenth and held below the certified bound of the couplings. Most steps need
//! no estimate: a bound that costs one product admits them,
//!
//! ```text
//! λ ≤ ρ(|J|) ≤ maxᵢ (|J| v)ᵢ / vᵢ,     vᵢ = √(Σⱼ |Jᵢⱼ|)
//! ```
//!
//! Sources: E. Hairer, C. Lubich, G. Wanner, *Geometric Numerical Integration*
//! (2006), §I.5; R. A. Horn, C. R. Johnson, *Matrix Analysis*, 2nd ed., theorem
//! 8.1.26.

use ebm_core::linalg::largest_eigenvalue;
use ebm_core::{Coupling, Workspace};

use crate::Ising;

/// Steps of the Lanczos process.
const STEPS: usize = 16;

/// An estimate of `c₀ λ`, hardly ever too small, for couplings `c₀ J` with the
/// lowest eigenvalue `−λ` of `J`; zero without couplings.
pub(crate) fn stiffest_mode(problem: &Ising, strength: f64) -> f64 {
    let n = problem.spins();
    let certified = strength * problem.couplings().norm_bound();
    if !(certified.is_finite() && certified > 0.0) {
        return certified;
    }
    let mut ws = Workspace::new();
    let found = largest_eigenvalue(n, STEPS, 0, |v, out| {
        problem.couplings().apply(v, out, &mut ws);
        out.iter_mut().for_each(|w| *w *= -strength);
    });
    (1.1 * found.value).clamp(0.0, certified)
}

/// A bound of `c₀ λ` that costs one product; infinite where it overflows.
pub(super) fn coarse_bound(problem: &Ising, strength: f64) -> f64 {
    let row = |i: usize| {
        let (neighbors, weights) = problem.couplings().neighbors(i);
        neighbors.iter().zip(weights.iter().map(move |w| strength * w.abs()))
    };
    let n = problem.spins();
    let roots: Vec<f64> = (0..n).map(|i| row(i).map(|(_, w)| w).sum::<f64>().sqrt()).collect();
    let ratio = |i: usize| {
        let sum: f64 = row(i).map(|(&j, w)| w * roots[j as usize]).sum();
        // Spins without couplings add nothing.
        if roots[i] > 0.0 { sum / roots[i] } else { 0.0 }
    };
    let larger = |m: f64, r: f64| if r.is_nan() { f64::INFINITY } else { m.max(r) };
    // More than the rounding of any sum can have taken away.
    (0..n).map(ratio).fold(0.0, larger) * (1.0 + 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oscillator::natural_strength;
    use ebm_core::random;
    use rand::RngExt;

    #[test]
    fn known_spectra() {
        // J = −1 off the diagonal: the lowest eigenvalue is −(n − 1).
        let complete = |n: usize, w: f64| {
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j, w)));
            Ising::from_couplings(n, &pairs.collect::<Vec<_>>()).unwrap()
        };
        for n in [2, 3, 10, 60] {
            let mode = stiffest_mode(&complete(n, -1.0), 0.5);
            assert!((mode / (0.5 * (n - 1) as f64) - 1.0).abs() < 1e-6, "{n}: {mode}");
            // J = +1: the lowest is −1.
            let mode = stiffest_mode(&complete(n, 1.0), 0.5);
            assert!((0.4999..0.56).contains(&mode), "{n}: {mode}");
        }
        // A ring has 2 cos(2πk/n).
        let ring: Vec<_> = (0..100).map(|i| (i, (i + 1) % 100, 3.0)).collect();
        let mode = stiffest_mode(&Ising::from_couplings(100, &ring).unwrap(), 1.0);
        assert!((5.9..6.1).contains(&mode), "{mode}");
        assert_eq!(stiffest_mode(&Ising::from_couplings(5, &[]).unwrap(), 1.0), 0.0);
    }

    /// Never below the eigenvalue, and close to it on graphs that are nearly regular.
    #[test]
    fn one_product_bounds_the_mode() {
        let star: Vec<_> = (1..50).map(|j| (0, j, -2.0)).collect();
        let star = Ising::from_couplings(50, &star).unwrap();
        // Eigenvalue 2 √49; row sums alone say 98.
        assert!((coarse_bound(&star, 1.0) / 14.0 - 1.0).abs() < 2e-6);
        for seed in 0..20 {
            let mut rng = random::stream(seed, 0);
            let mut pairs = crate::generate::random_regular(60, 5, seed).unwrap();
            pairs.retain(|_| rng.random_bool(0.8));
            let weighted = |(i, j)| (i, j, rng.random_range(-1e3..1e3));
            let pairs: Vec<_> = pairs.into_iter().map(weighted).collect();
            let problem = Ising::from_couplings(60, &pairs).unwrap();
            let strength = 0.5 * natural_strength(&problem);
            let mut ws = Workspace::new();
            let exact = largest_eigenvalue(60, 100, 1, |v, out| {
                problem.couplings().apply(v, out, &mut ws);
                out.iter_mut().for_each(|w| *w *= -strength);
            });
            let bound = coarse_bound(&problem, strength);
            assert!(exact.value <= bound && bound < 3.0 * exact.value, "{} {bound}", exact.value);
        }
        let free = Ising::from_couplings(5, &[]).unwrap();
        assert_eq!(coarse_bound(&free, 1.0), 0.0);
        let huge = Ising::from_couplings(3, &[(0, 1, 1e300), (1, 2, 1e-300)]).unwrap();
        assert!(coarse_bound(&huge, natural_strength(&huge)) >= 1.0);
        assert_eq!(coarse_bound(&huge, f64::MAX), f64::INFINITY);
    }

    #[test]
    fn random_signs_are_far_below_the_row_sums() {
        let n = 300;
        let mut rng = random::stream(3, 1);
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let pairs: Vec<_> =
            pairs.map(|(i, j)| (i, j, if rng.random() { 1e200 } else { -1e200 })).collect();
        let problem = Ising::from_couplings(n, &pairs).unwrap();
        // Wigner: the spectrum of J √(n − 1) / ‖J‖ ends at 2.
        let mode = stiffest_mode(&problem, natural_strength(&problem));
        assert!((1.9..2.3).contains(&mode), "{mode}");
    }
}
