//! Sweeps over dense couplings of one magnitude, by the method of four Russians
//! in fixed point.
//!
//! ```text
//! F_j += Σ_groups T_g[pattern of row j in group g],     T_g[p] = Σ_k v(digit k of p) d_k
//! ```
//!
//! A group is five columns if couplings take two values, three if they take
//! three; one lookup of a cache line serves them all. States are rounded to
//! whole numbers, changes of states are differences of those, and forces sums of
//! them: all is exact, nothing drifts, and every [`Level`] gives the same bits.
//!
//! Source: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod, I. A. Faradžev, Dokl.
//! Akad. Nauk SSSR 194, 487 (1970).
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::dense::{Cells, Update};
use crate::Ising;

/// Groups in a panel: their tables stay in the first-level cache.
const GROUPS: usize = 12;

/// Entries of a table.
const ENTRIES: usize = 32;

/// The signs of a row in one panel, a group each.
pub(crate) type Patterns = [u8; GROUPS];

/// Sums of changes for all patterns of a group.
type Table<E, const W: usize> = [Cells<E, W>; ENTRIES];

/// The tables of one panel.
pub(crate) type Tables<E, const W: usize> = [Table<E, W>; GROUPS];

/// Whole numbers of states and of sums over one panel.
pub(crate) trait Entry: Copy + std::fmt::Debug + PartialEq + Send + Sync {
    const ZERO: Self;
    /// The largest state, for panels of so many columns and so many nodes, so
    /// that no sum overflows.
    fn largest(columns: usize, nodes: usize) -> f32;
    fn of(value: i32) -> Self;
    fn wide(self) -> i32;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, factor: i32) -> Self;

    /// Adds to the sums of each row what its patterns select.
    fn spread<const W: usize>(
        level: Level,
        patterns: &[Patterns],
        tables: &Tables<Self, W>,
        sums: &mut [Cells<i32, W>],
    ) {
        run(level, Spread { patterns, tables, sums });
    }
}

impl Entry for i16 {
    const ZERO: Self = 0;

    fn largest(columns: usize, nodes: usize) -> f32 {
        (i16::MAX as usize / (2 * columns)).min(i32::MAX as usize / nodes) as f32
    }

    #[inline(always)]
    fn of(value: i32) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> i32 {
        i32::from(self)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Self {
        self.wrapping_mul(factor as Self)
    }

    fn spread<const W: usize>(
        level: Level,
        patterns: &[Patterns],
        tables: &Tables<Self, W>,
        sums: &mut [Cells<i32, W>],
    ) {
        #[cfg(target_arch = "x86_64")]
        if level.or_best() >= Level::Avx2 && W == 2 * avx2::LANES {
            // SAFETY: the machine has AVX2, and cells have two vectors.
            unsafe { avx2::spread(patterns, tables, sums) };
            return;
        }
        run(level, Spread { patterns, tables, sums });
    }
}

impl Entry for i32 {
    const ZERO: Self = 0;

    fn largest(_: usize, nodes: usize) -> f32 {
        ((1_usize << 30) / nodes).min(1 << 21) as f32
    }

    #[inline(always)]
    fn of(value: i32) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> i32 {
        self
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Self {
        self.wrapping_mul(factor)
    }
}

/// The values of couplings, in units of their magnitude.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Alphabet {
    /// By digit; the third counts if there are three.
    values: [i32; 3],
    /// How many there are.
    base: usize,
    /// Columns in a group.
    width: usize,
}

impl Alphabet {
    fn new(negative: bool, none: bool, positive: bool) -> Self {
        let two = |values: [i32; 3]| Self { values, base: 2, width: 5 };
        match (negative, none, positive) {
            (true, true, true) => Self { values: [-1, 0, 1], base: 3, width: 3 },
            (true, false, _) => two([-1, 1, 0]),
            (true, true, false) => two([0, -1, 0]),
            (false, ..) => two([0, 1, 0]),
        }
    }

    fn columns(&self) -> usize {
        GROUPS * self.width
    }

    /// What the digits of the diagonal stand for, where zero has none.
    fn own(&self) -> i32 {
        if self.values[..self.base].contains(&0) { 0 } else { self.values[0] }
    }

    fn digit(&self, value: i32) -> u8 {
        (0..self.base).find(|digit| self.values[*digit] == value).unwrap_or(0) as u8
    }
}

/// Couplings that are all zero, `+u` or `−u`, by panels of columns.
#[derive(Debug)]
pub(crate) struct SignPanels {
    nodes: usize,
    alphabet: Alphabet,
    /// `u`, and the same times the strength.
    magnitude: f64,
    scale: f32,
    /// By panels, then rows.
    patterns: Vec<Patterns>,
}

impl SignPanels {
    /// Share of pairs that are coupled from which on panels are faster than
    /// rows.
    pub(crate) const LEAST_DENSITY: f64 = 0.15;

    /// The couplings of `problem` times `strength`, if those that are not zero
    /// have one magnitude.
    pub(crate) fn new(problem: &Ising, strength: f64) -> Option<Self> {
        let n = problem.spins();
        let row = |i: usize| {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            neighbors.iter().zip(weights).filter(|(_, w)| **w != 0.0)
        };
        let unit = (0..n).find_map(|i| row(i).next())?.1.abs();
        let (mut negative, mut none, mut positive) = (false, false, false);
        for i in 0..n {
            let mut count = 0;
            for (_, w) in row(i) {
                if w.abs() != unit {
                    return None;
                }
                count += 1;
                positive |= *w > 0.0;
                negative |= *w < 0.0;
            }
            none |= count < n - 1;
        }
        let alphabet = Alphabet::new(negative, none, positive);
        let (columns, width) = (alphabet.columns(), alphabet.width);
        let panels = n.div_ceil(columns);
        let mut patterns = vec![[0; GROUPS]; panels * n];
        let mut digits = vec![0; panels * columns];
        for i in 0..n {
            digits.fill(alphabet.digit(0));
            for (&j, w) in row(i) {
                digits[j as usize] = alphabet.digit(if *w > 0.0 { 1 } else { -1 });
            }
            for (panel, digits) in digits.chunks_exact(columns).enumerate() {
                let groups = digits.chunks_exact(width);
                for (pattern, digits) in patterns[panel * n + i].iter_mut().zip(groups) {
                    *pattern = digits.iter().rev().fold(0, |p, d| p * alphabet.base as u8 + d);
                }
            }
        }
        let scale = (strength * unit) as f32;
        Some(Self { nodes: n, alphabet, magnitude: unit, scale, patterns })
    }

    /// `u` times the strength.
    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(crate) fn panels(&self) -> usize {
        self.nodes.div_ceil(self.alphabet.columns())
    }

    /// As [`Dense::sweep`](super::dense::Dense::sweep).
    pub(crate) fn sweep<E: Entry, const W: usize>(
        &self,
        level: Level,
        panel: usize,
        forces: &mut SignForces<E, W>,
        update: &mut impl Update<W>,
    ) {
        let n = self.nodes;
        assert!(forces.sums.len() == n && forces.seen.len() == n);
        let patterns = &self.patterns[panel * n..(panel + 1) * n];
        let first = panel * self.alphabet.columns();
        run(level, Sweep { alphabet: self.alphabet, patterns, first, forces, update });
        if let Some(tables) = forces.tables.first_chunk() {
            E::spread(level, patterns, tables, &mut forces.sums);
        }
    }
}

impl SignPanels {
    /// `Σⱼ Jᵢⱼ xⱼ` of a lane; exact for whole numbers `x` within a reach of one.
    pub(crate) fn field<E: Entry, const W: usize>(
        &self,
        forces: &SignForces<E, W>,
        lane: usize,
        i: usize,
    ) -> f64 {
        f64::from(forces.sums[i].0[lane]) / f64::from(forces.one) * self.magnitude
    }

    /// A state with all spins zero.
    pub(crate) fn state(&self) -> State {
        let groups = self.panels() * GROUPS;
        State { spins: vec![0; groups * self.alphabet.width], tables: vec![[0; ENTRIES]; groups] }
    }

    pub(crate) fn load(&self, state: &mut State, spins: &[i8]) {
        state.spins[..spins.len()].copy_from_slice(spins);
        for group in 0..state.tables.len() {
            self.tabulate(state, group);
        }
    }

    pub(crate) fn flip(&self, state: &mut State, i: usize, spin: i8) {
        state.spins[i] = spin;
        self.tabulate(state, i / self.alphabet.width);
    }

    fn tabulate(&self, state: &mut State, group: usize) {
        let Alphabet { values, base, width } = self.alphabet;
        let spins = &state.spins[group * width..(group + 1) * width];
        let table = &mut state.tables[group];
        table[0] = spins.iter().map(|s| i16::from(*s) * values[0] as i16).sum();
        let mut filled = 1;
        for spin in spins {
            for digit in 1..base {
                let step = i16::from(*spin) * (values[digit % 3] - values[0]) as i16;
                for pattern in 0..filled {
                    table[(pattern + digit * filled) % ENTRIES] = table[pattern] + step;
                }
            }
            filled *= base;
        }
    }

    /// `Σⱼ Jᵢⱼ sⱼ`.
    pub(crate) fn sum(&self, state: &State, i: usize) -> f64 {
        let mut sum = -self.alphabet.own() * i32::from(state.spins[i]);
        for (panel, tables) in state.tables.chunks_exact(GROUPS).enumerate() {
            let patterns = &self.patterns[panel * self.nodes + i];
            for (table, pattern) in tables.iter().zip(patterns) {
                sum += i32::from(table[*pattern as usize % ENTRIES]);
            }
        }
        f64::from(sum) * self.magnitude
    }
}

/// One state of spins, as sums of its groups for all patterns.
#[derive(Debug)]
pub(crate) struct State {
    spins: Vec<i8>,
    tables: Vec<[i16; ENTRIES]>,
}

/// The forces of states in fixed point.
#[derive(Debug)]
pub(crate) struct SignForces<E, const W: usize> {
    /// A state of one, and one over it times the couplings' scale.
    one: f32,
    unit: f32,
    reach: f32,
    seen: Vec<Cells<E, W>>,
    sums: Vec<Cells<i32, W>>,
    /// Of one panel.
    tables: Vec<Table<E, W>>,
    changes: Vec<Cells<E, W>>,
    near: Vec<Cells<E, W>>,
}

impl<E: Entry, const W: usize> SignForces<E, W> {
    pub(crate) fn new(couplings: &SignPanels, reach: f32) -> Self {
        let (n, columns) = (couplings.nodes, couplings.alphabet.columns());
        let one = E::largest(columns, n) / reach;
        Self {
            one,
            unit: couplings.scale / one,
            reach,
            seen: vec![Cells([E::ZERO; W]); n],
            sums: vec![Cells([0; W]); n],
            tables: vec![[Cells([E::ZERO; W]); ENTRIES]; GROUPS],
            changes: vec![Cells([E::ZERO; W]); columns],
            near: vec![Cells([E::ZERO; W]); columns],
        }
    }

    pub(crate) fn clear(&mut self) {
        self.seen.fill(Cells([E::ZERO; W]));
        self.sums.fill(Cells([0; W]));
    }

    pub(crate) fn at(&self, i: usize) -> [f32; W] {
        std::array::from_fn(|lane| self.unit * self.sums[i].0[lane] as f32)
    }
}

/// The nodes of a panel in order, and the tables of what changed.
struct Sweep<'a, E, const W: usize, U> {
    alphabet: Alphabet,
    patterns: &'a [Patterns],
    /// The first column of the panel.
    first: usize,
    forces: &'a mut SignForces<E, W>,
    update: &'a mut U,
}

/// `1.5·2²³`: adding it rounds to an integer, which the low bits then hold.
const ROUND: f32 = 12_582_912.0;

impl<E: Entry, const W: usize, U: Update<W>> Kernel for Sweep<'_, E, W, U> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { alphabet, patterns, first, forces, update } = self;
        let Alphabet { values, base, width } = alphabet;
        let SignForces { one, unit, reach, seen, sums, tables, changes, near } = forces;
        let (one, unit, reach) = (*one, *unit, *reach);
        let count = near.len().min(sums.len() - first);
        let (patterns, sums) = (&patterns[first..first + count], &mut sums[first..first + count]);
        let (near, seen) = (&mut near[..count], &mut seen[first..first + count]);
        near.fill(Cells([E::ZERO; W]));
        changes.fill(Cells([E::ZERO; W]));
        // What the digits of the diagonal will add.
        let own = alphabet.own();
        for (group, table) in tables.iter_mut().enumerate() {
            let end = ((group + 1) * width).min(count);
            let mut stride = 1;
            for at in group * width..end {
                let mut force = [0.0; W];
                let so_far = sums[at].0.iter().zip(&near[at].0);
                for (force, (sum, near)) in force.iter_mut().zip(so_far) {
                    *force = unit * sum.wrapping_add(near.wide()) as f32;
                }
                let state = update.update(first + at, &force);
                let change = observe(&state, one, reach, &mut seen[at].0);
                for later in at + 1..end {
                    let digit = patterns[later][group] as usize / stride % base;
                    add_times(&mut near[later].0, &change, values[digit % 3]);
                }
                for (sum, change) in sums[at].0.iter_mut().zip(&change) {
                    *sum = sum.wrapping_sub(own * change.wide());
                }
                changes[at] = Cells(change);
                stride *= base;
            }
            fill(table, &changes[group * width..(group + 1) * width], alphabet);
            for at in end..count {
                add_times(&mut near[at].0, &table[patterns[at][group] as usize % ENTRIES].0, 1);
            }
        }
    }
}

/// Rounds a state, and returns how it has changed.
#[inline(always)]
fn observe<E: Entry, const W: usize>(
    state: &[f32; W],
    one: f32,
    reach: f32,
    seen: &mut [E; W],
) -> [E; W] {
    let mut rounded = [0; W];
    for lane in 0..W {
        let x = if state[lane] > reach { reach } else { state[lane] };
        let x = if x < -reach { -reach } else { x };
        rounded[lane] = (x * one + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    }
    let mut change = [E::ZERO; W];
    for lane in 0..W {
        let new = E::of(rounded[lane]);
        change[lane] = new.minus(seen[lane]);
        seen[lane] = new;
    }
    change
}

#[inline(always)]
fn add_times<E: Entry, const W: usize>(sum: &mut [E; W], x: &[E; W], factor: i32) {
    for lane in 0..W {
        sum[lane] = sum[lane].plus(x[lane].times(factor));
    }
}

/// The sums of `changes` for every pattern.
#[inline(always)]
fn fill<E: Entry, const W: usize>(
    table: &mut Table<E, W>,
    changes: &[Cells<E, W>],
    Alphabet { values, base, .. }: Alphabet,
) {
    let mut none = [E::ZERO; W];
    for change in changes {
        for (none, change) in none.iter_mut().zip(&change.0) {
            *none = none.plus(change.times(values[0]));
        }
    }
    table[0] = Cells(none);
    let mut filled = 1;
    for change in changes {
        for digit in 1..base {
            let factor = values[digit % 3] - values[0];
            for pattern in 0..filled {
                let mut entry = table[pattern];
                for (entry, change) in entry.0.iter_mut().zip(&change.0) {
                    *entry = entry.plus(change.times(factor));
                }
                table[(pattern + digit * filled) % ENTRIES] = entry;
            }
        }
        filled *= base;
    }
}

/// [`Entry::spread`] on any machine.
struct Spread<'a, E, const W: usize> {
    patterns: &'a [Patterns],
    tables: &'a Tables<E, W>,
    sums: &'a mut [Cells<i32, W>],
}

impl<E: Entry, const W: usize> Kernel for Spread<'_, E, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sums, patterns) in self.sums.iter_mut().zip(self.patterns) {
            let mut panel = [E::ZERO; W];
            for (table, pattern) in self.tables.iter().zip(patterns) {
                add_times(&mut panel, &table[*pattern as usize % ENTRIES].0, 1);
            }
            for (sum, panel) in sums.0.iter_mut().zip(&panel) {
                *sum = sum.wrapping_add(panel.wide());
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepi16_epi32,
        _mm256_extracti128_si256, _mm256_load_si256, _mm256_setzero_si256, _mm256_store_si256,
    };

    use super::{Cells, ENTRIES, Patterns, Tables};

    /// Numbers of a vector.
    pub(super) const LANES: usize = 16;

    /// [`super::Spread`] for cells of two vectors.
    ///
    /// # Safety
    /// The machine has AVX2, and `W` is twice [`LANES`].
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn spread<const W: usize>(
        patterns: &[Patterns],
        tables: &Tables<i16, W>,
        sums: &mut [Cells<i32, W>],
    ) {
        for (sums, patterns) in sums.iter_mut().zip(patterns) {
            let mut panel = [_mm256_setzero_si256(); 2];
            for (table, pattern) in tables.iter().zip(patterns) {
                let entry = table[*pattern as usize % ENTRIES].0.as_ptr().cast::<__m256i>();
                for (k, panel) in panel.iter_mut().enumerate() {
                    // SAFETY: an entry is two vectors, aligned to 64 bytes.
                    *panel = _mm256_add_epi16(*panel, unsafe { _mm256_load_si256(entry.add(k)) });
                }
            }
            let sums = sums.0.as_mut_ptr().cast::<__m256i>();
            for (k, panel) in panel.into_iter().enumerate() {
                let halves = [_mm256_castsi256_si128(panel), _mm256_extracti128_si256::<1>(panel)];
                for (half, values) in halves.into_iter().enumerate() {
                    // SAFETY: the sums of a row are four vectors, aligned to 64
                    // bytes.
                    unsafe {
                        let sum = sums.add(2 * k + half);
                        let new =
                            _mm256_add_epi32(_mm256_load_si256(sum), _mm256_cvtepi16_epi32(values));
                        _mm256_store_si256(sum, new);
                    }
                }
            }
        }
    }
}
