//! Is a read-out state one that the oscillators hold?
//!
//! ```text
//! L(s)ᵢⱼ = −Jᵢⱼ sᵢ sⱼ (i ≠ j),      L(s)ᵢᵢ = Σⱼ Jᵢⱼ sᵢ sⱼ + hᵢ sᵢ
//! ∇²E(θ) = K g′(0) L(s) + 2 K_s I   at the binary phases of s
//! ```
//!
//! The state is a stable equilibrium of the noise-free flow if
//! `2 K_s > −K g′(0) λ_min(L(s))` and an unstable one if `<`. Locking that is too
//! strong holds every state, and so selects none.
//!
//! Sources: T. Wang and J. Roychowdhury, arXiv 1903.07163; A. Allibhoy, A. N.
//! Montanari, F. Pasqualetti and A. E. Motter, arXiv 2308.04435, on stability as
//! a criterion of optimality; the bound for large problems by J. Kuczyński and
//! H. Woźniakowski, SIAM J. Matrix Anal. Appl. 13, 1094 (1992).

use ebm_core::linalg::{SymmetricEigen, largest_eigenvalue};
use ebm_core::validate;

use super::CouplingShape;
use crate::{Error, Ising};

/// How the eigenvalue was bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Argument {
    /// All eigenvalues were computed; the bounds allow for their rounding.
    Eigenvalues,
    /// Lanczos iteration: the upper bound is a Rayleigh quotient and holds up to
    /// rounding, the lower one fails with this probability over the random
    /// start.
    Lanczos {
        /// At most this.
        failure_probability: f64,
    },
}

/// What is known of the stability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All curvatures are positive.
    Stable,
    /// One curvature is negative.
    Unstable,
    /// The bounds enclose zero.
    Undecided,
}

/// Bounds on the smallest curvature at a read-out state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct StabilityCertificate {
    /// Bounds on `λ_min(L(s))`, lower and upper.
    pub eigenvalue: (f64, f64),
    /// Bounds on the smallest curvature `K g′(0) λ_min(L(s)) + 2 K_s`.
    pub curvature: (f64, f64),
    /// Bounds on the least `K_s` that holds the state, `−K g′(0) λ_min(L(s))/2`,
    /// at least zero.
    pub least_locking: (f64, f64),
    /// What follows.
    pub verdict: Verdict,
    /// How.
    pub argument: Argument,
}

/// Largest problem whose eigenvalues are all computed.
const DENSE: usize = 300;
/// Steps of the iteration beyond.
const STEPS: usize = 250;
/// Its probability of failure.
const FAILURE: f64 = 1e-6;

/// Bounds the curvature of the oscillator energy at the binary phases of
/// `spins`, with `coupling` `K` and `locking` `K_s`.
///
/// Up to 300 spins from all eigenvalues, `O(n³)`; beyond by 250 Lanczos steps,
/// `O(m + n)` each.
///
/// ```
/// use ebm_optim::{Ising, oscillator::{CouplingShape, Verdict, read_out_stability}};
/// let pair = Ising::from_couplings(2, &[(0, 1, 1.0)])?;
/// let verdict = |spins: &[i8], locking: f64| -> Result<_, ebm_optim::Error> {
///     Ok(read_out_stability(&pair, spins, 1.0, locking, CouplingShape::Sine)?.verdict)
/// };
/// // The wrong state has λ_min = −2: it is held from K_s = 1 on.
/// assert_eq!(verdict(&[1, 1], 0.1)?, Verdict::Stable);
/// assert_eq!(verdict(&[1, -1], 0.9)?, Verdict::Unstable);
/// assert_eq!(verdict(&[1, -1], 1.1)?, Verdict::Stable);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// Spins that are too many, too few, or not ±1; a strength that is negative or
/// not finite; an invalid shape.
pub fn read_out_stability(
    problem: &Ising,
    spins: &[i8],
    coupling: f64,
    locking: f64,
    shape: CouplingShape,
) -> Result<StabilityCertificate, Error> {
    problem.check_spins(spins)?;
    validate::non_negative("coupling strength K", coupling)?;
    validate::non_negative("locking strength K_s", locking)?;
    shape.validate()?;
    let laplacian = Laplacian::new(problem, spins);
    let (eigenvalue, argument) =
        if spins.len() <= DENSE { laplacian.dense()? } else { laplacian.lanczos() };
    let stiffness = coupling * shape.steepest();
    let curvature = |value: f64| {
        // No coupling, no curvature from it, however large the eigenvalue.
        let pull = if stiffness == 0.0 { 0.0 } else { stiffness * value };
        2.0 * locking + pull
    };
    let curvature = (curvature(eigenvalue.0), curvature(eigenvalue.1));
    let least =
        |value: f64| if stiffness == 0.0 { 0.0 } else { (-0.5 * stiffness * value).max(0.0) };
    let verdict = if curvature.0 > 0.0 {
        Verdict::Stable
    } else if curvature.1 < 0.0 {
        Verdict::Unstable
    } else {
        Verdict::Undecided
    };
    let least_locking = (least(eigenvalue.1), least(eigenvalue.0));
    Ok(StabilityCertificate { eigenvalue, curvature, least_locking, verdict, argument })
}

struct Laplacian<'a> {
    problem: &'a Ising,
    spins: &'a [i8],
    diagonal: Vec<f64>,
    /// No eigenvalue is larger in magnitude (Gershgorin).
    radius: f64,
    /// No eigenvalue is larger.
    ceiling: f64,
}

type Bounds = ((f64, f64), Argument);

impl<'a> Laplacian<'a> {
    fn new(problem: &'a Ising, spins: &'a [i8]) -> Self {
        let own = |i: usize| f64::from(spins[i]) * problem.field_at(spins, i);
        let diagonal: Vec<f64> = (0..spins.len()).map(own).collect();
        let (mut radius, mut ceiling) = (0.0_f64, f64::NEG_INFINITY);
        for (i, own) in diagonal.iter().enumerate() {
            let (_, weights) = problem.couplings().neighbors(i);
            let others: f64 = weights.iter().map(|w| w.abs()).sum();
            radius = radius.max(own.abs() + others);
            ceiling = ceiling.max(own + others);
        }
        Self { problem, spins, diagonal, radius, ceiling }
    }

    fn dense(&self) -> Result<Bounds, Error> {
        let n = self.spins.len();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            let (neighbors, weights) = self.problem.couplings().neighbors(i);
            for (&j, w) in neighbors.iter().zip(weights) {
                let sign = f64::from(self.spins[i] * self.spins[j as usize]);
                matrix[i * n + j as usize] = -w * sign;
            }
            matrix[i * n + i] = self.diagonal[i];
        }
        let least = SymmetricEigen::new(n).eigenvalues(&matrix)?[0];
        // Backward stable: off by a modest multiple of the rounding of ‖L‖.
        let rounding = 10.0 * n as f64 * f64::EPSILON * self.radius;
        Ok(((least - rounding, least + rounding), Argument::Eigenvalues))
    }

    /// Largest eigenvalue of the positive semidefinite `ceiling − L`.
    fn lanczos(&self) -> Bounds {
        let n = self.spins.len();
        let found = largest_eigenvalue(n, STEPS, 0, |v, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let (neighbors, weights) = self.problem.couplings().neighbors(i);
                let terms = neighbors
                    .iter()
                    .zip(weights)
                    .map(|(&j, w)| w * f64::from(self.spins[j as usize]) * v[j as usize]);
                let pairs = f64::from(self.spins[i]) * terms.sum::<f64>();
                *out = (self.ceiling - self.diagonal[i]) * v[i] + pairs;
            }
        });
        let rounding = 10.0 * n as f64 * f64::EPSILON * self.radius;
        let missed = if found.exhausted {
            0.0
        } else {
            let exponent = (1.648 * (n as f64).sqrt() / FAILURE).ln();
            let epsilon = (exponent / (2.0 * found.steps as f64 - 1.0)).powi(2);
            if epsilon < 1.0 {
                found.value.max(0.0) * epsilon / (1.0 - epsilon)
            } else {
                f64::INFINITY
            }
        };
        let upper = self.ceiling - found.value + rounding;
        // Gershgorin's bound always holds.
        let lower = (self.ceiling - found.value - missed - rounding).max(-self.radius);
        ((lower, upper), Argument::Lanczos { failure_probability: FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oscillator::OscillatorEnergy;
    use ebm_core::{Curvature, Gradient, Workspace, random};
    use rand::RngExt;

    fn glass(n: usize, degree: f64, seed: u64) -> Ising {
        let mut rng = random::stream(seed, 0);
        let mut pairs = vec![];
        for i in 0..n {
            for j in i + 1..n {
                if rng.random::<f64>() < degree / n as f64 {
                    pairs.push((i, j, rng.random_range(-1.0..1.0)));
                }
            }
        }
        let fields = (0..n).map(|_| rng.random_range(-0.5..0.5)).collect();
        Ising::from_couplings(n, &pairs).unwrap().with_fields(fields).unwrap()
    }

    fn spins(n: usize, seed: u64) -> Vec<i8> {
        let mut rng = random::stream(seed, 1);
        (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect()
    }

    fn binary(spins: &[i8]) -> Vec<f64> {
        spins.iter().map(|s| if *s > 0 { 0.0 } else { std::f64::consts::PI }).collect()
    }

    /// From a state pushed off the binary one, the flow comes back exactly where
    /// the certificate says stable.
    #[test]
    fn decides_as_the_flow_does() {
        for shape in [CouplingShape::Sine, CouplingShape::SquareWave { sharpness: 2.0 }] {
            for seed in 0..12 {
                let n = 12;
                let problem = glass(n, 5.0, seed);
                let state = spins(n, seed);
                let certified = |locking: f64| {
                    read_out_stability(&problem, &state, 1.0, locking, shape).unwrap()
                };
                let least = certified(0.0).least_locking.0;
                if least < 0.05 {
                    continue;
                }
                for (factor, verdict) in [(1.1, Verdict::Stable), (0.9, Verdict::Unstable)] {
                    let locking = factor * least;
                    let certificate = certified(locking);
                    assert_eq!(certificate.verdict, verdict, "seed {seed}");
                    let energy = OscillatorEnergy::new(&problem, 1.0, locking).unwrap();
                    let energy = energy.with_shape(shape).unwrap();
                    let home = binary(&state);
                    let mut rng = random::stream(seed, 2);
                    let mut x: Vec<f64> =
                        home.iter().map(|x| x + rng.random_range(-1e-4..1e-4)).collect();
                    let distance = |x: &[f64]| {
                        x.iter().zip(&home).fold(0.0_f64, |m, (x, y)| m.max((x - y).abs()))
                    };
                    let h = 1.0 / energy.curvature_bound();
                    let time = 25.0 / certificate.curvature.0.abs();
                    for _ in 0..(time / h) as usize {
                        let gradient = energy.gradient_at(&x);
                        x.iter_mut().zip(&gradient).for_each(|(x, g)| *x -= h * g);
                    }
                    let stays = distance(&x) < 1e-6;
                    assert_eq!(stays, verdict == Verdict::Stable, "{seed}: {}", distance(&x));
                }
            }
        }
    }

    #[test]
    fn bounds_hold_the_curvature_of_the_energy() {
        let problem = glass(20, 6.0, 1);
        let state = spins(20, 1);
        let energy = OscillatorEnergy::new(&problem, 0.7, 0.2).unwrap();
        let certificate =
            read_out_stability(&problem, &state, 0.7, 0.2, CouplingShape::Sine).unwrap();
        let mut hessian = vec![0.0; 400];
        for (i, column) in hessian.chunks_exact_mut(20).enumerate() {
            let unit: Vec<f64> = (0..20).map(|j| f64::from(u8::from(i == j))).collect();
            energy.hessian_vec(&binary(&state), &unit, column, &mut Workspace::new());
        }
        let least = SymmetricEigen::new(20).eigenvalues(&hessian).unwrap()[0];
        let (lower, upper) = certificate.curvature;
        assert!(lower - 1e-12 <= least && least <= upper + 1e-12 && upper - lower < 1e-10);
    }

    #[test]
    fn both_arguments_agree() {
        let problem = glass(250, 8.0, 3);
        let state = spins(250, 3);
        let laplacian = Laplacian::new(&problem, &state);
        let (dense, _) = laplacian.dense().unwrap();
        let (lanczos, _) = laplacian.lanczos();
        assert!(lanczos.0 <= dense.1 && dense.0 <= lanczos.1, "{dense:?} {lanczos:?}");
        assert!((lanczos.1 - dense.1).abs() < 1e-6 * laplacian.radius);
        assert!(lanczos.1 - lanczos.0 < 0.02 * laplacian.radius);
    }

    /// Ground states of large problems are decided, ferromagnets exactly at the
    /// rotation that costs nothing.
    #[test]
    fn large_problems() {
        let n = 2000;
        let ring: Vec<_> = (0..n).map(|i| (i, (i + 1) % n, 1.0)).collect();
        let ring = Ising::from_couplings(n, &ring).unwrap();
        let up = vec![1_i8; n];
        let stability = |spins: &[i8], locking: f64| {
            read_out_stability(&ring, spins, 1.0, locking, CouplingShape::Sine).unwrap()
        };
        let held = stability(&up, 0.1);
        assert_eq!(held.verdict, Verdict::Stable);
        assert!(held.eigenvalue.0 <= 0.0 && held.eigenvalue.1 >= -1e-9);
        assert_eq!(stability(&up, 0.0).verdict, Verdict::Undecided);
        let mut wrong = up;
        wrong[5] = -1;
        assert_eq!(stability(&wrong, 0.1).verdict, Verdict::Unstable);
        assert_eq!(stability(&wrong, 3.0).verdict, Verdict::Stable);
    }

    #[test]
    fn bad_input_is_refused() {
        let problem = glass(5, 3.0, 0);
        let sine = CouplingShape::Sine;
        assert!(read_out_stability(&problem, &[1; 4], 1.0, 1.0, sine).is_err());
        assert!(read_out_stability(&problem, &[0; 5], 1.0, 1.0, sine).is_err());
        assert!(read_out_stability(&problem, &[1; 5], -1.0, 1.0, sine).is_err());
        assert!(read_out_stability(&problem, &[1; 5], 1.0, f64::NAN, sine).is_err());
        let lone = Ising::from_couplings(1, &[]).unwrap();
        let certificate = read_out_stability(&lone, &[1], 1.0, 0.5, sine).unwrap();
        assert_eq!(certificate.verdict, Verdict::Stable);
    }
}
