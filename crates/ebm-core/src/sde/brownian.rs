//! Brownian paths that stay the same when the step is refined.
//!
//! ```text
//! ΔW = W(t+h) − W(t)  ~ N(0, h),
//! H  = (1/h) ∫ₜ^{t+h} [W(r) − W(t) − (r−t)/h ΔW] dr  ~ N(0, h/12),  independent of ΔW
//!
//! halves of an interval of length h, with Z ~ N(0, h/16), N ~ N(0, h/12):
//!     ΔW₁ = ΔW/2 + 3H/2 + Z        H₁ = H/4 − Z/2 + N/2
//!     ΔW₂ = ΔW/2 − 3H/2 − Z        H₂ = H/4 − Z/2 − N/2
//! hence
//!     ΔW = ΔW₁ + ΔW₂               H  = (H₁ + H₂)/2 + (ΔW₁ − ΔW₂)/4
//! ```
//!
//! `H` is the space-time Lévy area; the iterated integral that schemes of
//! strong order 1.5 use is `I₍₁,₀₎ = ∫ₜ^{t+h} (W(r) − W(t)) dr = h (ΔW/2 + H)`.
//!
//! Source: J. Foster, T. Lyons and H. Oberhauser, *An optimal polynomial
//! approximation of Brownian motion*, SIAM J. Numer. Anal. 58 (2020),
//! arXiv:1904.06998; a binary tree of such halvings, as here, is in A. Jelinčič,
//! J. Tao, W. Turner, T. Cass, J. Foster and H. Ni, *Single-seed generation of
//! Brownian paths and integrals*, arXiv:2405.06464.

use rand_chacha::ChaCha8Rng;

use crate::random::{fill_normal, stream};
use crate::{Error, validate};

/// Largest number of times a base step can be halved.
pub const MAX_LEVEL: u32 = 32;

/// Words of a stream set aside for each purpose, in order: the caller's own
/// draws, base increments, base areas, and the halvings of each level. A ChaCha
/// stream has 2⁶⁸ words.
const CHANNEL: u32 = 60;

/// Increments of a vector of independent Wiener processes on the grid of step
/// `base / 2^level`, one after the other.
///
/// A path is a function of `(seed, stream)` and the base step alone: the level
/// only decides how finely it is shown. Two increments at level `k + 1` add up
/// to the one at level `k`, to rounding.
///
/// It draws beyond word 2⁶⁰ of [`stream(seed, stream)`](crate::random::stream):
/// what a caller draws from the beginning of the same stream, such as an initial
/// state, is independent of the path.
///
/// ```
/// use ebm_core::sde::BrownianPath;
/// let mut coarse = BrownianPath::new(7, 0, 1, 0.1, 0)?;
/// let mut fine = BrownianPath::new(7, 0, 1, 0.1, 1)?;
/// coarse.advance();
/// fine.advance();
/// let first = fine.increment()[0];
/// fine.advance();
/// assert!((first + fine.increment()[0] - coarse.increment()[0]).abs() < 1e-15);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BrownianPath {
    base: f64,
    level: u32,
    increments: ChaCha8Rng,
    areas: ChaCha8Rng,
    /// Generator of the halvings that lead to level `l + 1`.
    halvings: Vec<ChaCha8Rng>,
    /// The current increment and, where tracked, area.
    dw: Vec<f64>,
    area: Vec<f64>,
    /// Right halves not yet visited, increments and areas, one per level.
    right: Vec<[Vec<f64>; 2]>,
    normals: [Vec<f64>; 2],
    index: u64,
}

impl BrownianPath {
    /// The path `stream` of `seed` in `dim` dimensions, on steps of `base`
    /// halved `level` times.
    ///
    /// # Errors
    /// [`Error::Empty`] if `dim` is zero, [`Error::Parameter`] if `base` is not
    /// finite and positive or `level` is above [`MAX_LEVEL`].
    pub fn new(seed: u64, stream: u64, dim: usize, base: f64, level: u32) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::Empty { what: "noise" });
        }
        validate::positive("base step", base)?;
        check_level(level)?;
        let channel = |index: u32| {
            let mut rng = self::stream(seed, stream);
            rng.set_word_pos(u128::from(index + 1) << CHANNEL);
            rng
        };
        // Halving an interval takes its area into account.
        let halved = if level > 0 { dim } else { 0 };
        Ok(Self {
            base,
            level,
            increments: channel(0),
            areas: channel(1),
            halvings: (0..level).map(|l| channel(2 + l)).collect(),
            dw: vec![0.0; dim],
            area: vec![0.0; halved],
            right: (0..level).map(|_| [vec![0.0; dim], vec![0.0; dim]]).collect(),
            normals: [vec![0.0; halved], vec![0.0; halved]],
            index: 0,
        })
    }

    /// The same path, with the areas `H` at level 0 too. They cost a second
    /// normal a step there; the increments stay as they are.
    ///
    /// Call it before the first step.
    #[must_use]
    pub fn with_areas(mut self) -> Self {
        self.area.resize(self.dw.len(), 0.0);
        self
    }

    /// Length of the steps, `base / 2^level`.
    #[must_use]
    pub fn step(&self) -> f64 {
        width(self.base, self.level)
    }

    /// Moves on to the next step.
    pub fn advance(&mut self) {
        // The steps are the leaves of one binary tree per base step, visited in
        // order. The leaf `index` is the first below the node reached by going
        // up once per trailing zero.
        let mut level = self.level - self.index.trailing_zeros().min(self.level);
        if level == 0 {
            fill_scaled(&mut self.increments, self.base.sqrt(), &mut self.dw);
            fill_scaled(&mut self.areas, (self.base / 12.0).sqrt(), &mut self.area);
        } else {
            let [dw, area] = &self.right[level as usize - 1];
            self.dw.copy_from_slice(dw);
            self.area.copy_from_slice(area);
        }
        while level < self.level {
            self.halve(level);
            level += 1;
        }
        self.index += 1;
    }

    /// `ΔW` over the current step; zero before the first.
    #[must_use]
    pub fn increment(&self) -> &[f64] {
        &self.dw
    }

    /// The area `H` over the current step; empty at level 0 unless made
    /// [`with_areas`](Self::with_areas).
    #[must_use]
    pub fn area(&self) -> &[f64] {
        &self.area
    }

    /// Replaces the current interval, of this level, by its left half and keeps
    /// the right one for later.
    fn halve(&mut self, level: u32) {
        let h = width(self.base, level);
        let level = level as usize;
        let [z, n] = &mut self.normals;
        fill_scaled(&mut self.halvings[level], (h / 16.0).sqrt(), z);
        fill_scaled(&mut self.halvings[level], (h / 12.0).sqrt(), n);
        let [right_dw, right_area] = &mut self.right[level];
        for i in 0..self.dw.len() {
            let (dw, area) = (self.dw[i], self.area[i]);
            let bend = 1.5 * area + z[i];
            self.dw[i] = 0.5 * dw + bend;
            right_dw[i] = 0.5 * dw - bend;
            let common = 0.25 * area - 0.5 * z[i];
            self.area[i] = common + 0.5 * n[i];
            right_area[i] = common - 0.5 * n[i];
        }
    }
}

/// `base / 2^level`, exact but for underflow.
pub(crate) fn width(base: f64, level: u32) -> f64 {
    base / (1_u64 << level) as f64
}

pub(crate) fn check_level(level: u32) -> Result<(), Error> {
    if level > MAX_LEVEL {
        let (expected, value) = ("at most MAX_LEVEL", f64::from(level));
        return Err(Error::Parameter { what: "refinement level", expected, value });
    }
    Ok(())
}

fn fill_scaled(rng: &mut ChaCha8Rng, deviation: f64, out: &mut [f64]) {
    fill_normal(rng, out);
    for v in out {
        *v *= deviation;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All `(ΔW, H)` of the first `base_steps` base steps.
    fn steps(path: &mut BrownianPath, base_steps: usize) -> Vec<(f64, f64)> {
        (0..base_steps << path.level)
            .map(|_| {
                path.advance();
                (path.increment()[0], path.area()[0])
            })
            .collect()
    }

    proptest! {
        #[test]
        fn two_halves_make_a_whole(seed: u64, stream: u64, level in 0_u32..6, base in 1e-6..1e3) {
            let path = |level| BrownianPath::new(seed, stream, 1, base, level);
            let coarse = steps(&mut path(level)?.with_areas(), 3);
            let fine = steps(&mut path(level + 1)?, 3);
            let tolerance = 1e-14 * base.sqrt();
            for (whole, halves) in coarse.iter().zip(fine.chunks_exact(2)) {
                let [(dw1, h1), (dw2, h2)] = halves else { unreachable!() };
                prop_assert!((dw1 + dw2 - whole.0).abs() < tolerance);
                prop_assert!((0.5 * (h1 + h2) + 0.25 * (dw1 - dw2) - whole.1).abs() < tolerance);
            }
        }

        #[test]
        fn tracking_areas_leaves_the_increments_alone(seed: u64, level in 0_u32..4) {
            let mut with = BrownianPath::new(seed, 0, 3, 0.1, level)?.with_areas();
            let mut without = BrownianPath::new(seed, 0, 3, 0.1, level)?;
            for _ in 0..20 {
                with.advance();
                without.advance();
                prop_assert_eq!(with.increment(), without.increment());
            }
        }
    }

    /// Second moments of `(ΔW, H)` of a step and of the next one, in units of
    /// their standard errors off `diag(h, h/12)` and zero correlation.
    #[test]
    fn increments_and_areas_have_their_covariance_at_every_level() -> Result<(), Error> {
        for level in 0..4 {
            let n = 1 << 15;
            let mut path = BrownianPath::new(11, 5, 1, 0.8, level)?.with_areas();
            let h = path.step();
            let samples: Vec<[f64; 2]> = steps(&mut path, n >> level)
                .iter()
                .map(|(dw, area)| [dw / h.sqrt(), area / (h / 12.0).sqrt()])
                .collect();
            let error = (n as f64).sqrt().recip();
            for lag in 0..4 {
                for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let pairs = samples.iter().zip(&samples[lag..]);
                    let moment = pairs.map(|(x, y)| x[a] * y[b]).sum::<f64>() / n as f64;
                    let same = lag == 0 && a == b;
                    let (expected, deviation) = if same { (1.0, 2_f64.sqrt()) } else { (0.0, 1.0) };
                    let errors = (moment - expected) / (deviation * error);
                    assert!(errors.abs() < 5.0, "level {level} lag {lag} ({a},{b}): {errors}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn the_integral_of_the_path_agrees_with_a_fine_riemann_sum() -> Result<(), Error> {
        // I = h (ΔW/2 + H) against the trapezoidal rule on 2¹⁰ pieces, whose
        // error is the average of the areas it leaves out: h √(1/12/2²⁰).
        let (h, level) = (0.7, 10);
        let mut coarse = BrownianPath::new(3, 1, 1, h, 0)?.with_areas();
        let mut fine = BrownianPath::new(3, 1, 1, h, level)?;
        let (dw, area) = steps(&mut coarse, 1)[0];
        let piece = fine.step();
        let (mut w, mut integral) = (0.0, 0.0);
        for (dw, _) in steps(&mut fine, 1) {
            integral += piece * (w + 0.5 * dw);
            w += dw;
        }
        let error = h * h.sqrt() / (12_f64.sqrt() * f64::from(1 << level));
        assert!((integral - h * (0.5 * dw + area)).abs() < 5.0 * error);
        Ok(())
    }

    #[test]
    fn bad_input_is_rejected() {
        let new = |dim, base, level| BrownianPath::new(0, 0, dim, base, level).map(|_| ());
        assert!(matches!(new(0, 0.1, 0), Err(Error::Empty { .. })));
        for base in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(new(1, base, 0), Err(Error::Parameter { .. })));
        }
        assert!(matches!(new(1, 0.1, 33), Err(Error::Parameter { value: 33.0, .. })));
        assert_eq!(new(1, 0.1, 32), Ok(()));
    }
}
