//! The Sherrington–Kirkpatrick spin glass: all spins coupled at random.
//!
//! ```text
//! Jᵢⱼ = gᵢⱼ / √n,      gᵢⱼ standard normal or ±1
//! ```
//!
//! The least energy per spin tends to −0.7632. Source: D. Sherrington and S.
//! Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975),
//! doi:10.1103/PhysRevLett.35.1792.

use super::{Weights, check_edges, parameter};
use crate::{Error, Ising};

/// A sample with `spins` spins; row `i` of the couplings is drawn from a stream
/// of its own.
///
/// ```
/// use ebm_optim::generate::{Weights, sherrington_kirkpatrick};
/// let glass = sherrington_kirkpatrick(100, Weights::Normal, 1)?;
/// assert_eq!(glass.pairs().count(), 4950);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// No spins, or more than 2²⁷ couplings.
pub fn sherrington_kirkpatrick(spins: usize, weights: Weights, seed: u64) -> Result<Ising, Error> {
    if spins == 0 {
        return Err(parameter("spins of a spin glass", "at least 1", 0.0));
    }
    check_edges((spins as u64).checked_mul(spins as u64 - 1).map(|twice| twice / 2))?;
    let scale = 1.0 / (spins as f64).sqrt();
    let mut couplings = Vec::with_capacity(spins * (spins - 1) / 2);
    let mut row = vec![0.0; spins];
    for i in 0..spins {
        let row = &mut row[i + 1..];
        weights.fill(seed, i as u64, row);
        couplings.extend(row.iter().zip(i + 1..).map(|(g, j)| (i, j, g * scale)));
    }
    Ising::from_couplings(spins, &couplings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn couplings_have_variance_one_over_n() {
        for weights in [Weights::Signs, Weights::Normal] {
            let glass = sherrington_kirkpatrick(200, weights, 3).unwrap();
            let squares: f64 = glass.pairs().map(|(_, _, w)| 200.0 * w * w).sum();
            let pairs = 200.0 * 199.0 / 2.0;
            // Five standard errors of a chi-square.
            assert!((squares / pairs - 1.0).abs() < 5.0 * (2.0_f64 / pairs).sqrt());
        }
        assert!(sherrington_kirkpatrick(0, Weights::Signs, 1).is_err());
        assert!(sherrington_kirkpatrick(1 << 20, Weights::Signs, 1).is_err());
        assert_eq!(sherrington_kirkpatrick(1, Weights::Signs, 1).unwrap().spins(), 1);
    }
}
