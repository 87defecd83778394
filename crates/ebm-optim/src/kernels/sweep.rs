//! One sweep of single-spin Metropolis or heat-bath updates.
//!
//! ```text
//! Metropolis:  flip i  if  gᵢ ≤ −(T/2) ln u              probability min(1, e^{−2gᵢ/T}), ¾ if gᵢ = 0
//! heat bath:   flip i  if  gᵢ ≤  (T/2) ln((1 − u)/u)     probability 1/(1 + e^{2gᵢ/T})
//! ```
//!
//! The random limits of many spins are computed side by side; a spin is then
//! tested by one comparison of integers, sixteen at a time, and a rejected
//! proposal costs nothing more. Each `u` has 16 bits of its own and 16 lower
//! bits that the spins of a block share, so that every update has its exact
//! probability to 2⁻³².
//!
//! Source: N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953); R. J. Glauber,
//! J. Math. Phys. 4, 294 (1963).

use std::ops::Range;

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::Task;
use crate::spin_system::{Count, LANES, Links, STRETCH, SpinState, System};

/// The probability of a flip that changes the energy by `ΔH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acceptance {
    /// `min(1, e^{−ΔH/T})`, and ¾ if `ΔH = 0`: the faster of the two.
    #[default]
    Metropolis,
    /// `1/(1 + e^{ΔH/T})`, also called Glauber dynamics.
    HeatBath,
}

/// Blocks whose limits are drawn at once.
pub(crate) const BATCH: usize = 32;

/// Random bytes of a block: two for each spin, then two that they share.
const BYTES: usize = 2 * LANES + 2;

/// A flip that costs nothing is refused if the 16 bits are at least this: one in
/// four, which leaves the law as it is. Made always, such flips would be periodic
/// in sweeps of fixed order, and free spins would never lose their phase.
const LAZY: f32 = 49_152.0;

/// Decides when to look at the real clock, which takes longer than a few tests.
#[derive(Default)]
pub(crate) struct Clock {
    work: usize,
}

impl Clock {
    /// Must the task end, after so much more work?
    #[inline]
    pub(crate) fn stop_after(&mut self, work: usize, task: &Task<'_>) -> bool {
        self.work += work;
        if self.work < STRETCH {
            return false;
        }
        self.work = 0;
        task.should_stop()
    }
}

/// The random numbers of one replica.
pub(crate) struct Draws<F: Count> {
    rng: ChaCha8Rng,
    bytes: [[u8; BYTES]; BATCH],
    limits: [[F::Limit; LANES]; BATCH],
    /// A gain that is refused although within its limit: zero, or none.
    refused: [[F; LANES]; BATCH],
}

impl<F: Count> Draws<F> {
    pub(crate) fn new(rng: ChaCha8Rng) -> Self {
        Self {
            rng,
            bytes: [[0; BYTES]; BATCH],
            limits: [[F::Limit::default(); LANES]; BATCH],
            refused: [[F::EMPTY; LANES]; BATCH],
        }
    }

    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }
}

/// Natural logarithm of a positive normal number, to 2·10⁻⁷.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // x = m 2ᵉ with m in [√½, √2), and ln m by its series in (m − 1)/(m + 1).
    let bits = x.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + 0x3f35_04f3);
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let series = 2.0 + t * (0.666_666_7 + t * (0.4 + t * (0.285_714_3 + t * 0.222_222_2)));
    exponent * std::f32::consts::LN_2 + s * series
}

#[inline(always)]
fn draw_limits<F: Count>(draws: &mut Draws<F>, acceptance: Acceptance, scale: f32, blocks: usize) {
    let half = |bytes: &[u8; BYTES], k: usize| u16::from_le_bytes([bytes[2 * k], bytes[2 * k + 1]]);
    let rows = draws.limits.iter_mut().zip(&mut draws.refused);
    for (bytes, (limits, refused)) in draws.bytes.iter().zip(rows).take(blocks) {
        let low = (f32::from(half(bytes, LANES)) + 0.5) * (1.0 / 65_536.0);
        let mut u = [0.0_f32; LANES];
        for (k, u) in u.iter_mut().enumerate() {
            *u = f32::from(half(bytes, k));
        }
        match acceptance {
            Acceptance::Metropolis => {
                for (limit, u) in limits.iter_mut().zip(&u) {
                    *limit = F::limit(-scale * ln((u + low) * (1.0 / 65_536.0)));
                }
                for (refused, u) in refused.iter_mut().zip(&u) {
                    *refused = if *u >= LAZY { F::default() } else { F::EMPTY };
                }
            }
            Acceptance::HeatBath => {
                for (limit, u) in limits.iter_mut().zip(&u) {
                    let u = u + low;
                    *limit = F::limit(scale * ln((65_536.0 - u).max(0.5 / 65_536.0) / u));
                }
                refused.fill(F::EMPTY);
            }
        }
    }
}

/// Sweeps over the blocks in `blocks`; `scale` is `T/2` in the unit of the
/// problem. Returns its work, in blocks tested.
pub(crate) fn sweep<F: Count, L: Links<F>>(
    system: &System<F, L>,
    state: &mut SpinState<F>,
    draws: &mut Draws<F>,
    acceptance: Acceptance,
    scale: f32,
    blocks: Range<usize>,
) -> usize {
    run(Level::detect(), Sweep { system, state, draws, acceptance, scale, blocks })
}

struct Sweep<'a, F: Count, L> {
    system: &'a System<F, L>,
    state: &'a mut SpinState<F>,
    draws: &'a mut Draws<F>,
    acceptance: Acceptance,
    scale: f32,
    blocks: Range<usize>,
}

impl<F: Count, L: Links<F>> Kernel for Sweep<'_, F, L> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { system, state, draws, acceptance, scale, blocks } = self;
        let independent = system.independent();
        let tested = blocks.len();
        let mut flips = 0;
        let mut batch = blocks.start;
        while batch < blocks.end {
            let count = (blocks.end - batch).min(BATCH);
            draws.rng.fill_bytes(draws.bytes[..count].as_flattened_mut());
            draw_limits(draws, acceptance, scale, count);
            for (b, (limits, refused)) in
                draws.limits.iter().zip(&draws.refused).take(count).enumerate()
            {
                let first = (batch + b) * LANES;
                let mut hits = test(state, first, limits, refused);
                while hits != 0 {
                    let lane = hits.trailing_zeros() as usize;
                    system.flip(state, first + lane);
                    flips += 1;
                    if independent {
                        hits &= hits - 1;
                    } else {
                        // The flip has changed the gains of the lanes to come.
                        hits = test(state, first, limits, refused) & (u16::MAX << lane << 1);
                    }
                }
            }
            batch += count;
        }
        tested + flips * system.flip_cost()
    }
}

/// Bit `lane` for each spin of a block whose gain is in its limit.
#[inline(always)]
fn test<F: Count>(
    state: &SpinState<F>,
    first: usize,
    limits: &[F::Limit; LANES],
    refused: &[F; LANES],
) -> u16 {
    const BITS: [u16; LANES] = {
        let mut bits = [0; LANES];
        let mut lane = 0;
        while lane < LANES {
            bits[lane] = 1 << lane;
            lane += 1;
        }
        bits
    };
    let mut gains = [F::default(); LANES];
    gains.copy_from_slice(&state.fields[first..first + LANES]);
    for (gain, &spin) in gains.iter_mut().zip(&state.spins[first..first + LANES]) {
        *gain = gain.gain(spin);
    }
    let mut bits = BITS;
    for ((bit, gain), (&limit, &refused)) in
        bits.iter_mut().zip(&gains).zip(limits.iter().zip(refused))
    {
        *bit &= if gain.within(limit) & gain.differs(refused) { u16::MAX } else { 0 };
    }
    // Halved, not folded lane by lane: this becomes vector code.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            bits[lane] |= bits[lane + width];
        }
        width /= 2;
    }
    bits[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_accurate() {
        for k in 0..2_000_000_u32 {
            let x = f32::from_bits(0x2000_0000 + k * 300);
            let exact = f64::from(x).ln();
            assert!((f64::from(ln(x)) - exact).abs() < 2e-7 * exact.abs().max(1.0), "{x}");
        }
    }

    #[test]
    fn limits_admit_the_integers_below_them() {
        for (threshold, integer) in [(0.0, 0), (0.4, 0), (3.9, 3), (-0.2, -1), (-7.5, -8)] {
            assert!(<i16 as Count>::limit(threshold) == integer, "{threshold}");
            assert!(integer.within(<i16 as Count>::limit(threshold)));
            assert!(i32::from(integer).within(<i32 as Count>::limit(threshold)));
            assert!(!i32::from(integer + 1).within(<i32 as Count>::limit(threshold)));
        }
        for huge in [1e30, f32::INFINITY] {
            assert!(i16::LARGEST as i16 <= <i16 as Count>::limit(huge));
            assert!(!i16::EMPTY.within(<i16 as Count>::limit(huge)));
            assert!(<i32 as Count>::LARGEST.within(<i32 as Count>::limit(huge)));
            assert!(!<i32 as Count>::EMPTY.within(<i32 as Count>::limit(huge)));
        }
    }
}
