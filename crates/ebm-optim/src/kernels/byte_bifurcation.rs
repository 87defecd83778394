//! One step of discrete simulated bifurcation in eight bits, 64 replicas at a
//! time, sums and update of a spin in one go.
//!
//! ```text
//! v ← v + f(Fᵢ) − κ x,     x ← x + v,     where |x| reaches 1:  x ← sgn x,  v ← 0
//! Fᵢ = Σ_{j ∈ P(i)} sⱼ − Σ_{j ∈ N(i)} sⱼ = dᵢ − 2 (Σ_{j ∈ P(i)} bⱼ + Σ_{j ∈ N(i)} (1 − bⱼ)),     b = (1 − s)/2
//! ```
//!
//! Positions `x` and velocities `v = Δt y` are in units of 1/96, all sums saturate:
//! at 1.3 walls a step. Coarser velocities, and slower ones, cost some of the cut
//! of dense graphs. The force `f` is a table. What the detuning `κ x` loses to
//! rounding is dithered: rounded up or down by thresholds that run evenly
//! through all spins and steps, so that its mean is right (L. Schuchman, IEEE
//! Trans. Commun. Technol. 12, 162 (1964)).
//!
//! Signs `b` take half a byte: a visit to a neighbor is one register, added in
//! one instruction, and half bytes hold the sums of up to 15 neighbors. Rows with
//! as many positive and negative neighbors follow each other in runs, which share
//! all that depends on these numbers.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;

use super::half_bytes::{FEW, HalfBytes};
use crate::forms::LANES;

/// `x = 1`, and `v = 1`.
pub(crate) const WALL: i8 = 96;

/// Largest `|F|` that the force tells from smaller ones, of even degrees.
const LARGEST: usize = 30;

/// What the thresholds move on by from spin to spin, from step to step and from
/// lane to lane: 2¹⁶ times the fractional parts of powers of 0.7549, 0.5698 of a
/// sequence that fills a square evenly, and of the golden ratio; odd, so that
/// every spin meets every threshold.
const ALONG_SPINS: u16 = 49_471;
const ALONG_STEPS: u16 = 37_345;
const ALONG_LANES: u16 = 40_503;

/// Positions or velocities of one spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Bytes(pub(crate) [i8; LANES]);

impl Bytes {
    pub(crate) const ZERO: Self = Self([0; LANES]);

    /// Where these positions are negative.
    pub(crate) fn signs(&self) -> HalfBytes {
        HalfBytes::from_fn(|lane| self.0[lane] < 0)
    }
}

/// The velocity from each sum of neighbors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forces {
    /// By `|F|`.
    by_sum: [i8; LARGEST + 1],
    /// For up to `2 FEW` neighbors: by their number, then by how many of them
    /// push down.
    few: [[i8; 32]; 2 * FEW + 1],
    /// By `(|F| + 1) / 2`, for even and odd numbers of neighbors.
    many: [[i8; 16]; 2],
}

impl Forces {
    /// `push` is the velocity from one neighbor.
    pub(crate) fn new(push: f64) -> Self {
        let force = |sum: usize| (sum as f64 * push).round().min(f64::from(i8::MAX)) as i8;
        let by_sum = std::array::from_fn(force);
        let few = std::array::from_fn(|degree: usize| {
            std::array::from_fn(|down: usize| {
                let magnitude = force(degree.abs_diff(2 * down));
                if 2 * down > degree { -magnitude } else { magnitude }
            })
        });
        let many = [0, 1]
            .map(|odd| std::array::from_fn(|half: usize| by_sum[(2 * half).saturating_sub(odd)]));
        Self { by_sum, few, many }
    }

    fn at(&self, sum: i32, degree: usize) -> i8 {
        let largest = LARGEST - degree % 2;
        self.by_sum[(sum.unsigned_abs() as usize).min(largest)] * sum.signum() as i8
    }
}

/// What one step multiplies by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors<'a> {
    pub(crate) forces: &'a Forces,
    /// `κ` in units of 2⁻⁸.
    pub(crate) detuning: u8,
    /// Number of this step, for the thresholds.
    pub(crate) step: u16,
}

impl Factors<'_> {
    /// Thresholds of spin 0, of which the high bytes count; lanes `2k`, `2k + 1`
    /// and those 32 on share one.
    fn thresholds(&self) -> [u16; 16] {
        let first = self.step.wrapping_mul(ALONG_STEPS);
        std::array::from_fn(|k| first.wrapping_add(ALONG_LANES.wrapping_mul(k as u16)))
    }
}

/// State of all spins in [`LANES`] replicas.
pub(crate) struct Spins<'a> {
    pub(crate) x: &'a mut [Bytes],
    pub(crate) v: &'a mut [Bytes],
    /// Overwritten with the signs of `x` after the step.
    pub(crate) signs: &'a mut [HalfBytes],
}

/// So many rows one after the other with as many positive and negative neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    rows: u32,
    positive: u32,
    negative: u32,
}

/// The runs of rows of which the positive neighbors of row `i` are from
/// `starts[2i]`, the negative ones from `starts[2i + 1]`, up to `starts[2i + 2]`.
pub(crate) fn runs(starts: &[u32]) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    for start in starts.windows(3).step_by(2) {
        let (positive, negative) = (start[1] - start[0], start[2] - start[1]);
        match runs.last_mut() {
            Some(run) if (run.positive, run.negative) == (positive, negative) => run.rows += 1,
            _ => runs.push(Run { rows: 1, positive, negative }),
        }
    }
    runs
}

/// Rows of neighbor lists, one a spin: in each row first the positive neighbors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, C> {
    pub(crate) runs: &'a [Run],
    /// The neighbors of all rows one after the other.
    pub(crate) columns: &'a [C],
}

impl<'a, C> Rows<'a, C> {
    /// Takes the neighbors of the next row.
    #[inline(always)]
    fn next(&mut self, run: Run) -> (&'a [C], &'a [C]) {
        let (row, rest) = self.columns.split_at((run.positive + run.negative) as usize);
        self.columns = rest;
        row.split_at(run.positive as usize)
    }
}

/// Makes one step from `signs`, those of `x` before it.
///
/// # Safety
/// Every column is below `signs.len()`, and no row has more than 127 neighbors.
///
/// # Panics
/// If lengths differ.
pub(crate) unsafe fn step<C: Copy + Into<u32>>(
    level: Level,
    rows: Rows<'_, C>,
    signs: &[HalfBytes],
    factors: Factors<'_>,
    spins: Spins<'_>,
) {
    let n = signs.len();
    let count = rows.runs.iter().map(|run| run.rows as usize).sum::<usize>();
    assert_eq!(count, n, "one row a spin");
    assert!(spins.x.len() == n && spins.v.len() == n, "positions: one entry a spin");
    assert_eq!(spins.signs.len(), n, "signs: one entry a spin");
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // SAFETY: the machine has AVX2; lengths are equal, and the rest holds by
        // contract.
        unsafe { avx2::step(rows, signs, factors, spins) };
        return;
    }
    let _ = level;
    portable(rows, signs, factors, spins);
}

fn portable<C: Copy + Into<u32>>(
    mut rows: Rows<'_, C>,
    signs: &[HalfBytes],
    factors: Factors<'_>,
    spins: Spins<'_>,
) {
    let mut thresholds = factors.thresholds();
    let runs = rows.runs.iter().flat_map(|run| (0..run.rows).map(|_| *run));
    for (i, run) in runs.enumerate() {
        let (positive, negative) = rows.next(run);
        let degree = positive.len() + negative.len();
        let (x, v) = (&mut spins.x[i].0, &mut spins.v[i].0);
        for lane in 0..LANES {
            let down = |list: &[C]| {
                let is_down = |j: &C| i32::from(signs[(*j).into() as usize].is_down(lane));
                list.iter().map(is_down).sum::<i32>()
            };
            let down = down(positive) + negative.len() as i32 - down(negative);
            let force = factors.forces.at(degree as i32 - 2 * down, degree);
            let threshold = i32::from(thresholds[lane % 32 / 2] >> 8);
            let pull = (i32::from(factors.detuning) * i32::from(x[lane]) + threshold) >> 8;
            let velocity = v[lane].saturating_add(force).saturating_sub(pull as i8);
            let position = x[lane].saturating_add(velocity).clamp(-WALL, WALL);
            x[lane] = position;
            v[lane] = if position.abs() == WALL { 0 } else { velocity };
        }
        spins.signs[i] = spins.x[i].signs();
        thresholds.iter_mut().for_each(|t| *t = t.wrapping_add(ALONG_SPINS));
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi8, _mm256_add_epi16,
        _mm256_adds_epi8, _mm256_and_si256, _mm256_andnot_si256, _mm256_avg_epu8,
        _mm256_blendv_epi8, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8,
        _mm256_load_si256, _mm256_loadu_si256, _mm256_maddubs_epi16, _mm256_max_epi8,
        _mm256_min_epi8, _mm256_min_epu8, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sign_epi8, _mm256_srli_epi16,
        _mm256_store_si256, _mm256_sub_epi8, _mm256_subs_epi8,
    };

    use super::{ALONG_SPINS, Bytes, FEW, Factors, Forces, HalfBytes, Rows, Spins, WALL};
    use crate::kernels::half_bytes::{load, widen};

    /// Neighbors whose loads are one piece of code without a branch.
    const TOGETHER: usize = 5;

    /// [`super::portable`].
    ///
    /// # Safety
    /// The machine has AVX2, there is an entry of everything for each spin, every
    /// column is one of them, and no row has more than 127.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn step<C: Copy + Into<u32>>(
        mut rows: Rows<'_, C>,
        signs: &[HalfBytes],
        factors: Factors<'_>,
        spins: Spins<'_>,
    ) {
        let start = factors.thresholds();
        // SAFETY: 32 bytes of an array.
        let mut thresholds = unsafe { _mm256_loadu_si256(start.as_ptr().cast()) };
        let along = _mm256_set1_epi16(ALONG_SPINS as i16);
        let mut advance = || {
            let threshold = _mm256_srli_epi16::<8>(thresholds);
            thresholds = _mm256_add_epi16(thresholds, along);
            threshold
        };
        let (forces, detuning) = (factors.forces, factors.detuning);
        let mut spins = spins.x.iter_mut().zip(spins.v).zip(spins.signs);
        for run in rows.runs {
            let degree = (run.positive + run.negative) as usize;
            let spins = spins.by_ref().take(run.rows as usize);
            if degree <= FEW {
                let table = table(&forces.few[degree], 0);
                for ((x, v), next) in spins {
                    let (positive, negative) = rows.next(*run);
                    // SAFETY: by contract.
                    let down = unsafe { count_down(positive, negative, signs) };
                    let forces = widen(down).map(|down| _mm256_shuffle_epi8(table, down));
                    update(detuning, advance(), forces, x, v, next);
                }
            } else if degree <= 2 * FEW {
                let table = [0, 16].map(|first| table(&forces.few[degree], first));
                for ((x, v), next) in spins {
                    let (positive, negative) = rows.next(*run);
                    let (head, positive) = positive.split_at(positive.len().min(FEW));
                    let (tail, negative) = negative.split_at(negative.len().min(FEW - head.len()));
                    // SAFETY: by contract.
                    let [first, rest] = unsafe {
                        [count_down(head, tail, signs), count_down(positive, negative, signs)]
                    };
                    let ([a, b], [c, d]) = (widen(first), widen(rest));
                    let counts = [_mm256_add_epi8(a, c), _mm256_add_epi8(b, d)];
                    let forces = counts.map(|count| from_count(table, count));
                    update(detuning, advance(), forces, x, v, next);
                }
            } else {
                for ((x, v), next) in spins {
                    let (positive, negative) = rows.next(*run);
                    // SAFETY: by contract.
                    let forces = unsafe { from_many(forces, positive, negative, signs) };
                    update(detuning, advance(), forces, x, v, next);
                }
            }
        }
    }

    /// Entries from `first` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn table<const N: usize>(entries: &[i8; N], first: usize) -> __m256i {
        let entries = &entries[first..first + 16];
        // SAFETY: 16 bytes of an array.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(entries.as_ptr().cast::<__m128i>()) })
    }

    /// How many neighbors push down, in half bytes.
    ///
    /// # Safety
    /// As [`step`], with at most [`FEW`] neighbors in all.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn count_down<C: Copy + Into<u32>>(
        positive: &[C],
        negative: &[C],
        signs: &[HalfBytes],
    ) -> __m256i {
        // In both halves of each byte as many as will be subtracted at most.
        let most = _mm256_set1_epi8((17 * negative.len()) as i8);
        // SAFETY: by contract.
        let (up, down) = unsafe { (sum(negative, signs), sum(positive, signs)) };
        _mm256_add_epi8(_mm256_sub_epi8(most, up), down)
    }

    /// How many of at most [`FEW`] neighbors are negative, in half bytes.
    ///
    /// # Safety
    /// As [`step`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sum<C: Copy + Into<u32>>(list: &[C], signs: &[HalfBytes]) -> __m256i {
        let mut total = _mm256_setzero_si256();
        let (groups, rest) = list.as_chunks::<TOGETHER>();
        for group in groups {
            for &j in group {
                // SAFETY: by contract.
                total = _mm256_add_epi8(total, unsafe { load(signs, j.into()) });
            }
        }
        for &j in rest {
            // SAFETY: by contract.
            total = _mm256_add_epi8(total, unsafe { load(signs, j.into()) });
        }
        total
    }

    /// The entries of a table of 32 at these counts.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn from_count([low, high]: [__m256i; 2], count: __m256i) -> __m256i {
        // Each shuffle yields zero where the other has the entry.
        let low = _mm256_shuffle_epi8(low, _mm256_add_epi8(count, _mm256_set1_epi8(0x70)));
        let high = _mm256_shuffle_epi8(high, _mm256_sub_epi8(count, _mm256_set1_epi8(0x10)));
        _mm256_or_si256(low, high)
    }

    /// # Safety
    /// As [`step`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn from_many<C: Copy + Into<u32>>(
        forces: &Forces,
        positive: &[C],
        negative: &[C],
        signs: &[HalfBytes],
    ) -> [__m256i; 2] {
        // SAFETY: by contract.
        let (up, down) = unsafe { (count(negative, signs), count(positive, signs)) };
        let surplus = _mm256_set1_epi8(positive.len().wrapping_sub(negative.len()) as i8);
        let table = table(&forces.many[(positive.len() + negative.len()) % 2], 0);
        let low = from_counts(table, surplus, up[0], down[0]);
        [low, from_counts(table, surplus, up[1], down[1])]
    }

    /// The force of `surplus + 2 (up − down)`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn from_counts(table: __m256i, surplus: __m256i, up: __m256i, down: __m256i) -> __m256i {
        let difference = _mm256_sub_epi8(up, down);
        let sum = _mm256_add_epi8(surplus, _mm256_add_epi8(difference, difference));
        let entry = _mm256_avg_epu8(_mm256_abs_epi8(sum), _mm256_setzero_si256());
        let entry = _mm256_min_epu8(entry, _mm256_set1_epi8(15));
        _mm256_sign_epi8(_mm256_shuffle_epi8(table, entry), sum)
    }

    /// How many of the neighbors are negative.
    ///
    /// # Safety
    /// As [`step`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn count<C: Copy + Into<u32>>(list: &[C], signs: &[HalfBytes]) -> [__m256i; 2] {
        let mut total = [_mm256_setzero_si256(); 2];
        for piece in list.chunks(FEW) {
            // SAFETY: by contract.
            let [low, high] = widen(unsafe { sum(piece, signs) });
            total = [_mm256_add_epi8(total[0], low), _mm256_add_epi8(total[1], high)];
        }
        total
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn update(
        detuning: u8,
        threshold: __m256i,
        forces: [__m256i; 2],
        x: &mut Bytes,
        v: &mut Bytes,
        signs: &mut HalfBytes,
    ) {
        let wall = _mm256_set1_epi8(WALL);
        let low_wall = _mm256_set1_epi8(-WALL);
        let of_even = _mm256_set1_epi16(i16::from(detuning));
        let of_odd = _mm256_set1_epi16((u16::from(detuning) << 8) as i16);
        let odd = _mm256_set1_epi16(0xff00_u16 as i16);
        let zero = _mm256_setzero_si256();
        let mut negative = [zero; 2];
        for half in 0..2 {
            let at_x = x.0[32 * half..32 * half + 32].as_mut_ptr().cast::<__m256i>();
            let at_v = v.0[32 * half..32 * half + 32].as_mut_ptr().cast::<__m256i>();
            // SAFETY: 32 bytes of a `Bytes`, which is aligned to 64.
            let (before, velocity) = unsafe { (_mm256_load_si256(at_x), _mm256_load_si256(at_v)) };
            // Even and odd bytes times the detuning, as words of which the high
            // bytes are wanted.
            let even_pull = _mm256_add_epi16(_mm256_maddubs_epi16(of_even, before), threshold);
            let odd_pull = _mm256_add_epi16(_mm256_maddubs_epi16(of_odd, before), threshold);
            let pull = _mm256_blendv_epi8(_mm256_srli_epi16::<8>(even_pull), odd_pull, odd);
            let velocity = _mm256_subs_epi8(_mm256_adds_epi8(velocity, forces[half]), pull);
            let position = _mm256_adds_epi8(before, velocity);
            let position = _mm256_min_epi8(_mm256_max_epi8(position, low_wall), wall);
            let at_wall = _mm256_cmpeq_epi8(_mm256_abs_epi8(position), wall);
            // SAFETY: as above.
            unsafe {
                _mm256_store_si256(at_x, position);
                _mm256_store_si256(at_v, _mm256_andnot_si256(at_wall, velocity));
            }
            negative[half] = _mm256_cmpgt_epi8(zero, position);
        }
        let low = _mm256_and_si256(negative[0], _mm256_set1_epi8(1));
        let high = _mm256_and_si256(negative[1], _mm256_set1_epi8(16));
        // SAFETY: 32 bytes, aligned to 32.
        unsafe { _mm256_store_si256(signs.0.as_mut_ptr().cast(), _mm256_or_si256(low, high)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random::stream;
    use rand::RngExt;

    /// Rows of 0 to 127 neighbors among 90 spins, with repetitions, in runs of two.
    fn lists(rng: &mut impl rand::Rng) -> (Vec<u32>, Vec<u32>) {
        let (mut starts, mut columns) = (vec![0], vec![]);
        let mut positive = 0;
        for i in 0..90_usize {
            let k = i / 2;
            let degree = if k % 3 == 0 { k % 16 } else { (5 * k) % 128 };
            if i % 2 == 0 {
                positive = rng.random_range(0..=degree);
            }
            for count in [positive, degree - positive] {
                columns.extend((0..count).map(|_| rng.random_range(0..90_u32)));
                starts.push(columns.len() as u32);
            }
        }
        (starts, columns)
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let mut rng = stream(1, 0);
        for _ in 0..30 {
            let (starts, columns) = lists(&mut rng);
            let short: Vec<u16> = columns.iter().map(|&j| j as u16).collect();
            let runs = runs(&starts);
            assert!(runs.iter().all(|run| run.rows.is_multiple_of(2)));
            let forces = Forces::new(rng.random_range(1.0..20.0));
            let mut draw = |most: i8| {
                let mut line = |_| Bytes(std::array::from_fn(|_| rng.random_range(-most..=most)));
                (0..90).map(&mut line).collect::<Vec<Bytes>>()
            };
            let (x, v) = (draw(WALL), draw(127));
            let detuning = rng.random();
            let on = |level: Level, is_short: bool| {
                let (mut x, mut v) = (x.clone(), v.clone());
                let mut signs: Vec<HalfBytes> = x.iter().map(Bytes::signs).collect();
                let mut next = signs.clone();
                for step in [0, 1, u16::MAX] {
                    let spins = Spins { x: &mut x, v: &mut v, signs: &mut next };
                    let factors = Factors { forces: &forces, detuning, step };
                    // SAFETY: columns are below 90, rows at most 127 long.
                    unsafe {
                        if is_short {
                            let rows = Rows { runs: &runs, columns: &short };
                            super::step(level, rows, &signs, factors, spins);
                        } else {
                            let rows = Rows { runs: &runs, columns: &columns };
                            super::step(level, rows, &signs, factors, spins);
                        }
                    }
                    std::mem::swap(&mut signs, &mut next);
                }
                (x, v, signs)
            };
            let (x, v, signs) = on(Level::Baseline, false);
            for (level, is_short) in [(Level::Avx2, false), (Level::Avx2, true)] {
                assert!((x.clone(), v.clone(), signs.clone()) == on(level, is_short));
            }
            for (x, (v, signs)) in x.iter().zip(v.iter().zip(&signs)) {
                assert_eq!(x.signs(), *signs);
                assert!(x.0.iter().all(|x| x.abs() <= WALL));
                assert!(x.0.iter().zip(&v.0).all(|(x, v)| x.abs() < WALL || *v == 0));
            }
        }
    }

    /// Over many steps a weak pull moves a spin at its own rate, however small.
    #[test]
    fn dithering_keeps_the_mean() {
        let rows = Rows::<u32> { runs: &runs(&[0, 0, 0]), columns: &[] };
        let forces = Forces::new(1.0);
        for detuning in [1, 7, 40] {
            let mut total = [0_i64; LANES];
            for step in 0..4096 {
                let (mut x, mut v) = ([Bytes([80; LANES])], [Bytes::ZERO]);
                let mut signs = [HalfBytes::UP];
                let spins = Spins { x: &mut x, v: &mut v, signs: &mut signs };
                let factors = Factors { forces: &forces, detuning, step };
                // SAFETY: there are no columns.
                unsafe { super::step(Level::detect(), rows, &[HalfBytes::UP], factors, spins) };
                total.iter_mut().zip(&v[0].0).for_each(|(t, v)| *t += i64::from(*v));
            }
            let expected = -f64::from(detuning) * 80.0 / 256.0;
            for total in total {
                let mean = total as f64 / 4096.0;
                assert!((mean - expected).abs() < 0.01, "{detuning}: {mean} {expected}");
            }
        }
    }

    #[test]
    fn forces_are_those_of_the_sums() {
        let forces = Forces::new(4.3);
        assert_eq!((forces.at(1, 1), forces.at(-2, 2), forces.at(0, 4)), (4, -9, 0));
        assert_eq!((forces.at(29, 99), forces.at(31, 99)), (125, 125));
        assert_eq!((forces.at(30, 98), forces.at(-98, 98)), (127, -127));
    }
}
